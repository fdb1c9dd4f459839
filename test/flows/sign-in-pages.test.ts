import { type IncomingHttpHeaders, request } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import {
  createPasskey,
  enterPass,
  identifyWithPass,
  joinWithPass,
  passkeyAnswer,
  usePasskey,
} from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { seen } from '../support/seen.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { defaultPassSettings } from '../../src/methods/temporary-access-pass/settings.ts';

/** RULES 2: one wording for wrong, expired, used and unknown. */
const refusedWords = 'That did not work. Check it, or ask for a new one.';
const wrongCode = 'AAAA-BBBB-CCCC-DDDD';

let house: TestHouse;
let app: RelyingParty;
let issued = 0;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_name: 'Payroll',
        client_secret: 'app-secret',
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
      },
      {
        client_id: 'hr',
        client_secret: 'hr-secret',
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
      },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

/** A new user's name; all are of one length, so that pages can be compared. */
async function aUser(): Promise<string> {
  issued += 1;
  const userName = `user-${String(issued).padStart(4, '0')}@example.com`;
  await house.user(userName);
  return userName;
}

async function aJoiner(): Promise<{ userName: string; code: string }> {
  const userName = await aUser();
  return { userName, code: await house.pass(userName) };
}

/** A browser at the first page of a sign-in that an app asked for. */
async function aVisitor(extra: Record<string, string> = {}): Promise<CookieBrowser> {
  const browser = newBrowser({ stopAt: app.redirectUri });
  await startAgain(browser, extra);
  return browser;
}

const startAgain = async (browser: CookieBrowser, extra: Record<string, string> = {}): Promise<Page> =>
  browser.visit(await app.authorizationUrl(extra));

/** A browser at the step where the passkey is made. */
async function enrolling(): Promise<{ browser: CookieBrowser; userName: string; code: string }> {
  const joiner = await aJoiner();
  const browser = await aVisitor();
  expect((await enterPass(browser, joiner.userName, joiner.code)).step).toBe('enrol');
  return { browser, ...joiner };
}

/** One who has a passkey, and is signed in in that browser. */
async function aMember(): Promise<{ browser: CookieBrowser; userName: string; authenticator: SoftwareAuthenticator }> {
  const { userName, code } = await aJoiner();
  const authenticator = newAuthenticator();
  const browser = await aVisitor();
  const end = await joinWithPass(browser, authenticator, userName, code);
  expect(end.callback.searchParams.has('code')).toBe(true);
  return { browser, userName, authenticator };
}

/** Another tab of the browser as it is now. */
function tabOf(browser: CookieBrowser): CookieBrowser {
  const tab = newBrowser({ stopAt: app.redirectUri });
  for (const cookie of browser.cookies.all) tab.cookies.put(cookie);
  return tab;
}

const uidOf = (page: Page): string => new URL(page.url).pathname.split('/')[2]!;

async function signInRow(uid: string): Promise<Record<string, unknown>> {
  return house.base.knex('sign_ins').where('uid', '=', uid).first();
}

async function passOf(userName: string): Promise<Record<string, unknown>> {
  const { id } = await house.base.knex('users').where('user_principal_name', '=', userName).first();
  return house.base.knex('temporary_access_passes').where('user_id', '=', id).orderBy('issued_at', 'desc').first();
}

async function passkeysOf(userName: string): Promise<object[]> {
  return house.base.knex('passkeys').where('user_id', '=', (await passOf(userName)).user_id as string);
}

/** As if so many minutes had passed, or still had to. */
async function minutesLater<T>(minutes: number, body: () => Promise<T>): Promise<T> {
  house.clock.advance(minutes);
  try {
    return await body();
  } finally {
    house.clock.advance(-minutes);
  }
}

const auditReasons = async (uid: string): Promise<string[]> =>
  (
    await house.base
      .knex('audit_events')
      .where('type', '=', 'sign-in.refused')
      .whereRaw("details->>'uid' = ?", [uid])
      .orderBy('at')
  ).map(({ reason }) => reason);

async function token(): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa('hr:hr-secret')}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return ((await answer.json()) as { access_token: string }).access_token;
}

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Exactly these headers and no more: what no browser of ours would send. */
function raw(
  method: string,
  url: string | URL,
  headers: Record<string, string>,
  body?: string | Buffer,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(url, house.issuer), { method, headers, agent: false }, async (answer) => {
      const chunks = await answer.toArray().catch(() => []);
      resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks).toString() });
    });
    asked.on('error', reject).end(body);
  });
}

const cookieHeader = (browser: CookieBrowser, url: string): string =>
  browser.cookies.header(new URL(url), { method: 'POST', initiator: null, topLevel: true });

// What nobody may learn

