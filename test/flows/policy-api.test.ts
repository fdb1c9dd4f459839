import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { resetAssurancePolicy } from '../../src/assurance/manage-policy.ts';
import { resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { resetPassPolicy } from '../../src/methods/temporary-access-pass/manage-policy.ts';
import { resetRegistrationPolicy } from '../../src/registration/manage-policy.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';

type Json = Record<string, unknown>;

const policy = '/v1.0/policies/authenticationMethodsPolicy';
const configuration = `${policy}/authenticationMethodConfigurations/TemporaryAccessPass`;
const type = '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration';
const defaults = {
  '@odata.type': type,
  id: 'TemporaryAccessPass',
  state: 'enabled',
  minimumLifetimeInMinutes: 60,
  maximumLifetimeInMinutes: 480,
  defaultLifetimeInMinutes: 60,
  defaultLength: 16,
  isUsableOnce: true,
  registrationWindowInMinutes: 10,
  maximumUses: null,
  requireReason: false,
  managersMayIssue: false,
  requireApprovalFor: [{ targetType: 'role', id: 'any_role' }],
  purpose: 'registration',
  satisfiesMultifactor: true,
  includeTargets: [{ targetType: 'group', id: 'all_users' }],
  excludeTargets: [],
  profiles: [],
};

const passwordDefaults = {
  '@odata.type': '#microsoft.graph.passwordAuthenticationMethodConfiguration',
  id: 'Password',
  state: 'enabled',
  alone: false,
  minimumLength: 8,
};

const forEverybody = {
  includeTargets: [{ targetType: 'group', id: 'all_users', isRegistrationRequired: false }],
  excludeTargets: [],
};
const fido2Defaults = {
  '@odata.type': '#microsoft.graph.fido2AuthenticationMethodConfiguration',
  id: 'Fido2',
  state: 'enabled',
  isSelfServiceRegistrationAllowed: true,
  isAttestationEnforced: false,
  keyRestrictions: { isEnforced: false, enforcementType: 'block', aaGuids: [] },
  ...forEverybody,
};
const softwareOathDefaults = {
  '@odata.type': '#microsoft.graph.softwareOathAuthenticationMethodConfiguration',
  id: 'SoftwareOath',
  state: 'enabled',
  ...forEverybody,
};
const recoveryCodeDefaults = {
  '@odata.type': '#microsoft.graph.recoveryCodeAuthenticationMethodConfiguration',
  id: 'RecoveryCode',
  state: 'enabled',
  ...forEverybody,
};

const registrationDefaults = {
  state: 'disabled',
  mode: 'required',
  includeTargets: [{ targetType: 'group', id: 'all_users' }],
  excludeTargets: [],
  count: 1,
  methods: ['passkey', 'authenticator-app'],
  snoozeDurationInDays: 1,
  snoozes: 3,
  enforceAfterSnoozes: true,
  reconfirmAfterDays: 0,
};
const campaignDefaults = {
  snoozeDurationInDays: 1,
  enforceRegistrationAfterAllowedSnoozes: true,
  state: 'disabled',
  includeTargets: [{ targetType: 'group', id: 'all_users', targetedAuthenticationMethod: 'fido2' }],
  excludeTargets: [],
};

let house: TestHouse;
const bearers: Record<string, string> = {};

beforeAll(async () => {
  house = await startHouse();
  const permissions = {
    writer: ['Policy.ReadWrite.AuthenticationMethod'],
    reader: ['Policy.Read.All'],
    passes: ['UserAuthenticationMethod.ReadWrite.All'],
  };
  await house.seed({
    groups: [{ displayName: 'Staff' }],
    clients: Object.entries(permissions).map(([client_id, app_roles]) => ({
      client_id,
      client_secret: 'secret',
      grant_types: ['client_credentials'],
      app_roles,
    })),
  });
  for (const clientId of Object.keys(permissions)) bearers[clientId] = await bearerOf(clientId);
});
afterEach(() => house.work(resetPassPolicy));
afterAll(() => house?.close());

async function bearerOf(clientId: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa(`${clientId}:secret`)}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
}

