import { describe, expect, test } from 'vitest';
import { inGroups, newCode, normalizeCode } from '../../src/core/code.ts';

const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';

describe('a new code', () => {
  test.each([8, 16, 23, 48])('of %i symbols has that many, all of the alphabet', (length) => {
    for (let times = 0; times < 200; times += 1) {
      const code = newCode(length);
      expect(code).toHaveLength(length);
      expect([...code].every((symbol) => alphabet.includes(symbol))).toBe(true);
    }
  });

  test('draws every symbol alike: 96,000 symbols fit a chi-square test', () => {
    const counts = new Map([...alphabet].map((symbol) => [symbol, 0]));
    for (let times = 0; times < 2_000; times += 1) {
      for (const symbol of newCode(48)) counts.set(symbol, counts.get(symbol)! + 1);
    }
    const expected = (2_000 * 48) / alphabet.length;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 31 degrees of freedom: a fair source is above 83 once in a million runs, and one that never draws a symbol is at 3,000.
    expect(counts.size).toBe(32);
    expect(chiSquare).toBeLessThan(83);
    expect(chiSquare).toBeGreaterThan(3);
  });

  test('favours no place in the code and no neighbour', () => {
    const codes = Array.from({ length: 4_096 }, () => newCode(8));
    for (let place = 0; place < 8; place += 1) {
      expect(new Set(codes.map((code) => code[place])).size).toBe(32);
    }
    const pairs = new Set(codes.flatMap((code) => [0, 1, 2, 3, 4, 5, 6].map((place) => code.slice(place, place + 2))));
    expect(pairs.size).toBe(32 * 32);
  });

  test('is never drawn twice', () => {
    const codes = Array.from({ length: 10_000 }, () => newCode(16));
    expect(new Set(codes).size).toBe(10_000);
  });
});

describe('what was typed', () => {
  const same = 'ABCD2345EFGH6789';
  test.each([
    ['as it was issued', 'ABCD2345EFGH6789'],
    ['in lower case', 'abcd2345efgh6789'],
    ['in groups with dashes', 'ABCD-2345-EFGH-6789'],
    ['in lower case with spaces', 'abcd 2345 efgh 6789'],
    ['with spaces around it', '  ABCD2345EFGH6789\t\r\n'],
    ['with no-break and thin spaces, as pages copy them', 'ABCD\u00a02345\u2009EFGH\u202f6789'],
    ['with an ideographic space', 'ABCD\u30002345EFGH6789'],
    ['with hyphens of typesetters', 'ABCD\u20102345\u2011EFGH\u20126789'],
    ['with the long dashes a word processor makes', 'ABCD\u20132345\u2014EFGH\u20156789'],
    ['with one dash after every symbol', [...'ABCD2345EFGH6789'].join('-')],
  ])('%s is the code', (_how, typed) => {
    expect(normalizeCode(typed)).toBe(same);
  });

  test.each([
    ['the digit 0', 'ABCD2345EFGH6780'],
    ['the digit 1', 'ABCD2345EFGH6781'],
    ['the letter O', 'ABCD2345EFGH678O'],
    ['the letter I', 'ABCD2345EFGH678I'],
    ['a small i', 'abcd2345efgh678i'],
    ['a small o', 'abcd2345efgh678o'],
    ['a Cyrillic A', '\u0410BCD2345EFGH6789'],
    ['a Greek E', 'ABCD2345\u0395FGH6789'],
    ['a fullwidth A', '\uff21BCD2345EFGH6789'],
    ['a Kelvin sign', '\u212aBCD2345EFGH6789'],
    ['an umlaut', 'ÄBCD2345EFGH6789'],
    ['punctuation', 'ABCD2345EFGH678!'],
    ['a NUL', 'ABCD2345\0EFGH6789'],
    ['a zero-width space', 'ABCD2345\u200bEFGH6789'],
    ['an emoji', 'ABCD2345EFGH678😀'],
    ['half an emoji', 'ABCD2345EFGH678\ud83d'],
    ['the word for a prototype', '__proto__'],
  ])('with %s cannot be a code', (_what, typed) => {
    expect(normalizeCode(typed)).toBe('');
  });

  test('of 48 symbols may be a code, of 49 may not', () => {
    expect(normalizeCode('A'.repeat(48))).toBe('A'.repeat(48));
    expect(normalizeCode('A'.repeat(49))).toBe('');
  });

  test('of more than 200 characters is not even looked at', () => {
    expect(normalizeCode(`${' '.repeat(184)}${same}`)).toBe(same);
    expect(normalizeCode(`${' '.repeat(185)}${same}`)).toBe('');
    expect(normalizeCode('A'.repeat(1_000_000))).toBe('');
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 22345678],
    ['a list of a code', [same]],
    ['a list of symbols', [...same]],
    ['an object that looks like text', { toString: (): string => same, length: 16, toUpperCase: (): string => same }],
    ['true', true],
    ['an empty text', ''],
    ['dashes alone', '----'],
  ])('as %s cannot be a code', (_what, typed) => {
    expect(normalizeCode(typed)).toBe('');
  });

  test('comes back from its groups whatever its length', () => {
    for (let length = 8; length <= 48; length += 1) {
      const code = newCode(length);
      expect(normalizeCode(inGroups(code))).toBe(code);
      expect(normalizeCode(inGroups(code).toLowerCase())).toBe(code);
    }
  });
});

describe('a code for people', () => {
  test.each([
    ['ABCD2345EFGH6789', 'ABCD-2345-EFGH-6789'],
    ['ABCD2345', 'ABCD-2345'],
    ['ABCD23456', 'ABCD-2345-6'],
    ['ABC', 'ABC'],
    ['', ''],
  ])('%s is shown as %s', (code, shown) => {
    expect(inGroups(code)).toBe(shown);
  });
});
