import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMinutes } from '../../src/core/time.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import * as own from '../../src/security-info/own-methods.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aPasskeyHolder, aVisitor, type CreationOptions, eventsOf, origin } from '../support/makers.ts';
import { newAuthenticator, type SoftwareAuthenticator, type Tamper } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
let passkey: EnrollableMethod;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
  passkey = house.methods.get('passkey') as EnrollableMethod;
});
afterAll(() => latchkey?.close());

interface Person {
  readonly owner: own.Owner;
  readonly name: string;
  readonly passkeyId: string;
  readonly authenticator: SoftwareAuthenticator;
}

/** Somebody who has just signed in with a passkey and looks at their own methods. */
async function aPerson(more: Partial<own.Owner> = {}): Promise<Person> {
  const name = aName('owner');
  const authenticator = newAuthenticator();
  const { userId, passkeyId } = await aPasskeyHolder(latchkey, house, name, authenticator);
  return { name, passkeyId, authenticator, owner: await anOwner({ userId, ...more }) };
}

async function anOwner(more: Pick<own.Owner, 'userId'> & Partial<own.Owner>): Promise<own.Owner> {
  const authTime = await latchkey.work(async (work) => work.now);
  const origin = {
    requestId: randomUUID(),
    ip: '198.51.100.1',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  };
  return { sessionUid: randomUUID(), authTime, strong: true, passId: null, origin, ...more };
}

const stale = { code: 'unauthenticated', message: 'To change your sign-in methods, sign in once more.' };
const begin = (owner: own.Owner) =>
  own.beginOwnEnrolment(latchkey.base.run, house.methods, passkey, owner) as Promise<CreationOptions>;
const finish = (owner: own.Owner, answer: unknown) =>
  own.finishOwnEnrolment(latchkey.base.run, house.methods, passkey, owner, { response: JSON.stringify(answer) });
const rename = (owner: own.Owner, credentialId: string, name: string) =>
  own.renameOwnCredential(latchkey.base.run, house.methods, owner, { credentialId, name });
const info = (owner: own.Owner) => own.ownSecurityInfo(latchkey.base.run, house.methods, owner);
const create = (options: CreationOptions, tamper: Tamper = {}) =>
  newAuthenticator().create(options, { origin, tamper });
const old = (owner: own.Owner, minutes: number) => ({ ...owner, authTime: addMinutes(owner.authTime, -minutes) });

async function disable(userId: string): Promise<void> {
  await latchkey.work(async (work) => changeUser(work, await getUser(work, userId), { enabled: false }));
}

