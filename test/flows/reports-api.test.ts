import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHouse, type TestHouse } from '../support/house.ts';

/** `reports/authenticationMethods`: who has registered what, counted as it is. */

type Json = Record<string, unknown>;

let house: TestHouse;
let token: string;
const ids = new Map<string, string>();
const address = (name: string) => `${name}@example.com`;

beforeAll(async () => {
  house = await startHouse();
  const names = [
    'nothing',
    'passholder',
    'key',
    'synced',
    'app',
    'halfapp',
    'codes',
    'lost',
    'chief',
    'away',
    'reader',
  ];
  await house.seed({
    policies: { temporaryAccessPass: { requireApprovalFor: [] } },
    users: names.map((name) => ({
      userPrincipalName: address(name),
      displayName: name,
      ...(name === 'chief' && { roles: ['Global Administrator'] }),
      ...(name === 'reader' && { roles: ['Global Reader'] }),
    })),
    clients: [
      {
        client_id: 'reporter',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['Reports.Read.All'],
      },
    ],
  });
  const { knex } = house.base;
  for (const row of await knex('users')) ids.set((row.user_principal_name as string).split('@')[0]!, row.id as string);
  const created_at = new Date();
  const passkey = (name: string, backup_eligible: boolean, more: object = {}) =>
    knex('passkeys').insert({
      id: randomUUID(),
      credential_id: randomBytes(32),
      user_id: ids.get(name),
      public_key: randomBytes(8),
      algorithm: -7,
      sign_count: 0,
      aaguid: randomUUID(),
      backup_eligible,
      backed_up: false,
      name: 'Passkey',
      created_at,
      ...more,
    });
  const app = (name: string) =>
    knex('authenticator_apps').insert({
      id: randomUUID(),
      user_id: ids.get(name),
      sealed_secret: randomBytes(8),
      name: 'App',
      created_at,
      last_step: 0,
      last_used_at: created_at,
    });
  const password = (name: string) =>
    knex('passwords').insert({
      user_id: ids.get(name),
      verifier: 'none',
      pepper_version: 1,
      created_at,
      changed_at: created_at,
    });
  await house.pass(address('passholder'));
  await passkey('key', false);
  await passkey('synced', true);
  await passkey('synced', false);
  await passkey('chief', false);
  await passkey('away', false);
  await passkey('lost', false, { suspended_at: created_at, suspend_reason: 'lost' });
  await app('app');
  await password('app');
  await app('halfapp');
  await password('nothing');
  await knex('recovery_codes').insert({
    id: randomUUID(),
    user_id: ids.get('codes'),
    set_id: randomUUID(),
    selector: 'abcd',
    verifier: 'none',
    pepper_version: 1,
    created_at,
  });
  await knex('users').where('id', '=', ids.get('away')!).update({ account_enabled: false });
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa('reporter:secret')}` },
  });
  token = ((await answer.json()) as { access_token: string }).access_token;
});
afterAll(() => house?.close());

const root = '/v1.0/reports/authenticationMethods';

async function get(path: string) {
  const answer = await fetch(new URL(path, house.issuer), { headers: { authorization: `Bearer ${token}` } });
  const body = (await answer.json()) as Json;
  return { status: answer.status, body, said: ((body.error ?? {}) as { message?: string }).message };
}

async function found(filter: string): Promise<string[]> {
  const { body } = await get(`${root}/userRegistrationDetails?$filter=${encodeURIComponent(filter)}`);
  expect(body).toHaveProperty('value');
  return (body.value as { userPrincipalName: string }[]).map(
    ({ userPrincipalName }) => userPrincipalName.split('@')[0]!,
  );
}

const one = async (name: string) => (await get(`${root}/userRegistrationDetails/${ids.get(name)!}`)).body;

describe('what one person has registered', () => {
  test('has every property of Graph’s', async () => {
    const body = await one('chief');
    expect(body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#reports/authenticationMethods/userRegistrationDetails/$entity`,
      id: ids.get('chief'),
      userPrincipalName: address('chief'),
      userDisplayName: 'chief',
      userType: 'member',
      isAdmin: true,
      isSsprRegistered: false,
      isSsprEnabled: false,
      isSsprCapable: false,
      isMfaRegistered: true,
      isMfaCapable: true,
      isPasswordlessCapable: true,
      methodsRegistered: ['passKeyDeviceBound'],
      isSystemPreferredAuthenticationMethodEnabled: false,
      systemPreferredAuthenticationMethods: [],
      userPreferredMethodForSecondaryAuthentication: 'none',
      lastUpdatedDateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/),
    });
    expect((await get(`${root}/userRegistrationDetails/${address('CHIEF')}`)).body).toMatchObject({ id: body.id });
  });

  test.each<[string, boolean, boolean, readonly string[]]>([
    ['nothing', false, false, []],
    ['passholder', false, false, ['temporaryAccessPass']],
    ['key', true, true, ['passKeyDeviceBound']],
    ['synced', true, true, ['passKeyDeviceBound', 'passKeySynced']],
    ['app', true, false, ['softwareOneTimePasscode']],
    ['halfapp', false, false, ['softwareOneTimePasscode']],
    ['codes', false, false, ['recoveryCode']],
    ['lost', false, false, []],
  ])('%s: a second factor %s, passwordless %s, %j', async (name, isMfaRegistered, isPasswordlessCapable, methods) => {
    expect(await one(name)).toMatchObject({
      isMfaRegistered,
      isMfaCapable: isMfaRegistered,
      isPasswordlessCapable,
      methodsRegistered: methods,
      isAdmin: false,
    });
  });

  test('a pass that has ended is none', async () => {
    house.clock.advance(24 * 60);
    expect(await one('passholder')).toMatchObject({ methodsRegistered: [] });
    house.clock.advance(-24 * 60);
    expect(await one('passholder')).toMatchObject({ methodsRegistered: ['temporaryAccessPass'] });
  });

  test('an app beside a password is capable of nothing while policy allows no passwords', async () => {
    await house.seed({ policies: { password: { state: 'disabled' } } });
    expect(await one('app')).toMatchObject({ isMfaRegistered: true, isMfaCapable: false });
    expect(await one('key')).toMatchObject({ isMfaCapable: true });
    await house.seed({ policies: { password: { state: 'enabled' } } });
    expect(await one('app')).toMatchObject({ isMfaCapable: true });
  });

  test('a passkey or an app that policy does not let them use makes nobody capable, though registered', async () => {
    const off = { excludeTargets: [{ targetType: 'user', id: address('key') }] };
    await house.seed({ policies: { fido2: off, softwareOath: { state: 'disabled' } } });
    expect(await one('key')).toMatchObject({
      isMfaRegistered: true,
      isMfaCapable: false,
      isPasswordlessCapable: false,
    });
    expect(await one('app')).toMatchObject({ isMfaRegistered: true, isMfaCapable: false });
    expect(await one('synced')).toMatchObject({ isMfaCapable: true, isPasswordlessCapable: true });
    await house.seed({ policies: { fido2: { excludeTargets: [] }, softwareOath: { state: 'enabled' } } });
    expect(await one('key')).toMatchObject({ isMfaCapable: true, isPasswordlessCapable: true });
    expect(await one('app')).toMatchObject({ isMfaCapable: true });
  });

  test('is not told of somebody who is disabled, or is nobody', async () => {
    for (const who of [ids.get('away')!, address('nobody'), randomUUID()]) {
      expect((await get(`${root}/userRegistrationDetails/${who}`)).status).toBe(404);
    }
  });
});

