/** Two honest providers to sign in at: a mock whose claims a test sets, and the library that we are built on ourselves. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import { Events, type MutableResponse, type MutableToken, OAuth2Server } from 'oauth2-mock-server';
import { Provider as OidcProvider } from 'oidc-provider';

export interface MockUpstream {
  readonly issuer: string;
  /** Added to every ID token; `undefined` takes one away. */
  claims: Record<string, unknown>;
  /** Added to what userinfo says. */
  userinfo: Record<string, unknown>;
  /** Runs before the answer at this path goes out, once: what happens meanwhile. */
  meanwhile: { readonly path: string; readonly happens: () => Promise<unknown> } | undefined;
  /** Signed with its key; a right one, but for the claims that are named. */
  logoutToken(claims: Record<string, unknown>): Promise<string>;
  /** The address that a browser is sent back to. */
  follow(url: URL): Promise<URL>;
  close(): Promise<void>;
}

export async function startMockUpstream(clientId = 'latchkey'): Promise<MockUpstream> {
  const server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  const listener = createServer(async (request, response) => {
    const { meanwhile } = mock;
    if (meanwhile && request.url!.startsWith(meanwhile.path)) {
      mock.meanwhile = undefined;
      await meanwhile.happens();
    }
    server.service.requestHandler(request, response);
  }).listen(0, 'localhost');
  await once(listener, 'listening');
  const issuer = `http://localhost:${(listener.address() as AddressInfo).port}`;
  server.issuer.url = issuer;
  const mock: MockUpstream = {
    issuer,
    claims: {},
    userinfo: {},
    meanwhile: undefined,
    logoutToken: (claims: Record<string, unknown>) =>
      server.issuer.buildToken({
        expiresIn: 60,
        scopesOrTransform(header, payload) {
          Object.assign(header, { typ: 'logout+jwt' });
          const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
          Object.assign(payload, { aud: clientId, jti: randomUUID(), events, ...claims });
        },
      }),
    follow,
    async close() {
      listener.closeAllConnections();
      listener.close();
      await once(listener, 'close');
    },
  };
  server.service.on(Events.BeforeTokenSigning, ({ payload }: MutableToken) => {
    Object.assign(payload, { aud: clientId, sub: 'johndoe', ...mock.claims });
  });
  server.service.on(Events.BeforeUserinfo, (answer: MutableResponse) => {
    Object.assign(answer.body as object, mock.userinfo);
  });
  return mock;
}

export interface OidcUpstream {
  readonly issuer: string;
  follow(url: URL): Promise<URL>;
  close(): Promise<void>;
}

export interface OidcUpstreamClient {
  readonly redirectUri: string;
  readonly authentication: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  readonly clientSecret?: string;
  readonly publicKey?: JWK;
}

/** Signs in whoever asks as `ada`, without a page; PKCE is required, and `iss` is in its responses. */
export async function startOidcUpstream(client: OidcUpstreamClient): Promise<OidcUpstream> {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: 'latchkey',
        redirect_uris: [client.redirectUri],
        token_endpoint_auth_method: client.authentication,
        ...(client.clientSecret !== undefined && { client_secret: client.clientSecret }),
        ...(client.publicKey && { jwks: { keys: [client.publicKey] }, token_endpoint_auth_signing_alg: 'ES256' }),
      },
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    cookies: { keys: ['of a test'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: async (_ctx, accountId) => ({
      accountId,
      claims: async () => ({
        ...{ sub: accountId, name: 'Ada', preferred_username: 'ada@contoso.example' },
        ...{ email: 'ada@contoso.example', email_verified: true },
      }),
    }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client!.clientId,
        accountId: ctx.oidc.session!.accountId!,
      });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
  server.on('request', async (request, response) => {
    if (!request.url!.startsWith('/interaction/')) return void provider.callback()(request, response);
    const result = { login: { accountId: 'ada' } };
    await provider.interactionFinished(request, response, result);
  });
  return {
    issuer,
    follow,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A browser that keeps cookies and goes from one address to the next until one is not on this machine. */
async function follow(start: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let steps = 0; steps < 10 && url.hostname === 'localhost'; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const next = answer.headers.get('location');
    if (next === null) throw new Error(`${url.pathname} answered ${answer.status}: ${await answer.text()}`);
    url = new URL(next, url);
  }
  return url;
}
