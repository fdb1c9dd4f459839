import { randomUUID } from 'node:crypto';
import { addMinutes, minute } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import * as notices from './store.ts';

/**
 * Mail on its way out. A row is written with the change it tells of and sent after the commit, at least once and normally once:
 * whoever sends it holds it by a lease, in no transaction, and a node that dies leaves it to the next.
 */
export interface QueuedMail {
  readonly userId: string;
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly text: string;
}

export async function queueMail(work: Pick<Work, 'tx' | 'now' | 'secrets'>, mail: QueuedMail): Promise<void> {
  const rows = mail.recipients.map((recipient) => {
    const id = randomUUID();
    const sealedBody = work.secrets.seal(contextOf(id), Buffer.from(mail.text));
    return { id, userId: mail.userId, recipient, subject: mail.subject, sealedBody };
  });
  await notices.insertMail(work.tx, work.now, rows);
}

/** A mail that this node alone may send, until its lease ends. */
export interface ClaimedMail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  /** Which try this is, from 1; it tells this claim from later ones. */
  readonly attempt: number;
  readonly createdAt: Date;
}

// Far more than sending one mail may take.
const leaseMinutes = 2;

/** Takes the mail that has been due longest; undefined when none is. */
export async function claimMail(work: Work): Promise<ClaimedMail | undefined> {
  const row = await notices.claim(work.tx, work.now, addMinutes(work.now, leaseMinutes));
  if (!row) return undefined;
  const text = opened(work, row.id, row.sealedBody);
  if (text !== undefined) return { ...row, text };
  await notices.finish(work.tx, work.now, row.id, { state: 'failed', error: 'sealed with another master key' });
  return claimMail(work);
}

function opened(work: Work, id: string, sealed: Buffer): string | undefined {
  try {
    return work.secrets.open(contextOf(id), sealed).toString();
  } catch {
    return undefined;
  }
}

function contextOf(id: string): string {
  return `mail_outbox/${id}/body`;
}

export type SendingOutcome =
  | { readonly kind: 'sent' }
  /** There is no mail server to send it with. */
  | { readonly kind: 'not_sent' }
  /** The mail server will never take it. */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string };

/** Takes note of what came of a claimed mail. The body is wiped as soon as it is not needed any more. */
export async function settleMail(work: Work, mail: ClaimedMail, outcome: SendingOutcome): Promise<void> {
  switch (outcome.kind) {
    case 'sent':
    case 'not_sent':
      return notices.finish(work.tx, work.now, mail.id, { state: outcome.kind, error: null });
    case 'refused':
      return notices.finish(work.tx, work.now, mail.id, { state: 'failed', error: outcome.error });
    case 'failed': {
      const dueAt = nextTry(mail, work.now, Math.random());
      const { error } = outcome;
      if (dueAt) return notices.retry(work.tx, mail, { dueAt, error });
      return notices.finish(work.tx, work.now, mail.id, { state: 'failed', error });
    }
    default:
      outcome satisfies never;
  }
}

const longestWaitMs = 60 * minute;
const triesForHours = 24;

/**
 * When a mail that could not be sent is tried again: after half a minute, then twice as long each time up to an hour, a quarter
 * more or less (`random` from 0 to 1), so that what piled up does not come at once. Null when a day is over.
 */
export function nextTry(mail: Pick<ClaimedMail, 'attempt' | 'createdAt'>, now: Date, random: number): Date | null {
  const waitMs = Math.min(longestWaitMs, 0.5 * minute * 2 ** (mail.attempt - 1)) * (0.75 + 0.5 * random);
  const at = new Date(now.getTime() + waitMs);
  return at <= addMinutes(mail.createdAt, triesForHours * 60) ? at : null;
}

export interface ListedMail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly state: 'queued' | 'sent' | 'failed' | 'not_sent';
  readonly attempts: number;
  /** Codes of the mail server; null when the last try went well, or there was none. */
  readonly lastError: string | null;
  readonly createdAt: Date;
  /** When a queued mail is tried next; null for the others. */
  readonly dueAt: Date | null;
  readonly finishedAt: Date | null;
}

/** The mails of the last 30 days, newest first, a thousand at most. Never a body. */
export async function listMail(work: Work): Promise<ListedMail[]> {
  await permit(work, 'users.read');
  return notices.listMail(work.tx);
}
