import { type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { openLink } from '../../src/notices/links.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { otherRoutes } from '../support/matrix.ts';
import { formInputs, formType, jsonInputs, type OddBody, queries } from '../support/odd-input.ts';
import { createPasskey, enterPass, identifyWithPass, joinWithPass, passkeyAnswer } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';

/**
 * T09 and T56 of the security reference: every page and form of ours × every state it can be met in × what may be wrong with an
 * input. Never a fault, and only the changes that are listed here come about.
 */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 1_000_000, windowMinutes: 5 };
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
const now = () => house.work(async (work) => work.now);

async function aJoiner(): Promise<{ id: string; userName: string; code: string }> {
  const userName = aName('joiner');
  const { id } = await house.user(userName);
  return { id, userName, code: await house.pass(userName) };
}

async function atApp(browser = newBrowser({ stopAt: app.redirectUri })): Promise<CookieBrowser> {
  await browser.visit(await app.authorizationUrl());
  return browser;
}

async function enrolling(): Promise<{ browser: CookieBrowser; id: string; userName: string }> {
  const { id, userName, code } = await aJoiner();
  const browser = await atApp();
  expect((await enterPass(browser, userName, code)).step).toBe('enrol');
  return { browser, id, userName };
}

async function aMember(): Promise<{
  browser: CookieBrowser;
  id: string;
  userName: string;
  authenticator: SoftwareAuthenticator;
}> {
  const { id, userName, code } = await aJoiner();
  const authenticator = newAuthenticator();
  const browser = await atApp();
  expect((await joinWithPass(browser, authenticator, userName, code)).isCallback).toBe(true);
  return { browser, id, userName, authenticator };
}

/** Somebody with an authenticator app and its password. */
async function anAppHolder(): Promise<{ id: string; userName: string; device: SoftwareAuthenticatorApp }> {
  const { browser, id, userName } = await enrolling();
  await browser.click('use-app');
  const device = scan(`otpauth://totp/x?secret=${browser.page.find('code.secret')!.text.replaceAll(/\s/g, '')}`);
  await browser.submit({ formWith: 'code', fields: { password, repeat: password, code: device.code(await now()) } });
  expect(browser.page.isCallback).toBe(true);
  house.clock.advance(1);
  return { id, userName, device };
}

async function afterPassword(userName: string): Promise<CookieBrowser> {
  const browser = await atApp();
  await browser.submit({ formWith: 'identify', fields: { username: userName } });
  if (!browser.page.find('#password')) await browser.click('use-password');
  await browser.submit({ formWith: 'password', fields: { password } });
  expect(browser.page.find('#code')).not.toBeNull();
  return browser;
}

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

function raw(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    // The address as it is: a URL would mend it.
    const { hostname, port } = new URL(house.issuer);
    const path = url.startsWith(house.issuer) ? url.slice(house.issuer.length) : url;
    const asked = request({ hostname, port, path, method, headers, agent: false }, (answer) => {
      answer.resume().on('close', () => resolve({ status: answer.statusCode!, headers: answer.headers }));
    });
    asked.on('error', reject).end(body);
  });
}

const cookieHeader = (browser: CookieBrowser, path: string): string =>
  browser.cookies.header(new URL(path, house.issuer), { method: 'POST', initiator: null, topLevel: true });

/** The rows of every table but what refusals leave, and what waits for an answer. */
const leftOut = [
  'audit_events',
  'throttle_counters',
  'passkey_ceremonies',
  'authenticator_app_ceremonies',
  'mail_outbox',
];

async function standing(less: readonly string[] = []): Promise<Record<string, string>> {
  const { rows } = await house.base.knex.raw<{ rows: { name: string }[] }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  const prints = rows
    .filter(({ name }) => ![...leftOut, ...less].includes(name))
    .map(
      ({ name }) => `select '${name}' as name, md5(string_agg(t::text, '|' order by t::text)) as print from ${name} t`,
    );
  const answer = await house.base.knex.raw<{ rows: { name: string; print: string | null }[] }>(
    prints.join(' union all '),
  );
  return Object.fromEntries(answer.rows.map(({ name, print }) => [name, print ?? '']));
}

