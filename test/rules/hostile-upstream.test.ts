import { createServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { exportSPKI, generateKeyPair, importJWK } from 'jose';
import { BlockList, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RelyingParty, relyingParty } from '../../src/methods/upstream/relying-party.ts';
import type { RefusalReason } from '../../src/methods/upstream/refusal.ts';
import {
  clientSecret,
  type Deviation,
  type HostileUpstream,
  part,
  type SignInOptions,
  signedBy,
  startHostileUpstream,
} from '../support/hostile-upstream.ts';

/** A provider that is right in everything but one thing, and is refused for that one. */

const outbound = { allow: new BlockList(), local: true, longestMs: 1_000 };
let upstream: HostileUpstream;
let other: HostileUpstream;
let canary: Server;
let canaryUrl: string;
let reached = 0;
const party = (): RelyingParty => relyingParty(outbound);

beforeAll(async () => {
  upstream = await startHostileUpstream();
  other = await startHostileUpstream();
  canary = createServer((socket) => {
    reached += 1;
    socket.destroy();
  }).listen(0, 'localhost');
  await new Promise((resolve) => canary.once('listening', resolve));
  canaryUrl = `http://localhost:${(canary.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  canary?.close();
  await upstream?.close();
  await other?.close();
});

const now = () => Math.floor(Date.now() / 1000);
const without = (name: string) => (right: Record<string, unknown>) => {
  const { [name]: _gone, ...rest } = right;
  return rest;
};
const claim = (name: string, value: unknown): Deviation => ({ claims: (right) => ({ ...right, [name]: value }) });
const noClaim = (name: string): Deviation => ({ claims: without(name) });
const header = (more: object): Deviation => ({ header: (right) => ({ ...right, ...more }) });
const metadata = (name: string, value: unknown): Deviation => ({ metadata: (right) => ({ ...right, [name]: value }) });
const json =
  (text: string, type = 'application/json', status = 200) =>
  (_: unknown, response: import('node:http').ServerResponse) =>
    void response.writeHead(status, { 'content-type': type }).end(text);

const ofToken: [string, Deviation, RefusalReason][] = [
  ['alg none', { token: (head, claims) => `${part({ ...head, alg: 'none' })}.${part(claims)}.` }, 'algorithm'],
  [
    'alg none in other letters',
    { token: (head, claims) => `${part({ ...head, alg: 'NoNe' })}.${part(claims)}.` },
    'algorithm',
  ],
  ['alg none, with a signature', header({ alg: 'none' }), 'algorithm'],
  ['no alg', { header: without('alg') }, 'algorithm'],
  ['alg is a list', header({ alg: ['ES256'] }), 'algorithm'],
  ['alg that is right and that its metadata does not name', header({ alg: 'PS256' }), 'algorithm'],
  [
    'HS256 with its public key',
    {
      token: async (head, claims) => {
        const key = (await importJWK(upstream.publicKey, 'ES256', { extractable: true })) as CryptoKey;
        return signedBy(Buffer.from(await exportSPKI(key)), { ...head, alg: 'HS256' }, claims);
      },
    },
    'algorithm',
  ],
  [
    'HS256 with the client secret',
    { token: (head, claims) => signedBy(Buffer.from(clientSecret), { ...head, alg: 'HS256' }, claims) },
    'algorithm',
  ],
  [
    'signed with the key of another',
    { token: (head, claims) => signedBy(upstream.stranger, head, claims) },
    'signature',
  ],
  [
    'claims changed after it was signed',
    {
      token: async (head, claims) => {
        const [first, , last] = (await upstream.signed(claims, head)).split('.');
        return `${first}.${part({ ...claims, sub: 'root' })}.${last}`;
      },
    },
    'signature',
  ],
  [
    'no signature',
    { token: async (head, claims) => (await upstream.signed(claims, head)).replace(/[^.]*$/, '') },
    'signature',
  ],
  ['kid that is unknown', header({ kid: 'two' }), 'key_unknown'],
  ['kid that is no text', header({ kid: 1 }), 'header_refused'],
  ['header crit', header({ crit: ['exp'] }), 'header_refused'],
  ['header b64', header({ b64: false, crit: ['b64'] }), 'header_refused'],
  ['typ of an access token', header({ typ: 'at+jwt' }), 'token_type'],
  ['typ of a logout token', header({ typ: 'logout+jwt' }), 'token_type'],
  ['JWE', { token: () => `${part({ alg: 'dir', enc: 'A128GCM' })}..a.b.c` }, 'token_encrypted'],
  ['two parts', { token: () => 'a.b' }, 'token_malformed'],
  ['claims that are a list', { token: (head) => `${part(head)}.${part([])}.x` }, 'token_malformed'],
  ['claims that are no JSON', { token: (head) => `${part(head)}.${part('{')}.x` }, 'token_malformed'],
  [
    'claims with a name that stands twice',
    { token: (head, claims) => `${part(head)}.${part(JSON.stringify(claims).replace('{', '{"sub":"root",'))}.x` },
    'token_malformed',
  ],
  ['a token too long', claim('blob', 'x'.repeat(70_000)), 'token_malformed'],
  ['nonce wrong', claim('nonce', 'another'), 'nonce'],
  ['nonce missing', noClaim('nonce'), 'nonce'],
  ['nonce empty', claim('nonce', ''), 'nonce'],
  ['nonce in a list', { claims: (right) => ({ ...right, nonce: [right.nonce] }) }, 'nonce'],
  ['iss of another', claim('iss', 'https://evil.example'), 'issuer'],
  ['iss with a slash', { claims: (right) => ({ ...right, iss: `${right.iss}/` }) }, 'issuer'],
  ['iss in other letters', { claims: (right) => ({ ...right, iss: String(right.iss).toUpperCase() }) }, 'issuer'],
  ['iss missing', noClaim('iss'), 'issuer'],
  ['aud missing', noClaim('aud'), 'audience'],
  ['aud another', claim('aud', 'somebody'), 'audience'],
  ['aud a list without us', claim('aud', ['a', 'b']), 'audience'],
  ['aud an empty list', claim('aud', []), 'audience'],
  ['aud a list with what is no text', claim('aud', ['latchkey', 1]), 'audience'],
  ['azp another', claim('azp', 'somebody'), 'authorized_party'],
  ['several aud, and no azp', claim('aud', ['latchkey', 'b']), 'authorized_party'],
  [
    'several aud, and azp another',
    { claims: (right) => ({ ...right, aud: ['latchkey', 'b'], azp: 'b' }) },
    'authorized_party',
  ],
  ['exp past', { claims: (right) => ({ ...right, exp: now() - 61 }) }, 'expired'],
  ['exp missing', noClaim('exp'), 'expired'],
  ['exp text', { claims: (right) => ({ ...right, exp: String(right.exp) }) }, 'expired'],
  ['exp without end', claim('exp', 1e300), 'expired'],
  ['iat in the future', { claims: (right) => ({ ...right, iat: now() + 120 }) }, 'issued_at'],
  ['iat long past', { claims: (right) => ({ ...right, iat: now() - 3_600 }) }, 'issued_at'],
  ['iat missing', noClaim('iat'), 'issued_at'],
  ['iat text', claim('iat', 'now'), 'issued_at'],
  ['nbf in the future', { claims: (right) => ({ ...right, nbf: now() + 120 }) }, 'not_yet_valid'],
  ['at_hash wrong', claim('at_hash', 'AAAAAAAAAAAAAAAAAAAAAA'), 'access_token_hash'],
  ['at_hash no text', claim('at_hash', null), 'access_token_hash'],
  ['sub missing', noClaim('sub'), 'subject'],
  ['sub empty', claim('sub', ''), 'subject'],
  ['sub huge', claim('sub', 'x'.repeat(256)), 'subject'],
  ['sub a list', claim('sub', ['sub-1']), 'subject'],
  ['sub a number', claim('sub', 1), 'subject'],
  ['sub with a control character', claim('sub', 'sub-1\0'), 'subject'],
  ['sub with a space around', claim('sub', 'sub-1 '), 'subject'],
  ['auth_time text', claim('auth_time', 'now'), 'auth_time'],
  ['auth_time in the future', { claims: (right) => ({ ...right, auth_time: now() + 600 }) }, 'auth_time'],
  ['acr a list', claim('acr', ['phr']), 'claims_invalid'],
  ['amr text', claim('amr', 'hwk'), 'claims_invalid'],
  ['amr of numbers', claim('amr', [1]), 'claims_invalid'],
  ['sid a number', claim('sid', 1), 'claims_invalid'],
];

const ofTokenAnswer: [string, Deviation, RefusalReason][] = [
  ['id_token missing', { tokens: without('id_token') }, 'id_token_missing'],
  ['id_token a list', { tokens: (right) => ({ ...right, id_token: [] }) }, 'token_answer_invalid'],
  ['token_type wrong', { tokens: (right) => ({ ...right, token_type: 'mac' }) }, 'token_answer_invalid'],
  ['token_type missing', { tokens: without('token_type') }, 'token_answer_invalid'],
  ['access_token missing', { tokens: without('access_token') }, 'token_answer_invalid'],
  [
    'an access_token that breaks a header',
    { tokens: (right) => ({ ...right, access_token: 'a\r\nb' }) },
    'token_answer_invalid',
  ],
  ['expires_in that is none', { tokens: (right) => ({ ...right, expires_in: 'never' }) }, 'protocol'],
  ['HTML with 200', { answers: { token: json('<html>', 'text/html') } }, 'token_answer_invalid'],
  ['no JSON', { answers: { token: json('{"access_token":') } }, 'token_answer_invalid'],
  ['names that stand twice', { answers: { token: json('{"id_token":"a","id_token":"b"}') } }, 'token_answer_invalid'],
  ['invalid_grant', { answers: { token: json('{"error":"invalid_grant"}', undefined, 400) } }, 'code_refused'],
  ['invalid_client', { answers: { token: json('{"error":"invalid_client"}', undefined, 401) } }, 'client_refused'],
  [
    'an error of its own invention',
    { answers: { token: json('{"error":"<b>"}', undefined, 400) } },
    'token_answer_invalid',
  ],
  ['500', { answers: { token: json('{}', undefined, 500) } }, 'token_answer_invalid'],
  ['204', { answers: { token: (_, response) => void response.writeHead(204).end() } }, 'token_answer_invalid'],
];

const ofMetadata: [string, Deviation, RefusalReason][] = [
  ['issuer of another', metadata('issuer', 'https://evil.example'), 'issuer_mismatch'],
  ['issuer with a slash', { metadata: (right) => ({ ...right, issuer: `${right.issuer}/` }) }, 'issuer_mismatch'],
  ['issuer with a place for a tenant', metadata('issuer', 'http://localhost/{tenantid}'), 'issuer_mismatch'],
  ['issuer missing', { metadata: (right) => without('issuer')(right) }, 'metadata_invalid'],
  ...['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint', 'end_session_endpoint'].flatMap(
    (name): [string, Deviation, RefusalReason][] => [
      [`${name} on another host`, metadata(name, 'https://evil.example/'), 'endpoint_refused'],
      [`${name} on a private address`, metadata(name, 'https://10.0.0.1/'), 'endpoint_refused'],
      [`${name} without TLS`, metadata(name, 'http://www.localhost/'), 'endpoint_refused'],
      [`${name} that is no address`, metadata(name, 'javascript:alert(1)'), 'endpoint_refused'],
      [
        `${name} with a name and password`,
        { metadata: (right) => ({ ...right, [name]: `http://a:b@${upstream.host}/` }) },
        'endpoint_refused',
      ],
      [`${name} on another port`, { metadata: (right) => ({ ...right, [name]: canaryUrl }) }, 'endpoint_refused'],
    ],
  ),
  ['token_endpoint missing', { metadata: (right) => without('token_endpoint')(right) }, 'metadata_invalid'],
  ['jwks_uri a list', metadata('jwks_uri', []), 'metadata_invalid'],
  ['no code flow', metadata('response_types_supported', ['id_token']), 'metadata_invalid'],
  ['answers by form alone', metadata('response_modes_supported', ['form_post']), 'metadata_invalid'],
  [
    'secret algorithms alone',
    metadata('id_token_signing_alg_values_supported', ['HS256', 'none']),
    'algorithms_refused',
  ],
  ['metadata that is a list', { metadata: () => [] }, 'metadata_invalid'],
  ['metadata in HTML', { answers: { discovery: json('<html>', 'text/html') } }, 'metadata_invalid'],
  ['metadata that is no JSON', { answers: { discovery: json('{') } }, 'metadata_invalid'],
  [
    'metadata with a name that stands twice',
    { answers: { discovery: json('{"issuer":"a","iss\\u0075er":"b"}') } },
    'metadata_invalid',
  ],
];

