import { createServer } from 'node:http';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { contain } from '../../src/containment.ts';
import { anonymous } from '../../src/core/actor.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { openLink } from '../../src/notices/links.ts';
import { endSession } from '../../src/oidc/endings.ts';
import { endWithPasses, purgeExpired } from '../../src/oidc/purge.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import type { OutboundRules } from '../../src/outbound/outbound.ts';
import { type LogoutDelivery, startLogoutDelivery } from '../../src/sessions/delivery.ts';
import { claimLogout, listLogouts, settleLogout } from '../../src/sessions/logout-outbox.ts';
import { signOutEverywhere } from '../../src/sessions/manage-sessions.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { openBase, wire } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout-receiver.ts';
import { aName, eventsOf, passPolicy } from '../support/makers.ts';
import { enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { freePort } from '../support/process.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** Sessions end everywhere at once, and relying parties that want to hear of it do. */

const names = ['payroll', 'wiki', 'chat'] as const;
type Name = (typeof names)[number];

let house: TestHouse;
const apps = {} as Record<Name, RelyingParty>;
const receivers = {} as Record<Name, LogoutReceiver>;
/** It never asked to be told. */
let quiet: RelyingParty;
let delivery: LogoutDelivery;
const log = pino({ level: 'silent' });
const methods = methodRegistry({ rpId: 'localhost', rpName: 'Test', origin: 'http://localhost' });

const clientOf = (name: Name, more: object = {}) => ({
  client_id: name,
  client_name: name.toUpperCase(),
  client_secret: 'secret',
  redirect_uris: [apps[name].redirectUri],
  post_logout_redirect_uris: [apps[name].postLogoutRedirectUri],
  backchannel_logout_uri: receivers[name].url,
  ...more,
});

beforeAll(async () => {
  const issuer = () => house.issuer;
  // `offline_access` takes `prompt=consent` (Core 11).
  const offline = { scope: 'openid offline_access', params: { prompt: 'consent' } };
  for (const name of names) {
    apps[name] = await startRelyingParty({ issuer, clientId: name, clientSecret: 'secret', ...offline });
    receivers[name] = await startLogoutReceiver(issuer, name);
  }
  quiet = await startRelyingParty({ issuer, clientId: 'quiet', clientSecret: 'secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 1_000 } }) });
  await house.seed({
    clients: [
      clientOf('payroll', { backchannel_logout_session_required: true }),
      clientOf('wiki'),
      clientOf('chat'),
      { client_id: 'quiet', client_secret: 'secret', redirect_uris: [quiet.redirectUri] },
    ],
  });
  await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
});
afterAll(async () => {
  await Promise.all(names.flatMap((name) => [apps[name]?.close(), receivers[name]?.stop()]));
  await quiet?.close();
  await house?.close();
});

/** Its rounds are driven by the tests, and a busy machine is no relying party that is slow. */
function aDelivery(more: Partial<OutboundRules> = {}): LogoutDelivery {
  const outbound = { ...house.logouts.outbound, longestMs: 20_000, ...more };
  return startLogoutDelivery({ run: house.base.run, ...house.logouts, outbound, log, everyMs: 3_600_000 });
}

beforeEach(() => {
  delivery = aDelivery();
});
/** The clock of the test, which goes back after it. */
let ahead = 0;
function later(minutes: number): void {
  ahead += minutes;
  house.clock.advance(minutes);
}

afterEach(async () => {
  later(-ahead);
  await delivery.stop();
  await house.base.knex('logout_outbox').delete();
  for (const name of names) {
    receivers[name].failWith = undefined;
    expect(receivers[name].mistakes, name).toEqual([]);
  }
});

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly authenticator: SoftwareAuthenticator;
}

const stopAt = () => [...names.map((name) => apps[name].redirectUri), quiet.redirectUri];

async function aPerson(): Promise<Person> {
  const userName = aName();
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const browser = newBrowser({ stopAt: stopAt() });
  await browser.visit(await quiet.authorizationUrl());
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  await house.work((work) => signOutEverywhere(work, { userId: id, methods }));
  return { id, userName, authenticator };
}

interface Session {
  readonly browser: CookieBrowser;
  readonly at: Readonly<Partial<Record<Name, SignedIn>>>;
}

/** A browser that signs in to these apps, one after the other. */
async function signIn(person: Person, where: readonly Name[] = names, userAgent?: string): Promise<Session> {
  const browser = newBrowser({ stopAt: stopAt(), ...(userAgent !== undefined && { userAgent }) });
  const at: Partial<Record<Name, SignedIn>> = {};
  for (const [index, name] of where.entries()) {
    await browser.visit(await apps[name].authorizationUrl());
    if (index === 0) await usePasskey(browser, person.authenticator);
    at[name] = await apps[name].exchange(browser.page.callback);
  }
  return { browser, at };
}

const told = (name: Name, userId: string) =>
  receivers[name].logouts.filter(({ claims }) => claims.sub === userId).map(({ claims }) => claims.sid);
const outboxOf = async (userId: string) => (await house.work(listLogouts)).filter((logout) => logout.userId === userId);

const silently = async (browser: CookieBrowser, app: RelyingParty) => {
  const { callback } = await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
  return callback.searchParams.get('error') ?? 'code';
};
const works = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

test('discovery says that relying parties are told', async () => {
  const metadata = await (await fetch(`${house.issuer}/.well-known/openid-configuration`)).json();
  expect(metadata).toMatchObject({ backchannel_logout_supported: true, backchannel_logout_session_supported: true });
});

describe('who is told', () => {
  test('signed out at one app: every app of the session, by the sid of its own ID tokens, and nobody twice', async () => {
    const person = await aPerson();
    const { browser, at } = await signIn(person);
    await browser.visit(await quiet.authorizationUrl());
    const other = await signIn(person, ['wiki']);
    await browser.visit(await apps.payroll.logoutUrl(at.payroll!.tokens.id_token!));
    await browser.click('confirm-logout');
    expect(await delivery.round()).toBe(3);
    for (const name of names) {
      expect(at[name]!.claims.sid, name).toEqual(expect.any(String));
      expect(told(name, person.id), name).toEqual([at[name]!.claims.sid]);
    }
    expect(await silently(other.browser, apps.wiki)).toBe('code');
    expect(await delivery.round()).toBe(0);
    expect(await outboxOf(person.id)).toHaveLength(3);
    expect(await outboxOf(person.id)).toMatchObject(names.map(() => ({ state: 'delivered', attempts: 1 })));
  });

  test('signed out of one app and staying signed in: that app alone', async () => {
    const person = await aPerson();
    const { browser, at } = await signIn(person);
    await browser.visit(await apps.payroll.logoutUrl(at.payroll!.tokens.id_token!));
    await browser.click('stay');
    await delivery.round();
    expect(names.map((name) => told(name, person.id))).toEqual([[at.payroll!.claims.sid], [], []]);
    expect(await silently(browser, apps.wiki)).toBe('code');
  });

  const endings: readonly (readonly [string, (person: Person) => Promise<unknown>])[] = [
    ['disabled', ({ id }) => house.work((work) => changePerson(work, id, { enabled: false }))],
    ['deleted', ({ id }) => house.work((work) => deletePerson(work, id))],
    [
      'contained',
      async ({ id }) => {
        const { token } = await house.work((work) => openLink(work, id));
        await house.base.run({ actor: anonymous, origin: asOperator.origin }, (work) =>
          contain(work, { token, methods }),
        );
      },
    ],
    ['signed out everywhere', ({ id }) => house.work((work) => signOutEverywhere(work, { userId: id, methods }))],
  ];
  test.each(endings)('%s: every app of every session', async (_how, end) => {
    const person = await aPerson();
    const sessions = [await signIn(person), await signIn(person, ['wiki', 'chat'])];
    const bystander = await aPerson();
    const { browser } = await signIn(bystander, ['chat']);
    await end(person);
    await delivery.round();
    for (const name of names) {
      const sids = sessions.flatMap(({ at }) => at[name]?.claims.sid ?? []);
      expect(told(name, person.id).sort(), name).toEqual(sids.sort());
    }
    expect(told('chat', bystander.id)).toEqual([]);
    expect(await silently(browser, apps.chat)).toBe('code');
  });

  test('nobody, when the work that ends the session is rolled back', async () => {
    const person = await aPerson();
    const { browser } = await signIn(person, ['chat']);
    const failing = house.work(async (work) => {
      await signOutEverywhere(work, { userId: person.id, methods });
      throw new Error('something else went wrong');
    });
    await expect(failing).rejects.toThrow('something else');
    expect(await delivery.round()).toBe(0);
    expect(await outboxOf(person.id)).toEqual([]);
    expect(await silently(browser, apps.chat)).toBe('code');
  });

  describe('a session that was born of a pass', () => {
    const db = () => connectNamedStatements(house.base.connection, { max: 2 });

    async function aGuest() {
      const userName = aName('guest');
      const { id } = await house.user(userName);
      const code = await house.pass(userName, { purpose: 'signIn' });
      const browser = newBrowser({ stopAt: stopAt() });
      await browser.visit(await apps.chat.authorizationUrl());
      const { callback } = await enterPass(browser, userName, code);
      return { id, browser, signedIn: await apps.chat.exchange(callback) };
    }

    test.each([
      ['in use', ''],
      ['idle for too long', "update oidc_sessions set expires_at = now() - interval '1 hour' where account_id = ?"],
    ])('ends with it: its apps are told within a round of maintenance, %s', async (_state, before) => {
      const guest = await aGuest();
      const statements = db();
      try {
        if (before) await house.base.knex.raw(before, [guest.id]);
        await endWithPasses(statements);
        await purgeExpired(statements);
        expect(await outboxOf(guest.id)).toEqual([]);

        await house.work((work) => revokePass(work, { user: guest.id }));
        expect(await endWithPasses(statements)).toBe(1);
        expect(await endWithPasses(statements)).toBe(0);
        await delivery.round();
        expect(told('chat', guest.id)).toEqual([guest.signedIn.claims.sid]);
        if (!before) return;
        await purgeExpired(statements);
        expect(await house.base.knex('oidc_sessions').where('account_id', '=', guest.id)).toEqual([]);
      } finally {
        await statements.close();
      }
    });
  });
});

describe('a relying party that is down', () => {
  test('is told when it is up again, with a token made then, and the others do not wait', async () => {
    const person = await aPerson();
    const { at } = await signIn(person);
    await receivers.wiki.stop();
    onTestFinished(() => receivers.wiki.start());
    receivers.chat.failWith = 503;
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    expect(await delivery.round()).toBe(3);
    expect(told('payroll', person.id)).toEqual([at.payroll!.claims.sid]);
    const statusOf = async (clientId: Name) =>
      (await outboxOf(person.id)).find((logout) => logout.clientId === clientId);
    expect(await statusOf('wiki')).toMatchObject({ state: 'queued', attempts: 1, lastError: 'ECONNREFUSED' });
    expect(await statusOf('chat')).toMatchObject({ state: 'queued', attempts: 1, lastError: 'http_503' });
    expect(await delivery.round()).toBe(0);

    for (const hours of [1, 2, 3]) {
      later(60);
      expect(await delivery.round(), `${hours} h`).toBe(2);
    }
    await receivers.wiki.start();
    receivers.chat.failWith = undefined;
    const up = Math.floor(Date.now() / 1000);
    later(60);
    await delivery.round();
    for (const name of ['wiki', 'chat'] as const) {
      expect(told(name, person.id)).toEqual([at[name]!.claims.sid]);
      expect(receivers[name].logouts.at(-1)!.claims.iat).toBeGreaterThanOrEqual(up);
      expect(await statusOf(name)).toMatchObject({ state: 'delivered', attempts: 5, lastError: null });
    }
  });

  test('is given up after a day', async () => {
    const person = await aPerson();
    await signIn(person, ['chat']);
    receivers.chat.failWith = 500;
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    await delivery.round();
    later(25 * 60);
    await delivery.round();
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'failed', lastError: 'http_500', dueAt: null }]);
    expect(await delivery.round()).toBe(0);
  });

  test('does not get a whole pile in one round, and then all of it', async () => {
    const { id } = await house.user(aName());
    await house.base.knex.raw(
      `insert into logout_outbox (id, client_id, account_id, session_uid, sid, created_at, due_at)
       select gen_random_uuid(), 'chat', ?, 'pile-' || n, 'pile-' || n, now(), now() from generate_series(1, 40) n`,
      [id],
    );
    const before = receivers.chat.requests;
    receivers.chat.failWith = 503;
    await delivery.round();
    expect(receivers.chat.requests - before).toBeLessThanOrEqual(8);
    receivers.chat.failWith = undefined;
    later(1);
    await delivery.round();
    expect(new Set(told('chat', id)).size).toBe(40);
  });

  test('that says 400 is asked five times and no more', async () => {
    const person = await aPerson();
    await signIn(person, ['chat']);
    receivers.chat.failWith = 400;
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    for (let tries = 1; tries <= 5; tries += 1) {
      expect(await delivery.round()).toBe(1);
      later(30);
    }
    expect(await delivery.round()).toBe(0);
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'refused', attempts: 5, lastError: 'http_400' }]);
  });

  test('that is to be told no more by the time is not', async () => {
    const person = await aPerson();
    await signIn(person, ['chat']);
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    await house.seed({ clients: [clientOf('chat', { backchannel_logout_uri: undefined })] });
    const before = receivers.chat.requests;
    await delivery.round();
    await house.seed({ clients: [clientOf('chat')] });
    expect(receivers.chat.requests).toBe(before);
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'failed', lastError: 'client_gone' }]);
  });

  test('at an address that is private is not called, unless this is somebody’s own machine', async () => {
    const person = await aPerson();
    await signIn(person, ['chat']);
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    const before = receivers.chat.requests;
    const strict = aDelivery({ local: false });
    await strict.round();
    await strict.stop();
    expect(receivers.chat.requests).toBe(before);
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'queued', lastError: 'address_refused' }]);
    later(1);
    await delivery.round();
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'delivered' }]);
  });
});

