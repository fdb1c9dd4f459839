import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMinutes } from '../../src/core/time.ts';
import { slowHash } from '../../src/core/slow-hash.ts';
import { issuePass, type IssuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import type { Pass } from '../../src/methods/temporary-access-pass/pass.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import { findRole } from '../../src/roles/role.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { changeUser } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  anAddress,
  aVisitor,
  eventsOf,
  lastRefusal,
  meanwhile,
  passPolicy,
  untilSomebodyWaits,
  withPart,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const advance = (minutes: number) => latchkey.clock.advance(minutes);
const policy = (decided: object) => passPolicy(latchkey, decided);
const disable = (user: User) => latchkey.work((work) => changeUser(work, user, { enabled: false }));
const grant = (user: User, role: string) => latchkey.work((work) => grantRole(work, user.id, role));
const revoke = (user: User) => latchkey.work((work) => revokePass(work, { user: user.id }));

/** Somebody with a pass. */
async function aHolder(
  asked: Partial<IssuePass> = {},
): Promise<{ user: User; name: string; code: string; pass: Pass }> {
  const user = await latchkey.user(aName());
  const { code, pass } = await issuePass(latchkey.base.run, asOperator, { ...asked, user: user.id });
  return { user, name: user.userPrincipalName, code, pass };
}

async function passRow(id: string) {
  return latchkey.base.knex('temporary_access_passes').where('id', '=', id).first();
}

describe('a right code', () => {
  test('opens registration for ten minutes, in this browser, and is recorded', async () => {
    const { user, name, code, pass } = await aHolder();
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, code)).toBe('enrol');
    const { signIn, step, boundToBrowser, now } = await visitor.look();
    expect(signIn).toMatchObject({ userId: user.id, passId: pass.id, notice: null });
    expect(step).toMatchObject({ kind: 'enrol', methods: ['passkey'] });
    const left = signIn.windowEndsAt!.getTime() - now.getTime();
    expect(left).toBeGreaterThan(9.9 * 60_000);
    expect(left).toBeLessThanOrEqual(10 * 60_000);
    expect(boundToBrowser).toBe(true);
    expect(await passRow(pass.id)).toMatchObject({
      uses: 1,
      completed_at: null,
      bound_browser: visitor.visit.browser,
      window_ends_at: signIn.windowEndsAt,
    });
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'sign-in.verified' });
    expect(event).toMatchObject({
      result: 'success',
      client_id: 'app',
      details: { method: 'temporary-access-pass', credentialId: pass.id },
    });
  });

  test('may be typed in lower case, with dashes and spaces', async () => {
    const { name, code } = await aHolder();
    const typed = ` ${code.slice(0, 4)}-${code.slice(4, 8)} ${code.slice(8)} `.toLowerCase();
    expect(await (await aVisitor(house)).enter(name, typed)).toBe('enrol');
  });

  test('works for the name in any case, and with space around it', async () => {
    const { name, code } = await aHolder();
    expect(await (await aVisitor(house)).enter(`  ${name.toUpperCase()} `, code)).toBe('enrol');
  });

  test.each([8, 22, 23, 48])('of %i symbols works, and a wrong one of that length does not', async (defaultLength) => {
    await policy({ defaultLength });
    const { name, code } = await aHolder();
    await policy({});
    expect(code).toHaveLength(defaultLength);
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, wrongFor(code))).toBe('verify');
    expect(await visitor.type(code)).toBe('enrol');
  });

  test('lets nobody in: a pass alone never completes', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    for (let times = 0; times < 3; times += 1) expect(await visitor.step()).toBe('enrol');
    expect((await visitor.look()).signIn.completedAt).toBeNull();
    expect(await eventsOf(latchkey, { type: 'sign-in.completed' })).toEqual([]);
  });
});

function wrongFor(code: string): string {
  return `${code.slice(0, -1)}${code.endsWith('A') ? 'B' : 'A'}`;
}