async function call(method: string, path: string, body?: unknown, as = 'writer', contentType = 'application/json') {
  const answer = await fetch(`${house.issuer}${path}`, {
    method,
    headers: { authorization: bearers[as] ?? '', ...(body === undefined ? {} : { 'content-type': contentType }) },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: (text === '' ? {} : JSON.parse(text)) as Json };
}

const patch = (body: unknown, as?: string) => call('PATCH', configuration, body, as);
const current = async () => (await call('GET', configuration)).body;

function expectRefusal(answer: Awaited<ReturnType<typeof call>>, status: number, code: string, message: unknown) {
  expect({ status: answer.status, error: answer.body.error }).toEqual({
    status,
    error: { code, message, innerError: expect.any(Object) },
  });
}

describe('the configuration of passwords', () => {
  const passwords = `${policy}/authenticationMethodConfigurations/Password`;
  const settings = async () => {
    const { '@odata.context': _context, ...rest } = (await call('GET', passwords, undefined, 'reader')).body;
    return rest;
  };
  afterEach(() => call('DELETE', passwords));

  test('is read, changed where it is named, and put back', async () => {
    expect(await settings()).toEqual(passwordDefaults);
    expect((await call('PATCH', passwords, { minimumLength: 12 })).status).toBe(204);
    expect((await call('PATCH', passwords.replace('/Password', "('password')"), { state: 'disabled' })).status).toBe(
      204,
    );
    const changed = { ...passwordDefaults, minimumLength: 12, state: 'disabled' };
    expect(await settings()).toEqual(changed);
    expect((await call('PATCH', passwords, { ...changed, alone: true })).status).toBe(204);
    expect(await settings()).toEqual({ ...changed, alone: true });
    expect((await call('GET', policy)).body.authenticationMethodConfigurations).toContainEqual({
      ...changed,
      alone: true,
    });
    expect((await call('DELETE', passwords)).status).toBe(204);
    expect(await settings()).toEqual(passwordDefaults);
    expect((await eventsOf(house, { type: 'policy.changed' })).at(-1)?.details).toMatchObject({ policy: 'password' });
  });

  test.each([
    [{ minimumLength: 4 }, /minimumLength/],
    [{ state: 'off' }, /state/],
    [{ isUsableOnce: true }, /isUsableOnce/],
  ])('%j is a 400, and changes nothing', async (body, message) => {
    expectRefusal(await call('PATCH', passwords, body), 400, 'badRequest', expect.stringMatching(message));
    expect(await settings()).toEqual(passwordDefaults);
  });

  test.each([...['Sms', 'constructor'].map((id) => [id] as const)])('there is none of %s', async (id) => {
    expect((await call('GET', passwords.replace('Password', id))).status).toBe(404);
  });
});

describe.each([
  ['Fido2', 'fido2', fido2Defaults],
  ['SoftwareOath', 'softwareOath', softwareOathDefaults],
  ['RecoveryCode', 'recoveryCode', recoveryCodeDefaults],
])('the configuration %s', (name, document, asDecidedByNobody) => {
  const path = `${policy}/authenticationMethodConfigurations/${name}`;
  const settings = async (as = 'reader') => {
    const { '@odata.context': _context, ...rest } = (await call('GET', path, undefined, as)).body;
    return rest;
  };
  afterEach(() => call('DELETE', path));

  test('is read, changed where it is named, written back whole, and put back', async () => {
    expect(await settings()).toEqual(asDecidedByNobody);
    const excludeTargets = [{ targetType: 'user', id: (await house.user(aName())).id }];
    expect(await call('PATCH', path, { excludeTargets })).toMatchObject({ status: 204, text: '' });
    expect((await call('PATCH', path.replace(`/${name}`, `('${document}')`), { state: 'disabled' })).status).toBe(204);
    const changed = { ...asDecidedByNobody, excludeTargets, state: 'disabled' };
    expect(await settings()).toEqual(changed);
    const { authenticationMethodConfigurations: all } = (await call('GET', policy)).body;
    expect(all).toContainEqual(changed);
    const before = (await eventsOf(house, { type: 'policy.changed' })).length;
    const whole = (await call('GET', path.replace(name, name.toUpperCase()))).body;
    expect((await call('PATCH', path, { ...whole, createdDateTime: null })).status).toBe(204);
    expect(await settings()).toEqual(changed);
    expect(await eventsOf(house, { type: 'policy.changed' })).toHaveLength(before);
    expect((await call('DELETE', path)).status).toBe(204);
    expect(await settings()).toEqual(asDecidedByNobody);
    expect((await eventsOf(house, { type: 'policy.changed' })).at(-1)).toMatchObject({
      actor_kind: 'client',
      actor_id: 'writer',
      details: { policy: document, before: { state: 'disabled' }, after: { state: 'enabled' } },
    });
  });

  test.each<[string, unknown, RegExp]>([
    ['a state that is none', { state: 'default' }, /^state: /],
    ['what belongs to passes', { isUsableOnce: true }, /isUsableOnce/],
    [
      'a registration that is asked for elsewhere',
      { includeTargets: [{ targetType: 'group', id: 'all_users', isRegistrationRequired: true }] },
      /^includeTargets\.0\.isRegistrationRequired: .*requiredRegistration/,
    ],
    [
      'a group that does not exist',
      { includeTargets: [{ targetType: 'group', id: '00000000-0000-4000-8000-000000000000' }] },
      /^includeTargets\.0\.id: There is no group/,
    ],
    ['NUL in a text', { excludeTargets: [{ targetType: 'group', id: 'a\0' }] }, /character/],
  ])('%s is a 400 that says so, and nothing changes', async (_what, body, message) => {
    expectRefusal(await call('PATCH', path, body), 400, 'badRequest', expect.stringMatching(message));
    expect(await settings()).toEqual(asDecidedByNobody);
  });

  test('is read by who may read policies, and changed by who may write them', async () => {
    expect((await call('GET', path, undefined, 'passes')).status).toBe(403);
    expect((await call('PATCH', path, { state: 'disabled' }, 'reader')).status).toBe(403);
    expect((await call('DELETE', path, undefined, 'reader')).status).toBe(403);
    expect(await settings()).toEqual(asDecidedByNobody);
  });
});

describe('what cannot be honoured of Fido2', () => {
  test.each<[string, unknown, RegExp]>([
    ['attestation', { isAttestationEnforced: true }, /^isAttestationEnforced: .*neither asked for nor verified/],
    ['profiles', { passkeyProfiles: [] }, /Unrecognized key: "passkeyProfiles"/],
    [
      'profiles of a target',
      { includeTargets: [{ targetType: 'group', id: 'all_users', allowedPasskeyProfiles: ['x'] }] },
      /^includeTargets\.0\.allowedPasskeyProfiles: .*no passkey profiles/,
    ],
  ])('%s is a 400 that says so', async (_what, body, message) => {
    const path = `${policy}/authenticationMethodConfigurations/Fido2`;
    expectRefusal(await call('PATCH', path, body), 400, 'badRequest', expect.stringMatching(message));
    expect((await call('GET', path)).body).toMatchObject(fido2Defaults);
  });
});

describe('reading the policy', () => {
  test('answers the configuration with every property, defaults included', async () => {
    const answer = await call('GET', configuration, undefined, 'reader');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#authenticationMethodConfigurations/$entity`,
      ...defaults,
    });
  });

  test('answers the policy of all methods, with that one in it', async () => {
    expect((await call('GET', policy, undefined, 'reader')).body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#authenticationMethodsPolicy`,
      id: 'authenticationMethodsPolicy',
      displayName: 'Authentication Methods Policy',
      registrationEnforcement: {
        authenticationMethodsRegistrationCampaign: campaignDefaults,
        requiredRegistration: registrationDefaults,
      },
      assurance: { aliases: {} },
      authenticationMethodConfigurations: [
        defaults,
        fido2Defaults,
        softwareOathDefaults,
        passwordDefaults,
        recoveryCodeDefaults,
      ],
    });
  });

  test.each([
    `${policy}/authenticationMethodConfigurations/temporaryaccesspass`,
    `${policy}/authenticationMethodConfigurations('TemporaryAccessPass')`,
    `${policy}/authenticationMethodConfigurations('TEMPORARYACCESSPASS')`,
    configuration.replace('v1.0', 'beta'),
  ])('finds the same at %s', async (path) => {
    const { status, body } = await call('GET', path);
    expect(status).toBe(200);
    expect(body).toMatchObject(defaults);
  });

  test.each(['GET', 'PATCH', 'DELETE'])('of another method is a 404 to %s', async (method) => {
    const path = `${policy}/authenticationMethodConfigurations/Sms`;
    expectRefusal(
      await call(method, path, method === 'PATCH' ? {} : undefined),
      404,
      'itemNotFound',
      'There is no such authentication method configuration.',
    );
  });
});

