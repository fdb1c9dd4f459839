import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeIdentityProvider, deleteIdentityProvider } from '../../src/identity-providers.ts';
import { createDomain, deleteDomain } from '../../src/methods/upstream/manage-domains.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { anOrganisation, identify, signsInAs, wayBack } from '../support/federation.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf, lastRefusal, untilSomebodyWaits } from '../support/makers.ts';
import { joinWithPass } from '../support/person.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import type { MockUpstream } from '../support/upstream.ts';

/** A provider goes, or its domain does, while somebody is on their way there or back: they are told, and nothing is made. */

let house: TestHouse;
const mocks: MockUpstream[] = [];
beforeAll(async () => {
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
});
afterAll(async () => {
  await house?.close();
  for (const mock of mocks) await mock.close();
});

async function contoso(provider: object = {}, domain: object = {}) {
  const organisation = await anOrganisation(house, { provider, domain });
  mocks.push(organisation.mock);
  return organisation;
}
type Contoso = Awaited<ReturnType<typeof contoso>>;

const withdrawals: readonly [string, (there: Contoso) => Promise<unknown>][] = [
  ['deleted', ({ id }) => house.work((work) => deleteIdentityProvider(work, { id, unlinks: true }))],
  [
    'disabled',
    ({ id }) =>
      house.work((work) =>
        changeIdentityProvider(work, { id, changes: { state: 'disabled' }, ourIssuer: house.issuer }),
      ),
  ],
];
const moves: readonly [string, (there: Contoso) => Promise<unknown>][] = [
  [
    'left without the domain, which is another’s now',
    async ({ domain }) => {
      const other = await contoso();
      await house.work(async (work) => {
        await deleteDomain(work, domain);
        await createDomain(work, { name: domain, providerId: other.id });
      });
    },
  ],
  ['left without the domain', ({ domain }) => house.work((work) => deleteDomain(work, domain))],
];
const atOtherIssuer: (typeof withdrawals)[number] = [
  'made another',
  async ({ id }) =>
    house.work((work) =>
      changeIdentityProvider(work, { id, changes: { issuer: 'http://localhost:9' }, ourIssuer: house.issuer }),
    ),
];

const discovery = '/.well-known/openid-configuration';
const token = '/token';

async function named(userName: string): Promise<CookieBrowser> {
  const browser = newBrowser();
  await browser.visit(`${house.issuer}/security-info`);
  await identify(browser, userName);
  return browser;
}

const count = async (table: string) => Number((await house.base.knex(table).count('* as count'))[0]!.count);
const made = async () => {
  const tables = ['users', 'upstream_ceremonies', 'upstream_sessions', 'oidc_sessions', 'role_assignments'];
  const counts: [string, number][] = [];
  for (const table of tables) counts.push([table, await count(table)]);
  return counts;
};
const statuses = (browser: CookieBrowser) => browser.history.map(({ status }) => status);
const fails = (browser: CookieBrowser) => statuses(browser).filter((status) => status >= 500);

describe('a provider that, while the browser is being sent there, is', () => {
  test.each([...withdrawals, ...moves, atOtherIssuer])('%s: nobody goes there', async (_what, withdraw) => {
    const there = await contoso();
    const browser = await named(there.name());
    const before = await made();
    there.mock.meanwhile = { path: discovery, happens: () => withdraw(there) };
    await browser.click('use-upstream');
    expect(there.mock.meanwhile).toBeUndefined();
    expect(browser.page.step).toBe('verify');
    expect(fails(browser)).toEqual([]);
    expect(await made()).toEqual(before);
    expect(browser.history.some(({ url }) => url.startsWith(there.issuer))).toBe(false);
  });

  test('another’s now is said to be out of reach, and the reason is written down', async () => {
    const there = await contoso();
    const browser = await named(there.name());
    there.mock.meanwhile = { path: discovery, happens: () => moves[0]![1](there) };
    await browser.click('use-upstream');
    expect(browser.page.find('.error-summary')!.text).toContain('could not be reached');
    expect(await lastRefusal(house)).toBe('upstream_unreachable');
    const [event] = (await eventsOf(house, { type: 'sign-in.refused' })).slice(-1);
    expect(event!.details).toMatchObject({ upstream: 'withdrawn', identityProvider: there.id });
  });

  // Past the look whether it stands, and before the row that names it.
  test.each(withdrawals)('%s at the very moment: nobody goes there', async (what) => {
    const there = await contoso();
    const browser = await named(there.name());
    const before = await made();
    let leaving: Promise<unknown> | undefined;
    await house.work(async (work) => {
      if (what === 'deleted') await deleteIdentityProvider(work, { id: there.id });
      else {
        const changes = { state: 'disabled' } as const;
        await changeIdentityProvider(work, { id: there.id, changes, ourIssuer: house.issuer });
      }
      leaving = browser.click('use-upstream');
      await untilSomebodyWaits(house);
    });
    await leaving;
    expect(browser.page.step).toBe('verify');
    expect(fails(browser)).toEqual([]);
    expect(await made()).toEqual(before);
    expect(await lastRefusal(house)).toBe('upstream_unreachable');
  });

  test.each([...withdrawals, ...moves])('%s: straight neither, and in no circle', async (_what, withdraw) => {
    const there = await contoso({}, { straight: true });
    const browser = newBrowser();
    await browser.visit(`${house.issuer}/security-info`);
    there.mock.meanwhile = { path: discovery, happens: () => withdraw(there) };
    await identify(browser, there.name());
    expect(there.mock.meanwhile).toBeUndefined();
    expect(browser.page.step).toBe('verify');
    expect(fails(browser)).toEqual([]);
  });
});

