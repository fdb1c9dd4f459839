import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancel } from '../../src/sign-in/steps.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aHouse, aName, anAddress, aVisitor } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

type Json = Record<string, unknown>;
type Event = Json & { id: string };

interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;
const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36';

let house: TestHouse;
const bearers: Record<string, string> = {};

const permissionsOf: Readonly<Record<string, readonly string[]>> = {
  siem: ['AuditLog.Read.All'],
  hr: ['User.ReadWrite.All', 'Group.ReadWrite.All', 'UserAuthenticationMethod.ReadWrite.All'],
  policy: ['Policy.ReadWrite.AuthenticationMethod'],
};

beforeAll(async () => {
  // Each call may come from an address of its own: what is recorded of refusals is bounded by address.
  house = await startHouse({ LATCHKEY_TRUSTED_PROXIES: '127.0.0.1, ::1' });
  await house.seed({
    clients: [
      ...Object.entries(permissionsOf).map(([client_id, app_roles]) => ({
        client_id,
        client_name: `The ${client_id} system`,
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles,
      })),
      { client_id: 'app', client_name: 'Payroll', client_secret: 's', redirect_uris: ['http://localhost:1/cb'] },
    ],
  });
  for (const clientId of Object.keys(permissionsOf)) {
    const answer = await fetch(`${house.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
      headers: { authorization: `Basic ${btoa(`${clientId}:secret`)}` },
    });
    bearers[clientId] = ((await answer.json()) as { access_token: string }).access_token;
  }
});
afterAll(() => house?.close());

async function call(method: string, path: string, as = 'siem', body?: unknown, ip = anAddress()): Promise<ApiAnswer> {
  const answer = await fetch(new URL(path, house.issuer), {
    method,
    headers: {
      'x-forwarded-for': ip,
      ...(as && { authorization: `Bearer ${bearers[as] ?? as}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: text ? (JSON.parse(text) as Json) : {} };
}

const directoryAudits = '/v1.0/auditLogs/directoryAudits';
const signIns = '/v1.0/auditLogs/signIns';

async function found(log: string, query: Record<string, string>): Promise<Event[]> {
  const { status, body } = await call('GET', `${log}?${new URLSearchParams(query)}`);
  expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
  return body.value as Event[];
}

/** What the directory's log says of a user, the newest first. */
const auditsOf = (userId: string) => found(directoryAudits, { $filter: `targetResources/any(t:t/id eq '${userId}')` });

async function aUser(): Promise<{ id: string; name: string }> {
  const name = aName();
  const body = { userPrincipalName: name, displayName: 'Adele' };
  return { id: (await call('POST', '/v1.0/users', 'hr', body)).body.id as string, name };
}

async function issue(user: { id: string }, body: object = {}): Promise<{ code: string; passId: string }> {
  const path = `/v1.0/users/${user.id}/authentication/temporaryAccessPassMethods`;
  const answer = await call('POST', path, 'hr', body);
  expect(answer.status).toBe(201);
  return { code: answer.body.temporaryAccessPass as string, passId: answer.body.id as string };
}

describe('who may read', () => {
  test.each([directoryAudits, `${directoryAudits}/${randomUUID()}`, signIns, `${signIns}/${randomUUID()}`])(
    '%s: nobody without a token, no application without AuditLog.Read.All, and nobody may write',
    async (path) => {
      expect((await call('GET', path, '')).status).toBe(401);
      expect((await call('GET', path, 'nonsense')).status).toBe(401);
      const refused = await call('GET', path, 'hr');
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('AuditLog.Read.All');
      expect([200, 404]).toContain((await call('GET', path)).status);
      for (const method of ['POST', 'PATCH', 'DELETE']) expect((await call(method, path)).status).toBe(405);
    },
  );

  test('the beta address answers the same', async () => {
    const [v1, beta] = [await call('GET', `${signIns}?$top=1`), await call('GET', '/beta/auditLogs/signIns?top=1')];
    expect([v1.status, beta.status]).toEqual([200, 200]);
    expect(beta.body.value).toEqual(v1.body.value);
  });
});

describe('a directory audit', () => {
  test('of an issued pass is whole, in the words of Entra, and never holds the code', async () => {
    const user = await aUser();
    const { code, passId } = await issue(user, { reason: 'first day', ticket: 'INC-1', lifetimeInMinutes: 90 });
    const [event] = await auditsOf(user.id);
    expect(event).toEqual({
      id: expect.stringMatching(uuid),
      category: 'UserManagement',
      correlationId: expect.stringMatching(uuid),
      result: 'success',
      resultReason: 'Admin registered temporary access pass method for user',
      activityDisplayName: 'Admin registered security info',
      activityDateTime: expect.stringMatching(sevenDigits),
      loggedByService: 'Authentication Methods',
      operationType: 'Add',
      initiatedBy: {
        user: null,
        app: { appId: 'hr', displayName: 'The hr system', servicePrincipalId: null, servicePrincipalName: null },
      },
      targetResources: [
        {
          id: user.id,
          displayName: 'Adele',
          type: 'User',
          userPrincipalName: user.name,
          groupType: null,
          modifiedProperties: [],
        },
      ],
      additionalDetails: expect.arrayContaining([
        { key: 'passId', value: passId },
        { key: 'lifetimeMinutes', value: '90' },
        { key: 'oneTime', value: 'true' },
        { key: 'reason', value: 'first day' },
        { key: 'ticket', value: 'INC-1' },
        { key: 'ipAddress', value: expect.stringMatching(/^10\./) },
      ]),
    });
    expect(JSON.stringify(event)).not.toContain(code);
    const one = await call('GET', `${directoryAudits}/${event!.id}`);
    expect(one.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#auditLogs/directoryAudits/$entity`,
      ...event,
    });
    const cut = await call('GET', `${directoryAudits}/${event!.id}?$select=id,result`);
    expect(cut.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#auditLogs/directoryAudits(id,result)/$entity`,
      id: event!.id,
      result: 'success',
    });
  });

  test('is there for each end of a pass, and for what is done with people, groups, roles, clients and policy', async () => {
    const user = await aUser();
    const first = await issue(user);
    const second = await issue(user);
    const passes = `/v1.0/users/${user.id}/authentication/temporaryAccessPassMethods`;
    expect((await call('POST', `${passes}/${second.passId}/extend`, 'hr', { lifetimeInMinutes: 120 })).status).toBe(
      200,
    );
    expect((await call('DELETE', `${passes}/${second.passId}`, 'hr')).status).toBe(204);
    expect(first.passId).not.toBe(second.passId);
    const group = (await call('POST', '/v1.0/groups', 'hr', { displayName: 'Staff' })).body.id as string;
    await call('POST', `/v1.0/groups/${group}/members/$ref`, 'hr', { '@odata.id': `https://x/users/${user.id}` });
    await call('DELETE', `/v1.0/groups/${group}/members/${user.id}/$ref`, 'hr');
    await call('PATCH', `/v1.0/groups/${group}`, 'hr', { displayName: 'All staff' });
    await call('PATCH', `/v1.0/users/${user.id}`, 'hr', { displayName: 'Adele Vance' });
    await call('PATCH', `/v1.0/users/${user.id}`, 'hr', { accountEnabled: false });
    await call('PATCH', `/v1.0/users/${user.id}`, 'hr', { accountEnabled: true });
    await house.seed({ users: [{ userPrincipalName: user.name, roles: ['Global Reader'] }] });

    const told = (await auditsOf(user.id)).map(({ activityDisplayName, category, operationType, resultReason }) =>
      [activityDisplayName, category, operationType, resultReason].join(' | '),
    );
    expect(told.reverse()).toEqual([
      'Add user | UserManagement | Add | ',
      'Admin registered security info | UserManagement | Add | Admin registered temporary access pass method for user',
      'Admin deleted security info | UserManagement | Delete | Admin replaced temporary access pass method for user',
      'Admin registered security info | UserManagement | Add | Admin registered temporary access pass method for user',
      'Admin updated security info | UserManagement | Update | Admin extended temporary access pass method for user',
      'Admin deleted security info | UserManagement | Delete | Admin deleted temporary access pass method for user',
      'Add member to group | GroupManagement | Assign | ',
      'Remove member from group | GroupManagement | Unassign | ',
      'Update user | UserManagement | Update | ',
      'Disable account | UserManagement | Update | ',
      'Enable account | UserManagement | Update | ',
      'Add member to role | RoleManagement | Assign | ',
    ]);
    const ofGroup = await auditsOf(group);
    expect(ofGroup.map(({ activityDisplayName }) => activityDisplayName)).toEqual([
      'Update group',
      'Remove member from group',
      'Add member to group',
      'Add group',
    ]);
    expect(ofGroup[2]!.targetResources).toMatchObject([
      { type: 'User', id: user.id },
      { type: 'Group', id: group, displayName: 'All staff' },
    ]);
    expect(ofGroup[0]!.targetResources).toMatchObject([
      { modifiedProperties: [{ displayName: 'DisplayName', oldValue: '"Staff"', newValue: '"All staff"' }] },
    ]);
    const [role] = await auditsOf(user.id);
    expect(role).toMatchObject({
      initiatedBy: { user: null, app: { appId: null, displayName: 'Latchkey command line' } },
      targetResources: [
        {
          modifiedProperties: [
            { displayName: 'Role.ObjectID' },
            { displayName: 'Role.DisplayName', oldValue: null, newValue: '"Global Reader"' },
            { displayName: 'Role.TemplateId', newValue: '"f2ef992c-3afb-46b9-b7cf-a126ee74c451"' },
          ],
        },
      ],
    });
    expect(await auditsOf('app')).toMatchObject([
      { activityDisplayName: 'Add application', targetResources: [{ type: 'Application', displayName: 'Payroll' }] },
    ]);
  });

  test('of a policy says what was and what is', async () => {
    const path = '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/TemporaryAccessPass';
    expect((await call('PATCH', path, 'policy', { defaultLength: 20 })).status).toBe(204);
    const [event] = await found(directoryAudits, {
      $filter: "activityDisplayName eq 'Authentication Methods Policy Update'",
      $top: '1',
    });
    expect(event).toMatchObject({
      loggedByService: 'Authentication Methods',
      targetResources: [
        {
          type: 'Policy',
          modifiedProperties: [{ displayName: 'defaultLength', oldValue: '16', newValue: '20' }],
        },
      ],
    });
    await call('DELETE', path, 'policy');
  });

  test('of a person who used an app names both; the person is found by id and by name, the app by its id', async () => {
    const user = await aUser();
    const through = { clientId: 'policy', scopes: [] };
    const origin = { requestId: randomUUID(), ip: '203.0.113.5', userAgent: chrome };
    await house.base.run({ actor: { kind: 'user', userId: user.id, through }, origin }, async (work) =>
      work.record({ type: 'seed.applied' }),
    );
    const events = await found(directoryAudits, { $filter: `initiatedBy/user/id eq '${user.id}'` });
    expect(events).toMatchObject([
      {
        correlationId: origin.requestId,
        initiatedBy: {
          user: { id: user.id, userPrincipalName: user.name, displayName: 'Adele', ipAddress: '203.0.113.5' },
          app: { appId: 'policy', displayName: 'The policy system' },
        },
        targetResources: [],
        additionalDetails: expect.arrayContaining([{ key: 'User-Agent', value: chrome }]),
      },
    ]);
    const byName = `initiatedBy/user/userPrincipalName eq '${user.name}' and initiatedBy/app/appId eq 'policy'`;
    expect(await found(directoryAudits, { $filter: byName })).toEqual(events);
  });

  test('of a user who is gone keeps the id, and of the deletion the name', async () => {
    const user = await aUser();
    await call('DELETE', `/v1.0/users/${user.id}`, 'hr');
    const [deleted, added] = await auditsOf(user.id);
    expect(deleted).toMatchObject({
      activityDisplayName: 'Delete user',
      targetResources: [{ id: user.id, displayName: null, userPrincipalName: user.name }],
    });
    expect(added).toMatchObject({ targetResources: [{ id: user.id, displayName: null }] });
  });

  test.each([randomUUID(), 'x', '%27', '0'.repeat(200)])('that does not exist (%s) is a 404', async (id) => {
    expect((await call('GET', `${directoryAudits}/${id}`)).status).toBe(404);
    expect((await call('GET', `${signIns}/${id}`)).status).toBe(404);
  });

  test('is not found among sign-ins, nor a sign-in here', async () => {
    const [audit] = await auditsOf((await aUser()).id);
    expect((await call('GET', `${signIns}/${audit!.id}`)).status).toBe(404);
  });
});

