import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contain } from '../../src/containment.ts';
import { anonymous } from '../../src/core/actor.ts';
import { AppError } from '../../src/core/errors.ts';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { recoveryCodeMethod } from '../../src/methods/recovery-code/recovery-code-method.ts';
import type { Attempt, Verdict } from '../../src/methods/method.ts';
import { openLink } from '../../src/notices/links.ts';
import { changePerson } from '../../src/people.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { type Base, openBase } from '../../src/wire.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aPasskeyHolder, aVisitor, eventsOf, type Visitor } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Recovery codes: each opens one registration in one browser, and is gone. */

const method = recoveryCodeMethod();
const anybody = { actor: anonymous, origin: { requestId: 'test', ip: null, userAgent: null } } as const;

let latchkey: TestBase;
/** A second node on the same database. */
let second: Base;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  second = await openBase(latchkey.base.config, 'command', () => {});
  const methods = ['passkey', 'temporary-access-pass', 'recovery-code'] as const;
  house = aHouse(latchkey, { policyFrom: () => ({ methods, enrollable: ['passkey'] }) });
});
afterAll(async () => {
  await second?.close();
  await latchkey?.close();
});

async function later<T>(minutes: number, body: () => Promise<T>): Promise<T> {
  latchkey.clock.advance(minutes);
  try {
    return await body();
  } finally {
    latchkey.clock.advance(-minutes);
  }
}

const make = (userId: string, base = latchkey.base) => makeRecoveryCodes(base.run, asOperator, userId);

/** Somebody with a sheet of codes. */
async function anOwner() {
  const user = await latchkey.user(aName('owner'));
  return { user, userId: user.id, name: user.userPrincipalName, codes: await make(user.id) };
}

function anAttempt(userName: string | null, more: Partial<Attempt> = {}): Attempt {
  return {
    owner: randomBytes(32),
    browser: randomBytes(32),
    userName,
    domain: null,
    provenUserId: null,
    signedInUserId: null,
    onlyCredentialId: null,
    ...more,
  };
}

interface Asked {
  readonly base?: Base;
  readonly attempt?: Partial<Attempt>;
  readonly meanwhile?: () => Promise<unknown>;
}

async function judge(name: string | null, response: unknown, asked: Asked = {}): Promise<Verdict> {
  const { base = latchkey.base, meanwhile } = asked;
  const attempt = anAttempt(name, asked.attempt);
  const candidate = await base.run(anybody, (work) => method.read(work, attempt, response));
  const proof = await method.check(candidate);
  await meanwhile?.();
  return base.run(anybody, (work) => method.spend(work, attempt, candidate, proof));
}

/** `verified`, or why not. */
async function enter(name: string | null, code: unknown, asked?: Asked): Promise<string> {
  const verdict = await judge(name, { code }, asked);
  return verdict.verified ? 'verified' : verdict.reason;
}

async function anOpening(asked?: Asked) {
  const owner = await anOwner();
  const verdict = await judge(owner.name, { code: owner.codes[0] }, asked);
  if (!verdict.verified) throw new Error(`The code opened nothing: ${verdict.reason}.`);
  return { ...owner, openingId: verdict.credentialId, endsAt: verdict.endsAt! };
}

const listed = (userId: string) => latchkey.work((work) => method.listOf(work, userId));
const rowsOf = (userId: string) => latchkey.base.knex('recovery_codes').where('user_id', '=', userId);
const stillOpens = (id: string) => latchkey.work((work) => method.stillOpens(work, id));
const holdOpen = (id: string) => latchkey.work((work) => method.holdOpen(work, id));
const holds = (id: string) => latchkey.work((work) => method.holds(work, id));
const refused = 'wrong_code';

