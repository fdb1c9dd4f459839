import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { methodRegistry } from '../../src/methods/registry.ts';
import { changePasswordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { resetPassword } from '../../src/password-reset.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { aName, origin } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** What an app asks for decides which ways lead there, before somebody has taken one that does not. */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'secret', redirect_uris: [app.redirectUri] }] });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});
afterEach(() => house.work(resetPasswordPolicy));

const methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
const newPassword = 'plum lantern over quiet tuba';

/** Somebody with a password that is enough by itself where nothing more is asked for. */
async function withPassword(): Promise<string> {
  await house.work((work) => changePasswordPolicy(work, { alone: true }));
  const name = aName();
  await house.user(name);
  await resetPassword(house.base.run, asOperator, { methods, user: name, newPassword });
  return name;
}

async function withPasskeyToo(name: string): Promise<SoftwareAuthenticator> {
  const authenticator = newAuthenticator();
  const browser = aBrowser();
  await browser.visit(await app.authorizationUrl());
  await joinWithPass(browser, authenticator, name, await house.pass(name));
  return authenticator;
}

const aBrowser = () => newBrowser({ stopAt: app.redirectUri });
const two = () => `${house.issuer}/acr/2f`;

async function atVerify(name: string, extra: Record<string, string> = {}): Promise<CookieBrowser> {
  const browser = aBrowser();
  await browser.visit(await app.authorizationUrl(extra));
  await browser.submit({ formWith: 'identify', button: 'continue', fields: { username: name } });
  return browser;
}

async function typePassword(browser: CookieBrowser): Promise<void> {
  await browser.click('use-password');
  await browser.submit({ formWith: 'password', button: 'continue', fields: { password: newPassword } });
}

async function told({ page }: CookieBrowser): Promise<unknown> {
  return page.callback.searchParams.get('error') ?? (await app.exchange(page.callback)).claims.acr;
}

const ways = (browser: CookieBrowser) =>
  browser.page.findAll('button[name=method]').map(({ attributes }) => attributes.id);

describe('an app that asks for a passkey', () => {
  test('is offered no way that cannot lead to one; a pass can', async () => {
    const name = await withPassword();
    expect(ways(await atVerify(name))).toEqual(['use-pass', 'use-password', 'use-recovery-code']);
    const browser = await atVerify(name, { acr_values: 'phr' });
    expect(ways(browser)).toEqual(['use-pass', 'use-recovery-code']);
    expect(browser.page.html).not.toContain('use-password');
    // Nor is it taken where the page does not offer it.
    await browser.submit({ formWith: 'use-pass', button: null, override: { method: 'password' } });
    expect(browser.page.findAll('input[name=password]')).toEqual([]);
    await browser.click('use-pass');
    await browser.submit({ formWith: 'code', button: 'continue', fields: { code: await house.pass(name) } });
    expect(browser.page.step).toBe('enrol');
  });

  test('shows the same to everybody, whoever was named', async () => {
    const [known, unknown] = [await withPassword(), aName()];
    expect(ways(await atVerify(unknown, { acr_values: 'phr' }))).toEqual(
      ways(await atVerify(known, { acr_values: 'phr' })),
    );
  });

  test('of a level that nobody can reach: every way, and the protocol answers', async () => {
    const name = await withPassword();
    const browser = await atVerify(name, { acr_values: 'phrh' });
    expect(ways(browser)).toContain('use-password');
    await typePassword(browser);
    expect(await told(browser)).toBe(`${house.issuer}/acr/1f`);
  });
});

test('whoever has a password alone, where policy lets that be enough, is let in and not asked for it again', async () => {
  const name = await withPassword();
  const browser = await atVerify(name);
  await typePassword(browser);
  expect(await told(browser)).toBe(`${house.issuer}/acr/1f`);
});

describe('a proof that is less than the app asks for', () => {
  test('is followed by a better one of somebody who has it, and the page says why', async () => {
    const name = await withPassword();
    const authenticator = await withPasskeyToo(name);
    const browser = await atVerify(name, { acr_values: two() });
    await typePassword(browser);
    expect(browser.page.step).toBe('verify');
    expect(browser.page.find('#for-the-app')?.text).toContain('asks for more');
    expect(ways(browser)).toEqual([]);
    await usePasskey(browser, authenticator);
    expect(await told(browser)).toBe(two());
  });

  test('is let go where it was a wish and the person has nothing better', async () => {
    const browser = await atVerify(await withPassword(), { acr_values: two() });
    await typePassword(browser);
    expect(await told(browser)).toBe(`${house.issuer}/acr/1f`);
  });

  test('ends at the app where it was a demand and the person has nothing better', async () => {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: two() } } });
    const browser = await atVerify(await withPassword(), { claims });
    await typePassword(browser);
    expect(await told(browser)).toBe('unmet_authentication_requirements');
  });

  test('is enough for an app that asks for nothing', async () => {
    const name = await withPassword();
    await withPasskeyToo(name);
    const browser = await atVerify(name);
    await typePassword(browser);
    expect(await told(browser)).toBe(`${house.issuer}/acr/1f`);
  });
});
