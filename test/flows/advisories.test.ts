import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { openLink } from '../../src/notices/links.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import { otherRoutes, table } from '../support/matrix.ts';
import { createPasskey, enterPass, identifyWithPass, joinWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/**
 * The rows of the security reference (sections 1.2 and 4.3) that are about signing in, enrolling and recovery, each with the tests
 * that hold it; those that no other file holds are below.
 */
const here = 'flows/advisories';

type Held = readonly [file: string, title: string];

const rows: Readonly<Record<string, readonly Held[]>> = {
  'T01 a one-time pass redeemed twice at once': [
    ['nodes/passes', 'let 1,000 browsers in'],
    ['use-cases/redeeming', 'entered in twenty browsers at once it opens one of them'],
  ],
  'T02 a crash between taken and signed in': [
    ['nodes/deaths', 'the other goes on with all of them'],
    ['use-cases/redeeming', 'no other browser gets in while it is in registration, with the right code'],
  ],
  'T03 a pass before its start, after its end, after deletion': [
    ['use-cases/redeeming', 'a pass from later on works when its time has come'],
    ['nodes/wrong-clocks', 'a window that was opened at one node is as long at both'],
  ],
  'T04 deletion races redemption': [['nodes/endings', 'whoever was first, afterwards it opens nothing']],
  'T05 guessing one pass': [
    ['use-cases/throttling', 'of forty tries at once exactly five are judged, and none is a fault'],
  ],
  'T06 spraying accounts': [
    ['use-cases/throttling', 'of forty tries at once at forty accounts exactly thirty are judged'],
  ],
  'T07 locking the victim out': [
    ['use-cases/throttling', 'another source still gets in, and so does another /64'],
    ['use-cases/throttling', 'a passkey is no guess: it gets in where codes are throttled'],
  ],
  'T08 learning who exists': [
    ['flows/sign-in-pages', 'every page after the name is the same, byte for byte after nonces'],
    ['flows/disclosure', 'is the same, byte for byte after nonces'],
  ],
  'T09, authentik CVE-2026-49448, Keycloak CVE-2026-18963: a step skipped': [
    ['flows/odd-input', 'never a fault, and no change but the ones that are meant'],
    ['rules/next-step', 'nobody is let in without a proof that is more than a pass, and a user it is for'],
  ],
  'T10, Zitadel CVE-2026-119128: a cookie that may set the first credential': [
    [here, 'no cookie, changed or carried elsewhere, registers anything for somebody who has no way in'],
  ],
  'T11, T39: a pass used beyond registration, by whoever phished it': [
    [here, 'the browser of a registration finds no other door open, and the app gets nothing'],
    ['use-cases/notices', 'of a pass entered and of the passkey made with it'],
  ],
  'T12, Zitadel CVE-2026-32132: registering after the window': [
    ['flows/sign-in-pages', 'a passkey begun at 9:59 and finished at 10:01 is refused'],
  ],
  'T13 the holder of a pass removes or plants': [
    ['use-cases/own-ways-in', 'nothing is removed, and no password is set or changed by itself'],
    [
      'use-cases/own-ways-in',
      'one passkey, one app with its password and one set of codes may be added, and each no second time',
    ],
  ],
  'T38 cookies stolen or planted': [
    [
      'flows/provider',
      'an id that was there before the sign-in is not the one of the session, so nobody can plant one',
    ],
    ['flows/provider', 'every sign-in has a new id, and every proof renews it'],
  ],
  'T40 signing somebody in from another site': [
    ['flows/sign-in-pages', 'is refused at every address, and nothing changes'],
    ['flows/provider', 'cookies have the prefixes of their kind and are Secure, every answer asks for https'],
  ],
  'T41, rodauth 2.46: the passkey of one signs in another': [
    ['flows/forged-ceremonies', 'of another user is refused: with their handle, with their id under the own key'],
  ],
  'T42, OneUptime CVE-2026-28787: challenges chosen by the client, used twice, or of another ceremony': [
    ['support/lies', 'a challenge that was never given'],
    ['flows/forged-ceremonies', 'for the challenge %s is refused'],
    ['flows/forged-ceremonies', 'for a challenge that was answered before is refused'],
  ],
  'T43, Keycloak CVE-2026-3429: a weak session edits a strong method': [
    ['use-cases/own-ways-in', 'is the passkey for whoever has one: two factors do no more'],
    ['use-cases/signing-in-with-a-pass', 'a weak session of anything else adds nothing'],
  ],
  'T44, Keycloak CVE-2026-8830: a key outside policy by an edited script': [
    ['support/lies', 'the user verified flag off'],
    ['support/lies', 'the algorithm RS1'],
  ],
  'T45, Grav CVE-2026-62232: the secret of an app regenerated meanwhile': [
    [here, 'looking at a new secret leaves the app that signs in as it is, and the new one signs nobody in'],
  ],
  'T46, Logto’s TOTP replay: a code used at two nodes': [
    ['use-cases/authenticator-app', 'sent twenty times at once to two nodes lets one in'],
  ],
  'T47 a reader of the database': [
    ['flows/secrets', 'a whole life of codes, tokens, cookies and secrets leaves none of them in a log or in a table'],
    ['use-cases/authenticator-app', 'that was moved to the row of another user opens nothing there'],
  ],
  'T53, Kanidm’s display name, Ory Hydra GO-2026-4861: markup in what is stored or said': [
    [here, 'payloads in %s stay words'],
  ],
  'T54 forms and frames of another site': [
    ['flows/security-info', 'is not done by another site’s page, nor by opening its page'],
    ['flows/sign-in-pages', 'has the headers that keep others out'],
    ['flows/sessions', 'takes neither from another site’s page'],
  ],
  'T55 secrets in logs, addresses and errors': [
    [
      'flows/secrets',
      'codes, tokens and links of everything that becomes of passes stand in their own places and in no other',
    ],
  ],
  'T56 confusion of types': [
    ['flows/odd-input', 'every door of ours but the API is somewhere here'],
    ['support/odd-input', 'names that every object has'],
  ],
  'T57, Keycloak CVE-2026-4282, better-auth CVE-2026-114607: one thing taken for another': [
    [here, 'what opens one door opens no other'],
  ],
  'T59 signing out everywhere leaves something alive': [['nodes/sign-outs', 'all dead, and all apps told']],
  'T60, Zitadel CVE-2026-105211: codes read again': [
    ['flows/passes-api', 'a list of none or one, with the same item as by its id, and never the code'],
    ['flows/handover', 'the link is in the answer that makes the pass and in no other'],
  ],
  'Keycloak CVE-2026-37982: a link used twice': [
    ['use-cases/containment', 'pressed ten times at once works once'],
    ['use-cases/redeeming', 'after it has led to a passkey nobody gets in, within the window neither'],
  ],
  'Keycloak #26180, #46168, Zitadel CVE-2025-64102: guesses that nothing counts': [
    ['flows/authenticator-app', 'from many places waits for the account, and passkeys stay open'],
    ['use-cases/throttling', 'has ten guesses in fifteen minutes, and others have theirs'],
    [here, 'wrong recovery codes are counted with all other guesses of that place'],
  ],
  'Zitadel CVE-2025-46815: an answer sent twice': [
    ['flows/forged-ceremonies', 'and so is the very same answer'],
    ['use-cases/recovery-codes', 'sent twenty times at once to two nodes opens one registration'],
  ],
  'authentik CVE-2022-23555: an invitation used again': [
    ['use-cases/redeeming', 'after the window nobody gets in, neither the same browser nor another'],
  ],
  'authentik CVE-2023-26481: the code of somebody else': [
    ['flows/sign-in-pages', 'a code of one name is not taken for another that was typed before'],
    ['use-cases/recovery-codes', 'is of its user alone, also where another has one that begins alike'],
  ],
  'authentik CVE-2024-47070, CVE-2023-36456: an address that the client made up': [
    ['rules/addresses', 'behind proxies the address is the nearest that is not one of them'],
  ],
  'Kanidm: an origin that ends alike': [['support/lies', 'an origin that ends alike (badexample.com)']],
  'GitLab #585333: the result of a check ignored': [['support/lies', 'a signature with its last bit turned']],
  'OpenReception CVE-2026-48087: a key for somebody without being them': [
    ['use-cases/enrolment', 'not before a name, nor before a code'],
  ],
};

describe('every advisory is held by a test', () => {
  const textOf = (file: string): string => {
    for (const ending of ['.test.ts', '.ts']) {
      try {
        return readFileSync(join(import.meta.dirname, '..', `${file}${ending}`), 'utf8');
      } catch {}
    }
    throw new Error(`There is no test/${file}.`);
  };

  test.each(Object.entries(rows))('%s', (_what, held) => {
    expect(held.length).toBeGreaterThan(0);
    for (const [file, title] of held) {
      const named = textOf(file)
        .split('\n')
        .filter((line) => !line.includes(`'${file}', '`));
      // A title stands in a line of its own file that is no row of this one.
      const lines = file === here ? named.filter((line) => !line.includes(`[here, `)) : named;
      expect(
        lines.some((line) => line.includes(title)),
        `test/${file}: ${title}`,
      ).toBe(true);
    }
  });
});

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 100_000, windowMinutes: 5 } }) });
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_secret: 'app-secret',
        client_name: 'Payroll',
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
      },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const password = 'plum lantern over quiet tuba';
