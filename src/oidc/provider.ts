import { timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Client, type Configuration, errors, type JWK, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { acrScale } from '../assurance/levels.ts';
import { scaleFrom } from '../assurance/scale.ts';
import { secretDigest } from '../clients/manage-clients.ts';
import { findProtocolClient } from '../clients/protocol-clients.ts';
import type { Secrets } from '../core/secrets.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { type Authentication, type DecidedDocuments, findAccount, type ProtocolAccount } from './account.ts';
import { adapterFactory } from './adapter.ts';
import { builtInClient } from './built-in-clients.ts';
import { clientRules, inLibraryWords } from './client-metadata.ts';
import { queueOneSql } from './ending-sql.ts';
import { firstPartyGrant } from './first-party-grant.ts';
import { signInPolicy } from './interaction-policy.ts';
import { managementOnly } from './management-resource.ts';
import { notedTie, sessionTie } from './pass-ties.ts';
import { mustAddMethods, type PolicyFrom } from './registration.ts';

/** The pages that appear inside the protocol's own endpoints; the HTTP door brings them. */
export interface ProtocolPages {
  /** `form` is the library's form: the buttons belong to it by its id, `op.logoutForm`. */
  logout(form: string, appName: string | undefined): string;
  loggedOut(appName: string | undefined): string;
  error(problem: { error: string; description: string | undefined }): string;
  notFound(): string;
}

export interface ProviderParts {
  readonly issuer: string;
  readonly db: NamedStatements;
  readonly secrets: Secrets;
  readonly keys: readonly JWK[];
  readonly pages: ProtocolPages;
  readonly policyFrom: PolicyFrom;
  /** A session has ended here, and the browser is about to go on to `nextUrl`: where it goes first, or undefined for nowhere else. */
  onSignedOut(sessionUid: string, nextUrl: string): Promise<string | undefined>;
  onFault(error: unknown): void;
  /** A code or refresh token came a second time, or a grant was refused otherwise; `reason` is for the audit log. */
  onTokenRefused(refused: {
    readonly clientId: string | undefined;
    readonly reason: string;
    readonly ip: string | null;
  }): void;
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export function makeProvider(parts: ProviderParts): Provider {
  const { issuer, db, secrets } = parts;
  const clients = {
    find: async (id: string) => {
      const metadata = builtInClient(issuer, id) ?? (await findProtocolClient(db, id));
      return metadata && inLibraryWords(metadata);
    },
  };
  const provider = new Provider(issuer, {
    ...configuration(parts),
    adapter: adapterFactory(db, secrets, clients) as never,
  });
  // Scheme, host and address are written by our own door before the library looks.
  provider.proxy = true;
  provider.Client.prototype.compareClientSecret = function (
    this: { clientId: string; clientSecret: string },
    presented: string,
  ) {
    const digest = secretDigest(secrets, this.clientId, presented);
    // All of them are looked at: how long that takes says nothing of which it was.
    return this.clientSecret.split(' ').filter((stored) => digestsEqual(digest, stored)).length > 0;
  };
  tellByOutbox(provider, db);
  passOverOfflineAccess(provider);
  provider.on('backchannel.error', (_ctx, error) => parts.onFault(error));
  provider.use(async (ctx, next) => {
    await next();
    endWithTheBrowser(ctx.res);
    if (ctx.status === 303 && ctx.path === '/session/end/confirm')
      await signOutElsewhere(ctx as unknown as KoaContextWithOIDC, parts);
    if (ctx.status === 200 && ctx.path === '/.well-known/openid-configuration') {
      Object.assign(ctx.body as object, { acr_values_supported: await acrNames(issuer, db) });
    }
    if (ctx.status === 200 && (ctx.path === '/jwks' || ctx.path.startsWith('/.well-known/'))) {
      ctx.set('cache-control', 'public, max-age=300');
    }
    if (ctx.status !== 404 || ctx.body) return;
    ctx.status = 404;
    ctx.type = 'html';
    ctx.set('cache-control', 'no-store');
    ctx.body = parts.pages.notFound();
  });
  provider.on('server_error', (_ctx, error) => parts.onFault(error));
  provider.on('grant.error', (ctx, error) => {
    if (error.error === 'invalid_grant') {
      const reason = error.error_detail ?? error.error_description ?? error.error;
      parts.onTokenRefused({ clientId: ctx.oidc.client?.clientId, reason, ip: ctx.ip || null });
    }
  });
  return provider;
}

/** Whatever fails on the way there, here it is done. */
async function signOutElsewhere(ctx: KoaContextWithOIDC, { onSignedOut, onFault }: ProviderParts): Promise<void> {
  const { session, params } = ctx.oidc;
  if (!session || !params?.logout) return;
  const nextUrl = new URL(String(ctx.response.get('location')), ctx.oidc.issuer).href;
  const way = await onSignedOut(session.uid, nextUrl).catch(onFault);
  if (way) ctx.redirect(way);
}

/**
 * Cookies without a date: when what they name ends stands in its row, by the database's clock, and a node whose clock is slow
 * would give the browser cookies that have expired. The date of a cookie that is taken away is the epoch, and stays.
 */
function endWithTheBrowser(res: ServerResponse): void {
  const cookies = [res.getHeader('set-cookie') ?? []].flat().map(String);
  if (cookies.length === 0) return;
  res.setHeader(
    'set-cookie',
    cookies.map((cookie) => cookie.replace(/; expires=(?!Thu, 01 Jan 1970)[^;]*/i, '')),
  );
}

/**
 * The library would call every relying party while the browser waits, once. Here its call becomes a row, and where the whole
 * session goes, the statement that ends it has queued them all. Who is told finds the `sid` in its ID tokens, asked for or not:
 * without it a relying party has to end all sessions of the user.
 */
function tellByOutbox(provider: Provider, db: NamedStatements): void {
  interface Told {
    readonly clientId: string;
    readonly backchannelLogoutUri?: string;
  }
  const client = provider.Client.prototype as unknown as {
    backchannelLogout(this: Told, sub: string, sid: string): Promise<void>;
    includeSid(this: Told): boolean;
  };
  client.backchannelLogout = async function (sub, sid) {
    const oidc = Provider.ctx?.oidc;
    if (!oidc?.session || oidc.params?.logout) return;
    await db.query('logout.queue', queueOneSql, [this.clientId, sub, oidc.session.uid, sid]);
  };
  client.includeSid = function () {
    return this.backchannelLogoutUri !== undefined;
  };
}

/**
 * Core 11 has `offline_access` ignored where it is not granted. MSAL names it in every request, and the library, which ignores it at
 * the authorization endpoint, would refuse a refresh for it.
 */
function passOverOfflineAccess(provider: Provider): void {
  const tokens = provider.RefreshToken as unknown as {
    find(id: string, options?: object): Promise<{ readonly scopes: ReadonlySet<string> } | undefined>;
  };
  const { find } = tokens;
  tokens.find = async function (...asked) {
    const token = await find.apply(this, asked);
    const params = Provider.ctx?.oidc.params;
    if (params?.grant_type === 'refresh_token' && typeof params.scope === 'string' && !token?.scopes.has(offline)) {
      const others = params.scope.split(' ').filter((scope) => scope !== offline);
      params.scope = others.join(' ') || undefined;
    }
    return token;
  };
}

const offline = 'offline_access';

function configuration({ issuer, db, secrets, keys, pages, policyFrom }: ProviderParts): Configuration {
  const secure = issuer.startsWith('https:');
  const cookie = { httpOnly: true, sameSite: 'lax', secure, signed: true } as const;
  return {
    ...structuredClone(clientRules),
    jwks: { keys: keys as JWK[] },
    cookies: {
      keys: [secrets.derive('cookies/1').toString('base64url')],
      names: {
        session: `${secure ? '__Host-' : ''}latchkey_session`,
        // The library scopes these two to a path, which `__Host-` does not allow.
        interaction: `${secure ? '__Secure-' : ''}latchkey_interaction`,
        resume: `${secure ? '__Secure-' : ''}latchkey_resume`,
      },
      long: cookie,
      short: cookie,
    },
    interactions: {
      url: (_ctx, interaction) => `/sign-in/${interaction.uid}`,
      policy: signInPolicy(issuer, (account) => mustAddMethods(db, policyFrom, account)),
    },
    findAccount: (_ctx, sub, token) => findAccount(db, sub, authenticationIn(token)),
    loadExistingGrant: (ctx) => firstPartyGrant(db, ctx),
    claims: {
      // Listed inside openid, the three reach every ID token.
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      profile: ['name', 'preferred_username', 'updated_at'],
      email: ['email'],
    },
    acrValues: acrScale(issuer),
    // As Microsoft Entra knows it: the domain whose provider is to sign the person in.
    extraParams: ['domain_hint'],
    pkce: {
      required: (ctx, client) =>
        client.clientAuthMethod === 'none' ||
        client.require_pkce !== false ||
        ctx.oidc.params?.code_challenge !== undefined,
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    extraTokenClaims: authenticationOf,
    expiresWithSession: async (_ctx, source) => !source.scopes.has('offline_access') || sessionTie() !== undefined,
    clientBasedCORS: (_ctx, origin, client) => (client.redirectUris ?? []).some((uri) => originOf(uri) === origin),
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    clockTolerance: 10,
    ttl: {
      AccessToken: accessTokenLife,
      AuthorizationCode: minute,
      ClientCredentials: hour,
      IdToken: hour,
      Interaction: hour,
      Grant: 92 * day, // at least as long as the longest chain of refresh tokens
      RefreshToken: refreshTokenLife,
      Session: sessionLife,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      clientCredentials: { enabled: true },
      claimsParameter: { enabled: true },
      revocation: { enabled: true, allowedPolicy: ownTokensOnly },
      introspection: { enabled: false },
      deviceFlow: { enabled: false },
      registration: { enabled: false },
      requestObjects: { enabled: false },
      encryption: { enabled: false },
      backchannelLogout: { enabled: true }, // told by our outbox: `tellByOutbox`
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: false },
      dPoP: {
        enabled: true,
        nonceSecret: secrets.derive('dpop-nonce/1'),
        requireNonce: () => false,
        allowReplay: false,
      },
      resourceIndicators: managementOnly(issuer),
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = pages.logout(form, ctx.oidc.client?.clientName);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = pages.loggedOut(ctx.oidc.client?.clientName);
        },
      },
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = pages.error({ error: out.error, description: out.error_description });
    },
    discovery: { prompt_values_supported: ['none', 'login', 'consent'], service_documentation: undefined },
  } as Configuration;
}

