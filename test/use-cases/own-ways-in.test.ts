import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMinutes } from '../../src/core/time.ts';
import type { RunWork } from '../../src/core/work.ts';
import { changePasswordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import type { EnrollableMethod, MethodId, MethodRegistry } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { issuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import * as own from '../../src/security-info/own-methods.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aName, type CreationOptions, eventsOf, origin, passPolicy } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** Adding, removing and changing one's own ways in: what has to be proved for it, and what stays. */

let latchkey: TestBase;
let methods: MethodRegistry;
beforeAll(async () => {
  latchkey = await openTestBase();
  methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
});
afterAll(() => latchkey?.close());

const words = 'plum lantern over quiet tuba';
const runWork: RunWork = (who, body) => latchkey.base.run(who, body);
const enrollable = (id: MethodId) => methods.get(id) as EnrollableMethod;
const now = () => latchkey.work(async (work) => work.now);

/** Somebody who has nothing yet, and has just proved who they are in a way that would do for anything. */
async function somebody(more: Partial<own.Owner> = {}): Promise<own.Owner> {
  const { id: userId } = await latchkey.user(aName('owner'));
  const from = { requestId: randomUUID(), ip: '198.51.100.1', userAgent: null };
  const session = { sessionUid: randomUUID(), authTime: await now(), strong: true, passId: null, origin: from };
  return { userId, ...session, ...more };
}
const weak = (owner: own.Owner): own.Owner => ({ ...owner, strong: false, twoFactors: false });
const twoFactors = (owner: own.Owner): own.Owner => ({ ...owner, strong: false, twoFactors: true });
const old = (owner: own.Owner): own.Owner => ({ ...owner, authTime: addMinutes(owner.authTime, -10) });

const info = (owner: own.Owner) => own.ownSecurityInfo(runWork, methods, owner);
const kindsOf = async (owner: own.Owner) => (await info(owner)).credentials.map(({ method }) => method).sort();
const remove = (owner: own.Owner, id: string) => own.removeOwnCredential(runWork, methods, owner, id);
const codes = (owner: own.Owner) => own.makeOwnCodes(runWork, methods, owner);
const setPassword = (owner: own.Owner, password = words, repeat = password) =>
  own.finishOwnEnrolment(runWork, methods, enrollable('password'), owner, { password, repeat });

async function addPasskey(owner: own.Owner) {
  const passkey = enrollable('passkey');
  const options = (await own.beginOwnEnrolment(runWork, methods, passkey, owner)) as CreationOptions;
  const response = JSON.stringify(await newAuthenticator().create(options, { origin }));
  return own.finishOwnEnrolment(runWork, methods, passkey, owner, { response });
}

async function addApp(owner: own.Owner, typed: object = { password: words, repeat: words }) {
  const app = enrollable('authenticator-app');
  const begun = await own.beginOwnEnrolment(runWork, methods, app, owner);
  const code = scan((begun as { uri: string }).uri).code(await now());
  return own.finishOwnEnrolment(runWork, methods, app, owner, { code, ...typed });
}

async function idOf(owner: own.Owner, method: MethodId): Promise<string> {
  return (await info(owner)).credentials.find((credential) => credential.method === method)!.id;
}

const lastWay = { code: 'conflict', message: 'This is your last way to sign in. Add another one first.' };
const stale = { code: 'unauthenticated', message: 'To change your sign-in methods, sign in once more.' };

describe('what is listed', () => {
  test('is everything a person has, the suspended marked', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    await addApp(owner);
    await codes(owner);
    await latchkey.base.knex('authenticator_apps').where('user_id', '=', owner.userId).update({
      suspended_at: new Date(),
      suspend_reason: 'lost',
    });
    const listed = (await info(owner)).credentials.map(({ method, suspended }) => `${method} ${suspended}`);
    expect(listed.sort()).toEqual(['authenticator-app true', 'passkey false', 'password false', 'recovery-code false']);
  });
});

describe('removing', () => {
  test('one of two passkeys is done, recorded and told, and the other stays', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    const first = await idOf(owner, 'passkey');
    await addPasskey(owner);
    await remove(owner, first);
    expect((await info(owner)).credentials.map(({ id }) => id)).not.toContain(first);
    const [event] = await eventsOf(latchkey, { userId: owner.userId, type: 'passkey.removed' });
    expect(event).toMatchObject({ actor_kind: 'user', actor_id: owner.userId, details: { passkeyId: first } });
  });

  test('the only passkey is refused and recorded as refused, and it stays', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    await codes(owner);
    await expect(remove(owner, await idOf(owner, 'passkey'))).rejects.toMatchObject(lastWay);
    expect(await kindsOf(owner)).toEqual(['passkey', 'recovery-code']);
    expect((await eventsOf(latchkey, { type: 'request.refused' })).at(-1)).toMatchObject({
      actor_id: owner.userId,
      details: { code: 'conflict' },
    });
  });

  test.each(['password', 'authenticator-app'] as const)('the %s of the only pair is refused', async (method) => {
    const owner = await somebody();
    await addApp(owner);
    await expect(remove(owner, await idOf(owner, method))).rejects.toMatchObject(lastWay);
    expect(await kindsOf(owner)).toEqual(['authenticator-app', 'password']);
    await addPasskey(owner);
    await remove(owner, await idOf(owner, method));
    expect(await kindsOf(owner)).not.toContain(method);
  });

  test('the passkey is done where a password and an app stay, unless one of these is suspended or policy has none', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    await addApp(owner);
    const passkey = await idOf(owner, 'passkey');
    const app = latchkey.base.knex('authenticator_apps').where('user_id', '=', owner.userId);
    await app.clone().update({ suspended_at: new Date(), suspend_reason: 'lost' });
    await expect(remove(owner, passkey)).rejects.toMatchObject(lastWay);
    await app.clone().update({ suspended_at: null, suspend_reason: null });
    await latchkey.work((work) => changePasswordPolicy(work, { state: 'disabled' }));
    await expect(remove(owner, passkey)).rejects.toMatchObject(lastWay);
    await latchkey.work(resetPasswordPolicy);
    await remove(owner, passkey);
    expect(await kindsOf(owner)).toEqual(['authenticator-app', 'password']);
  });

  test('what opens nothing is done: a suspended passkey, recovery codes', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    const dead = await idOf(owner, 'passkey');
    await latchkey.base.knex('passkeys').where('id', '=', dead).update({
      suspended_at: new Date(),
      suspend_reason: 'not-me',
    });
    await addPasskey(owner);
    await codes(owner);
    await remove(owner, dead);
    await remove(owner, await idOf(owner, 'recovery-code'));
    expect(await kindsOf(owner)).toEqual(['passkey']);
  });

  test('the last two in two tabs at once leaves one', async () => {
    for (let times = 0; times < 5; times += 1) {
      const owner = await somebody();
      await addPasskey(owner);
      await addPasskey(owner);
      const ids = (await info(owner)).credentials.map(({ id }) => id);
      const done = await Promise.allSettled(ids.map((id) => remove(owner, id)));
      expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await kindsOf(owner)).toEqual(['passkey']);
    }
  });

  test('the passkey and half of the pair at once leaves a way in', async () => {
    for (let times = 0; times < 5; times += 1) {
      const owner = await somebody();
      await addPasskey(owner);
      await addApp(owner);
      const ids = [await idOf(owner, 'passkey'), await idOf(owner, 'password')];
      const done = await Promise.allSettled(ids.map((id) => remove(owner, id)));
      expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  test('what is somebody else’s, or nothing, is not found', async () => {
    const [one, other] = [await somebody(), await somebody()];
    for (const owner of [one, other]) {
      await addPasskey(owner);
      await addPasskey(owner);
    }
    const theirs = await idOf(other, 'passkey');
    for (const id of [theirs, '', randomUUID(), "' or 1=1 --"]) {
      await expect(remove(one, id)).rejects.toMatchObject({ code: 'not_found' });
    }
    expect(await kindsOf(other)).toHaveLength(2);
  });

  test('says beforehand whether it is the last way in', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    const id = await idOf(owner, 'passkey');
    const asked = () => own.ownCredential(runWork, methods, owner, id);
    expect(await asked()).toMatchObject({ credential: { id }, lastWayIn: true });
    await addPasskey(owner);
    expect(await asked()).toMatchObject({ lastWayIn: false });
  });
});

