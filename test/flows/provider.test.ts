import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openBase, wire } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { openTestBase, startHouse, type TestHouse } from '../support/house.ts';
import { createPasskey, joinWithPass, usePasskey } from '../support/person.ts';
import { freePort } from '../support/process.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

const joiner = 'joiner@example.com';
const silent = pino({ level: 'silent' });

let house: TestHouse;
let app: RelyingParty;
let spa: RelyingParty;
let authenticator: SoftwareAuthenticator;
let joinerId: string;

beforeAll(async () => {
  const issuer = () => house.issuer;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'app-secret', scope: 'openid profile email' });
  spa = await startRelyingParty({ issuer, clientId: 'spa' });
  // The test stands where a trusted proxy would: its word counts for addresses of clients, and for nothing else.
  house = await startHouse({ LATCHKEY_TRUSTED_PROXIES: '127.0.0.1, ::1' });
  const backToApp = {
    redirect_uris: [app.redirectUri, `${app.origin}/other`],
    post_logout_redirect_uris: [app.postLogoutRedirectUri],
  };
  const forApi = { grant_types: ['client_credentials'], app_roles: ['UserAuthenticationMethod.ReadWrite.All'] };
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: 'app-secret', ...backToApp },
      { client_id: 'spa', redirect_uris: [spa.redirectUri] },
      { client_id: 'legacy', client_secret: 'legacy-secret', require_pkce: false, ...backToApp },
      { client_id: 'hr', client_secret: 'hr-secret', ...forApi },
      { client_id: 'hr-post', client_secret: 'hr-secret', token_endpoint_auth_method: 'client_secret_post', ...forApi },
      { client_id: 'plain', client_secret: 'plain-secret', grant_types: ['client_credentials'] },
      // An application with permissions of its own that people sign in to as well.
      {
        client_id: 'both',
        client_secret: 'both-secret',
        ...backToApp,
        ...forApi,
        grant_types: ['authorization_code', 'client_credentials'],
      },
    ],
  });
  ({ id: joinerId } = await house.user(joiner));
  authenticator = await passkeyOf(joiner);
});
afterAll(async () => {
  await Promise.all([app, spa].map((party) => party?.close()));
  await house?.close();
});

/** Gives the user a pass, and with it a passkey. */
async function passkeyOf(userName: string): Promise<SoftwareAuthenticator> {
  const made = newAuthenticator();
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  await joinWithPass(browser, made, userName, await house.pass(userName));
  expect(browser.page.callback.searchParams.has('code')).toBe(true);
  return made;
}

/** A browser in which the joiner is signed in, and what the app got. */
async function signedIn(extra: Record<string, string> = {}): Promise<SignedIn & { browser: CookieBrowser }> {
  const browser = newBrowser({ stopAt: [app.redirectUri, app.postLogoutRedirectUri, spa.redirectUri] });
  await browser.visit(await app.authorizationUrl(extra));
  await usePasskey(browser, authenticator);
  return { browser, ...(await app.exchange(browser.page.callback)) };
}

/** What the relying party is told when nobody may be asked. */
async function silently(browser: CookieBrowser, extra: Record<string, string> = {}): Promise<URLSearchParams> {
  return (await browser.visit(await app.authorizationUrl({ prompt: 'none', ...extra }))).callback.searchParams;
}

const at = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new URL(path, house.issuer), { redirect: 'manual', ...init });

const basic = (clientId: string, secret: string) => ({ authorization: `Basic ${btoa(`${clientId}:${secret}`)}` });

interface TokenAnswer {
  readonly status: number;
  readonly error?: string;
  readonly access_token?: string;
  readonly token_type?: string;
}

async function token(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<TokenAnswer> {
  const response = await at('/token', { method: 'POST', body: new URLSearchParams(fields), headers });
  return { ...((await response.json()) as object), status: response.status };
}

const userinfoStatus = async (accessToken: string): Promise<number> =>
  (await at('/me', { headers: { authorization: `Bearer ${accessToken}` } })).status;

/** A person's own browser, sent to an address of the provider with some parameters changed or (null) left out. */
async function changed(url: URL, changes: Record<string, string | null>): Promise<URL> {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url;
}

describe('discovery and keys', () => {
  test('the discovery document says what is there, all of it under the issuer', async () => {
    const response = await at('/.well-known/openid-configuration');
    const said = (await response.json()) as Record<string, unknown>;
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(said).toMatchObject({
      issuer: house.issuer,
      authorization_endpoint: `${house.issuer}/auth`,
      token_endpoint: `${house.issuer}/token`,
      userinfo_endpoint: `${house.issuer}/me`,
      jwks_uri: `${house.issuer}/jwks`,
      end_session_endpoint: `${house.issuer}/session/end`,
      revocation_endpoint: `${house.issuer}/token/revocation`,
      pushed_authorization_request_endpoint: `${house.issuer}/request`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code', 'none'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      acr_values_supported: [`${house.issuer}/acr/1f`, `${house.issuer}/acr/2f`, 'phr', 'phrh'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      prompt_values_supported: ['none', 'login', 'consent'],
      claims_parameter_supported: true,
      request_uri_parameter_supported: false,
      authorization_response_iss_parameter_supported: true,
      subject_types_supported: ['public'],
    });
    for (const claim of ['sub', 'acr', 'amr', 'auth_time']) expect(said.claims_supported).toContain(claim);
    expect(JSON.stringify(said)).not.toContain('bootstrap');
    for (const absent of ['introspection', 'registration', 'device_authorization', 'backchannel_authentication']) {
      expect(said).not.toHaveProperty(`${absent}_endpoint`);
    }
  });

  test('the JWKS has public keys only, one of each algorithm, and the ID token is signed by one of them', async () => {
    const { keys } = (await (await at('/jwks')).json()) as { keys: Record<string, string>[] };
    expect(keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'RS256']);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', kid: expect.any(String) });
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) expect(key).not.toHaveProperty(secret);
    }
    const { tokens } = await signedIn();
    const header = JSON.parse(Buffer.from(tokens.id_token!.split('.')[0]!, 'base64url').toString());
    expect(header).toMatchObject({ alg: 'RS256', kid: keys.find(({ alg }) => alg === 'RS256')!.kid });
  });

  test('the keys stay the same for a second node on the same database, and its tokens are good here', async () => {
    const base = await openBase(house.base.config, 'command', () => {});
    const node = await wire(base, silent);
    const server = createServer(node.handler).listen(await freePort(), 'localhost');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const origin = `http://localhost:${(server.address() as { port: number }).port}`;
      expect(await (await fetch(`${origin}/jwks`)).json()).toEqual(await (await at('/jwks')).json());
      const asked = new URLSearchParams({
        grant_type: 'client_credentials',
        scope: `${house.issuer}/management/.default`,
      });
      const answer = await fetch(`${origin}/token`, { method: 'POST', body: asked, headers: basic('hr', 'hr-secret') });
      const { access_token } = (await answer.json()) as { access_token: string };
      expect((await passesOf(joinerId, access_token)).status).toBe(200);
    } finally {
      server.closeAllConnections();
      server.close();
      await node.db.close();
      await base.close();
    }
  });

  test("the library's development pages are off, and nobody signs in through them", async () => {
    const browser = newBrowser();
    await browser.visit(await app.authorizationUrl());
    const uid = browser.page.url.split('/').at(-1);
    for (const path of [`/interaction/${uid}`, `/interaction/${uid}/submit`, `/interaction/${uid}/abort`]) {
      expect((await browser.request(path)).status, path).toBe(404);
      const posted = await browser.request(path, {
        method: 'POST',
        body: 'prompt=login&login=joiner%40example.com&password=x',
      });
      expect(posted.status, path).toBe(404);
    }
    expect(browser.page.text).not.toMatch(/devInteractions|oidc-provider/i);
  });
});

