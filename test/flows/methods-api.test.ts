import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf, passPolicy, untilSomebodyWaits } from '../support/makers.ts';
import { queuedMails } from '../support/mails.ts';
import { usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import {
  type AuthenticatorOptions,
  newAuthenticator,
  type SoftwareAuthenticator,
} from '../support/software-authenticator.ts';

/** Who may is in matrix.test.ts; here is what is answered, what is changed, and what cannot be got round. */

type Json = Record<string, unknown>;
type Bearer = Readonly<Record<string, string>>;

const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const passwordId = '28c10230-6103-485e-b985-444c60001490';
const active = { isSuspended: false, state: 'active', suspendedDateTime: null, suspendedReason: null };
const oneOurs = { lastUsedDateTime: null, ...active };

let house: TestHouse;
let app: RelyingParty;
let desk: Bearer;
let otherDesk: Bearer;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  const anApiClient = (client_id: string, app_roles: string[]) => ({
    client_id,
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    app_roles,
  });
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_secret: 'app-secret',
        redirect_uris: [app.redirectUri],
        delegated_permissions: ['UserAuthenticationMethod.Read'],
      },
      anApiClient('desk', ['UserAuthenticationMethod.ReadWrite.All']),
      anApiClient('other-desk', ['UserAuthMethod-Passkey.ReadWrite.All']),
    ],
  });
  [desk, otherDesk] = [await bearerOf('desk'), await bearerOf('other-desk')];
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

async function bearerOf(clientId: string): Promise<Bearer> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa(`${clientId}:secret`)}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return { authorization: `Bearer ${((await answer.json()) as { access_token: string }).access_token}` };
}

interface ApiAnswer {
  readonly status: number;
  readonly body: Json;
}

async function call(method: string, path: string, body?: unknown, bearer: Bearer = desk): Promise<ApiAnswer> {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...bearer },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Json) };
}

const of = (user: string, rest: string) => `/users/${encodeURIComponent(user)}/authentication/${rest}`;
const refusal = (status: number, code: string, message: RegExp) => ({
  status,
  body: { error: expect.objectContaining({ code, message: expect.stringMatching(message) }) },
});
const notOpen = refusal(400, 'badRequest', /^This challenge is not open/);

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly mail: string;
}

async function aPerson(): Promise<Person> {
  const [userPrincipalName, mail] = [aName(), aName('mail')];
  const made = await house.work((work) => createUser(work, { userPrincipalName, displayName: 'Person', mail }));
  return { id: made.id, userName: userPrincipalName, mail };
}

async function options(user: string, bearer: Bearer = desk): Promise<never> {
  const answer = await call('GET', of(user, 'fido2Methods/creationOptions'), undefined, bearer);
  expect(answer.status).toBe(200);
  return answer.body.publicKey as never;
}

/** What a client of Graph's sends: no `rawId`, no `type`. */
async function anAnswer(publicKey: never, authenticator: SoftwareAuthenticator, tamper: object = {}) {
  const { id, response } = await authenticator.create(publicKey, { origin: house.issuer, tamper });
  const { clientDataJSON, attestationObject } = response;
  return { publicKeyCredential: { id, response: { clientDataJSON, attestationObject } } };
}

async function aPasskey(person: Person, made: AuthenticatorOptions = {}, more: object = {}) {
  const authenticator = newAuthenticator(made);
  const sent = await anAnswer(await options(person.id), authenticator);
  const { status, body } = await call('POST', of(person.id, 'fido2Methods'), { ...sent, ...more });
  expect(status).toBe(201);
  return { authenticator, id: body.id as string, body };
}

async function anApp(user_id: string): Promise<string> {
  const [id, now] = [randomUUID(), new Date()];
  const row = { sealed_secret: randomBytes(8), last_step: 0, name: 'App', created_at: now, last_used_at: now };
  await house.base.knex('authenticator_apps').insert({ id, user_id, ...row });
  return id;
}

