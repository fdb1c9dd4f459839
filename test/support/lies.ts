/** What is wrong with each forged ceremony, by name. Every one is a single change to a ceremony that is good without it. */
import { generateKeyPairSync } from 'node:crypto';
import { authDataHere, cborMap, type Draft, flag, type Lie, sha256, signatureHere } from './forged-ceremony.ts';
import { type Cbor, cbor } from './software-authenticator.ts';

export type Lies = Readonly<Record<string, Lie>>;

const list = (...items: Buffer[]): Buffer => Buffer.concat([Buffer.from([0x80 | items.length]), ...items]);
const cborTrue = Buffer.from([0xf5]);
const client = (change: (data: Record<string, unknown>, draft: Draft) => void): Lie => ({
  draft: (draft) => change(draft.clientData, draft),
});
const origin = (change: (honest: string) => unknown): Lie =>
  client((data) => {
    data.origin = change(String(data.origin));
  });
const challenge = (change: (honest: string) => unknown): Lie =>
  client((data) => {
    data.challenge = change(String(data.challenge));
  });
const flags = (change: (honest: number) => number): Lie => ({
  draft: (draft) => {
    draft.flags = change(draft.flags);
  },
});
const response = (name: string, change: (honest: string) => unknown): Lie => ({
  answer: (answer) => ({ ...answer, response: { ...answer.response, [name]: change(answer.response[name]) } }),
});
const answer = (change: (honest: Record<string, unknown>) => unknown): Lie => ({ answer: change });

