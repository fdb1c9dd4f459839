import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import { AppError } from '../../src/core/errors.ts';
import { addDays, addMinutes } from '../../src/core/time.ts';
import type { Work } from '../../src/core/work.ts';
import { addToGroup, ensureGroup } from '../../src/groups/manage-groups.ts';
import { inGroups } from '../../src/core/code.ts';
import {
  currentPass,
  issuePass,
  type IssuePass,
  listPasses,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { passState } from '../../src/methods/temporary-access-pass/pass.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aPasskeyHolder, aVisitor, eventsOf, passPolicy } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let house: TestBase;
beforeAll(async () => {
  house = await openTestBase();
});
afterAll(() => house?.close());

const issue = (user: string, asked: Partial<IssuePass> = {}) =>
  issuePass(house.base.run, asOperator, { ...asked, user });
const now = () => house.work(async (work) => work.now);
const policy = (decided: object) => passPolicy(house, decided);

async function aUser(): Promise<string> {
  return (await house.user(aName())).userPrincipalName;
}

function aClient(...permissions: string[]): { actor: Actor; origin: Work['origin'] } {
  return { actor: { kind: 'client', clientId: 'hr', permissions }, origin: asOperator.origin };
}
const writer = aClient('UserAuthenticationMethod.ReadWrite.All');

describe('a pass that is issued', () => {
  test('with nothing said has what policy says: now, an hour, once, sixteen symbols', async () => {
    const name = await aUser();
    const { pass, code, user } = await issue(name);
    expect(user.userPrincipalName).toBe(name);
    expect(code).toMatch(/^[2-9A-HJ-NP-Z]{16}$/);
    expect(pass).toMatchObject({
      userId: user.id,
      oneTime: true,
      purpose: 'registration',
      windowMinutes: 10,
      codeLength: 16,
      issuedByKind: 'operator',
      uses: 0,
    });
    expect(pass.startsAt).toEqual(pass.issuedAt);
    expect(pass.expiresAt).toEqual(addMinutes(pass.startsAt, 60));
    expect(Math.abs(pass.issuedAt.getTime() - Date.now())).toBeLessThan(10_000);
  });

  test('is the one that is listed afterwards, without its code', async () => {
    const name = await aUser();
    const { pass, code } = await issue(name, { reason: 'lost phone', ticket: 'INC-1', verifiedBy: 'video' });
    const found = await house.work((work) => currentPass(work, name));
    expect(found.pass).toEqual({ ...pass, reason: 'lost phone', ticket: 'INC-1', verifiedBy: 'video' });
    expect(JSON.stringify(found)).not.toContain(code);
    const { passes } = await house.work(listPasses);
    expect(passes.find(({ id }) => id === pass.id)).toMatchObject({ userPrincipalName: name });
    expect(JSON.stringify(passes)).not.toContain(code);
  });

  test('is recorded with who, for whom and how, never with the code', async () => {
    const name = await aUser();
    const { pass, code, user } = await issue(name, { reason: 'new joiner', ticket: 'HR-7', lifetimeMinutes: 120 });
    const [event] = await eventsOf(house, { userId: user.id, type: 'pass.issued' });
    expect(event).toMatchObject({ actor_kind: 'operator', result: 'success' });
    expect(event!.details).toMatchObject({
      passId: pass.id,
      lifetimeMinutes: 120,
      oneTime: true,
      purpose: 'registration',
      reason: 'new joiner',
      ticket: 'HR-7',
    });
    expect(JSON.stringify(event)).not.toContain(code);
  });

  test('is found by object id as well as by name, in any case', async () => {
    const user = await house.user(aName('MiXed'));
    expect((await issue(user.id)).user.id).toBe(user.id);
    expect((await issue(user.userPrincipalName.toUpperCase())).user.id).toBe(user.id);
  });

  test('for later counts its lifetime from its start', async () => {
    const startsAt = addDays(await now(), 3);
    const { pass } = await issue(await aUser(), { startsAt, lifetimeMinutes: 480 });
    expect(pass.startsAt).toEqual(startsAt);
    expect(pass.expiresAt).toEqual(addMinutes(startsAt, 480));
    expect(passState(pass, await now())).toBe('scheduled');
  });
});

describe('a lifetime', () => {
  test.each([60, 61, 480])('of %i minutes is within policy', async (lifetimeMinutes) => {
    const { pass } = await issue(await aUser(), { lifetimeMinutes });
    expect(pass.expiresAt).toEqual(addMinutes(pass.startsAt, lifetimeMinutes));
  });

  test.each([59, 481, 0, -60, 60.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9])(
    'of %s minutes is refused with the sentence that scripts look for',
    async (lifetimeMinutes) => {
      const name = await aUser();
      await expect(issue(name, { lifetimeMinutes })).rejects.toMatchObject({
        code: 'invalid_input',
        message: 'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.',
      });
      expect((await house.work((work) => currentPass(work, name))).pass).toBeUndefined();
    },
  );
});

describe('a start', () => {
  test('of ninety days ahead is the furthest', async () => {
    const name = await aUser();
    const at = await now();
    await expect(issue(name, { startsAt: addMinutes(addDays(at, 90), 1) })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'startDateTime must be within the next 90 days.',
    });
    await expect(issue(name, { startsAt: addDays(at, 90) })).resolves.toMatchObject({
      pass: { startsAt: addDays(at, 90) },
    });
  });

  test('in the past is refused', async () => {
    const startsAt = addMinutes(await now(), -11);
    await expect(issue(await aUser(), { startsAt })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'startDateTime lies in the past.',
    });
  });

  test('just past, as by a clock that runs behind, means now', async () => {
    const { pass } = await issue(await aUser(), { startsAt: addMinutes(await now(), -9) });
    expect(pass.startsAt).toEqual(pass.issuedAt);
    expect(pass.expiresAt).toEqual(addMinutes(pass.issuedAt, 60));
  });

  test('that is no date is refused', async () => {
    await expect(issue(await aUser(), { startsAt: new Date('soon') })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('what policy says', () => {
  afterAll(() => policy({}));

  test('makes every pass one-time, and a wish for another is refused with the reason', async () => {
    await policy({ isUsableOnce: true });
    const name = await aUser();
    expect((await issue(name)).pass.oneTime).toBe(true);
    expect((await issue(name, { oneTime: true })).pass.oneTime).toBe(true);
    await expect(issue(name, { oneTime: false })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'isUsableOnce cannot be false: policy makes every pass one-time.',
    });
  });

  test('or leaves it to the issuer', async () => {
    await policy({ isUsableOnce: false });
    const name = await aUser();
    expect((await issue(name)).pass.oneTime).toBe(false);
    expect((await issue(name, { oneTime: true })).pass.oneTime).toBe(true);
    expect((await issue(name, { oneTime: false })).pass.oneTime).toBe(false);
  });

  test('sets length, window and lifetimes, at once', async () => {
    await policy({
      defaultLength: 8,
      registrationWindowInMinutes: 45,
      minimumLifetimeInMinutes: 10,
      maximumLifetimeInMinutes: 30,
      defaultLifetimeInMinutes: 20,
    });
    const name = await aUser();
    const { pass, code } = await issue(name);
    expect(code).toHaveLength(8);
    expect(pass).toMatchObject({ codeLength: 8, windowMinutes: 45, expiresAt: addMinutes(pass.startsAt, 20) });
    await expect(issue(name, { lifetimeMinutes: 31 })).rejects.toMatchObject({
      message: 'Invalid LifetimeInMinutes specified. The valid range between 10 and 30.',
    });
  });

  test('may turn passes off', async () => {
    await policy({ state: 'disabled' });
    await expect(issue(await aUser())).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'Temporary Access Passes are disabled by policy.',
    });
  });

  test('allows signing in where it says so, and then only what is asked for signs in', async () => {
    await policy({ purpose: 'signIn' });
    const name = await aUser();
    expect((await issue(name)).pass.purpose).toBe('registration');
    expect((await issue(name, { purpose: 'signIn' })).pass.purpose).toBe('signIn');
  });

  test('allows signing in to the people of a profile alone', async () => {
    const [guest, member] = [await house.user(aName('guest')), await aUser()];
    await house.work(async (work) => addToGroup(work, await ensureGroup(work, 'Guests'), guest.id));
    await policy({ profiles: [{ displayName: 'Guests', groups: ['Guests'], settings: { purpose: 'signIn' } }] });
    expect((await issue(guest.userPrincipalName, { purpose: 'signIn' })).pass.purpose).toBe('signIn');
    await expect(issue(member, { purpose: 'signIn' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('allows registration at most', async () => {
    await policy({});
    const name = await aUser();
    expect((await issue(name, { purpose: 'registration' })).pass.purpose).toBe('registration');
    await expect(issue(name, { purpose: 'signIn' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'purpose cannot be signIn: policy allows registration at most.',
    });
  });
});

describe('nobody gets a pass', () => {
  test('who does not exist', async () => {
    await expect(issue('nobody@example.com')).rejects.toMatchObject({
      code: 'not_found',
      message: 'There is no such user.',
    });
    await expect(issue('11111111-1111-4111-8111-111111111111')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('who is disabled', async () => {
    const user = await house.user(aName());
    await house.work((work) => changeUser(work, user, { enabled: false }));
    await expect(issue(user.userPrincipalName)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('disabled. Enable the user'),
    });
  });

  test('who is disabled while the code is being hashed', async () => {
    const user = await house.user(aName());
    const { run } = house.base;
    let works = 0;
    const meddling: typeof run = async (who, body) => {
      works += 1;
      if (works === 2) await house.work((work) => changeUser(work, user, { enabled: false }));
      return run(who, body);
    };
    await expect(issuePass(meddling, asOperator, { user: user.id })).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await house.work((work) => currentPass(work, user.id))).pass).toBeUndefined();
  });
});

describe('an application', () => {
  test.each(['UserAuthenticationMethod.ReadWrite.All', 'UserAuthMethod-TAP.ReadWrite.All'])(
    'with %s issues for a member, and is named as the issuer',
    async (permission) => {
      const user = await house.user(aName());
      const { pass } = await issuePass(house.base.run, aClient(permission), { user: user.id });
      expect(pass).toMatchObject({ issuedByKind: 'client', issuedById: 'hr' });
      const [event] = await eventsOf(house, { userId: user.id, type: 'pass.issued' });
      expect(event).toMatchObject({ actor_kind: 'client', actor_id: 'hr' });
    },
  );

  test.each([[[]], [['UserAuthenticationMethod.Read.All']], [['User.ReadWrite.All', 'Group.ReadWrite.All']]])(
    'with %j does not, and the refusal is recorded',
    async (permissions) => {
      const user = await house.user(aName());
      await expect(issuePass(house.base.run, aClient(...permissions), { user: user.id })).rejects.toMatchObject({
        code: 'forbidden',
      });
      expect((await house.work((work) => currentPass(work, user.id))).pass).toBeUndefined();
      const refusal = (await eventsOf(house, { type: 'request.refused' })).at(-1);
      expect(refusal).toMatchObject({
        result: 'failure',
        actor_kind: 'client',
        actor_id: 'hr',
        details: { code: 'forbidden' },
      });
    },
  );

  test('without the permission does not learn who exists', async () => {
    const known = await aUser();
    const refusals = await Promise.all(
      [known, 'nobody@example.com'].map((user) =>
        issuePass(house.base.run, aClient(), { user }).catch((error: Error) => error.message),
      ),
    );
    expect(refusals[0]).toBe(refusals[1]);
  });

  test('does not reach somebody with a role, however small', async () => {
    const user = await house.user(aName('reader'));
    await house.work((work) => grantRole(work, user.id, 'Global Reader'));
    await expect(issuePass(house.base.run, writer, { user: user.id })).rejects.toMatchObject({
      code: 'forbidden',
      message:
        'This user holds an administrator role. Applications cannot act on administrators; an administrator of higher rank can.',
    });
    await issue(user.id);
    await expect(house.base.run(writer, (work) => revokePass(work, { user: user.id }))).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect((await house.work((work) => currentPass(work, user.id))).pass).toBeDefined();
  });

  test('does not reach somebody who gets a role while the code is being hashed', async () => {
    const user = await house.user(aName());
    const { run } = house.base;
    let works = 0;
    const meddling: typeof run = async (who, body) => {
      works += 1;
      if (works === 2) await house.work((work) => grantRole(work, user.id, 'Global Reader'));
      return run(who, body);
    };
    await expect(issuePass(meddling, writer, { user: user.id })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await house.work((work) => currentPass(work, user.id))).pass).toBeUndefined();
  });

  test('may read passes with a permission to read, and nothing more', async () => {
    const name = await aUser();
    await issue(name);
    const reader = aClient('UserAuthMethod-TAP.Read.All');
    expect((await house.base.run(reader, (work) => currentPass(work, name))).pass).toBeDefined();
    await expect(house.base.run(reader, (work) => revokePass(work, { user: name }))).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(house.base.run(aClient('User.Read.All'), (work) => currentPass(work, name))).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(house.base.run(aClient('User.Read.All'), listPasses)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

test('a visitor and a user without a role issue nothing, not even for themselves', async () => {
  const user = await house.user(aName());
  for (const actor of [{ kind: 'anonymous' }, { kind: 'user', userId: user.id }] as const) {
    await expect(issuePass(house.base.run, { ...asOperator, actor }, { user: user.id })).rejects.toMatchObject({
      code: 'forbidden',
    });
  }
});

test('the operator issues for an administrator', async () => {
  const user = await house.user(aName('admin'));
  await house.work((work) => grantRole(work, user.id, 'Global Administrator'));
  expect((await issue(user.id)).pass.userId).toBe(user.id);
});

test('a reason with half an emoji is refused or kept, never a fault', async () => {
  const name = await aUser();
  const outcome = await issue(name, { reason: 'lost \ud83d' }).catch((error: unknown) => error);
  expect(outcome instanceof Error ? outcome : undefined).toSatisfy(
    (error) => error === undefined || error instanceof AppError,
  );
});

describe('a second pass', () => {
  test('replaces the first, and both are recorded', async () => {
    const user = await house.user(aName());
    const first = await issue(user.id);
    const second = await issue(user.id);
    expect(await passesOf(user.id)).toEqual([
      { id: first.pass.id, end_reason: 'replaced' },
      { id: second.pass.id, end_reason: null },
    ]);
    const [event] = await eventsOf(house, { userId: user.id, type: 'pass.replaced' });
    expect(event!.details).toEqual({ passId: first.pass.id, by: second.pass.id });
    expect(second.code).not.toBe(first.code);
  });

  test('replaces an expired one and a used one as well', async () => {
    const user = await house.user(aName());
    await issue(user.id);
    house.clock.advance(61);
    const { pass } = await issue(user.id);
    expect((await passesOf(user.id)).map(({ end_reason }) => end_reason)).toEqual(['replaced', null]);
    expect((await house.work((work) => currentPass(work, user.id))).pass!.id).toBe(pass.id);
  });

  test('that is refused leaves the first as it was', async () => {
    const user = await house.user(aName());
    const { pass } = await issue(user.id);
    await expect(issue(user.id, { lifetimeMinutes: 1 })).rejects.toThrow();
    expect(await passesOf(user.id)).toEqual([{ id: pass.id, end_reason: null }]);
  });

  test.each([2, 8])('at once, %i in all, leave exactly one', async (count) => {
    const user = await house.user(aName());
    const issued = await Promise.all(Array.from({ length: count }, () => issue(user.id)));
    const rows = await passesOf(user.id);
    expect(rows).toHaveLength(count);
    const current = rows.filter(({ end_reason }) => end_reason === null);
    expect(current).toHaveLength(1);

    const works = await Promise.all(
      issued.map(
        async ({ code }) => (await (await aVisitor(aHouse(house))).enter(user.userPrincipalName, code)) === 'enrol',
      ),
    );
    expect(works.filter(Boolean)).toHaveLength(1);
    expect(issued[works.indexOf(true)]!.pass.id).toBe(current[0]!.id);
  });
});

describe('a pass that is revoked', () => {
  test('has ended, and that is recorded', async () => {
    const user = await house.user(aName());
    const { pass } = await issue(user.id);
    await house.work((work) => revokePass(work, { user: user.id, passId: pass.id }));
    expect(await passesOf(user.id)).toEqual([{ id: pass.id, end_reason: 'revoked' }]);
    expect((await eventsOf(house, { userId: user.id, type: 'pass.revoked' }))[0]!.details).toEqual({ passId: pass.id });
  });

  test('cannot be revoked again, nor can one that is not the user’s', async () => {
    const [one, two] = [await house.user(aName()), await house.user(aName())];
    const { pass } = await issue(one.id);
    const notFound = { code: 'not_found', message: 'This user has no such pass.' };
    await expect(house.work((work) => revokePass(work, { user: two.id, passId: pass.id }))).rejects.toMatchObject(
      notFound,
    );
    await expect(house.work((work) => revokePass(work, { user: two.id }))).rejects.toMatchObject(notFound);
    await house.work((work) => revokePass(work, { user: one.id }));
    await expect(house.work((work) => revokePass(work, { user: one.id, passId: pass.id }))).rejects.toMatchObject(
      notFound,
    );
  });
});

async function passesOf(userId: string): Promise<{ id: string; end_reason: string | null }[]> {
  return house.base
    .knex('temporary_access_passes')
    .where('user_id', '=', userId)
    .orderBy('issued_at')
    .select('id', 'end_reason');
}

describe('the code', () => {
  test.each([16, 24])(
    'of %i symbols is nowhere in the database: not in rows, events or policies, in no spelling',
    async (defaultLength) => {
      await policy({ defaultLength });
      const name = aName('holder');
      const holder = newAuthenticator();
      await aPasskeyHolder(house, aHouse(house), name, holder);
      const { code } = await issue(name, { reason: 'lost phone' });
      const visitor = await aVisitor(aHouse(house));
      await visitor.enter(name, `${code.slice(0, -1)}${code.endsWith('A') ? 'B' : 'A'}`);
      await visitor.type(inGroups(code).toLowerCase());
      expect(await visitor.step()).toBe('enrol');
      await visitor.register(newAuthenticator());
      await (await aVisitor(aHouse(house))).enter(name, code);
      await issue(name);
      await policy({});

      const text = (await dump()).toLowerCase();
      expect(text).toContain('lost phone');
      expect(text).toContain('pass.issued');
      for (const spelling of spellings(code)) expect(text, spelling).not.toContain(spelling.toLowerCase());
    },
  );

  function spellings(code: string): string[] {
    const bytes = Buffer.from(code);
    const half = code.slice(0, 8);
    return [
      code,
      inGroups(code),
      half,
      code.slice(-8),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('hex'),
    ];
  }

  /** Every row of every table as text. */
  async function dump(): Promise<string> {
    const { rows: tables } = await house.base.knex.raw<{ rows: { name: string }[] }>(
      "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    expect(tables.length).toBeGreaterThan(15);
    const texts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await house.base.knex.raw<{ rows: { line: string }[] }>(`select t::text as line from ${name} t`);
      texts.push(...rows.map(({ line }) => line));
    }
    return texts.join('\n');
  }
});

test('two verifiers of one code differ: nobody sees in the database that two people share one', async () => {
  const rows = await house.base.knex('temporary_access_passes').select<{ verifier: string }[]>('verifier');
  expect(new Set(rows.map(({ verifier }) => verifier)).size).toBe(rows.length);
  expect(rows.every(({ verifier }) => /^(argon2:\$argon2id\$v=19\$m=19456,t=2,p=1\$|hmac:)/.test(verifier))).toBe(true);
});

test('a name that only looks alike is another user', async () => {
  const name = aName('anna');
  await house.user(name);
  await expect(issue(name.replace('anna', '\u0430nna'))).rejects.toMatchObject({ code: 'not_found' });
  await house.work((work) => getUser(work, name));
});
