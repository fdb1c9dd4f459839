import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import { randomToken, type Secrets } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { demandGlobalAdministrator, permit } from '../roles/permit.ts';
import {
  type Client,
  type ClientChange,
  type ClientInput,
  type ClientSecret,
  contradictions,
  isConfidential,
  type NewClient,
  toMetadata,
  withChanges,
} from './client.ts';
import * as clients from './store.ts';
import type { ClientFilter } from './store.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How a secret is known here: keyed, because seed files hold secrets that people made up. */
export function secretDigest(secrets: Secrets, clientId: string, secret: string): string {
  return secrets.keyedHash('client-secret', clientId, secret).toString('base64url');
}

/** Creates the client or replaces what it was, its secrets included; records nothing when it is as asked already. */
export async function putClient(work: Work, input: ClientInput): Promise<Client> {
  await permit(work, 'clients.write');
  if (input.client_id.startsWith('latchkey-')) {
    throw new AppError('invalid_input', 'client_id must not start with "latchkey-": those names are our own.');
  }
  const clientId = input.client_id;
  const client = { clientId, metadata: toMetadata(input), appRoles: input.app_roles ?? [] };
  const secret = input.client_secret;
  const digests =
    secret === undefined ? [] : [{ digest: secretDigest(work.secrets, clientId, secret), expiresAt: null }];
  const existing = await clients.byId(work.tx, clientId);
  const sameSecrets = isDeepStrictEqual(await clients.digestsOf(work.tx, clientId), digests);
  if (existing && sameSecrets && isSame(existing, client)) return existing;
  await demandPower(work, existing, client);
  const kept = await clients.put(work.tx, work.now, client);
  if (!sameSecrets) await clients.removeSecrets(work.tx, clientId);
  for (const { digest } of sameSecrets ? [] : digests) {
    await clients.addSecret(work.tx, work.now, clientId, { ...endless(work), digest });
  }
  recordPut(work, existing, kept);
  return kept;
}

/** A new client under a name of ours, without a secret yet. Fails with `invalid_input` for what does not go together. */
export async function createClient(work: Work, asked: NewClient): Promise<Client> {
  await permit(work, 'clients.write');
  const { app_roles, token_endpoint_auth_method: method = 'client_secret_basic', ...rest } = asked;
  const clientId = randomUUID();
  const confidential = method !== 'none';
  const metadata = toMetadata({
    ...rest,
    token_endpoint_auth_method: method,
    client_id: clientId,
    ...(confidential && { client_secret: 'to come' }),
  });
  const [mistake] = contradictions(metadata, confidential);
  if (mistake) throw new AppError('invalid_input', `${mistake.name} ${mistake.message}.`);
  const client = { clientId, metadata, appRoles: app_roles ?? [] };
  await demandPower(work, undefined, client);
  const kept = await clients.put(work.tx, work.now, client);
  recordPut(work, undefined, kept);
  return kept;
}

/** Changes what is named and keeps the rest; owners are `setOwners`'s. Fails with `not_found`, or `invalid_input`. */
export async function changeClient(work: Work, clientId: string, changes: ClientChange): Promise<Client> {
  await permit(work, 'clients.write');
  const existing = await getClient(work, clientId);
  const appRoles = changes.app_roles === undefined ? existing.appRoles : (changes.app_roles ?? []);
  const client: Client = { ...existing, metadata: withChanges(existing, changes), appRoles };
  if (isDeepStrictEqual(existing, client)) return existing;
  await demandPower(work, existing, client);
  await clients.put(work.tx, work.now, client);
  recordPut(work, existing, client, { changed: Object.keys(changes) });
  return client;
}

type Content = Pick<Client, 'clientId' | 'metadata' | 'appRoles'>;

function isSame(existing: Client, { metadata, appRoles }: Content): boolean {
  return isDeepStrictEqual([existing.metadata, existing.appRoles], JSON.parse(JSON.stringify([metadata, appRoles])));
}

/**
 * What a client may do here is for Global Administrators alone, and so is all else of one that has powers: whoever may give it a
 * secret, or an address that codes are sent to, has what it has.
 */