describe('a refusal', () => {
  const refusalOf = async (answer: ApiAnswer) => {
    const id = answer.headers.get('request-id')!;
    return found(directoryAudits, { $filter: `correlationId eq '${id}'` });
  };

  test('says who asked for what, whom it was about, and why not', async () => {
    const user = await aUser();
    const path = `/v1.0/users/${user.id}/authentication/temporaryAccessPassMethods`;
    const [event, ...more] = await refusalOf(await call('POST', path, 'siem', {}));
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      activityDisplayName: 'Refuse request',
      result: 'failure',
      resultReason: expect.stringContaining('UserAuthenticationMethod.ReadWrite.All'),
      initiatedBy: { app: { appId: 'siem' } },
      targetResources: [{ type: 'User', id: user.id, userPrincipalName: user.name }],
      additionalDetails: expect.arrayContaining([
        { key: 'code', value: 'forbidden' },
        { key: 'request', value: 'POST /v1.0/users/:user/authentication/temporaryAccessPassMethods' },
      ]),
    });
  });

  test('about somebody who was named keeps the name, and nothing that is no name', async () => {
    const path = (user: string) => `/v1.0/users/${user}/authentication/temporaryAccessPassMethods`;
    const [named] = await refusalOf(await call('GET', path('nobody@example.com')));
    expect(named!.targetResources).toMatchObject([{ id: null, userPrincipalName: 'nobody@example.com' }]);
    const answer = await call('GET', path('ABCD2345EFGH6789'));
    expect(JSON.stringify(await refusalOf(answer))).not.toContain('ABCD2345');
  });

  test('without a token, or of a body that cannot be read, is there as well, once each', async () => {
    const noToken = await refusalOf(await call('GET', '/v1.0/users', ''));
    expect(noToken).toMatchObject([
      { result: 'failure', initiatedBy: { user: { id: null, ipAddress: expect.any(String) }, app: null } },
    ]);
    const noJson = await refusalOf(await call('POST', '/v1.0/users', 'hr', '{'));
    expect(noJson).toMatchObject([
      { resultReason: 'The body is not valid JSON.', initiatedBy: { app: { appId: 'hr' } } },
    ]);
  });

  test('of a flood without tokens leaves ten rows a minute', async () => {
    const ip = '198.51.100.9';
    const answers = await Promise.all(Array.from({ length: 60 }, () => call('GET', '/v1.0/users', '', undefined, ip)));
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    const rows = await house.base.knex('audit_events').where('ip', '=', ip);
    expect(rows.length).toBeGreaterThanOrEqual(10);
    expect(rows.length).toBeLessThanOrEqual(20); // a minute may end meanwhile
  });
});

