import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identitiesOf } from '../../src/methods/upstream/identities.ts';
import { changeIdentityProvider } from '../../src/identity-providers.ts';
import { changeDomain, createDomain, deleteDomain } from '../../src/methods/upstream/manage-domains.ts';
import { readProvider } from '../../src/methods/upstream/manage-providers.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { anOrganisation, identify, signsInAs, wayBack } from '../support/federation.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import type { MockUpstream } from '../support/upstream.ts';

/** Linked sign-ins in my security info: a fresh proof here and a fresh sign-in there, in one browser and one session. */

let house: TestHouse;
const mocks: MockUpstream[] = [];
beforeAll(async () => {
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
});
afterAll(async () => {
  await house?.close();
  for (const mock of mocks) await mock.close();
});

async function contoso(provider: object = {}) {
  const organisation = await anOrganisation(house, { provider });
  mocks.push(organisation.mock);
  return organisation;
}
type Contoso = Awaited<ReturnType<typeof contoso>>;

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly authenticator: SoftwareAuthenticator;
  readonly browser: CookieBrowser;
}

/** Somebody with a passkey, at their security info. */
async function aPerson(userName = aName()): Promise<Person> {
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const browser = newBrowser();
  await browser.visit(`${house.issuer}/security-info`);
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  expect(browser.page.step).toBe('security-info');
  return { id, userName, authenticator, browser };
}

const list = `/security-info`;
const linksOf = async (userId: string) =>
  (await house.work((work) => identitiesOf(work, userId))).map(({ providerId, sub }) => [providerId, sub]);
const linkOf = async (userId: string) => (await house.work((work) => identitiesOf(work, userId)))[0]!.id;
const justNow = () => Math.floor(Date.now() / 1000);
const signsIn = ({ mock }: Contoso, sub: string, more: object = {}) =>
  signsInAs(mock, { sub, auth_time: justNow(), ...more });
