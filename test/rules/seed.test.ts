import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { parseSeed } from '../../src/seed.ts';

const parse = (seed: unknown) => parseSeed(JSON.stringify(seed));

function refusal(seed: unknown): string {
  try {
    parse(seed);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_input') return error.message;
    throw error;
  }
  throw new Error('The seed was taken.');
}

const aUser = { userPrincipalName: 'joiner@example.com' };
const aClient = { client_id: 'app', client_secret: 'secret', redirect_uris: ['http://localhost:4000/cb'] };

/** DESIGN section 5, without what is still to come. */
const example = {
  groups: [{ displayName: 'Staff' }],
  users: [
    {
      userPrincipalName: 'joiner@example.com',
      displayName: 'New Joiner',
      mail: 'joiner@home.example',
      groups: ['Staff'],
      roles: ['Authentication Administrator'],
      manager: 'boss@example.com',
    },
  ],
  clients: [
    { client_id: 'app', client_secret: '…', redirect_uris: ['http://localhost:4000/cb'], first_party: true },
    {
      client_id: 'hr',
      client_secret: '…',
      grant_types: ['client_credentials'],
      app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
    },
  ],
  policies: { temporaryAccessPass: { state: 'enabled', maximumLifetimeInMinutes: 480 }, registration: {} },
};

describe('a seed file', () => {
  test('of the shape in the design is taken', () => {
    const seed = parse(example);
    expect(seed.users[0]).toMatchObject(example.users[0]!);
    expect(seed.clients.map(({ client_id }) => client_id)).toEqual(['app', 'hr']);
    expect(seed.policies.temporaryAccessPass).toEqual({ state: 'enabled', maximumLifetimeInMinutes: 480 });
  });

  test('may be empty', () => {
    expect(parse({})).toEqual({ groups: [], users: [], clients: [], policies: {}, identityProviders: [] });
  });

  test('that is not JSON is refused with a sentence', () => {
    expect(() => parseSeed('{ "users": [')).toThrow(/^The seed file is not JSON: /);
    expect(() => parseSeed('')).toThrow(/^The seed file is not JSON: /);
  });

  test.each([
    ['a list', []],
    ['text', 'users'],
    ['null', null],
  ])('that is %s is refused', (_what, seed) => {
    expect(refusal(seed)).toContain('the file: ');
  });
});

describe('a key that does not exist is named with its path', () => {
  test.each([
    ['the file', { user: [] }, 'the file: ', 'user'],
    ['a user', { users: [{ ...aUser, displayname: 'Joiner' }] }, 'users.0: ', 'displayname'],
    ['the second user', { users: [aUser, { ...aUser, password: 'x' }] }, 'users.1: ', 'password'],
    ['a group', { groups: [{ displayName: 'Staff', members: [] }] }, 'groups.0: ', 'members'],
    ['a client', { clients: [{ ...aClient, redirect_uri: 'x' }] }, 'clients.0: ', 'redirect_uri'],
    ['the policies', { policies: { passkeys: {} } }, 'policies: ', 'passkeys'],
    [
      'the policy for passes',
      { policies: { temporaryAccessPass: { lifetime: 60 } } },
      'policies.temporaryAccessPass: ',
      'lifetime',
    ],
  ])('in %s', (_where, seed, path, key) => {
    const message = refusal(seed);
    expect(message).toContain(path);
    expect(message).toContain(`"${key}"`);
  });
});

describe('a value that will not do is named with its path', () => {
  test.each([
    ['a user without a name', { users: [{ displayName: 'x' }] }, 'users.0.userPrincipalName: '],
    ['an address that is none', { users: [{ ...aUser, mail: 'nobody' }] }, 'users.0.mail: '],
    [
      'a role that does not exist',
      { users: [{ ...aUser, roles: ['Admin'] }] },
      'users.0.roles.0: is not the name or template id of a role',
    ],
    ['a group without a name', { groups: [{ displayName: '' }] }, 'groups.0.displayName: '],
    [
      'a lifetime out of range',
      { policies: { temporaryAccessPass: { maximumLifetimeInMinutes: 50_000 } } },
      'policies.temporaryAccessPass.maximumLifetimeInMinutes: ',
    ],
    [
      'a client without an address',
      { clients: [{ client_id: 'app', client_secret: 'x' }] },
      'clients.0.redirect_uris: needs at least one address',
    ],
    [
      'a script as an address',
      { clients: [{ ...aClient, redirect_uris: ['javascript:alert(1)'] }] },
      'clients.0.redirect_uris.0: ',
    ],
    ['a permission that does not exist', { clients: [{ ...aClient, app_roles: ['All'] }] }, 'clients.0.app_roles.0: '],
    [
      'an API client without a secret',
      { clients: [{ client_id: 'hr', grant_types: ['client_credentials'] }] },
      'clients.0.client_secret: is needed for client_credentials',
    ],
    [
      'a public client with a secret',
      { clients: [{ ...aClient, token_endpoint_auth_method: 'none' }] },
      'clients.0.client_secret: does not go with',
    ],
    [
      'a level that does not exist',
      { policies: { assurance: { aliases: { 'urn:x': '3f' } } } },
      'policies.assurance.aliases.urn:x: ',
    ],
    [
      'an alias that is a level of ours',
      { policies: { assurance: { aliases: { phr: '1f' } } } },
      'policies.assurance.aliases.phr: is a name of our own',
    ],
    [
      'a grant that does not exist',
      { clients: [{ ...aClient, grant_types: ['password'] }] },
      'clients.0.grant_types.0: ',
    ],
  ])('%s', (_what, seed, sentence) => {
    expect(refusal(seed)).toContain(sentence);
  });

  test('all mistakes are named at once', () => {
    const message = refusal({ users: [{ mail: 'x' }], groups: [{}], extra: 1 });
    expect(message).toMatch(/^The seed file has mistakes:\n- /);
    for (const path of ['users.0.userPrincipalName', 'users.0.mail', 'groups.0.displayName', '"extra"'])
      expect(message).toContain(path);
  });
});

describe('what is still to come is refused with a sentence', () => {
  test.each([
    [
      'a client of somebody else',
      { clients: [{ ...aClient, first_party: false }] },
      'clients.0.first_party: cannot be false yet: the page that asks people for consent does not exist. Leave it out.',
    ],
  ])('%s', (_what, seed, sentence) => {
    expect(refusal(seed)).toContain(sentence);
  });

  test('and empty places for it are fine', () => {
    expect(() => parse({ policies: { registration: {} }, identityProviders: [] })).not.toThrow();
  });
});