describe('the strongest method one has', () => {
  test('is the pair for whoever has no passkey: two factors of the last ten minutes do', async () => {
    const owner = await somebody();
    await addApp(owner);
    expect(await info(twoFactors(owner))).toMatchObject({ needed: '2f', mayChange: true });
    expect(await info(old(twoFactors(owner)))).toMatchObject({ mayChange: false, mayAdd: [] });
    expect(await info(weak(owner))).toMatchObject({ mayChange: false, mayAdd: [] });
    await expect(setPassword(old(twoFactors(owner)), `${words} 2`)).rejects.toMatchObject(stale);
    await expect(setPassword(weak(owner), `${words} 2`)).rejects.toMatchObject(stale);
    expect(await setPassword(twoFactors(owner), `${words} 2`)).toMatchObject({ enrolled: true });
  });

  test('is the passkey for whoever has one: two factors do no more', async () => {
    const owner = await somebody();
    await addApp(owner);
    expect(await addPasskey(twoFactors(owner))).toMatchObject({ enrolled: true });
    const other = twoFactors(owner);
    expect(await info(other)).toMatchObject({ needed: 'phr', mayChange: false, mayAdd: [] });
    await expect(remove(other, await idOf(owner, 'password'))).rejects.toMatchObject(stale);
    await expect(setPassword(other)).rejects.toMatchObject(stale);
    await expect(codes(other)).rejects.toMatchObject(stale);
    await expect(addApp(other, {})).rejects.toMatchObject(stale);
    expect(await kindsOf(owner)).toEqual(['authenticator-app', 'passkey', 'password']);
  });

  test('is the pair again once the passkey is suspended', async () => {
    const owner = await somebody();
    await addApp(owner);
    await addPasskey(owner);
    await latchkey.base.knex('passkeys').where('user_id', '=', owner.userId).update({
      suspended_at: new Date(),
      suspend_reason: 'counter',
    });
    expect(await info(twoFactors(owner))).toMatchObject({ needed: '2f', mayChange: true });
  });
});