async function aPassword(user_id: string): Promise<void> {
  const now = new Date();
  const row = { verifier: 'a-verifier', pepper_version: 1, created_at: now, changed_at: now };
  await house.base.knex('passwords').insert({ user_id, ...row });
}

const idsOf = async ({ id }: Person, address = 'fido2Methods') =>
  ((await call('GET', of(id, address))).body.value as { id: string }[]).map((one) => one.id);

async function signsIn(authenticator: SoftwareAuthenticator): Promise<boolean> {
  const browser = newBrowser({ stopAt: [app.redirectUri] });
  await browser.visit((await app.authorizationUrl()).href);
  return (await usePasskey(browser, authenticator)).url.startsWith(app.redirectUri);
}

describe('what a user has', () => {
  test('is one list of every kind, without a secret in it', async () => {
    const person = await aPerson();
    const passkey = await aPasskey(person);
    const appId = await anApp(person.id);
    await aPassword(person.id);
    const code = await house.pass(person.id);
    const { status, body } = await call('GET', of(person.userName, 'methods'));
    expect(status).toBe(200);
    expect(body['@odata.context']).toBe(`${house.issuer}/v1.0/$metadata#users('${person.id}')/authentication/methods`);
    expect(body.value).toHaveLength(4);
    expect(body.value).toEqual(
      expect.arrayContaining([
        {
          '@odata.type': '#microsoft.graph.fido2AuthenticationMethod',
          id: passkey.id,
          displayName: 'Passkey',
          createdDateTime: expect.stringMatching(sevenDigits),
          aaGuid: passkey.authenticator.aaguid,
          model: null,
          attestationCertificates: [],
          attestationLevel: 'notAttested',
          passkeyType: 'deviceBound',
          ...oneOurs,
        },
        {
          '@odata.type': '#microsoft.graph.softwareOathAuthenticationMethod',
          id: appId,
          secretKey: null,
          createdDateTime: expect.stringMatching(sevenDigits),
          displayName: 'App',
          lastUsedDateTime: expect.stringMatching(sevenDigits),
          ...active,
        },
        {
          '@odata.type': '#microsoft.graph.passwordAuthenticationMethod',
          id: passwordId,
          password: null,
          createdDateTime: expect.stringMatching(sevenDigits),
          ...oneOurs,
        },
        expect.objectContaining({
          '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethod',
          temporaryAccessPass: null,
          isUsable: true,
        }),
      ]),
    );
    expect(JSON.stringify(body)).not.toContain(code);
    expect(JSON.stringify(body)).not.toContain('a-verifier');
  });

  test('can be read one by one, in the list of all and in that of its kind, with a key in either form', async () => {
    const person = await aPerson();
    const { id } = await aPasskey(person);
    const appId = await anApp(person.id);
    await aPassword(person.id);
    for (const [address, key] of [
      ['fido2Methods', id],
      ['softwareOathMethods', appId],
      ['passwordMethods', passwordId],
    ] as const) {
      const { body: list } = await call('GET', of(person.id, address));
      expect(list.value).toEqual([expect.objectContaining({ id: key })]);
      const [one] = list.value as [Json];
      const context = (name: string) =>
        `${house.issuer}/v1.0/$metadata#users('${person.id}')/authentication/${name}/$entity`;
      expect((await call('GET', of(person.id, `${address}/${key}`))).body).toEqual({
        '@odata.context': context(address),
        ...one,
      });
      expect((await call('GET', of(person.id, `methods('${key}')`))).body).toEqual({
        '@odata.context': context('methods'),
        ...one,
      });
    }
  });

  test('is an empty list for who has nothing, and 404 for what is not there', async () => {
    const person = await aPerson();
    const other = await aPerson();
    const { id } = await aPasskey(other);
    const appId = await anApp(other.id);
    expect((await call('GET', of(person.id, 'methods'))).body.value).toEqual([]);
    const gone = refusal(404, 'itemNotFound', /./);
    for (const key of [id, appId, passwordId, randomUUID(), 'x', '%00', "'"]) {
      for (const address of ['methods', 'fido2Methods', 'softwareOathMethods', 'passwordMethods']) {
        const answer = await call('GET', of(person.id, `${address}/${encodeURIComponent(key)}`));
        expect(answer.status, `${address}/${key}`).toBe(404);
      }
      expect(await call('DELETE', of(person.id, `fido2Methods/${encodeURIComponent(key)}`))).toEqual(gone);
      expect(await call('DELETE', of(person.id, `softwareOathMethods/${encodeURIComponent(key)}`))).toEqual(gone);
      const renamed = await call('PATCH', of(person.id, `fido2Methods/${encodeURIComponent(key)}`), {
        displayName: 'X',
      });
      expect(renamed).toEqual(gone);
    }
    for (const address of ['methods', 'fido2Methods', 'fido2Methods/creationOptions', 'passwordMethods']) {
      expect(await call('GET', of(randomUUID(), address))).toEqual(gone);
    }
    expect(await idsOf(other)).toEqual([id]);
    expect(await idsOf(other, 'softwareOathMethods')).toEqual([appId]);
  });

  test('is shown to them as well, by /me', async () => {
    const person = await aPerson();
    const { authenticator, id, body } = await aPasskey(person);
    await house.pass(person.id);
    const browser = newBrowser({ stopAt: [app.redirectUri] });
    const asked = { scope: 'openid UserAuthenticationMethod.Read', resource: `${house.issuer}/management` };
    await browser.visit((await app.authorizationUrl(asked)).href);
    const { tokens } = await app.exchange((await usePasskey(browser, authenticator)).callback);
    const own = { authorization: `Bearer ${tokens.access_token}` };
    const { '@odata.context': _, ...registered } = body;
    const passkey = { ...registered, lastUsedDateTime: expect.stringMatching(sevenDigits) };
    const pass = expect.objectContaining({ isUsable: true, temporaryAccessPass: null });
    const all = await call('GET', '/me/authentication/methods', undefined, own);
    expect(all.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users('${person.id}')/authentication/methods`,
      value: expect.arrayContaining([passkey, pass]),
    });
    expect(all.body.value).toHaveLength(2);
    expect((await call('GET', `/me/authentication/methods/${id}`, undefined, own)).body).toMatchObject(passkey);
    const other = await aPasskey(await aPerson());
    const answer = await call('GET', `/me/authentication/methods/${other.id}`, undefined, own);
    expect(answer).toEqual(refusal(404, 'itemNotFound', /./));
    expect((await call('GET', of(person.id, 'methods'), undefined, own)).status).toBe(403);
  });

  test('does not show more than was asked for: query options are refused, and other kinds are not there', async () => {
    const person = await aPerson();
    expect(await call('GET', of(person.id, 'methods?$filter=x'))).toEqual(refusal(400, 'badRequest', /\$filter/));
    await anApp(person.id);
    const wrong = await call('GET', of(person.id, 'softwareOathMethods'), undefined, otherDesk);
    expect(wrong).toEqual(refusal(403, 'accessDenied', /UserAuthenticationMethod/));
    expect((await call('GET', of(person.id, 'fido2Methods'), undefined, otherDesk)).body.value).toEqual([]);
  });
});

describe('a passkey registered for somebody else', () => {
  test('begins with options that live for five minutes', async () => {
    const person = await aPerson();
    const first = await aPasskey(person);
    const { status, body } = await call('GET', of(person.id, 'fido2Methods/creationOptions'));
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['@odata.context', 'challengeTimeoutDateTime', 'publicKey']);
    expect(body.challengeTimeoutDateTime).toMatch(sevenDigits);
    const left = Date.parse(body.challengeTimeoutDateTime as string) - Date.now();
    expect(left).toBeGreaterThan(4.5 * 60_000);
    expect(left).toBeLessThan(5.5 * 60_000);
    expect(body.publicKey).toMatchObject({
      rp: { id: 'localhost' },
      user: { id: expect.any(String), name: person.userName, displayName: 'Person' },
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      timeout: 300_000,
      attestation: 'none',
      excludeCredentials: [{ id: first.authenticator.credentials[0]!.id, type: 'public-key' }],
      authenticatorSelection: { requireResidentKey: true, userVerification: 'required' },
    });
    const { pubKeyCredParams } = body.publicKey as { pubKeyCredParams: { alg: number }[] };
    expect(pubKeyCredParams.map(({ alg }) => alg).sort()).toEqual([-257, -7, -8]);
  });

  test('is kept as it says of itself, under the name it was given, and signs the user in', async () => {
    const person = await aPerson();
    const synced = { aaguid: 'bada5566-a7aa-401f-bd96-45619a55120d', backupEligible: true, backedUp: true };
    const { authenticator, body } = await aPasskey(person, synced, { displayName: 'Blue key' });
    expect(body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users('${person.id}')/authentication/fido2Methods/$entity`,
      '@odata.type': '#microsoft.graph.fido2AuthenticationMethod',
      id: expect.stringMatching(uuid),
      displayName: 'Blue key',
      createdDateTime: expect.stringMatching(sevenDigits),
      aaGuid: synced.aaguid,
      model: '1Password',
      attestationCertificates: [],
      attestationLevel: 'notAttested',
      passkeyType: 'synced',
      ...oneOurs,
    });
    expect(await signsIn(authenticator)).toBe(true);
  });

  test('is recorded as the work of who did it, and the user is told', async () => {
    const person = await aPerson();
    const { id, authenticator } = await aPasskey(person);
    const provisioned = await eventsOf(house, { userId: person.id, type: 'passkey.provisioned' });
    expect(provisioned).toEqual([
      expect.objectContaining({
        actor_kind: 'client',
        actor_id: 'desk',
        details: expect.objectContaining({ passkeyId: id, aaguid: authenticator.aaguid }),
      }),
    ]);
    expect(await eventsOf(house, { userId: person.id, type: 'passkey.registered' })).toEqual([]);
    const mails = await queuedMails(house, person.mail);
    expect(mails.map(({ subject }) => subject)).toEqual([messages.mails.notices.passkeyAdded.subject]);
    expect(mails[0]!.link).not.toBeNull();
  });

  test.each([
    ['(challengeTimeoutInMinutes=5)'],
    ['(challengeTimeoutInMinutes=1)'],
    ['%28challengeTimeoutInMinutes%3D5%29'],
  ])('takes its time as Graph writes it: creationOptions%s', async (parameters) => {
    const person = await aPerson();
    const { status, body } = await call('GET', of(person.id, `fido2Methods/creationOptions${parameters}`));
    expect(status).toBe(200);
    const minutes = Number(/\d$/.exec(parameters.replace(/\)|%29/, ''))![0]);
    const left = Date.parse(body.challengeTimeoutDateTime as string) - Date.now();
    expect(Math.abs(left - minutes * 60_000)).toBeLessThan(30_000);
  });

  test('lives no longer than was asked for', async () => {
    const person = await aPerson();
    const answer = await call('GET', of(person.id, 'fido2Methods/creationOptions(challengeTimeoutInMinutes=1)'));
    const sent = await anAnswer(answer.body.publicKey as never, newAuthenticator());
    await later(2, async () => expect(await call('POST', of(person.id, 'fido2Methods'), sent)).toEqual(notOpen));
  });

  test.each([
    '(challengeTimeoutInMinutes=6)',
    '(challengeTimeoutInMinutes=0)',
    '(challengeTimeoutInMinutes=43200)',
    '()',
    '(x=1)',
    'x',
  ])('has no other time than that: creationOptions%s', async (parameters) => {
    const person = await aPerson();
    const answer = await call('GET', of(person.id, `fido2Methods/creationOptions${parameters}`));
    expect(answer).toEqual(refusal(400, 'badRequest', /challengeTimeoutInMinutes, a whole number from 1 to 5/));
  });

  test('takes what clients send along, and ignores it', async () => {
    const person = await aPerson();
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    const full = {
      '@odata.type': '#microsoft.graph.fido2AuthenticationMethod',
      id: randomUUID(),
      attestationLevel: 'attested',
      passkeyType: 'synced',
      displayName: null,
      publicKeyCredential: {
        '@odata.type': '#microsoft.graph.webauthnPublicKeyCredential',
        rawId: 'AAAA',
        type: 'other',
        clientExtensionResults: null,
        ...sent.publicKeyCredential,
      },
    };
    const { status, body } = await call('POST', of(person.id, 'fido2Methods'), full);
    expect(status).toBe(201);
    expect(body).toMatchObject({ displayName: 'Passkey', attestationLevel: 'notAttested', passkeyType: 'deviceBound' });
  });
});

