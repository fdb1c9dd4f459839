import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { NamedStatements } from '../database/named-statements.ts';
import { noteTie, passHolds, sessionTie, type TiedRow } from './pass-ties.ts';
import { refusals } from './refusals.ts';
import { storableJson } from './stored-payload.ts';

/**
 * What a user lets a client do. Every code and token needs its grant to be there whenever it is used; one that was made in
 * a session born of a pass is there as long as the pass.
 */
export function grantRows(db: NamedStatements): Adapter {
  return {
    ...refusals('Grant'),

    async upsert(id, { jti: _, ...payload }, expiresIn) {
      const tie = sessionTie();
      await db.query('grant.upsert', upsertSql, [
        id,
        payload.accountId ?? null,
        payload.clientId,
        storableJson(payload),
        expiresIn ?? null,
        tie?.passId ?? null,
        tie?.notAfter ?? null,
      ]);
    },

    async find(id) {
      const { rows } = await db.query<TiedRow & { payload: AdapterPayload }>('grant.find', findSql, [id]);
      const row = rows[0];
      if (!row) return undefined;
      noteTie(id, row);
      return { ...row.payload, jti: id };
    },

    destroy: (id) => endGrant(db, id),
  };
}

const findSql = `
  select payload, pass_id, floor(extract(epoch from not_after))::float8 as not_after
  from oidc_grants where id = $1 and (not_after is null or not_after > now()) and ${passHolds}`;

// What a grant hangs on is settled when it is made: growing with what the client asks for neither ties nor frees it.
const upsertSql = `
  insert into oidc_grants as g (id, account_id, client_id, payload, pass_id, not_after, expires_at)
  values ($1, $2, $3, $4, $6, to_timestamp($7::float8),
    least(coalesce(now() + make_interval(secs => $5), 'infinity'), to_timestamp($7::float8)))
  on conflict (id) do update set account_id = excluded.account_id, client_id = excluded.client_id,
    payload = excluded.payload,
    expires_at = least(coalesce(now() + make_interval(secs => $5), 'infinity'), g.not_after)`;

/**
 * The grant and all that came from it. A token that another request writes meanwhile is worth nothing without the grant.
 * Rows are locked in one order here, in `revokeArtifacts` and in `endings.ts`, because the library runs two of them at once.
 */
export async function endGrant(db: NamedStatements, id: string): Promise<void> {
  await db.query('grant.destroy', `with ended as (delete from oidc_grants where id = $1) ${revokeSql}`, [id]);
}

/** All that came from the grant; the grant stays. */
export async function revokeArtifacts(db: NamedStatements, grantId: string): Promise<void> {
  await db.query('artifact.revoke', revokeSql, [grantId]);
}

const revokeSql = `
  delete from oidc_artifacts where (model, id_hash) in (
    select model, id_hash from oidc_artifacts where grant_id = $1 order by model, id_hash for update)`;
