import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RunWork, Work } from '../../src/core/work.ts';
import { addMember, createGroup, deleteGroup, removeMember } from '../../src/groups/manage-groups.ts';
import {
  changeMethodPolicy,
  changePoliciesTogether,
  fido2Policy,
  methodPolicy,
  recoveryCodePolicy,
  resetMethodPolicy,
  softwareOathPolicy,
} from '../../src/method-policies/manage-policies.ts';
import { changePasswordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { passkeyCreationOptions, registerPasskeyFor } from '../../src/others-methods.ts';
import { type Target, scopeOf } from '../../src/policies/targets.ts';
import { changeRegistrationPolicy, resetRegistrationPolicy } from '../../src/registration/manage-policy.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import * as own from '../../src/security-info/own-methods.ts';
import { signInPolicyFrom } from '../../src/sign-in-policy.ts';
import * as steps from '../../src/sign-in/steps.ts';
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
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** Who may use and register which method: judged by the server at every door, and never so that nobody is left to judge. */

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey, { policyFrom: (decided) => signInPolicyFrom(decided) });
});
afterEach(async () => {
  for (const policy of [fido2Policy, softwareOathPolicy, recoveryCodePolicy]) {
    await latchkey.work((work) => resetMethodPolicy(work, policy as typeof softwareOathPolicy));
  }
  await latchkey.work(resetPasswordPolicy);
  await latchkey.work(resetRegistrationPolicy);
});
afterAll(() => latchkey?.close());

const password = 'plum lantern over quiet tuba';
const off = { state: 'disabled' } as const;
const fido2 = (changes: object) => latchkey.work((work) => changeMethodPolicy(work, fido2Policy, changes));
const apps = (changes: object) => latchkey.work((work) => changeMethodPolicy(work, softwareOathPolicy, changes));
const codes = (changes: object) => latchkey.work((work) => changeMethodPolicy(work, recoveryCodePolicy, changes));
const without = (userId: string) => ({ excludeTargets: [{ targetType: 'user' as const, id: userId }] });
const now = () => latchkey.work(async (work) => work.now);
const group = () => latchkey.work((work) => createGroup(work, { displayName: `Group ${randomUUID()}` }));

async function aHolder(more: Parameters<typeof newAuthenticator>[0] = {}) {
  const [authenticator, userName] = [newAuthenticator(more), aName('holder')];
  return { userName, authenticator, ...(await aPasskeyHolder(latchkey, house, userName, authenticator)) };
}

/** At the step after a pass: what may be registered with it. */
async function withPass(userName: string): Promise<Visitor> {
  const visitor = await aVisitor(house);
  await visitor.enter(userName, await latchkey.pass(userName));
  return visitor;
}

async function connectApp({ visit }: Visitor) {
  const app = scan((await steps.appSecret(house, visit))!.uri);
  await steps.enrol(house, visit, 'authenticator-app', { code: app.code(await now()), password, repeat: password });
  return app;
}

async function anAppHolder() {
  const userName = aName('holder');
  const { id: userId } = await latchkey.user(userName);
  const visitor = await withPass(userName);
  await steps.choose(house, visitor.visit, 'authenticator-app');
  const app = await connectApp(visitor);
  expect(await visitor.step()).toBe('complete');
  latchkey.clock.advance(1);
  return { userName, userId, app };
}
type AppHolder = Awaited<ReturnType<typeof anAppHolder>>;

async function withPassword(userName: string): Promise<Visitor> {
  const visitor = await aVisitor(house);
  await steps.identify(house, visitor.visit, { userName, method: 'password' });
  await steps.answer(house, visitor.visit, 'password', { password });
  return visitor;
}

async function withApp({ userName, app }: AppHolder, at = house): Promise<Visitor> {
  const visitor = await withPassword(userName);
  await steps.answer(at, visitor.visit, 'authenticator-app', { code: app.code(await now()) });
  latchkey.clock.advance(1);
  return visitor;
}

async function signedWith({ authenticator }: Pick<Awaited<ReturnType<typeof aHolder>>, 'authenticator'>, at = house) {
  const visitor = await aVisitor(at);
  await visitor.sign(authenticator);
  return visitor;
}
const stepOf = async (visitor: Visitor) => (await visitor.look()).step;
const noticeOf = async (visitor: Visitor) => (await visitor.look()).signIn.notice;

