import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** A device that knows somebody puts what they used last first, for them and for nobody else. */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'secret', redirect_uris: [app.redirectUri] }] });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});
afterEach(async () => {
  await house.work(resetPasswordPolicy);
  await passPolicy(house, {});
});

const cookie = 'latchkey_device';
const password = 'plum lantern over quiet tuba';
const usual = ['passkey', 'temporary-access-pass', 'password', 'recovery-code'];

interface Person {
  readonly userName: string;
  readonly device: SoftwareAuthenticatorApp;
  readonly authenticator: SoftwareAuthenticator;
  /** Where the person has signed in with password and app, last. */
  readonly browser: CookieBrowser;
}

async function atApp(browser: CookieBrowser, extra: Record<string, string> = {}): Promise<Page> {
  return browser.visit(await app.authorizationUrl(extra));
}

const aBrowser = () => newBrowser({ stopAt: app.redirectUri });

/** Somebody with a passkey, made elsewhere, and with password and app, which were used here. */
async function aPerson(): Promise<Person> {
  const userName = aName();
  await house.user(userName);
  const authenticator = newAuthenticator();
  const elsewhere = aBrowser();
  await atApp(elsewhere);
  await joinWithPass(elsewhere, authenticator, userName, await house.pass(userName));

  const browser = aBrowser();
  await atApp(browser);
  await enterPass(browser, userName, await house.pass(userName));
  await browser.click('use-app');
  const secret = browser.page.find('code.secret')!.text.replaceAll(/\s/g, '');
  const device = scan(`otpauth://totp/x?secret=${secret}`);
  const code = device.code(await house.work(async ({ now }) => now));
  await browser.submit({ formWith: 'repeat', fields: { password, repeat: password, code } });
  expect(browser.page.isCallback).toBe(true);
  return { userName, device, authenticator, browser };
}

/** Nobody is signed in here any more; what the device knows stays. */
function signedOut(browser: CookieBrowser): CookieBrowser {
  for (const { name } of browser.cookies.all) if (name.startsWith('latchkey_session')) browser.cookies.remove(name);
  return browser;
}

async function name(browser: CookieBrowser, userName: string): Promise<Page> {
  return browser.submit({ formWith: 'identify', button: 'continue', fields: { username: userName } });
}

/** The page at which one shows that it is oneself, in this browser. */
async function verifyPage(browser: CookieBrowser, userName: string): Promise<Page> {
  await atApp(browser);
  return name(browser, userName);
}

/** The ways on the page, in their order. */
function order(page: Page): string[] {
  const forms = page.findAll('form[action*="/verify/"]').map(({ attributes }) => attributes.action!.split('/').at(-1)!);
  return [...forms, ...page.findAll('button[name=method]').map(({ attributes }) => attributes.value!)];
}

/** The answer as anybody could see it, without what is random in every answer. */
function seen(page: Page, userName: string): object {
  const uid = new URL(page.url).pathname.split('/')[2]!;
  const { date: _, 'set-cookie': cookies = [], ...headers } = page.headers;
  const html = page.html.replaceAll(uid, '{uid}').replaceAll(page.csrf!, '{csrf}').replaceAll(userName, '{name}');
  return { status: page.status, headers, cookies: cookies.map((one) => one.replace(/=[^;]*/, '')), html };
}

/** A browser that brings this along and has been nowhere. */
async function bringing(value: string | undefined, userName: string): Promise<object> {
  const browser = aBrowser();
  await atApp(browser);
  const given = browser.cookies.get('latchkey_browser')!;
  if (value !== undefined) browser.cookies.put({ ...given, name: cookie, value });
  return seen(await name(browser, userName), userName);
}

