/**
 * Ceremonies in the hands of a liar: what a browser and an authenticator would send, honest but for one lie told at the layer
 * it belongs to. What is told before the signature is signed over, so that only the server's own check of that part finds it.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type Cbor, cbor } from './software-authenticator.ts';

export interface ForgedKey {
  readonly id: Buffer;
  readonly privateKey: KeyObject;
  readonly coseKey: ReadonlyMap<number, Cbor>;
  /** base64url; known once it was registered. */
  userHandle: string;
  counter: number;
}

/** What is encoded and signed. */
export interface Draft {
  clientData: Record<string, unknown>;
  rpIdHash: Buffer;
  flags: number;
  counter: number;
  credentialId: Buffer;
  /** As written before the credential id. */
  idLength: number;
  /** CBOR. */
  coseKey: Buffer;
  /** Of the attestation object: names with their values in CBOR. */
  attestation: [string, Buffer][];
}

export interface Lie {
  readonly draft?: (draft: Draft) => void;
  readonly clientData?: (text: string) => string | Buffer;
  readonly authData?: (bytes: Buffer) => Buffer;
  readonly signature?: (bytes: Buffer) => Buffer;
  /** Of a registration, encoded. */
  readonly attestation?: (bytes: Buffer) => Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: what a liar makes of it has no type
  readonly answer?: (answer: any) => unknown;
  readonly text?: (json: string) => string;
}

export interface CeremonyOptions {
  readonly challenge: string;
  readonly user?: { readonly id: string };
}

export const flag = { up: 0x01, uv: 0x04, be: 0x08, bs: 0x10, at: 0x40, ed: 0x80 };

export function forgedKey(): ForgedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const coseKey = new Map<number, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, Buffer.from(x!, 'base64url')],
    [-3, Buffer.from(y!, 'base64url')],
  ]);
  return { id: randomBytes(32), privateKey, coseKey, userHandle: '', counter: 0 };
}

/** The JSON text of a registration. */
export function forgedRegistration(options: CeremonyOptions, origin: string, key: ForgedKey, lie: Lie = {}): string {
  key.userHandle = options.user?.id ?? '';
  const draft = draftOf('webauthn.create', options, origin, key);
  draft.flags |= flag.at;
  lie.draft?.(draft);
  const clientData = clientDataOf(draft, lie);
  const head = Buffer.alloc(18); // AAGUID of zeroes, length of the id
  head.writeUInt16BE(draft.idLength, 16);
  const credential = draft.flags & flag.at ? [head, draft.credentialId, draft.coseKey] : [];
  const authData = (lie.authData ?? same)(Buffer.concat([authDataHead(draft), ...credential]));
  const signed = sign('sha256', Buffer.concat([authData, sha256(clientData)]), key.privateKey);
  const entries = draft.attestation.map(([name, value]): [string, Buffer] => [
    name,
    value === authDataHere ? cbor(authData) : value === signatureHere ? packed((lie.signature ?? same)(signed)) : value,
  ]);
  const attestation = (lie.attestation ?? same)(cborMap(entries));
  const id = draft.credentialId.toString('base64url');
  return said(lie, {
    id,
    rawId: id,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['internal'],
    },
  });
}

/** The JSON text of an authentication. */
export function forgedAssertion(options: CeremonyOptions, origin: string, key: ForgedKey, lie: Lie = {}): string {
  key.counter += 1;
  const draft = draftOf('webauthn.get', options, origin, key);
  lie.draft?.(draft);
  const clientData = clientDataOf(draft, lie);
  const authData = (lie.authData ?? same)(authDataHead(draft));
  const signed = sign('sha256', Buffer.concat([authData, sha256(clientData)]), key.privateKey);
  const id = draft.credentialId.toString('base64url');
  return said(lie, {
    id,
    rawId: id,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: (lie.signature ?? same)(signed).toString('base64url'),
      userHandle: key.userHandle,
    },
  });
}

function draftOf(type: string, { challenge }: CeremonyOptions, origin: string, key: ForgedKey): Draft {
  return {
    clientData: { type, challenge, origin, crossOrigin: false },
    rpIdHash: sha256(new URL(origin).hostname),
    flags: flag.up | flag.uv,
    counter: key.counter,
    credentialId: key.id,
    idLength: key.id.length,
    coseKey: cbor(new Map(key.coseKey)),
    attestation: [
      ['fmt', cbor('none')],
      ['attStmt', cbor(new Map<string, Cbor>())],
      ['authData', authDataHere],
    ],
  };
}

/** Where the authenticator data and a `packed` statement go, once there are any. */
export const authDataHere = Buffer.from('authData');
export const signatureHere = Buffer.from('signature');

const packed = (signature: Buffer): Buffer =>
  cbor(
    new Map<string, Cbor>([
      ['alg', -7],
      ['sig', signature],
    ]),
  );

export function cborMap(entries: readonly (readonly [string | number, Buffer])[]): Buffer {
  return Buffer.concat([
    Buffer.from([0xa0 | entries.length]),
    ...entries.flatMap(([name, value]) => [cbor(name), value]),
  ]);
}

export const sha256 = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();
const same = (bytes: Buffer): Buffer => bytes;

function clientDataOf(draft: Draft, lie: Lie): Buffer {
  const text = JSON.stringify(draft.clientData);
  return Buffer.from(lie.clientData?.(text) ?? text);
}

function authDataHead({ rpIdHash, flags, counter }: Draft): Buffer {
  const rest = Buffer.alloc(5);
  rest.writeUInt8(flags);
  rest.writeUInt32BE(counter, 1);
  return Buffer.concat([rpIdHash, rest]);
}

function said(lie: Lie, answer: unknown): string {
  const text = JSON.stringify(lie.answer ? lie.answer(answer) : answer);
  return lie.text?.(text) ?? text;
}