async function later(minutes: number, body: () => Promise<void>): Promise<void> {
  house.clock.advance(minutes);
  try {
    await body();
  } finally {
    house.clock.advance(-minutes);
  }
}

describe('nothing is registered', () => {
  const post = (person: Person, body: unknown, bearer?: Bearer) =>
    call('POST', of(person.id, 'fido2Methods'), body, bearer);

  test('with a challenge that has expired', async () => {
    const person = await aPerson();
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    await later(6, async () => expect(await post(person, sent)).toEqual(notOpen));
    expect(await idsOf(person)).toEqual([]);
  });

  test('twice with one challenge, also at once', async () => {
    const person = await aPerson();
    const publicKey = await options(person.id);
    const sent = await Promise.all([1, 2, 3, 4].map(() => anAnswer(publicKey, newAuthenticator())));
    const answers = await Promise.all(sent.map((one) => post(person, one)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400]);
    expect(await post(person, sent[0])).toEqual(notOpen);
    expect(await idsOf(person)).toHaveLength(1);
  });

  test('with a challenge that was given for somebody else', async () => {
    const [person, other] = [await aPerson(), await aPerson()];
    const sent = await anAnswer(await options(other.id), newAuthenticator());
    expect(await post(person, sent)).toEqual(notOpen);
    expect(await idsOf(person)).toEqual([]);
    // Nobody has spent it: it still is good for whom it was given.
    expect((await post(other, sent)).status).toBe(201);
  });

  test('with a challenge that was given to another caller', async () => {
    const person = await aPerson();
    const sent = await anAnswer(await options(person.id, otherDesk), newAuthenticator());
    expect(await post(person, sent, desk)).toEqual(notOpen);
    expect(await idsOf(person)).toEqual([]);
    expect((await post(person, sent, otherDesk)).status).toBe(201);
  });

  test('with a challenge that the house never gave', async () => {
    const person = await aPerson();
    const publicKey = { ...((await options(person.id)) as object), challenge: randomBytes(32).toString('base64url') };
    expect(await post(person, await anAnswer(publicKey as never, newAuthenticator()))).toEqual(notOpen);
  });

  test.each([
    ['of another origin', { origin: 'http://evil.example' }],
    ['for another RP ID', { rpId: 'evil.example' }],
    ['of an unverified user', { userVerified: false }],
    ['of a sign-in', { type: 'webauthn.get' }],
  ])('by an answer %s, and the challenge is spent', async (_what, tamper) => {
    const person = await aPerson();
    const publicKey = await options(person.id);
    const sent = await anAnswer(publicKey, newAuthenticator(), tamper);
    expect(await post(person, sent)).toEqual(refusal(400, 'badRequest', /does not prove/));
    expect(await post(person, await anAnswer(publicKey, newAuthenticator()))).toEqual(notOpen);
    expect(await idsOf(person)).toEqual([]);
  });

  test('that somebody has registered already', async () => {
    const [person, other] = [await aPerson(), await aPerson()];
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    expect((await post(person, sent)).status).toBe(201);
    const { challenge } = (await options(other.id)) as { challenge: string };
    const { clientDataJSON, attestationObject } = sent.publicKeyCredential.response;
    const said = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString()) as object;
    const again = Buffer.from(JSON.stringify({ ...said, challenge })).toString('base64url');
    const { id } = sent.publicKeyCredential;
    const body = { publicKeyCredential: { id, response: { clientDataJSON: again, attestationObject } } };
    expect(await post(other, body)).toEqual(refusal(409, 'conflict', /registered already/));
    expect(await idsOf(other)).toEqual([]);
  });

  test('beyond ten', async () => {
    const person = await aPerson();
    for (let count = 1; count <= 10; count += 1) await aPasskey(person);
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    expect(await post(person, sent)).toEqual(refusal(409, 'conflict', /as many passkeys as are allowed/));
    expect(await idsOf(person)).toHaveLength(10);
  });

  test('beyond ten, also when the tenth comes while the answer is looked at', async () => {
    const person = await aPerson();
    for (let count = 1; count <= 9; count += 1) await aPasskey(person);
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    const late = house.base.knex.transaction(async (tx) => {
      await tx('users').where('id', '=', person.id).forNoKeyUpdate().first('id');
      const answer = post(person, sent);
      await untilSomebodyWaits(house);
      const { id: _, ...row } = await tx('passkeys').where('user_id', '=', person.id).first();
      await tx('passkeys').insert({ ...row, id: randomUUID(), credential_id: randomBytes(32) });
      return { answer };
    });
    expect(await (await late).answer).toEqual(refusal(409, 'conflict', /as many passkeys as are allowed/));
    expect(await idsOf(person)).toHaveLength(10);
  });

  test.each<[string, unknown]>([
    ['no body', undefined],
    ['an empty object', {}],
    ['a list', []],
    ['no answer', { displayName: 'Key' }],
    ['an answer that is a text', { publicKeyCredential: 'x' }],
    ['no response', { publicKeyCredential: { id: 'AAAA' } }],
    ['numbers', { publicKeyCredential: { id: 1, response: { clientDataJSON: 2, attestationObject: 3 } } }],
    [
      'what is no base64url',
      { publicKeyCredential: { id: '+', response: { clientDataJSON: '{}', attestationObject: '=' } } },
    ],
    [
      'a name that is empty',
      {
        displayName: ' ',
        publicKeyCredential: { id: 'AA', response: { clientDataJSON: 'e30', attestationObject: 'AA' } },
      },
    ],
    [
      'a name of 65 characters',
      {
        displayName: 'x'.repeat(65),
        publicKeyCredential: { id: 'AA', response: { clientDataJSON: 'e30', attestationObject: 'AA' } },
      },
    ],
  ])('from %s', async (_what, body) => {
    const person = await aPerson();
    expect(await post(person, body)).toEqual(refusal(400, 'badRequest', /./));
    expect(await idsOf(person)).toEqual([]);
  });

  test('from more than 128 KiB, while what is over 64 KiB is read', async () => {
    const person = await aPerson();
    const sent = (size: number) => ({
      publicKeyCredential: { id: 'AA', response: { clientDataJSON: 'e30', attestationObject: 'A'.repeat(size) } },
    });
    expect(await post(person, sent(90_000))).toEqual(notOpen);
    expect((await post(person, sent(131_072))).status).toBe(413);
  });

  test('for whom a pass would take a second administrator', async () => {
    const person = await aPerson();
    const sent = await anAnswer(await options(person.id), newAuthenticator());
    await house.seed({
      groups: [{ displayName: 'Board' }],
      users: [{ userPrincipalName: person.userName, groups: ['Board'] }],
    });
    await passPolicy(house, { requireApprovalFor: [{ targetType: 'group', id: 'Board' }] });
    try {
      const second = refusal(403, 'accessDenied', /second administrator/);
      expect(await call('GET', of(person.id, 'fido2Methods/creationOptions'))).toEqual(second);
      expect(await post(person, sent)).toEqual(second);
      expect(await idsOf(person)).toEqual([]);
    } finally {
      await passPolicy(house, {});
    }
  });
});

