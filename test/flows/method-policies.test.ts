import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { newBrowser, type CookieBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, passkeyAnswer, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** What people see, and apps get, where policy leaves them out of a method. */

let house: TestHouse;
let app: RelyingParty;
beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  const client = { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] };
  await house.seed({ clients: [{ ...client, grant_types: ['authorization_code', 'refresh_token'] }] });
});
afterEach(() => decide(undecided));
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const off = { state: 'disabled' };
const open = { state: 'enabled', excludeTargets: [] };
const decide = (policies: object) => house.seed({ policies });
const without = (userName: string) => ({ excludeTargets: [{ targetType: 'user', id: userName }] });
const undecided = {
  fido2: { ...open, keyRestrictions: { isEnforced: false, aaGuids: [] } },
  softwareOath: open,
  recoveryCode: open,
};
const browserOf = () => newBrowser({ stopAt: app.redirectUri });

/** Somebody signed in to the app with a passkey, in this browser. */
async function aPerson(scope = 'openid') {
  const [userName, authenticator, browser] = [aName(), newAuthenticator(), browserOf()];
  const { id } = await house.user(userName);
  await browser.visit(await app.authorizationUrl({ scope }));
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  const { tokens } = await app.exchange(browser.page.callback);
  return { id, userName, authenticator, browser, tokens };
}

async function atTheDoor(): Promise<CookieBrowser> {
  const browser = browserOf();
  await browser.visit(await app.authorizationUrl());
  return browser;
}
const said = ({ page }: CookieBrowser) => page.text;

describe('where nobody signs in with a passkey', () => {
  test('no page asks for one, and a challenge is refused', async () => {
    const asked = await atTheDoor();
    const optionsUrl = asked.page.find('form[data-passkey=get]')!.attributes['data-options-url']!;
    await decide({ fido2: off });
    const browser = await atTheDoor();
    expect(browser.page.find('form[data-passkey=get]')).toBeNull();
    expect(browser.page.find('#username')!.attributes.autocomplete).toBe('username');
    expect((await asked.postJson(optionsUrl, {})).status).toBe(409);
    await browser.submit({ formWith: 'username', fields: { username: aName() } });
    expect(browser.page.step).toBe('verify');
    expect(browser.page.find('form[data-passkey=get]')).toBeNull();
  });

  test('an answer to a challenge from before opens nothing', async () => {
    const { authenticator } = await aPerson();
    const browser = await atTheDoor();
    const answer = JSON.stringify(await passkeyAnswer(browser, authenticator));
    await decide({ fido2: off });
    await browser.submit({ formWith: 'response', button: null, override: { response: answer } });
    expect(browser.page.step).toBe('identify');
  });
});

describe('who is left out of passkeys', () => {
  test('is told so once they have proved to hold one, and a stranger sees what everybody sees', async () => {
    const { userName, authenticator } = await aPerson();
    const named = async (name: string) => {
      const browser = await atTheDoor();
      await browser.submit({ formWith: 'username', fields: { username: name } });
      return browser;
    };
    const before = (await named(userName)).page.find('form[data-passkey=get]');
    await decide({ fido2: without(userName) });
    expect(before).not.toBeNull();
    expect((await named(userName)).page.find('form[data-passkey=get]')).not.toBeNull();
    const browser = await atTheDoor();
    expect((await usePasskey(browser, authenticator)).step).toBe('identify');
    expect(said(browser)).toContain(messages.errors.passkeyNotAllowed);
  });

  test('goes on in the session they have, and with its tokens', async () => {
    const { userName, browser, tokens } = await aPerson('openid offline_access');
    await decide({ fido2: without(userName) });
    await browser.visit(await app.authorizationUrl());
    expect(browser.page.callback).toBeDefined();
    expect(await app.userinfo(tokens.access_token, tokens.claims()!.sub)).toMatchObject({ sub: tokens.claims()!.sub });
  });

  test('finds it marked in my security info, and no way to add one', async () => {
    const { userName, browser } = await aPerson();
    await browser.visit(`${house.issuer}/security-info`);
    expect(browser.page.find('form[data-passkey=create]')).not.toBeNull();
    await decide({ fido2: without(userName) });
    await browser.visit(`${house.issuer}/security-info`);
    expect(browser.page.find('form[data-passkey=create]')).toBeNull();
    expect(said(browser)).toContain(messages.securityInfo.refused);
  });
});

describe('with a pass', () => {
  async function entered(decided: (userName: string) => Promise<void>) {
    const [userName, browser] = [aName(), await atTheDoor()];
    await house.user(userName);
    await decided(userName);
    await enterPass(browser, userName, await house.pass(userName));
    return { userName, browser };
  }

  test('who may have no passkey connects an app', async () => {
    const { browser } = await entered((userName) => decide({ fido2: without(userName) }));
    expect(browser.page.step).toBe('enrol');
    expect(browser.page.find('form[data-passkey=create]')).toBeNull();
    expect(browser.page.find('code.secret')).not.toBeNull();
  });

  test('who may have nothing is told whom to ask, and may begin anew', async () => {
    const { browser } = await entered((userName) =>
      decide({ fido2: without(userName), softwareOath: without(userName) }),
    );
    expect(said(browser)).toContain(messages.problems.nothingToRegister.title);
    await browser.click('continue');
    expect(browser.page.step).toBe('identify');
  });

  test('a model that is not allowed is named, and another is taken', async () => {
    const { browser } = await entered(() => Promise.resolve());
    const blocked = newAuthenticator();
    const aaGuids = [blocked.aaguid];
    await decide({ fido2: { keyRestrictions: { isEnforced: true, enforcementType: 'block', aaGuids } } });
    expect((await createPasskey(browser, blocked)).step).toBe('enrol');
    expect(said(browser)).toContain(messages.errors.modelNotAllowed);
    expect((await createPasskey(browser, newAuthenticator())).step).toBe('confirm');
  });
});
