/** What a person may read of the audit log: what happened to their own account. Whose it is, is for the caller to judge. */
import { addDays } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import * as events from './store.ts';
import type { AuditRecord } from './store.ts';

export type { AuditRecord } from './store.ts';

const days = 90;
const mostTries = 1_000;

interface Asked {
  readonly userId: string;
  readonly types: readonly string[];
  /** Methods whose proofs are told of one by one, as `sign-in.verified`. */
  readonly proofs: readonly string[];
}

/** The newest events of these types about the user in the last 90 days, `most` of them. */
export function eventsAbout(work: Work, { most, ...asked }: Asked & { readonly most: number }): Promise<AuditRecord[]> {
  return events.aboutUser(work.tx, { ...asked, since: addDays(work.now, -days), most });
}

/** One of them; undefined when it is no event of these types about this user, or an older one. */
export async function eventAbout(
  work: Work,
  { id, ...asked }: Asked & { readonly id: string },
): Promise<AuditRecord | undefined> {
  if (!uuid.test(id)) return undefined;
  const [record] = await events.aboutUser(work.tx, { ...asked, since: addDays(work.now, -days), most: 1, id });
  return record;
}

export interface FailedTries {
  /** Of the last 90 days; 1,000 stands for that many or more. */
  readonly count: number;
  readonly lastAt: Date | null;
}

/** How often somebody gave this person's name and a wrong answer. A number: rows of it could be made by any stranger. */
export function failedTries(work: Work, userId: string): Promise<FailedTries> {
  return events.failuresAbout(work.tx, { userId, since: addDays(work.now, -days), most: mostTries });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
