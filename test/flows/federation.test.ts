import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeDomain } from '../../src/methods/upstream/manage-domains.ts';
import { changeProvider } from '../../src/methods/upstream/manage-providers.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { anOrganisation, federate, identify, signsInAs, wayBack } from '../support/federation.ts';
import { clientSecret } from '../support/hostile-upstream.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { eventsOf, lastRefusal } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { type MockUpstream, startMockUpstream, startOidcUpstream } from '../support/upstream.ts';

/** People of another organisation sign in where they have their account, and come back. */

let house: TestHouse;
let app: RelyingParty;
const mocks: MockUpstream[] = [];

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
  for (const mock of mocks) await mock.close();
});

async function contoso(settings?: Parameters<typeof anOrganisation>[1]) {
  const organisation = await anOrganisation(house, settings);
  mocks.push(organisation.mock);
  return organisation;
}

const aBrowser = (more: readonly string[] = []) => newBrowser({ stopAt: [app.redirectUri, ...more] });

async function atApp(extra: Record<string, string> = {}, browser = aBrowser()): Promise<CookieBrowser> {
  await browser.visit(await app.authorizationUrl(extra));
  return browser;
}

/** From the app through the first page to the second. */
async function named(userName: string, extra?: Record<string, string>): Promise<CookieBrowser> {
  const browser = await atApp(extra);
  await identify(browser, userName);
  return browser;
}

const signedIn = (browser: CookieBrowser): Promise<SignedIn> => app.exchange(browser.page.callback);
const count = async (table: string) => Number((await house.base.knex(table).count('* as count'))[0]!.count);

/** Stopped at the provider's door: the address it was sent to. */
async function away(userName: string, issuer: string, extra?: Record<string, string>, straight = false) {
  const browser = await atApp(extra, aBrowser([issuer]));
  await identify(browser, userName);
  if (!straight) await browser.click('use-upstream');
  return { browser, departure: browser.page.callback };
}

const title = (page: Page) => page.find('h1')!.text;
const cookiesOf = (browser: CookieBrowser) =>
  browser.cookies.all.map(({ name, value }) => `${name}=${value}`).join('; ');
const mfa = { assurance: [{ amr: 'mfa', level: '2f', reports: ['mfa'] }], ceiling: '2f' };

