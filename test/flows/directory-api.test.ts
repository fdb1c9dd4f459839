import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';

type Json = Record<string, unknown>;

interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;

let house: TestHouse;
const bearers: Record<string, string> = {};

const permissionsOf: Readonly<Record<string, readonly string[]>> = {
  hr: ['User.ReadWrite.All', 'Group.ReadWrite.All'],
  reader: ['Directory.Read.All'],
  people: ['User.Read.All'],
  groups: ['Group.Read.All'],
  passes: ['UserAuthenticationMethod.ReadWrite.All'],
};

beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: Object.entries(permissionsOf).map(([client_id, app_roles]) => ({
      client_id,
      client_secret: 'secret',
      grant_types: ['client_credentials'],
      app_roles,
    })),
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

async function call(method: string, path: string, body?: unknown, as = 'hr'): Promise<ApiAnswer> {
  const answer = await fetch(new URL(path, house.issuer), {
    method,
    headers: {
      ...(as && { authorization: `Bearer ${bearers[as]}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : {} };
}

function expectRefusal(answer: ApiAnswer, status: number, message?: RegExp): void {
  const { message: said } = (answer.body.error ?? {}) as { message?: string };
  expect({ status: answer.status, said }).toEqual({
    status,
    said: message ? expect.stringMatching(message) : expect.any(String),
  });
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

async function aUser(displayName = 'Somebody'): Promise<{ id: string; name: string }> {
  const name = aName();
  const { status, body } = await call('POST', '/v1.0/users', { userPrincipalName: name, displayName });
  expect(status).toBe(201);
  return { id: body.id as string, name };
}

async function aGroup(displayName = aName('group')): Promise<{ id: string; displayName: string }> {
  const { status, body } = await call('POST', '/v1.0/groups', { displayName });
  expect(status).toBe(201);
  return { id: body.id as string, displayName };
}

const referring = (id: string) => ({ '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${id}` });
const idsIn = ({ body }: ApiAnswer) => (body.value as { id: string }[]).map(({ id }) => id);

describe('making a user', () => {
  test('answers 201 with every property; what Graph asks for besides is taken, and no password is kept', async () => {
    const name = aName();
    const answer = await call('POST', '/v1.0/users', {
      accountEnabled: true,
      displayName: 'Adele Vance',
      mailNickname: 'AdeleV',
      mail: 'adele@home.example',
      userPrincipalName: name,
      passwordProfile: { forceChangePasswordNextSignIn: true, password: 'xWwvJ]6NMw+bWH-d' },
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users/$entity`,
      id: expect.stringMatching(uuid),
      userPrincipalName: name,
      displayName: 'Adele Vance',
      mail: 'adele@home.example',
      accountEnabled: true,
      createdDateTime: expect.stringMatching(sevenDigits),
    });
    expect(answer.headers.get('location')).toBe(`${house.issuer}/v1.0/users/${answer.body.id}`);
    const kept = await house.base
      .knex('users')
      .where('id', '=', answer.body.id as string)
      .first();
    const events = await house.base.knex('audit_events').where('user_id', '=', answer.body.id as string);
    expect(JSON.stringify([kept, events])).not.toContain('xWwvJ');
    expect(events).toMatchObject([{ type: 'user.created', actor_kind: 'client', actor_id: 'hr' }]);
  });

  test.each<[string, unknown, RegExp]>([
    ['no body', undefined, /must be a JSON object/],
    ['a list', [], /must be a JSON object/],
    ['no name', { displayName: 'X' }, /userPrincipalName/],
    ['no displayName', { userPrincipalName: 'x@example.com' }, /displayName/],
    ['a name that is none', { userPrincipalName: 'x', displayName: 'X' }, /must look like name@example\.com/],
    ['an empty displayName', { userPrincipalName: 'x@example.com', displayName: ' ' }, /1 to 256/],
    ['a mail that is none', { userPrincipalName: 'x@example.com', displayName: 'X', mail: 'x' }, /mail/],
    ['what is not kept', { userPrincipalName: 'x@example.com', displayName: 'X', jobTitle: 'Y' }, /jobTitle/],
    [
      'a text for a truth',
      { userPrincipalName: 'x@example.com', displayName: 'X', accountEnabled: 'yes' },
      /accountEnabled/,
    ],
    ['a NUL', { userPrincipalName: 'x@example.com', displayName: 'X\0' }, /character/],
  ])('with %s is a 400 that names it, and makes nobody', async (_what, body, message) => {
    expectRefusal(await call('POST', '/v1.0/users', body), 400, message);
    expectRefusal(await call('GET', '/v1.0/users/x@example.com'), 404);
  });

  test('twice is a 409', async () => {
    const { name } = await aUser();
    expectRefusal(
      await call('POST', '/v1.0/users', { userPrincipalName: name.toUpperCase(), displayName: 'X' }),
      409,
      /already/,
    );
  });
});

describe('one user', () => {
  test('is read by id, by name, and in the key form; $select cuts it', async () => {
    const { id, name } = await aUser();
    for (const path of [`/v1.0/users/${id}`, `/beta/users/${encodeURIComponent(name)}`, `/v1.0/users('${name}')`]) {
      expect((await call('GET', path, undefined, 'people')).body).toMatchObject({ id, userPrincipalName: name });
    }
    expect((await call('GET', `/v1.0/users/${id}?$select=displayName,id`)).body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users(id,displayName)/$entity`,
      id,
      displayName: 'Somebody',
    });
  });

  test('is read, changed and sent back whole: 204, and what is read-only stays', async () => {
    const { id } = await aUser();
    const { body } = await call('GET', `/v1.0/users/${id}`);
    const changed = { ...body, displayName: 'Renamed', mail: null, id: randomUUID(), createdDateTime: 'never' };
    const answer = await call('PATCH', `/v1.0/users/${id}`, changed);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await call('GET', `/v1.0/users/${id}`)).body).toEqual({ ...body, displayName: 'Renamed', mail: null });
  });

  test.each<[string, Json, RegExp]>([
    ['what is not known', { displayName: 'X', jobTitle: 'Y', city: 'Z' }, /jobTitle.*city/],
    [
      'another name',
      { displayName: 'X', userPrincipalName: 'other@example.com' },
      /userPrincipalName cannot be changed/,
    ],
    ['no displayName at all', { displayName: null }, /displayName/],
  ])('is not changed by %s', async (_what, changes, message) => {
    const { id } = await aUser();
    expectRefusal(await call('PATCH', `/v1.0/users/${id}`, changes), 400, message);
    expect((await call('GET', `/v1.0/users/${id}`)).body.displayName).toBe('Somebody');
  });

  test('that is deleted answers 204, and then 404', async () => {
    const { id, name } = await aUser();
    const answer = await call('DELETE', `/v1.0/users/${name}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    for (const method of ['GET', 'DELETE']) expectRefusal(await call(method, `/v1.0/users/${id}`), 404);
    expectRefusal(await call('PATCH', `/v1.0/users/${id}`, {}), 404);
  });

  test('with a role is not changed nor deleted by an application', async () => {
    const { id, name } = await aUser();
    await house.seed({ users: [{ userPrincipalName: name, roles: ['Global Reader'] }] });
    const manager = await aUser();
    for (const [method, path, body] of [
      ['PATCH', `/v1.0/users/${id}`, { accountEnabled: false }],
      ['DELETE', `/v1.0/users/${id}`, undefined],
      ['PUT', `/v1.0/users/${id}/manager/$ref`, referring(manager.id)],
      ['POST', `/v1.0/groups/${(await aGroup()).id}/members/$ref`, referring(id)],
    ] as const) {
      expectRefusal(await call(method, path, body), 403, /administrator role/);
    }
    expect((await call('GET', `/v1.0/users/${id}`)).body.accountEnabled).toBe(true);
  });
});

describe('the list of users', () => {
  test('comes page by page by absolute links that keep what was asked; $count=true says how many', async () => {
    const displayName = aName('Paged');
    const made = [await aUser(displayName), await aUser(displayName), await aUser(displayName)];
    const filter = encodeURIComponent(`startswith(displayName,'${displayName.slice(0, 12)}')`);
    let next: string | undefined = `/v1.0/users?$top=2&$select=id&$count=true&$filter=${filter}`;
    const seen: string[] = [];
    let pages = 0;
    while (next !== undefined) {
      const answer = await call('GET', next, undefined, 'reader');
      expect(answer.body).toMatchObject({
        '@odata.context': `${house.issuer}/v1.0/$metadata#users(id)`,
        '@odata.count': 3,
      });
      seen.push(...idsIn(answer));
      next = answer.body['@odata.nextLink'] as string | undefined;
      if (next !== undefined) expect(next.startsWith(`${house.issuer}/v1.0/users?`)).toBe(true);
      pages += 1;
    }
    expect([pages, seen.sort()]).toEqual([2, made.map(({ id }) => id).sort()]);
  });

  test('is narrowed by name, in any case; an apostrophe is written twice', async () => {
    const { id, name } = await aUser("Miles O'Brien");
    const found = async (filter: string) =>
      idsIn(await call('GET', `/v1.0/users?$filter=${encodeURIComponent(filter)}`, undefined, 'people'));
    expect(await found(`userPrincipalName eq '${name.toUpperCase()}'`)).toEqual([id]);
    expect(await found("displayName eq 'miles o''brien'")).toEqual([id]);
    expect(await found("startswith(displayName,'Miles O''')")).toEqual([id]);
    expect(await found("startswith(displayName,'%')")).toEqual([]);
    const { text, headers } = await call('GET', "/v1.0/users/$count?$filter=startswith(displayName,'Miles')");
    expect([text, headers.get('content-type')]).toEqual(['1', 'text/plain; charset=utf-8']);
  });

  test('on beta the dollar may be left out', async () => {
    expect(idsIn(await call('GET', '/beta/users?top=1'))).toHaveLength(1);
    expectRefusal(await call('GET', '/v1.0/users?top=1'), 400, /"top"/);
  });

  test.each([
    ['$top=0', /\$top/],
    ['$top=1000', /\$top/],
    ['$top=x', /\$top/],
    ['$top=1&$top=2', /twice/],
    ['$count=maybe', /\$count/],
    ['$select=nickname', /nickname/],
    ['$skiptoken=x', /\$skiptoken/],
    ['$orderby=mail', /\$orderby can be one of userPrincipalName, displayName, createdDateTime/],
    ['$orderby=displayName,createdDateTime', /\$orderby/],
    ['$orderby=displayName up', /\$orderby/],
    ['$skip=1', /\$skip/],
    ['$expand=manager', /\$expand/],
    ['$search=x', /\$search/],
    ['$search="ada"', /quotation marks/],
    ['$search="displayName:"', /quotation marks/],
    ['$search="displayName:a" "mail:b"', /quotation marks/],
    ['$search="manager:a"', /\$search cannot look in "manager". It can look in: displayName, mail, userPrincipalName/],
    ["$filter=manager eq 'x'", /\$filter cannot compare "manager"/],
    ["$filter=displayName ge 'x'", /\$filter cannot use ge on displayName/],
    ["$filter=accountEnabled eq 'true'", /with true or false/],
    ['$filter=displayName eq null', /with a text/],
    ["$filter=constructor eq 'x'", /\$filter cannot compare/],
    ["$filter=any(x:x eq 'y')", /not supported/],
    ["$filter=endswith(mail,'x')", /not supported/],
    ['$filter=', /\$filter/],
  ])('refuses %s and says why', async (query, message) => {
    expectRefusal(await call('GET', `/v1.0/users?${query}`), 400, message);
  });
});

