import type { Secrets } from '../../core/secrets.ts';
import { slowHash, slowVerify, unopenable } from '../../core/slow-hash.ts';

export const pepperVersion = 1;

/** Bound to the user, so that a verifier cannot be moved to another row. */
function keyed(secrets: Secrets, userId: string, password: string): string {
  return secrets.keyedHash(`password-pepper/${pepperVersion}`, 'password', userId, password).toString('base64');
}

/** What is stored in place of a password, as it was normalised. Slow: call it outside any transaction. */
export function makeVerifier(secrets: Secrets, userId: string, password: string): Promise<string> {
  return slowHash(keyed(secrets, userId, password));
}

const sentinel = unopenable();

/** One slow check, whatever was typed, whatever is stored and whether anything is. */
export async function opens(
  secrets: Secrets,
  password: string | undefined,
  stored: { readonly userId: string; readonly verifier: string } | undefined,
): Promise<boolean> {
  const judged = password === undefined ? undefined : stored;
  const matches = await slowVerify(judged?.verifier ?? sentinel, keyed(secrets, judged?.userId ?? '', password ?? ''));
  return matches && judged !== undefined;
}
