import { z } from 'zod';
import { type FederatedIdentity, linkedByKinds } from '../../methods/upstream/identity.ts';
import type { ListedProvider } from '../../methods/upstream/manage-providers.ts';
import {
  clientAuthentications,
  type FederatedDomain,
  mfaBehaviors,
  type Provider,
  providerSettings,
} from '../../methods/upstream/provider.ts';
import { graphDate } from './resources.ts';
import { dateShape } from './shape.ts';

export const secretAuthentication = '#microsoft.graph.oidcClientSecretAuthentication';
export const keyAuthentication = '#microsoft.graph.oidcPrivateJwtKeyClientAuthentication';

const settings = providerSettings.shape;

/** RFC 7517 section 4. */
export const publicKeyShape = z.record(z.string(), z.unknown());

export const identityProviderShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.oidcIdentityProvider'),
    id: z.string(),
    displayName: z.string(),
    clientId: z.string(),
    issuer: z.string(),
    wellKnownEndpoint: z.string(),
    responseType: z.literal('code'),
    scope: z.string(),
    clientAuthentication: z.discriminatedUnion('@odata.type', [
      z.strictObject({
        '@odata.type': z.literal(keyAuthentication),
        jwks: z.strictObject({ keys: z.array(publicKeyShape) }),
      }),
      z.strictObject({
        '@odata.type': z.literal(secretAuthentication),
        clientSecret: z.null(),
        method: z.enum(clientAuthentications).exclude(['private_key_jwt']),
      }),
    ]),
    signingKeyId: z.string().nullable(),
    inboundClaimMapping: z.strictObject({ sub: z.literal('sub'), name: z.string(), email: z.string() }),
    endpointHosts: z.array(z.string()),
    state: settings.state.unwrap(),
    claims: settings.claims.unwrap(),
    assurance: settings.assurance.unwrap(),
    ceiling: settings.ceiling.unwrap(),
    createUsers: z.boolean(),
    endsSessionThere: z.boolean(),
    createdDateTime: dateShape,
    lastModifiedDateTime: dateShape,
  })
  .meta({ id: 'identityProvider' });

/** A provider under Graph's names, and ours for what Graph has none for. Of a secret nothing is said, not even its length. */
export function identityProviderResource({
  provider,
  publicKeys,
  createdAt,
  changedAt,
}: ListedProvider): z.output<typeof identityProviderShape> {
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
        ? { '@odata.type': keyAuthentication, jwks: { keys: [...publicKeys] } }
        : { '@odata.type': secretAuthentication, clientSecret: null, method: provider.clientAuthentication },
    signingKeyId: publicKeys[0]?.kid ?? null,
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

export const domainShape = z
  .strictObject({
    id: z.string(),
    authenticationType: z.literal('Federated'),
    isVerified: z.literal(true),
    federatedIdpMfaBehavior: z.enum(mfaBehaviors),
    identityProviderId: z.string(),
    straight: z.boolean(),
  })
  .meta({ id: 'domain' });

/** A domain under Graph's names. There are no others here than those whose people sign in elsewhere. */
export function domainResource({
  name,
  providerId,
  mfaBehavior,
  straight,
}: FederatedDomain): z.output<typeof domainShape> {
  return {
    id: name,
    authenticationType: 'Federated',
    isVerified: true,
    federatedIdpMfaBehavior: mfaBehavior,
    identityProviderId: providerId,
    straight,
  };
}

export const identityShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.objectIdentity'),
    id: z.guid(),
    signInType: z.literal('federated'),
    issuer: z.string(),
    issuerAssignedId: z.string(),
    identityProviderId: z.string(),
    linkedDateTime: dateShape,
    linkedBy: z.enum(linkedByKinds),
    lastUsedDateTime: dateShape.nullable(),
    allowedAdministrator: z.boolean(),
  })
  .meta({ id: 'identity' });

/** Who somebody is at a provider, as Graph's `objectIdentity`, with an id to name it by. */
export function identityResource(identity: FederatedIdentity): z.output<typeof identityShape> {
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
