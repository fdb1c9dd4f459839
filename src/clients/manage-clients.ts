import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../core/errors.ts';
import type { Secrets } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { demandGlobalAdministrator, permit } from '../roles/permit.ts';
import { type Client, type ClientInput, toMetadata } from './client.ts';
import * as clients from './store.ts';

/** How a secret is known here: keyed, because seed files hold secrets that people made up. */
export function secretDigest(secrets: Secrets, clientId: string, secret: string): string {
  return secrets.keyedHash('client-secret', clientId, secret).toString('base64url');
}

/** Creates the client or replaces what it was; records nothing when it is as asked already. */
export async function putClient(work: Work, input: ClientInput): Promise<Client> {
  await permit(work, 'clients.write');
  if (input.client_id.startsWith('latchkey-')) {
    throw new AppError('invalid_input', 'client_id must not start with "latchkey-": those names are our own.');
  }
  const client: Client = {
    clientId: input.client_id,
    metadata: toMetadata(input),
    secretDigest:
      input.client_secret === undefined ? null : secretDigest(work.secrets, input.client_id, input.client_secret),
    appRoles: input.app_roles ?? [],
  };
  const existing = await clients.byId(work.tx, client.clientId);
  if (existing && isDeepStrictEqual(existing, JSON.parse(JSON.stringify(client)))) return existing;
  if (!isDeepStrictEqual(powersOf(existing), powersOf(client))) {
    await demandGlobalAdministrator(work, 'What a client may do here is for Global Administrators alone to decide.');
  }
  await clients.put(work.tx, work.now, client);
  work.record({
    type: existing ? 'client.changed' : 'client.created',
    clientId: client.clientId,
    details: { ...powersOf(client), grantTypes: client.metadata.grant_types },
  });
  return client;
}

function powersOf(client: Client | undefined) {
  return { appRoles: client?.appRoles ?? [], delegatedPermissions: client?.metadata.delegated_permissions ?? [] };
}

/** Whose client it is; nobody gets a pass through a client of their own. Replaces the owners there were. */
export async function setOwners(work: Work, clientId: string, userIds: readonly string[]): Promise<void> {
  await permit(work, 'clients.write');
  await demandGlobalAdministrator(work, 'Who owns a client is for Global Administrators alone to decide.');
  const before = await clients.ownersOf(work.tx, clientId);
  const owners = [...new Set(userIds)].sort();
  if (isDeepStrictEqual(before, owners)) return;
  await clients.setOwners(work.tx, clientId, owners);
  work.record({ type: 'client.owners-changed', clientId, details: { before, owners } });
}

export async function listClients(work: Work): Promise<Client[]> {
  await permit(work, 'clients.write');
  return clients.list(work.tx);
}
