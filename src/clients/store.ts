import type { Transaction } from '../core/work.ts';
import type { Client, ClientMetadata } from './client.ts';

interface ClientRow {
  client_id: string;
  metadata: ClientMetadata;
  secret_digest: string | null;
  app_roles: string[];
}

export function toClient(row: ClientRow): Client {
  return {
    clientId: row.client_id,
    metadata: row.metadata,
    secretDigest: row.secret_digest,
    appRoles: row.app_roles,
  };
}

export async function byId(tx: Transaction, clientId: string): Promise<Client | undefined> {
  const row = await tx<ClientRow>('clients').where('client_id', '=', clientId).first();
  return row && toClient(row);
}

export async function lock(tx: Transaction, clientId: string): Promise<Client | undefined> {
  const row = await tx<ClientRow>('clients').where('client_id', '=', clientId).forUpdate().first();
  return row && toClient(row);
}

export async function remove(tx: Transaction, clientId: string): Promise<void> {
  await tx('clients').where('client_id', '=', clientId).delete();
}

export async function list(tx: Transaction): Promise<Client[]> {
  return (await tx<ClientRow>('clients').orderBy('client_id')).map(toClient);
}

/** User ids, in order. */
export async function ownersOf(tx: Transaction, clientId: string): Promise<string[]> {
  const rows = await tx('client_owners')
    .where('client_id', '=', clientId)
    .orderBy('user_id')
    .select<{ user_id: string }[]>('user_id');
  return rows.map((row) => row.user_id);
}

export async function setOwners(tx: Transaction, clientId: string, userIds: readonly string[]): Promise<void> {
  await tx('client_owners').where('client_id', '=', clientId).delete();
  if (userIds.length === 0) return;
  await tx('client_owners').insert(userIds.map((userId) => ({ client_id: clientId, user_id: userId })));
}

export async function put(tx: Transaction, now: Date, client: Client): Promise<void> {
  await tx('clients')
    .insert({
      client_id: client.clientId,
      metadata: JSON.stringify(client.metadata),
      secret_digest: client.secretDigest,
      app_roles: client.appRoles,
      created_at: now,
      updated_at: now,
    })
    .onConflict('client_id')
    .merge(['metadata', 'secret_digest', 'app_roles', 'updated_at']);
}
