import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { openLink } from '../../src/notices/links.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { otherRoutes } from '../support/matrix.ts';
import { formInputs, formType, jsonInputs, type OddBody, queries } from '../support/odd-input.ts';
import {
  createPasskey,
  enterPass,
  identifyWithPass,
  joinWithPass,
  passkeyAnswer,
  usePasskey,
} from '../support/person.ts';
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
  agent.destroy();
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

async function enrolling(): Promise<{ browser: CookieBrowser; id: string; userName: string; code: string }> {
  const { id, userName, code } = await aJoiner();
  const browser = await atApp();
  expect((await enterPass(browser, userName, code)).step).toBe('enrol');
  return { browser, id, userName, code };
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

/** A registration whose link is on the screen. */
async function offering() {
  const joiner = await enrolling();
  await joiner.browser.click('use-phone');
  const link = joiner.browser.page.find('#continue-link')!.text;
  return { ...joiner, link, secret: new URL(link).hash.slice(1) };
}

/** The same with a phone that has followed it. */
async function onAPhone() {
  const joiner = await offering();
  const phone = newBrowser();
  await phone.visit(joiner.link);
  await phone.submit({ formWith: 'link', button: null, override: { link: joiner.secret } });
  expect([phone.page.step, new URL(phone.page.url).pathname.split('/')[1]]).toEqual(['enrol', 'continue']);
  return { ...joiner, phone };
}

/** Somebody who has a passkey, and comes with a pass in another browser. */
async function comingBack() {
  const member = await aMember();
  const browser = await atApp();
  expect((await enterPass(browser, member.userName, await house.pass(member.userName))).step).toBe('enrol');
  expect(browser.page.find('#lost')).not.toBeNull();
  return { ...member, browser };
}

async function losesAll(browser: CookieBrowser): Promise<void> {
  await browser.click('lost');
  const boxes = browser.page.findAll('input[type=checkbox]').map(({ attributes }) => attributes.name!);
  await browser.click('suspend-lost', Object.fromEntries(boxes.map((name) => [name, true])) as never);
  expect([browser.page.step, browser.page.find('#lost')]).toEqual(['enrol', null]);
}

/** Somebody at the page that says that their passkey was called lost. */
async function calledLost(): Promise<CookieBrowser> {
  const { browser: other, authenticator } = await comingBack();
  await losesAll(other);
  const browser = await atApp();
  expect((await usePasskey(browser, authenticator)).step).toBe('called-lost');
  return browser;
}

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

const agent = new Agent({ keepAlive: true });

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
    const asked = request({ hostname, port, path, method, headers, agent }, (answer) => {
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

const signInRoutes = Object.keys(otherRoutes).filter((route) => / \/(?:sign-in|continue)\/:uid/.test(route));
const isOfScripts = (path: string): boolean => /(?:\/|^)(?:challenge|options|about)\b/.test(path);

/** What lies below a sign-in at one of its two doors: where it began, and where its registration was carried on to. */
const below = (method: string, door: Door): string[] =>
  signInRoutes
    .filter((route) => route.startsWith(`${method} /${door}/:uid`))
    .map((route) => route.replace(`${method} /${door}/:uid`, '').replace('/', ''))
    .flatMap((path) => (path.includes(':method') ? methods.map((name) => path.replace(':method', name)) : [path]));

type Door = 'sign-in' | 'continue';

/** `identify`, `verify/passkey`, …: every form, and every address of scripts. */
const addresses = { 'sign-in': below('POST', 'sign-in'), continue: below('POST', 'continue') } as const;
/** The page itself last: the page of one that is over tells the app. */
const looks = { 'sign-in': below('GET', 'sign-in').sort().reverse(), continue: below('GET', 'continue') } as const;

interface SignInState {
  /** Where it began, when it is not said. */
  readonly door?: Door;
  readonly open: () => Promise<CookieBrowser>;
  /** Where a form that a page could have sent may change the sign-in; everywhere else nothing changes. */
  readonly changes: readonly string[];
  /** Tables that one of these changes beside it. */
  readonly others?: readonly string[];
}

const firsts = ['verify/passkey', 'verify/temporary-access-pass', 'verify/password', 'verify/recovery-code'];
const atVerify = ['identify', 'choose', 'back', 'restart', 'cancel', ...firsts];
const enrolments = ['enrol/passkey', 'enrol/authenticator-app'];
const inWindow = ['choose', 'elsewhere', 'restart', 'cancel', ...enrolments];

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
    changes: inWindow,
  },
  'enrol, an authenticator app': {
    open: async () => {
      const { browser } = await enrolling();
      await browser.click('use-app');
      return browser;
    },
    changes: inWindow.filter((path) => path !== 'choose'),
  },
  // Nothing that is theirs is ticked in any of these forms.
  'enrol, of somebody who may have lost what they had': {
    open: async () => (await comingBack()).browser,
    changes: inWindow,
  },
  'enrol, after something was called lost': {
    open: async () => {
      const { browser } = await comingBack();
      await losesAll(browser);
      return browser;
    },
    changes: [...inWindow, 'go-on'],
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
    changes: inWindow,
  },
  'wait, for a phone': {
    open: async () => (await offering()).browser,
    changes: ['elsewhere', 'take-back', 'cancel'],
  },
  'wait, while a phone goes on': {
    open: async () => (await onAPhone()).browser,
    changes: ['take-back', 'cancel'],
  },
  'wait, and the phone has saved a passkey': {
    open: async () => {
      const { browser, phone } = await onAPhone();
      await createPasskey(phone, newAuthenticator());
      return browser;
    },
    changes: ['take-back', 'cancel'],
  },
  'wait, in another tab': {
    open: async () => {
      const { browser, userName, code } = await onAPhone();
      expect((await enterPass(await atApp(browser), userName, code)).step).toBe('wait');
      return browser;
    },
    changes: ['take-back', 'cancel'],
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
  'asked whether all is still theirs': {
    open: async () => {
      const holder = await anAppHolder();
      await house.seed({
        policies: {
          registration: { state: 'enabled', methods: ['authenticator-app'], count: 1, reconfirmAfterDays: 30 },
        },
      });
      const longAgo = new Date((await now()).getTime() - 60 * 24 * 3_600_000);
      await house.base
        .knex('registration_confirmations')
        .where('user_id', '=', holder.id)
        .update({ confirmed_at: longAgo });
      const browser = await afterPassword(holder.userName);
      await browser.submit({ formWith: 'code', fields: { code: holder.device.code(await now()) } });
      expect(browser.page.step).toBe('reconfirm');
      return browser;
    },
    changes: ['confirm-methods', 'change-methods', 'cancel'],
  },
  confirm: {
    open: async () => {
      const { browser } = await enrolling();
      await createPasskey(browser, newAuthenticator());
      return browser;
    },
    changes: ['restart', 'cancel', 'verify/passkey'],
  },
  'a passkey that was called lost': {
    open: calledLost,
    changes: ['identify', 'cancel', 'verify/passkey', 'go-on', 'not-me'],
    others: ['temporary_access_passes', 'users'],
  },
  'what was taken back': {
    open: async () => {
      const browser = await calledLost();
      expect((await browser.click('stop')).step).toBe('stopped');
      return browser;
    },
    changes: ['identify', 'cancel', 'verify/passkey', 'go-on'],
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
  'complete, by what was done on a phone': {
    open: async () => {
      const { browser, phone } = await onAPhone();
      const authenticator = newAuthenticator();
      await createPasskey(phone, authenticator);
      await usePasskey(phone, authenticator);
      return browser;
    },
    changes: [],
  },
  'complete, and its user is gone': {
    open: async () => {
      const { browser, id } = await enrolling();
      const authenticator = newAuthenticator();
      await createPasskey(browser, authenticator);
      const response = JSON.stringify(await passkeyAnswer(browser, authenticator));
      await sendForm(browser, 'verify/passkey', { response });
      // As if somebody held the sign-in while its user was deleted.
      await house.base.knex('users').where('id', '=', id).delete();
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
  'on the phone, enrol': {
    door: 'continue',
    open: async () => (await onAPhone()).phone,
    changes: ['choose', 'stop', ...enrolments],
  },
  'on the phone, enrol, an authenticator app': {
    door: 'continue',
    open: async () => {
      const { phone } = await onAPhone();
      await phone.click('use-app');
      return phone;
    },
    changes: ['stop', ...enrolments],
  },
  'on the phone, confirm': {
    door: 'continue',
    open: async () => {
      const { phone } = await onAPhone();
      expect((await createPasskey(phone, newAuthenticator())).step).toBe('confirm');
      return phone;
    },
    changes: ['stop', 'verify/passkey'],
  },
  'on the phone, done': {
    door: 'continue',
    open: () =>
      phoneAfter(async ({ phone }) => {
        const authenticator = newAuthenticator();
        await createPasskey(phone, authenticator);
        await usePasskey(phone, authenticator);
        expect(phone.page.findAll('form')).toEqual([]);
      }),
    changes: [],
  },
  'on the phone, done, and the app was told': {
    door: 'continue',
    open: () =>
      phoneAfter(async ({ phone, browser }) => {
        const authenticator = newAuthenticator();
        await createPasskey(phone, authenticator);
        await usePasskey(phone, authenticator);
        expect((await browser.reload()).isCallback).toBe(true);
      }),
    changes: [],
  },
  'on the phone, taken back': {
    door: 'continue',
    open: () => phoneAfter(({ browser }) => browser.click('take-back')),
    changes: [],
  },
  'on the phone, cancelled where it began': {
    door: 'continue',
    open: () => phoneAfter(({ browser }) => browser.click('cancel')),
    changes: [],
  },
  'on the phone, ended': {
    door: 'continue',
    open: () => phoneAfter(({ userName }) => house.pass(userName)),
    changes: [],
  },
};

/** With a page from before: its token is still good, and its forms are still there. */
async function phoneAfter(
  happens: (joined: Awaited<ReturnType<typeof onAPhone>>) => Promise<unknown>,
): Promise<CookieBrowser> {
  const joined = await onAPhone();
  const { page } = joined.phone;
  await happens(joined);
  return { ...joined.phone, page };
}

async function sendForm(browser: CookieBrowser, path: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const { url, csrf } = browser.page;
  const body = new URLSearchParams({ ...fields, csrf: csrf! }).toString();
  const headers = { 'content-type': formType };
  const answer = await browser.request(`${url}/${path}`, { method: 'POST', headers, body, redirect: 'manual' });
  expect(answer.status).toBe(303);
}

/** After these a sign-in may be over. */
const ends = new Set(['cancel', 'not-now', 'confirm-methods', 'change-methods']);

/** Looked at with the sign-in itself. */
const putAsideTables = ['sign_ins', 'registration_snoozes', 'registration_confirmations'];

const uidOf = (url: string): string => new URL(url).pathname.split('/')[2]!;

/** Sent everywhere: what is missing, empty, doubled or more than was asked for, and what a page sends. */
const everywhere = new Set([
  'no body',
  'the token alone',
  'empty fields',
  'fields nobody asked for',
  'every field that a page has, filled',
  'names that every object has',
  'a field twice',
]);
let turn = 0;

/** Of the odder ones each address gets every tenth, always another; all of them where there is time. */
function* inputsOf(path: string, csrf: string): Generator<readonly [string, OddBody]> {
  turn += 1;
  const all: (readonly [string, OddBody])[] = isOfScripts(path)
    ? Object.entries(jsonInputs)
    : Object.entries(formInputs).map(([what, make]) => [what, make(csrf)] as const);
  for (const [index, [what, input]] of all.entries()) {
    if (isTried(what, index)) yield [what, input];
  }
}

function isTried(what: string, index: number): boolean {
  return process.env.LATCHKEY_LONG === '1' || everywhere.has(what) || (index + turn) % 10 === 0;
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
    // The way to a provider has an address of its own.
    expect(addresses['sign-in'].length).toBe(15 + 4 * methods.length);
    expect(addresses.continue.length).toBe(4 + 2 * methods.length);
    expect([looks['sign-in'], looks.continue]).toEqual([['lost', 'carrying', ''], ['']]);
    for (const { door = 'sign-in', changes } of Object.values(states)) {
      expect(addresses[door]).toEqual(expect.arrayContaining([...changes]));
    }
  });

  test.each(Object.keys(states))(
    'at %s: never a fault, and no change but the ones that are meant',
    async (state) => {
      const { open, door = 'sign-in', changes: meant, others = [] } = states[state]!;
      const browser = await open();
      const base = browser.page.url;
      expect(new URL(base).pathname).toMatch(new RegExp(`^/${door}/`));
      const uid = uidOf(base);
      const csrf = browser.page.csrf ?? '';
      const cookie = cookieHeader(browser, base);
      const { knex } = house.base;
      const original = await knex('sign_ins').where('uid', '=', uid).first();
      /** With the tabs that share its pass, what was put off and what was confirmed. */
      const rowOf = async () => {
        const { rows } = await knex.raw<{ rows: { now: string }[] }>(
          `select json_build_array(
             (select json_agg(s order by s.uid) from sign_ins s where s.uid = ? or s.pass_id = ?),
             (select count(*) from registration_snoozes),
             (select json_agg(c order by c.user_id) from registration_confirmations c))::text as now`,
          [uid, original.pass_id],
        );
        return rows[0]!.now;
      };
      const before = await rowOf();
      const rest = await standing(putAsideTables);
      const putBack = await keeperOf(original);
      const changes = new Set<string>();
      const faults: string[] = [];

      for (const path of addresses[door]) {
        for (const [what, input] of inputsOf(path, csrf)) {
          const answer = await raw('POST', `${base}/${path}`, headersOf(path, csrf, cookie, input), input.body);
          const label = `${path} with ${what}: ${answer.status}`;
          const good = isOfScripts(path) || input.good === true;
          if (answer.status >= 500) faults.push(label);
          if (!good && answer.status < 400) faults.push(`${label} though it is not what a page sends`);
          if ((await rowOf()) === before) continue;
          if (!good || isOfScripts(path)) faults.push(`${label} and it changed the sign-in`);
          changes.add(path);
          // A sign-in that is over is told to the app by the next look at its page, so that look is for another test.
          const page = ends.has(path) ? undefined : await raw('GET', base, { cookie });
          if (page && page.status >= 500) faults.push(`${label}, and then the page: ${page.status}`);
          await putBack();
        }
      }
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
        const answer = await raw(method, `${base}/${meant[0] ?? 'cancel'}`, {
          cookie,
          'sec-fetch-site': 'same-origin',
        });
        if (answer.status >= 500) faults.push(`${method}: ${answer.status}`);
      }
      for (const path of looks[door]) {
        expect(await rowOf()).toBe(before);
        const now = await standing(putAsideTables);
        expect(Object.keys(now).filter((table) => now[table] !== rest[table])).toEqual(others);
        for (const query of queries) {
          const { status } = await raw('GET', `${base}${path && `/${path}`}${query}`, { cookie });
          if (status >= 500) faults.push(`a look at ${path} with ${query}: ${status}`);
        }
      }
      expect(faults).toEqual([]);
      expect([...changes].sort()).toEqual([...meant].sort());
    },
    120_000,
  );

  interface SignInRow {
    readonly uid: string;
    readonly pass_id: string | null;
  }

  const sharing = ({ uid, pass_id }: SignInRow) =>
    house.base.knex('sign_ins').whereRaw('(uid = ? or pass_id = ?)', [uid, pass_id] as never);

  /** Puts back what a form may change: the sign-in and those that share its pass, passkeys, and what was counted of guesses. */
  async function keeperOf(signIn: SignInRow): Promise<() => Promise<void>> {
    const { knex } = house.base;
    const rows = await sharing(signIn);
    for (const row of rows) {
      for (const name of ['notice', 'evidence', 'enrolled']) row[name] = row[name] && JSON.stringify(row[name]);
    }
    const passkeys = await knex('passkeys').select();
    const confirmed = await knex('registration_confirmations').select();
    return async () => {
      await knex('sign_ins').insert(rows).onConflict('uid').merge();
      if (passkeys.length > 0) await knex('passkeys').insert(passkeys).onConflict('id').merge();
      // Else a name's guesses would wait after ten of them, and no more of these would be judged.
      await knex('throttle_counters').delete();
      await knex('authenticator_apps').update({ failures: 0 });
      await knex('registration_snoozes').delete();
      if (confirmed.length > 0)
        await knex('registration_confirmations').insert(confirmed).onConflict('user_id').merge();
    };
  }

  test.each([
    ['sign-in', 'no such sign-in'],
    ['sign-in', 'another browser'],
    ['sign-in', 'another browser with the cookies of the sign-in'],
    ['sign-in', 'the phone it was carried on to'],
    ['sign-in', 'no cookies'],
    ['continue', 'no such sign-in'],
    ['continue', 'another browser'],
    ['continue', 'the browser it began in'],
    ['continue', 'no cookies'],
  ] as const)(
    'at /%s from %s: never a fault, and no change at all',
    async (door, who) => {
      const joined = await onAPhone();
      const [browser, opposite] = door === 'sign-in' ? [joined.browser, joined.phone] : [joined.phone, joined.browser];
      const other = who.startsWith('the ') ? opposite : await atApp();
      const url = new URL(browser.page.url);
      if (who === 'no such sign-in') url.pathname = `/${door}/${'A'.repeat(21)}`;
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
      for (const path of addresses[door]) {
        for (const [what, input] of inputsOf(path, csrf)) {
          const { cookie: _, ...headers } = headersOf(path, csrf, cookie, input);
          const sent = cookie === '' ? headers : { ...headers, cookie };
          const { status } = await raw('POST', `${url.href}/${path}`, sent, input.body);
          if (status >= 500) faults.push(`${path} with ${what}: ${status}`);
        }
      }
      for (const path of looks[door]) {
        for (const query of queries) {
          const address = `${url.href}${path && `/${path}`}${query}`;
          const { status } = await raw('GET', address, cookie === '' ? {} : { cookie });
          if (status >= 500 || (status < 400 && who !== 'no such sign-in'))
            faults.push(`a look at ${path} with ${query}: ${status}`);
        }
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
  /** What stands for `:id` or `:uid`. */
  readonly ids: readonly string[];
  /** What every form says as well, odd as it is otherwise; and scripts, once. */
  readonly fields?: Readonly<Record<string, string>>;
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

/** Three passkeys, so that one may go and one is lost; and a recent event, as somebody else has. */
async function aPerson(): Promise<Scene> {
  const { browser, id } = await aMember();
  const csrf = await atList(browser);
  for (let more = 0; more < 2; more += 1) await createPasskey(browser, newAuthenticator());
  const [first, , lost] = await house.base.knex('passkeys').where('user_id', '=', id).orderBy('created_at');
  const suspended = { suspended_at: await now(), suspend_reason: 'lost', contain_since: await now() };
  await house.base.knex('passkeys').where('id', '=', lost.id).update(suspended);
  somebodyElse ??= aMember().then(async (other) => {
    const passkey = await house.base.knex('passkeys').where('user_id', '=', other.id).first();
    return [passkey.id, (await additions(other.id))[0]!];
  });
  const ids = [first.id, lost.id, (await additions(id))[1]!, ...(await somebodyElse)];
  return { browser, csrf, ids: [...ids, 'x', '__proto__', '%2e%2e', `%27%20or%201=1`, 'x'.repeat(500)] };
}

/** Ids of a passkey, and of the event of its registration. */
let somebodyElse: Promise<string[]> | undefined;

/** The events of passkeys that were registered, the first one first. */
async function additions(userId: string): Promise<string[]> {
  const asked = { user_id: userId, type: 'passkey.registered' };
  const events = await house.base.knex('audit_events').where(asked).orderBy('sequence').select('id');
  return events.map(({ id }) => id);
}

const securityInfo: Readonly<Record<string, PageState>> = {
  'signed in just now': {
    open: aPerson,
    changes: {
      'POST /security-info/recovery-codes': ['recovery_codes'],
      'POST /security-info/sign-out-everywhere': ['oidc_artifacts', 'oidc_grants', 'oidc_sessions', 'sign_ins'],
      // `__proto__` twice is a password like any other.
      'POST /security-info/password': ['passwords', 'registration_confirmations'],
      'POST /security-info/methods/:id/name': ['passkeys'],
      // The pass that added it is remembered, so that it adds no other.
      'POST /security-info/methods/:id/remove': ['passkeys', 'passkey_passes'],
      'POST /security-info/methods/:id/use-again': ['passkeys'],
      'POST /security-info/activity/:id/not-me': ['passkeys', 'sign_ins', 'users'],
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

const lostThings: Readonly<Record<string, PageState>> = {
  'who came with a pass, of their own': {
    open: async () => {
      const { browser, id } = await comingBack();
      const { id: passkeyId } = await house.base.knex('passkeys').where('user_id', '=', id).first();
      return lostScene(browser, passkeyId);
    },
    // And what is signed in elsewhere ends.
    changes: { 'POST /sign-in/:uid/lost': ['sign_ins', 'passkeys', 'oidc_sessions', 'oidc_grants', 'oidc_artifacts'] },
  },
  'who came with a pass, of somebody else’s': {
    open: async () => {
      const { browser } = await comingBack();
      const { id } = await aMember();
      return lostScene(browser, (await house.base.knex('passkeys').where('user_id', '=', id).first()).id);
    },
    changes: {},
  },
  'who waits for a phone': {
    open: async () => {
      const { browser, id } = await comingBack();
      await browser.click('use-phone');
      return lostScene(browser, (await house.base.knex('passkeys').where('user_id', '=', id).first()).id);
    },
    changes: {},
  },
};

function lostScene(browser: CookieBrowser, passkeyId: string): Scene {
  const { csrf, url } = browser.page;
  return { browser, csrf: csrf!, ids: [uidOf(url)], fields: { [`lost-${passkeyId}`]: 'yes' } };
}

const continueLink: Readonly<Record<string, PageState>> = {
  'without a link': {
    open: async () => linkScene(await atLink()),
    changes: {},
  },
  'with a link that waits': {
    open: async () => linkScene(await atLink(), (await offering()).secret),
    changes: { 'POST /continue': ['sign_ins'] },
  },
  'with a link that another phone has followed': {
    open: async () => linkScene(await atLink(), (await onAPhone()).secret),
    changes: {},
  },
  'with a link that the same phone has followed': {
    open: async () => {
      const { phone, secret } = await onAPhone();
      return linkScene(phone, secret);
    },
    changes: {},
  },
};

async function atLink(): Promise<CookieBrowser> {
  const browser = newBrowser();
  expect((await browser.visit(`${house.issuer}/continue`)).step).toBe('continue');
  return browser;
}

function linkScene(browser: CookieBrowser, link?: string): Scene {
  return { browser, csrf: browser.page.csrf!, ids: [], ...(link !== undefined && { fields: { link } }) };
}

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
  ['what was lost', listed('/sign-in/:uid/lost'), lostThings],
  ['the page of a link to carry on', listed('/continue').filter((route) => !route.includes(':uid')), continueLink],
  ['the way back from a provider', listed('/federation'), anything],
  ['pages that explain a value', [...listed('/acr/'), ...listed('/amr/')], anything],
  ['the document of the API', [...listed('/docs/api'), ...listed('/openapi.json')], anything],
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
        const paths = /:u?id\b/.test(pattern)
          ? (s: Scene) => s.ids.map((id) => pattern.replace(/:u?id\b/, id))
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
          const right = { 'what a page’s script says': { body: JSON.stringify(scene.fields ?? {}) } };
          const kind = Object.entries(isOfScripts(pattern) ? { ...jsonInputs, ...right } : formInputs);
          turn += 1;
          for (const [place, [what, made]] of kind.entries()) {
            if (!(what in right) && !isTried(what, place)) continue;
            const input = typeof made === 'function' ? withFields(made(scene.csrf), scene.fields) : made;
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

/** As odd as it was, and it says the fields too. */
function withFields(input: OddBody, fields: Scene['fields'] = {}): OddBody {
  const { body, type } = input;
  if (typeof body !== 'string' || body === '' || type !== undefined) return input;
  const more = Object.entries(fields).filter(([name]) => !body.includes(`&${name}=`));
  return { ...input, body: [body, ...more.map(([name, value]) => `${name}=${value}`)].join('&') };
}