describe('an authenticator app', () => {
  test('comes with a password for whoever has none, and alone for whoever has one', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    const app = enrollable('authenticator-app');
    expect(await own.beginOwnEnrolment(runWork, methods, app, owner)).toMatchObject({ withPassword: true });
    expect(await addApp(owner, {})).toMatchObject({ enrolled: false });
    expect(await kindsOf(owner)).toEqual(['passkey']);
    expect(await addApp(owner)).toMatchObject({ enrolled: true });
    expect(await own.beginOwnEnrolment(runWork, methods, app, owner)).not.toHaveProperty('withPassword');
    const before = await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first();
    expect(await addApp(owner, { password: 'another one altogether', repeat: 'another one altogether' })).toMatchObject(
      {
        enrolled: true,
      },
    );
    expect(await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first()).toEqual(before);
  });

  test.each([
    [{ password: 'short', repeat: 'short' }, 'weak'],
    [{ password: words, repeat: `${words}!` }, 'mismatch'],
    [{ password: words, repeat: words, code: '000000' }, 'refused'],
  ])('with %o keeps neither half', async (typed, reason) => {
    const owner = await somebody();
    expect(await addApp(owner, typed)).toEqual({ enrolled: false, reason });
    expect(await kindsOf(owner)).toEqual([]);
  });

  test('is not there where policy has no passwords', async () => {
    const owner = await somebody();
    await latchkey.work((work) => changePasswordPolicy(work, { state: 'disabled' }));
    expect((await info(owner)).mayAdd).toEqual(['passkey', 'recovery-code']);
    await expect(addApp(owner)).rejects.toMatchObject({ code: 'not_found' });
    await expect(setPassword(owner)).rejects.toMatchObject({ code: 'not_found' });
    await latchkey.work(resetPasswordPolicy);
  });
});

describe('a password', () => {
  test('is set and changed, each recorded as what it is, and the change opens with the new one alone', async () => {
    const owner = await somebody();
    expect(await setPassword(owner)).toMatchObject({ enrolled: true });
    expect(await setPassword(owner, `${words} again`)).toMatchObject({ enrolled: true });
    const types = (await eventsOf(latchkey, { userId: owner.userId })).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('password.'))).toEqual(['password.set', 'password.changed']);
    expect(await setPassword(owner, 'short')).toEqual({ enrolled: false, reason: 'weak' });
    expect(await setPassword(owner, words, 'something else')).toEqual({ enrolled: false, reason: 'mismatch' });
  });
});