describe('addresses', () => {
  test.each([
    '/nothing',
    '/.well-known/unknown',
    '/.well-known/openid-configuration/x',
    '/acr/none/such',
    '/sign-in',
    '/assets/x/style.css',
  ])('%s is a real 404 with a page of ours', async (path) => {
    const page = await newBrowser().visit(new URL(path, house.issuer));
    expect({ status: page.status, step: page.step }).toEqual({ status: 404, step: 'error' });
    expect(page.text).toContain('There is no such page');
  });

  test('the root leads to the security info', async () => {
    const answer = await at('/');
    expect({ status: answer.status, location: answer.headers.get('location') }).toEqual({
      status: 303,
      location: '/security-info',
    });
  });

  test.each([
    '/%00',
    '/auth?client_id=a%00b',
    '/sign-in/a%00b',
    '/v1.0/users/%00/authentication/temporaryAccessPassMethods',
  ])('%s is a 400, never a fault', async (path) => {
    expect((await at(path)).status).toBe(400);
  });

  test('an address of more than 16 KiB is refused without a fault', async () => {
    // Node's own parser may be the one to say no (431).
    expect([400, 414, 431]).toContain((await at(`/auth?state=${'x'.repeat(17_000)}`)).status);
  });

  test('neither Host nor forwarded headers change an address that is printed', async () => {
    const evil = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '444',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-prefix': '/evil',
      'x-original-host': 'evil.example',
      forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
    };
    const authorization = await app.authorizationUrl();
    const asks: [string, string, string?][] = [
      ['GET', '/.well-known/openid-configuration'],
      ['GET', `${authorization.pathname}${authorization.search}`],
      ['POST', '/auth', authorization.search.slice(1)],
      ['GET', '/security-info'],
      ['GET', '/'],
      ['GET', '/session/end'],
      ['GET', '/nothing'],
      ['GET', '/auth'],
      ['POST', '/token', 'grant_type=x'],
      ['GET', '/me'],
    ];
    for (const [method, path, body] of asks) {
      const answer = await withHeaders(method, path, evil, body);
      expect(`${JSON.stringify(answer.headers)} ${answer.body}`, path).not.toMatch(/evil|:444|https:\/\/localhost/);
    }
    const discovered = await withHeaders('GET', '/.well-known/openid-configuration', evil);
    expect(discovered.body).toBe((await withHeaders('GET', '/.well-known/openid-configuration', {})).body);
  });
});

/** fetch writes its own Host. */
function withHeaders(method: string, path: string, headers: Record<string, string>, body = '') {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const form = body ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
    const asked = request(
      new URL(path, house.issuer),
      { method, headers: { ...form, ...headers }, agent: false },
      async (answer) => {
        const chunks = await answer.toArray();
        resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks).toString() });
      },
    );
    asked.on('error', reject).end(body);
  });
}

