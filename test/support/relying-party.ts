/**
 * A relying party as an application would write it, on openid-client: code flow with PKCE, state and nonce, every
 * check of the library on. It has pages for a browser and functions for tests that need none.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import * as client from 'openid-client';

export interface RelyingPartyOptions {
  /** Asked for at the first use, so the relying party can be there before the provider has a port. */
  readonly issuer: string | (() => string);
  readonly clientId: string;
  /** Sent as client_secret_basic; a client without one is public. */
  readonly clientSecret?: string;
  readonly clientAuthentication?: client.ClientAuth;
  readonly port?: number;
  /** `openid` by default. */
  readonly scope?: string;
  /** Added to every authorization request. */
  readonly params?: Readonly<Record<string, string>>;
}

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

export interface SignedIn {
  readonly tokens: Tokens;
  /** Of the ID token, verified. */
  readonly claims: client.IDToken;
}

export interface RelyingParty {
  /** `http://localhost:<port>`; its front page has a link `#login`, and `/login?acr_values=…` adds parameters. */
  readonly origin: string;
  readonly redirectUri: string;
  /** Where `logoutUrl` leads in the end. */
  readonly postLogoutRedirectUri: string;
  /** Every address a browser was sent back to at `/cb`, refusals included. */
  readonly callbacks: readonly URL[];
  /** For what is not here: introspection, revocation, client credentials, … */
  configuration(): Promise<client.Configuration>;
  authorizationUrl(extra?: Readonly<Record<string, string>>): Promise<URL>;
  /** The same request for a POST (OpenID Connect Core 3.1.2.1). */
  authorizationForm(extra?: Readonly<Record<string, string>>): Promise<AuthorizationForm>;
  /**
   * Takes the answer to one of its own requests; may be called again to replay a code. Rejects with openid-client's
   * AuthorizationResponseError when the answer is an error, and ResponseBodyError when the token endpoint refuses.
   */
  exchange(callbackUrl: string | URL): Promise<SignedIn>;
  refresh(refreshToken: string, params?: Readonly<Record<string, string>>): Promise<Tokens>;
  /** Rejects when the answer is about another subject. */
  userinfo(accessToken: string, subject: string): Promise<client.UserInfoResponse>;
  logoutUrl(idToken?: string): Promise<URL>;
  close(): Promise<void>;
}

export interface AuthorizationForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface PendingRequest {
  readonly checks: client.AuthorizationCodeGrantChecks;
}

export async function startRelyingParty(options: RelyingPartyOptions): Promise<RelyingParty> {
  const pending = new Map<string, PendingRequest>();
  const callbacks: URL[] = [];
  let discovered: client.Configuration | undefined;

  async function configuration(): Promise<client.Configuration> {
    if (discovered) return discovered;
    const issuer = typeof options.issuer === 'string' ? options.issuer : options.issuer();
    const { clientId, clientSecret } = options;
    const secretOrNone = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
    const authentication = options.clientAuthentication ?? secretOrNone;
    discovered = await client.discovery(new URL(issuer), clientId, undefined, authentication, {
      execute: [client.allowInsecureRequests],
    });
    return discovered;
  }

  async function authorizationUrl(extra: Readonly<Record<string, string>> = {}): Promise<URL> {
    const server = await configuration();
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const params = {
      scope: options.scope ?? 'openid',
      ...options.params,
      ...extra,
      redirect_uri: redirectUri,
      state: client.randomState(),
      nonce: client.randomNonce(),
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    };
    const maxAge = 'max_age' in params ? { maxAge: Number(params.max_age) } : {};
    pending.set(params.state, {
      checks: { pkceCodeVerifier, expectedState: params.state, expectedNonce: params.nonce, ...maxAge },
    });
    return client.buildAuthorizationUrl(server, params);
  }

  async function authorizationForm(extra?: Readonly<Record<string, string>>): Promise<AuthorizationForm> {
    const url = await authorizationUrl(extra);
    const fields = Object.fromEntries(url.searchParams);
    url.search = '';
    return { action: url.href, fields };
  }

  async function exchange(callbackUrl: string | URL): Promise<SignedIn> {
    const callback = new URL(callbackUrl);
    const request = pending.get(callback.searchParams.get('state') ?? '');
    if (!request) throw new Error(`This relying party sent no request with the state of ${callback.href}`);
    const tokens = await client.authorizationCodeGrant(await configuration(), callback, request.checks);
    const claims = tokens.claims();
    if (!claims) throw new Error('The token endpoint answered without an ID token.');
    return { tokens, claims };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin);
    switch (url.pathname) {
      case '/favicon.ico':
        return void response.writeHead(204).end();
      case '/':
        return page(response, 200, 'Relying party', '<a id="login" href="/login">Sign in</a>');
      case '/login': {
        const location = await authorizationUrl(Object.fromEntries(url.searchParams));
        response.writeHead(302, { location: location.href, 'cache-control': 'no-store' }).end();
        return;
      }
      case '/cb': {
        callbacks.push(url);
        const { claims } = await exchange(url);
        return page(
          response,
          200,
          'Signed in',
          `<pre id="claims">${escapeHtml(JSON.stringify(claims, null, 2))}</pre>`,
        );
      }
      case '/signed-out':
        return page(response, 200, 'Signed out', '<p id="signed-out">Signed out.</p>');
      default:
        return page(response, 404, 'Not found', '');
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      page(
        response,
        400,
        'Not signed in',
        `<pre id="error">${escapeHtml(JSON.stringify(inWords(error), null, 2))}</pre>`,
      );
    });
  }).listen(options.port ?? 0, 'localhost');
  await once(server, 'listening');
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const redirectUri = `${origin}/cb`;
  const postLogoutRedirectUri = `${origin}/signed-out`;

  return {
    origin,
    redirectUri,
    postLogoutRedirectUri,
    callbacks,
    configuration,
    authorizationUrl,
    authorizationForm,
    exchange,
    refresh: async (refreshToken, params) =>
      client.refreshTokenGrant(await configuration(), refreshToken, { ...params }),
    userinfo: async (accessToken, subject) => client.fetchUserInfo(await configuration(), accessToken, subject),
    async logoutUrl(idToken) {
      const hint = idToken === undefined ? {} : { id_token_hint: idToken };
      const params = { post_logout_redirect_uri: postLogoutRedirectUri, ...hint };
      return client.buildEndSessionUrl(await configuration(), params);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function page(response: ServerResponse, status: number, title: string, body: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`<!doctype html><html lang="en"><title>${title}</title><main><h1>${title}</h1>${body}</main></html>`);
}

/** The OAuth error as the provider said it, or the library's reason for not trusting the answer. */
function inWords(error: unknown): object {
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return { error: error.error, error_description: error.error_description };
  }
  return { error: 'client', error_description: String(error) };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
