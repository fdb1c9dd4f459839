import { createServer } from 'node:http';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IssuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { extendPass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { changePerson } from '../../src/people.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { messages } from '../../views/messages.ts';
import { openBase, wire } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { freePort } from '../support/process.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

let house: TestHouse;
let app: RelyingParty;
let other: RelyingParty;

beforeAll(async () => {
  const issuer = () => house.issuer;
  // `offline_access` takes `prompt=consent` (Core 11).
  const offline = { scope: 'openid offline_access', params: { prompt: 'consent' } };
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'secret', ...offline });
  other = await startRelyingParty({ issuer, clientId: 'other', clientSecret: 'secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 1_000 } }) });
  await house.seed({
    clients: [app, other].map(({ redirectUri }, index) => ({
      client_id: ['app', 'other'][index],
      client_secret: 'secret',
      redirect_uris: [redirectUri],
    })),
  });
  await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
});
afterAll(async () => {
  await Promise.all([app, other].map((party) => party?.close()));
  await house?.close();
});

interface Guest extends SignedIn {
  readonly name: string;
  readonly code: string;
  readonly browser: CookieBrowser;
}

const aBrowser = () => newBrowser({ stopAt: [app.redirectUri, other.redirectUri] });

/** Somebody new with a pass that signs in. */
async function aGuest(asked: Partial<IssuePass> = {}): Promise<{ name: string; code: string }> {
  const name = aName('guest');
  await house.user(name);
  return { name, code: await house.pass(name, { purpose: 'signIn', ...asked }) };
}

/** The same, signed in to the app with it. */
async function signedInGuest(asked: Partial<IssuePass> = {}, extra: Record<string, string> = {}): Promise<Guest> {
  const { name, code } = await aGuest(asked);
  const browser = aBrowser();
  await browser.visit(await app.authorizationUrl(extra));
  const { callback } = await enterPass(browser, name, code);
  return { name, code, browser, ...(await app.exchange(callback)) };
}

/** Gives the user a passkey, as an ordinary pass does. */
async function aPasskeyOf(name: string): Promise<SoftwareAuthenticator> {
  const authenticator = newAuthenticator();
  const browser = aBrowser();
  await browser.visit(await app.authorizationUrl());
  await joinWithPass(browser, authenticator, name, await house.pass(name));
  return authenticator;
}

const works = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

async function silently(browser: CookieBrowser, party = app, extra: Record<string, string> = {}) {
  const { callback } = await browser.visit(await party.authorizationUrl({ prompt: 'none', ...extra }));
  return callback.searchParams.get('error') ?? 'code';
}

/** What of it still opens anything; the refresh comes last, since it spends its token. */
async function whatWorks({ browser, tokens, claims }: Pick<Guest, 'browser' | 'tokens' | 'claims'>) {
  return {
    userinfo: await works(app.userinfo(tokens.access_token, claims.sub)),
    session: await silently(browser),
    refresh: await works(app.refresh(tokens.refresh_token!)),
  };
}

const everything = { userinfo: true, session: 'code', refresh: true };
const nothing = { userinfo: false, session: 'login_required', refresh: false };

const sessionOf = async ({ claims }: SignedIn) =>
  house.base.knex('oidc_sessions').where('account_id', '=', claims.sub).orderBy('expires_at', 'desc').first();
const passOf = ({ claims }: SignedIn) =>
  house.base.knex('temporary_access_passes').where('user_id', '=', claims.sub).whereNull('ended_at').first();

describe('a pass that signs in', () => {
  test.each([
    [true, '2f'],
    [false, '1f'],
  ])('reports what it is worth where satisfiesMultifactor is %s: %s, and never mfa', async (satisfies, level) => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false, satisfiesMultifactor: satisfies });
    const before = Math.floor(Date.now() / 1000);
    const { claims, tokens, name } = await signedInGuest();
    expect(claims).toMatchObject({ acr: `${house.issuer}/acr/${level}`, amr: [`${house.issuer}/amr/pass`] });
    expect(claims.auth_time).toBeGreaterThanOrEqual(before - 1);
    expect(await app.userinfo(tokens.access_token, claims.sub)).toMatchObject({ sub: claims.sub });
    const events = await eventsOf(house, { userId: claims.sub, type: 'sign-in.completed' });
    expect(events.map(({ details }) => details)).toMatchObject([{ level, amr: ['pass'] }]);
    expect(name).toBeTruthy();
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  });

  test('goes on to a second app without a question, and its tokens say how long they last', async () => {
    const { browser, tokens } = await signedInGuest({ lifetimeMinutes: 60 });
    expect(await silently(browser, other)).toBe('code');
    const second = await other.exchange((await browser.visit(await other.authorizationUrl())).callback);
    expect(second.claims).toMatchObject({ acr: `${house.issuer}/acr/2f`, amr: [`${house.issuer}/amr/pass`] });
    for (const { expires_in } of [tokens, second.tokens]) expect(expires_in).toBeGreaterThan(3500);
    const short = await signedInGuest();
    await house.base.knex('temporary_access_passes').where('user_id', '=', short.claims.sub).delete();
    expect(short.tokens.expires_in).toBeLessThanOrEqual(3600);
  });

  test('a token lasts no longer than the pass', async () => {
    const { name, code } = await aGuest();
    const at = new Date(Date.now() + 5 * 60_000);
    await house.base.knex.raw(
      "update temporary_access_passes set starts_at = now() - interval '1 hour', expires_at = ? where user_id = (select id from users where user_principal_name = ?)",
      [at, name],
    );
    const browser = aBrowser();
    await browser.visit(await app.authorizationUrl());
    const { tokens, claims } = await app.exchange((await enterPass(browser, name, code)).callback);
    expect(tokens.expires_in).toBeGreaterThan(280);
    expect(tokens.expires_in).toBeLessThanOrEqual(300);
    const { payload } = await house.base
      .knex('oidc_artifacts')
      .where({ account_id: claims.sub, model: 'RefreshToken' })
      .first();
    expect(payload.exp).toBeLessThanOrEqual(Math.ceil(at.getTime() / 1000));
  });

  test('its session is idle for 15 minutes at most, and lasts until the pass ends', async () => {
    const guest = await signedInGuest({ lifetimeMinutes: 120 });
    const session = await sessionOf(guest);
    const pass = await passOf(guest);
    expect(session.pass_id).toBe(pass.id);
    expect(Math.floor(session.not_after / 1000)).toBe(Math.floor(pass.expires_at / 1000));
    expect(Math.abs(session.expires_at - Date.now() - 15 * 60_000)).toBeLessThan(20_000);
    await silently(guest.browser);
    const later = await sessionOf(guest);
    expect(later.expires_at >= session.expires_at && later.expires_at - Date.now() <= 15 * 60_000 + 5_000).toBe(true);
    expect(later.pass_id).toBe(pass.id);
  });

  test('its session lasts 8 hours at most, however long the pass does', async () => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false, maximumLifetimeInMinutes: 43_200 });
    const guest = await signedInGuest({ lifetimeMinutes: 43_200 });
    const { not_after } = await sessionOf(guest);
    expect(Math.floor(not_after / 1000)).toBe(guest.claims.auth_time! + 8 * 3600);
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  });

  test('once: it is used when the sign-in completes, no browser gets in again, and the session goes on', async () => {
    const guest = await signedInGuest({ oneTime: true });
    const pass = await passOf(guest);
    expect(pass.completed_at).not.toBeNull();
    expect(await eventsOf(house, { userId: guest.claims.sub, type: 'pass.completed' })).toHaveLength(1);
    for (const browser of [aBrowser(), guest.browser]) {
      await browser.visit(await app.authorizationUrl({ prompt: 'login consent' }));
      if (browser.page.step === 'identify') await enterPass(browser, guest.name, guest.code);
      else {
        await browser.click('use-pass');
        await browser.submit({ formWith: 'code', fields: { code: guest.code } });
      }
      expect(browser.page.text).toContain('That did not work');
    }
    expect(await whatWorks(guest)).toEqual(everything);
  });

  test('reusable: it signs in again, in another browser too, until it was used as often as it may', async () => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false, maximumUses: 2 });
    const guest = await signedInGuest({ oneTime: false });
    const second = aBrowser();
    await second.visit(await app.authorizationUrl());
    expect((await enterPass(second, guest.name, guest.code)).callback.searchParams.has('code')).toBe(true);
    const third = aBrowser();
    await third.visit(await app.authorizationUrl());
    expect((await enterPass(third, guest.name, guest.code)).text).toContain('That did not work');
    expect(await whatWorks(guest)).toEqual(everything);
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  });

  test('that policy lets do no more than register by now opens registration', async () => {
    const { name, code } = await aGuest();
    await passPolicy(house, { isUsableOnce: false });
    const browser = aBrowser();
    await browser.visit(await app.authorizationUrl());
    expect((await enterPass(browser, name, code)).step).toBe('enrol');
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  });

  test('an ordinary pass beside it opens registration, and no session before that', async () => {
    const { name, code } = await aGuest({ purpose: 'registration' });
    const browser = aBrowser();
    await browser.visit(await app.authorizationUrl());
    expect((await enterPass(browser, name, code)).step).toBe('enrol');
    expect(await silently(browser)).toBe('login_required');
  });
});

