/**
 * An OpenID provider that does as it is told: a right one at first, of which a test bends what it names. Its signatures are jose's,
 * or its own by hand where jose would not sign such a thing.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose';
import { type Provider, providerSettings } from '../../src/methods/upstream/provider.ts';
import type { Collecting, RelyingParty } from '../../src/methods/upstream/relying-party.ts';
import { testCertificate, testCertificateKey } from './upstream-tls.ts';

type Json = Record<string, unknown>;
type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;
export type Endpoint = 'discovery' | 'jwks' | 'token' | 'userinfo';

/** What is different from a right provider. Each gets the right thing and returns what is sent instead. */
export interface Deviation {
  readonly metadata?: (right: Json) => unknown;
  readonly keys?: (right: Json[]) => unknown;
  readonly header?: (right: Json) => Json;
  readonly claims?: (right: Json) => Json;
  /** The whole token, of its right header and claims. */
  readonly token?: (header: Json, claims: Json) => string | Promise<string>;
  readonly tokens?: (right: Json) => Json;
  readonly userinfo?: (right: Json) => Json;
  readonly answers?: Partial<Record<Endpoint, Answer>>;
  readonly callback?: (right: URLSearchParams) => void;
}

export interface HostileUpstream {
  readonly issuer: string;
  readonly host: string;
  readonly publicKey: JWK;
  readonly privateKey: CryptoKey;
  readonly stranger: CryptoKey;
  /** Paths asked for since the last `bend`. */
  readonly requests: readonly string[];
  provider(settings?: Json): Provider;
  bend(deviation: Deviation): void;
  /** A sign-in from departure to collection, with nobody in between. */
  signIn(party: RelyingParty, asked?: SignInOptions): ReturnType<RelyingParty['collect']>;
  signed(claims: Json, header?: Json): Promise<string>;
  close(): Promise<void>;
}

export interface SignInOptions {
  readonly provider?: Provider;
  readonly maxAge?: number;
  readonly now?: Date;
  readonly ceremony?: (right: Collecting['ceremony']) => Collecting['ceremony'];
}

export const clientSecret = 'a client secret that both sides know';
export const credentials = { clientSecret, privateKey: null };
export const redirectUri = 'https://id.example.com/upstream/contoso/callback';

export async function startHostileUpstream(tlsHost?: string): Promise<HostileUpstream> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const stranger = (await generateKeyPair('ES256')).privateKey;
  const publicKey = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  let deviation: Deviation = {};
  let nonce = '';
  let now = new Date();
  let issuer = '';
  let requests: string[] = [];

  const same = <T>(right: T): T => right;
  const accessToken = 'access-token';

  async function idToken(): Promise<string> {
    const at = Math.floor(now.getTime() / 1000);
    const atHash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url');
    const claims = (deviation.claims ?? same)({
      ...{ iss: issuer, sub: 'sub-1', aud: 'latchkey', iat: at, exp: at + 300, nonce, at_hash: atHash, auth_time: at },
      ...{ name: 'Ada', email: 'ada@contoso.example', email_verified: true, preferred_username: 'ada@contoso.example' },
    });
    const header = (deviation.header ?? same)({ alg: 'ES256', kid: 'one', typ: 'JWT' });
    return deviation.token ? await deviation.token(header, claims) : await signed(claims, header);
  }

  /** By hand, as far as the header goes: jose would not sign some of them. */
  async function signed(claims: Json, header: Json = { alg: 'ES256', kid: 'one', typ: 'JWT' }, key = pair.privateKey) {
    const input = `${part(header)}.${part(claims)}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(input));
    return `${input}.${Buffer.from(signature).toString('base64url')}`;
  }

  const right: Record<Endpoint, () => unknown> = {
    discovery: () =>
      (deviation.metadata ?? same)({
        issuer,
        ...{
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
        },
        ...{ userinfo_endpoint: `${issuer}/userinfo`, end_session_endpoint: `${issuer}/logout` },
        ...{
          id_token_signing_alg_values_supported: ['ES256', 'RS256', 'HS256', 'none'],
          response_types_supported: ['code'],
        },
        ...{ code_challenge_methods_supported: ['S256'], authorization_response_iss_parameter_supported: true },
      }),
    jwks: () => ({ keys: (deviation.keys ?? ((keys: Json[]) => keys))([publicKey]) }),
    token: async () =>
      (deviation.tokens ?? same)({ access_token: accessToken, token_type: 'Bearer', id_token: await idToken() }),
    userinfo: () => (deviation.userinfo ?? same)({ sub: 'sub-1', email: 'ada@contoso.example' }),
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!;
    requests.push(path);
    const endpoint = path.endsWith('openid-configuration') ? 'discovery' : (path.slice(1) as Endpoint);
    const body = Buffer.concat(await request.toArray()).toString();
    const answer = deviation.answers?.[endpoint];
    if (answer) return answer(request, response, body);
    if (!(endpoint in right)) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await right[endpoint]()));
  }

  const handler = (request: IncomingMessage, response: ServerResponse) =>
    void serve(request, response).catch(() => response.destroy());
  const server: Server = tlsHost
    ? createTlsServer({ cert: testCertificate, key: testCertificateKey }, handler)
    : createServer(handler);
  server.listen(0, tlsHost ? '127.0.0.2' : 'localhost');
  await once(server, 'listening');
  const host = `${tlsHost ?? 'localhost'}:${(server.address() as AddressInfo).port}`;
  issuer = `${tlsHost ? 'https' : 'http'}://${host}`;
  const provider = (settings: Json = {}): Provider => ({
    id: 'contoso',
    ...providerSettings.parse({ displayName: 'Contoso', issuer, clientId: 'latchkey', ...settings }),
  });

  return {
    ...{ host, publicKey, privateKey: pair.privateKey, stranger, provider },
    issuer,
    get requests() {
      return requests;
    },
    bend(next) {
      deviation = next;
      requests = [];
    },
    signed: (claims, header) => signed(claims, header),
    async signIn(party, { provider: chosen = provider(), maxAge, now: at = new Date(), ceremony = same } = {}) {
      const departed = await party.depart(chosen, { redirectUri, maxAge, now: at });
      if (departed.kind === 'refused') return departed;
      const asked = departed.url.searchParams;
      nonce = asked.get('nonce')!;
      now = at;
      const callbackUrl = new URL(redirectUri);
      callbackUrl.search = new URLSearchParams({ code: 'code', state: asked.get('state')!, iss: issuer }).toString();
      deviation.callback?.(callbackUrl.searchParams);
      const answer = { callbackUrl, ceremony: ceremony(departed.ceremony), redirectUri, maxAge, now: at };
      return party.collect(chosen, credentials, answer);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Signed by somebody else. */
export async function signedBy(key: CryptoKey | Uint8Array, header: Json, claims: Json): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header as { alg: string }).sign(key);
}
