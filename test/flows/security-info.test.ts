import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';

/** My security info as a person without script uses it: every page but a passkey's own. */

let house: TestHouse;
beforeAll(async () => {
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
});
afterAll(() => house?.close());

const words = 'plum lantern over quiet tuba';
const now = () => house.work(async (work) => work.now);
const open = (browser: CookieBrowser, path = '') => browser.visit(`${house.issuer}/security-info${path}`);

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly browser: CookieBrowser;
  readonly authenticator: SoftwareAuthenticator;
}

/** Somebody who has just made a passkey, and looks at the list. */
async function aPerson(): Promise<Person> {
  const userName = aName();
  const { id } = await house.user(userName);
  const browser = newBrowser();
  const authenticator = newAuthenticator();
  await open(browser);
  await enterPass(browser, userName, await house.pass(userName));
  await createPasskey(browser, authenticator);
  expect((await usePasskey(browser, authenticator)).step).toBe('security-info');
  return { id, userName, browser, authenticator };
}

function scanned(page: Page): SoftwareAuthenticatorApp {
  return scan(`otpauth://totp/x?secret=${page.find('code.secret')!.text.replaceAll(/\s/g, '')}`);
}

async function addApp(browser: CookieBrowser, fields: Record<string, string> = {}): Promise<SoftwareAuthenticatorApp> {
  await browser.click('add-authenticator-app');
  const device = scanned(browser.page);
  await browser.submit({ formWith: 'code', fields: { ...fields, code: device.code(await now()) } });
  return device;
}

const removal = async (browser: CookieBrowser, kind: string): Promise<string> => {
  const links = browser.page.findAll('a').filter(({ attributes }) => attributes.id?.startsWith('remove-'));
  return links.find(({ attributes }) => attributes['aria-label']!.includes(kind))!.attributes.id!;
};

describe('an authenticator app', () => {
  test('is added with a password; mistakes stand beside their field and what was scanned stays good', async () => {
    const { id, browser } = await aPerson();
    expect((await browser.click('add-authenticator-app')).step).toBe('add-app');
    const device = scanned(browser.page);
    for (const [fields, field, says] of [
      [{ password: words, repeat: words, code: '000000' }, 'code', 'Wait for the next one'],
      [{ password: 'short', repeat: 'short' }, 'password', 'too short or too easy'],
      [{ password: words, repeat: 'other' }, 'repeat', 'not the same'],
    ] as const) {
      const code = device.code(await now());
      const page = await browser.submit({ formWith: 'code', fields: { code, ...fields } });
      expect(page.step).toBe('add-app');
      expect(page.find(`#${field}-mistake`)!.text).toContain(says);
      expect(scanned(page).code(await now())).toBe(device.code(await now()));
    }
    const fields = { password: words, repeat: words, code: device.code(await now()) };
    const page = await browser.submit({ formWith: 'code', fields });
    expect(page.step).toBe('security-info');
    expect(page.text).toContain('Authenticator app added.');
    expect(page.text).toContain('Change the password');
    const types = (await eventsOf(house, { userId: id })).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['authenticator-app.registered', 'password.set']));
    await browser.click('add-authenticator-app');
    expect(browser.page.find('#password')).toBeNull();
  });

  test('with its password is all that is needed here by whoever has no passkey', async () => {
    const { userName, browser } = await aPerson();
    const device = await addApp(browser, { password: words, repeat: words });
    await browser.click(await removal(browser, 'Passkey'));
    expect(browser.page.text).toContain('It is your last passkey.');
    expect((await browser.click('remove')).text).toContain('Removed.');

    house.clock.advance(1);
    const again = newBrowser();
    await open(again);
    await again.submit({ formWith: 'username', fields: { username: userName } });
    if (!again.page.find('#password')) await again.click('use-password');
    await again.submit({ formWith: 'password', fields: { password: words } });
    const page = await again.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
    expect(page.step).toBe('security-info');
    expect(page.find('#add-password')).not.toBeNull();

    // Eleven minutes later both are asked for once more.
    house.clock.advance(11);
    expect((await open(again)).step).toBe('verify');
    if (!again.page.find('#password')) await again.click('use-password');
    await again.submit({ formWith: 'password', fields: { password: words } });
    const code = device.code(await now());
    expect((await again.submit({ formWith: 'code', fields: { code } })).step).toBe('security-info');
  });
});

describe('a name', () => {
  test('is given to an app as to a passkey, and a refused one stands beside its field', async () => {
    const { id, browser } = await aPerson();
    await addApp(browser, { password: words, repeat: words });
    const { id: appId } = await house.base.knex('authenticator_apps').where('user_id', '=', id).first();
    const form = `/security-info/methods/${appId}/name`;
    await browser.submit({ formWith: form, fields: { name: ' ' } });
    expect(browser.page.find(`#name-${appId}-mistake`)!.text).toBe('Enter a name for it.');
    const long = `An old phone with "quotes" & <tags> ${'x'.repeat(40)}`;
    await browser.submit({ formWith: form, fields: { name: long } });
    expect(browser.page.find(`#name-${appId}-mistake`)!.text).toBe('That name is too long. Use a shorter one.');
    // What was typed is there to be shortened, and the heading keeps the name that stands.
    expect(browser.page.find(`#name-${appId}`)!.attributes.value).toBe(long);
    expect(
      browser.page
        .findAll('h3')
        .map(({ text }) => text)
        .join(),
    ).not.toContain('quotes');
    await browser.submit({ formWith: form, fields: { name: 'Old phone' } });
    expect(browser.page.text).toContain('Name saved.');
    expect(browser.page.text).toContain('Old phone');
    expect(await eventsOf(house, { userId: id, type: 'authenticator-app.renamed' })).toHaveLength(1);
  });
});

