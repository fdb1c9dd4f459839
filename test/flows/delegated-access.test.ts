import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putClient } from '../../src/clients/manage-clients.ts';
import { clientInput } from '../../src/clients/client.ts';
import { changePerson } from '../../src/people.ts';
import { endSession } from '../../src/oidc/endings.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf, lastRefusal } from '../support/makers.ts';
import { enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

type Json = Record<string, unknown>;

const scopes = [
  'UserAuthenticationMethod.ReadWrite.All',
  'User.Read',
  'User.ReadWrite.All',
  'Group.ReadWrite.All',
  'RoleManagement.ReadWrite.Directory',
  'Policy.ReadWrite.AuthenticationMethod',
];

let house: TestHouse;
let console_: RelyingParty;
let app: RelyingParty;

const consoleClient = (more: object = {}) => ({
  client_id: 'console',
  client_secret: 'console-secret',
  redirect_uris: [console_.redirectUri],
  delegated_permissions: scopes,
  ...more,
});

beforeAll(async () => {
  const issuer = () => house.issuer;
  console_ = await startRelyingParty({ issuer, clientId: 'console', clientSecret: 'console-secret' });
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [consoleClient(), { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }],
  });
});
afterAll(async () => {
  await Promise.all([console_, app].map((party) => party?.close()));
  await house?.close();
});
beforeEach(() => house.seed({ clients: [consoleClient()] }));

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly authenticator: SoftwareAuthenticator;
}

/** Somebody with a passkey, and then with roles: a role ends a pass, so it comes after. */
async function aPerson(...roles: string[]): Promise<Person> {
  const userName = aName();
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
  await browser.visit((await app.authorizationUrl()).href);
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  for (const role of roles) await house.work((w) => grantRole(w, id, role));
  return { id, userName, authenticator };
}

/** Signs in to the console with the passkey, and gets a token for the management API. */
async function tokenOf(person: Person, scope = scopes.join(' '), resource = true): Promise<string> {
  const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
  const asked = await console_.authorizationUrl({
    scope: `openid ${scope}`,
    ...(resource && { resource: `${house.issuer}/management` }),
  });
  await browser.visit(asked.href);
  await usePasskey(browser, person.authenticator);
  return (await console_.exchange(browser.page.callback)).tokens.access_token;
}

async function ask(token: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    challenge: answer.headers.get('www-authenticate'),
    body: (text && JSON.parse(text)) as Json & { error: { code: string; message: string } },
  };
}

const passesOf = (user: string) => `/users/${user}/authentication/temporaryAccessPassMethods`;
const issue = (token: string, user: string, body: object = {}) => ask(token, 'POST', passesOf(user), body);

