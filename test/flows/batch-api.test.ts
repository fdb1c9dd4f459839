import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';

/** `POST /$batch`: several requests in one, each as it would be by itself. */

type Json = Record<string, unknown>;

interface ItemAnswer {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json & { error?: { code: string; message: string; innerError: Json } };
}

let house: TestHouse;
const bearers: Record<string, string> = {};
const permissionsOf: Readonly<Record<string, readonly string[]>> = {
  hr: ['User.ReadWrite.All', 'Group.ReadWrite.All'],
  desk: ['User.Read.All', 'UserAuthenticationMethod.ReadWrite.All'],
  none: ['AuditLog.Read.All'],
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

async function post(body: unknown, as = 'hr', version = 'v1.0', headers: object = {}) {
  const answer = await fetch(`${house.issuer}/${version}/$batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearers[as]}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: (text ? JSON.parse(text) : {}) as Json, headers: answer.headers };
}

/** The answers by id. */
async function batch(requests: readonly object[], as = 'hr', version = 'v1.0'): Promise<Record<string, ItemAnswer>> {
  const { status, text, body } = await post({ requests }, as, version);
  expect({ status, text }).toMatchObject({ status: 200 });
  const responses = body.responses as ItemAnswer[];
  expect(responses).toHaveLength(requests.length);
  return Object.fromEntries(responses.map((one) => [one.id, one]));
}

async function one(request: object, as = 'hr'): Promise<ItemAnswer> {
  return (await batch([{ id: 'one', ...request }], as)).one!;
}

const refusalsOf = (requestIds: readonly string[]): Promise<{ actor_id: string; details: Json }[]> =>
  house.base.knex('audit_events').whereIn('request_id', requestIds).orderByRaw('at, ctid');

const json = { 'Content-Type': 'application/json' };
const newUser = (more: object = {}) => ({
  method: 'POST',
  url: '/users',
  headers: json,
  body: { userPrincipalName: aName(), displayName: 'Batched', ...more },
});
const usersNow = async () => Number((await house.base.knex('users').count<{ count: string }[]>())[0]!.count);

describe('a batch', () => {
  test('answers every request under its id, with status, headers and body as by itself', async () => {
    const name = aName();
    await house.user(name);
    const address = `/users/${name}?$select=userPrincipalName`;
    const by = await batch([
      { id: 'a', method: 'GET', url: address },
      { id: 'b', method: 'POST', url: 'groups', headers: json, body: { displayName: aName('group') } },
      { id: 'c', method: 'GET', url: '/users/nobody@example.com' },
      { id: 'd', method: 'PATCH', url: `/users('${name}')`, headers: json, body: { displayName: 'Renamed' } },
      { id: 'e', method: 'GET', url: "/users/$count?$filter=displayName eq 'Renamed'" },
      { id: 'f', method: 'get', url: '/nowhere' },
      { id: 'g', method: 'PATCH', url: '/users' },
    ]);
    const alone = await fetch(`${house.issuer}/v1.0${address}`, {
      headers: { authorization: `Bearer ${bearers.hr}` },
    });
    expect(by.a).toMatchObject({ status: 200, headers: { 'Cache-Control': 'no-store' }, body: await alone.json() });
    expect(by.a!.headers['Content-Type']).toBe(alone.headers.get('content-type'));
    expect(by.b).toMatchObject({ status: 201, headers: { Location: expect.stringContaining('/v1.0/groups/') } });
    expect(by.c).toMatchObject({ status: 404, body: { error: { code: 'itemNotFound' } } });
    const requestId = by.d!.headers['Request-Id'];
    expect(by.d).toEqual({
      id: 'd',
      status: 204,
      headers: { 'Cache-Control': 'no-store', 'Request-Id': requestId, 'Client-Request-Id': requestId },
    });
    expect(new Set(Object.values(by).map(({ headers }) => headers['Request-Id'])).size).toBe(7);
    expect(Buffer.from(by.e!.body as never, 'base64').toString()).toBe('1');
    expect(by.f).toMatchObject({ status: 404, body: { error: { code: 'itemNotFound' } } });
    expect(by.g).toMatchObject({ status: 405, body: { error: { code: 'methodNotAllowed' } } });
  });

  test('is the same under /beta', async () => {
    const by = await batch([{ id: '1', method: 'GET', url: '/users?top=1' }], 'hr', 'beta');
    expect(by['1']).toMatchObject({ status: 200, body: { '@odata.context': `${house.issuer}/beta/$metadata#users` } });
    // `top` without a dollar is for beta alone.
    expect((await one({ method: 'GET', url: '/users?top=1' })).status).toBe(400);
  });

  test('holds twenty requests, and the twenty are done', async () => {
    const before = await usersNow();
    const twenty = Array.from({ length: 20 }, (_none, index) => ({ id: String(index), ...newUser() }));
    const answers = Object.values(await batch(twenty));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect((await usersNow()) - before).toBe(20);
  });

  test('is judged item by item, by the permissions of its token, and each refusal is recorded under its own id', async () => {
    const name = aName();
    const user = await house.user(name);
    const admin = await house.user(aName('admin'));
    await house.seed({ users: [{ userPrincipalName: admin.userPrincipalName, roles: ['Global Reader'] }] });
    const passes = (id: string) => `/users/${id}/authentication/temporaryAccessPassMethods`;
    const by = await batch(
      [
        { id: 'reads', method: 'GET', url: `/users/${user.id}` },
        { id: 'writes', method: 'DELETE', url: `/users/${user.id}` },
        { id: 'gives', method: 'POST', url: passes(user.id), headers: json, body: {} },
        { id: 'above', method: 'POST', url: passes(admin.id), headers: json, body: {} },
      ],
      'desk',
    );
    expect([by.reads!.status, by.writes!.status, by.gives!.status, by.above!.status]).toEqual([200, 403, 201, 403]);
    expect(by.gives!.body!.temporaryAccessPass).toEqual(expect.any(String));
    const ids = [by.writes!, by.above!].map(({ headers }) => headers['Request-Id']!);
    expect(new Set(ids).size).toBe(2);
    const refusals = await refusalsOf(ids);
    expect(refusals.map(({ actor_id, details }) => [actor_id, details.request])).toEqual([
      ['desk', 'DELETE /v1.0/users/:user'],
      ['desk', 'POST /v1.0/users/:user/authentication/temporaryAccessPassMethods'],
    ]);
    expect(by.above!.body!.error!.innerError['request-id']).toBe(ids[1]);
    expect((await one({ method: 'GET', url: '/users' }, 'none')).status).toBe(403);
  });

  test('takes base64 where a body is not written as JSON', async () => {
    const name = aName();
    const body = Buffer.from(JSON.stringify({ userPrincipalName: name, displayName: 'Coded' })).toString('base64');
    expect(await one({ method: 'POST', url: '/users', headers: json, body })).toMatchObject({ status: 201 });
  });

  test('is for whoever has a token', async () => {
    const { status, body } = await post({ requests: [] }, 'nobody');
    expect([status, (body.error as Json).code]).toEqual([401, 'InvalidAuthenticationToken']);
  });
});

