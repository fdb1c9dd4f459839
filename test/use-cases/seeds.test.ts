import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { listDomains } from '../../src/methods/upstream/manage-domains.ts';
import { openProvider } from '../../src/methods/upstream/manage-providers.ts';
import { readPassSettings } from '../../src/methods/temporary-access-pass/settings.ts';
import { hasGlobalAdministrator } from '../../src/roles/manage-roles.ts';
import { applyOnce, applySeed, parseSeed, type SeedFile } from '../../src/seed.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aVisitor, eventsOf, passPolicy } from '../support/makers.ts';

let latchkey: TestBase;
beforeEach(async () => {
  latchkey = await openTestBase();
});
afterEach(() => latchkey?.close());

const example = {
  groups: [{ displayName: 'Staff' }, { displayName: 'Empty' }],
  users: [
    {
      userPrincipalName: 'joiner@example.com',
      displayName: 'New Joiner',
      mail: 'joiner@home.example',
      groups: ['Staff', 'Only named here'],
      roles: ['Authentication Administrator'],
      manager: 'boss@example.com',
    },
    { userPrincipalName: 'Boss@Example.com' },
  ],
  clients: [
    {
      client_id: 'app',
      client_secret: 'app-secret',
      redirect_uris: ['http://localhost:4000/cb'],
      first_party: true,
      client_name: 'The app',
    },
    {
      client_id: 'hr',
      client_secret: 'hr-secret',
      grant_types: ['client_credentials'],
      app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
    },
  ],
  policies: { temporaryAccessPass: { state: 'enabled', maximumLifetimeInMinutes: 1440 }, registration: {} },
  identityProviders: [
    {
      id: 'contoso',
      displayName: 'Contoso',
      issuer: 'https://login.contoso.example',
      client_id: 'latchkey',
      client_secret: 'upstream-secret',
      domains: ['contoso.example', { name: 'sales.contoso.example', straight: true }],
    },
  ],
};

const user = (name: string) => latchkey.work((work) => getUser(work, name));
const file = (seed: object): SeedFile => {
  const text = JSON.stringify(seed);
  return { seed: parseSeed(text), hash: createHash('sha256').update(text).digest() };
};

/** Every row of what a seed may touch, and the log. */
async function everything(): Promise<Record<string, unknown[]>> {
  const tables = ['users', 'groups', 'group_members', 'role_assignments', 'clients', 'policies', 'audit_events'];
  return Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => [table, await latchkey.base.knex(table).orderByRaw(`${table}::text`)]),
    ),
  );
}

