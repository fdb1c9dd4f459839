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
  asked: Asked,
  make: () => Promise<string>,
): Promise<{ readonly id: string; readonly again: boolean }> {
  if (asked.key === undefined) return { id: await make(), again: false };
  const { tx, now } = work;
  const keyHash = keyHashOf(work, asked);
  await keys.lock(tx, keyHash);
  const before = await madeBefore(work, asked);
  if (before !== undefined) return { id: before, again: true };
  const id = await make();
  await keys.put(tx, { keyHash, bodyDigest: bodyDigestOf(work, asked), madeId: id, madeAt: now });
  return { id, again: false };
}

/** What an earlier request with this key made; it takes no turn, so one that is being made is not seen. Fails as `once`. */
export async function madeBefore(work: Work, asked: Asked): Promise<string | undefined> {
  if (asked.key === undefined) return undefined;
  const made = await keys.madeSince(work.tx, keyHashOf(work, asked), forgottenBefore(work.now));
  if (made && !made.bodyDigest.equals(bodyDigestOf(work, asked))) {
    throw new AppError('conflict', 'This Idempotency-Key was used for another body. Take a new one for a new request.');
  }
  return made?.madeId;
}

/** For a key whose thing was deleted, or has ended. */
export function madeIsGone(): AppError {
  return new AppError('conflict', 'What this Idempotency-Key made is gone. Take a new one to make another.');
}

function keyHashOf({ actor, secrets }: Work, { route, key }: Asked): Buffer {
  // Of two people behind one app, each has keys of their own; so has one person behind two apps.
  const who = [actor.kind, actorId(actor) ?? '', actorClientId(actor) ?? ''];
  return secrets.keyedHash('idempotency-key', ...who, route, key!);
}

function bodyDigestOf({ secrets }: Work, { body }: Asked): Buffer {
  return secrets.keyedHash('idempotency-body', JSON.stringify(body) ?? '');
}
