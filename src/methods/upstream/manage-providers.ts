import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { permit } from '../../roles/permit.ts';
import { credentialsFor, type OpenedCredentials, open, type PublicKey, type SealedCredentials } from './credentials.ts';
import { type Provider, type ProviderSettings, providerId } from './provider.ts';
import { type ProviderChange, settingsWith } from './provider-change.ts';
import * as upstreams from './store.ts';

export interface ProviderAsked {
  readonly id: string;
  readonly changes: ProviderChange;
  /** Absent: the one there is stays. */
  readonly clientSecret?: string | undefined;
  /** Plain http leads only from one localhost to another; absent: it leads nowhere. */
  readonly ourIssuer?: string | undefined;
}

/** A provider as administrators see it: that it has a secret follows from `clientAuthentication`, and more is not said of it. */
export interface ListedProvider {
  readonly provider: Provider;
  /** With `private_key_jwt`: what the provider has to know of our keys, first the one that signs. */
  readonly publicKeys: readonly PublicKey[];
  readonly createdAt: Date;
  readonly changedAt: Date;
}

/** Fails with `conflict` when there is one of that id, `invalid_input` for what cannot be. */
export async function createProvider(work: Work, asked: ProviderAsked): Promise<ListedProvider> {
  await permit(work, 'upstreams.write');
  const { id, changes, ourIssuer, clientSecret } = asked;
  if (!providerId.safeParse(id).success) {
    throw new AppError('invalid_input', 'id: must be lower case letters, digits and dashes between them, 64 at most.');
  }
  const settings = settingsWith(undefined, changes, ourIssuer);
  const credentials = await credentialsFor(work.secrets, { id, way: settings.clientAuthentication, clientSecret });
  if (!(await upstreams.insertProvider(work.tx, work.now, { id, settings, ...credentials }))) {
    throw new AppError('conflict', `There is already an identity provider ${id}.`);
  }
  work.record({ type: 'identity-provider.created', details: { identityProvider: id, before: {}, after: settings } });
  return listed({ provider: { id, ...settings }, ...credentials, createdAt: work.now, changedAt: work.now });
}

/**
 * Changes what is named and keeps the rest; nothing is recorded when it is as asked already. Fails with `not_found`,
 * `invalid_input`, or `conflict` for another issuer while people are linked: who they were there says nothing elsewhere.
 */
export async function changeProvider(work: Work, asked: ProviderAsked): Promise<ListedProvider> {
  await permit(work, 'upstreams.write');
  const { id, changes, ourIssuer, clientSecret } = asked;
  const existing = await upstreams.lockProvider(work.tx, id);
  if (!existing) throw noSuchProvider();
  const before = settingsOf(existing.provider);
  const settings = settingsWith(before, changes, ourIssuer);
  if (settings.issuer !== before.issuer) await demandNobodyLinked(work, id);
  const way = settings.clientAuthentication;
  const credentials = await credentialsFor(work.secrets, { id, way, clientSecret }, existing);
  const renewed = renewedOf(existing, credentials);
  if (isDeepStrictEqual(before, settings) && renewed.length === 0) return listed(existing);
  await upstreams.updateProvider(work.tx, work.now, { id, settings, ...credentials });
  work.record({
    type: 'identity-provider.changed',
    details: { identityProvider: id, before, after: settings, ...(renewed.length > 0 && { renewed }) },
  });
  return listed({ ...existing, provider: { id, ...settings }, ...credentials, changedAt: work.now });
}

/** Creates it, or changes what is named. */
export async function putProvider(work: Work, asked: ProviderAsked): Promise<ListedProvider> {
  await permit(work, 'upstreams.write');
  const existing = await upstreams.provider(work.tx, asked.id);
  return existing ? changeProvider(work, asked) : createProvider(work, asked);
}

export interface DeleteProvider {
  readonly id: string;
  /** Also while people are linked: their links go with it, and they sign in with what they have here. */
  readonly unlinks?: boolean | undefined;
}

/**
 * Takes the provider away with its domains. Fails with `not_found`, and with `conflict` that says how many people are linked.
 * Sessions that began there are ended by `deleteIdentityProvider`.
 */
