/** Two nodes with the real protocol library on one database, a browser between them, and relying parties. */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
} from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import Provider, { type Adapter, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';

import type { NamedStatements } from '../../src/database/named-statements.ts';
import { settleGrant } from '../../src/oidc/settle-grant.ts';

export interface Node {
  readonly origin: string;
  readonly issuer: string;
  readonly provider: Provider;
  /** `Model.method` of every call of the adapter since the last reset. */
  readonly calls: string[];
  /** Waits before that call of the adapter goes on; for requests that overlap in one exact way. */
  hold: ((call: string) => Promise<void> | void) | undefined;
  close(): Promise<void>;
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'test' }] };
const cookieKey = randomBytes(32).toString('base64url');

export async function startNode(
  factory: (model: string) => Adapter,
  db: NamedStatements,
  issuer?: string,
): Promise<Node> {
  let provider: Provider;
  const server: Server = createServer((req, res) => void answer(provider, req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const node = { calls: [] as string[], hold: undefined as Node['hold'] };
  const adapter = (model: string): Adapter => {
    const rows = factory(model);
    const watched =
      (method: keyof Adapter) =>
      async (...args: never[]) => {
        node.calls.push(`${model}.${method}`);
        await node.hold?.(`${model}.${method}`);
        return (rows[method] as (...all: never[]) => Promise<never>)(...args);
      };
    return Object.fromEntries(Object.keys(rows).map((method) => [method, watched(method as keyof Adapter)])) as never;
  };
  provider = new Provider(issuer ?? origin, {
    ...configuration,
    adapter,
    loadExistingGrant: (ctx) => loadExistingGrant(db, ctx),
  });
  provider.on('server_error', (_ctx, error) => console.error(error));
  return Object.assign(node, {
    origin,
    issuer: issuer ?? origin,
    provider,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const show = (text: string) => async (ctx: { body: unknown }) => {
  ctx.body = text;
};
const showForm = async (ctx: { body: unknown }, form: string): Promise<void> => {
  ctx.body = form;
};

const configuration: Configuration = {
  jwks: jwks as never,
  cookies: { keys: [cookieKey] },
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  extraClientMetadata: { properties: ['first_party'] },
  ttl: { Session: 3600, Grant: 86400, RefreshToken: 86400, AccessToken: 3600, AuthorizationCode: 60, Interaction: 600 },
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  // A television stays signed in.
  expiresWithSession: async (ctx) => ctx.oidc.client?.clientId !== 'tv',
  findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  features: {
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32) },
    pushedAuthorizationRequests: { enabled: true },
    clientCredentials: { enabled: true },
    claimsParameter: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: showForm,
      userCodeConfirmSource: showForm,
      successSource: show('approved'),
    },
    rpInitiatedLogout: {
      logoutSource: showForm,
      postLogoutSuccessSource: show('signed out'),
    },
  },
  async renderError(ctx, out) {
    ctx.type = 'json';
    ctx.body = out;
  },
};

async function loadExistingGrant(db: NamedStatements, ctx: KoaContextWithOIDC) {
  const { provider, params, result } = ctx.oidc;
  const [client, session] = [ctx.oidc.client!, ctx.oidc.session!];
  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const known = grantId ? await provider.Grant.find(grantId) : undefined;
  if (known || !client.first_party) return known;

  const grant = new provider.Grant({ accountId: session.accountId!, clientId: client.clientId });
  grant.addOIDCScope(String(params!.scope));
  await grant.save();
  if ((session as { new?: boolean }).new) return grant;
  const settled = await settleGrant(db, {
    sessionUid: session.uid,
    clientId: client.clientId,
    grantId: grant.jti,
    sid: session.sidFor(client.clientId) ?? randomUUID(),
    goneGrantId: grantId,
  });
  session.sidFor(client.clientId, settled.sid);
  if (settled.grantId === grant.jti) return grant;
  await grant.destroy();
  return provider.Grant.find(settled.grantId);
}

/** The sign-in pages, which believe what the browser says: the header `account` signs in, consent is given. */
async function answer(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (!req.url!.startsWith('/sign-in/')) return provider.callback()(req, res);
  try {
    if (req.method === 'GET') {
      const { prompt } = await provider.interactionDetails(req, res);
      return void res.end(prompt.name);
    }
    if (req.headers.prompt !== 'consent') {
      const ts = Number(req.headers['signed-in-at'] ?? Math.floor(Date.now() / 1000));
      const login = { accountId: req.headers.account as string, ts, remember: false, ...limits(req) };
      return await provider.interactionFinished(req, res, { login });
    }
    const { session, params } = await provider.interactionDetails(req, res);
    const grant = new provider.Grant({ accountId: session!.accountId, clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
    await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
  } catch (error) {
    res.statusCode = (error as { status?: number }).status ?? 500;
    res.end(String(error));
  }
}

function limits(req: IncomingMessage): { notAfter?: number } {
  return req.headers['not-after'] === undefined ? {} : { notAfter: Number(req.headers['not-after']) };
}

export interface Answer {
  readonly status: number;
  readonly location: URL | undefined;
  readonly text: string;
  readonly setCookies: readonly string[];
}

/** Keeps cookies by name and path, for all nodes as if they were one; follows redirects only when told. */
export class Browser {
  readonly cookies = new Map<string, { name: string; path: string; value: string }>();
  /** More headers: what the person would enter. */
  readonly headers: Record<string, string>;

  constructor(account: string, headers: Record<string, string> = {}) {
    this.headers = { account, ...headers };
  }

  get sessionId(): string {
    return this.cookies.get('_session /')?.value ?? '';
  }

  copy(): Browser {
    const twin = new Browser(this.headers.account!, this.headers);
    for (const [key, cookie] of this.cookies) twin.cookies.set(key, cookie);
    return twin;
  }

  async send(url: string | URL, form?: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    const { pathname } = new URL(url);
    const sent = [...this.cookies.values()].filter(({ path }) => pathname.startsWith(path));
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { ...this.headers, ...headers, cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    const setCookies = response.headers.getSetCookie();
    for (const cookie of setCookies) this.keep(cookie);
    const location = response.headers.get('location');
    return {
      status: response.status,
      location: location === null ? undefined : new URL(location, url),
      text: await response.text(),
      setCookies,
    };
  }

  /** From an authorization address through the sign-in pages to the relying party, or to where it comes to rest. */
  async authorize(url: string | URL): Promise<Answer> {
    let answer = await this.send(url);
    for (let hop = 0; hop < 12 && answer.location?.hostname === '127.0.0.1'; hop += 1) {
      const at = answer.location;
      answer = await this.send(at);
      if (at.pathname.startsWith('/sign-in/')) answer = await this.send(at, {}, { prompt: answer.text });
    }
    return answer;
  }

  keep(cookie: string): void {
    const [pair = '', ...attributes] = cookie.split('; ');
    const name = pair.slice(0, pair.indexOf('='));
    const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
    const value = pair.slice(pair.indexOf('=') + 1);
    if (value === '') this.cookies.delete(`${name} ${path}`);
    else this.cookies.set(`${name} ${path}`, { name, path, value });
  }
}

const redirectUri = 'https://rp.example/cb';
const verifier = 'a'.repeat(43);
const challenge = createHash('sha256').update(verifier).digest('base64url');

export function aClient(clientId: string, metadata: object = {}): object {
  return {
    client_id: clientId,
    client_secret: `${clientId}-secret`,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
    first_party: true,
    ...metadata,
  };
}

export function authorizationParams(clientId: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  };
}

export function authorizationUrl(node: Node, clientId: string, more: Record<string, string> = {}): URL {
  return new URL(`/auth?${new URLSearchParams(authorizationParams(clientId, more))}`, node.origin);
}

export interface TokenAnswer {
  readonly status: number;
  readonly error?: string;
  readonly error_description?: string;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token?: string;
}

/** A form a client sends to one of the endpoints, with its secret. */
export async function asClient<T = TokenAnswer>(
  node: Node,
  path: string,
  clientId: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<T & { status: number }> {
  const secret = 'client_assertion' in form ? {} : { client_secret: `${clientId}-secret` };
  const response = await fetch(new URL(path, node.origin), {
    method: 'POST',
    headers: { accept: 'application/json', ...headers },
    body: new URLSearchParams({ client_id: clientId, ...secret, ...form }),
  });
  const text = await response.text();
  return { ...(text === '' ? {} : JSON.parse(text)), status: response.status };
}

export function redeem(
  node: Node,
  clientId: string,
  code: string,
  headers?: Record<string, string>,
): Promise<TokenAnswer> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
  return asClient(node, '/token', clientId, form, headers);
}

export function refresh(node: Node, clientId: string, refreshToken: string): Promise<TokenAnswer> {
  return asClient(node, '/token', clientId, { grant_type: 'refresh_token', refresh_token: refreshToken });
}

export async function userinfoStatus(node: Node, accessToken: string): Promise<number> {
  const response = await fetch(new URL('/me', node.origin), { headers: { authorization: `Bearer ${accessToken}` } });
  await response.arrayBuffer();
  return response.status;
}

export function aKey(): { privateKey: KeyObject; jwk: object } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey: createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    jwk: pair.publicKey.export({ format: 'jwk' }),
  };
}

export function aJwt(key: KeyObject, header: object, payload: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const body = `${encode({ alg: 'ES256', ...header })}.${encode(payload)}`;
  return `${body}.${sign('sha256', Buffer.from(body), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export function aDpopProof(key: ReturnType<typeof aKey>, htm: string, htu: string, more: object = {}): string {
  const payload = { jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ...more };
  return aJwt(key.privateKey, { typ: 'dpop+jwt', jwk: key.jwk }, payload);
}