describe('a manager', () => {
  test('is set, read and taken away', async () => {
    const [user, manager] = [await aUser(), await aUser('The Boss')];
    const path = `/v1.0/users/${user.id}/manager`;
    expectRefusal(await call('GET', path), 404, /no manager/);
    expect((await call('PUT', `${path}/$ref`, referring(manager.id))).status).toBe(204);
    expect((await call('GET', path, undefined, 'people')).body).toMatchObject({
      '@odata.type': '#microsoft.graph.user',
      id: manager.id,
      displayName: 'The Boss',
    });
    expect((await call('DELETE', `${path}/$ref`)).status).toBe(204);
    expectRefusal(await call('DELETE', `${path}/$ref`), 404);
  });

  test.each<[string, unknown, number]>([
    ['nobody', {}, 400],
    ['no body', undefined, 400],
    ['an address of something else', { '@odata.id': 'https://graph.microsoft.com/v1.0/groups/x' }, 400],
    ['an address that is none', { '@odata.id': 'users/x' }, 400],
    ['an address that cannot be decoded', { '@odata.id': 'https://x.example/users/%zz' }, 400],
    ['an address with a NUL', { '@odata.id': 'https://x.example/users/a%00@example.com' }, 400],
    ['somebody unknown', referring(randomUUID()), 404],
  ])('cannot be %s', async (_what, body, status) => {
    const { id } = await aUser();
    expectRefusal(await call('PUT', `/v1.0/users/${id}/manager/$ref`, body), status);
    expectRefusal(await call('PUT', `/v1.0/users/${id}/manager/$ref`, referring(id)), 400, /their own manager/);
  });
});