describe('a set', () => {
  test('has ten codes of twenty symbols, and no two begin alike', async () => {
    const { codes } = await anOwner();
    expect(codes).toHaveLength(10);
    for (const code of codes) expect(code).toMatch(/^[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){4}$/);
    expect(new Set(codes.map((code) => code.slice(0, 4))).size).toBe(10);
  });

  test('is stored as slow hashes, and recorded without a code', async () => {
    const { codes, userId } = await anOwner();
    const rows = await rowsOf(userId);
    expect(rows.map(({ selector }) => selector).sort()).toEqual(codes.map((code) => code.slice(0, 4)).sort());
    for (const { verifier } of rows) expect(verifier).toMatch(/^argon2:\$argon2id\$.*m=19456,t=2,p=1/);
    const kept = JSON.stringify([rows, await eventsOf(latchkey, { userId })]);
    for (const code of codes) {
      for (const part of [code.slice(5), code.replaceAll('-', '').slice(4), ...code.split('-').slice(1)]) {
        expect(kept.replaceAll(/argon2:[^"]*/g, '')).not.toContain(part);
      }
    }
    const [event] = await eventsOf(latchkey, { userId, type: 'recovery-codes.made' });
    expect(event!.details).toMatchObject({ count: 10, replaced: false });
  });

  test('says how many are left, and is gone with the last', async () => {
    const { userId, name, codes } = await anOwner();
    const [set] = await listed(userId);
    expect(set).toMatchObject({ method: 'recovery-code', name: 'Recovery codes (10 of 10 left)', suspended: false });
    for (const code of codes.slice(0, 3)) expect(await enter(name, code)).toBe('verified');
    expect(await listed(userId)).toEqual([{ ...set, name: 'Recovery codes (7 of 10 left)' }]);
    for (const code of codes.slice(3)) expect(await enter(name, code)).toBe('verified');
    expect(await listed(userId)).toEqual([]);
    expect(await enter(name, codes[0])).toBe('no_credential');
  });

  test('made anew ends the one before', async () => {
    const { userId, name, codes } = await anOwner();
    const next = await make(userId);
    for (const code of codes.slice(0, 3)) expect(await enter(name, code)).toBe(refused);
    expect(await enter(name, next[0])).toBe('verified');
    expect(await rowsOf(userId)).toHaveLength(9);
    const events = await eventsOf(latchkey, { userId, type: 'recovery-codes.made' });
    expect(events.map(({ details }) => details.replaced)).toEqual([false, true]);
  });

  test('made twice at once on two nodes leaves one of the two, whole', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    const makeSlowly = ({ run }: Base) => {
      let asked = 0;
      return makeRecoveryCodes(run, asOperator, id, async () => {
        asked += 1;
        if (asked === 2) await new Promise((resolve) => setTimeout(resolve, 300));
      });
    };
    const sets = await Promise.all([makeSlowly(latchkey.base), makeSlowly(second)]);
    expect(await rowsOf(id)).toHaveLength(10);
    const outcomes = await Promise.all(sets.map((codes) => enter(userPrincipalName, codes[0])));
    expect(outcomes.sort()).toEqual(['verified', refused]);
  });

  test('is for users who exist and are enabled', async () => {
    const { userId } = await anOwner();
    await latchkey.work((work) => changePerson(work, userId, { enabled: false }));
    await expect(make(userId)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(make(randomUUID())).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is not made when the caller refuses it, before the hashes or after', async () => {
    const { userId, name, codes } = await anOwner();
    for (const refusesAt of [1, 2]) {
      let asked = 0;
      const demand = async () => {
        asked += 1;
        if (asked === refusesAt) throw new AppError('unauthenticated', 'Sign in once more.');
      };
      const making = makeRecoveryCodes(latchkey.base.run, asOperator, userId, demand);
      await expect(making).rejects.toMatchObject({ code: 'unauthenticated' });
    }
    expect(await enter(name, codes[0])).toBe('verified');
  });

  test('is removed as a whole by its owner and by nobody else, and has no name to change', async () => {
    const [one, other] = [await anOwner(), await anOwner()];
    const [set] = await listed(one.userId);
    const remove = (userId: string, id: string) => latchkey.work((work) => method.remove(work, userId, id));
    for (const wrong of ['x', '', randomUUID()]) expect(await remove(one.userId, wrong)).toBe(false);
    expect(await remove(other.userId, set!.id)).toBe(false);
    expect(await latchkey.work((work) => method.rename(work, one.userId, set!.id, 'Mine'))).toBe(false);
    expect(await remove(one.userId, set!.id)).toBe(true);
    expect(await enter(one.name, one.codes[0])).toBe('no_credential');
    expect(await enter(other.name, other.codes[0])).toBe('verified');
    expect(await eventsOf(latchkey, { userId: one.userId, type: 'recovery-codes.removed' })).toHaveLength(1);
  });
});

describe('a code', () => {
  test('is good once, and leaves the others', async () => {
    const { name, codes } = await anOwner();
    expect(await enter(name, codes[0])).toBe('verified');
    expect(await enter(name, codes[0])).toBe(refused);
    expect(await enter(name, codes[1])).toBe('verified');
  });

  test('is read however it is typed', async () => {
    const { name, codes } = await anOwner();
    expect(await enter(` ${name.toUpperCase()} `, codes[0]!.toLowerCase().replaceAll('-', '  '))).toBe('verified');
  });

  test('sent twenty times at once to two nodes opens one registration', async () => {
    const { userId, name, codes } = await anOwner();
    const spends: (() => Promise<Verdict>)[] = [];
    // All are proved right before any is spent: twenty hashes at once are more than a busy machine takes.
    for (let index = 0; index < 20; index += 1) {
      const { run } = index % 2 ? second : latchkey.base;
      const attempt = anAttempt(name);
      const candidate = await run(anybody, (work) => method.read(work, attempt, { code: codes[0] }));
      const proof = await method.check(candidate);
      spends.push(() => run(anybody, (work) => method.spend(work, attempt, candidate, proof)));
    }
    const verdicts = await Promise.all(spends.map((spend) => spend()));
    const outcomes = verdicts.map((verdict) => (verdict.verified ? 'verified' : verdict.reason));
    expect(outcomes.sort()).toEqual([...Array.from({ length: 19 }, () => 'already_used'), 'verified']);
    expect(await latchkey.base.knex('recovery_openings').where('user_id', '=', userId)).toHaveLength(1);
    expect(await rowsOf(userId)).toHaveLength(9);
  });

  test('that was read before it was used elsewhere is used already', async () => {
    const { name, codes } = await anOwner();
    expect(await enter(name, codes[0], { meanwhile: () => enter(name, codes[0]) })).toBe('already_used');
  });

  test('is of its user alone, also where another has one that begins alike', async () => {
    const [one, other] = [await anOwner(), await anOwner()];
    expect(await enter(other.name, one.codes[0])).toBe(refused);
    const [selector] = one.codes[0]!.split('-');
    const [row] = await rowsOf(other.userId);
    await rowsOf(other.userId).where('id', '=', row.id).update({ selector });
    expect(await enter(other.name, one.codes[0])).toBe(refused);
    expect(await enter(one.name, one.codes[0])).toBe('verified');
  });

  test('does not work from a row that was moved to another user', async () => {
    const [one, other] = [await anOwner(), await anOwner()];
    const selector = one.codes[0]!.slice(0, 4);
    const [row] = await rowsOf(one.userId).where('selector', '=', selector);
    await rowsOf(one.userId).where('id', '=', row.id).update({ user_id: other.userId });
    expect(await enter(other.name, one.codes[0])).toBe(refused);
  });

  test('needs the beginning and the end of the same code', async () => {
    const { name, codes } = await anOwner();
    expect(await enter(name, codes[0]!.slice(0, 4) + codes[1]!.slice(4))).toBe(refused);
    expect(await enter(name, `2222${codes[0]!.slice(4)}`)).toBe(refused);
    expect(await enter(name, codes[0]!.slice(5))).toBe(refused);
    expect(await enter(name, codes[0])).toBe('verified');
  });

  test('of nobody is refused like any other, for what the log says', async () => {
    const { codes } = await anOwner();
    expect(await enter('nobody@example.com', codes[0])).toBe('unknown_user');
    expect(await enter(null, codes[0])).toBe('unknown_user');
    const without = await latchkey.user(aName());
    expect(await enter(without.userPrincipalName, codes[0])).toBe('no_credential');
  });

  test.each<[unknown]>([
    [undefined],
    [null],
    [''],
    [[]],
    [12345678901234567890n.toString()],
    [['AAAA-AAAA-AAAA-AAAA-AAAA']],
    [{ $ne: null }],
    ['0000-0000-0000-0000-0000'],
    ['\0'.repeat(20)],
    ['A'.repeat(21)],
    ['A'.repeat(48)],
    ['A'.repeat(100_000)],
    ['ＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡＡ'],
  ])('that is %j is wrong, and nothing is thrown', async (code) => {
    const { name } = await anOwner();
    expect(await enter(name, code)).toBe(refused);
  });

  test.each([[undefined], [null], ['text'], [[]]])('in a form that is %j is wrong', async (response) => {
    const { name } = await anOwner();
    expect(await judge(name, response)).toMatchObject({ verified: false, reason: refused });
  });

  test('of a disabled user opens nothing and is not spent', async () => {
    const { userId, name, codes } = await anOwner();
    const setEnabled = (enabled: boolean) => latchkey.work((work) => changePerson(work, userId, { enabled }));
    await setEnabled(false);
    expect(await enter(name, codes[0])).toBe('user_disabled');
    await setEnabled(true);
    expect(await enter(name, codes[0])).toBe('verified');
  });

  test('of somebody else than is signed in here changes nothing', async () => {
    const { userId, name, codes } = await anOwner();
    const asOther = { attempt: { signedInUserId: randomUUID() } };
    expect(await enter(name, codes[0], asOther)).toBe('signed_in_as_other');
    expect(await enter(name, codes[0], { attempt: { signedInUserId: userId } })).toBe('verified');
  });
});

describe('what a code opens', () => {
  test('goes on for ten minutes, in that browser', async () => {
    const browser = randomBytes(32);
    const { openingId, endsAt } = await anOpening({ attempt: { browser } });
    expect(endsAt.getTime() - (await latchkey.work(async (work) => work.now)).getTime()).toBeGreaterThan(590_000);
    const [row] = await latchkey.base.knex('recovery_openings').where('id', '=', openingId);
    expect(row).toMatchObject({ browser, ends_at: endsAt, completed_at: null });
    const at = (moment: Date) => latchkey.work((work) => method.stillOpens({ ...work, now: moment }, openingId));
    expect(await at(new Date(endsAt.getTime() - 1))).toEqual({ boundToBrowser: true });
    expect(await at(endsAt)).toBeUndefined();
    for (const judging of [stillOpens, holdOpen]) expect(await judging(openingId)).toEqual({ boundToBrowser: true });
    expect(await holds(openingId)).toBe(true);
    await later(10, async () => {
      for (const judging of [stillOpens, holdOpen]) expect(await judging(openingId)).toBeUndefined();
      expect(await holds(openingId)).toBe(false);
    });
  });

  test('ends with the graduation, which is recorded once', async () => {
    const { openingId, userId } = await anOpening();
    for (let times = 0; times < 2; times += 1) await latchkey.work((work) => method.graduate(work, openingId));
    for (const judging of [stillOpens, holdOpen]) expect(await judging(openingId)).toBeUndefined();
    expect(await holds(openingId)).toBe(true);
    expect(await eventsOf(latchkey, { userId, type: 'recovery-code.completed' })).toHaveLength(1);
  });

  test('ends when its user is disabled', async () => {
    const { openingId, userId } = await anOpening();
    await latchkey.work((work) => changePerson(work, userId, { enabled: false }));
    for (const judging of [stillOpens, holdOpen]) expect(await judging(openingId)).toBeUndefined();
  });

  test('is nothing for an id that is a pass’s or nobody’s', async () => {
    const id = randomUUID();
    expect([await stillOpens(id), await holdOpen(id), await holds(id)]).toEqual([undefined, undefined, false]);
    await latchkey.work((work) => method.graduate(work, id));
    await latchkey.work((work) => method.signedIn(work, id));
    const events = await eventsOf(latchkey, { type: 'recovery-code.completed' });
    expect(events.filter(({ details }) => details.openingId === id)).toEqual([]);
  });

  test('ends with "this was not me", and all codes with it', async () => {
    const { openingId, userId, name, codes } = await anOpening();
    const other = await anOpening();
    const { token } = await latchkey.work((work) => openLink(work, userId));
    const outcome = await latchkey.base.run(anybody, (work) => contain(work, { token, methods: house.methods }));
    expect(outcome).toBe('contained');
    for (const judging of [stillOpens, holdOpen]) expect(await judging(openingId)).toBeUndefined();
    expect(await holds(openingId)).toBe(false);
    expect(await enter(name, codes[1])).toBe('no_credential');
    expect(await stillOpens(other.openingId)).toEqual({ boundToBrowser: true });
    expect(await enter(other.name, other.codes[1])).toBe('verified');
  });

  test('is held while somebody goes on with it: a containment waits for that work', async () => {
    const { openingId, userId } = await anOpening();
    const order: string[] = [];
    let ending: Promise<unknown> = Promise.resolve();
    await latchkey.work(async (work) => {
      await method.holdOpen(work, openingId);
      ending = second
        .run(anybody, (other) => method.contain(other, userId, other.now))
        .then(() => order.push('contained'));
      await new Promise((resolve) => setTimeout(resolve, 200));
      order.push('went on');
    });
    await ending;
    expect(order).toEqual(['went on', 'contained']);
  });
});

describe('in the flow', () => {
  async function type(visitor: Visitor, userName: string, code: string | undefined): Promise<string> {
    await steps.identify(house, visitor.visit, { userName, method: 'recovery-code' });
    await steps.answer(house, visitor.visit, 'recovery-code', { code });
    return visitor.step();
  }

  test('a code leads to a new passkey and by that to the end; it never signs in by itself', async () => {
    const { userId, name, codes } = await anOwner();
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    expect(await type(visitor, name, codes[0])).toBe('enrol');
    expect(await visitor.register(authenticator)).toBe('confirm');
    expect(await visitor.sign(authenticator)).toBe('complete');
    const { step } = await visitor.look();
    expect(step).toMatchObject({ userId, level: 'phr', amr: ['pop', 'user', 'mfa'], bornOf: null });
    const types = (await eventsOf(latchkey, { userId })).map((event) => event.type);
    expect(types).toContain('recovery-code.completed');
    expect(types.at(-1)).toBe('sign-in.completed');
  });

  test('the registration goes on in no other browser, and its code opens no other', async () => {
    const { name, codes } = await anOwner();
    const visitor = await aVisitor(house);
    expect(await type(visitor, name, codes[0])).toBe('enrol');
    const elsewhere = { ...visitor.visit, browser: randomBytes(32) };
    await expect(steps.look(house, elsewhere, 'app')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(steps.beginEnrolment(house, elsewhere, 'passkey')).rejects.toMatchObject({ code: 'forbidden' });
    expect(await type(await aVisitor(house), name, codes[0])).toBe('verify');
    expect(await visitor.step()).toBe('enrol');
  });

  test('a window that ended leads nowhere', async () => {
    const { name, codes } = await anOwner();
    const visitor = await aVisitor(house);
    expect(await type(visitor, name, codes[0])).toBe('enrol');
    await later(10, async () => expect(await visitor.step()).toBe('ended'));
  });

  test('a passkey made of it is one: the same opening adds no second', async () => {
    const { userId, name, codes } = await anOwner();
    const visitor = await aVisitor(house);
    expect(await type(visitor, name, codes[0])).toBe('enrol');
    const options = await visitor.creationOptions();
    const made = await newAuthenticator().create(options, { origin: 'http://localhost:3000' });
    expect(await visitor.register(newAuthenticator())).toBe('confirm');
    await visitor.sendRegistration(made);
    expect(await latchkey.base.knex('passkeys').where('user_id', '=', userId)).toHaveLength(1);
  });

  test('whoever has a passkey already adds another with it, and keeps the first', async () => {
    const name = aName('holder');
    const { userId } = await aPasskeyHolder(latchkey, house, name, newAuthenticator());
    const codes = await make(userId);
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    expect(await type(visitor, name, codes[9])).toBe('enrol');
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect(await latchkey.base.knex('passkeys').where('user_id', '=', userId)).toHaveLength(2);
  });
});