/** Told of both ceremonies; the other kind's type is each one's own. */
export const sharedLies: Lies = {
  'no type': client((data) => delete data.type),
  'a type in other case': client((data) => {
    data.type = String(data.type).toUpperCase();
  }),
  'a type that is a list': client((data) => {
    data.type = [data.type];
  }),

  'the origin of a sub-domain': origin((honest) => honest.replace('//', '//evil.')),
  'the origin of another port': origin((honest) => honest.replace(/:\d+$/, ':1')),
  'the origin without its port': origin((honest) => honest.replace(/:\d+$/, '')),
  'the origin of https': origin((honest) => honest.replace('http:', 'https:')),
  'the origin with a trailing dot': origin((honest) => honest.replace(/(:\d+)$/, '.$1')),
  'the origin with a slash': origin((honest) => `${honest}/`),
  'the origin in capitals': origin((honest) => honest.toUpperCase()),
  'an origin that ends alike (badexample.com)': origin((honest) => honest.replace('//', '//bad')),
  'an origin that begins alike': origin((honest) => `${honest}.evil.example`),
  'our origin as the name in another': origin((honest) => `${honest}@evil.example`),
  'a look-alike origin in Cyrillic': origin((honest) => honest.replace('localhost', 'lоcalhost')),
  'a look-alike origin in punycode': origin((honest) => honest.replace('localhost', 'xn--lcalhost-2fg')),
  'an origin of null': origin(() => 'null'),
  'the origin of an Android app': origin(() => 'android:apk-key-hash:AAAA'),
  'an origin that is a list with ours in it': origin((honest) => [honest]),
  'no origin': client((data) => delete data.origin),

  'a challenge that was never given': challenge(() => sha256('made up by the client').toString('base64url')),
  'an empty challenge': challenge(() => ''),
  'no challenge': client((data) => delete data.challenge),
  'a challenge in other case': challenge((honest) =>
    honest.replaceAll(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase())),
  ),
  'a challenge with padding': challenge((honest) => `${honest}=`),
  'a challenge that is a list': challenge((honest) => [honest]),
  'a challenge that is an object': challenge(() => ({ $ne: '' })),

  'crossOrigin true': client((data) => {
    data.crossOrigin = true;
  }),
  'crossOrigin as a text': client((data) => {
    data.crossOrigin = 'true';
  }),
  'a topOrigin': client((data) => {
    data.topOrigin = 'https://evil.example';
  }),
  'a topOrigin that is our own': client((data) => {
    data.topOrigin = data.origin;
  }),
  'a tokenBinding that is a text': client((data) => {
    data.tokenBinding = 'supported';
  }),
  'a tokenBinding of no known status': client((data) => {
    data.tokenBinding = { status: 'made-up', id: 'AAAA' };
  }),

  'client data that is no JSON': { clientData: () => 'type=webauthn' },
  'client data cut in half': { clientData: (text) => text.slice(0, text.length / 2) },
  'client data with bytes behind it': { clientData: (text) => `${text}x` },
  'client data in a list': { clientData: (text) => `[${text}]` },
  'client data in UTF-16': { clientData: (text) => Buffer.from(text, 'utf16le') },
  'client data of 10 KB': client((data) => {
    data.more = 'x'.repeat(10_000);
  }),

  'the RP id hash of another site': {
    draft: (draft) => {
      draft.rpIdHash = sha256('evil.example');
    },
  },
  'the RP id hash of a sub-domain': {
    draft: (draft) => {
      draft.rpIdHash = sha256('evil.localhost');
    },
  },
  'the RP id itself in place of its hash': {
    draft: (draft) => {
      draft.rpIdHash = Buffer.from('localhost'.padEnd(32, '\0'));
    },
  },

  'the user present flag off': flags((honest) => honest & ~flag.up),
  'the user verified flag off': flags((honest) => honest & ~flag.uv),
  'all flags of the user off': flags((honest) => honest & ~(flag.up | flag.uv)),
  'backed up but not eligible for it': flags((honest) => honest | flag.bs),
  'the extension flag without extensions': flags((honest) => honest | flag.ed),
  'authenticator data with bytes behind it': { authData: (bytes) => Buffer.concat([bytes, Buffer.from([0x00])]) },
  'authenticator data with extensions behind it and no flag for them': {
    authData: (bytes) => Buffer.concat([bytes, cborMap([['credProtect', cbor(1)]])]),
  },
  'authenticator data cut short': { authData: (bytes) => bytes.subarray(0, 36) },
  'no authenticator data': { authData: () => Buffer.alloc(0) },

  'an answer that is null': answer(() => null),
  'an answer that is a number': answer(() => 7),
  'an answer in a list': answer((honest) => [honest]),
  'an answer in an answer': answer((honest) => ({ response: honest })),
  'an answer as a text in JSON': answer((honest) => JSON.stringify(honest)),
  'an answer cut short': { text: (json) => json.slice(0, -1) },
  'an answer that is no JSON': { text: () => 'undefined' },
  'no id': answer(({ id: _, rawId: __, ...rest }) => rest),
  'an id that is a number': answer((honest) => ({ ...honest, id: 1, rawId: 1 })),
  'an id that is a list': answer((honest) => ({ ...honest, id: [honest.id], rawId: [honest.rawId] })),
  'an id with padding': answer((honest) => ({ ...honest, id: `${honest.id}=`, rawId: `${honest.rawId}=` })),
  'an id of no base64': answer((honest) => ({ ...honest, id: 'né+/', rawId: 'né+/' })),
  'an id of two thousand letters': answer((honest) => ({
    ...honest,
    id: 'A'.repeat(2000),
    rawId: 'A'.repeat(2000),
  })),
  'no response': answer(({ response: _, ...rest }) => rest),
  'a response that is a list': answer((honest) => ({ ...honest, response: [honest.response] })),
  'client data with padding': response('clientDataJSON', (honest) => `${honest}=`),
  'client data that is a list': response('clientDataJSON', (honest) => [honest]),
  'client data that is an object': response('clientDataJSON', (honest) => ({ value: honest })),
  'client data that was not encoded': response('clientDataJSON', (honest) =>
    Buffer.from(honest, 'base64url').toString(),
  ),
};

/** Told by a form alone: Graph's clients send no `rawId` and no `type`, and those that do are not listened to. */
export const formLies: Lies = {
  'a raw id other than the id': answer((honest) => ({ ...honest, rawId: 'A'.repeat(43) })),
  'the type of a password': answer((honest) => ({ ...honest, type: 'password' })),
  'no type of credential': answer(({ type: _, ...rest }) => rest),
};

