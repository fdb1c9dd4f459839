import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issuePass, type IssuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { type Pass, passState } from '../../src/methods/temporary-access-pass/pass.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import * as own from '../../src/security-info/own-methods.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { getUser } from '../../src/users/manage-users.ts';
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
  origin,
  passPolicy,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
let passkey: EnrollableMethod;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
  passkey = house.methods.get('passkey') as EnrollableMethod;
  await policy();
});
afterAll(() => latchkey?.close());

const policy = (decided: object = {}) => passPolicy(latchkey, { purpose: 'signIn', isUsableOnce: false, ...decided });
const revoke = (user: User) => latchkey.work((work) => revokePass(work, { user: user.id }));

interface Holder {
  readonly user: User;
  readonly name: string;
  readonly code: string;
  readonly pass: Pass;
}

/** Somebody with a pass that signs in. */
async function aHolder(asked: Partial<IssuePass> = {}, user?: User): Promise<Holder> {
  const holder = user ?? (await latchkey.user(aName()));
  const { code, pass } = await issuePass(latchkey.base.run, asOperator, {
    purpose: 'signIn',
    ...asked,
    user: holder.id,
  });
  return { user: holder, name: holder.userPrincipalName, code, pass };
}

const passRow = (id: string) => latchkey.base.knex('temporary_access_passes').where('id', '=', id).first();

async function stateOf({ user, pass }: Holder) {
  const { rows } = await latchkey.base.knex.raw<{ rows: { completed_at: Date | null; window_ends_at: Date | null }[] }>(
    'select * from temporary_access_passes where id = ?',
    [pass.id],
  );
  const [row] = rows;
  const current = { ...pass, userId: user.id, completedAt: row!.completed_at, windowEndsAt: row!.window_ends_at };
  return latchkey.work(async (work) => passState(current, work.now));
}

describe('a pass that signs in', () => {
  test('completes the sign-in, with what it is worth and when it ends', async () => {
    const { user, name, code, pass } = await aHolder({ oneTime: true });
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, code)).toBe('complete');
    const { step } = await visitor.look();
    expect(step).toMatchObject({
      kind: 'complete',
      userId: user.id,
      level: '2f',
      amr: ['pass'],
      bornOf: { passId: pass.id, endsAt: pass.expiresAt },
    });
    expect((await eventsOf(latchkey, { userId: user.id })).map(({ type }) => type)).toEqual([
      'user.created',
      'pass.issued',
      'sign-in.verified',
      'pass.completed',
      'sign-in.completed',
    ]);
  });

  test('is judged when it is used, not when it was issued', async () => {
    const holder = await aHolder();
    await policy({ satisfiesMultifactor: false });
    const visitor = await aVisitor(house);
    await visitor.enter(holder.name, holder.code);
    await policy();
    expect((await visitor.look()).step).toMatchObject({ kind: 'complete', level: '1f' });
  });

  test('opens registration where policy has come to allow no more', async () => {
    const holder = await aHolder();
    await policy({ purpose: 'registration' });
    const visitor = await aVisitor(house);
    expect(await visitor.enter(holder.name, holder.code)).toBe('enrol');
    await policy();
  });

  test('once: is in use when it is entered, used when the sign-in completes, and refused after that', async () => {
    const holder = await aHolder({ oneTime: true });
    const visitor = await aVisitor(house);
    await visitor.name(holder.name);
    await steps.answer(house, visitor.visit, 'temporary-access-pass', { code: holder.code });
    expect(await stateOf(holder)).toBe('inRegistration');
    expect(await visitor.step()).toBe('complete');
    expect(await stateOf(holder)).toBe('used');
    expect(await visitor.step()).toBe('complete');
    const again = await visitor.again();
    expect(await again.enter(holder.name, holder.code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
  });

  test('once: of twenty browsers one gets in, and of two tabs of that browser one', async () => {
    // So long that it is read without a slow hash: twenty of those at once may be shed.
    await policy({ defaultLength: 24 });
    const holder = await aHolder({ oneTime: true });
    await policy();
    const visitors = await Promise.all(Array.from({ length: 20 }, () => aVisitor(house)));
    const ends = await Promise.all(visitors.map((visitor) => visitor.enter(holder.name, holder.code)));
    expect(ends.filter((end) => end === 'complete')).toHaveLength(1);

    const twice = await aHolder({ oneTime: true });
    const tab = await aVisitor(house);
    const tabs = [tab, await tab.again()];
    for (const one of tabs) {
      await one.name(twice.name);
      await steps.answer(house, one.visit, 'temporary-access-pass', { code: twice.code });
    }
    const kinds = await Promise.all(tabs.map((one) => one.step()));
    expect(kinds.sort()).toEqual(['complete', 'ended']);
  });

  test('once: entered and left alone, it is over when its window is', async () => {
    const holder = await aHolder({ oneTime: true });
    const visitor = await aVisitor(house);
    await visitor.name(holder.name);
    await steps.answer(house, visitor.visit, 'temporary-access-pass', { code: holder.code });
    latchkey.clock.advance(10);
    expect(await visitor.step()).toBe('ended');
    expect(await stateOf(holder)).toBe('used');
  });

  test('reusable: is entered again, and neither spent nor bound by that', async () => {
    const holder = await aHolder({ oneTime: false });
    for (let times = 0; times < 3; times += 1) {
      expect(await (await aVisitor(house)).enter(holder.name, holder.code)).toBe('complete');
    }
    expect(await passRow(holder.pass.id)).toMatchObject({ uses: 3, completed_at: null, bound_browser: null });
  });

  test.each([
    ['revoked', (holder: Holder) => revoke(holder.user)],
    ['replaced', (holder: Holder) => aHolder({}, holder.user)],
    ['ended by a role', ({ user }: Holder) => latchkey.work((work) => grantRole(work, user.id, 'Global Reader'))],
  ] as const)('that is %s before the sign-in completes signs nobody in', async (_how, end) => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(holder.name);
    await steps.answer(house, visitor.visit, 'temporary-access-pass', { code: holder.code });
    await end(holder);
    expect(await visitor.step()).toBe('ended');
    expect(await eventsOf(latchkey, { userId: holder.user.id, type: 'sign-in.completed' })).toEqual([]);
  });
});