const ofKeys: [string, Deviation, RefusalReason][] = [
  ['no key', { keys: () => [] }, 'keys_invalid'],
  ['keys that are no list', { keys: () => ({}) }, 'keys_invalid'],
  ['a key that is none', { keys: (keys) => [...keys, null] }, 'keys_invalid'],
  ['a hundred and one', { keys: (keys) => Array.from({ length: 101 }, () => keys[0]) }, 'keys_invalid'],
  ['a private key among them', { keys: (keys) => [...keys, { ...keys[0], kid: 'two', d: 'AAAA' }] }, 'keys_invalid'],
  ['a secret among them', { keys: (keys) => [...keys, { kty: 'oct', k: 'AAAA' }] }, 'keys_invalid'],
  [
    'an RSA key without end',
    { keys: (keys) => [...keys, { kty: 'RSA', e: 'AQAB', n: 'A'.repeat(3_000) }] },
    'keys_invalid',
  ],
  ['a point that is not on the curve', { keys: ([key]) => [{ ...key, x: key!.y }] }, 'keys_invalid'],
  ['a key that is for encryption', { keys: ([key]) => [{ ...key, use: 'enc' }] }, 'key_unknown'],
  ['a key of another algorithm', { keys: ([key]) => [{ ...key, alg: 'ES384' }] }, 'key_unknown'],
  ['another key of the same name', { keys: ([key]) => [{ ...key }, { ...key }] }, 'key_unknown'],
  ['keys in HTML', { answers: { jwks: json('<html>', 'text/html') } }, 'keys_invalid'],
];