describe('what depends on another', () => {
  test('waits for it, wherever it stands', async () => {
    const name = aName();
    const user = newUser({ userPrincipalName: name });
    const by = await batch([
      { id: 'then', method: 'GET', url: `/users/${name}`, dependsOn: ['first'] },
      { id: 'first', ...user },
    ]);
    expect([by.first!.status, by.then!.status]).toEqual([201, 200]);
  });

  test('is 424 when that failed, and so is what depends on it; the rest is done', async () => {
    const before = await usersNow();
    const by = await batch([
      { id: 'fails', method: 'GET', url: '/users/nobody@example.com' },
      { id: 'second', ...newUser(), dependsOn: ['fails'] },
      { id: 'third', ...newUser(), dependsOn: ['second'] },
      { id: 'other', ...newUser() },
    ]);
    expect([by.fails!.status, by.second!.status, by.third!.status, by.other!.status]).toEqual([404, 424, 424, 201]);
    expect(by.second!.body).toMatchObject({ error: { code: 'failedDependency' } });
    expect((await usersNow()) - before).toBe(1);
  });
});

describe('a broken item is 400 by itself, and the others are done', () => {
  // Of what is refused before any work began, as many are recorded in a minute as of requests by themselves.
  test('recorded as what it is part of', async () => {
    const { headers } = await one({ method: 'GET', url: '//elsewhere.example' });
    expect(await refusalsOf([headers['Request-Id']!])).toMatchObject([
      { actor_id: 'hr', details: { code: 'invalid_input', request: 'POST /v1.0/$batch' } },
    ]);
  });

  test.each<[string, object, RegExp]>([
    ['no method', { url: '/users' }, /method/],
    ['a method that nothing takes', { method: 'TRACE', url: '/users' }, /method/],
    ['no url', { method: 'GET' }, /url/],
    ['the address of a host', { method: 'GET', url: 'https://other.example/v1.0/users' }, /relative/],
    ['a host without a scheme', { method: 'GET', url: '//other.example/users' }, /relative/],
    ['the other version', { method: 'GET', url: '/beta/users' }, /not begin with a version/],
    ['its own version', { method: 'GET', url: '/v1.0/users' }, /not begin with a version/],
    ['another batch', { method: 'POST', url: '/$batch', headers: json, body: { requests: [] } }, /another batch/],
    ['a NUL', { method: 'GET', url: '/users/a\0b' }, /character/],
    ['a NUL in disguise', { method: 'GET', url: '/users/a%00b' }, /character/],
    ['half a character', { method: 'GET', url: '/users/\ud800' }, /character/],
    ['a token of its own', { method: 'GET', url: '/users', headers: { Authorization: 'Bearer x' } }, /authorization/],
    ['a header in two lines', { method: 'GET', url: '/users', headers: { 'x-a': 'b\r\nhost: c' } }, /header/],
    ['headers that are none', { method: 'GET', url: '/users', headers: 'x' }, /headers/],
    ['a body that is neither', { method: 'POST', url: '/users', headers: json, body: 'not base64!' }, /base64/],
    ['a number for a body', { method: 'POST', url: '/users', headers: json, body: 5 }, /base64/],
    ['what nobody knows', { method: 'GET', url: '/users', colour: 'red' }, /colour/],
    ['a NUL in its body', newUser({ displayName: 'a\0b' }), /character/],
  ])('with %s', async (_what, broken, message) => {
    const by = await batch([
      { id: 'broken', ...broken },
      { id: 'whole', method: 'GET', url: '/users?$top=1' },
    ]);
    expect(by.broken).toMatchObject({
      status: 400,
      body: { error: { code: 'badRequest', message: expect.stringMatching(message) } },
    });
    expect(by.whole!.status).toBe(200);
  });

  test('a body that is larger than its address takes is 413, another type 415', async () => {
    const large = { ...newUser(), body: { userPrincipalName: aName(), displayName: 'x'.repeat(70_000) } };
    expect((await one(large)).status).toBe(413);
    expect((await one({ ...newUser(), headers: { 'Content-Type': 'text/plain' } })).status).toBe(415);
    const text = { method: 'POST', url: '/users', headers: { 'content-type': 'text/plain' }, body: 'YWJj' };
    expect((await one(text)).status).toBe(415);
  });

  test('a fault is a 500 of that item, says nothing of the cause, and the others are done', async () => {
    const { knex } = house.base;
    await knex.raw(`
      create function broken() returns trigger language plpgsql as $$ begin raise 'wires crossed'; end $$;
      create trigger broken before insert on groups for each row execute function broken()`);
    const by = await batch([
      { id: 'fault', method: 'POST', url: '/groups', headers: json, body: { displayName: 'X' } },
      { id: 'next', ...newUser() },
      { id: 'after', ...newUser(), dependsOn: ['fault'] },
    ]).finally(() => knex.raw('drop trigger broken on groups; drop function broken()'));
    expect(by.fault).toMatchObject({ status: 500, body: { error: { code: 'generalException' } } });
    expect(JSON.stringify(by.fault)).not.toContain('wires');
    expect([by.next!.status, by.after!.status]).toEqual([201, 424]);
  });
});

