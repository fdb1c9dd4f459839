import type { Work } from '../core/work.ts';
import { endingSql, leftBehindSql } from './ending-sql.ts';

/** A session that has ended, its user, and every relying party that got something from it; those that want to be told are queued. */
export interface EndedSession {
  readonly uid: string;
  /** Absent when nobody was signed in. */
  readonly accountId: string | null;
  readonly clients: readonly { readonly clientId: string; readonly sid: string | undefined }[];
}

interface SessionRow {
  readonly uid: string;
  readonly account_id: string | null;
  readonly authorizations: Readonly<Record<string, { sid?: string; grantId?: string }>> | null;
}

/**
 * Ends one browser session and all it got, offline access included, in the transaction of `work`.
 * A grant that another live session of the user has as well stays, without this session's tokens.
 * Undefined when there is no such session or it had ended before.
 */
export async function endSession(work: Work, uid: string): Promise<EndedSession | undefined> {
  const [row] = await rowsOf<SessionRow & { ended: boolean }>(
    work,
    `select uid, account_id, payload->'authorizations' as authorizations, ended_at is not null as ended
     from oidc_sessions where uid = ? for update`,
    [uid],
  );
  if (!row) return undefined;
  await work.tx.raw(endingSql('uid = ?'), [uid]);
  const grantIds = await grantsOnlyOf(work, row);
  await deleteArtifacts(work, 'session_uid = ? or grant_id = any (?)', [uid, grantIds]);
  await work.tx.raw('delete from oidc_grants where id = any (?)', [grantIds]);
  return row.ended ? undefined : toEndedSession(row);
}

/** Ends every session, grant, token, code and sign-in under way of one account. Returns the sessions that were live. */
export async function endAccount(work: Work, accountId: string): Promise<EndedSession[]> {
  // Sessions first: a code is written under its session's lock (artifact-rows.ts), so what comes after sees it.
  const ended = await rowsOf<SessionRow>(
    work,
    endingSql(
      'uid in (select uid from oidc_sessions where account_id = ? and ended_at is null order by uid for update)',
    ),
    [accountId],
  );
  await deleteArtifacts(
    work,
    'account_id = ? or grant_id in (select id from oidc_grants where account_id = ?) or session_uid = any (?)',
    [accountId, accountId, ended.map(({ uid }) => uid)],
  );
  await work.tx.raw('delete from oidc_grants where account_id = ?', [accountId]);
  return ended.map(toEndedSession);
}

/**
 * The same, but for one session and what it got; a uid of no session of theirs, or null, keeps nothing. Grants that another session
 * shares with the kept one stay, without the other's tokens.
 */
export async function endOthersOf(work: Work, accountId: string, keptUid: string | null): Promise<EndedSession[]> {
  if (keptUid === null) return endAccount(work, accountId);
  const ended = await rowsOf<SessionRow>(
    work,
    endingSql(
      'uid in (select uid from oidc_sessions where account_id = ? and uid <> ? and ended_at is null order by uid for update)',
    ),
    [accountId, keptUid],
  );
  const kept = await rowsOf<{ grant_id: string }>(
    work,
    `select entry.value->>'grantId' as grant_id
       from oidc_sessions, jsonb_each(coalesce(payload->'authorizations', '{}')) as entry
      where account_id = ? and uid = ? and ended_at is null and entry.value->>'grantId' is not null`,
    [accountId, keptUid],
  );
  const grantIds = kept.map(({ grant_id }) => grant_id);
  await deleteArtifacts(
    work,
    `(account_id = ? or grant_id in (select id from oidc_grants where account_id = ?) or session_uid = any (?))
       and session_uid is distinct from ?`,
    [accountId, accountId, ended.map(({ uid }) => uid), keptUid],
  );
  await work.tx.raw('delete from oidc_grants where account_id = ? and id <> all (?)', [accountId, grantIds]);
  return ended.map(toEndedSession);
}

/** What hung on sign-ins elsewhere. */
export interface EndedElsewhere {
  readonly sessions: readonly EndedSession[];
  /** What an app had for offline access of a session that had run out. */
  readonly offline: readonly { readonly accountId: string; readonly clientId: string }[];
}

