import type { NamedStatements } from '../database/named-statements.ts';

const rowsAtOnce = 2_000;

/**
 * Deletes what expired more than five minutes ago, tombstones of sessions with it; returns how many rows.
 * The five minutes are for callers that ask for expired rows, and for `replay-rows.ts`. Nodes may run it together.
 */
export async function purgeExpired(db: NamedStatements): Promise<number> {
  let purged = 0;
  for (const table of ['oidc_artifacts', 'oidc_grants', 'oidc_sessions']) {
    let chunk: number;
    do {
      ({ rowCount: chunk } = await db.query(`purge.${table}`, purgeSql(table), []));
      purged += chunk;
    } while (chunk === rowsAtOnce);
  }
  return purged;
}

const purgeSql = (table: string): string => `
  delete from ${table} where ctid = any (array(
    select ctid from ${table} where expires_at < now() - interval '5 minutes'
    limit ${rowsAtOnce} for update skip locked))`;