export async function deleteProvider(
  work: Work,
  { id, unlinks = false }: DeleteProvider,
): Promise<{ readonly unlinked: number; readonly domains: readonly string[] }> {
  await permit(work, 'upstreams.write');
  const existing = await upstreams.lockProvider(work.tx, id);
  if (!existing) throw noSuchProvider();
  if (!unlinks) await demandNobodyLinked(work, id);
  const unlinked = await upstreams.removeIdentities(work.tx, id);
  const domains = await upstreams.removeDomainsOf(work.tx, id);
  await upstreams.removeProvider(work.tx, id);
  for (const { name, ...before } of domains) {
    work.record({ type: 'domain.deleted', details: { domain: name, before, after: {} } });
  }
  const before = settingsOf(existing.provider);
  work.record({ type: 'identity-provider.deleted', details: { identityProvider: id, unlinked, before, after: {} } });
  return { unlinked, domains: domains.map(({ name }) => name) };
}

export async function listProviders(work: Work): Promise<ListedProvider[]> {
  await permit(work, 'upstreams.read');
  return (await upstreams.providers(work.tx)).map(listed);
}

/** Fails with `not_found`. */
export async function readProvider(work: Work, id: string): Promise<ListedProvider> {
  await permit(work, 'upstreams.read');
  const existing = await upstreams.provider(work.tx, id);
  if (!existing) throw noSuchProvider();
  return listed(existing);
}

/** For everybody: the keys a provider checks us by (RFC 7517 §5). Fails with `not_found` for one that knows us by a secret. */
export async function providerKeys(work: Pick<Work, 'tx'>, id: string): Promise<{ keys: readonly PublicKey[] }> {
  const existing = await upstreams.provider(work.tx, id);
  if (!existing?.key) throw noSuchProvider();
  return { keys: publicKeysOf(existing) };
}

/** Where people can sign in now, by name. */
export async function enabledProviders(work: Pick<Work, 'tx'>): Promise<Provider[]> {
  const all = (await upstreams.providers(work.tx)).map(({ provider }) => provider);
  const byName = (a: Provider, b: Provider) => a.displayName.localeCompare(b.displayName, 'en');
  return all.filter(({ state }) => state === 'enabled').sort(byName);
}

/** For the sign-in that goes there; undefined when there is no such provider, also when it is disabled. */
export async function openProvider(
  work: Pick<Work, 'tx' | 'secrets'>,
  id: string,
): Promise<({ readonly provider: Provider } & OpenedCredentials) | undefined> {
  const found = await openAnyProvider(work, id);
  return found?.provider.state === 'enabled' ? found : undefined;
}

/** Whether people can still sign in there, at that issuer; then it stays so until the work ends. */
export function holdOpen(work: Pick<Work, 'tx'>, provider: Pick<Provider, 'id' | 'issuer'>): Promise<boolean> {
  return upstreams.holdOpen(work.tx, provider);
}

/** The same for a trial of it: disabled ones as well, and with the key of that id where one is named. Fails with `not_found` for that. */
export async function openAnyProvider(
  work: Pick<Work, 'tx' | 'secrets'>,
  id: string,
  keyId?: string,
): Promise<({ readonly provider: Provider } & OpenedCredentials) | undefined> {
  const existing = await upstreams.provider(work.tx, id);
  if (!existing) return undefined;
  const { key, other } = existing;
  const named = keyId === undefined ? key : [key, other].find((one) => one?.publicKey.kid === keyId);
  if (named === undefined) throw new AppError('not_found', 'There is no such key.');
  return { provider: existing.provider, ...open(work.secrets, id, { ...existing, key: named }) };
}

async function demandNobodyLinked(work: Work, id: string): Promise<void> {
  const linked = await upstreams.countIdentities(work.tx, id);
  if (linked === 0) return;
  throw new AppError(
    'conflict',
    `${linked === 1 ? 'One person is' : `${linked} people are`} linked with ${id}. Unlink them first, or ask for that along with deleting it.`,
  );
}

/** Which credentials are others now, by name: what is recorded of them. */
function renewedOf(before: SealedCredentials, after: SealedCredentials): string[] {
  return [
    ...(before.sealedSecret === after.sealedSecret ? [] : ['clientSecret']),
    ...(before.key === after.key ? [] : ['privateKey']),
  ];
}

function settingsOf({ id: _id, ...settings }: Provider): ProviderSettings {
  return settings;
}

function listed({ provider, createdAt, changedAt, ...sealed }: upstreams.StoredProvider): ListedProvider {
  return { provider, publicKeys: publicKeysOf(sealed), createdAt, changedAt };
}

function publicKeysOf({ key, other }: SealedCredentials): PublicKey[] {
  return [key, other].flatMap((one) => one?.publicKey ?? []);
}

function noSuchProvider(): AppError {
  return new AppError('not_found', 'There is no such identity provider.');
}