describe('groups', () => {
  test('are made, read, listed, renamed and deleted', async () => {
    const displayName = aName('group');
    const made = await call('POST', '/v1.0/groups', {
      displayName,
      mailEnabled: false,
      mailNickname: 'x',
      securityEnabled: true,
      groupTypes: [],
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ displayName, id: expect.stringMatching(uuid), securityEnabled: true });
    const path = `/v1.0/groups/${made.body.id}`;
    expect((await call('GET', path, undefined, 'groups')).body).toEqual(made.body);
    const filter = encodeURIComponent(`displayName eq '${displayName}'`);
    expect(idsIn(await call('GET', `/v1.0/groups?$filter=${filter}`))).toEqual([made.body.id]);
    expect((await call('PATCH', path, { ...made.body, displayName: `${displayName} 2` })).status).toBe(204);
    expect((await call('GET', `${path}?$select=displayName`)).body.displayName).toBe(`${displayName} 2`);
    expect((await call('DELETE', path)).status).toBe(204);
    expectRefusal(await call('GET', path), 404);
  });

  test.each<[Json, number, RegExp]>([
    [{}, 400, /displayName/],
    [{ displayName: 'X', mailEnabled: true }, 400, /mailEnabled/],
    [{ displayName: 'X', groupTypes: ['Unified'] }, 400, /groupTypes/],
    [{ displayName: 'X', description: 'Y' }, 400, /description/],
    [{ displayName: 'X', 'members@odata.bind': [] }, 400, /members@odata\.bind/],
  ])('are not made of %j', async (body, status, message) => {
    expectRefusal(await call('POST', '/v1.0/groups', body), status, message);
  });

  test('come page by page', async () => {
    await aGroup();
    await aGroup();
    const first = await call('GET', '/v1.0/groups?$top=1&$count=true', undefined, 'groups');
    const second = await call('GET', first.body['@odata.nextLink'] as string, undefined, 'groups');
    expect(idsIn(second)).not.toEqual(idsIn(first));
    expect(second.body['@odata.count']).toBe(first.body['@odata.count']);
  });

  test('take members once, list them on both sides, and let them go', async () => {
    const [group, one, two] = [await aGroup(), await aUser(), await aUser()];
    const members = `/v1.0/groups/${group.id}/members`;
    expect((await call('POST', `${members}/$ref`, referring(one.id))).status).toBe(204);
    const key = { '@odata.id': `${house.issuer}/v1.0/users('${two.id}')` };
    expect((await call('POST', `${members}/$ref`, key)).status).toBe(204);
    expectRefusal(await call('POST', `${members}/$ref`, referring(one.id)), 400, /already/);
    expectRefusal(await call('POST', `${members}/$ref`, referring(randomUUID())), 404);
    expectRefusal(await call('POST', `/v1.0/groups/${randomUUID()}/members/$ref`, referring(one.id)), 404);

    const first = await call('GET', `${members}?$top=1`, undefined, 'reader');
    const second = await call('GET', first.body['@odata.nextLink'] as string, undefined, 'reader');
    expect([...idsIn(first), ...idsIn(second)].sort()).toEqual([one.id, two.id].sort());
    expect(second.body['@odata.nextLink']).toBeUndefined();
    const memberOf = await call('GET', `/v1.0/users/${one.name}/memberOf`, undefined, 'reader');
    expect(memberOf.body.value).toMatchObject([
      { '@odata.type': '#microsoft.graph.group', id: group.id, displayName: group.displayName },
    ]);

    expect((await call('DELETE', `${members}/${one.id}/$ref`)).status).toBe(204);
    expectRefusal(await call('DELETE', `${members}/${one.id}/$ref`), 404);
    // Without $ref it would mean the user; there is no such address.
    expect((await call('DELETE', `${members}/${two.id}`)).status).toBe(404);
    expect((await call('GET', `/v1.0/users/${two.id}`)).status).toBe(200);
  });
});

