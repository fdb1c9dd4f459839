import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { anonymous } from '../../src/core/actor.ts';
import { slowHash } from '../../src/core/slow-hash.ts';
import type { RunWork } from '../../src/core/work.ts';
import type {
  Attempt,
  ContainableMethod,
  Enrolment,
  EnrolmentVerdict,
  EnrollableMethod,
  ListableMethod,
  Verdict,
} from '../../src/methods/method.ts';
import { changePasswordPolicy, passwordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { passwordId } from '../../src/methods/password/password-method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { changeUser, createUser } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { openBase } from '../../src/wire.ts';
import { asOperator, openTestBase, testMasterKey, type TestBase } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aName, eventsOf, origin } from '../support/makers.ts';
import { messages } from '../../views/messages.ts';

const methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
const method = methods.get('password') as EnrollableMethod & ListableMethod & ContainableMethod;

let latchkey: TestBase;
beforeAll(async () => {
  latchkey = await openTestBase();
});
afterEach(() => latchkey.work(resetPasswordPolicy));
afterAll(() => latchkey?.close());

const good = 'the tide comes in at nine';
const other = 'lanterns over Lübeck, 3 a.m.';
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0';
const visit = { actor: anonymous, origin: { requestId: 'test', ip: '10.0.0.1', userAgent: firefox } } as const;

interface Meanwhile {
  readonly run?: RunWork;
  readonly attempt?: Partial<Attempt>;
  /** Happens while the answer is being checked and no transaction is open. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** The three parts, as the flow does them. */
async function answer(userName: string | null, response: unknown, more: Meanwhile = {}): Promise<Verdict> {
  const { run = latchkey.base.run, meanwhile } = more;
  const attempt: Attempt = {
    owner: randomBytes(32),
    browser: randomBytes(32),
    userName,
    domain: null,
    provenUserId: null,
    signedInUserId: null,
    onlyCredentialId: null,
    ...more.attempt,
  };
  const candidate = await run(visit, (work) => method.read(work, attempt, response));
  const proof = await method.check(candidate);
  await meanwhile?.();
  return run(visit, (work) => method.spend(work, attempt, candidate, proof));
}

const enter = (user: User, password: unknown, more?: Meanwhile) => answer(user.userPrincipalName, { password }, more);
const right = { verified: true, credentialId: passwordId, standsAlone: true };
const wrong = { verified: false, reason: 'wrong_password' };

async function enrol(user: User, response: unknown, meanwhile?: () => Promise<unknown>): Promise<EnrolmentVerdict> {
  const { run } = latchkey.base;
  const enrolment: Enrolment = {
    owner: randomBytes(32),
    userId: user.id,
    passId: null,
    endsAt: null,
    device: 'Firefox on Linux',
  };
  const by = { ...visit, actor: { kind: 'user', userId: user.id } } as const;
  expect(await run(by, (work) => method.beginEnrolment(work, enrolment))).toEqual({});
  const candidate = await run(by, (work) => method.readEnrolment(work, enrolment, response));
  const proof = await method.checkEnrolment(candidate);
  await meanwhile?.();
  return run(by, (work) => method.keepEnrolment(work, enrolment, candidate, proof));
}

const set = (user: User, password: string) => enrol(user, { password, repeat: password });
const enrolled = { enrolled: true, credential: { credentialId: passwordId, name: 'Password', used: true } };
const notEnrolled = (reason: string) => ({ enrolled: false, reason });

async function aHolder(password = good): Promise<User> {
  const user = await latchkey.user(aName());
  expect(await set(user, password)).toEqual(enrolled);
  return user;
}

const row = (user: User) => latchkey.base.knex('passwords').where('user_id', '=', user.id).first();
const failed = async (user: User) => (await row(user)).failures;
const fail = (user: User, failures: number) =>
  latchkey.base.knex('passwords').where('user_id', '=', user.id).update({ failures });
const disable = (user: User) => latchkey.work((work) => changeUser(work, user, { enabled: false }));
const listed = (user: User) => latchkey.work((work) => method.listOf(work, user.id));

describe('setting a password', () => {
  test('gives one to a user who had none under the hood, and is recorded without it', async () => {
    const user = await latchkey.user(aName());
    expect(await row(user)).toBeUndefined();
    expect(await listed(user)).toEqual([]);
    expect(await enter(user, good)).toEqual({ verified: false, reason: 'no_credential', userId: user.id });
    expect(await set(user, good)).toEqual(enrolled);
    expect(await enter(user, good)).toEqual({ ...right, userId: user.id });
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.set' })).toMatchObject([
      { result: 'success', actor_id: user.id, details: { passId: null } },
    ]);
    expect((await row(user)).verifier).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const everything = JSON.stringify([await row(user), await eventsOf(latchkey, { userId: user.id })]);
    expect(everything).not.toContain(good);
  });