const now = () => house.work(async (work) => work.now);

async function atApp(browser = newBrowser({ stopAt: app.redirectUri }), extra: Record<string, string> = {}) {
  await browser.visit(await app.authorizationUrl(extra));
  return browser;
}

async function aJoiner(): Promise<{ id: string; userName: string; code: string }> {
  const userName = aName('joiner');
  const { id } = await house.user(userName);
  return { id, userName, code: await house.pass(userName) };
}

async function enrolling() {
  const joiner = await aJoiner();
  const browser = await atApp();
  expect((await enterPass(browser, joiner.userName, joiner.code)).step).toBe('enrol');
  return { browser, ...joiner };
}

async function aMember() {
  const joiner = await aJoiner();
  const authenticator = newAuthenticator();
  const browser = await atApp();
  await joinWithPass(browser, authenticator, joiner.userName, joiner.code);
  expect(browser.page.isCallback).toBe(true);
  return { browser, authenticator, ...joiner };
}

const send = (browser: CookieBrowser, path: string, fields: Readonly<Record<string, string>>) =>
  browser.request(new URL(path, house.issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ csrf: browser.page.csrf ?? '', ...fields }).toString(),
    redirect: 'manual',
  });

/** Of the protocol, by their names in discovery. */
async function endpoints(): Promise<Readonly<Record<string, string>>> {
  const metadata = Object.entries((await app.configuration()).serverMetadata());
  return Object.fromEntries(metadata.filter(([name]) => /_endpoint$|^jwks_uri$/.test(name))) as Record<string, string>;
}

