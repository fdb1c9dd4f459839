import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addMember, createGroup } from '../../src/groups/manage-groups.ts';
import { changePerson } from '../../src/people.ts';
import {
  changeRegistrationPolicy,
  registrationPolicy,
  resetRegistrationPolicy,
} from '../../src/registration/manage-policy.ts';
import { defaultRegistrationSettings, type RegistrationSettingsChange } from '../../src/registration/settings.ts';
import { signInPolicyFrom } from '../../src/sign-in-policy.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  aPasskeyHolder,
  aVisitor,
  eventsOf,
  lastRefusal,
  origin,
  passPolicy,
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** What people are asked to register after they proved who they are and before anything else. */

let latchkey: TestBase;
let house: steps.SignInHouse;
/** The same, before anything was asked of anybody. */
let before: steps.SignInHouse;

beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey, { policyFrom: (decided) => signInPolicyFrom(decided) });
  before = { ...house, policyFrom: ({ password }) => signInPolicyFrom({ password }) };
});
beforeEach(() => latchkey.work(resetRegistrationPolicy));
afterAll(() => latchkey?.close());

const decide = (changes: RegistrationSettingsChange) =>
  latchkey.work((work) => changeRegistrationPolicy(work, { state: 'enabled', ...changes }));
const password = 'plum lantern over quiet tuba';

/** Somebody with a passkey and nothing else. */
async function aHolder() {
  const authenticator = newAuthenticator();
  const userName = aName('holder');
  return { userName, authenticator, ...(await aPasskeyHolder(latchkey, before, userName, authenticator)) };
}

async function signedIn({ authenticator }: Awaited<ReturnType<typeof aHolder>>): Promise<Visitor> {
  const visitor = await aVisitor(house);
  await visitor.sign(authenticator);
  return visitor;
}

async function connectApp({ visit }: Visitor, at = house) {
  const shown = await steps.appSecret(at, visit);
  const app = scan(shown!.uri);
  const code = app.code(await latchkey.work(async (work) => work.now));
  await steps.enrol(at, visit, 'authenticator-app', { code, password, repeat: password });
  return { app, withPassword: shown!.withPassword };
}

/** Somebody with an app and its password and nothing else. */
async function anAppHolder() {
  const userName = aName('holder');
  const { id: userId } = await latchkey.user(userName);
  const visitor = await aVisitor(before);
  await visitor.enter(userName, await latchkey.pass(userName));
  await steps.choose(before, visitor.visit, 'authenticator-app');
  const { app } = await connectApp(visitor, before);
  expect(await visitor.step()).toBe('complete');
  latchkey.clock.advance(1);
  return { userName, userId, app };
}

async function withApp({ userName, app }: Awaited<ReturnType<typeof anAppHolder>>): Promise<Visitor> {
  const visitor = await aVisitor(house);
  const { visit } = visitor;
  await steps.identify(house, visit, { userName, method: 'password' });
  await steps.answer(house, visit, 'password', { password });
  const code = app.code(await latchkey.work(async (work) => work.now));
  await steps.answer(house, visit, 'authenticator-app', { code });
  latchkey.clock.advance(1);
  return visitor;
}

const stepOf = async (visitor: Visitor) => (await visitor.look()).step;
const standingReads = () => latchkey.statements.filter((sql) => sql.includes('registration_standing')).length;

describe('where nothing is decided', () => {
  test('nobody is asked, and nobody’s methods are read', async () => {
    const holder = await anAppHolder();
    const reads = standingReads();
    expect(await (await withApp(holder)).step()).toBe('complete');
    await decide({ includeTargets: [], methods: ['passkey'] });
    expect(await (await withApp(holder)).step()).toBe('complete');
    expect(standingReads()).toBe(reads);
    await decide({ includeTargets: defaultRegistrationSettings.includeTargets });
    expect(await (await withApp(holder)).step()).toBe('enrol');
    expect(standingReads()).toBeGreaterThan(reads);
  });
});