describe('an app that asks for more than a pass gives', () => {
  test('as a wish: it gets what there is, and is told so', async () => {
    const { claims } = await signedInGuest({}, { acr_values: 'phr' });
    expect(claims.acr).toBe(`${house.issuer}/acr/2f`);
  });

  test('as a demand: it is told that it cannot be met, and nobody goes in a circle', async () => {
    const { name, code } = await aGuest();
    const demand = { claims: JSON.stringify({ id_token: { acr: { essential: true, values: ['phr'] } } }) };
    const browser = aBrowser();
    await browser.visit(await app.authorizationUrl(demand));
    const { callback } = await enterPass(browser, name, code);
    expect(callback.searchParams.get('error')).toBe('unmet_authentication_requirements');
  });

  test('in the session of a pass: the person is asked for the passkey, and may give up', async () => {
    const { browser } = await signedInGuest();
    expect(await silently(browser, app, { acr_values: 'phr' })).toBe('unmet_authentication_requirements');
    const page = await browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    expect(page.step).toBe('verify');
    const { callback } = await browser.click('cancel');
    expect(callback.searchParams.get('error')).toBe('access_denied');
    expect(await silently(browser)).toBe('code');
  });
});

describe('who has no passkey and is asked for one', () => {
  const noneYet = messages.verify.noneYet;

  test('reads so, with the way to add one; from then on the ordinary page asks for it', async () => {
    const { browser } = await signedInGuest();
    const page = await browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    expect([page.step, page.find('h1')!.text]).toEqual(['verify', noneYet]);
    expect(page.text).toContain('app asks for a passkey.');
    expect(page.find('#use-passkey')).toBeNull();
    expect((await browser.click('add-passkey')).step).toBe('security-info');
    await createPasskey(browser, newAuthenticator());
    const after = await browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    expect([after.step, after.find('h1')!.text]).toEqual(['verify', messages.methods.passkey.heading]);
  });

  test('is told by nothing else: not by another name, another reason, an ended pass or to who is not signed in', async () => {
    const [guest, other] = [await signedInGuest(), await aGuest()];
    const asked = async (browser: CookieBrowser, extra: Record<string, string>) =>
      (await browser.visit(await app.authorizationUrl(extra))).text;
    expect(await asked(guest.browser, { acr_values: 'phr' })).toContain(noneYet);
    expect(await asked(guest.browser, { prompt: 'login' })).not.toContain(noneYet);
    await guest.browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    await guest.browser.click('not-you');
    const named = await guest.browser.submit({ formWith: 'username', fields: { username: other.name } });
    expect([named.step, named.text.includes(noneYet)]).toEqual(['verify', false]);

    const stranger = aBrowser();
    await stranger.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    const page = await stranger.submit({ formWith: 'username', fields: { username: guest.name } });
    expect([page.step, page.text.includes(noneYet)]).toEqual(['verify', false]);

    await guest.browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    await house.work((work) => revokePass(work, { user: guest.name }));
    expect((await guest.browser.reload()).text).not.toContain(noneYet);
  });
});

