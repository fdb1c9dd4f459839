import type { Work } from '../core/work.ts';
import * as events from './store.ts';

/** Enough to keep up with seven million events a day at one round a minute, and little enough not to hold anybody up. */
const mostAtOnce = 5_000;

/** Deletes the oldest of the events that are older than 400 days. Returns how many; the rest waits for the next round. */
export function purgeOldEvents(work: Work): Promise<number> {
  return events.deleteOldest(work.tx, work.now, mostAtOnce);
}
