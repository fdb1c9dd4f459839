import { BlockList } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { methodRegistry } from '../../src/methods/registry.ts';
import {
  currentPass,
  extendPass,
  issuePass,
  passHistory,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { passState, usability } from '../../src/methods/temporary-access-pass/pass.ts';
import type { MethodId } from '../../src/methods/method.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { signInPolicyFrom } from '../../src/sign-in-policy.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { refusalBudget } from '../../src/throttle/refusal-budget.ts';
import { defaultLimits, sourceOf } from '../../src/throttle/throttle.ts';
import { messages } from '../../views/messages.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  anAddress,
  aPasskeyHolder,
  aVisitor,
  eventsOf,
  lastRefusal,
  origin,
  passPolicy,
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** The limits beyond one source and one account: how many guesses are judged, and whom they must not lock out. */

let latchkey: TestBase;
beforeAll(async () => {
  latchkey = await openTestBase();
});
afterAll(() => latchkey?.close());

const identity = { rpId: 'localhost', rpName: 'Latchkey', origin };
const many = { most: 1_000_000, windowMinutes: 1 };
const everybody = { most: 1_000_000, mostWithShortPasses: 1_000_000, alertAt: 1_000_000 };

/** As it is run, but for the organisation's limits, which the tests here would share. */
const aQuietHouse = (more: Partial<steps.SignInHouse> = {}) =>
  aHouse(latchkey, {
    limits: { ...defaultLimits, organisation: everybody },
    policyFrom: (decided) => signInPolicyFrom(decided),
    ...more,
  });

const shortWrong = 'ABCD2345EFGH';
// Long enough to cost no slow hash.
const longWrong = 'ABCD2345EFGH6789ABCD2345';

/** Somebody with a reusable pass of that many symbols; fewer than 23 cost a slow hash a try. */
async function aHolder(
  defaultLength: number,
  purpose: object = {},
): Promise<{ id: string; name: string; code: string }> {
  await passPolicy(latchkey, { isUsableOnce: false, defaultLength, ...purpose });
  const { id, userPrincipalName: name } = await latchkey.user(aName());
  return { id, name, code: await newPass(id) };
}

async function newPass(user: string): Promise<string> {
  return (await issuePass(latchkey.base.run, asOperator, { user, lifetimeMinutes: 480 })).code;
}

/** One after the other, each from an address of its own. */
async function tries(house: steps.SignInHouse, count: number, name: string, code: unknown): Promise<Visitor> {
  let visitor = await aVisitor(house);
  for (let times = 0; times < count; times += 1) {
    visitor = await aVisitor(house);
    await visitor.enter(name, code);
  }
  return visitor;
}

/** All at once, each from an address of its own unless one is given. */
async function triesAtOnce(
  house: steps.SignInHouse,
  count: number,
  { nameOf, code, ip }: { nameOf: () => string; code: unknown; ip?: string },
): Promise<PromiseSettledResult<unknown>[]> {
  const visitors = await Promise.all(Array.from({ length: count }, () => aVisitor(house, ip ? { ip } : {})));
  for (const visitor of visitors) await visitor.name(nameOf());
  return Promise.allSettled(visitors.map((visitor) => visitor.type(code)));
}

async function inTurns<T, R>(items: readonly T[], body: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await body(item));
  return results;
}

const enters = async (house: steps.SignInHouse, name: string, code: string) =>
  (await aVisitor(house)).enter(name, code);
const countOf = async (type: string) => (await eventsOf(latchkey, { type })).length;

/** How many were judged and how many turned away while that happened. */
async function counting(body: () => Promise<unknown>): Promise<{ judged: number; turnedAway: number }> {
  const [judged, turnedAway] = [await countOf('sign-in.refused'), await countOf('sign-in.throttled')];
  await body();
  return {
    judged: (await countOf('sign-in.refused')) - judged,
    turnedAway: (await countOf('sign-in.throttled')) - turnedAway,
  };
}