/** The scale and what policy adds to it, as they are now: a change is in the document as soon as caches let it. */
async function acrNames(issuer: string, db: NamedStatements): Promise<readonly string[]> {
  const sql = 'select decided from decided_policies';
  const { rows } = await db.query<{ decided: DecidedDocuments }>('decided-policies', sql, []);
  return scaleFrom(issuer, rows[0]?.decided.assurance).names;
}

/** What an access token says of the sign-in it came of; nothing of any other kind of token. */
function authenticationIn(token: { kind?: string; extra?: object | undefined } | undefined): Authentication {
  return token?.kind === 'AccessToken' ? ((token.extra ?? {}) as Authentication) : {};
}

/** How and when the person signed in, for whoever has to judge the token by it. */
function authenticationOf({ oidc }: KoaContextWithOIDC, token: { kind: string }): Record<string, unknown> | undefined {
  if (token.kind !== 'AccessToken') return undefined;
  const { AuthorizationCode, RefreshToken } = oidc.entities as Record<
    'AuthorizationCode' | 'RefreshToken',
    Signed | undefined
  >;
  const source = AuthorizationCode ?? RefreshToken;
  return source && { acr: source.acr, amr: source.amr, auth_time: source.authTime };
}

interface Signed {
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly authTime?: number;
}