describe('a device that knows somebody', () => {
  test('is given its cookie when a sign-in completes, and not before', async () => {
    const { browser } = await aPerson();
    const giving = browser.history.filter(({ headers }) =>
      headers['set-cookie']?.some((one) => one.startsWith(cookie)),
    );
    expect(giving).toHaveLength(1);
    expect(giving[0]!.url).toMatch(/\/sign-in\/[\w-]+$/);
    const { value: _, expiresAt, ...kept } = browser.cookies.get(cookie)!;
    expect(kept).toMatchObject({ path: '/', hostOnly: true, httpOnly: true, sameSite: 'Lax', secure: false });
    const days = (expiresAt!.getTime() - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(180);
  });

  test('shows them what they used last, and the other ways in their order', async () => {
    const { browser, userName, authenticator } = await aPerson();
    expect(order(await verifyPage(signedOut(browser), userName))).toEqual([
      'password',
      'passkey',
      'temporary-access-pass',
      'recovery-code',
    ]);
    // Written otherwise it is the same person.
    expect(order(await verifyPage(browser, userName.toUpperCase()))[0]).toBe('password');
    // What they choose themselves is what they get.
    expect(order(await browser.click('use-passkey'))[0]).toBe('passkey');
    await usePasskey(browser, authenticator);
    expect(order(await verifyPage(signedOut(browser), userName))).toEqual(usual);
  });

  test('learns it also where a passkey named its user', async () => {
    const { browser, userName, authenticator } = await aPerson();
    await atApp(signedOut(browser));
    await usePasskey(browser, authenticator);
    expect(browser.page.isCallback).toBe(true);
    expect(order(await verifyPage(signedOut(browser), userName))).toEqual(usual);
  });

  test('asked for more than what was used last, shows first what gives more', async () => {
    const { browser, userName } = await aPerson();
    const page = await atApp(browser, { acr_values: 'phr' });
    expect(page.text).toContain(userName);
    expect(order(page)).toEqual(usual.filter((way) => way !== 'password'));
    // Asked for the same again, it is what they used.
    expect(order(await atApp(browser, { prompt: 'login' }))[0]).toBe('password');
  });

  test('between password and code the order is that of the two', async () => {
    const { browser, userName, authenticator } = await aPerson();
    await atApp(signedOut(browser));
    await usePasskey(browser, authenticator);
    await verifyPage(signedOut(browser), userName);
    await browser.click('use-password');
    await browser.submit({ formWith: 'password', fields: { password } });
    expect(order(browser.page)[0]).toBe('authenticator-app');
  });

  test('forgets a pass: it is for once', async () => {
    const userName = aName();
    await house.user(userName);
    const browser = aBrowser();
    await atApp(browser);
    await enterPass(browser, userName, await house.pass(userName));
    expect(browser.cookies.get(cookie)).toBeUndefined();
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    expect(browser.cookies.get(cookie)).toBeUndefined();
    await usePasskey(browser, authenticator);
    expect(browser.cookies.get(cookie)).toBeDefined();
    expect(order(await verifyPage(signedOut(browser), userName))).toEqual(usual);
  });
});

test('a pass that signs in changes nothing of it', async () => {
  await passPolicy(house, { purpose: 'signIn' });
  const guest = aName();
  await house.user(guest);
  const known = await aPerson();
  for (const [browser, userName] of [
    [aBrowser(), guest],
    [known.browser, known.userName],
  ] as const) {
    const code = await house.pass(userName, { purpose: 'signIn' });
    const before = browser.cookies.get(cookie)?.value;
    await atApp(signedOut(browser));
    await enterPass(browser, userName, code);
    expect(browser.page.isCallback).toBe(true);
    expect(browser.cookies.get(cookie)?.value).toBe(before);
  }
});

describe('nobody else sees anything of it', () => {
  test('another name on the device gets the page that it gets anywhere, whether it exists or not', async () => {
    const [known, other] = [await aPerson(), await aPerson()];
    const value = known.browser.cookies.get(cookie)!.value;
    const disabled = await aPerson();
    await house.seed({ users: [{ userPrincipalName: disabled.userName, accountEnabled: false }] });
    const nobody = aName();
    const page = await bringing(undefined, nobody);
    for (const userName of [nobody, other.userName, disabled.userName]) {
      expect(await bringing(value, userName)).toEqual(page);
    }
    expect(await bringing(value, known.userName)).not.toEqual(page);
  });

  test('whatever is wrong with the cookie, the page is that of a device that knows nobody', async () => {
    const { userName, browser } = await aPerson();
    const { value } = browser.cookies.get(cookie)!;
    const page = await bringing(undefined, userName);
    expect(await bringing(value, userName)).not.toEqual(page);
    const flipped = Buffer.from(value, 'base64url');
    flipped[40]! ^= 1;
    const clear = Buffer.from(JSON.stringify([['x', 'password']]));
    for (const wrong of [
      flipped.toString('base64url'),
      value.slice(0, -4),
      value + value,
      '',
      'x',
      '"><script>alert(1)</script>',
      clear.toString('base64url'),
      house.base.secrets.seal('another/context', clear).toString('base64url'),
      browser.cookies.get('latchkey_browser')!.value,
      browser.cookies.get('latchkey_session')!.value,
    ]) {
      expect(await bringing(wrong, userName), wrong).toEqual(page);
    }
  });

  test('a method that policy has taken away since then is not shown to anybody', async () => {
    const { userName, browser } = await aPerson();
    await house.seed({ policies: { password: { state: 'disabled' } } });
    const page = await bringing(undefined, userName);
    expect(await bringing(browser.cookies.get(cookie)!.value, userName)).toEqual(page);
  });

  test('it opens nothing: without a proof the sign-in stays where it is', async () => {
    const { userName, browser } = await aPerson();
    const page = await verifyPage(signedOut(browser), userName);
    expect(page.step).toBe('verify');
    expect((await browser.submit({ formWith: 'password', fields: { password: 'something else entirely' } })).step).toBe(
      'verify',
    );
  });
});