describe('somebody of a federated domain', () => {
  test('sees where they are sent, goes there, and comes back to the app', async () => {
    const { mock, member, id } = await contoso();
    const { userName, sub, id: userId } = await member();
    signsInAs(mock, { sub });
    const browser = await named(userName);
    expect(title(browser.page)).toMatch(/^Sign in at Contoso \d+$/);
    expect(browser.page.find('button#use-upstream')!.text).toMatch(/^Continue to Contoso \d+$/);
    expect(browser.page.findAll('.other-ways button').map(({ attributes }) => attributes.id)).toEqual([
      'use-passkey',
      'use-pass',
      'use-recovery-code',
    ]);
    await browser.click('use-upstream');
    const { claims } = await signedIn(browser);
    const amr = [`${house.issuer}/amr/federated`];
    expect(claims).toMatchObject({ sub: userId, acr: `${house.issuer}/acr/1f`, amr });
    const left = browser.history.find(({ url }) => url.startsWith(`${mock.issuer}/authorize`))!;
    const asked = new URL(left.url).searchParams;
    expect(asked.get('login_hint')).toBe(userName);
    expect(asked.get('redirect_uri')).toBe(`${house.issuer}/federation/${id}/callback`);
    expect(asked.has('max_age')).toBe(false);
    const events = await eventsOf(house, { userId, type: 'sign-in.verified' });
    expect(events[0]!.details).toMatchObject({ method: 'upstream', level: '1f' });
    const row = await house.base.knex('federated_identities').where('user_id', '=', userId).first();
    expect(row.last_used_at).not.toBeNull();
    expect(await house.base.knex('upstream_ceremonies').where('provider_id', '=', id)).toEqual([]);
  });

  test.each([
    ['acceptIfMfaDoneByFederatedIdp', ['mfa'], 'acr/2f', ['amr/federated', 'mfa']],
    ['acceptIfMfaDoneByFederatedIdp', ['pwd'], 'acr/1f', ['amr/federated']],
    ['rejectMfaByFederatedIdp', ['mfa'], 'acr/1f', ['amr/federated']],
    ['enforceMfaByFederatedIdp', ['mfa'], 'acr/2f', ['amr/federated', 'mfa']],
  ])('under %s is believed so much of %j: %s', async (mfaBehavior, said, acr, amr) => {
    const { mock, member } = await contoso({ provider: mfa, domain: { mfaBehavior } });
    const { userName, sub } = await member();
    signsInAs(mock, { sub, amr: said });
    const browser = await named(userName);
    await browser.click('use-upstream');
    const ours = (value: string) => (value === 'mfa' ? value : `${house.issuer}/${value}`);
    expect((await signedIn(browser)).claims).toMatchObject({ acr: ours(acr), amr: amr.map(ours) });
  });

  test('named by the app is not asked for the name again', async () => {
    const { mock, member } = await contoso();
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const browser = await atApp({ login_hint: userName });
    expect(browser.page.step).toBe('verify');
    expect(browser.page.text).toContain(userName);
    await browser.click('use-upstream');
    await signedIn(browser);
    const other = await atApp({ login_hint: 'somebody@example.com' });
    expect(other.page.step).toBe('identify');
  });

  test('of a domain that the app names goes on without a name, or gives one', async () => {
    const { mock, member, domain } = await contoso();
    const { sub, id, userName } = await member();
    signsInAs(mock, { sub });
    const browser = await atApp({ domain_hint: domain.toUpperCase() });
    expect(browser.page.step).toBe('verify');
    expect(browser.page.findAll('.other-ways button').map(({ attributes }) => attributes.id)).toEqual(['use-passkey']);
    await browser.click('not-you');
    expect(browser.page.step).toBe('identify');
    await browser.click('use-pass', { username: userName });
    expect(browser.page.find('#code')).not.toBeNull();
    const other = await atApp({ domain_hint: domain, login_hint: 'nobody@example.com' });
    await other.click('use-upstream');
    expect((await signedIn(other)).claims.sub).toBe(id);
    const { searchParams } = new URL(other.history.find(({ url }) => url.startsWith(`${mock.issuer}/authorize`))!.url);
    expect(searchParams.has('login_hint')).toBe(false);
    for (const none of ['organizations', 'example.com', '%', `${domain} ${domain}`]) {
      expect((await atApp({ domain_hint: none })).page.step).toBe('identify');
    }
  });

  test('is found by the domain, however the name is written', async () => {
    const { member } = await contoso();
    const { userName } = await member();
    for (const written of [userName.toUpperCase(), ` ${userName} `, userName.replace('@', '\uff20'), `${userName}.`]) {
      expect(title((await named(written)).page)).toMatch(/^Sign in at Contoso/);
    }
    expect(title((await named(userName.replace('@', '@sub.'))).page)).toBe('Use your passkey');
  });

  test('goes straight on where the domain says so, but for a pass, and for what they have to be told', async () => {
    const { mock, member, id } = await contoso({ domain: { straight: true } });
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const browser = await named(userName);
    await signedIn(browser);
    expect(browser.history.some(({ url, status }) => url.includes('/sign-in/') && status === 303)).toBe(true);

    const withPass = await atApp();
    await enterPass(withPass, userName, await house.pass(userName));
    expect(withPass.page.step).toBe('enrol');

    const { browser: refusing, departure } = await away(userName, mock.issuer, {}, true);
    const state = departure.searchParams.get('state')!;
    const said = new URLSearchParams({ error: 'access_denied', error_description: 'Plugh <b>xyzzy</b>', state });
    await refusing.visit(`${house.issuer}/federation/${id}/callback?${said}`);
    expect(refusing.page.step).toBe('verify');
    expect(refusing.page.find('.error-summary')!.text).toContain('You did not finish signing in there.');
    expect(refusing.page.html).not.toContain('xyzzy');
    await refusing.reload();
    expect(refusing.page.step).toBe('verify');
    await refusing.click('use-upstream');
    expect(refusing.page.callback.pathname).toBe('/authorize');
  });

  test('uses nothing of ours where their provider is enforced, and their passkey neither', async () => {
    const { mock, member, domain } = await contoso();
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const authenticator = newAuthenticator();
    await joinWithPass(await atApp(), authenticator, userName, await house.pass(userName));
    const code = await house.pass(userName);
    const before = await named(userName);
    await house.work((work) =>
      changeDomain(work, { name: domain, changes: { mfaBehavior: 'enforceMfaByFederatedIdp', straight: false } }),
    );
    await before.reload();
    expect(before.page.find('.other-ways')).toBeNull();
    const csrf = before.page.csrf!;
    const posted = await before.request(`${new URL(before.page.url).pathname}/verify/temporary-access-pass`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ csrf, code }).toString(),
    });
    expect(posted.text).toContain('data-step="verify"');

    const passkey = await atApp();
    await usePasskey(passkey, authenticator);
    expect(passkey.page.step).toBe('identify');
    expect(passkey.page.text).toContain('does not sign you in here');
    expect(await lastRefusal(house)).toBe('home_realm');
    expect((await eventsOf(house, { type: 'sign-in.completed' })).at(-1)!.details.level).toBe('phr');
    const asPass = await atApp();
    await asPass.click('use-pass', { username: userName });
    expect(title(asPass.page)).toMatch(/^Sign in at Contoso/);
    await asPass.click('use-upstream');
    await signedIn(asPass);
  });

  test('who is of no federated domain is asked for a passkey as ever, enforced elsewhere or not', async () => {
    await contoso({ domain: { mfaBehavior: 'enforceMfaByFederatedIdp' } });
    const userName = `somebody-${Date.now()}@example.com`;
    await house.user(userName);
    const authenticator = newAuthenticator();
    await joinWithPass(await atApp(), authenticator, userName, await house.pass(userName));
    const browser = await atApp();
    await usePasskey(browser, authenticator);
    await signedIn(browser);
  });

  test('with a pass makes a passkey, and has both ways from then on', async () => {
    const { mock, member } = await contoso();
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const authenticator = newAuthenticator();
    const joining = await named(userName);
    await joining.click('use-pass');
    await joining.submit({ formWith: 'code', fields: { code: await house.pass(userName) } });
    expect(joining.page.step).toBe('enrol');
    expect(joining.page.find('#use-app')).toBeNull();
    await createPasskey(joining, authenticator);
    await usePasskey(joining, authenticator);
    await signedIn(joining);
    const there = await named(userName);
    await there.click('use-upstream');
    expect((await signedIn(there)).claims.acr).toBe(`${house.issuer}/acr/1f`);
    const here = await named(userName);
    await here.click('use-passkey');
    await usePasskey(here, authenticator);
    expect((await signedIn(here)).claims.acr).toBe('phr');
  });
});

