import { randomUUID } from 'node:crypto';
import type { Grant, KoaContextWithOIDC, Session } from 'oidc-provider';
import type { NamedStatements } from '../database/named-statements.ts';
import { notedTie, sessionTie } from './pass-ties.ts';
import { settleGrant } from './settle-grant.ts';

/**
 * A first-party client gets its grant without a page; it grows with what the client asks for.
 * Tokens bound to a session work with the grant that the session names, so two tabs of one app settle on one.
 * A session born of a pass makes grants of its own: it neither grows one that outlives the pass nor shares one that ends sooner.
 */
export async function firstPartyGrant(db: NamedStatements, ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { client, session, account, provider, result } = ctx.oidc;
  if (!client || !session || !account) return undefined;
  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const known = grantId ? await provider.Grant.find(grantId) : undefined;
  if (known && belongsToSession(known, session)) {
    if (extend(known, ctx)) await known.save();
    return known;
  }
  const made = new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  extend(made, ctx);
  await made.save();
  if ((session as Session & { new?: boolean }).new) return made; // nobody else can know this session yet

  const { sid, ...settled } = await settleGrant(db, {
    sessionUid: session.uid,
    clientId: client.clientId,
    grantId: made.jti,
    sid: session.sidFor(client.clientId) ?? randomUUID(),
    goneGrantId: grantId,
  });
  session.sidFor(client.clientId, sid);
  if (settled.grantId === made.jti) return made;
  await made.destroy();
  const theirs = await provider.Grant.find(settled.grantId);
  if (theirs && extend(theirs, ctx)) await theirs.save();
  return theirs;
}

/** It hangs on what the session hangs on. A sign-in that frees the session from its pass frees its grants as well. */
function belongsToSession(grant: Grant, session: Session): boolean {
  const tie = notedTie(grant.jti);
  const passId = sessionTie()?.passId;
  return tie?.passId === passId || (passId === undefined && tie?.passId === notedTie(session.uid)?.passId);
}

/** Adds what is asked for and not granted yet; false when nothing was missing. */
function extend(grant: Grant, { oidc }: KoaContextWithOIDC): boolean {
  const granted = grant.getOIDCScopeEncountered().split(' ');
  const scopes = [...oidc.requestParamOIDCScopes].filter((scope) => !granted.includes(scope));
  const claims = [...oidc.requestParamClaims].filter((claim) => !grant.getOIDCClaimsEncountered().includes(claim));
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  if (claims.length > 0) grant.addOIDCClaims(claims);
  const missing = Object.entries(oidc.resourceServers ?? {}).map(([resource, server]) => {
    const encountered = grant.getResourceScopeEncountered(resource).split(' ');
    const asked = [...oidc.requestParamScopes].filter((scope) => server.scopes.has(scope));
    return { resource, scopes: asked.filter((scope) => !encountered.includes(scope)) };
  });
  for (const { resource, scopes } of missing) if (scopes.length > 0) grant.addResourceScope(resource, scopes.join(' '));
  return scopes.length > 0 || claims.length > 0 || missing.some(({ scopes }) => scopes.length > 0);
}
