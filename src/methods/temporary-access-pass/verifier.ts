import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../../core/secrets.ts';
import { slowHash, slowVerify } from '../../core/slow-hash.ts';

export const pepperVersion = 1;

// From 23 symbols (115 bits) on, NIST SP 800-63B 3.1.2.2 asks for no slow hash: the code cannot be guessed offline either.
const longEnoughForHmac = 23;

interface Owner {
  readonly userId: string;
  readonly passId: string;
}

/** Bound to user and pass, so that a verifier cannot be moved to another row. */
function keyed(secrets: Secrets, owner: Owner, code: string): Buffer {
  return secrets.keyedHash(`pass-pepper/${pepperVersion}`, 'tap', owner.userId, owner.passId, code);
}

/** What is stored in place of a code. Slow below 23 symbols: call it outside any transaction. */
export async function makeVerifier(secrets: Secrets, owner: Owner, code: string): Promise<string> {
  const mac = keyed(secrets, owner, code);
  return code.length >= longEnoughForHmac
    ? `hmac:${mac.toString('base64url')}`
    : `argon2:${await slowHash(mac.toString('base64'))}`;
}

const nobody: Owner = { userId: '', passId: '' };
// A verifier that nothing opens, with live parameters: unknown names cost the same as known ones.
const sentinel: Promise<string> = slowHash(randomBytes(32).toString('base64'));

/** Costs what the typed code's length says, whatever is stored and whether anything is. */
export async function opens(
  secrets: Secrets,
  code: string,
  stored: (Owner & { verifier: string }) | undefined,
): Promise<boolean> {
  const mac = keyed(secrets, stored ?? nobody, code);
  if (code.length >= longEnoughForHmac) {
    const isHmac = stored?.verifier.startsWith('hmac:') ?? false;
    const expected = isHmac
      ? Buffer.from(stored!.verifier.slice('hmac:'.length), 'base64url')
      : randomBytes(mac.length);
    return expected.length === mac.length && timingSafeEqual(expected, mac) && isHmac;
  }
  const isArgon2 = stored?.verifier.startsWith('argon2:') ?? false;
  const phc = isArgon2 ? stored!.verifier.slice('argon2:'.length) : await sentinel;
  return (await slowVerify(phc, mac.toString('base64'))) && isArgon2;
}