describe('a fresh sign-in', () => {
  const now = () => Math.floor(Date.now() / 1000);

  test('is asked for there when the app asks for one', async () => {
    const { mock, member } = await contoso();
    const { userName, sub } = await member();
    const { departure } = await away(userName, mock.issuer, { max_age: '600' });
    expect(departure.searchParams.get('max_age')).toBe('600');
    const again = await away(userName, mock.issuer, { prompt: 'login' });
    expect(again.departure.searchParams.get('max_age')).toBe('0');
    expect(again.departure.searchParams.get('prompt')).toBe('login');

    signsInAs(mock, { sub, auth_time: now() - 300 });
    const stale = await named(userName, { prompt: 'login' });
    await stale.click('use-upstream');
    expect(stale.page.step).toBe('verify');
    expect((await eventsOf(house, { type: 'sign-in.refused' })).at(-1)!.details).toMatchObject({
      upstream: 'auth_time',
    });
    signsInAs(mock, { sub, auth_time: now() });
    await stale.click('use-upstream');
    await signedIn(stale);
  });

  test('that was an earlier one there is as old here', async () => {
    const { mock, member } = await contoso();
    const { userName, sub } = await member();
    const at = now() - 3600;
    signsInAs(mock, { sub, auth_time: at });
    const browser = await named(userName);
    await browser.click('use-upstream');
    expect((await signedIn(browser)).claims.auth_time).toBe(at);
  });
});

