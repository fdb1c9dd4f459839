/** When somebody last came to an account by what an administrator or a sheet of codes gives, and not by a way in of its own. */
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import * as users from './store.ts';

/** For so long what was there before is kept from whoever came. */
const followedHours = 72;

/** A pass or a recovery code of theirs was entered. */
export async function noteBootstrap(work: Work, userId: string): Promise<void> {
  await users.noteBootstrap(work.tx, { userId, now: work.now, since: addMinutes(work.now, -followedHours * 60) });
}

/** The first of the entries that followed one another within 72 hours; undefined when the last is as long ago. */
export function bootstrappedSince(work: Work, userId: string): Promise<Date | undefined> {
  return users.bootstrappedSince(work.tx, userId, addMinutes(work.now, -followedHours * 60));
}
