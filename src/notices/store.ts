import type { Transaction } from '../core/work.ts';
import type { ListedMail } from './outbox.ts';

interface MailRow {
  id: string;
  recipient: string;
  subject: string;
  sealed_body: Buffer | null;
  state: ListedMail['state'];
  attempts: number;
  last_error: string | null;
  created_at: Date;
  due_at: Date;
  finished_at: Date | null;
}

export interface NewMail {
  readonly id: string;
  readonly userId: string;
  readonly recipient: string;
  readonly subject: string;
  readonly sealedBody: Buffer;
}

export async function insertMail(tx: Transaction, now: Date, mails: readonly NewMail[]): Promise<void> {
  await tx('mail_outbox').insert(
    mails.map((mail) => ({
      id: mail.id,
      user_id: mail.userId,
      recipient: mail.recipient,
      subject: mail.subject,
      sealed_body: mail.sealedBody,
      created_at: now,
      due_at: now,
    })),
  );
}

/** Takes one mail that is due and in nobody's hands; nodes that ask at once get different ones. */
export async function claim(tx: Transaction, now: Date, until: Date) {
  const { rows } = await tx.raw<{ rows: MailRow[] }>(
    `update mail_outbox set claimed_until = :until, attempts = attempts + 1
      where id = (
        select id from mail_outbox
         where state = 'queued' and due_at <= :now and (claimed_until is null or claimed_until <= :now)
         order by due_at, id limit 1 for update skip locked)
        and state = 'queued'
     returning *`,
    { now, until } as never,
  );
  const row = rows[0];
  return (
    row && {
      id: row.id,
      recipient: row.recipient,
      subject: row.subject,
      sealedBody: row.sealed_body!,
      attempt: row.attempts,
      createdAt: row.created_at,
    }
  );
}

/** Whoever sent it: what went out is not sent again, also when the lease had passed to another node. */
export async function finish(
  tx: Transaction,
  now: Date,
  id: string,
  { state, error }: { state: 'sent' | 'failed' | 'not_sent'; error: string | null },
): Promise<void> {
  await tx('mail_outbox')
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .update({ state, last_error: error, sealed_body: null, claimed_until: null, finished_at: now });
}

/** Gives the claim back, unless another node has claimed the mail since. */
export async function retry(
  tx: Transaction,
  { id, attempt }: { id: string; attempt: number },
  { dueAt, error }: { dueAt: Date; error: string },
): Promise<void> {
  await tx('mail_outbox')
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .where('attempts', '=', attempt)
    .update({ last_error: error, claimed_until: null, due_at: dueAt });
}

export async function listMail(tx: Transaction): Promise<ListedMail[]> {
  const rows = await tx<MailRow>('mail_outbox').orderBy('created_at', 'desc').orderBy('id').limit(1_000);
  return rows.map((row) => ({
    id: row.id,
    recipient: row.recipient,
    subject: row.subject,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error,
    createdAt: row.created_at,
    dueAt: row.state === 'queued' ? row.due_at : null,
    finishedAt: row.finished_at,
  }));
}

interface LinkRow {
  token_hash: Buffer;
  user_id: string;
  since: Date;
  expires_at: Date;
  used_at: Date | null;
}

export async function insertLink(
  tx: Transaction,
  link: { tokenHash: Buffer; userId: string; since: Date; expiresAt: Date },
): Promise<void> {
  await tx('containment_links').insert({
    token_hash: link.tokenHash,
    user_id: link.userId,
    since: link.since,
    expires_at: link.expiresAt,
  });
}

export async function linkOf(tx: Transaction, tokenHash: Buffer) {
  const row = await tx<LinkRow>('containment_links').where('token_hash', '=', tokenHash).first();
  return row && { userId: row.user_id, since: row.since, expiresAt: row.expires_at, usedAt: row.used_at };
}

/** Undefined when it was used before, has expired, or never was. */
export async function spendLink(
  tx: Transaction,
  now: Date,
  tokenHash: Buffer,
): Promise<{ userId: string; since: Date } | undefined> {
  const [row] = await tx('containment_links')
    .where('token_hash', '=', tokenHash)
    .whereNull('used_at')
    .where('expires_at', '>', now)
    .update({ used_at: now })
    .returning<LinkRow[]>('*');
  return row && { userId: row.user_id, since: row.since };
}

/** Deletes what was done with 30 days ago: mails that are on no way any more, and links. */
export async function purgeOld(tx: Transaction, now: Date): Promise<void> {
  await tx.raw("delete from mail_outbox where finished_at < ?::timestamptz - interval '30 days'", [now]);
  await tx.raw("delete from containment_links where expires_at < ?::timestamptz - interval '30 days'", [now]);
}
