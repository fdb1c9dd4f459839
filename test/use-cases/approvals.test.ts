import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import { setOwners } from '../../src/clients/manage-clients.ts';
import type { Work } from '../../src/core/work.ts';
import { AppError } from '../../src/core/errors.ts';
import { decideApproval, pageOfApprovals } from '../../src/methods/temporary-access-pass/approvals/manage-approvals.ts';
import { approvalState } from '../../src/methods/temporary-access-pass/approvals/approval.ts';
import {
  currentPass,
  extendPass,
  type IssuePass,
  issuePass,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import { changeUser, getUser, setManager as nameManager } from '../../src/users/manage-users.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aHouse, aName, aVisitor, eventsOf, lastRefusal, passPolicy } from '../support/makers.ts';

let house: TestBase;

beforeAll(async () => {
  house = await openTestBase();
});
afterAll(() => house?.close());

const privileged = 'Privileged Authentication Administrator';

async function aUser(...roles: string[]): Promise<string> {
  const { id } = await house.user(aName());
  for (const role of roles) await house.work((w) => grantRole(w, id, role));
  return id;
}

const as = (userId: string): Actor => ({ kind: 'user', userId, strongAt: new Date() });
const who = (actor: Actor) => ({ ...asOperator, actor });
const ask = (issuer: string, user: string, asked: Partial<IssuePass> = {}) =>
  issuePass(house.base.run, who(as(issuer)), { ...asked, user });
const decide = (approver: string, id: string, decision: 'approved' | 'rejected' = 'approved') =>
  house.base.run(who(as(approver)), (w) => decideApproval(w, id, decision));

/** The request that an issue of a pass leaves behind. */
async function waiting(issuing: Promise<unknown>): Promise<string> {
  const refusal = await issuing.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(AppError);
  expect(refusal).toMatchObject({ code: 'approval_required', approvalId: expect.any(String) });
  return (refusal as AppError).approvalId!;
}

const stateOf = async (id: string) =>
  house.work(async (w) => {
    const { items } = await pageOfApprovals(w, { top: 999 });
    return approvalState(items.find((approval) => approval.id === id)!, w.now);
  });

describe('a pass for somebody with a role', () => {
  test('waits for a second administrator, and is then issued once', async () => {
    const [issuer, approver] = [await aUser(privileged), await aUser('Global Administrator')];
    const holder = await aUser('Global Reader');
    const asked = { lifetimeMinutes: 90, reason: 'Lost phone' };
    const id = await waiting(ask(issuer, holder, asked));
    expect(await house.work((w) => currentPass(w, holder))).toMatchObject({ pass: undefined });
    // Asking again asks nobody again.
    expect(await waiting(ask(issuer, holder, asked))).toBe(id);
    expect(await stateOf(id)).toBe('waiting');

    await decide(approver, id);
    expect((await ask(issuer, holder, asked)).pass.userId).toBe(holder);
    expect(await stateOf(id)).toBe('used');
    expect(await waiting(ask(issuer, holder, asked))).not.toBe(id);
    const events = await eventsOf(house, { userId: holder });
    expect(events.map(({ type, actor_id }) => [type, actor_id])).toEqual([
      ['user.created', null],
      ['role.granted', null],
      ['pass.approval-asked', issuer],
      ['pass.approval-approved', approver],
      ['pass.issued', issuer],
      ['pass.approval-asked', issuer],
    ]);
    expect(events[4]!.details).toMatchObject({ approvalId: id });
  });

  test('is approved as it was asked for: another is another', async () => {
    const [issuer, approver, holder] = [await aUser(privileged), await aUser(privileged), await aUser('Global Reader')];
    const id = await waiting(ask(issuer, holder, { lifetimeMinutes: 60 }));
    await decide(approver, id);
    expect(await waiting(ask(issuer, holder, { lifetimeMinutes: 480 }))).not.toBe(id);
    // And it is the issuer's who asked, not another's.
    expect(await waiting(ask(await aUser(privileged), holder, { lifetimeMinutes: 60 }))).not.toBe(id);
    expect((await ask(issuer, holder, { lifetimeMinutes: 60 })).pass.expiresAt).toBeInstanceOf(Date);
  });

  test('is approved by neither the issuer nor the user, nor by who may not issue for them', async () => {
    const [issuer, holder] = [await aUser('Global Administrator'), await aUser('Global Administrator')];
    const id = await waiting(ask(issuer, holder));
    for (const [approver, sentence] of [
      [issuer, 'another administrator than the one who asked'],
      [holder, 'for themselves'],
      [await aUser(privileged), 'ranks as high as yours or higher'],
      [await aUser('Global Reader'), 'one of these roles'],
      [await aUser(), 'one of these roles'],
    ] as const) {
      await expect(decide(approver, id)).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining(sentence),
      });
    }
    const stale: Actor = { kind: 'user', userId: await aUser('Global Administrator'), strongAt: new Date(0) };
    await expect(house.base.run(who(stale), (w) => decideApproval(w, id, 'approved'))).rejects.toMatchObject({
      code: 'insufficient_authentication',
    });
    const app: Actor = { kind: 'client', clientId: 'app', permissions: ['UserAuthenticationMethod.ReadWrite.All'] };
    await expect(house.base.run(who(app), (w) => decideApproval(w, id, 'approved'))).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await stateOf(id)).toBe('waiting');
    await decide(await aUser('Global Administrator'), id);
  });

  test('lapses after a day, asked for or approved', async () => {
    const [issuer, approver, holder] = [await aUser(privileged), await aUser(privileged), await aUser('Global Reader')];
    const [waits, approved] = [await waiting(ask(issuer, holder)), await waiting(ask(issuer, holder, { reason: 'x' }))];
    await decide(approver, approved);
    house.clock.advance(24 * 60);
    const later = new Date(Date.now() + 24 * 60 * 60_000);
    const at = (userId: string) => who({ kind: 'user', userId, strongAt: later });
    try {
      await expect(house.base.run(at(approver), (w) => decideApproval(w, waits, 'approved'))).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('lapsed'),
      });
      const anew = await waiting(issuePass(house.base.run, at(issuer), { user: holder, reason: 'x' }));
      expect(anew).not.toBe(approved);
      expect(await stateOf(approved)).toBe('lapsed');
    } finally {
      house.clock.advance(-24 * 60);
    }
  });

  test('is not issued when it was rejected', async () => {
    const [issuer, approver, holder] = [await aUser(privileged), await aUser(privileged), await aUser('Global Reader')];
    const id = await waiting(ask(issuer, holder));
    await decide(approver, id, 'rejected');
    await expect(decide(approver, id)).rejects.toMatchObject({
      code: 'conflict',
      message: 'This was rejected already.',
    });
    expect(await waiting(ask(issuer, holder))).not.toBe(id);
  });

  test('comes once of one approval, however often it is asked for at once', async () => {
    const [issuer, approver, holder] = [await aUser(privileged), await aUser(privileged), await aUser('Global Reader')];
    await decide(approver, await waiting(ask(issuer, holder)));
    const issued = await Promise.allSettled(Array.from({ length: 6 }, () => ask(issuer, holder)));
    expect(issued.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('asked for many times at once asks once; two who decide at once are one decision', async () => {
    const [issuer, one, other] = [await aUser(privileged), await aUser(privileged), await aUser(privileged)];
    const holder = await aUser('Global Reader');
    const ids = await Promise.all(Array.from({ length: 6 }, () => waiting(ask(issuer, holder))));
    expect(new Set(ids).size).toBe(1);
    const decisions = await Promise.allSettled([decide(one, ids[0]!), decide(other, ids[0]!, 'rejected')]);
    expect(decisions.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is not made to last longer by one alone', async () => {
    const [issuer, approver, holder] = [await aUser(privileged), await aUser(privileged), await aUser('Global Reader')];
    await decide(approver, await waiting(ask(issuer, holder)));
    await ask(issuer, holder);
    const longer = house.base.run(who(as(issuer)), (w) => extendPass(w, { user: holder, lifetimeMinutes: 480 }));
    await expect(longer).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('is the command line’s to give without anybody', async () => {
    expect(await house.pass(await aUser('Global Administrator'))).toMatch(/^\w{16}$/);
  });

  test('promises nothing to who may not issue at all', async () => {
    const holder = await aUser(privileged);
    await expect(ask(await aUser('Authentication Administrator'), holder)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await eventsOf(house, { userId: holder, type: 'pass.approval-asked' })).toEqual([]);
  });
});

describe('administrators are told', () => {
  const subjectsTo = async (mail: string) => (await queuedMails(house, mail)).map(({ subject }) => subject);
  async function withMail(...roles: string[]) {
    const id = await aUser(...roles);
    const mail = aName('mail');
    await house.work(async (w) => changeUser(w, { id }, { mail }));
    return { id, mail };
  }

  test('who may approve, of the request; who asked, of the answer; nobody else', async () => {
    const [issuer, approver, peer] = [
      await withMail(privileged),
      await withMail(privileged),
      await withMail('Authentication Administrator'),
    ];
    const holder = await aUser('Global Reader');
    const id = await waiting(ask(issuer.id, holder));
    const [told] = await queuedMails(house, approver.mail);
    const { userPrincipalName } = await house.work((w) => getUser(w, holder));
    expect(told).toMatchObject({ subject: 'A temporary pass waits for your approval', link: null });
    expect(told!.text).toContain(`Account: ${userPrincipalName}`);
    expect([await subjectsTo(issuer.mail), await subjectsTo(peer.mail)]).toEqual([[], []]);
    await decide(approver.id, id);
    expect(await subjectsTo(issuer.mail)).toEqual(['The temporary pass you asked for was approved']);
    await decide(approver.id, await waiting(ask(issuer.id, holder, { reason: 'again' })), 'rejected');
    expect((await subjectsTo(issuer.mail)).at(-1)).toBe('The temporary pass you asked for was rejected');
  });

  test('everybody with a role, when the command line gives one of them a pass', async () => {
    const [reader, holder, member] = [
      await withMail('Global Reader'),
      await withMail('Global Reader'),
      await withMail(),
    ];
    await house.pass(holder.id);
    await house.pass(member.id);
    const given = 'An administrator was given a temporary pass on the server';
    expect((await subjectsTo(reader.mail)).filter((subject) => subject === given)).toHaveLength(1);
    expect(await subjectsTo(holder.mail)).toEqual(['You were given a temporary pass']);
    expect(await subjectsTo(member.mail)).toEqual(['You were given a temporary pass']);
  });
});

describe('policy says whose passes wait', () => {
  test('nobody’s, or those of a group’s people', async () => {
    const issuer = await aUser(privileged);
    const [holder, member, board] = [await aUser('Global Reader'), await aUser(), await house.user(aName())];
    await house.seed({ users: [{ userPrincipalName: board.userPrincipalName, groups: ['Board'] }] });
    try {
      await passPolicy(house, { requireApprovalFor: [{ targetType: 'group', id: 'Board' }] });
      expect((await ask(issuer, holder)).pass.userId).toBe(holder);
      expect((await ask(issuer, member)).pass.userId).toBe(member);
      const id = await waiting(ask(issuer, board.id));
      await decide(await aUser(privileged), id);
      expect((await ask(issuer, board.id)).pass.userId).toBe(board.id);
      await passPolicy(house, { requireApprovalFor: [{ targetType: 'role', id: 'Global Reader' }] });
      await waiting(ask(issuer, holder));
      expect((await ask(issuer, await aUser('User Administrator'))).pass).toBeDefined();
      await expect(
        passPolicy(house, { requireApprovalFor: [{ targetType: 'role', id: 'Emperor' }] }),
      ).rejects.toMatchObject({ message: expect.stringContaining('There is no role "Emperor"') });
    } finally {
      await passPolicy(house, {});
    }
  });

  test('an application waits as well, and its owner does not approve', async () => {
    await house.seed({
      clients: [
        {
          client_id: 'hr',
          client_secret: 's',
          grant_types: ['client_credentials'],
          app_roles: ['UserAuthMethod-TAP.ReadWrite.All'],
        },
      ],
    });
    const owner = await aUser(privileged);
    await house.work((w) => setOwners(w, 'hr', [owner]));
    const app: Actor = { kind: 'client', clientId: 'hr', permissions: ['UserAuthMethod-TAP.ReadWrite.All'] };
    const board = await house.user(aName());
    await house.seed({ users: [{ userPrincipalName: board.userPrincipalName, groups: ['Board'] }] });
    try {
      await passPolicy(house, { requireApprovalFor: [{ targetType: 'group', id: 'Board' }] });
      const id = await waiting(issuePass(house.base.run, who(app), { user: board.id }));
      await expect(decide(owner, id)).rejects.toMatchObject({ code: 'forbidden' });
      await decide(await aUser(privileged), id);
      expect((await issuePass(house.base.run, who(app), { user: board.id })).pass.userId).toBe(board.id);
    } finally {
      await passPolicy(house, {});
    }
  });
});

describe('a manager', () => {
  /** As managers are who have been it for a while. */
  async function setManager(w: Work, report: string, manager: string): Promise<void> {
    await nameManager(w, report, manager);
    await w.tx('users').where('id', '=', report).update({ manager_changed_at: null });
  }

  test('is nobody by their own word', async () => {
    const [admin, report] = [await aUser('User Administrator'), await aUser()];
    const naming = (managerId: string) =>
      house.base.run(who(as(admin)), (w) => changeUser(w, { id: report }, { managerId }));
    await expect(naming(admin)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await naming(await aUser())).managerId).not.toBe(admin);
  });

  test('of less than a day gives nothing: whoever names managers could name themselves', async () => {
    const [manager, report] = [await aUser(), await aUser()];
    await house.work((w) => nameManager(w, report, manager));
    await passPolicy(house, { managersMayIssue: true });
    try {
      await expect(ask(manager, report)).rejects.toMatchObject({ message: expect.stringContaining('less than a day') });
    } finally {
      await passPolicy(house, {});
    }
  });

  test('may all that their role lets them, also where being the manager would not', async () => {
    const [helper, report] = [await aUser('Authentication Administrator'), await aUser()];
    await house.work((w) => nameManager(w, report, helper));
    const [reader, colleague] = [await aUser('Global Reader'), await aUser('User Administrator')];
    await house.work((w) => setManager(w, colleague, reader));
    await passPolicy(house, { managersMayIssue: true });
    try {
      expect((await ask(helper, report)).pass.userId).toBe(report);
      const anHourAgo: Actor = { kind: 'user', userId: reader, strongAt: new Date(Date.now() - 3_600_000) };
      expect((await house.base.run(who(anHourAgo), (w) => currentPass(w, colleague))).pass).toBeUndefined();
    } finally {
      await passPolicy(house, {});
    }
  });

  test('issues for reports where policy says so, and for nobody else', async () => {
    const [manager, report, stranger] = [await aUser(), await house.user(aName()), await aUser()];
    await house.work((w) => setManager(w, report.id, manager));
    await expect(ask(manager, report.id)).rejects.toMatchObject({ code: 'forbidden' });
    try {
      await passPolicy(house, { managersMayIssue: true });
      const { code } = await ask(manager, report.id);
      await expect(ask(manager, stranger)).rejects.toMatchObject({ code: 'forbidden' });
      await expect(ask(manager, manager)).rejects.toMatchObject({ code: 'forbidden' });
      await expect(ask(report.id, manager)).rejects.toMatchObject({ code: 'forbidden' });
      const weak: Actor = { kind: 'user', userId: manager, strongAt: null };
      await expect(issuePass(house.base.run, who(weak), { user: report.id })).rejects.toMatchObject({
        code: 'insufficient_authentication',
      });
      expect(await (await aVisitor(aHouse(house))).enter(report.userPrincipalName, code)).toBe('enrol');
    } finally {
      await passPolicy(house, {});
    }
  });

  test('no longer, when policy, the manager or a role changed before the pass was used', async () => {
    const changes: [reason: string, (report: string) => Promise<unknown>][] = [
      ['issuer_not_allowed', () => passPolicy(house, {})],
      [
        'issuer_not_allowed',
        async (report) => {
          const other = await aUser();
          await house.work((w) => setManager(w, report, other));
        },
      ],
      ['no_pass', (report) => house.work((w) => grantRole(w, report, 'Global Reader'))],
    ];
    for (const [reason, change] of changes) {
      await passPolicy(house, { managersMayIssue: true });
      const [manager, report] = [await aUser(), await house.user(aName())];
      await house.work((w) => setManager(w, report.id, manager));
      const { code } = await ask(manager, report.id);
      await change(report.id);
      expect(await (await aVisitor(aHouse(house))).enter(report.userPrincipalName, code)).toBe('verify');
      expect(await lastRefusal(house)).toBe(reason);
    }
    await passPolicy(house, {});
  });

  test('does not issue for a report with a role, and takes back what they gave', async () => {
    await passPolicy(house, { managersMayIssue: true });
    try {
      const [manager, report] = [await aUser(), await aUser()];
      await house.work((w) => setManager(w, report, manager));
      await ask(manager, report);
      await house.base.run(who(as(manager)), (w) => revokePass(w, { user: report }));
      await house.work((w) => grantRole(w, report, 'Global Reader'));
      await expect(ask(manager, report)).rejects.toMatchObject({ code: 'forbidden' });
      await house.work((w) => revokeRole(w, report, 'Global Reader'));
      await expect(ask(manager, randomUUID())).rejects.toMatchObject({ code: 'forbidden' });
    } finally {
      await passPolicy(house, {});
    }
  });
});
