import type { Work } from '../core/work.ts';
import * as users from './store.ts';

/** From now on what the user proved before counts for nothing: a registration under way is not finished. */
export async function markContained(work: Work, userId: string): Promise<void> {
  await users.markContained(work.tx, work.now, userId);
}
