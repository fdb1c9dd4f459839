import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { applicationPermissions, delegatedScopes } from '../support/matrix.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/**
 * The page on the management API, sentence by sentence: what it says, what a stranger sends because of it, and what comes back.
 * Who may do what is in `matrix.test.ts`; what each resource does beyond the page, in the tests of its own.
 */

type Json = Record<string, unknown>;
type Caller = 'application' | 'person' | 'nobody';

interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly as?: Caller;
}

interface Expected {
  readonly status: number;
  /** `error.code`, and what `error.message` says. */
  readonly code?: string;
  readonly says?: RegExp;
  readonly body?: unknown;
  /** Where the answer is plain text. */
  readonly text?: string | RegExp;
  /** Null: it is not there. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
}

/** What the page says, the request, and what is expected of its answer. `{joiner}` stands for what `names` has. */
type Row = readonly [statement: string, asked: string, sent: Sent, expected: Expected];

const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;
const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const passwordId = '28c10230-6103-485e-b985-444c60001490';
const joinerName = "jo.o'neill@example.com";

let house: TestHouse;
let console_: RelyingParty;
const bearers: Record<Exclude<Caller, 'nobody'>, string> = { application: '', person: '' };
const names: Record<string, string> = { passwordId };

beforeAll(async () => {
  console_ = await startRelyingParty({ issuer: () => house.issuer, clientId: 'console', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'scripts',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: applicationPermissions,
      },
      {
        client_id: 'console',
        client_secret: 'secret',
        redirect_uris: [console_.redirectUri],
        delegated_permissions: delegatedScopes,
      },
    ],
    groups: [{ displayName: 'Staff' }, { displayName: 'Guests' }],
    users: [
      { userPrincipalName: joinerName, displayName: 'Jo', groups: ['Staff'] },
      { userPrincipalName: 'boss@example.com', displayName: 'The Boss' },
      { userPrincipalName: 'other@example.com', displayName: 'Other' },
      { userPrincipalName: 'admin@example.com', displayName: 'Admin' },
      { userPrincipalName: 'second@example.com', displayName: 'Second' },
    ],
  });
  const token = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa('scripts:secret')}` },
  });
  bearers.application = ((await token.json()) as { access_token: string }).access_token;
  bearers.person = await aGlobalAdministrator('admin@example.com');

  const { knex } = house.base;
  for (const { id, user_principal_name: name } of await knex('users').select('id', 'user_principal_name')) {
    names[name === joinerName ? 'joiner' : (name as string).split('@')[0]!] = id;
  }
  for (const { id, display_name: name } of await knex('groups').select('id', 'display_name')) {
    names[(name as string).toLowerCase()] = id;
  }
  names.issuer = house.issuer;
});
afterAll(async () => {
  await console_?.close();
  await house?.close();
});

/** Signed in with a passkey a moment ago, with every scope. */
async function aGlobalAdministrator(userName: string): Promise<string> {
  const authenticator = newAuthenticator();
  const joining = newBrowser({ stopAt: [console_.redirectUri] });
  await joining.visit((await console_.authorizationUrl()).href);
  await joinWithPass(joining, authenticator, userName, await house.pass(userName));
  const user = await house.base.knex('users').where('user_principal_name', '=', userName).first('id');
  await house.work((work) => grantRole(work, user.id, 'Global Administrator'));
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  const asked = await console_.authorizationUrl({
    scope: `openid ${delegatedScopes.join(' ')}`,
    resource: `${house.issuer}/management`,
  });
  await browser.visit(asked.href);
  await usePasskey(browser, authenticator);
  return (await console_.exchange(browser.page.callback)).tokens.access_token;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

/** `GET /users`: below /v1.0, where no version stands before it. */
async function ask(asked: string, { body, headers = {}, as = 'application' }: Sent = {}): Promise<Answered> {
  const [method = '', written = ''] = filled(asked).split(/ (.*)/s);
  const address = /^\/(?:v\d|beta)/i.test(written) ? written : `/v1.0${written}`;
  const answer = await fetch(new URL(address, house.issuer), {
    method,
    redirect: 'manual',
    headers: {
      ...(as !== 'nobody' && { authorization: `Bearer ${bearers[as]}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : filled(JSON.stringify(body)) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return { status: answer.status, headers: answer.headers, text, body: isJson && text ? JSON.parse(text) : {} };
}

const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole);

/** What holds of every answer, and what this one is to be. */
function expectAnswer(answer: Answered, { status, code, says, body, text, headers = {} }: Expected): void {
  expect(answer).toMatchObject({ status });
  expect(answer.headers.get('request-id')).toMatch(guid);
  expect(answer.headers.get('client-request-id')).toBeTruthy();
  expect(answer.headers.get('cache-control')).toBe('no-store');
  if (text !== undefined) {
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.text).toMatch(text);
  } else if (status === 204) {
    expect([answer.text, answer.headers.get('content-type')]).toEqual(['', null]);
  } else expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  if (code !== undefined) {
    const requestId = answer.headers.get('request-id');
    expect(answer.body).toEqual({
      error: {
        code,
        message: says ? expect.stringMatching(says) : expect.any(String),
        innerError: {
          date: expect.any(String),
          'request-id': requestId,
          'client-request-id': answer.headers.get('client-request-id'),
        },
      },
    });
  }
  if (body !== undefined) expect(answer.body).toMatchObject(body as Json);
  for (const [name, value] of Object.entries(headers)) {
    const found = answer.headers.get(name);
    if (value === null) expect(found, name).toBeNull();
    else expect(found, name).toMatch(value instanceof RegExp ? value : filled(value));
  }
}

/** Each by itself, in order: some need what those before them made. */
function holds(rows: readonly Row[]): void {
  test.each(rows)('%s: %s', async (_statement, asked, sent, expected) => {
    expectAnswer(await ask(asked, sent), expected);
  });
}

const passes = '/users/{joiner}/authentication/temporaryAccessPassMethods';
const policy = '/policies/authenticationMethodsPolicy';

