/** Addresses of ours that a provider is told: each provider has its own, so that one cannot speak for another. */
export type OurAddress = 'backchannel-logout' | 'signed-out' | 'jwks.json';

export function addressFor(issuer: string, providerId: string, address: OurAddress): string {
  return `${issuer}/federation/${providerId}/${address}`;
}
