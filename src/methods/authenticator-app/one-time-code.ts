import { randomBytes } from 'node:crypto';
import { generateURI, ScureBase32Plugin, verifySync } from 'otplib';
import { z } from 'zod';
import { epochSeconds } from '../../core/time.ts';

// RFC 6238 as every app knows it: SHA-1, six digits, steps of 30 seconds. They are the library's defaults, and an app's.
const stepSeconds = 30;
const secretBytes = 20; // 160 bits: RFC 4226 §4 R6

const base32 = new ScureBase32Plugin();

export function newSecret(): Buffer {
  return randomBytes(secretBytes);
}

const form = z.object({ code: z.string().max(200) });

/** The six digits that were typed, without spaces; undefined when it cannot be a code. */
export function typedCode(response: unknown): string | undefined {
  const code = form.safeParse(response).data?.code.replace(/\s+/g, '');
  return code !== undefined && /^[0-9]{6}$/.test(code) ? code : undefined;
}

/**
 * The time step this is the code of: the present one or the one before it; undefined when it is of neither.
 * Whether that step was used before is judged where it is spent. `code`: six digits, for at any other length the library throws.
 */
export function stepOf(secret: Uint8Array, code: string, now: Date): number | undefined {
  const result = verifySync({ secret, token: code, epoch: epochSeconds(now), epochTolerance: [stepSeconds, 0] });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}

/** The secret as people type it, and as an app reads it off a QR code. */
export function sharedSecret(
  secret: Uint8Array,
  shownAs: { readonly issuer: string; readonly label: string },
): { readonly secret: string; readonly uri: string } {
  const text = base32.encode(secret, { padding: false });
  return { secret: text.match(/.{4}/g)!.join(' '), uri: generateURI({ ...shownAs, secret: text }) };
}
