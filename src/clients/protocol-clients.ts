import type { NamedStatements } from '../database/named-statements.ts';
import type { ClientMetadata } from './client.ts';

/** A client as the protocol library wants it: metadata, with the digest where it expects a secret. */
export async function findProtocolClient(
  db: NamedStatements,
  clientId: string,
): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.query<{ metadata: ClientMetadata; secret_digest: string | null; app_roles: string[] }>(
    'client',
    'select metadata, secret_digest, app_roles from clients where client_id = $1',
    [clientId],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    client_id: clientId,
    ...row.metadata,
    ...(row.secret_digest !== null && { client_secret: row.secret_digest }),
    app_roles: row.app_roles,
  };
}