describe('conventions', () => {
  const list = { status: 200, body: { '@odata.context': expect.any(String), value: expect.any(Array) } };
  const no = (says: RegExp): Expected => ({ status: 400, code: 'badRequest', says });

  holds([
    ['/v1.0 and /beta are the same API', 'GET /v1.0/users', {}, list],
    ['/v1.0 and /beta are the same API', 'GET /beta/users', {}, list],
    ['a user is an object id', 'GET /users/{joiner}', {}, { status: 200, body: { userPrincipalName: joinerName } }],
    [
      '… or a user principal name',
      "GET /users/JO.o'neill@example.com",
      {},
      { status: 200, body: { displayName: 'Jo' } },
    ],
    ['… percent-encoded', 'GET /users/jo.o%27neill%40example.com', {}, { status: 200, body: { displayName: 'Jo' } }],
    ['… in the key form', "GET /users('jo.o''neill@example.com')", {}, { status: 200, body: { displayName: 'Jo' } }],
    ['key form', "GET /groups('{staff}')/members", {}, { status: 200, body: { value: [{ displayName: 'Jo' }] } }],
    [
      'keys of policy configurations ignore case',
      `GET ${policy}/authenticationMethodConfigurations('TEMPORARYaccessPASS')`,
      {},
      { status: 200, body: { id: 'TemporaryAccessPass' } },
    ],
    ['/me needs a delegated token', 'GET /me', { as: 'person' }, { status: 200, body: { displayName: 'Admin' } }],
    ['/me needs a delegated token', 'GET /me', {}, { status: 403, code: 'accessDenied' }],
    [
      'dates have seven fraction digits',
      'GET /users/{joiner}',
      {},
      { status: 200, body: { createdDateTime: expect.stringMatching(sevenDigits) } },
    ],
    ['204 with no body', 'PATCH /users/{joiner}', { body: { displayName: 'Jo' } }, { status: 204 }],

    ['$select', 'GET /users?$select=id,displayName&$top=1', {}, { status: 200 }],
    ['$select of one', 'GET /users/{joiner}?$select=id', {}, { status: 200, body: { id: expect.any(String) } }],
    [
      '$select of nothing that there is',
      'GET /users/{joiner}?$select=jobTitle',
      {},
      no(/"jobTitle".*can be selected: id/),
    ],
    ['what is not supported says so', 'GET /users?$expand=manager', {}, no(/"\$expand" is not supported/)],
    ['… of one as well', 'GET /users/{joiner}?$expand=manager', {}, no(/"\$expand" is not supported/)],
    [
      '… on a write as well',
      'PATCH /users/{joiner}?$select=id',
      { body: { displayName: 'Jo' } },
      no(/"\$select" is not supported/),
    ],
    ['$top up to 999', 'GET /users?$top=999', {}, list],
    ['$top up to 999', 'GET /users?$top=1000', {}, no(/\$top must be a whole number from 1 to 999/)],
    ['$top from 1', 'GET /users?$top=0', {}, no(/from 1 to 999/)],
    ['$top is a number', 'GET /users?$top=many', {}, no(/from 1 to 999/)],
    ['$top once', 'GET /users?$top=1&$top=2', {}, no(/sent twice/)],
    ['$skiptoken that nobody gave', 'GET /users?$skiptoken=nonsense', {}, no(/skiptoken/i)],
    ['$count', 'GET /users?$count=true', {}, { status: 200, body: { '@odata.count': 5 } }],
    [
      '$count',
      'GET /users?$count=true',
      { headers: { consistencylevel: 'eventual' } },
      { status: 200, body: { '@odata.count': 5 } },
    ],
    ['$count is true or false', 'GET /users?$count=maybe', {}, no(/\$count must be true or false/)],
    [
      '$count alone is plain text',
      'GET /users/$count',
      { headers: { ConsistencyLevel: 'eventual' } },
      { status: 200, text: /^5$/ },
    ],
    [
      '$orderby',
      'GET /users?$orderby=displayName desc',
      {},
      { status: 200, body: { value: [{ displayName: 'The Boss' }, {}, {}, {}, {}] } },
    ],
    ['$orderby of what cannot be ordered by', 'GET /users?$orderby=mail', {}, no(/\$orderby can be one of/)],
    [
      '$search on users',
      'GET /users?$search="displayName:boss"',
      {},
      { status: 200, body: { value: [{ displayName: 'The Boss' }] } },
    ],
    ['$search is words in quotation marks', 'GET /users?$search=boss', {}, no(/\$search takes clauses/)],
    [
      '$ is optional on beta',
      'GET /beta/users?top=1&select=id&count=true',
      {},
      { status: 200, body: { '@odata.count': 5 } },
    ],
    ['… and there alone', 'GET /v1.0/users?top=1', {}, no(/"top" is not supported/)],
    ['… and is one option', 'GET /beta/users?top=1&$top=2', {}, no(/sent twice/)],
    ['what nobody knows', 'GET /users?api-version=1.6', {}, no(/"api-version" is not supported/)],
  ]);

  test.each([
    ["displayName eq 'other'", ['Other']],
    ["displayName ne 'other' and displayName ne 'jo'", ['Admin', 'Second', 'The Boss']],
    ['createdDateTime ge 2020-01-01T00:00:00.0000000Z', ['Admin', 'Jo', 'Other', 'Second', 'The Boss']],
    ['createdDateTime le 2020-01-01', []],
    ["startswith(displayName,'the')", ['The Boss']],
    ["displayName in ('Jo','Admin')", ['Admin', 'Jo']],
    ["displayName eq 'Jo' or displayName eq 'Admin'", ['Admin', 'Jo']],
    ["not startswith(displayName,'s') and not(displayName eq 'Jo')", ['Admin', 'Other', 'The Boss']],
    ["(displayName eq 'Jo' or displayName eq 'Admin') and accountEnabled eq true", ['Admin', 'Jo']],
  ])('$filter of people: %s', async (filter, expected) => {
    const { status, body } = await ask(`GET /users?$filter=${encodeURIComponent(filter)}&$orderby=displayName`);
    expect([status, (body.value as Json[]).map(({ displayName }) => displayName)]).toEqual([200, expected]);
  });

  test.each([
    ['/auditLogs/directoryAudits', "targetResources/any(t:t/id eq '{joiner}')"],
    ['/auditLogs/directoryAudits', "activityDateTime ge 2020-01-01T00:00:00Z and category eq 'UserManagement'"],
    ['/auditLogs/signIns', "userId eq '{joiner}' and status/errorCode ne 0"],
    ['/reports/authenticationMethods/userRegistrationDetails', "methodsRegistered/any(m:m eq 'passKeyDeviceBound')"],
    ['/reports/authenticationMethods/userRegistrationDetails', 'isAdmin eq true and not(isMfaRegistered eq false)'],
    ['/roleManagement/directory/roleAssignments', "principalId eq '{joiner}'"],
    ['/applications', "startswith(displayName,'con')"],
  ])('$filter of %s: %s', async (path, filter) => {
    expectAnswer(await ask(`GET ${path}?$filter=${encodeURIComponent(filled(filter))}`, { as: 'person' }), list);
  });

  test.each([
    '/users',
    '/groups',
    '/applications',
    '/auditLogs/directoryAudits',
    '/auditLogs/signIns',
    '/roleManagement/directory/roleDefinitions',
    '/roleManagement/directory/roleAssignments',
    '/reports/authenticationMethods/userRegistrationDetails',
  ])('$filter of %s by what is not listed, or with what is no operator, is a 400 that says so', async (path) => {
    for (const filter of [
      "nothing eq 'x'",
      "endswith(displayName,'x')",
      "displayName has 'x'",
      'displayName eq',
      "'",
    ]) {
      const answer = await ask(`GET ${path}?$filter=${encodeURIComponent(filter)}`, { as: 'person' });
      expectAnswer(answer, no(/filter/));
    }
  });

  test('@odata.nextLink is absolute, keeps what was asked, and is not gone on with elsewhere', async () => {
    const first = await ask('GET /beta/users?top=2&select=displayName&orderby=displayName');
    const next = new URL(first.body['@odata.nextLink'] as string);
    expect([next.origin, next.pathname]).toEqual([house.issuer, '/beta/users']);
    const second = await ask(`GET ${next.pathname}${next.search}`);
    expect(second.body.value).toEqual([{ displayName: 'Other' }, { displayName: 'Second' }]);
    const last = new URL(second.body['@odata.nextLink'] as string);
    const third = await ask(`GET ${last.pathname}${last.search}`);
    expect(third.body.value).toEqual([{ displayName: 'The Boss' }]);
    expect(third.body).not.toHaveProperty('@odata.nextLink');
    const token = encodeURIComponent(next.searchParams.get('$skiptoken')!);
    expectAnswer(await ask(`GET /users?$skiptoken=${token}`), no(/skiptoken/i));
  });

  test('what was read is taken back: @odata.* and read-only properties are passed over', async () => {
    for (const address of ['/users/{joiner}', '/groups/{staff}']) {
      const { body } = await ask(`GET ${address}`);
      const whole = { ...body, '@odata.etag': 'W/"1"', id: randomUUID(), createdDateTime: '2001-01-01T00:00:00Z' };
      expectAnswer(await ask(`PATCH ${address}`, { body: whole }), { status: 204 });
      expect((await ask(`GET ${address}`)).body).toEqual(body);
    }
    const { body } = await ask(`GET ${policy}`, { as: 'person' });
    expectAnswer(
      await ask(`PATCH ${policy}`, {
        body: { registrationEnforcement: body.registrationEnforcement, '@odata.context': 'x', id: 'x' },
        as: 'person',
      }),
      { status: 204 },
    );
  });

  test.each([
    ['/groups/{staff}/members', 'displayName'],
    ['/users/{joiner}/memberOf', 'displayName'],
    ['/roleManagement/directory/roleDefinitions', 'displayName'],
    ['/roleManagement/directory/roleAssignments', 'principalId'],
    ['/roleManagement/directory/roleDefinitions/f2ef992c-3afb-46b9-b7cf-a126ee74c451', 'displayName'],
  ])('$select of %s', async (path, property) => {
    const { status, body } = await ask(`GET ${path}?$select=${property}`, { as: 'person' });
    expect(status).toBe(200);
    expect(body['@odata.context']).toMatch(/\(|#directoryObjects$/);
    for (const one of (body.value as Json[] | undefined) ?? [body]) {
      expect(Object.keys(one).filter((name) => !name.startsWith('@odata.'))).toEqual([property]);
    }
  });

  test.each(['/groups/{staff}/members', '/users/{joiner}/memberOf'])('$count of %s', async (path) => {
    for (const headers of [{}, { ConsistencyLevel: 'eventual' }]) {
      const { body } = await ask(`GET ${path}?$count=true&$top=1`, { headers });
      expect(body).toMatchObject({ '@odata.count': 1, value: [expect.anything()] });
    }
  });

  test('POST /$batch: up to twenty requests, dependsOn', async () => {
    const one = (id: string, more: object = {}) => ({ id, method: 'GET', url: '/users?$top=1', ...more });
    const headers = { 'client-request-id': 'mine' };
    const sent = { body: { requests: [one('b', { dependsOn: ['a'] }), one('a', { url: '/nowhere' })] }, headers };
    const { body, status } = await ask('POST /$batch', sent);
    expect([status, body]).toMatchObject([
      200,
      {
        responses: [
          { id: 'b', status: 424 },
          { id: 'a', status: 404 },
        ],
      },
    ]);
    const [first] = body.responses as { headers: Json }[];
    expect(first!.headers).toMatchObject({ 'Client-Request-Id': 'mine', 'Request-Id': expect.stringMatching(guid) });
    const many = Array.from({ length: 21 }, (_, index) => one(String(index)));
    expectAnswer(await ask('POST /$batch', { body: { requests: many } }), no(/20/));
    expectAnswer(
      await ask('POST /$batch', { body: { requests: [one('a', { dependsOn: ['z'] })] } }),
      no(/not in the batch/),
    );
  });
});

describe('errors', () => {
  const token = { status: 401, code: 'InvalidAuthenticationToken' };
  const json = { 'content-type': 'application/json' };

  holds([
    ['401', 'GET /users', { as: 'nobody' }, { ...token, headers: { 'www-authenticate': /^Bearer$/ } }],
    [
      '401',
      'GET /users',
      { as: 'nobody', headers: { authorization: 'Bearer x' } },
      { ...token, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
    ],
    ['404 itemNotFound', 'GET /users/nobody@example.com', {}, { status: 404, code: 'itemNotFound' }],
    ['404 of an unknown path', 'GET /devices', {}, { status: 404, code: 'itemNotFound' }],
    ['404 of an unknown path', 'GET /users/{joiner}/photo', {}, { status: 404, code: 'itemNotFound' }],
    ['404 of an unknown version', 'GET /v2.0/users', {}, { status: 404, code: 'itemNotFound', says: /version/ }],
    [
      '405 says what is taken',
      'PUT /users',
      {},
      { status: 405, code: 'methodNotAllowed', headers: { allow: /^(?=.*GET)(?=.*POST)/ } },
    ],
    [
      '409',
      'POST /users',
      { body: { userPrincipalName: 'boss@example.com', displayName: 'x' } },
      { status: 409, code: 'conflict' },
    ],
    [
      '415',
      'POST /users',
      { body: '<xml/>', headers: { 'content-type': 'text/xml' } },
      { status: 415, code: 'unsupportedMediaType' },
    ],
    [
      '413',
      'POST /users',
      { body: `{"x":"${'x'.repeat(70_000)}"}` },
      { status: 413, code: 'requestEntityTooLarge', says: /64 KiB/ },
    ],
    [
      'broken JSON',
      'POST /users',
      { body: '{"displayName":', headers: json },
      { status: 400, code: 'badRequest', says: /not valid JSON/ },
    ],
    [
      'messages name the field',
      'POST /users',
      { body: { userPrincipalName: 'x@example.com' } },
      { status: 400, code: 'badRequest', says: /^displayName/ },
    ],
    [
      '… and the allowed range',
      `POST ${passes}`,
      { body: { lifetimeInMinutes: 9 } },
      {
        status: 400,
        code: 'badRequest',
        says: /^Invalid LifetimeInMinutes specified. The valid range between 60 and 480\.$/,
      },
    ],
    [
      'client-request-id comes back',
      'GET /users/nobody',
      { headers: { 'client-request-id': 'mine' } },
      { status: 404, code: 'itemNotFound', headers: { 'client-request-id': /^mine$/ } },
    ],
    [
      '… when it went well, too',
      'GET /users',
      { headers: { 'client-request-id': 'mine' } },
      { status: 200, headers: { 'client-request-id': /^mine$/ } },
    ],
    [
      '… with nothing in it that no header takes',
      'GET /users',
      { headers: { 'client-request-id': 'm\u00efn\u00e9' } },
      { status: 200, headers: { 'client-request-id': /^mn$/ } },
    ],
    ['nothing is kept', 'GET /users', {}, { status: 200, headers: { 'cache-control': /^no-store$/ } }],
  ]);

  test('a session too weak is a 401 that says how to sign in again', async () => {
    house.clock.advance(11);
    const answer = await ask(`POST ${passes}`, { body: {}, as: 'person' });
    house.clock.advance(-11);
    expectAnswer(answer, { status: 401, code: 'insufficient_user_authentication' });
    expect(answer.headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_user_authentication".*acr_values="phr", max_age="600"$/,
    );
  });

  test('HEAD is GET without the body; OPTIONS says what an address takes', async () => {
    const head = await ask('HEAD /users');
    expect([head.status, head.text, head.headers.get('content-type')]).toEqual([
      200,
      '',
      'application/json; charset=utf-8',
    ]);
    const options = await ask('OPTIONS /users', { as: 'nobody' });
    expect([options.status, options.headers.get('allow')]).toEqual([200, expect.stringContaining('POST')]);
  });

  test('an address that is longer than anything is, is refused in the same form', async () => {
    const { hostname, port } = new URL(house.issuer);
    const answer = await new Promise<{ status: number; text: string; headers: unknown }>((resolve, reject) => {
      const path = `/v1.0/users?$filter=${'x'.repeat(20_000)}`;
      const asked = request({ hostname, port, path }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode!, text, headers: incoming.headers }));
      });
      asked.on('error', reject).end();
    });
    expect(answer).toMatchObject({ status: 431, headers: { 'content-type': 'application/json; charset=utf-8' } });
    expect(JSON.parse(answer.text)).toMatchObject({
      error: { code: 'badRequest', message: expect.stringMatching(/16 KiB/) },
    });
  });

  test.each([
    ['GET /v1.0/users HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n', 'application/json'],
    ['GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n', 'text/plain'],
    ['nonsense\r\n\r\n', 'text/plain'],
  ])('what is no request (%j) is told so, and the connection ends', async (sent, type) => {
    const { hostname, port } = new URL(house.issuer);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write(sent));
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('end', () => resolve(text)).on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain(`content-type: ${type}; charset=utf-8`);
    expect(answer).toMatch(/is no HTTP request/);
  });
});

