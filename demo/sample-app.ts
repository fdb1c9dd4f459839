/**
 * A relying party as an application would write it, on openid-client: code flow with PKCE, state and nonce, a session of
 * its own, and a sign-out that tells the provider. It shows what it was told about the person.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import * as oidc from 'openid-client';

import { type Received, homePage, problemPage, signedInPage } from './sample-pages.ts';

/** The client as a seed file registers it. */
export function sampleAppClient(origin: string, clientSecret: string) {
  return {
    client_id: 'orchard',
    client_secret: clientSecret,
    client_name: 'Orchard',
    client_uri: origin,
    redirect_uris: [`${origin}/callback`],
    post_logout_redirect_uris: [`${origin}/signed-out`],
    grant_types: ['authorization_code'],
  };
}

export interface SampleAppSettings {
  readonly port: number;
  readonly origin: string;
  readonly issuer: string;
  readonly client: ReturnType<typeof sampleAppClient>;
}

export interface SampleApp {
  readonly origin: string;
  close(): Promise<void>;
}

/** One browser: the sign-ins it has begun, by their state, and who signed in. */
interface Visit {
  readonly begun: Map<string, oidc.AuthorizationCodeGrantChecks>;
  readonly received?: Received;
  /** As it came: it tells the provider whom to sign out. */
  readonly idToken?: string | undefined;
}

export async function startSampleApp({ port, origin, issuer, client }: SampleAppSettings): Promise<SampleApp> {
  const visits = new Map<string, Visit>();
  const redirectUri = client.redirect_uris[0]!;
  let discovered: oidc.Configuration | undefined;

  async function provider(): Promise<oidc.Configuration> {
    // Over http only because all of it runs on this machine.
    const options = { execute: [oidc.allowInsecureRequests] };
    const secret = oidc.ClientSecretBasic(client.client_secret);
    discovered ??= await oidc.discovery(new URL(issuer), client.client_id, undefined, secret, options);
    return discovered;
  }

  async function beginSignIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = visitOf(request) ?? remember(response, { begun: new Map() });
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    visit.begun.set(state, { pkceCodeVerifier, expectedState: state, expectedNonce: nonce });
    const url = oidc.buildAuthorizationUrl(await provider(), {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    redirect(response, url.href);
  }

  async function finishSignIn(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = visitOf(request);
    const state = url.searchParams.get('state') ?? '';
    const checks = visit?.begun.get(state);
    if (!visit || !checks)
      return show(response, 400, problemPage('This browser did not begin that sign-in. Begin it here.'));
    visit.begun.delete(state);
    const tokens = await oidc.authorizationCodeGrant(await provider(), url, checks);
    const idToken = tokens.claims()!; // the scope has openid, and the library has checked it
    const userInfo = await oidc.fetchUserInfo(await provider(), tokens.access_token, idToken.sub);
    // A new session at sign-in: an id that somebody planted before is worth nothing.
    visits.delete(idIn(request));
    remember(response, { begun: visit.begun, received: { idToken, userInfo }, idToken: tokens.id_token });
    redirect(response, '/');
  }

  async function signOut(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = visitOf(request);
    visits.delete(idIn(request));
    if (!visit?.idToken) return redirect(response, '/');
    const url = oidc.buildEndSessionUrl(await provider(), {
      id_token_hint: visit.idToken,
      post_logout_redirect_uri: client.post_logout_redirect_uris[0]!,
    });
    redirect(response, url.href);
  }

  function answer(request: IncomingMessage, response: ServerResponse): Promise<void> | void {
    const url = new URL(request.url ?? '/', origin);
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /': {
        const received = visitOf(request)?.received;
        return show(response, 200, received ? signedInPage(received, issuer) : homePage());
      }
      case 'GET /sign-in':
        return beginSignIn(request, response);
      case 'GET /callback':
        return finishSignIn(url, request, response);
      case 'POST /sign-out':
        return signOut(request, response);
      case 'GET /signed-out':
        return show(response, 200, homePage('You are signed out of Orchard.'));
      default:
        return show(response, 404, problemPage('There is no such page.'));
    }
  }

  function visitOf(request: IncomingMessage): Visit | undefined {
    return visits.get(idIn(request));
  }

  function remember(response: ServerResponse, visit: Visit): Visit {
    const id = randomBytes(24).toString('base64url');
    visits.set(id, visit);
    response.setHeader('set-cookie', `${cookie}=${id}; Path=/; HttpOnly; SameSite=Lax`);
    return visit;
  }

  const server = createServer(async (request, response) => {
    try {
      await answer(request, response);
    } catch (error) {
      show(response, 400, problemPage(inWords(error)));
    }
  }).listen(port, 'localhost');
  await once(server, 'listening');

  return {
    origin,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

// Cookies know no ports: the name must not be one of the provider's.
const cookie = 'orchard_session';

function idIn(request: IncomingMessage): string {
  return new RegExp(`(?:^|;\\s*)${cookie}=([^;]*)`).exec(request.headers.cookie ?? '')?.[1] ?? '';
}

/** As the provider put it, where it is the provider that refused. */
function inWords(error: unknown): string {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return `Latchkey answered ${error.error}: ${error.error_description ?? 'no more is known.'}`;
  }
  return `This went wrong: ${String(error)}`;
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end();
}

function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  });
  response.end(html);
}