test('no cookie, changed or carried elsewhere, registers anything for somebody who has no way in', async () => {
  const { browser: right } = await enrolling();
  const { pathname } = new URL(right.page.url);
  const victim = await aJoiner();
  const cookies = right.cookies.all;
  expect(cookies.map(({ name }) => name).sort()).toEqual(
    expect.arrayContaining(['latchkey_browser', 'latchkey_interaction', 'latchkey_interaction.sig']),
  );

  async function opensNothing(browser: CookieBrowser): Promise<void> {
    for (const path of [pathname, new URL(browser.page.url).pathname]) {
      const options = await browser.postJson(`${house.issuer}${path}/enrol/passkey/options`, {});
      expect(options.status).toBeGreaterThanOrEqual(400);
      const { status } = await send(browser, `${path}/enrol/passkey`, { response: '{}' });
      expect(status === 303 || (status >= 400 && status < 500)).toBe(true);
    }
  }
  // Each of the other's cookies alone and all but each, in a browser that stands at the victim's name.
  for (const { name } of cookies) {
    for (const carried of [cookies.filter((one) => one.name === name), cookies.filter((one) => one.name !== name)]) {
      const thief = await atApp();
      await identifyWithPass(thief, victim.userName);
      for (const cookie of carried) thief.cookies.put(cookie);
      // The browser's own is what the right hangs on: with it, and no other way, this is that browser.
      if (carried.some((cookie) => cookie.name === 'latchkey_browser')) continue;
      await opensNothing(thief);
    }
  }
  // Each of one's own, changed.
  for (const name of ['latchkey_browser', 'latchkey_interaction', 'latchkey_interaction.sig']) {
    for (const change of [
      (value: string) => `${value.slice(0, -2)}${value.at(-2) === 'A' ? 'B' : 'A'}${value.at(-1)}`,
      (value: string) => value.slice(0, -1),
      () => '',
      () => victim.id,
      () => Buffer.from(JSON.stringify({ userId: victim.id, mayEnrol: true })).toString('base64url'),
    ]) {
      const thief = await atApp();
      await identifyWithPass(thief, victim.userName);
      const cookie = thief.cookies.all.find((one) => one.name === name)!;
      thief.cookies.put({ ...cookie, value: change(cookie.value) });
      await opensNothing(thief);
    }
  }
  expect(await house.base.knex('passkeys').where('user_id', '=', victim.id)).toEqual([]);
  expect((await right.reload()).step).toBe('enrol');
});

