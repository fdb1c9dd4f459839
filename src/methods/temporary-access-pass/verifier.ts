import { codeVerifier, opensCode } from '../../core/code-verifier.ts';
import type { Secrets } from '../../core/secrets.ts';

export const pepperVersion = 1;

interface Owner {
  readonly userId: string;
  readonly passId: string;
}

/** Bound to user and pass, so that a verifier cannot be moved to another row. */
function keyed(secrets: Secrets, owner: Owner, code: string): Buffer {
  return secrets.keyedHash(`pass-pepper/${pepperVersion}`, 'tap', owner.userId, owner.passId, code);
}

/** What is stored in place of a code. Slow below 23 symbols: call it outside any transaction. */
export function makeVerifier(secrets: Secrets, owner: Owner, code: string): Promise<string> {
  return codeVerifier(keyed(secrets, owner, code), code.length);
}

const nobody: Owner = { userId: '', passId: '' };

/** Costs what the typed code's length says, whatever is stored and whether anything is. */
export function opens(
  secrets: Secrets,
  code: string,
  stored: (Owner & { verifier: string }) | undefined,
): Promise<boolean> {
  return opensCode(keyed(secrets, stored ?? nobody, code), code.length, stored?.verifier);
}