describe('nodes', () => {
  test('one that dies between taking a logout and sending it leaves it to the next', async () => {
    const person = await aPerson();
    const { at } = await signIn(person, ['chat']);
    await house.work((work) => signOutEverywhere(work, { userId: person.id, methods }));
    const dead = await house.work((work) => claimLogout(work, []));
    expect(dead).toMatchObject({ clientId: 'chat', accountId: person.id, attempt: 1 });
    expect(await delivery.round()).toBe(0);
    later(1);
    expect(await delivery.round()).toBe(1);
    expect(told('chat', person.id)).toEqual([at.chat!.claims.sid]);
    // It was only slow: what it says now changes nothing.
    await house.work((work) => settleLogout(work, dead!, { kind: 'failed', error: 'late' }));
    expect(await outboxOf(person.id)).toMatchObject([{ state: 'delivered', attempts: 2, lastError: null }]);
  });

  test('two that send at once send each token once', async () => {
    const people = [await aPerson(), await aPerson()];
    for (const person of people) for (const _session of [1, 2]) await signIn(person);
    for (const { id } of people) await house.work((work) => signOutEverywhere(work, { userId: id, methods }));
    const second = aDelivery();
    const sent = await Promise.all([delivery.round(), second.round()]);
    await second.stop();
    expect(sent[0] + sent[1]).toBe(12);
    for (const { id } of people) for (const name of names) expect(new Set(told(name, id)).size).toBe(2);
    for (const { id } of people) for (const name of names) expect(told(name, id)).toHaveLength(2);
  });

  test('signed out everywhere: users, sessions and apps, dead on both at once, and nobody else', async () => {
    const base = await openBase(house.base.config, 'command', () => {});
    const node = await wire(base, log);
    const server = createServer(node.handler).listen(await freePort(), 'localhost');
    await new Promise((resolve) => server.once('listening', resolve));
    const other = `http://localhost:${(server.address() as { port: number }).port}`;
    try {
      const people = [await aPerson(), await aPerson(), await aPerson()];
      const sessions = await Promise.all(people.map(async (person) => [await signIn(person), await signIn(person)]));
      const bystander = await aPerson();
      const theirs = await signIn(bystander);

      /** Everything that may still work, asked of both nodes. */
      const alive = async ({ browser, at }: Session): Promise<string[]> => {
        const cookie = browser.cookies.all.map(({ name, value }) => `${name}=${value}`).join('; ');
        const found = await Promise.all(
          names.map(async (name) => {
            const { tokens, claims } = at[name]!;
            const headers = { authorization: `Bearer ${tokens.access_token}` };
            const location = await fetch(
              `${other}/auth${(await apps[name].authorizationUrl({ prompt: 'none' })).search}`,
              {
                headers: { cookie },
                redirect: 'manual',
              },
            ).then((answer) => new URL(answer.headers.get('location')!));
            return [
              (await works(apps[name].userinfo(tokens.access_token, claims.sub))) && `${name} userinfo`,
              (await fetch(`${other}/me`, { headers })).status !== 401 && `${name} userinfo there`,
              location.searchParams.has('code') && `${name} session there`,
              (await works(apps[name].refresh(tokens.refresh_token!))) && `${name} refresh`,
            ];
          }),
        );
        if ((await silently(browser, quiet)) === 'code') found.push(['session']);
        return found.flat().filter((what) => what !== false);
      };

      await Promise.all(
        people.map(({ id }, index) => {
          const { run } = index % 2 === 0 ? base : house.base;
          return run(asOperator, (work) => signOutEverywhere(work, { userId: id, methods }));
        }),
      );
      for (const session of sessions.flat()) expect(await alive(session)).toEqual([]);
      expect(await alive(theirs)).toHaveLength(names.length * 4 + 1);
      expect(await delivery.round()).toBe(people.length * 2 * names.length);
      for (const [index, { id }] of people.entries()) {
        for (const name of names) {
          const sids = sessions[index]!.map(({ at }) => at[name]!.claims.sid);
          expect(told(name, id).sort()).toEqual(sids.sort());
        }
        expect(await eventsOf(house, { userId: id, type: 'session.all-ended' })).toHaveLength(2);
      }
    } finally {
      server.closeAllConnections();
      server.close();
      await node.db.close();
      await base.close();
    }
  });
});

