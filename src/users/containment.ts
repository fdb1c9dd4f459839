import type { Work } from '../core/work.ts';
import * as users from './store.ts';

/**
 * From now on what the user proved before counts for nothing: a registration under way is not finished. The one exception is the
 * session that this was said in, if it was said in one.
 */
export async function markContained(work: Work, userId: string, sessionUid: string | null): Promise<void> {
  await users.markContained(work.tx, work.now, { id: userId, sessionUid });
}
