import type { Work } from '../core/work.ts';
import * as signIns from './store.ts';

/** Ends a user's sign-ins under way. Before the user is locked: a sign-in locks its own row first, then its user. */
export async function endSignInsOf(work: Work, userId: string): Promise<void> {
  await signIns.deleteOf(work.tx, userId);
}
