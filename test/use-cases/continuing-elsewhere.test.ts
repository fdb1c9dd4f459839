import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anonymous } from '../../src/core/actor.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import { type IssuePass, issuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { changePerson } from '../../src/people.ts';
import { signOutEverywhere } from '../../src/sessions/manage-sessions.ts';
import * as steps from '../../src/sign-in/steps.ts';
import type { User } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  anAddress,
  aVisitor,
  type CreationOptions,
  eventsOf,
  meanwhile,
  origin,
  passPolicy,
  type RequestOptions,
  type Visitor,
  withPart,
} from '../support/makers.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** Continue on another device: every rule of docs/continue.md at the door of the use-cases. */

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const revoke = (user: User) => latchkey.work((work) => revokePass(work, { user: user.id }));
const send = (response: unknown) => ({ response: JSON.stringify(response) });

interface Joiner {
  readonly user: User;
  readonly code: string;
  readonly passId: string;
  readonly computer: Visitor;
}

/** Somebody who has entered a pass on a computer, and is asked for a passkey there. */
async function aJoiner(asked: Partial<IssuePass> = {}): Promise<Joiner> {
  const user = await latchkey.user(aName());
  const { code, pass } = await issuePass(latchkey.base.run, asOperator, { ...asked, user: user.id });
  const computer = await aVisitor(house);
  expect(await computer.enter(user.userPrincipalName, code)).toBe('enrol');
  return { user, code, passId: pass.id, computer };
}

/** Has the computer show a link; returns its secret. */
async function offer({ visit }: Visitor): Promise<string> {
  await steps.offerElsewhere(house, visit);
  return (await steps.offeredLink(house, visit))!;
}

const iPhone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

const aFollower = (browser: Buffer = randomBytes(32)): steps.Follower => ({
  actor: anonymous,
  origin: { requestId: randomUUID(), ip: anAddress(), userAgent: iPhone },
  browser,
});

/** A phone that has followed the link, at the door for it. */
interface Phone {
  readonly visit: steps.Visit;
  /** The step there; undefined once there is nothing for it. */
  step(): Promise<string | undefined>;
  creationOptions(): Promise<CreationOptions>;
  requestOptions(): Promise<RequestOptions>;
  register(authenticator: SoftwareAuthenticator): Promise<string | undefined>;
  sign(authenticator: SoftwareAuthenticator): Promise<string | undefined>;
}

async function follow(secret: string, follower = aFollower()): Promise<Phone> {
  const uid = await steps.followLink(house, follower, secret);
  if (uid === undefined) throw new Error('The link led nowhere.');
  return phoneAt({ ...follower, uid, signedInUserId: null, elsewhere: true });
}

function phoneAt(visit: steps.Visit, at = house): Phone {
  const phone: Phone = {
    visit,
    step: async () => (await steps.lookElsewhere(at, visit))?.standing.step.kind,
    creationOptions: async () => (await steps.beginEnrolment(at, visit, 'passkey')) as CreationOptions,
    async requestOptions() {
      const challenge = await steps.challenge(at, visit, 'passkey');
      if (challenge.kind !== 'passkey') throw new Error('A passkey is asked for with options.');
      return challenge.options as RequestOptions;
    },
    async register(authenticator) {
      const made = await authenticator.create(await phone.creationOptions(), { origin });
      await steps.enrol(at, visit, 'passkey', send(made));
      return phone.step();
    },
    async sign(authenticator) {
      const answer = await authenticator.get(await phone.requestOptions(), { origin });
      await steps.answer(at, visit, 'passkey', send(answer));
      return phone.step();
    },
  };
  return phone;
}

/** A joiner whose registration goes on on a phone. */
async function onAPhone(asked: Partial<IssuePass> = {}) {
  const joiner = await aJoiner(asked);
  const secret = await offer(joiner.computer);
  return { ...joiner, secret, phone: await follow(secret) };
}

const passkeysOf = ({ id }: User) => latchkey.base.knex('passkeys').where('user_id', '=', id);
const carrying = async ({ visit }: Visitor) => steps.carryingOf(house, visit);
const passRow = (id: string) => latchkey.base.knex('temporary_access_passes').where('id', '=', id).first();
const typesOf = async (user: User) => (await eventsOf(latchkey, { userId: user.id })).map(({ type }) => type);

