/** Our own pages are relying parties of the provider: they get no code and no token, they read the provider's session. */
export const securityInfoClientId = 'latchkey-security-info';

/** Metadata of a built-in client; undefined for any other id. */
export function builtInClient(issuer: string, clientId: string): Record<string, unknown> | undefined {
  if (clientId !== securityInfoClientId) return undefined;
  return {
    client_id: securityInfoClientId,
    client_name: 'My security info',
    client_uri: `${issuer}/security-info`,
    redirect_uris: [`${issuer}/security-info`],
    response_types: ['none'],
    grant_types: [],
    token_endpoint_auth_method: 'none',
    first_party: true,
  };
}
