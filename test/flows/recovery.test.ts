import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startDelivery } from '../../src/mail/delivery.ts';
import { smtpTo } from '../../src/mail/smtp.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type MailServer, startMailServer } from '../support/mails.ts';
import { aName, eventsOf, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Somebody who lost a phone comes back with a pass; and somebody whose phone another called lost stops that. No page needs a script. */

let house: TestHouse;
let app: RelyingParty;
let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({
    LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }),
    LATCHKEY_SMTP_URL: server.url,
    LATCHKEY_MAIL_FROM: 'id@latchkey.example',
  });
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
      {
        client_id: 'desk',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
      },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
  await server?.close();
});

const infoUrl = () => `${house.issuer}/security-info`;

async function atApp(browser = newBrowser({ stopAt: app.redirectUri }), params: Record<string, string> = {}) {
  await browser.visit((await app.authorizationUrl(params)).href);
  return browser;
}

/** Signed in with a passkey, and with tokens of the app. */
async function anOwner() {
  const [userName, mail] = [aName('owner'), aName('mail')];
  const { id } = await house.work((work) => createUser(work, { userPrincipalName: userName, displayName: 'O', mail }));
  const authenticator = newAuthenticator();
  const browser = await atApp();
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  const { tokens } = await app.exchange(browser.page.callback);
  return { id, userName, mail, authenticator, browser, tokens };
}
type AnOwner = Awaited<ReturnType<typeof anOwner>>;

async function comesWithPass({ userName }: AnOwner, browser?: CookieBrowser) {
  const other = await atApp(browser);
  expect((await enterPass(other, userName, await house.pass(userName))).step).toBe('enrol');
  return other;
}

/** Ticks everything on the page of what may be lost. */
async function losesAll(browser: CookieBrowser) {
  await browser.click('lost');
  expect(browser.page.step).toBe('lost');
  const boxes = browser.page.findAll('input[type=checkbox]').map(({ attributes }) => attributes.name!);
  return browser.click('suspend-lost', Object.fromEntries(boxes.map((name) => [name, true])) as never);
}

describe('who lost a phone', () => {
  test('says so in the window: the rest is signed out, a new passkey goes on, and the old one is removed for good', async () => {
    const owner = await anOwner();
    const log = pino({ level: 'silent' });
    const delivery = startDelivery({ run: house.base.run, send: smtpTo(house.base.config.mail!), log, everyMs: 100 });
    onTestFinished(() => delivery.stop());
    const browser = await comesWithPass(owner);
    expect(browser.page.text).toContain(messages.lost.ask);
    const page = await losesAll(browser);
    expect(page.step).toBe('enrol');
    expect(page.text).toContain(messages.lost.suspended);
    expect(page.find('#lost')).toBeNull();

    await expect(app.refresh(owner.tokens.refresh_token!)).rejects.toThrow();
    expect((await owner.browser.visit(infoUrl())).step).toBe('identify');
    await expect
      .poll(() => server.mails.filter(({ recipient }) => recipient === owner.mail).map(({ subject }) => subject))
      .toContain(messages.mails.notices.methodsLost.subject);

    const next = newAuthenticator();
    await createPasskey(browser, next);
    await usePasskey(browser, next);
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ sub: owner.id, acr: 'phr' });

    await browser.visit(infoUrl());
    if (browser.page.step !== 'security-info') await usePasskey(browser, next);
    expect(browser.page.text).toContain('Remove it for good, or use it again if you found it.');
    const again = browser.page.findAll('button').find(({ attributes }) => attributes.id?.startsWith('use-again-'))!;
    const oldId = again.attributes.id!.slice('use-again-'.length);
    await browser.click(`remove-${oldId}`);
    expect((await browser.click('remove')).text).toContain(messages.securityInfo.notices.removed);
    expect(browser.page.find(`#remove-${oldId}`)).toBeNull();
  });

  test('uses it again when it was found', async () => {
    const owner = await anOwner();
    const browser = await comesWithPass(owner);
    await losesAll(browser);
    const next = newAuthenticator();
    await createPasskey(browser, next);
    await usePasskey(browser, next);
    await browser.visit(infoUrl());
    if (browser.page.step !== 'security-info') await usePasskey(browser, next);
    const again = browser.page.findAll('button').find(({ attributes }) => attributes.id?.startsWith('use-again-'))!;
    expect((await browser.click(again.attributes.id!)).text).toContain(messages.securityInfo.notices.usedAgain);
    const found = await atApp();
    expect((await usePasskey(found, owner.authenticator)).isCallback).toBe(true);
  });

  test('who has them all goes on as before, and nothing is touched', async () => {
    const owner = await anOwner();
    const browser = await comesWithPass(owner);
    await browser.click('lost');
    expect((await browser.click('back')).step).toBe('enrol');
    await browser.click('lost');
    expect((await browser.click('suspend-lost')).step).toBe('enrol');
    const found = await atApp();
    expect((await usePasskey(found, owner.authenticator)).isCallback).toBe(true);
  });

  test('a session of the same browser goes on, and the sign-in ends at the app', async () => {
    const owner = await anOwner();
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
    onTestFinished(() => passPolicy(house, {}));
    const brief = await atApp();
    const code = await house.pass(owner.userName, { purpose: 'signIn', oneTime: false });
    await enterPass(brief, owner.userName, code);
    expect(brief.page.isCallback).toBe(true);
    const browser = await atApp(owner.browser, { prompt: 'login' });
    await browser.click('use-pass');
    const next = newAuthenticator();
    await browser.submit({
      formWith: 'code',
      fields: { code: await house.pass(owner.userName, { purpose: 'registration' }) },
    });
    expect(browser.page.step).toBe('enrol');
    await losesAll(browser);
    await createPasskey(browser, next);
    expect((await usePasskey(browser, next)).isCallback).toBe(true);
    expect((await brief.visit(infoUrl())).step).not.toBe('security-info');
  });

  test('the page is for the browser of the pass, and a form of another page does nothing', async () => {
    const owner = await anOwner();
    const browser = await comesWithPass(owner);
    const { url } = browser.page;
    await browser.click('lost');
    const stranger = await atApp();
    expect((await stranger.visit(`${url}/lost`)).status).toBe(403);
    const forged = await browser.request(`${url}/lost`, {
      method: 'POST',
      body: 'lost-x=yes',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(forged.status).toBe(403);
    expect(await eventsOf(house, { userId: owner.id, type: 'methods.lost' })).toEqual([]);
    const foreign = await browser.submit({ button: 'suspend-lost', override: { 'lost-nobodys': 'yes' } });
    expect(foreign.status).toBe(404);
  });
});

