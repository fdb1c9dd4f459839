import type { NamedStatements } from '../database/named-statements.ts';
import { type ClientMetadata, isConfidential } from './client.ts';

/**
 * A client as the protocol library wants it: metadata, and where it expects a secret the digests of those that are good now,
 * with spaces between. Nothing is as long as the one symbol that stands there when there are none.
 */
export async function findProtocolClient(
  db: NamedStatements,
  clientId: string,
): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.query<{ metadata: ClientMetadata; digests: string; app_roles: string[] }>(
    'client',
    `select c.metadata, c.app_roles, coalesce((
       select string_agg(s.digest, ' ' order by s.digest) from client_secrets s
        where s.client_id = c.client_id and s.starts_at <= now() and (s.expires_at is null or s.expires_at > now())
     ), '-') as digests
       from clients c where c.client_id = $1`,
    [clientId],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    client_id: clientId,
    ...row.metadata,
    ...(isConfidential(row) && { client_secret: row.digests }),
    app_roles: row.app_roles,
  };
}
