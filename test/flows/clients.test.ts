import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { changeApp, deleteApp } from '../../src/apps.ts';
import { clientChange, isConfidential } from '../../src/clients/client.ts';
import { clientAndOwners, renewClientSecret } from '../../src/clients/manage-clients.ts';
import type { Actor } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { joinWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Clients as the command line changes them, and what of that the protocol knows at once. */

let house: TestHouse;
let app: RelyingParty;
const scope = { scope: 'openid offline_access', params: { prompt: 'consent' } };
beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret', ...scope });
  house = await startHouse();
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});
const appSeed = () => ({ client_id: 'app', client_secret: 'secret', redirect_uris: [app.redirectUri] });
const hrSeed = {
  client_id: 'hr',
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  app_roles: ['User.Read.All'],
};
const seeded = () => house.seed({ clients: [appSeed(), hrSeed] });
beforeEach(seeded);

const set = (id: string, changes: object) =>
  house.work(async (work) => {
    await changeApp(work, id, clientChange.parse(changes));
    return (await clientAndOwners(work, id)).client;
  });

/** A token of `hr` for the management API, or the status of the refusal. */
async function tokenOf(secret: string, id = 'hr'): Promise<string | number> {
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
  });
  return answer.ok ? ((await answer.json()) as { access_token: string }).access_token : answer.status;
}

const usersSeenBy = async (token: string | number) =>
  (await fetch(`${house.issuer}/v1.0/users`, { headers: { authorization: `Bearer ${token}` } })).status;

describe('changing a client', () => {
  test('keeps what is not named, takes away what is null, and is known to the protocol at once', async () => {
    const before = await set('app', { client_name: 'Payroll', client_uri: 'https://payroll.example' });
    const after = await set('app', { client_uri: null, require_pkce: false });
    const { client_uri: _gone, ...kept } = before.metadata;
    expect(after).toEqual({ ...before, metadata: { ...kept, require_pkce: false } });
    expect(isConfidential(after)).toBe(true);
    const elsewhere = `${app.origin}/cb2`;
    const begins = async () => {
      const query = { client_id: 'app', redirect_uri: elsewhere, response_type: 'code', scope: 'openid' };
      return (await newBrowser().visit(`${house.issuer}/auth?${new URLSearchParams(query)}`)).step;
    };
    expect(await begins()).toBe('error');
    await set('app', { redirect_uris: [app.redirectUri, elsewhere] });
    expect(await begins()).toBe('identify');
  });

  test('what it may do holds for tokens it has already', async () => {
    const token = await tokenOf('secret');
    expect(await usersSeenBy(token)).toBe(200);
    await set('hr', { app_roles: [] });
    expect(await usersSeenBy(token)).toBe(403);
    await set('hr', { app_roles: ['User.Read.All'] });
    expect(await usersSeenBy(token)).toBe(200);
  });

  test.each([
    ['hr', { grant_types: ['authorization_code'] }, 'redirect_uris needs at least one address'],
    ['app', { token_endpoint_auth_method: 'none' }, 'does not go with token_endpoint_auth_method "none"'],
    ['app', { redirect_uris: null }, 'redirect_uris needs at least one address'],
    ['app', { redirect_uris: ['https://a.example/#fragment'] }, 'could not be used like that'],
    ['none', { client_name: 'X' }, 'There is no such client.'],
  ])('%s with %o is refused, and nothing changes', async (id, changes, words) => {
    const before = await house.base.knex('clients').orderBy('client_id');
    await expect(set(id, changes)).rejects.toThrow(words);
    expect(await house.base.knex('clients').orderBy('client_id')).toEqual(before);
  });

  test.each([{ client_id: 'other' }, { client_secret: 'x' }, { colour: 'red' }, { first_party: false }])(
    '%o is not for changing',
    (changes) => {
      expect(clientChange.safeParse(changes).success).toBe(false);
    },
  );

  test('from people to no people: the answers that go with the grants follow them', async () => {
    const changes = { grant_types: ['client_credentials'], redirect_uris: null, app_roles: ['User.Read.All'] };
    const after = await set('app', changes);
    expect(after.metadata).toMatchObject({ response_types: [], redirect_uris: [] });
    expect(typeof (await tokenOf('secret', 'app'))).toBe('string');
  });

  test('the same again is no change, and no event', async () => {
    await set('app', { client_name: 'Same' });
    const before = (await eventsOf(house, { type: 'client.changed' })).length;
    await set('app', { client_name: 'Same' });
    expect(await eventsOf(house, { type: 'client.changed' })).toHaveLength(before);
  });
});

