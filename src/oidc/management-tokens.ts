import type { Provider } from 'oidc-provider';
import type { Actor } from '../core/actor.ts';
import { managementResource } from './provider.ts';

/**
 * Who a bearer token for the management API speaks for; undefined when it is not a good one.
 * The client's permissions are read at every use, so that taking one away works at once.
 */
export async function actorOfToken(provider: Provider, issuer: string, token: string): Promise<Actor | undefined> {
  const found = await provider.ClientCredentials.find(token);
  if (!found?.isValid || found.aud !== managementResource(issuer) || !found.clientId) return undefined;
  // A token bound to a key (DPoP) is worth nothing without the proof, which this API does not take yet.
  if (found.jkt || found['x5t#S256']) return undefined;
  const client = await provider.Client.find(found.clientId);
  if (!client) return undefined;
  const { app_roles: permissions = [] } = client as unknown as { app_roles?: string[] };
  return { kind: 'client', clientId: found.clientId, permissions };
}