describe('the authorization request', () => {
  test('PKCE is required of public and of confidential clients, unless a client has require_pkce: false', async () => {
    const withoutPkce = { code_challenge: null, code_challenge_method: null };
    for (const party of [app, spa]) {
      const url = await changed(await party.authorizationUrl(), withoutPkce);
      const answer = await newBrowser({ stopAt: party.redirectUri }).visit(url);
      expect(answer.callback.searchParams.get('error')).toBe('invalid_request');
      expect(answer.callback.searchParams.get('error_description')).toMatch(/PKCE/);
    }
    const legacy = await changed(await app.authorizationUrl(), { ...withoutPkce, client_id: 'legacy' });
    const browser = newBrowser({ stopAt: app.redirectUri });
    expect((await browser.visit(legacy)).step).toBe('identify');
    const code = (await usePasskey(browser, authenticator)).callback.searchParams.get('code')!;
    const redeem = { grant_type: 'authorization_code', code, redirect_uri: app.redirectUri };
    expect(await token(redeem, basic('legacy', 'legacy-secret'))).toMatchObject({ status: 200 });
  });

  test('a client that may go without PKCE is held to it once it began with it', async () => {
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await changed(await app.authorizationUrl(), { client_id: 'legacy' }));
    const code = (await usePasskey(browser, authenticator)).callback.searchParams.get('code')!;
    const redeem = { grant_type: 'authorization_code', code, redirect_uri: app.redirectUri };
    expect(await token(redeem, basic('legacy', 'legacy-secret'))).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    });
  });

  test('the challenge method plain is refused', async () => {
    const url = await changed(await app.authorizationUrl(), { code_challenge_method: 'plain' });
    const { callback } = await newBrowser({ stopAt: app.redirectUri }).visit(url);
    expect(callback.searchParams.get('error')).toBe('invalid_request');
  });

  test('a public client signs in with PKCE and no secret', async () => {
    const { browser } = await signedIn();
    const { claims } = await spa.exchange((await browser.visit(await spa.authorizationUrl())).callback);
    expect(claims).toMatchObject({ sub: joinerId, acr: 'phr' });
  });

  test('a POST is the same request as a GET', async () => {
    const { action, fields } = await app.authorizationForm({ login_hint: joiner });
    const browser = newBrowser({ stopAt: app.redirectUri });
    const posted = await at(action, { method: 'POST', body: new URLSearchParams(fields) });
    expect(posted.status).toBe(303);
    const got = new URL(posted.headers.get('location')!, house.issuer);
    expect(Object.fromEntries(got.searchParams)).toEqual(fields);
    const page = await browser.visit(got);
    expect(page.form('identify').fields.username).toBe(joiner);
    await usePasskey(browser, authenticator);
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(joinerId);
  });

  test('a POST that is no form is refused, and so is one that is too large', async () => {
    const { action, fields } = await app.authorizationForm();
    expect(
      (
        await at(action, {
          method: 'POST',
          body: JSON.stringify(fields),
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(415);
    expect(
      (await at(action, { method: 'POST', body: new URLSearchParams({ ...fields, pad: 'x'.repeat(17_000) }) })).status,
    ).toBe(413);
  });

  test.each(['scope', 'client_id', 'redirect_uri', 'state', 'code_challenge', 'prompt'])(
    'a request with two values of %s is refused, and nobody is asked to sign in',
    async (name) => {
      const url = await app.authorizationUrl({ prompt: 'login' });
      url.searchParams.append(name, url.searchParams.get(name)!);
      const page = await newBrowser({ stopAt: app.redirectUri }).visit(url);
      const told = page.isCallback ? `${page.callback.searchParams}` : page.text;
      expect(told).toMatch(/invalid_request|We could not read that/);
      expect(page.status).not.toBe(200);
      const form = url.search.slice(1);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await at('/auth', { method: 'POST', body: form, headers })).status).toBe(400);
    },
  );

  test.each([
    ['another path', (party: RelyingParty) => `${party.origin}/elsewhere`],
    ['one more parameter', (party: RelyingParty) => `${party.redirectUri}?x=1`],
    ['a fragment', (party: RelyingParty) => `${party.redirectUri}#x`],
    ['a path that climbs', (party: RelyingParty) => `${party.origin}/x/../cb`],
    ['user info in front', (party: RelyingParty) => party.redirectUri.replace('//', '//user@')],
    ['capitals', (party: RelyingParty) => party.redirectUri.replace('/cb', '/CB')],
    ['another port', (party: RelyingParty) => party.redirectUri.replace(/:\d+/, ':1')],
    ['javascript:', () => 'javascript:alert(1)'],
    ['nothing at all', () => null],
  ])('a redirect_uri with %s ends on an error page and leads nowhere', async (_what, uriOf) => {
    const url = await changed(await app.authorizationUrl(), { redirect_uri: uriOf(app) });
    const browser = newBrowser();
    const page = await browser.visit(url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 400, step: 'error' });
    expect(page.text).toMatch(/redirect_uri/); // the conformance suite looks for the description
    expect(browser.history).toHaveLength(1);
    expect(page.findAll('a, form, meta[http-equiv]')).toEqual([]);
  });

  test('an unknown client ends on an error page', async () => {
    const page = await newBrowser().visit(await changed(await app.authorizationUrl(), { client_id: 'nobody' }));
    expect({ status: page.status, step: page.step }).toEqual({ status: 400, step: 'error' });
    expect(page.text).toContain('invalid_client');
  });

  test('what an app sends is shown as text on the error page', async () => {
    const script = '<script>alert(1)</script>';
    const page = await newBrowser().visit(
      await changed(await app.authorizationUrl(), { client_id: script, redirect_uri: script }),
    );
    expect(page.html).not.toContain('<script>alert');
  });

  test.each(['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'JavaScript:alert(1)', '/cb'])(
    'a client cannot be given %s to go back to',
    async (uri) => {
      const client = { client_id: 'bad', client_secret: 's', redirect_uris: [uri] };
      await expect(house.seed({ clients: [client] })).rejects.toThrow(/redirect_uris\.0: must be an absolute URL/);
      const logout = {
        client_id: 'bad',
        client_secret: 's',
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [uri],
      };
      await expect(house.seed({ clients: [logout] })).rejects.toThrow(/post_logout_redirect_uris\.0/);
    },
  );

  test.each(['app', 'both'])(
    'a token for the management API cannot be had through a person, by %s',
    async (clientId) => {
      const resource = `${house.issuer}/management`;
      for (const asked of [{ resource }, { scope: `openid ${resource}/.default` }]) {
        const url = await changed(await app.authorizationUrl(asked), { client_id: clientId });
        const page = await newBrowser({ stopAt: app.redirectUri }).visit(url);
        expect(page.callback.searchParams.get('error')).toBe('invalid_target');
      }
    },
  );

  test('a pushed request is used once', async () => {
    const fields = Object.fromEntries((await app.authorizationUrl()).searchParams);
    const pushed = await at('/request', {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: basic('app', 'app-secret'),
    });
    const { request_uri, expires_in } = (await pushed.json()) as { request_uri: string; expires_in: number };
    expect(pushed.status).toBe(201);
    expect(expires_in).toBeLessThanOrEqual(60);
    const url = new URL(`/auth?${new URLSearchParams({ client_id: 'app', request_uri })}`, house.issuer);
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(url);
    await usePasskey(browser, authenticator);
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(joinerId);
    const again = await browser.visit(url);
    expect(again.isCallback ? `${again.callback}` : again.text).toContain('invalid_request_uri');
  });

  test('a pushed request of one client is worth nothing to another, and pushing takes the secret', async () => {
    const fields = Object.fromEntries((await app.authorizationUrl()).searchParams);
    const refused = await at('/request', {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: basic('app', 'wrong'),
    });
    expect(refused.status).toBe(401);
    const pushed = await at('/request', {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: basic('app', 'app-secret'),
    });
    const { request_uri } = (await pushed.json()) as { request_uri: string };
    const page = await newBrowser({ stopAt: [app.redirectUri, spa.redirectUri] }).visit(
      new URL(`/auth?${new URLSearchParams({ client_id: 'spa', request_uri })}`, house.issuer),
    );
    expect(page.isCallback).toBe(false);
    expect(page.status).toBe(400);
  });
});