const ofUserinfo: [string, Deviation, RefusalReason][] = [
  ['sub of another', { userinfo: (right) => ({ ...right, sub: 'sub-2' }) }, 'userinfo_subject'],
  ['no sub', { userinfo: without('sub') }, 'userinfo_subject'],
  ['403', { answers: { userinfo: json('{}', undefined, 403) } }, 'userinfo_invalid'],
  ['HTML', { answers: { userinfo: json('<html>', 'text/html') } }, 'userinfo_invalid'],
  [
    'signed with none',
    { answers: { userinfo: json(`${part({ alg: 'none' })}.${part({ sub: 'sub-1' })}.`, 'application/jwt') } },
    'algorithm',
  ],
  [
    'signed by another',
    {
      answers: {
        userinfo: (_, response) =>
          void signedBy(
            upstream.stranger,
            { alg: 'ES256', kid: 'one' },
            { iss: upstream.issuer, aud: 'latchkey', sub: 'sub-1' },
          ).then((token) => json(token, 'application/jwt')(_, response)),
      },
    },
    'signature',
  ],
  [
    'signed for another',
    {
      answers: {
        userinfo: (_, response) =>
          void upstream
            .signed({ iss: upstream.issuer, aud: 'b', sub: 'sub-1' })
            .then((token) => json(token, 'application/jwt')(_, response)),
      },
    },
    'audience',
  ],
];