test('the browser of a registration finds no other door open, and the app gets nothing', async () => {
  const { browser, id } = await enrolling();
  await createPasskey(browser, newAuthenticator());
  expect(browser.page.step).toBe('confirm');
  const uid = new URL(browser.page.url).pathname.split('/')[2]!;
  const open: string[] = [];
  const routes = [
    ...Object.keys(otherRoutes),
    ...table.map(({ route }) => route.replace(' ', ' /v1.0')),
    ...['GET /userinfo', 'POST /userinfo', 'POST /token', 'GET /device', 'POST /introspect', 'POST /revoke'].map(
      String,
    ),
  ];
  for (const route of routes) {
    const [method, pattern] = route.split(' ') as [string, string];
    if (pattern.startsWith('/sign-in/')) continue;
    const path = pattern.replace(':uid', uid).replace(':method', 'passkey').replaceAll(/:\w+/g, id);
    const answer =
      method === 'GET'
        ? await browser.request(`${house.issuer}${path}`, { redirect: 'manual' })
        : await browser.request(`${house.issuer}${path}`, {
            method,
            headers: {
              'content-type': path.startsWith('/v1.0') ? 'application/json' : 'application/x-www-form-urlencoded',
            },
            body: path.startsWith('/v1.0') ? '{}' : new URLSearchParams({ csrf: browser.page.csrf! }).toString(),
            redirect: 'manual',
          });
    const leads = answer.status === 303 ? String(answer.headers.location) : '';
    if (/\/auth\?|^\/security-info(?:\?|$)/.test(leads)) continue;
    // The door of the other device leads every form back to its page: it says that this does not go on here.
    if (leads.startsWith('/continue/')) {
      const page = await browser.request(new URL(leads, house.issuer), { redirect: 'manual' });
      expect(page.status, route).toBe(410);
      continue;
    }
    if (answer.status < 400) open.push(`${route} ${answer.status}`);
  }
  // What is there for anybody, whoever asks; and a hand-over link begins a sign-in of its own.
  expect(open.map((route) => route.replace(/ \d+$/, '')).sort()).toEqual(
    [
      'GET /healthz',
      'GET /readyz',
      'GET /pass',
      'POST /pass',
      'POST /not-me', // and its page says that the link has ended
      'GET /acr/bootstrap',
      'GET /acr/1f',
      'GET /acr/2f',
      'GET /amr/pass',
      'GET /amr/federated',
      'GET /federation/:provider/signed-out', // it knows nobody
      'GET /continue', // the same page for all: it needs a link
      'GET /docs/api',
      'GET /openapi.json', // what the API is, and nothing of anybody
    ].sort(),
  );
  expect(await house.base.knex('passkeys').where('user_id', '=', id)).toMatchObject([{ first_used_at: null }]);
  await browser.visit(`${house.issuer}/sign-in/${uid}`);
  expect(browser.page.step).toBe('confirm');
  const silent = await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
  expect(silent.callback.searchParams.get('error')).toBe('login_required');
  for (const name of ['oidc_sessions', 'oidc_grants', 'oidc_artifacts']) {
    expect(await house.base.knex(name).where('account_id', '=', id), name).toEqual([]);
  }
});