/** Somebody at my security info who has just proved enough for anything. */
async function anOwner(userId: string): Promise<own.Owner> {
  const from = { requestId: randomUUID(), ip: '198.51.100.1', userAgent: null };
  return { userId, sessionUid: randomUUID(), authTime: await now(), strong: true, passId: null, origin: from };
}
const run: RunWork = (who, body) => latchkey.base.run(who, body);
const info = async (userId: string) => own.ownSecurityInfo(run, house.methods, await anOwner(userId));

async function addOwnPasskey(userId: string, more: Parameters<typeof newAuthenticator>[0] = {}) {
  const owner = await anOwner(userId);
  const passkey = house.methods.get('passkey') as EnrollableMethod;
  const options = (await own.beginOwnEnrolment(run, house.methods, passkey, owner)) as CreationOptions;
  const response = JSON.stringify(await newAuthenticator(more).create(options, { origin }));
  return own.finishOwnEnrolment(run, house.methods, passkey, owner, { response });
}

describe('targets', () => {
  test('are judged by the database as by the rules', async () => {
    const [user, one, two] = [await latchkey.user(aName()), await group(), await group()];
    await latchkey.work((work) => addMember(work, one.id, user.id));
    const subject = { userId: user.id, groups: [one.id] };
    const target = fc.constantFrom<Target>(
      { targetType: 'group', id: 'all_users' },
      { targetType: 'group', id: one.id },
      { targetType: 'group', id: two.id },
      { targetType: 'group', id: user.id },
      { targetType: 'user', id: user.id },
      { targetType: 'user', id: one.id },
      { targetType: 'user', id: randomUUID() },
    );
    const some = fc.array(target, { maxLength: 3 });
    const state = fc.constantFrom('enabled', 'disabled');
    const document = fc.record({ state, includeTargets: some, excludeTargets: some }, { requiredKeys: [] });
    const everybody: Target[] = [{ targetType: 'group', id: 'all_users' }];
    await fc.assert(
      fc.asyncProperty(document, async (decided) => {
        await latchkey.base.knex('policies').where('name', '=', 'softwareOath').delete();
        await latchkey.base
          .knex('policies')
          .insert({ name: 'softwareOath', document: JSON.stringify(decided), updated_at: new Date() });
        const { rows } = await latchkey.base.knex.raw(`select policy_allows('softwareOath', ?) as allowed`, [user.id]);
        const scope = scopeOf({ includeTargets: everybody, excludeTargets: [], ...decided }, subject);
        expect(rows[0].allowed).toBe(decided.state !== 'disabled' && scope === 'included');
      }),
      { numRuns: 150 },
    );
  });

  test('may be groups by name, and are kept by id', async () => {
    const { id, displayName } = await group();
    await apps({ includeTargets: [{ targetType: 'group', id: displayName }] });
    expect(await latchkey.work((work) => methodPolicy(work, softwareOathPolicy))).toMatchObject({
      includeTargets: [{ targetType: 'group', id }],
    });
    await expect(apps({ excludeTargets: [{ targetType: 'group', id: 'Nobody' }] })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'excludeTargets.0.id: There is no group "Nobody".',
    });
  });
});

describe('a change', () => {
  test('is recorded with before and after, and not when nothing changes', async () => {
    const since = (await eventsOf(latchkey, { type: 'policy.changed' })).length;
    await fido2({ isSelfServiceRegistrationAllowed: false });
    await fido2({ isSelfServiceRegistrationAllowed: false });
    const recorded = (await eventsOf(latchkey, { type: 'policy.changed' })).slice(since);
    expect(recorded).toMatchObject([
      {
        actor_kind: 'operator',
        details: {
          policy: 'fido2',
          before: { isSelfServiceRegistrationAllowed: true },
          after: { isSelfServiceRegistrationAllowed: false, state: 'enabled' },
        },
      },
    ]);
  });

  test('keeps what it does not name, judged as a whole', async () => {
    const aaGuids = [randomUUID()];
    await fido2({ keyRestrictions: { isEnforced: true, enforcementType: 'allow', aaGuids } });
    await expect(fido2({ keyRestrictions: { aaGuids: [] } })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/^keyRestrictions\.aaGuids must name a model/),
    });
    await fido2({ keyRestrictions: { enforcementType: 'block' } });
    expect((await latchkey.work((work) => methodPolicy(work, fido2Policy))).keyRestrictions).toEqual({
      isEnforced: true,
      enforcementType: 'block',
      aaGuids,
    });
  });
});

