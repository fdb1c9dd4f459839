import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import { addToGroup, ensureGroup } from '../../src/groups/manage-groups.ts';
import type { Group } from '../../src/groups/group.ts';
import {
  currentPass,
  issuePass,
  type IssuePass,
  listPasses,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import {
  changePassPolicy,
  passPolicy,
  resetPassPolicy,
} from '../../src/methods/temporary-access-pass/manage-policy.ts';
import { usability } from '../../src/methods/temporary-access-pass/pass.ts';
import {
  defaultPassSettings,
  type PassSettingsChange,
  readPassSettings,
} from '../../src/methods/temporary-access-pass/settings.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import type { User } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aVisitor, eventsOf, lastRefusal, meanwhile } from '../support/makers.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterEach(() => latchkey.work(resetPassPolicy));
afterAll(() => latchkey?.close());

const change = (changes: PassSettingsChange) => latchkey.work((work) => changePassPolicy(work, changes));
const issue = (user: User, asked: Partial<IssuePass> = {}) =>
  issuePass(latchkey.base.run, asOperator, { ...asked, user: user.id });
const aUser = () => latchkey.user(aName());
const aGroup = (displayName = aName('group')) => latchkey.work((work) => ensureGroup(work, displayName));
const join = (group: Group, user: User) => latchkey.work((work) => addToGroup(work, group, user.id));
const leave = (group: Group, user: User) =>
  latchkey.base.knex('group_members').where({ group_id: group.id, user_id: user.id }).delete();
const changed = () => eventsOf(latchkey, { type: 'policy.changed' });
const group = ({ id }: Group) => ({ targetType: 'group' as const, id });
const user = ({ id }: User) => ({ targetType: 'user' as const, id });
const aClient = (...permissions: string[]) => ({
  ...asOperator,
  actor: { kind: 'client', clientId: 'hr', permissions } satisfies Actor,
});

describe('a change of the policy', () => {
  test('keeps what it does not name, and is recorded with before and after', async () => {
    await change({ defaultLength: 24 });
    const before = (await changed()).length;
    await change({ requireReason: true });
    expect(await latchkey.work(passPolicy)).toEqual({ ...defaultPassSettings, defaultLength: 24, requireReason: true });
    const events = (await changed()).slice(before);
    expect(events).toHaveLength(1);
    expect(events[0]!.details).toEqual({
      policy: 'temporaryAccessPass',
      before: { ...defaultPassSettings, defaultLength: 24 },
      after: { ...defaultPassSettings, defaultLength: 24, requireReason: true },
    });
  });

  test('that changes nothing is not recorded', async () => {
    await change({ defaultLength: 24 });
    const before = (await changed()).length;
    await change({ defaultLength: 24 });
    await change({});
    await change(await latchkey.work(passPolicy));
    expect(await changed()).toHaveLength(before);
  });

  test('keeps only what differs from the defaults', async () => {
    await change({ ...defaultPassSettings, defaultLength: 24 });
    const row = await latchkey.base.knex('policies').where('name', '=', 'temporaryAccessPass').first('document');
    expect(row.document).toEqual({ defaultLength: 24 });
  });

  test('that does not go with the rest is refused, and leaves it', async () => {
    await expect(change({ maximumLifetimeInMinutes: 30 })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('minimumLifetimeInMinutes must not be more than maximumLifetimeInMinutes (30)'),
    });
    expect(await latchkey.work(passPolicy)).toEqual(defaultPassSettings);
  });

  test('taken back is the defaults, recorded once', async () => {
    await change({ state: 'disabled' });
    const before = (await changed()).length;
    await latchkey.work(resetPassPolicy);
    await latchkey.work(resetPassPolicy);
    expect(await latchkey.work(passPolicy)).toEqual(defaultPassSettings);
    expect(await changed()).toHaveLength(before + 1);
  });

  test('and seven others at once are all kept', async () => {
    await Promise.all([
      change({ defaultLength: 20 }),
      change({ requireReason: true }),
      change({ maximumUses: 7 }),
      change({ isUsableOnce: false }),
      change({ registrationWindowInMinutes: 20 }),
      change({ defaultLifetimeInMinutes: 90 }),
      change({ minimumLifetimeInMinutes: 30 }),
      change({ maximumLifetimeInMinutes: 500 }),
    ]);
    expect(await latchkey.work(passPolicy)).toEqual({
      ...defaultPassSettings,
      defaultLength: 20,
      requireReason: true,
      maximumUses: 7,
      isUsableOnce: false,
      registrationWindowInMinutes: 20,
      defaultLifetimeInMinutes: 90,
      minimumLifetimeInMinutes: 30,
      maximumLifetimeInMinutes: 500,
    });
  });
});