describe('a pass of twelve symbols, from all sources', () => {
  test('has ten guesses in fifteen minutes; the eleventh is not judged, even with the right code', async () => {
    const house = aQuietHouse();
    const { name, code } = await aHolder(12);
    expect(await counting(() => tries(house, 11, name, shortWrong))).toEqual({ judged: 10, turnedAway: 1 });
    expect(await enters(house, name, code)).toBe('verify');
    latchkey.clock.advance(0.5);
    expect(await enters(house, name, code)).toBe('enrol');
  });

  test('is judged ten times of thirty at once', async () => {
    const { name } = await aHolder(12);
    const all = () => triesAtOnce(aQuietHouse(), 30, { nameOf: () => name, code: shortWrong });
    expect(await counting(all)).toEqual({ judged: 10, turnedAway: 20 });
  });

  test('has back what was right', async () => {
    const house = aQuietHouse();
    const { name, code } = await aHolder(12);
    for (let times = 0; times < 12; times += 1) expect(await enters(house, name, code)).toBe('enrol');
    await tries(house, 9, name, shortWrong);
    expect(await enters(house, name, code)).toBe('enrol');
  });

  test('keeps its count when another is issued', async () => {
    const house = aQuietHouse();
    const { id, name } = await aHolder(12);
    await tries(house, 10, name, shortWrong);
    expect(await enters(house, name, await newPass(id))).toBe('verify');
  });

  test('is not kept from its owner by guesses that are too long for it', async () => {
    const house = aQuietHouse();
    const { name, code } = await aHolder(12);
    expect(await counting(() => tries(house, 15, name, longWrong))).toEqual({ judged: 15, turnedAway: 0 });
    expect(await enters(house, name, code)).toBe('enrol');
  });
});

describe('a pass of thirteen symbols or more, from all sources', () => {
  test('is neither kept from its owner nor locked, whatever strangers type', async () => {
    const house = aQuietHouse({ methods: methodRegistry(identity, 3) });
    const { id, name, code } = await aHolder(13);
    await tries(house, 15, name, shortWrong);
    expect(await counting(() => tries(house, 12, name, 'ABCD2345EFGH6'))).toEqual({ judged: 12, turnedAway: 0 });
    expect(await enters(house, name, code)).toBe('enrol');
    expect(await eventsOf(latchkey, { userId: id, type: 'pass.locked' })).toEqual([]);
  });
});

test('what strangers see and are limited by is the same for every name: no pass, a short one, a long one, nobody', async () => {
  const house = aQuietHouse();
  const short = await aHolder(12);
  const long = await aHolder(24);
  const without = await latchkey.user(aName());
  const disabled = await aHolder(12);
  await latchkey.base.knex('users').where('id', '=', disabled.id).update({ account_enabled: false });

  const seen = async (name: string) => {
    const pages: unknown[] = [];
    const counts = await counting(async () => {
      for (let times = 0; times < 12; times += 1) {
        const visitor = await aVisitor(house);
        await visitor.enter(name, shortWrong);
        const { step, signIn } = await visitor.look();
        // A reference is there whether it was judged or not, and is the request's.
        expect(signIn.notice!.reference).toBe(visitor.visit.origin.requestId);
        pages.push({ step, notice: { ...signIn.notice, reference: '' } });
      }
    });
    return { pages, counts };
  };
  const names = [short.name, long.name, without.userPrincipalName, disabled.name, aName('nobody')];
  const [first, ...others] = await inTurns(names, seen);
  expect(first!.counts).toEqual({ judged: 10, turnedAway: 2 });
  for (const other of others) expect(other).toEqual(first);
});

