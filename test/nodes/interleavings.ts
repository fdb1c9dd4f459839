import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Work } from '../../src/core/work.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { sessionRows } from '../../src/oidc/session-rows.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { ensureGroup } from '../../src/groups/manage-groups.ts';
import { issuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import { getUser } from '../../src/users/manage-users.ts';
import { asOperator } from '../support/house.ts';
import { peopleOf } from './people.ts';
import { aMoment, newVisitor, times } from './visitor.ts';

/** Interleavings that chance finds once in ten to a thousand rounds, made certain with locks that the test holds. */
export function interleavings(theNodes: () => TwoNodes): void {
  const people = peopleOf(theNodes);

  test('a pass replaced while it is entered: both are answered', () =>
    withLocks(async (hold) => {
      const [user] = (await people.named('jammed', 1)) as [string];
      const { visitor, code } = await people.atVerify(user);
      const passes = await hold('lock table temporary_access_passes in share row exclusive mode');
      const entered = visitor.post('verify/temporary-access-pass', { code });
      await passes.waitedFor(1); // the attempt was counted and the code is right; it is about to be spent
      const counters = await hold('lock table throttle_counters in share row exclusive mode');
      await passes.release();
      await counters.waitedFor(1); // the pass is spent, the attempt to be given back, and then the user is named
      const replaced = theNodes().pass(user);
      await counters.waitedFor(2); // the issuer has locked the user and wants the pass
      await counters.release();
      const [entry, issue] = await Promise.allSettled([entered, replaced]);
      expect([entry.status === 'fulfilled' && entry.value.status, issue.status]).toEqual([303, 'fulfilled']);
    }));

  test('a user deleted while the pass is entered: both are answered, and the sign-in goes nowhere', () =>
    withLocks(async (hold) => {
      const [user] = (await people.named('leaving', 1)) as [string];
      const { visitor, code } = await people.atVerify(user);
      const passes = await hold('lock table temporary_access_passes in share row exclusive mode');
      const entered = visitor.post('verify/temporary-access-pass', { code });
      await passes.waitedFor(1); // the attempt was counted and the code is right; it is about to be spent
      const counters = await hold('lock table throttle_counters in share row exclusive mode');
      await passes.release();
      await counters.waitedFor(1); // the pass is spent; the user is named after this
      const removed = people.remove(user);
      await counters.waitedFor(2); // the user is on the way out, and the pass with them
      await counters.release();
      const [entry, removal] = await Promise.allSettled([entered, removed]);
      expect([entry.status === 'fulfilled' && entry.value.status, removal.status]).toEqual([303, 'fulfilled']);
      expect(await people.goesNowhere(visitor)).not.toBe('refused');
    }));

  test('a sign-in whose user went away when all was proved ends without a word to the app', async () => {
    const [user] = (await people.named('vanished', 1)) as [string];
    const { enrol, authenticator } = await people.atEnrol(user);
    await enrol();
    const visitor = await newVisitor(theNodes());
    await visitor.post('verify/passkey', await people.signed(visitor, authenticator));
    // As if somebody held the sign-in while its user was deleted.
    await theNodes().work(({ tx }) => tx('users').where('user_principal_name', '=', user).delete());
    await visitor.look();
    await visitor.browser.visit(`${theNodes().issuer}/auth/${visitor.uid}`);
    expect(visitor.browser.page.url).not.toContain('code=');
    expect(theNodes().faults()).toEqual([]);
  });

  test('a role given while a pass is issued ends the pass, though the giving began first', () =>
    withLocks(async (hold) => {
      const [user, issuer] = (await people.named('raised', 2)) as [string, string];
      const { id, issuerId, groupId } = await theNodes().work(async (work) => {
        const [{ id }, { id: issuerId }] = [await getUser(work, user), await getUser(work, issuer)];
        await grantRole(work, issuerId, 'Privileged Authentication Administrator');
        return { id, issuerId, groupId: (await ensureGroup(work, 'Raised')).id };
      });
      const group = await hold(`select from groups where id = '${groupId}' for update`);
      const granted = theNodes().work((work) => grantRole(work, id, 'Pass Issuer', { groupId }));
      await group.waitedFor(1); // its work has begun, and the user is not locked yet
      const who = { ...asOperator, actor: { kind: 'user', userId: issuerId, strongAt: new Date() } as const };
      // Who may issue for holders of that role; with an approval, which nobody has asked for.
      const { code } = await issuePass(theNodes().run, who, { user });
      await group.release();
      await granted;
      const visitor = await newVisitor(theNodes());
      await visitor.identify(user);
      await visitor.enter(code);
      expect(await visitor.look()).toBe('refused');
    }));

  test('an issuer who loses the role while a pass is entered: it is entered before the answer, or not at all', () =>
    withLocks(async (hold) => {
      const [user, issuer] = (await people.named('demoted', 2)) as [string, string];
      const issuerId = await theNodes().work(async (work) => {
        const { id } = await getUser(work, issuer);
        await grantRole(work, id, 'Authentication Administrator');
        return id;
      });
      const who = { ...asOperator, actor: { kind: 'user', userId: issuerId, strongAt: new Date() } as const };
      const { code } = await issuePass(theNodes().run, who, { user });
      const visitor = await newVisitor(theNodes());
      await visitor.identify(user);
      const passes = await hold('lock table temporary_access_passes in share row exclusive mode');
      const entered = visitor.post('verify/temporary-access-pass', { code });
      await passes.waitedFor(1);
      const counters = await hold('lock table throttle_counters in share row exclusive mode');
      await passes.release();
      await counters.waitedFor(1); // the pass is spent, and nobody knows yet
      const order: string[] = [];
      const revoked = theNodes()
        .work((work) => revokeRole(work, issuerId, 'Authentication Administrator'))
        .then(() => order.push('revoked'));
      // Either it is answered at once, or, as it should be, it waits for the entry.
      await Promise.race([revoked, counters.waitedFor(2)]);
      order.push('let go');
      await counters.release();
      await Promise.all([entered, revoked]);
      expect([...order, await visitor.look()]).toEqual(['let go', 'revoked', 'enrol']);
    }));

  test('two tabs that use the new passkey at once are both answered', () =>
    withLocks(async (hold) => {
      const [user] = (await people.named('twice', 1)) as [string];
      const { visitor, code, enrol, authenticator } = await people.atEnrol(user);
      await enrol();
      const tabs = [visitor, await people.otherTab(visitor, user, code)] as const;
      const answers = [await people.signed(tabs[0], authenticator), await people.signed(tabs[1], authenticator)];
      const passkey = await hold(`select from passkeys where user_id = (${idOf(user)}) for update`);
      const posts = tabs.map((tab, at) => tab.post('verify/passkey', answers[at]!));
      await passkey.waitedFor(2);
      await passkey.release();
      expect((await Promise.all(posts)).map(({ status }) => status)).toEqual([303, 303]);
    }));

  test('a passkey being registered does not appear after the answer that its user is disabled', () =>
    withLocks(async (hold) => {
      const [user] = (await people.named('late', 1)) as [string];
      const { enrol } = await people.atEnrol(user);
      const passkeys = await hold('lock table passkeys in share row exclusive mode');
      const enrolled = enrol();
      await passkeys.waitedFor(1);
      const disabled = people.setEnabled(user, false).then(() => people.passkeysOf(user));
      // Either it is answered at once, or, as it should be, it waits for the registration.
      await Promise.race([disabled, passkeys.waitedFor(2)]);
      await passkeys.release();
      await enrolled;
      expect(await people.passkeysOf(user)).toBe(await disabled);
    }));

  test('what several apps note in one session at the same moment is all kept', async () => {
    const db = connectNamedStatements({ connectionString: theNodes().env.DATABASE_URL! }, { max: 6 });
    try {
      const sessions = sessionRows(db);
      const [id, uid] = [randomUUID(), randomUUID()];
      const save = () => sessions.upsert(id, { uid, loginTs: 1, authorizations: {} }, 600);
      await save();
      const failures: string[] = [];
      const app = async (): Promise<void> => {
        for (let saves = 0; saves < 500 && failures.length === 0; saves += 1) {
          await save().catch((error: Error) => failures.push(error.message));
        }
      };
      await Promise.all(times(6, app));
      expect(failures).toEqual([]);
    } finally {
      await db.close();
    }
  });

  const idOf = (user: string): string => `select id from users where user_principal_name = '${user}'`;

  /** Whatever happens in the body, its locks do not stay. */
  async function withLocks(body: (hold: (sql: string) => Promise<Lock>) => Promise<void>): Promise<void> {
    const locks: Lock[] = [];
    try {
      await body(async (sql) => {
        const lock = await take(theNodes(), sql);
        locks.push(lock);
        return lock;
      });
    } finally {
      await Promise.all(locks.map((lock) => lock.release()));
    }
  }
}

interface Lock {
  /** Until so many statements wait for a lock: this one, or one another. */
  waitedFor(statements: number): Promise<void>;
  release(): Promise<void>;
}

async function take(nodes: TwoNodes, sql: string): Promise<Lock> {
  let letGo = () => {};
  const over = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let held: Promise<void> = over;
  const work = await new Promise<Work>((resolve, reject) => {
    held = nodes.work(async (work) => {
      await work.tx.raw(sql);
      resolve(work);
      await over;
    });
    held.catch(reject);
  });
  return {
    waitedFor: (statements) => untilWaiting(work, statements),
    async release() {
      letGo();
      await held;
    },
  };
}

async function untilWaiting(work: Work, statements: number): Promise<void> {
  // By the locks, not by what sessions say of themselves: one that was just given its lock may not have noticed.
  const sql = `select count(distinct pid)::int as waiting from pg_locks join pg_stat_activity using (pid)
    where not granted and datname = current_database()`;
  for (const until = Date.now() + 4_000; Date.now() < until; await aMoment(20)) {
    const { rows } = await work.tx.raw<{ rows: { waiting: number }[] }>(sql);
    if (rows[0]!.waiting >= statements) return;
  }
  throw new Error(`There were never ${statements} statements that waited for a lock.`);
}