describe('a signed-in administrator', () => {
  test('issues, sees, extends and revokes passes, as an application does', async () => {
    const admin = await aPerson('Authentication Administrator');
    const token = await tokenOf(admin);
    const member = await house.user(aName());
    const issued = await issue(token, member.id);
    expect(issued).toMatchObject({ status: 201, body: { createdBy: { kind: 'user', id: admin.id } } });
    expect(await ask(token, 'GET', passesOf(member.id))).toMatchObject({
      status: 200,
      body: { value: [{ id: issued.body.id }] },
    });
    const one = `${passesOf(member.id)}/${String(issued.body.id)}`;
    expect((await ask(token, 'POST', `${one}/extend`, { lifetimeInMinutes: 90 })).status).toBe(200);
    expect((await ask(token, 'DELETE', one)).status).toBe(204);
    expect(await eventsOf(house, { userId: member.id, type: 'pass.issued' })).toMatchObject([
      { actor_kind: 'user', actor_id: admin.id },
    ]);
  });

  test('is asked for a passkey again when the last time was more than ten minutes ago, and loses nothing', async () => {
    const admin = await aPerson('Authentication Administrator');
    const token = await tokenOf(admin);
    const member = await house.user(aName());
    house.clock.advance(11);
    try {
      const answer = await issue(token, member.id);
      expect(answer.status).toBe(401);
      expect(answer.body.error.code).toBe('insufficient_user_authentication');
      expect(answer.challenge).toMatch(
        /^Bearer error="insufficient_user_authentication".*acr_values="phr", max_age="600"$/,
      );
      // What is not as sensitive goes on.
      expect((await ask(token, 'GET', passesOf(member.id))).status).toBe(200);
      house.clock.advance(8 * 60);
      expect((await ask(token, 'GET', passesOf(member.id))).status).toBe(401);
    } finally {
      house.clock.advance(-8 * 60 - 11);
    }
    expect((await issue(token, member.id)).status).toBe(201);
  });

  test('does nothing for themselves, whatever their role', async () => {
    for (const role of [
      'Global Administrator',
      'Privileged Authentication Administrator',
      'Authentication Administrator',
    ]) {
      const admin = await aPerson(role);
      const token = await tokenOf(admin);
      expect(await issue(token, admin.id), role).toMatchObject({
        status: 403,
        body: { error: { message: expect.stringContaining('for themselves') } },
      });
      expect((await issue(token, admin.userName)).status).toBe(403);
      expect((await ask(token, 'POST', '/me/authentication/temporaryAccessPassMethods', {})).status).toBe(403);
      const refusals = await eventsOf(house, { type: 'request.refused' });
      expect(
        refusals.filter(({ actor_id, reason }) => actor_id === admin.id && reason?.includes('for themselves')),
      ).toHaveLength(3);
    }
  });

  test('does nothing to who ranks as high or higher, but for Global Administrators', async () => {
    const [authentication, privileged, global] = [
      await aPerson('Authentication Administrator'),
      await aPerson('Privileged Authentication Administrator'),
      await aPerson('Global Administrator'),
    ];
    const reader = await house.user(aName());
    await house.work((w) => grantRole(w, reader.id, 'Global Reader'));
    const revokes = async (token: string, user: string) =>
      (await ask(token, 'DELETE', `${passesOf(user)}/00000000-0000-4000-8000-000000000000`)).status;
    const ofAuthentication = await tokenOf(authentication);
    expect(await revokes(ofAuthentication, reader.id)).toBe(403);
    expect(await revokes(ofAuthentication, privileged.id)).toBe(403);
    const ofPrivileged = await tokenOf(privileged);
    expect(await revokes(ofPrivileged, reader.id)).toBe(404);
    expect(await revokes(ofPrivileged, global.id)).toBe(403);
    const another = await aPerson('Global Administrator');
    expect(await revokes(await tokenOf(global), another.id)).toBe(404);
  });

  test('needs the role and the scope, and loses either at once', async () => {
    const admin = await aPerson('Authentication Administrator');
    const member = await house.user(aName());
    const narrow = await tokenOf(admin, 'User.Read');
    expect(await issue(narrow, member.id)).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('scope') } },
    });
    const token = await tokenOf(admin);
    expect((await issue(token, member.id)).status).toBe(201);
    await house.work((w) => putClient(w, clientInput.parse(consoleClient({ delegated_permissions: ['User.Read'] }))));
    expect((await issue(token, member.id)).status).toBe(403);
    await house.work((w) => putClient(w, clientInput.parse(consoleClient())));
    expect((await issue(token, member.id)).status).toBe(201);
    await house.work((w) => revokeRole(w, admin.id, 'Authentication Administrator'));
    expect(await issue(token, member.id)).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('one of these roles') } },
    });
    const plain = await tokenOf(await aPerson());
    expect((await issue(plain, member.id)).status).toBe(403);
  });

  test('speaks for nobody once disabled, signed out, or without the client', async () => {
    const admin = await aPerson('Authentication Administrator');
    const member = await house.user(aName());
    const disabled = await tokenOf(admin);
    await house.work((w) => changePerson(w, admin.id, { enabled: false }));
    expect((await issue(disabled, member.id)).status).toBe(401);

    const other = await aPerson('Authentication Administrator');
    const token = await tokenOf(other);
    const sessions = await house.base
      .knex('oidc_sessions')
      .where('account_id', '=', other.id)
      .whereNull('ended_at')
      .select('uid');
    for (const { uid } of sessions) await house.work((w) => endSession(w, uid));
    expect((await issue(token, member.id)).status).toBe(401);
  });

  test('issues twenty passes an hour, and no more from any number of requests at once', async () => {
    const admin = await aPerson('Authentication Administrator');
    const token = await tokenOf(admin);
    const member = await house.user(aName());
    // On a busy machine some are shed before they are judged, and ask again.
    const judged = async () => {
      for (;;) {
        const answer = await issue(token, member.id);
        if (answer.status !== 503) return answer;
      }
    };
    const answers = await Promise.all(Array.from({ length: 24 }, judged));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
  });
});

