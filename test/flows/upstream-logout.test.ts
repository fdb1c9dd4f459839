import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeIdentityProvider } from '../../src/identity-providers.ts';
import { createProvider } from '../../src/methods/upstream/manage-providers.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { anOrganisation, identify, signsInAs } from '../support/federation.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout-receiver.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import type { MockUpstream } from '../support/upstream.ts';

/** Sessions that were opened at a provider, through the doors: its logout tokens, our keys, and signing out there as well. */

let house: TestHouse;
let app: RelyingParty;
let receiver: LogoutReceiver;
const mocks: MockUpstream[] = [];

beforeAll(async () => {
  const issuer = () => house.issuer;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'app-secret' });
  receiver = await startLogoutReceiver(issuer, 'app');
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_name: 'Payroll',
        client_secret: 'app-secret',
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
        backchannel_logout_uri: receiver.url,
      },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await receiver?.stop();
  await house?.close();
  for (const mock of mocks) await mock.close();
});

async function contoso(provider: object = {}) {
  const organisation = await anOrganisation(house, { provider });
  mocks.push(organisation.mock);
  return organisation;
}
type Contoso = Awaited<ReturnType<typeof contoso>>;

/** A browser that one of theirs has signed in with, there. */
async function signedIn({ mock, member }: Contoso, sid?: string) {
  const { userName, sub, id: userId } = await member();
  signsInAs(mock, { sub, sid });
  const browser = newBrowser({ stopAt: [app.redirectUri, app.postLogoutRedirectUri] });
  await browser.visit(await app.authorizationUrl());
  await identify(browser, userName);
  await browser.click('use-upstream');
  return { browser, userId, sub, userName, tokens: await app.exchange(browser.page.callback) };
}

/** Whether the app gets a code without the person having to do anything. */
async function isSignedIn(browser: CookieBrowser): Promise<boolean> {
  await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
  return browser.page.callback.searchParams.has('code');
}

function post(id: string, body: string, type = 'application/x-www-form-urlencoded') {
  const headers = { 'content-type': type };
  return fetch(`${house.issuer}/federation/${id}/backchannel-logout`, { method: 'POST', headers, body });
}
const logOut = async ({ id, mock }: Contoso, claims: Record<string, unknown>) =>
  post(id, new URLSearchParams({ logout_token: await mock.logoutToken(claims) }).toString());