describe('what a relying party may ask of the person', () => {
  test('prompt=none without a session is login_required', async () => {
    const told = await silently(newBrowser({ stopAt: app.redirectUri }));
    expect(told.get('error')).toBe('login_required');
    expect(told.get('iss')).toBe(house.issuer);
  });

  test('prompt=none with a session answers at once, with the same sub and auth_time', async () => {
    const { browser, claims } = await signedIn();
    const before = browser.history.length;
    await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
    expect(browser.history.length - before).toBe(1);
    const again = await app.exchange(browser.page.callback);
    const { sub, auth_time, acr, amr } = claims;
    expect(again.claims).toMatchObject({ sub, auth_time, acr, amr });
  });

  test('prompt=none is interaction_required when the passkeys of a signed-in user were deleted; asked, the person registers anew', async () => {
    const userName = 'lost-all@example.com';
    const { id } = await house.user(userName);
    const lost = await passkeyOf(userName);
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    await usePasskey(browser, lost);
    await house.base.knex('passkeys').where('user_id', '=', id).delete();

    expect((await silently(browser)).get('error')).toBe('interaction_required');
    const page = await browser.visit(await app.authorizationUrl());
    expect(page.step).toBe('verify');
    expect(page.text).toContain(userName);
    await browser.click('use-pass');
    await browser.submit({ formWith: 'code', fields: { code: await house.pass(userName) } });
    const found = newAuthenticator();
    expect(browser.page.step).toBe('enrol');
    await createPasskey(browser, found);
    await usePasskey(browser, found);
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ sub: id, acr: 'phr' });
    expect((await silently(browser)).has('code')).toBe(true);
  });

  test('prompt=login asks again without asking for the name, and auth_time is later by whole seconds', async () => {
    const { browser, claims } = await signedIn();
    await wait(1_100);
    const page = await browser.visit(await app.authorizationUrl({ prompt: 'login' }));
    expect(page.step).toBe('verify');
    expect(page.text).toContain(joiner);
    expect(page.find('input[name=username]')).toBeNull();
    await usePasskey(browser, authenticator);
    const again = await app.exchange(browser.page.callback);
    expect(again.claims.sub).toBe(claims.sub);
    expect(again.claims.auth_time! - claims.auth_time!).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(again.claims.auth_time)).toBe(true);
  });

  test('max_age asks again once the sign-in is older, and not before', async () => {
    const { browser, claims } = await signedIn();
    expect((await browser.visit(await app.authorizationUrl({ max_age: '10000' }))).isCallback).toBe(true);
    await wait(2_100);
    expect((await silently(browser, { max_age: '1' })).get('error')).toBe('login_required');
    const page = await browser.visit(await app.authorizationUrl({ max_age: '1' }));
    expect({ step: page.step, asked: page.find('input[name=username]') }).toEqual({ step: 'verify', asked: null });
    await usePasskey(browser, authenticator);
    const again = await app.exchange(browser.page.callback);
    expect(again.claims.auth_time! - claims.auth_time!).toBeGreaterThanOrEqual(2);
    // The sign-in before does not come back as the newer one's time.
    expect((await app.exchange((await browser.visit(await app.authorizationUrl())).callback)).claims.auth_time).toBe(
      again.claims.auth_time,
    );
  });

  test('max_age=0 asks again at once', async () => {
    const { browser } = await signedIn();
    expect((await browser.visit(await app.authorizationUrl({ max_age: '0' }))).step).toBe('verify');
  });

  test('login_hint stands in the name field, as text', async () => {
    const hint = '"><script>alert(1)</script>';
    const page = await newBrowser().visit(await app.authorizationUrl({ login_hint: hint }));
    expect(page.form('identify').fields.username).toBe(hint);
    expect(page.html).not.toContain('<script>alert');
  });

  test('acr_values is a minimum, and any of the values will do', async () => {
    const { browser } = await signedIn();
    const [onefactor, twofactor] = ['1f', '2f'].map((level) => `${house.issuer}/acr/${level}`);
    for (const enough of [
      onefactor!,
      twofactor!,
      'phr',
      'phrh phr',
      `phrh ${twofactor}`,
      `unknown ${onefactor}`,
      'unknown',
    ]) {
      expect((await silently(browser, { acr_values: enough })).has('code'), enough).toBe(true);
    }
    expect((await silently(browser, { acr_values: 'phrh' })).get('error')).toBe('unmet_authentication_requirements');
  });

  test('every acr of the discovery document at once is no obstacle', async () => {
    const { acr_values_supported } = (await (await at('/.well-known/openid-configuration')).json()) as {
      acr_values_supported: string[];
    };
    const { claims } = await signedIn({ acr_values: acr_values_supported.join(' ') });
    expect(claims.acr).toBe('phr');
  });

  test('an acr that is only wished for is asked for once and then let go', async () => {
    const { browser } = await signedIn();
    expect((await browser.visit(await app.authorizationUrl({ acr_values: 'phrh' }))).step).toBe('verify');
    await usePasskey(browser, authenticator);
    expect((await app.exchange(browser.page.callback)).claims.acr).toBe('phr');
  });

  test('an essential acr is met by phr, and ends in unmet_authentication_requirements for phrh', async () => {
    const essential = (acr: object) => ({ claims: JSON.stringify({ id_token: { acr: { essential: true, ...acr } } }) });
    for (const acr of [{ value: 'phr' }, { values: ['phrh', 'phr'] }, { values: [`${house.issuer}/acr/2f`] }]) {
      const { claims, browser } = await signedIn(essential(acr));
      expect(claims.sub).toBe(joinerId);
      expect((await silently(browser, essential(acr))).has('code')).toBe(true);
    }
    for (const acr of [{ value: 'phrh' }, { values: ['phrh'] }, { value: 'no-such-level' }]) {
      const browser = newBrowser({ stopAt: app.redirectUri });
      await browser.visit(await app.authorizationUrl(essential(acr)));
      await usePasskey(browser, authenticator);
      expect(browser.page.callback.searchParams.get('error'), JSON.stringify(acr)).toBe(
        'unmet_authentication_requirements',
      );
      expect(browser.page.callback.searchParams.has('code')).toBe(false);
    }
  });

  test('an essential acr stands beside acr_values, and is not lost by them', async () => {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: 'phrh' } } });
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl({ claims, acr_values: 'phr' }));
    await usePasskey(browser, authenticator);
    expect(browser.page.callback.searchParams.get('error')).toBe('unmet_authentication_requirements');
    const enough = JSON.stringify({ id_token: { acr: { essential: true, value: 'phr' } } });
    expect((await signedIn({ claims: enough, acr_values: 'phrh' })).claims.acr).toBe('phr');
  });

  test.each([
    ['values that are text', { id_token: { acr: { essential: true, values: 'phr' } } }],
    ['values that are an object', { id_token: { acr: { essential: true, values: { length: 1 } } } }],
    ['values of all kinds', { id_token: { acr: { essential: true, values: [1, null, {}, [], 'phr'] } } }],
    ['a value that is a number', { id_token: { acr: { essential: true, value: 1 } } }],
    ['a value that is a list', { id_token: { acr: { essential: true, value: ['phr'] } } }],
    ['an acr that is text', { id_token: { acr: 'phr' } }],
    ['an acr that is a list', { id_token: { acr: [] } }],
    ['an acr that is true', { id_token: { acr: true } }],
    ['an acr that is null', { id_token: { acr: null } }],
    ['an id_token that is null', { id_token: null, userinfo: {} }],
    ['an id_token that is a list', { id_token: [] }],
    ['a claim named __proto__', JSON.parse('{"id_token":{"__proto__":{"essential":true}}}')],
    ['a list', []],
    ['a number', 1],
  ])('a claims parameter with %s is no fault', async (_what, claims) => {
    const { browser } = await signedIn();
    for (const asked of [claims, JSON.stringify(claims)]) {
      const parameter = typeof asked === 'string' ? asked : JSON.stringify(asked);
      const told = await browser.visit(await app.authorizationUrl({ claims: parameter, prompt: 'none' }));
      expect(told.callback.searchParams.get('error')).not.toBe('server_error');
    }
  });

  // RULES 2.1, Core 5.5.1.1: anything else makes some relying parties loop.
  test('of the acr values asked for, the highest that was met is the one reported', async () => {
    const twofactor = `${house.issuer}/acr/2f`;
    expect((await signedIn({ acr_values: `${house.issuer}/acr/1f ${twofactor} phrh` })).claims.acr).toBe(twofactor);
  });

  test('prompt=consent with offline_access needs no page, and the refresh token outlives the session', async () => {
    const { browser } = await signedIn();
    await browser.visit(await app.authorizationUrl({ scope: 'openid offline_access', prompt: 'consent' }));
    const { tokens } = await app.exchange(browser.page.callback);
    expect(tokens.scope?.split(' ')).toContain('offline_access');
    await browser.visit(await app.logoutUrl(tokens.id_token));
    await browser.click('confirm-logout');
    expect((await app.refresh(tokens.refresh_token!)).access_token).toEqual(expect.any(String));
  });

  test('the parameters display, ui_locales, claims_locales and ones that nobody knows change nothing', async () => {
    const { claims } = await signedIn({ display: 'popup', ui_locales: 'sv de', claims_locales: 'se', extra: 'foobar' });
    expect(claims.sub).toBe(joinerId);
  });

  test('an id_token_hint of the person in the session is honoured, one of another is login_required', async () => {
    const { browser, tokens, claims } = await signedIn();
    await browser.visit(await app.authorizationUrl({ prompt: 'none', id_token_hint: tokens.id_token! }));
    expect((await app.exchange(browser.page.callback)).claims).toMatchObject({
      sub: claims.sub,
      auth_time: claims.auth_time,
    });
    const userName = 'hinted@example.com';
    await house.user(userName);
    const other = newBrowser({ stopAt: app.redirectUri });
    const passkey = await passkeyOf(userName);
    await other.visit(await app.authorizationUrl());
    await usePasskey(other, passkey);
    expect((await silently(other, { id_token_hint: tokens.id_token! })).get('error')).toBe('login_required');
  });
});

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const redemption = (code: string) => ({ grant_type: 'authorization_code', code, redirect_uri: app.redirectUri });

