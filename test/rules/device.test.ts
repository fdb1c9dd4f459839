import type { Context } from 'koa';
import { describe, expect, test } from 'vitest';
import { makeSecrets } from '../../src/core/secrets.ts';
import { deviceOf } from '../../src/http/device.ts';
import type { MethodId } from '../../src/methods/method.ts';

/** The cookie by which a device puts the way that was used last first: read by us alone, and worth nothing to anybody else. */

const secrets = makeSecrets(Buffer.alloc(32, 7));
const device = deviceOf('http://localhost:3000', secrets);
const people = Array.from({ length: 7 }, (_, n) => `person-${n}@example.com`);

/** A request with this Cookie header, and what its answer sets. */
function request(cookie: string) {
  const given: string[] = [];
  const ctx = { get: () => cookie, append: (_name: string, value: string) => given.push(value) };
  return { ctx: ctx as unknown as Context, given };
}

/** The browser after these have signed in one after the other. */
function visited(signIns: readonly (readonly [string, MethodId])[], by = device, cookie = ''): string {
  return signIns.reduce((before, [userName, methodId]) => {
    const { ctx, given } = request(before);
    by.remember(ctx, { userName, methodId });
    return given[0]!.split(';')[0]!;
  }, cookie);
}

const last = (cookie: string, userName: string, by = device) => by.usedLast(request(cookie).ctx, userName);
const [eve, bob] = people as [string, string];

test('names the very user and what was used last', () => {
  const cookie = visited([[eve, 'password']]);
  expect(last(cookie, eve)).toBe('password');
  expect(last(cookie, ' Person-0@EXAMPLE.com ')).toBe('password');
  expect(last(cookie, bob)).toBeUndefined();
  expect(last(visited([[eve, 'passkey']], device, cookie), eve)).toBe('passkey');
  expect(last('', eve)).toBeUndefined();
});

test('keeps five people, each once, and forgets the one who has not been there longest', () => {
  const cookie = visited([...people.map((name) => [name, 'password'] as const), [people[3]!, 'passkey']]);
  expect(people.map((name) => last(cookie, name))).toEqual([
    undefined,
    undefined,
    'password',
    'passkey',
    'password',
    'password',
    'password',
  ]);
  expect(cookie.length).toBeLessThan(600);
  const again = visited(
    Array.from({ length: 20 }, () => [eve, 'passkey'] as const),
    device,
    cookie,
  );
  expect(last(again, people[6]!)).toBe('password');
});

test('says nothing that can be read: no name, no method, and never the same twice', () => {
  const [one, two] = [visited([[eve, 'password']]), visited([[eve, 'password']])];
  expect(one).not.toBe(two);
  const value = Buffer.from(one.split('=')[1]!, 'base64url').toString('latin1');
  for (const word of ['person', 'example', 'password']) expect(value + one).not.toContain(word);
});

test.each([
  ['http://localhost:3000', /^latchkey_device=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=15552000$/],
  ['https://id.example', /^__Host-latchkey_device=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=15552000; Secure$/],
])('at %s it has the attributes of its kind', (issuer, attributes) => {
  const { ctx, given } = request('');
  deviceOf(issuer, secrets).remember(ctx, { userName: eve, methodId: 'passkey' });
  expect(given).toEqual([expect.stringMatching(attributes)]);
});

describe('is as good as none', () => {
  const cookie = visited([[eve, 'password']]);
  const [name, value] = cookie.split('=') as [string, string];
  const bytes = Buffer.from(value, 'base64url');
  const sealed = (clear: string, context = 'cookie/device/1') =>
    `${name}=${secrets.seal(context, Buffer.from(clear)).toString('base64url')}`;
  const own = secrets.keyedHash('device-user', eve).subarray(0, 16).toString('base64url');
  const other = deviceOf('http://localhost:3000', makeSecrets(Buffer.alloc(32, 8)));

  test('with any byte changed', () => {
    for (const place of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[place]! ^= 1;
      expect(last(`${name}=${changed.toString('base64url')}`, eve), String(place)).toBeUndefined();
    }
  });

  test('cut off anywhere, or with more behind it', () => {
    for (let length = 0; length < value.length - 1; length += 1) {
      expect(last(`${name}=${value.slice(0, length)}`, eve), String(length)).toBeUndefined();
    }
    for (const more of ['AAAA', '=', '.', ' x', 'A'.repeat(2_000)]) {
      expect(last(`${name}=${value}${more}`, eve), more).toBeUndefined();
    }
  });

  test('under a key that came before, or of another house', () => {
    expect(last(cookie, eve, other)).toBeUndefined();
    expect(last(visited([[eve, 'password']], other), eve)).toBeUndefined();
    // The next sign-in begins a list of its own.
    expect(last(visited([[bob, 'passkey']], device, visited([[eve, 'password']], other)), bob)).toBe('passkey');
  });

  test.each([
    ['sealed for something else', sealed(JSON.stringify([[own, 'password']]), 'authenticator_apps/secret')],
    ['that is no JSON', sealed('{')],
    ['that is no list', sealed('{"a":1}')],
    ['of more people than we keep', sealed(JSON.stringify(Array.from({ length: 6 }, () => [own, 'password'])))],
    ['of another shape', sealed(JSON.stringify([[own, 'password', 1]]))],
    ['that is empty', `${name}=`],
    ['under the name of https', `__Host-${cookie}`],
    ['under a name that ends like it', `x${cookie}`],
  ])('%s', (_what, wrong) => {
    expect(last(wrong, eve)).toBeUndefined();
    expect(() => visited([[bob, 'passkey']], device, wrong)).not.toThrow();
  });

  test('but not among other cookies', () => {
    expect(last(sealed(JSON.stringify([[own, 'password']])), eve)).toBe('password');
    expect(last(`latchkey_browser=x; ${cookie}; latchkey_session=y`, eve)).toBe('password');
  });
});
