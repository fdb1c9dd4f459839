import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { messages } from '../../views/messages.ts';
import { atStep, launchChromium, newPerson, type Person, type PersonOptions } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Every way in which a passkey fails in a browser: the words that the person reads, and that there is a way on. */

vi.setConfig({ testTimeout: 90_000 });

const say = messages.passkeyScript;

let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;
let people = 0;

beforeAll(async () => {
  chromium = await launchChromium();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    clients: [{ client_id: 'app', client_name: 'Payroll', client_secret: 'secret', redirect_uris: [app.redirectUri] }],
  });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await house?.close();
});

async function aPerson(options: PersonOptions = {}): Promise<Person> {
  const person = await newPerson(chromium, options);
  onTestFinished(() => person.close());
  // Without autofill, which the virtual authenticator accepts at once.
  await person.page.addInitScript(() => {
    const passkeys = window.PublicKeyCredential as unknown as Record<string, unknown> | undefined;
    if (!passkeys) return;
    passkeys.isConditionalMediationAvailable = async () => false;
    passkeys.getClientCapabilities = undefined;
  });
  return person;
}

/** At the page that creates a passkey, with a pass. */
async function aJoiner(options: PersonOptions = {}) {
  people += 1;
  const name = `joiner${people}@example.com`;
  await house.user(name);
  const person = await aPerson(options);
  await enterPass(person.page, name);
  await atStep(person.page, 'enrol');
  return { name, ...person };
}

async function enterPass(page: Page, name: string) {
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.fill('input[name=username]', name);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(name));
  await page.click('#continue');
}

/** At the page that asks for the passkey they have. */
async function aHolder(options: PersonOptions = {}) {
  const joiner = await aJoiner(options);
  const { page } = joiner;
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  await page.context().clearCookies();
  await toVerify(joiner);
  return joiner;
}

async function toVerify({ page, name }: { page: Page; name: string }) {
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.fill('input[name=username]', name);
  await page.click('#continue');
  await atStep(page, 'verify');
}

const says = (page: Page) => page.locator('[data-passkey-says]').innerText();
const summary = (page: Page) => page.locator('#error-summary p').first().innerText();

async function untilItSays(page: Page, words: string) {
  await expect.poll(() => says(page), { timeout: 10_000 }).toBe(words);
}

/** The next prompt of this page fails like this, so many milliseconds after it was asked for by the page's clock. */
async function promptFails(page: Page, name: string, afterMilliseconds = 0) {
  await page.evaluate(
    ([errorName, milliseconds]) => {
      const fail = async () => {
        const before = performance.now.bind(performance);
        performance.now = () => before() + Number(milliseconds);
        throw new DOMException('made by the test', String(errorName));
      };
      Object.defineProperty(navigator.credentials, 'get', { value: fail, configurable: true });
      Object.defineProperty(navigator.credentials, 'create', { value: fail, configurable: true });
    },
    [name, afterMilliseconds] as const,
  );
}

/** A tone that is not red, and both the button and the other ways are there. */
async function expectWaysOn(page: Page, tone: 'calm' | 'problem' | 'news') {
  expect(await page.locator('[data-passkey-says]').getAttribute('data-tone')).toBe(tone);
  const verifying = (await page.locator('#use-passkey').count()) > 0;
  const button = page.locator(verifying ? '#use-passkey' : '#create-passkey');
  expect(await button.isEnabled()).toBe(true);
  expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
  const others = verifying ? '#use-pass' : '[data-authenticator=remoteDevice]';
  expect(await page.locator(others).isVisible()).toBe(true);
  expect(await page.locator('#cancel').isVisible()).toBe(true);
}

