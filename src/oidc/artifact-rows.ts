import Provider, { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { digest, type Secrets } from '../core/secrets.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { endGrant, revokeArtifacts } from './grant-rows.ts';
import { refusals } from './refusals.ts';
import { closePayload, openPayload, type StoredPayload } from './stored-payload.ts';

interface ArtifactRow {
  readonly id_hash: Buffer;
  readonly payload: StoredPayload;
  /** Epoch seconds. */
  readonly consumed: number | null;
  readonly just_consumed: boolean | null;
}

/** Codes, tokens, interactions, pushed requests: one row by (model, digest of the id), kept a while past its expiry. */
export function artifactRows(db: NamedStatements, secrets: Secrets, model: string): Adapter {
  const toPayload = ({ id_hash, payload, consumed }: ArtifactRow, id?: string): AdapterPayload => ({
    ...openPayload(secrets, model, id_hash, payload, id),
    ...(consumed === null ? {} : { consumed }),
  });

  return {
    ...refusals(model),

    async upsert(id, payload, expiresIn) {
      const { name, text } = writing(model, payload);
      const written = await db.query(name, text, [
        model,
        digest(id),
        grantedModels.has(model) ? (payload.grantId ?? null) : null,
        accountOf(payload),
        payload.clientId ?? payload.params?.client_id ?? null,
        payload.sessionUid ?? payload.session?.uid ?? null,
        payload.userCode === undefined ? null : userCodeHash(secrets, payload.userCode),
        closePayload(secrets, model, id, payload),
        expiresIn ?? null,
      ]);
      if (written.rowCount === 0) throw new errors.SessionNotFound('the sign-in was ended meanwhile');
    },

    async find(id) {
      const { rows } = await db.query<ArtifactRow>('artifact.find', findSql, [model, digest(id)]);
      const row = rows[0];
      if (!row) return undefined;
      if (model === 'RefreshToken' && row.just_consumed && isRefreshing()) throw lostAnswer();
      return toPayload(row, id);
    },

    async findByUserCode(userCode) {
      const key = [model, userCodeHash(secrets, userCode)];
      const { rows } = await db.query<ArtifactRow>('artifact.find-by-user-code', findByUserCodeSql, key);
      return rows[0] && toPayload(rows[0]);
    },

    async consume(id) {
      const key = [model, digest(id)];
      const spent = await db.query('artifact.consume', consumeSql, key);
      if (spent.rowCount === 0) throw await usedBefore(db, model, key);
    },

    async destroy(id) {
      await db.query('artifact.destroy', 'delete from oidc_artifacts where model = $1 and id_hash = $2', [
        model,
        digest(id),
      ]);
    },

    // The library asks this of every kind of token in turn, of access tokens always. Once is enough.
    async revokeByGrantId(grantId) {
      if (model === 'AccessToken') await revokeArtifacts(db, grantId);
    },
  };
}

/** What comes from a grant and ends with it. An interaction names the grant it starts from, but is not of it. */
const grantedModels: ReadonlySet<string> = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
]);

/** An interaction has its account in the sign-in just completed, or else in the session it started from. */
function accountOf({ accountId, result, session }: AdapterPayload): string | null {
  return accountId ?? result?.login?.accountId ?? session?.accountId ?? null;
}

function userCodeHash(secrets: Secrets, userCode: string): Buffer {
  return secrets.keyedHash('user-code', userCode);
}

const columns = 'model, id_hash, grant_id, account_id, client_id, session_uid, user_code_hash, payload, expires_at';
const row = `$1::text, $2::bytea, $3::text, $4::uuid, $5::text, $6::text, $7::bytea, $8::jsonb,
  coalesce(now() + make_interval(secs => $9), 'infinity')`;

// What was used stays used: consumed_at is not among the columns a second save replaces.
const replace = `
  on conflict (model, id_hash) do update set grant_id = excluded.grant_id, account_id = excluded.account_id,
    client_id = excluded.client_id, session_uid = excluded.session_uid, user_code_hash = excluded.user_code_hash,
    payload = excluded.payload, expires_at = excluded.expires_at`;

const writings = {
  plain: {
    name: 'artifact.upsert',
    text: `insert into oidc_artifacts (${columns}) values (${row}) ${replace}`,
  },
  // Under the session's row lock, so that who ends the session either sees the code or keeps it from being written.
  inSession: {
    name: 'artifact.upsert-in-session',
    text: `
      with session as (select ended_at from oidc_sessions where uid = $6 for share)
      insert into oidc_artifacts (${columns}) select ${row}
      where not exists (select from session where ended_at is not null) ${replace}`,
  },
  // A sign-in that was ended while its page was open must not come back with a result.
  completed: {
    name: 'artifact.complete',
    text: `
      update oidc_artifacts set (${columns}) = (select ${row})
      where model = $1 and id_hash = $2`,
  },
} as const;

function writing(model: string, payload: AdapterPayload): { name: string; text: string } {
  if (model === 'AuthorizationCode' || model === 'DeviceCode') return writings.inSession;
  if (model === 'Interaction' && payload.result !== undefined) return writings.completed;
  return writings.plain;
}

/** A client that lost the answer tries again at once; a thief comes later. */
const lostAnswerSeconds = 10;

const found = `
  select id_hash, payload, floor(extract(epoch from consumed_at))::float8 as consumed,
    consumed_at > now() - interval '${lostAnswerSeconds} seconds' as just_consumed
  from oidc_artifacts`;
const findSql = `${found} where model = $1 and id_hash = $2`;
const findByUserCodeSql = `${found} where model = $1 and user_code_hash = $2`;

const consumeSql = `
  update oidc_artifacts set consumed_at = now()
  where model = $1 and id_hash = $2 and consumed_at is null`;

/**
 * What to answer to a second use. It ends the grant and all that came from it (RFC 6749 §4.1.2, RFC 9700 §4.14), in a
 * statement of its own that survives the throw; a refresh token used a moment ago leaves the grant.
 */
async function usedBefore(db: NamedStatements, model: string, key: readonly unknown[]): Promise<Error> {
  if (model === 'PushedAuthorizationRequest') return new errors.InvalidRequestUri('request_uri was already used');
  const { rows } = await db.query<{ grant_id: string | null; just_consumed: boolean }>(
    'artifact.used-before',
    `select grant_id, consumed_at > now() - interval '${lostAnswerSeconds} seconds' as just_consumed
     from oidc_artifacts where model = $1 and id_hash = $2`,
    key,
  );
  const used = rows[0]; // gone when the grant was ended in between
  if (model === 'RefreshToken' && used?.just_consumed) return lostAnswer();
  if (used?.grant_id) await endGrant(db, used.grant_id);
  return new errors.InvalidGrant(`${model} was already used`);
}

function lostAnswer(): Error {
  return new errors.InvalidGrant('RefreshToken was already used, moments ago');
}

/**
 * The library revokes the whole grant when it finds a used refresh token at the token endpoint, unless `find` throws.
 * Introspection and revocation look refresh tokens up as well and must see them.
 */
function isRefreshing(): boolean {
  return Provider.ctx?.oidc.params?.grant_type === 'refresh_token';
}