describe('what a pass has opened ends with it, at once', () => {
  const ends: readonly [string, (guest: Guest) => Promise<unknown>][] = [
    ['revoked', ({ name }) => house.work((work) => revokePass(work, { user: name }))],
    ['replaced', ({ name }) => house.pass(name)],
    [
      'over',
      ({ claims }) =>
        house.base.knex.raw(
          "update temporary_access_passes set starts_at = now() - interval '2 hours', expires_at = now() where user_id = ?",
          [claims.sub],
        ),
    ],
    ['ended by a role', ({ claims }) => house.work((work) => grantRole(work, claims.sub, 'Global Reader'))],
    ['gone', ({ claims }) => house.base.knex('temporary_access_passes').where('user_id', '=', claims.sub).delete()],
    ["its user's, who is disabled", ({ name }) => house.work((work) => changePerson(work, name, { enabled: false }))],
  ];
  for (const oneTime of [true, false]) {
    test.each(ends)(`a ${oneTime ? 'one-time' : 'reusable'} pass that is %s`, async (_how, end) => {
      const guest = await signedInGuest({ oneTime });
      // A code that is on its way when it happens.
      const { callback } = await guest.browser.visit(await other.authorizationUrl());
      const fresh = await app.refresh(guest.tokens.refresh_token!);
      expect(await works(app.userinfo(fresh.access_token, guest.claims.sub))).toBe(true);
      await end(guest);
      expect(await works(other.exchange(callback))).toBe(false);
      expect(await whatWorks({ ...guest, tokens: fresh })).toEqual(nothing);
      const own = await guest.browser.visit(`${house.issuer}/security-info`);
      expect(own.step).toBe('identify');
    });
  }

  test('where it was entered and where it was not: a second node knows as soon', async () => {
    const base = await openBase(house.base.config, 'command', () => {});
    const node = await wire(base, pino({ level: 'silent' }));
    const server = createServer(node.handler).listen(await freePort(), 'localhost');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      const guest = await signedInGuest();
      const headers = { authorization: `Bearer ${guest.tokens.access_token}` };
      const there = async () => (await fetch(`http://localhost:${port}/me`, { headers })).status;
      expect(await there()).toBe(200);
      await house.work((work) => revokePass(work, { user: guest.name }));
      expect(await there()).toBe(401);
    } finally {
      server.closeAllConnections();
      server.close();
      await node.db.close();
      await base.close();
    }
  });

  test('switched off for everybody, passes hold nothing while that is so', async () => {
    const guest = await signedInGuest();
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false, state: 'disabled' });
    expect(await works(app.userinfo(guest.tokens.access_token, guest.claims.sub))).toBe(false);
    expect(await silently(guest.browser)).toBe('login_required');
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  });

  test('a pass that is extended leaves the session it opened as it is', async () => {
    const guest = await signedInGuest({ lifetimeMinutes: 60 });
    const before = await sessionOf(guest);
    await house.work((work) => extendPass(work, { user: guest.name, lifetimeMinutes: 240 }));
    expect((await sessionOf(guest)).not_after).toEqual(before.not_after);
    expect(await whatWorks(guest)).toEqual(everything);
  });

  test('the time that the session was given is over: it ends although the pass was extended', async () => {
    const guest = await signedInGuest({ lifetimeMinutes: 60 });
    await house.work((work) => extendPass(work, { user: guest.name, lifetimeMinutes: 240 }));
    for (const table of ['oidc_sessions', 'oidc_grants']) {
      await house.base.knex.raw(`update ${table} set not_after = now() where account_id = ?`, [guest.claims.sub]);
    }
    expect(await whatWorks(guest)).toEqual(nothing);
  });

  test.each([
    ['the pass', ({ name }: Guest) => house.work((work) => revokePass(work, { user: name }))],
    [
      'its time',
      ({ claims }: Guest) =>
        house.base.knex.raw('update oidc_grants set not_after = now() where account_id = ?', [claims.sub]),
    ],
  ])(
    'a grant ends with %s by itself, also when a request tied it while another freed the session',
    async (_what, end) => {
      const guest = await signedInGuest();
      await house.base.knex.raw('update oidc_sessions set pass_id = null, not_after = null where account_id = ?', [
        guest.claims.sub,
      ]);
      const fresh = await app.refresh(guest.tokens.refresh_token!);
      await end(guest);
      expect(await works(app.userinfo(fresh.access_token, guest.claims.sub))).toBe(false);
      expect(await works(app.refresh(fresh.refresh_token!))).toBe(false);
      // The session is there; without its pass it is one of somebody who has no way to sign in.
      expect(await silently(guest.browser)).toBe('interaction_required');
    },
  );

  test('idle for a quarter of an hour, the session ends, and its tokens with it, offline access included', async () => {
    const guest = await signedInGuest();
    await house.base.knex.raw(
      `update oidc_sessions set expires_at = expires_at - interval '16 minutes',
         payload = jsonb_set(payload, '{exp}', to_jsonb((payload->>'exp')::bigint - 960)) where account_id = ?`,
      [guest.claims.sub],
    );
    expect(await whatWorks(guest)).toEqual(nothing);
  });
});