describe('changing the policy', () => {
  test('answers 204 without a body, keeps what is not named, and is recorded as the application’s', async () => {
    expect(await patch({ defaultLength: 24 })).toMatchObject({ status: 204, text: '' });
    expect(await patch({ requireReason: true })).toMatchObject({ status: 204, text: '' });
    expect(await current()).toMatchObject({ ...defaults, defaultLength: 24, requireReason: true });
    expect((await eventsOf(house, { type: 'policy.changed' })).at(-1)).toMatchObject({
      actor_kind: 'client',
      actor_id: 'writer',
      details: { before: { requireReason: false }, after: { requireReason: true } },
    });
  });

  test('takes every setting at once', async () => {
    const { id } = await house.user('eve@example.com');
    const { id: staff } = await house.base.knex('groups').where('display_name', '=', 'Staff').first('id');
    const decided = {
      state: 'disabled',
      minimumLifetimeInMinutes: 10,
      maximumLifetimeInMinutes: 43_200,
      defaultLifetimeInMinutes: 1440,
      defaultLength: 48,
      isUsableOnce: false,
      registrationWindowInMinutes: 60,
      maximumUses: 100,
      requireReason: true,
      purpose: 'signIn',
      satisfiesMultifactor: false,
      includeTargets: [{ targetType: 'group', id: staff }],
      excludeTargets: [{ targetType: 'user', id }],
      profiles: [{ displayName: 'Staff', groups: [staff], settings: { defaultLength: 8, maximumUses: null } }],
    };
    expect((await patch(decided)).status).toBe(204);
    expect(await current()).toMatchObject(decided);
  });

  test('takes the whole object back as it was read, and as Graph’s clients write it', async () => {
    await patch({ defaultLength: 24 });
    const read = await current();
    const before = (await eventsOf(house, { type: 'policy.changed' })).length;
    const written = {
      ...read,
      createdDateTime: '2026-01-01T00:00:00Z',
      lastModifiedDateTime: null,
      'includeTargets@odata.context': 'https://graph.example/$metadata',
      includeTargets: [
        { '@odata.type': '#microsoft.graph.x', targetType: 'group', id: 'all_users', isRegistrationRequired: false },
      ],
    };
    expect((await patch(written)).status).toBe(204);
    expect(await current()).toEqual(read);
    expect(await eventsOf(house, { type: 'policy.changed' })).toHaveLength(before);
  });

  test.each<[string, unknown, RegExp]>([
    ['a setting nobody knows', { maximumLifetime: 1 }, /^The body: Unrecognized key: "maximumLifetime"\.$/],
    ['a value out of range', { defaultLength: 49 }, /^defaultLength: /],
    ['null where there is no null', { defaultLength: null }, /^defaultLength: /],
    ['lifetimes that do not agree', { maximumLifetimeInMinutes: 30 }, /^minimumLifetimeInMinutes must not be more/],
    ['uses below two', { maximumUses: 1 }, /^maximumUses: /],
    [
      'a group that does not exist',
      { includeTargets: [{ targetType: 'group', id: '00000000-0000-4000-8000-000000000000' }] },
      /^includeTargets\.0\.id: There is no group "00000000-/,
    ],
    [
      'a user that does not exist',
      { excludeTargets: [{ targetType: 'user', id: '00000000-0000-4000-8000-000000000000' }] },
      /^excludeTargets\.0\.id: There is no user "00000000-/,
    ],
    [
      'a registration that is not asked for here',
      { includeTargets: [{ targetType: 'group', id: 'all_users', isRegistrationRequired: true }] },
      /^includeTargets\.0: Unrecognized key: "isRegistrationRequired"/,
    ],
    [
      'a profile with a key nobody knows',
      { profiles: [{ displayName: 'x', groups: ['Staff'], settings: {}, id: 'x' }] },
      /"id"/,
    ],
    ['a prototype', '{"__proto__":{"state":"disabled"}}', /^The body: Unrecognized key: "__proto__"/],
    ['NUL in a text', { profiles: [{ displayName: 'a\0', groups: ['Staff'], settings: {} }] }, /character/],
    ['a list', [], /^The body: /],
    ['null', 'null', /^The body: /],
    ['nothing', undefined, /^The body: /],
    ['half a body', '{"state":', /not valid JSON/],
  ])('%s is a 400 that names it, and nothing changes', async (_what, body, message) => {
    expectRefusal(await patch(body), 400, 'badRequest', expect.stringMatching(message));
    expect(await current()).toMatchObject(defaults);
  });

  test('takes JSON alone', async () => {
    expect((await call('PATCH', configuration, '{}', 'writer', 'text/plain')).status).toBe(415);
  });

  test('is undone by DELETE, which may be repeated', async () => {
    await patch({ state: 'disabled', defaultLength: 24 });
    expect(await call('DELETE', configuration)).toMatchObject({ status: 204, text: '' });
    expect(await call('DELETE', configuration)).toMatchObject({ status: 204, text: '' });
    expect(await current()).toMatchObject(defaults);
  });

  test.each(['PUT', 'POST'])('by %s is a 405', async (method) => {
    expect((await call(method, configuration, {})).status).toBe(405);
  });
});