describe('what a person sees of their own', () => {
  test('is their passkeys, with what they are known by, and nothing secret', async () => {
    const { owner, name, passkeyId } = await aPerson();
    const { user, credentials, mayChange } = await info(owner);
    expect(user.userPrincipalName).toBe(name);
    expect(mayChange).toBe(true);
    expect(credentials).toMatchObject([{ id: passkeyId, method: 'passkey', deviceBound: true, suspended: false }]);
    expect(Object.keys(credentials[0]!)).not.toContain('publicKey');
    expect(credentials[0]!.lastUsedAt).toBeInstanceOf(Date);
  });

  test('says what was suspended, and nothing of other people', async () => {
    const [one, other] = [await aPerson(), await aPerson()];
    await latchkey.base
      .knex('passkeys')
      .where('id', '=', one.passkeyId)
      .update({ suspended_at: new Date(), suspend_reason: 'lost' });
    expect((await info(one.owner)).credentials).toMatchObject([{ id: one.passkeyId, suspended: true }]);
    expect((await info(other.owner)).credentials.map(({ id }) => id)).toEqual([other.passkeyId]);
  });

  test.each([
    ['a proof of ten minutes ago', (owner: own.Owner) => old(owner, 10), false],
    ['a proof of just under ten minutes ago', (owner: own.Owner) => old(owner, 9.9), true],
    ['a fresh proof that was no passkey', (owner: own.Owner) => ({ ...owner, strong: false }), false],
  ])('may be looked at with %s, and says whether it may be changed', async (_what, asIf, mayChange) => {
    const { owner } = await aPerson();
    expect((await info(asIf(owner))).mayChange).toBe(mayChange);
  });

  test('is closed to who was disabled', async () => {
    const { owner } = await aPerson();
    await disable(owner.userId);
    await expect(info(owner)).rejects.toMatchObject({
      code: 'forbidden',
      message: 'Your account is disabled. Ask your help desk.',
    });
  });

  test('is closed to who is gone', async () => {
    await expect(info(await anOwner({ userId: randomUUID() }))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a name', () => {
  test('is changed, trimmed, and the change is recorded with who did it', async () => {
    const { owner, passkeyId } = await aPerson();
    await rename(owner, passkeyId, '  Blue key ');
    expect((await info(owner)).credentials[0]).toMatchObject({ id: passkeyId, name: 'Blue key' });
    const [event] = await eventsOf(latchkey, { userId: owner.userId, type: 'passkey.renamed' });
    expect(event).toMatchObject({
      actor_kind: 'user',
      actor_id: owner.userId,
      details: { passkeyId, name: 'Blue key' },
    });
  });

  test.each(['', '   ', 'x'.repeat(65)])('cannot be "%s"', async (name) => {
    const { owner, passkeyId } = await aPerson();
    const before = (await info(owner)).credentials;
    await expect(rename(owner, passkeyId, name)).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'A name needs 1 to 64 characters.',
    });
    expect((await info(owner)).credentials).toEqual(before);
  });

  test('of 64 characters is the longest, and markup is a name like any other', async () => {
    const { owner, passkeyId } = await aPerson();
    for (const name of ['x'.repeat(64), '<b>"&\'</b>', '密钥 🔑']) {
      await rename(owner, passkeyId, name);
      expect((await info(owner)).credentials[0]!.name).toBe(name);
    }
  });

  test('of somebody else’s passkey is not found, and stays', async () => {
    const [one, other] = [await aPerson(), await aPerson()];
    const before = (await info(other.owner)).credentials;
    await expect(rename(one.owner, other.passkeyId, 'Mine')).rejects.toMatchObject({
      code: 'not_found',
      message: 'There is no such sign-in method.',
    });
    expect((await info(other.owner)).credentials).toEqual(before);
    expect(await eventsOf(latchkey, { userId: other.owner.userId, type: 'passkey.renamed' })).toEqual([]);
  });

  test.each(['', 'x', randomUUID(), '../../etc', "' or 1=1 --", '{}'])(
    'of "%s" is not found, as of somebody else’s',
    async (credentialId) => {
      const { owner } = await aPerson();
      await expect(rename(owner, credentialId, 'Mine')).rejects.toMatchObject({
        code: 'not_found',
        message: 'There is no such sign-in method.',
      });
    },
  );

  test.each([
    ['ten minutes old', (owner: own.Owner) => old(owner, 10)],
    ['not a passkey', (owner: own.Owner) => ({ ...owner, strong: false })],
  ])('is not changed with a proof that is %s, and the refusal is recorded', async (_what, asIf) => {
    const { owner, passkeyId } = await aPerson();
    await expect(rename(asIf(owner), passkeyId, 'Mine')).rejects.toMatchObject(stale);
    expect((await info(owner)).credentials[0]!.name).not.toBe('Mine');
    const refusal = (await eventsOf(latchkey, { type: 'request.refused' })).at(-1);
    expect(refusal).toMatchObject({
      result: 'failure',
      actor_kind: 'user',
      actor_id: owner.userId,
      details: { code: 'unauthenticated' },
    });
  });

  test('is not changed by who was disabled', async () => {
    const { owner, passkeyId } = await aPerson();
    await disable(owner.userId);
    await expect(rename(owner, passkeyId, 'Mine')).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('a second passkey', () => {
  test('is added, named after where it was made, and signs in', async () => {
    const { owner } = await aPerson();
    const second = newAuthenticator();
    const verdict = await finish(owner, await second.create(await begin(owner), { origin }));
    expect(verdict).toMatchObject({ enrolled: true, credential: { name: 'Passkey from Firefox on Linux' } });
    expect((await info(owner)).credentials).toHaveLength(2);
    expect(await (await aVisitor(house)).sign(second)).toBe('complete');
    const events = await eventsOf(latchkey, { userId: owner.userId, type: 'passkey.registered' });
    expect(events.at(-1)).toMatchObject({ actor_kind: 'user', details: { passId: null } });
  });

  test('cannot be made by the authenticator that holds the first', async () => {
    const { owner, authenticator } = await aPerson();
    await expect(authenticator.create(await begin(owner), { origin })).rejects.toMatchObject({
      name: 'InvalidStateError',
    });
  });

  test.each([
    ['ten minutes old', (owner: own.Owner) => old(owner, 10)],
    ['not a passkey', (owner: own.Owner) => ({ ...owner, strong: false })],
  ])('is not added with a proof that is %s', async (_what, asIf) => {
    const { owner } = await aPerson();
    await expect(begin(asIf(owner))).rejects.toMatchObject(stale);
    const answer = await create(await begin(owner));
    await expect(finish(asIf(owner), answer)).rejects.toMatchObject(stale);
    expect((await info(owner)).credentials).toHaveLength(1);
  });

  test('is not added with a ceremony of another session, another person, or a sign-in', async () => {
    const [one, other] = [await aPerson(), await aPerson()];
    const mine = await create(await begin(one.owner));
    const refused = { enrolled: false, reason: 'ceremony' };
    expect(await finish({ ...one.owner, sessionUid: randomUUID() }, mine)).toEqual(refused);
    expect(await finish(other.owner, mine)).toEqual(refused);
    expect(await finish({ ...other.owner, sessionUid: one.owner.sessionUid }, mine)).toEqual(refused);
    const joiner = (await latchkey.user(aName())).userPrincipalName;
    const visitor = await aVisitor(house);
    await visitor.enter(joiner, await latchkey.pass(joiner));
    expect(
      await finish({ ...one.owner, sessionUid: visitor.visit.uid }, await create(await visitor.creationOptions())),
    ).toEqual(refused);
    expect((await info(one.owner)).credentials).toHaveLength(1);
    expect((await info(other.owner)).credentials).toHaveLength(1);
  });

  test('is added once, however often the answer is sent', async () => {
    const { owner } = await aPerson();
    const answer = await create(await begin(owner));
    const verdicts = await Promise.all(Array.from({ length: 4 }, () => finish(owner, answer)));
    expect(verdicts.filter(({ enrolled }) => enrolled)).toHaveLength(1);
    expect((await info(owner)).credentials).toHaveLength(2);
  });

  test.each<[string, Tamper]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another relying party', { rpId: 'evil.example' }],
    ['a user who was not verified', { userVerified: false }],
    ['a page framed elsewhere', { crossOrigin: true }],
  ])('is not added with %s', async (_what, tamper) => {
    const { owner } = await aPerson();
    expect(await finish(owner, await create(await begin(owner), tamper))).toMatchObject({ enrolled: false });
    expect((await info(owner)).credentials).toHaveLength(1);
  });

  test('waits five minutes for its answer', async () => {
    const { owner } = await aPerson();
    const answer = await create(await begin(owner));
    latchkey.clock.advance(5);
    expect(await finish(owner, answer)).toEqual({ enrolled: false, reason: 'ceremony' });
  });

  test('is not added by who was disabled meanwhile', async () => {
    const { owner } = await aPerson();
    const answer = await create(await begin(owner));
    await disable(owner.userId);
    await expect(finish(owner, answer)).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('an eleventh is one too many', async () => {
    const { owner } = await aPerson();
    for (let count = 2; count <= 10; count += 1) {
      expect(await finish(owner, await create(await begin(owner)))).toMatchObject({ enrolled: true });
    }
    expect(await finish(owner, await create(await begin(owner)))).toEqual({ enrolled: false, reason: 'too_many' });
    expect((await info(owner)).credentials).toHaveLength(10);
  });

  test('an eleventh is one too many when several are added at once, too', async () => {
    const { owner } = await aPerson();
    for (let count = 2; count <= 8; count += 1) await finish(owner, await create(await begin(owner)));
    const answers = await Promise.all(Array.from({ length: 6 }, async () => create(await begin(owner))));
    const verdicts = await Promise.all(answers.map((answer) => finish(owner, answer)));
    expect(verdicts.filter(({ enrolled }) => enrolled)).toHaveLength(2);
    expect((await info(owner)).credentials).toHaveLength(10);
  });
});
