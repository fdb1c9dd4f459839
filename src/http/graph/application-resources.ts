import { z } from 'zod';
import { type Client, type ClientSecret, isConfidential, newClient } from '../../clients/client.ts';
import type { MadeSecret } from '../../clients/manage-clients.ts';
import type { Shown } from './endpoint.ts';
import { graphDate } from './resources.ts';
import { dateShape } from './shape.ts';

const credentialShape = z
  .strictObject({
    keyId: z.guid(),
    displayName: z.string().nullable(),
    hint: z.string().nullable().meta({ description: 'Its first symbols; null for one that somebody made up.' }),
    startDateTime: dateShape,
    endDateTime: dateShape.nullable().meta({ description: 'Null: until it is removed.' }),
    secretText: z.null().meta({ description: 'The secret stands in the answer that made it, and nowhere else.' }),
    customKeyIdentifier: z.null(),
  })
  .meta({ id: 'passwordCredential' });

const secretShape = z.string().meta({ description: 'The secret. It is never shown again.' });

export const madeCredentialShape = credentialShape.extend({ secretText: secretShape });

const oidcShape = newClient.omit({ client_name: true });

export const applicationShape = z
  .strictObject({
    id: z.guid(),
    appId: z.string(),
    displayName: z.string(),
    createdDateTime: dateShape,
    isFallbackPublicClient: z.boolean(),
    passwordCredentials: z.array(credentialShape),
    oidc: oidcShape.extend({ app_roles: oidcShape.shape.app_roles.unwrap() }),
  })
  .meta({ id: 'application' });

/** Sent again under its `Idempotency-Key`, the answer holds no secret. */
export const madeApplicationShape = applicationShape.extend({
  passwordCredentials: z.array(credentialShape.extend({ secretText: secretShape.nullable() })),
});

export type MadeApplication = Shown<z.output<typeof madeApplicationShape>>;

/** A client in Graph's shape; what OpenID Connect says of it stands under `oidc`, in the words of RFC 7591. */
export function applicationResource(
  client: Client,
  secrets: readonly ClientSecret[],
): Shown<z.output<typeof applicationShape>> {
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

export const applicationProperties = applicationShape.keyof().options;

/** One of its secrets, without what is secret of it. */
export function passwordCredential({
  keyId,
  displayName,
  hint,
  startsAt,
  expiresAt,
}: ClientSecret): z.output<typeof credentialShape> {
  return {
    keyId,
    displayName,
    hint,
    startDateTime: graphDate(startsAt),
    endDateTime: expiresAt && graphDate(expiresAt),
    secretText: null,
    customKeyIdentifier: null,
  };
}

/** The one answer that holds it. */
export function madePasswordCredential(made: MadeSecret): z.output<typeof madeCredentialShape> {
  return { ...passwordCredential(made), secretText: made.secret };
}