describe('what comes back', () => {
  test('counts once, in the browser that left and from the provider it left for', async () => {
    const { mock, member } = await contoso();
    const other = await contoso();
    const { userName, sub, id: userId } = await member();
    signsInAs(mock, { sub });
    signsInAs(other.mock, { sub });
    const { browser, departure } = await away(userName, mock.issuer);
    const back = await wayBack(departure);
    const nobodys = new URL(back);
    nobodys.searchParams.set('state', 'x'.repeat(43));
    const mixedUp = new URL(back.href.replace(/contoso-\d+/, other.id));
    for (const address of [nobodys, mixedUp]) {
      await browser.visit(address);
      expect([browser.page.status, title(browser.page)]).toEqual([410, 'There is nothing to go on with here']);
    }
    const stranger = await atApp();
    await stranger.visit(back);
    expect(stranger.page.status).toBe(410);
    const cookieless = await fetch(back, { redirect: 'manual' });
    expect(cookieless.status).toBe(410);

    const headers = { cookie: cookiesOf(browser) };
    const answers = await Promise.all([1, 2, 3].map(() => fetch(back, { headers, redirect: 'manual' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 410, 410]);
    expect(await eventsOf(house, { userId, type: 'sign-in.verified' })).toHaveLength(1);
    await browser.visit(
      answers
        .find(({ status }) => status === 303)!
        .headers.get('location')!
        .replace(/^/, house.issuer),
    );
    await signedIn(browser);
    await browser.visit(back);
    expect(browser.page.status).toBe(410);
  });

  test('waits ten minutes, and of one sign-in three at a time', async () => {
    const { mock, member, id } = await contoso();
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const { browser, departure } = await away(userName, mock.issuer);
    const late = await wayBack(departure);
    house.clock.advance(11);
    try {
      await browser.visit(late);
      expect(browser.page.status).toBe(410);
    } finally {
      house.clock.advance(-11);
    }
    const again = await atApp({}, aBrowser([mock.issuer]));
    await identify(again, userName);
    const page = again.page;
    const departures: URL[] = [];
    for (const _time of [1, 2, 3, 4, 5]) {
      await again.visit(page.url);
      await again.click('use-upstream');
      departures.push(again.page.callback);
    }
    const open = await house.base.knex('upstream_ceremonies').where('provider_id', '=', id);
    expect(open).toHaveLength(1 + 3);
    await again.visit(await wayBack(departures[0]!));
    expect(again.page.status).toBe(410);
    await again.visit(await wayBack(departures[4]!));
    await signedIn(again);
  });

  test('to a sign-in that went on in another tab changes nothing there', async () => {
    const { mock, member } = await contoso();
    const { userName, sub, id: userId } = await member();
    signsInAs(mock, { sub });
    const { browser, departure } = await away(userName, mock.issuer);
    const back = await wayBack(departure);
    const uid = browser.history.find(({ url }) => url.includes('/sign-in/'))!.url;
    await browser.visit(uid);
    await browser.click('not-you');
    await browser.visit(back);
    expect(browser.page.step).toBe('identify');
    expect(await eventsOf(house, { userId, type: 'sign-in.verified' })).toEqual([]);
  });

  test('from a provider that is away or switched off meanwhile is no proof', async () => {
    const { mock, member, id } = await anOrganisation(house);
    const ourIssuer = house.issuer;
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const { browser, departure } = await away(userName, mock.issuer);
    const back = await wayBack(departure);
    await house.work((work) => changeProvider(work, { id, changes: { state: 'disabled' }, ourIssuer }));
    await browser.visit(back);
    expect(browser.page.step).toBe('verify');
    expect(title(browser.page)).toBe('Use your passkey');
    await house.work((work) => changeProvider(work, { id, changes: { state: 'enabled' }, ourIssuer }));
    await mock.close();
    const gone = await startMockUpstream();
    await gone.close();
    const closed = await federate(house, gone.issuer, { domain: { straight: true } });
    const there = await named(closed.name());
    expect(there.page.text).toContain('could not be reached');
    expect(there.page.find('#use-pass')).not.toBeNull();
  });
});

describe('somebody whom nobody here knows', () => {
  const creates = { provider: { createUsers: true } };
  const kept = async () => [await count('users'), await count('federated_identities'), await count('role_assignments')];
  const come = async (userName: string) => {
    const browser = await named(userName);
    await browser.click('use-upstream');
    return browser;
  };

  test('is made a user where the provider may do that, with what it says and without roles', async () => {
    const { mock, name, id } = await contoso(creates);
    const userName = name();
    const roles = ['Global Administrator'];
    signsInAs(mock, { sub: 'new', preferred_username: userName, name: 'Neo', email: 'neo@contoso.example', roles });
    const before = await count('role_assignments');
    const { claims } = await signedIn(await come(userName));
    const user = await house.base.knex('users').where('id', '=', claims.sub).first();
    expect(user).toMatchObject({ user_principal_name: userName, display_name: 'Neo', mail: 'neo@contoso.example' });
    expect(await count('role_assignments')).toBe(before);
    const [link] = await house.base.knex('federated_identities').where('user_id', '=', claims.sub);
    expect(link).toMatchObject({ provider_id: id, sub: 'new', linked_by: 'creation', allowed_administrator: false });
    const types = (await eventsOf(house, { userId: claims.sub })).map(({ type }) => type);
    expect(types).toEqual(['user.created', 'federated-identity.linked', 'sign-in.verified', 'sign-in.completed']);
    expect((await signedIn(await come(userName))).claims.sub).toBe(claims.sub);
  });

  test('keeps what the provider says of them, a mail address only where it is said to be theirs', async () => {
    const { mock, member } = await contoso();
    const { userName, sub, id } = await member();
    const row = () => house.base.knex('users').where('id', '=', id).first('display_name', 'mail');
    const steps: [Record<string, unknown>, object][] = [
      [
        { name: 'Ann', email: 'a@x.example' },
        { display_name: 'Ann', mail: null },
      ],
      [
        { email: 'a@x.example', email_verified: 'true' },
        { display_name: 'Ann', mail: null },
      ],
      [
        { name: 'Bea', email: 'a@x.example', email_verified: true },
        { display_name: 'Bea', mail: 'a@x.example' },
      ],
      [
        { name: 'Bea', preferred_username: 'other@x.example' },
        { display_name: 'Bea', mail: 'a@x.example' },
      ],
    ];
    for (const [claims, stands] of steps) {
      signsInAs(mock, { sub, ...claims });
      await signedIn(await come(userName));
      expect(await row()).toEqual(stands);
    }
    const changes = await eventsOf(house, { userId: id, type: 'user.changed' });
    expect(changes.map(({ details }) => details.changed)).toEqual([['displayName'], ['displayName', 'mail']]);
    expect(await house.base.knex('users').where('id', '=', id).first('user_principal_name')).toEqual({
      user_principal_name: userName,
    });
  });

  test('in two tabs at once is one user', async () => {
    const { mock, name } = await contoso(creates);
    const userName = name();
    signsInAs(mock, { sub: 'twice', preferred_username: userName });
    const tabs = await Promise.all([1, 2, 3].map(() => away(userName, mock.issuer)));
    const backs = await Promise.all(tabs.map(({ departure }) => wayBack(departure)));
    await Promise.all(tabs.map(({ browser }, index) => browser.visit(backs[index]!)));
    const subs = await Promise.all(tabs.map(async ({ browser }) => (await signedIn(browser)).claims.sub));
    expect(new Set(subs).size).toBe(1);
    expect(await house.base.knex('federated_identities').where('sub', '=', 'twice')).toHaveLength(1);
  });

  test.each<[string, object, (organisation: Awaited<ReturnType<typeof contoso>>) => Promise<object>, string, string]>([
    ['where it may not', {}, async ({ name }) => ({ preferred_username: name() }), 'identity_unknown', 'Nobody here'],
    ['without a name', creates, async () => ({}), 'identity_unknown', 'Nobody here knows you yet'],
    [
      'with a name of somebody else’s domain',
      creates,
      async () => ({ preferred_username: `eve-${Date.now()}@example.com`, email_verified: true }),
      'identity_unknown',
      'Nobody here knows you yet',
    ],
    [
      'with the name of somebody of another domain',
      creates,
      async () => ({ preferred_username: (await house.user(`local-${Date.now()}@example.com`)).userPrincipalName }),
      'identity_unknown',
      'Nobody here knows you yet',
    ],
    [
      'with the name of somebody there is',
      creates,
      async ({ name }) => ({ preferred_username: (await house.user(name())).userPrincipalName.toUpperCase() }),
      'name_taken',
      'An account with this name exists',
    ],
    [
      'made anew at the provider, with another sub',
      creates,
      async ({ member }) => ({ preferred_username: (await member()).userName }),
      'name_taken',
      'An account with this name exists',
    ],
    [
      'with the name of somebody there is, where it may not',
      {},
      async ({ name }) => ({ preferred_username: (await house.user(name())).userPrincipalName }),
      'name_taken',
      'An account with this name exists',
    ],
    [
      'with an administrator’s mail address',
      creates,
      async () => {
        const { id } = await house.user(`root-${Date.now()}@example.com`);
        await house.base.knex('users').where('id', '=', id).update({ mail: 'root@example.com' });
        await house.work((work) => grantRole(work, id, 'Global Administrator'));
        return { email: 'root@example.com', email_verified: true, preferred_username: 'root@example.com' };
      },
      'identity_unknown',
      'Nobody here knows you yet',
    ],
  ])('%s is not let in, and nothing is made of them', async (_what, settings, claimsOf, reason, heading) => {
    const organisation = await contoso(settings);
    const claims = await claimsOf(organisation);
    const before = await kept();
    signsInAs(organisation.mock, { sub: 'stranger', ...claims });
    const browser = await come(organisation.name());
    expect(browser.page.step).toBe('error');
    expect(title(browser.page)).toContain(heading);
    expect(browser.page.find('.reference')).not.toBeNull();
    expect(await lastRefusal(house)).toBe(reason);
    expect(await kept()).toEqual(before);
    await browser.click('continue');
    expect(browser.page.step).toBe('identify');
  });
});

describe('somebody who is known', () => {
  test('and disabled is told so, and not let in', async () => {
    const { mock, member } = await contoso();
    const { userName, sub } = await member();
    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] });
    signsInAs(mock, { sub, name: 'Changed' });
    const browser = await named(userName);
    await browser.click('use-upstream');
    expect(title(browser.page)).toBe('Your account here is switched off');
    expect(await lastRefusal(house)).toBe('user_disabled');
    const { last_used_at: used } = await house.base.knex('federated_identities').where('sub', '=', sub).first();
    expect(used).toBeNull();
  });

  test('and has a role comes in only by a link that was allowed', async () => {
    const { mock, member, id } = await contoso();
    const { userName, sub, id: userId } = await member();
    await house.work((work) => grantRole(work, userId, 'Global Reader'));
    signsInAs(mock, { sub, name: 'Changed', email: 'new@x.example', email_verified: true });
    const browser = await named(userName);
    await browser.click('use-upstream');
    expect(title(browser.page)).toBe('Your account signs in here');
    expect(await lastRefusal(house)).toBe('role_held');
    await house.base.knex('federated_identities').where('provider_id', '=', id).update({ allowed_administrator: true });
    await browser.click('continue');
    await identify(browser, userName);
    await browser.click('use-upstream');
    expect((await signedIn(browser)).claims.sub).toBe(userId);
    // Where they are told of their account is theirs to say.
    expect(await house.base.knex('users').where('id', '=', userId).first('mail')).toEqual({ mail: null });
  });

  test('and of another domain that is enforced does not come in by this one', async () => {
    const { mock, name, id } = await contoso();
    const strict = await contoso({ domain: { mfaBehavior: 'enforceMfaByFederatedIdp' } });
    const { userName, sub } = await strict.member();
    await house.base
      .knex('federated_identities')
      .where('sub', '=', sub)
      .update({ provider_id: id, issuer: mock.issuer });
    signsInAs(mock, { sub });
    const browser = await named(name());
    await browser.click('use-upstream');
    expect(title(browser.page)).toBe('Your organisation signs in elsewhere');
    expect(browser.page.text).toContain(userName);
  });

  test('changes nothing in a browser where somebody else is signed in', async () => {
    const { mock, member } = await contoso();
    const [one, other] = [await member(), await member()];
    signsInAs(mock, { sub: one.sub });
    const browser = await named(one.userName);
    await browser.click('use-upstream');
    await signedIn(browser);
    signsInAs(mock, { sub: other.sub });
    await atApp({ prompt: 'login' }, browser);
    expect(browser.page.step).toBe('verify');
    signsInAs(mock, { sub: other.sub, auth_time: Math.floor(Date.now() / 1000) });
    await browser.click('use-upstream');
    expect(title(browser.page)).toBe('You are signed in as somebody else');
    expect(browser.page.text).toContain(other.userName);
    const { last_used_at: used } = await house.base.knex('federated_identities').where('sub', '=', other.sub).first();
    expect(used).toBeNull();
  });
});

