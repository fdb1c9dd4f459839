import Provider, { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { deviceName } from '../core/device-name.ts';
import { digest } from '../core/secrets.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { endingSql } from './ending-sql.ts';
import { noteTie, passHolds, type TiedRow } from './pass-ties.ts';
import { refusals } from './refusals.ts';
import { storableJson } from './stored-payload.ts';

/** `not_after` is the absolute limit, with a pass or without. */
interface SessionRow extends TiedRow {
  readonly payload: AdapterPayload;
}

/**
 * Browser sessions, by uid. The library loads a session, changes it and saves the whole of it, while other requests of
 * the same browser do the same; here a save merges. The cookie's value is only known by its digest.
 */
export function sessionRows(db: NamedStatements): Adapter {
  const findBy = async (name: string, text: string, key: unknown): Promise<AdapterPayload | undefined> => {
    const { rows } = await db.query<SessionRow>(name, text, [key]);
    const row = rows[0];
    if (!row) return undefined;
    noteTie(row.payload.uid!, row);
    return withinLimit(row);
  };

  return {
    ...refusals('Session'),

    async find(id) {
      const payload = await findBy('session.find', findSql, digest(id));
      return payload && { ...payload, jti: id };
    },

    /** Without `jti`, which nobody knows here: to look at, not to save. */
    findByUid: (uid) => findBy('session.find-by-uid', findByUidSql, uid),

    async upsert(id, { jti: _, ...payload }, expiresIn) {
      const own = ownEntry(payload);
      const login = Provider.ctx?.oidc.result?.login;
      const { name, text } = login && currentSession()?.oldId ? writings.signedInAnew : writings.plain;
      const saved = await db.query(name, text, [
        payload.uid,
        digest(id),
        payload.accountId ?? null,
        storableJson(payload),
        expiresIn ?? null,
        own.clientId,
        storableJson(own.authorizations),
        login !== undefined,
        login?.notAfter ?? null,
        digest(loadedAs(payload) ?? id),
        login?.passId ?? null,
        ...signsOfOwner(payload),
        login?.provenAt ?? null,
        login?.provenWith ?? null,
        login?.upstreamId ?? null,
      ]);
      if (saved.rowCount === 1) return;

      // The session has ended, or has another id or a newer sign-in since this request loaded it.
      const late = await db.query('session.upsert-late', upsertLateSql, [
        payload.uid,
        payload.accountId ?? null,
        own.clientId,
        storableJson(own.authorizations),
      ]);
      withdrawCookie();
      if (late.rowCount === 0) throw sessionEnded();
    },

    async destroy(id) {
      const session = currentSession();
      // Half of a rotation; the save that follows replaces the id.
      if (session?.oldId === id && session.jti !== id) return;
      await db.query('session.end', endSql, [digest(id), session?.jti === id ? session.uid : null]);
    },
  };
}

const live = `ended_at is null and (not_after is null or not_after > now()) and ${passHolds}`;
const found = 'select payload, pass_id, floor(extract(epoch from not_after))::float8 as not_after from oidc_sessions';
const findSql = `${found} where (jti_hash = $1 or (prev_jti_hash = $1 and prev_until > now())) and ${live}`;
const findByUidSql = `${found} where uid = $1 and ${live}`;

/** The library goes by the payload's `exp`. */
function withinLimit({ payload, not_after }: SessionRow): AdapterPayload {
  if (not_after === null) return payload;
  return { ...payload, exp: Math.min(payload.exp ?? not_after, not_after) };
}

/** The id by which this request found the session. */
function loadedAs({ uid }: AdapterPayload): string | undefined {
  const session = currentSession();
  return session?.uid === uid ? (session?.oldId ?? session?.jti) : undefined;
}

/** What a person recognises a session by: browser and system, and the address it came from. Never for decisions. */
function signsOfOwner({ accountId }: AdapterPayload): readonly [string | null, string | null] {
  const request = Provider.ctx?.request;
  if (!request || !accountId) return [null, null];
  return [deviceName(request.get('user-agent')), request.ip];
}

/** What a save writes into the stored authorizations, and for which client it replaces what is there. */
interface OwnEntry {
  readonly clientId: string | null;
  readonly authorizations: NonNullable<AdapterPayload['authorizations']>;
}

/**
 * A request changes the entry of the client it is for and no other; the other entries it loaded may be old by now.
 * No entry means that the client's authorization was taken out ("no, stay signed in" on the logout page).
 */
function ownEntry({ uid, authorizations = {} }: AdapterPayload): OwnEntry {
  const oidc = Provider.ctx?.oidc;
  if (!oidc || currentSession()?.uid !== uid) return { clientId: null, authorizations };
  const clientId = oidc.client?.clientId;
  const entry = clientId === undefined ? undefined : authorizations[clientId];
  return {
    clientId: clientId ?? null,
    authorizations: clientId === undefined || entry === undefined ? {} : { [clientId]: entry },
  };
}

const merged = (column: string, clientId: string, own: string): string =>
  `jsonb_build_object('authorizations', coalesce(${column}->'authorizations', '{}') - coalesce(${clientId}, '') || ${own}::jsonb)`;
const loginTs = (payload: string): string => `coalesce((${payload}->>'loginTs')::bigint, 0)`;

/**
 * A save counts when nobody rotated the id since this request loaded the session ($10), or when this request is itself
 * the newer sign-in. Any other is late: it gives back neither an old id nor an old acr.
 * The id before a rotation is good for 30 seconds more, for requests in flight, as long as the account is the same
 * (otherwise an id fixed in the browser before the sign-in would come to be signed in).
 */
const upsertSql = `
  insert into oidc_sessions as s (uid, jti_hash, account_id, payload, pass_id, not_after, expires_at,
    device, ip, started_at, last_seen_at, proven_with, upstream_id)
  select $1::text, $2::bytea, $3::uuid, $4::jsonb, $11::uuid, to_timestamp($9::float8),
    least(now() + make_interval(secs => $5), to_timestamp($9::float8)), $12::text, $13::text, now(), now(), $15::text[], $16::uuid
  -- What was proved before "this was not me" was pressed opens nothing, however far it had come.
  where not exists (select from users u where u.id = $3::uuid and u.contained_at >= to_timestamp($14::float8))
    -- Held until this is written: whoever ends that sign-in elsewhere ends the session as well, or is seen here.
    and ($16::uuid is null or exists (select from upstream_sessions u where u.id = $16::uuid and u.ended_at is null for share))
  on conflict (uid) do update set
    prev_jti_hash = case
      when s.account_id is distinct from excluded.account_id then null
      when s.jti_hash = excluded.jti_hash then s.prev_jti_hash
      else s.jti_hash end,
    prev_until = case when s.jti_hash = excluded.jti_hash then s.prev_until else now() + interval '30 seconds' end,
    jti_hash = excluded.jti_hash,
    account_id = excluded.account_id,
    payload = case
      when s.account_id is distinct from excluded.account_id then excluded.payload
      else excluded.payload || ${merged('s.payload', '$6', '$7')} end,
    pass_id = case when $8 then excluded.pass_id else s.pass_id end,
    not_after = case when $8 then excluded.not_after else s.not_after end,
    expires_at = least(now() + make_interval(secs => $5), case when $8 then excluded.not_after else s.not_after end),
    device = case when $8 then excluded.device else s.device end,
    ip = case when $8 then excluded.ip else s.ip end,
    proven_with = case when $8 then excluded.proven_with else s.proven_with end,
    upstream_id = case when $8 then excluded.upstream_id else s.upstream_id end,
    started_at = case when s.account_id is distinct from excluded.account_id then now() else s.started_at end,
    last_seen_at = now()
  where s.ended_at is null and (
    ${loginTs('excluded.payload')} > ${loginTs('s.payload')}
    or ${loginTs('excluded.payload')} = ${loginTs('s.payload')} and s.jti_hash in ($10::bytea, excluded.jti_hash))`;

/**
 * A sign-in with anything else frees a session from the pass it was born of, and with it the grants that were made there.
 * It runs after the session's row is written and locked, as PostgreSQL does with a statement that nothing reads from.
 */
const freeingSql = `
  with born as (select pass_id, payload->'authorizations' as authorizations from oidc_sessions
      where uid = $1 and ended_at is null and pass_id is distinct from $11::uuid),
    freed as (update oidc_grants g
      set pass_id = null, not_after = null, expires_at = coalesce(to_timestamp((g.payload->>'exp')::float8), 'infinity')
      from born, jsonb_each(coalesce(born.authorizations, '{}')) as entry
      where $11::uuid is null and g.pass_id = born.pass_id and g.id = entry.value->>'grantId')`;

const writings = {
  plain: { name: 'session.upsert', text: upsertSql },
  signedInAnew: { name: 'session.upsert-signed-in-anew', text: `${freeingSql} ${upsertSql}` },
} as const;

/** What a late save may still add: its own client's authorization, for the same user. */
const upsertLateSql = `
  update oidc_sessions set payload = case
    when account_id = $2::uuid then payload || ${merged('payload', '$3', '$4')} else payload end
  where uid = $1 and ended_at is null`;

const endSql = endingSql('jti_hash = $1 or prev_jti_hash = $1 or uid = $2');

interface CurrentSession {
  readonly uid: string;
  readonly jti: string;
  readonly oldId?: string;
  destroyed?: boolean;
}

function currentSession(): CurrentSession | undefined {
  return Provider.ctx?.oidc.session as CurrentSession | undefined;
}

/** The library sets the cookie before it saves; an id that was not saved must not replace the browser's good one. */
function withdrawCookie(): void {
  const ctx = Provider.ctx;
  if (!ctx) return;
  const name = ctx.oidc.provider.cookieName('session');
  const kept = [ctx.res.getHeader('set-cookie') ?? []]
    .flat()
    .map(String)
    .filter((cookie) => !cookie.startsWith(`${name}=`) && !cookie.startsWith(`${name}.sig=`));
  if (kept.length > 0) ctx.res.setHeader('set-cookie', kept);
  else ctx.res.removeHeader('set-cookie');
}

/** The answer may be there already, with a code in its address; it must not leave the house. */
function sessionEnded(): Error {
  Provider.ctx?.remove('Location');
  const session = currentSession();
  if (session) session.destroyed = true; // otherwise the library tries to save it once more, outside its error pages
  return Object.assign(new errors.SessionNotFound('the session has ended'), { allow_redirect: false });
}