describe('a pass of twelve symbols and wrong codes in a row', () => {
  const unlimited = {
    ...defaultLimits,
    organisation: everybody,
    account: { ...defaultLimits.account, most: 1_000_000 },
  };
  const houseOf = (mostInARow: number) =>
    aQuietHouse({ limits: unlimited, methods: methodRegistry(identity, mostInARow) });
  const failures = async (id: string) =>
    (await latchkey.base.knex('temporary_access_passes').where('user_id', '=', id).whereNull('ended_at').first())
      .failures;
  const found = (name: string) =>
    latchkey.work(async (work) => {
      const { pass, settings } = await currentPass(work, name);
      return { state: passState(pass!, work.now), reason: usability(pass!, settings, work.now) };
    });

  test('is locked by the hundredth, not by the ninety-ninth', async () => {
    const house = aQuietHouse({ limits: unlimited });
    const { id, name, code } = await aHolder(12);
    await latchkey.base.knex('temporary_access_passes').where('user_id', '=', id).update({ failures: 98 });
    await tries(house, 1, name, shortWrong);
    expect(await found(name)).toEqual({ state: 'active', reason: 'EnabledByPolicy' });
    await tries(house, 1, name, shortWrong);
    expect(await found(name)).toEqual({ state: 'locked', reason: 'DisabledByPolicy' });
    expect(await eventsOf(latchkey, { userId: id, type: 'pass.locked' })).toMatchObject([
      { actor_kind: 'anonymous', details: { failures: 100 } },
    ]);
    expect(await enters(house, name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('locked');
  });

  test('begins anew with a right one', async () => {
    const house = houseOf(3);
    const { id, name, code } = await aHolder(12);
    for (let round = 0; round < 3; round += 1) {
      await tries(house, 2, name, shortWrong);
      expect(await enters(house, name, code)).toBe('enrol');
    }
    expect(await failures(id)).toBe(0);
  });

  test('is locked once when they come at once', async () => {
    const { id, name } = await aHolder(12);
    await triesAtOnce(houseOf(3), 12, { nameOf: () => name, code: shortWrong });
    expect(await failures(id)).toBe(3);
    expect(await eventsOf(latchkey, { userId: id, type: 'pass.locked' })).toHaveLength(1);
  });

  test('when locked ends that way in the history, cannot be extended, and a new one takes its place', async () => {
    const house = houseOf(3);
    const { id, name } = await aHolder(12);
    await tries(house, 3, name, shortWrong);
    const extended = latchkey.work((work) => extendPass(work, { user: id, lifetimeMinutes: 479 }));
    await expect(extended).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('locked') });
    latchkey.clock.advance(1);
    const code = await newPass(id);
    const { passes } = await latchkey.work((work) => passHistory(work, id));
    expect(passes).toMatchObject([{ end: { reason: 'locked' } }]);
    expect(await enters(house, name, code)).toBe('enrol');
    await tries(house, 3, name, shortWrong);
    await latchkey.work((work) => revokePass(work, { user: id }));
  });

  test('when locked still lets whoever had entered it go on', async () => {
    const house = houseOf(3);
    const { name, code } = await aHolder(12);
    const owner = await aVisitor(house);
    expect(await owner.enter(name, code)).toBe('enrol');
    await tries(house, 3, name, shortWrong);
    expect(await found(name)).toMatchObject({ state: 'locked' });
    const authenticator = newAuthenticator();
    expect(await owner.register(authenticator)).toBe('confirm');
    expect(await owner.sign(authenticator)).toBe('complete');
  });

  test('is not locked by codes that are too long for it', async () => {
    const { id, name } = await aHolder(12);
    await tries(houseOf(3), 4, name, longWrong);
    expect(await failures(id)).toBe(0);
  });

  test('is not counted once it is in registration: it opens nothing anywhere else', async () => {
    const house = houseOf(3);
    const { id, name, code } = await aHolder(12, { isUsableOnce: true });
    expect(await enters(house, name, code)).toBe('enrol');
    await tries(house, 4, name, shortWrong);
    expect(await failures(id)).toBe(0);
  });
});

describe('recovery codes', () => {
  const type = async (house: steps.SignInHouse, name: string, ip: string, id: MethodId = 'recovery-code') => {
    const visitor = await aVisitor(house, { ip });
    await visitor.name(name);
    await steps.answer(house, visitor.visit, id, { code: 'ABCD-2345-EFGH-6789-ABCD' });
  };

  test('have five tries in fifteen minutes from one source, where other guesses have five in five', async () => {
    const house = aQuietHouse();
    const [name, ip] = [aName(), anAddress()];
    const five = async () => {
      for (let times = 0; times < 6; times += 1) await type(house, name, ip);
    };
    expect(await counting(five)).toEqual({ judged: 5, turnedAway: 1 });
    latchkey.clock.advance(14.9);
    expect(await counting(() => type(house, name, ip))).toEqual({ judged: 0, turnedAway: 1 });
    expect(await counting(() => type(house, name, ip, 'temporary-access-pass'))).toEqual({ judged: 1, turnedAway: 0 });
    expect(await counting(() => type(house, name, anAddress()))).toEqual({ judged: 1, turnedAway: 0 });
    latchkey.clock.advance(0.1);
    expect(await counting(() => type(house, name, ip))).toEqual({ judged: 1, turnedAway: 0 });
  });

  test('are judged five times of twenty at once', async () => {
    const house = aQuietHouse({ limits: { ...defaultLimits, organisation: everybody, sourceAndAccount: many } });
    const [name, ip] = [aName(), anAddress()];
    const all = () => Promise.all(Array.from({ length: 20 }, () => type(house, name, ip)));
    expect(await counting(all)).toEqual({ judged: 5, turnedAway: 15 });
  });
});