describe('who may', () => {
  test('an application that may only read changes nothing', async () => {
    const words = expect.stringContaining('One of these is needed: Policy.ReadWrite.AuthenticationMethod.');
    expectRefusal(await patch({ state: 'disabled' }, 'reader'), 403, 'accessDenied', words);
    expectRefusal(await call('DELETE', configuration, undefined, 'reader'), 403, 'accessDenied', words);
    expect(await current()).toMatchObject(defaults);
  });

  test('one with permissions for passes does not even read', async () => {
    for (const path of [policy, configuration]) {
      expect((await call('GET', path, undefined, 'passes')).status).toBe(403);
    }
  });

  test('without a token the answer is 401', async () => {
    expect((await call('GET', configuration, undefined, 'nobody')).status).toBe(401);
    expect((await patch({}, 'nobody')).status).toBe(401);
  });
});

describe('what has to be registered', () => {
  afterEach(() => house.work(resetRegistrationPolicy));

  const enforce = (requiredRegistration: unknown, as?: string) =>
    call('PATCH', policy, { registrationEnforcement: { requiredRegistration } }, as);
  const enforced = async () =>
    ((await call('GET', policy)).body.registrationEnforcement as { requiredRegistration: Json }).requiredRegistration;

  test('is changed by PATCH of the policy, keeps what is not named, and is recorded', async () => {
    expect(await enforce({ state: 'enabled', mode: 'nudge' })).toMatchObject({ status: 204, text: '' });
    expect((await enforce({ snoozes: 1 })).status).toBe(204);
    expect(await enforced()).toEqual({ ...registrationDefaults, state: 'enabled', mode: 'nudge', snoozes: 1 });
    expect((await eventsOf(house, { type: 'policy.changed' })).at(-1)).toMatchObject({
      actor_id: 'writer',
      details: { policy: 'registration', before: { snoozes: 3 }, after: { snoozes: 1 } },
    });
  });

  test('keeps the groups that it names as object ids', async () => {
    const { id: staff } = await house.base.knex('groups').where('display_name', '=', 'Staff').first('id');
    await enforce({ includeTargets: [{ targetType: 'group', id: 'Staff' }] });
    expect(await enforced()).toMatchObject({ includeTargets: [{ targetType: 'group', id: staff }] });
  });

  test.each<[string, unknown, RegExp]>([
    ['a value out of range', { snoozes: 11 }, /snoozes/],
    ['more methods than are named', { count: 2, methods: ['passkey'] }, /^count must not be more than the methods/],
    ['a reconfirmation after more than two years', { reconfirmAfterDays: 731 }, /reconfirmAfterDays/],
    ['a group that does not exist', { excludeTargets: [{ targetType: 'group', id: 'Nowhere' }] }, /no group "Nowhere"/],
    ['a setting nobody knows', { days: 1 }, /Unrecognized key: "days"/],
  ])('with %s is a 400 that names it, and nothing changes', async (_what, body, message) => {
    expectRefusal(await enforce(body), 400, 'badRequest', expect.stringMatching(message));
    expect(await enforced()).toEqual(registrationDefaults);
  });

  test('is changed together with the configurations that come along, or not at all', async () => {
    const { body: whole } = await call('GET', policy);
    const registrationEnforcement = { requiredRegistration: { snoozes: 5 } };
    const passes = { ...defaults, maximumLifetimeInMinutes: 600 };
    const together = (authenticationMethodConfigurations: readonly object[]) =>
      call('PATCH', policy, { ...whole, registrationEnforcement, authenticationMethodConfigurations });
    try {
      for (const [list, message] of [
        [[passes, { ...passwordDefaults, minimumLength: 1 }], /^minimumLength/],
        [[passes, { id: 'Sms', state: 'enabled' }], /"Sms" is not one more/],
        [[passes, { ...passes, id: 'temporaryaccesspass' }], /"temporaryaccesspass" is not one more/],
        [[passes, { ...passwordDefaults, stat: 'enabled' }], /"stat"/],
        [[{ ...passes, minimumLifetimeInMinutes: 601 }], /minimumLifetimeInMinutes/],
        [[{ state: 'enabled' }], /authenticationMethodConfigurations\.0\.id/],
      ] as const) {
        expectRefusal(await together(list), 400, 'badRequest', expect.stringMatching(message));
      }
      expect((await call('GET', policy)).body).toEqual(whole);
      expect((await together([passwordDefaults, passes])).status).toBe(204);
      expect((await call('GET', policy)).body).toMatchObject({
        registrationEnforcement: { requiredRegistration: { snoozes: 5 } },
        authenticationMethodConfigurations: expect.arrayContaining([
          expect.objectContaining(passes),
          expect.objectContaining(passwordDefaults),
        ]),
      });
    } finally {
      await house.work(resetRegistrationPolicy);
    }
  });

  test('waits for a seed file that decides the same, and not in a circle', async () => {
    const somebody = { userPrincipalName: aName('admin'), displayName: 'Admin' };
    await house.seed({ users: [{ ...somebody, roles: ['Global Administrator'] }] });
    for (let round = 0; round < 10; round += 1) {
      const [snoozes, minimumLength] = [round % 3, 8 + round];
      const [answer] = await Promise.all([
        call('PATCH', policy, {
          registrationEnforcement: { requiredRegistration: { snoozes } },
          authenticationMethodConfigurations: [
            { id: 'TemporaryAccessPass', defaultLength: minimumLength },
            { id: 'Password', minimumLength },
            { id: 'RecoveryCode', state: 'enabled' },
          ],
        }),
        house.seed({
          // Whose ways in hang on their groups: the lock of those who could take away the last administrator comes first.
          users: [{ ...somebody, groups: [`Round ${round}`] }],
          policies: {
            registration: { snoozes: snoozes + 1 },
            temporaryAccessPass: { defaultLength: minimumLength + 1 },
            recoveryCode: { state: 'enabled' },
            password: { minimumLength: minimumLength + 1 },
          },
        }),
      ]);
      expect(answer).toMatchObject({ status: 204 });
    }
    await house.work(resetRegistrationPolicy);
    await house.work(resetPasswordPolicy);
  });

  test('is changed by nobody who may only read', async () => {
    expect((await enforce({ state: 'enabled' }, 'reader')).status).toBe(403);
    expect(await enforced()).toEqual(registrationDefaults);
  });
});