describe('beside the ordinary sign-ins of the same person', () => {
  test('what a passkey has opened outlives the pass, and signing out there spares the other', async () => {
    const name = aName('both');
    await house.user(name);
    const authenticator = await aPasskeyOf(name);
    const ordinary = aBrowser();
    await ordinary.visit(await app.authorizationUrl());
    const strong = await app.exchange((await usePasskey(ordinary, authenticator)).callback);
    const code = await house.pass(name, { purpose: 'signIn' });
    const brief = aBrowser();
    await brief.visit(await app.authorizationUrl());
    const weak = await app.exchange((await enterPass(brief, name, code)).callback);
    expect(await whatWorks({ browser: brief, ...weak })).toEqual(everything);
    await house.work((work) => revokePass(work, { user: name }));
    expect(await whatWorks({ browser: brief, ...weak })).toEqual(nothing);
    expect(await whatWorks({ browser: ordinary, ...strong })).toEqual(everything);
  });

  test('a pass entered in the session of a passkey makes grants of its own; offline access from before stays', async () => {
    const name = aName('weaker');
    await house.user(name);
    const authenticator = await aPasskeyOf(name);
    const browser = aBrowser();
    await browser.visit(await app.authorizationUrl());
    const strong = await app.exchange((await usePasskey(browser, authenticator)).callback);
    const code = await house.pass(name, { purpose: 'signIn' });
    await browser.visit(await app.authorizationUrl({ prompt: 'login consent' }));
    await browser.click('use-pass');
    const { callback } = await browser.submit({ formWith: 'code', fields: { code } });
    const weak = await app.exchange(callback);
    expect(weak.claims.acr).toBe(`${house.issuer}/acr/2f`);
    const grants = await house.base.knex('oidc_grants').where({ account_id: weak.claims.sub, client_id: 'app' });
    expect(grants.filter(({ pass_id }) => pass_id !== null)).toHaveLength(1);
    await house.work((work) => revokePass(work, { user: name }));
    expect(await whatWorks({ browser, ...weak })).toEqual(nothing);
    expect(await works(app.refresh(strong.tokens.refresh_token!))).toBe(true);
  });
});

