import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { NamedStatements } from '../database/named-statements.ts';
import { refusals } from './refusals.ts';
import { storableJson } from './stored-payload.ts';

/** What a user lets a client do. Every code and token needs its grant to be there whenever it is used. */
export function grantRows(db: NamedStatements): Adapter {
  return {
    ...refusals('Grant'),

    async upsert(id, { jti: _, ...payload }, expiresIn) {
      const values = [id, payload.accountId ?? null, payload.clientId, storableJson(payload), expiresIn ?? null];
      await db.query('grant.upsert', upsertSql, values);
    },

    async find(id) {
      const { rows } = await db.query<{ payload: AdapterPayload }>(
        'grant.find',
        'select payload from oidc_grants where id = $1',
        [id],
      );
      return rows[0] && { ...rows[0].payload, jti: id };
    },

    destroy: (id) => endGrant(db, id),
  };
}

const upsertSql = `
  insert into oidc_grants (id, account_id, client_id, payload, expires_at)
  values ($1, $2, $3, $4, coalesce(now() + make_interval(secs => $5), 'infinity'))
  on conflict (id) do update set account_id = excluded.account_id, client_id = excluded.client_id,
    payload = excluded.payload, expires_at = excluded.expires_at`;

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
