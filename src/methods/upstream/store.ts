import type { Transaction } from '../../core/work.ts';
import type { PublicKey, SealedCredentials, SealedKey } from './credentials.ts';
import type { FederatedIdentity, LinkedBy } from './identity.ts';
import {
  type FederatedDomain,
  type MfaBehavior,
  type Provider,
  type ProviderSettings,
  providerSettings,
} from './provider.ts';

interface ProviderRow {
  id: string;
  settings: unknown;
  client_secret: Buffer | null;
  private_key: Buffer | null;
  public_key: PublicKey | null;
  other_private_key: Buffer | null;
  other_public_key: PublicKey | null;
  created_at: Date;
  changed_at: Date;
}

export interface StoredProvider extends SealedCredentials {
  readonly provider: Provider;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

function toProvider(row: ProviderRow): StoredProvider {
  return {
    provider: { id: row.id, ...providerSettings.parse(row.settings) },
    sealedSecret: row.client_secret,
    key: toKey(row.private_key, row.public_key),
    other: toKey(row.other_private_key, row.other_public_key),
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

function toKey(sealedKey: Buffer | null, publicKey: PublicKey | null): SealedKey | null {
  return sealedKey && publicKey && { sealedKey, publicKey };
}

export async function providers(tx: Transaction): Promise<StoredProvider[]> {
  return (await tx<ProviderRow>('identity_providers').orderBy('id')).map(toProvider);
}

export async function provider(tx: Transaction, id: string): Promise<StoredProvider | undefined> {
  const row = await tx<ProviderRow>('identity_providers').where('id', '=', id).first();
  return row && toProvider(row);
}

/** Held still until the work ends: its links take turns with its end. */
export async function lockProvider(tx: Transaction, id: string): Promise<StoredProvider | undefined> {
  const row = await tx<ProviderRow>('identity_providers').where('id', '=', id).forUpdate().first();
  return row && toProvider(row);
}

/** Read for a link: it may be linked to by many at once, and neither changes nor goes meanwhile. */
export async function shareProvider(tx: Transaction, id: string): Promise<StoredProvider | undefined> {
  const row = await tx<ProviderRow>('identity_providers').where('id', '=', id).forShare().first();
  return row && toProvider(row);
}

/** Whether people can sign in there now, at that issuer; it stays so until the work ends. */
export async function holdOpen(tx: Transaction, { id, issuer }: Pick<Provider, 'id' | 'issuer'>): Promise<boolean> {
  const held = await shareProvider(tx, id);
  return held?.provider.state === 'enabled' && held.provider.issuer === issuer;
}

/** False when there is one of that id. */
export async function insertProvider(
  tx: Transaction,
  now: Date,
  asked: SealedCredentials & { readonly id: string; readonly settings: ProviderSettings },
): Promise<boolean> {
  const inserted = await tx('identity_providers')
    .insert({ id: asked.id, ...columnsOf(asked), created_at: now, changed_at: now })
    .onConflict('id')
    .ignore()
    .returning('id');
  return inserted.length === 1;
}

export async function updateProvider(
  tx: Transaction,
  now: Date,
  asked: SealedCredentials & { readonly id: string; readonly settings: ProviderSettings },
): Promise<void> {
  await tx('identity_providers')
    .where('id', '=', asked.id)
    .update({ ...columnsOf(asked), changed_at: now });
}

/** Which one signs, and which is published beside it. */
export async function setKeys(
  tx: Transaction,
  now: Date,
  id: string,
  keys: Pick<SealedCredentials, 'key' | 'other'>,
): Promise<void> {
  await tx('identity_providers')
    .where('id', '=', id)
    .update({ ...keyColumns(keys), changed_at: now });
}

function columnsOf({ settings, sealedSecret, ...keys }: SealedCredentials & { settings: ProviderSettings }) {
  return { settings: JSON.stringify(settings), client_secret: sealedSecret, ...keyColumns(keys) };
}

function keyColumns({ key, other }: Pick<SealedCredentials, 'key' | 'other'>) {
  return {
    private_key: key?.sealedKey ?? null,
    public_key: key && JSON.stringify(key.publicKey),
    other_private_key: other?.sealedKey ?? null,
    other_public_key: other && JSON.stringify(other.publicKey),
  };
}

export async function removeProvider(tx: Transaction, id: string): Promise<void> {
  await tx('identity_providers').where('id', '=', id).delete();
}

interface DomainRow {
  name: string;
  provider_id: string;
  mfa_behavior: MfaBehavior;
  straight: boolean;
}

function toDomain(row: DomainRow): FederatedDomain {
  return { name: row.name, providerId: row.provider_id, mfaBehavior: row.mfa_behavior, straight: row.straight };
}

export async function domains(tx: Transaction): Promise<FederatedDomain[]> {
  return (await tx<DomainRow>('identity_provider_domains').orderBy('name')).map(toDomain);
}

export async function domain(tx: Transaction, name: string): Promise<FederatedDomain | undefined> {
  const row = await tx<DomainRow>('identity_provider_domains').where('name', '=', name).first();
  return row && toDomain(row);
}

export async function lockDomain(tx: Transaction, name: string): Promise<FederatedDomain | undefined> {
  const row = await tx<DomainRow>('identity_provider_domains').where('name', '=', name).forUpdate().first();
  return row && toDomain(row);
}

/** False when somebody has added it meanwhile. */
export async function insertDomain(tx: Transaction, asked: FederatedDomain): Promise<boolean> {
  const { name, providerId, mfaBehavior, straight } = asked;
  const inserted = await tx('identity_provider_domains')
    .insert({ name, provider_id: providerId, mfa_behavior: mfaBehavior, straight })
    .onConflict('name')
    .ignore()
    .returning('name');
  return inserted.length === 1;
}

export async function updateDomain(tx: Transaction, { name, mfaBehavior, straight }: FederatedDomain): Promise<void> {
  await tx('identity_provider_domains').where('name', '=', name).update({ mfa_behavior: mfaBehavior, straight });
}

/** What was removed; undefined when there was no such domain. */
export async function removeDomain(tx: Transaction, name: string): Promise<FederatedDomain | undefined> {
  const [row] = await tx('identity_provider_domains').where('name', '=', name).delete().returning<DomainRow[]>('*');
  return row && toDomain(row);
}

export async function removeDomainsOf(tx: Transaction, providerId: string): Promise<FederatedDomain[]> {
  const rows = await tx('identity_provider_domains')
    .where('provider_id', '=', providerId)
    .delete()
    .returning<DomainRow[]>('*');
  return rows.map(toDomain);
}

interface IdentityRow {
  id: string;
  provider_id: string;
  issuer: string;
  sub: string;
  user_id: string;
  linked_at: Date;
  linked_by: LinkedBy;
  last_used_at: Date | null;
  allowed_administrator: boolean;
}

function toIdentity(row: IdentityRow): FederatedIdentity {
  return {
    id: row.id,
    providerId: row.provider_id,
    issuer: row.issuer,
    sub: row.sub,
    userId: row.user_id,
    linkedAt: row.linked_at,
    linkedBy: row.linked_by,
    lastUsedAt: row.last_used_at,
    allowedAdministrator: row.allowed_administrator,
  };
}

export async function countIdentities(tx: Transaction, providerId: string): Promise<number> {
  const [row] = await tx('federated_identities')
    .where('provider_id', '=', providerId)
    .count<{ count: string }[]>('* as count');
  return Number(row!.count);
}

export async function removeIdentities(tx: Transaction, providerId: string): Promise<number> {
  return tx('federated_identities').where('provider_id', '=', providerId).delete();
}

export async function identitiesOf(tx: Transaction, userId: string): Promise<FederatedIdentity[]> {
  return (await tx<IdentityRow>('federated_identities').where('user_id', '=', userId).orderBy('provider_id')).map(
    toIdentity,
  );
}

/** Each with the name of its provider, and whether it signs its user in: at home where the domain of the user does not say otherwise. */
export async function linksOf(
  tx: Transaction,
  userId: string,
): Promise<(FederatedIdentity & { readonly at: string; readonly opens: boolean })[]> {
  const rows = await tx<IdentityRow & { at: string; opens: boolean }>('federated_identities as f')
    .join('identity_providers as p', 'p.id', 'f.provider_id')
    .where('f.user_id', '=', userId)
    .orderBy('f.provider_id')
    .select(
      'f.*',
      tx.raw("p.settings->>'displayName' as at"),
      tx.raw('exists (select 1 from open_identities o where o.id = f.id) as opens'),
    );
  return rows.map((row) => ({ ...toIdentity(row), at: row.at, opens: row.opens }));
}

export async function identity(
  tx: Transaction,
  { providerId, issuer, sub }: Pick<FederatedIdentity, 'providerId' | 'issuer' | 'sub'>,
): Promise<FederatedIdentity | undefined> {
  const row = await tx<IdentityRow>('federated_identities')
    .where('provider_id', '=', providerId)
    .where('issuer', '=', issuer)
    .where('sub', '=', sub)
    .first();
  return row && toIdentity(row);
}

/** False when the identity is somebody's, or its user has one at the provider. */
export async function insertIdentity(tx: Transaction, asked: FederatedIdentity): Promise<boolean> {
  const inserted = await tx('federated_identities')
    .insert({
      id: asked.id,
      provider_id: asked.providerId,
      issuer: asked.issuer,
      sub: asked.sub,
      user_id: asked.userId,
      linked_at: asked.linkedAt,
      linked_by: asked.linkedBy,
      last_used_at: asked.lastUsedAt,
      allowed_administrator: asked.allowedAdministrator,
    })
    .onConflict()
    .ignore()
    .returning('id');
  return inserted.length === 1;
}

/** False when it was so before, or this user has no such identity. */
export async function setAllowedAdministrator(
  tx: Transaction,
  { userId, id, allowedAdministrator }: Pick<FederatedIdentity, 'userId' | 'id' | 'allowedAdministrator'>,
): Promise<boolean> {
  const count = await tx('federated_identities')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('allowed_administrator', '=', !allowedAdministrator)
    .update({ allowed_administrator: allowedAdministrator });
  return count === 1;
}

/** False when it is gone. */
export async function removeIdentity(tx: Transaction, id: string): Promise<boolean> {
  return (await tx('federated_identities').where('id', '=', id).delete()) === 1;
}

/** A browser that was sent to a provider, as it is kept. */
export interface OpenCeremony {
  readonly providerId: string;
  /** Digest of the sign-in, or of the session that links. */
  readonly owner: Buffer;
  /** Digest of the browser cookie. */
  readonly browser: Buffer;
  readonly sealed: Buffer;
  readonly to:
    | { readonly purpose: 'sign-in'; readonly uid: string }
    | { readonly purpose: 'link'; readonly userId: string };
}

interface CeremonyRow {
  provider_id: string;
  owner: Buffer;
  browser: Buffer;
  purpose: 'sign-in' | 'link';
  uid: string | null;
  user_id: string | null;
  sealed: Buffer;
}

/**
 * Keeps it, and of its owner's no more than the newest `most`: whoever goes on in several tabs still comes back in each. False when
 * the provider is gone, disabled or another by now, or the domain leads elsewhere; and it stays as it is until the work ends.
 */
export async function openCeremony(
  tx: Transaction,
  asked: OpenCeremony & {
    readonly state: Buffer;
    readonly issuer: string;
    /** Null: no domain led there. */
    readonly domain: string | null;
    readonly now: Date;
    readonly expiresAt: Date;
    readonly most: number;
  },
): Promise<boolean> {
  const { to } = asked;
  const uid = to.purpose === 'sign-in' ? to.uid : null;
  const userId = to.purpose === 'link' ? to.userId : null;
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `insert into upstream_ceremonies
       (state, provider_id, owner, browser, purpose, uid, user_id, sealed, created_at, expires_at)
     select :state, p.id, :owner, :browser, :purpose, :uid, :userId, :sealed, :now, :expiresAt
       from identity_providers p
      where p.id = :providerId and p.settings->>'issuer' = :issuer and p.settings->>'state' = 'enabled'
        and (:domain::text is null
             or exists (select 1 from identity_provider_domains d where d.name = :domain and d.provider_id = p.id))
        for share of p
     returning state`,
    { ...asked, purpose: to.purpose, uid, userId } as never,
  );
  if (rows.length === 0) return false;
  await tx.raw(
    `delete from upstream_ceremonies where state in (
       select state from upstream_ceremonies where owner = ? order by created_at desc, state offset ? for update skip locked)`,
    [asked.owner, asked.most],
  );
  return true;
}

/** Takes it, once: of any number of requests with one state, one gets it. */
export async function takeCeremony(
  tx: Transaction,
  now: Date,
  asked: { readonly state: Buffer; readonly browser: Buffer; readonly providerId: string },
): Promise<OpenCeremony | undefined> {
  const [row] = await tx('upstream_ceremonies')
    .where('state', '=', asked.state)
    .where('browser', '=', asked.browser)
    .where('provider_id', '=', asked.providerId)
    .where('expires_at', '>', now)
    .delete()
    .returning<CeremonyRow[]>('*');
  if (!row) return undefined;
  const { provider_id: providerId, owner, browser, sealed } = row;
  const to =
    row.purpose === 'link' ? { purpose: row.purpose, userId: row.user_id! } : { purpose: row.purpose, uid: row.uid! };
  return { providerId, owner, browser, sealed, to };
}

export async function deleteExpiredCeremonies(tx: Transaction, now: Date): Promise<number> {
  return tx('upstream_ceremonies').where('expires_at', '<', now).delete();
}

/** Where the people of the domain sign in now; undefined where that is here. */
export async function realm(
  tx: Transaction,
  domain: string | null,
): Promise<Pick<FederatedDomain, 'providerId' | 'mfaBehavior'> | undefined> {
  const row = await tx('home_realms')
    .where('domain', '=', domain ?? '')
    .first<Pick<DomainRow, 'provider_id' | 'mfa_behavior'> | undefined>();
  return row && { providerId: row.provider_id, mfaBehavior: row.mfa_behavior };
}

/** Marks the link used; false when it is gone, or its user or provider may not sign in any more. The user is locked. */
export async function markUsed(tx: Transaction, now: Date, { id, userId }: FederatedIdentity): Promise<boolean> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `update federated_identities f set last_used_at = :now from users u, identity_providers p
      where f.id = :id and f.user_id = :userId and u.id = f.user_id and u.account_enabled
        and p.id = f.provider_id and p.settings->>'state' = 'enabled' and p.settings->>'issuer' = f.issuer`,
    { now, id, userId } as never,
  );
  return rowCount === 1;
}
