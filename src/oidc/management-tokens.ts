import type { AccessToken, ClientCredentials, Provider } from 'oidc-provider';
import type { Actor } from '../core/actor.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { findAccount } from './account.ts';
import { delegatedScopesOf, managementResource, powersOf } from './management-resource.ts';

interface TokenParts {
  readonly provider: Provider;
  readonly issuer: string;
  readonly db: NamedStatements;
  /** Values of acr that cannot be phished. */
  readonly strongAcrs: readonly string[];
}

/**
 * Who a bearer token for the management API speaks for: an application, or a person through one. Undefined when it is not good.
 * What the client may do is read at every use, so that taking something away works at once.
 */
export async function actorOfToken(parts: TokenParts, token: string): Promise<Actor | undefined> {
  const { provider, issuer } = parts;
  const application = await provider.ClientCredentials.find(token);
  if (application) {
    if (!isGood(application, issuer)) return undefined;
    const client = await provider.Client.find(application.clientId!);
    return client && { kind: 'client', clientId: client.clientId, permissions: powersOf(client).appRoles };
  }
  // Undefined as well when the session it is bound to has ended.
  const found = await provider.AccessToken.find(token);
  if (!found || !isGood(found, issuer)) return undefined;
  return personOf(parts, found);
}

async function personOf(
  { provider, issuer, db, strongAcrs }: TokenParts,
  token: AccessToken,
): Promise<Actor | undefined> {
  const { accountId, grantId, extra } = token;
  const clientId = token.clientId!;
  const client = await provider.Client.find(clientId);
  const grant = grantId ? await provider.Grant.find(grantId) : undefined;
  if (!client || !grant || grant.isExpired || grant.accountId !== accountId || grant.clientId !== clientId)
    return undefined;
  const account = await findAccount(db, accountId);
  if (!account) return undefined;
  const { acr, auth_time } = (extra ?? {}) as { acr?: string; auth_time?: number };
  const strong = acr !== undefined && strongAcrs.includes(acr) && auth_time !== undefined;
  return {
    kind: 'user',
    userId: accountId,
    strongAt: strong ? new Date(auth_time * 1000) : null,
    through: { clientId, scopes: delegatedScopesOf(issuer, token.scopes, client) },
  };
}

function isGood(token: ClientCredentials | AccessToken, issuer: string): boolean {
  // A token bound to a key (DPoP) is worth nothing without the proof, which this API does not take yet.
  const bound = Boolean(token.jkt ?? token['x5t#S256']);
  return token.isValid && token.aud === managementResource(issuer) && token.clientId !== undefined && !bound;
}
