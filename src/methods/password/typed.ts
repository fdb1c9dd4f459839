/** What was typed, in the one form that is hashed and compared: NFC, nothing trimmed, nothing folded. */

/** Undefined for what can be nobody's password: no text, nothing, half a character, or longer than 1,024 code points. */
export function normalizePassword(typed: unknown): string | undefined {
  // A code point that is composed of several takes no more than this many units; longer is not worth the work.
  if (typeof typed !== 'string' || typed.length > 8 * longest || !typed.isWellFormed()) return undefined;
  const password = typed.normalize('NFC');
  const length = lengthOf(password);
  return length >= 1 && length <= longest ? password : undefined;
}

const longest = 1_024;

/** In code points, as NIST SP 800-63B 3.1.1.2 counts. */
export function lengthOf(password: string): number {
  return [...password].length;
}
