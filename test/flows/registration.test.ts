import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { changeIdentityProvider } from '../../src/identity-providers.ts';
import { keepSignIn } from '../../src/methods/upstream/sessions/upstream-session.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import { resetRegistrationPolicy } from '../../src/registration/manage-policy.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { federate } from '../support/federation.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';

/** What an organisation asks people to register, between the sign-in and the app, on the real provider. */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }],
  });
});
afterEach(() => house.work(resetRegistrationPolicy));
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const password = 'plum lantern over quiet tuba';
const now = () => house.work(async (work) => work.now);
const decide = (registration: object) =>
  house.seed({ policies: { registration: { state: 'enabled', ...registration } } });
const passkeyOnly = { methods: ['passkey'] };

async function atApp(params: Record<string, string> = {}, browser = newBrowser({ stopAt: app.redirectUri })) {
  await browser.visit((await app.authorizationUrl(params)).href);
  return browser;
}

/** Connects the app at the page the browser is at. */
async function connectApp(browser: CookieBrowser): Promise<SoftwareAuthenticatorApp> {
  const secret = browser.page.find('code.secret')!.text.replaceAll(/\s/g, '');
  const device = scan(`otpauth://totp/x?secret=${secret}`);
  await browser.submit({ formWith: 'code', fields: { password, repeat: password, code: device.code(await now()) } });
  return device;
}

/** Somebody with an app and its password, signed in in a browser of theirs. */
async function anAppHolder() {
  const userName = aName('holder');
  const { id } = await house.user(userName);
  const browser = await atApp();
  await enterPass(browser, userName, await house.pass(userName));
  await browser.click('use-app');
  const device = await connectApp(browser);
  house.clock.advance(1);
  return { id, userName, device, browser };
}

/** Proves password and code at the page the browser is at. */
async function proveBoth(browser: CookieBrowser, { userName, device }: Awaited<ReturnType<typeof anAppHolder>>) {
  if (browser.page.step === 'identify') await browser.submit({ formWith: 'username', fields: { username: userName } });
  if (!browser.page.find('#password')) await browser.click('use-password');
  await browser.submit({ formWith: 'password', fields: { password } });
  const page = await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
  house.clock.advance(1);
  return page;
}

describe('a passkey that is required', () => {
  test('is made and used before the app gets a code, with no window that ends', async () => {
    const holder = await anAppHolder();
    const codes = () =>
      house.base.knex('oidc_artifacts').where('account_id', '=', holder.id).andWhere('model', '=', 'AuthorizationCode');
    const before = (await codes()).length;
    await decide(passkeyOnly);
    const browser = await atApp();
    const page = await proveBoth(browser, holder);
    expect(page.step).toBe('enrol');
    expect(page.text).toContain('Your organisation asks for one more way to sign in before you go on to');
    for (const absent of ['.window', '#not-now', '#use-app']) expect(page.find(absent)).toBeNull();
    expect(await codes()).toHaveLength(before);

    const authenticator = newAuthenticator();
    expect((await createPasskey(browser, authenticator)).step).toBe('confirm');
    expect(browser.page.find('.window')).toBeNull();
    await usePasskey(browser, authenticator);
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ sub: holder.id, acr: 'phr' });
    expect((await codes()).length).toBeGreaterThan(before);

    const again = await atApp();
    await proveBoth(again, holder);
    expect((await app.exchange(again.page.callback)).claims.sub).toBe(holder.id);
  });

  test('may be declined: the app is told so, and gets nothing', async () => {
    const holder = await anAppHolder();
    await decide(passkeyOnly);
    const browser = await atApp();
    await proveBoth(browser, holder);
    await browser.click('cancel');
    expect(browser.page.callback!.searchParams.get('error')).toBe('access_denied');
    expect(browser.page.callback!.searchParams.get('code')).toBeNull();
  });

  test('is not put off by a form that the page does not have', async () => {
    const holder = await anAppHolder();
    await decide(passkeyOnly);
    const browser = await atApp();
    const { url, csrf } = await proveBoth(browser, holder);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ csrf: csrf! }).toString();
    const answer = await browser.request(`${url}/not-now`, { method: 'POST', headers, body, redirect: 'manual' });
    expect(answer.status).toBe(303);
    expect((await browser.reload()).step).toBe('enrol');
  });
});