describe('whose phone was called lost by somebody else', () => {
  test('is asked when they use it, stops it with one press, and signs in with it', async () => {
    const owner = await anOwner();
    const intruder = await comesWithPass(owner);
    await losesAll(intruder);
    const theirs = newAuthenticator();
    await createPasskey(intruder, theirs);
    await usePasskey(intruder, theirs);
    const { tokens } = await app.exchange(intruder.page.callback);

    const browser = await atApp();
    const page = await usePasskey(browser, owner.authenticator);
    expect(page.step).toBe('called-lost');
    expect(page.text).toContain('UTC');
    expect(page.text).not.toContain(owner.userName);
    expect((await browser.reload()).step).toBe('called-lost');
    expect((await browser.click('stop')).step).toBe('stopped');
    await expect(app.refresh(tokens.refresh_token!)).rejects.toThrow();
    expect((await browser.click('go-on')).step).toBe('identify');
    expect((await usePasskey(browser, owner.authenticator)).isCallback).toBe(true);
    const again = await atApp();
    expect((await usePasskey(again, theirs)).step).toBe('identify');
  });

  test('who did it themselves goes on, and nothing is touched', async () => {
    const owner = await anOwner();
    await losesAll(await comesWithPass(owner));
    const browser = await atApp();
    await usePasskey(browser, owner.authenticator);
    expect((await browser.click('go-on')).step).toBe('identify');
    expect(await eventsOf(house, { userId: owner.id, type: 'account.contained' })).toEqual([]);
  });
});

describe('by API', () => {
  async function call(method: string, path: string, body?: object) {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: `${house.issuer}/management/.default`,
    });
    const basic = { authorization: `Basic ${btoa('desk:secret')}` };
    const token = await fetch(`${house.issuer}/token`, { method: 'POST', body: form, headers: basic });
    const { access_token } = (await token.json()) as { access_token: string };
    const answer = await fetch(`${house.issuer}/v1.0${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }
  const passkeyOf = async (id: string) => {
    const { body } = await call('GET', `/users/${id}/authentication/fido2Methods`);
    return (body.value as Record<string, unknown>[])[0]!;
  };

  test('a passkey is suspended and lifted, lists say so, and a change that is none is refused', async () => {
    const owner = await anOwner();
    const { id } = await passkeyOf(owner.id);
    const address = `/users/${owner.id}/authentication/fido2Methods/${String(id)}`;
    expect(await call('PATCH', address, { state: 'suspended', displayName: 'Lost phone' })).toMatchObject({
      status: 204,
    });
    expect(await passkeyOf(owner.id)).toMatchObject({
      displayName: 'Lost phone',
      state: 'suspended',
      isSuspended: true,
      suspendedReason: 'administrator',
      suspendedDateTime: expect.stringMatching(/Z$/),
    });
    const browser = await atApp();
    expect((await usePasskey(browser, owner.authenticator)).text).toContain(messages.errors.passkeySuspended);
    expect(await call('PATCH', address, { state: 'active' })).toMatchObject({ status: 204 });
    expect(await passkeyOf(owner.id)).toMatchObject({ state: 'active', suspendedReason: null });
    expect((await usePasskey(browser, owner.authenticator)).isCallback).toBe(true);
    for (const body of [{}, { state: 'gone' }, { displayName: '' }]) {
      expect(await call('PATCH', address, body)).toMatchObject({ status: 400 });
    }
    const other = await anOwner();
    const foreign = `/users/${other.id}/authentication/fido2Methods/${String(id)}`;
    expect(await call('PATCH', foreign, { state: 'suspended' })).toMatchObject({ status: 404 });
    const asApp = `/users/${owner.id}/authentication/softwareOathMethods/${String(id)}`;
    expect(await call('PATCH', asApp, { state: 'suspended' })).toMatchObject({ status: 404 });
  });

  test('an account is secured, and the answer says what ended', async () => {
    const owner = await anOwner();
    const { id } = await passkeyOf(owner.id);
    const address = `/users/${owner.id}/authentication/contain`;
    const since = new Date(Date.now() - 3_600_000).toISOString();
    expect(await call('POST', address, { since, reason: 'called us' })).toMatchObject({
      status: 200,
      body: { endedMethods: [id], endedSessions: 1, since: expect.stringMatching(/Z$/) },
    });
    await expect(app.refresh(owner.tokens.refresh_token!)).rejects.toThrow();
    expect(await call('POST', address)).toMatchObject({ status: 200, body: { endedMethods: [], endedSessions: 0 } });
    const later = new Date(Date.now() + 3_600_000).toISOString();
    for (const body of [{ since: 'yesterday' }, { since: later }, { reason: 7 }]) {
      expect(await call('POST', address, body)).toMatchObject({ status: 400 });
    }
  });
});
