import type { Transaction } from '../core/work.ts';
import type { ClaimedLogout, ListedLogout } from './logout-outbox.ts';

export type FinalState = 'delivered' | 'refused' | 'failed';

interface LogoutRow {
  id: string;
  client_id: string;
  account_id: string;
  sid: string | null;
  state: ListedLogout['state'];
  attempts: number;
  last_error: string | null;
  created_at: Date;
  due_at: Date;
  finished_at: Date | null;
}

/** Takes one that is due and in nobody's hands; nodes that ask at once get different ones. */
export async function claim(
  tx: Transaction,
  now: Date,
  { until, down }: { until: Date; down: readonly string[] },
): Promise<ClaimedLogout | undefined> {
  const { rows } = await tx.raw<{ rows: LogoutRow[] }>(
    `update logout_outbox set claimed_until = :until, attempts = attempts + 1
      where id = (
        select id from logout_outbox
         where state = 'queued' and due_at <= :now and (claimed_until is null or claimed_until <= :now)
           and client_id <> all (:down)
         order by due_at, id limit 1 for update skip locked)
        and state = 'queued'
     returning *`,
    { now, until, down } as never,
  );
  const row = rows[0];
  return (
    row && {
      id: row.id,
      clientId: row.client_id,
      accountId: row.account_id,
      sid: row.sid,
      attempt: row.attempts,
      createdAt: row.created_at,
    }
  );
}

/** Whoever sent it: what arrived is not sent again, also when the lease had passed to another node. */
export async function finish(
  tx: Transaction,
  now: Date,
  id: string,
  { state, error }: { state: FinalState; error: string | null },
): Promise<void> {
  await tx('logout_outbox')
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .update({ state, last_error: error, claimed_until: null, finished_at: now });
}

/** Gives the claim back, unless another node has claimed it since. */
export async function retry(
  tx: Transaction,
  { id, attempt }: Pick<ClaimedLogout, 'id' | 'attempt'>,
  { dueAt, error }: { dueAt: Date; error: string },
): Promise<void> {
  await tx('logout_outbox')
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .where('attempts', '=', attempt)
    .update({ last_error: error, claimed_until: null, due_at: dueAt });
}

export async function list(tx: Transaction): Promise<ListedLogout[]> {
  const rows = await tx<LogoutRow>('logout_outbox').orderBy('created_at', 'desc').orderBy('id').limit(1_000);
  return rows.map((row) => ({
    id: row.id,
    clientId: row.client_id,
    userId: row.account_id,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error,
    createdAt: row.created_at,
    dueAt: row.state === 'queued' ? row.due_at : null,
    finishedAt: row.finished_at,
  }));
}

/** Deletes what was done with 30 days ago. */
export async function purgeLogouts(tx: Transaction, now: Date): Promise<void> {
  await tx.raw("delete from logout_outbox where finished_at < ?::timestamptz - interval '30 days'", [now]);
}
