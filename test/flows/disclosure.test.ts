import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { seen } from '../support/seen.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** T08 of the security reference: whoever types a name learns nothing of it, from any of the ways to sign in. */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 1_000_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }],
  });
}, 60_000);
beforeEach(() => house.base.knex('throttle_counters').delete());
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const words = 'plum lantern over quiet tuba';
const now = () => house.work(async (work) => work.now);
let named = 0;

/** All of one length, so that pages can be compared. */
function aName(domain = 'example.com'): string {
  named += 1;
  return `user-${String(named).padStart(4, '0')}@${domain}`;
}

async function aUser(): Promise<{ id: string; userName: string }> {
  const userName = aName();
  const { id } = await house.user(userName);
  return { id, userName };
}

async function atApp(): Promise<CookieBrowser> {
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  return browser;
}

/** A password, an app, recovery codes, and a pass beside them. */
async function aHolderOfAll(): Promise<{ id: string; userName: string }> {
  const user = await aUser();
  const browser = await atApp();
  await enterPass(browser, user.userName, await house.pass(user.userName));
  await browser.click('use-app');
  const device = scan(`otpauth://totp/x?secret=${browser.page.find('code.secret')!.text.replaceAll(/\s/g, '')}`);
  const fields = { password: words, repeat: words, code: device.code(await now()) };
  await browser.submit({ formWith: 'code', fields });
  expect(browser.page.isCallback).toBe(true);
  await makeRecoveryCodes(house.base.run, asOperator, user.id);
  await house.pass(user.userName);
  return user;
}

async function later<T>(minutes: number, body: () => Promise<T>): Promise<T> {
  house.clock.advance(minutes);
  try {
    return await body();
  } finally {
    house.clock.advance(-minutes);
  }
}

/** How a name can stand. */
const classes: Readonly<Record<string, () => Promise<string>>> = {
  unknown: async () => aName(),
  'has a pass': async () => {
    const { userName } = await aUser();
    await house.pass(userName);
    return userName;
  },
  'has everything': async () => (await aHolderOfAll()).userName,
  'has a passkey alone': async () => {
    const { userName } = await aUser();
    const browser = await atApp();
    const authenticator = newAuthenticator();
    await enterPass(browser, userName, await house.pass(userName));
    await createPasskey(browser, authenticator);
    await usePasskey(browser, authenticator);
    return userName;
  },
  'has nothing': async () => (await aUser()).userName,
  'its pass has expired': () =>
    later(-180, async () => {
      const { userName } = await aUser();
      await house.pass(userName);
      return userName;
    }),
  'disabled, with everything': async () => {
    const { userName } = await aHolderOfAll();
    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] });
    return userName;
  },
  'of another organisation’s domain': async () => aName('contoso.net'),
  'its password is locked': async () => {
    const { id, userName } = await aHolderOfAll();
    await house.base.knex('passwords').where('user_id', '=', id).update({ failures: 100, locked_at: new Date() });
    return userName;
  },
};

interface Way {
  readonly button: string;
  readonly field: string;
  readonly wrong: string;
  /** Of the form's address. */
  readonly path: string;
}

/** The code of an app is asked for only after the password was right, and there says nothing of who has one: see below. */
const ways: Readonly<Record<string, Way>> = {
  'a pass': { button: 'use-pass', field: 'code', wrong: 'AAAA-BBBB-CCCC-DDDD', path: 'verify/temporary-access-pass' },
  'a password': { button: 'use-password', field: 'password', wrong: 'not the words', path: 'verify/password' },
  'a recovery code': {
    button: 'use-recovery-code',
    field: 'code',
    wrong: 'AAAA-BBBB-CCCC-DDDD-EEEE',
    path: 'verify/recovery-code',
  },
};

async function atWay(userName: string, { button }: Way): Promise<CookieBrowser> {
  const browser = await atApp();
  await browser.submit({ formWith: 'identify', button: 'continue', fields: { username: userName } });
  await browser.click(button);
  return browser;
}

describe.each(Object.entries(ways))('the page of %s and its answer to a wrong one', (_what, way) => {
  async function look(userName: string): Promise<object> {
    const browser = await atApp();
    const pages: Page[] = [
      await browser.submit({ formWith: 'identify', button: 'continue', fields: { username: userName } }),
      await browser.click(way.button),
      await browser.submit({ formWith: way.field, fields: { [way.field]: way.wrong } }),
      await browser.reload(),
      await browser.click('use-passkey'),
      await browser.click(way.button),
      await browser.submit({ formWith: way.field, override: { [way.field]: '' } }),
    ];
    for (const page of pages) expect([page.status, page.step]).toEqual([200, 'verify']);
    const uid = new URL(browser.page.url).pathname.split('/')[2]!;
    const answers = browser.history.map(({ method, status, headers, location }) => ({
      method,
      status,
      location: location?.replaceAll(uid, '{uid}').replace(/\?.*/, ''),
      cookies: (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0]),
      length: headers['content-length'],
    }));
    return { pages: pages.map((page) => seen(page, userName)), answers };
  }

  let unknown: object;
  beforeAll(async () => {
    unknown = await look(aName());
  });

  test.each(Object.keys(classes))('for a name that is: %s, is the same, byte for byte after nonces', async (kind) => {
    expect(await look(await classes[kind]!())).toEqual(unknown);
  });
});