test('looking at a new secret leaves the app that signs in as it is, and the new one signs nobody in', async () => {
  const { browser, userName, id } = await enrolling();
  await browser.click('use-app');
  const secretOf = (page: Page) =>
    scan(`otpauth://totp/x?secret=${page.find('code.secret')!.text.replaceAll(/\s/g, '')}`);
  const device = secretOf(browser.page);
  await browser.submit({ formWith: 'code', fields: { password, repeat: password, code: device.code(await now()) } });
  expect(browser.page.isCallback).toBe(true);
  house.clock.advance(1);

  // Half way in another browser, while the first looks at a new secret.
  const other = await atApp();
  await other.submit({ formWith: 'identify', fields: { username: userName } });
  if (!other.page.find('#password')) await other.click('use-password');
  await other.submit({ formWith: 'password', fields: { password } });
  const before = await house.base.knex('authenticator_apps').where('user_id', '=', id);
  await browser.visit(`${house.issuer}/security-info`);
  await browser.click('add-authenticator-app');
  const fresh = secretOf(browser.page);
  expect(fresh.code(await now())).not.toBe(device.code(await now()));
  expect(await house.base.knex('authenticator_apps').where('user_id', '=', id)).toEqual(before);
  expect((await other.submit({ formWith: 'code', fields: { code: fresh.code(await now()) } })).step).toBe('verify');
  await other.submit({ formWith: 'code', fields: { code: device.code(await now()) } });
  expect((await app.exchange(other.page.callback)).claims.sub).toBe(id);
});

test('wrong recovery codes are counted with all other guesses of that place', async () => {
  const { id, userName, code } = await aJoiner();
  const codes = await makeRecoveryCodes(house.base.run, asOperator, id);
  const browser = await atApp();
  await browser.submit({ formWith: 'identify', fields: { username: userName } });
  await browser.click('use-recovery-code');
  for (let tries = 0; tries < 5; tries += 1) {
    await browser.submit({ formWith: 'code', fields: { code: codes[0]!.replaceAll(/[A-Z]/g, 'Z') } });
  }
  expect((await browser.submit({ formWith: 'code', fields: { code: codes[0]! } })).step).toBe('verify');
  await browser.click('use-pass');
  expect((await browser.submit({ formWith: 'code', fields: { code } })).step).toBe('verify');
  house.clock.advance(6);
  expect((await browser.submit({ formWith: 'code', fields: { code } })).step).toBe('enrol');
});