  test('when there is one changes it: the one before no longer works', async () => {
    const user = await aHolder();
    expect(await set(user, other)).toEqual(enrolled);
    expect(await enter(user, good)).toMatchObject(wrong);
    expect(await enter(user, other)).toMatchObject(right);
    const types = (await eventsOf(latchkey, { userId: user.id })).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['password.set', 'password.changed']));
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.set' })).toHaveLength(1);
  });

  test('of two who have the same password stores two verifiers, and neither opens the other’s account', async () => {
    const [one, two] = [await aHolder(), await aHolder(other)];
    const { verifier } = await row(one);
    expect((await row(await aHolder())).verifier).not.toBe(verifier);
    await latchkey.base.knex('passwords').where('user_id', '=', two.id).update({ verifier });
    expect(await enter(two, good)).toMatchObject(wrong);
  });

  test.each<[string, unknown, string]>([
    ['two that differ', { password: good, repeat: other }, 'mismatch'],
    ['no repetition', { password: good }, 'refused'],
    ['seven characters', { password: 'kX9#mQ2', repeat: 'kX9#mQ2' }, 'weak'],
    ['a common one', { password: 'Summer2026!', repeat: 'Summer2026!' }, 'weak'],
    ['129 characters', { password: 'kX9#mQ2vwzyfs'.repeat(10), repeat: 'kX9#mQ2vwzyfs'.repeat(10) }, 'weak'],
    ['a megabyte', { password: 'x'.repeat(1 << 20), repeat: 'x'.repeat(1 << 20) }, 'weak'],
    ['the app’s name', { password: 'Latchkey-7Q#m', repeat: 'Latchkey-7Q#m' }, 'weak'],
    ['nothing', undefined, 'refused'],
    ['a text', 'password', 'refused'],
    ['lists', { password: [good], repeat: [good] }, 'refused'],
    ['half a character', { password: `${good}\ud800`, repeat: `${good}\ud800` }, 'refused'],
  ])('does not take %s', async (_what, response, reason) => {
    const user = await latchkey.user(aName());
    expect(await enrol(user, response)).toEqual(notEnrolled(reason));
    expect(await row(user)).toBeUndefined();
  });

  test('does not take the user name', async () => {
    const user = await latchkey.user(aName('wilhelmina'));
    const local = user.userPrincipalName.split('@')[0]!;
    expect(await set(user, `${local}#7Q`)).toEqual(notEnrolled('weak'));
  });

  test('takes what policy asks for', async () => {
    const user = await latchkey.user(aName());
    await latchkey.work((work) => changePasswordPolicy(work, { alone: true }));
    expect(await set(user, 'the tide comes')).toEqual(notEnrolled('weak'));
    expect(await set(user, 'the tide comes!')).toEqual(enrolled);
    await latchkey.work((work) => changePasswordPolicy(work, { state: 'disabled' }));
    expect(await set(user, good)).toEqual(notEnrolled('refused'));
  });

  test.each([
    [{ state: 'disabled' } as const, 'refused'],
    [{ minimumLength: 64 }, 'weak'],
  ])('is judged again when it is kept: %j', async (changes, reason) => {
    const user = await latchkey.user(aName());
    const meanwhile = () => latchkey.work((work) => changePasswordPolicy(work, changes));
    expect(await enrol(user, { password: good, repeat: good }, meanwhile)).toEqual(notEnrolled(reason));
    expect(await row(user)).toBeUndefined();
  });

  test('twice at once leaves one of the two, and says once that it was set', async () => {
    const user = await latchkey.user(aName());
    expect(await Promise.all([set(user, good), set(user, other)])).toEqual([enrolled, enrolled]);
    const verdicts = [await enter(user, good), await enter(user, other)].map(({ verified }) => verified);
    expect(verdicts.toSorted()).toEqual([false, true]);
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.set' })).toHaveLength(1);
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.changed' })).toHaveLength(1);
  });
});