describe('who may', () => {
  test.each([
    ['passes', 'GET', '/v1.0/users', 403],
    ['passes', 'GET', '/v1.0/groups', 403],
    ['groups', 'GET', '/v1.0/users', 403],
    ['people', 'GET', '/v1.0/groups', 403],
    ['people', 'GET', '/v1.0/users/$count', 200],
    ['people', 'GET', '/v1.0/users/nobody@example.com/memberOf', 404],
    ['reader', 'GET', '/v1.0/groups', 200],
    ['reader', 'DELETE', '/v1.0/users/nobody@example.com', 403],
    ['people', 'DELETE', '/v1.0/users/nobody@example.com', 403],
    ['reader', 'DELETE', '/v1.0/groups/x', 403],
    ['groups', 'DELETE', '/v1.0/groups/x/members/y/$ref', 403],
    ['', 'GET', '/v1.0/users', 401],
    ['', 'DELETE', '/v1.0/groups/x', 401],
  ])('%s: %s %s is a %i', async (as, method, path, status) => {
    expect((await call(method, path, undefined, as)).status).toBe(status);
  });

  test('what no address takes is a 405 that says what it takes', async () => {
    const answer = await call('PUT', '/v1.0/users', {});
    expectRefusal(answer, 405);
    expect(answer.headers.get('allow')).toMatch(/GET.*POST|POST.*GET/);
  });
});
