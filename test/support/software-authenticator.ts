/**
 * A FIDO2 authenticator and the browser in front of it, in code: what a phone does when a page asks for a passkey.
 * It writes its own CBOR and COSE and shares nothing with the library the server verifies with, so that no common
 * mistake can pass. Sections in comments are of WebAuthn Level 3.
 */
import { createHash, generateKeyPair, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';

export type AlgorithmName = 'ES256' | 'EdDSA' | 'RS256';

export interface AuthenticatorOptions {
  /** A UUID; a random one by default, so that two authenticators are two models. */
  readonly aaguid?: string;
  /** Synced passkeys are backup eligible, and backed up once they have reached the cloud. */
  readonly backupEligible?: boolean;
  readonly backedUp?: boolean;
  readonly algorithm?: AlgorithmName;
  /** False for a security key without a PIN: it cannot verify its user. */
  readonly verifiesUser?: boolean;
  /** `zero` is what synced passkeys do: they never count. By default each signature counts one up. */
  readonly signCount?: 'increments' | 'zero';
  readonly transports?: readonly string[];
  readonly attachment?: 'platform' | 'cross-platform';
}

/**
 * What a dishonest client or authenticator would say instead. All but `signature` are changed before signing, so the
 * signature stays good and only the server's own check of that field can find it.
 */
export interface Tamper {
  readonly type?: string;
  readonly challenge?: string;
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  readonly topOrigin?: string;
  /** Hashed in place of the right RP ID. */
  readonly rpId?: string;
  readonly userPresent?: boolean;
  readonly userVerified?: boolean;
  readonly backupEligible?: boolean;
  readonly backedUp?: boolean;
  readonly counter?: number;
  /** The COSE number written into the public key; the key itself stays what it is. Registration only. */
  readonly algorithm?: number;
  /** Answer with this attestation format whatever was asked for. Registration only. */
  readonly attestation?: 'none' | 'packed';
  /** base64url, or null to leave it out. Authentication only. */
  readonly userHandle?: string | null;
  /** One bit of the signature is turned: well-formed and wrong. At registration only `packed` has a signature. */
  readonly signature?: 'bogus';
}

export interface Ceremony {
  /** The page's origin, as the browser sees it. */
  readonly origin: string;
  readonly tamper?: Tamper;
}

export interface StoredCredential {
  /** base64url, as in the JSON forms. */
  readonly id: string;
  readonly rpId: string;
  /** base64url. */
  readonly userHandle: string;
  readonly userName: string;
  readonly signCount: number;
}

export interface SoftwareAuthenticator {
  readonly aaguid: string;
  readonly credentials: readonly StoredCredential[];
  /** Rejects with a DOMException as `navigator.credentials.create` does: InvalidStateError, NotAllowedError, … */
  create(options: PublicKeyCredentialCreationOptionsJSON, ceremony: Ceremony): Promise<RegistrationResponseJSON>;
  /** Takes the newest passkey that fits, or the one named. Rejects with NotAllowedError when there is none. */
  get(
    options: PublicKeyCredentialRequestOptionsJSON,
    ceremony: Ceremony & { readonly credentialId?: string },
  ): Promise<AuthenticationResponseJSON>;
  forget(credentialId: string): void;
  /** A second authenticator with the same keys and counters, as after a theft of the key material. */
  clone(): SoftwareAuthenticator;
}

interface KeptCredential extends StoredCredential {
  readonly privateKey: KeyObject;
  signCount: number;
}

export function newAuthenticator(made: AuthenticatorOptions = {}): SoftwareAuthenticator {
  return authenticatorWith({ aaguid: randomUUID(), ...made }, []);
}

function authenticatorWith(
  made: AuthenticatorOptions & { readonly aaguid: string },
  kept: readonly KeptCredential[],
): SoftwareAuthenticator {
  const algorithm = algorithms[made.algorithm ?? 'ES256'];
  const verifiesUser = made.verifiesUser ?? true;
  const attachment = made.attachment ?? 'platform';
  let credentials = kept.map((credential) => ({ ...credential }));

  const count = (before: number): number => (made.signCount === 'zero' ? 0 : before + 1);
  const flagsOf = (tamper: Tamper): number =>
    bits({
      [flag.userPresent]: tamper.userPresent ?? true,
      [flag.userVerified]: tamper.userVerified ?? verifiesUser,
      [flag.backupEligible]: tamper.backupEligible ?? made.backupEligible ?? false,
      [flag.backedUp]: tamper.backedUp ?? made.backedUp ?? false,
    });
  const requireVerification = (asked: string | undefined): void => {
    if (asked === 'required' && !verifiesUser) {
      throw new DOMException('This authenticator cannot verify its user.', 'NotAllowedError');
    }
  };

  return {
    aaguid: made.aaguid,
    get credentials() {
      return credentials.map(({ privateKey: _, ...stored }) => stored);
    },

    async create(options, { origin, tamper = {} }) {
      const rpId = rpIdFor(origin, options.rp.id);
      if (!options.pubKeyCredParams.some(({ alg }) => alg === algorithm.cose)) {
        throw new DOMException(`None of the algorithms asked for is ${algorithm.cose}.`, 'NotSupportedError');
      }
      requireVerification(options.authenticatorSelection?.userVerification);
      const excluded = (options.excludeCredentials ?? []).map(({ id }) => id);
      if (credentials.some((credential) => credential.rpId === rpId && excluded.includes(credential.id))) {
        throw new DOMException(
          'This authenticator already holds one of the excluded credentials.',
          'InvalidStateError',
        );
      }

      const { publicKey, privateKey } = await algorithm.newKeyPair();
      const id = randomBytes(32);
      const signCount = count(0);
      const authenticatorData = Buffer.concat([
        sha256(tamper.rpId ?? rpId),
        Buffer.from([flagsOf(tamper) | flag.attestedCredentialData]),
        uint32(tamper.counter ?? signCount),
        // 6.5.1: AAGUID, length of the credential id, credential id, COSE key.
        Buffer.from(made.aaguid.replaceAll('-', ''), 'hex'),
        uint16(id.length),
        id,
        cbor(algorithm.coseKey(publicKey, tamper.algorithm ?? algorithm.cose)),
      ]);
      const clientDataJSON = clientData('webauthn.create', options.challenge, origin, tamper);
      const attestation = tamper.attestation ?? (options.attestation === 'direct' ? 'packed' : 'none');
      const signature = (): Buffer =>
        spoil(tamper, algorithm.sign(Buffer.concat([authenticatorData, sha256(clientDataJSON)]), privateKey));
      const attestationObject = cbor(
        new Map<string, Cbor>([
          ['fmt', attestation],
          // 8.2: self attestation is a signature by the new key itself; 8.7: `none` has an empty statement.
          [
            'attStmt',
            new Map<string, Cbor>(
              attestation === 'packed'
                ? [
                    ['alg', algorithm.cose],
                    ['sig', signature()],
                  ]
                : [],
            ),
          ],
          ['authData', authenticatorData],
        ]),
      );

      // 6.3.2: a discoverable credential replaces an earlier one of the same account here.
      credentials = credentials.filter((held) => !(held.rpId === rpId && held.userHandle === options.user.id));
      const credential = {
        id: base64url(id),
        rpId,
        userHandle: options.user.id,
        userName: options.user.name,
        signCount,
      };
      credentials.push({ ...credential, privateKey });
      return {
        id: credential.id,
        rawId: credential.id,
        type: 'public-key',
        authenticatorAttachment: attachment,
        clientExtensionResults: options.extensions?.credProps ? { credProps: { rk: true } } : {},
        response: {
          clientDataJSON: base64url(clientDataJSON),
          attestationObject: base64url(attestationObject),
          authenticatorData: base64url(authenticatorData),
          publicKey: base64url(publicKey.export({ type: 'spki', format: 'der' })),
          publicKeyAlgorithm: algorithm.cose,
          transports: [...(made.transports ?? (attachment === 'platform' ? ['internal'] : ['usb']))],
        },
      };
    },

    async get(options, { origin, credentialId, tamper = {} }) {
      const rpId = rpIdFor(origin, options.rpId);
      requireVerification(options.userVerification);
      const allowed = (options.allowCredentials ?? []).map(({ id }) => id);
      const credential = credentials.findLast(
        (held) =>
          held.rpId === rpId &&
          (allowed.length === 0 || allowed.includes(held.id)) &&
          (credentialId === undefined || held.id === credentialId),
      );
      if (!credential)
        throw new DOMException(`This authenticator has no passkey for that at ${rpId}.`, 'NotAllowedError');

      credential.signCount = count(credential.signCount);
      const authenticatorData = Buffer.concat([
        sha256(tamper.rpId ?? rpId),
        Buffer.from([flagsOf(tamper)]),
        uint32(tamper.counter ?? credential.signCount),
      ]);
      const clientDataJSON = clientData('webauthn.get', options.challenge, origin, tamper);
      const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
      const userHandle = tamper.userHandle === undefined ? credential.userHandle : tamper.userHandle;
      return {
        id: credential.id,
        rawId: credential.id,
        type: 'public-key',
        authenticatorAttachment: attachment,
        clientExtensionResults: {},
        response: {
          clientDataJSON: base64url(clientDataJSON),
          authenticatorData: base64url(authenticatorData),
          signature: base64url(spoil(tamper, algorithmOf(credential.privateKey).sign(signed, credential.privateKey))),
          ...(userHandle === null ? {} : { userHandle }),
        },
      };
    },

    forget(credentialId) {
      credentials = credentials.filter(({ id }) => id !== credentialId);
    },
    clone: () => authenticatorWith(made, credentials),
  };
}

/** 6.1: the bits of the flags byte. */
const flag = {
  userPresent: 0x01,
  userVerified: 0x04,
  backupEligible: 0x08,
  backedUp: 0x10,
  attestedCredentialData: 0x40,
};

function bits(set: Readonly<Record<number, boolean>>): number {
  return Object.entries(set).reduce((byte, [bit, on]) => (on ? byte | Number(bit) : byte), 0);
}

/** The browser's part (5.1.3 step 8): an RP ID is the page's host or a parent of it, on https or localhost. */
function rpIdFor(origin: string, asked: string | undefined): string {
  const { protocol, hostname } = new URL(origin);
  const secure = protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost');
  const rpId = asked ?? hostname;
  // A name of one label is a public suffix: `localhost` is no parent of `idp.localhost`, as measured in Chromium.
  const covers = rpId === hostname || (rpId.includes('.') && hostname.endsWith(`.${rpId}`));
  if (!secure || !covers) throw new DOMException(`"${rpId}" is no RP ID for a page of ${origin}.`, 'SecurityError');
  return rpId;
}

/** 5.8.1.1: the members in this order, as every browser writes them. */
function clientData(type: string, challenge: string, origin: string, tamper: Tamper): Buffer {
  return Buffer.from(
    JSON.stringify({
      type: tamper.type ?? type,
      challenge: tamper.challenge ?? challenge,
      origin: tamper.origin ?? origin,
      crossOrigin: tamper.crossOrigin ?? false,
      ...(tamper.topOrigin === undefined ? {} : { topOrigin: tamper.topOrigin }),
    }),
  );
}

/** The last byte lies inside the signature's last integer in all three encodings, so the form stays good. */
function spoil(tamper: Tamper, signature: Buffer): Buffer {
  if (tamper.signature !== 'bogus') return signature;
  return Buffer.concat([signature.subarray(0, -1), Buffer.from([signature.at(-1)! ^ 1])]);
}

interface Algorithm {
  /** IANA COSE algorithm number. */
  readonly cose: number;
  newKeyPair(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;
  /** RFC 9052 section 7: keys in CTAP2's canonical order. */
  coseKey(publicKey: KeyObject, alg: number): Map<number, Cbor>;
  sign(bytes: Buffer, privateKey: KeyObject): Buffer;
}

const newKeyPair = promisify(generateKeyPair);

const algorithms: Readonly<Record<AlgorithmName, Algorithm>> = {
  ES256: {
    cose: -7,
    newKeyPair: () => newKeyPair('ec', { namedCurve: 'P-256' }),
    coseKey: (key, alg) => coseKey({ kty: 2, alg, crv: 1 }, key, { x: -2, y: -3 }),
    sign: (bytes, key) => sign('sha256', bytes, { key, dsaEncoding: 'der' }),
  },
  EdDSA: {
    cose: -8,
    newKeyPair: () => newKeyPair('ed25519'),
    coseKey: (key, alg) => coseKey({ kty: 1, alg, crv: 6 }, key, { x: -2 }),
    sign: (bytes, key) => sign(null, bytes, key),
  },
  RS256: {
    cose: -257,
    newKeyPair: () => newKeyPair('rsa', { modulusLength: 2048 }),
    coseKey: (key, alg) => coseKey({ kty: 3, alg }, key, { n: -1, e: -2 }),
    sign: (bytes, key) => sign('sha256', bytes, key),
  },
};

function algorithmOf(key: KeyObject): Algorithm {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return algorithms.ES256;
    case 'ed25519':
      return algorithms.EdDSA;
    default:
      return algorithms.RS256;
  }
}

const coseLabels = { kty: 1, alg: 3, crv: -1 };

/** `parts` says under which label each member of the key's JWK goes. */
function coseKey(
  head: { readonly kty: number; readonly alg: number; readonly crv?: number },
  key: KeyObject,
  parts: Readonly<Partial<Record<'x' | 'y' | 'n' | 'e', number>>>,
): Map<number, Cbor> {
  const jwk = key.export({ format: 'jwk' });
  const labelled = Object.entries(head).map(
    ([name, value]) => [coseLabels[name as keyof typeof coseLabels], value] as const,
  );
  const numbers = Object.entries(parts).map(
    ([member, label]) => [label, Buffer.from(String(jwk[member as keyof typeof parts]), 'base64url')] as const,
  );
  return new Map<number, Cbor>([...labelled, ...numbers]);
}

export type Cbor = number | string | Buffer | Map<number, Cbor> | Map<string, Cbor>;

/** As much of RFC 8949 as an authenticator writes: integers, byte and text strings, maps, all of definite length. */
export function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([cborHead(2, value.length), value]);
  const entries = [...(value as Map<number | string, Cbor>)];
  return Buffer.concat([cborHead(5, entries.length), ...entries.flatMap(([key, item]) => [cbor(key), cbor(item)])]);
}

function cborHead(majorType: number, argument: number): Buffer {
  const major = majorType << 5;
  if (argument < 24) return Buffer.from([major | argument]);
  if (argument < 0x100) return Buffer.from([major | 24, argument]);
  if (argument < 0x10000) return Buffer.concat([Buffer.from([major | 25]), uint16(argument)]);
  return Buffer.concat([Buffer.from([major | 26]), uint32(argument)]);
}

const sha256 = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();
const base64url = (bytes: Buffer): string => bytes.toString('base64url');

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
