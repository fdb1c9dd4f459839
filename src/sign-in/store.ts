import type { Transaction } from '../core/work.ts';
import type { BriefSignIn, MethodId } from '../methods/method.ts';
import { type PolicyDocuments, signInPolicies } from './policy.ts';
import type { Evidence, SignIn } from './sign-in.ts';

interface SignInRow {
  uid: string;
  browser: Buffer;
  client_id: string;
  user_name: string | null;
  chosen_method: MethodId | null;
  notice: SignIn['notice'];
  user_id: string | null;
  evidence: (Omit<Evidence, 'at' | 'signsIn'> & {
    at: string;
    signsIn?: Omit<BriefSignIn, 'endsAt'> & { endsAt: string };
  })[];
  pass_id: string | null;
  window_ends_at: Date | null;
  enrolled: SignIn['enrolled'];
  cancelled_at: Date | null;
  completed_at: Date | null;
  created_at: Date;
  policies: PolicyDocuments;
}

function toSignIn(row: SignInRow): SignIn {
  return {
    uid: row.uid,
    browser: row.browser,
    clientId: row.client_id,
    userName: row.user_name,
    chosenMethod: row.chosen_method,
    notice: row.notice,
    userId: row.user_id,
    evidence: row.evidence.map(
      ({ at, signsIn, ...evidence }): Evidence => ({
        ...evidence,
        at: new Date(at),
        ...(signsIn && { signsIn: { ...signsIn, endsAt: new Date(signsIn.endsAt) } }),
      }),
    ),
    passId: row.pass_id,
    windowEndsAt: row.window_ends_at,
    enrolled: row.enrolled,
    cancelledAt: row.cancelled_at,
    completedAt: row.completed_at,
    createdAt: row.created_at,
    policies: row.policies,
  };
}

export async function byUid(tx: Transaction, uid: string): Promise<SignIn | undefined> {
  const row = await tx<SignInRow>('sign_ins').where('uid', '=', uid).first<SignInRow | undefined>('*', decided(tx));
  return row && toSignIn(row);
}

/** The policies, in the statement that reads the row: a change of them works at once, and costs no trip of its own. */
function decided(tx: Transaction) {
  return tx.raw(
    "(select coalesce(jsonb_object_agg(p.name, p.document), '{}') from policies p where p.name = any(?)) as policies",
    [[...signInPolicies]],
  );
}

/** The row while it may go on, locked until the work ends: two answers to one sign-in take turns. */
export async function lock(tx: Transaction, now: Date, uid: string): Promise<SignIn | undefined> {
  const row = await tx<SignInRow>('sign_ins')
    .where('uid', '=', uid)
    .where('expires_at' as never, '>', now)
    .forUpdate()
    .first<SignInRow | undefined>('*', decided(tx));
  return row && toSignIn(row);
}

/** Makes the row; undefined when another request made it first. */
export async function begin(
  tx: Transaction,
  now: Date,
  expiresAt: Date,
  signIn: Pick<SignIn, 'uid' | 'browser' | 'clientId' | 'userName'>,
): Promise<SignIn | undefined> {
  const [row] = await tx('sign_ins')
    .insert({
      uid: signIn.uid,
      browser: signIn.browser,
      client_id: signIn.clientId,
      user_name: signIn.userName,
      created_at: now,
      expires_at: expiresAt,
    })
    .onConflict('uid')
    .ignore()
    .returning<SignInRow[]>(['*', decided(tx)] as never);
  return row && toSignIn(row);
}

export type SignInChanges = Partial<
  Pick<
    SignIn,
    | 'userName'
    | 'chosenMethod'
    | 'notice'
    | 'userId'
    | 'evidence'
    | 'passId'
    | 'windowEndsAt'
    | 'enrolled'
    | 'cancelledAt'
    | 'completedAt'
  >
>;

const columns = {
  userName: 'user_name',
  chosenMethod: 'chosen_method',
  notice: 'notice',
  userId: 'user_id',
  evidence: 'evidence',
  passId: 'pass_id',
  windowEndsAt: 'window_ends_at',
  enrolled: 'enrolled',
  cancelledAt: 'cancelled_at',
  completedAt: 'completed_at',
} as const satisfies Record<keyof SignInChanges, string>;

const documents = new Set<string>(['notice', 'evidence', 'enrolled'] satisfies (keyof SignInChanges)[]);

export async function change(tx: Transaction, uid: string, changes: SignInChanges): Promise<void> {
  const row = Object.fromEntries(
    Object.entries(changes).map(([key, value]) => [
      columns[key as keyof SignInChanges],
      documents.has(key) && value !== null ? JSON.stringify(value) : value,
    ]),
  );
  await tx('sign_ins').where('uid', '=', uid).update(row);
}

/** True for the one request that completes it. */
export async function complete(tx: Transaction, now: Date, uid: string): Promise<boolean> {
  return (await tx('sign_ins').where('uid', '=', uid).whereNull('completed_at').update({ completed_at: now })) === 1;
}

export async function deleteExpired(tx: Transaction, now: Date): Promise<number> {
  return tx('sign_ins').where('expires_at', '<', now).delete();
}

/** In one order, so that two works that end the same sign-ins do not wait for each other crosswise. */
export async function deleteOf(tx: Transaction, userId: string): Promise<void> {
  await tx.raw(
    'delete from sign_ins where uid in (select uid from sign_ins where user_id = ? order by uid for update)',
    [userId],
  );
}

/** Those that nobody holds, but for the one that is kept. */
export async function deleteUnheldOf(tx: Transaction, userId: string, kept: string | null): Promise<void> {
  await tx.raw(
    `delete from sign_ins where uid in (
       select uid from sign_ins where user_id = ? and uid is distinct from ? for update skip locked)`,
    [userId, kept],
  );
}
