import { addMinutes, minute } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import * as outbox from './store.ts';

/**
 * Logout tokens on their way. A row is written by the statement that ends the session (`oidc/ending-sql.ts`) and sent after the
 * commit, at least once: whoever sends it holds it by a lease, in no transaction, and a node that dies leaves it to the next.
 * The token itself is made when it is sent, for it lasts two minutes.
 */
export interface ClaimedLogout {
  readonly id: string;
  readonly clientId: string;
  readonly accountId: string;
  readonly sid: string | null;
  /** Which try this is, from 1; it tells this claim from later ones. */
  readonly attempt: number;
  readonly createdAt: Date;
}

// Far more than one sending may take.
const leaseMinutes = 1;

/** Takes what has been due longest, but for the clients that are down just now; undefined when nothing is due. */
export function claimLogout(work: Work, down: readonly string[]): Promise<ClaimedLogout | undefined> {
  return outbox.claim(work.tx, work.now, { until: addMinutes(work.now, leaseMinutes), down });
}

export type LogoutOutcome =
  | { readonly kind: 'delivered' }
  /** The client is gone, or wants to be told no more. */
  | { readonly kind: 'unwanted' }
  /** The relying party says that it cannot do it (Back-Channel Logout 1.0 section 2.8: 400). */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string };

// The specification has one status for a bad token and for a logout that failed, so a few more tries are worth it.
const triesOfRefused = 5;

/** Takes note of what came of a claimed logout. */
export async function settleLogout(work: Work, logout: ClaimedLogout, outcome: LogoutOutcome): Promise<void> {
  const finish = (state: outbox.FinalState, error: string | null) =>
    outbox.finish(work.tx, work.now, logout.id, { state, error });
  switch (outcome.kind) {
    case 'delivered':
      return finish('delivered', null);
    case 'unwanted':
      return finish('failed', 'client_gone');
    case 'refused':
    case 'failed': {
      const { kind, error } = outcome;
      const dueAt = nextTry(logout, work.now, Math.random());
      if (dueAt && (kind === 'failed' || logout.attempt < triesOfRefused)) {
        return outbox.retry(work.tx, logout, { dueAt, error });
      }
      return finish(kind, error);
    }
    default:
      outcome satisfies never;
  }
}

const firstWaitMs = 5_000;
const longestWaitMs = 15 * minute;
const triesForHours = 24;

/**
 * When a logout that did not arrive is tried again: after five seconds, then twice as long each time up to a quarter of an hour,
 * a quarter more or less (`random` from 0 to 1), so that what piled up does not come at once. Null when a day is over.
 */
export function nextTry(
  { attempt, createdAt }: Pick<ClaimedLogout, 'attempt' | 'createdAt'>,
  now: Date,
  random: number,
): Date | null {
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1)) * (0.75 + 0.5 * random);
  const at = new Date(now.getTime() + waitMs);
  return at <= addMinutes(createdAt, triesForHours * 60) ? at : null;
}

export interface ListedLogout {
  readonly id: string;
  readonly clientId: string;
  readonly userId: string;
  readonly state: 'queued' | outbox.FinalState;
  readonly attempts: number;
  /** A status or a code; null when the last try went well, or there was none. */
  readonly lastError: string | null;
  readonly createdAt: Date;
  /** When a queued one is tried next; null for the others. */
  readonly dueAt: Date | null;
  readonly finishedAt: Date | null;
}

/** The logout tokens of the last 30 days, newest first, a thousand at most. */
export async function listLogouts(work: Work): Promise<ListedLogout[]> {
  await permit(work, 'users.read');
  return outbox.list(work.tx);
}