describe('recovery codes', () => {
  test('are ten, in the place of those from before, for a fresh and strong proof', async () => {
    const owner = await somebody();
    await addPasskey(owner);
    await expect(codes(old(owner))).rejects.toMatchObject(stale);
    await expect(codes(weak(owner))).rejects.toMatchObject(stale);
    expect(await kindsOf(owner)).toEqual(['passkey']);
    const first = await codes(owner);
    const second = await codes(owner);
    expect(new Set([...first, ...second]).size).toBe(20);
    const { rows } = await latchkey.base.knex.raw('select count(*)::int as n from recovery_codes where user_id = ?', [
      owner.userId,
    ]);
    expect(rows[0].n).toBe(10);
  });
});

describe('in the session of a pass', () => {
  async function aGuest(): Promise<own.Owner> {
    await passPolicy(latchkey, { purpose: 'signIn', isUsableOnce: false });
    const owner = await somebody();
    const { pass } = await issuePass(latchkey.base.run, asOperator, { user: owner.userId, purpose: 'signIn' });
    return { ...weak(owner), passId: pass.id };
  }

  test('one passkey, one app with its password and one set of codes may be added, and each no second time', async () => {
    const owner = await aGuest();
    expect((await info(owner)).mayAdd.toSorted()).toEqual(['authenticator-app', 'passkey', 'recovery-code']);
    expect(await addPasskey(owner)).toMatchObject({ enrolled: true });
    expect(await addApp(owner)).toMatchObject({ enrolled: true });
    expect(await codes(owner)).toHaveLength(10);
    expect(await info(owner)).toMatchObject({ mayChange: false, mayAdd: [] });
    expect(await addPasskey(owner)).toEqual({ enrolled: false, reason: 'one_per_pass' });
    expect(await addApp(owner, {})).toEqual({ enrolled: false, reason: 'one_per_pass' });
    await expect(codes(owner)).rejects.toMatchObject({ code: 'conflict' });
    expect(await kindsOf(owner)).toEqual(['authenticator-app', 'passkey', 'password', 'recovery-code']);
  });

  test('a second set is refused also when the first is gone, and of two at once one is made', async () => {
    const owner = await aGuest();
    const made = await Promise.allSettled([codes(owner), codes(owner)]);
    expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await latchkey.base.knex('recovery_codes').where('user_id', '=', owner.userId).delete();
    await expect(codes(owner)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('nothing is removed, and no password is set or changed by itself', async () => {
    const owner = await aGuest();
    await expect(setPassword(owner)).rejects.toMatchObject(stale);
    await addPasskey(owner);
    await addApp(owner);
    const before = await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first();
    await expect(setPassword(owner, `${words} again`)).rejects.toMatchObject(stale);
    for (const { id } of (await info(owner)).credentials) {
      await expect(remove(owner, id)).rejects.toMatchObject(stale);
      await expect(own.ownCredential(runWork, methods, owner, id)).rejects.toMatchObject(stale);
    }
    expect(await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first()).toEqual(before);
    expect(await kindsOf(owner)).toEqual(['authenticator-app', 'passkey', 'password']);
  });

  test('a password that is there already stays when an app is added', async () => {
    const owner = await aGuest();
    await setPassword({ ...owner, strong: true, passId: null });
    const before = await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first();
    await addApp(owner, { password: 'another one altogether', repeat: 'another one altogether' });
    expect(await latchkey.base.knex('passwords').where('user_id', '=', owner.userId).first()).toEqual(before);
  });

  test('not even what a pass says of two factors, nor a proof of just now, is a proof here', async () => {
    const owner = { ...(await aGuest()), twoFactors: true, strong: true };
    await addApp(owner);
    expect(await info(owner)).toMatchObject({ mayChange: false });
    await expect(setPassword(owner)).rejects.toMatchObject(stale);
  });

  test('nothing is added once the pass has ended', async () => {
    const owner = await aGuest();
    await latchkey.work((work) => revokePass(work, { user: owner.userId }));
    expect((await info(owner)).mayAdd).toEqual([]);
    await expect(addApp(owner)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(codes(owner)).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
