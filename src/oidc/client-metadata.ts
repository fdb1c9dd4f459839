import { generateKeyPairSync } from 'node:crypto';
import { type Client, errors, Provider } from 'oidc-provider';
import type { Level } from '../assurance/levels.ts';

let judge: Provider | undefined;

/**
 * What the protocol library would not accept of a client, in its words; undefined when all is well.
 * Asked before a client is kept: one that is found out at its first use would greet people with an error page.
 */
export function clientMetadataProblem(metadata: Readonly<Record<string, unknown>>): string | undefined {
  judge ??= makeJudge();
  try {
    new (judge.Client as unknown as new (metadata: object) => object)(structuredClone(inLibraryWords(metadata)));
    return undefined;
  } catch (error) {
    if (error instanceof errors.InvalidClientMetadata) return error.error_description ?? error.message;
    throw error;
  }
}

/**
 * The library takes no default that it does not advertise, knows no aliases, and lets a default win over an essential claim:
 * `default_acr_values` goes by a name of ours, and is read where the rest of what is asked for is.
 */
export function inLibraryWords({
  default_acr_values,
  ...metadata
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...metadata, ...(default_acr_values !== undefined && { acr_defaults: default_acr_values }) };
}

/** What a client asks of every sign-in, said once and for all. Nobody gets anything for less than the weakest level. */
export function assuranceAskedBy(client: Client): { minimum: Level; defaults: readonly string[] } {
  const { minimum_acr = '1f', acr_defaults = [] } = client as unknown as {
    minimum_acr?: Level;
    acr_defaults?: string[];
  };
  return { minimum: minimum_acr, defaults: acr_defaults };
}

/** A provider that never serves anybody: it has the real one's rules, keeps nothing and signs nothing. */
function makeJudge(): Provider {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey: second } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Provider('http://localhost', {
    ...structuredClone(clientRules),
    adapter: () => ({}),
    jwks: { keys: [privateKey, second].map((key) => key.export({ format: 'jwk' })) },
    cookies: { keys: ['unused'] },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
    },
  } as never);
}

/** The part of the provider's configuration that judges clients. */
export const clientRules = {
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  responseTypes: ['code', 'none'],
  subjectTypes: ['public'],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
  clientDefaults: {
    grant_types: ['authorization_code'],
    response_types: ['code'],
    id_token_signed_response_alg: 'RS256',
  },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'ES256'],
    dPoPSigningAlgValues: ['ES256', 'RS256', 'Ed25519', 'EdDSA'],
  },
  extraClientMetadata: {
    properties: ['require_pkce', 'first_party', 'app_roles', 'delegated_permissions', 'minimum_acr', 'acr_defaults'],
  },
} as const;