test('what opens one door opens no other', async () => {
  const member = await aMember();
  const { tokens } = await app.exchange(member.browser.page.callback);
  await member.browser.visit(await app.authorizationUrl({ prompt: 'none' }));
  const { callback } = member.browser.page;
  const { code: pass } = { code: await house.pass(member.userName) };
  const codes = await makeRecoveryCodes(house.base.run, asOperator, member.id);
  const { token: link } = await house.work((work) => openLink(work, member.id));
  const other = await enrolling();
  const cookie = (browser: CookieBrowser, name: string) => browser.cookies.get(name)!.value;
  const things: Readonly<Record<string, string>> = {
    'an authorization code': callback.searchParams.get('code')!,
    'a state': callback.searchParams.get('state')!,
    'an access token': tokens.access_token,
    'an ID token': tokens.id_token!,
    'the id of a sign-in': new URL(other.browser.page.url).pathname.split('/')[2]!,
    'the cookie of a session': cookie(member.browser, 'latchkey_session'),
    'the cookie of a browser': cookie(other.browser, 'latchkey_browser'),
    'the token of a page': other.browser.page.csrf!,
    'a pass': pass,
    'a recovery code': codes[0]!,
    'the link of a notice': link,
    'the id of a user': member.id,
    'the id of a pass': (await house.base.knex('temporary_access_passes').where('user_id', '=', member.id).first()).id,
    'the id of a passkey': (await house.base.knex('passkeys').where('user_id', '=', member.id).first()).id,
  };
  const authorization = `Basic ${btoa('app:app-secret')}`;
  const userinfo = new URL((await endpoints()).userinfo_endpoint!).pathname;
  const tokenEndpoint = async (form: Record<string, string>) =>
    (
      await fetch(`${house.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers: { authorization },
      })
    ).ok;
  const withBearer = async (path: string, value: string) =>
    (await fetch(`${house.issuer}${path}`, { headers: { authorization: `Bearer ${value}` } })).ok;
  const typed = async (button: string, code: string) => {
    const browser = await atApp();
    await browser.submit({ formWith: 'identify', fields: { username: member.userName } });
    if (button !== 'use-pass' || !browser.page.find('#code')) await browser.click(button);
    const page = await browser.submit({ formWith: 'code', override: { code } });
    house.clock.advance(6); // a name has five guesses in five minutes
    return page.step === 'enrol';
  };
  const withCookie = async (name: string, path: string, value: string, opens: (page: Page) => boolean) => {
    const browser = await atApp();
    for (const suffix of ['', '.sig']) {
      const held = member.browser.cookies.get(`${name}${suffix}`) ?? browser.cookies.get(`${name}${suffix}`);
      if (held) browser.cookies.put(suffix === '' ? { ...held, value } : held);
    }
    return opens(await browser.visit(`${house.issuer}${path}`));
  };
  const doors: Readonly<Record<string, readonly [own: readonly string[], (value: string) => Promise<boolean>]>> = {
    'as a code at the token endpoint': [
      [], // PKCE and its verifier belong to it as well
      (code) =>
        tokenEndpoint({
          grant_type: 'authorization_code',
          code,
          redirect_uri: app.redirectUri,
          code_verifier: 'A'.repeat(43),
        }),
    ],
    'as a refresh token': [[], (value) => tokenEndpoint({ grant_type: 'refresh_token', refresh_token: value })],
    'at userinfo': [['an access token'], (value) => withBearer(userinfo, value)],
    'at the API': [[], (value) => withBearer('/v1.0/me', value)],
    'as a sign-in': [
      [],
      async (value) => (await newBrowser().visit(`${house.issuer}/sign-in/${encodeURIComponent(value)}`)).status < 400,
    ],
    'as a pass': [['a pass'], (value) => typed('use-pass', value)],
    'as a recovery code': [['a recovery code'], (value) => typed('use-recovery-code', value)],
    'as the link of a notice': [
      ['the link of a notice'],
      async (value) =>
        (await newBrowser().visit(`${house.issuer}/not-me?token=${encodeURIComponent(value)}`)).status < 400,
    ],
    'as the cookie of a session': [
      ['the cookie of a session'],
      (value) => withCookie('latchkey_session', '/security-info', value, ({ step }) => step === 'security-info'),
    ],
  };
  // The ones that spend what they take come last.
  for (const [door, [own, opens]] of Object.entries(doors)) {
    for (const [thing, value] of Object.entries(things)) {
      if (own.includes(thing)) continue;
      expect(await opens(value), `${thing} ${door}`).toBe(false);
    }
  }
  house.clock.advance(-6 * 2 * (Object.keys(things).length - 1));
  for (const [door, [own, opens]] of Object.entries(doors).reverse()) {
    for (const thing of own) expect(await opens(things[thing]!), `${thing} ${door}`).toBe(true);
  }
});

// Markup

const vectors = [
  '<script>alert(1)</script>',
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  '<svg/onload=alert(1)>',
  '" onmouseover="alert(1)',
  "' autofocus onfocus='alert(1)",
  '</title><script>alert(1)</script>',
  '</textarea><iframe src=javascript:alert(1)>',
  '</main></body><base href=//evil.example>',
  '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  '<form action=//evil.example><button>',
  '<a href="javascript:alert(1)">x</a>',
  '<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '<!--><img src=x onerror=alert(1)>-->',
  '<![CDATA[><script>alert(1)</script>]]>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;script&#62;alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  `$\{alert(1)}`,
  '\u2028<script>alert(1)</script>',
];
const wrappings: readonly ((vector: string) => string)[] = [
  (vector) => vector,
  (vector) => vector.toUpperCase(),
  (vector) => vector.replaceAll(' ', '/'),
  (vector) => vector.replaceAll(' ', '\t'),
  (vector) => `A ${vector} B`,
  (vector) => `${vector}${vector}`.slice(0, 250),
  (vector) => vector.replaceAll('<', '<\u200b'),
  (vector) => vector.replaceAll('"', '`'),
  (vector) => `\\"${vector}`,
  (vector) => `-->${vector}<!--`,
];
// The number keeps them apart where a wrapping has nothing to do.
const payloads = wrappings.flatMap((wrap, index) => vectors.map((vector) => `${wrap(vector)}${index}`));

describe('200 payloads', () => {
  /** Tags and the names of their attributes, in order: what a browser would build. */
  const skeleton = (html: string): string[] =>
    [...html.matchAll(/<(\/?[a-z!][^\s>/]*)((?:\s+[^\s=>"']+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
      ([, tag, attributes]) =>
        `${tag} ${[...attributes!.matchAll(/\s([^\s=]+)(?:="[^"]*")?/g)].map(([, name]) => name).join()}`,
    );
  /** No `<` but that of a tag the page means to have, and nothing that is no attribute. */
  const outside = (html: string): string => html.replaceAll(/<(?:[^>"']|"[^"]*")*>/g, '');

  const fields: Readonly<
    Record<string, (member: Awaited<ReturnType<typeof aMember>>) => Promise<(text: string) => Promise<string>>>
  > = {
    'the name of a person':
      async ({ browser, id }) =>
      async (text) => {
        await house.base.knex('users').where('id', '=', id).update({ display_name: text });
        return (await browser.visit(`${house.issuer}/security-info`)).html;
      },
    'the name of a passkey':
      async ({ browser, id }) =>
      async (text) => {
        await house.base
          .knex('passkeys')
          .where('user_id', '=', id)
          .update({ name: text.slice(0, 64) });
        return (await browser.visit(`${house.issuer}/security-info`)).html;
      },
    'the name of a passkey that is about to be removed':
      async ({ browser, id }) =>
      async (text) => {
        const [passkey] = await house.base
          .knex('passkeys')
          .where('user_id', '=', id)
          .update({ name: text.slice(0, 64) })
          .returning('id');
        return (await browser.visit(`${house.issuer}/security-info/methods/${passkey.id}/remove`)).html;
      },
    'the name of an app': async () => async (text) => {
      const knex = house.base.knex;
      await knex.raw("update clients set metadata = jsonb_set(metadata, '{client_name}', to_jsonb(?::text))", [
        text,
      ] as never);
      return (await atApp()).page.html;
    },
    'a name that is typed': async () => {
      const browser = await atApp();
      return async (text) => {
        const page = await browser.submit({ formWith: 'identify', override: { username: text } });
        await browser.click('not-you');
        return page.html;
      };
    },
    'what a page is told to say':
      async ({ browser }) =>
      async (text) => {
        const query = new URLSearchParams({ notice: text, error: text, method: text });
        return (await browser.visit(`${house.issuer}/security-info?${query}`)).html;
      },
    'an authorization request': async () => async (text) => {
      const query = new URLSearchParams({ client_id: text, redirect_uri: text, error: text, state: text });
      return (await newBrowser().visit(`${house.issuer}/auth?${query}`)).html;
    },
    'the token of a notice': async () => async (text) =>
      (await newBrowser().visit(`${house.issuer}/not-me?${new URLSearchParams({ token: text })}`)).html,
  };

  test('are two hundred', () => expect(new Set(payloads).size).toBe(200));

  test.each(Object.keys(fields))(
    'payloads in %s stay words',
    async (field) => {
      const show = await fields[field]!(await aMember());
      const plain = skeleton(await show('Robin'));
      expect(plain.length).toBeGreaterThan(20);
      for (const payload of payloads) {
        const html = await show(payload);
        expect(skeleton(html), payload).toEqual(plain);
        expect(outside(html), payload).not.toContain('<');
      }
    },
    120_000,
  );
});