const cose = (change: (key: Map<number, Cbor>, draft: Draft) => unknown): Lie => ({
  draft(draft) {
    const key = coseOf(draft);
    const made = change(key, draft);
    draft.coseKey = Buffer.isBuffer(made) ? made : cbor(key);
  },
});
const algorithm = (number: number): Lie => cose((key) => key.set(3, number));
const statement = (format: string, value: Buffer): Lie => ({
  draft: (draft) => {
    draft.attestation = [
      ['fmt', cbor(format)],
      ['attStmt', value],
      ['authData', authDataHere],
    ];
  },
});
const entries = (change: (honest: [string, Buffer][]) => [string, Buffer][]): Lie => ({
  draft: (draft) => {
    draft.attestation = change(draft.attestation);
  },
});
const empty = cbor(new Map<string, Cbor>());

/** The key as it was drafted: labels and values of an ES256 key. */
function coseOf({ coseKey }: Draft): Map<number, Cbor> {
  // 0xa5, 1: 2, 3: -7, -1: 1, -2: 32 bytes, -3: 32 bytes, as `cbor` writes them.
  const [x, y] = [coseKey.subarray(10, 42), coseKey.subarray(45, 77)];
  return new Map<number, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, Buffer.from(x)],
    [-3, Buffer.from(y)],
  ]);
}

function rsaKey(bits: number, alg: number): Map<number, Cbor> {
  const { n, e } = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' });
  return new Map<number, Cbor>([
    [1, 3],
    [3, alg],
    [-1, Buffer.from(n!, 'base64url')],
    [-2, Buffer.from(e!, 'base64url')],
  ]);
}