describe('a seed', () => {
  test('makes what it names', async () => {
    await latchkey.seed(example);
    const [joiner, boss] = [await user('joiner@example.com'), await user('boss@example.com')];
    expect(joiner).toMatchObject({
      displayName: 'New Joiner',
      mail: 'joiner@home.example',
      enabled: true,
      managerId: boss.id,
    });
    expect(boss).toMatchObject({
      userPrincipalName: 'Boss@Example.com',
      displayName: 'Boss@Example.com',
      mail: null,
      managerId: null,
    });
    const rows = await everything();
    expect(rows.groups!.map((group) => (group as { display_name: string }).display_name).toSorted()).toEqual([
      'Empty',
      'Only named here',
      'Staff',
    ]);
    expect(rows.group_members).toHaveLength(2);
    expect(rows.role_assignments).toMatchObject([
      { user_id: joiner.id, role_template_id: 'c4e39bd9-1100-46d3-8c65-fb160da0071f' },
    ]);
    expect(rows.clients).toMatchObject([
      { client_id: 'app' },
      { client_id: 'hr', app_roles: ['UserAuthenticationMethod.ReadWrite.All'] },
    ]);
    expect(await latchkey.work(readPassSettings)).toMatchObject({
      maximumLifetimeInMinutes: 1440,
      minimumLifetimeInMinutes: 60,
    });
  });

  test('fills in what a client leaves open, as RFC 7591 and the contract say', async () => {
    await latchkey.seed(example);
    const [app, hr] = await latchkey.base.knex('clients').orderBy('client_id');
    expect(app.metadata).toMatchObject({
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    });
    expect(hr.metadata).toMatchObject({ grant_types: ['client_credentials'], response_types: [], redirect_uris: [] });
  });

  test('keeps no secret of a client', async () => {
    await latchkey.seed(example);
    const { rows } = await latchkey.base.knex.raw<{ rows: { line: string }[] }>(
      'select c::text as line from clients c union all select a::text from audit_events a',
    );
    const text = rows.map(({ line }) => line).join();
    expect(text).toContain('The app');
    for (const secret of ['app-secret', 'hr-secret']) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(createHash('sha256').update(secret).digest('base64url'));
      expect(text).not.toContain(createHash('sha256').update(secret).digest('hex'));
    }
  });

  test('applied twice changes nothing and records nothing new', async () => {
    await latchkey.seed(example);
    const before = await everything();
    latchkey.clock.advance(10);
    await latchkey.seed(example);
    expect(await everything()).toEqual(before);
  });

  test('records what it did, as the operator', async () => {
    await latchkey.seed(example);
    const types = (await eventsOf(latchkey)).map(({ type }) => type);
    expect(new Set(types)).toEqual(
      new Set([
        'group.created',
        'user.created',
        'group.member-added',
        'role.granted',
        'user.changed',
        'client.created',
        'policy.changed',
        'identity-provider.created',
        'domain.created',
      ]),
    );
    expect(
      (await eventsOf(latchkey)).every((event) => event.actor_kind === 'operator' && event.result === 'success'),
    ).toBe(true);
    const [change] = await eventsOf(latchkey, { type: 'policy.changed' });
    expect(change!.details).toMatchObject({
      policy: 'temporaryAccessPass',
      before: { maximumLifetimeInMinutes: 480 },
      after: { maximumLifetimeInMinutes: 1440 },
    });
  });

  test('with a mistake at its end leaves nothing of its beginning', async () => {
    await expect(
      latchkey.seed({
        ...example,
        users: [...example.users, { userPrincipalName: 'late@example.com', manager: 'nobody@example.com' }],
      }),
    ).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'The seed file names nobody@example.com as manager of late@example.com, but there is no such user.',
    });
    const { audit_events, ...rows } = await everything();
    expect(Object.values(rows).flat()).toEqual([]);
    expect(audit_events).toMatchObject([{ type: 'request.refused', result: 'failure' }]);
  });
});