describe('a password', () => {
  test('is set, then changed, and other browsers stay signed in', async () => {
    const { id, browser } = await aPerson();
    await browser.click('add-password');
    expect(browser.page.text).not.toContain('stay so');
    for (const [typed, field] of [
      [{ password: 'short', repeat: 'short' }, 'password'],
      [{ password: words, repeat: 'other' }, 'repeat'],
    ] as const) {
      const page = await browser.submit({ formWith: 'repeat', fields: { ...typed } });
      expect([page.step, page.find(`#${field}-mistake`) !== null]).toEqual(['set-password', true]);
    }
    const saved = await browser.submit({ formWith: 'repeat', fields: { password: words, repeat: words } });
    expect([saved.step, saved.text.includes('Password saved.')]).toEqual(['security-info', true]);
    await browser.click('add-password');
    expect(browser.page.text).toContain('Browsers that are signed in stay so');
    await browser.submit({ formWith: 'repeat', fields: { password: `${words} 2`, repeat: `${words} 2` } });
    expect((await eventsOf(house, { userId: id, type: 'password.changed' })).length).toBe(1);
    expect(await house.base.knex('oidc_sessions').where('account_id', '=', id).whereNull('ended_at')).not.toEqual([]);
  });
});

describe('recovery codes', () => {
  test('are made with a button, shown once, and replaced after a warning', async () => {
    const { browser } = await aPerson();
    await browser.click('add-recovery-code');
    expect(browser.page.text).not.toContain('stop working');
    const page = await browser.click('make-codes');
    expect(page.step).toBe('new-recovery-codes');
    const codes = page.findAll('#codes code').map(({ text }) => text);
    expect(codes).toHaveLength(10);
    await browser.click('done');
    expect(browser.page.text).toContain('10 of 10 left');
    for (const code of codes) expect(browser.page.html).not.toContain(code);
    await browser.click('add-recovery-code');
    expect(browser.page.text).toContain('The codes you have now stop working.');
  });
});

describe('removing', () => {
  test('asks first, and says of the last way in that it stays', async () => {
    const { id, browser } = await aPerson();
    const link = await removal(browser, 'Passkey');
    await browser.click(link);
    expect(browser.page.step).toBe('remove-method');
    expect(browser.page.find('#remove')).toBeNull();
    expect(browser.page.text).toContain('It is your last way to sign in.');

    // A page that was open in another tab has the button still.
    await browser.click('back');
    await createPasskey(browser, newAuthenticator());
    await browser.click(link);
    await house.base.knex('passkeys').where('user_id', '=', id).whereNull('first_used_at').delete();
    const page = await browser.click('remove');
    expect([page.step, page.text.includes('so it stays')]).toEqual(['security-info', true]);
    expect(await house.base.knex('passkeys').where('user_id', '=', id)).toHaveLength(1);
  });

  test('is not done by another site’s page, nor by opening its page', async () => {
    const { id, browser } = await aPerson();
    await createPasskey(browser, newAuthenticator());
    const link = await removal(browser, 'Passkey');
    await browser.click(link);
    expect(browser.page.text).not.toContain('It is your last passkey.');
    const page = await browser.submit({ formWith: 'remove', override: { csrf: 'x' } });
    expect(page.status).toBe(403);
    expect(await house.base.knex('passkeys').where('user_id', '=', id)).toHaveLength(2);
  });

  test('tells the person', async () => {
    const { id, browser } = await aPerson();
    await house.base
      .knex('users')
      .where('id', '=', id)
      .update({ mail: `${id}@example.com` });
    await createPasskey(browser, newAuthenticator());
    await browser.click(await removal(browser, 'Passkey'));
    await browser.click('remove');
    const mails = await house.base.knex('mail_outbox').where('user_id', '=', id).select('subject');
    expect(mails.map(({ subject }) => subject)).toContain('A passkey was removed');
  });
});

describe('whoever signed in with a pass', () => {
  test('adds an app with its password and recovery codes once each, and finds no way to anything else', async () => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
    const userName = aName('guest');
    const { id } = await house.user(userName);
    const browser = newBrowser();
    await open(browser);
    await enterPass(browser, userName, await house.pass(userName, { purpose: 'signIn' }));
    expect(browser.page.step).toBe('security-info');
    expect(browser.page.find('#add-password')).toBeNull();
    await addApp(browser, { password: words, repeat: words });
    expect(browser.page.text).toContain('Authenticator app added.');
    expect(browser.page.find('#add-authenticator-app')).toBeNull();
    await browser.click('add-recovery-code');
    expect((await browser.click('make-codes')).findAll('#codes code')).toHaveLength(10);
    await browser.click('done');
    expect(browser.page.find('#add-recovery-code')).toBeNull();
    const links = browser.page.findAll('a').map(({ attributes }) => attributes.id ?? '');
    expect(links.filter((link) => link.startsWith('remove-'))).toEqual([]);

    const csrf = browser.page.find('input[name=csrf]')!.attributes.value!;
    for (const path of ['/password', '/recovery-codes', '/authenticator-app', '/methods/x/remove']) {
      expect((await open(browser, path)).step).toBe('security-info');
    }
    const before = await house.base.knex('passwords').where('user_id', '=', id).first();
    await browser.request(`${house.issuer}/security-info/password`, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ csrf, password: `${words} 2`, repeat: `${words} 2` }).toString(),
    });
    expect(await house.base.knex('passwords').where('user_id', '=', id).first()).toEqual(before);
  });
});
