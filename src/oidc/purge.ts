import type { NamedStatements } from '../database/named-statements.ts';
import { endingSql } from './ending-sql.ts';
import { passHolds } from './pass-ties.ts';

const rowsAtOnce = 2_000;

/**
 * Deletes what expired more than five minutes ago, tombstones of sessions with it; returns how many rows.
 * The five minutes are for callers that ask for expired rows, and for `replay-rows.ts`. Nodes may run it together.
 */
export async function purgeExpired(db: NamedStatements): Promise<number> {
  let purged = 0;
  for (const table of ['oidc_artifacts', 'oidc_grants', 'oidc_sessions'] as const) {
    let chunk: number;
    do {
      ({ rowCount: chunk } = await db.query(`purge.${table}`, purges[table], []));
      purged += chunk;
    } while (chunk === rowsAtOnce);
  }
  return purged;
}

/**
 * Ends the sessions whose pass has ended, so that their relying parties are told; here they opened nothing since that moment.
 * Returns how many.
 */
export async function endWithPasses(db: NamedStatements): Promise<number> {
  return (await db.query('session.end-with-pass', endWithPassesSql, [])).rowCount;
}

const endWithPassesSql = endingSql(`pass_id is not null and (not_after <= now() or not ${passHolds})`);

const purgeSql = (table: string, unless = ''): string => `
  delete from ${table} where ctid = any (array(
    select ctid from ${table} where expires_at < now() - interval '5 minutes' ${unless}
    limit ${rowsAtOnce} for update skip locked))`;

// A session that was idle for too long opens nothing, but its relying parties are to hear when its pass ends.
const purgeSessionsSql = purgeSql('oidc_sessions', 'and (pass_id is null or ended_at is not null)');

/**
 * Of a session that was born of a sign-in elsewhere, what is left for offline access hangs on that sign-in from now on: whoever
 * ends it there ends it here (endings.ts), where the session says so no more.
 */
const purges = {
  oidc_artifacts: purgeSql('oidc_artifacts'),
  oidc_grants: purgeSql('oidc_grants'),
  oidc_sessions: `
    with gone as (${purgeSessionsSql} returning upstream_id, ended_at, payload->'authorizations' as authorizations),
    left_behind as (
      update oidc_grants g set upstream_id = gone.upstream_id
        from gone, jsonb_each(coalesce(gone.authorizations, '{}')) as entry
       where gone.upstream_id is not null and gone.ended_at is null and g.id = entry.value->>'grantId'
         and exists (select from oidc_artifacts a
                      where a.grant_id = g.id and a.model = 'RefreshToken' and a.expires_at > now()))
    select from gone`,
} as const;
