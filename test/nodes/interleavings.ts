import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Work } from '../../src/core/work.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { sessionRows } from '../../src/oidc/session-rows.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { peopleOf } from './people.ts';
import { aMoment, times } from './visitor.ts';

/** Interleavings that chance finds once in ten to a thousand rounds, made certain with locks that the test holds. */
export function interleavings(theNodes: () => TwoNodes): void {
  const people = peopleOf(theNodes);

  test('a pass replaced while it is entered: both are answered', () =>
    withLocks(async (hold) => {
      const [user] = (await people.named('jammed', 1)) as [string];
      const { visitor, code } = await people.atVerify(user);
      const policies = await hold('lock table policies in access exclusive mode');
      const entered = visitor.post('verify/temporary-access-pass', { code });
      await policies.waitedFor(1); // the attempt was counted and the code is right; it is about to be spent
      const counters = await hold('lock table throttle_counters in share row exclusive mode');
      await policies.release();
      await counters.waitedFor(1); // the pass is spent, the attempt to be given back, and then the user is named
      const replaced = theNodes().pass(user);
      await counters.waitedFor(2); // the issuer has locked the user and wants the pass
      await counters.release();
      const [entry, issue] = await Promise.allSettled([entered, replaced]);
      expect([entry.status === 'fulfilled' && entry.value.status, issue.status]).toEqual([303, 'fulfilled']);
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
  const sql = `select count(*)::int as waiting from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  for (const until = Date.now() + 4_000; Date.now() < until; await aMoment(20)) {
    const { rows } = await work.tx.raw<{ rows: { waiting: number }[] }>(sql);
    if (rows[0]!.waiting >= statements) return;
  }
  throw new Error(`There were never ${statements} statements that waited for a lock.`);
}