describe('codes and tokens', () => {
  test('an ID token always has acr, amr and auth_time: asked for or not, at once, silently and refreshed', async () => {
    const { browser, claims, tokens } = await signedIn({ scope: 'openid' });
    await browser.visit(await app.authorizationUrl({ scope: 'openid', prompt: 'none' }));
    const silent = (await app.exchange(browser.page.callback)).claims;
    const refreshed = (await app.refresh(tokens.refresh_token!)).claims()!;
    for (const said of [claims, silent, refreshed]) {
      expect(said).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'], auth_time: claims.auth_time });
      expect(said).not.toHaveProperty('email');
    }
  });

  test('a code used twice is refused, and what came from its first use ends', async () => {
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    const { callback } = await usePasskey(browser, authenticator);
    const { tokens } = await app.exchange(callback);
    expect(await userinfoStatus(tokens.access_token)).toBe(200);
    await expect(app.exchange(callback)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await userinfoStatus(tokens.access_token)).toBe(401);
    await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('a code is worth nothing to another client, at another redirect_uri, or without its verifier', async () => {
    const { browser } = await signedIn();
    const fresh = async (): Promise<string> => (await silently(browser)).get('code')!;
    const invalid = { status: 400, error: 'invalid_grant' };
    expect(await token(redemption(await fresh()), basic('legacy', 'legacy-secret'))).toMatchObject(invalid);
    expect(await token(redemption(await fresh()), basic('app', 'app-secret'))).toMatchObject(invalid);
    const withVerifier = { ...redemption(await fresh()), code_verifier: 'x'.repeat(43) };
    expect(await token(withVerifier, basic('app', 'app-secret'))).toMatchObject(invalid);
    await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
    const elsewhere = new URL(browser.page.callback);
    elsewhere.pathname = '/other';
    await expect(app.exchange(elsewhere)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('a wrong secret is invalid_client, none as well, and so is what the database has in place of it', async () => {
    const cc = { grant_type: 'client_credentials' };
    expect(await token(cc, basic('hr', 'wrong'))).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await token({ ...cc, client_id: 'hr' })).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await token({ ...cc, client_id: 'hr', client_secret: '' })).toMatchObject({
      error: expect.stringMatching(/^invalid/),
    });
    expect(await token({ ...cc, client_id: 'nobody', client_secret: 'x' })).toMatchObject({
      status: 401,
      error: 'invalid_client',
    });
    const { digest } = await house.base.knex('client_secrets').where('client_id', '=', 'hr').first();
    expect(await token(cc, basic('hr', digest))).toMatchObject({ status: 401, error: 'invalid_client' });
  });

  test('userinfo answers GET and POST, with the token in the header or in the form, and never in the address', async () => {
    const { tokens } = await signedIn();
    const bearer = { authorization: `Bearer ${tokens.access_token}` };
    const body = new URLSearchParams({ access_token: tokens.access_token });
    for (const init of [{ headers: bearer }, { method: 'POST', headers: bearer }, { method: 'POST', body }]) {
      const answer = await at('/me', init);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toMatchObject({ sub: joinerId, name: joiner, preferred_username: joiner });
    }
    expect((await at(`/me?access_token=${tokens.access_token}`)).status).toBeGreaterThanOrEqual(400);
    expect(await userinfoStatus('nonsense')).toBe(401);
  });

  test('userinfo and the ID token hold what the scopes allow', async () => {
    const { tokens, claims } = await signedIn({ scope: 'openid' });
    const { acr, amr, auth_time } = claims;
    expect(await app.userinfo(tokens.access_token, claims.sub)).toEqual({ sub: joinerId, acr, amr, auth_time });
  });

  test('a refresh token rotates; used again at once it is refused and the chain goes on, used later it ends the chain', async () => {
    const { tokens } = await signedIn();
    const second = await app.refresh(tokens.refresh_token!);
    expect(second.refresh_token).not.toBe(tokens.refresh_token);
    await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    const third = await app.refresh(second.refresh_token!);
    expect(await userinfoStatus(third.access_token)).toBe(200);

    await house.base.knex.raw(
      `update oidc_artifacts set consumed_at = consumed_at - interval '11 seconds' where model = 'RefreshToken' and consumed_at is not null`,
    );
    await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(app.refresh(third.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await userinfoStatus(third.access_token)).toBe(401);
  });

  test('offline_access that was not granted is passed over at a refresh; any other scope is refused', async () => {
    const { browser, tokens } = await signedIn();
    const second = await app.refresh(tokens.refresh_token!, { scope: 'openid offline_access' });
    expect(second.scope).toBe('openid');
    await expect(app.refresh(second.refresh_token!, { scope: 'openid offline_access address' })).rejects.toMatchObject({
      error: 'invalid_scope',
    });
    const third = await app.refresh(second.refresh_token!, { scope: 'offline_access' });
    await browser.visit(await app.logoutUrl(tokens.id_token));
    await browser.click('confirm-logout');
    await expect(app.refresh(third.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('a refresh token is worth nothing to another client', async () => {
    const { tokens } = await signedIn();
    const asked = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token! };
    expect(await token(asked, basic('legacy', 'legacy-secret'))).toMatchObject({ status: 400, error: 'invalid_grant' });
  });

  test('for a disabled user refresh, userinfo, silent and new sign-ins stop at once, and start again when enabled', async () => {
    const userName = 'leaver@example.com';
    await house.user(userName);
    const passkey = await passkeyOf(userName);
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    await usePasskey(browser, passkey);
    const { tokens } = await app.exchange(browser.page.callback);
    await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
    const unused = browser.page.callback;

    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] });
    expect(await userinfoStatus(tokens.access_token)).toBe(401);
    await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(app.exchange(unused)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await silently(browser)).get('error')).toBe('login_required');
    const asked = await browser.visit(await app.authorizationUrl());
    expect(asked.status).toBe(200);
    await usePasskey(browser, passkey);
    expect(browser.page.isCallback).toBe(false);

    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: true }] });
    const after = newBrowser({ stopAt: app.redirectUri });
    await after.visit(await app.authorizationUrl());
    await usePasskey(after, passkey);
    expect(after.page.callback.searchParams.has('code')).toBe(true);
  });

  test.each(['access_token', 'refresh_token'] as const)(
    'a revoked %s ends what came with it, and only its own client can do that',
    async (which) => {
      const { tokens } = await signedIn();
      const revoke = async (what: string, headers: Record<string, string>): Promise<number> =>
        (await at('/token/revocation', { method: 'POST', body: new URLSearchParams({ token: what }), headers })).status;
      await revoke(tokens[which]!, basic('legacy', 'legacy-secret'));
      expect(await userinfoStatus(tokens.access_token)).toBe(200);
      expect(await revoke(tokens[which]!, basic('app', 'app-secret'))).toBe(200);
      expect(await revoke(tokens[which]!, basic('app', 'app-secret'))).toBe(200);
      expect(await userinfoStatus(tokens.access_token)).toBe(401);
      await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    },
  );

  test('a DPoP proof works once, and the token it bound works with no other key', async () => {
    const { browser } = await signedIn();
    const url = await spa.authorizationUrl({ prompt: 'none' });
    const verifier = 'v'.repeat(43);
    await changed(url, { code_challenge: createHash('sha256').update(verifier).digest('base64url') });
    const code = async (): Promise<string> => (await browser.visit(url)).callback.searchParams.get('code')!;
    const redeem = async (proof: string) =>
      token(
        {
          grant_type: 'authorization_code',
          code: await code(),
          redirect_uri: spa.redirectUri,
          client_id: 'spa',
          code_verifier: verifier,
        },
        { dpop: proof },
      );
    const proofBy = dpopKey();
    const proof = proofBy('POST', `${house.issuer}/token`);
    const bound = await redeem(proof);
    expect(bound).toMatchObject({ status: 200, token_type: 'DPoP' });
    expect(await redeem(proof)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await redeem(proofBy('POST', `${house.issuer}/token`))).toMatchObject({ status: 200 });
    expect(await redeem(proofBy('POST', 'http://localhost:1/token'))).toMatchObject({
      status: 400,
      error: 'invalid_dpop_proof',
    });

    const me = async (sent: Record<string, string>): Promise<number> => (await at('/me', { headers: sent })).status;
    const ath = createHash('sha256').update(bound.access_token!).digest('base64url');
    const meProof = proofBy('GET', `${house.issuer}/me`, { ath });
    const authorization = `DPoP ${bound.access_token}`;
    expect(await me({ authorization, dpop: meProof })).toBe(200);
    expect(await me({ authorization, dpop: meProof })).toBeGreaterThanOrEqual(400);
    expect(await me({ authorization, dpop: dpopKey()('GET', `${house.issuer}/me`, { ath }) })).toBe(401);
    expect(await me({ authorization: `Bearer ${bound.access_token}` })).toBe(401);
  });
});

