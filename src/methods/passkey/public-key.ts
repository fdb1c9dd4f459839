import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
import { algorithms } from './passkey.ts';

// Labels of a COSE_Key (RFC 9052 §7.1, RFC 9053 §7.1, RFC 8230 §4).
const kty = 1;
const alg = 3;
const [okp, ec2, rsa] = [1, 2, 3];

/**
 * The COSE algorithm of a key that can be used; undefined when it is of another algorithm than it says, or no key at all.
 * The library takes what the browser sends: a passkey that can never sign would leave its owner outside.
 */
export function usableAlgorithm(publicKey: Uint8Array<ArrayBuffer>): number | undefined {
  try {
    const key = decodeCredentialPublicKey(publicKey) as unknown as ReadonlyMap<number, unknown>;
    const algorithm = Number(key.get(alg));
    const jwk = algorithms.includes(algorithm) ? jwkOf(key, algorithm) : undefined;
    if (!jwk) return undefined;
    createPublicKey({ key: jwk, format: 'jwk' }); // throws for a point off its curve
    return algorithm;
  } catch {
    return undefined;
  }
}

function jwkOf(key: ReadonlyMap<number, unknown>, algorithm: number): JsonWebKey | undefined {
  const bytes = (label: number): string => Buffer.from(key.get(label) as Uint8Array).toString('base64url');
  const type = key.get(kty);
  if (algorithm === -7 && type === ec2 && key.get(-1) === 1)
    return { kty: 'EC', crv: 'P-256', x: bytes(-2), y: bytes(-3) };
  if (algorithm === -8 && type === okp && key.get(-1) === 6) return { kty: 'OKP', crv: 'Ed25519', x: bytes(-2) };
  if (algorithm === -257 && type === rsa && (key.get(-1) as Uint8Array).length >= 256)
    return { kty: 'RSA', n: bytes(-1), e: bytes(-2) };
  return undefined;
}