describe('Temporary Access Pass', () => {
  const item = {
    '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethod',
    id: expect.stringMatching(guid),
    createdDateTime: expect.stringMatching(sevenDigits),
    startDateTime: expect.stringMatching(sevenDigits),
    lifetimeInMinutes: 60,
    isUsableOnce: true,
    isUsable: true,
    methodUsabilityReason: 'EnabledByPolicy',
    purpose: 'registration',
    reason: null,
    ticket: null,
    state: 'active',
    createdBy: { kind: 'client', id: 'scripts' },
    usedDateTime: null,
  };

  test('POST answers 201 with the code and the link, body or none; GET has one item at most, and no code', async () => {
    for (const [version, body] of [
      ['v1.0', undefined],
      ['beta', {}],
    ] as const) {
      const made = await ask(`POST /${version}${passes}`, { ...(body && { body }) });
      expect(made.status).toBe(201);
      const { '@odata.context': _, temporaryAccessPass: code, handoverUrl, ...rest } = made.body;
      expect(rest).toEqual(item);
      expect(code).toMatch(/^[2-9A-HJ-NP-Z]{16}$/);
      expect(handoverUrl).toContain(`code=${String(code)}`);
      const listed = await ask(`GET /${version}${passes}`);
      expect(listed.body.value).toEqual([{ ...rest, temporaryAccessPass: null }]);
      names.pass = rest.id as string;
    }
  });

  holds([
    ['GET /{methodId}', `GET ${passes}/{pass}`, {}, { status: 200, body: { ...item, temporaryAccessPass: null } }],
    [
      'no PATCH',
      `PATCH ${passes}/{pass}`,
      { body: {} },
      { status: 405, code: 'methodNotAllowed', headers: { allow: /DELETE/ } },
    ],
    [
      'extend',
      `POST ${passes}/{pass}/extend`,
      { body: { lifetimeInMinutes: 90 } },
      { status: 200, body: { lifetimeInMinutes: 90, temporaryAccessPass: null } },
    ],
    [
      'extend with all that was read',
      `POST ${passes}/{pass}/extend`,
      { body: { ...item, lifetimeInMinutes: 120, createdDateTime: 'x', id: 'x', startDateTime: 'x' } },
      { status: 200, body: { lifetimeInMinutes: 120 } },
    ],
    [
      'extend by nothing',
      `POST ${passes}/{pass}/extend`,
      {},
      { status: 400, code: 'badRequest', says: /^lifetimeInMinutes/ },
    ],
    [
      'passHistory',
      'GET /users/{joiner}/authentication/passHistory',
      {},
      {
        status: 200,
        body: {
          value: [{ state: 'replaced', temporaryAccessPass: null, endedDateTime: expect.stringMatching(sevenDigits) }],
        },
      },
    ],
    [
      'dates with seven digits',
      `POST ${passes}`,
      { body: { startDateTime: '2020-01-01T00:00:00.1234567Z' } },
      { status: 400, code: 'badRequest', says: /^startDateTime/ },
    ],
    [
      'dates that are none',
      `POST ${passes}`,
      { body: { startDateTime: 'tomorrow' } },
      { status: 400, code: 'badRequest', says: /^startDateTime/ },
    ],
    [
      'deliverTo: manager comes later',
      `POST ${passes}`,
      { body: { deliverTo: 'manager' } },
      { status: 400, code: 'badRequest', says: /^deliverTo/ },
    ],
    [
      'lifetime outside policy',
      `POST ${passes}`,
      { body: { lifetimeInMinutes: 481 } },
      {
        status: 400,
        code: 'badRequest',
        says: /^Invalid LifetimeInMinutes specified\. The valid range between 60 and 480\.$/,
      },
    ],
    [
      'oneself',
      'POST /users/{admin}/authentication/temporaryAccessPassMethods',
      { as: 'person' },
      { status: 403, code: 'accessDenied' },
    ],
    [
      'oneself',
      'POST /me/authentication/temporaryAccessPassMethods',
      { as: 'person' },
      { status: 403, code: 'accessDenied' },
    ],
    [
      'someone above',
      'POST /users/{admin}/authentication/temporaryAccessPassMethods',
      {},
      { status: 403, code: 'accessDenied' },
    ],
    [
      'unknown user',
      `POST /users/${randomUUID()}/authentication/temporaryAccessPassMethods`,
      {},
      { status: 404, code: 'itemNotFound' },
    ],
    [
      '/me to read one’s own',
      'GET /me/authentication/temporaryAccessPassMethods',
      { as: 'person' },
      { status: 200, body: { value: [] } },
    ],
    [
      '/me to delete one’s own',
      `DELETE /me/authentication/temporaryAccessPassMethods/${randomUUID()}`,
      { as: 'person' },
      { status: 404, code: 'itemNotFound' },
    ],
    ['DELETE answers 204', `DELETE ${passes}/{pass}`, {}, { status: 204 }],
    ['and then there is none', `GET ${passes}/{pass}`, {}, { status: 404, code: 'itemNotFound' }],
    ['and then there is none', `DELETE ${passes}/{pass}`, {}, { status: 404, code: 'itemNotFound' }],
  ]);

  test('a user out of scope is a 400 that names the policy', async () => {
    const configuration = `${policy}/authenticationMethodConfigurations/TemporaryAccessPass`;
    const excludeTargets = [{ targetType: 'group', id: names.staff }];
    expectAnswer(await ask(`PATCH ${configuration}`, { body: { excludeTargets }, as: 'person' }), { status: 204 });
    const refused = await ask(`POST ${passes}`, { body: {} });
    expectAnswer(refused, { status: 400, code: 'badRequest', says: /Temporary Access Pass policy excludes this user/ });
    expectAnswer(await ask(`DELETE ${configuration}`, { as: 'person' }), { status: 204 });
    expectAnswer(await ask(`POST ${passes}`), { status: 201 });
  });

  test('a pass that needs approval: 403 with the request, approved by another, then the same POST, once', async () => {
    await ask('POST /roleManagement/directory/roleAssignments', {
      as: 'person',
      body: { principalId: '{other}', roleDefinitionId: 'f2ef992c-3afb-46b9-b7cf-a126ee74c451', directoryScopeId: '/' },
    });
    const address = 'POST /users/{other}/authentication/temporaryAccessPassMethods';
    const refused = await ask(address, { as: 'person', body: {} });
    expect(refused).toMatchObject({
      status: 403,
      body: { error: { code: 'approvalRequired', innerError: { approvalId: expect.stringMatching(guid) } } },
    });
    names.approval = (refused.body.error as { innerError: { approvalId: string } }).innerError.approvalId;
    const listed = await ask('GET /policies/passApprovals', { as: 'person' });
    expect(listed.body.value).toMatchObject([{ id: names.approval, state: 'waiting' }]);
    expectAnswer(await ask('POST /policies/passApprovals/{approval}/approve', { as: 'person' }), {
      status: 403,
      code: 'accessDenied',
    });
    const issuer = bearers.person;
    bearers.person = await aGlobalAdministrator('second@example.com');
    const approved = await ask('POST /policies/passApprovals/{approval}/approve', { as: 'person' });
    expect(approved).toMatchObject({ status: 200, body: { state: 'approved' } });
    bearers.person = issuer;
    expect((await ask(address, { as: 'person', body: {} })).status).toBe(201);
    expect((await ask(address, { as: 'person', body: {} })).status).toBe(403);
  });

  test('a repeated POST replaces the pass, or with the same key is the same pass without its code', async () => {
    const headers = { 'idempotency-key': 'letter' };
    const first = await ask(`POST ${passes}`, { body: {}, headers });
    const again = await ask(`POST ${passes}`, { body: {}, headers });
    expectAnswer(again, { status: 201, headers: { 'idempotent-replayed': /^true$/ } });
    expect(again.body).toMatchObject({ id: first.body.id, temporaryAccessPass: null });
    expect(again.body).not.toHaveProperty('handoverUrl');
    const other = await ask(`POST ${passes}`, { body: {} });
    expect(other.body.id).not.toBe(first.body.id);
  });
});