describe('the list', () => {
  test.each<[string, readonly string[]]>([
    ['isMfaRegistered eq true', ['app', 'chief', 'key', 'synced']],
    ['isMfaRegistered eq false and isAdmin eq true', ['reader']],
    ['isPasswordlessCapable eq true and isAdmin eq false', ['key', 'synced']],
    ["methodsRegistered/any(m:m eq 'passKeySynced')", ['synced']],
    [
      "methodsRegistered/any(m: m eq 'temporaryAccessPass') or methodsRegistered/any(m:m eq 'recoveryCode')",
      ['codes', 'passholder'],
    ],
    ["userPrincipalName eq 'KEY@example.com'", ['key']],
    ["startswith(userDisplayName,'ha')", ['halfapp']],
    ["userType eq 'guest'", []],
    ["userType eq 'member' and isSsprRegistered eq false and startswith(userPrincipalName,'k')", ['key']],
  ])('narrowed by %s', async (filter, expected) => {
    expect(await found(filter)).toEqual(expected);
  });

  test('comes page by page, counted, and leaves out who is disabled', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${root}/userRegistrationDetails?$top=3&$select=userDisplayName&$count=true`;
    while (next) {
      const { body } = await get(next);
      expect(body['@odata.count']).toBe(10);
      seen.push(...(body.value as { userDisplayName: string }[]).map(({ userDisplayName }) => userDisplayName));
      next = body['@odata.nextLink'] as string | undefined;
    }
    expect(seen).toEqual([...ids.keys()].filter((name) => name !== 'away').sort());
  });

  test.each([
    ["$filter=methodsRegistered eq 'x'", /cannot compare "methodsRegistered"/],
    ['$filter=isAdmin eq 1', /true or false/],
    ['$orderby=isAdmin', /\$orderby/],
    ['$select=defaultMfaMethod', /defaultMfaMethod/],
  ])('refuses %s', async (query, message) => {
    expect(await get(`${root}/userRegistrationDetails?${query}`)).toMatchObject({
      status: 400,
      said: expect.stringMatching(message),
    });
  });
});

describe('how many people', () => {
  test('have each method', async () => {
    for (const brackets of ['', '()', "(includedUserTypes='all',includedUserRoles='all')"]) {
      expect((await get(`${root}/usersRegisteredByMethod${brackets}`)).body).toEqual({
        '@odata.context': `${house.issuer}/v1.0/$metadata#microsoft.graph.userRegistrationMethodSummary`,
        totalUserCount: 10,
        userRoles: 'all',
        userTypes: 'all',
        userRegistrationMethodCounts: [
          { userRegistrationMethod: 'passKeyDeviceBound', userCount: 3 },
          { userRegistrationMethod: 'passKeySynced', userCount: 1 },
          { userRegistrationMethod: 'recoveryCode', userCount: 1 },
          { userRegistrationMethod: 'softwareOneTimePasscode', userCount: 2 },
          { userRegistrationMethod: 'temporaryAccessPass', userCount: 1 },
        ],
      });
    }
  });

  test.each([
    ["(includedUserTypes='all',includedUserRoles='all')", 10, 3, 4],
    ["(includedUserRoles='admin')", 2, 1, 1],
    ["(includedUserRoles='privilegedAdmin',includedUserTypes='member')", 1, 1, 1],
    ["(includedUserRoles='user')", 8, 2, 3],
    ["(includedUserTypes='guest')", 0, 0, 0],
    ['(includedUserTypes=%27guest%27)', 0, 0, 0],
  ])('can do what: %s', async (brackets, all, passwordless, mfa) => {
    const { body } = await get(`${root}/usersRegisteredByFeature${brackets}`);
    expect(body).toMatchObject({
      totalUserCount: all,
      userRegistrationFeatureCounts: [
        { feature: 'ssprRegistered', userCount: 0 },
        { feature: 'ssprEnabled', userCount: 0 },
        { feature: 'ssprCapable', userCount: 0 },
        { feature: 'passwordlessCapable', userCount: passwordless },
        { feature: 'mfaCapable', userCount: mfa },
      ],
    });
  });

  test.each([
    "(includedUserRoles='boss')",
    "(colour='red')",
    '(x)',
    "(includedUserRoles='all',includedUserRoles='all')",
  ])('is not asked with %s', async (brackets) => {
    expect((await get(`${root}/usersRegisteredByMethod${brackets}`)).status).toBe(400);
  });
});