describe('a seed merges into what exists', () => {
  test('by the name of a user, in any case, and keeps what it does not name', async () => {
    await latchkey.seed(example);
    const before = await user('joiner@example.com');
    await latchkey.seed({ users: [{ userPrincipalName: 'JOINER@example.com', displayName: 'Renamed' }] });
    const after = await user('joiner@example.com');
    expect(after).toEqual({ ...before, displayName: 'Renamed' });
    expect(await latchkey.base.knex('users')).toHaveLength(2);
    expect((await eventsOf(latchkey, { userId: before.id, type: 'user.changed' })).at(-1)!.details).toEqual({
      changed: ['displayName'],
    });
    const { group_members, role_assignments } = await everything();
    expect(group_members).toHaveLength(2);
    expect(role_assignments).toHaveLength(1);
  });

  test('a user who is named twice in one file is one user', async () => {
    await latchkey.seed({
      users: [
        { userPrincipalName: 'a@example.com', mail: 'a@home.example' },
        { userPrincipalName: 'A@EXAMPLE.COM', displayName: 'A' },
      ],
    });
    expect(await latchkey.base.knex('users')).toMatchObject([{ display_name: 'A', mail: 'a@home.example' }]);
  });

  test('may disable a user, and enable one again', async () => {
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com', accountEnabled: false }] });
    expect((await user('a@example.com')).enabled).toBe(false);
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com' }] });
    expect((await user('a@example.com')).enabled).toBe(false);
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com', accountEnabled: true }] });
    expect((await user('a@example.com')).enabled).toBe(true);
  });

  test('adds groups and roles and takes none away', async () => {
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com', groups: ['One'], roles: ['Global Reader'] }] });
    await latchkey.seed({
      users: [{ userPrincipalName: 'a@example.com', groups: ['Two'], roles: ['User Administrator', 'global reader'] }],
    });
    const { groups, group_members, role_assignments } = await everything();
    expect([groups, group_members, role_assignments].map((rows) => rows!.length)).toEqual([2, 2, 2]);
  });

  test('a client by its id: what the file says replaces what it was', async () => {
    await latchkey.seed(example);
    await latchkey.seed({
      clients: [{ client_id: 'hr', client_secret: 'another', grant_types: ['client_credentials'] }],
    });
    const hr = await latchkey.base.knex('clients').where('client_id', '=', 'hr').first();
    expect(hr.app_roles).toEqual([]);
    expect(await eventsOf(latchkey, { type: 'client.changed' })).toHaveLength(1);
  });

  test('a client whose secret alone is new has changed', async () => {
    await latchkey.seed(example);
    const digestOf = async () =>
      (await latchkey.base.knex('client_secrets').where('client_id', '=', 'app').first()).digest;
    const before = await digestOf();
    await latchkey.seed({ clients: [{ ...example.clients[0], client_secret: 'rotated' }] });
    expect(await digestOf()).not.toBe(before);
  });

  test('two clients with one secret have two digests', async () => {
    await latchkey.seed({
      clients: ['a', 'b'].map((client_id) => ({
        client_id,
        client_secret: 'same',
        redirect_uris: ['http://localhost:4000/cb'],
      })),
    });
    const [a, b] = await latchkey.base.knex('client_secrets').orderBy('client_id');
    expect(a.digest).not.toBe(b.digest);
  });

  test('a policy that is not named stays', async () => {
    await latchkey.seed(example);
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com' }] });
    expect(await latchkey.work(readPassSettings)).toMatchObject({ maximumLifetimeInMinutes: 1440 });
  });
});

test('a name with space around it changes nothing the second time either', async () => {
  const seed = { users: [{ userPrincipalName: 'a@example.com', displayName: ' A ' }] };
  await latchkey.seed(seed);
  const before = await everything();
  await latchkey.seed(seed);
  expect(await everything()).toEqual(before);
});

test('a setting of the policy that is not named stays', async () => {
  await latchkey.seed({ policies: { temporaryAccessPass: { maximumLifetimeInMinutes: 1440 } } });
  await latchkey.seed({ policies: { temporaryAccessPass: { defaultLength: 24 } } });
  expect(await latchkey.work(readPassSettings)).toMatchObject({ maximumLifetimeInMinutes: 1440, defaultLength: 24 });
});

test('a change of the policy that does not go with what was decided is refused, and leaves it', async () => {
  await passPolicy(latchkey, { maximumLifetimeInMinutes: 120 });
  await expect(
    latchkey.seed({ policies: { temporaryAccessPass: { defaultLifetimeInMinutes: 240 } } }),
  ).rejects.toMatchObject({
    code: 'invalid_input',
    message:
      'policies.temporaryAccessPass: defaultLifetimeInMinutes must lie between minimumLifetimeInMinutes (60) and maximumLifetimeInMinutes (120).',
  });
  expect(await latchkey.work(readPassSettings)).toMatchObject({ defaultLifetimeInMinutes: 60 });
});

test.each(['NUL \0', 'half an emoji \ud83d'])(
  'text that no database holds is refused, never a fault: %j',
  async (text) => {
    for (const seed of [
      { users: [{ userPrincipalName: 'a@example.com', displayName: text }] },
      { groups: [{ displayName: text }] },
      { clients: [{ client_id: 'app', client_name: text, redirect_uris: ['http://localhost:4000/cb'] }] },
    ]) {
      const outcome = await latchkey.seed(seed).catch((error: unknown) => error);
      expect(outcome === undefined || outcome instanceof AppError, JSON.stringify(seed)).toBe(true);
    }
  },
);