describe('a provider that, while the browser is there, is', () => {
  async function away(there: Contoso, userName: string) {
    const browser = newBrowser({ stopAt: [there.issuer] });
    await browser.visit(`${house.issuer}/security-info`);
    await identify(browser, userName);
    await browser.click('use-upstream');
    return { browser, back: await wayBack(browser.page.callback) };
  }

  for (const when of ['before', 'after'] as const) {
    test.each([...withdrawals, ...moves])(
      `%s ${when} the code is exchanged: nobody comes in`,
      async (what, withdraw) => {
        for (const who of ['member', 'newcomer'] as const) {
          const there = await contoso({ createUsers: true });
          const userName = who === 'member' ? (await there.member()).userName : there.name();
          const sub = `sub-of-${userName.split('@')[0]}`;
          signsInAs(there.mock, { sub, preferred_username: userName });
          const { browser, back } = await away(there, userName);
          const users = await count('users');
          const sessions = await count('upstream_sessions');
          if (when === 'before') await withdraw(there);
          else there.mock.meanwhile = { path: token, happens: () => withdraw(there) };
          await browser.visit(back);
          expect(there.mock.meanwhile).toBeUndefined();
          expect(fails(browser)).toEqual([]);
          expect([what, who, ['verify', 'error', 'returnUnknown'].includes(browser.page.step ?? '')]).toEqual([
            what,
            who,
            true,
          ]);
          expect(await count('users')).toBe(users);
          expect(await count('upstream_sessions')).toBe(sessions);
          expect((await browser.visit(`${house.issuer}/security-info`)).step).not.toBe('security-info');
        }
      },
    );
  }

  test('deleted at the very moment at which a user would be made: none is', async () => {
    const there = await contoso({ createUsers: true });
    const userName = there.name();
    signsInAs(there.mock, { sub: 'new', preferred_username: userName });
    const { browser, back } = await away(there, userName);
    const users = await count('users');
    let deleting: Promise<unknown> | undefined;
    const happens = () =>
      new Promise<void>((deleted) => {
        deleting = house.work(async (work) => {
          await deleteIdentityProvider(work, { id: there.id });
          deleted();
          await untilSomebodyWaits(house);
        });
      });
    there.mock.meanwhile = { path: token, happens };
    await browser.visit(back);
    await deleting;
    expect(statuses(browser).filter((status) => status >= 400)).toEqual([]);
    expect(await lastRefusal(house)).toBe('policy');
    expect(await count('users')).toBe(users);
  });
});

describe('a link that was begun at a provider which is', () => {
  async function aPerson() {
    const userName = aName();
    const { id } = await house.user(userName);
    const browser = newBrowser();
    await browser.visit(`${house.issuer}/security-info`);
    await joinWithPass(browser, newAuthenticator(), userName, await house.pass(userName));
    await browser.reload();
    return { id, browser };
  }
  const said = (browser: CookieBrowser) => browser.page.find('.error-summary')?.text ?? '';
  const links = async (userId: string) => house.base.knex('federated_identities').where('user_id', '=', userId);

  test.each([...withdrawals, atOtherIssuer])('%s before the browser left: it stays here', async (_what, withdraw) => {
    const there = await contoso();
    const { browser } = await aPerson();
    await browser.reload();
    there.mock.meanwhile = { path: discovery, happens: () => withdraw(there) };
    await browser.click(`link-${there.id}`);
    expect(there.mock.meanwhile).toBeUndefined();
    expect(browser.page.step).toBe('security-info');
    expect(said(browser)).toContain('could not be reached');
    expect(fails(browser)).toEqual([]);
  });

  for (const when of ['before', 'after'] as const) {
    test.each(withdrawals)(`%s ${when} the code is exchanged: nothing is linked`, async (_what, withdraw) => {
      const there = await contoso();
      const { id, browser } = await aPerson();
      signsInAs(there.mock, { sub: 'sub-1', auth_time: Math.floor(Date.now() / 1000) });
      const happens = () => withdraw(there);
      there.mock.meanwhile = { path: when === 'before' ? '/authorize' : token, happens };
      await browser.click(`link-${there.id}`);
      expect(there.mock.meanwhile).toBeUndefined();
      expect(fails(browser)).toEqual([]);
      expect(await links(id)).toEqual([]);
      expect((await browser.visit(`${house.issuer}/security-info`)).step).toBe('security-info');
    });
  }
});
