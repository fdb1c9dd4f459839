import type { Transaction } from '../core/work.ts';
import type { Client, ClientMetadata, ClientSecret } from './client.ts';

interface ClientRow {
  id: string;
  client_id: string;
  metadata: ClientMetadata;
  app_roles: string[];
  created_at: Date;
}

function toClient(row: ClientRow): Client {
  return {
    id: row.id,
    clientId: row.client_id,
    metadata: row.metadata,
    appRoles: row.app_roles,
    createdAt: row.created_at,
  };
}

export async function byId(tx: Transaction, clientId: string): Promise<Client | undefined> {
  const row = await tx<ClientRow>('clients').where('client_id', '=', clientId).first();
  return row && toClient(row);
}

export async function byObjectId(tx: Transaction, id: string): Promise<Client | undefined> {
  const row = await tx<ClientRow>('clients').where('id', '=', id).first();
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

export interface ClientFilter {
  readonly property: 'appId' | 'displayName';
  readonly operator: 'eq' | 'startswith';
  readonly value: string;
}

/** By `clientId`; at most `most` of them, from after that one on. */
export async function some(
  tx: Transaction,
  filter: ClientFilter | undefined,
  after: string | undefined,
  most: number,
): Promise<Client[]> {
  const query = filtered(tx, filter).orderByRaw('client_id collate "C"').limit(most).select('*');
  if (after !== undefined) query.whereRaw('client_id collate "C" > ?', [after]);
  return ((await query) as ClientRow[]).map(toClient);
}

export async function count(tx: Transaction, filter: ClientFilter | undefined): Promise<number> {
  const [row] = (await filtered(tx, filter).count('* as count')) as { count: string }[];
  return Number(row!.count);
}

function filtered(tx: Transaction, filter: ClientFilter | undefined) {
  const query = tx('clients');
  if (!filter) return query;
  if (filter.property === 'appId') return query.where('client_id', '=', filter.value);
  const name = "lower(coalesce(metadata->>'client_name', client_id))";
  return query.whereRaw(filter.operator === 'eq' ? `${name} = lower(?)` : `starts_with(${name}, lower(?))`, [
    filter.value,
  ]);
}

/** Makes the client, or changes the one of that `clientId`; its id and the day it was made stay. */
export async function put(
  tx: Transaction,
  now: Date,
  client: Pick<Client, 'clientId' | 'metadata' | 'appRoles'>,
): Promise<Client> {
  const [row] = await tx('clients')
    .insert({
      client_id: client.clientId,
      metadata: JSON.stringify(client.metadata),
      app_roles: client.appRoles,
      created_at: now,
      updated_at: now,
    })
    .onConflict('client_id')
    .merge(['metadata', 'app_roles', 'updated_at'])
    .returning('*');
  return toClient(row as ClientRow);
}

interface SecretRow {
  id: string;
  client_id: string;
  digest: string;
  display_name: string | null;
  hint: string | null;
  starts_at: Date;
  expires_at: Date | null;
  made_at: Date;
}

function toSecret(row: SecretRow): ClientSecret {
  return {
    keyId: row.id,
    displayName: row.display_name,
    hint: row.hint,
    startsAt: row.starts_at,
    expiresAt: row.expires_at,
  };
}

/** Of each of the clients, the oldest first; those that have ended too. */
export async function secretsOf(
  tx: Transaction,
  clientIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ClientSecret[]>> {
  const rows = await tx<SecretRow>('client_secrets').whereIn('client_id', clientIds).orderBy(['made_at', 'id']);
  return new Map(clientIds.map((id) => [id, rows.filter(({ client_id }) => client_id === id).map(toSecret)]));
}

/** What the client's secrets are known by, and when each ends. */
export async function digestsOf(
  tx: Transaction,
  clientId: string,
): Promise<{ digest: string; expiresAt: Date | null }[]> {
  return tx('client_secrets')
    .where('client_id', '=', clientId)
    .orderBy('digest')
    .select('digest', 'expires_at as expiresAt');
}

export async function addSecret(
  tx: Transaction,
  now: Date,
  clientId: string,
  { digest, ...secret }: ClientSecret & { readonly digest: string },
): Promise<void> {
  await tx('client_secrets').insert({
    id: secret.keyId,
    client_id: clientId,
    digest,
    display_name: secret.displayName,
    hint: secret.hint,
    starts_at: secret.startsAt,
    expires_at: secret.expiresAt,
    made_at: now,
  });
}

/** False when the client has no such secret. */
export async function removeSecret(tx: Transaction, clientId: string, keyId: string): Promise<boolean> {
  return (await tx('client_secrets').where('client_id', '=', clientId).where('id', '=', keyId).delete()) === 1;
}

export async function removeSecrets(tx: Transaction, clientId: string): Promise<void> {
  await tx('client_secrets').where('client_id', '=', clientId).delete();
}
