import type { Transaction } from '../../../core/work.ts';
import type { UpstreamSession } from './upstream-session.ts';

interface SessionRow {
  id: string;
  provider_id: string;
  issuer: string;
  sub: string;
  sid: string | null;
  user_id: string;
  id_token: Buffer | null;
}

export interface StoredSession extends UpstreamSession {
  readonly sealedIdToken: Buffer | null;
}

function toSession(row: SessionRow): StoredSession {
  return {
    id: row.id,
    providerId: row.provider_id,
    issuer: row.issuer,
    sub: row.sub,
    sid: row.sid,
    userId: row.user_id,
    sealedIdToken: row.id_token,
  };
}

/** The ID token is kept for nothing else than signing out there. False when the provider is gone, disabled or another by now; and it stays as it is until the work ends. */
export async function insert(tx: Transaction, now: Date, asked: StoredSession): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `insert into upstream_sessions (id, provider_id, issuer, sub, sid, user_id, id_token, created_at, kept_until)
     select :id, p.id, :issuer, :sub, :sid, :userId,
       case when (p.settings->>'endsSessionThere')::boolean then :sealedIdToken::bytea end, :now,
       :now::timestamptz + interval '2 days'
       from identity_providers p
      where p.id = :providerId and p.settings->>'issuer' = :issuer and p.settings->>'state' = 'enabled'
        for share of p
     returning id`,
    { ...asked, now } as never,
  );
  return rows.length === 1;
}

export async function byId(tx: Transaction, id: string): Promise<StoredSession | undefined> {
  const row = await tx<SessionRow>('upstream_sessions').where('id', '=', id).first();
  return row && toSession(row);
}

/** Marks those that match as ended, and returns them. A session that is being born of one waits, and is refused. */
export async function end(
  tx: Transaction,
  now: Date,
  { condition, bindings }: { readonly condition: string; readonly bindings: readonly (string | null)[] },
): Promise<UpstreamSession[]> {
  const { rows } = await tx.raw<{ rows: SessionRow[] }>(
    `update upstream_sessions set ended_at = ?
      where id in (select id from upstream_sessions where ended_at is null and ${condition} order by id for update)
     returning *`,
    [now, ...bindings] as never,
  );
  return rows.map(toSession).map(({ sealedIdToken: _, ...session }) => session);
}

/** False when it was taken before. */
export async function takeToken(
  tx: Transaction,
  { providerId, jti, until }: { readonly providerId: string; readonly jti: string; readonly until: Date },
): Promise<boolean> {
  const inserted = await tx('upstream_logout_tokens')
    .insert({ provider_id: providerId, jti, until })
    .onConflict(['provider_id', 'jti'])
    .ignore()
    .returning('jti');
  return inserted.length === 1;
}

export interface SignOut {
  readonly stateHash: Buffer;
  readonly providerId: string;
  readonly nextUrl: string;
  readonly until: Date;
}

export async function insertSignOut(tx: Transaction, asked: SignOut): Promise<void> {
  const { stateHash, providerId, nextUrl, until } = asked;
  await tx('upstream_sign_outs').insert({ state_hash: stateHash, provider_id: providerId, next_url: nextUrl, until });
}

/** Where the browser goes on; undefined when it did already, or took too long. */
export async function takeSignOut(
  tx: Transaction,
  now: Date,
  { stateHash, providerId }: Pick<SignOut, 'stateHash' | 'providerId'>,
): Promise<string | undefined> {
  const [row] = await tx('upstream_sign_outs')
    .where('state_hash', '=', stateHash)
    .where('provider_id', '=', providerId)
    .where('until', '>', now)
    .delete()
    .returning<{ next_url: string }[]>('next_url');
  return row?.next_url;
}

/**
 * What is past its date. A session of ours lasts a day at most after the sign-in that it is born of; what it leaves behind for
 * offline access keeps the sign-in, though not its ID token.
 */
export async function purge(tx: Transaction, now: Date): Promise<void> {
  await tx('upstream_logout_tokens').where('until', '<', now).delete();
  await tx('upstream_sign_outs').where('until', '<', now).delete();
  await tx.raw(
    `update upstream_sessions u
        set kept_until = (select max(g.expires_at) from oidc_grants g where g.upstream_id = u.id)
      where kept_until < :now and exists (select from oidc_grants g where g.upstream_id = u.id and g.expires_at > :now)`,
    { now },
  );
  await tx('upstream_sessions').where('kept_until', '<', now).delete();
  await tx.raw(
    `update upstream_sessions set id_token = null
      where id_token is not null and created_at < ?::timestamptz - interval '2 days'`,
    [now],
  );
}