describe('a sign-in', () => {
  test('with a pass and the passkey it led to is whole, and says that a pass was used', async () => {
    const user = await aUser();
    const { code } = await issue(user);
    const flow = aHouse(house);
    const visitor = await aVisitor(flow, { ip: '203.0.113.7', userAgent: chrome });
    expect(await visitor.enter(user.name, 'WRNG2345WRNG2345')).toBe('verify');
    await visitor.enter(user.name, code);
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('complete');

    const [completed, refused, ...more] = await found(signIns, { $filter: `userId eq '${user.id}'` });
    expect(more).toEqual([]);
    expect(completed).toMatchObject({
      id: expect.stringMatching(uuid),
      createdDateTime: expect.stringMatching(sevenDigits),
      userDisplayName: 'Adele',
      userPrincipalName: user.name,
      userId: user.id,
      appId: 'app',
      appDisplayName: 'Payroll',
      ipAddress: '203.0.113.7',
      clientAppUsed: 'Browser',
      isInteractive: true,
      conditionalAccessStatus: 'notApplied',
      correlationId: visitor.visit.origin.requestId,
      originalRequestId: visitor.visit.uid,
      status: { errorCode: 0, additionalDetails: null },
      deviceDetail: { browser: 'Chrome', operatingSystem: 'Windows', displayName: 'Chrome on Windows' },
      authenticationRequirement: 'multiFactorAuthentication',
      authenticationMethodsUsed: ['Temporary Access Pass', 'Passkey'],
      authenticationDetails: [
        {
          authenticationMethod: 'Temporary Access Pass',
          succeeded: true,
          authenticationStepDateTime: expect.stringMatching(sevenDigits),
        },
        { authenticationMethod: 'Passkey', succeeded: true },
      ],
    });
    expect(refused).toMatchObject({
      status: {
        errorCode: 130503,
        failureReason: expect.stringContaining('incorrect'),
        additionalDetails: 'wrong_code',
      },
      authenticationDetails: [{ authenticationMethod: 'Temporary Access Pass', succeeded: false }],
    });
    const one = await call('GET', `${signIns}/${completed!.id}`);
    expect(one.body).toMatchObject({ id: completed!.id, authenticationDetails: completed!.authenticationDetails });
    expect((await call('GET', `${directoryAudits}/${completed!.id}`)).status).toBe(404);

    const registered = await found(directoryAudits, {
      $filter: `activityDisplayName eq 'User registered security info' and initiatedBy/user/id eq '${user.id}'`,
    });
    expect(registered).toMatchObject([
      {
        resultReason: 'User registered Fido2 Authentication Method',
        initiatedBy: { user: { id: user.id, userPrincipalName: user.name, ipAddress: '203.0.113.7' } },
      },
    ]);
    const byName = `activityDisplayName eq 'User registered security info' and initiatedBy/user/userPrincipalName eq '${user.name.toUpperCase()}'`;
    expect(await found(directoryAudits, { $filter: byName })).toEqual(registered);
  });

  test('rests on its own proofs and not on those of an earlier one', async () => {
    const user = await aUser();
    const { code } = await issue(user);
    const visitor = await aVisitor(aHouse(house));
    await visitor.enter(user.name, code);
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    await visitor.sign(authenticator);
    const later = await visitor.again();
    expect(await later.sign(authenticator)).toBe('complete');
    const [second, first] = await found(signIns, { $filter: `userId eq '${user.id}'` });
    expect(second!.authenticationMethodsUsed).toEqual(['Passkey']);
    expect(first!.authenticationMethodsUsed).toEqual(['Temporary Access Pass', 'Passkey']);
  });

  test('is found by how it ended, by whom, where and through what', async () => {
    const user = await aUser();
    const ip = '203.0.113.99';
    const ids: Record<string, string> = {};
    const flow = aHouse(house);
    const visitor = await aVisitor(flow, { ip });
    await visitor.enter(user.name, 'WRNG2345WRNG2345'); // has no pass
    await visitor.enter('nobody@example.com', 'WRNG2345WRNG2345');
    await issue(user, { startDateTime: new Date(Date.now() + 3_600_000).toISOString() });
    await visitor.enter(user.name, 'WRNG2345WRNG2345');
    await cancel(flow, visitor.visit);
    const here = await found(signIns, { $filter: `ipAddress eq '${ip}'` });
    for (const { id, status } of here) ids[String((status as Json).errorCode)] = id;
    expect(Object.keys(ids).sort()).toEqual(['130503', '2000001', '2000002', '50034']);
    const byFilter = async (filter: string) =>
      (await found(signIns, { $filter: `ipAddress eq '${ip}' and (${filter})` })).map(({ id }) => id);
    for (const [code, id] of Object.entries(ids)) expect(await byFilter(`status/errorCode eq ${code}`)).toEqual([id]);
    expect(await byFilter('status/errorCode ne 0')).toHaveLength(4);
    expect(await byFilter('status/errorCode eq 0')).toEqual([]);
    expect(await byFilter('status/errorCode in (50034, 130503)')).toEqual([ids['130503'], ids['50034']]);
    expect(await byFilter('not (status/errorCode eq 50034)')).toHaveLength(3);
    expect(await byFilter(`userPrincipalName eq '${user.name}'`)).toEqual([ids['130503'], ids['2000002']]);
    expect(await byFilter(`startswith(userPrincipalName,'${user.name.slice(0, 12).toUpperCase()}')`)).toHaveLength(2);
    expect(await byFilter("appId eq 'app'")).toHaveLength(4);
    expect(await byFilter("appId eq 'other'")).toEqual([]);
    expect(await byFilter(`correlationId eq '${visitor.visit.origin.requestId}'`)).toHaveLength(4);
    const hourAhead = new Date(Date.now() + 3_600_000).toISOString();
    expect(await byFilter(`createdDateTime ge ${hourAhead}`)).toEqual([]);
    expect(await byFilter(`createdDateTime le ${hourAhead}`)).toHaveLength(4);
  });
});

