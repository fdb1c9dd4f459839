import { generateKeyPairSync } from 'node:crypto';
import { errors, Provider } from 'oidc-provider';

let judge: Provider | undefined;

/**
 * What the protocol library would not accept of a client, in its words; undefined when all is well.
 * Asked before a client is kept: one that is found out at its first use would greet people with an error page.
 */
export function clientMetadataProblem(metadata: Readonly<Record<string, unknown>>): string | undefined {
  judge ??= makeJudge();
  try {
    new (judge.Client as unknown as new (metadata: object) => object)(structuredClone(metadata));
    return undefined;
  } catch (error) {
    if (error instanceof errors.InvalidClientMetadata) return error.error_description ?? error.message;
    throw error;
  }
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
  extraClientMetadata: { properties: ['require_pkce', 'first_party', 'app_roles', 'delegated_permissions'] },
} as const;