describe('passkeys that are not allowed', () => {
  test('sign nobody in whom the policy leaves out, and others as before', async () => {
    const [out, other] = [await aHolder(), await aHolder()];
    await fido2(without(out.userId));
    const visitor = await signedWith(out);
    expect(await visitor.step()).toBe('identify');
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'passkey_not_allowed' });
    expect(await lastRefusal(latchkey)).toBe('policy');
    expect(await (await signedWith(other)).step()).toBe('complete');
    await fido2({ excludeTargets: [] });
    expect(await (await signedWith(out)).step()).toBe('complete');
  });

  test('are not offered where they are switched off, and an answer opens nothing', async () => {
    const holder = await aHolder();
    await fido2(off);
    const visitor = await aVisitor(house);
    await expect(visitor.requestOptions()).rejects.toMatchObject({ code: 'conflict' });
    await steps.identify(house, visitor.visit, { userName: holder.userName });
    const step = await stepOf(visitor);
    expect(step).toMatchObject({ kind: 'verify', methods: expect.not.arrayContaining(['passkey']) });
  });

  test('sign nobody in when it is decided while the answer is checked', async () => {
    const holder = await aHolder();
    const at = meanwhile(house, 'passkey', () => fido2(without(holder.userId)));
    expect(await (await signedWith(holder, at)).step()).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('policy');
  });

  test('are not offered for registration with a pass, and an answer keeps none', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    const began = await withPass(userPrincipalName);
    const answer = await newAuthenticator().create(await began.creationOptions(), { origin });
    await fido2(without(id));
    expect(await stepOf(began)).toMatchObject({ kind: 'enrol', methods: ['authenticator-app'] });
    await expect(began.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
    await expect(began.sendRegistration(answer)).rejects.toMatchObject({ code: 'not_found' });
    expect((await info(id)).credentials).toEqual([]);
  });

  test('are not waited for to be used, when they were registered before it was decided', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    const visitor = await withPass(userPrincipalName);
    const authenticator = newAuthenticator();
    expect(await visitor.register(authenticator)).toBe('confirm');
    const options = await visitor.requestOptions();
    await fido2(without(id));
    expect(await stepOf(visitor)).toMatchObject({ kind: 'enrol', methods: ['authenticator-app'] });
    await visitor.sendAssertion(await authenticator.get(options, { origin }));
    expect(await visitor.step()).toBe('enrol');
    await fido2({ excludeTargets: [] });
    expect(await visitor.step()).toBe('confirm');
  });

  test('and no apps: a pass opens nothing, and says so', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    await fido2(without(id));
    await apps(without(id));
    const visitor = await withPass(userPrincipalName);
    expect(await stepOf(visitor)).toEqual({ kind: 'ended', saved: false, nothing: true });
    await steps.restart(house, visitor.visit);
    expect(await visitor.step()).toBe('identify');
  });

  test('are not added in my security info, and what is there is marked and may be removed', async () => {
    const holder = await aHolder();
    await fido2(without(holder.userId));
    const found = await info(holder.userId);
    expect(found.mayAdd).not.toContain('passkey');
    expect(found.credentials).toMatchObject([{ method: 'passkey', suspended: false, refused: true }]);
    await expect(addOwnPasskey(holder.userId)).rejects.toMatchObject({ code: 'not_found' });
    await own.removeOwnCredential(run, house.methods, await anOwner(holder.userId), holder.passkeyId);
    expect((await info(holder.userId)).credentials).toEqual([]);
  });

  test('are not registered by an administrator, who is told the policy', async () => {
    const { id } = await latchkey.user(aName());
    const { methods } = house;
    const asked = { methods, user: id, minutes: 5 };
    const { options } = await latchkey.work((work) => passkeyCreationOptions(work, asked));
    const answer = await newAuthenticator().create(options as CreationOptions, { origin });
    await fido2(without(id));
    const refused = { code: 'invalid_input', message: 'The policy Fido2 does not let this user have passkeys.' };
    await expect(latchkey.work((work) => passkeyCreationOptions(work, asked))).rejects.toMatchObject(refused);
    const registering = registerPasskeyFor(run, asOperator, { methods, user: id, answer, name: undefined });
    await expect(registering).rejects.toMatchObject(refused);
    expect((await info(id)).credentials).toEqual([]);
  });
});