describe('entering a password', () => {
  test('takes note of the use', async () => {
    const user = await aHolder();
    await enter(user, good);
    const [item] = await listed(user);
    expect(item).toMatchObject({ lastUsedWith: 'Firefox on Linux', suspended: false });
    expect(item!.lastUsedAt!.getTime()).toBeGreaterThanOrEqual(item!.createdAt.getTime());
  });

  test('works in any Unicode form, for the name in any case', async () => {
    const user = await aHolder('Lübeck leuchtet früh'.normalize('NFC'));
    expect(await enter(user, 'Lübeck leuchtet früh'.normalize('NFD'))).toMatchObject(right);
    const decomposed = await aHolder('Lübeck leuchtet früh'.normalize('NFD'));
    expect(await enter(decomposed, 'Lübeck leuchtet früh'.normalize('NFC'))).toMatchObject(right);
    expect(
      await answer(` ${user.userPrincipalName.toUpperCase()} `, { password: 'Lübeck leuchtet früh' }),
    ).toMatchObject(right);
  });

  test('takes it to the letter: no case folded, no space dropped', async () => {
    const user = await aHolder();
    for (const typed of [good.toUpperCase(), ` ${good}`, `${good} `, good.slice(0, -1), `${good}9`]) {
      expect(await enter(user, typed)).toMatchObject(wrong);
    }
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', good],
    ['no field', {}],
    ['an empty text', { password: '' }],
    ['a number', { password: 12345678 }],
    ['a list', { password: [good] }],
    ['an object', { password: { $ne: '' } }],
    ['half a character', { password: `${good}\ud800` }],
    ['a NUL', { password: `${good}\0` }],
    ['1,025 characters', { password: 'x'.repeat(1025) }],
    ['a megabyte', { password: 'x'.repeat(1 << 20) }],
  ])('that is %s is wrong, and no more', async (_what, response) => {
    const user = await aHolder();
    expect(await answer(user.userPrincipalName, response)).toEqual({ ...wrong, userId: user.id });
    expect(await failed(user)).toBe(1);
    expect(await answer(aName(), response)).toMatchObject({ reason: 'unknown_user' });
  });

  test.each([[null], [''], ['\0'], ['x'.repeat(10_000)], ['\ud800']])('with the name %j names nobody', async (name) => {
    expect(await answer(name, { password: good })).toEqual({ verified: false, reason: 'unknown_user' });
  });

  test('of a disabled user is refused, and so it is when policy takes no passwords', async () => {
    const user = await aHolder();
    await latchkey.work((work) => changePasswordPolicy(work, { state: 'disabled' }));
    expect(await enter(user, good)).toMatchObject({ reason: 'policy' });
    await latchkey.work(resetPasswordPolicy);
    await disable(user);
    expect(await enter(user, good)).toMatchObject({ reason: 'user_disabled' });
    expect(await enter(user, other)).toMatchObject({ reason: 'user_disabled' });
  });

  test('for another person than earlier evidence has shown is refused', async () => {
    const user = await aHolder();
    const stranger = await aHolder();
    expect(await enter(user, good, { attempt: { provenUserId: stranger.id } })).toMatchObject({
      reason: 'credential_of_other',
    });
    expect(await enter(user, good, { attempt: { provenUserId: user.id } })).toMatchObject(right);
  });

  test.each<[string, string, (user: User) => Promise<unknown>]>([
    ['changed', 'wrong_password', (user) => set(user, other)],
    ['removed', 'no_credential', (user) => latchkey.work((work) => method.remove(work, user.id, passwordId))],
    ['locked', 'locked', (user) => latchkey.work((work) => method.contain(work, user.id, new Date(0)))],
    ['its user’s no more, who was disabled', 'user_disabled', disable],
  ])('that is %s while it is being checked is refused', async (_what, reason, happens) => {
    const user = await aHolder();
    const verdict = await enter(user, good, { meanwhile: () => happens(user) });
    expect(verdict).toEqual({ verified: false, reason, userId: user.id });
  });

  test('costs a slow hash whoever is named and whatever is typed: all are shed alike when there is no room', async () => {
    const [known, none, off, locked] = [
      await aHolder(),
      await latchkey.user(aName()),
      await aHolder(),
      await aHolder(),
    ];
    await disable(off);
    await latchkey.work((work) => method.contain(work, locked.id, new Date(0)));
    const names = [known, none, off, locked].map(({ userPrincipalName }) => userPrincipalName);
    const candidates: unknown[] = [];
    for (const response of [{ password: good }, { password: 'x'.repeat(2_000) }, undefined]) {
      for (const userName of [...names, aName('nobody'), null]) {
        const attempt = { userName } as Attempt;
        candidates.push(await latchkey.base.run(visit, (work) => method.read(work, attempt, response)));
      }
    }
    const crowd = Promise.allSettled(
      Array.from({ length: 80 + availableParallelism() }, () => slowHash('somebody else')),
    );
    const checks = await Promise.allSettled(candidates.map((candidate) => method.check(candidate)));
    expect(checks).toHaveLength(18);
    for (const check of checks) expect(check).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
    await crowd;
  });
});