describe('the management API', () => {
  const post = async (token: string, path: string) => {
    const answer = await fetch(`${house.issuer}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  test.each(['v1.0', 'beta'])('revokes the sessions of a user: %s', async (version) => {
    await house.seed({
      clients: [
        {
          client_id: 'hr',
          client_secret: 'secret',
          grant_types: ['client_credentials'],
          app_roles: ['User.RevokeSessions.All'],
        },
      ],
    });
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: `${house.issuer}/management/.default`,
    });
    const headers = { authorization: `Basic ${btoa('hr:secret')}` };
    const issued = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
    const { access_token: token } = (await issued.json()) as { access_token: string };

    const person = await aPerson();
    const { browser } = await signIn(person, ['chat']);
    const context = `${house.issuer}/${version}/$metadata#Edm.Boolean`;
    expect(await post(token, `${version}/users/${person.userName}/revokeSignInSessions`)).toEqual({
      status: 200,
      body: { '@odata.context': context, value: true },
    });
    expect(await silently(browser, apps.chat)).toBe('login_required');
    await delivery.round();
    expect(told('chat', person.id)).toHaveLength(1);
    expect(await eventsOf(house, { userId: person.id, type: 'session.all-ended' })).toMatchObject([
      {},
      { actor_kind: 'client', actor_id: 'hr' },
    ]);
    expect((await post(token, `${version}/users/nobody@example.com/revokeSignInSessions`)).status).toBe(404);
    expect((await post(token, `${version}/me/revokeSignInSessions`)).status).toBe(403);
    expect((await post('wrong', `${version}/me/revokeSignInSessions`)).status).toBe(401);
  });

  test('revokes one’s own, the token that asked included', async () => {
    await house.seed({ clients: [clientOf('payroll', { delegated_permissions: ['User.ReadWrite'] })] });
    const person = await aPerson();
    const browser = newBrowser({ stopAt: stopAt() });
    const asked = { scope: 'openid User.ReadWrite', resource: `${house.issuer}/management` };
    await browser.visit(await apps.payroll.authorizationUrl(asked));
    await usePasskey(browser, person.authenticator);
    const { tokens } = await apps.payroll.exchange(browser.page.callback);
    expect(await post(tokens.access_token, 'v1.0/me/revokeSignInSessions')).toMatchObject({
      status: 200,
      body: { value: true },
    });
    expect((await post(tokens.access_token, 'v1.0/me/revokeSignInSessions')).status).toBe(401);
    expect(await silently(browser, quiet)).toBe('login_required');
    await delivery.round();
  });
});