/**
 * Ends the sessions that are born of these sign-ins elsewhere, and all they got, as `endSession` does with one; what is left of
 * sessions that have run out ends as well. Whoever asks has marked the sign-ins as ended: none is born of them from then on
 * (session-rows.ts).
 */
export async function endBornElsewhere(work: Work, upstreamIds: readonly string[]): Promise<EndedElsewhere> {
  const ended = await rowsOf<SessionRow>(
    work,
    endingSql(
      'uid in (select uid from oidc_sessions where upstream_id = any (?) and ended_at is null order by uid for update)',
    ),
    [upstreamIds],
  );
  // A session that is purged meanwhile was waited for just now, and what it leaves behind is seen here.
  const left = await rowsOf<{ id: string; account_id: string; client_id: string }>(work, leftBehindSql, [upstreamIds]);
  if (ended.length === 0 && left.length === 0) return { sessions: [], offline: [] };
  const granted = ended.flatMap(({ authorizations }) =>
    Object.values(authorizations ?? {}).flatMap(({ grantId }) => grantId ?? []),
  );
  const shared = await rowsOf<{ grant_id: string }>(
    work,
    `select entry.value->>'grantId' as grant_id
       from oidc_sessions, jsonb_each(coalesce(payload->'authorizations', '{}')) as entry
      where account_id = any (?) and ended_at is null and expires_at > now() and entry.value->>'grantId' = any (?)`,
    [ended.map(({ account_id }) => account_id), granted],
  );
  const kept = new Set(shared.map(({ grant_id }) => grant_id));
  const grantIds = [...granted.filter((grantId) => !kept.has(grantId)), ...left.map(({ id }) => id)];
  await deleteArtifacts(work, 'session_uid = any (?) or grant_id = any (?)', [ended.map(({ uid }) => uid), grantIds]);
  await work.tx.raw('delete from oidc_grants where id = any (?)', [grantIds]);
  return {
    sessions: ended.map(toEndedSession),
    offline: left.map(({ account_id: accountId, client_id: clientId }) => ({ accountId, clientId })),
  };
}

/** Ends every grant, token and code of one client. Sessions stay: they are the people's. */
export async function endClient(work: Work, clientId: string): Promise<void> {
  await deleteArtifacts(work, 'client_id = ? or grant_id in (select id from oidc_grants where client_id = ?)', [
    clientId,
    clientId,
  ]);
  await work.tx.raw('delete from oidc_grants where client_id = ?', [clientId]);
}

/** The order of the locks is that of `endGrant`, which may run at the same time. */
async function deleteArtifacts(work: Work, condition: string, bindings: readonly unknown[]): Promise<void> {
  await work.tx.raw(
    `delete from oidc_artifacts where (model, id_hash) in (
       select model, id_hash from oidc_artifacts where ${condition} order by model, id_hash for update)`,
    bindings as never,
  );
}

async function grantsOnlyOf(work: Work, { uid, account_id, authorizations }: SessionRow): Promise<string[]> {
  const others = await rowsOf<{ grant_id: string }>(
    work,
    `select entry.value->>'grantId' as grant_id
     from oidc_sessions, jsonb_each(coalesce(payload->'authorizations', '{}')) as entry
     where account_id = ? and uid <> ? and ended_at is null and expires_at > now()`,
    [account_id, uid],
  );
  const shared = new Set(others.map(({ grant_id }) => grant_id));
  return Object.values(authorizations ?? {})
    .map(({ grantId }) => grantId)
    .filter((grantId) => grantId !== undefined && !shared.has(grantId)) as string[];
}

async function rowsOf<Row>(work: Work, sql: string, bindings: readonly unknown[]): Promise<Row[]> {
  const { rows } = await work.tx.raw<{ rows: Row[] }>(sql, bindings as never);
  return rows;
}

function toEndedSession({ uid, account_id, authorizations }: SessionRow): EndedSession {
  const clients = Object.entries(authorizations ?? {}).map(([clientId, { sid }]) => ({ clientId, sid }));
  return { uid, accountId: account_id, clients };
}