describe('after it, what is decided here counts', () => {
  test('whoever has to register more does so before the app gets anything', async () => {
    const { mock, member } = await contoso();
    const { userName, sub, id } = await member();
    signsInAs(mock, { sub });
    const includeTargets = [{ targetType: 'user', id }];
    await house.seed({ policies: { registration: { state: 'enabled', mode: 'required', includeTargets } } });
    try {
      const browser = await named(userName);
      await browser.click('use-upstream');
      expect(browser.page.step).toBe('enrol');
      const authenticator = newAuthenticator();
      await createPasskey(browser, authenticator);
      expect(browser.page.step).toBe('confirm');
      await usePasskey(browser, authenticator);
      expect((await signedIn(browser)).claims.acr).toBe('phr');
      const again = await named(userName);
      await again.click('use-upstream');
      await signedIn(again);
    } finally {
      await house.seed({ policies: { registration: { state: 'disabled' } } });
    }
  });

  test('whoever is asked for two ways in has what their domain allows, and no password', async () => {
    const { mock, member } = await contoso();
    const { userName, sub, id } = await member();
    signsInAs(mock, { sub });
    const includeTargets = [{ targetType: 'user', id }];
    const registration = { state: 'enabled', mode: 'required', count: 2, includeTargets };
    await house.seed({ policies: { registration: { ...registration, methods: ['passkey', 'authenticator-app'] } } });
    try {
      const browser = await named(userName);
      await browser.click('use-upstream');
      expect(browser.page.find('#use-app')).toBeNull();
      const authenticator = newAuthenticator();
      await createPasskey(browser, authenticator);
      await usePasskey(browser, authenticator);
      await signedIn(browser);
    } finally {
      await house.seed({ policies: { registration: { state: 'disabled' } } });
    }
  });

  test('an app that asks for more than they reached there is given a passkey of ours', async () => {
    const { mock, member } = await contoso({ provider: mfa });
    const { userName, sub } = await member();
    signsInAs(mock, { sub });
    const authenticator = newAuthenticator();
    await joinWithPass(await atApp(), authenticator, userName, await house.pass(userName));
    const browser = await named(userName, { acr_values: `${house.issuer}/acr/2f` });
    await browser.click('use-upstream');
    expect(browser.page.step).toBe('verify');
    expect(browser.page.find('#for-the-app')).not.toBeNull();
    expect(browser.page.find('button#use-upstream')).toBeNull();
    await usePasskey(browser, authenticator);
    await signedIn(browser);
    const strong = await named(userName, { acr_values: `${house.issuer}/acr/2f` });
    signsInAs(mock, { sub, amr: ['mfa'] });
    await strong.click('use-upstream');
    expect((await signedIn(strong)).claims.acr).toBe(`${house.issuer}/acr/2f`);
  });

  test('a link alone is a way in: nobody is asked to register for want of one', async () => {
    const { mock, member } = await contoso();
    const { userName, sub, id } = await member();
    signsInAs(mock, { sub });
    const browser = await named(userName);
    await browser.click('use-upstream');
    await signedIn(browser);
    await browser.visit(await app.authorizationUrl());
    await signedIn(browser);
    const standing = () =>
      house.base.knex('account_standing').where('id', '=', id).first('can_sign_in', 'has_strong_method');
    expect(await standing()).toEqual({ can_sign_in: true, has_strong_method: false });
    await house.work((work) => grantRole(work, id, 'Global Reader'));
    expect(await standing()).toEqual({ can_sign_in: false, has_strong_method: false });
  });
});

test('the library that we are built on is a provider like another', async () => {
  const id = `contoso-oidc`;
  const redirectUri = `${house.issuer}/federation/${id}/callback`;
  const upstream = await startOidcUpstream({ redirectUri, authentication: 'client_secret_post', clientSecret });
  try {
    const { name } = await federate(house, upstream.issuer, {
      id,
      provider: { createUsers: true, clientAuthentication: 'client_secret_post' },
      domain: { straight: true },
      domainName: 'contoso.example',
    });
    expect(name()).toContain('contoso.example');
    const browser = await named('ada@contoso.example');
    const { claims } = await signedIn(browser);
    const user = await house.base.knex('users').where('id', '=', claims.sub).first();
    expect(user).toMatchObject({ user_principal_name: 'ada@contoso.example', display_name: 'Ada' });
  } finally {
    await upstream.close();
  }
});