describe('a prompt of the browser that', () => {
  test.each([
    ['was cancelled after a while', 'NotAllowedError', 4_000, say.notUsed, 'calm'],
    ['never came up', 'NotAllowedError', 0, say.notStarted, 'problem'],
    ['timed out', 'NotAllowedError', 31_000, say.timedOut, 'calm'],
    ['finds an authenticator that cannot', 'NotSupportedError', 0, say.unfit, 'problem'],
    ['fails in a way that nobody knows', 'UnknownError', 0, say.failed, 'problem'],
  ] as const)('%s is told in these words when a passkey is used', async (_what, error, after, words, tone) => {
    const { page } = await aHolder();
    await promptFails(page, error, after);
    await page.click('#use-passkey');
    await untilItSays(page, words);
    await expectWaysOn(page, tone);
    await page.reload();
    await page.click('#use-passkey');
    await page.waitForURL(`${app.origin}/cb**`);
  });

  test.each([
    ['was cancelled after a while', 'NotAllowedError', 4_000, say.notMade, 'calm'],
    ['never came up', 'NotAllowedError', 0, say.notStartedToMake, 'problem'],
    ['timed out', 'NotAllowedError', 31_000, say.timedOut, 'calm'],
  ] as const)('%s is told in these words when one is made', async (_what, error, after, words, tone) => {
    const { page } = await aJoiner();
    await promptFails(page, error, after);
    await page.click('#create-passkey');
    await untilItSays(page, words);
    await expectWaysOn(page, tone);
  });

  test('was aborted is told in no words at all', async () => {
    const { page } = await aHolder();
    await promptFails(page, 'AbortError', 4_000);
    await page.click('#use-passkey');
    await expect.poll(() => page.locator('#use-passkey').isEnabled()).toBe(true);
    expect(await says(page)).toBe('');
    expect(await page.locator('#use-pass').isVisible()).toBe(true);
  });

  test('is for a security key says what to do where that has no PIN', async () => {
    const { page } = await aJoiner();
    await promptFails(page, 'NotAllowedError', 2_000);
    await page.click('[data-authenticator=securityKey]');
    await untilItSays(page, `${say.notMade} ${say.noPin}`);
  });
});

test('a device that has one already leads to signing in with it', async () => {
  const { name, page } = await aHolder();
  await page.context().clearCookies();
  await enterPass(page, name);
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await untilItSays(page, say.already);
  expect(await page.locator('[data-passkey-says]').getAttribute('data-tone')).toBe('news');
  await page.click('[data-when-already]');
  await atStep(page, 'identify');
});

test('a key without PIN that answers all the same is told so, when a passkey is made and when it is used', async () => {
  const { page } = await aJoiner();
  // No browser lets such an answer through that was asked for another: it is put in the place of the browser's on its way.
  const key = newAuthenticator();
  const context = { origin: house.issuer, tamper: { userVerified: false } };
  let options: never;
  let verified = false;
  const replaced = (make: () => Promise<object>) => async (route: Route) => {
    const form = new URLSearchParams(route.request().postData() ?? '');
    form.set('response', JSON.stringify(await make()));
    await route.continue({ postData: form.toString() });
  };
  const asked = (change: object) => async (route: Route) => {
    const response = await route.fetch();
    const json = await response.json();
    options = json as never;
    await route.fulfill({ response, json: { ...json, ...change } });
  };
  await page.route('**/enrol/passkey/options', asked({}));
  await page.route('**/challenge/passkey', asked({ allowCredentials: [] }));
  await page.route(
    '**/enrol/passkey',
    replaced(() => key.create(options, verified ? { origin: house.issuer } : context)),
  );
  await page.route(
    '**/verify/passkey',
    replaced(() => key.get(options, context)),
  );

  await page.click('#create-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.userUnverified);
  expect(await page.locator('#create-passkey').isEnabled()).toBe(true);
  verified = true;
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.userUnverified);
  expect(await page.locator('#use-passkey').isEnabled()).toBe(true);
});

test('an address that passkeys are not for is told, with a reference', async () => {
  const { page, context } = await aHolder();
  const { port, pathname } = new URL(page.url());
  for (const cookie of await context.cookies()) await context.addCookies([{ ...cookie, domain: '127.0.0.1' }]);
  await page.goto(`http://127.0.0.1:${port}${pathname}`);
  await atStep(page, 'verify');
  await page.click('#use-passkey');
  await expect.poll(() => says(page)).toMatch(/^This site is set up wrongly for passkeys\. It is not your fault\. /);
  const [reference] = /[0-9a-f-]{36}/.exec(await says(page))!;
  expect(await says(page)).toBe(`${say.wrongSite} ${messages.reference.replace('{reference}', reference)}`);
  await expectWaysOn(page, 'problem');
});

