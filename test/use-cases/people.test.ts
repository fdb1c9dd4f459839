import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import {
  addMember,
  changeGroup,
  createGroup,
  deleteGroup,
  ensureGroup,
  pageOfGroups,
  pageOfMembers,
  removeMember,
} from '../../src/groups/manage-groups.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import { grantRole, hasGlobalAdministrator, listRoleHolders, revokeRole } from '../../src/roles/manage-roles.ts';
import {
  countUsers,
  createUser,
  getUser,
  lockUser,
  pageOfUsers,
  removeManager,
  setManager,
} from '../../src/users/manage-users.ts';
import type { User, UserFilter } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aName, eventsOf, untilSomebodyWaits } from '../support/makers.ts';

let house: TestBase;
beforeAll(async () => {
  house = await openTestBase();
});
afterAll(() => house?.close());

const aUser = () => house.user(aName());
const work = <T>(body: (work: Work) => Promise<T>) => house.work(body);
const asClient =
  (...permissions: string[]) =>
  <T>(body: (work: Work) => Promise<T>): Promise<T> =>
    house.base.run(
      { actor: { kind: 'client', clientId: 'hr', permissions } satisfies Actor, origin: asOperator.origin },
      body,
    );
const hr = asClient('User.ReadWrite.All', 'Group.ReadWrite.All');
const admin = 'Global Administrator';

/** Something of everything that the protocol keeps for an account. */
async function openSession(userId: string): Promise<void> {
  const { knex } = house.base;
  const later = new Date(Date.now() + 3_600_000);
  const [uid, grantId] = [randomUUID(), randomUUID()];
  await knex('oidc_sessions').insert({
    uid,
    jti_hash: Buffer.from(uid),
    account_id: userId,
    payload: { authorizations: { app: { grantId } } },
    expires_at: later,
  });
  await knex('oidc_grants').insert({
    id: grantId,
    account_id: userId,
    client_id: 'app',
    payload: {},
    expires_at: later,
  });
  await knex('oidc_artifacts').insert({
    model: 'RefreshToken',
    id_hash: Buffer.from(grantId),
    grant_id: grantId,
    account_id: userId,
    payload: {},
    expires_at: later,
  });
}

async function stillOpen(userId: string): Promise<number> {
  const { rows } = await house.base.knex.raw<{ rows: { open: string }[] }>(
    `select (select count(*) from oidc_sessions where account_id = :userId and ended_at is null)
          + (select count(*) from oidc_grants where account_id = :userId)
          + (select count(*) from oidc_artifacts where account_id = :userId) as open`,
    { userId },
  );
  return Number(rows[0]!.open);
}

describe('a user who is deleted', () => {
  test('is gone with pass, memberships and reports, and what was open has ended; the record stays', async () => {
    const [user, report] = [await aUser(), await aUser()];
    await house.pass(user.userPrincipalName);
    const group = await work((w) => createGroup(w, { displayName: aName('group') }));
    await work((w) => addMember(w, group.id, user.id));
    await work((w) => setManager(w, report.id, user.id));
    await openSession(user.id);
    expect(await stillOpen(user.id)).toBe(3);

    await work((w) => deletePerson(w, user.userPrincipalName));
    await expect(work((w) => getUser(w, user.id))).rejects.toMatchObject({ code: 'not_found' });
    expect(await stillOpen(user.id)).toBe(0);
    expect((await work((w) => getUser(w, report.id))).managerId).toBeNull();
    expect((await work((w) => pageOfMembers(w, group.id, { top: 9 }))).items).toEqual([]);
    const [deleted] = await eventsOf(house, { userId: user.id, type: 'user.deleted' });
    expect(deleted?.details).toEqual({ userPrincipalName: user.userPrincipalName });
  });

  test('leaves the name free, and whoever gets it next is another', async () => {
    const user = await aUser();
    await work((w) => deletePerson(w, user.id));
    expect((await house.user(user.userPrincipalName)).id).not.toBe(user.id);
  });

  test('is deleted once, also when ten ask at once', async () => {
    const user = await aUser();
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => work((w) => deletePerson(w, user.id))));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason.code).toBe('not_found');
  });
});

test('a user who is disabled loses what was open, and being enabled again does not bring it back', async () => {
  const user = await aUser();
  await openSession(user.id);
  await work((w) => changePerson(w, user.id, { displayName: 'Still here' }));
  expect(await stillOpen(user.id)).toBe(3);
  await work((w) => changePerson(w, user.id, { enabled: false }));
  await work((w) => changePerson(w, user.id, { enabled: true }));
  expect(await stillOpen(user.id)).toBe(0);
});

test('a name asked for by ten at once is given to one', async () => {
  const userPrincipalName = aName();
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => work((w) => createUser(w, { userPrincipalName, displayName: 'One' }))),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason.code).toBe('conflict');
});