/** How a name can stand, and what is typed as its code. */
const standings: Record<string, () => Promise<{ userName: string; code: string }>> = {
  'unknown name': async () => ({ userName: 'user-none@example.com', code: wrongCode }),
  'disabled user with a live pass': async () => {
    const joiner = await aJoiner();
    await house.seed({ users: [{ userPrincipalName: joiner.userName, accountEnabled: false }] });
    return joiner;
  },
  'user without a pass': async () => ({ userName: await aUser(), code: wrongCode }),
  'live pass, wrong code': async () => ({ ...(await aJoiner()), code: wrongCode }),
  'expired pass': () => minutesLater(-180, aJoiner),
  'used pass': async () => {
    const joiner = await aJoiner();
    await joinWithPass(await aVisitor(), newAuthenticator(), joiner.userName, joiner.code);
    return joiner;
  },
  'pass used in another browser': async () => {
    const joiner = await aJoiner();
    await enterPass(await aVisitor(), joiner.userName, joiner.code);
    return joiner;
  },
  'replaced pass': async () => {
    const joiner = await aJoiner();
    await house.pass(joiner.userName);
    return joiner;
  },
  'pass that starts tomorrow': async () => {
    const userName = await aUser();
    return { userName, code: await house.pass(userName, { startsAt: new Date(Date.now() + 86_400_000) }) };
  },
  'pass older than a role': async () => {
    const joiner = await aJoiner();
    await house.seed({ users: [{ userPrincipalName: joiner.userName, roles: ['Global Reader'] }] });
    return joiner;
  },
  'code of another user': async () => ({ userName: (await aJoiner()).userName, code: (await aJoiner()).code }),
};

describe('nobody learns whether a name exists or has a pass', () => {
  const seenBy = new Map<string, object[]>();
  const reasons = new Map<string, string[]>();

  beforeAll(async () => {
    for (const [standing, make] of Object.entries(standings)) {
      const { userName, code } = await make();
      const browser = await aVisitor();
      const pages = [
        await browser.submit({ formWith: 'identify', button: 'continue', fields: { username: userName } }),
        await browser.click('use-pass'),
        await browser.submit({ formWith: 'code', fields: { code } }),
        await browser.reload(),
        await browser.click('not-you'),
        await browser.click('use-pass', { username: userName }),
      ];
      const answers = browser.history.map(({ method, status, headers, location }) => ({
        method,
        status,
        location: location?.replaceAll(uidOf(browser.page), '{uid}').replace(/\?.*/, ''),
        cookies: (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0]),
        length: headers['content-length'],
      }));
      seenBy.set(standing, [...pages.map((page) => seen(page, userName)), answers]);
      reasons.set(standing, await auditReasons(uidOf(browser.page)));
    }
  });

  test.each(Object.keys(standings))(
    '%s: every page after the name is the same, byte for byte after nonces',
    (standing) => {
      expect(seenBy.get(standing)).toEqual(seenBy.get('unknown name'));
    },
  );

  test('the reason is in the audit log, and only there', () => {
    expect(
      Object.fromEntries([...reasons].map(([standing, [reason, ...more]]) => [standing, more.length === 0 && reason])),
    ).toEqual({
      'unknown name': 'unknown_user',
      'disabled user with a live pass': 'user_disabled',
      'user without a pass': 'no_pass',
      'live pass, wrong code': 'wrong_code',
      'expired pass': 'expired',
      'used pass': 'already_used',
      'pass used in another browser': 'other_browser',
      'replaced pass': 'wrong_code',
      'pass that starts tomorrow': 'not_yet_valid',
      'pass older than a role': 'no_pass',
      'code of another user': 'wrong_code',
    });
  });
});

describe('a refused code', () => {
  test.each([
    ['empty', ''],
    ['blank', '   '],
    ['short', 'ABC'],
    ['long', 'A'.repeat(300)],
    ['with the symbols no code has', '0000-1111-OOOO-IIII'],
    ['in another script', 'ＡＡＡＡ-жжжж'],
    ['with markup', '<script>alert(1)</script>'],
    ['with SQL', "' or 1=1 --"],
    ['longer than argon2id is used for', 'A'.repeat(30)],
    ['wrong', wrongCode],
  ])('%s is answered with the one wording and nothing else', async (_what, code) => {
    const { userName } = await aJoiner();
    const browser = await aVisitor();
    await identifyWithPass(browser, userName);
    const page = await browser.submit({ formWith: 'code', override: { code } });
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'verify' });
    expect(page.find('#code-mistake')!.text).toBe(refusedWords);
    expect(page.find('#error-summary')!.text).toBe(`There is a problem ${refusedWords}`);
    expect(page.html).not.toContain(code.trim().slice(0, 8) || 'unset');
    expect(page.title).toMatch(/^Error: /);
  });

  test('is forgotten when another way is chosen, and the right code works after it', async () => {
    const { userName, code } = await aJoiner();
    const browser = await aVisitor();
    await enterPass(browser, userName, wrongCode);
    expect((await browser.click('use-passkey')).find('#error-summary')).toBeNull();
    expect((await browser.click('use-pass')).find('#error-summary')).toBeNull();
    expect((await browser.submit({ formWith: 'code', fields: { code: ` ${code.toLowerCase()} ` } })).step).toBe(
      'enrol',
    );
  });

  test('a passkey that was deleted is told so, without a name', async () => {
    const { userName, authenticator } = await aMember();
    const { user_id } = await passOf(userName);
    await house.base
      .knex('passkeys')
      .where('user_id', '=', user_id as string)
      .delete();
    const page = await usePasskey(await aVisitor(), authenticator);
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'identify' });
    expect(page.find('#error-summary')!.text).toContain('That passkey is no longer registered here.');
    expect(page.html).not.toContain(userName);
  });
});

// Ways through the pages