async function demandPower(work: Work, existing: Client | undefined, client: Content | undefined): Promise<void> {
  if (!hasPowers(existing) && !hasPowers(client)) return;
  await demandGlobalAdministrator(
    work,
    isDeepStrictEqual(powersOf(existing), powersOf(client))
      ? 'This client has powers here. Global Administrators alone look after it.'
      : 'What a client may do here is for Global Administrators alone to decide.',
  );
}

function recordPut(work: Work, existing: Client | undefined, client: Client, more: object = {}): void {
  work.record({
    type: existing ? 'client.changed' : 'client.created',
    clientId: client.clientId,
    details: {
      ...powersOf(client),
      grantTypes: client.metadata.grant_types,
      ...more,
      ...minimumChange(existing, client),
    },
  });
}

/**
 * Makes a new secret and returns it, the only time it is seen; those before stop at once.
 * Fails with `not_found`, or `conflict` for a public client, which would stop working with one.
 */
export async function renewClientSecret(work: Work, clientId: string): Promise<{ client: Client; secret: string }> {
  await permit(work, 'clients.write');
  const client = await clientForSecrets(work, clientId);
  await clients.removeSecrets(work.tx, clientId);
  const { secret } = await makeSecret(work, clientId, endless(work));
  work.record({ type: 'client.secret-changed', clientId });
  return { client, secret };
}

/** What is asked of a new secret: from now on, for two years, where it does not say. */
export interface NewSecret {
  readonly displayName?: string | null | undefined;
  readonly startsAt?: Date | undefined;
  readonly expiresAt?: Date | undefined;
}

export type MadeSecret = ClientSecret & { readonly secret: string };

const mostSecrets = 2;
const usualYears = 2;

/**
 * A second secret beside the one in use, so that an app can change over without a break. Returned this once. Fails with
 * `not_found`, `invalid_input` for dates, `conflict` for a public client or one that has two which have not ended.
 */
export async function addClientSecret(work: Work, clientId: string, asked: NewSecret): Promise<MadeSecret> {
  await permit(work, 'clients.write');
  await clientForSecrets(work, clientId);
  const { startsAt = work.now, expiresAt = yearsAfter(work.now, usualYears) } = asked;
  if (expiresAt <= work.now || expiresAt <= startsAt) {
    throw new AppError('invalid_input', 'endDateTime must be in the future, and after startDateTime.');
  }
  const had = (await clients.secretsOf(work.tx, [clientId])).get(clientId)!;
  const ended = had.filter((one) => one.expiresAt !== null && one.expiresAt <= work.now);
  if (had.length - ended.length >= mostSecrets) {
    throw new AppError('conflict', `The client has ${mostSecrets} secrets already. Remove the one that is not used.`);
  }
  for (const { keyId } of ended) await clients.removeSecret(work.tx, clientId, keyId);
  const displayName = asked.displayName ?? null;
  const made = await makeSecret(work, clientId, { ...endless(work), displayName, startsAt, expiresAt });
  const details = { keyId: made.keyId, startDateTime: startsAt, endDateTime: expiresAt };
  work.record({ type: 'client.secret-added', clientId, details });
  return made;
}

/** It stops at once; tokens that it fetched stay. Fails with `not_found`. */
export async function removeClientSecret(work: Work, clientId: string, keyId: string): Promise<void> {
  await permit(work, 'clients.write');
  await clientForSecrets(work, clientId);
  if (!uuid.test(keyId) || !(await clients.removeSecret(work.tx, clientId, keyId))) {
    throw new AppError('not_found', 'The client has no such secret.');
  }
  work.record({ type: 'client.secret-removed', clientId, details: { keyId } });
}

async function makeSecret(work: Work, clientId: string, terms: ClientSecret): Promise<MadeSecret> {
  const secret = randomToken();
  const made = { ...terms, hint: secret.slice(0, 3) };
  const digest = secretDigest(work.secrets, clientId, secret);
  await clients.addSecret(work.tx, work.now, clientId, { ...made, digest });
  return { ...made, secret };
}

function endless({ now }: Work): ClientSecret {
  return { keyId: randomUUID(), displayName: null, hint: null, startsAt: now, expiresAt: null };
}

function yearsAfter(at: Date, years: number): Date {
  const later = new Date(at);
  later.setUTCFullYear(at.getUTCFullYear() + years);
  return later;
}