/** RFC 9449 §4.2, in twenty lines that share nothing with the server's library. */
function dpopKey(): (htm: string, htu: string, extra?: object) => string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return (htm, htu, extra = {}) => {
    const header = part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
    const body = part({ jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ...extra });
    const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${header}.${body}.${signature.toString('base64url')}`;
  };
}

const passesOf = (user: string, accessToken: string, scheme = 'Bearer'): Promise<Response> =>
  at(`/v1.0/users/${user}/authentication/temporaryAccessPassMethods`, {
    headers: { authorization: `${scheme} ${accessToken}` },
  });

describe('client credentials for the management API', () => {
  const forApi = () => ({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });

  test('the scope form and the resource form give a token that works, by basic and by post', async () => {
    const asked = [
      await token(forApi(), basic('hr', 'hr-secret')),
      await token({ ...forApi(), client_id: 'hr-post', client_secret: 'hr-secret' }),
      await token({ ...forApi(), resource: `${house.issuer}/management` }, basic('hr', 'hr-secret')),
    ];
    for (const answer of asked) {
      expect(answer).toMatchObject({
        status: 200,
        token_type: 'Bearer',
        expires_in: 3600,
        scope: `${house.issuer}/management/.default`,
      });
      expect(answer.access_token).not.toContain('.'); // opaque: it ends at once
      expect((await passesOf(joinerId, answer.access_token!)).status).toBe(200);
    }
  });

  test('a client without permissions is refused, and another resource as well', async () => {
    expect(await token(forApi(), basic('plain', 'plain-secret'))).toMatchObject({
      status: 400,
      error: 'invalid_target',
    });
    const elsewhere = {
      ...forApi(),
      resource: 'https://graph.microsoft.com',
      scope: 'https://graph.microsoft.com/.default',
    };
    expect(await token(elsewhere, basic('hr', 'hr-secret'))).toMatchObject({ status: 400, error: 'invalid_target' });
  });

  test('tokens of another audience are refused at the API: a person’s, an ID token, and one without a resource', async () => {
    const { tokens } = await signedIn();
    const plain = await token({ grant_type: 'client_credentials' }, basic('plain', 'plain-secret'));
    const unbound = await token({ grant_type: 'client_credentials' }, basic('hr', 'hr-secret'));
    for (const wrong of [
      tokens.access_token,
      tokens.id_token!,
      tokens.refresh_token!,
      plain.access_token,
      unbound.access_token,
    ]) {
      if (wrong === undefined) continue; // refused at the token endpoint already
      const answer = await passesOf(joinerId, wrong);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
  });

  test('a token for the API is refused at userinfo', async () => {
    const { access_token } = await token(forApi(), basic('hr', 'hr-secret'));
    expect(await userinfoStatus(access_token!)).toBe(401);
  });

  test('a revoked token stops at once', async () => {
    const { access_token } = await token(forApi(), basic('hr', 'hr-secret'));
    expect((await passesOf(joinerId, access_token!)).status).toBe(200);
    await at('/token/revocation', {
      method: 'POST',
      body: new URLSearchParams({ token: access_token! }),
      headers: basic('hr', 'hr-secret'),
    });
    expect((await passesOf(joinerId, access_token!)).status).toBe(401);
  });

  test('a token bound to a key is not taken as a bearer token', async () => {
    const proof = dpopKey()('POST', `${house.issuer}/token`);
    const { access_token, token_type } = await token(forApi(), { ...basic('hr', 'hr-secret'), dpop: proof });
    expect(token_type).toBe('DPoP');
    for (const scheme of ['Bearer', 'DPoP']) expect((await passesOf(joinerId, access_token!, scheme)).status).toBe(401);
  });

  test('a client of that kind cannot start a sign-in', async () => {
    const page = await newBrowser({ stopAt: app.redirectUri }).visit(
      await changed(await app.authorizationUrl(), { client_id: 'hr' }),
    );
    expect({ status: page.status, step: page.step }).toEqual({ status: 400, step: 'error' });
  });
});

describe('signing out', () => {
  test('with a hint: our page asks, and after yes the app has the person back and prompt=none fails', async () => {
    const { browser, tokens } = await signedIn();
    const url = await app.logoutUrl(tokens.id_token);
    url.searchParams.set('state', 'kept');
    const page = await browser.visit(url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'logout' });
    const back = await browser.click('confirm-logout');
    expect(back.callback.href).toBe(`${app.postLogoutRedirectUri}?state=kept`);
    expect((await silently(browser)).get('error')).toBe('login_required');
    expect(await userinfoStatus(tokens.access_token)).toBe(401);
    await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('without a hint and without parameters: our pages from first to last', async () => {
    for (const query of ['', '?state=x', '?client_id=app']) {
      const { browser } = await signedIn();
      expect((await browser.visit(new URL(`/session/end${query}`, house.issuer))).step).toBe('logout');
      const page = await browser.click('confirm-logout');
      expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'logged-out' });
      expect(new URL(page.url).pathname).toBe('/session/end/success');
      expect((await silently(browser)).get('error')).toBe('login_required');
    }
  });

  test('a link on another site shows the page and ends nothing', async () => {
    const { browser, tokens } = await signedIn();
    const page = await browser.visit(await app.logoutUrl(tokens.id_token), { from: 'https://evil.example/' });
    expect(page.step).toBe('logout');
    expect((await silently(browser)).has('code')).toBe(true);
    expect(await userinfoStatus(tokens.access_token)).toBe(200);
  });

  test('a form on another site ends nothing, with or without the token of another browser', async () => {
    const { browser } = await signedIn();
    await browser.visit(new URL('/session/end', house.issuer));
    const other = await signedIn();
    await other.browser.visit(new URL('/session/end', house.issuer));
    const foreign = other.browser.page.form('op.logoutForm').fields.xsrf!;
    for (const xsrf of [foreign, '', null]) {
      const page = await browser.submit({
        formWith: 'op.logoutForm',
        button: null,
        override: { xsrf, logout: 'yes' },
        from: 'http://localhost:1/',
      });
      expect(page.status).toBe(400);
      await browser.visit(new URL('/session/end', house.issuer));
      expect(browser.page.step).toBe('logout');
    }
    expect((await silently(browser)).has('code')).toBe(true);
  });

  test('who says no stays signed in here and leaves that app', async () => {
    const { browser, tokens } = await signedIn();
    await browser.visit(new URL(`/session/end?id_token_hint=${tokens.id_token}`, house.issuer));
    const page = await browser.click('stay');
    expect(page.step).toBe('logged-out');
    expect((await silently(browser)).has('code')).toBe(true);
    expect(await userinfoStatus(tokens.access_token)).toBe(401);
  });

  test('post_logout_redirect_uri is compared exactly, and the page says so', async () => {
    const { browser, tokens } = await signedIn();
    const wrong = [
      'https://evil.example/',
      `${app.postLogoutRedirectUri}?foo=bar`,
      `${app.postLogoutRedirectUri}/`,
      'javascript:alert(1)',
    ];
    for (const uri of wrong) {
      const page = await browser.visit(
        await changed(await app.logoutUrl(tokens.id_token), { post_logout_redirect_uri: uri }),
      );
      expect({ status: page.status, step: page.step }).toEqual({ status: 400, step: 'error' });
      expect(page.text).toContain('post_logout_redirect_uri not registered');
    }
    expect((await silently(browser)).has('code')).toBe(true);
  });

  test('a post_logout_redirect_uri that no client vouches for is not followed', async () => {
    const { browser } = await signedIn();
    await browser.visit(
      new URL(`/session/end?post_logout_redirect_uri=${encodeURIComponent('https://evil.example/')}`, house.issuer),
    );
    const page = await browser.click('confirm-logout');
    expect(page.step).toBe('logged-out');
  });

  test('a hint that was changed, or is of another client, is an error page with the library’s words', async () => {
    const { browser, tokens } = await signedIn();
    const [header, body] = tokens.id_token!.split('.') as [string, string];
    const cases = {
      'could not validate id_token_hint': `${header}.${body}.${'A'.repeat(342)}`,
      'could not decode id_token_hint': 'nonsense',
      'unrecognized id_token_hint audience': `${header}.${Buffer.from(JSON.stringify({ aud: 'nobody' })).toString('base64url')}.AAAA`,
    };
    for (const [words, hint] of Object.entries(cases)) {
      const page = await browser.visit(new URL(`/session/end?id_token_hint=${hint}`, house.issuer));
      expect({ status: page.status, step: page.step }).toEqual({ status: 400, step: 'error' });
      expect(page.text).toContain(words);
    }
  });

  test('somebody who is not signed in has nothing to confirm, and reads that they are signed out', async () => {
    const browser = newBrowser();
    await browser.visit(new URL('/session/end', house.issuer));
    const page = await browser.submit();
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'logged-out' });
  });
});

describe('"this was not me"', () => {
  test('pressed after the proof and before the session is there leaves no session', async () => {
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    const contained = (at: Date | null) =>
      house.base.knex('users').where('id', '=', joinerId).update({ contained_at: at });
    const sessions = async () => {
      const row = await house.base.knex('oidc_sessions').where('account_id', '=', joinerId).count('* as n').first();
      return Number(row!.n);
    };
    const before = await sessions();
    await contained(new Date(Date.now() + 60_000));
    try {
      const page = await usePasskey(browser, authenticator);
      expect({ status: page.status, step: page.step, isCallback: page.isCallback }).toEqual({
        status: 400,
        step: 'error',
        isCallback: false,
      });
      expect(await sessions()).toBe(before);
    } finally {
      await contained(null);
    }
    expect((await signedIn()).claims.sub).toBe(joinerId);
  });
});

describe('the session cookie', () => {
  const sessionCookies = (browser: CookieBrowser) =>
    browser.cookies.all.filter(({ name }) => name.startsWith('latchkey_session'));

  test('it is HttpOnly, SameSite=Lax, for the whole host and without an end', async () => {
    const { browser } = await signedIn();
    const cookies = sessionCookies(browser);
    expect(cookies.map(({ name }) => name).sort()).toEqual(['latchkey_session', 'latchkey_session.sig']);
    for (const cookie of cookies) {
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/', hostOnly: true, expiresAt: null });
    }
    expect(browser.cookies.refused).toEqual([]);
    browser.cookies.restart();
    expect((await silently(browser)).get('error')).toBe('login_required');
  });

  test('its value is not in the database', async () => {
    const { browser } = await signedIn();
    const value = browser.cookies.get('latchkey_session')!.value;
    const { rows } = await house.base.knex.raw(
      `select count(*)::int as count from oidc_sessions s where s::text like ?`,
      [`%${value}%`],
    );
    expect(rows).toEqual([{ count: 0 }]);
  });

  test('every sign-in has a new id, and every proof renews it', async () => {
    const { browser } = await signedIn();
    const first = browser.cookies.get('latchkey_session')!.value;
    await browser.visit(await app.authorizationUrl({ prompt: 'login' }));
    await usePasskey(browser, authenticator);
    const second = browser.cookies.get('latchkey_session')!.value;
    expect(second).not.toBe(first);
    expect((await signedIn()).browser.cookies.get('latchkey_session')!.value).not.toBe(second);
  });

  test('an id that was there before the sign-in is not the one of the session, so nobody can plant one', async () => {
    const attacker = newBrowser({ stopAt: app.redirectUri });
    await attacker.visit(new URL('/session/end', house.issuer));
    const planted = sessionCookies(attacker);
    expect(planted).toHaveLength(2); // a good signature: what an attacker can really get

    const victim = newBrowser({ stopAt: app.redirectUri });
    for (const cookie of planted) victim.cookies.put(cookie);
    await victim.visit(await app.authorizationUrl());
    await usePasskey(victim, authenticator);
    expect((await app.exchange(victim.page.callback)).claims.sub).toBe(joinerId);
    expect(victim.cookies.get('latchkey_session')!.value).not.toBe(planted[0]!.value);
    expect((await silently(attacker)).get('error')).toBe('login_required');
    expect((await attacker.visit(new URL('/security-info', house.issuer))).step).toBe('identify');
  });

  test('a signed-in session planted in another browser stays the one it was until that person signs in', async () => {
    const { browser: attacker } = await signedIn();
    const userName = 'victim@example.com';
    const { id } = await house.user(userName);
    const victim = newBrowser({ stopAt: app.redirectUri });
    const passkey = await passkeyOf(userName);
    await victim.visit(await app.authorizationUrl());
    await usePasskey(victim, passkey);
    expect((await app.exchange(victim.page.callback)).claims.sub).toBe(id);
    await attacker.visit(await app.authorizationUrl({ prompt: 'none' }));
    expect((await app.exchange(attacker.page.callback)).claims.sub).toBe(joinerId);
  });

  test('garbage in the cookie stores no session rows and is no fault', async () => {
    const rows = async (): Promise<number> => Number((await house.base.knex('oidc_sessions').count())[0]!.count);
    const before = await rows();
    const { browser } = await signedIn();
    const { value } = browser.cookies.get('latchkey_session')!;
    const garbage = [
      'latchkey_session=garbage',
      'latchkey_session=garbage; latchkey_session.sig=garbage',
      `latchkey_session=${value}; latchkey_session.sig=garbage`,
      `latchkey_session=${'x'.repeat(3_000)}; latchkey_session.sig=${'y'.repeat(27)}`,
      'latchkey_session=%00; latchkey_session.sig=%00',
      'latchkey_session=; latchkey_session.sig=',
      'latchkey_interaction=garbage; latchkey_browser=garbage; latchkey_resume=garbage',
    ];
    const url = await app.authorizationUrl({ prompt: 'none' });
    for (const cookie of garbage) {
      for (const path of [`${url.pathname}${url.search}`, '/security-info', '/sign-in/abc', '/auth/abc']) {
        const answer = await at(path, { headers: { cookie } });
        expect(answer.status, `${path} with ${cookie}`).toBeLessThan(500);
        expect(answer.headers.get('location') ?? '', cookie).not.toContain('code=');
      }
    }
    expect(await rows()).toBe(before + 1);
  });
});

describe('over https', () => {
  test('cookies have the prefixes of their kind and are Secure, every answer asks for https, and a browser keeps them', async () => {
    const port = await freePort();
    const issuer = `https://localhost:${port}`;
    const opened = await openTestBase({ PORT: String(port), LATCHKEY_ISSUER: issuer });
    const secureHouse = await wire(opened.base, silent);
    const { cert, key } = selfMadeCertificate();
    const server = createTlsServer({ cert, key }, secureHouse.handler).listen(port, 'localhost');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const client = {
        client_id: 'app',
        client_secret: 'app-secret',
        redirect_uris: [app.redirectUri],
        require_pkce: false,
      };
      await opened.seed({ clients: [client], users: [{ userPrincipalName: joiner }] });
      const browser = newBrowser({ stopAt: app.redirectUri, ca: cert });
      const asked = {
        client_id: 'app',
        response_type: 'code',
        scope: 'openid',
        redirect_uri: app.redirectUri,
        state: 's',
      };
      await browser.visit(`${issuer}/auth?${new URLSearchParams(asked)}`);
      await joinWithPass(browser, newAuthenticator(), joiner, await opened.pass(joiner));

      expect(browser.page.callback.searchParams.has('code')).toBe(true);
      expect(browser.page.callback.searchParams.get('iss')).toBe(issuer);
      expect(browser.cookies.refused).toEqual([]);
      const given = browser.history.flatMap(({ headers }) => headers['set-cookie'] ?? []);
      expect([...new Set(given.map((cookie) => cookie.split('=')[0]))].sort()).toEqual([
        '__Host-latchkey_browser',
        '__Host-latchkey_device',
        '__Host-latchkey_session',
        '__Host-latchkey_session.sig',
        '__Secure-latchkey_interaction',
        '__Secure-latchkey_interaction.sig',
        '__Secure-latchkey_resume',
        '__Secure-latchkey_resume.sig',
      ]);
      for (const cookie of given) expect(cookie).toMatch(/; *secure/i);
      for (const { url, headers } of browser.history) {
        expect(headers['strict-transport-security'], url).toMatch(/max-age=\d{8}/);
        expect(new URL(url).protocol).toBe('https:');
      }
      const session = browser.cookies.get('__Host-latchkey_session');
      expect(session).toMatchObject({
        secure: true,
        httpOnly: true,
        sameSite: 'Lax',
        path: '/',
        hostOnly: true,
        expiresAt: null,
      });
    } finally {
      server.closeAllConnections();
      server.close();
      await secureHouse.db.close();
      await opened.close();
    }
  });
});

/** A certificate for localhost that signs itself (X.509 v3), in the few pieces of DER it takes. */
function selfMadeCertificate(): { cert: string; key: string } {
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length =
      body.length < 128
        ? [body.length]
        : body.length < 256
          ? [0x81, body.length]
          : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const [sequence, set, context0, context3] = [0x30, 0x31, 0xa0, 0xa3];
  const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
  const ecdsaWithSha256 = der(sequence, oid('2a8648ce3d040302'));
  const name = der(sequence, der(set, der(sequence, oid('550403'), der(0x0c, Buffer.from('localhost')))));
  const time = (text: string): Buffer => der(0x17, Buffer.from(text));
  const alternativeName = der(sequence, der(0x82, Buffer.from('localhost')));
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certified = der(
    sequence,
    der(context0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    der(sequence, time('200101000000Z'), time('491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(context3, der(sequence, der(sequence, oid('551d11'), der(0x04, alternativeName)))),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', certified, privateKey));
  const whole = der(sequence, certified, ecdsaWithSha256, signature).toString('base64');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}