const callback = (name: string, value: string | null): Deviation => ({
  callback: (right) => (value === null ? right.delete(name) : right.set(name, value)),
});
const ofResponse: [string, Deviation, RefusalReason][] = [
  ['state missing', callback('state', null), 'state_mismatch'],
  ['state another', callback('state', 'another'), 'state_mismatch'],
  ['state twice', { callback: (right) => right.append('state', 'another') }, 'response_invalid'],
  ['code twice', { callback: (right) => right.append('code', 'another') }, 'response_invalid'],
  ['code missing', callback('code', null), 'response_invalid'],
  ['code with control characters', callback('code', 'a\nb'), 'response_invalid'],
  ['iss missing, where its metadata promises it', callback('iss', null), 'response_issuer'],
  ['iss of another', callback('iss', 'https://evil.example'), 'response_issuer'],
  ['iss empty', callback('iss', ''), 'response_issuer'],
  [
    'iss of another, where its metadata does not promise it',
    {
      ...callback('iss', 'https://evil.example'),
      ...metadata('authorization_response_iss_parameter_supported', false),
    },
    'response_issuer',
  ],
  ['an ID token as well', callback('id_token', 'a.b.c'), 'response_invalid'],
  ['a response in a token', callback('response', 'a.b.c'), 'response_invalid'],
  ['access_denied', callback('error', 'access_denied'), 'upstream_error'],
  ['an error of its own invention', callback('error', '<script>'), 'upstream_error'],
];