export const registrationLies: Lies = {
  'the type of a sign-in': client((data) => {
    data.type = 'webauthn.get';
  }),
  'no attested credential data': flags((honest) => honest & ~flag.at),
  'the attested data there but its flag off': {
    authData: (bytes) => Buffer.concat([bytes.subarray(0, 32), Buffer.from([flag.up | flag.uv]), bytes.subarray(33)]),
  },
  'a credential id that says it is longer than it is': {
    draft: (draft) => {
      draft.idLength = 60_000;
    },
  },
  'a credential id of no bytes': {
    draft: (draft) => {
      [draft.credentialId, draft.idLength] = [Buffer.alloc(0), 0];
    },
  },
  'a credential id of eight bytes': {
    draft: (draft) => {
      [draft.credentialId, draft.idLength] = [Buffer.alloc(8, 1), 8];
    },
  },
  'a credential id of 1024 bytes': {
    draft: (draft) => {
      [draft.credentialId, draft.idLength] = [Buffer.alloc(1024, 1), 1024];
    },
  },

  'the algorithm RS1': cose((_key) => cbor(rsaKey(2048, -65535))),
  'the algorithm ES256K': cose((key) => key.set(-1, 8).set(3, -47)),
  'the algorithm ES384': algorithm(-35),
  'the algorithm PS256': cose((_key) => cbor(rsaKey(2048, -37))),
  'the algorithm HS256': algorithm(5),
  'no algorithm (0)': algorithm(0),
  'no algorithm at all': cose((key) => key.delete(3)),
  'an algorithm that is a text': cose((key) => key.set(3, 'ES256')),
  'an EC key that says it is EdDSA': algorithm(-8),
  'an EC key that says it is RS256': algorithm(-257),
  'an ES256 key whose type is RSA': cose((key) => key.set(1, 3)),
  'an ES256 key whose type is symmetric': cose((key) => key.set(1, 4)),
  'an ES256 key on the curve P-384': cose((key) => key.set(-1, 2)),
  'an EC point that is not on the curve': cose((key) => key.set(-3, Buffer.alloc(32, 1))),
  'an EC point at infinity': cose((key) => key.set(-2, Buffer.alloc(32)).set(-3, Buffer.alloc(32))),
  'an EC key without x': cose((key) => key.delete(-2)),
  'an EC key whose x is empty': cose((key) => key.set(-2, Buffer.alloc(0))),
  'an EC key whose x is a text': cose((key) => key.set(-2, 'x'.repeat(32))),
  'an EC key whose y is a sign': cose((key) => {
    const raw = cbor(new Map([...key].filter(([label]) => label !== -3)));
    return Buffer.concat([Buffer.from([raw[0]! + 1]), raw.subarray(1), cbor(-3), cborTrue]);
  }),
  'an RSA key of 1024 bits': cose((_key) => cbor(rsaKey(1024, -257))),
  'an Ed25519 key of 31 bytes': cose((_key) =>
    cbor(
      new Map<number, Cbor>([
        [1, 1],
        [3, -8],
        [-1, 6],
        [-2, Buffer.alloc(31, 5)],
      ]),
    ),
  ),
  'a key that is an empty map': cose((_key) => Buffer.from([0xa0])),
  'a key that is a list': cose((_key) => list(cbor(2), cbor(-7))),
  'a key that is a text': cose((_key) => cbor('ES256')),
  'a key cut short': cose((key) => cbor(key).subarray(0, 40)),
  'a key with a label twice': cose((key) => {
    const raw = cbor(key);
    return Buffer.concat([Buffer.from([raw[0]! + 1]), raw.subarray(1), cbor(3), cbor(-7)]);
  }),
  'no key': cose((_key) => Buffer.alloc(0)),

  'a format nobody knows': statement('made-up', empty),
  'a format that is a number': entries(([_fmt, ...rest]) => [['fmt', cbor(1)], ...rest]),
  'no format': entries(([_fmt, ...rest]) => rest),
  'no attestation and yet a statement': statement('none', cborMap([['sig', cbor(Buffer.alloc(64))]])),
  'no statement': entries((honest) => honest.filter(([name]) => name !== 'attStmt')),
  'a statement that is a list': statement('packed', list()),
  'a statement that is a text': statement('packed', cbor('sig')),
  'a packed statement that is empty': statement('packed', empty),
  'a packed statement with a wrong signature': {
    ...statement('packed', signatureHere),
    signature: (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
  },
  'a packed statement with an empty signature': {
    ...statement('packed', signatureHere),
    signature: () => Buffer.alloc(0),
  },
  'a packed statement of another algorithm': statement(
    'packed',
    cborMap([
      ['alg', cbor(-257)],
      ['sig', cbor(Buffer.alloc(70, 1))],
    ]),
  ),
  'a packed statement with a certificate of nothing': statement(
    'packed',
    cborMap([
      ['alg', cbor(-7)],
      ['sig', cbor(Buffer.alloc(70, 1))],
      ['x5c', list(cbor(Buffer.from('no certificate')))],
    ]),
  ),
  'a TPM statement that is empty': statement('tpm', empty),
  'an Android key statement that is empty': statement('android-key', empty),
  'a SafetyNet statement that is empty': statement('android-safetynet', empty),
  'a SafetyNet statement of nonsense': statement(
    'android-safetynet',
    cborMap([
      ['ver', cbor('1')],
      ['response', cbor(Buffer.from('a.b.c'))],
    ]),
  ),
  'an Apple statement that is empty': statement('apple', empty),
  'a U2F statement that is empty': statement('fido-u2f', empty),
  'a compound statement': statement('compound', list()),

  'an attestation object cut short': { attestation: (bytes) => bytes.subarray(0, -10) },
  'an attestation object with bytes behind it': { attestation: (bytes) => Buffer.concat([bytes, Buffer.from([0])]) },
  'an attestation object with another behind it': { attestation: (bytes) => Buffer.concat([bytes, bytes]) },
  'an attestation object that is an empty map': { attestation: () => Buffer.from([0xa0]) },
  'an attestation object that is a list': { attestation: (bytes) => list(bytes) },
  'an attestation object that is a number': { attestation: () => cbor(1) },
  'an attestation object that is of no known type': { attestation: () => Buffer.from([0xff]) },
  'an attestation object that is nested 2,000 deep': {
    attestation: () => Buffer.concat([Buffer.alloc(2000, 0x81), Buffer.from([0])]),
  },
  'an attestation object that says it has 4 billion entries': {
    attestation: () => Buffer.from([0xba, 0xff, 0xff, 0xff, 0xff]),
  },
  'an attestation object that says it has 4 billion bytes': {
    attestation: () => Buffer.from([0x5a, 0xff, 0xff, 0xff, 0xff]),
  },
  'an attestation object with a name twice': entries((honest) => [...honest, honest[0]!]),
  'an attestation object of 90 KB more': entries((honest) => [...honest, ['more', cbor(Buffer.alloc(90_000))]]),
  'authenticator data that is a text': entries((honest) =>
    honest.map(([name, value]) => [name, name === 'authData' ? cbor('x'.repeat(200)) : value]),
  ),

  'an attestation object with padding': response('attestationObject', (honest) => `${honest}==`),
  'an attestation object in standard base64': response('attestationObject', (honest) => `${honest}+/`),
  'an attestation object that is a number in JSON': response('attestationObject', () => 7),
  'an attestation object that is a list in JSON': response('attestationObject', (honest) => [honest]),
  'an attestation object with a line break': response('attestationObject', (honest) => `${honest}\n`),
  'no attestation object': response('attestationObject', () => undefined),
  'transports that are an object': response('transports', () => ({ 0: 'usb' })),
  'transports with a line break': response('transports', () => ['usb\r\nset-cookie: x=y']),
  'transports by the hundred': response('transports', () => new Array(100).fill('usb')),
  'another id than the one that was signed': answer((honest) => ({
    ...honest,
    id: 'A'.repeat(43),
    rawId: 'A'.repeat(43),
  })),
};

const userHandle = (change: (honest: string) => unknown): Lie => response('userHandle', change);

export const assertionLies: Lies = {
  'the type of a registration': client((data) => {
    data.type = 'webauthn.create';
  }),
  'eligible for backup, which it was not when it was made': flags((honest) => honest | flag.be),
  'eligible and backed up, which it was not when it was made': flags((honest) => honest | flag.be | flag.bs),
  'attested credential data announced and not there': flags((honest) => honest | flag.at),

  'a signature with its last bit turned': {
    signature: (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
  },
  'a signature cut short': { signature: (bytes) => bytes.subarray(0, 40) },
  'a signature of zeroes': { signature: (bytes) => Buffer.alloc(bytes.length) },
  'a signature of r and s both zero (CVE-2022-21449)': { signature: () => Buffer.from('3006020100020100', 'hex') },
  'a signature of r and s both one': { signature: () => Buffer.from('3006020101020101', 'hex') },
  'a signature that is not DER': { signature: (bytes) => sha256(bytes) },
  'a signature that is a list': response('signature', (honest) => [honest]),
  'a signature with padding': response('signature', (honest) => `${honest}=`),
  'a signature of 5 KB': response('signature', () => 'A'.repeat(5000)),
  'an empty signature': response('signature', () => ''),
  'no signature': response('signature', () => undefined),
  'the signature over other client data': {
    answer: (honest) => {
      const data = JSON.parse(Buffer.from(honest.response.clientDataJSON, 'base64url').toString());
      const other = Buffer.from(JSON.stringify({ ...data, extra: 1 })).toString('base64url');
      return { ...honest, response: { ...honest.response, clientDataJSON: other } };
    },
  },
  'the signature over another counter': {
    answer: (honest) => {
      const data = Buffer.from(honest.response.authenticatorData, 'base64url');
      data.writeUInt32BE(data.readUInt32BE(33) + 1, 33);
      return { ...honest, response: { ...honest.response, authenticatorData: data.toString('base64url') } };
    },
  },

  'the user handle of nobody': userHandle(() => sha256('nobody').toString('base64url')),
  'a user handle cut short': userHandle((honest) => honest.slice(0, 8)),
  'a user handle with more behind it': userHandle((honest) => `${honest}AAAA`),
  'an empty user handle': userHandle(() => ''),
  'a user handle that is a list': userHandle((honest) => [honest]),
  'a user handle that is a number': userHandle(() => 7),
  'a user handle of 300 letters': userHandle(() => 'A'.repeat(300)),
  'a credential id that nobody registered': answer((honest) => ({
    ...honest,
    id: 'B'.repeat(43),
    rawId: 'B'.repeat(43),
  })),
  'authenticator data that is a list': response('authenticatorData', (honest) => [honest]),
  'authenticator data with padding': response('authenticatorData', (honest) => `${honest}==`),
  'authenticator data of 9,000 letters': response('authenticatorData', () => 'A'.repeat(9_000)),
};