describe('who may', () => {
  const writer = aClient('Policy.ReadWrite.AuthenticationMethod');
  const reader = aClient('Policy.Read.All');
  const forbidden = { code: 'forbidden' };

  test('an application with the permission to write changes, reads and takes back', async () => {
    await latchkey.base.run(writer, (work) => changePassPolicy(work, { defaultLength: 24 }));
    expect(await latchkey.base.run(writer, passPolicy)).toMatchObject({ defaultLength: 24 });
    expect((await changed()).at(-1)).toMatchObject({ actor_kind: 'client', actor_id: 'hr' });
    await latchkey.base.run(writer, resetPassPolicy);
  });

  test('one with the permission to read reads, and nothing more', async () => {
    expect(await latchkey.base.run(reader, passPolicy)).toEqual(defaultPassSettings);
    await expect(latchkey.base.run(reader, (work) => changePassPolicy(work, {}))).rejects.toMatchObject(forbidden);
    await expect(latchkey.base.run(reader, resetPassPolicy)).rejects.toMatchObject(forbidden);
  });

  test('one with permissions for passes does neither, nor do a visitor and a user', async () => {
    const others = [
      aClient('UserAuthenticationMethod.ReadWrite.All'),
      { ...asOperator, actor: { kind: 'anonymous' } as const },
      { ...asOperator, actor: { kind: 'user', userId: (await aUser()).id } as const },
    ];
    for (const who of others) {
      await expect(latchkey.base.run(who, passPolicy)).rejects.toMatchObject(forbidden);
      await expect(latchkey.base.run(who, (work) => changePassPolicy(work, {}))).rejects.toMatchObject(forbidden);
    }
  });

  test('an application puts nobody into a group that the policy names', async () => {
    const [named, other] = [await aGroup(), await aGroup()];
    await change({ excludeTargets: [group(named)] });
    const { id } = await aUser();
    const groups = aClient('Group.ReadWrite.All');
    await expect(latchkey.base.run(groups, (work) => addToGroup(work, named, id))).rejects.toMatchObject(forbidden);
    await latchkey.base.run(groups, (work) => addToGroup(work, other, id));
  });
});

describe('targets', () => {
  test.each([
    [
      'a group',
      { includeTargets: [{ targetType: 'group', id: 'Nowhere' }] },
      'includeTargets.0.id: There is no group "Nowhere".',
    ],
    [
      'a user',
      { excludeTargets: [{ targetType: 'user', id: 'no@where' }] },
      'excludeTargets.0.id: There is no user "no@where".',
    ],
    [
      'a profile’s group',
      { profiles: [{ displayName: 'x', groups: ['Nowhere'], settings: {} }] },
      'profiles.0.groups.0: There is no group "Nowhere".',
    ],
    [
      'a group for everybody in a profile',
      { profiles: [{ displayName: 'x', groups: ['all_users'], settings: {} }] },
      'profiles.0.groups.0: a profile is for named groups.',
    ],
  ] as [string, PassSettingsChange, string][])(
    '%s that does not exist is refused by its path',
    async (_what, changes, message) => {
      await expect(change(changes)).rejects.toMatchObject({ code: 'invalid_input', message });
      expect(await latchkey.work(passPolicy)).toEqual(defaultPassSettings);
    },
  );

  test('the id of a user is not that of a group, nor the other way round', async () => {
    const [someone, some] = [await aUser(), await aGroup()];
    await change({ includeTargets: [user(someone), group(some)] });
    await expect(change({ excludeTargets: [{ targetType: 'group', id: someone.id }] })).rejects.toThrow('no group');
    await expect(change({ excludeTargets: [{ targetType: 'user', id: some.id }] })).rejects.toThrow('no user');
  });

  test('are kept as object ids, also when they were named', async () => {
    const [someone, some] = [await aUser(), await aGroup()];
    await change({
      includeTargets: [
        { targetType: 'user', id: someone.userPrincipalName.toUpperCase() },
        { targetType: 'group', id: some.displayName },
        { targetType: 'group', id: some.id.toUpperCase() },
      ],
    });
    expect((await latchkey.work(passPolicy)).includeTargets).toEqual([user(someone), group(some), group(some)]);
  });

  test('that are gone do not keep the rest from being changed', async () => {
    const someone = await aUser();
    await change({ excludeTargets: [user(someone)] });
    await latchkey.base.knex('users').where('id', '=', someone.id).delete();
    await change({ ...(await latchkey.work(passPolicy)), defaultLength: 20 });
    expect(await latchkey.work(passPolicy)).toMatchObject({ defaultLength: 20, excludeTargets: [user(someone)] });
  });
});

