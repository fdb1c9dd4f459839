import { describe, expect, test } from 'vitest';
import { newSecret, sharedSecret, stepOf, typedCode } from '../../src/methods/authenticator-app/one-time-code.ts';
import { appOf, base32, scan } from '../support/software-authenticator-app.ts';

const second = (seconds: number) => new Date(seconds * 1000);

describe('a code', () => {
  // RFC 6238, appendix B: the last six of its eight digits.
  const rfcSecret = Buffer.from('12345678901234567890');
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at second %i is %s, as the RFC has it', (at, code) => {
    expect(stepOf(rfcSecret, code, second(at))).toBe(Math.floor(at / 30));
    expect(appOf(rfcSecret).code(second(at))).toBe(code);
  });

  test.each([
    [-1, undefined],
    [0, 1_000],
    [29, 1_000],
    [30, 1_000],
    [59, 1_000],
    [60, undefined],
    [90, undefined],
  ])('%i seconds after its step began is of that step or of none', (later, step) => {
    const secret = newSecret();
    const code = appOf(secret).code(second(30_000));
    // One in a million codes is that of another step as well.
    const others = [-2, -1, 1, 2, 3].map((away) => appOf(secret).code(second(30_000), away));
    if (others.includes(code)) return;
    expect(stepOf(secret, code, second(30_000 + later))).toBe(step);
  });

  test.each<[unknown, string | undefined]>([
    [{ code: '123456' }, '123456'],
    [{ code: ' 123 456 ' }, '123456'],
    [{ code: '12345' }, undefined],
    [{ code: '1234567' }, undefined],
    [{ code: '12345678' }, undefined],
    [{ code: '12a456' }, undefined],
    [{ code: '-12345' }, undefined],
    [{ code: '1e5000' }, undefined],
    [{ code: '１２３４５６' }, undefined],
    [{ code: '١٢٣٤٥٦' }, undefined],
    [{ code: '' }, undefined],
    [{ code: ' '.repeat(10_000) }, undefined],
    [{ code: 123456 }, undefined],
    [{ code: ['123456'] }, undefined],
    [{ code: { toString: '123456' } }, undefined],
    [{ code: null }, undefined],
    [{}, undefined],
    [[], undefined],
    ['123456', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('typed as %j is read as %s', (response, code) => {
    expect(typedCode(response)).toBe(code);
  });
});

describe('a secret', () => {
  test('has 160 bits, in eight groups of four, and in an address that apps read', () => {
    const secret = newSecret();
    const shown = sharedSecret(secret, { issuer: 'Latch & Key', label: 'eve+1@example.com' });
    expect(secret).toHaveLength(20);
    expect(shown.secret).toMatch(/^[A-Z2-7]{4}( [A-Z2-7]{4}){7}$/);
    expect(base32(shown.secret)).toEqual(secret);
    const { pathname, searchParams } = new URL(shown.uri);
    expect(decodeURIComponent(pathname)).toMatch(/Latch & Key:eve\+1@example\.com$/);
    expect(searchParams.get('issuer')).toBe('Latch & Key');
    expect(scan(shown.uri).code(second(60))).toBe(appOf(secret).code(second(60)));
  });

  test('is another one each time', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => newSecret().toString('hex'))).size).toBe(1_000);
  });
});
