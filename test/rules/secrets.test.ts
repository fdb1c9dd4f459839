import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digest, makeSecrets, randomToken } from '../../src/core/secrets.ts';

const secrets = makeSecrets(Buffer.alloc(32, 7));
const others = makeSecrets(Buffer.alloc(32, 8));
const clear = Buffer.from('a private key');

describe('a sealed value', () => {
  test('opens under the same key in the same place', () => {
    expect(secrets.open('signing_keys/one', secrets.seal('signing_keys/one', clear))).toEqual(clear);
    expect(makeSecrets(Buffer.alloc(32, 7)).open('t/r/c', secrets.seal('t/r/c', clear))).toEqual(clear);
    expect(secrets.open('empty', secrets.seal('empty', Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });

  test('does not open after it was moved to another row', () => {
    const sealed = secrets.seal('signing_keys/one', clear);
    expect(() => secrets.open('signing_keys/two', sealed)).toThrow();
    expect(() => secrets.open('', sealed)).toThrow();
  });

  test('does not open under another master key', () => {
    expect(() => others.open('signing_keys/one', secrets.seal('signing_keys/one', clear))).toThrow();
  });

  test('does not open with any one byte changed, nor cut, nor longer', () => {
    const sealed = secrets.seal('place', clear);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index]! ^= 1;
      expect(() => secrets.open('place', changed), `byte ${index}`).toThrow();
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => secrets.open('place', sealed.subarray(0, length)), `${length} bytes`).toThrow();
    }
    const empty = secrets.seal('place', Buffer.alloc(0));
    for (let length = 0; length < empty.length; length += 1) {
      expect(() => secrets.open('place', empty.subarray(0, length)), `${length} bytes of nothing`).toThrow();
    }
    expect(() => secrets.open('place', Buffer.concat([sealed, Buffer.from([0])]))).toThrow();
  });

  test('is never the same twice and shows nothing of what is in it', () => {
    const sealed = Array.from({ length: 100 }, () => secrets.seal('place', clear).toString('latin1'));
    expect(new Set(sealed).size).toBe(100);
    expect(sealed.some((text) => text.includes(clear.toString('latin1')))).toBe(false);
  });
});

describe('a keyed hash', () => {
  test('tells parts apart by where they end', () => {
    const hash = (...parts: string[]) => secrets.keyedHash('throttle', ...parts).toString('hex');
    const all = [
      hash('ab', 'c'),
      hash('a', 'bc'),
      hash('abc'),
      hash('abc', ''),
      hash('', 'abc'),
      hash('a', 'b', 'c'),
      hash('\0\0\0\u0001a'),
      hash(),
      hash(''),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  test('of different lists is different, whatever is in them', () => {
    const list = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 });
    fc.assert(
      fc.property(list, list, (one, two) => {
        const same = secrets.keyedHash('p', ...one).equals(secrets.keyedHash('p', ...two));
        return same === (JSON.stringify(one) === JSON.stringify(two));
      }),
    );
  });

  test('depends on its purpose and on the master key, and on nothing else', () => {
    const hash = secrets.keyedHash('throttle', 'source', 'account');
    expect(secrets.keyedHash('throttle', 'source', 'account')).toEqual(hash);
    expect(secrets.keyedHash('csrf', 'source', 'account')).not.toEqual(hash);
    expect(others.keyedHash('throttle', 'source', 'account')).not.toEqual(hash);
    expect(hash).toHaveLength(32);
  });

  test('of one pepper version says nothing about the next', () => {
    expect(secrets.keyedHash('pass-pepper/1', 'x')).not.toEqual(secrets.keyedHash('pass-pepper/2', 'x'));
  });
});

test('derived keys differ by purpose and by master key, and are never the master key', () => {
  const keys = [secrets.derive('cookies'), secrets.derive('dpop'), others.derive('cookies'), Buffer.alloc(32, 7)];
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(4);
  expect(keys.every((key) => key.length === 32)).toBe(true);
  expect(secrets.derive('cookies')).toEqual(keys[0]);
});

test('a token is 32 bytes in base64url, and never the same', () => {
  const tokens = Array.from({ length: 1_000 }, randomToken);
  expect(new Set(tokens).size).toBe(1_000);
  expect(tokens.every((token) => /^[A-Za-z0-9_-]{43}$/.test(token))).toBe(true);
});

test('a digest is SHA-256', () => {
  expect(digest('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(digest(randomBytes(8).toString('hex'))).toHaveLength(32);
});