describe('my security info in the session of a pass', () => {
  test('one passkey is added there; nothing is renamed, and no second one is added', async () => {
    const { browser } = await signedInGuest();
    const page = await browser.visit(`${house.issuer}/security-info`);
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'security-info' });
    const csrf = page.find('input[name=csrf]')!.attributes.value!;
    const after = await createPasskey(browser, newAuthenticator());
    expect(after.text).toContain('Passkey added.');
    expect(after.find('form.rename')).toBeNull();
    expect(after.find('form[data-passkey=create]')).toBeNull();
    const id = after.find('li.card')!.attributes.id!.replace('passkey-', '');
    const posted = await browser.request(`${house.issuer}/security-info/methods/${id}/name`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ csrf, name: 'Mine' }).toString(),
    });
    expect(posted.url).not.toContain('notice=renamed');
    expect(await house.base.knex('passkeys').where({ id }).first('name')).not.toEqual({ name: 'Mine' });
  });

  test('nothing is added there once the pass is revoked, though the page is open', async () => {
    const guest = await signedInGuest();
    await guest.browser.visit(`${house.issuer}/security-info`);
    await house.work((work) => revokePass(work, { user: guest.name }));
    const form = guest.browser.page.find('form[data-passkey=create]')!;
    const answer = await guest.browser.postJson(form.attributes['data-options-url']!, {});
    expect(answer.status).toBe(401);
  });

  test('who has no passkey and is asked for one is told so, and not asked in a circle', async () => {
    const { browser, code } = await signedInGuest();
    await browser.visit(`${house.issuer}/security-info/prove`);
    expect(browser.page.step).toBe('verify');
    await browser.click('use-pass');
    const page = await browser.submit({ formWith: 'code', fields: { code } });
    expect(page.step).toBe('security-info');
  });
});