describe('graduation', () => {
  test('a passkey used in the session of a reusable pass spends the pass', async () => {
    const authenticator = newAuthenticator();
    const { userId } = await aPasskeyHolder(latchkey, house, aName(), authenticator);
    const user = await latchkey.work((work) => getUser(work, userId));
    const holder = await aHolder({ oneTime: false }, user);
    await (await aVisitor(house)).enter(holder.name, holder.code);
    const visitor = await aVisitor(house, { signedInUserId: userId });
    const inSession = { ...visitor.visit, sessionPassId: holder.pass.id };
    const answer = await authenticator.get(await visitor.requestOptions(), { origin });
    await steps.answer(house, inSession, 'passkey', { response: JSON.stringify(answer) });
    expect((await steps.look(house, inSession, 'app')).step).toMatchObject({ level: 'phr', bornOf: null });
    expect(await stateOf(holder)).toBe('used');
    expect(await (await aVisitor(house)).enter(holder.name, holder.code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
  });
});

describe('in the session of a pass', () => {
  async function aGuest(): Promise<{ holder: Holder; owner: own.Owner }> {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(holder.name, holder.code);
    const authTime = await latchkey.work(async (work) => work.now);
    const from = { requestId: randomUUID(), ip: '198.51.100.2', userAgent: null };
    const session = { sessionUid: randomUUID(), authTime, strong: false, passId: holder.pass.id, origin: from };
    return { holder, owner: { userId: holder.user.id, ...session } };
  }
  const begin = (owner: own.Owner) =>
    own.beginOwnEnrolment(latchkey.base.run, house.methods, passkey, owner) as Promise<CreationOptions>;
  const finish = async (owner: own.Owner, options: CreationOptions) => {
    const response = JSON.stringify(await newAuthenticator().create(options, { origin }));
    return own.finishOwnEnrolment(latchkey.base.run, house.methods, passkey, owner, { response });
  };
  const info = (owner: own.Owner) => own.ownSecurityInfo(latchkey.base.run, house.methods, owner);

  test('one passkey may be added, without a stronger proof, and no second', async () => {
    const { holder, owner } = await aGuest();
    latchkey.clock.advance(20);
    expect(await info(owner)).toMatchObject({
      mayChange: false,
      mayAdd: expect.arrayContaining(['passkey']),
      credentials: [],
    });
    expect(await finish(owner, await begin(owner))).toMatchObject({ enrolled: true });
    expect(await info(owner)).toMatchObject({ mayChange: false, mayAdd: expect.not.arrayContaining(['passkey']) });
    expect(await finish(owner, await begin(owner))).toEqual({ enrolled: false, reason: 'one_per_pass' });
    const [event] = await eventsOf(latchkey, { userId: holder.user.id, type: 'passkey.registered' });
    expect(event?.details).toMatchObject({ passId: holder.pass.id });
  });

  test('nothing is renamed', async () => {
    const { owner } = await aGuest();
    await finish(owner, await begin(owner));
    const [made] = (await info(owner)).credentials;
    const rename = own.renameOwnCredential(latchkey.base.run, house.methods, owner, {
      credentialId: made!.id,
      name: 'Mine',
    });
    await expect(rename).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('nothing is added once the pass has ended, also when it ends in the middle', async () => {
    const { holder, owner } = await aGuest();
    const options = await begin(owner);
    await revoke(holder.user);
    await expect(finish(owner, options)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(begin(owner)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await info(owner)).toMatchObject({ mayAdd: [], credentials: [] });
  });

  test('nothing is added when the pass ends while the answer is being checked', async () => {
    const { holder, owner } = await aGuest();
    const response = JSON.stringify(await newAuthenticator().create(await begin(owner), { origin }));
    const meddling: EnrollableMethod = {
      ...passkey,
      async checkEnrolment(candidate) {
        await revoke(holder.user);
        return passkey.checkEnrolment(candidate);
      },
    };
    const finished = own.finishOwnEnrolment(latchkey.base.run, house.methods, meddling, owner, { response });
    await expect(finished).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await info(owner)).toMatchObject({ credentials: [] });
  });

  test('a weak session of anything else adds nothing', async () => {
    const { owner } = await aGuest();
    await expect(begin({ ...owner, passId: null })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(begin({ ...owner, passId: randomUUID() })).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
