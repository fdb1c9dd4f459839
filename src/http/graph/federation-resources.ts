import type { FederatedIdentity } from '../../methods/upstream/identity.ts';
import type { ListedProvider } from '../../methods/upstream/manage-providers.ts';
import type { FederatedDomain, Provider } from '../../methods/upstream/provider.ts';
import { graphDate } from './resources.ts';

export const secretAuthentication = '#microsoft.graph.oidcClientSecretAuthentication';
export const keyAuthentication = '#microsoft.graph.oidcPrivateJwtKeyClientAuthentication';

/** A provider under Graph's names, and ours for what Graph has none for. Of a secret nothing is said, not even its length. */
export function identityProviderResource({ provider, publicKey, createdAt, changedAt }: ListedProvider) {
  const { id, displayName, issuer, clientId, scopes, state, claims, assurance, ceiling } = provider;
  return {
    '@odata.type': '#microsoft.graph.oidcIdentityProvider',
    id,
    displayName,
    clientId,
    issuer,
    wellKnownEndpoint: wellKnownOf(issuer),
    responseType: 'code',
    scope: scopes.join(' '),
    clientAuthentication:
      provider.clientAuthentication === 'private_key_jwt'
        ? { '@odata.type': keyAuthentication, jwks: { keys: publicKey ? [publicKey] : [] } }
        : { '@odata.type': secretAuthentication, clientSecret: null, method: provider.clientAuthentication },
    inboundClaimMapping: { sub: 'sub', name: claims.displayName.claim, email: claims.mail.claim },
    endpointHosts: provider.endpointHosts,
    state,
    claims,
    assurance,
    ceiling,
    createUsers: provider.createUsers,
    endsSessionThere: provider.endsSessionThere,
    createdDateTime: graphDate(createdAt),
    lastModifiedDateTime: graphDate(changedAt),
  };
}

/** OpenID Connect Discovery 1.0 §4.1. */
export function wellKnownOf(issuer: Provider['issuer']): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** A domain under Graph's names. There are no others here than those whose people sign in elsewhere. */
export function domainResource({ name, providerId, mfaBehavior, straight }: FederatedDomain) {
  return {
    id: name,
    authenticationType: 'Federated',
    isVerified: true,
    federatedIdpMfaBehavior: mfaBehavior,
    identityProviderId: providerId,
    straight,
  };
}

/** Who somebody is at a provider, as Graph's `objectIdentity`, with an id to name it by. */
export function identityResource(identity: FederatedIdentity) {
  return {
    '@odata.type': '#microsoft.graph.objectIdentity',
    id: identity.id,
    signInType: 'federated',
    issuer: identity.issuer,
    issuerAssignedId: identity.sub,
    identityProviderId: identity.providerId,
    linkedDateTime: graphDate(identity.linkedAt),
    linkedBy: identity.linkedBy,
    lastUsedDateTime: identity.lastUsedAt && graphDate(identity.lastUsedAt),
    allowedAdministrator: identity.allowedAdministrator,
  };
}
