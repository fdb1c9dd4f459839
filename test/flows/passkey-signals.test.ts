import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, passkeyAnswer, usePasskey } from '../support/person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** What a page's script is told, so that it can tell the browser which passkeys are good here. */

let house: TestHouse;
beforeAll(async () => {
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
});
afterAll(() => house?.close());

const open = (browser: CookieBrowser, path = '') => browser.visit(`${house.issuer}/security-info${path}`);

async function aPerson() {
  const userName = aName();
  const { id } = await house.user(userName);
  const browser = newBrowser();
  const authenticator = newAuthenticator();
  await open(browser);
  await enterPass(browser, userName, await house.pass(userName));
  await createPasskey(browser, authenticator);
  await usePasskey(browser, authenticator);
  return { id, userName, browser, authenticator };
}

/** Posts an answer as the script does, or as the form. */
async function post(browser: CookieBrowser, answer: object, accept: string) {
  const form = browser.page.find('form[data-passkey]')!;
  const csrf = browser.page.find('input[name=csrf]')!.attributes.value!;
  return browser.request(new URL(form.attributes.action!, house.issuer).href, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', accept },
    body: new URLSearchParams({ csrf, response: JSON.stringify(answer) }).toString(),
  });
}

async function atSignIn(): Promise<CookieBrowser> {
  const browser = newBrowser();
  await open(browser);
  return browser;
}

async function removed(): Promise<SoftwareAuthenticator> {
  const { id, authenticator } = await aPerson();
  await house.base.knex('passkeys').where('user_id', '=', id).delete();
  return authenticator;
}

describe('the answer of a passkey that is not registered here', () => {
  test('is a 404 with a code for the script, and the page that follows says it too', async () => {
    const authenticator = await removed();
    const browser = await atSignIn();
    const answer = await post(browser, await passkeyAnswer(browser, authenticator), 'application/json');
    expect(answer.status).toBe(404);
    expect(answer.json()).toEqual({ error: { code: 'unknown_passkey', message: messages.errors.passkeyUnknown } });
    expect((await browser.visit(browser.page.url)).text).toContain(messages.errors.passkeyUnknown);
  });

  test('is the same redirect as ever for a form', async () => {
    const authenticator = await removed();
    const browser = await atSignIn();
    expect((await post(browser, await passkeyAnswer(browser, authenticator), 'text/html')).status).toBe(303);
  });

  test.each([
    [
      'a suspended one',
      async (id: string) => house.base.knex('passkeys').where('user_id', '=', id).update({ suspended_at: new Date() }),
    ],
    [
      'one of a disabled user',
      async (id: string) => house.base.knex('users').where('id', '=', id).update({ account_enabled: false }),
    ],
    ['a good one', async () => {}],
  ])('is not that of %s', async (_what, change) => {
    const { id, authenticator } = await aPerson();
    await change(id);
    const browser = await atSignIn();
    expect((await post(browser, await passkeyAnswer(browser, authenticator), 'application/json')).status).toBe(303);
  });

  test('is also that of a new one which was not kept, unless it is there already', async () => {
    const userName = aName();
    await house.user(userName);
    const browser = newBrowser();
    await open(browser);
    await enterPass(browser, userName, await house.pass(userName));
    const options = await browser.postJson(
      browser.page.find('form[data-passkey]')!.attributes['data-options-url']!,
      {},
    );
    const tamper = { userVerified: false } as never;
    const made = await newAuthenticator().create(options.json() as never, { origin: house.issuer, tamper });
    expect((await post(browser, made, 'application/json')).status).toBe(404);
  });
});

describe('My security info', () => {
  const told = (page: Page) => page.find('p[data-signal-user]')?.attributes;

  test('tells of every passkey that is registered, and whose they are', async () => {
    const { id, userName, browser } = await aPerson();
    await createPasskey(browser, newAuthenticator());
    const rows = await house.base
      .knex('passkeys')
      .where('user_id', '=', id)
      .orderBy('created_at')
      .select('credential_id');
    const user = await house.base.knex('users').where('id', '=', id).first();
    expect(rows).toHaveLength(2);
    expect(told(browser.page)).toMatchObject({
      'data-signal-rp': 'localhost',
      'data-signal-user': user.user_handle.toString('base64url'),
      'data-signal-accepted': rows.map(({ credential_id }) => credential_id.toString('base64url')).join(' '),
      'data-signal-name': userName,
    });
  });

  test('says nothing of them to who signed in with a pass', async () => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
    const { userName } = await aPerson();
    const guest = newBrowser();
    await open(guest);
    await enterPass(guest, userName, await house.pass(userName, { purpose: 'signIn' }));
    expect(guest.page.step).toBe('security-info');
    expect(told(guest.page)).toBeUndefined();
  });
});