describe.each(Object.entries(ways))('the work for a wrong answer of %s', (_what, way) => {
  async function statementsFor(userName: string): Promise<string[]> {
    const browser = await atWay(userName, way);
    const { url, csrf } = browser.page;
    const before = house.statements.length;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ csrf: csrf!, [way.field]: way.wrong }).toString();
    await browser.request(`${url}/${way.path}`, { method: 'POST', headers, body, redirect: 'manual' });
    return house.statements.slice(before);
  }

  test.each(Object.keys(classes))('for a name that is: %s, is the same statements', async (kind) => {
    expect(await statementsFor(await classes[kind]!())).toEqual(await statementsFor(aName()));
  });
});

test('the code of an app is asked for whoever has proved a password, whether they have one or not', async () => {
  const [both, alone] = [await aHolderOfAll(), await aHolderOfAll()];
  await house.base.knex('authenticator_apps').where('user_id', '=', alone.id).delete();
  const looks: object[] = [];
  for (const { userName } of [both, alone]) {
    const browser = await atWay(userName, ways['a password']!);
    const pages = [
      await browser.submit({ formWith: 'password', fields: { password: words } }),
      await browser.submit({ formWith: 'code', fields: { code: '000000' } }),
    ];
    looks.push(pages.map((page) => seen(page, userName)));
  }
  expect(looks[0]).toEqual(looks[1]);
});

/** How long the answer takes; printed, for a person to read as well. LATCHKEY_SAMPLES says how many are taken of each name. */
const samples = Number(process.env.LATCHKEY_SAMPLES ?? 2_000);

function timesOfAnswers(): void {
  test.each(Object.entries(ways))(
    'of %s tells no two kinds of names apart',
    async (what, way) => {
      const kinds = Object.keys(classes);
      const askers = new Map<string, () => Promise<number>>();
      for (const kind of kinds) {
        const browser = await atWay(await classes[kind]!(), way);
        const { url, csrf } = browser.page;
        const body = new URLSearchParams({ csrf: csrf!, [way.field]: way.wrong }).toString();
        askers.set(kind, async () => {
          const begun = performance.now();
          const headers = { 'content-type': 'application/x-www-form-urlencoded' };
          const answer = await browser.request(`${url}/${way.path}`, {
            method: 'POST',
            headers,
            body,
            redirect: 'manual',
          });
          const took = performance.now() - begun;
          expect(answer.status).toBe(303);
          return took;
        });
      }
      const times = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
      const { knex } = house.base;
      for (let round = -10; round < samples; round += 1) {
        // As it is for the first guess: neither a wait nor a lock has come of those before.
        await knex('throttle_counters').delete();
        await knex('passwords').whereNull('locked_at').update({ failures: 0 });
        for (const kind of shuffled(kinds)) {
          const took = await askers.get(kind)!();
          if (round >= 0) times.get(kind)!.push(took);
        }
      }
      const areas: Record<string, number> = {};
      for (const [index, one] of kinds.entries()) {
        for (const other of kinds.slice(index + 1))
          areas[`${one} / ${other}`] = areaUnder(times.get(one)!, times.get(other)!);
      }
      const medians = kinds.map((kind) => `${kind} ${median(times.get(kind)!).toFixed(2)} ms`);
      const outside = Object.entries(areas).filter(([, area]) => area < 0.45 || area > 0.55);
      console.log(
        `wrong answers of ${what}, ${samples} of each: ${medians.join(', ')}\n` +
          Object.entries(areas)
            .map(([pair, area]) => `  ${area.toFixed(3)} ${pair}`)
            .join('\n'),
      );
      expect(outside).toEqual([]);
    },
    3_600_000,
  );
}

if (process.env.LATCHKEY_LONG === '1') describe('the time of the answer to a wrong one', timesOfAnswers);

function shuffled<T>(items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(randomInt(rest.length), 1)[0]!);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The chance that one of the first takes longer than one of the second: 0.5 tells nothing (Mann–Whitney U over both counts). */
function areaUnder(first: readonly number[], second: readonly number[]): number {
  const all = [...first.map((value) => ({ value, mine: true })), ...second.map((value) => ({ value, mine: false }))];
  const ranks = all
    .toSorted((a, b) => a.value - b.value)
    .reduce((sum, { mine }, index) => sum + (mine ? index + 1 : 0), 0);
  return (ranks - (first.length * (first.length + 1)) / 2) / (first.length * second.length);
}