describe('a wrong answer stays where it is, says one thing, and is recorded with its reason', () => {
  const cases: readonly [string, string, () => Promise<{ name: string; code: unknown }>][] = [
    ['a wrong code', 'wrong_code', async () => ({ name: (await aHolder()).name, code: 'ABCD2345EFGH6789' })],
    [
      'a code with one symbol changed',
      'wrong_code',
      async () => aHolder().then(({ name, code }) => ({ name, code: wrongFor(code) })),
    ],
    [
      'a code cut short',
      'wrong_code',
      async () => aHolder().then(({ name, code }) => ({ name, code: code.slice(0, -1) })),
    ],
    [
      'a code with a symbol more',
      'wrong_code',
      async () => aHolder().then(({ name, code }) => ({ name, code: `${code}A` })),
    ],
    ['no code', 'wrong_code', async () => ({ name: (await aHolder()).name, code: undefined })],
    ['an empty code', 'wrong_code', async () => ({ name: (await aHolder()).name, code: '' })],
    [
      'a list with the code in it',
      'wrong_code',
      async () => aHolder().then(({ name, code }) => ({ name, code: [code] })),
    ],
    ['an object', 'wrong_code', async () => ({ name: (await aHolder()).name, code: { $ne: '' } })],
    [
      'a code of a million symbols',
      'wrong_code',
      async () => ({ name: (await aHolder()).name, code: 'A'.repeat(1_000_000) }),
    ],
    [
      'somebody else’s code',
      'wrong_code',
      async () => ({ name: (await aHolder()).name, code: (await aHolder()).code }),
    ],
    [
      'a name that does not exist',
      'unknown_user',
      async () => ({ name: 'nobody@example.com', code: 'ABCD2345EFGH6789' }),
    ],
    [
      'somebody without a pass',
      'no_pass',
      async () => ({ name: (await latchkey.user(aName())).userPrincipalName, code: 'ABCD2345EFGH6789' }),
    ],
    [
      'a pass for later',
      'not_yet_valid',
      async () => aHolder({ startsAt: addMinutes(await latchkey.work(async (work) => work.now), 5) }),
    ],
    [
      'a revoked pass',
      'no_pass',
      async () => {
        const holder = await aHolder();
        await revoke(holder.user);
        return holder;
      },
    ],
    [
      'a replaced pass',
      'wrong_code',
      async () => {
        const holder = await aHolder();
        await latchkey.pass(holder.name);
        return holder;
      },
    ],
    [
      'a pass of somebody who was disabled since',
      'user_disabled',
      async () => {
        const holder = await aHolder();
        await disable(holder.user);
        return holder;
      },
    ],
    [
      'a pass of somebody who was given a role since',
      'no_pass',
      async () => {
        const holder = await aHolder();
        await grant(holder.user, 'Global Reader');
        return holder;
      },
    ],
  ];
  test.each(cases)('%s', async (_what, reason, prepare) => {
    const { name, code } = await prepare();
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, code)).toBe('verify');
    const { signIn } = await visitor.look();
    expect(signIn.notice).toEqual({
      kind: 'refused',
      method: 'temporary-access-pass',
      reference: visitor.visit.origin.requestId,
    });
    expect(signIn).toMatchObject({ userId: null, evidence: [], passId: null });
    expect(await lastRefusal(latchkey)).toBe(reason);
  });

  test('an expired pass', async () => {
    const { name, code } = await aHolder();
    advance(60);
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('expired');
  });

  test('a pass from later on works when its time has come', async () => {
    const { name, code } = await aHolder({ startsAt: addMinutes(await latchkey.work(async (work) => work.now), 5) });
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, code)).toBe('verify');
    advance(5);
    expect(await visitor.type(code)).toBe('enrol');
  });

  test('the refusal names the user it was about, and nobody for a name that does not exist', async () => {
    const { user, name } = await aHolder();
    await (await aVisitor(house)).enter(name, 'ABCD2345EFGH6789');
    expect(await eventsOf(latchkey, { userId: user.id, type: 'sign-in.refused' })).toHaveLength(1);
    await (await aVisitor(house)).enter('nobody@example.com', 'ABCD2345EFGH6789');
    const refusal = (await eventsOf(latchkey, { type: 'sign-in.refused' })).at(-1);
    expect(refusal).toMatchObject({ result: 'failure', user_id: null, client_id: 'app' });
    expect(JSON.stringify(refusal)).not.toContain('ABCD2345EFGH6789');
  });

  test('passes turned off by policy refuse a right code, and let it in when they are back', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await policy({ state: 'disabled' });
    expect(await visitor.enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('policy');
    await policy({});
    expect(await visitor.type(code)).toBe('enrol');
  });

  test('a reusable pass is refused under a policy that makes passes one-time since', async () => {
    await policy({ isUsableOnce: false });
    const { name, code } = await aHolder({ oneTime: false });
    await policy({ isUsableOnce: true });
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('policy');
    await policy({});
  });
});