describe('a new secret', () => {
  test('works at once, and the one before no longer', async () => {
    expect(typeof (await tokenOf('secret'))).toBe('string');
    const { secret } = await house.work((work) => renewClientSecret(work, 'hr'));
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect([await tokenOf('secret'), typeof (await tokenOf(secret))]).toEqual([401, 'string']);
    const kept = JSON.stringify([await house.base.knex('clients'), await house.base.knex('audit_events')]);
    expect(kept).not.toContain(secret);
  });

  test('is not made for a public client', async () => {
    await house.seed({ clients: [{ client_id: 'spa', redirect_uris: ['http://localhost:1/cb'] }] });
    await expect(house.work((work) => renewClientSecret(work, 'spa'))).rejects.toThrow('This client is public');
  });
});

describe('a client that is deleted', () => {
  test('loses its tokens at once, and a new one of that name does not have them', async () => {
    const token = await tokenOf('secret');
    expect(await usersSeenBy(token)).toBe(200);
    await house.work((work) => deleteApp(work, 'hr'));
    expect([await usersSeenBy(token), await tokenOf('secret')]).toEqual([401, 401]);
    await seeded();
    expect(await usersSeenBy(token)).toBe(401);
    expect(await usersSeenBy(await tokenOf('secret'))).toBe(200);
  });

  test('loses what people gave it; the sessions of the people stay', async () => {
    const name = aName('person');
    await house.user(name);
    const browser = newBrowser({ stopAt: [app.redirectUri] });
    await browser.visit(await app.authorizationUrl());
    const { callback } = await joinWithPass(browser, newAuthenticator(), name, await house.pass(name));
    const { tokens, claims } = await app.exchange(callback);
    await app.userinfo(tokens.access_token, claims.sub);
    await house.work((work) => deleteApp(work, 'app'));
    await seeded();
    await expect(app.userinfo(tokens.access_token, claims.sub)).rejects.toThrow();
    await expect(app.refresh(tokens.refresh_token!)).rejects.toThrow();
    expect(await house.base.knex('oidc_grants').where({ client_id: 'app' })).toEqual([]);
    const again = await browser.visit(await app.authorizationUrl({ scope: 'openid', prompt: 'none' }));
    expect(again.callback.searchParams.get('error')).toBeNull();
    expect((await app.exchange(again.callback)).claims.sub).toBe(claims.sub);
  });

  test('ends a sign-in that was under way for it', async () => {
    const browser = newBrowser();
    expect((await browser.visit(await app.authorizationUrl())).step).toBe('identify');
    await house.work((work) => deleteApp(work, 'app'));
    expect((await browser.reload()).step).toBe('error');
  });
});

test('an Application Administrator looks after clients, but not after those with powers here', async () => {
  const { id: userId } = await house.user(aName('appadmin'));
  await house.work((work) => grantRole(work, userId, 'Application Administrator'));
  const actor: Actor = { kind: 'user', userId, strongAt: new Date() };
  const asAdmin = <T>(body: (work: Work) => Promise<T>) => house.base.run({ ...asOperator, actor }, body);
  await asAdmin((work) => changeApp(work, 'app', { client_name: 'Renamed' }));
  await asAdmin((work) => renewClientSecret(work, 'app'));
  const powers = /Global Administrators alone/;
  await expect(asAdmin((work) => changeApp(work, 'app', { app_roles: ['User.Read.All'] }))).rejects.toThrow(powers);
  await expect(asAdmin((work) => renewClientSecret(work, 'hr'))).rejects.toThrow(powers);
  const nobody = { ...asOperator, actor: { kind: 'anonymous' } as const };
  for (const act of [
    (work: Work) => changeApp(work, 'app', {}),
    (work: Work) => renewClientSecret(work, 'app'),
    (work: Work) => deleteApp(work, 'app'),
    (work: Work) => clientAndOwners(work, 'app'),
  ] as const) {
    await expect(house.base.run<unknown>(nobody, act)).rejects.toThrow('You may not do this.');
  }
});
