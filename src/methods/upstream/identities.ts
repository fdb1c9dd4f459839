import { randomUUID } from 'node:crypto';
import { domainOf } from '../../core/domain-name.ts';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import type { Home, LinkedSignIn } from '../method.ts';
import type { FederatedIdentity, LinkedBy } from './identity.ts';
import * as upstreams from './store.ts';

export interface Link {
  readonly userId: string;
  readonly providerId: string;
  /** Absent: the provider's, which is the only one it can be. */
  readonly issuer?: string | undefined;
  readonly sub: string;
  readonly linkedBy: LinkedBy;
  readonly allowedAdministrator?: boolean | undefined;
}

/** What stood in the way of a link. */
export type NotLinked = { readonly kind: 'taken'; readonly by: string } | { readonly kind: 'hasOther' };

/** Who somebody is there, by what the provider says and nothing else. */
export function identityBy(
  work: Pick<Work, 'tx'>,
  asked: Pick<FederatedIdentity, 'providerId' | 'issuer' | 'sub'>,
): Promise<FederatedIdentity | undefined> {
  return upstreams.identity(work.tx, asked);
}

export function identitiesOf(work: Pick<Work, 'tx'>, userId: string): Promise<FederatedIdentity[]> {
  return upstreams.identitiesOf(work.tx, userId);
}

/** The same as ways in: whether each signs them in now, by its provider, by their roles and by the domain of their name. */
export async function linksOf(
  work: Pick<Work, 'tx'>,
  { id, userPrincipalName }: { readonly id: string; readonly userPrincipalName: string },
): Promise<LinkedSignIn[]> {
  const links = await upstreams.linksOf(work.tx, id);
  if (links.length === 0) return [];
  const home = await upstreams.realm(work.tx, domainOf(userPrincipalName));
  return links.map(({ providerId, id: linkId, at, linkedAt, lastUsedAt, opens }) => {
    const isBarred = home?.mfaBehavior === 'enforceMfaByFederatedIdp' && home.providerId !== providerId;
    return { id: linkId, method: 'upstream', at, linkedAt, lastUsedAt, opens: opens && !isBarred };
  });
}

export async function homeOf(work: Pick<Work, 'tx'>, userName: string): Promise<Home> {
  const home = await upstreams.realm(work.tx, domainOf(userName));
  if (!home) return 'here';
  return home.mfaBehavior === 'enforceMfaByFederatedIdp' ? 'elsewhere-alone' : 'elsewhere';
}

/**
 * Makes the link; the caller holds the user's lock and has asked whether it may be. What stands already is returned, and nothing
 * recorded. Fails with `invalid_input` for a provider that is not there, another issuer or a `sub` that none can be.
 */
export async function link(work: Work, asked: Link): Promise<FederatedIdentity | NotLinked> {
  const { userId, providerId, sub, linkedBy, allowedAdministrator = false } = asked;
  const found = await upstreams.shareProvider(work.tx, providerId);
  if (!found) throw new AppError('invalid_input', 'identityProviderId: there is no such identity provider.');
  const { issuer } = found.provider;
  if (asked.issuer !== undefined && asked.issuer !== issuer) {
    throw new AppError('invalid_input', `issuer: that of ${providerId} is ${issuer}, letter by letter.`);
  }
  // OpenID Connect Core 1.0 §2: 255 ASCII characters at most, and case counts.
  if (!/^[\x20-\x7e]{1,255}$/.test(sub)) {
    throw new AppError('invalid_input', 'issuerAssignedId: must be the sub of an ID token, 1 to 255 ASCII characters.');
  }
  const identity: FederatedIdentity = {
    id: randomUUID(),
    providerId,
    issuer,
    sub,
    userId,
    linkedAt: work.now,
    linkedBy,
    lastUsedAt: null,
    allowedAdministrator,
  };
  if (!(await upstreams.insertIdentity(work.tx, identity))) return inTheWay(work, identity);
  work.record({
    type: 'federated-identity.linked',
    userId,
    details: { identityProvider: providerId, identityId: identity.id, issuer, sub, linkedBy, allowedAdministrator },
  });
  return identity;
}

async function inTheWay(work: Work, asked: FederatedIdentity): Promise<FederatedIdentity | NotLinked> {
  const holder = await upstreams.identity(work.tx, asked);
  if (holder) return holder.userId === asked.userId ? holder : { kind: 'taken', by: holder.userId };
  return { kind: 'hasOther' };
}

/** Whether a link signs its user in also while they hold a role. Records nothing when it is so. */
export async function allow(work: Work, { id, userId }: FederatedIdentity, allowed: boolean): Promise<void> {
  if (!(await upstreams.setAllowedAdministrator(work.tx, { id, userId, allowedAdministrator: allowed }))) return;
  work.record({
    type: 'federated-identity.changed',
    userId,
    details: { identityId: id, before: { allowedAdministrator: !allowed }, after: { allowedAdministrator: allowed } },
  });
}

/** The caller holds the user's lock. Records nothing when it is gone already. */
export async function unlink(work: Work, { id, userId, providerId, issuer, sub }: FederatedIdentity): Promise<void> {
  if (!(await upstreams.removeIdentity(work.tx, id))) return;
  work.record({
    type: 'federated-identity.unlinked',
    userId,
    details: { identityProvider: providerId, identityId: id, issuer, sub },
  });
}