// A sign-in

const methods = [
  'passkey',
  'temporary-access-pass',
  'password',
  'authenticator-app',
  'recovery-code',
  'nonsense',
  '__proto__',
] as const;

const signInRoutes = Object.keys(otherRoutes).filter((route) => route.includes(' /sign-in/:uid'));
const isOfScripts = (path: string): boolean => /\/(?:challenge|options)/.test(path);

/** `identify`, `verify/passkey`, …: every form, and every address of scripts, of a sign-in. */
const addresses = signInRoutes
  .filter((route) => route.startsWith('POST '))
  .map((route) => route.replace('POST /sign-in/:uid/', ''))
  .flatMap((path) => (path.includes(':method') ? methods.map((method) => path.replace(':method', method)) : [path]));

interface SignInState {
  readonly open: () => Promise<CookieBrowser>;
  /** Where a form that a page could have sent may change the sign-in; everywhere else nothing changes. */
  readonly changes: readonly string[];
}

const firsts = ['verify/passkey', 'verify/temporary-access-pass', 'verify/password', 'verify/recovery-code'];
const atVerify = ['identify', 'choose', 'back', 'restart', 'cancel', ...firsts];
const enrolments = ['enrol/passkey', 'enrol/authenticator-app'];

async function asked(button: string): Promise<CookieBrowser> {
  const browser = await atApp();
  await identifyWithPass(browser, (await aJoiner()).userName);
  if (button !== 'use-pass') await browser.click(button);
  return browser;
}

const states: Readonly<Record<string, SignInState>> = {
  identify: { open: () => atApp(), changes: ['identify', 'cancel', 'verify/passkey'] },
  'verify, a pass': { open: () => asked('use-pass'), changes: atVerify },
  'verify, a passkey': { open: () => asked('use-passkey'), changes: atVerify },
  'verify, a password': { open: () => asked('use-password'), changes: atVerify },
  'verify, a recovery code': { open: () => asked('use-recovery-code'), changes: atVerify },
  'verify, the app after the password': {
    open: async () => afterPassword((await anAppHolder()).userName),
    changes: [...atVerify.filter((path) => path !== 'verify/password'), 'verify/authenticator-app'],
  },
  'enrol, a passkey': {
    open: async () => (await enrolling()).browser,
    changes: ['choose', 'restart', 'cancel', ...enrolments],
  },
  'enrol, an authenticator app': {
    open: async () => {
      const { browser } = await enrolling();
      await browser.click('use-app');
      return browser;
    },
    changes: ['restart', 'cancel', ...enrolments],
  },
  'enrol, after a recovery code': {
    open: async () => {
      const { id, userName } = await aMember();
      const codes = await makeRecoveryCodes(house.base.run, asOperator, id);
      const browser = await atApp();
      await browser.submit({ formWith: 'identify', fields: { username: userName } });
      await browser.click('use-recovery-code');
      expect((await browser.submit({ formWith: 'code', fields: { code: codes[0]! } })).step).toBe('enrol');
      return browser;
    },
    changes: ['choose', 'restart', 'cancel', ...enrolments],
  },
  'enrol, required': {
    open: async () => {
      const holder = await anAppHolder();
      await house.seed({ policies: { registration: { state: 'enabled', methods: ['passkey'] } } });
      const browser = await afterPassword(holder.userName);
      await browser.submit({ formWith: 'code', fields: { code: holder.device.code(await now()) } });
      expect(browser.page.find('#not-now')).toBeNull();
      return browser;
    },
    changes: ['restart', 'cancel', 'enrol/passkey'],
  },
  'enrol, recommended': {
    open: async () => {
      const holder = await anAppHolder();
      await house.seed({ policies: { registration: { state: 'enabled', methods: ['passkey'], mode: 'nudge' } } });
      const browser = await afterPassword(holder.userName);
      await browser.submit({ formWith: 'code', fields: { code: holder.device.code(await now()) } });
      expect(browser.page.find('#not-now')).not.toBeNull();
      return browser;
    },
    changes: ['not-now', 'restart', 'cancel', 'enrol/passkey'],
  },
  confirm: {
    open: async () => {
      const { browser } = await enrolling();
      await createPasskey(browser, newAuthenticator());
      return browser;
    },
    changes: ['restart', 'cancel', 'verify/passkey'],
  },
  ended: {
    open: async () => {
      const { browser, userName } = await enrolling();
      await house.pass(userName);
      await browser.reload();
      return browser;
    },
    changes: ['restart', 'cancel'],
  },
  complete: {
    open: async () => {
      const { browser } = await enrolling();
      const authenticator = newAuthenticator();
      await createPasskey(browser, authenticator);
      const response = JSON.stringify(await passkeyAnswer(browser, authenticator));
      // Answered, but the page was not loaded again: the sign-in is complete and the app has not heard of it.
      await sendForm(browser, 'verify/passkey', { response });
      return browser;
    },
    changes: [],
  },
  'complete, and the app was told': {
    open: async () => {
      const { browser } = await enrolling();
      const authenticator = newAuthenticator();
      await createPasskey(browser, authenticator);
      const response = JSON.stringify(await passkeyAnswer(browser, authenticator));
      await sendForm(browser, 'verify/passkey', { response });
      await browser.request(browser.page.url);
      return browser;
    },
    changes: [],
  },
  cancelled: {
    open: async () => {
      const browser = await asked('use-pass');
      await sendForm(browser, 'cancel', {});
      return browser;
    },
    changes: [],
  },
};

