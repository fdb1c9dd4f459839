import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppError } from '../../src/core/errors.ts';
import type { EnrollableMethod, MethodId } from '../../src/methods/method.ts';
import { issuePass, type IssuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { changeUser } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  aPasskeyHolder,
  aVisitor,
  type CreationOptions,
  eventsOf,
  lastRefusal,
  meanwhile,
  origin,
  passPolicy,
  untilSomebodyWaits,
  withPart,
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator, type Tamper } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const advance = (minutes: number) => latchkey.clock.advance(minutes);
const revoke = (user: User) => latchkey.work((work) => revokePass(work, { user: user.id }));
const disable = (user: User) => latchkey.work((work) => changeUser(work, user, { enabled: false }));

interface Joiner {
  readonly user: User;
  readonly name: string;
  readonly code: string;
  readonly passId: string;
  readonly visitor: Visitor;
}

/** Somebody who has entered a pass and may register now. */
async function aJoiner(asked: Partial<IssuePass> = {}, userAgent?: string): Promise<Joiner> {
  const user = await latchkey.user(aName());
  const { code, pass } = await issuePass(latchkey.base.run, asOperator, { ...asked, user: user.id });
  const visitor = await aVisitor(house, { ...(userAgent && { userAgent }) });
  if ((await visitor.enter(user.userPrincipalName, code)) !== 'enrol')
    throw new Error('The pass did not open registration.');
  return { user, name: user.userPrincipalName, code, passId: pass.id, visitor };
}

function passkeysOf({ id }: { id: string }) {
  return latchkey.base.knex('passkeys').where('user_id', '=', id).orderBy('created_at');
}

async function noticeOf(visitor: Visitor) {
  return (await visitor.look()).signIn.notice;
}

const create = (options: CreationOptions, tamper: Tamper = {}) =>
  newAuthenticator().create(options, { origin, tamper });

describe('registering a passkey with a pass', () => {
  test('keeps it, with what is known about it, and asks to use it once', async () => {
    const userAgent =
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
    const { user, visitor, passId } = await aJoiner({}, userAgent);
    const authenticator = newAuthenticator({
      backupEligible: true,
      backedUp: true,
      transports: ['internal', 'hybrid'],
    });
    expect(await visitor.register(authenticator)).toBe('confirm');
    const [passkey] = await passkeysOf(user);
    expect(passkey).toMatchObject({
      pass_id: passId,
      algorithm: -7,
      aaguid: authenticator.aaguid,
      backup_eligible: true,
      backed_up: true,
      transports: ['internal', 'hybrid'],
      name: 'Passkey from Chrome on Windows',
      created_with: 'Chrome on Windows',
      first_used_at: null,
      suspended_at: null,
    });
    expect(passkey.credential_id.toString('base64url')).toBe(authenticator.credentials[0]!.id);
    expect((await visitor.look()).step).toMatchObject({
      kind: 'confirm',
      credentialId: passkey.id,
      name: passkey.name,
    });
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'passkey.registered' });
    expect(event).toMatchObject({
      result: 'success',
      details: { passkeyId: passkey.id, passId, aaguid: authenticator.aaguid },
    });
  });

  test.each(['ES256', 'EdDSA', 'RS256'] as const)('takes %s, and the line goes to its end', async (algorithm) => {
    const { user, visitor } = await aJoiner();
    const authenticator = newAuthenticator({ algorithm });
    expect(await visitor.register(authenticator)).toBe('confirm');
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect((await passkeysOf(user))[0].algorithm).toBe({ ES256: -7, EdDSA: -8, RS256: -257 }[algorithm]);
  });

  test('is named after the provider that says it made it', async () => {
    const { visitor } = await aJoiner();
    await visitor.register(newAuthenticator({ aaguid: 'd548826e-79b4-db40-a3d8-11116f7e8349' }));
    expect((await visitor.look()).step).toMatchObject({ kind: 'confirm', name: 'Bitwarden' });
  });

  test('asks for what the rules want: a discoverable, verified passkey of this host, no attestation', async () => {
    const { user, visitor } = await aJoiner();
    const options = await visitor.creationOptions();
    expect(options).toMatchObject({
      rp: { id: 'localhost', name: 'Latchkey' },
      user: { id: user.userHandle.toString('base64url'), name: user.userPrincipalName },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [],
      timeout: 300_000,
    });
    expect(options.pubKeyCredParams.map(({ alg }) => alg)).toEqual([-8, -7, -257]);
    expect(Buffer.from(options.challenge, 'base64url')).toHaveLength(32);
    expect((await visitor.creationOptions()).challenge).not.toBe(options.challenge);
  });

  test('tells the authenticator which passkeys the user has, so that it makes no second one', async () => {
    const authenticator = newAuthenticator();
    const name = aName();
    await aPasskeyHolder(latchkey, house, name, authenticator);
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    const options = await visitor.creationOptions();
    expect(options.excludeCredentials!.map(({ id }) => id)).toEqual(authenticator.credentials.map(({ id }) => id));
    await expect(authenticator.create(options, { origin })).rejects.toMatchObject({ name: 'InvalidStateError' });
  });

  test('takes a hint about where it should live, and only a known one', async () => {
    const { visitor } = await aJoiner();
    const hinted = async (preferred: string) =>
      ((await steps.beginEnrolment(house, visitor.visit, 'passkey', preferred)) as CreationOptions)
        .authenticatorSelection;
    expect(await hinted('localDevice')).toMatchObject({ authenticatorAttachment: 'platform' });
    expect(await hinted('securityKey')).toMatchObject({ authenticatorAttachment: 'cross-platform' });
    expect(await hinted('<script>')).not.toHaveProperty('authenticatorAttachment');
    for (const preferred of ['localDevice', 'securityKey', 'remoteDevice', 'nonsense']) {
      expect(await hinted(preferred)).toMatchObject({ residentKey: 'required', userVerification: 'required' });
    }
  });
});