async function refused(deviation: Deviation, asked?: SignInOptions) {
  upstream.bend(deviation);
  const before = reached;
  const outcome = await upstream.signIn(party(), asked);
  expect(reached).toBe(before);
  return outcome;
}

test('a right one is believed, so that what is refused is refused for its one deviation', async () => {
  upstream.bend({});
  expect(await upstream.signIn(party())).toMatchObject({
    kind: 'collected',
    identity: { issuer: upstream.issuer, sub: 'sub-1', acr: null, amr: [], sid: null, claims: { name: 'Ada' } },
  });
  expect(upstream.requests).toEqual(['/.well-known/openid-configuration', '/token', '/jwks']);
});

describe.each([
  ['an ID token', ofToken],
  ['an answer of the token endpoint', ofTokenAnswer],
  ['metadata', ofMetadata],
  ['keys', ofKeys],
  ['a response', ofResponse],
])('%s', (_of, cases) => {
  test.each(cases)('%s', async (_name, deviation, reason) => {
    expect(await refused(deviation)).toMatchObject({ kind: 'refused', reason });
  });
});

describe('userinfo', () => {
  const cases = ofUserinfo;
  test.each(cases)('%s', async (_name, deviation, reason) => {
    const missing = { ...deviation, claims: without('email') };
    expect(await refused(missing)).toMatchObject({ kind: 'refused', reason });
  });

  test('is asked for what the ID token lacks, and whether an address is verified is said by who says the address', async () => {
    const userinfo = (right: Record<string, unknown>) => ({ ...right, acr: 'phr', amr: ['hwk'] });
    upstream.bend({ claims: without('email'), userinfo });
    const outcome = await upstream.signIn(party());
    expect(outcome).toMatchObject({ identity: { acr: null, amr: [], claims: { email: 'ada@contoso.example' } } });
    expect(outcome).not.toHaveProperty('identity.claims.email_verified');
  });
});

describe('an endpoint', () => {
  const lacking = { claims: without('email') };
  const each = ['discovery', 'jwks', 'token', 'userinfo'] as const;
  test.each(each.flatMap((endpoint) => [301, 302, 303, 307, 308].map((status) => [endpoint, status] as const)))(
    '%s that sends on with %i is not followed',
    async (endpoint, status) => {
      const outcome = await refused({
        ...lacking,
        answers: {
          [endpoint]: (_: unknown, response: import('node:http').ServerResponse) =>
            void response.writeHead(status, { location: canaryUrl, 'content-type': 'application/json' }).end('{}'),
        },
      });
      expect(outcome).toMatchObject({ kind: 'refused' });
    },
  );

  const bodies: [string, (response: import('node:http').ServerResponse) => void, string][] = [
    [
      'drips',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const drip = setInterval(() => response.write(' '), 50);
        response.on('close', () => clearInterval(drip));
      },
      'timeout',
    ],
    ['says nothing', () => {}, 'timeout'],
    [
      'does not end',
      (response) =>
        void response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(8 * 1024 * 1024, ' ')),
      'too_large',
    ],
    [
      'promises too much',
      (response) =>
        void response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 ** 40 }).write('{'),
      'too_large',
    ],
    [
      'ends too early',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
        response.write('{}', () => response.destroy());
      },
      'closed',
    ],
    [
      'is packed',
      (response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(16 * 1024 * 1024, ' '))),
      'encoding_refused',
    ],
    [
      'changes the protocol',
      (response) => {
        response.socket!.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
      },
      'closed',
    ],
  ];
  test.each(each.flatMap((endpoint) => bodies.map(([what, act, error]) => [endpoint, what, act, error] as const)))(
    '%s that %s is given up',
    async (endpoint, _what, act, error) => {
      const outcome = await refused({
        ...lacking,
        answers: { [endpoint]: (_: unknown, response: import('node:http').ServerResponse) => act(response) },
      });
      expect(outcome).toEqual({ kind: 'refused', reason: 'unreachable', error });
    },
  );
});