async function sendForm(browser: CookieBrowser, path: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const { url, csrf } = browser.page;
  const body = new URLSearchParams({ ...fields, csrf: csrf! }).toString();
  const headers = { 'content-type': formType };
  const answer = await browser.request(`${url}/${path}`, { method: 'POST', headers, body, redirect: 'manual' });
  expect(answer.status).toBe(303);
}

const uidOf = (url: string): string => new URL(url).pathname.split('/')[2]!;

function* inputsOf(path: string, csrf: string): Generator<readonly [string, OddBody]> {
  if (isOfScripts(path)) return yield* Object.entries(jsonInputs);
  for (const [what, make] of Object.entries(formInputs)) yield [what, make(csrf)] as const;
}

function headersOf(
  path: string,
  csrf: string,
  cookie: string,
  { type, headers = {} }: OddBody,
): Record<string, string> {
  const contentType = type ?? (isOfScripts(path) ? 'application/json' : formType);
  return {
    cookie,
    'sec-fetch-site': 'same-origin',
    ...(isOfScripts(path) ? { 'x-csrf': csrf } : {}),
    ...(contentType === '' ? {} : { 'content-type': contentType }),
    ...headers,
  };
}

describe('whatever is sent to a sign-in', () => {
  beforeEach(() => house.seed({ policies: { registration: { state: 'disabled', mode: 'required' } } }));

  test('has a row here for every address that there is', () => {
    expect(signInRoutes.length).toBeGreaterThan(10);
    expect(addresses.length).toBe(6 + 4 * methods.length);
    for (const { changes } of Object.values(states)) expect(addresses).toEqual(expect.arrayContaining([...changes]));
  });

  test.each(Object.keys(states))(
    'at %s: never a fault, and no change but the ones that are meant',
    async (state) => {
      const browser = await states[state]!.open();
      const base = browser.page.url;
      const uid = uidOf(base);
      const csrf = browser.page.csrf ?? '';
      const cookie = cookieHeader(browser, base);
      const { knex } = house.base;
      const rowOf = async () => ({
        ...(await knex('sign_ins').where('uid', '=', uid).first()),
        snoozes: Number((await knex('registration_snoozes').count('* as n').first())!.n),
      });
      const { snoozes, ...original } = await rowOf();
      const before = JSON.stringify({ ...original, snoozes });
      const rest = await standing(['sign_ins', 'registration_snoozes']);
      const changes = new Set<string>();
      const faults: string[] = [];

      for (const path of addresses) {
        for (const [what, input] of inputsOf(path, csrf)) {
          const answer = await raw('POST', `${base}/${path}`, headersOf(path, csrf, cookie, input), input.body);
          const label = `${path} with ${what}: ${answer.status}`;
          const good = isOfScripts(path) || input.good === true;
          if (answer.status >= 500) faults.push(label);
          if (!good && answer.status < 400) faults.push(`${label} though it is not what a page sends`);
          if (JSON.stringify(await rowOf()) === before) continue;
          if (!good || isOfScripts(path)) faults.push(`${label} and it changed the sign-in`);
          changes.add(path);
          // A sign-in that is over is told to the app by the next look at its page, so that look is for another test.
          const page = ['cancel', 'not-now'].includes(path) ? undefined : await raw('GET', base, { cookie });
          if (page && page.status >= 500) faults.push(`${label}, and then the page: ${page.status}`);
          const { uid: _, ...columns } = original;
          for (const name of ['notice', 'evidence', 'enrolled']) {
            columns[name] = columns[name] && JSON.stringify(columns[name]);
          }
          await knex('sign_ins').where('uid', '=', uid).update(columns);
          // Else a name's guesses would wait after ten of them, and no more of these would be judged.
          await knex('throttle_counters').delete();
          if (path === 'not-now') await knex('registration_snoozes').delete();
        }
      }
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
        const answer = await raw(method, `${base}/identify`, { cookie, 'sec-fetch-site': 'same-origin' });
        if (answer.status >= 500) faults.push(`${method}: ${answer.status}`);
      }
      expect(JSON.stringify(await rowOf())).toBe(before);

      expect(faults).toEqual([]);
      expect([...changes].sort()).toEqual([...states[state]!.changes].sort());
      expect(await standing(['sign_ins', 'registration_snoozes'])).toEqual(rest);
      // Looked at last: the page of one that is over tells the app.
      for (const query of queries) {
        const { status } = await raw('GET', `${base}${query}`, { cookie });
        expect(status, query).toBeLessThan(500);
      }
    },
    120_000,
  );

  test.each(['no such sign-in', 'another browser', 'another browser with the cookies of the sign-in', 'no cookies'])(
    'from %s: never a fault, and no change at all',
    async (who) => {
      const { browser } = await enrolling();
      const other = await atApp();
      const url = new URL(browser.page.url);
      if (who === 'no such sign-in') url.pathname = `/sign-in/${'A'.repeat(21)}`;
      if (who.endsWith('of the sign-in')) {
        for (const cookie of browser.cookies.all) {
          if (cookie.name.startsWith('latchkey_interaction')) other.cookies.put(cookie);
        }
      }
      const asks = who === 'no such sign-in' ? browser : other;
      const csrf = asks.page.csrf!;
      const cookie = who === 'no cookies' ? '' : cookieHeader(asks, url.href);
      const before = await standing();
      const faults: string[] = [];
      for (const path of addresses) {
        for (const [what, input] of inputsOf(path, csrf)) {
          const { cookie: _, ...headers } = headersOf(path, csrf, cookie, input);
          const sent = cookie === '' ? headers : { ...headers, cookie };
          const { status } = await raw('POST', `${url.href}/${path}`, sent, input.body);
          if (status >= 500) faults.push(`${path} with ${what}: ${status}`);
        }
      }
      for (const query of queries) {
        const { status } = await raw('GET', `${url.href}${query}`, cookie === '' ? {} : { cookie });
        if (status >= 500 || (status < 400 && who !== 'no such sign-in'))
          faults.push(`a look with ${query}: ${status}`);
      }
      expect(faults).toEqual([]);
      expect(await standing()).toEqual(before);
    },
    60_000,
  );
});