describe('other methods and sessions', () => {
  const root = '/users/{admin}/authentication';
  const done = { status: 200, body: { '@odata.context': expect.stringMatching(/#Edm\.Boolean$/), value: true } };
  const creation = {
    status: 200,
    body: {
      challengeTimeoutDateTime: expect.stringMatching(sevenDigits),
      publicKey: { challenge: expect.any(String) },
    },
  };

  holds([
    [
      'a mixed list',
      `GET ${root}/methods`,
      { as: 'person' },
      { status: 200, body: { value: [{ '@odata.type': '#microsoft.graph.fido2AuthenticationMethod' }] } },
    ],
    [
      'one’s own',
      'GET /me/authentication/methods',
      { as: 'person' },
      { status: 200, body: { value: [{ '@odata.type': '#microsoft.graph.fido2AuthenticationMethod' }] } },
    ],
    [
      'fido2Methods',
      `GET ${root}/fido2Methods`,
      { as: 'person' },
      {
        status: 200,
        body: {
          value: [
            {
              aaGuid: expect.any(String),
              model: null,
              attestationLevel: expect.any(String),
              passkeyType: expect.any(String),
            },
          ],
        },
      },
    ],
    ['creationOptions', 'GET /users/{joiner}/authentication/fido2Methods/creationOptions', {}, creation],
    [
      'a passkey that is none',
      'POST /users/{joiner}/authentication/fido2Methods',
      { body: { publicKeyCredential: { id: 'x', response: { clientDataJSON: 'x', attestationObject: 'x' } } } },
      { status: 400, code: 'badRequest' },
    ],
    [
      'DELETE of no passkey',
      `DELETE ${root}/fido2Methods/${randomUUID()}`,
      { as: 'person' },
      { status: 403, code: 'accessDenied' },
    ],
    [
      'DELETE of no passkey',
      `DELETE /users/{joiner}/authentication/fido2Methods/${randomUUID()}`,
      {},
      { status: 404, code: 'itemNotFound' },
    ],
    [
      'softwareOathMethods',
      'GET /users/{joiner}/authentication/softwareOathMethods',
      {},
      { status: 200, body: { value: [] } },
    ],
    [
      'resetPassword',
      'POST /users/{joiner}/authentication/methods/{passwordId}/resetPassword',
      { body: { newPassword: 'correct horse battery staple' } },
      {
        status: 202,
        body: {},
        headers: { location: /\/v1\.0\/users\/[0-9a-f-]+\/authentication\/operations\/[0-9a-f-]+$/ },
      },
    ],
    [
      'the fixed id',
      'GET /users/{joiner}/authentication/methods/{passwordId}',
      {},
      { status: 200, body: { '@odata.type': '#microsoft.graph.passwordAuthenticationMethod', id: passwordId } },
    ],
    ['revokeSignInSessions', 'POST /users/{joiner}/revokeSignInSessions', {}, done],
  ]);

  test('creationOptions are good for five minutes', async () => {
    const { body } = await ask('GET /users/{joiner}/authentication/fido2Methods/creationOptions');
    const minutes = (Date.parse(body.challengeTimeoutDateTime as string) - Date.now()) / 60_000;
    expect(Math.round(minutes)).toBe(5);
  });

  test('the Location of resetPassword says what came of it', async () => {
    const address = 'POST /users/{joiner}/authentication/methods/{passwordId}/resetPassword';
    const reset = await ask(address, { body: { newPassword: 'correct horse battery staple 2' } });
    const operation = await ask(`GET ${new URL(reset.headers.get('location')!).pathname}`);
    expect(operation).toMatchObject({ status: 200, body: { status: 'succeeded' } });
  });
});

describe('policies', () => {
  const configuration = `${policy}/authenticationMethodConfigurations`;

  holds([
    ['GET', `GET ${policy}`, {}, { status: 200, body: { id: 'authenticationMethodsPolicy' } }],
    ['DELETE answers 405', `DELETE ${policy}`, {}, { status: 405, code: 'methodNotAllowed' }],
    ...['TemporaryAccessPass', 'Password'].map(
      (id): Row => ['every configuration is read', `GET ${configuration}/${id}`, {}, { status: 200, body: { id } }],
    ),
    [
      'PATCH answers 204',
      `PATCH ${configuration}/TemporaryAccessPass`,
      {
        as: 'person',
        body: {
          '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration',
          maximumLifetimeInMinutes: 600,
        },
      },
      { status: 204 },
    ],
    [
      '… and keeps what is not named',
      `GET ${configuration}/TemporaryAccessPass`,
      {},
      {
        status: 200,
        body: {
          maximumLifetimeInMinutes: 600,
          minimumLifetimeInMinutes: 60,
          defaultLength: 16,
          isUsableOnce: true,
          state: 'enabled',
          purpose: 'registration',
          satisfiesMultifactor: true,
          registrationWindowInMinutes: 10,
          requireReason: false,
        },
      },
    ],
    [
      '… and refuses what is outside its range',
      `PATCH ${configuration}/TemporaryAccessPass`,
      { as: 'person', body: { defaultLength: 7 } },
      { status: 400, code: 'badRequest', says: /^defaultLength/ },
    ],
    ['DELETE puts the defaults back', `DELETE ${configuration}/TemporaryAccessPass`, { as: 'person' }, { status: 204 }],
    [
      'DELETE puts the defaults back',
      `GET ${configuration}/TemporaryAccessPass`,
      {},
      { status: 200, body: { maximumLifetimeInMinutes: 480 } },
    ],
    ['a configuration that there is none of', `GET ${configuration}/Sms`, {}, { status: 404, code: 'itemNotFound' }],
    [
      'snooze 0–14',
      `PATCH ${policy}`,
      {
        as: 'person',
        body: { registrationEnforcement: { authenticationMethodsRegistrationCampaign: { snoozeDurationInDays: 15 } } },
      },
      { status: 400, code: 'badRequest', says: /snoozeDurationInDays/ },
    ],
    [
      'requiredRegistration',
      `PATCH ${policy}`,
      { as: 'person', body: { registrationEnforcement: { requiredRegistration: { snoozes: 2 } } } },
      { status: 204 },
    ],
    [
      'requiredRegistration',
      `GET ${policy}`,
      {},
      {
        status: 200,
        body: {
          registrationEnforcement: {
            requiredRegistration: { snoozes: 2 },
            authenticationMethodsRegistrationCampaign: expect.any(Object),
          },
        },
      },
    ],
  ]);
});

describe('directory, roles, clients, logs', () => {
  const added = { '@odata.id': '{issuer}/v1.0/directoryObjects/{boss}' };
  const reader = 'f2ef992c-3afb-46b9-b7cf-a126ee74c451';
  const assignments = '/roleManagement/directory/roleAssignments';

  holds([
    [
      'a passwordProfile is accepted',
      'POST /users',
      {
        body: {
          userPrincipalName: 'new@example.com',
          displayName: 'New',
          mailNickname: 'new',
          accountEnabled: true,
          passwordProfile: { password: 'x', forceChangePasswordNextSignIn: true },
        },
      },
      {
        status: 201,
        headers: { location: /\/v1\.0\/users\/[0-9a-f-]{36}$/ },
        body: { userPrincipalName: 'new@example.com' },
      },
    ],
    [
      '… and not required',
      'POST /users',
      { body: { userPrincipalName: 'new2@example.com', displayName: 'New' } },
      { status: 201 },
    ],
    [
      'no password came of it',
      'GET /users/new@example.com/authentication/passwordMethods',
      {},
      { status: 200, body: { value: [] } },
    ],
    ['PATCH → 204', 'PATCH /users/new@example.com', { body: { accountEnabled: false } }, { status: 204 }],
    [
      'PATCH of what there is not',
      'PATCH /users/new@example.com',
      { body: { jobTitle: 'x' } },
      { status: 400, code: 'badRequest', says: /jobTitle/ },
    ],
    ['DELETE → 204', 'DELETE /users/new@example.com', {}, { status: 204 }],
    ['DELETE → 204', 'GET /users/new@example.com', {}, { status: 404, code: 'itemNotFound' }],
    ['manager/$ref', 'GET /users/{joiner}/manager', {}, { status: 404, code: 'itemNotFound' }],
    [
      'manager/$ref',
      'PUT /users/{joiner}/manager/$ref',
      { body: { '@odata.id': '{issuer}/v1.0/users/{boss}' } },
      { status: 204 },
    ],
    [
      'manager/$ref',
      'PUT /users/{joiner}/manager/$ref',
      { body: { '@odata.id': 'boss' } },
      { status: 400, code: 'badRequest', says: /@odata\.id/ },
    ],
    [
      'manager',
      'GET /users/{joiner}/manager?$select=id,displayName',
      {},
      { status: 200, body: { '@odata.type': '#microsoft.graph.user', displayName: 'The Boss' } },
    ],
    ['manager', 'GET /users/{joiner}/manager?$expand=manager', {}, { status: 400, code: 'badRequest', says: /expand/ }],
    ['manager/$ref', 'DELETE /users/{joiner}/manager/$ref', {}, { status: 204 }],
    [
      'memberOf',
      'GET /users/{joiner}/memberOf',
      {},
      { status: 200, body: { value: [{ '@odata.type': '#microsoft.graph.group', displayName: 'Staff' }] } },
    ],
    ['memberOf/$count', 'GET /users/{joiner}/memberOf/$count', {}, { status: 200, text: /^1$/ }],
    [
      'groups: C',
      'POST /groups',
      { body: { displayName: 'New', mailEnabled: false, securityEnabled: true, mailNickname: 'new', groupTypes: [] } },
      { status: 201, headers: { location: /\/v1\.0\/groups\/[0-9a-f-]{36}$/ } },
    ],
    [
      'groups of mail there are none',
      'POST /groups',
      { body: { displayName: 'Mail', mailEnabled: true } },
      { status: 400, code: 'badRequest', says: /^mailEnabled/ },
    ],
    [
      'members',
      'GET /groups/{staff}/members',
      {},
      { status: 200, body: { value: [{ '@odata.type': '#microsoft.graph.user', id: expect.any(String) }] } },
    ],
    ['members/$ref → 204', 'POST /groups/{staff}/members/$ref', { body: added }, { status: 204 }],
    [
      '400 when already a member',
      'POST /groups/{staff}/members/$ref',
      { body: added },
      { status: 400, code: 'badRequest' },
    ],
    [
      '… 404 for nobody',
      'POST /groups/{staff}/members/$ref',
      { body: { '@odata.id': `https://x/directoryObjects/${randomUUID()}` } },
      { status: 404, code: 'itemNotFound' },
    ],
    ['members/$ref → 204', 'DELETE /groups/{staff}/members/{boss}/$ref', {}, { status: 204 }],
    [
      'without $ref it would be the member',
      'DELETE /groups/{staff}/members/{boss}',
      {},
      { status: 404, code: 'itemNotFound' },
    ],
    ['groups: U', 'PATCH /groups/{guests}', { body: { displayName: 'Visitors' } }, { status: 204 }],
    ['groups: R', 'GET /groups/{guests}?$select=displayName', {}, { status: 200, body: { displayName: 'Visitors' } }],
    ['groups: D', 'DELETE /groups/{guests}', {}, { status: 204 }],

    [
      'roleDefinitions',
      'GET /roleManagement/directory/roleDefinitions',
      { as: 'person' },
      { status: 200, body: { value: expect.arrayContaining([expect.objectContaining({ templateId: reader })]) } },
    ],
    [
      'roleAssignments of all',
      `GET ${assignments}`,
      { as: 'person' },
      {
        status: 200,
        body: { value: expect.arrayContaining([expect.not.objectContaining({ isUsableOnce: expect.anything() })]) },
      },
    ],
    [
      'by template id',
      `GET /roleManagement/directory/roleDefinitions/${reader}`,
      { as: 'person' },
      { status: 200, body: { displayName: 'Global Reader' } },
    ],
    [
      'roleAssignments with the template id',
      `POST ${assignments}`,
      {
        as: 'person',
        body: {
          '@odata.type': '#microsoft.graph.unifiedRoleAssignment',
          roleDefinitionId: reader,
          principalId: '{boss}',
          directoryScopeId: '/',
        },
      },
      { status: 201, body: { roleDefinitionId: reader, directoryScopeId: '/' } },
    ],
    [
      'a role for everybody has no group',
      `POST ${assignments}`,
      {
        as: 'person',
        body: { roleDefinitionId: reader, principalId: '{joiner}', directoryScopeId: '/groups/{staff}' },
      },
      { status: 400, code: 'badRequest' },
    ],
    [
      'a Pass Issuer has one',
      `POST ${assignments}`,
      {
        as: 'person',
        body: { roleDefinitionId: 'Pass Issuer', principalId: '{joiner}', directoryScopeId: '/groups/{staff}' },
      },
      { status: 201, body: { directoryScopeId: expect.stringMatching(/^\/groups\//) } },
    ],
    [
      'delegated only',
      `POST ${assignments}`,
      { body: { roleDefinitionId: reader, principalId: '{joiner}', directoryScopeId: '/' } },
      { status: 403, code: 'accessDenied' },
    ],

    [
      'applications',
      'POST /applications',
      {
        body: { displayName: 'Shop', oidc: { redirect_uris: ['https://shop.example/cb'] }, passwordCredentials: [{}] },
      },
      { status: 201, body: { displayName: 'Shop', passwordCredentials: [{ secretText: expect.any(String) }] } },
    ],
    [
      'applications',
      "GET /applications?$filter=displayName eq 'Shop'",
      {},
      {
        status: 200,
        body: {
          value: [
            {
              displayName: 'Shop',
              oidc: { redirect_uris: ['https://shop.example/cb'] },
              passwordCredentials: [{ secretText: null }],
            },
          ],
        },
      },
    ],
    ['identityProviders', 'GET /identity/identityProviders', { as: 'person' }, { status: 200, body: { value: [] } }],
    ['domains', 'GET /domains', { as: 'person' }, { status: 200, body: { value: [] } }],
    [
      'domains',
      'POST /domains',
      {
        as: 'person',
        body: {
          id: 'contoso.example',
          identityProviderId: 'nobody',
          federatedIdpMfaBehavior: 'acceptIfMfaDoneByFederatedIdp',
        },
      },
      { status: 400, code: 'badRequest', says: /identity provider/ },
    ],
    [
      'signIns',
      'GET /auditLogs/signIns?$top=1',
      {},
      { status: 200, body: { value: [{ createdDateTime: expect.stringMatching(sevenDigits) }] } },
    ],
    [
      'directoryAudits',
      'GET /auditLogs/directoryAudits?$top=1',
      {},
      { status: 200, body: { value: [{ activityDateTime: expect.stringMatching(sevenDigits) }] } },
    ],
    [
      'userRegistrationDetails',
      'GET /reports/authenticationMethods/userRegistrationDetails/{admin}',
      {},
      { status: 200, body: { isMfaRegistered: true, isAdmin: true } },
    ],
    [
      'a pass does not make a user isMfaRegistered',
      'GET /reports/authenticationMethods/userRegistrationDetails/{joiner}',
      {},
      { status: 200, body: { isMfaRegistered: false } },
    ],
    [
      'usersRegisteredByMethod()',
      'GET /reports/authenticationMethods/usersRegisteredByMethod()',
      {},
      { status: 200, body: { userRegistrationMethodCounts: expect.any(Array) } },
    ],
    [
      'usersRegisteredByFeature()',
      "GET /reports/authenticationMethods/usersRegisteredByFeature(includedUserTypes='all',includedUserRoles='all')",
      {},
      { status: 200, body: { userRegistrationFeatureCounts: expect.any(Array) } },
    ],
  ]);

  test('secrets are returned once, and rotate with overlap', async () => {
    const { body } = await ask("GET /applications?$filter=displayName eq 'Shop'");
    const [shop] = body.value as { id: string; passwordCredentials: { keyId: string }[] }[];
    names.shop = shop!.id;
    const second = await ask('POST /applications/{shop}/addPassword', { body: {} });
    expect(second).toMatchObject({ status: 200, body: { secretText: expect.any(String) } });
    const both = await ask('GET /applications/{shop}');
    expect(both.body.passwordCredentials).toMatchObject([{ secretText: null }, { secretText: null }]);
    const removal = { body: { keyId: shop!.passwordCredentials[0]!.keyId } };
    expectAnswer(await ask('POST /applications/{shop}/removePassword', removal), { status: 204 });
    expect((await ask('GET /applications/{shop}')).body.passwordCredentials).toHaveLength(1);
    expectAnswer(await ask('DELETE /applications/{shop}'), { status: 204 });
  });
});

test('the same key makes one user, one group, one application', async () => {
  for (const [path, body] of [
    ['/users', { userPrincipalName: 'keyed@example.com', displayName: 'K' }],
    ['/groups', { displayName: 'Keyed' }],
    ['/applications', { displayName: 'Keyed', oidc: { redirect_uris: ['https://k.example/cb'] } }],
  ] as const) {
    const headers = { 'Idempotency-Key': 'one' };
    const first = await ask(`POST ${path}`, { body, headers });
    expectAnswer(first, { status: 201, headers: { 'idempotent-replayed': null, location: /./ } });
    const again = await ask(`POST ${path}`, { body, headers });
    expectAnswer(again, { status: 201, headers: { 'idempotent-replayed': /^true$/, location: /./ } });
    expect(again.body.id).toBe(first.body.id);
  }
});

test('signing oneself out everywhere takes effect at once', async () => {
  const done = await ask('POST /me/revokeSignInSessions', { as: 'person' });
  expect(done).toMatchObject({ status: 200, body: { value: true } });
  expectAnswer(await ask('GET /me', { as: 'person' }), { status: 401, code: 'InvalidAuthenticationToken' });
});
