import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, BlockList, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isIn, isPublic } from '../../src/outbound/addresses.ts';
import { guardedFetch, OutboundError, type OutboundRules, postForm } from '../../src/outbound/outbound.ts';
import { refusedForms } from '../support/refused-forms.ts';

/** What an address that somebody else has named can make us do: nothing, unless it is public or the operator opened it. */

const none = new BlockList();
const strict: OutboundRules = { allow: none, local: false };
const local: OutboundRules = { allow: none, local: true };

let canary: Server;
let port: number;
let connections = 0;
let reached: string | undefined;
let web: Server;
let base: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  canary = createServer((socket) => {
    connections += 1;
    reached = socket.localAddress;
    socket.destroy();
  }).listen(0, '::');
  await new Promise((resolve) => canary.once('listening', resolve));
  port = (canary.address() as AddressInfo).port;
  web = createPlain((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => web.once('listening', resolve));
  base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
});
afterAll(() => {
  canary?.close();
  web?.close();
});

describe('an address that is refused', () => {
  test.each(refusedForms)('%s', async (form) => {
    const before = connections;
    expect(await postForm(strict, form.replace('PORT', String(port)), { a: 'b' })).toEqual({
      kind: 'forbidden',
      error: 'address_refused',
    });
    expect(connections).toBe(before);
  });

  test.each(refusedForms)('%s, for a library', async (form) => {
    const before = connections;
    const asked = guardedFetch(strict)(form.replace('PORT', String(port)));
    await expect(asked).rejects.toEqual(new OutboundError('address_refused'));
    expect(connections).toBe(before);
  });

  test.each([
    'http://10.0.0.1/',
    'http://192.168.0.1/',
    'http://[fd00::1]/',
    'http://8.8.8.8/',
    'https://10.0.0.1/',
    'http://user:secret@localhost/',
    'http://user@organisation.localhost/',
  ])('%s, also by a provider on localhost', async (form) => {
    expect(await postForm(local, form, {})).toMatchObject({ kind: 'forbidden' });
  });
});

describe('what is public', () => {
  test.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is',
    (address) => expect(isPublic(address)).toBe(true),
  );
  test.each(['172.31.255.255', '100.127.255.255', '169.254.0.1', '2001:db8::1', '3fff::1', '::ffff:a00:1', '5f00::1'])(
    '%s is not',
    (address) => expect(isPublic(address)).toBe(false),
  );
  test('an opened network is opened in both ways to write its addresses, and its neighbours are not', () => {
    const allow = new BlockList();
    allow.addSubnet('10.1.0.0', 16, 'ipv4');
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203']) expect(isIn(allow, address)).toBe(true);
    for (const address of ['10.2.0.1', '::ffff:a02:1', 'fd00::1']) expect(isIn(allow, address)).toBe(false);
  });
});

test('a network that the operator opened is connected to, with TLS and not without', async () => {
  const allow = new BlockList();
  allow.addSubnet('127.0.0.0', 8, 'ipv4');
  const before = connections;
  expect(await postForm({ allow, local: false }, `https://127.0.0.1:${port}/`, {})).toMatchObject({ kind: 'failed' });
  expect(connections).toBe(before + 1);
  expect(await postForm({ allow, local: false }, `http://127.0.0.1:${port}/`, {})).toMatchObject({ kind: 'forbidden' });
  expect(connections).toBe(before + 1);
});

describe('a name', () => {
  const ipv4 = (...addresses: string[]) => addresses.map((address) => ({ address, family: 4 }));

  test.each([
    ['a private address', ipv4('10.0.0.1')],
    ['a public address and a private one', ipv4('8.8.8.8', '127.0.0.1')],
    ['a mapped address', [{ address: '::ffff:127.0.0.1', family: 6 }]],
    ['no address', []],
  ])('that has %s is refused', async (_what, addresses) => {
    const before = connections;
    const rules = { ...strict, resolve: async () => addresses };
    expect(await postForm(rules, `https://app.example:${port}/`, {})).toMatchObject({ kind: 'forbidden' });
    expect(connections).toBe(before);
  });

  test('that leads elsewhere when it is asked again leads to where it was judged', async () => {
    const allow = new BlockList();
    allow.addAddress('127.0.0.2', 'ipv4');
    const answers = [ipv4('127.0.0.2'), ipv4('127.0.0.1'), ipv4('127.0.0.1')];
    const resolve = async () => answers.shift()!;
    expect(await postForm({ allow, local: false, resolve }, `https://app.example:${port}/`, {})).toMatchObject({
      kind: 'failed',
    });
    expect(answers).toHaveLength(2);
    expect(reached).toContain('127.0.0.2');
  });

  test('under localhost is this machine, whatever a resolver would say of it', async () => {
    const asked: string[] = [];
    const rules = {
      resolve: async (host: string) => {
        asked.push(host);
        return host === 'localhost' ? ipv4('127.0.0.1') : ipv4('8.8.8.8');
      },
    };
    const before = connections;
    const https = `https://organisation.localhost:${port}/`;
    expect(await postForm({ ...strict, ...rules }, https, {})).toMatchObject({ kind: 'forbidden' });
    expect(connections).toBe(before);
    const http = `http://organisation.localhost:${port}/`;
    expect(await postForm({ ...local, ...rules }, http, {})).toMatchObject({ kind: 'failed' });
    expect(connections).toBe(before + 1);
    expect(asked).toEqual(['localhost', 'localhost']);
  });

  test('that the resolver does not answer for is given up in time', async () => {
    const rules = { ...strict, resolve: () => new Promise<never>(() => {}) };
    expect(await postForm(rules, 'https://app.example/', {})).toEqual({ kind: 'failed', error: 'timeout' });
  });
});