describe('options are for who may register now', () => {
  const conflict = { code: 'conflict' };

  test('not before a name, nor before a code', async () => {
    const visitor = await aVisitor(house);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
    await visitor.name((await latchkey.user(aName())).userPrincipalName);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not after a wrong code', async () => {
    const visitor = await aVisitor(house);
    await visitor.enter((await latchkey.user(aName())).userPrincipalName, 'ABCD2345EFGH6789');
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not once a passkey was made, nor when the line is at its end', async () => {
    const { visitor } = await aJoiner();
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
    await visitor.sign(authenticator);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not for who signed in with a passkey: that opens no registration', async () => {
    const authenticator = newAuthenticator();
    await aPasskeyHolder(latchkey, house, aName(), authenticator);
    const visitor = await aVisitor(house);
    expect(await visitor.sign(authenticator)).toBe('complete');
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not after the window', async () => {
    const { visitor } = await aJoiner();
    advance(10);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not after the person gave up', async () => {
    const { visitor } = await aJoiner();
    await steps.cancel(house, visitor.visit);
    await expect(visitor.creationOptions()).rejects.toMatchObject(conflict);
  });

  test('not for a way to sign in that nobody registers', async () => {
    const { visitor } = await aJoiner();
    for (const method of ['temporary-access-pass', 'password', '__proto__']) {
      await expect(steps.beginEnrolment(house, visitor.visit, method)).rejects.toMatchObject(conflict);
    }
  });

  test('not for a way that policy does not let people register', async () => {
    const { visitor } = await aJoiner();
    const enrolling = (...enrollable: MethodId[]) =>
      visitor.at(aHouse(latchkey, { policyFrom: () => ({ ...house.policyFrom({}), enrollable }) }));
    const answer = await create(await visitor.creationOptions());
    await expect(enrolling('authenticator-app').creationOptions()).rejects.toMatchObject(conflict);
    await expect(enrolling('authenticator-app').sendRegistration(answer)).rejects.toMatchObject({ code: 'not_found' });
    await expect(enrolling().creationOptions()).rejects.toMatchObject(conflict);
    expect(await enrolling().sendRegistration(answer)).toBe('ended');
    expect(await visitor.step()).toBe('enrol'); // nothing was kept
  });
});

