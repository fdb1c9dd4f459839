import { expect, test } from 'vitest';
import { cborLength } from '../../src/methods/passkey/cbor-length.ts';

const lengthOf = (hex: string) => cborLength(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

// Examples of RFC 8949 appendix A, and what is wrong with them.
test.each([
  ['a small number', '17', 1],
  ['a number of one byte', '18 64', 2],
  ['a number of eight bytes', '1b 000000e8d4a51000', 9],
  ['a negative number', '39 03e7', 3],
  ['a float', 'fb 3ff199999999999a', 9],
  ['true', 'f5', 1],
  ['a tagged number', 'c1 1a 514b67b0', 6],
  ['bytes', '44 01020304', 5],
  ['bytes whose length takes more room than it must', '59 0004 01020304', 7],
  ['a list in a list', '83 01 82 02 03 82 04 05', 8],
  ['a map', 'a2 61 61 01 61 62 82 02 03', 9],
  ['an empty map with bytes behind it', 'a0 00 00', 1],
  ['nothing', '', undefined],
  ['a number without its bytes', '19 01', undefined],
  ['bytes cut short', '44 010203', undefined],
  ['a list cut short', '83 01 02', undefined],
  ['a map without its last value', 'a2 61 61 01 61 62', undefined],
  ['a list of indefinite length', '9f 01 ff', undefined],
  ['a list of more than there can be', '9b ffffffffffffffff 00', undefined],
])('%s', (_what, hex, length) => {
  expect(lengthOf(hex)).toBe(length);
});