describe('a pass that a person issued', () => {
  test.each<[string, (admin: Person) => Promise<unknown>]>([
    ['lost the role', (admin) => house.work((w) => revokeRole(w, admin.id, 'Authentication Administrator'))],
    ['was disabled', (admin) => house.work((w) => changePerson(w, admin.id, { enabled: false }))],
  ])('opens nothing once its issuer %s', async (_what, happens) => {
    const admin = await aPerson('Authentication Administrator');
    const [member, other] = [await house.user(aName()), await house.user(aName())];
    const token = await tokenOf(admin);
    const codes = [await issue(token, member.id), await issue(token, other.id)].map(({ body }) =>
      String(body.temporaryAccessPass),
    );
    const enter = async (userName: string, code: string) => {
      const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
      await browser.visit((await app.authorizationUrl()).href);
      return (await enterPass(browser, userName, code)).step;
    };
    expect(await enter(member.userPrincipalName, codes[0]!)).toBe('enrol');
    await happens(admin);
    expect(await enter(other.userPrincipalName, codes[1]!)).toBe('verify');
    expect(await lastRefusal(house)).toBe('issuer_not_allowed');
  });
});

describe('a token for a person', () => {
  test('is for the management API alone, and for apps that were given scopes there', async () => {
    const person = await aPerson();
    const token = await tokenOf(person);
    expect(token.split('.')).toHaveLength(1);
    const userinfo = await fetch(`${house.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(userinfo.status).toBe(403);
    const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
    const asked = await app.authorizationUrl({ scope: 'openid User.Read', resource: `${house.issuer}/management` });
    await browser.visit(asked.href);
    expect(browser.page.callback.searchParams.get('error')).toBe('invalid_target');
  });

  test('is not what an app has for its own userinfo', async () => {
    const person = await aPerson();
    const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
    await browser.visit((await console_.authorizationUrl()).href);
    await usePasskey(browser, person.authenticator);
    const { tokens } = await console_.exchange(browser.page.callback);
    expect((await ask(tokens.access_token, 'GET', '/me')).status).toBe(401);
  });

  test('is nothing that an app gets by the short names of scopes that it was not given', async () => {
    const person = await aPerson();
    const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
    await browser.visit((await app.authorizationUrl({ scope: 'openid User.Read' })).href);
    await usePasskey(browser, person.authenticator);
    const { tokens } = await app.exchange(browser.page.callback);
    expect((await ask(tokens.access_token, 'GET', '/me')).status).toBe(401);
    const userinfo = await fetch(`${house.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(userinfo.status).toBe(200);
  });

  test('is got with the scopes of Microsoft’s libraries as well, which name the resource or mean it', async () => {
    const person = await aPerson();
    const written = await tokenOf(person, `${house.issuer}/management/User.Read`, false);
    expect(await ask(written, 'GET', '/me')).toMatchObject({ status: 200, body: { id: person.id } });
    expect((await issue(written, person.id)).status).toBe(403);
    const short = await tokenOf(person, 'User.Read', false);
    expect(await ask(short, 'GET', '/me')).toMatchObject({ status: 200, body: { id: person.id } });
    const all = await tokenOf(person, `${house.issuer}/management/.default`, false);
    expect((await ask(all, 'GET', '/me')).status).toBe(200);
    expect(await issue(all, person.id)).toMatchObject({
      body: { error: { message: expect.stringContaining('one of these roles') } },
    });
  });

  test('shows and ends one’s own pass, and nobody else’s', async () => {
    const person = await aPerson();
    await house.pass(person.userName);
    const token = await tokenOf(person);
    const mine = '/me/authentication/temporaryAccessPassMethods';
    const { body } = await ask(token, 'GET', mine);
    const [pass] = body.value as { id: string; temporaryAccessPass: null }[];
    expect(pass).toMatchObject({ temporaryAccessPass: null, isUsable: true });
    expect((await ask(token, 'GET', `${mine}/${pass!.id}`)).status).toBe(200);
    expect((await ask(token, 'DELETE', `${mine}/00000000-0000-4000-8000-000000000000`)).status).toBe(404);
    expect((await ask(token, 'DELETE', `${mine}/${pass!.id}`)).status).toBe(204);
    expect(await ask(token, 'GET', mine)).toMatchObject({ body: { value: [] } });
    expect(await eventsOf(house, { userId: person.id, type: 'pass.revoked' })).toMatchObject([{ actor_id: person.id }]);
  });
});

describe('a Pass Issuer', () => {
  async function aPassIssuer(scope: string, more: object = {}) {
    const issuer = await aPerson();
    await house.seed({
      groups: [{ displayName: scope }],
      users: [{ userPrincipalName: issuer.userName, roles: [{ role: 'Pass Issuer', group: scope, ...more }] }],
    });
    return { issuer, token: await tokenOf(issuer) };
  }
  async function aMemberOf(...groups: string[]) {
    const userName = aName();
    await house.seed({ users: [{ userPrincipalName: userName, groups }] });
    return userName;
  }

  test('issues and revokes for the groups the role is for, and sees nothing else', async () => {
    const { token } = await aPassIssuer('Shop');
    const [inside, outside] = [await aMemberOf('Shop'), await aMemberOf('Office')];
    const issued = await issue(token, inside);
    expect(issued.status).toBe(201);
    expect((await ask(token, 'GET', passesOf(inside))).status).toBe(200);
    expect((await ask(token, 'DELETE', `${passesOf(inside)}/${String(issued.body.id)}`)).status).toBe(204);
    expect(await issue(token, outside)).toMatchObject({
      status: 403,
      body: { error: { message: 'This user is in none of the groups that your role is for.' } },
    });
    for (const path of [
      passesOf(outside),
      '/users',
      `/users/${inside}`,
      '/groups',
      '/roleManagement/directory/roleAssignments',
    ]) {
      expect((await ask(token, 'GET', path)).status, path).toBe(403);
    }
  });

  test('keeps to limits of their own, within policy', async () => {
    const { token } = await aPassIssuer('Depot', { maximumLifetimeInMinutes: 90, isUsableOnce: true });
    const member = await aMemberOf('Depot');
    expect((await issue(token, member, { lifetimeInMinutes: 91 })).body.error.message).toBe(
      'Invalid LifetimeInMinutes specified. The valid range between 60 and 90.',
    );
    expect(await issue(token, member, { lifetimeInMinutes: 90 })).toMatchObject({
      status: 201,
      body: { lifetimeInMinutes: 90 },
    });
    await house.seed({ policies: { temporaryAccessPass: { isUsableOnce: false } } });
    expect((await issue(token, member, { isUsableOnce: false })).status).toBe(403);
    expect(await issue(token, member)).toMatchObject({ status: 201, body: { isUsableOnce: true } });
    await house.seed({ policies: { temporaryAccessPass: { isUsableOnce: true } } });
  });

  test('cannot use a pass for somebody who has left the group, and cannot bring anybody in', async () => {
    const { token, issuer } = await aPassIssuer('Dock');
    const member = await aMemberOf('Dock');
    const code = String((await issue(token, member)).body.temporaryAccessPass);
    await house.base
      .knex('group_members')
      .where('user_id', '=', (await house.base.knex('users').where('user_principal_name', '=', member).first('id')).id)
      .delete();
    const browser = newBrowser({ stopAt: [app.redirectUri, console_.redirectUri] });
    await browser.visit((await app.authorizationUrl()).href);
    expect((await enterPass(browser, member, code)).step).toBe('verify');
    expect(await lastRefusal(house)).toBe('issuer_not_allowed');

    await house.work((w) => grantRole(w, issuer.id, 'User Administrator'));
    const [group] = await house.base.knex('groups').where('display_name', '=', 'Dock').select('id');
    const joins = await ask(token, 'POST', `/groups/${group.id}/members/$ref`, {
      '@odata.id': `${house.issuer}/v1.0/users/${member}`,
    });
    expect(joins).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('A role names this group') } },
    });
  });
});