describe('the queries of detection rules', () => {
  test('find a pass that was added: Sigma azure_tap_added, Elastic, Microsoft’s own table', async () => {
    const user = await aUser();
    await issue(user);
    const since = new Date(Date.now() - 3_600_000).toISOString();
    for (const name of [
      'Admin registered security info',
      'Admin registered temporary access pass method for user',
      'Create Temporary Access Pass method for user',
    ]) {
      const $filter = `activityDateTime ge ${since} and activityDisplayName eq '${name}' and loggedByService eq 'Authentication Methods' and category eq 'UserManagement'`;
      const mine = (await found(directoryAudits, { $filter, $top: '999' })).filter(({ targetResources }) =>
        JSON.stringify(targetResources).includes(user.id),
      );
      expect(mine, name).toMatchObject([
        {
          activityDisplayName: 'Admin registered security info',
          resultReason: 'Admin registered temporary access pass method for user',
        },
      ]);
    }
  });

  test.each([
    "loggedByService eq 'Authentication Methods' and category eq 'UserManagement' and activityDisplayName eq 'User registered security info'",
    "startswith(activityDisplayName,'User registered')",
    "activityDisplayName in ('Add member to role','Remove member from role')",
    "loggedByService eq 'Authentication Methods' and initiatedBy/app/appId eq 'hr' and result eq 'success'",
    "initiatedBy/app/appId eq 'policy' or initiatedBy/app/appId eq 'hr'",
    "result eq 'failure' and activityDateTime ge 2020-01-01T00:00:00.0000000Z and activityDateTime le 2100-01-01T00:00:00Z",
    "operationType eq 'Assign'",
    "activityDisplayName ne 'Refuse request'",
  ])('%s finds something, and nothing else than it says', async ($filter) => {
    const some = await found(directoryAudits, { $filter, $top: '999' });
    const rest = await found(directoryAudits, { $filter: `not (${$filter})`, $top: '999' });
    const all = await found(directoryAudits, { $top: '999' });
    expect(some.length).toBeGreaterThan(0);
    expect(rest.length).toBeGreaterThan(0);
    expect(some.length + rest.length).toBe(all.length);
    expect(new Set([...some, ...rest].map(({ id }) => id)).size).toBe(all.length);
  });
});

