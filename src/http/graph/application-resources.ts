import { type Client, type ClientSecret, isConfidential } from '../../clients/client.ts';
import type { MadeSecret } from '../../clients/manage-clients.ts';
import { graphDate } from './resources.ts';

/** A client in Graph's shape; what OpenID Connect says of it stands under `oidc`, in the words of RFC 7591. */
export function applicationResource(client: Client, secrets: readonly ClientSecret[]) {
  const { client_name, ...metadata } = client.metadata;
  return {
    id: client.id,
    appId: client.clientId,
    displayName: client_name ?? client.clientId,
    createdDateTime: graphDate(client.createdAt),
    isFallbackPublicClient: !isConfidential(client),
    passwordCredentials: secrets.map(passwordCredential),
    oidc: { ...metadata, app_roles: client.appRoles },
  };
}

export const applicationProperties = [
  'id',
  'appId',
  'displayName',
  'createdDateTime',
  'isFallbackPublicClient',
  'passwordCredentials',
  'oidc',
] as const satisfies readonly (keyof ReturnType<typeof applicationResource>)[];

/** One of its secrets, without what is secret of it. */
export function passwordCredential({ keyId, displayName, hint, startsAt, expiresAt }: ClientSecret) {
  return {
    keyId,
    displayName,
    hint,
    startDateTime: graphDate(startsAt),
    endDateTime: expiresAt && graphDate(expiresAt),
    secretText: null as string | null,
    customKeyIdentifier: null,
  };
}

/** The one answer that holds it. */
export function madePasswordCredential(made: MadeSecret) {
  return { ...passwordCredential(made), secretText: made.secret };
}