describe('finding one’s way', () => {
  test('a name left empty is asked for again, and the wish to use a pass is kept', async () => {
    const browser = await aVisitor();
    const page = await browser.click('use-pass', { username: ' ' });
    expect(page.step).toBe('identify');
    expect(page.find('#username-mistake')!.text).toBe('Enter your work email or user name.');
    const { userName } = await aJoiner();
    expect(
      (await browser.submit({ formWith: 'identify', fields: { username: userName } })).find('input[name=code]'),
    ).not.toBeNull();
  });

  test('every answer is a 303 to the one page, so that reload sends nothing again', async () => {
    const { browser } = await enrolling();
    const posts = browser.history.filter(({ method }) => method === 'POST');
    const page = `${house.issuer}/sign-in/${uidOf(browser.page)}`;
    expect(posts.map(({ status, location }) => ({ status, location }))).toEqual(
      posts.map(() => ({ status: 303, location: page })),
    );
    const before = await signInRow(uidOf(browser.page));
    for (let i = 0; i < 3; i += 1) expect((await browser.reload()).step).toBe('enrol');
    expect(await signInRow(uidOf(browser.page))).toEqual(before);
  });

  test('back leads to the name and spends nothing', async () => {
    const { userName, code } = await aJoiner();
    const browser = await aVisitor();
    await identifyWithPass(browser, (await aJoiner()).userName);
    expect((await browser.click('not-you')).step).toBe('identify');
    expect((await enterPass(browser, userName, code)).step).toBe('enrol');
  });

  test('a code of one name is not taken for another that was typed before', async () => {
    const [first, second] = [await aJoiner(), await aJoiner()];
    const browser = await aVisitor();
    await enterPass(browser, first.userName, second.code);
    expect(browser.page.step).toBe('verify');
    await browser.click('not-you');
    expect((await enterPass(browser, second.userName, first.code)).step).toBe('verify');
    expect(await passOf(first.userName)).toMatchObject({ uses: 0 });
    expect(await passOf(second.userName)).toMatchObject({ uses: 0 });
  });

  test.each(['identify', 'verify', 'enrol', 'confirm'])('cancel at %s tells the app access_denied', async (step) => {
    const { userName, code } = await aJoiner();
    const browser = await aVisitor();
    if (step !== 'identify') await identifyWithPass(browser, userName);
    if (step === 'enrol' || step === 'confirm') await browser.submit({ formWith: 'code', fields: { code } });
    if (step === 'confirm') await createPasskey(browser, newAuthenticator());
    expect(browser.page.step).toBe(step);
    const { searchParams } = (await browser.click('cancel')).callback;
    expect(searchParams.get('error')).toBe('access_denied');
    expect(searchParams.get('iss')).toBe(house.issuer);
    expect(searchParams.has('code')).toBe(false);
    expect(browser.cookies.get('latchkey_session')).toBeUndefined();
  });

  test('a sign-in that was finished says so when it is opened again, and what to do', async () => {
    const { browser } = await aMember();
    const url = browser.history.findLast((visit) => visit.url.includes('/sign-in/'))!.url;
    const page = await browser.visit(url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 410, step: 'error' });
    expect(page.text).toContain('This sign-in has ended');
    expect(page.text).toContain('Go back to the app you wanted to use and open it again.');
    expect(browser.cookies.get('latchkey_session')).toBeDefined();
  });

  test('an answer to a sign-in that was cancelled changes nothing', async () => {
    const { userName, code } = await aJoiner();
    const browser = await aVisitor();
    await identifyWithPass(browser, userName);
    const { action, fields } = browser.page.form('code');
    const headers = {
      'content-type': formType,
      'sec-fetch-site': 'same-origin',
      cookie: cookieHeader(browser, action),
    };
    await browser.click('cancel');
    const before = await everything();
    await raw('POST', action, headers, form({ ...fields, code }));
    expect(await everything()).toBe(before);
    const page = await browser.visit(action.replace(/\/verify.*/, ''));
    expect({ status: page.status, step: page.step }).toEqual({ status: 410, step: 'error' });
  });

  test('an unknown way to sign in leads nowhere', async () => {
    const browser = await aVisitor();
    await identifyWithPass(browser, (await aJoiner()).userName);
    const page = await browser.submit({ formWith: 'use-passkey', button: null, override: { method: 'password' } });
    expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'verify' });
  });
});