describe('back-channel logout', () => {
  test('ends what was opened there: 200, and the app hears of it', async () => {
    const there = await contoso();
    const [its, other] = [await signedIn(there, 'one'), await signedIn(there, 'two')];
    expect(await isSignedIn(its.browser)).toBe(true);
    const answer = await logOut(there, { sub: its.sub, sid: 'one' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await isSignedIn(its.browser)).toBe(false);
    expect(await isSignedIn(other.browser)).toBe(true);
    const queued = await house.base.knex('logout_outbox').where({ account_id: its.userId });
    expect(queued).toMatchObject([{ client_id: 'app' }]);
    const userinfo = await fetch(`${house.issuer}/me`, {
      headers: { authorization: `Bearer ${its.tokens.tokens.access_token}` },
    });
    expect(userinfo.status).toBe(401);
  });

  test('a sign-in that was under way there opens nothing afterwards', async () => {
    const there = await contoso();
    const { userName, sub } = await there.member();
    signsInAs(there.mock, { sub });
    const browser = newBrowser({ stopAt: [app.redirectUri, `${house.issuer}/auth/`] });
    await browser.visit(await app.authorizationUrl());
    await identify(browser, userName);
    await browser.click('use-upstream');
    const resume = browser.page.callback;
    expect((await logOut(there, { sub })).status).toBe(200);
    const after = newBrowser({ stopAt: [app.redirectUri] });
    for (const cookie of browser.cookies.all) after.cookies.put(cookie);
    const page = await after.visit(resume);
    expect([page.isCallback, page.step]).toEqual([false, 'error']);
  });

  test('a later passkey in the same browser makes the session one of its own', async () => {
    const there = await contoso();
    const { browser, userName, sub } = await signedIn(there);
    const authenticator = newAuthenticator();
    const second = newBrowser({ stopAt: [app.redirectUri] });
    await second.visit(await app.authorizationUrl());
    await joinWithPass(second, authenticator, userName, await house.pass(userName));
    await browser.visit(await app.authorizationUrl({ prompt: 'login' }));
    await browser.click('use-passkey');
    await usePasskey(browser, authenticator);
    expect((await logOut(there, { sub })).status).toBe(200);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each<[string, (there: Contoso) => Promise<Response>, number]>([
    ['nothing', ({ id }) => post(id, ''), 400],
    ['another media type', ({ id }) => post(id, '{"logout_token":"a.b.c"}', 'application/json'), 400],
    ['two tokens', ({ id }) => post(id, 'logout_token=a&logout_token=b'), 400],
    ['no token', ({ id }) => post(id, 'logout_token=a.b.c'), 400],
    ['more than a token takes', ({ id }) => post(id, `logout_token=${'a'.repeat(20_000)}`), 400],
    ['a token for somebody else', (there) => logOut(there, { sub: 'x', aud: 'other' }), 400],
    ['a provider that nobody knows', async (there) => logOut({ ...there, id: 'nobody' }, { sub: 'x' }), 404],
  ])('of %s is refused with a JSON error that gives nothing away', async (_what, ask, status) => {
    const answer = await ask(await contoso());
    expect(answer.status).toBe(status);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.json()).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
  });

  test('the same token a second time is refused', async () => {
    const { id, mock } = await contoso();
    const body = new URLSearchParams({ logout_token: await mock.logoutToken({ sub: 'x' }) }).toString();
    expect([(await post(id, body)).status, (await post(id, body)).status]).toEqual([200, 400]);
  });
});

describe('our keys', () => {
  test('are there for everybody, for a while, and without the private half', async () => {
    const changes = { displayName: 'K', issuer: 'https://keys.example', clientId: 'c' };
    const asked = { id: 'with-key', changes: { ...changes, clientAuthentication: 'private_key_jwt' as const } };
    const { publicKeys } = await house.work((w) => createProvider(w, asked));
    const answer = await fetch(`${house.issuer}/federation/with-key/jwks.json`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    expect(answer.headers.get('content-type')).toMatch(/^application\/jwk-set\+json/);
    expect(await answer.json()).toEqual({ keys: publicKeys });
    expect(publicKeys[0]).not.toHaveProperty('d');
  });

  test('a provider that knows us by a secret is not told from one that is not there', async () => {
    const { id } = await contoso();
    const [its, none] = await Promise.all(
      [id, 'nobody'].map(async (one) => {
        const answer = await fetch(`${house.issuer}/federation/${one}/jwks.json`);
        const { error } = (await answer.json()) as { error: { reference?: string } };
        delete error.reference;
        return { status: answer.status, error, cached: answer.headers.get('cache-control') };
      }),
    );
    expect(its).toEqual(none);
    expect(its!.status).toBe(404);
  });
});

describe('signing out here', () => {
  const leave = async (browser: CookieBrowser, query: Record<string, string> = {}) => {
    await browser.visit(`${house.issuer}/session/end?${new URLSearchParams(query).toString()}`);
    return browser.click('confirm-logout');
  };
  const wentThere = (browser: CookieBrowser, mock: MockUpstream) =>
    browser.history.filter(({ url }) => url.startsWith(`${mock.issuer}/endsession`));

  test('leads to the provider and back to where the app wanted the person', async () => {
    const there = await contoso({ endsSessionThere: true });
    const { browser, tokens } = await signedIn(there);
    const asked = { client_id: 'app', post_logout_redirect_uri: app.postLogoutRedirectUri, state: 'theirs' };
    const back = await leave(browser, asked);
    const [visit, ...more] = wentThere(browser, there.mock);
    expect(more).toEqual([]);
    const sent = new URL(visit!.url).searchParams;
    expect(sent.get('post_logout_redirect_uri')).toBe(`${house.issuer}/federation/${there.id}/signed-out`);
    expect(sent.get('id_token_hint')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(sent.get('id_token_hint')).not.toBe(tokens.tokens.id_token);
    expect(back.callback.href).toBe(`${app.postLogoutRedirectUri}?state=theirs`);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('and to our own page where no app asked', async () => {
    const there = await contoso({ endsSessionThere: true });
    const { browser } = await signedIn(there);
    const page = await leave(browser);
    expect(wentThere(browser, there.mock)).toHaveLength(1);
    expect(page.step).toBe('logged-out');
    expect(page.url).toBe(`${house.issuer}/session/end/success`);
  });

  test('whoever comes back with no state, an old or another one is told that they are signed out', async () => {
    const { id } = await contoso();
    for (const query of ['', '?state=', '?state=made-up', '?state=a&state=b']) {
      const page = await newBrowser().visit(`${house.issuer}/federation/${id}/signed-out${query}`);
      expect([page.status, page.step]).toEqual([200, 'logged-out']);
    }
  });

  test('goes nowhere else where the provider is not to be told, or the session was opened here', async () => {
    const [quiet, loud] = [await contoso(), await contoso({ endsSessionThere: true })];
    const { browser } = await signedIn(quiet);
    expect((await leave(browser)).step).toBe('logged-out');
    expect(wentThere(browser, quiet.mock)).toEqual([]);
    const userName = aName();
    await house.user(userName);
    const own = newBrowser({ stopAt: [app.redirectUri] });
    await own.visit(await app.authorizationUrl());
    await joinWithPass(own, newAuthenticator(), userName, await house.pass(userName));
    expect((await leave(own)).step).toBe('logged-out');
    expect(wentThere(own, loud.mock)).toEqual([]);
  });

  test('is done all the same when the provider is down', async () => {
    const there = await contoso({ endsSessionThere: true });
    const { browser, sub, userId } = await signedIn(there);
    // Nothing listens there, and what was published before is forgotten with the address.
    await house.base
      .knex('identity_providers')
      .where({ id: there.id })
      .update({
        settings: house.base.knex.raw(`settings || '{"endpointHosts": ["elsewhere.example"]}'`),
      });
    await there.mock.close();
    mocks.splice(mocks.indexOf(there.mock), 1);
    expect((await leave(browser)).step).toBe('logged-out');
    expect(await isSignedIn(browser)).toBe(false);
    expect(sub).toBeTruthy();
    expect(await house.base.knex('oidc_sessions').where({ account_id: userId }).whereNull('ended_at')).toEqual([]);
  });

  test('staying signed in goes nowhere', async () => {
    const there = await contoso({ endsSessionThere: true });
    const { browser } = await signedIn(there);
    await browser.visit(`${house.issuer}/session/end`);
    await browser.click('stay');
    expect(wentThere(browser, there.mock)).toEqual([]);
    expect(await isSignedIn(browser)).toBe(true);
  });
});

test('a provider that is disabled takes its sessions along at once', async () => {
  const there = await contoso();
  const { browser } = await signedIn(there);
  const asked = { id: there.id, changes: { state: 'disabled' as const }, ourIssuer: house.issuer };
  await house.work((w) => changeIdentityProvider(w, asked));
  expect(await isSignedIn(browser)).toBe(false);
  expect((await eventsOf(house, { type: 'session.ended-elsewhere' })).at(-1)).toMatchObject({
    details: { identityProvider: there.id, why: 'disabled', sessions: 1 },
  });
});
