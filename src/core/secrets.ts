import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** Keys derived from the master key, one per purpose; nothing here is ever written to the database. */
export interface Secrets {
  /** HMAC-SHA-256 under the key of that purpose. Parts are length-prefixed, so that ('ab','c') and ('a','bc') differ. */
  keyedHash(purpose: string, ...parts: readonly string[]): Buffer;
  /** AES-256-GCM; `context` (table, row, column) is authenticated, so a sealed value cannot be moved to another row. */
  seal(context: string, clear: Uint8Array): Buffer;
  /** Throws when the value was sealed under another key, for another context, or was changed. */
  open(context: string, sealed: Uint8Array): Buffer;
  /** 32 bytes for a library that wants a key of its own (cookie signatures, DPoP nonces). */
  derive(purpose: string): Buffer;
}

const nonceBytes = 12;
const tagBytes = 16;

/** Master key: 32 bytes. HKDF-SHA-256 (RFC 5869) with the purpose as info. */
export function makeSecrets(masterKey: Uint8Array): Secrets {
  // A KeyObject made once: an HMAC with a raw key costs six times as much on Node 24.
  const keys = new Map<string, KeyObject>();
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), `latchkey/${purpose}`, 32));
  const keyOf = (purpose: string): KeyObject => {
    let key = keys.get(purpose);
    if (!key) {
      key = createSecretKey(derive(purpose));
      keys.set(purpose, key);
    }
    return key;
  };

  return {
    derive,
    keyedHash(purpose, ...parts) {
      const hmac = createHmac('sha256', keyOf(purpose));
      for (const part of parts) {
        const bytes = Buffer.from(part, 'utf8');
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        hmac.update(length).update(bytes);
      }
      return hmac.digest();
    },
    seal(context, clear) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', keyOf('seal/1'), nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(clear), cipher.final()]);
      return Buffer.concat([Buffer.from([1]), nonce, cipher.getAuthTag(), body]);
    },
    open(context, sealed) {
      if (sealed[0] !== 1) throw new Error('The sealed value has an unknown version.');
      const bytes = Buffer.from(sealed);
      const nonce = bytes.subarray(1, 1 + nonceBytes);
      const tag = bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
      const decipher = createDecipheriv('aes-256-gcm', keyOf('seal/1'), nonce, { authTagLength: tagBytes }).setAAD(
        Buffer.from(context),
      );
      decipher.setAuthTag(tag);
      return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()]);
    },
  };
}

/** SHA-256; how the database knows ids and tokens that only their holder may know. */
export function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** 256 random bits, base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}
