import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import { addMinutes } from '../../src/core/time.ts';
import type { Work } from '../../src/core/work.ts';
import {
  currentPass,
  extendPass,
  issuePass,
  type IssuePass,
  passHistory,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { passState } from '../../src/methods/temporary-access-pass/pass.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import { changeUser } from '../../src/users/manage-users.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aVisitor, eventsOf, passPolicy, untilSomebodyWaits } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** What becomes of a pass after it was issued: it is made to last longer, it ends, and its end can be read. */

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const reader = aClient('UserAuthMethod-TAP.Read.All');
const writer = aClient('UserAuthMethod-TAP.ReadWrite.All');

function aClient(...permissions: string[]): { actor: Actor; origin: Work['origin'] } {
  return { actor: { kind: 'client', clientId: 'hr', permissions }, origin: asOperator.origin };
}

async function aHolder(asked: Partial<IssuePass> = {}) {
  const user = await latchkey.user(aName('holder'));
  const issued = await issuePass(latchkey.base.run, asOperator, { ...asked, user: user.id });
  return { ...issued, name: user.userPrincipalName };
}

const extend = (user: string, lifetimeMinutes: number, passId?: string, who = asOperator as typeof writer) =>
  latchkey.base.run(who, (work) => extendPass(work, { user, lifetimeMinutes, passId }));
const history = (user: string, who = asOperator as typeof writer) =>
  latchkey.base.run(who, (work) => passHistory(work, user));
const standing = async (user: string) => (await latchkey.work((work) => currentPass(work, user))).pass!;
const now = () => latchkey.work(async (work) => work.now);
/** What only the passing of time brings about, for this test alone. */
async function later<T>(minutes: number, body: () => Promise<T>): Promise<T> {
  latchkey.clock.advance(minutes);
  try {
    return await body();
  } finally {
    latchkey.clock.advance(-minutes);
  }
}

