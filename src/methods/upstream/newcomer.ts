import { domainOf } from '../../core/domain-name.ts';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { addUser, isNameTaken } from '../../users/manage-users.ts';
import type { RefusalReason, Verdict } from '../method.ts';
import { profileOf } from './claims.ts';
import { identityBy, link } from './identities.ts';
import type { FederatedIdentity } from './identity.ts';
import type { Provider, UpstreamIdentity } from './provider.ts';
import * as upstreams from './store.ts';

type Refused = Extract<Verdict, { verified: false }>;

export function refuse(reason: RefusalReason, more: Omit<Refused, 'verified' | 'reason'> = {}): Refused {
  return { verified: false, reason, ...more };
}

/**
 * Makes a user, without roles, of somebody whom nobody here knows; or says why not, and makes nothing. A user of that name is never
 * taken for the person: whoever runs the provider decides what it says in its claims.
 */
export async function newcomer(
  work: Work,
  provider: Provider,
  identity: UpstreamIdentity,
  signedInUserId: string | null,
): Promise<FederatedIdentity | Refused> {
  const { userPrincipalName, displayName, mail } = profileOf(identity, provider.claims, 'creation');
  const domain = userPrincipalName === undefined ? null : domainOf(userPrincipalName);
  const realm = await upstreams.realm(work.tx, domain);
  // What the provider says of other people's domains is nothing to go by, not even to say whether there is such a user.
  if (userPrincipalName === undefined || realm?.providerId !== provider.id) return refuse('identity_unknown');
  if (await isNameTaken(work, userPrincipalName)) return refuse('name_taken', { as: userPrincipalName });
  if (!provider.createUsers) return refuse('identity_unknown', { as: userPrincipalName });
  if (signedInUserId) return refuse('signed_in_as_other', { as: userPrincipalName });
  if (!(await upstreams.holdOpen(work.tx, provider))) return refuse('policy');

  const by = { identityProvider: provider.id };
  const user = await addUser(
    work,
    { userPrincipalName, displayName: displayName ?? userPrincipalName, mail: mail ?? null },
    by,
  );
  const asked = { providerId: provider.id, issuer: identity.issuer, sub: identity.sub };
  // Two tabs of one newcomer: the other one was first.
  if (!user) return (await identityBy(work, asked)) ?? refuse('name_taken', { as: userPrincipalName });
  const made = await link(work, { ...asked, userId: user.id, linkedBy: 'creation' });
  if ('kind' in made) throw new AppError('conflict', 'Somebody else was linked with that identity meanwhile.');
  return made;
}