describe('tabs and browsers', () => {
  test('two tabs of one sign-in stay together: what one did, the other shows', async () => {
    const { browser, userName, code } = { browser: await aVisitor(), ...(await aJoiner()) };
    const tab = tabOf(browser);
    expect((await tab.visit(browser.page.url)).step).toBe('identify');
    await identifyWithPass(browser, userName);
    // The other tab still shows the name field, and says a name as well.
    expect((await identifyWithPass(tab, userName)).step).toBe('verify');
    await browser.submit({ formWith: 'code', fields: { code } });
    expect(browser.page.step).toBe('enrol');
    expect((await tab.submit({ formWith: 'code', fields: { code } })).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(tab, authenticator);
    expect((await browser.reload()).step).toBe('confirm');
    const answer = await passkeyAnswer(browser, authenticator);
    expect((await usePasskey(tab, authenticator)).callback.searchParams.has('code')).toBe(true);
    const late = await browser.submit({
      formWith: 'response',
      button: null,
      override: { response: JSON.stringify(answer) },
    });
    expect(late.status).toBe(410);
    expect(late.text).toContain('This sign-in has ended');
  });

  test('a second tab with a sign-in of its own goes its own way', async () => {
    const { browser, userName, code } = { browser: await aVisitor(), ...(await aJoiner()) };
    const tab = tabOf(browser);
    await startAgain(tab);
    expect(uidOf(tab.page)).not.toBe(uidOf(browser.page));
    await enterPass(browser, userName, code);
    expect(browser.page.step).toBe('enrol');
    expect((await tab.reload()).step).toBe('identify');
    // The same browser: a one-time pass may be entered in both.
    expect((await enterPass(tab, userName, code)).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    expect((await usePasskey(browser, authenticator)).callback.searchParams.has('code')).toBe(true);
    // The pass is spent now, and what it opened elsewhere is over.
    const late = await tab.reload();
    expect(late.step).toBe('error');
    expect(late.text).toContain('The time to create a passkey is over');
    expect((await tab.click('continue')).step).toBe('identify');
    expect((await usePasskey(tab, authenticator)).callback.searchParams.has('code')).toBe(true);
  });

  test('the address of a sign-in is worth nothing in another browser', async () => {
    const { browser } = await enrolling();
    const before = await signInRow(uidOf(browser.page));
    const other = newBrowser();
    const page = await other.visit(browser.page.url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 410, step: 'error' });
    expect(page.text).toContain('Your browser did not keep our cookie');
    // With a sign-in of its own it has cookies, but not these.
    await startAgain(other);
    expect((await other.visit(browser.page.url)).text).toContain('This sign-in has ended');
    expect(await signInRow(uidOf(browser.page))).toEqual(before);
    expect((await browser.reload()).step).toBe('enrol');
  });

  test('even with the stolen cookie of the sign-in, without the browser’s own', async () => {
    const { browser } = await enrolling();
    const thief = newBrowser();
    await thief.visit(await app.authorizationUrl());
    for (const cookie of browser.cookies.all)
      if (cookie.name.startsWith('latchkey_interaction')) thief.cookies.put(cookie);
    const page = await thief.visit(browser.page.url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 403, step: 'error' });
    expect(page.text).toContain('another browser');
    expect((await browser.reload()).step).toBe('enrol');
  });

  test('a browser that lost its own cookie is refused, and the sign-in stays as it was', async () => {
    const { browser } = await enrolling();
    const url = browser.page.url;
    const before = await everything();
    browser.cookies.remove('latchkey_browser');
    const page = await browser.submit({ formWith: 'response', button: null, override: { response: '{}' } });
    expect({ status: page.status, step: page.step }).toEqual({ status: 410, step: 'error' });
    const again = await browser.visit(url);
    expect({ status: again.status, step: again.step }).toEqual({ status: 403, step: 'error' });
    expect(again.text).toContain('another browser');
    expect(await everything()).toBe(before);
  });

  test.each(['latchkey_interaction', 'latchkey_interaction.sig'])(
    'a browser that lost %s is told to start again, and does so with the same code',
    async (name) => {
      const { browser, userName, code } = await enrolling();
      browser.cookies.remove(name);
      expect((await browser.reload()).status).toBe(410);
      await startAgain(browser);
      expect((await enterPass(browser, userName, code)).step).toBe('enrol');
    },
  );

  test('the browser cookie is HttpOnly, Lax, for the whole host, and outlives the window', async () => {
    const browser = await aVisitor();
    expect(browser.cookies.get('latchkey_browser')).toMatchObject({
      httpOnly: true,
      sameSite: 'Lax',
      path: '/',
      hostOnly: true,
    });
    const { userName, code } = await aJoiner();
    await enterPass(browser, userName, code);
    const endsAt = browser.cookies.get('latchkey_browser')!.expiresAt!;
    expect(endsAt.getTime()).toBeGreaterThan(Date.now() + 60 * 60_000);
    const renewed = browser.history.findLast(({ method }) => method === 'POST')!.headers['set-cookie'];
    expect(renewed?.some((cookie) => cookie.startsWith('latchkey_browser='))).toBe(true);
  });
});