describe('a server on this machine, of a provider on localhost', () => {
  test('gets the form, and its status comes back', async () => {
    let body = '';
    let headers: IncomingMessage['headers'] = {};
    answer = (request, response) => {
      headers = request.headers;
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => response.writeHead(204).end());
    };
    expect(await postForm(local, `${base}/logout?tenant=1`, { logout_token: 'a+b c' })).toEqual({
      kind: 'answered',
      status: 204,
    });
    expect(body).toBe('logout_token=a%2Bb+c');
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(headers.cookie).toBeUndefined();
  });

  test.each([301, 302, 303, 307, 308])('is not followed where a %i leads', async (status) => {
    const paths: string[] = [];
    answer = (request, response) => {
      paths.push(request.url!);
      response.writeHead(status, { location: `${base}/elsewhere` }).end();
    };
    expect(await postForm(local, `${base}/logout`, {})).toEqual({ kind: 'answered', status });
    expect(paths).toEqual(['/logout']);
  });

  test('that never ends its answer is given up', async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 100);
      response.on('close', () => clearInterval(drip));
    };
    expect(await postForm(local, base, {})).toEqual({ kind: 'failed', error: 'timeout' });
  });

  test('that says nothing is given up', async () => {
    answer = () => {};
    expect(await postForm(local, base, {})).toEqual({ kind: 'failed', error: 'timeout' });
  });

  test('that answers without end is cut off', async () => {
    let closed = false;
    answer = (_request, response) => {
      response.writeHead(200);
      response.on('close', () => {
        closed = true;
      });
      response.end(Buffer.alloc(64 * 1024 * 1024));
    };
    expect(await postForm(local, base, {})).toEqual({ kind: 'failed', error: 'too_large' });
    await expect.poll(() => closed).toBe(true);
  });

  test('that sends headers without end is cut off', async () => {
    answer = (_request, response) => void response.writeHead(200, { 'x-long': 'a'.repeat(40_000) }).end();
    expect(await postForm(local, base, {})).toEqual({ kind: 'failed', error: 'HPE_HEADER_OVERFLOW' });
  });

  test('that is not there is a failure with a code', async () => {
    expect(await postForm(local, 'http://127.0.0.1:1/', {})).toEqual({ kind: 'failed', error: 'ECONNREFUSED' });
  });

  test('whose certificate nobody vouches for is not talked to', async () => {
    answer = () => expect.unreachable();
    expect(await postForm(local, base.replace('http:', 'https:'), {})).toMatchObject({ kind: 'failed' });
  });
});

test('a name that does not exist is a failure, and nothing is sent', async () => {
  expect(await postForm(strict, 'https://nobody.invalid/', {})).toMatchObject({ kind: 'failed' });
});

describe('what a library fetches', () => {
  const fetch = guardedFetch(local);

  test('comes with its status, its type and nothing else of its headers', async () => {
    let asked: IncomingMessage['headers'] = {};
    answer = (request, response) => {
      asked = request.headers;
      response
        .writeHead(201, { 'content-type': 'application/json', 'set-cookie': 'a=b', 'x-more': '1' })
        .end('{"a":1}');
    };
    const got = await fetch(base, { headers: { accept: 'application/json' } });
    expect([got.status, await got.json()]).toEqual([201, { a: 1 }]);
    expect([...got.headers]).toEqual([['content-type', 'application/json']]);
    expect(asked).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'Latchkey',
    });
  });

  test('is sent a form or a text, and by GET or POST alone', async () => {
    answer = (request, response) => void request.pipe(response.writeHead(200));
    const posted = (body: unknown, method = 'POST') => fetch(base, { method, body }).then((got) => got.text());
    expect(await posted(new URLSearchParams({ a: 'b c' }))).toBe('a=b+c');
    expect(await posted('{"a":"ü"}')).toBe('{"a":"ü"}');
    await expect(posted(new Uint8Array(1))).rejects.toMatchObject({ code: 'body_refused' });
    await expect(posted('', 'PUT')).rejects.toMatchObject({ code: 'method_refused' });
  });

  test('is called off by the library as well', async () => {
    answer = () => {};
    await expect(fetch(base, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ code: 'timeout' });
  });
});