// The other pages

interface Scene {
  readonly browser: CookieBrowser;
  /** A page of ours that holds the token. */
  readonly csrf: string;
  /** What stands for `:id`. */
  readonly ids: readonly string[];
  /** Behind every address. */
  readonly query?: string;
}

interface PageState {
  readonly open: () => Promise<Scene>;
  /** Addresses where what a page could have sent changes something, and what. */
  readonly changes: Readonly<Record<string, readonly string[]>>;
}

const listed = (prefix: string): string[] => Object.keys(otherRoutes).filter((route) => route.includes(` ${prefix}`));

async function atList(browser: CookieBrowser): Promise<string> {
  const page = await browser.visit(`${house.issuer}/security-info`);
  expect(page.step).toBe('security-info');
  return page.csrf!;
}

/** Two passkeys, so that one may go. */
async function aPerson(): Promise<Scene> {
  const { browser, id } = await aMember();
  const csrf = await atList(browser);
  await createPasskey(browser, newAuthenticator());
  const own = await house.base.knex('passkeys').where('user_id', '=', id).orderBy('created_at');
  const others = await aMember();
  const other = await house.base.knex('passkeys').where('user_id', '=', others.id).first();
  return { browser, csrf, ids: [own[0].id, other.id, 'x', '__proto__', '%2e%2e', `%27%20or%201=1`, 'x'.repeat(500)] };
}

