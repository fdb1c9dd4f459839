import { actorClientId, actorId } from '../core/actor.ts';
import { AppError } from '../core/errors.ts';
import { addDays } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import * as keys from './store.ts';

/** Keys of before this moment stand for nothing any more: they are kept for a day. */
export function forgottenBefore(now: Date): Date {
  return addDays(now, -1);
}

/** One request that may come again: where it was sent, under which key, and what it said. */
export interface Asked {
  readonly route: string;
  /** Chosen by who asks; undefined: none was sent, and every request makes something. */
  readonly key: string | undefined;
  readonly body: unknown;
}

/**
 * Requests for one thing that may arrive several times (RFC draft Idempotency-Key): the first makes it, the others get the id of
 * what it made, also those that come while it is being made. What is refused uses no key up. Fails with `conflict` for another
 * body under the same key.
 */
export async function once(
  work: Work,
  { route, key, body }: Asked,
  make: () => Promise<string>,
): Promise<{ readonly id: string; readonly again: boolean }> {
  if (key === undefined) return { id: await make(), again: false };
  const { actor, secrets, tx, now } = work;
  // Of two people behind one app, each has keys of their own; so has one person behind two apps.
  const who = [actor.kind, actorId(actor) ?? '', actorClientId(actor) ?? ''];
  const keyHash = secrets.keyedHash('idempotency-key', ...who, route, key);
  const bodyDigest = secrets.keyedHash('idempotency-body', JSON.stringify(body) ?? '');
  await keys.lock(tx, keyHash);
  const made = await keys.madeSince(tx, keyHash, forgottenBefore(now));
  if (!made) {
    const id = await make();
    await keys.put(tx, { keyHash, bodyDigest, madeId: id, madeAt: now });
    return { id, again: false };
  }
  if (!made.bodyDigest.equals(bodyDigest)) {
    throw new AppError('conflict', 'This Idempotency-Key was used for another body. Take a new one for a new request.');
  }
  return { id: made.madeId, again: true };
}
