import { createHmac } from 'node:crypto';

/** An authenticator app in software, written from RFC 6238 and RFC 4648 and not from the library that the house uses. */
export interface SoftwareAuthenticatorApp {
  /** The code of that moment, or of a step so many before (negative) or after it. */
  code(now: Date, stepsAway?: number): string;
}

/** Reads the address a QR code holds, as an app does. */
export function scan(uri: string): SoftwareAuthenticatorApp {
  const { protocol, host, searchParams } = new URL(uri);
  if (protocol !== 'otpauth:' || host !== 'totp') throw new Error('An app does not know this address.');
  const others = { algorithm: 'SHA1', digits: '6', period: '30' };
  for (const [name, value] of Object.entries(others)) {
    if ((searchParams.get(name) ?? value) !== value)
      throw new Error(`Not every app can do ${name} other than ${value}.`);
  }
  return appOf(base32(searchParams.get('secret')!));
}

export function appOf(secret: Buffer): SoftwareAuthenticatorApp {
  return {
    code(now, stepsAway = 0) {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(Math.floor(now.getTime() / 30_000) + stepsAway));
      const mac = createHmac('sha1', secret).update(counter).digest();
      const offset = mac[19]! & 15;
      return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
    },
  };
}

export function base32(text: string): Buffer {
  const bits = [...text.replaceAll(' ', '')]
    .map((symbol) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(symbol).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