describe('what ends between the options and the answer leaves nothing behind', () => {
  const endings: readonly [string, (joiner: Joiner) => Promise<unknown>][] = [
    ['the window', async () => advance(10)],
    ['the pass, by a revocation', ({ user }) => revoke(user)],
    ['the pass, by a new one', ({ user }) => latchkey.pass(user.id)],
    ['the pass, by a role', ({ user }) => latchkey.work((work) => grantRole(work, user.id, 'Global Reader'))],
    ['the user, disabled', ({ user }) => disable(user)],
    ['the sign-in, cancelled', ({ visitor }) => steps.cancel(house, visitor.visit)],
    ['the sign-in, begun anew', ({ visitor }) => steps.restart(house, visitor.visit)],
  ];
  test.each(endings)('%s', async (_what, end) => {
    const joiner = await aJoiner();
    const answer = await create(await joiner.visitor.creationOptions());
    await end(joiner);
    expect(['ended', 'cancelled', 'identify']).toContain(await joiner.visitor.sendRegistration(answer));
    expect(await passkeysOf(joiner.user)).toEqual([]);
  });

  test.each(endings)('%s, while the answer is being checked', async (_what, end) => {
    const joiner = await aJoiner();
    const answer = await create(await joiner.visitor.creationOptions());
    const slow = withPart<EnrollableMethod>(house, 'passkey', (passkey) => ({
      async checkEnrolment(candidate) {
        await end(joiner);
        return passkey.checkEnrolment(candidate);
      },
    }));
    const visitor = joiner.visitor.at(slow);
    expect(['ended', 'cancelled', 'identify']).toContain(await visitor.sendRegistration(answer));
    expect(await passkeysOf(joiner.user)).toEqual([]);
  });

  test('the ceremony lives five minutes, and never longer than the window', async () => {
    const { user, visitor } = await aJoiner();
    const early = await create(await visitor.creationOptions());
    advance(5);
    expect(await visitor.sendRegistration(early)).toBe('enrol');
    expect(await noticeOf(visitor)).toEqual({ kind: 'not_enrolled', reason: 'ceremony' });
    advance(3);
    const { challenge } = await visitor.creationOptions();
    const { windowEndsAt } = (await visitor.look()).signIn;
    const ceremony = await latchkey.base.knex('passkey_ceremonies').where('challenge', '=', challenge).first();
    expect(ceremony.expires_at).toEqual(windowEndsAt);
    expect(await passkeysOf(user)).toEqual([]);
  });
});