describe('what changes while the code is being hashed counts', () => {
  const cases: readonly [string, (holder: { user: User; name: string; pass: Pass }) => Promise<unknown>][] = [
    ['revoked', ({ user }) => revoke(user)],
    ['replaced', ({ name }) => latchkey.pass(name)],
    ['its user disabled', ({ user }) => disable(user)],
    ['its user given a role', ({ user }) => grant(user, 'User Administrator')],
    ['passes turned off', () => policy({ state: 'disabled' })],
    [
      'given another verifier',
      ({ pass }) =>
        latchkey.base.knex('temporary_access_passes').where('id', '=', pass.id).update({ verifier: 'argon2:another' }),
    ],
    ['expired', async () => advance(61)],
  ];
  test.each(cases)('%s: refused', async (_what, change) => {
    const holder = await aHolder();
    const visitor = await aVisitor(meanwhile(house, 'temporary-access-pass', () => change(holder)));
    expect(await visitor.enter(holder.name, holder.code)).toBe('verify');
    expect(await passRow(holder.pass.id)).toMatchObject({ uses: 0, window_ends_at: null });
    await policy({});
  });

  test('entered in another browser: refused', async () => {
    const { name, code, pass } = await aHolder();
    const other = await aVisitor(house);
    const visitor = await aVisitor(meanwhile(house, 'temporary-access-pass', () => other.enter(name, code)));
    expect(await visitor.enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('other_browser');
    expect(await other.step()).toBe('enrol');
    expect(await passRow(pass.id)).toMatchObject({ uses: 1, bound_browser: other.visit.browser });
  });

  test('the name typed anew: the code still counts for the name it was typed with', async () => {
    const { user, name, code } = await aHolder();
    const bystander = await aHolder();
    const plain = await aVisitor(house);
    const visitor = plain.at(meanwhile(house, 'temporary-access-pass', () => plain.name(bystander.name)));
    await visitor.enter(name, code);
    const { signIn } = await visitor.look();
    expect(signIn.userId).toBe(user.id);
    expect(await passRow(bystander.pass.id)).toMatchObject({ uses: 0 });
  });

  test('the sign-in cancelled: nothing is spent', async () => {
    const { name, code, pass } = await aHolder();
    const plain = await aVisitor(house);
    const visitor = plain.at(meanwhile(house, 'temporary-access-pass', () => steps.cancel(house, plain.visit)));
    expect(await visitor.enter(name, code)).toBe('cancelled');
    expect(await passRow(pass.id)).toMatchObject({ uses: 0, window_ends_at: null });
  });
});

describe('who issued the pass is judged again when it is used', () => {
  const clients = (app_roles: string[]) => ({
    clients: [{ client_id: 'hr', client_secret: 'hr-secret', grant_types: ['client_credentials'], app_roles }],
  });
  const allowed = ['UserAuthenticationMethod.ReadWrite.All'];
  const asClient = {
    actor: { kind: 'client', clientId: 'hr', permissions: allowed } as const,
    origin: asOperator.origin,
  };

  async function issuedByClient() {
    await latchkey.seed(clients(allowed));
    const user = await latchkey.user(aName());
    const { code } = await issuePass(latchkey.base.run, asClient, { user: user.id });
    return { user, name: user.userPrincipalName, code };
  }

  test('an application that still may: accepted', async () => {
    const { name, code } = await issuedByClient();
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
  });

  test('an application with the other permission that will do: accepted', async () => {
    const { name, code } = await issuedByClient();
    await latchkey.seed(clients(['UserAuthMethod-TAP.ReadWrite.All']));
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
  });

  test.each([[[]], [['UserAuthenticationMethod.Read.All']], [['User.ReadWrite.All']]])(
    'an application that has only %j now: refused',
    async (left) => {
      const { name, code } = await issuedByClient();
      await latchkey.seed(clients(left));
      expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
      expect(await lastRefusal(latchkey)).toBe('issuer_not_allowed');
    },
  );

  test('an application that is gone: refused', async () => {
    const { name, code } = await issuedByClient();
    await latchkey.base.knex('clients').where('client_id', '=', 'hr').delete();
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('issuer_not_allowed');
  });

  test('an application, for somebody who has a role now: refused', async () => {
    const { user, name, code } = await issuedByClient();
    await grant(user, 'Global Reader');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('no_pass');
  });

  test('nobody any more, once the user was given a role: taking it away again brings no pass back', async () => {
    const { user, name, code } = await issuedByClient();
    await grant(user, 'Global Reader');
    await latchkey.work((work) => revokeRole(work, user.id, 'Global Reader'));
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    const [ended, ...more] = await eventsOf(latchkey, { userId: user.id, type: 'pass.revoked' });
    expect(more).toEqual([]);
    expect(ended!.details).toMatchObject({ reason: 'role-granted' });
  });

  test.each(['2020-01-01', '2100-01-01'])(
    'an application, for somebody who has a role since %s, however that came about: refused',
    async (since) => {
      const { user, name, code } = await issuedByClient();
      await latchkey.base.knex('role_assignments').insert({
        id: randomUUID(),
        user_id: user.id,
        role_template_id: findRole('Global Reader')!.templateId,
        granted_at: new Date(since),
      });
      expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
      expect(await lastRefusal(latchkey)).toBe('issuer_not_allowed');
    },
  );

  test('the operator, for an administrator: accepted', async () => {
    const user = await latchkey.user(aName('admin'));
    await grant(user, 'Global Administrator');
    expect(await (await aVisitor(house)).enter(user.userPrincipalName, await latchkey.pass(user.id))).toBe('enrol');
  });

  test('the operator, for somebody given one more role since: refused', async () => {
    const user = await latchkey.user(aName('admin'));
    await grant(user, 'Global Reader');
    const code = await latchkey.pass(user.id);
    await grant(user, 'User Administrator');
    expect(await (await aVisitor(house)).enter(user.userPrincipalName, code)).toBe('verify');
  });
});

describe('a one-time pass survives a false start', () => {
  test('the same browser goes on, in the same sign-in and in a new one with the code again', async () => {
    const { name, code, pass } = await aHolder();
    const first = await aVisitor(house);
    await first.enter(name, code);
    const { windowEndsAt } = (await first.look()).signIn;
    advance(4);
    expect(await first.step()).toBe('enrol');
    const second = await first.again();
    expect(await second.enter(name, code)).toBe('enrol');
    expect((await second.look()).signIn.windowEndsAt).toEqual(windowEndsAt);
    expect(await passRow(pass.id)).toMatchObject({ uses: 2, window_ends_at: windowEndsAt });
  });

  test('it goes on after beginning anew, with the code again', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    await steps.restart(house, visitor.visit);
    expect(await visitor.step()).toBe('identify');
    expect((await visitor.look()).signIn).toMatchObject({ userId: null, evidence: [], passId: null });
    expect(await visitor.enter(name, code)).toBe('enrol');
  });

  test('it goes on after the person gave up in the app and came back', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    await steps.cancel(house, visitor.visit);
    expect(await visitor.step()).toBe('cancelled');
    expect(await (await visitor.again()).enter(name, code)).toBe('enrol');
  });

  test('no other browser gets in while it is in registration, with the right code', async () => {
    const { name, code, pass } = await aHolder();
    await (await aVisitor(house)).enter(name, code);
    const other = await aVisitor(house);
    expect(await other.enter(name, code)).toBe('verify');
    expect((await other.look()).signIn.notice).toMatchObject({ kind: 'refused' });
    expect(await lastRefusal(latchkey)).toBe('other_browser');
    expect(await passRow(pass.id)).toMatchObject({ uses: 1 });
  });

  test('the sign-in itself goes on in no other browser', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    const stolen = { ...visitor.visit, browser: randomBytes(32) };
    const forbidden = { code: 'forbidden' };
    await expect(steps.look(house, stolen, 'app')).rejects.toMatchObject(forbidden);
    await expect(steps.beginEnrolment(house, stolen, 'passkey')).rejects.toMatchObject(forbidden);
    await expect(steps.enrol(house, stolen, 'passkey', {})).rejects.toMatchObject(forbidden);
    await expect(steps.challenge(house, stolen, 'passkey')).rejects.toMatchObject(forbidden);
    await expect(steps.answer(house, stolen, 'temporary-access-pass', { code })).rejects.toMatchObject(forbidden);
    await expect(steps.restart(house, stolen)).rejects.toMatchObject(forbidden);
    await expect(steps.cancel(house, stolen)).rejects.toMatchObject(forbidden);
    await expect(steps.identify(house, stolen, { userName: name })).rejects.toMatchObject(forbidden);
    expect(await visitor.step()).toBe('enrol');
  });

  test('after the window nobody gets in, neither the same browser nor another', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    advance(10);
    expect((await visitor.look()).step).toEqual({ kind: 'ended', saved: false });
    expect(await (await visitor.again()).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
  });

  test('after it has led to a passkey nobody gets in, within the window neither', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    await visitor.enter(name, code);
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect(await (await visitor.again()).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
  });

  test('entered in twenty browsers at once it opens one of them', async () => {
    await policy({ defaultLength: 24 });
    const { name, code, pass } = await aHolder();
    await policy({});
    const visitors = await Promise.all(Array.from({ length: 20 }, () => aVisitor(house)));
    const ends = await Promise.all(visitors.map((visitor) => visitor.enter(name, code)));
    expect(ends.filter((step) => step === 'enrol')).toHaveLength(1);
    expect(ends.filter((step) => step === 'verify')).toHaveLength(19);
    expect(await passRow(pass.id)).toMatchObject({
      uses: 1,
      bound_browser: visitors[ends.indexOf('enrol')]!.visit.browser,
    });
  });

  test('a refused stranger does not cut the window of who is registering', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    const before = (await visitor.look()).signIn.windowEndsAt;
    await (await aVisitor(house)).enter(name, code);
    await (await aVisitor(house)).enter(name, wrongFor(code));
    expect((await visitor.look()).signIn.windowEndsAt).toEqual(before);
    expect(await visitor.step()).toBe('enrol');
  });
});