describe('a registration carried on to a phone', () => {
  test('is registered and used there, and the computer signs in with it: phr, by the proof on the phone', async () => {
    const { user, computer, passId, secret, phone } = await onAPhone();
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect([await computer.step(), await carrying(computer)]).toEqual(['wait', 'claimed']);
    const authenticator = newAuthenticator({ backupEligible: true, backedUp: true });
    expect(await phone.register(authenticator)).toBe('confirm');
    expect(await carrying(computer)).toBe('saved');
    expect((await passRow(passId)).completed_at).toBeNull();
    expect(await phone.sign(authenticator)).toBe('done');
    expect(await carrying(computer)).toBe('over');
    expect((await passRow(passId)).completed_at).not.toBeNull();

    const { step, signIn } = await computer.look();
    expect(step).toMatchObject({ kind: 'complete', userId: user.id, level: 'phr', amr: ['pop', 'user', 'mfa'] });
    expect(step).toMatchObject({ bornOf: null, authTime: signIn.evidence[1]!.at });
    const [passkey] = await passkeysOf(user);
    expect(passkey).toMatchObject({
      pass_id: passId,
      created_with: 'Safari on iPhone',
      last_used_with: 'Safari on iPhone',
    });

    const elsewhere = await steps.lookElsewhere(house, phone.visit);
    expect(elsewhere).toMatchObject({
      account: user.userPrincipalName,
      registered: { id: passkey.id, name: passkey.name, deviceBound: false },
      standing: { step: { kind: 'done' } },
    });
    expect(await typesOf(user)).toEqual(
      expect.arrayContaining(['sign-in.link-made', 'sign-in.carried-on', 'passkey.registered', 'sign-in.completed']),
    );
  });

  test('completes on the computer alone: looking on the phone completes nothing, before or after', async () => {
    const { user, computer, phone } = await onAPhone();
    const authenticator = newAuthenticator();
    await phone.register(authenticator);
    await phone.sign(authenticator);
    for (let times = 0; times < 3; times += 1) expect(await phone.step()).toBe('done');
    expect(await typesOf(user)).not.toContain('sign-in.completed');
    expect(await computer.step()).toBe('complete');
    expect(await phone.step()).toBe('done');
    expect((await typesOf(user)).filter((type) => type === 'sign-in.completed')).toHaveLength(1);
  });

  test('says whose account it is before anything is done, and being asked so spends nothing', async () => {
    const { user, computer } = await aJoiner();
    const secret = await offer(computer);
    const events = await typesOf(user);
    for (let times = 0; times < 3; times += 1) {
      expect(await steps.aboutLink(house, aFollower(), secret)).toEqual({
        account: user.userPrincipalName,
        windowEndsAt: expect.any(Date),
      });
    }
    expect([await carrying(computer), await typesOf(user)]).toEqual(['offered', events]);
    expect(await (await follow(secret)).step()).toBe('enrol');
  });

  test('keeps the secret where nobody reads it: a digest, and sealed while it is to be shown', async () => {
    const { computer } = await aJoiner();
    const secret = await offer(computer);
    expect(await steps.offeredLink(house, computer.visit)).toBe(secret);
    const row = () => latchkey.base.knex('sign_ins').where('uid', '=', computer.visit.uid).first();
    const offered = await row();
    expect(offered.carry_sealed).toBeInstanceOf(Buffer);
    const kept = [offered, await latchkey.base.knex('audit_events').select()];
    for (const form of [secret, Buffer.from(secret).toString('hex')]) {
      expect(
        JSON.stringify(kept, (_key, value) => (value?.type === 'Buffer' ? Buffer.from(value).toString('hex') : value)),
      ).not.toContain(form);
    }
    await follow(secret);
    expect((await row()).carry_sealed).toBeNull();
    expect(await steps.offeredLink(house, computer.visit)).toBeUndefined();
  });

  test('is bound to one phone of twenty that follow the link at once', async () => {
    const { user, computer } = await aJoiner();
    const secret = await offer(computer);
    const followers = Array.from({ length: 20 }, () => aFollower());
    const uids = await Promise.all(followers.map((follower) => steps.followLink(house, follower, secret)));
    expect(uids.filter((uid) => uid !== undefined)).toEqual([computer.visit.uid]);
    const stands = await Promise.all(
      followers.map(({ browser }) => phoneAt({ ...computer.visit, browser, elsewhere: true }).step()),
    );
    expect(stands.filter((step) => step === 'enrol')).toHaveLength(1);
    expect((await typesOf(user)).filter((type) => type === 'sign-in.carried-on')).toHaveLength(1);
  });

  test('goes on in the browser that followed the link, also when it follows it again', async () => {
    const { secret, phone, user } = await onAPhone();
    expect(await steps.followLink(house, { ...aFollower(), browser: phone.visit.browser }, secret)).toBe(
      phone.visit.uid,
    );
    expect(await steps.aboutLink(house, { ...aFollower(), browser: phone.visit.browser }, secret)).toBeDefined();
    expect(await steps.aboutLink(house, aFollower(), secret)).toBeUndefined();
    expect(await steps.followLink(house, aFollower(), secret)).toBeUndefined();
    expect(await phone.step()).toBe('enrol');
    expect((await typesOf(user)).filter((type) => type === 'sign-in.carried-on')).toHaveLength(1);
  });

  test('in two tabs of the phone registers one passkey, and either goes on with it', async () => {
    const { user, phone } = await onAPhone();
    const authenticator = newAuthenticator();
    const late = await newAuthenticator().create(await phone.creationOptions(), { origin });
    await phone.register(authenticator);
    await steps.enrol(house, phone.visit, 'passkey', send(late));
    expect(await phone.step()).toBe('confirm');
    expect(await passkeysOf(user)).toHaveLength(1);
    expect(await phone.sign(authenticator)).toBe('done');
  });

  test('may follow a reusable pass as well', async () => {
    await passPolicy(latchkey, { isUsableOnce: false });
    const { computer, phone } = await onAPhone({ oneTime: false });
    const authenticator = newAuthenticator();
    await phone.register(authenticator);
    expect(await phone.sign(authenticator)).toBe('done');
    expect(await computer.step()).toBe('complete');
    await passPolicy(latchkey, {});
  });
});

