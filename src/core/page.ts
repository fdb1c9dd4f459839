import { timingSafeEqual } from 'node:crypto';
import { AppError } from './errors.ts';
import type { Secrets } from './secrets.ts';

/** What part of a list is asked for; `skipToken` says after which item, in the words of an earlier page. */
export interface PageAsked {
  readonly top: number;
  readonly skipToken?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Absent on the last page. */
  readonly skipToken?: string;
}

/**
 * The keys of the last item seen; undefined at the beginning. `list` names the list with its filter: a token goes on with that
 * one and no other. Fails with `invalid_input` for a token that we did not write.
 */
export function keysAfter(secrets: Secrets, list: readonly string[], asked: PageAsked): string[] | undefined {
  if (asked.skipToken === undefined) return undefined;
  const [keys = '', mac = ''] = asked.skipToken.split('.');
  const given = Buffer.from(mac, 'base64url');
  const expected = macOf(secrets, list, keys);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new AppError('invalid_input', '$skiptoken is not one of this list. Take it from @odata.nextLink as it is.');
  }
  return JSON.parse(Buffer.from(keys, 'base64url').toString()) as string[];
}

/** A page from what was found when asking for one item more than `top`: the one more says that there is a next page. */
export function pageOf<Item>(
  secrets: Secrets,
  list: readonly string[],
  { top }: PageAsked,
  found: readonly Item[],
  keysOf: (item: Item) => readonly string[],
): Page<Item> {
  const items = found.slice(0, top);
  const last = items.at(-1);
  if (found.length <= top || last === undefined) return { items };
  const keys = Buffer.from(JSON.stringify(keysOf(last))).toString('base64url');
  return { items, skipToken: `${keys}.${macOf(secrets, list, keys).toString('base64url')}` };
}

function macOf(secrets: Secrets, list: readonly string[], keys: string): Buffer {
  return secrets.keyedHash('skiptoken', ...list, keys);
}