test('addresses in the header of a token are not asked for keys', async () => {
  const stranger = await generateKeyPair('ES256', { extractable: true });
  const jwk = await import('jose').then(({ exportJWK }) => exportJWK(stranger.publicKey));
  for (const more of [{ jku: canaryUrl }, { x5u: canaryUrl }, { jwk }, { x5c: ['AAAA'] }]) {
    const token = (head: object, claims: Record<string, unknown>) =>
      signedBy(stranger.privateKey, { ...head, ...more }, claims);
    expect(await refused({ token })).toMatchObject({ kind: 'refused', reason: 'signature' });
  }
});

test('an error is kept by its name where it is one that is known', async () => {
  expect(await refused(callback('error', 'access_denied'))).toMatchObject({ error: 'access_denied' });
  expect(await refused(callback('error', '<script>'))).toMatchObject({ error: null });
});

test('the code of one provider at the callback of another is not exchanged', async () => {
  upstream.bend({});
  other.bend({});
  const both = party();
  const [one, two] = [upstream.provider({}), { ...other.provider({}), id: 'fabrikam' }];
  // Its ceremony was with the other, whether or not the response says so.
  const outcome = await upstream.signIn(both, {
    provider: one,
    ceremony: (right) => ({ ...right, issuer: two.issuer }),
  });
  expect(outcome).toMatchObject({ kind: 'refused', reason: 'response_issuer' });
  expect(upstream.requests).not.toContain('/token');
  upstream.bend(callback('iss', two.issuer));
  expect(await upstream.signIn(both, { provider: one })).toMatchObject({ reason: 'response_issuer' });
  expect(upstream.requests).not.toContain('/token');
});

test('a response of an earlier sign-in is refused in the next', async () => {
  upstream.bend({});
  const outcome = await upstream.signIn(party(), { ceremony: (right) => ({ ...right, state: 'of the next' }) });
  expect(outcome).toMatchObject({ kind: 'refused', reason: 'state_mismatch' });
});

describe('how long ago', () => {
  test.each([
    ['long', { claims: (right: Record<string, unknown>) => ({ ...right, auth_time: now() - 700 }) }],
    ['not said', { claims: without('auth_time') }],
  ])('somebody signed in there matters where it was asked: %s', async (_how, deviation) => {
    expect(await refused(deviation, { maxAge: 600 })).toMatchObject({ kind: 'refused', reason: 'auth_time' });
    expect(await refused(deviation)).toMatchObject({ kind: 'collected' });
  });

  test('is judged by the time that is given, and not by the machine’s', async () => {
    upstream.bend({});
    const later = new Date(Date.now() + 86_400_000);
    expect(await upstream.signIn(party(), { now: later, maxAge: 60 })).toMatchObject({ kind: 'collected' });
    const stale = { claims: (right: Record<string, unknown>) => ({ ...right, iat: now(), exp: now() + 300 }) };
    expect(await refused(stale, { now: later })).toMatchObject({ reason: 'expired' });
  });
});