describe('managers', () => {
  test('may stand further down in the file, or higher, or be one another’s', async () => {
    await latchkey.seed({
      users: [
        { userPrincipalName: 'first@example.com', manager: 'last@example.com' },
        { userPrincipalName: 'middle@example.com', manager: 'FIRST@example.com' },
        { userPrincipalName: 'last@example.com', manager: 'first@example.com' },
      ],
    });
    const [first, middle, last] = [
      await user('first@example.com'),
      await user('middle@example.com'),
      await user('last@example.com'),
    ];
    expect([first.managerId, middle.managerId, last.managerId]).toEqual([last.id, first.id, first.id]);
  });

  test('may come from an earlier file', async () => {
    await latchkey.seed({ users: [{ userPrincipalName: 'boss@example.com' }] });
    await latchkey.seed({ users: [{ userPrincipalName: 'a@example.com', manager: 'boss@example.com' }] });
    expect((await user('a@example.com')).managerId).toBe((await user('boss@example.com')).id);
  });
});

describe('roles', () => {
  test('are granted by name or template id, in any case', async () => {
    await latchkey.seed({
      users: [
        { userPrincipalName: 'a@example.com', roles: ['global administrator'] },
        { userPrincipalName: 'b@example.com', roles: ['F2EF992C-3AFB-46B9-B7CF-A126EE74C451'] },
      ],
    });
    expect(await latchkey.work(hasGlobalAdministrator)).toBe(true);
    expect(await latchkey.base.knex('role_assignments')).toHaveLength(2);
  });

  test('a disabled Global Administrator is none', async () => {
    await latchkey.seed({
      users: [{ userPrincipalName: 'a@example.com', roles: ['Global Administrator'], accountEnabled: false }],
    });
    expect(await latchkey.work(hasGlobalAdministrator)).toBe(false);
  });

  test('that are granted end the passes the user has, and the same grant a second time ends none', async () => {
    const name = aName();
    await latchkey.seed({ users: [{ userPrincipalName: name }] });
    const before = await latchkey.pass(name);
    await latchkey.seed({ users: [{ userPrincipalName: name, roles: ['Global Reader'] }] });
    expect(await (await aVisitor(aHouse(latchkey))).enter(name, before)).toBe('verify');
    const after = await latchkey.pass(name);
    await latchkey.seed({ users: [{ userPrincipalName: name, roles: ['Global Reader'] }] });
    expect(await (await aVisitor(aHouse(latchkey))).enter(name, after)).toBe('enrol');
  });
});

describe('at start', () => {
  test('a file is applied once: later changes are not undone by the next start', async () => {
    const seed = file(example);
    expect(await latchkey.work((work) => applyOnce(work, seed))).toBe(true);
    const joiner = await user('joiner@example.com');
    await latchkey.work((work) => changeUser(work, joiner, { displayName: 'Changed by hand' }));
    expect(await latchkey.work((work) => applyOnce(work, seed))).toBe(false);
    expect((await user('joiner@example.com')).displayName).toBe('Changed by hand');
    const applied = await eventsOf(latchkey, { type: 'seed.applied' });
    expect(applied.map(({ details }) => details)).toEqual([{ sha256: seed.hash.toString('hex') }]);
  });

  test('a file that changed is applied', async () => {
    await latchkey.work((work) => applyOnce(work, file(example)));
    const changed = { ...example, users: [{ userPrincipalName: 'joiner@example.com', displayName: 'Renamed' }] };
    expect(await latchkey.work((work) => applyOnce(work, file(changed)))).toBe(true);
    expect((await user('joiner@example.com')).displayName).toBe('Renamed');
  });

  test('a file that failed is tried again', async () => {
    const seed = file({ users: [{ userPrincipalName: 'a@example.com', manager: 'late@example.com' }] });
    await expect(latchkey.work((work) => applyOnce(work, seed))).rejects.toMatchObject({ code: 'invalid_input' });
    await latchkey.seed({ users: [{ userPrincipalName: 'late@example.com' }] });
    expect(await latchkey.work((work) => applyOnce(work, seed))).toBe(true);
  });

  test('of two nodes that start together one applies it', async () => {
    const seed = file(example);
    const applied = await Promise.all(Array.from({ length: 4 }, () => latchkey.work((work) => applyOnce(work, seed))));
    expect(applied.filter(Boolean)).toHaveLength(1);
    expect(await latchkey.base.knex('users')).toHaveLength(2);
  });
});

