import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { usableAlgorithm } from '../../src/methods/passkey/public-key.ts';

/** A COSE_Key as CBOR: small integer labels, integers and byte strings are all it takes. */
function cose(entries: readonly (readonly [number, number | Buffer])[]): Uint8Array<ArrayBuffer> {
  const integer = (value: number): Buffer => {
    const major = value < 0 ? 0x20 : 0x00;
    const size = value < 0 ? -1 - value : value;
    if (size < 24) return Buffer.from([major | size]);
    return size < 256 ? Buffer.from([major | 24, size]) : Buffer.from([major | 25, size >> 8, size & 255]);
  };
  const head = ({ length }: Buffer): number[] => {
    if (length < 24) return [0x40 | length];
    return length < 256 ? [0x58, length] : [0x59, length >> 8, length & 255];
  };
  const bytes = (value: Buffer): Buffer => Buffer.concat([Buffer.from(head(value)), value]);
  const parts = entries.flatMap(([label, value]) => [
    integer(label),
    typeof value === 'number' ? integer(value) : bytes(value),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.from([0xa0 | entries.length]), ...parts]));
}

const part = (value: string | undefined): Buffer => Buffer.from(value!, 'base64url');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' });
const [x, y] = [part(ec.x), part(ec.y)];

test('a key of each algorithm that is offered can be used', () => {
  const big = rsa(2048);
  expect(
    usableAlgorithm(
      cose([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, x],
        [-3, y],
      ]),
    ),
  ).toBe(-7);
  expect(
    usableAlgorithm(
      cose([
        [1, 1],
        [3, -8],
        [-1, 6],
        [-2, part(ed.x)],
      ]),
    ),
  ).toBe(-8);
  expect(
    usableAlgorithm(
      cose([
        [1, 3],
        [3, -257],
        [-1, part(big.n)],
        [-2, part(big.e)],
      ]),
    ),
  ).toBe(-257);
});

test.each<[string, Uint8Array<ArrayBuffer>]>([
  [
    'a point that is not on its curve',
    cose([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, x],
      [-3, x],
    ]),
  ],
  [
    'half a point',
    cose([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, x],
      [-3, y.subarray(0, 20)],
    ]),
  ],
  [
    'no point at all',
    cose([
      [1, 2],
      [3, -7],
      [-1, 1],
    ]),
  ],
  [
    'an EC key that says RSA',
    cose([
      [1, 2],
      [3, -257],
      [-1, 1],
      [-2, x],
      [-3, y],
    ]),
  ],
  [
    'an EC key that says EdDSA',
    cose([
      [1, 2],
      [3, -8],
      [-1, 1],
      [-2, x],
      [-3, y],
    ]),
  ],
  [
    'an algorithm that was not offered (ES384)',
    cose([
      [1, 2],
      [3, -35],
      [-1, 2],
      [-2, x],
      [-3, y],
    ]),
  ],
  [
    'another curve under the same algorithm',
    cose([
      [1, 2],
      [3, -7],
      [-1, 2],
      [-2, x],
      [-3, y],
    ]),
  ],
  [
    'an RSA key of 1024 bits',
    (() => {
      const small = rsa(1024);
      return cose([
        [1, 3],
        [3, -257],
        [-1, part(small.n)],
        [-2, part(small.e)],
      ]);
    })(),
  ],
  ['nothing', new Uint8Array()],
  ['junk', new Uint8Array([0xff, 0x00, 0x13])],
])('%s cannot', (_what, key) => {
  expect(usableAlgorithm(key)).toBeUndefined();
});