describe('a link', () => {
  test('is offered where a window is open and nothing is registered, and nowhere else', async () => {
    const nobody = await aVisitor(house);
    await steps.offerElsewhere(house, nobody.visit);
    expect([await nobody.step(), await steps.offeredLink(house, nobody.visit)]).toEqual(['identify', undefined]);
    const { computer } = await aJoiner();
    await computer.register(newAuthenticator());
    await steps.offerElsewhere(house, computer.visit);
    expect([await computer.step(), await steps.offeredLink(house, computer.visit)]).toEqual(['confirm', undefined]);
  });

  test('is offered, read and taken back in the browser of the sign-in alone', async () => {
    const { computer } = await aJoiner();
    const stranger = { ...computer.visit, browser: randomBytes(32) };
    await expect(steps.offerElsewhere(house, stranger)).rejects.toMatchObject({ code: 'forbidden' });
    const secret = await offer(computer);
    await expect(steps.offeredLink(house, stranger)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(steps.carryingOf(house, stranger)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(steps.takeBack(house, stranger)).rejects.toMatchObject({ code: 'forbidden' });
    const phone = await follow(secret);
    const { elsewhere: _elsewhere, ...asComputer } = phone.visit;
    await expect(steps.takeBack(house, asComputer)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(steps.look(house, asComputer, 'app')).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('replaces the one before', async () => {
    const { computer } = await aJoiner();
    const first = await offer(computer);
    const second = await offer(computer);
    expect(second).not.toBe(first);
    expect(await steps.aboutLink(house, aFollower(), first)).toBeUndefined();
    expect(await steps.followLink(house, aFollower(), first)).toBeUndefined();
    expect(await (await follow(second)).step()).toBe('enrol');
  });

  test('that a phone has followed is not replaced: it is taken back first', async () => {
    const { computer, phone } = await onAPhone();
    await steps.offerElsewhere(house, computer.visit);
    expect([await carrying(computer), await phone.step()]).toEqual(['claimed', 'enrol']);
  });

  test.each(['', 'x'.repeat(43), randomBytes(32).toString('base64url'), '\0', 'é'.repeat(43)])(
    'that was never made leads nowhere: %j',
    async (secret) => {
      expect(await steps.aboutLink(house, aFollower(), secret)).toBeUndefined();
      expect(await steps.followLink(house, aFollower(), secret)).toBeUndefined();
    },
  );

  const endings: readonly [string, string, (joiner: Joiner) => Promise<unknown>][] = [
    ['the window has ended', 'ended', async () => latchkey.clock.advance(10)],
    ['the computer went back', 'enrol', ({ computer }) => steps.takeBack(house, computer.visit)],
    ['the computer cancelled', 'cancelled', ({ computer }) => steps.cancel(house, computer.visit)],
    ['the pass was revoked', 'ended', ({ user }) => revoke(user)],
    ['the pass was replaced', 'ended', ({ user }) => latchkey.pass(user.id)],
    [
      'the user was disabled',
      'ended',
      ({ user }) => latchkey.work((work) => changePerson(work, user.id, { enabled: false })),
    ],
    [
      'the user signed out everywhere',
      'identify',
      ({ user }) => latchkey.work((work) => signOutEverywhere(work, { userId: user.id, methods: house.methods })),
    ],
    [
      'the computer began anew',
      'identify',
      async ({ computer }) => {
        latchkey.clock.advance(10);
        await steps.restart(house, computer.visit);
        latchkey.clock.advance(-10);
      },
    ],
  ];
  test.each(endings)('leads nowhere once %s', async (_what, stands, end) => {
    const joiner = await aJoiner();
    const secret = await offer(joiner.computer);
    await end(joiner);
    expect(await steps.aboutLink(house, aFollower(), secret)).toBeUndefined();
    expect(await steps.followLink(house, aFollower(), secret)).toBeUndefined();
    expect(await joiner.computer.step()).toBe(stands);
    expect(await steps.offeredLink(house, joiner.computer.visit)).toBeUndefined();
  });

  test.each(endings)(
    'that was followed gives no right any more once %s: nothing is registered',
    async (_what, stands, end) => {
      const { phone, ...joiner } = await onAPhone();
      const made = await newAuthenticator().create(await phone.creationOptions(), { origin });
      await end(joiner);
      expect([undefined, 'ended', 'cancelled']).toContain(await phone.step());
      await expect(steps.beginEnrolment(house, phone.visit, 'passkey')).rejects.toMatchObject({ code: 'conflict' });
      await steps.enrol(house, phone.visit, 'passkey', send(made)).catch(({ code }) => expect(code).toBe('conflict'));
      expect(await passkeysOf(joiner.user)).toEqual([]);
      expect(await joiner.computer.step()).toBe(stands);
    },
  );

  test.each(endings)('gives no right to use what was registered once %s', async (_what, _stands, end) => {
    const { phone, ...joiner } = await onAPhone();
    const authenticator = newAuthenticator();
    await phone.register(authenticator);
    const answer = await authenticator.get(await phone.requestOptions(), { origin });
    await end(joiner);
    await steps.answer(house, phone.visit, 'passkey', send(answer)).catch(({ code }) => expect(code).toBe('conflict'));
    expect((await passkeysOf(joiner.user))[0]?.first_used_at ?? null).toBeNull();
    expect(await joiner.computer.step()).not.toBe('complete');
  });

  test.each(endings)('gives no right when %s while the passkey is being kept', async (_what, _stands, end) => {
    const { phone, ...joiner } = await onAPhone();
    const racing = withPart<EnrollableMethod>(house, 'passkey', (passkey) => ({
      async checkEnrolment(candidate) {
        await end(joiner);
        return passkey.checkEnrolment(candidate);
      },
    }));
    const made = await newAuthenticator().create(await phone.creationOptions(), { origin });
    await steps.enrol(racing, phone.visit, 'passkey', send(made)).catch(({ code }) => expect(code).toBe('conflict'));
    expect(await passkeysOf(joiner.user)).toEqual([]);
  });

  test.each(endings)('gives no right when %s while the passkey is being used', async (_what, _stands, end) => {
    const { phone, ...joiner } = await onAPhone();
    const authenticator = newAuthenticator();
    await phone.register(authenticator);
    const racing = phoneAt(
      phone.visit,
      meanwhile(house, 'passkey', () => end(joiner)),
    );
    await racing.sign(authenticator).catch(({ code }) => expect(code).toBe('conflict'));
    expect((await passkeysOf(joiner.user))[0]?.first_used_at ?? null).toBeNull();
    expect(await joiner.computer.step()).not.toBe('complete');
  });
});

describe('while a phone goes on', () => {
  test('the computer registers nothing, not with what it had begun before either', async () => {
    const { user, computer } = await aJoiner();
    const begun = await newAuthenticator().create(await computer.creationOptions(), { origin });
    await follow(await offer(computer));
    await expect(computer.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
    expect(await computer.sendRegistration(begun)).toBe('wait');
    await steps.choose(house, computer.visit, 'passkey');
    await steps.restart(house, computer.visit);
    expect([await computer.step(), await passkeysOf(user)]).toEqual(['wait', []]);
  });

  test('no other tab of the same window does, whether it was there before or came later', async () => {
    const { user, code, computer } = await aJoiner();
    const before = await computer.again();
    expect(await before.enter(user.userPrincipalName, code)).toBe('enrol');
    const begun = await newAuthenticator().create(await before.creationOptions(), { origin });
    const phone = await follow(await offer(computer));
    expect(await before.sendRegistration(begun)).toBe('wait');
    const later = await computer.again();
    expect(await later.enter(user.userPrincipalName, code)).toBe('wait');
    await expect(later.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
    expect(await passkeysOf(user)).toEqual([]);

    // From any of them it is taken back, for all of them.
    await steps.takeBack(house, later.visit);
    expect([await phone.step(), await computer.step(), await before.step(), await later.step()]).toEqual([
      undefined,
      'enrol',
      'enrol',
      'enrol',
    ]);
    expect(await later.register(newAuthenticator())).toBe('confirm');
  });

  test('a tab of another window of the same reusable pass is not touched', async () => {
    await passPolicy(latchkey, { isUsableOnce: false });
    const { user, code, computer } = await aJoiner({ oneTime: false });
    await follow(await offer(computer));
    latchkey.clock.advance(1);
    const other = await aVisitor(house);
    expect(await other.enter(user.userPrincipalName, code)).toBe('enrol');
    await passPolicy(latchkey, {});
  });

  test('the computer takes it back, and registers itself; the phone is told nothing but that it is over', async () => {
    const { user, computer, phone } = await onAPhone();
    const begun = await newAuthenticator().create(await phone.creationOptions(), { origin });
    await steps.takeBack(house, computer.visit);
    expect(await phone.step()).toBeUndefined();
    await expect(steps.enrol(house, phone.visit, 'passkey', send(begun))).rejects.toMatchObject({ code: 'conflict' });
    const authenticator = newAuthenticator();
    expect(await computer.register(authenticator)).toBe('confirm');
    expect(await computer.sign(authenticator)).toBe('complete');
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'sign-in.taken-back' });
    expect(event!.details).toMatchObject({ by: 'origin', uid: computer.visit.uid });
  });

  test('the phone gives it back, and has no way in again; a new link does', async () => {
    const { user, computer, phone, secret } = await onAPhone();
    await steps.stopElsewhere(house, phone.visit);
    expect([await phone.step(), await computer.step()]).toEqual([undefined, 'enrol']);
    expect(await steps.followLink(house, { ...aFollower(), browser: phone.visit.browser }, secret)).toBeUndefined();
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'sign-in.taken-back' });
    expect(event!.details).toMatchObject({ by: 'elsewhere' });
    expect(await (await follow(await offer(computer))).step()).toBe('enrol');
  });

  const waysBack: readonly [string, (computer: Visitor, phone: Phone) => Promise<void>][] = [
    ['the computer takes it back', ({ visit }) => steps.takeBack(house, visit)],
    ['the phone gives it back', (_computer, { visit }) => steps.stopElsewhere(house, visit)],
    [
      'another tab of the window takes it back',
      async (computer) => {
        const tab = await computer.again();
        await tab.enter((await computer.look()).signIn.userName!, codes.get(computer)!);
        await steps.takeBack(house, tab.visit);
      },
    ],
  ];
  const codes = new Map<Visitor, string>();
  test.each(waysBack)(
    'what the phone has saved is gone when %s: it opens nothing, and another is made',
    async (_what, back) => {
      const { user, code, computer, phone } = await onAPhone();
      codes.set(computer, code);
      const theirs = newAuthenticator();
      expect(await phone.register(theirs)).toBe('confirm');
      await back(computer, phone);
      expect([await passkeysOf(user), await computer.step()]).toEqual([[], 'enrol']);
      expect(await (await aVisitor(house)).sign(theirs)).toBe('identify');
      expect(await eventsOf(latchkey, { userId: user.id, type: 'passkey.removed' })).toHaveLength(1);
      const mine = newAuthenticator();
      expect([await computer.register(mine), await computer.sign(mine)]).toEqual(['confirm', 'complete']);
    },
  );

  test.each(waysBack)('what is gone when %s counts as added once it was used or suspended', async (_what, back) => {
    for (const meanwhileDone of ['first_used_at', 'suspended_at']) {
      const { user, code, computer, phone } = await onAPhone();
      codes.set(computer, code);
      await phone.register(newAuthenticator());
      await latchkey.base
        .knex('passkeys')
        .where('user_id', '=', user.id)
        .update({ [meanwhileDone]: new Date() });
      await back(computer, phone);
      expect(await passkeysOf(user)).toEqual([]);
      expect(await computer.register(newAuthenticator())).toBe('enrol');
      expect((await computer.look()).signIn.notice).toEqual({ kind: 'not_enrolled', reason: 'one_per_pass' });
      expect(await passkeysOf(user)).toEqual([]);
    }
  });

  test('what the phone has used stays, and there is nothing to take back', async () => {
    const { user, computer, phone } = await onAPhone();
    const authenticator = newAuthenticator();
    await phone.register(authenticator);
    await phone.sign(authenticator);
    await steps.takeBack(house, computer.visit);
    await steps.stopElsewhere(house, phone.visit);
    expect([await computer.step(), await phone.step(), await passkeysOf(user)]).toMatchObject([
      'complete',
      'done',
      [{}],
    ]);
  });

  test('a mistake of the phone is not shown on the computer after it was taken back', async () => {
    const { computer, phone } = await onAPhone();
    await steps.enrol(house, phone.visit, 'passkey', send({ id: 'nonsense' }));
    expect((await steps.lookElsewhere(house, phone.visit))!.standing.signIn.notice).toMatchObject({
      kind: 'not_enrolled',
    });
    await steps.takeBack(house, computer.visit);
    expect((await computer.look()).signIn.notice).toBeNull();
  });

  test('another browser that knows the sign-in has no right to anything', async () => {
    const { phone } = await onAPhone();
    const stranger = { ...phone.visit, browser: randomBytes(32) };
    expect(await steps.lookElsewhere(house, stranger)).toBeUndefined();
    await expect(steps.beginEnrolment(house, stranger, 'passkey')).rejects.toMatchObject({ code: 'conflict' });
    await expect(steps.challenge(house, stranger, 'passkey')).rejects.toMatchObject({ code: 'conflict' });
    await expect(steps.stopElsewhere(house, stranger)).rejects.toMatchObject({ code: 'conflict' });
    expect(await phone.step()).toBe('enrol');
  });

  test('the phone does nothing but register: no name, no code, no cancelling for the computer', async () => {
    const { user, code, computer, phone } = await onAPhone();
    await steps.identify(house, phone.visit, { userName: 'other@example.com' });
    await steps.answer(house, phone.visit, 'temporary-access-pass', { code });
    await expect(steps.challenge(house, phone.visit, 'passkey')).rejects.toMatchObject({ code: 'conflict' });
    expect((await computer.look()).signIn).toMatchObject({ userName: user.userPrincipalName, userId: user.id });
    expect(await phone.step()).toBe('enrol');
  });

  test('an older passkey of the user, or one of somebody else, is not what was made here', async () => {
    const { computer, phone } = await onAPhone();
    const mine = newAuthenticator();
    await phone.register(mine);
    const other = await onAPhone();
    const theirs = newAuthenticator();
    await other.phone.register(theirs);
    await other.phone.sign(theirs);
    const answer = await theirs.get({ ...(await phone.requestOptions()), allowCredentials: [] }, { origin });
    await steps.answer(house, phone.visit, 'passkey', send(answer));
    expect([await phone.step(), await carrying(computer)]).toEqual(['confirm', 'saved']);
  });

  test('what the challenge of one sign-in was signed for does not count in another', async () => {
    const [one, two] = [await onAPhone(), await onAPhone()];
    const authenticator = newAuthenticator();
    await one.phone.register(authenticator);
    const answer = await authenticator.get(await one.phone.requestOptions(), { origin });
    const other = newAuthenticator();
    await two.phone.register(other);
    await steps.answer(house, two.phone.visit, 'passkey', send(answer));
    expect(await two.phone.step()).toBe('confirm');
    expect(await carrying(two.computer)).toBe('saved');
  });
});

describe('at the same moment', () => {
  test('following and taking back: one comes first, and both ends agree', async () => {
    for (let times = 0; times < 10; times += 1) {
      const { computer } = await aJoiner();
      const secret = await offer(computer);
      const follower = aFollower();
      await Promise.all([steps.followLink(house, follower, secret), steps.takeBack(house, computer.visit)]);
      const phone = phoneAt({ ...follower, uid: computer.visit.uid, signedInUserId: null, elsewhere: true });
      const [there, here] = [await phone.step(), await computer.step()];
      // Taken back after it was followed, or followed after that, which leads nowhere.
      expect([there, here]).toEqual([undefined, 'enrol']);
    }
  });

  test('following and the end of the pass: nothing is bound once it has ended', async () => {
    for (let times = 0; times < 5; times += 1) {
      const { computer, user } = await aJoiner();
      const secret = await offer(computer);
      const follower = aFollower();
      await Promise.all([steps.followLink(house, follower, secret), revoke(user)]);
      const phone = phoneAt({ ...follower, uid: computer.visit.uid, signedInUserId: null, elsewhere: true });
      expect(['ended', undefined]).toContain(await phone.step());
      expect(await computer.step()).toBe('ended');
    }
  });

  test('registering on the phone and taking back: never both ends, never two passkeys', async () => {
    for (let times = 0; times < 5; times += 1) {
      const { user, computer, phone } = await onAPhone();
      const made = await newAuthenticator().create(await phone.creationOptions(), { origin });
      await Promise.all([
        steps.enrol(house, phone.visit, 'passkey', send(made)).catch(({ code }) => expect(code).toBe('conflict')),
        steps.takeBack(house, computer.visit),
      ]);
      expect([await phone.step(), await computer.step(), await passkeysOf(user)]).toEqual([undefined, 'enrol', []]);
    }
  });

  test('taking back from five tabs at once is recorded once, and is no fault', async () => {
    const { user, code, computer } = await aJoiner();
    const tabs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const tab = await computer.again();
        await tab.enter(user.userPrincipalName, code);
        return tab;
      }),
    );
    await follow(await offer(computer));
    await Promise.all([computer, ...tabs].map(({ visit }) => steps.takeBack(house, visit)));
    expect((await typesOf(user)).filter((type) => type === 'sign-in.taken-back')).toHaveLength(1);
    expect(await computer.step()).toBe('enrol');
  });

  test('of twenty links that are asked for, one is alive', async () => {
    const { computer } = await aJoiner();
    const secrets = await Promise.all(Array.from({ length: 20 }, () => offer(computer)));
    const alive = await Promise.all([...new Set(secrets)].map((secret) => steps.aboutLink(house, aFollower(), secret)));
    expect(alive.filter((about) => about !== undefined)).toHaveLength(1);
  });
});

test('a sign-in that begins anew with another pass has nothing of what was carried on before', async () => {
  const { user, computer, phone, secret } = await onAPhone();
  latchkey.clock.advance(10);
  await steps.restart(house, computer.visit);
  expect(await computer.enter(user.userPrincipalName, await latchkey.pass(user.id))).toBe('enrol');
  expect([await phone.step(), await steps.aboutLink(house, aFollower(phone.visit.browser), secret)]).toEqual([
    undefined,
    undefined,
  ]);
  latchkey.clock.advance(-10);
});

test('a passkey that another tab registered meanwhile is gone on with where it was made, and there is no link', async () => {
  const { user, code, computer } = await aJoiner();
  const tab = await computer.again();
  await tab.enter(user.userPrincipalName, code);
  const secret = await offer(computer);
  await tab.register(newAuthenticator());
  expect(await steps.followLink(house, aFollower(), secret)).toBeUndefined();
  await steps.takeBack(house, computer.visit);
  await steps.offerElsewhere(house, computer.visit);
  expect(await computer.step()).toBe('confirm');
});