describe('the whole organisation in a minute', () => {
  const houseOf = (organisation: Partial<typeof everybody>) =>
    aQuietHouse({ limits: { ...defaultLimits, organisation: { ...everybody, ...organisation } } });
  const atOnce = (house: steps.SignInHouse, count: number) =>
    triesAtOnce(house, count, { nameOf: () => aName(), code: longWrong });
  const aNewMinute = () => latchkey.clock.advance(1);

  test('has no more guesses than its limit, from whatever sources and at whatever accounts; what is too much is told to wait', async () => {
    const house = houseOf({ most: 8 });
    aNewMinute();
    let ends: PromiseSettledResult<unknown>[] = [];
    const counted = await counting(async () => {
      ends = await atOnce(house, 30);
    });
    expect(counted).toEqual({ judged: 8, turnedAway: 22 });
    const shed = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason);
    expect(shed).toHaveLength(22);
    for (const error of shed) expect(error).toMatchObject({ code: 'overloaded', retryAfterSeconds: 60 });
    aNewMinute();
    expect(await counting(() => atOnce(house, 9))).toEqual({ judged: 8, turnedAway: 1 });
  });

  test('has 600, or 25 while passes under ten symbols are issued', async () => {
    const house = aQuietHouse({ limits: { ...defaultLimits, source: many } });
    const full = (count: number) =>
      latchkey.base.knex('throttle_counters').where('scope', '=', 'organisation').update({ count });
    await passPolicy(latchkey, { defaultLength: 10 });
    aNewMinute();
    await atOnce(house, 1);
    await full(598);
    expect(await counting(() => atOnce(house, 5))).toEqual({ judged: 2, turnedAway: 3 });
    aNewMinute();
    await passPolicy(latchkey, { defaultLength: 9 });
    expect(await counting(() => atOnce(house, 40))).toEqual({ judged: 25, turnedAway: 15 });
  });

  test('has the lower limit for the sake of one profile, and of passes that outlive their policy', async () => {
    const house = houseOf({ most: 8, mostWithShortPasses: 3 });
    await latchkey.seed({ groups: [{ displayName: 'Short' }] });
    await passPolicy(latchkey, {
      profiles: [{ displayName: 'Short', groups: ['Short'], settings: { defaultLength: 8 } }],
    });
    aNewMinute();
    expect(await counting(() => atOnce(house, 12))).toEqual({ judged: 3, turnedAway: 9 });
    const { id } = await aHolder(9);
    await passPolicy(latchkey, { defaultLength: 16 });
    aNewMinute();
    expect(await counting(() => atOnce(house, 12))).toEqual({ judged: 3, turnedAway: 9 });
    await latchkey.work((work) => revokePass(work, { user: id }));
    aNewMinute();
    expect(await counting(() => atOnce(house, 12))).toEqual({ judged: 8, turnedAway: 4 });
  });

  test('has back what was right', async () => {
    const house = houseOf({ most: 3 });
    const { name, code } = await aHolder(24);
    aNewMinute();
    for (let times = 0; times < 8; times += 1) expect(await enters(house, name, code)).toBe('enrol');
    expect(await counting(() => atOnce(house, 5))).toEqual({ judged: 3, turnedAway: 2 });
  });

  test('when it is full sheds codes alone: passkeys go on, and nothing counts against account or source', async () => {
    const house = houseOf({ most: 1 });
    const authenticator = newAuthenticator();
    await passPolicy(latchkey, {});
    await aPasskeyHolder(latchkey, aQuietHouse(), aName(), authenticator);
    const { name, code } = await aHolder(24);
    aNewMinute();
    await atOnce(house, 1);
    const ip = anAddress();
    const visitor = await aVisitor(house, { ip });
    await visitor.name(name);
    for (let times = 0; times < 8; times += 1)
      await expect(visitor.type(code)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await (await aVisitor(house)).sign(authenticator)).toBe('complete');
    aNewMinute();
    expect(await visitor.type(code)).toBe('enrol');
  });

  test('when it is full says so to nobody whose own limit is reached as well', async () => {
    const house = aQuietHouse({
      limits: {
        ...defaultLimits,
        sourceAndAccount: { most: 1, windowMinutes: 5 },
        organisation: { ...everybody, most: 1 },
      },
    });
    aNewMinute();
    const visitor = await aVisitor(house);
    await visitor.name(aName());
    expect(await counting(() => visitor.type(longWrong))).toEqual({ judged: 1, turnedAway: 0 });
    expect(await counting(() => visitor.type(longWrong))).toEqual({ judged: 0, turnedAway: 1 });
  });

  describe('with fifty failures', () => {
    const administrator = async () => {
      const user = await latchkey.work(async (work) =>
        work.tx('users').where('mail', '=', 'alerts@example.com').first(),
      );
      if (user) return;
      const { id } = await latchkey.user(aName('administrator'));
      await latchkey.base.knex('users').where('id', '=', id).update({ mail: 'alerts@example.com' });
      await latchkey.work((work) => grantRole(work, id, 'Global Administrator'));
    };
    const alerts = () => countOf('sign-in.many-failures');
    const { subject } = messages.mails.notices.manyFailures;
    const mails = async () =>
      (
        await latchkey.base
          .knex('mail_outbox')
          .where('subject', '=', subject)
          .where('recipient', '=', 'alerts@example.com')
      ).length;
    const houseWith = (onAlert: () => void, limits = { ...defaultLimits, source: many }) =>
      aQuietHouse({ limits, onAlert });

    test('alerts once: an event, a warning, and a mail to each administrator an hour', async () => {
      await administrator();
      const onAlert = vi.fn();
      const house = houseWith(onAlert);
      await passPolicy(latchkey, {});
      latchkey.clock.advance(61);
      const [before, mailed] = [await alerts(), await mails()];
      await atOnce(house, 49);
      expect([await alerts(), await mails()]).toEqual([before, mailed]);
      await atOnce(house, 20);
      expect([await alerts(), await mails()]).toEqual([before + 1, mailed + 1]);
      expect(onAlert.mock.calls).toEqual([[50]]);
      aNewMinute();
      await atOnce(house, 60);
      expect([await alerts(), await mails()]).toEqual([before + 2, mailed + 1]);
      latchkey.clock.advance(60);
      await atOnce(house, 60);
      expect([await alerts(), await mails()]).toEqual([before + 3, mailed + 2]);
    });

    test('alerts of sprays from one address too, of which thirty guesses are judged', async () => {
      const onAlert = vi.fn();
      aNewMinute();
      const spray = () =>
        triesAtOnce(houseWith(onAlert, defaultLimits), 60, { nameOf: () => aName(), code: longWrong, ip: anAddress() });
      expect(await counting(spray)).toEqual({ judged: 30, turnedAway: 30 });
      expect(onAlert).toHaveBeenCalledTimes(1);
    });
  });
});