describe('a ceremony', () => {
  test('is taken once: the same answer a second time makes nothing', async () => {
    const { user, visitor } = await aJoiner();
    const answer = await create(await visitor.creationOptions());
    await Promise.all([
      visitor.sendRegistration(answer),
      visitor.sendRegistration(answer),
      visitor.sendRegistration(answer),
    ]);
    expect(await passkeysOf(user)).toHaveLength(1);
    expect(await visitor.step()).toBe('confirm');
  });

  test('is gone after a wrong answer: a right one to the same challenge makes nothing', async () => {
    const { user, visitor } = await aJoiner();
    const options = await visitor.creationOptions();
    await visitor.sendRegistration(await create(options, { origin: 'https://evil.example' }));
    expect(await visitor.sendRegistration(await create(options))).toBe('enrol');
    expect(await noticeOf(visitor)).toEqual({ kind: 'not_enrolled', reason: 'ceremony' });
    expect(await passkeysOf(user)).toEqual([]);
  });

  test('of another sign-in will not do, not even of the same person in the same browser', async () => {
    const joiner = await aJoiner();
    const second = await joiner.visitor.again();
    expect(await second.enter(joiner.name, joiner.code)).toBe('enrol');
    const answer = await create(await joiner.visitor.creationOptions());
    expect(await second.sendRegistration(answer)).toBe('enrol');
    expect(await noticeOf(second)).toEqual({ kind: 'not_enrolled', reason: 'ceremony' });
    expect(await passkeysOf(joiner.user)).toEqual([]);
    // Nor did trying it there take it away here.
    expect(await joiner.visitor.sendRegistration(answer)).toBe('confirm');
  });

  test('of another user will not do, not even in the same sign-in', async () => {
    const one = await aJoiner();
    const answer = await create(await one.visitor.creationOptions());
    const two = await latchkey.user(aName());
    await steps.restart(house, one.visitor.visit);
    expect(await one.visitor.enter(two.userPrincipalName, await latchkey.pass(two.id))).toBe('enrol');
    expect(await one.visitor.sendRegistration(answer)).toBe('enrol');
    expect(await noticeOf(one.visitor)).toEqual({ kind: 'not_enrolled', reason: 'ceremony' });
    expect([...(await passkeysOf(one.user)), ...(await passkeysOf(two))]).toEqual([]);
  });

  test('for signing in will not do for registering', async () => {
    const user = await latchkey.user(aName());
    const visitor = await aVisitor(house);
    const { challenge } = await visitor.requestOptions();
    expect(await visitor.enter(user.userPrincipalName, await latchkey.pass(user.id))).toBe('enrol');
    const options = { ...(await visitor.creationOptions()), challenge };
    expect(await visitor.sendRegistration(await create(options))).toBe('enrol');
    expect(await passkeysOf(user)).toEqual([]);
  });

  test('that we never opened will not do', async () => {
    const { user, visitor } = await aJoiner();
    const options = { ...(await visitor.creationOptions()), challenge: Buffer.alloc(32, 1).toString('base64url') };
    expect(await visitor.sendRegistration(await create(options))).toBe('enrol');
    expect(await noticeOf(visitor)).toEqual({ kind: 'not_enrolled', reason: 'ceremony' });
    expect(await passkeysOf(user)).toEqual([]);
  });
});

describe('a registration that was tampered with is refused, recorded, and leaves nothing', () => {
  const tampered: readonly [string, Tamper][] = [
    ['another origin', { origin: 'https://evil.example' }],
    ['another port', { origin: 'http://localhost:3001' }],
    ['another scheme', { origin: 'https://localhost:3000' }],
    ['a subdomain', { origin: 'http://evil.localhost:3000' }],
    ['an origin with a slash', { origin: `${origin}/` }],
    ['another relying party', { rpId: 'evil.example' }],
    ['another ceremony type', { type: 'webauthn.get' }],
    ['no user present', { userPresent: false }],
    ['a user who was not verified', { userVerified: false }],
    ['a page framed elsewhere', { crossOrigin: true }],
    ['a page on top of ours', { topOrigin: 'https://evil.example' }],
    ['a backup that cannot be', { backupEligible: false, backedUp: true }],
    ['an algorithm we did not offer', { algorithm: -35 }],
    ['another challenge', { challenge: Buffer.alloc(32, 9).toString('base64url') }],
    ['an attestation with a bad signature', { attestation: 'packed', signature: 'bogus' }],
  ];
  test.each(tampered)('%s', async (_what, tamper) => {
    const { user, visitor } = await aJoiner();
    expect(await visitor.register(newAuthenticator(), tamper)).toBe('enrol');
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'not_enrolled' });
    expect(await passkeysOf(user)).toEqual([]);
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'enrolment.refused' });
    expect(event).toMatchObject({ result: 'failure', details: { method: 'passkey' } });
    expect(await eventsOf(latchkey, { userId: user.id, type: 'passkey.registered' })).toEqual([]);
    // And the person can still go on.
    expect(await visitor.register(newAuthenticator())).toBe('confirm');
  });

  const reshaped: readonly [string, (answer: Awaited<ReturnType<typeof create>>) => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a list', (answer) => [answer]],
    ['a number', () => 7],
    ['another id than in the data', (answer) => ({ ...answer, id: Buffer.alloc(32, 1).toString('base64url') })],
    ['another type', (answer) => ({ ...answer, type: 'password' })],
    ['no response', ({ response: _, ...rest }) => rest],
    ['an id that is not base64url', (answer) => ({ ...answer, id: '<b>', rawId: '<b>' })],
    ['an id of 4 KB', (answer) => ({ ...answer, id: 'A'.repeat(4096), rawId: 'A'.repeat(4096) })],
    [
      'client data that is not JSON',
      (answer) => ({ ...answer, response: { ...answer.response, clientDataJSON: 'AAAA' } }),
    ],
    [
      'an attestation that is not CBOR',
      (answer) => ({ ...answer, response: { ...answer.response, attestationObject: 'AAAA' } }),
    ],
    [
      'an attestation cut short',
      (answer) => ({
        ...answer,
        response: { ...answer.response, attestationObject: answer.response.attestationObject.slice(0, 120) },
      }),
    ],
    ['transports that are no list', (answer) => ({ ...answer, response: { ...answer.response, transports: 'usb' } })],
    [
      'a hundred transports',
      (answer) => ({ ...answer, response: { ...answer.response, transports: Array(100).fill('usb') } }),
    ],
    [
      'transports that no database holds',
      (answer) => ({ ...answer, response: { ...answer.response, transports: ['u\0sb'] } }),
    ],
    ['a credential id of eight bytes', shortId],
  ];
  test.each(reshaped)('an answer with %s is refused, never a fault', async (_what, reshape) => {
    const { user, visitor } = await aJoiner();
    const answer = await create(await visitor.creationOptions());
    expect(await visitor.sendRegistration(reshape(answer))).toBe('enrol');
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'not_enrolled' });
    expect(await passkeysOf(user)).toEqual([]);
    expect(await visitor.register(newAuthenticator())).toBe('confirm');
  });

  test('a response that is not a form field is refused', async () => {
    const { user, visitor } = await aJoiner();
    for (const form of [{}, { response: '' }, { response: '{' }, { response: 'null' }, { response: ['{}'] }]) {
      await steps.enrol(house, visitor.visit, 'passkey', form);
      expect(await visitor.step()).toBe('enrol');
    }
    expect(await passkeysOf(user)).toEqual([]);
  });
});

