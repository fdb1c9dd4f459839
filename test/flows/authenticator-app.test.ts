import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { enterPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';

/** From nothing to an authenticator app with its password, without script, and back with both. */

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
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const password = 'plum lantern over quiet tuba';

async function atApp(params: Record<string, string> = {}): Promise<CookieBrowser> {
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit((await app.authorizationUrl(params)).href);
  return browser;
}

async function aJoiner() {
  const userName = aName('joiner');
  const { id } = await house.user(userName);
  return { id, userName, code: await house.pass(userName) };
}

/** The app as it was connected at the page the browser is at. */
function scanned(browser: CookieBrowser): SoftwareAuthenticatorApp {
  const secret = browser.page.find('code.secret')!.text.replaceAll(/\s/g, '');
  return scan(`otpauth://totp/x?secret=${secret}`);
}

const now = () => house.work(async (work) => work.now);

/** All the way: pass, app and password, back at the relying party. */
async function joinWithApp(joiner: { userName: string; code: string }, chosen = password) {
  const browser = await atApp();
  await enterPass(browser, joiner.userName, joiner.code);
  await browser.click('use-app');
  const device = scanned(browser);
  await browser.submit({
    formWith: 'repeat',
    fields: { password: chosen, repeat: chosen, code: device.code(await now()) },
  });
  return { browser, device };
}

/** Name, then the password. */
async function enterPassword(browser: CookieBrowser, userName: string, typed = password) {
  await browser.submit({ formWith: 'username', fields: { username: userName } });
  if (!browser.page.find('#password')) await browser.click('use-password');
  return browser.submit({ formWith: 'password', fields: { password: typed } });
}

describe('a new joiner who takes an authenticator app', () => {
  test('sets it up with a password and goes on to the app, with two factors', async () => {
    const joiner = await aJoiner();
    const { browser } = await joinWithApp(joiner);
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ sub: joiner.id, acr: `${house.issuer}/acr/2f`, amr: ['pwd', 'otp', 'mfa'] });
    const events = (await eventsOf(house, { userId: joiner.id })).map(({ type }) => type);
    expect(events).toEqual(
      expect.arrayContaining(['password.set', 'authenticator-app.registered', 'pass.completed', 'sign-in.completed']),
    );
  });

  test('signs in with both from then on: the code is asked for after the password, and each works once', async () => {
    const joiner = await aJoiner();
    const { device } = await joinWithApp(joiner);
    house.clock.advance(1);
    const browser = await atApp();
    await enterPassword(browser, joiner.userName);
    expect(browser.page.find('#use-password')).toBeNull();
    const code = device.code(await now());
    await browser.submit({ formWith: 'code', fields: { code: '000000' } });
    expect(browser.page.step).toBe('verify');
    await browser.submit({ formWith: 'code', fields: { code } });
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ sub: joiner.id, acr: `${house.issuer}/acr/2f`, amr: ['pwd', 'otp', 'mfa'] });

    const again = await atApp();
    await enterPassword(again, joiner.userName);
    expect((await again.submit({ formWith: 'code', fields: { code } })).step).toBe('verify');
  });

  test('a wrong password, an unknown name and a name without a password are answered alike', async () => {
    const joiner = await aJoiner();
    await joinWithApp(joiner);
    const { userName: without } = await aJoiner();
    const pages = [];
    for (const [userName, typed] of [
      [joiner.userName, 'a wrong one, surely'],
      ['nobody@example.com', password],
      [without, password],
    ] as const) {
      const browser = await atApp();
      const page = await enterPassword(browser, userName, typed);
      expect(page.step).toBe('verify');
      pages.push(page.text.replaceAll(userName, 'NAME').replaceAll(/[\w-]{16,}/g, ''));
    }
    expect(new Set(pages).size).toBe(1);
  });

  test('keeps nothing when one half is refused, and goes on at the same place', async () => {
    const joiner = await aJoiner();
    const browser = await atApp();
    await enterPass(browser, joiner.userName, joiner.code);
    await browser.click('use-app');
    const device = scanned(browser);
    const enter = async (fields: Record<string, string>) => browser.submit({ formWith: 'repeat', fields });
    const code = async () => device.code(await now());
    for (const [fields, says] of [
      [{ password, repeat: password, code: '000000' }, 'Wait for the next one'],
      [{ password: 'short', repeat: 'short', code: await code() }, 'too short or too easy'],
      [{ password, repeat: `${password}!`, code: await code() }, 'not the same'],
    ] as const) {
      const page = await enter({ ...fields });
      expect(page.step).toBe('enrol');
      expect(page.text).toContain(says);
      // What was scanned stays good.
      expect(scanned(browser).code(await now())).toBe(await code());
      const { rows } = await house.base.knex.raw(
        'select (select count(*)::int from passwords where user_id = :id) + (select count(*)::int from authenticator_apps where user_id = :id) as n',
        { id: joiner.id } as never,
      );
      expect(rows[0].n).toBe(0);
    }
    await enter({ password, repeat: password, code: await code() });
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(joiner.id);
  });

  test('may change their mind, in both directions', async () => {
    const joiner = await aJoiner();
    const browser = await atApp();
    await enterPass(browser, joiner.userName, joiner.code);
    await browser.click('use-app');
    expect(browser.page.find('code.secret')).not.toBeNull();
    await browser.click('use-passkey');
    expect(browser.page.find('#create-passkey')).not.toBeNull();
  });

  test('is not offered it where policy has passwords off', async () => {
    await house.seed({ policies: { password: { state: 'disabled' } } });
    try {
      const joiner = await aJoiner();
      const browser = await atApp();
      await enterPass(browser, joiner.userName, joiner.code);
      expect(browser.page.find('#use-app')).toBeNull();
      // Nor by whoever sends the forms that the page does not have.
      const send = (path: string, fields: Record<string, string>) =>
        browser.request(`${browser.page.url}/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ ...fields, csrf: browser.page.csrf! }).toString(),
          redirect: 'manual',
        });
      expect((await send('choose', { method: 'authenticator-app' })).status).toBe(303);
      expect((await browser.reload()).find('code.secret')).toBeNull();
      expect(browser.page.find('#create-passkey')).not.toBeNull();
      const begun = await browser.postJson(`${browser.page.url}/enrol/authenticator-app/options`, {});
      expect(begun.status).toBe(409);
      const fields = { password, repeat: password, code: '123456' };
      expect((await send('enrol/authenticator-app', fields)).status).toBe(404);
      expect((await browser.reload()).step).toBe('enrol');
      for (const table of ['passwords', 'authenticator_apps', 'authenticator_app_ceremonies']) {
        expect(await house.base.knex(table).where('user_id', '=', joiner.id), table).toEqual([]);
      }
    } finally {
      await house.seed({ policies: { password: { state: 'enabled' } } });
    }
  });
});

describe('something one knows', () => {
  test('is one factor alone, where policy says that it is enough', async () => {
    const joiner = await aJoiner();
    await joinWithApp(joiner);
    await house.seed({ policies: { password: { alone: true } } });
    try {
      const browser = await atApp();
      await enterPassword(browser, joiner.userName);
      expect((await app.exchange(browser.page.callback)).claims).toMatchObject({
        acr: `${house.issuer}/acr/1f`,
        amr: ['pwd'],
      });
    } finally {
      await house.seed({ policies: { password: { alone: false } } });
    }
  });

  test('that is shorter than 15 characters needs the app all the same', async () => {
    const joiner = await aJoiner();
    const { device } = await joinWithApp(joiner, 'plum lantern!!');
    await house.seed({ policies: { password: { alone: true } } });
    try {
      house.clock.advance(1);
      const browser = await atApp();
      await enterPassword(browser, joiner.userName, 'plum lantern!!');
      expect(browser.page.step).toBe('verify');
      expect(browser.page.find('#code')).not.toBeNull();
      await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
      expect((await app.exchange(browser.page.callback)).claims).toMatchObject({ amr: ['pwd', 'otp', 'mfa'] });
    } finally {
      await house.seed({ policies: { password: { alone: false } } });
    }
  });

  test('of one person and something another has make nobody’s sign-in', async () => {
    const [one, other] = [await aJoiner(), await aJoiner()];
    await joinWithApp(one);
    const { device } = await joinWithApp(other);
    house.clock.advance(1);
    const browser = await atApp();
    await enterPassword(browser, one.userName);
    expect((await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } })).step).toBe(
      'verify',
    );
    expect((await eventsOf(house, { type: 'sign-in.refused' })).at(-1)).toMatchObject({
      reason: 'wrong_code',
      details: { method: 'authenticator-app' },
    });
    const signIns = await house.base.knex('sign_ins').whereIn('user_id', [one.id, other.id]);
    // Those that they joined with, and one that has come no further than the password.
    expect(signIns.filter(({ completed_at }) => completed_at !== null)).toHaveLength(2);
    expect(signIns).toHaveLength(3);
  });

  test('counts no more once another name is given', async () => {
    const [one, other] = [await aJoiner(), await aJoiner()];
    await joinWithApp(one);
    const { device } = await joinWithApp(other);
    house.clock.advance(1);
    const browser = await atApp();
    await enterPassword(browser, one.userName);
    await browser.click('not-you');
    await browser.submit({ formWith: 'username', fields: { username: other.userName } });
    expect(browser.page.find('#code')).toBeNull();
    await enterPasswordOf(browser);
    await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(other.id);

    async function enterPasswordOf(at: CookieBrowser) {
      if (!at.page.find('#password')) await at.click('use-password');
      await at.submit({ formWith: 'password', fields: { password } });
    }
  });
});

describe('guessing the six digits', () => {
  test('from many places waits for the account, and passkeys stay open', async () => {
    const joiner = await aJoiner();
    const { device } = await joinWithApp(joiner);
    house.clock.advance(1);
    const browser = await atApp();
    await enterPassword(browser, joiner.userName);
    for (let tries = 0; tries < 10; tries += 1) await browser.submit({ formWith: 'code', fields: { code: '000000' } });
    await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
    expect(browser.page.step).toBe('verify');
    expect((await eventsOf(house, { type: 'sign-in.throttled' })).length).toBeGreaterThan(0);
    // The wait is over after half a minute.
    house.clock.advance(2);
    await browser.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
    expect((await app.exchange(browser.page.callback)).claims.sub).toBe(joiner.id);
    house.clock.advance(20);
  });
});