/** On its locked row; whoever knows the secret of one with powers has them. */
async function clientForSecrets(work: Work, clientId: string): Promise<Client> {
  const client = await getClient(work, clientId);
  await demandPower(work, client, client);
  if (isConfidential(client)) return client;
  throw new AppError('conflict', 'This client is public: it has no secret. One with a secret is another client.');
}

/** Takes the client away with its owners. What it holds (grants, tokens) is ended by `deleteApp`, above. */
export async function deleteClient(work: Work, clientId: string): Promise<Client> {
  await permit(work, 'clients.write');
  const client = await getClient(work, clientId);
  await demandPower(work, client, client);
  await clients.remove(work.tx, clientId);
  work.record({ type: 'client.deleted', clientId });
  return client;
}

/** The client, its secrets and its owners' ids. Fails with `not_found`. */
export async function clientAndOwners(
  work: Work,
  clientId: string,
): Promise<{ client: Client; secrets: readonly ClientSecret[]; ownerIds: readonly string[] }> {
  await permit(work, 'clients.read');
  const client = await clients.byId(work.tx, clientId);
  if (!client) throw noSuchClient();
  const secrets = (await clients.secretsOf(work.tx, [clientId])).get(clientId)!;
  return { client, secrets, ownerIds: await clients.ownersOf(work.tx, clientId) };
}

/** Finds a client by its object id, as the API addresses it. Fails with `not_found`. */
export async function clientIdOf(work: Work, id: string, action: 'clients.read' | 'clients.write'): Promise<string> {
  await permit(work, action);
  const client = uuid.test(id) ? await clients.byObjectId(work.tx, id) : undefined;
  if (!client) throw noSuchClient();
  return client.clientId;
}

export interface ClientsAsked extends PageAsked {
  readonly filter?: ClientFilter | undefined;
}

export interface ClientListed {
  readonly client: Client;
  readonly secrets: readonly ClientSecret[];
}

/** Clients by name, a page at a time. */
export async function pageOfClients(work: Work, asked: ClientsAsked): Promise<Page<ClientListed>> {
  await permit(work, 'clients.read');
  const { filter } = asked;
  const list = ['clients', ...(filter ? [filter.property, filter.operator, filter.value] : [])];
  const [after] = keysAfter(work.secrets, list, asked) ?? [];
  const found = await clients.some(work.tx, filter, after, asked.top + 1);
  const secrets = await clients.secretsOf(
    work.tx,
    found.map(({ clientId }) => clientId),
  );
  const listed = found.map((client) => ({ client, secrets: secrets.get(client.clientId)! }));
  return pageOf(work.secrets, list, asked, listed, ({ client }) => [client.clientId]);
}

export async function countClients(work: Work, filter?: ClientFilter): Promise<number> {
  await permit(work, 'clients.read');
  return clients.count(work.tx, filter);
}

/** On its locked row: of two changes at once, the second builds on the first. */
async function getClient(work: Work, clientId: string): Promise<Client> {
  const client = await clients.lock(work.tx, clientId);
  if (!client) throw noSuchClient();
  return client;
}

function noSuchClient(): AppError {
  return new AppError('not_found', 'There is no such client.');
}

function hasPowers(client: Content | undefined): boolean {
  const { appRoles, delegatedPermissions } = powersOf(client);
  return appRoles.length + delegatedPermissions.length > 0;
}

function powersOf(client: Content | undefined) {
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

/** Fails with `not_found`, or `invalid_input` when the user owns the client already. */
export async function addOwner(work: Work, clientId: string, userId: string): Promise<void> {
  await permit(work, 'clients.write');
  await getClient(work, clientId);
  const owners = await clients.ownersOf(work.tx, clientId);
  if (owners.includes(userId)) throw new AppError('invalid_input', 'This user owns the client already.');
  await setOwners(work, clientId, [...owners, userId]);
}

/** Fails with `not_found` when the user does not own the client. */
export async function removeOwner(work: Work, clientId: string, userId: string): Promise<void> {
  await permit(work, 'clients.write');
  await getClient(work, clientId);
  const owners = await clients.ownersOf(work.tx, clientId);
  if (!owners.includes(userId)) throw new AppError('not_found', 'This user does not own the client.');
  await setOwners(
    work,
    clientId,
    owners.filter((owner) => owner !== userId),
  );
}

export async function listClients(work: Work): Promise<Client[]> {
  await permit(work, 'clients.read');
  return clients.list(work.tx);
}