/** A client ends its own tokens. For a public one, which anybody may claim to be, a foreign token is as good as unknown. */
function ownTokensOnly(_ctx: KoaContextWithOIDC, client: Client, token: { clientId?: string | undefined }): boolean {
  if (token.clientId === client.clientId) return true;
  if (client.clientAuthMethod === 'none') return false;
  throw new errors.InvalidRequest('client is not authorized to revoke the presented token');
}

function accessTokenLife(_ctx: KoaContextWithOIDC, token: { grantId?: string }): number {
  return Math.max(1, Math.min(hour, untilPassEnds(token)));
}

/** 14 days from its last use, 90 days in all. */
function refreshTokenLife(_ctx: KoaContextWithOIDC, token: { iiat?: number; grantId?: string }): number {
  const now = Math.floor(Date.now() / 1000);
  return Math.max(1, Math.min(14 * day, (token.iiat ?? now) + 90 * day - now, untilPassEnds(token)));
}

/** Tokens of a grant that hangs on a pass say how long they last; that they end with it is for the grant to see to. */
function untilPassEnds({ grantId }: { grantId?: string }): number {
  const tie = notedTie(grantId);
  return tie ? tie.notAfter - Math.floor(Date.now() / 1000) : Number.POSITIVE_INFINITY;
}

/**
 * Idle 1 hour, 24 hours after the sign-in at most; born of a pass idle 15 minutes, its end being in the row; 10 minutes
 * while nobody is signed in.
 */
function sessionLife(_ctx: KoaContextWithOIDC, session: { accountId?: string; loginTs?: number }): number {
  if (!session.accountId) return 10 * minute;
  const now = Math.floor(Date.now() / 1000);
  return Math.max(1, Math.min(sessionTie() ? 15 * minute : hour, (session.loginTs ?? now) + day - now));
}

function originOf(uri: string): string | undefined {
  return URL.canParse(uri) ? new URL(uri).origin : undefined;
}

/** The library's own comparison of secrets takes clear text; ours compares digests of equal length. */
function digestsEqual(presented: string, stored: string): boolean {
  const a = Buffer.from(presented);
  const b = Buffer.from(stored);
  return a.length === b.length && timingSafeEqual(a, b);
}

export type { ProtocolAccount };