test('networks of the organisation’s own have ten times the limit of a source', async () => {
  const organisationNetworks = new BlockList();
  organisationNetworks.addSubnet('192.0.2.0', 24, 'ipv4');
  organisationNetworks.addSubnet('2001:db8:5::', 48, 'ipv6');
  const house = aQuietHouse({
    limits: { ...defaultLimits, organisation: everybody, source: { most: 3, windowMinutes: 15 }, organisationNetworks },
  });
  const judgedFrom = async (ip: string) =>
    (await counting(() => triesAtOnce(house, 40, { nameOf: () => aName(), code: longWrong, ip }))).judged;
  expect(await judgedFrom('192.0.2.7')).toBe(30);
  expect(await judgedFrom('2001:db8:5:1::9')).toBe(30);
  expect(await judgedFrom('192.0.3.7')).toBe(3);
  expect(await judgedFrom('2001:db8:6:1::9')).toBe(3);
});

describe('what strangers can write into the audit log', () => {
  test('of answers that are not judged is ten a minute and source, sixty in all; the others are counted', async () => {
    const budget = refusalBudget();
    let nowMs = 0;
    const house = aQuietHouse({ mayRecord: ({ ip }) => budget(sourceOf(ip), nowMs) });
    const [name, ip] = [aName(), anAddress()];
    const spray = (count: number) =>
      counting(() => triesAtOnce(house, count, { nameOf: () => name, code: longWrong, ip }));
    expect(await spray(45)).toEqual({ judged: 5, turnedAway: 10 });
    nowMs = 60_000;
    expect(await spray(1)).toEqual({ judged: 0, turnedAway: 1 });
    const last = (await eventsOf(latchkey, { type: 'sign-in.throttled' })).at(-1)!;
    expect(last.details).toMatchObject({ leftOutBefore: 30 });
  });

  test('of requests that do not fit the step is within the same budget, and an operator’s refusals are all there', async () => {
    const base = await openTestBase();
    try {
      const house = aHouse(base, { mayRecord: base.base.mayRecord });
      const ip = anAddress();
      const visitor = await aVisitor(house, { ip });
      const outOfStep = () => steps.beginEnrolment(house, visitor.visit, 'passkey').catch((error: Error) => error);
      await visitor.name(aName());
      for (let times = 0; times < 12; times += 1) await visitor.type(longWrong);
      for (let times = 0; times < 30; times += 1) expect(await outOfStep()).toMatchObject({ code: 'conflict' });
      const ofType = async (type: string) => (await eventsOf(base, { type })).length;
      expect((await ofType('sign-in.throttled')) + (await ofType('request.refused'))).toBe(10);
      const nobody = () => base.work((work) => revokePass(work, { user: 'nobody@example.com' })).catch(() => {});
      for (let times = 0; times < 15; times += 1) await nobody();
      expect((await ofType('sign-in.throttled')) + (await ofType('request.refused'))).toBe(25);
    } finally {
      await base.close();
    }
  });
});