/** The answer of an authenticator whose credential ids have 8 bytes: without attestation nothing is signed. */
function shortId(answer: Awaited<ReturnType<typeof create>>): unknown {
  const object = Buffer.from(answer.response.attestationObject, 'base64url');
  const head = object.indexOf(Buffer.from('authData')) + 'authData'.length;
  const data = object.subarray(head + 2); // 0x58 and a length of one byte
  const idAt = 37 + 16 + 2;
  const short = Buffer.concat([
    data.subarray(0, idAt - 2),
    Buffer.from([0, 8]),
    data.subarray(idAt, idAt + 8),
    data.subarray(idAt + 32),
  ]);
  const attestationObject = Buffer.concat([
    object.subarray(0, head),
    Buffer.from([0x58, short.length]),
    short,
  ]).toString('base64url');
  const id = data.subarray(idAt, idAt + 8).toString('base64url');
  return { ...answer, id, rawId: id, response: { ...answer.response, attestationObject } };
}

describe('a pass adds one passkey', () => {
  test('and no second one in another tab of the same browser', async () => {
    const joiner = await aJoiner();
    const second = await joiner.visitor.again();
    await second.enter(joiner.name, joiner.code);
    const late = await create(await second.creationOptions());
    expect(await joiner.visitor.register(newAuthenticator())).toBe('confirm');
    expect(await second.sendRegistration(late)).toBe('confirm');
    expect(await passkeysOf(joiner.user)).toHaveLength(1);
  });

  test('that was used ends the other tab, which cannot add another', async () => {
    const joiner = await aJoiner();
    const second = await joiner.visitor.again();
    await second.enter(joiner.name, joiner.code);
    const late = await create(await second.creationOptions());
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    expect(await joiner.visitor.sign(authenticator)).toBe('complete');
    expect(await second.sendRegistration(late)).toBe('ended');
    expect(await passkeysOf(joiner.user)).toHaveLength(1);
  });

  test('when two tabs answer at the same moment: the other goes on with it', async () => {
    const joiner = await aJoiner();
    const second = await joiner.visitor.again();
    await second.enter(joiner.name, joiner.code);
    const answers = [
      await create(await joiner.visitor.creationOptions()),
      await create(await second.creationOptions()),
    ];
    const ends = await Promise.all([joiner.visitor.sendRegistration(answers[0]), second.sendRegistration(answers[1])]);
    expect(ends).toEqual(['confirm', 'confirm']);
    expect(await passkeysOf(joiner.user)).toHaveLength(1);
  });

  test('when two tabs use it at the same moment, both come to an end and neither is a fault', async () => {
    const joiner = await aJoiner();
    const authenticator = newAuthenticator({ signCount: 'zero' });
    await joiner.visitor.register(authenticator);
    const second = await joiner.visitor.again();
    expect(await second.enter(joiner.name, joiner.code)).toBe('confirm');
    let other: Promise<unknown> | undefined;
    const slow = withPart(house, 'passkey', (passkey) => ({
      async spend(...asked) {
        other = second.sign(authenticator);
        await untilSomebodyWaits(latchkey);
        return passkey.spend(...asked);
      },
    }));
    const first = joiner.visitor.at(slow);
    expect(await first.sign(authenticator)).toBe('complete');
    expect(await other).toBe('ended');
    expect(await eventsOf(latchkey, { userId: joiner.user.id, type: 'pass.completed' })).toHaveLength(1);
  });

  const atOnce: readonly [string, (joiner: Joiner) => Promise<unknown>][] = [
    ['a new pass that is issued', ({ user }) => latchkey.pass(user.id)],
    ['a revocation that comes', ({ user }) => revoke(user)],
  ];
  test.each(atOnce)('and %s while it is being kept waits for it, and is no fault', async (_what, happens) => {
    const joiner = await aJoiner();
    let happening: Promise<unknown> | undefined;
    const slow = withPart<EnrollableMethod>(house, 'passkey', (passkey) => ({
      async keepEnrolment(...asked) {
        happening = happens(joiner);
        await untilSomebodyWaits(latchkey);
        return passkey.keepEnrolment(...asked);
      },
    }));
    const visitor = joiner.visitor.at(slow);
    await visitor.register(newAuthenticator());
    await happening;
    expect((await visitor.look()).step).toEqual({ kind: 'ended', saved: true });
    expect(await passkeysOf(joiner.user)).toHaveLength(1);
  });

  test('and a false start after it goes on with the one that is there', async () => {
    const joiner = await aJoiner();
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    const second = await joiner.visitor.again();
    expect(await second.enter(joiner.name, joiner.code)).toBe('confirm');
    expect(await second.sign(authenticator)).toBe('complete');
    expect(await passkeysOf(joiner.user)).toHaveLength(1);
  });

  test('a reusable one as well', async () => {
    await passPolicy(latchkey, { isUsableOnce: false });
    const joiner = await aJoiner({ oneTime: false });
    await passPolicy(latchkey, {});
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    await passPolicy(latchkey, { isUsableOnce: false });
    expect(await joiner.visitor.sign(authenticator)).toBe('complete');
    const second = await aVisitor(house);
    expect(await second.enter(joiner.name, joiner.code)).toBe('enrol');
    await passPolicy(latchkey, {});
    expect(await second.register(newAuthenticator())).toBe('enrol');
    expect(await noticeOf(second)).toEqual({ kind: 'not_enrolled', reason: 'one_per_pass' });
  });
});