describe('a session from before it was required', () => {
  test('is asked at the next authorization, and its refresh token still works', async () => {
    const holder = await anAppHolder();
    const { tokens } = await app.exchange(holder.browser.page.callback);
    await decide(passkeyOnly);
    expect((await app.refresh(tokens.refresh_token!)).access_token).toEqual(expect.any(String));

    await atApp({ prompt: 'none' }, holder.browser);
    expect(holder.browser.page.callback!.searchParams.get('error')).toBe('interaction_required');

    await atApp({}, holder.browser);
    expect(holder.browser.page.step).toBe('verify');
    expect((await proveBoth(holder.browser, holder)).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(holder.browser, authenticator);
    await usePasskey(holder.browser, authenticator);
    expect((await app.exchange(holder.browser.page.callback)).claims).toMatchObject({ sub: holder.id, acr: 'phr' });

    await atApp({ prompt: 'none' }, holder.browser);
    expect((await app.exchange(holder.browser.page.callback)).claims.sub).toBe(holder.id);
  });

  test('goes on where the user is excluded, or is only nudged', async () => {
    const holder = await anAppHolder();
    for (const decided of [
      { excludeTargets: [{ targetType: 'user', id: holder.userName }] },
      { excludeTargets: [], mode: 'nudge' },
    ]) {
      await decide({ ...passkeyOnly, ...decided });
      await atApp({ prompt: 'none' }, holder.browser);
      expect(holder.browser.page.callback!.searchParams.get('code')).not.toBeNull();
    }
    await decide({ snoozes: 0 });
    await atApp({ prompt: 'none' }, holder.browser);
    expect(holder.browser.page.callback!.searchParams.get('error')).toBe('interaction_required');
  });

  test('of a pass that signs in is asked as well', async () => {
    await house.seed({ policies: { temporaryAccessPass: { purpose: 'signIn' } } });
    const userName = aName('guest');
    await house.user(userName);
    const browser = await atApp();
    await enterPass(browser, userName, await house.pass(userName, { purpose: 'signIn' }));
    await app.exchange(browser.page.callback);
    await atApp({ prompt: 'none' }, browser);
    expect(browser.page.callback!.searchParams.get('code')).not.toBeNull();
    await decide(passkeyOnly);
    await atApp({ prompt: 'none' }, browser);
    expect(browser.page.callback!.searchParams.get('error')).toBe('interaction_required');
    await atApp({}, browser);
    expect(browser.page.step).toBe('verify');
    expect(browser.page.text).toContain('Add a passkey in My security info');
  });
});

describe('a nudge', () => {
  test('is put off without script, and the app gets its code; it is not asked again that day', async () => {
    const holder = await anAppHolder();
    await decide({ ...passkeyOnly, mode: 'nudge' });
    const browser = await atApp();
    expect((await proveBoth(browser, holder)).text).toContain('Your organisation recommends one more way to sign in.');
    await browser.click('not-now');
    expect((await app.exchange(browser.page.callback)).claims).toMatchObject({
      sub: holder.id,
      acr: `${house.issuer}/acr/2f`,
    });
    const again = await atApp();
    await proveBoth(again, holder);
    expect((await app.exchange(again.page.callback)).claims.sub).toBe(holder.id);
  });

  test('with no days between does not come back on the way to the app', async () => {
    const holder = await anAppHolder();
    await decide({ ...passkeyOnly, mode: 'nudge', snoozes: 1, snoozeDurationInDays: 0 });
    const browser = await atApp();
    await proveBoth(browser, holder);
    await browser.click('not-now');
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(holder.id);
  });
});

test('whoever has a passkey connects an app where two are required, and the app hears of the passkey', async () => {
  const userName = aName('owner');
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const joining = await atApp();
  await joinWithPass(joining, authenticator, userName, await house.pass(userName));
  await app.exchange(joining.page.callback);
  await decide({ count: 2 });
  const browser = await atApp();
  expect((await usePasskey(browser, authenticator)).step).toBe('enrol');
  expect(browser.page.find('code.secret')).not.toBeNull();
  await connectApp(browser);
  expect((await app.exchange(browser.page.callback)).claims).toMatchObject({ sub: id, acr: 'phr' });
});

describe('confirming what one has', () => {
  async function aHolderOfOld() {
    const userName = aName('holder');
    const { id } = await house.user(userName);
    const browser = await atApp();
    const authenticator = newAuthenticator();
    await joinWithPass(browser, authenticator, userName, await house.pass(userName));
    const { tokens } = await app.exchange(browser.page.callback);
    await house.base
      .knex('registration_confirmations')
      .where('user_id', '=', id)
      .update({ confirmed_at: new Date(Date.now() - 31 * 24 * 3600_000) });
    return { id, browser, authenticator, tokens };
  }

  test('is asked without script at the next sign-in, and by nothing else', async () => {
    await decide({ reconfirmAfterDays: 30 });
    const { id, browser, authenticator, tokens } = await aHolderOfOld();
    // Whoever is signed in is asked when they next sign in, not in the middle of their work.
    await atApp({ prompt: 'none' }, browser);
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(id);
    expect((await app.refresh(tokens.refresh_token!)).access_token).toEqual(expect.any(String));

    const again = await atApp();
    await usePasskey(again, authenticator);
    expect(again.page.step).toBe('reconfirm');
    expect(again.page.text).toContain('Are these still yours?');
    const { name } = await house.base.knex('passkeys').where('user_id', '=', id).first('name');
    expect(again.page.text).toContain(name);
    expect((await again.reload()).step).toBe('reconfirm');
    await again.click('still-mine');
    expect((await app.exchange(again.page.callback)).claims.sub).toBe(id);
    const third = await atApp();
    await usePasskey(third, authenticator);
    expect((await app.exchange(third.page.callback)).claims.sub).toBe(id);
  });

  test('may lead to changing it: the app first, then My security info, without a new proof', async () => {
    await decide({ reconfirmAfterDays: 30 });
    const { id, authenticator } = await aHolderOfOld();
    const browser = await atApp();
    await usePasskey(browser, authenticator);
    const page = await browser.click('change-methods');
    expect(page.step).toBe('complete');
    expect(page.find('#change-methods')!.attributes.href).toBe(`${house.issuer}/security-info`);
    await browser.visit(page.find('#continue')!.attributes.href!);
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(id);
    expect((await browser.visit(`${house.issuer}/security-info`)).step).toBe('security-info');
  });

  describe('and sign-ins that are linked elsewhere', () => {
    const linksOf = (userId: string) => house.base.knex('federated_identities').where('user_id', '=', userId);
    async function aHolderWithLink() {
      await decide({ reconfirmAfterDays: 30 });
      const holder = await aHolderOfOld();
      const { knex } = house.base;
      await knex('passkeys')
        .where('user_id', '=', holder.id)
        .update({ created_at: new Date(Date.now() - 31 * 24 * 3600_000) });
      const there = await federate(house, 'https://login.example', {
        domainName: `d-${holder.id}.example`,
        id: `c-${holder.id}`,
      });
      await house.work((w) => linkIdentity(w, { user: holder.id, providerId: there.id, sub: holder.id }));
      const [{ id: link }] = await linksOf(holder.id);
      const browser = await atApp();
      await usePasskey(browser, holder.authenticator);
      expect(browser.page.step).toBe('reconfirm');
      return { ...holder, there, link: link as string, first: holder.browser, browser };
    }

    test('are shown with the others, and confirmed with them', async () => {
      const { id, browser, link } = await aHolderWithLink();
      expect(browser.page.findAll('.card').map(({ text }) => text)).toEqual([
        expect.stringContaining('Passkey'),
        expect.stringMatching(/^Contoso \d+.*Linked sign-in\. Not used yet Linked on/),
      ]);
      await browser.click('still-mine');
      expect((await app.exchange(browser.page.callback)).claims.sub).toBe(id);
      const [event] = await eventsOf(house, { userId: id, type: 'methods.confirmed' });
      expect(event!.details.credentialIds).toContain(link);
      expect(await linksOf(id)).toHaveLength(1);
    });

    test('that open nothing now are shown as well', async () => {
      const { browser, there } = await aHolderWithLink();
      const changes = { state: 'disabled' } as const;
      await house.work((w) => changeIdentityProvider(w, { id: there.id, changes, ourIssuer: house.issuer }));
      expect((await browser.reload()).text).toContain('It does not sign you in at the moment.');
    });

    test('one that is not theirs goes, with what it opened and what was added since; then they sign in once more', async () => {
      const { id, browser, link, first, authenticator, there } = await aHolderWithLink();
      const { knex } = house.base;
      const passkeys = () => knex('passkeys').where('user_id', '=', id).orderBy('name', 'desc');
      const [own] = await passkeys();
      // Theirs is younger than the link as well, and goes on working: they have just used it.
      const made = await house.work(async ({ now }) => now);
      await knex('passkeys').where('id', '=', own.id).update({ created_at: made });
      const added = { ...own, id: randomUUID(), credential_id: Buffer.from(randomUUID()), name: 'An intruder’s key' };
      await knex('passkeys').insert({
        ...{ ...added, pass_id: null },
        created_at: await house.work(async ({ now }) => now),
      });
      const session = { providerId: there.id, issuer: there.issuer, sub: id, sid: null, userId: id, idToken: 't' };
      const upstreamId = await house.work((w) => keepSignIn(w, session));
      expect((await browser.reload()).text).toContain('These stop as well: An intruder’s key');

      await browser.click(`not-mine-${link}`);
      expect(browser.page.step).toBe('stopped');
      expect(browser.page.text).toMatch(/The sign-in at Contoso \d+ is unlinked\./);
      expect(await linksOf(id)).toEqual([]);
      expect(await passkeys()).toMatchObject([
        { id: own.id, suspended_at: null },
        { name: 'An intruder’s key', suspend_reason: 'not-me' },
      ]);
      expect(await knex('oidc_sessions').where('account_id', '=', id).whereNull('ended_at')).toEqual([]);
      expect(await knex('upstream_sessions').where('id', '=', upstreamId!).whereNull('ended_at')).toEqual([]);
      expect((await first.visit(`${house.issuer}/security-info`)).step).not.toBe('security-info');
      const events = await eventsOf(house, { userId: id });
      expect(events.filter(({ type }) => /unlinked|account\./.test(type))).toMatchObject([
        { type: 'federated-identity.unlinked' },
        { type: 'account.contained', details: { by: 'confirmation', identityId: link } },
      ]);

      await browser.click('go-on');
      expect(browser.page.step).toBe('identify');
      await usePasskey(browser, authenticator);
      expect(browser.page.step).toBe('reconfirm');
      expect(browser.page.text).not.toContain('Contoso');
      await browser.click('still-mine');
      expect((await app.exchange(browser.page.callback)).claims.sub).toBe(id);
    });

    test('of somebody else, gone by now, or used just now stay as they are', async () => {
      const [mine, theirs] = [await aHolderWithLink(), await aHolderWithLink()];
      const send = async (link: string) => {
        const { url, csrf } = mine.browser.page;
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        const body = new URLSearchParams({ csrf: csrf!, link }).toString();
        await mine.browser.request(`${url}/not-mine`, { method: 'POST', headers, body, redirect: 'manual' });
      };
      for (const link of [theirs.link, randomUUID(), '']) await send(link);
      expect([await linksOf(mine.id), await linksOf(theirs.id)].map(({ length }) => length)).toEqual([1, 1]);
      // What signed them in just now is theirs.
      const uid = new URL(mine.browser.page.url).pathname.split('/')[2]!;
      const { knex } = house.base;
      const [{ evidence }] = await knex('sign_ins').where('uid', '=', uid);
      const more = [
        ...evidence,
        { ...evidence[0], methodId: 'upstream', credentialId: mine.link, reached: { level: '1f', amr: [] } },
      ];
      await knex('sign_ins')
        .where('uid', '=', uid)
        .update({ evidence: JSON.stringify(more) });
      expect((await mine.browser.reload()).find(`#not-mine-${mine.link}`)).toBeNull();
      await send(mine.link);
      expect(await linksOf(mine.id)).toHaveLength(1);
      expect((await mine.browser.reload()).step).toBe('reconfirm');
    });
  });
});