test('a passkey that is unknown here is told, and the browser forgets it', async () => {
  const { name, page, passkeys } = await aHolder();
  await house.base.knex.raw(
    'delete from passkeys where user_id = (select id from users where user_principal_name = ?)',
    [name],
  );
  await page.click('#use-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.passkeyUnknown);
  expect(await page.locator('#use-pass').isVisible()).toBe(true);
  await expect.poll(async () => (await passkeys()).length).toBe(0);
});

test('a counter that went back is told with a reference for the help desk, and the passkey is suspended', async () => {
  const { name, page } = await aHolder();
  const ofName = 'user_id = (select id from users where user_principal_name = ?)';
  await house.base.knex.raw(`update passkeys set sign_count = 1000000 where ${ofName}`, [name]);
  await page.click('#use-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.passkeySuspended);
  const reference = await page.locator('#error-summary .reference code').innerText();
  const events = await house.base.knex('audit_events').where('request_id', '=', reference);
  expect(events.map(({ type }) => type)).toContain('passkey.suspended');
  expect(await page.locator('#use-pass').isVisible()).toBe(true);
});

test('a browser without passkeys has no button for them, and reads what else there is', async () => {
  const person = await newPerson(chromium, { authenticator: false });
  onTestFinished(() => person.close());
  const { page } = person;
  await page.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'));
  await toVerify({ page, name: 'anybody@example.com' });
  expect(await page.locator('#use-passkey').isVisible()).toBe(false);
  expect(await page.locator('main').innerText()).toContain(messages.verify.noPasskeys);
  expect(await page.locator('#use-pass').isVisible()).toBe(true);
});

test('without script the page says that passkeys need it, and the other ways work', async () => {
  const person = await newPerson(chromium, { javaScriptEnabled: false, authenticator: false });
  onTestFinished(() => person.close());
  const { page } = person;
  await toVerify({ page, name: 'anybody@example.com' });
  expect(await page.locator('#use-passkey').isVisible()).toBe(false);
  expect(await page.locator('main').innerText()).toContain(messages.verify.noScript);
  await page.click('#use-pass');
  await page.waitForSelector('input[name=code]');
});

test('a server that cannot be reached is told, before the prompt and after it, and the button works again', async () => {
  const { page, context } = await aHolder();
  await context.setOffline(true);
  await page.click('#use-passkey');
  await untilItSays(page, say.offline);
  await expectWaysOn(page, 'problem');
  await context.setOffline(false);
  await page.route('**/verify/passkey', (route) => route.abort());
  await page.click('#use-passkey');
  await untilItSays(page, say.offline);
  await page.unroute('**/verify/passkey');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
});

test('a challenge that expired between the prompt and the answer is refused, and the next one works', async () => {
  const { page } = await aHolder();
  await page.route('**/verify/passkey', async (route) => {
    await house.base.knex('passkey_ceremonies').update({ expires_at: new Date(Date.now() - 1000) });
    await route.continue();
  });
  await page.click('#use-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.passkeyRefused);
  await page.unroute('**/verify/passkey');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
});

test('in a browser where somebody else is signed in a passkey of another signs nobody in, and says why', async () => {
  const owner = await aHolder();
  const { page } = owner;
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  const guest = await aHolder();
  // The guest's key is put to the owner's machine.
  await owner.cdp.send('WebAuthn.clearCredentials', { authenticatorId: owner.authenticatorId! });
  for (const credential of await guest.passkeys()) {
    await owner.cdp.send('WebAuthn.addCredential', { authenticatorId: owner.authenticatorId!, credential });
  }
  await page.goto(`${app.origin}/login?prompt=login`);
  await atStep(page, 'verify');
  await page.click('#use-passkey');
  await page.waitForSelector('#error-summary');
  expect(await summary(page)).toBe(messages.errors.passkeyOfOther);
  await page.click('#not-you');
  await atStep(page, 'identify');
  await page.click('#use-passkey');
  await atStep(page, 'error');
  const title = messages.problems.signedInAsAnother.title;
  expect(await page.locator('h1').innerText()).toBe(title);
});

test('a passkey that is synced and one that stays on its device are shown as such', async () => {
  for (const [synced, words] of [
    [true, messages.securityInfo.synced],
    [false, messages.securityInfo.thisDeviceOnly],
  ] as const) {
    const authenticator = { defaultBackupEligibility: synced, defaultBackupState: synced };
    const { page } = await aHolder({ authenticator });
    await page.goto(`${house.issuer}/security-info`);
    await atStep(page, 'identify');
    await page.click('#use-passkey');
    await atStep(page, 'security-info');
    expect(await page.locator('li.card[id^=passkey-]').innerText()).toContain(words);
  }
});

test('going back and loading again while a passkey is asked for lead to the step that stands', async () => {
  const { page } = await aHolder();
  const address = page.url();
  await page.reload();
  await atStep(page, 'verify');
  await page.goBack().catch(() => undefined);
  await page.goto(address);
  await atStep(page, 'verify');
  await page.click('#not-you');
  await atStep(page, 'identify');
  await page.reload();
  await atStep(page, 'identify');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  await page.goBack().catch(() => undefined);
  await page.goto(address);
  await atStep(page, 'error');
  expect(await page.locator('h1').innerText()).toBe(messages.problems.signInEnded.title);
});