describe('a user the policy does not reach', () => {
  const notIncluded = {
    code: 'invalid_input',
    message: expect.stringMatching(/^The Temporary Access Pass policy does not include this user: includeTargets /),
  };
  const excluded = {
    code: 'invalid_input',
    message: expect.stringMatching(/^The Temporary Access Pass policy excludes this user: excludeTargets /),
  };

  test('is refused at issue, with a sentence that says why', async () => {
    const [inside, outside, staff] = [await aUser(), await aUser(), await aGroup()];
    await join(staff, inside);
    await change({ includeTargets: [group(staff)] });
    await expect(issue(outside)).rejects.toMatchObject(notIncluded);
    await issue(inside);
    await change({ excludeTargets: [user(inside)] });
    await expect(issue(inside)).rejects.toMatchObject(excluded);
  });

  test('is refused although the policy was read before it changed', async () => {
    const holder = await aUser();
    const { run } = latchkey.base;
    let works = 0;
    const meddling: typeof run = async (who, body) => {
      works += 1;
      if (works === 2) await change({ excludeTargets: [user(holder)] });
      return run(who, body);
    };
    await expect(issuePass(meddling, asOperator, { user: holder.id })).rejects.toMatchObject(excluded);
    expect((await latchkey.work((work) => currentPass(work, holder.id))).pass).toBeUndefined();
  });

  test('is refused at redemption when the policy has changed since', async () => {
    const holder = await aUser();
    const { code } = await issue(holder);
    await change({ excludeTargets: [user(holder)] });
    const visitor = await aVisitor(house);
    expect(await visitor.enter(holder.userPrincipalName, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('policy');
    await latchkey.work(resetPassPolicy);
    expect(await visitor.type(code)).toBe('enrol');
  });

  test.each(['into a group that is excluded', 'out of the group that is included'])(
    'is refused at redemption after moving %s',
    async (way) => {
      const [holder, staff, barred] = [await aUser(), await aGroup(), await aGroup()];
      await join(staff, holder);
      await change({ includeTargets: [group(staff)], excludeTargets: [group(barred)] });
      const { code } = await issue(holder);
      if (way.startsWith('into')) await join(barred, holder);
      else await leave(staff, holder);
      expect(await (await aVisitor(house)).enter(holder.userPrincipalName, code)).toBe('verify');
      expect(await lastRefusal(latchkey)).toBe('policy');
    },
  );

  test('is refused although the policy changed only while the code was being checked', async () => {
    const holder = await aUser();
    const { code } = await issue(holder);
    const slow = meanwhile(house, 'temporary-access-pass', () => change({ includeTargets: [] }));
    expect(await (await aVisitor(slow)).enter(holder.userPrincipalName, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('policy');
  });

  test('who was promoted since is refused as well', async () => {
    const holder = await aUser();
    const { code } = await issue(holder);
    await latchkey.work((work) => grantRole(work, holder.id, 'Global Reader'));
    expect(await (await aVisitor(house)).enter(holder.userPrincipalName, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('no_pass');
  });

  test('has a pass that says DisabledByPolicy, and others do not', async () => {
    const [one, other] = [await aUser(), await aUser()];
    await issue(one);
    await issue(other);
    await change({ excludeTargets: [user(one)] });
    const found = await latchkey.work(async (work) => ({ ...(await listPasses(work)), now: work.now }));
    const reasonOf = ({ id }: User) => {
      const pass = found.passes.find(({ userId }) => userId === id)!;
      return usability(pass, pass.settings, found.now);
    };
    expect([reasonOf(one), reasonOf(other)]).toEqual(['DisabledByPolicy', 'EnabledByPolicy']);
  });
});

describe('where policy asks for a reason', () => {
  test.each([undefined, '', '  '])('issuing with %j is refused, naming it', async (reason) => {
    const holder = await aUser();
    await change({ requireReason: true });
    await expect(issue(holder, { reason })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'reason is required: the Temporary Access Pass policy asks for one.',
    });
    expect((await issue(holder, { reason: 'lost phone' })).pass.reason).toBe('lost phone');
  });
});

describe('a reusable pass with a number of uses', () => {
  const aCountedPass = async (maximumUses: number) => {
    await change({ isUsableOnce: false, maximumUses });
    const holder = await aUser();
    return { name: holder.userPrincipalName, ...(await issue(holder, { oneTime: false })) };
  };

  test('is entered that often and not once more', async () => {
    const { name, code, pass } = await aCountedPass(2);
    expect(pass.maximumUses).toBe(2);
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('already_used');
    const found = await latchkey.work(async (work) => ({ ...(await currentPass(work, name)), now: work.now }));
    expect(usability(found.pass!, found.settings, found.now)).toBe('OneTimeUsed');
  });

  test('opens exactly that many of eight browsers at once', async () => {
    const { name, code } = await aCountedPass(3);
    const visitors = await Promise.all(Array.from({ length: 8 }, () => aVisitor(house)));
    const steps = await Promise.all(visitors.map((visitor) => visitor.enter(name, code)));
    expect(steps.filter((step) => step === 'enrol')).toHaveLength(3);
  });

  test('keeps the number it was issued with', async () => {
    const { name, code } = await aCountedPass(3);
    await change({ maximumUses: 2 });
    for (let times = 0; times < 3; times += 1) {
      expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
    }
    expect(await (await aVisitor(house)).enter(name, code)).toBe('verify');
  });

  test('is not a one-time pass, whose browser may come back', async () => {
    await change({ isUsableOnce: false, maximumUses: 2 });
    const holder = await aUser();
    const { code, pass } = await issue(holder, { oneTime: true });
    expect(pass.maximumUses).toBeNull();
    let visitor = await aVisitor(house);
    for (let times = 0; times < 3; times += 1) {
      expect(await visitor.enter(holder.userPrincipalName, code)).toBe('enrol');
      visitor = await visitor.again();
    }
  });
});

describe('a profile', () => {
  test('gives the users of its groups its values at issue; the first of the list counts', async () => {
    const [field, staff] = [await aGroup(), await aGroup()];
    const [both, second, none] = [await aUser(), await aUser(), await aUser()];
    await join(field, both);
    await join(staff, both);
    await join(staff, second);
    await change({
      profiles: [
        {
          displayName: 'Field',
          groups: [field.id],
          settings: { defaultLength: 20, maximumLifetimeInMinutes: 1440, isUsableOnce: false, maximumUses: 4 },
        },
        { displayName: 'Staff', groups: [staff.displayName], settings: { defaultLength: 24, requireReason: true } },
      ],
    });
    const { pass } = await issue(both, { lifetimeMinutes: 1440, oneTime: false });
    expect(pass).toMatchObject({ codeLength: 20, oneTime: false, maximumUses: 4 });
    await expect(issue(second)).rejects.toThrow('reason is required');
    expect((await issue(second, { reason: 'new' })).pass).toMatchObject({ codeLength: 24, maximumUses: null });
    await expect(issue(none, { lifetimeMinutes: 1440 })).rejects.toThrow('The valid range between 60 and 480.');
    expect((await issue(none)).pass.codeLength).toBe(16);
  });

  test('is judged again at redemption: who left its group loses what it allowed', async () => {
    const [field, holder] = [await aGroup(), await aUser()];
    await join(field, holder);
    await change({ profiles: [{ displayName: 'Field', groups: [field.id], settings: { isUsableOnce: false } }] });
    const { code } = await issue(holder, { oneTime: false });
    expect(await (await aVisitor(house)).enter(holder.userPrincipalName, code)).toBe('enrol');
    await leave(field, holder);
    expect(await (await aVisitor(house)).enter(holder.userPrincipalName, code)).toBe('verify');
    expect(await lastRefusal(latchkey)).toBe('policy');
  });
});

test('a seed file names groups and users of the policy as it names them elsewhere', async () => {
  await latchkey.seed({
    groups: [{ displayName: 'Contractors' }],
    policies: { temporaryAccessPass: { excludeTargets: [{ targetType: 'group', id: 'Contractors' }] } },
  });
  expect((await latchkey.work(readPassSettings)).excludeTargets).toEqual([group(await aGroup('Contractors'))]);
});