describe('graduation', () => {
  /** A guest who has added a passkey, and used it to go on. */
  async function graduated(asked: Partial<IssuePass> = {}) {
    const guest = await signedInGuest(asked);
    const authenticator = newAuthenticator();
    await guest.browser.visit(`${house.issuer}/security-info`);
    await createPasskey(guest.browser, authenticator);
    const before = await sessionOf(guest);
    await guest.browser.click('prove');
    const page = await usePasskey(guest.browser, authenticator);
    return { guest, page, before, authenticator };
  }

  for (const oneTime of [true, false]) {
    test(`frees the session and its grants of a ${oneTime ? 'one-time' : 'reusable'} pass, renewed, and spends the pass`, async () => {
      const { guest, page, before } = await graduated({ oneTime });
      expect(page.step).toBe('security-info');
      expect(page.find('form.rename')).not.toBeNull();
      const after = await sessionOf(guest);
      expect(before).toMatchObject({ pass_id: expect.any(String), not_after: expect.any(Date) });
      expect(after).toMatchObject({ uid: before.uid, pass_id: null, not_after: null });
      expect(after.jti_hash.equals(before.jti_hash)).toBe(false);
      const grants = await house.base.knex('oidc_grants').where({ account_id: guest.claims.sub });
      expect(grants.map(({ pass_id, not_after }) => ({ pass_id, not_after }))).toContainEqual({
        pass_id: null,
        not_after: null,
      });
      expect(grants.filter(({ pass_id }) => pass_id !== null)).toEqual([]);
      expect(grants[0].expires_at - Date.now()).toBeGreaterThan(91 * 86_400_000);
      expect(await passOf(guest)).toMatchObject({ completed_at: expect.any(Date) });

      await house.pass(guest.name);
      expect(await whatWorks(guest)).toEqual(everything);
      const second = aBrowser();
      await second.visit(await app.authorizationUrl());
      expect((await enterPass(second, guest.name, guest.code)).text).toContain('That did not work');
    });
  }

  test('by an app that asks for more: its ID token says the passkey, and its grant goes on with it', async () => {
    const guest = await signedInGuest();
    const authenticator = newAuthenticator();
    await guest.browser.visit(`${house.issuer}/security-info`);
    await createPasskey(guest.browser, authenticator);
    await guest.browser.visit(await app.authorizationUrl({ acr_values: 'phr' }));
    const { claims, tokens } = await app.exchange((await usePasskey(guest.browser, authenticator)).callback);
    expect(claims).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'] });
    expect(tokens.expires_in).toBe(3600);
    await house.pass(guest.name);
    expect(await whatWorks(guest)).toEqual(everything);
    expect(await works(app.refresh(tokens.refresh_token!))).toBe(true);
    expect(await house.base.knex('oidc_grants').where({ account_id: claims.sub, client_id: 'app' })).toHaveLength(1);
  });

  test('does not happen by registering alone', async () => {
    const guest = await signedInGuest();
    await guest.browser.visit(`${house.issuer}/security-info`);
    await createPasskey(guest.browser, newAuthenticator());
    await house.work((work) => revokePass(work, { user: guest.name }));
    expect(await whatWorks(guest)).toEqual(nothing);
  });

  test('comes too late when the pass has ended meanwhile', async () => {
    const guest = await signedInGuest();
    const authenticator = newAuthenticator();
    await guest.browser.visit(`${house.issuer}/security-info`);
    await createPasskey(guest.browser, authenticator);
    await guest.browser.click('prove');
    await house.work((work) => revokePass(work, { user: guest.name }));
    expect((await usePasskey(guest.browser, authenticator)).step).toBe('error');
    expect(await whatWorks(guest)).toEqual(nothing);
  });
});