const securityInfo: Readonly<Record<string, PageState>> = {
  'signed in just now': {
    open: aPerson,
    changes: {
      'POST /security-info/recovery-codes': ['recovery_codes'],
      'POST /security-info/sign-out-everywhere': ['oidc_artifacts', 'oidc_grants', 'oidc_sessions', 'sign_ins'],
      // `__proto__` twice is a password like any other.
      'POST /security-info/password': ['passwords'],
      'POST /security-info/methods/:id/name': ['passkeys'],
      'POST /security-info/methods/:id/remove': ['passkeys'],
    },
  },
  'signed in long ago': {
    open: async () => {
      const scene = await aPerson();
      await house.base.knex('oidc_sessions').update({
        payload: house.base.knex.raw("jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::bigint - 1200))"),
      });
      return scene;
    },
    changes: {},
  },
  'signed in with a pass': {
    open: async () => {
      await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
      const userName = aName('guest');
      await house.user(userName);
      const browser = newBrowser();
      await browser.visit(`${house.issuer}/security-info`);
      await enterPass(browser, userName, await house.pass(userName, { purpose: 'signIn' }));
      await passPolicy(house, {});
      const others = await aMember();
      const other = await house.base.knex('passkeys').where('user_id', '=', others.id).first();
      return { browser, csrf: await atList(browser), ids: [other.id, 'x', '__proto__'] };
    },
    changes: { 'POST /security-info/recovery-codes': ['recovery_codes', 'recovery_code_passes'] },
  },
  'not signed in': {
    open: async () => {
      const browser = await atApp();
      return { browser, csrf: browser.page.csrf!, ids: ['x', '__proto__'] };
    },
    changes: {},
  },
};

const notMe: Readonly<Record<string, PageState>> = {
  'a link that was never made': {
    open: async () => {
      const browser = await atApp();
      return { browser, csrf: browser.page.csrf!, ids: [], query: '?token=AAAA' };
    },
    changes: {},
  },
  // The token stands in the address alone: what the form says in its place is what counts.
  'a link that is open': {
    open: async () => {
      const { id } = await aMember();
      await house.base
        .knex('users')
        .where('id', '=', id)
        .update({ mail: `${id}@example.com` });
      const { token } = await house.work((work) => openLink(work, id));
      const browser = newBrowser();
      const page = await browser.visit(`${house.issuer}/not-me?token=${token}`);
      expect(page.step).toBe('not-me');
      return { browser, csrf: page.csrf!, ids: [], query: `?token=${token}` };
    },
    changes: {},
  },
};