describe('a broken batch is 400 as a whole, and nothing of it is done', () => {
  const many = Array.from({ length: 21 }, (_none, index) => ({ id: String(index), ...newUser() }));
  const user = newUser();
  test.each<[string, unknown, RegExp]>([
    ['no requests', {}, /requests/],
    ['none in it', { requests: [] }, /requests/],
    ['21 of them', { requests: many }, /requests/],
    ['what is no list', { requests: 'x' }, /requests/],
    ['an id that is a number', { requests: [{ ...user, id: 1 }] }, /id/],
    ['no id', { requests: [user] }, /id/],
    [
      'one id twice',
      {
        requests: [
          { id: 'a', ...user },
          { id: 'a', ...user },
        ],
      },
      /same id/,
    ],
    ['a dependency on nothing', { requests: [{ id: 'a', ...user, dependsOn: ['b'] }] }, /not in the batch/],
    ['a dependency on itself', { requests: [{ id: 'a', ...user, dependsOn: ['a'] }] }, /circle/],
    [
      'a circle',
      {
        requests: [
          { id: 'c', ...user },
          { id: 'a', ...user, dependsOn: ['b'] },
          { id: 'b', ...user, dependsOn: ['a'] },
        ],
      },
      /circle/,
    ],
    ['no JSON', '{', /not valid JSON/],
    ['a list', [], /./],
    [
      'a body as deep as the stack',
      `{"requests":[{"id":"a","method":"POST","url":"/users","body":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}]}`,
      /nested too deeply/,
    ],
  ])('with %s', async (_what, body, message) => {
    const before = await usersNow();
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect((answer.body.error as Json).message).toMatch(message);
    expect(await usersNow()).toBe(before);
  });

  test('with more than 256 KiB it is 413, with another type 415, with a query option 400', async () => {
    expect((await post(`{"requests":[],"x":"${'y'.repeat(257 * 1024)}"}`)).status).toBe(413);
    expect((await post({ requests: [] }, 'hr', 'v1.0', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post({ requests: [] }, 'hr', 'v1.0/$batch?$top=1#')).status).toBe(400);
  });
});