describe('an administrator', () => {
  test('renames a passkey', async () => {
    const person = await aPerson();
    const { id, body } = await aPasskey(person);
    const sent = { ...body, '@odata.type': 'x', displayName: '  Green key ', aaGuid: randomUUID() };
    expect(await call('PATCH', of(person.id, `fido2Methods/${id}`), sent)).toEqual({ status: 204, body: {} });
    const { '@odata.context': _, ...before } = body;
    expect((await call('GET', of(person.id, 'fido2Methods'))).body.value).toEqual([
      { ...before, displayName: 'Green key' },
    ]);
    for (const displayName of ['', ' ', 'x'.repeat(65), 7, null, undefined]) {
      const answer = await call('PATCH', of(person.id, `fido2Methods/${id}`), { displayName });
      expect(answer).toEqual(refusal(400, 'badRequest', /displayName/));
    }
    expect((await call('GET', of(person.id, `fido2Methods/${id}`))).body.displayName).toBe('Green key');
  });

  test('takes a lost passkey away: it signs in no more, and the user is told', async () => {
    const person = await aPerson();
    const [lost, kept] = [await aPasskey(person), await aPasskey(person)];
    expect(await call('DELETE', of(person.id, `fido2Methods/${lost.id}`))).toEqual({ status: 204, body: {} });
    expect(await idsOf(person)).toEqual([kept.id]);
    expect(await signsIn(lost.authenticator)).toBe(false);
    expect(await signsIn(kept.authenticator)).toBe(true);
    const again = await call('DELETE', of(person.id, `fido2Methods/${lost.id}`));
    expect(again).toEqual(refusal(404, 'itemNotFound', /no such passkey/));
    const subjects = (await queuedMails(house, person.mail)).map(({ subject }) => subject);
    expect(subjects.at(-1)).toBe(messages.mails.notices.passkeyRemoved.subject);
    expect(await eventsOf(house, { userId: person.id, type: 'user.last-method-removed' })).toEqual([]);
  });

  test('takes the last way in away too, which is recorded as that', async () => {
    const person = await aPerson();
    const { id } = await aPasskey(person);
    // Half of a way in: codes alone sign nobody in.
    await anApp(person.id);
    expect((await call('DELETE', of(person.id, `fido2Methods/${id}`))).status).toBe(204);
    const events = await eventsOf(house, { userId: person.id, type: 'user.last-method-removed' });
    expect(events.map(({ details, actor_id }) => ({ details, actor_id }))).toEqual([
      { details: { method: 'passkey', credentialId: id }, actor_id: 'desk' },
    ]);
  });

  test('takes an authenticator app away, and no other', async () => {
    const person = await aPerson();
    const [lost, kept] = [await anApp(person.id), await anApp(person.id)];
    expect(await call('DELETE', of(person.id, `softwareOathMethods/${lost}`))).toEqual({ status: 204, body: {} });
    expect(await idsOf(person, 'softwareOathMethods')).toEqual([kept]);
    await aPassword(person.id);
    expect((await call('DELETE', of(person.id, `softwareOathMethods/${kept}`))).status).toBe(204);
    const events = await eventsOf(house, { userId: person.id, type: 'user.last-method-removed' });
    expect(events.map(({ details }) => details)).toEqual([{ method: 'authenticator-app', credentialId: kept }]);
  });

  test('takes no passkey away at the address of apps, nor an app at that of passkeys', async () => {
    const person = await aPerson();
    const { id } = await aPasskey(person);
    const appId = await anApp(person.id);
    expect((await call('DELETE', of(person.id, `softwareOathMethods/${id}`))).status).toBe(404);
    expect((await call('DELETE', of(person.id, `fido2Methods/${appId}`))).status).toBe(404);
    expect(await idsOf(person)).toEqual([id]);
    expect(await idsOf(person, 'softwareOathMethods')).toEqual([appId]);
  });
});