const passLink: Readonly<Record<string, PageState>> = {
  'a visitor': {
    open: async () => {
      const browser = newBrowser();
      const page = await browser.visit(`${house.issuer}/pass`);
      return { browser, csrf: page.csrf!, ids: [] };
    },
    // It begins a sign-in, whatever is typed there.
    changes: { 'POST /pass': ['oidc_artifacts', 'sign_ins'] },
  },
  'somebody who is signed in': {
    open: async () => {
      const { browser } = await aMember();
      const page = await browser.visit(`${house.issuer}/pass`);
      return { browser, csrf: page.csrf!, ids: [] };
    },
    // As at the authorization endpoint, the session gets its grant for our own page.
    changes: { 'POST /pass': ['oidc_artifacts', 'oidc_grants', 'oidc_sessions', 'sign_ins'] },
  },
};

const anything: Readonly<Record<string, PageState>> = {
  anybody: {
    open: async () => {
      const browser = await atApp();
      return { browser, csrf: browser.page.csrf!, ids: [] };
    },
    changes: {},
  },
};

const doors: readonly (readonly [string, readonly string[], Readonly<Record<string, PageState>>])[] = [
  ['security info', listed('/security-info'), securityInfo],
  ['the page of a notice', listed('/not-me'), notMe],
  ['the page of a hand-over link', listed('/pass'), passLink],
  ['pages that explain a value', [...listed('/acr/'), ...listed('/amr/')], anything],
  ['what load balancers ask', [...listed('/healthz'), ...listed('/readyz')], anything],
];

test('every door of ours but the API is somewhere here', () => {
  const here = [...signInRoutes, ...doors.flatMap(([, routes]) => routes)];
  expect([...new Set(here)].sort()).toEqual(Object.keys(otherRoutes).sort());
});

describe.each(doors)('whatever is sent to %s', (_door, routes, pageStates) => {
  test.each(Object.keys(pageStates))(
    'by %s: never a fault, and no change but the ones that are meant',
    async (state) => {
      const { open, changes: meant } = pageStates[state]!;
      let scene = await open();
      let before = await standing();
      const changes: Record<string, Set<string>> = {};
      const faults: string[] = [];

      async function check(route: string, what: string, good: boolean, answer: RawAnswer): Promise<void> {
        const label = `${route} with ${what}: ${answer.status}`;
        if (answer.status >= 500) faults.push(label);
        if (!good && answer.status < 400) faults.push(`${label} though it is not what a page sends`);
        const after = await standing();
        const changed = Object.keys(after).filter((table) => after[table] !== before[table]);
        if (changed.length === 0) return;
        if (!good) faults.push(`${label} and it changed ${changed.join()}`);
        changes[route] = new Set([...(changes[route] ?? []), ...changed]);
        if (state !== 'a visitor') scene = await open();
        before = await standing();
      }

      for (const route of routes) {
        const [method, pattern] = route.split(' ') as [string, string];
        const paths = pattern.includes(':id')
          ? (s: Scene) => s.ids.map((id) => pattern.replace(':id', id))
          : () => [pattern];
        for (const index of paths(scene).keys()) {
          const pathOf = () => `${house.issuer}${paths(scene)[index]}`;
          if (method === 'GET') {
            for (const query of queries) {
              const address = `${pathOf()}${query === '' ? (scene.query ?? '') : query}`;
              const sent = { cookie: cookieHeader(scene.browser, pathOf()) };
              await check(route, `the query ${query.slice(0, 60)}`, true, await raw('GET', address, sent));
            }
            continue;
          }
          const kind = pattern.includes('/options') ? Object.entries(jsonInputs) : Object.entries(formInputs);
          for (const [what, made] of kind) {
            const input = typeof made === 'function' ? made(scene.csrf) : made;
            const sent = headersOf(pattern, scene.csrf, cookieHeader(scene.browser, pathOf()), input);
            const answer = await raw('POST', `${pathOf()}${scene.query ?? ''}`, sent, input.body);
            await check(route, what, typeof made !== 'function' || input.good === true, answer);
          }
        }
      }
      expect(faults).toEqual([]);
      const found = Object.fromEntries(Object.entries(changes).map(([route, tables]) => [route, [...tables].sort()]));
      const wanted = Object.fromEntries(Object.entries(meant).map(([route, tables]) => [route, [...tables].sort()]));
      expect(found).toEqual(wanted);
    },
    180_000,
  );
});
