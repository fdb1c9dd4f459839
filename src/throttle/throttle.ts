import { isIPv6 } from 'node:net';
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';

/** How many guesses of one kind are let through to verification in a window. */
export interface Limit {
  readonly most: number;
  readonly windowMinutes: number;
}

export interface ThrottleLimits {
  /** One source (IPv4 address, IPv6 /64) against one account. */
  readonly sourceAndAccount: Limit;
  /** One source, all accounts. */
  readonly source: Limit;
}

export const defaultLimits: ThrottleLimits = {
  sourceAndAccount: { most: 5, windowMinutes: 5 },
  source: { most: 30, windowMinutes: 15 },
};

/** An attempt that was counted before it is verified; given back when it succeeds or cannot be judged. */
export type Reservation =
  | { readonly granted: true; readonly counters: readonly Counter[] }
  | { readonly granted: false; readonly retryAt: Date };

interface Counter {
  readonly scope: string;
  readonly key: Buffer;
}

/**
 * Counts the attempt in every scope, or in none when one of them is full. Unknown names count like known ones,
 * and keys are keyed hashes, because what is typed as a name may be a secret.
 */
export async function reserve(
  work: Work,
  limits: ThrottleLimits,
  asked: { source: string; account: string },
): Promise<Reservation> {
  // Always in this order: two attempts that share counters never wait for each other crosswise.
  const scopes = [
    {
      scope: 'source-account',
      limit: limits.sourceAndAccount,
      key: work.secrets.keyedHash('throttle', asked.source, asked.account),
    },
    { scope: 'source', limit: limits.source, key: work.secrets.keyedHash('throttle', asked.source) },
  ];
  const counters: Counter[] = [];
  for (const { scope, limit, key } of scopes) {
    const retryAt = await raise(work, scope, key, limit);
    if (retryAt) {
      await giveBack(work, counters);
      return { granted: false, retryAt };
    }
    counters.push({ scope, key });
  }
  return { granted: true, counters };
}

/** A limit after which every further guess has to wait, each time twice as long, up to `longestWaitMinutes`. */
export interface GrowingLimit extends Limit {
  readonly firstWaitSeconds: number;
  readonly longestWaitMinutes: number;
}

/** Guesses at one account's password or authenticator app, wherever they come from. */
export const accountLimit: GrowingLimit = { most: 10, windowMinutes: 15, firstWaitSeconds: 30, longestWaitMinutes: 60 };

/**
 * Counts a guess against an account from all sources, or says when the next one is let through. Call it after `reserve`: counters
 * are locked in one order. What is given back does not shorten a wait that has begun; after a window with no guess all is forgotten.
 */
export async function reserveAccount(work: Work, limit: GrowingLimit, account: string): Promise<Reservation> {
  const counter = { scope: 'account', key: work.secrets.keyedHash('throttle', 'account', account) };
  // The row is kept a window longer than its wait, so that the count is remembered while the wait grows.
  const { rows } = await work.tx.raw<{ rows: { retry_at: Date | null }[] }>(
    `with counted as (
       insert into throttle_counters as c (scope, key_hash, count, window_ends_at)
       values (:scope, :key, 1, :now::timestamptz + :windowMinutes * interval '1 minute')
       on conflict (scope, key_hash) do update
         set count = case when c.window_ends_at <= :now then 1 else c.count + 1 end,
             window_ends_at = case
               when c.window_ends_at <= :now then excluded.window_ends_at
               when c.count + 1 < :most then c.window_ends_at
               else excluded.window_ends_at + least(:longestWaitMinutes * interval '1 minute',
                 :firstWaitSeconds * power(2, least(c.count + 1 - :most, 20)) * interval '1 second') end
         where c.window_ends_at <= :now or c.count < :most
            or c.window_ends_at - :windowMinutes * interval '1 minute' <= :now
       returning 1)
     select null::timestamptz as retry_at from counted
     union all
     select window_ends_at - :windowMinutes * interval '1 minute' from throttle_counters
      where scope = :scope and key_hash = :key and not exists (select 1 from counted)
     limit 1`,
    { ...counter, ...limit, now: work.now } as never,
  );
  const [row] = rows;
  if (row?.retry_at === null) return { granted: true, counters: [counter] };
  // Others made or raised the counter since this statement began: it cannot see the wait they began.
  const soonest = new Date(work.now.getTime() + limit.firstWaitSeconds * 1_000);
  return { granted: false, retryAt: row && row.retry_at > work.now ? row.retry_at : soonest };
}

/** Passes that one person issues. */
export const issuingLimit: Limit = { most: 20, windowMinutes: 60 };

/** Counts one more of what somebody does; null when it is within the limit, else when the next one is. */
export function countAgainst(work: Work, limit: Limit, who: string): Promise<Date | null> {
  return raise(work, 'issued', work.secrets.keyedHash('throttle', 'issued', who), limit);
}

/** Null when counted; else when the window ends. One conditional statement, so a full counter never rises. */
async function raise(work: Work, scope: string, key: Buffer, limit: Limit): Promise<Date | null> {
  const values = { scope, key, now: work.now, most: limit.most, minutes: limit.windowMinutes };
  const { rows } = await work.tx.raw<{ rows: { window_ends_at: Date; counted: boolean }[] }>(
    `with counted as (
       insert into throttle_counters as c (scope, key_hash, count, window_ends_at)
       values (:scope, :key, 1, :now::timestamptz + :minutes * interval '1 minute')
       on conflict (scope, key_hash) do update
         set count = case when c.window_ends_at <= :now then 1 else c.count + 1 end,
             window_ends_at = case when c.window_ends_at <= :now then excluded.window_ends_at else c.window_ends_at end
         where c.window_ends_at <= :now or c.count < :most
       returning window_ends_at)
     select window_ends_at, true as counted from counted
     union all
     select window_ends_at, false from throttle_counters where scope = :scope and key_hash = :key
     limit 1`,
    values as never,
  );
  const row = rows[0];
  if (row?.counted) return null;
  // Others made the counter, or began its window anew, and filled it since this statement began: it cannot see that window's end.
  return row && row.window_ends_at > work.now ? row.window_ends_at : addMinutes(work.now, limit.windowMinutes);
}

export async function giveBack(work: Work, counters: readonly Counter[]): Promise<void> {
  for (const { scope, key } of counters) {
    await work
      .tx('throttle_counters')
      .where('scope', '=', scope)
      .where('key_hash', '=', key)
      .where('count', '>', 0)
      .decrement('count', 1);
  }
}

export async function deleteEndedWindows(work: Work): Promise<number> {
  return work.tx('throttle_counters').where('window_ends_at', '<', work.now).delete();
}

/** What throttles count as one source: an IPv4 address, or the /64 an IPv6 address lies in. */
export function sourceOf(ip: string | null): string {
  if (!ip || !isIPv6(ip)) return ip ?? 'unknown';
  const [head = '', tail] = ip.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}