describe('where people register no passkeys themselves', () => {
  test('a pass offers the rest, my security info too; an administrator does it, and it signs in', async () => {
    await fido2({ isSelfServiceRegistrationAllowed: false });
    const { id, userPrincipalName } = await latchkey.user(aName());
    expect(await stepOf(await withPass(userPrincipalName))).toMatchObject({ methods: ['authenticator-app'] });
    expect((await info(id)).mayAdd).not.toContain('passkey');
    await expect(addOwnPasskey(id)).rejects.toMatchObject({ code: 'not_found' });
    const { methods } = house;
    const { options } = await latchkey.work((work) => passkeyCreationOptions(work, { methods, user: id, minutes: 5 }));
    const authenticator = newAuthenticator();
    const answer = await authenticator.create(options as CreationOptions, { origin });
    await registerPasskeyFor(run, asOperator, { methods, user: id, answer, name: undefined });
    expect(await (await signedWith({ authenticator })).step()).toBe('complete');
  });
});

describe('models of passkeys', () => {
  const [blocked, allowed] = [randomUUID(), randomUUID()];
  const restrict = (enforcementType: 'allow' | 'block', ...aaGuids: string[]) =>
    fido2({ keyRestrictions: { isEnforced: true, enforcementType, aaGuids } });

  test.each([
    ['that are blocked', 'block', blocked],
    ['that are not among those allowed', 'allow', allowed],
  ] as const)('%s sign nobody in and are not registered, others are', async (_which, type, listed) => {
    const [wrong, right] = [await aHolder({ aaguid: blocked }), await aHolder({ aaguid: allowed })];
    await restrict(type, listed);
    const visitor = await signedWith(wrong);
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'passkey_not_allowed' });
    expect(await (await signedWith(right)).step()).toBe('complete');
    expect(await addOwnPasskey(right.userId, { aaguid: blocked })).toEqual({
      enrolled: false,
      reason: 'model_not_allowed',
    });
    expect(await addOwnPasskey(right.userId, { aaguid: allowed })).toMatchObject({ enrolled: true });

    const { userPrincipalName } = await latchkey.user(aName());
    const joiner = await withPass(userPrincipalName);
    expect(await joiner.register(newAuthenticator({ aaguid: blocked }))).toBe('enrol');
    expect(await noticeOf(joiner)).toMatchObject({ kind: 'not_enrolled', reason: 'model_not_allowed' });
    expect(await joiner.register(newAuthenticator({ aaguid: allowed }))).toBe('confirm');
  });

  test('count for nothing while it is not enforced', async () => {
    const holder = await aHolder({ aaguid: blocked });
    await fido2({ keyRestrictions: { isEnforced: false, enforcementType: 'block', aaGuids: [blocked] } });
    expect(await (await signedWith(holder)).step()).toBe('complete');
  });

  test('are refused to an administrator by name', async () => {
    const { id: user } = await latchkey.user(aName());
    const { methods } = house;
    await restrict('block', blocked);
    const { options } = await latchkey.work((work) => passkeyCreationOptions(work, { methods, user, minutes: 5 }));
    const answer = await newAuthenticator({ aaguid: blocked }).create(options as CreationOptions, { origin });
    await expect(registerPasskeyFor(run, asOperator, { methods, user, answer, name: undefined })).rejects.toMatchObject(
      { code: 'invalid_input', message: expect.stringMatching(/keyRestrictions/) },
    );
  });

  test('that are blocked count as no way in: the password and app beside one stay', async () => {
    const holder = await anAppHolder();
    await addOwnPasskey(holder.userId, { aaguid: blocked });
    await restrict('block', blocked);
    const found = await info(holder.userId);
    expect(found.needed).toBe('2f');
    const app = found.credentials.find(({ method }) => method === 'authenticator-app')!;
    await expect(
      own.removeOwnCredential(run, house.methods, await anOwner(holder.userId), app.id),
    ).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('authenticator apps that are not allowed', () => {
  test('sign nobody in whom the policy leaves out: after the password they are not asked for', async () => {
    const [out, other] = [await anAppHolder(), await anAppHolder()];
    await apps(without(out.userId));
    const step = await stepOf(await withPassword(out.userName));
    expect(step).toMatchObject({ kind: 'verify', methods: expect.not.arrayContaining(['authenticator-app']) });
    expect(await (await withApp(out)).step()).toBe('verify');
    expect(await (await withApp(other)).step()).toBe('complete');
  });

  test('sign nobody in when it is decided while the code is checked, and the code is not used up', async () => {
    const holder = await anAppHolder();
    const at = meanwhile(house, 'authenticator-app', () =>
      latchkey.base.knex.raw(
        `insert into policies (name, document, updated_at) values ('softwareOath', '{"state":"disabled"}', now())
         on conflict (name) do update set document = excluded.document`,
      ),
    );
    const row = () => latchkey.base.knex('authenticator_apps').where('user_id', '=', holder.userId).first('last_step');
    const before = await row();
    const visitor = await withPassword(holder.userName);
    await steps.answer(at, visitor.visit, 'authenticator-app', { code: holder.app.code(await now()) });
    expect(await visitor.step()).toBe('verify');
    expect(await row()).toEqual(before);
  });

  test('are not offered with a pass or in my security info', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    await apps(without(id));
    const visitor = await withPass(userPrincipalName);
    expect(await stepOf(visitor)).toMatchObject({ kind: 'enrol', methods: ['passkey'] });
    expect(await steps.appSecret(house, visitor.visit)).toBeUndefined();
    expect((await info(id)).mayAdd).not.toContain('authenticator-app');
    const app = house.methods.get('authenticator-app') as EnrollableMethod;
    const begun = own.beginOwnEnrolment(run, house.methods, app, await anOwner(id));
    await expect(begun).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('recovery codes that are not allowed', () => {
  const enter = async (userName: string, code: string) => {
    const visitor = await aVisitor(house);
    await steps.identify(house, visitor.visit, { userName, method: 'recovery-code' });
    await steps.answer(house, visitor.visit, 'recovery-code', { code });
    return visitor;
  };

  test('open nothing and are not used up: one wording for it', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    const [code] = await makeRecoveryCodes(run, asOperator, id);
    await codes(without(id));
    const visitor = await enter(userPrincipalName, code!);
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'refused', method: 'recovery-code' });
    expect(await lastRefusal(latchkey)).toBe('policy');
    await codes({ excludeTargets: [] });
    expect(await (await enter(userPrincipalName, code!)).step()).toBe('enrol');
  });

  test('are not offered where they are switched off, and not made', async () => {
    const { id, userPrincipalName } = await latchkey.user(aName());
    await codes(off);
    const visitor = await aVisitor(house);
    await visitor.name(userPrincipalName);
    expect(await stepOf(visitor)).toMatchObject({ methods: expect.not.arrayContaining(['recovery-code']) });
    expect((await info(id)).mayAdd).not.toContain('recovery-code');
    await expect(own.makeOwnCodes(run, house.methods, await anOwner(id))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a required registration', () => {
  const require = (changes: object) =>
    latchkey.work((work) => changeRegistrationPolicy(work, { state: 'enabled', ...changes }));

  test('asks nobody for what they may not have', async () => {
    const holder = await anAppHolder();
    await require({ methods: ['passkey'] });
    expect(await stepOf(await withApp(holder))).toMatchObject({ kind: 'enrol', methods: ['passkey'] });
    await fido2(without(holder.userId));
    expect(await (await withApp(holder)).step()).toBe('complete');
  });

  test('counts no passkey that may not be used, and asks for the other', async () => {
    const holder = await anAppHolder();
    await addOwnPasskey(holder.userId);
    await require({ count: 2 });
    expect(await (await withApp(holder)).step()).toBe('complete');
    await fido2(without(holder.userId));
    expect(await (await withApp(holder)).step()).toBe('complete'); // one of one that they may have
  });
});

describe('the last way in', () => {
  const refused = {
    code: 'conflict',
    message: expect.stringMatching(/^After this no Global Administrator could sign/),
  };
  const asGlobal = (userId: string) => latchkey.work((work) => grantRole(work, userId, 'Global Administrator'));
  const ended: string[] = [];

  async function administrator(userId: string) {
    await asGlobal(userId);
    ended.push(userId);
  }
  // Not by `revokeRole`, which keeps the last one.
  afterEach(() => latchkey.base.knex('role_assignments').whereIn('user_id', ended.splice(0)).delete());

  test('stays: passkeys are not switched off while no Global Administrator has another', async () => {
    const holder = await aHolder();
    await administrator(holder.userId);
    const someGroup = await group();
    for (const changes of [
      off,
      { includeTargets: [] },
      { includeTargets: [{ targetType: 'group', id: someGroup.id }] },
      without(holder.userId),
      { keyRestrictions: { isEnforced: true, enforcementType: 'allow', aaGuids: [randomUUID()] } },
    ]) {
      await expect(fido2(changes)).rejects.toMatchObject(refused);
    }
    expect(await latchkey.work((work) => methodPolicy(work, fido2Policy))).toMatchObject({ state: 'enabled' });
    expect(await (await signedWith(holder)).step()).toBe('complete');
    expect((await eventsOf(latchkey, { type: 'request.refused' })).at(-1)).toMatchObject({
      details: { code: 'conflict' },
    });
  });

  test('may go where another Global Administrator has one that is allowed, and who is disabled does not count', async () => {
    const [holder, other] = [await aHolder(), await anAppHolder()];
    await administrator(holder.userId);
    await administrator(other.userId);
    const users = latchkey.base.knex('users').where('id', '=', other.userId);
    await users.clone().update({ account_enabled: false });
    await expect(fido2(off)).rejects.toMatchObject(refused);
    await users.clone().update({ account_enabled: true });
    await fido2(off);
  });

  test('stays for passwords and apps, each by itself', async () => {
    const holder = await anAppHolder();
    await administrator(holder.userId);
    const passwords = (changes: object) => latchkey.work((work) => changePasswordPolicy(work, changes));
    await expect(passwords(off)).rejects.toMatchObject(refused);
    await expect(apps(off)).rejects.toMatchObject(refused);
    await passwords({ minimumLength: 12 });
  });

  test('is judged of several policies together, by where they lead', async () => {
    const holder = await anAppHolder();
    await addOwnPasskey(holder.userId);
    await administrator(holder.userId);
    await fido2(off);
    const together = (first: [object, object], second: [object, object]) =>
      latchkey.work((work) =>
        changePoliciesTogether(work, async () => {
          for (const [passkeys, softwareOath] of [first, second]) {
            await changeMethodPolicy(work, softwareOathPolicy, softwareOath);
            await changeMethodPolicy(work, fido2Policy, passkeys);
          }
        }),
      );
    const [on, neither] = [{ state: 'enabled' } as const, [off, off] as [object, object]];
    await expect(together([on, off], neither)).rejects.toMatchObject(refused);
    expect(await latchkey.work((work) => methodPolicy(work, softwareOathPolicy))).toMatchObject(on);
    await together(neither, [on, off]);
    expect(await latchkey.work((work) => methodPolicy(work, softwareOathPolicy))).toMatchObject(off);
    await expect(fido2(off)).rejects.toMatchObject(refused);
  });

  test('is not missed by an organisation that has no administrator who can sign in', async () => {
    const { id } = await latchkey.user(aName());
    await administrator(id);
    await fido2(off);
  });

  test('stays when of two changes at once each would leave the other’s', async () => {
    const both = await anAppHolder();
    await addOwnPasskey(both.userId);
    await administrator(both.userId);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.allSettled([fido2(off), round % 2 ? apps(off) : decidePasswords()]);
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refused });
      await fido2({ state: 'enabled' });
      await apps({ state: 'enabled' });
      await latchkey.work(resetPasswordPolicy);
    }
    function decidePasswords() {
      return latchkey.work((work) => changePasswordPolicy(work, off));
    }
  });

  test('stays when a change and the end of the other administrator come at once', async () => {
    const [holder, other] = [await aHolder(), await anAppHolder()];
    await administrator(holder.userId);
    await administrator(other.userId);
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.allSettled([
        fido2(off),
        latchkey.work((work) => revokeRole(work, other.userId, 'Global Administrator')),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await fido2({ state: 'enabled' });
      if (answers[1].status === 'fulfilled') await asGlobal(other.userId);
    }
  });

  test('stays when groups change: the last one is not taken out of a target, nor put among those left out', async () => {
    const [holder, inside, outside] = [await aHolder(), await group(), await group()];
    await administrator(holder.userId);
    await latchkey.work((work) => addMember(work, inside.id, holder.userId));
    await fido2({
      includeTargets: [{ targetType: 'group', id: inside.id }],
      excludeTargets: [{ targetType: 'group', id: outside.id }],
    });
    for (const change of [
      (work: Work) => removeMember(work, inside.id, holder.userId),
      (work: Work) => addMember(work, outside.id, holder.userId),
      async (work: Work) => void (await deleteGroup(work, inside.id)),
    ]) {
      await expect(latchkey.work(change)).rejects.toMatchObject(refused);
    }
    expect(await (await signedWith(holder)).step()).toBe('complete');
  });
});