describe('wrong passwords', () => {
  test('in a row are counted, and the right one begins anew', async () => {
    const user = await aHolder();
    for (const count of [1, 2, 3]) {
      expect(await enter(user, other)).toMatchObject(wrong);
      expect(await failed(user)).toBe(count);
    }
    await enter(user, good);
    expect(await failed(user)).toBe(0);
    await enter(user, other);
    expect(await failed(user)).toBe(1);
  });

  test('lock it at the hundredth: then the right one is refused, and others go on', async () => {
    const [user, neighbour] = [await aHolder(), await aHolder()];
    await fail(user, 98);
    expect(await enter(user, other)).toMatchObject(wrong);
    expect((await row(user)).locked_at).toBeNull();
    expect(await enter(user, other)).toMatchObject(wrong);
    expect(await row(user)).toMatchObject({ failures: 100, locked_at: expect.any(Date) });
    expect(await enter(user, good)).toMatchObject({ verified: false, reason: 'locked' });
    expect(await enter(user, other)).toMatchObject({ reason: 'locked' });
    expect(await failed(user)).toBe(100);
    expect(await enter(neighbour, good)).toMatchObject(right);
    expect((await listed(user))[0]).toMatchObject({ suspended: true });
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.locked' })).toMatchObject([
      { details: { failures: 100 } },
    ]);
  });

  test('do not lock it at the ninety-ninth when the next is right', async () => {
    const user = await aHolder();
    await fail(user, 98);
    await enter(user, other);
    expect(await enter(user, good)).toMatchObject(right);
    expect(await failed(user)).toBe(0);
  });

  test('that locked it are forgotten with it: a new one works', async () => {
    const user = await aHolder();
    await fail(user, 99);
    await enter(user, other);
    await set(user, other);
    expect(await enter(user, other)).toMatchObject(right);
    expect(await row(user)).toMatchObject({ failures: 0, locked_at: null });
  });

  test('are not counted against one that took its place meanwhile', async () => {
    const user = await aHolder();
    await enter(user, 'a wrong one of old', { meanwhile: () => set(user, other) });
    expect(await failed(user)).toBe(0);
  });

  test('at once on two nodes are counted one by one, and the hundredth locks it once', async () => {
    const user = await aHolder();
    await fail(user, 94);
    const config = readConfig({
      LATCHKEY_MASTER_KEY: testMasterKey,
      DATABASE_URL: latchkey.base.config.databaseUrl!,
      LATCHKEY_LOG_LEVEL: 'silent',
    });
    const second = await openBase(config, 'command', () => {});
    try {
      const tries = Array.from({ length: 10 }, (_, index) =>
        enter(user, `wrong one ${index}`, { run: index % 2 === 0 ? latchkey.base.run : second.run }),
      );
      for (const verdict of await Promise.all(tries)) expect(verdict.verified).toBe(false);
    } finally {
      await second.close();
    }
    expect(await failed(user)).toBe(100);
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.locked' })).toHaveLength(1);
  });
});

