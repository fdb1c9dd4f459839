import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentFor } from '../support/api-answers.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

let house: TestHouse;
let bearer: string;

beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'hr-of-the-test',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['User.ReadWrite.All'],
      },
    ],
  });
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa('hr-of-the-test:secret')}` },
  });
  bearer = `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
});
afterAll(() => house?.close());

const file = (headers: Readonly<Record<string, string>> = {}) => fetch(`${house.issuer}/openapi.json`, { headers });

describe('/openapi.json', () => {
  test('is the document that answers are checked against, open to everybody', async () => {
    const answer = await file();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(documentFor(house.issuer))));
  });

  test('is sent once: whoever has it asks with its tag', async () => {
    const { headers } = await file();
    const etag = headers.get('etag')!;
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(headers.get('cache-control')).toBe('public, no-cache');
    const again = await file({ 'if-none-match': etag });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await file({ 'if-none-match': '"another"' })).status).toBe(200);
  });

  test('holds nothing of anybody', async () => {
    await house.user('somebody.there@example.com');
    const text = await (await file()).text();
    for (const secret of ['somebody.there', 'secret"', 'client_secret":', 'hr-of-the-test'])
      expect(text).not.toContain(secret);
  });

  test.each(['POST', 'DELETE', 'PUT'])('takes no %s', async (method) => {
    expect((await fetch(`${house.issuer}/openapi.json`, { method })).status).toBe(405);
    expect((await fetch(`${house.issuer}/docs/api`, { method })).status).toBe(405);
  });
});

test('/docs/api has every operation, under the policy of every page', async () => {
  const browser = newBrowser({ stopAt: [] });
  const { page } = { page: await browser.visit(`${house.issuer}/docs/api`) };
  expect([page.status, page.step]).toEqual([200, 'api-document']);
  const answer = await fetch(`${house.issuer}/docs/api`);
  const policy = answer.headers.get('content-security-policy');
  expect(policy).toBe((await fetch(`${house.issuer}/acr/1f`)).headers.get('content-security-policy'));
  const html = await answer.text();
  const routes = Object.entries(documentFor(house.issuer).paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, '$1')}`),
  );
  const shown = [...html.matchAll(/<summary><span>[^<]+<\/span><code>(.*?)<\/code>/g)].map(([, code]) =>
    code!.replaceAll(/<\/?var>/g, ''),
  );
  expect(routes.length).toBeGreaterThan(70);
  expect(shown.sort()).toEqual(routes.sort());
  expect((await fetch(`${house.issuer}/docs/nothing`)).status).toBe(404);
});

test('an address in capitals is the same address: it takes a token, and a refusal is recorded', async () => {
  for (const version of ['V1.0', 'BETA']) {
    const refused = await fetch(`${house.issuer}/${version}/users`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    const event = await house.base
      .knex('audit_events')
      .where('request_id', '=', refused.headers.get('request-id')!)
      .first();
    expect(event).toMatchObject({ type: 'request.refused', result: 'failure' });
    const read = await fetch(`${house.issuer}/${version}/USERS`, { headers: { authorization: bearer } });
    expect(read.status).toBe(200);
  }
});

describe('refusals are JSON of one shape, also where no handler is reached', () => {
  interface Sent {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }

  /** As it is written: `fetch` would mend it. */
  function raw({ method, path, headers = {}, body }: Sent): Promise<{ status: number; type: string; text: string }> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(house.issuer);
      const asked = request(
        { hostname, port, method, path, headers: { authorization: bearer, ...headers } },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('end', () =>
            resolve({ status: answer.statusCode!, type: answer.headers['content-type'] ?? '', text }),
          );
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  }

  const json = { 'content-type': 'application/json' };
  const user = { method: 'POST', path: '/users' };

  test.each<[string, number, string, Sent]>([
    ['no such address', 404, 'itemNotFound', { method: 'GET', path: '/nothing/here' }],
    ['the API itself', 404, 'itemNotFound', { method: 'GET', path: '' }],
    ['an encoded slash', 404, 'itemNotFound', { method: 'GET', path: '/users%2fx' }],
    ['a method that is not taken', 405, 'methodNotAllowed', { method: 'PUT', path: '/users' }],
    ['a method nobody takes', 405, 'methodNotAllowed', { method: 'TRACE', path: '/users' }],
    ['a token nobody gave', 401, 'InvalidAuthenticationToken', { ...user, headers: { authorization: 'Bearer x' } }],
    ['NUL in the address', 400, 'badRequest', { method: 'GET', path: '/users/%00' }],
    ['an address that is no UTF-8', 404, 'itemNotFound', { method: 'GET', path: '/users/%ff' }],
    ['an overlong address', 400, 'badRequest', { method: 'GET', path: `/users?$filter=${'x'.repeat(16_000)}` }],
    ['too much', 413, 'requestEntityTooLarge', { ...user, headers: json, body: `{"a":"${'x'.repeat(70_000)}"}` }],
    ['a form', 415, 'unsupportedMediaType', { ...user, headers: { 'content-type': 'text/plain' }, body: '{}' }],
    ['broken JSON', 400, 'badRequest', { ...user, headers: json, body: '{"a":' }],
    ['deep JSON', 400, 'badRequest', { ...user, headers: json, body: '['.repeat(30_000) }],
    [
      'JSON that is well formed and deep',
      400,
      'badRequest',
      {
        method: 'PATCH',
        path: '/policies/authenticationMethodsPolicy',
        headers: json,
        body: `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      },
    ],
    ['a list', 400, 'badRequest', { ...user, headers: json, body: '[]' }],
    ['no body', 400, 'badRequest', user],
    ['a property nobody knows', 400, 'badRequest', { ...user, headers: json, body: '{"nothing":1}' }],
    ['an option that is not supported', 400, 'badRequest', { method: 'GET', path: '/users?$expand=manager' }],
  ])('%s: %i', async (_name, status, code, sent) => {
    for (const version of ['v1.0', 'beta']) {
      const answer = await raw({ ...sent, path: `/${version}${sent.path}` });
      expect([answer.status, answer.type]).toEqual([status, 'application/json; charset=utf-8']);
      const { error } = JSON.parse(answer.text) as { error: Record<string, unknown> };
      expect(Object.keys(error)).toEqual(['code', 'message', 'innerError']);
      expect(error.code).toBe(code);
      expect(Object.keys(error.innerError as object)).toEqual(['date', 'request-id', 'client-request-id']);
    }
  });
});
