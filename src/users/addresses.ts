import type { Work } from '../core/work.ts';
import * as users from './store.ts';

export interface Reachable {
  readonly userPrincipalName: string;
  /** All known mail addresses: the present one, and the former ones for 24 hours after a change. May be none. */
  readonly addresses: readonly string[];
}

/** How a user is told something; undefined when there is no such user. A user name is not taken for an address. */
export function reachable(work: Pick<Work, 'tx' | 'now'>, userId: string): Promise<Reachable | undefined> {
  return users.addresses(work.tx, work.now, userId);
}