describe('who is signed in as somebody else', () => {
  test('is told so, nothing is spent, and after signing out the pass works', async () => {
    const { browser, userName } = await aMember();
    const other = await aJoiner();
    await startAgain(browser, { prompt: 'login' });
    expect(browser.page.text).toContain(userName);
    await browser.click('not-you');
    const page = await enterPass(browser, other.userName, other.code);
    expect(page.step).toBe('error');
    expect(page.text).toContain('You are signed in as somebody else');
    expect(page.text).toContain(`You are signed in as ${userName}. This pass is for ${other.userName}.`);
    expect(await passOf(other.userName)).toMatchObject({
      uses: 0,
      bound_browser: null,
      window_ends_at: null,
      completed_at: null,
    });

    expect((await browser.click('continue')).step).toBe('logout');
    expect((await browser.click('confirm-logout')).step).toBe('logged-out');
    await startAgain(browser);
    expect((await enterPass(browser, other.userName, other.code)).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    const { claims } = await app.exchange((await usePasskey(browser, authenticator)).callback);
    expect(claims.sub).toBe(
      (await house.base.knex('users').where('user_principal_name', '=', other.userName).first()).id,
    );
  });

  test('a wrong code says no more than ever', async () => {
    const { browser } = await aMember();
    await startAgain(browser, { prompt: 'login' });
    await browser.click('not-you');
    const page = await enterPass(browser, (await aJoiner()).userName, wrongCode);
    expect(page.find('#code-mistake')!.text).toBe(refusedWords);
  });

  test('also when the session came after this sign-in was begun, in another tab', async () => {
    const browser = await aVisitor();
    const member = await aMember();
    const tab = tabOf(browser);
    await startAgain(tab);
    await usePasskey(tab, member.authenticator);
    expect(tab.page.callback.searchParams.has('code')).toBe(true);
    for (const cookie of tab.cookies.all) browser.cookies.put(cookie);

    const other = await aJoiner();
    const page = await enterPass(browser, other.userName, other.code);
    expect(page.text).toContain('You are signed in as somebody else');
    expect(await passOf(other.userName)).toMatchObject({ uses: 0, bound_browser: null });
  });
});

describe('who signed out meanwhile, in another tab', () => {
  test('is told at once that this sign-in has ended, and not after proving everything', async () => {
    const { browser, authenticator } = await aMember();
    await startAgain(browser, { prompt: 'login' });
    const url = browser.page.url;
    await browser.visit(new URL('/session/end', house.issuer));
    await browser.click('confirm-logout');
    const page = await browser.visit(url);
    expect({ status: page.status, step: page.step }).toEqual({ status: 410, step: 'error' });
    await startAgain(browser);
    expect((await usePasskey(browser, authenticator)).callback.searchParams.has('code')).toBe(true);
  });
});

// The window and the pass

describe('a false start', () => {
  test('the pass goes on in the same browser: start again from the app, enter the code again', async () => {
    const { browser, userName, code } = await enrolling();
    browser.cookies.restart();
    for (const cookie of browser.cookies.all)
      if (cookie.name !== 'latchkey_browser') browser.cookies.remove(cookie.name);
    await startAgain(browser);
    expect(browser.page.step).toBe('identify');
    expect((await enterPass(browser, userName, code)).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    expect((await usePasskey(browser, authenticator)).callback.searchParams.has('code')).toBe(true);
  });

  test('its window does not grow by it', async () => {
    const { browser, userName, code } = await enrolling();
    const { window_ends_at } = await passOf(userName);
    await minutesLater(6, async () => {
      await startAgain(browser);
      const page = await enterPass(browser, userName, code);
      expect((await passOf(userName)).window_ends_at).toEqual(window_ends_at);
      expect(page.find('[data-seconds-left]')!.attributes['data-seconds-left']).toMatch(/^2[34]\d$/);
    });
    await minutesLater(11, async () => {
      await startAgain(browser);
      expect((await enterPass(browser, userName, code)).find('#code-mistake')!.text).toBe(refusedWords);
    });
  });

  test('no other browser goes on with it', async () => {
    const { userName, code } = await enrolling();
    const page = await enterPass(await aVisitor(), userName, code);
    expect(page.find('#code-mistake')!.text).toBe(refusedWords);
  });

  test('a browser that lost all its cookies is another browser', async () => {
    const { browser, userName, code } = await enrolling();
    for (const { name } of browser.cookies.all) browser.cookies.remove(name);
    await startAgain(browser);
    expect((await enterPass(browser, userName, code)).step).toBe('verify');
  });

  test('a passkey that was registered but not used is what one goes on with', async () => {
    const { browser, userName, code } = await enrolling();
    const authenticator = newAuthenticator();
    expect((await createPasskey(browser, authenticator)).step).toBe('confirm');
    await startAgain(browser);
    expect((await enterPass(browser, userName, code)).step).toBe('confirm');
    const end = await usePasskey(browser, authenticator);
    expect(end.callback.searchParams.has('code')).toBe(true);
    expect(await passkeysOf(userName)).toHaveLength(1);
  });

  test('and without the code, that passkey signs in by itself', async () => {
    const { browser, userName } = await enrolling();
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    const later = await aVisitor();
    expect((await usePasskey(later, authenticator)).callback.searchParams.has('code')).toBe(true);
    expect((await browser.reload()).step).toBe('confirm');
    expect(await passOf(userName)).toMatchObject({ end_reason: null });
  });

  test('a reusable pass opens a window of its own in another browser', async () => {
    await house.seed({ policies: { temporaryAccessPass: { isUsableOnce: false } } });
    try {
      const userName = await aUser();
      const code = await house.pass(userName, { oneTime: false });
      for (const browser of [await aVisitor(), await aVisitor()]) {
        expect((await enterPass(browser, userName, code)).step).toBe('enrol');
      }
    } finally {
      await house.seed({ policies: { temporaryAccessPass: defaultPassSettings } });
    }
  });
});

describe('the end of a window', () => {
  test('is said, with what to do and a way to begin again', async () => {
    const { browser, userName, code } = await enrolling();
    await minutesLater(11, async () => {
      const page = await browser.reload();
      expect({ status: page.status, step: page.step }).toEqual({ status: 200, step: 'error' });
      expect(page.text).toContain('The time to create a passkey is over');
      expect(page.text).toContain('If not, ask for a new pass.');
      expect((await browser.click('continue')).step).toBe('identify');
      expect((await enterPass(browser, userName, code)).find('#code-mistake')!.text).toBe(refusedWords);
      expect((await enterPass(await aVisitor(), userName, await house.pass(userName))).step).toBe('enrol');
    });
  });

  test('a passkey begun at 9:59 and finished at 10:01 is refused', async () => {
    const { browser, userName } = await enrolling();
    const form = browser.page.find('form[data-passkey=create]')!;
    const options = (await browser.postJson(form.attributes['data-options-url']!, {})).json();
    const made = await newAuthenticator().create(options as never, { origin: house.issuer });
    await minutesLater(10.05, async () => {
      const page = await browser.submit({
        formWith: 'response',
        button: null,
        override: { response: JSON.stringify(made) },
      });
      expect(page.text).toContain('The time to create a passkey is over');
      expect(await passkeysOf(userName)).toEqual([]);
    });
  });

  test('a passkey that was saved before it signs in after it', async () => {
    const { browser } = await enrolling();
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    await minutesLater(11, async () => {
      expect((await browser.reload()).text).toContain('If you already saved a passkey, sign in with it.');
      await browser.click('continue');
      expect((await usePasskey(browser, authenticator)).callback.searchParams.has('code')).toBe(true);
    });
  });
});

describe('a pass that ends while it is in use', () => {
  const endings: Record<string, (userName: string) => Promise<unknown>> = {
    'revoked through the API': async (userName) => {
      const { id } = await passOf(userName);
      const url = `${house.issuer}/v1.0/users/${userName}/authentication/temporaryAccessPassMethods/${id}`;
      expect(
        (await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${await token()}` } })).status,
      ).toBe(204);
    },
    'replaced by a new one': (userName) => house.pass(userName),
    'ended by a role': (userName) => house.seed({ users: [{ userPrincipalName: userName, roles: ['Global Reader'] }] }),
    'of a user who is disabled': (userName) =>
      house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] }),
  };

  test.each(Object.keys(endings))('%s: the next request finds nothing open any more, whichever it is', async (how) => {
    const { browser, userName, code } = await enrolling();
    const form = browser.page.find('form[data-passkey=create]')!;
    const optionsUrl = form.attributes['data-options-url']!;
    const options = (await browser.postJson(optionsUrl, {})).json();
    const made = await newAuthenticator().create(options as never, { origin: house.issuer });
    await endings[how]!(userName);

    expect((await browser.postJson(optionsUrl, {})).status).toBe(409);
    const page = await browser.submit({
      formWith: 'response',
      button: null,
      override: { response: JSON.stringify(made) },
    });
    expect(page.text).toContain('The time to create a passkey is over');
    expect(await house.base.knex('passkeys').where('user_id', '=', (await passOf(userName)).user_id as string)).toEqual(
      [],
    );
    await browser.click('continue');
    expect((await enterPass(browser, userName, code)).find('#code-mistake')!.text).toBe(refusedWords);
  });

  test('revoked at the first use of the new passkey: nobody is let in by what the pass opened', async () => {
    const { browser, userName } = await enrolling();
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    const answer = await passkeyAnswer(browser, authenticator);
    await endings['revoked through the API']!(userName);
    const page = await browser.submit({
      formWith: 'response',
      button: null,
      override: { response: JSON.stringify(answer) },
    });
    expect(page.isCallback).toBe(false);
    expect(page.text).toContain('The time to create a passkey is over');
  });
});

// What comes from elsewhere

const formType = 'application/x-www-form-urlencoded';
const formEndpoints = [
  'identify',
  'choose',
  'back',
  'restart',
  'not-now',
  'cancel',
  'verify/temporary-access-pass',
  'verify/passkey',
  'verify/nonsense',
  'enrol/passkey',
  'enrol/temporary-access-pass',
  'enrol/nonsense',
] as const;
const jsonEndpoints = [
  'challenge/passkey',
  'challenge/temporary-access-pass',
  'challenge/nonsense',
  'enrol/passkey/options',
  'enrol/temporary-access-pass/options',
  'enrol/nonsense/options',
] as const;

/** All that a sign-in can change, as text. */
async function everything(): Promise<string> {
  const tables = [
    'sign_ins',
    'temporary_access_passes',
    'passkeys',
    'passkey_ceremonies',
    'users',
    'oidc_sessions',
    'oidc_grants',
  ];
  const parts = tables.map(
    (table) => `(select coalesce(string_agg(t::text, chr(10) order by t::text), '') from ${table} t)`,
  );
  const { rows } = await house.base.knex.raw(`select concat_ws(chr(10), ${parts.join(', ')}) as dump`);
  return rows[0].dump;
}

describe('a request that did not come from our own page', () => {
  let browser: CookieBrowser;
  let base: string;
  let csrf: string;
  let foreign: string;

  beforeAll(async () => {
    ({ browser } = await enrolling());
    base = browser.page.url;
    csrf = browser.page.csrf!;
    foreign = (await aVisitor()).page.csrf!;
  });

  const variants: Record<string, () => { headers: Record<string, string>; csrf: string | null; cookie?: string }> = {
    'Sec-Fetch-Site: cross-site': () => ({ headers: { 'sec-fetch-site': 'cross-site', origin: house.issuer }, csrf }),
    'Sec-Fetch-Site: same-site': () => ({ headers: { 'sec-fetch-site': 'same-site', origin: house.issuer }, csrf }),
    'Sec-Fetch-Site: none': () => ({ headers: { 'sec-fetch-site': 'none', origin: house.issuer }, csrf }),
    'Sec-Fetch-Site twice': () => ({
      headers: { 'sec-fetch-site': 'same-origin, cross-site', origin: house.issuer },
      csrf,
    }),
    'neither Sec-Fetch-Site nor Origin': () => ({ headers: {}, csrf }),
    'another Origin': () => ({ headers: { origin: 'https://evil.example' }, csrf }),
    'an Origin that begins alike': () => ({ headers: { origin: `${house.issuer}.evil.example` }, csrf }),
    'Origin: null': () => ({ headers: { origin: 'null' }, csrf }),
    'only a Referer': () => ({ headers: { referer: base }, csrf }),
    'no csrf token': () => ({ headers: { 'sec-fetch-site': 'same-origin' }, csrf: null }),
    'an empty csrf token': () => ({ headers: { 'sec-fetch-site': 'same-origin' }, csrf: '' }),
    'the csrf token of another browser': () => ({ headers: { 'sec-fetch-site': 'same-origin' }, csrf: foreign }),
    'a csrf token with one letter changed': () => ({
      headers: { 'sec-fetch-site': 'same-origin' },
      csrf: `${csrf.slice(0, -2)}${csrf.at(-2) === 'A' ? 'B' : 'A'}${csrf.at(-1)}`,
    }),
    'no browser cookie': () => ({
      headers: { 'sec-fetch-site': 'same-origin' },
      csrf: '',
      cookie: cookieHeader(browser, base).replace(/latchkey_browser=[^;]*(; )?/, ''),
    }),
  };

  test.each(Object.keys(variants))('%s is refused at every address, and nothing changes', async (variant) => {
    const before = await everything();
    const { headers, csrf: token, cookie } = variants[variant]!();
    const sent = { cookie: cookie ?? cookieHeader(browser, base), ...headers };
    for (const endpoint of formEndpoints) {
      const body = `${new URLSearchParams({ username: 'x', code: 'x', response: '{}', ...(token !== null && { csrf: token }) })}`;
      const answer = await raw('POST', `${base}/${endpoint}`, { ...sent, 'content-type': formType }, body);
      // Without our cookie there is nothing to compare a token with: the sign-in has ended there.
      expect(answer.status, endpoint).toBe(cookie === undefined ? 403 : 410);
      expect(answer.headers['content-type'], endpoint).toContain('text/html');
    }
    for (const endpoint of jsonEndpoints) {
      const withToken = token === null ? {} : { 'x-csrf': token };
      const answer = await raw(
        'POST',
        `${base}/${endpoint}`,
        { ...sent, ...withToken, 'content-type': 'application/json' },
        '{}',
      );
      expect(answer.status, endpoint).toBe(403);
      expect(JSON.parse(answer.body).error.code).toBe('forbidden');
    }
    expect(await everything()).toBe(before);
  });

  test('without Fetch metadata the right Origin will do, as in browsers that send none', async () => {
    const visitor = await aVisitor();
    const headers = { cookie: cookieHeader(visitor, visitor.page.url), 'content-type': formType, origin: house.issuer };
    const body = `${new URLSearchParams({ username: 'somebody@example.com', csrf: visitor.page.csrf! })}`;
    expect((await raw('POST', `${visitor.page.url}/identify`, headers, body)).status).toBe(303);
    expect((await visitor.reload()).step).toBe('verify');
  });

  test('a form on another site is refused though the browser sends it, and so is one on a neighbouring port', async () => {
    const { userName, code } = await aJoiner();
    const visitor = await aVisitor();
    await identifyWithPass(visitor, userName);
    const url = visitor.page.url;
    for (const from of ['https://evil.example/', 'http://localhost:1/']) {
      const page = await visitor.submit({ formWith: 'code', fields: {}, override: { code }, from });
      expect([403, 410]).toContain(page.status);
      expect(await passOf(userName)).toMatchObject({ uses: 0 });
      await visitor.visit(url);
    }
  });
});

const form = (fields: Record<string, string>): string => `${new URLSearchParams(fields)}`;

// Headers

describe('every page', () => {
  const pages: [string, Pick<Page, 'status' | 'headers' | 'html'>][] = [];

  beforeAll(async () => {
    const keep = (name: string, page: Pick<Page, 'status' | 'headers' | 'html'>): void => void pages.push([name, page]);
    const browser = newBrowser({ stopAt: app.redirectUri });
    const { userName, code } = await aJoiner();
    const authenticator = newAuthenticator();
    keep('identify', await startAgain(browser));
    keep('a name missing', await browser.click('use-pass', { username: '' }));
    keep('the code asked for', await browser.submit({ formWith: 'identify', fields: { username: userName } }));
    keep('the passkey asked for', await browser.click('use-passkey'));
    await browser.click('use-pass');
    keep('refused', await browser.submit({ formWith: 'code', fields: { code: wrongCode } }));
    keep('enrol', await browser.submit({ formWith: 'code', fields: { code } }));
    keep('confirm', await createPasskey(browser, authenticator));
    const url = browser.page.url;
    const response = JSON.stringify(await passkeyAnswer(browser, authenticator));
    const { action, fields } = browser.page.form('response');
    const sent = { cookie: cookieHeader(browser, action), 'content-type': formType, 'sec-fetch-site': 'same-origin' };
    await raw('POST', action, sent, form({ ...fields, response }));
    const done = await browser.request(url);
    // It goes on by itself, so it is looked at without going on.
    keep('complete', { html: done.text, status: done.status, headers: done.headers });
    await browser.reload();
    await browser.visit(url, { stopAt: app.redirectUri });
    keep('a sign-in that has ended', await browser.visit(url));
    keep('signing out', await browser.visit(new URL('/session/end', house.issuer)));
    keep('signed out', await browser.click('confirm-logout'));
    keep('an error of the protocol', await browser.visit(new URL('/auth?client_id=nobody', house.issuer)));
    keep('nothing there', await browser.visit(new URL('/nothing', house.issuer)));
    keep('cookies blocked', await newBrowser().visit(new URL('/sign-in/abc', house.issuer)));
    keep('a bad address', await browser.visit(new URL('/%00', house.issuer)));
    const { browser: member } = await aMember();
    keep('security info', await member.visit(new URL('/security-info', house.issuer)));
    const other = await aJoiner();
    await startAgain(member, { prompt: 'login' });
    await member.click('not-you');
    keep('signed in as another', await enterPass(member, other.userName, other.code));
    const ended = await enrolling();
    await house.pass(ended.userName);
    keep('the window ended', await ended.browser.reload());
  });

  test('there are the pages this list means to hold', () => {
    expect(pages.map(([name, page]) => [name, page.status])).toEqual([
      ['identify', 200],
      ['a name missing', 200],
      ['the code asked for', 200],
      ['the passkey asked for', 200],
      ['refused', 200],
      ['enrol', 200],
      ['confirm', 200],
      ['complete', 200],
      ['a sign-in that has ended', 410],
      ['signing out', 200],
      ['signed out', 200],
      ['an error of the protocol', 400],
      ['nothing there', 404],
      ['cookies blocked', 410],
      ['a bad address', 400],
      ['security info', 200],
      ['signed in as another', 200],
      ['the window ended', 200],
    ]);
  });

  test('has the headers that keep others out, and lets its forms lead back to the app', () => {
    for (const [name, { headers }] of pages) {
      const policy = String(headers['content-security-policy']);
      const directives = new Map(
        policy.split(';').map((part) => [part.trim().split(' ')[0]!, part.trim().split(' ').slice(1)]),
      );
      expect(directives.get('default-src'), name).toEqual(["'none'"]);
      expect(directives.get('frame-ancestors'), name).toEqual(["'none'"]);
      expect(directives.get('base-uri'), name).toEqual(["'none'"]);
      for (const directive of ['script-src', 'style-src', 'img-src', 'connect-src'])
        expect(directives.get(directive), name).toEqual(["'self'"]);
      // Chromium holds it against the redirects after a post, and would block the way back.
      expect(directives.has('form-action'), name).toBe(false);
      expect(policy, name).not.toMatch(/unsafe|nonce|sha256|\*|https?:/);
      expect(headers['x-content-type-options'], name).toBe('nosniff');
      expect(headers['referrer-policy'], name).toBe('same-origin');
      expect(headers['cross-origin-opener-policy'], name).toBe('same-origin');
      expect(headers['permissions-policy'], name).toContain('publickey-credentials-get=(self)');
      expect(headers['content-type'], name).toBe('text/html; charset=utf-8');
      expect(headers['strict-transport-security'], name).toBeUndefined(); // http here
      expect(headers['x-powered-by'] ?? headers.server, name).toBeUndefined();
    }
  });

  test('is kept by no cache', () => {
    for (const [name, { headers }] of pages) expect(headers['cache-control'], name).toBe('no-store');
  });

  test('has no script and no style in it, and nothing from elsewhere', () => {
    for (const [name, { html }] of pages) {
      expect(html, name).not.toMatch(/<script(?![^>]*\ssrc="\/assets\/)/i);
      expect(html, name).not.toMatch(/<script[^>]*>[^<]/i);
      expect(html, name).not.toMatch(/<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<iframe|<object|<embed|<base/i);
      const addresses = [...html.matchAll(/\s(?:src|href|action)="([^"]*)"/g)].map(([, address]) => address!);
      for (const address of addresses) {
        const own = address.startsWith('/') || address.startsWith('#') || address.startsWith(`${house.issuer}/`);
        expect(own, `${name}: ${address}`).toBe(true);
      }
    }
  });

  test('the files it names are there, and may be kept for good', async () => {
    const named = new Set(
      pages.flatMap(([, { html }]) => [...html.matchAll(/"(\/assets\/[^"]*)"/g)].map(([, path]) => path!)),
    );
    expect(named.size).toBeGreaterThanOrEqual(4);
    for (const path of named) {
      const answer = await raw('GET', path, {});
      expect(answer.status, path).toBe(200);
      expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect((await raw('HEAD', path, {})).status).toBe(200);
    }
  });
});