describe('the window', () => {
  test('is as long as policy said when the pass was issued', async () => {
    await policy({ registrationWindowInMinutes: 60, maximumLifetimeInMinutes: 480 });
    const { name, code } = await aHolder({ lifetimeMinutes: 480 });
    await policy({});
    const visitor = await aVisitor(house);
    await visitor.enter(name, code);
    advance(59);
    expect(await visitor.step()).toBe('enrol');
    advance(1);
    expect(await visitor.step()).toBe('ended');
  });

  test.each([true, false])('never ends later than the pass (one-time: %s)', async (oneTime) => {
    await policy({ isUsableOnce: false });
    const { name, code, pass } = await aHolder({ oneTime });
    advance(55);
    const visitor = await aVisitor(house);
    expect(await visitor.enter(name, code)).toBe('enrol');
    expect((await visitor.look()).signIn.windowEndsAt).toEqual(pass.expiresAt);
    advance(5);
    expect((await visitor.look()).step.kind).toBe('ended');
    await policy({});
  });

  const endings: readonly [string, (holder: { user: User; name: string }) => Promise<unknown>][] = [
    ['revoked', ({ user }) => revoke(user)],
    ['replaced', ({ name }) => latchkey.pass(name)],
    ['its user disabled', ({ user }) => disable(user)],
    ['its user given a role', ({ user }) => grant(user, 'Global Reader')],
  ];
  test.each(endings)('closes at once when the pass is %s', async (_what, end) => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.enter(holder.name, holder.code);
    await end(holder);
    expect((await visitor.look()).step).toEqual({ kind: 'ended', saved: false });
    await expect(visitor.creationOptions()).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('a reusable pass', () => {
  beforeAll(() => policy({ isUsableOnce: false }));
  afterAll(() => policy({}));

  test('may be entered again, elsewhere too, and each entry opens a window of its own', async () => {
    const { name, code, pass } = await aHolder({ oneTime: false });
    const first = await aVisitor(house);
    expect(await first.enter(name, code)).toBe('enrol');
    expect((await first.look()).boundToBrowser).toBe(false);
    advance(8);
    const second = await aVisitor(house);
    expect(await second.enter(name, code)).toBe('enrol');
    advance(5);
    expect(await first.step()).toBe('ended');
    expect(await second.step()).toBe('enrol');
    expect(await passRow(pass.id)).toMatchObject({ uses: 2, bound_browser: null, window_ends_at: null });
  });

  test('ends with its lifetime', async () => {
    const { name, code } = await aHolder({ oneTime: false });
    await (await aVisitor(house)).enter(name, code);
    advance(60);
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('expired');
  });
});

describe('where somebody is signed in as another user', () => {
  test('a right code changes nothing and spends nothing, and the page may say whose it is', async () => {
    const { name, code, pass, user } = await aHolder();
    const other = await latchkey.user(aName('other'));
    const visitor = await aVisitor(house, { signedInUserId: other.id });
    expect(await visitor.enter(name, code)).toBe('verify');
    const { signIn } = await visitor.look();
    expect(signIn.notice).toMatchObject({
      kind: 'signed_in_as_other',
      signedInAs: other.userPrincipalName,
      passIsFor: name,
    });
    expect(signIn).toMatchObject({ userId: null, evidence: [], passId: null });
    expect(await passRow(pass.id)).toMatchObject({ uses: 0, window_ends_at: null, bound_browser: null });
    expect(await lastRefusal(latchkey)).toBe('signed_in_as_other');
    expect(await (await aVisitor(house, { signedInUserId: user.id })).enter(name, code)).toBe('enrol');
  });

  test('a wrong code does not say whose it would be', async () => {
    const { name } = await aHolder();
    const other = await latchkey.user(aName('other'));
    const visitor = await aVisitor(house, { signedInUserId: other.id });
    await visitor.enter(name, 'ABCD2345EFGH6789');
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'refused' });
  });

  test('who is signed in already is not asked for the name', async () => {
    const { user, code } = await aHolder();
    const visitor = await aVisitor(house, { signedInUserId: user.id });
    expect(await visitor.step()).toBe('verify');
    expect(await visitor.type(code)).toBe('enrol');
  });
});

describe('steps out of turn', () => {
  test('a code before a name is not looked at', async () => {
    const { code } = await aHolder();
    const visitor = await aVisitor(house);
    expect(await visitor.type(code)).toBe('identify');
    expect((await visitor.look()).signIn.notice).toBeNull();
  });

  test('a way to sign in that does not exist is not looked at', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(name);
    for (const method of ['password', '__proto__', 'constructor', '']) {
      await steps.answer(house, visitor.visit, method, { code });
      expect(await visitor.step()).toBe('verify');
    }
    await expect(steps.challenge(house, visitor.visit, 'password')).rejects.toMatchObject({ code: 'conflict' });
    await expect(steps.enrol(house, visitor.visit, 'temporary-access-pass', {})).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  test('going back to the name spends nothing', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name('somebody@example.com');
    await steps.back(house, visitor.visit);
    expect(await visitor.step()).toBe('identify');
    expect(await visitor.enter(name, code)).toBe('enrol');
    await steps.back(house, visitor.visit);
    await steps.choose(house, visitor.visit, 'passkey');
    await visitor.name('somebody@example.com');
    expect(await visitor.step()).toBe('enrol');
  });

  test('an empty name is asked for again', async () => {
    const visitor = await aVisitor(house);
    await visitor.name('  ');
    const { signIn, step } = await visitor.look();
    expect(step.kind).toBe('identify');
    expect(signIn.notice).toEqual({ kind: 'name_missing' });
  });

  test('what was cancelled takes no code any more', async () => {
    const { name, code, pass } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(name);
    await steps.cancel(house, visitor.visit);
    expect(await visitor.type(code)).toBe('cancelled');
    expect(await passRow(pass.id)).toMatchObject({ uses: 0 });
    expect(await eventsOf(latchkey, { type: 'sign-in.cancelled' })).not.toEqual([]);
  });
});

test('a new pass that is issued at the moment the old one is entered: both come to an end, neither is a fault', async () => {
  const { user, name, code } = await aHolder();
  let issuing: Promise<unknown> | undefined;
  const slow = withPart(house, 'temporary-access-pass', (method) => ({
    async spend(...asked) {
      const verdict = await method.spend(...asked);
      issuing = issuePass(latchkey.base.run, asOperator, { user: user.id }).catch((error: unknown) => error);
      await untilSomebodyWaits(latchkey);
      return verdict;
    },
  }));
  const visitor = (await aVisitor(house)).at(slow);
  await visitor.enter(name, code);
  expect(await issuing).toMatchObject({ pass: { userId: user.id } });
});

test('when too many codes are being checked the answer is "wait", the attempt is given back and nothing is spent', async () => {
  const { name, code, pass } = await aHolder();
  const visitor = await aVisitor(house, { ip: anAddress() });
  await visitor.name(name);
  const attempts = () => latchkey.base.knex('throttle_counters').sum('count as count').first();
  const before = await attempts();
  let crowd: Promise<unknown> | undefined;
  const crowded = meanwhile(house, 'temporary-access-pass', async () => {
    crowd = Promise.allSettled(Array.from({ length: 80 }, () => slowHash('somebody else')));
  });
  await expect(visitor.at(crowded).type(code)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 3 });
  expect(await attempts()).toEqual(before);
  expect(await passRow(pass.id)).toMatchObject({ uses: 0 });
  await crowd;
  expect(await visitor.type(code)).toBe('enrol');
});