describe('where a passkey is required', () => {
  beforeEach(() => decide({ methods: ['passkey'] }));

  test('whoever has an app makes one, uses it once and goes on with it', async () => {
    const holder = await anAppHolder();
    const visitor = await withApp(holder);
    expect(await stepOf(visitor)).toMatchObject({
      kind: 'enrol',
      methods: ['passkey'],
      windowEndsAt: null,
      demanded: 'required',
    });
    const authenticator = newAuthenticator();
    expect(await visitor.register(authenticator)).toBe('confirm');
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect(await stepOf(visitor)).toMatchObject({ userId: holder.userId, level: 'phr', bornOf: null });
    const types = (await eventsOf(latchkey, { userId: holder.userId })).map(({ type }) => type);
    expect(types.slice(-4)).toEqual([
      'sign-in.verified',
      'passkey.registered',
      'sign-in.verified',
      'sign-in.completed',
    ]);
    expect(await (await withApp(holder)).step()).toBe('complete');
  });

  test('another passkey than the new one does not confirm it', async () => {
    const visitor = await withApp(await anAppHolder());
    await visitor.register(newAuthenticator());
    // Its browser would not use it for this list, so it is taken away.
    const { authenticator } = await aHolder();
    const options = { ...(await visitor.requestOptions()), allowCredentials: [] };
    expect(await visitor.sendAssertion(await authenticator.get(options, { origin }))).toBe('confirm');
    expect(await lastRefusal(latchkey)).toBe('credential_of_other');
  });

  test('nothing else can be registered, and it cannot be put off', async () => {
    const visitor = await withApp(await anAppHolder());
    expect(await steps.appSecret(house, visitor.visit)).toBeUndefined();
    await expect(steps.beginEnrolment(house, visitor.visit, 'authenticator-app')).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(steps.enrol(house, visitor.visit, 'authenticator-app', {})).rejects.toMatchObject({
      code: 'not_found',
    });
    await steps.notNow(house, visitor.visit);
    expect(await visitor.step()).toBe('enrol');
    expect(await eventsOf(latchkey, { type: 'registration.snoozed' })).toEqual([]);
  });

  test('in another browser nothing of it can be done', async () => {
    const { visit } = await withApp(await anAppHolder());
    const elsewhere = { ...visit, browser: Buffer.alloc(32, 9) };
    await expect(steps.beginEnrolment(house, elsewhere, 'passkey')).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('it ends with the sign-in, an hour after it began', async () => {
    const visitor = await withApp(await anAppHolder());
    const options = await visitor.creationOptions();
    latchkey.clock.advance(60);
    const made = await newAuthenticator().create(options, { origin });
    await steps.enrol(house, visitor.visit, 'passkey', { response: JSON.stringify(made) });
    expect(await visitor.step()).toBe('enrol');
    await expect(visitor.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
  });

  test('a decision that is taken back lets go on at once', async () => {
    const visitor = await withApp(await anAppHolder());
    expect(await visitor.step()).toBe('enrol');
    await latchkey.work(resetRegistrationPolicy);
    expect(await visitor.step()).toBe('complete');
  });

  test('a suspended passkey counts for nothing', async () => {
    const holder = await anAppHolder();
    const visitor = await withApp(holder);
    await visitor.register(newAuthenticator());
    expect(await (await withApp(holder)).step()).toBe('complete');
    await latchkey.base.knex('passkeys').where('user_id', '=', holder.userId).update({ suspended_at: new Date() });
    expect(await (await withApp(holder)).step()).toBe('enrol');
  });

  test('whoever was disabled meanwhile registers nothing', async () => {
    const holder = await anAppHolder();
    const visitor = await withApp(holder);
    const options = await visitor.creationOptions();
    await latchkey.work((work) => changePerson(work, holder.userId, { enabled: false }));
    const made = await newAuthenticator().create(options, { origin });
    await expect(visitor.sendRegistration(made)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await latchkey.base.knex('passkeys').where('user_id', '=', holder.userId)).toEqual([]);
  });
});

describe('whom it is for', () => {
  test('are those in a group that is included and in none that is excluded', async () => {
    const [inside, outside, excluded] = [await anAppHolder(), await anAppHolder(), await anAppHolder()];
    const { id: staff } = await latchkey.work((work) => createGroup(work, { displayName: `Staff ${randomUUID()}` }));
    for (const { userId } of [inside, excluded]) await latchkey.work((work) => addMember(work, staff, userId));
    await decide({
      methods: ['passkey'],
      includeTargets: [{ targetType: 'group', id: staff }],
      excludeTargets: [{ targetType: 'user', id: excluded.userName }],
    });
    expect(await (await withApp(inside)).step()).toBe('enrol');
    expect(await (await withApp(outside)).step()).toBe('complete');
    expect(await (await withApp(excluded)).step()).toBe('complete');
  });
});

describe('where two are required', () => {
  beforeEach(() => decide({ count: 2 }));

  test('whoever signs in with a passkey is asked for an app, with its password', async () => {
    const visitor = await signedIn(await aHolder());
    expect(await stepOf(visitor)).toMatchObject({ kind: 'enrol', methods: ['authenticator-app'] });
    expect(await connectApp(visitor)).toMatchObject({ withPassword: true });
    expect(await stepOf(visitor)).toMatchObject({ kind: 'complete', level: 'phr' });
  });

  test('after a pass the second is asked for once the first was used, and no longer by the pass', async () => {
    const userName = aName('joiner');
    const { id: userId } = await latchkey.user(userName);
    const visitor = await aVisitor(house);
    expect(await visitor.enter(userName, await latchkey.pass(userName))).toBe('enrol');
    expect((await stepOf(visitor)) as object).not.toHaveProperty('demanded');
    const authenticator = newAuthenticator();
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('enrol');
    // The window of the pass is over by now; this is the sign-in's own hour.
    latchkey.clock.advance(15);
    expect(await stepOf(visitor)).toMatchObject({ methods: ['authenticator-app'], windowEndsAt: null });
    await connectApp(visitor);
    expect(await stepOf(visitor)).toMatchObject({ kind: 'complete', userId, level: 'phr', bornOf: null });
    const [app] = await latchkey.base.knex('authenticator_apps').where('user_id', '=', userId);
    expect(app.pass_id).toBeNull();
  });
});

describe('an app for whoever signs in with a password alone', () => {
  test('comes without a new password: the old one was proved here', async () => {
    const holder = await anAppHolder();
    await latchkey.base.knex('authenticator_apps').where('user_id', '=', holder.userId).delete();
    await latchkey.seed({ policies: { password: { alone: true } } });
    try {
      await decide({ methods: ['authenticator-app'] });
      const visitor = await aVisitor(house);
      await steps.identify(house, visitor.visit, { userName: holder.userName, method: 'password' });
      await steps.answer(house, visitor.visit, 'password', { password });
      expect(await visitor.step()).toBe('enrol');
      expect(await connectApp(visitor)).toMatchObject({ withPassword: false });
      expect(await stepOf(visitor)).toMatchObject({ kind: 'complete', level: '2f' });
      const types = (await eventsOf(latchkey, { userId: holder.userId })).map(({ type }) => type);
      expect(types).not.toContain('password.changed');
    } finally {
      await latchkey.seed({ policies: { password: { alone: false } } });
    }
  });
});

test('whoever signs in with a password alone proves the app they have before they add a passkey', async () => {
  const holder = await anAppHolder();
  await latchkey.seed({ policies: { password: { alone: true } } });
  try {
    await decide({ methods: ['passkey'] });
    const { visit, ...visitor } = await aVisitor(house);
    await steps.identify(house, visit, { userName: holder.userName, method: 'password' });
    await steps.answer(house, visit, 'password', { password });
    expect((await visitor.look()).step).toMatchObject({ kind: 'verify', methods: ['authenticator-app'] });
    await expect(visitor.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
    const code = holder.app.code(await latchkey.work(async (work) => work.now));
    await steps.answer(house, visit, 'authenticator-app', { code });
    expect(await visitor.step()).toBe('enrol');
  } finally {
    await latchkey.seed({ policies: { password: { alone: false } } });
  }
});

describe('a pass that signs in', () => {
  async function aGuest() {
    await passPolicy(latchkey, { purpose: 'signIn' });
    const userName = aName('guest');
    const { id: userId } = await latchkey.user(userName);
    const visitor = await aVisitor(house);
    await visitor.enter(userName, await latchkey.pass(userName, { purpose: 'signIn' }));
    return { visitor, userId };
  }

  test('registers first where that is required, inside its window, and is left behind', async () => {
    await decide({ methods: ['passkey'] });
    const { visitor, userId } = await aGuest();
    expect(await stepOf(visitor)).toMatchObject({
      kind: 'enrol',
      demanded: 'required',
      windowEndsAt: expect.any(Date),
    });
    const authenticator = newAuthenticator();
    expect(await visitor.register(authenticator)).toBe('confirm');
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect(await stepOf(visitor)).toMatchObject({ userId, level: 'phr', bornOf: null });
    expect((await eventsOf(latchkey, { userId, type: 'pass.completed' })).length).toBe(1);
  });

  test('opens nothing any more when its window has ended before', async () => {
    await decide({ methods: ['passkey'] });
    const { visitor } = await aGuest();
    latchkey.clock.advance(10);
    expect(await visitor.step()).toBe('ended');
  });

  test('goes on where it is a nudge that is put off', async () => {
    await decide({ mode: 'nudge' });
    const { visitor } = await aGuest();
    expect(await visitor.step()).toBe('enrol');
    await steps.notNow(house, visitor.visit);
    expect(await stepOf(visitor)).toMatchObject({ kind: 'complete', level: '2f', bornOf: expect.any(Object) });
  });
});

describe('a nudge', () => {
  test('is put off as often as may be, days apart, and then it is required', async () => {
    await decide({ methods: ['passkey'], mode: 'nudge', snoozes: 2, snoozeDurationInDays: 3 });
    const holder = await anAppHolder();
    for (let times = 1; times <= 2; times += 1) {
      const visitor = await withApp(holder);
      expect(await stepOf(visitor)).toMatchObject({ kind: 'enrol', demanded: 'nudge' });
      await steps.notNow(house, visitor.visit);
      expect(await visitor.step()).toBe('complete');
      expect(await eventsOf(latchkey, { userId: holder.userId, type: 'registration.snoozed' })).toHaveLength(times);
      latchkey.clock.advance(3 * 24 * 60 - 10);
      expect(await (await withApp(holder)).step()).toBe('complete');
      latchkey.clock.advance(10);
    }
    const visitor = await withApp(holder);
    expect(await stepOf(visitor)).toMatchObject({ kind: 'enrol', demanded: 'required' });
    await steps.notNow(house, visitor.visit);
    expect(await visitor.step()).toBe('enrol');
  });

  test('that was put off in four tabs at once was put off once', async () => {
    await decide({ methods: ['passkey'], mode: 'nudge' });
    const holder = await anAppHolder();
    const tabs: Visitor[] = [];
    for (let times = 0; times < 4; times += 1) tabs.push(await withApp(holder));
    for (const tab of tabs) expect(await tab.step()).toBe('enrol');
    await Promise.all(tabs.map(({ visit }) => steps.notNow(house, visit)));
    expect(await latchkey.base.knex('registration_snoozes').where('user_id', '=', holder.userId)).toMatchObject([
      { count: 1 },
    ]);
  });

  test('of no days is not asked twice in one sign-in', async () => {
    await decide({ methods: ['passkey'], mode: 'nudge', snoozeDurationInDays: 0 });
    const holder = await anAppHolder();
    const visitor = await withApp(holder);
    await steps.notNow(house, visitor.visit);
    expect(await visitor.step()).toBe('complete');
    latchkey.clock.advance(60);
    expect(await (await withApp(holder)).step()).toBe('enrol');
  });
});

describe('who may decide', () => {
  const aClient = (permission: string) =>
    ({ ...asOperator, actor: { kind: 'client', clientId: 'hr', permissions: [permission] } }) as never;

  test('is who may write policies; who may read them reads', async () => {
    const { run } = latchkey.base;
    const reader = aClient('Policy.Read.All');
    expect(await run(reader, registrationPolicy)).toEqual(defaultRegistrationSettings);
    const forbidden = { code: 'forbidden' };
    await expect(run(reader, (work) => changeRegistrationPolicy(work, {}))).rejects.toMatchObject(forbidden);
    await expect(run(reader, resetRegistrationPolicy)).rejects.toMatchObject(forbidden);
    const stranger = aClient('User.Read.All');
    await expect(run(stranger, registrationPolicy)).rejects.toMatchObject(forbidden);
    await run(aClient('Policy.ReadWrite.AuthenticationMethod'), (work) =>
      changeRegistrationPolicy(work, { state: 'enabled' }),
    );
    expect(await run(reader, registrationPolicy)).toMatchObject({ state: 'enabled' });
  });

  test('what is decided is recorded with before and after, and what changes nothing is not', async () => {
    await decide({ snoozes: 5 });
    const changed = () => eventsOf(latchkey, { type: 'policy.changed' });
    expect((await changed()).at(-1)!.details).toMatchObject({
      policy: 'registration',
      before: { state: 'disabled', snoozes: 3 },
      after: { state: 'enabled', snoozes: 5 },
    });
    const { length } = await changed();
    await decide({ snoozes: 5 });
    expect(await changed()).toHaveLength(length);
  });

  test('a group that is named here takes leave to be changed', async () => {
    const { id: named } = await latchkey.work((work) => createGroup(work, { displayName: `Named ${randomUUID()}` }));
    await decide({ excludeTargets: [{ targetType: 'group', id: named }] });
    const { id } = await latchkey.user(aName('someone'));
    const groups = aClient('Group.ReadWrite.All');
    await expect(latchkey.base.run(groups, (work) => addMember(work, named, id))).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});
