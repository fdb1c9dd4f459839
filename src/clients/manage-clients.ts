import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../core/errors.ts';
import { randomToken, type Secrets } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { demandGlobalAdministrator, permit } from '../roles/permit.ts';
import { type Client, type ClientChange, type ClientInput, toMetadata, withChanges } from './client.ts';
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
    details: { ...powersOf(client), grantTypes: client.metadata.grant_types, ...minimumChange(existing, client) },
  });
  return client;
}

/** Changes what is named and keeps the rest; owners are `setOwners`'s. Fails with `not_found`, or `invalid_input`. */
export async function changeClient(work: Work, clientId: string, changes: ClientChange): Promise<Client> {
  await permit(work, 'clients.write');
  const existing = await getClient(work, clientId);
  const appRoles = changes.app_roles === undefined ? existing.appRoles : (changes.app_roles ?? []);
  const client: Client = { ...existing, metadata: withChanges(existing, changes), appRoles };
  if (isDeepStrictEqual(existing, client)) return existing;
  if (!isDeepStrictEqual(powersOf(existing), powersOf(client))) {
    await demandGlobalAdministrator(work, 'What a client may do here is for Global Administrators alone to decide.');
  }
  await clients.put(work.tx, work.now, client);
  work.record({
    type: 'client.changed',
    clientId,
    details: {
      ...powersOf(client),
      grantTypes: client.metadata.grant_types,
      changed: Object.keys(changes),
      ...minimumChange(existing, client),
    },
  });
  return client;
}

/**
 * Makes a new secret and returns it, the only time it is seen; the one before stops at once.
 * Fails with `not_found`, or `conflict` for a public client, which would stop working with one.
 */
export async function renewClientSecret(work: Work, clientId: string): Promise<{ client: Client; secret: string }> {
  await permit(work, 'clients.write');
  const existing = await getClient(work, clientId);
  if (existing.secretDigest === null) {
    throw new AppError(
      'conflict',
      'This client is public: it has no secret. One with a secret comes from a seed file.',
    );
  }
  const { appRoles, delegatedPermissions } = powersOf(existing);
  if (appRoles.length + delegatedPermissions.length > 0) {
    // Whoever knows the secret has the powers.
    await demandGlobalAdministrator(work, 'This client has powers here. Global Administrators alone renew its secret.');
  }
  const secret = randomToken();
  const client: Client = { ...existing, secretDigest: secretDigest(work.secrets, clientId, secret) };
  await clients.put(work.tx, work.now, client);
  work.record({ type: 'client.secret-changed', clientId });
  return { client, secret };
}

/** Takes the client away with its owners. What it holds (grants, tokens) is ended by `deleteApp`, above. */
export async function deleteClient(work: Work, clientId: string): Promise<Client> {
  await permit(work, 'clients.write');
  const client = await getClient(work, clientId);
  await clients.remove(work.tx, clientId);
  work.record({ type: 'client.deleted', clientId });
  return client;
}

/** The client and its owners' ids. Fails with `not_found`. */
export async function clientAndOwners(
  work: Work,
  clientId: string,
): Promise<{ client: Client; ownerIds: readonly string[] }> {
  await permit(work, 'clients.write');
  return { client: await getClient(work, clientId), ownerIds: await clients.ownersOf(work.tx, clientId) };
}

/** On its locked row: of two changes at once, the second builds on the first. */
async function getClient(work: Work, clientId: string): Promise<Client> {
  const client = await clients.lock(work.tx, clientId);
  if (!client) throw new AppError('not_found', 'There is no such client.');
  return client;
}

function powersOf(client: Client | undefined) {
  return { appRoles: client?.appRoles ?? [], delegatedPermissions: client?.metadata.delegated_permissions ?? [] };
}

/** How strong a sign-in it takes, where that has changed: who looks for the day it was lowered finds it. */
function minimumChange(existing: Client | undefined, client: Client) {
  const [before, after] = [existing?.metadata.minimum_acr ?? null, client.metadata.minimum_acr ?? null];
  return before === after ? {} : { minimumAcr: { before, after } };
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
