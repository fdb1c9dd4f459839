import type { Work } from '../core/work.ts';
import * as signIns from './store.ts';

/** Ends a user's sign-ins under way. Before the user is locked: a sign-in locks its own row first, then its user. */
export async function endSignInsOf(work: Work, userId: string): Promise<void> {
  await signIns.deleteOf(work.tx, userId);
}

/**
 * The same once more, with the user and their credentials locked: a sign-in that a credential was held by has named its user
 * only since. What is held now waits for this work and finds that its pass or its credential has ended; waiting for it here
 * would be against the order of locks. `kept` is the one sign-in, by its uid, that this is done in.
 */
export async function endSignInsNamedSince(work: Work, userId: string, kept: string | null = null): Promise<void> {
  await signIns.deleteUnheldOf(work.tx, userId, kept);
}