describe('a manager', () => {
  test('is somebody else who exists, and can be taken away once', async () => {
    const [user, manager] = [await aUser(), await aUser()];
    await work((w) => setManager(w, user.id, manager.userPrincipalName));
    expect((await work((w) => getUser(w, user.id))).managerId).toBe(manager.id);
    await expect(work((w) => setManager(w, user.id, user.id))).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(work((w) => setManager(w, user.id, randomUUID()))).rejects.toMatchObject({ code: 'not_found' });
    await work((w) => removeManager(w, user.id));
    await expect(work((w) => removeManager(w, user.id))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('who is deleted while somebody works on a report and then on them is waited for by neither', async () => {
    const [report, manager] = [await aUser(), await aUser()].sort((a, b) => (a.id < b.id ? -1 : 1)) as [User, User];
    await work((w) => setManager(w, report.id, manager.id));
    let deleted: Promise<unknown> = Promise.resolve();
    await work(async (w) => {
      await lockUser(w, report.id);
      deleted = work((other) => deletePerson(other, manager.id));
      await untilSomebodyWaits(house);
      await setManager(w, report.id, manager.id);
    });
    await deleted;
    expect((await work((w) => getUser(w, report.id))).managerId).toBeNull();
  });

  test('two who become each other’s manager at once do not wait for each other', async () => {
    const [one, two] = [await aUser(), await aUser()];
    const pairs = [...Array(8)].flatMap(() => [[one.id, two.id] as const, [two.id, one.id] as const]);
    await Promise.all(pairs.map(([user, manager]) => work((w) => setManager(w, user, manager))));
  });
});

describe('the last enabled Global Administrator', () => {
  /** Exactly these hold the role, and are enabled. */
  async function administrators(count: number) {
    const users = await Promise.all(Array.from({ length: count }, aUser));
    for (const { id } of users) await work((w) => grantRole(w, id, admin));
    for (const holder of await work(listRoleHolders)) {
      if (!users.some(({ id }) => id === holder.userId))
        await work((w) => revokeRole(w, holder.userId, holder.templateId));
    }
    return users;
  }
  const ways: Readonly<Record<string, (w: Work, id: string) => Promise<unknown>>> = {
    'loses the role': (w, id) => revokeRole(w, id, admin),
    'is disabled': (w, id) => changePerson(w, id, { enabled: false }),
    'is deleted': (w, id) => deletePerson(w, id),
  };

  test.each(Object.entries(ways))('never %s', async (_what, way) => {
    const [last] = await administrators(1);
    await expect(work((w) => way(w, last!.id))).rejects.toMatchObject({ code: 'conflict' });
    expect(await work(hasGlobalAdministrator)).toBe(true);
  });

  test('counts without those who are disabled', async () => {
    const [last, disabled] = await administrators(2);
    await work((w) => changePerson(w, disabled!.id, { enabled: false }));
    await expect(work((w) => revokeRole(w, last!.id, admin))).rejects.toMatchObject({ code: 'conflict' });
    await work((w) => deletePerson(w, disabled!.id));
  });

  const pairs = Object.entries(ways).flatMap(([first, one]) =>
    Object.entries(ways).map(([second, other]) => [first, second, one, other] as const),
  );
  test.each(pairs)('stays when of the last two one %s and the other %s at once', async (_a, _b, one, other) => {
    const [first, second] = await administrators(2);
    const answers = await Promise.allSettled([work((w) => one(w, first!.id)), work((w) => other(w, second!.id))]);
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(answers.find((answer) => answer.status === 'rejected')?.reason).toMatchObject({ code: 'conflict' });
    expect(await work(hasGlobalAdministrator)).toBe(true);
  });
});

describe('roles', () => {
  test('are taken away once, and what was not held cannot be', async () => {
    const { id } = await aUser();
    await work((w) => grantRole(w, id, 'Global Reader'));
    await work((w) => revokeRole(w, id, 'global reader'));
    await expect(work((w) => revokeRole(w, id, 'Global Reader'))).rejects.toMatchObject({ code: 'not_found' });
    expect(await eventsOf(house, { userId: id, type: 'role.revoked' })).toHaveLength(1);
  });

  test('are for people who exist', async () => {
    await expect(work((w) => grantRole(w, randomUUID(), admin))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('an application', () => {
  test.each<[string, (w: Work, id: string, groupId: string) => Promise<unknown>]>([
    ['change', (w, id) => changePerson(w, id, { displayName: 'Other' })],
    ['disable', (w, id) => changePerson(w, id, { enabled: false })],
    ['delete', (w, id) => deletePerson(w, id)],
    ['take out of a group', (w, id, groupId) => removeMember(w, groupId, id)],
    ['delete a group of', (w, _id, groupId) => deleteGroup(w, groupId)],
  ])('cannot %s somebody with a role, the operator can', async (_what, act) => {
    const user = await aUser();
    const group = await work((w) => createGroup(w, { displayName: aName('group') }));
    await work((w) => addMember(w, group.id, user.id));
    await work((w) => grantRole(w, user.id, 'Global Reader'));
    await expect(hr((w) => act(w, user.id, group.id))).rejects.toMatchObject({ code: 'forbidden' });
    expect(await work((w) => getUser(w, user.id))).toEqual(user);
    await work((w) => act(w, user.id, group.id));
  });

  test('cannot give somebody with a role a manager, nor take them into a group', async () => {
    const [user, manager] = [await aUser(), await aUser()];
    const group = await work((w) => createGroup(w, { displayName: aName('group') }));
    await work((w) => grantRole(w, user.id, 'Global Reader'));
    await expect(hr((w) => setManager(w, user.id, manager.id))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(hr((w) => addMember(w, group.id, user.id))).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('that deletes a user while somebody gives them a role has come first, or is refused', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { id } = await aUser();
      const [deleted, granted] = await Promise.allSettled([
        hr((w) => deletePerson(w, id)),
        work((w) => grantRole(w, id, 'Global Reader')),
      ]);
      expect([deleted!.status, granted!.status].sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  test('gives and takes no roles, and does not see who has which', async () => {
    const { id } = await aUser();
    await expect(hr((w) => grantRole(w, id, admin))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(hr((w) => revokeRole(w, id, admin))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(hr(listRoleHolders)).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('without the permission is refused before anything is looked up', async () => {
    const reader = asClient('User.Read.All');
    const attempts: ((w: Work) => Promise<unknown>)[] = [
      (w) => changePerson(w, 'nobody@example.com', {}),
      (w) => deletePerson(w, 'nobody@example.com'),
      (w) => setManager(w, 'nobody@example.com', 'nobody@example.com'),
      (w) => removeManager(w, 'nobody@example.com'),
      (w) => createGroup(w, { displayName: '' }),
      (w) => changeGroup(w, 'none', {}),
      (w) => deleteGroup(w, 'none'),
      (w) => addMember(w, 'none', 'none'),
      (w) => removeMember(w, 'none', 'none'),
      (w) => pageOfGroups(w, { top: 1 }),
    ];
    for (const attempt of attempts) await expect(reader(attempt)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('groups', () => {
  test('have a name each, also when ten ask for it at once', async () => {
    const displayName = aName('group');
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => work((w) => createGroup(w, { displayName }))),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason.code).toBe('conflict');
    const other = await work((w) => createGroup(w, { displayName: aName('group') }));
    await expect(work((w) => changeGroup(w, other.id, { displayName }))).rejects.toMatchObject({ code: 'conflict' });
  });

  test('a member is added once, removed once', async () => {
    const user = await aUser();
    const group = await work((w) => ensureGroup(w, aName('group')));
    const answers = await Promise.allSettled(
      Array.from({ length: 5 }, () => work((w) => addMember(w, group.id, user.id))),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason.code).toBe('invalid_input');
    await work((w) => removeMember(w, group.id, user.id));
    await expect(work((w) => removeMember(w, group.id, user.id))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a member added while the group or the user is deleted leaves nothing behind, and no fault', async () => {
    for (let round = 0; round < 6; round += 1) {
      const user = await aUser();
      const group = await work((w) => ensureGroup(w, aName('group')));
      const answers = await Promise.allSettled([
        work((w) => addMember(w, group.id, user.id)),
        work((w) => (round % 2 ? deleteGroup(w, group.id) : deletePerson(w, user.id))),
      ]);
      expect(answers[1]!.status).toBe('fulfilled');
      if (answers[0]!.status === 'rejected') expect(answers[0]!.reason.code).toBe('not_found');
    }
  });
});

const startingWith = (value: string): UserFilter => ({
  kind: 'asked',
  filter: { kind: 'comparison', property: 'displayName', operator: 'startswith', value },
});

describe('a list read page by page', () => {
  test('has everybody once, in order, while others come and go', async () => {
    const letter = aName('paged').replace('@', '-');
    const made: User[] = [];
    for (const n of [1, 2, 3, 4, 5, 6, 7]) made.push(await house.user(`${n}-${letter}@example.com`));
    await work(async (w) => {
      for (const { id } of made) await changePerson(w, id, { displayName: `${letter} person` });
    });
    const filter = startingWith(letter.toUpperCase());
    expect(await work((w) => countUsers(w, filter))).toBe(7);
    const first = await work((w) => pageOfUsers(w, { top: 3, filter }));
    await work((w) => deletePerson(w, made[2]!.id)); // the very one the page ended with
    const second = await work((w) => pageOfUsers(w, { top: 3, filter, skipToken: first.skipToken }));
    const third = await work((w) => pageOfUsers(w, { top: 3, filter, skipToken: second.skipToken }));
    expect([...first.items, ...second.items, ...third.items].map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    expect(third.skipToken).toBeUndefined();
  });

  test('goes on by a token of that list alone', async () => {
    await aUser();
    await aUser();
    const { skipToken } = await work((w) => pageOfUsers(w, { top: 1 }));
    const bent = `${skipToken!.startsWith('A') ? 'B' : 'A'}${skipToken!.slice(1)}`;
    for (const token of [bent, '', '.', 'x', 'x.y', skipToken!.split('.')[0]!]) {
      await expect(work((w) => pageOfUsers(w, { top: 1, skipToken: token }))).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    const filter = startingWith('a');
    await expect(work((w) => pageOfUsers(w, { top: 1, filter, skipToken }))).rejects.toThrow('$skiptoken');
    await expect(work((w) => pageOfGroups(w, { top: 1, skipToken }))).rejects.toThrow('$skiptoken');
  });
});
