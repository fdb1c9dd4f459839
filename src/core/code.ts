import { randomBytes } from 'node:crypto';

// 32 symbols, 5 bits each, no look-alikes (0 O 1 I): readable aloud, typed without doubt.
const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';

/** `length` symbols from the system's random source; five bits of each byte, so without bias. */
export function newCode(length: number): string {
  let code = '';
  for (const byte of randomBytes(length)) code += alphabet[byte & 31];
  return code;
}

/** What was typed, as it would have been issued: upper case, without spaces and dashes. Empty when it cannot be a code. */
export function normalizeCode(typed: unknown): string {
  if (typeof typed !== 'string' || typed.length > 200) return '';
  const code = typed.toUpperCase().replace(/[\s\u2010-\u2015-]+/g, '');
  return code.length <= 48 && [...code].every((symbol) => alphabet.includes(symbol)) ? code : '';
}

/** Groups of four, for people. */
export function inGroups(code: string): string {
  return code.match(/.{1,4}/g)?.join('-') ?? '';
}