describe('nobody else', () => {
  const seed = parseSeed(JSON.stringify(example));

  test.each([
    ['a visitor', { kind: 'anonymous' } as const],
    ['a user', { kind: 'user', userId: '11111111-1111-4111-8111-111111111111' } as const],
    [
      'an application with every permission for users and groups',
      { kind: 'client', clientId: 'hr', permissions: ['User.ReadWrite.All', 'Group.ReadWrite.All'] } as const,
    ],
  ])('may apply one: not %s', async (_who, actor) => {
    await expect(latchkey.base.run({ ...asOperator, actor }, (work) => applySeed(work, seed))).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await latchkey.base.knex('users')).toEqual([]);
  });
});

test('a client cannot take one of our own names', async () => {
  await expect(
    latchkey.seed({ clients: [{ ...example.clients[0], client_id: 'latchkey-security-info' }] }),
  ).rejects.toMatchObject({ code: 'invalid_input' });
});

test.each(['no-at-sign', 'two@at@signs', 'a b@example.com', '<b>@example.com', '@example.com'])(
  '"%s" cannot be a user',
  async (userPrincipalName) => {
    await expect(latchkey.seed({ users: [{ userPrincipalName }] })).rejects.toMatchObject({ code: 'invalid_input' });
  },
);

describe('identity providers of a file', () => {
  const [provider] = example.identityProviders;
  const domains = () => latchkey.work(listDomains);

  test('are there, with their domains and the secret', async () => {
    await latchkey.seed(example);
    const opened = await latchkey.work((work) => openProvider(work, 'contoso'));
    expect(opened).toMatchObject({
      provider: { clientId: 'latchkey', ceiling: '1f' },
      clientSecret: 'upstream-secret',
    });
    expect(await domains()).toMatchObject([
      { name: 'contoso.example', providerId: 'contoso', straight: false },
      { name: 'sales.contoso.example', providerId: 'contoso', straight: true },
    ]);
  });

  test('change where a file names something, and stay where it does not', async () => {
    await latchkey.seed(example);
    const endpointHosts = ['keys.contoso.net'];
    await latchkey.seed({
      identityProviders: [{ id: 'contoso', ceiling: '2f', endpointHosts, domains: ['sales.contoso.example'] }],
    });
    const opened = await latchkey.work((work) => openProvider(work, 'contoso'));
    expect(opened).toMatchObject({
      provider: { displayName: 'Contoso', ceiling: '2f', endpointHosts },
      clientSecret: 'upstream-secret',
    });
    expect(await domains()).toMatchObject([{ straight: false }, { straight: true }]);
  });

  test('applied again record nothing', async () => {
    await latchkey.seed(example);
    const before = (await eventsOf(latchkey)).length;
    await latchkey.seed({ identityProviders: example.identityProviders });
    expect(await eventsOf(latchkey)).toHaveLength(before);
  });

  test.each<[object, string]>([
    [{ client_secret: undefined }, 'identityProviders.contoso: clientSecret: client_secret_basic needs'],
    [{ issuer: 'http://login.contoso.example' }, 'identityProviders.contoso: issuer: must begin with https://'],
    [{ domains: ['192.0.2.1'] }, 'identityProviders.contoso: "192.0.2.1" is not the name of a domain'],
  ])('that cannot be, %j, leave nothing and say where: %s', async (wrong, sentence) => {
    await expect(latchkey.seed({ identityProviders: [{ ...provider, ...wrong }] })).rejects.toThrow(sentence);
    expect(await latchkey.base.knex('identity_providers')).toEqual([]);
  });

  test('do not share a domain', async () => {
    const other = { ...provider, id: 'fabrikam' };
    await expect(latchkey.seed({ identityProviders: [provider, other] })).rejects.toThrow(
      'identityProviders.fabrikam: contoso.example belongs to the identity provider contoso.',
    );
  });
});