describe('names of levels', () => {
  afterEach(() => house.work(resetAssurancePolicy));

  const mfa = 'https://refeds.org/profile/mfa';
  const name = (assurance: unknown, as?: string) => call('PATCH', policy, { assurance }, as);
  const named = async () => (await call('GET', policy)).body.assurance;

  test('are changed by PATCH of the policy, replaced as a whole, and recorded', async () => {
    expect(await name({ aliases: { [mfa]: '2f' } })).toMatchObject({ status: 204, text: '' });
    expect(await named()).toEqual({ aliases: { [mfa]: '2f' } });
    expect((await call('PATCH', policy, { assurance: {} })).status).toBe(204);
    expect((await name({ aliases: { 'urn:x': 'phr' } })).status).toBe(204);
    expect(await named()).toEqual({ aliases: { 'urn:x': 'phr' } });
    expect((await eventsOf(house, { type: 'policy.changed' })).at(-1)).toMatchObject({
      actor_id: 'writer',
      details: {
        policy: 'assurance',
        before: { aliases: { [mfa]: '2f' } },
        after: { aliases: { 'urn:x': 'phr' } },
      },
    });
  });

  test.each<[string, unknown, RegExp]>([
    ['a name of ours', { aliases: { phr: '1f' } }, /^assurance\.aliases\.phr: is a name of our own\.$/],
    ['a level nobody knows', { aliases: { [mfa]: '3f' } }, /^assurance\.aliases\.https:.*mfa: /],
    ['bootstrap', { aliases: { [mfa]: 'bootstrap' } }, /^assurance\.aliases\./],
    ['a name with a space', { aliases: { 'a b': '1f' } }, /visible ASCII/],
    ['a setting nobody knows', { alias: {} }, /Unrecognized key: "alias"/],
    ['no table', { aliases: null }, /^assurance\.aliases: /],
  ])('with %s are a 400 that names it, and nothing changes', async (_what, assurance, message) => {
    const both = { assurance, registrationEnforcement: { requiredRegistration: { state: 'enabled' } } };
    expectRefusal(await call('PATCH', policy, both), 400, 'badRequest', expect.stringMatching(message));
    expect((await call('GET', policy)).body).toMatchObject({
      assurance: { aliases: {} },
      registrationEnforcement: { requiredRegistration: registrationDefaults },
    });
  });

  test('are changed by nobody who may only read', async () => {
    expect((await name({ aliases: { [mfa]: '2f' } }, 'reader')).status).toBe(403);
    expect(await named()).toEqual({ aliases: {} });
  });
});

