import { randomBytes, timingSafeEqual } from 'node:crypto';
import { slowHash, slowVerify } from './slow-hash.ts';

/**
 * What is stored in place of a code that people type. `mac` is the code's HMAC under a key that is not in the database, bound to
 * the row it belongs to; `length` is in symbols.
 */

// From 23 symbols (115 bits) on, NIST SP 800-63B 3.1.2.2 asks for no slow hash: the code cannot be guessed offline either.
const longEnoughForHmac = 23;

/** Slow below 23 symbols: call it outside any transaction. */
export async function codeVerifier(mac: Buffer, length: number): Promise<string> {
  return length >= longEnoughForHmac
    ? `hmac:${mac.toString('base64url')}`
    : `argon2:${await slowHash(mac.toString('base64'))}`;
}

// A verifier that nothing opens, with live parameters: unknown names cost the same as known ones.
const sentinel: Promise<string> = slowHash(randomBytes(32).toString('base64'));

/** Costs what the typed code's length says, whatever is stored and whether anything is. */
export async function opensCode(mac: Buffer, length: number, verifier: string | undefined): Promise<boolean> {
  if (length >= longEnoughForHmac) {
    const isHmac = verifier?.startsWith('hmac:') ?? false;
    const expected = isHmac ? Buffer.from(verifier!.slice('hmac:'.length), 'base64url') : randomBytes(mac.length);
    return expected.length === mac.length && timingSafeEqual(expected, mac) && isHmac;
  }
  const isArgon2 = verifier?.startsWith('argon2:') ?? false;
  const phc = isArgon2 ? verifier!.slice('argon2:'.length) : await sentinel;
  return (await slowVerify(phc, mac.toString('base64'))) && isArgon2;
}