describe('roles by API', () => {
  const assignments = '/roleManagement/directory/roleAssignments';
  const reader = 'f2ef992c-3afb-46b9-b7cf-a126ee74c451';

  test('are listed, given, read and taken by a Global Administrator', async () => {
    const admin = await aPerson('Global Administrator');
    const token = await tokenOf(admin);
    const user = await house.user(aName());
    const definitions = await ask(token, 'GET', '/roleManagement/directory/roleDefinitions');
    expect(definitions.body.value).toHaveLength(8);
    const given = await ask(token, 'POST', assignments, {
      '@odata.type': '#microsoft.graph.unifiedRoleAssignment',
      principalId: user.id,
      roleDefinitionId: reader,
      directoryScopeId: '/',
    });
    expect(given).toMatchObject({
      status: 201,
      body: { principalId: user.id, roleDefinitionId: reader, directoryScopeId: '/' },
    });
    const one = `${assignments}/${String(given.body.id)}`;
    expect((await ask(token, 'GET', one)).body.id).toBe(given.body.id);
    const mine = await ask(token, 'GET', `${assignments}?$filter=${encodeURIComponent(`principalId eq '${user.id}'`)}`);
    expect(mine.body.value).toMatchObject([{ id: given.body.id }]);
    expect((await ask(token, 'POST', assignments, { principalId: user.id, roleDefinitionId: reader })).status).toBe(
      409,
    );
    expect((await ask(token, 'DELETE', one)).status).toBe(204);
    expect((await ask(token, 'DELETE', one)).status).toBe(404);
    expect(await eventsOf(house, { userId: user.id, type: 'role.revoked' })).toHaveLength(1);
  });

  test.each<[string, object, RegExp]>([
    [
      'a role for a group that is for everybody',
      { roleDefinitionId: reader, directoryScopeId: '/groups/GROUP' },
      /Only Pass Issuer/,
    ],
    ['Pass Issuer for everybody', { roleDefinitionId: '8c4bf1fc-3297-4272-9796-899e98a9b383' }, /given for a group/],
    ['a role that does not exist', { roleDefinitionId: 'Root' }, /no role/],
    [
      'a scope that is none',
      { roleDefinitionId: reader, directoryScopeId: '/administrativeUnits/1' },
      /directoryScopeId/,
    ],
    [
      'a group that does not exist',
      {
        roleDefinitionId: '8c4bf1fc-3297-4272-9796-899e98a9b383',
        directoryScopeId: '/groups/00000000-0000-4000-8000-000000000000',
      },
      /no such group/,
    ],
  ])('refuse %s', async (_what, asked, sentence) => {
    const admin = await aPerson('Global Administrator');
    const token = await tokenOf(admin);
    const user = await house.user(aName());
    await house.seed({ groups: [{ displayName: 'Some' }] });
    const [{ id }] = await house.base.knex('groups').where('display_name', '=', 'Some').select('id');
    const body = JSON.parse(JSON.stringify({ principalId: user.id, ...asked }).replace('GROUP', id));
    const answer = await ask(token, 'POST', assignments, body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(sentence);
    expect(await eventsOf(house, { userId: user.id, type: 'role.granted' })).toEqual([]);
  });

  test('are closed to every other role, and to oneself', async () => {
    const admin = await aPerson('Global Administrator');
    const lesser = await aPerson(
      'Privileged Authentication Administrator',
      'User Administrator',
      'Application Administrator',
    );
    const user = await house.user(aName());
    expect(
      (await ask(await tokenOf(lesser), 'POST', assignments, { principalId: user.id, roleDefinitionId: reader }))
        .status,
    ).toBe(403);
    expect(
      (await ask(await tokenOf(admin), 'POST', assignments, { principalId: admin.id, roleDefinitionId: reader }))
        .status,
    ).toBe(403);
  });
});