describe('the registration campaign', () => {
  afterEach(() => house.work(resetRegistrationPolicy));

  const send = (registrationEnforcement: Json, as?: string) => call('PATCH', policy, { registrationEnforcement }, as);
  const campaign = (authenticationMethodsRegistrationCampaign: Json, as?: string) =>
    send({ authenticationMethodsRegistrationCampaign }, as);
  const read = async () => (await call('GET', policy)).body.registrationEnforcement as Record<string, Json>;
  const seen = async () => (await read()).authenticationMethodsRegistrationCampaign;
  const required = async () => (await read()).requiredRegistration;
  const everybody = { targetType: 'group', id: 'all_users' };

  test('is the policy while it nudges', async () => {
    const asked = { state: 'enabled', snoozeDurationInDays: 14, enforceRegistrationAfterAllowedSnoozes: false };
    expect((await campaign(asked)).status).toBe(204);
    const nudge = { mode: 'nudge', snoozeDurationInDays: 14, enforceAfterSnoozes: false };
    expect(await required()).toEqual({ ...registrationDefaults, state: 'enabled', ...nudge });
    expect(await seen()).toEqual({ ...campaignDefaults, ...asked });
    expect((await campaign({ state: 'default' })).status).toBe(204);
    expect(await required()).toMatchObject({ state: 'disabled', ...nudge });
  });

  test('is off where registration is required, and ending it does not end that', async () => {
    await send({ requiredRegistration: { state: 'enabled', mode: 'required' } });
    expect(await seen()).toMatchObject({ state: 'disabled' });
    expect((await campaign({ state: 'disabled' })).status).toBe(204);
    expect((await campaign({ state: 'default' })).status).toBe(204);
    expect(await required()).toMatchObject({ state: 'enabled', mode: 'required' });
  });

  test('asks for the method that its targets name, one for all', async () => {
    const aimed = (...named: string[]) =>
      campaign({
        includeTargets: named.map((targetedAuthenticationMethod) => ({ ...everybody, targetedAuthenticationMethod })),
      });
    expect((await aimed('softwareOath')).status).toBe(204);
    expect(await required()).toMatchObject({ methods: ['authenticator-app'], count: 1 });
    expect(await seen()).toMatchObject({
      includeTargets: [{ ...everybody, targetedAuthenticationMethod: 'softwareOath' }],
    });
    expectRefusal(await aimed('fido2', 'softwareOath'), 400, 'badRequest', expect.stringMatching(/same for all/));
    expectRefusal(await aimed('microsoftAuthenticator'), 400, 'badRequest', expect.stringMatching(/includeTargets/));
    expect(await required()).toMatchObject({ methods: ['authenticator-app'] });
  });

  test('read and sent back as it is changes nothing, and with one value changed changes that', async () => {
    await send({ requiredRegistration: { state: 'enabled', mode: 'nudge', count: 2 } });
    const before = await required();
    const changes = async () => (await eventsOf(house, { type: 'policy.changed' })).length;
    const recorded = await changes();
    expect((await send(await read())).status).toBe(204);
    expect([await required(), await changes()]).toEqual([before, recorded]);
    const all = await read();
    const altered = { ...all.authenticationMethodsRegistrationCampaign, snoozeDurationInDays: 7 };
    expect((await send({ ...all, authenticationMethodsRegistrationCampaign: altered })).status).toBe(204);
    expect(await required()).toEqual({ ...before, snoozeDurationInDays: 7 });
  });

  test('and the policy cannot be asked for different things at once', async () => {
    const answer = await send({
      requiredRegistration: { snoozeDurationInDays: 3 },
      authenticationMethodsRegistrationCampaign: { snoozeDurationInDays: 7 },
    });
    expectRefusal(answer, 400, 'badRequest', expect.stringMatching(/^requiredRegistration\.snoozeDurationInDays and/));
    expect(await required()).toEqual(registrationDefaults);
  });

  test.each([{ snoozeDurationInDays: 15 }, { state: 'on' }, { includeTargets: [{ id: 'x' }] }, { days: 1 }])(
    'does not take %j',
    async (asked) => {
      expect((await campaign(asked)).status).toBe(400);
      expect(await required()).toEqual(registrationDefaults);
    },
  );

  test('is changed by nobody who may only read', async () => {
    expect((await campaign({ state: 'enabled' }, 'reader')).status).toBe(403);
    expect(await required()).toEqual(registrationDefaults);
  });
});

test('what the policy says is in force for the next pass', async () => {
  const { id } = await house.user('next@example.com');
  const passes = `/v1.0/users/${id}/authentication/temporaryAccessPassMethods`;
  await patch({ requireReason: true });
  expectRefusal(
    await call('POST', passes, {}, 'passes'),
    400,
    'badRequest',
    expect.stringMatching(/^reason is required/),
  );
  await patch({ requireReason: false, excludeTargets: [{ targetType: 'user', id }] });
  expectRefusal(
    await call('POST', passes, {}, 'passes'),
    400,
    'badRequest',
    expect.stringMatching(/^The Temporary Access Pass policy excludes this user/),
  );
  await patch({ excludeTargets: [] });
  expect((await call('POST', passes, {}, 'passes')).status).toBe(201);
  await patch({ excludeTargets: [{ targetType: 'user', id }] });
  expect((await call('GET', passes, undefined, 'passes')).body.value).toMatchObject([
    { isUsable: false, methodUsabilityReason: 'DisabledByPolicy' },
  ]);
});
