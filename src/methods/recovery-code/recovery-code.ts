import { codeVerifier, opensCode } from '../../core/code-verifier.ts';
import { newCode, normalizeCode } from '../../core/code.ts';
import type { Secrets } from '../../core/secrets.ts';

/** A recovery code: one of ten on a sheet of paper, for whoever has lost everything else. It opens a registration, once. */
export const codesInASet = 10;

/** The first symbols find the row, the other 16 (80 bits) are the secret. */
const selectorLength = 4;
const secretLength = 16;

export const pepperVersion = 1;

/** As long as what a code has opened may go on. */
export const openingMinutes = 10;

export interface SplitCode {
  readonly selector: string;
  readonly secret: string;
}

/** What was typed; undefined when it cannot be a recovery code. */
export function splitCode(typed: unknown): SplitCode | undefined {
  const code = normalizeCode(typed);
  if (code.length !== selectorLength + secretLength) return undefined;
  return { selector: code.slice(0, selectorLength), secret: code.slice(selectorLength) };
}

/** A set of codes, no two of which begin alike. */
export function newCodes(): SplitCode[] {
  const bySelector = new Map<string, SplitCode>();
  while (bySelector.size < codesInASet) {
    const code = splitCode(newCode(selectorLength + secretLength))!;
    bySelector.set(code.selector, code);
  }
  return [...bySelector.values()];
}

interface Owner {
  readonly userId: string;
  readonly id: string;
}

/** Bound to user and row, so that a verifier cannot be moved to another. */
function keyed(secrets: Secrets, owner: Owner, secret: string): Buffer {
  return secrets.keyedHash(`pass-pepper/${pepperVersion}`, 'recovery-code', owner.userId, owner.id, secret);
}

/** What is stored in place of a secret. Slow: call it outside any transaction. */
export function makeVerifier(secrets: Secrets, owner: Owner, secret: string): Promise<string> {
  return codeVerifier(keyed(secrets, owner, secret), secretLength);
}

const nobody: Owner = { userId: '', id: '' };

/** Costs the same whatever was typed and whether anything is stored. */
export function opens(
  secrets: Secrets,
  secret: string,
  stored: (Owner & { readonly verifier: string }) | undefined,
): Promise<boolean> {
  return opensCode(keyed(secrets, stored ?? nobody, secret), secretLength, stored?.verifier);
}