describe('keys', () => {
  const at = new Date();
  const later = (seconds: number) => new Date(at.getTime() + seconds * 1000);
  const asked = () => upstream.requests.filter((path) => path === '/jwks').length;

  test('that are unknown are asked for again once a minute, and all of them after ten', async () => {
    const one = party();
    upstream.bend({});
    await upstream.signIn(one, { now: at });
    upstream.bend(header({ kid: 'two' }));
    for (const seconds of [1, 30, 59])
      expect(await upstream.signIn(one, { now: later(seconds) })).toMatchObject({ reason: 'key_unknown' });
    expect(asked()).toBe(0);
    for (const seconds of [61, 62, 90, 120]) await upstream.signIn(one, { now: later(seconds) });
    expect(asked()).toBe(1);
    upstream.bend({ ...header({ kid: 'two' }), keys: ([key]) => [{ ...key, kid: 'two' }] });
    expect(await upstream.signIn(one, { now: later(122) })).toMatchObject({ kind: 'collected' });
    expect(upstream.requests).not.toContain('/.well-known/openid-configuration');
    await upstream.signIn(one, { now: later(601) });
    expect(upstream.requests).toContain('/.well-known/openid-configuration');
  });
});

describe('a logout token', () => {
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const right = () => ({
    iss: upstream.issuer,
    aud: 'latchkey',
    iat: now(),
    exp: now() + 60,
    jti: 'j1',
    sub: 'sub-1',
    sid: 's1',
    events: event,
  });
  const read = async (claims: object, head: object = {}) => {
    upstream.bend({});
    const token = await upstream.signed({ ...claims }, { alg: 'ES256', kid: 'one', typ: 'logout+jwt', ...head });
    return party().readLogoutToken(upstream.provider(), token, new Date());
  };

  test.each(['logout+jwt', 'application/logout+jwt', 'JWT', undefined])('of type %s is read', async (typ) => {
    expect(await read(right(), { typ })).toMatchObject({ kind: 'logout', sub: 'sub-1', sid: 's1', jti: 'j1' });
  });
  test('names a person or a session', async () => {
    expect(await read(without('sid')(right()))).toMatchObject({ sub: 'sub-1', sid: null });
    expect(await read(without('sub')(right()))).toMatchObject({ sub: null, sid: 's1' });
  });

  const cases: [string, () => object, object, RefusalReason][] = [
    ['nobody', () => without('sub')(without('sid')(right())), {}, 'logout_subject'],
    ['a nonce', () => ({ ...right(), nonce: 'n' }), {}, 'nonce'],
    ['no event', () => without('events')(right()), {}, 'logout_event'],
    ['another event', () => ({ ...right(), events: { 'https://x.example': {} } }), {}, 'logout_event'],
    [
      'an event that is no object',
      () => ({ ...right(), events: { [Object.keys(event)[0]!]: true } }),
      {},
      'logout_event',
    ],
    ['an old iat', () => ({ ...right(), iat: now() - 200 }), {}, 'issued_at'],
    ['no iat', () => without('iat')(right()), {}, 'issued_at'],
    ['a past exp', () => ({ ...right(), exp: now() - 61 }), {}, 'expired'],
    ['no jti', () => without('jti')(right()), {}, 'token_id'],
    ['another aud', () => ({ ...right(), aud: 'b' }), {}, 'audience'],
    ['another iss', () => ({ ...right(), iss: 'https://b.example' }), {}, 'issuer'],
    ['the type of an access token', right, { typ: 'at+jwt' }, 'token_type'],
    ['alg none', right, { alg: 'none' }, 'algorithm'],
    ['an unknown key', right, { kid: 'two' }, 'key_unknown'],
  ];
  test.each(cases)('with %s is refused', async (_with, claims, head, reason) => {
    expect(await read(claims(), head)).toMatchObject({ kind: 'refused', reason });
  });
  test('that is something else is refused', async () => {
    for (const token of ['', 'a', 'a.b.c', '..', 'a.b.c.d.e']) {
      expect(await party().readLogoutToken(upstream.provider(), token, new Date())).toMatchObject({ kind: 'refused' });
    }
  });
});

test('there are forty deviations and more', () => {
  const all = [ofToken, ofTokenAnswer, ofMetadata, ofKeys, ofUserinfo, ofResponse].flat();
  expect(all.length).toBeGreaterThanOrEqual(40);
});