const said = (page: Page) => page.find('.done, .error-summary')?.text ?? '';
/** Stopped at the provider's door: the address to come back to. */
async function leave({ browser }: Person, { id, mock }: Contoso): Promise<URL> {
  const { csrf } = browser.page;
  const body = new URLSearchParams({ csrf: csrf!, provider: id }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const left = await browser.request('/security-info/links', { method: 'POST', headers, body, redirect: 'manual' });
  expect(left.headers.location).toMatch(new RegExp(`^${mock.issuer}/authorize`));
  return wayBack(new URL(left.headers.location!));
}

describe('linking', () => {
  test('takes a fresh sign-in there, and opens the account from then on', async () => {
    const there = await contoso();
    const person = await aPerson();
    const { browser, id } = person;
    signsIn(there, 'sub-of-ada', { auth_time: justNow() });
    await browser.reload();
    expect(browser.page.text).toContain('Linked sign-ins');
    await browser.click(`link-${there.id}`);
    expect(said(browser.page)).toBe('Linked. You can sign in there from now on.');
    expect(await linksOf(id)).toEqual([[there.id, 'sub-of-ada']]);
    const left = browser.history.findLast(({ url }) => url.startsWith(`${there.mock.issuer}/authorize`))!;
    const asked = new URL(left.url).searchParams;
    expect([asked.get('prompt'), asked.get('max_age')]).toEqual(['login', '0']);
    expect(browser.page.find(`#link-${there.id}`)).toBeNull();
    expect(await eventsOf(house, { userId: id, type: 'federated-identity.linked' })).toMatchObject([
      { actor_kind: 'user', details: { identityProvider: there.id, linkedBy: 'self' } },
    ]);

    const other = newBrowser();
    await other.visit(`${house.issuer}/security-info`);
    await identify(other, there.name());
    await other.click('use-upstream');
    const { rows } = await house.base.knex.raw(
      'select count(*)::int as count from upstream_sessions where user_id = ?',
      [id],
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  test.each<[string, object]>([
    ['that was an hour ago', { auth_time: justNow() - 3_600 }],
    ['without a word of when it was', { auth_time: undefined }],
  ])('a sign-in there %s is not enough', async (_when, more) => {
    const there = await contoso();
    const { browser, id } = await aPerson();
    signsIn(there, 'sub-1', more);
    await browser.reload();
    await browser.click(`link-${there.id}`);
    expect(said(browser.page)).toContain('Nothing was linked: that sign-in did not work.');
    expect(await linksOf(id)).toEqual([]);
    expect(await eventsOf(house, { userId: id, type: 'federated-identity.refused' })).toMatchObject([
      { result: 'failure', reason: 'auth_time' },
    ]);
  });

  test('an account there that is linked already says so, and not to whom', async () => {
    const there = await contoso();
    const { sub, userName } = await there.member();
    const { browser, id } = await aPerson();
    signsIn(there, sub);
    await browser.reload();
    await browser.click(`link-${there.id}`);
    expect(said(browser.page)).toContain('That account is already linked elsewhere.');
    expect(browser.page.html).not.toContain(userName);
    expect(await linksOf(id)).toEqual([]);
  });

  test('a person has one account of a provider', async () => {
    const there = await contoso();
    const person = await aPerson();
    await person.browser.reload();
    const back = await leave(person, there);
    signsIn(there, 'sub-2');
    await house.work((work) => linkIdentity(work, { user: person.id, providerId: there.id, sub: 'sub-1' }));
    await person.browser.visit(back);
    expect(said(person.browser.page)).toContain('You have linked another account there already.');
    expect(await linksOf(person.id)).toEqual([[there.id, 'sub-1']]);
  });

  test('of somebody with a role opens nothing until it is allowed', async () => {
    const there = await contoso();
    const { browser, id } = await aPerson();
    await house.work((work) => grantRole(work, id, 'Global Reader'));
    signsIn(there, 'sub-of-admin');
    await browser.reload();
    await browser.click(`link-${there.id}`);
    expect(await linksOf(id)).toHaveLength(1);
    expect(browser.page.text).toContain('It does not sign you in yet');
    const other = newBrowser();
    await other.visit(`${house.issuer}/security-info`);
    await identify(other, there.name());
    await other.click('use-upstream');
    expect(other.page.step).not.toBe('security-info');
  });

  test('takes a proof of the last ten minutes', async () => {
    const there = await contoso();
    const person = await aPerson();
    const { browser, id } = person;
    await browser.reload();
    const { csrf } = browser.page;
    house.clock.advance(11);
    try {
      const page = await browser.submit({ button: `link-${there.id}`, formWith: `link-${there.id}` });
      expect(page.url).not.toContain(there.mock.issuer);
      expect(csrf).not.toBeNull();
      expect(await house.base.knex('upstream_ceremonies').where({ user_id: id })).toEqual([]);
    } finally {
      house.clock.advance(-11);
    }
  });

  test('is nothing for a session born of a pass', async () => {
    const there = await contoso();
    await house.seed({ policies: { temporaryAccessPass: { purpose: 'signIn', isUsableOnce: false } } });
    const userName = aName();
    const { id } = await house.user(userName);
    const browser = newBrowser();
    await browser.visit(`${house.issuer}/security-info`);
    await enterPass(browser, userName, await house.pass(userName, { purpose: 'signIn' }));
    expect(browser.page.step).toBe('security-info');
    expect(browser.page.find(`#link-${there.id}`)).toBeNull();
    const body = new URLSearchParams({ csrf: browser.page.csrf!, provider: there.id }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = { method: 'POST', headers, body, redirect: 'manual' } as const;
    const answer = await browser.request('/security-info/links', asked);
    expect(answer.headers.location).toBe(list);
    expect(await house.base.knex('upstream_ceremonies').where({ user_id: id })).toEqual([]);
  });

  test('is nothing for a session that was opened there', async () => {
    const [one, other] = [
      await contoso({ assurance: [{ amr: 'mfa', level: 'phr' }], ceiling: 'phr' }),
      await contoso(),
    ];
    const { id, userName, sub } = await one.member();
    signsInAs(one.mock, { sub, amr: ['mfa'], auth_time: justNow() });
    const browser = newBrowser();
    await browser.visit(`${house.issuer}/security-info`);
    await identify(browser, userName);
    await browser.click('use-upstream');
    expect(browser.page.find(`#link-${other.id}`)).toBeNull();
    if (browser.page.csrf) {
      const body = new URLSearchParams({ csrf: browser.page.csrf, provider: other.id }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      await browser.request('/security-info/links', { method: 'POST', headers, body, redirect: 'manual' });
    }
    expect(await house.base.knex('upstream_ceremonies').where({ user_id: id })).toEqual([]);
  });
});

describe('Keycloak CVE-2026-9087: what was proved for one link is good for no other', () => {
  const refused = (page: Page) => expect([page.status, page.step]).toEqual([410, 'error']);

  test('it is used once: not again with a second account there', async () => {
    const there = await contoso();
    const person = await aPerson();
    await person.browser.reload();
    signsIn(there, 'sub-first');
    const back = await leave(person, there);
    await person.browser.visit(back);
    expect(await linksOf(person.id)).toEqual([[there.id, 'sub-first']]);
    await house.base.knex('federated_identities').where({ user_id: person.id }).delete();
    signsIn(there, 'sub-second');
    await person.browser.visit(`${house.issuer}${list}`);
    const second = await leave(person, there);
    const mixed = new URL(back);
    mixed.searchParams.set('code', second.searchParams.get('code')!);
    refused(await person.browser.visit(mixed));
    expect(await linksOf(person.id)).toEqual([]);
  });

  test('it is finished in no other browser', async () => {
    const there = await contoso();
    const [person, other] = [await aPerson(), await aPerson()];
    await person.browser.reload();
    signsIn(there, 'sub-stolen');
    const back = await leave(person, there);
    refused(await other.browser.visit(back));
    refused(await newBrowser().visit(back));
    expect([await linksOf(person.id), await linksOf(other.id)]).toEqual([[], []]);
  });

  test('nor in another session of the same browser, of somebody else or the same person', async () => {
    const there = await contoso();
    const other = await aPerson();
    for (const next of ['somebody else', 'the same'] as const) {
      const person = await aPerson();
      const { browser, id } = person;
      await browser.reload();
      signsIn(there, `sub-of-${next.length}`);
      const back = await leave(person, there);
      await browser.visit(`${house.issuer}/session/end`);
      await browser.click('confirm-logout');
      await browser.visit(`${house.issuer}${list}`);
      await usePasskey(browser, next === 'the same' ? person.authenticator : other.authenticator);
      expect(browser.page.step).toBe('security-info');
      refused(await browser.visit(back));
      expect([await linksOf(id), await linksOf(other.id)]).toEqual([[], []]);
      const reasons = (await eventsOf(house, { type: 'request.refused' })).map(({ reason }) => reason);
      expect(reasons).toContain(`A link with ${there.id} came back to another session than it began in.`);
    }
  });

  test('nor at the address of another provider, which stays as it was', async () => {
    const [there, elsewhere] = [await contoso(), await contoso()];
    const person = await aPerson();
    await person.browser.reload();
    signsIn(there, 'sub-1');
    const back = await leave(person, there);
    const wrong = new URL(back.href.replace(`/federation/${there.id}/`, `/federation/${elsewhere.id}/`));
    refused(await person.browser.visit(wrong));
    expect(await linksOf(person.id)).toEqual([]);
    await person.browser.visit(back);
    expect(await linksOf(person.id)).toEqual([[there.id, 'sub-1']]);
  });

  test('and signs nobody in: what left to link comes back to link', async () => {
    const there = await contoso();
    const person = await aPerson();
    await person.browser.reload();
    signsIn(there, 'sub-1');
    const back = await leave(person, there);
    const before = await eventsOf(house, { type: 'sign-in.verified', userId: person.id });
    await person.browser.visit(back);
    expect(await eventsOf(house, { type: 'sign-in.verified', userId: person.id })).toEqual(before);
  });
});

describe('unlinking', () => {
  test('asks first, ends what was opened there and tells the person', async () => {
    const there = await contoso();
    const { browser, id } = await aPerson();
    await house.work((work) => linkIdentity(work, { user: id, providerId: there.id, sub: 'sub-1' }));
    const link = await linkOf(id);
    await browser.reload();
    await browser.click(`unlink-${link}`);
    expect(browser.page.step).toBe('unlink');
    expect(await linksOf(id)).toHaveLength(1);
    await browser.click('unlink');
    expect(said(browser.page)).toBe('Unlinked.');
    expect(await linksOf(id)).toEqual([]);
    expect(await eventsOf(house, { userId: id, type: 'federated-identity.unlinked' })).toMatchObject([
      { actor_kind: 'user' },
    ]);
  });

  test('the last way in stays', async () => {
    const there = await contoso();
    const { browser, id } = await aPerson();
    await house.work((work) => linkIdentity(work, { user: id, providerId: there.id, sub: 'sub-1' }));
    const link = await linkOf(id);
    await browser.reload();
    await house.base.knex('passkeys').where({ user_id: id }).delete();
    await browser.click(`unlink-${link}`);
    expect(browser.page.find('button#unlink')).toBeNull();
    const body = new URLSearchParams({ csrf: (await browser.visit(`${house.issuer}${list}`)).csrf! }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = { method: 'POST', headers, body, redirect: 'manual' } as const;
    const answer = await browser.request(`/security-info/links/${link}/remove`, asked);
    expect(answer.headers.location).toBe(`${list}?error=lastWayIn`);
    expect(await linksOf(id)).toHaveLength(1);
    // One that opens nothing may go.
    const changes = { state: 'disabled' } as const;
    await house.work((w) => changeIdentityProvider(w, { id: there.id, changes, ourIssuer: house.issuer }));
    await browser.request(`/security-info/links/${link}/remove`, asked);
    expect(await linksOf(id)).toEqual([]);
  });

  test('of somebody else’s is none', async () => {
    const there = await contoso();
    const { id } = await there.member();
    const { browser } = await aPerson();
    const link = await linkOf(id);
    expect((await browser.visit(`${house.issuer}${list}/links/${link}/remove`)).step).toBe('security-info');
    const body = new URLSearchParams({ csrf: browser.page.csrf! }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await browser.request(`${list}/links/${link}/remove`, { method: 'POST', headers, body, redirect: 'manual' });
    expect(await linksOf(id)).toHaveLength(1);
  });
});

describe('the last passkey', () => {
  const remove = async ({ browser, id }: Person) => {
    const [{ id: passkey }] = await house.base.knex('passkeys').where('user_id', '=', id).select('id');
    const page = await browser.visit(`${house.issuer}${list}/methods/${passkey}/remove`);
    const body = new URLSearchParams({ csrf: page.csrf! }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const path = `${list}/methods/${passkey}/remove`;
    await browser.request(path, { method: 'POST', headers, body, redirect: 'manual' });
    return page;
  };
  const passkeysOf = async ({ id }: Person) => (await house.base.knex('passkeys').where('user_id', '=', id)).length;
  async function linked(settings: { userName?: string; there?: Contoso } = {}) {
    const there = settings.there ?? (await contoso());
    const person = await aPerson(settings.userName);
    await house.work((work) => linkIdentity(work, { user: person.id, providerId: there.id, sub: person.id }));
    return { there, person };
  }
  const stays = async (person: Person) => {
    expect((await remove(person)).find('button#remove')).toBeNull();
    expect(await passkeysOf(person)).toBe(1);
  };
  const goes = async (person: Person) => {
    expect((await remove(person)).find('button#remove')).not.toBeNull();
    expect(await passkeysOf(person)).toBe(0);
  };

  test('may go where a linked sign-in opens the account, and the page says where that leaves them', async () => {
    const { there, person } = await linked();
    const page = await remove(person);
    const { displayName } = (await house.work((work) => readProvider(work, there.id))).provider;
    expect(page.text).toContain(`From then on you sign in at ${displayName} alone`);
    expect(await passkeysOf(person)).toBe(0);
    signsInAs(there.mock, { sub: person.id });
    const browser = newBrowser({ stopAt: ['http://localhost:1/'] });
    await browser.visit(`${house.issuer}/security-info`);
    await identify(browser, there.name());
    await browser.click('use-upstream');
    expect(await eventsOf(house, { userId: person.id, type: 'sign-in.completed' })).toHaveLength(2);
  });

  test.each<[string, (there: Contoso, person: Person) => Promise<unknown>]>([
    [
      'is disabled',
      ({ id }) =>
        house.work((w) => changeIdentityProvider(w, { id, changes: { state: 'disabled' }, ourIssuer: house.issuer })),
    ],
    ['has no domain that leads there', ({ domain }) => house.work((w) => deleteDomain(w, domain))],
    [
      'does not sign people in who hold a role',
      (_there, { id }) => house.work((w) => grantRole(w, id, 'Global Reader')),
    ],
    [
      'is not the one at which people of their domain sign in, and nowhere else',
      async (_there, { userName }) => {
        const other = await contoso();
        const changes = { mfaBehavior: 'enforceMfaByFederatedIdp' } as const;
        await house.work((w) => createDomain(w, { name: userName.split('@')[1]!, providerId: other.id, changes }));
      },
    ],
  ])('stays where the linked provider %s', async (_what, happens) => {
    const { there, person } = await linked({ userName: `${aName().split('@')[0]}@last-${Date.now()}.example` });
    await happens(there, person);
    await stays(person);
  });

  test('stays where an identity is of an issuer that the provider had before', async () => {
    const { person } = await linked();
    await house.base
      .knex('federated_identities')
      .where('user_id', '=', person.id)
      .update({ issuer: 'https://old.example' });
    await stays(person);
  });

  test('goes where their role was allowed at the provider', async () => {
    const { person } = await linked();
    await house.work((w) => grantRole(w, person.id, 'Global Reader'));
    await house.base
      .knex('federated_identities')
      .where('user_id', '=', person.id)
      .update({ allowed_administrator: true });
    await goes(person);
  });

  test('stays while no other Global Administrator can sign in here, allowed at the provider or not', async () => {
    const [{ person }, other] = [await linked(), await aPerson()];
    await house.work((w) => grantRole(w, person.id, 'Global Administrator'));
    await house.base
      .knex('federated_identities')
      .where('user_id', '=', person.id)
      .update({ allowed_administrator: true });
    await stays(person);
    await house.work((w) => grantRole(w, other.id, 'Global Administrator'));
    await goes(person);
    await stays(other);
  });

  test('of two Global Administrators, both at once: one of them stays', async () => {
    for (let times = 0; times < 4; times += 1) {
      const both = [await linked(), await linked()].map(({ person }) => person);
      await house.base.knex('role_assignments').delete();
      for (const { id } of both) await house.work((w) => grantRole(w, id, 'Global Administrator'));
      await house.base.knex('federated_identities').update({ allowed_administrator: true });
      await Promise.all(both.map(remove));
      expect((await Promise.all(both.map(passkeysOf))).sort()).toEqual([0, 1]);
    }
  });

  test('and the link, both at once: one of them stays', async () => {
    for (let times = 0; times < 5; times += 1) {
      const { person } = await linked();
      const { browser, id } = person;
      const [{ id: passkey }] = await house.base.knex('passkeys').where('user_id', '=', id).select('id');
      const body = new URLSearchParams({ csrf: (await browser.reload()).csrf! }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const asked = { method: 'POST', headers, body, redirect: 'manual' } as const;
      await Promise.all(
        [`methods/${passkey}`, `links/${await linkOf(id)}`].map((what) =>
          browser.request(`${list}/${what}/remove`, asked),
        ),
      );
      expect((await passkeysOf(person)) + (await linksOf(id)).length).toBe(1);
    }
  });
});

describe('the last link', () => {
  const body = (csrf: string) => new URLSearchParams({ csrf }).toString();
  async function unlink({ browser, id }: Person) {
    const link = await linkOf(id);
    const page = await browser.visit(`${house.issuer}${list}/links/${link}/remove`);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const path = `${list}/links/${link}/remove`;
    await browser.request(path, { method: 'POST', headers, body: body(page.csrf!), redirect: 'manual' });
    return page;
  }

  test('stays where people of the domain sign in at their provider and nowhere else, passkey or not', async () => {
    const domainName = `alone-${Date.now()}.example`;
    const person = await aPerson(`${aName().split('@')[0]}@${domainName}`);
    const there = await contoso();
    const changes = { mfaBehavior: 'enforceMfaByFederatedIdp' } as const;
    await house.work((w) => createDomain(w, { name: domainName, providerId: there.id, changes }));
    await house.work((w) => linkIdentity(w, { user: person.id, providerId: there.id, sub: '1' }));
    expect((await unlink(person)).find('button#unlink')).toBeNull();
    expect(await linksOf(person.id)).toHaveLength(1);
    await house.work((w) =>
      changeDomain(w, { name: domainName, changes: { mfaBehavior: 'acceptIfMfaDoneByFederatedIdp' } }),
    );
    expect((await unlink(person)).find('button#unlink')).not.toBeNull();
    expect(await linksOf(person.id)).toEqual([]);
  });

  test('may go where another one opens the account', async () => {
    const [one, other] = [await contoso(), await contoso()];
    const person = await aPerson();
    for (const { id } of [one, other]) {
      await house.work((w) => linkIdentity(w, { user: person.id, providerId: id, sub: '1' }));
    }
    await house.base.knex('passkeys').where('user_id', '=', person.id).delete();
    await unlink(person);
    expect(await linksOf(person.id)).toHaveLength(1);
    await unlink(person);
    expect(await linksOf(person.id)).toHaveLength(1);
  });
});