describe('My security info', () => {
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
  const iphone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

  async function atThePage() {
    const person = await aPerson();
    const phone = await signIn(person, ['chat', 'wiki'], iphone);
    const { browser } = await signIn(person, ['payroll'], firefox);
    await browser.visit(`${house.issuer}/security-info`);
    expect(browser.page.step).toBe('security-info');
    return { person, phone, browser };
  }
  const cards = (browser: CookieBrowser) =>
    browser.page.findAll('section[aria-labelledby=sessions] li').map(({ text }) => text);

  test('says where one is signed in, this browser first', async () => {
    const { browser } = await atThePage();
    const [here, there, ...more] = cards(browser);
    expect(more).toEqual([]);
    expect(here).toMatch(/^Firefox on Linux This browser Signed in .* UTC with a passkey .* Apps PAYROLL$/);
    expect(there).toMatch(/^Safari on iPhone Signed in .*Address \S+ Apps CHAT WIKI Sign out$/);
    const rows = await house.base.knex('oidc_sessions').select('*');
    for (const { value } of browser.cookies.all) expect(JSON.stringify(rows)).not.toContain(value);
  });

  test('signs one of them out, whose apps are told, and this one stays', async () => {
    const { person, phone, browser } = await atThePage();
    await browser.submit({ formWith: 'session' });
    expect(browser.page.text).toContain('Signed out there.');
    expect(cards(browser)).toHaveLength(1);
    expect(await silently(phone.browser, apps.chat)).toBe('login_required');
    expect(await works(apps.chat.refresh(phone.at.chat!.tokens.refresh_token!))).toBe(false);
    await delivery.round();
    expect(names.map((name) => told(name, person.id))).toEqual([
      [],
      [phone.at.wiki!.claims.sid],
      [phone.at.chat!.claims.sid],
    ]);
    expect(await eventsOf(house, { userId: person.id, type: 'session.ended' })).toMatchObject([
      { actor_kind: 'user', actor_id: person.id, details: { device: 'Safari on iPhone', apps: ['CHAT', 'WIKI'] } },
    ]);
  });

  test('does not sign out somebody else', async () => {
    const { browser } = await atThePage();
    const victim = await aPerson();
    const theirs = await signIn(victim, ['chat']);
    const { uid } = await house.base
      .knex('oidc_sessions')
      .where('account_id', '=', victim.id)
      .whereNull('ended_at')
      .first();
    await browser.submit({ formWith: 'session', override: { session: uid } });
    expect(await silently(theirs.browser, apps.chat)).toBe('code');
  });

  test('signs out everywhere after one more question, without script', async () => {
    const { phone, browser } = await atThePage();
    await browser.click('sign-out-everywhere');
    expect(browser.page.step).toBe('sign-out-everywhere');
    expect(browser.page.findAll('script')).toEqual([]);
    expect(await silently(phone.browser, apps.chat)).toBe('code');
    await browser.click('sign-out-everywhere');
    expect(browser.page.step).toBe('logged-out');
    expect(await silently(browser, quiet)).toBe('login_required');
    expect(await silently(phone.browser, apps.chat)).toBe('login_required');
  });

  test('takes neither from another site’s page', async () => {
    const { phone, browser } = await atThePage();
    const right = browser.page.csrf!;
    for (const path of ['sessions/end', 'sign-out-everywhere']) {
      for (const [site, csrf] of [
        ['cross-site', right],
        ['same-origin', `${right}x`],
      ] as const) {
        const answer = await browser.request(`${house.issuer}/security-info/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': site },
          body: new URLSearchParams({ csrf }).toString(),
        });
        expect(answer.status).toBe(403);
      }
    }
    expect(await silently(phone.browser, apps.chat)).toBe('code');
  });

  test('asks for a passkey again first when the last time is more than ten minutes ago', async () => {
    const { phone, browser } = await atThePage();
    later(11);
    await browser.submit({ formWith: 'session' });
    later(-11);
    expect(await silently(phone.browser, apps.chat)).toBe('code');
  });

  test('shows no sessions to who signed in with a pass, and ends none for them', async () => {
    const { person, phone } = await atThePage();
    const browser = newBrowser({ stopAt: stopAt() });
    await browser.visit(`${house.issuer}/security-info`);
    await enterPass(browser, person.userName, await house.pass(person.userName, { purpose: 'signIn' }));
    expect(browser.page.step).toBe('security-info');
    expect(cards(browser)).toEqual([]);
    await browser.visit(`${house.issuer}/security-info/sign-out-everywhere`);
    await browser.click('sign-out-everywhere');
    expect(await silently(phone.browser, apps.chat)).toBe('code');
  });
});

test('a session that ends twice is told of once', async () => {
  const person = await aPerson();
  await signIn(person, ['chat']);
  const { uid } = await house.base
    .knex('oidc_sessions')
    .where('account_id', '=', person.id)
    .whereNull('ended_at')
    .first();
  await Promise.all([1, 2, 3].map(() => house.work((work) => endSession(work, uid))));
  expect(await outboxOf(person.id)).toHaveLength(1);
  await delivery.round();
});