describe('a list', () => {
  test('is the newest first, and the oldest first when asked', async () => {
    const dates = async (query: Record<string, string>) =>
      (await found(directoryAudits, query)).map(({ activityDateTime }) => activityDateTime as string);
    const newest = await dates({ $top: '999' });
    expect(newest.length).toBeGreaterThan(10);
    expect(newest).toEqual([...newest].sort().reverse());
    expect(await dates({ $top: '999', $orderby: 'activityDateTime desc' })).toEqual(newest);
    expect(await dates({ $top: '999', $orderby: 'activityDateTime' })).toEqual([...newest].reverse());
    expect(await dates({ $top: '999', $orderby: 'activityDateTime asc' })).toEqual([...newest].reverse());
  });

  test('goes on where @odata.nextLink says, with the same filter, while events are added', async () => {
    const filter = "activityDisplayName eq 'Add user'";
    for (let n = 0; n < 5; n += 1) await aUser();
    const all = (await found(directoryAudits, { $filter: filter, $top: '999' })).map(({ id }) => id);
    const seen: string[] = [];
    let next: string | undefined =
      `${directoryAudits}?${new URLSearchParams({ $filter: filter, $top: '2', $select: 'id' })}`;
    while (next) {
      const { status, body } = await call('GET', next);
      expect(status).toBe(200);
      seen.push(...(body.value as Event[]).map(({ id }) => id));
      next = body['@odata.nextLink'] as string | undefined;
      if (next) expect(next).toMatch(new RegExp(`^${house.issuer}/v1\\.0/auditLogs/directoryAudits\\?`));
      await aUser();
    }
    expect(seen).toEqual(all);
  });

  test.each([
    ['$filter', "name eq 'x'", /cannot compare "name"/],
    ['$filter', "activityDisplayName eq 'x", /cannot be read/],
    ['$filter', 'activityDateTime ge yesterday', /yesterday/],
    ['$filter', "contains(activityDisplayName,'x')", /contains/],
    ['$filter', '('.repeat(2000), /nested/],
    ['$filter', 'x'.repeat(3000), /longer than 2048/],
    ['$orderby', 'category', /\$orderby can be "activityDateTime asc"/],
    ['$orderby', 'activityDateTime down', /\$orderby/],
    ['$orderby', 'activityDateTime desc, id', /\$orderby/],
    ['$top', '0', /\$top/],
    ['$top', '1000', /1 to 999/],
    ['$select', 'code', /\$select names "code"/],
    ['$skiptoken', 'x', /\$skiptoken/],
    ['$search', 'x', /\$search/],
    ['$count', 'true', /\$count/],
    ['$expand', 'x', /\$expand/],
  ])('with %s=%s is a 400 that names it', async (option, value, message) => {
    const answer = await call('GET', `${directoryAudits}?${new URLSearchParams({ [option]: value })}`);
    expect(answer.status).toBe(400);
    expect((answer.body.error as Json).message).toMatch(message);
  });

  test.each([
    "initiatedBy/user/id eq 'x'' or true'",
    "userId eq 'not-a-uuid'",
    "targetResources/any(t:t/id eq '%')",
    "correlationId eq 'cli'",
    'activityDateTime ge 0000-01-01',
    'activityDateTime le 9999-12-31T23:59:59-14:00',
    'status/errorCode eq 999999999999999',
    "startswith(correlationId,'%')",
    "not (initiatedBy/app/appId eq 'x') and not startswith(activityDisplayName,'')",
  ])('with the odd filter %s is an answer and no fault', async ($filter) => {
    for (const log of [directoryAudits, signIns]) {
      const { status } = await call('GET', `${log}?${new URLSearchParams({ $filter })}`);
      expect([200, 400]).toContain(status);
    }
  });
});
