/**
 * Where a relying party takes logout tokens: a real HTTP server that checks each as Back-Channel Logout 1.0 section 2.6 says, with
 * jose against the provider's published keys.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, type decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';

export interface ReceivedLogout {
  readonly claims: JWTPayload & { readonly sid?: string; readonly events?: Readonly<Record<string, unknown>> };
  readonly header: ReturnType<typeof decodeProtectedHeader>;
  readonly at: number;
}

export interface LogoutReceiver {
  readonly url: string;
  /** Those it took, in order. */
  readonly logouts: readonly ReceivedLogout[];
  /** Tokens and requests that it would have refused, in words. */
  readonly mistakes: readonly string[];
  /** How many requests came. */
  readonly requests: number;
  /** A status that it answers with instead of taking a token; undefined: it works. */
  failWith: number | undefined;
  /** Listens no more; the port stays its own. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startLogoutReceiver(issuer: () => string, clientId: string): Promise<LogoutReceiver> {
  const logouts: ReceivedLogout[] = [];
  const mistakes: string[] = [];
  const jtis = new Set<string>();
  let requests = 0;
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;

  async function take(body: string): Promise<void> {
    const token = new URLSearchParams(body).get('logout_token') ?? '';
    keys ??= createRemoteJWKSet(new URL(`${issuer()}/jwks`));
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: issuer(),
      audience: clientId,
      typ: 'logout+jwt',
      algorithms: ['RS256'],
      requiredClaims: ['iat', 'exp', 'jti', 'events', 'sub'],
    });
    if ('nonce' in payload) throw new Error('a logout token has no nonce');
    const events = payload.events as Record<string, unknown>;
    if (JSON.stringify(events) !== '{"http://schemas.openid.net/event/backchannel-logout":{}}')
      throw new Error('events');
    if (payload.exp! - payload.iat! > 120) throw new Error('it lasts longer than two minutes');
    if (jtis.has(payload.jti!)) throw new Error('it came before');
    jtis.add(payload.jti!);
    logouts.push({ claims: payload as ReceivedLogout['claims'], header: protectedHeader, at: Date.now() });
  }

  let failWith: number | undefined;
  const server = createServer(async (request, response) => {
    requests += 1;
    const body = Buffer.concat(await request.toArray()).toString();
    if (failWith !== undefined) return void response.writeHead(failWith).end('no');
    try {
      if (request.method !== 'POST' || request.headers['content-type'] !== 'application/x-www-form-urlencoded') {
        throw new Error(`${request.method} ${request.headers['content-type']}`);
      }
      await take(body);
      response.writeHead(200, { 'cache-control': 'no-store' }).end();
    } catch (error) {
      mistakes.push(String(error));
      response.writeHead(400).end();
    }
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, 'localhost');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://localhost:${port}/logout`,
    logouts,
    mistakes,
    get failWith() {
      return failWith;
    },
    set failWith(status) {
      failWith = status;
    },
    get requests() {
      return requests;
    },
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    start: async () => {
      if (!server.listening) await listen(port);
    },
  };
}