describe('its owner', () => {
  test('sees one item, which cannot be renamed', async () => {
    const user = await aHolder();
    expect(await listed(user)).toEqual([
      {
        id: passwordId,
        method: 'password',
        name: 'Password',
        deviceBound: false,
        createdAt: expect.any(Date),
        createdWith: 'Firefox on Linux',
        lastUsedAt: null,
        lastUsedWith: null,
        suspended: false,
        refused: false,
      },
    ]);
    expect(await latchkey.work((work) => method.rename(work, user.id, passwordId, 'Mine'))).toBe(false);
  });

  test('may have it removed: then there is none again', async () => {
    const user = await aHolder();
    const remove = (id: string) => latchkey.work((work) => method.remove(work, user.id, id));
    expect(await remove(user.id)).toBe(false);
    expect(await remove("'")).toBe(false);
    expect(await remove(passwordId)).toBe(true);
    expect(await row(user)).toBeUndefined();
    expect(await enter(user, good)).toMatchObject({ reason: 'no_credential' });
    expect(await remove(passwordId)).toBe(false);
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.removed' })).toHaveLength(1);
  });

  test('who says "this was not me" has it locked if it was set or changed since, and only then', async () => {
    const [user, before] = [await latchkey.user(aName()), await aHolder()];
    const since = await latchkey.work(async (work) => work.now);
    await set(user, good);
    const contain = (who: User) => latchkey.work((work) => method.contain(work, who.id, since));
    expect(await contain(before)).toEqual([]);
    expect(await enter(before, good)).toMatchObject(right);
    expect(await contain(user)).toEqual([passwordId]);
    expect(await contain(user)).toEqual([]);
    expect(await enter(user, good)).toMatchObject({ reason: 'locked' });
    expect(await eventsOf(latchkey, { userId: user.id, type: 'password.locked' })).toHaveLength(1);
  });

  test('is gone with it', async () => {
    const user = await aHolder();
    await latchkey.base.knex('users').where('id', '=', user.id).delete();
    expect(await row(user)).toBeUndefined();
  });
});

test('people are told of a password set, changed, locked and removed, once each', async () => {
  const mail = aName('mail');
  const user = await latchkey.work((work) =>
    createUser(work, { userPrincipalName: aName(), displayName: 'Reader', mail }),
  );
  await set(user, good);
  await set(user, other);
  await fail(user, 99);
  await enter(user, good);
  await latchkey.work((work) => method.remove(work, user.id, passwordId));
  const { passwordSet, passwordChanged, passwordLocked, passwordRemoved } = messages.mails.notices;
  const told = [passwordSet, passwordChanged, passwordLocked, passwordRemoved].map(({ subject }) => subject);
  const mails = await queuedMails(latchkey, mail);
  expect(mails.map(({ subject }) => subject)).toEqual(told);
  expect(JSON.stringify(mails)).not.toContain(other);
});

describe('the policy', () => {
  test('keeps what a change does not name, is recorded, and goes back', async () => {
    await latchkey.work((work) => changePasswordPolicy(work, { minimumLength: 12 }));
    await latchkey.work((work) => changePasswordPolicy(work, { alone: true }));
    expect(await latchkey.work(passwordPolicy)).toEqual({ state: 'enabled', alone: true, minimumLength: 12 });
    const { document } = await latchkey.base.knex('policies').where('name', '=', 'password').first('document');
    expect(document).toEqual({ alone: true, minimumLength: 12 });
    const events = await eventsOf(latchkey, { type: 'policy.changed' });
    expect(events.at(-1)!.details).toEqual({
      policy: 'password',
      before: { state: 'enabled', alone: false, minimumLength: 12 },
      after: { state: 'enabled', alone: true, minimumLength: 12 },
    });
    await latchkey.work((work) => changePasswordPolicy(work, { alone: true }));
    expect(await eventsOf(latchkey, { type: 'policy.changed' })).toHaveLength(events.length);
    await latchkey.work(resetPasswordPolicy);
    expect(await latchkey.work(passwordPolicy)).toEqual({ state: 'enabled', alone: false, minimumLength: 8 });
  });

  test('comes from a seed file too', async () => {
    await latchkey.seed({ policies: { password: { minimumLength: 20 } } });
    expect(await latchkey.work(passwordPolicy)).toMatchObject({ minimumLength: 20 });
  });

  test('is for those who may read and write policies', async () => {
    const as = (...permissions: string[]) =>
      ({ ...asOperator, actor: { kind: 'client', clientId: 'hr', permissions } }) as const;
    const { run } = latchkey.base;
    const reader = as('Policy.Read.All');
    expect(await run(reader, passwordPolicy)).toMatchObject({ state: 'enabled' });
    for (const change of [resetPasswordPolicy, (work: never) => changePasswordPolicy(work, { alone: true })]) {
      await expect(run(reader, change as typeof resetPasswordPolicy)).rejects.toMatchObject({ code: 'forbidden' });
    }
    await expect(run(visit, passwordPolicy)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