describe('a pass is made to last longer', () => {
  test('up to the minutes counted from its start, with the code it has', async () => {
    const { pass, code, name } = await aHolder();
    await later(59, async () => {
      const extended = await extend(name, 120, pass.id);
      expect(extended.pass).toEqual({ ...pass, expiresAt: addMinutes(pass.startsAt, 120) });
      expect(JSON.stringify(extended)).not.toContain(code);
    });
    await later(119, async () => expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol'));
  });

  test('is recorded with who, how long and instead of what; never with the code', async () => {
    const { pass, code, user } = await aHolder();
    await extend(user.id, 90, undefined, writer);
    const [event, ...more] = await eventsOf(latchkey, { userId: user.id, type: 'pass.extended' });
    expect(more).toEqual([]);
    expect(event).toMatchObject({ actor_kind: 'client', actor_id: 'hr', result: 'success' });
    expect(event!.details).toEqual({
      passId: pass.id,
      lifetimeMinutes: 90,
      expiresAt: addMinutes(pass.startsAt, 90).toISOString(),
      insteadOf: pass.expiresAt.toISOString(),
    });
    expect(JSON.stringify(event)).not.toContain(code);
  });

  test('while it is scheduled, active or in registration', async () => {
    const scheduled = await aHolder({ startsAt: addMinutes(await now(), 600) });
    expect(passState(scheduled.pass, await now())).toBe('scheduled');
    expect((await extend(scheduled.name, 61)).pass.expiresAt).toEqual(addMinutes(scheduled.pass.startsAt, 61));

    const entered = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(entered.name, entered.code);
    const before = await standing(entered.name);
    expect(passState(before, await now())).toBe('inRegistration');
    const { pass } = await extend(entered.name, 300);
    // The browser in registration was told when its window ends.
    expect(pass).toEqual({ ...before, expiresAt: addMinutes(before.startsAt, 300) });
    expect(await visitor.step()).toBe('enrol');
  });

  test('to the last moment before it expires, and not from then on', async () => {
    const { pass, name } = await aHolder();
    const at = (moment: Date) =>
      latchkey.base.run(asOperator, (work) =>
        extendPass({ ...work, now: moment }, { user: name, lifetimeMinutes: 61 }),
      );
    await expect(at(pass.expiresAt)).rejects.toMatchObject({
      code: 'conflict',
      message: 'This pass is expired and cannot be extended. Issue a new one.',
    });
    expect((await at(new Date(pass.expiresAt.getTime() - 1))).pass.expiresAt).toEqual(addMinutes(pass.startsAt, 61));
  });

  test.each([59, 481, 0, -60, 60.5, Number.NaN, 1e9])(
    'not to %s minutes, which policy does not allow',
    async (minutes) => {
      const { pass, name } = await aHolder();
      await expect(extend(name, minutes)).rejects.toMatchObject({
        code: 'invalid_input',
        message: 'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.',
      });
      expect(await standing(name)).toEqual(pass);
    },
  );

  test('to the most that policy allows, and never to less than it has or the same', async () => {
    const { name } = await aHolder();
    await extend(name, 480);
    for (const minutes of [480, 479, 60]) {
      await expect(extend(name, minutes)).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringContaining('must be more than the pass has'),
      });
    }
    expect(((await standing(name)).expiresAt.getTime() - (await standing(name)).startsAt.getTime()) / 60_000).toBe(480);
  });

  test('not once it is used, nor once its window ended', async () => {
    const used = await aHolder();
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    await visitor.enter(used.name, used.code);
    await visitor.register(authenticator);
    await visitor.sign(authenticator);
    await expect(extend(used.name, 120)).rejects.toMatchObject({
      code: 'conflict',
      message: 'This pass is used and cannot be extended. Issue a new one.',
    });

    const left = await aHolder();
    await (await aVisitor(house)).enter(left.name, left.code);
    await later(10, () => expect(extend(left.name, 120)).rejects.toMatchObject({ code: 'conflict' }));
  });

  test('not when there is none, it was revoked, or another is meant', async () => {
    const nobodys = await latchkey.user(aName());
    const revoked = await aHolder();
    await latchkey.work((work) => revokePass(work, { user: revoked.name }));
    const replaced = await aHolder();
    const { pass: newer } = await issuePass(latchkey.base.run, asOperator, { user: replaced.name });
    for (const [user, passId] of [
      [nobodys.id, undefined],
      [revoked.name, revoked.pass.id],
      [replaced.name, replaced.pass.id],
      [replaced.name, 'not-an-id'],
    ] as const) {
      await expect(extend(user, 120, passId)).rejects.toMatchObject({
        code: 'not_found',
        message: 'This user has no such pass.',
      });
    }
    expect(await standing(replaced.name)).toEqual(newer);
    await expect(extend('nobody@example.com', 120)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('not for a user who is disabled, nor while policy disables passes', async () => {
    const { name, user } = await aHolder();
    await passPolicy(latchkey, { state: 'disabled' });
    await expect(extend(name, 120)).rejects.toMatchObject({ code: 'invalid_input' });
    await passPolicy(latchkey, {});
    await latchkey.work((work) => changeUser(work, user, { enabled: false }));
    await expect(extend(name, 120)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('a reusable one not under a policy that has become one-time', async () => {
    await passPolicy(latchkey, { isUsableOnce: false });
    const { name } = await aHolder({ oneTime: false });
    expect((await extend(name, 70)).pass.oneTime).toBe(false);
    await passPolicy(latchkey, {});
    await expect(extend(name, 120)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('by those alone who may issue it: no reader, nobody unnamed, and no application for a user with a role', async () => {
    const { name, user } = await aHolder();
    await expect(extend(name, 120, undefined, reader)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(extend(name, 120, undefined, { ...asOperator, actor: { kind: 'anonymous' } })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await latchkey.work((work) => grantRole(work, user.id, 'Global Reader'));
    await expect(extend(name, 120, undefined, writer)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('administrator role'),
    });
    // The role ended it: the operator, too, gives a new one instead.
    await expect(extend(name, 120)).rejects.toMatchObject({ code: 'not_found' });
    const { pass } = await issuePass(latchkey.base.run, asOperator, { user: name });
    expect((await extend(name, 120, pass.id)).pass.id).toBe(pass.id);
  });

  test('a revocation at the same moment wins: what it has ended stays ended as it was', async () => {
    const { pass, name } = await aHolder();
    let extending: Promise<unknown> = Promise.resolve();
    await latchkey.work(async (work) => {
      await revokePass(work, { user: name });
      extending = extend(name, 120, pass.id).then(
        () => 'extended',
        (error: unknown) => (error as { code: string }).code,
      );
      await untilSomebodyWaits(latchkey);
    });
    expect(await extending).toBe('not_found');
    const [ended] = (await history(name)).passes;
    expect(ended).toMatchObject({ pass: { id: pass.id, expiresAt: pass.expiresAt }, end: { reason: 'revoked' } });
    expect(await eventsOf(latchkey, { userId: pass.userId, type: 'pass.extended' })).toEqual([]);
  });

  test('twenty times at once, every event is true and the longest stands', async () => {
    const { pass, name, user } = await aHolder();
    const asked = Array.from({ length: 20 }, (_, index) => 100 + index);
    const outcomes = await Promise.allSettled(asked.map((minutes) => extend(name, minutes)));
    const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect((await standing(name)).expiresAt).toEqual(addMinutes(pass.startsAt, 119));
    expect(await eventsOf(latchkey, { userId: user.id, type: 'pass.extended' })).toHaveLength(done);
  });
});

describe('the history of a user’s passes', () => {
  test('is empty for a user without, and while the only pass lives', async () => {
    expect((await history((await latchkey.user(aName())).id)).passes).toEqual([]);
    const { name, code } = await aHolder();
    expect((await history(name)).passes).toEqual([]);
    await (await aVisitor(house)).enter(name, code);
    expect((await history(name)).passes).toEqual([]);
    const scheduled = await aHolder({ startsAt: addMinutes(await now(), 600) });
    expect((await history(scheduled.name)).passes).toEqual([]);
  });

  test('has every end once, the newest first, with who issued it and never the code', async () => {
    const user = await latchkey.user(aName());
    const other = await aHolder();
    await latchkey.work((work) => revokePass(work, { user: other.name }));
    const issue = (who = asOperator as typeof writer) => issuePass(latchkey.base.run, who, { user: user.id });

    const replaced = await issue(writer);
    const revoked = await issue();
    await latchkey.work((work) => revokePass(work, { user: user.id }));
    const used = await issue();
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    await visitor.enter(user.userPrincipalName, used.code);
    await visitor.register(authenticator);
    await visitor.sign(authenticator);
    const expiring = await issue();

    await later(60, async () => {
      const { passes, user: whose } = await history(user.userPrincipalName);
      expect(whose.id).toBe(user.id);
      expect(passes.map(({ pass, end }) => [pass.id, end.reason, pass.issuedById])).toEqual([
        [expiring.pass.id, 'expired', null],
        [used.pass.id, 'used', null],
        [revoked.pass.id, 'revoked', null],
        [replaced.pass.id, 'replaced', 'hr'],
      ]);
      expect(passes[0]!.end.at).toEqual(expiring.pass.expiresAt);
      const text = JSON.stringify(passes);
      for (const { code } of [replaced, revoked, used, expiring]) expect(text).not.toContain(code);
    });
    // The one that is still live is not in it.
    expect((await history(user.id)).passes).toHaveLength(3);
  });

  test('begins with the very moment of the expiry', async () => {
    const { pass, name } = await aHolder();
    const at = (moment: Date) => latchkey.base.run(asOperator, (work) => passHistory({ ...work, now: moment }, name));
    expect((await at(new Date(pass.expiresAt.getTime() - 1))).passes).toEqual([]);
    expect((await at(pass.expiresAt)).passes).toMatchObject([{ end: { at: pass.expiresAt, reason: 'expired' } }]);
  });

  test('says how a pass ended first: one left in registration is used when its window ended, whatever came later', async () => {
    const { name, code } = await aHolder();
    await (await aVisitor(house)).enter(name, code);
    const { windowEndsAt } = await standing(name);
    await later(10, async () => {
      await issuePass(latchkey.base.run, asOperator, { user: name });
      const { passes } = await history(name);
      expect(passes.map(({ end }) => end)).toEqual([{ at: windowEndsAt, reason: 'used' }]);
    });
  });

  test('one replaced within its window ended then', async () => {
    const { name, code } = await aHolder();
    await (await aVisitor(house)).enter(name, code);
    await issuePass(latchkey.base.run, asOperator, { user: name });
    expect((await history(name)).passes.map(({ end }) => end.reason)).toEqual(['replaced']);
  });

  test('is read by whoever may read passes, by applications not of people with roles, and by nobody else', async () => {
    const { name, user } = await aHolder();
    await latchkey.work((work) => revokePass(work, { user: name }));
    expect((await history(name, reader)).passes).toHaveLength(1);
    await latchkey.work((work) => grantRole(work, user.id, 'Global Reader'));
    expect((await history(name)).passes).toMatchObject([{ end: { reason: 'revoked' } }]);
    await expect(history(name, reader)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(history(name, aClient('User.Read.All'))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(history('nobody@example.com')).rejects.toMatchObject({ code: 'not_found' });
  });
});