describe('a passkey that is registered already is refused', () => {
  test('for the same user', async () => {
    const authenticator = newAuthenticator();
    const name = aName();
    const { userId } = await aPasskeyHolder(latchkey, house, name, authenticator);
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    const copied = await withCredentialOf(
      authenticator.credentials[0]!.id,
      await create(await visitor.creationOptions()),
    );
    expect(await visitor.sendRegistration(copied)).toBe('enrol');
    expect(await noticeOf(visitor)).toEqual({ kind: 'not_enrolled', reason: 'duplicate' });
    expect(await passkeysOf({ id: userId })).toHaveLength(1);
  });

  test('for another user, whose it does not become', async () => {
    const authenticator = newAuthenticator();
    const { userId } = await aPasskeyHolder(latchkey, house, aName('owner'), authenticator);
    const [before] = await passkeysOf({ id: userId });
    const thief = await aJoiner();
    const copied = await withCredentialOf(
      authenticator.credentials[0]!.id,
      await create(await thief.visitor.creationOptions()),
    );
    expect(await thief.visitor.sendRegistration(copied)).toBe('enrol');
    expect(await noticeOf(thief.visitor)).toEqual({ kind: 'not_enrolled', reason: 'duplicate' });
    expect(await passkeysOf(thief.user)).toEqual([]);
    expect(await passkeysOf({ id: userId })).toEqual([before]);
  });

  /** The same answer, claiming the credential id of another: without attestation nothing is signed. */
  async function withCredentialOf(id: string, answer: Awaited<ReturnType<typeof create>>): Promise<unknown> {
    const own = Buffer.from(answer.id, 'base64url');
    const object = Buffer.from(answer.response.attestationObject, 'base64url');
    Buffer.from(id, 'base64url').copy(object, object.indexOf(own));
    return {
      ...answer,
      id,
      rawId: id,
      response: { ...answer.response, attestationObject: object.toString('base64url') },
    };
  }
});

describe('the first use of the new passkey', () => {
  test('completes the sign-in and the pass, and is recorded', async () => {
    const { user, visitor, passId } = await aJoiner();
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('complete');
    const { step, signIn } = await visitor.look();
    expect(step).toMatchObject({ userId: user.id, level: 'phr', amr: ['pop', 'user', 'mfa'] });
    expect(signIn.evidence.map(({ methodId }) => methodId)).toEqual(['temporary-access-pass', 'passkey']);
    expect(step).toMatchObject({ authTime: signIn.evidence[1]!.at });
    expect(
      (await latchkey.base.knex('temporary_access_passes').where('id', '=', passId).first()).completed_at,
    ).not.toBeNull();
    expect((await passkeysOf(user))[0].first_used_at).not.toBeNull();
    expect((await eventsOf(latchkey, { userId: user.id, type: 'pass.completed' }))[0]!.details).toEqual({ passId });
  });

  test('is recorded as one completion, however often the page is loaded', async () => {
    const { user, visitor } = await aJoiner();
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    await visitor.sign(authenticator);
    await Promise.all(Array.from({ length: 5 }, () => visitor.look()));
    expect(await eventsOf(latchkey, { userId: user.id, type: 'sign-in.completed' })).toHaveLength(1);
  });

  test('is asked of that passkey alone', async () => {
    const { user, visitor } = await aJoiner();
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    const options = await visitor.requestOptions();
    expect(options.allowCredentials!.map(({ id }) => id)).toEqual(authenticator.credentials.map(({ id }) => id));
    expect(options).toMatchObject({ userVerification: 'required', rpId: 'localhost' });
    expect((await passkeysOf(user))[0].first_used_at).toBeNull();
  });

  test('is not done with an older passkey of the same user', async () => {
    const old = newAuthenticator();
    const name = aName();
    const { userId } = await aPasskeyHolder(latchkey, house, name, old);
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    await visitor.register(newAuthenticator());
    const options = { ...(await visitor.requestOptions()), allowCredentials: [] };
    expect(await visitor.sendAssertion(await old.get(options, { origin }))).toBe('confirm');
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'other_account' });
    expect(await lastRefusal(latchkey)).toBe('credential_of_other');
    expect((await passkeysOf({ id: userId }))[1].first_used_at).toBeNull();
  });

  test('is not done with the passkey of somebody else', async () => {
    const others = newAuthenticator();
    await aPasskeyHolder(latchkey, house, aName('other'), others);
    const { user, visitor } = await aJoiner();
    await visitor.register(newAuthenticator());
    const options = { ...(await visitor.requestOptions()), allowCredentials: [] };
    expect(await visitor.sendAssertion(await others.get(options, { origin }))).toBe('confirm');
    expect((await visitor.look()).signIn.userId).toBe(user.id);
  });

  test('is not done with a passkey that was being checked when the pass was entered in another tab', async () => {
    const others = newAuthenticator();
    await aPasskeyHolder(latchkey, house, aName('other'), others);
    const user = await latchkey.user(aName());
    const { code, pass } = await issuePass(latchkey.base.run, asOperator, { user: user.id });
    const plain = await aVisitor(house);
    const racing = plain.at(
      meanwhile(house, 'passkey', async () => {
        await plain.enter(user.userPrincipalName, code);
        await plain.register(newAuthenticator());
      }),
    );
    expect(await racing.sign(others)).toBe('confirm');
    expect((await plain.look()).signIn.userId).toBe(user.id);
    expect(
      (await latchkey.base.knex('temporary_access_passes').where('id', '=', pass.id).first()).completed_at,
    ).toBeNull();
  });

  test('is not done with the code again', async () => {
    const { visitor, code } = await aJoiner();
    await visitor.register(newAuthenticator());
    expect(await visitor.type(code)).toBe('confirm');
  });

  const endings: readonly [string, (joiner: Joiner) => Promise<unknown>][] = [
    ['the window has ended', async () => advance(10)],
    ['the pass was revoked', ({ user }) => revoke(user)],
    ['the pass was replaced', ({ user }) => latchkey.pass(user.id)],
  ];
  test.each(endings)('is refused when %s, and the passkey stays for an ordinary sign-in', async (_what, end) => {
    const joiner = await aJoiner();
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    const answer = await authenticator.get(await joiner.visitor.requestOptions(), { origin });
    await end(joiner);
    expect(await joiner.visitor.sendAssertion(answer)).toBe('ended');
    expect((await joiner.visitor.look()).step).toEqual({ kind: 'ended', saved: true });
    const [passkey] = await passkeysOf(joiner.user);
    expect(passkey).toMatchObject({ first_used_at: null, suspended_at: null });

    const ordinary = await aVisitor(house);
    expect(await ordinary.sign(authenticator)).toBe('complete');
  });

  test.each(endings)('is refused when %s while it is being checked', async (_what, end) => {
    const joiner = await aJoiner();
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    const racing = joiner.visitor.at(meanwhile(house, 'passkey', () => end(joiner)));
    expect(await racing.sign(authenticator)).toBe('ended');
    expect((await passkeysOf(joiner.user))[0].first_used_at).toBeNull();
  });

  test('is refused for a user who was disabled, and the passkey opens nothing', async () => {
    const joiner = await aJoiner();
    const authenticator = newAuthenticator();
    await joiner.visitor.register(authenticator);
    await disable(joiner.user);
    expect(await joiner.visitor.step()).toBe('ended');
    expect(await (await aVisitor(house)).sign(authenticator)).toBe('identify');
  });

  test.each<[string, Tamper]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another relying party', { rpId: 'evil.example' }],
    ['a user who was not verified', { userVerified: false }],
    ['a bad signature', { signature: 'bogus' }],
    ['a page framed elsewhere', { crossOrigin: true }],
  ])('is refused with %s, and can be done again', async (_what, tamper) => {
    const { visitor, passId } = await aJoiner();
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator, tamper)).toBe('confirm');
    expect(
      (await latchkey.base.knex('temporary_access_passes').where('id', '=', passId).first()).completed_at,
    ).toBeNull();
    expect(await visitor.sign(authenticator)).toBe('complete');
  });
});

test.each(['passkey', 'authenticator-app'] as const)(
  'a registration by %s that begins while its user is being deleted is no fault',
  async (id) => {
    const user = await latchkey.user(aName());
    const method = house.methods.get(id) as EnrollableMethod;
    const enrolment = { owner: randomBytes(32), userId: user.id, passId: null, endsAt: null, device: null };
    let beginning: Promise<unknown> = Promise.resolve();
    await latchkey.base.knex.transaction(async (tx) => {
      await tx.raw('delete from users where id = ?', [user.id]);
      beginning = latchkey
        .work((work) => method.beginEnrolment(work, enrolment))
        .catch((error: AppError) => error.code ?? error);
      await untilSomebodyWaits(latchkey);
    });
    expect(await beginning).toEqual(
      id === 'passkey' ? 'not_found' : expect.objectContaining({ secret: expect.any(String) }),
    );
  },
);
