import type { Asked } from '../assurance/scale.ts';
import { asciiDomain, domainOf } from '../core/domain-name.ts';
import type { Transaction } from '../core/work.ts';
import type { BriefSignIn, MethodId, Reached } from '../methods/method.ts';
import { type HomeRealm, type HomeRealmRow, type PolicyDocuments, signInPolicies, toHomeRealm } from './policy.ts';
import type { Evidence, SignIn } from './sign-in.ts';

interface SignInRow {
  uid: string;
  browser: Buffer;
  client_id: string;
  asked: Asked | null;
  max_age: string | null;
  domain: string | null;
  user_name: string | null;
  chosen_method: MethodId | null;
  notice: SignIn['notice'];
  user_id: string | null;
  evidence: (Omit<Evidence, 'at' | 'signsIn' | 'reached'> & {
    at: string;
    signsIn?: Omit<BriefSignIn, 'endsAt'> & { endsAt: string };
    reached?: Omit<Reached, 'since'> & { since?: string };
  })[];
  pass_id: string | null;
  window_ends_at: Date | null;
  enrolled: SignIn['enrolled'];
  carry_link: Buffer | null;
  carry_sealed: Buffer | null;
  carry_browser: Buffer | null;
  carried_in_another_tab: boolean;
  cancelled_at: Date | null;
  completed_at: Date | null;
  created_at: Date;
  policies: PolicyDocuments;
  refused_methods: MethodId[];
  barred_methods: MethodId[];
  realm: HomeRealmRow | null;
  some_enforce: boolean;
}

function toSignIn(row: SignInRow): SignIn {
  return {
    uid: row.uid,
    browser: row.browser,
    clientId: row.client_id,
    asked: row.asked,
    maxAge: row.max_age === null ? null : Number(row.max_age),
    userName: row.user_name,
    domain: row.domain,
    chosenMethod: row.chosen_method,
    notice: row.notice,
    userId: row.user_id,
    evidence: row.evidence.map(
      ({ at, signsIn, reached, ...evidence }): Evidence => ({
        ...evidence,
        at: new Date(at),
        ...(signsIn && { signsIn: { ...signsIn, endsAt: new Date(signsIn.endsAt) } }),
        ...(reached && { reached: reachedIn(reached) }),
      }),
    ),
    passId: row.pass_id,
    windowEndsAt: row.window_ends_at,
    enrolled: row.enrolled,
    carried: row.carry_link && { sealedLink: row.carry_sealed, browser: row.carry_browser },
    carriedInAnotherTab: row.carried_in_another_tab,
    cancelledAt: row.cancelled_at,
    completedAt: row.completed_at,
    createdAt: row.created_at,
    policies: row.policies,
    refusedMethods: row.refused_methods,
    barredMethods: row.barred_methods,
    realm: row.realm && toHomeRealm(row.realm),
    someEnforce: row.some_enforce,
  };
}

function reachedIn({ since, ...reached }: Omit<Reached, 'since'> & { since?: string }): Reached {
  return { ...reached, ...(since !== undefined && { since: new Date(since) }) };
}

export async function byUid(tx: Transaction, uid: string): Promise<SignIn | undefined> {
  const row = await tx<SignInRow>('sign_ins').where('uid', '=', uid).first<SignInRow | undefined>('*', decided(tx));
  return row && toSignIn(row);
}

/**
 * In the statement that reads the row, so that it costs no trip of its own: the policies, a change of which works at once, what they
 * mean for the user, where the people of the domain sign in, and whether another tab has carried on the registration of the same window.
 */
function decided(tx: Transaction) {
  return tx.raw(
    `(select coalesce(jsonb_object_agg(p.name, p.document), '{}') from policies p where p.name = any(?)) as policies,
     case when sign_ins.user_id is null then '{}' else refused_methods(sign_ins.user_id) end as refused_methods,
     case when sign_ins.user_id is null then '{}' else barred_methods(sign_ins.user_id) end as barred_methods,
     (select to_jsonb(r) from home_realms r where r.domain = sign_ins.domain) as realm,
     exists (select 1 from home_realms r where r.mfa_behavior = 'enforceMfaByFederatedIdp') as some_enforce,
     exists (select 1 from sign_ins other
              where other.pass_id = sign_ins.pass_id and other.window_ends_at = sign_ins.window_ends_at
                and other.uid <> sign_ins.uid and other.carry_browser is not null and other.cancelled_at is null)
       as carried_in_another_tab`,
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

/** Makes the row; undefined when another request made it first. A hint counts where its domain leads elsewhere. */
export async function begin(
  tx: Transaction,
  now: Date,
  expiresAt: Date,
  signIn: Pick<SignIn, 'uid' | 'browser' | 'clientId' | 'asked' | 'maxAge' | 'userName'> & {
    readonly hint: { readonly userName: string; readonly domain: string };
  },
): Promise<SignIn | undefined> {
  const { userName, hint } = signIn;
  const hinted = { name: hint.userName, ofName: domainOf(hint.userName), domain: asciiDomain(hint.domain) };
  const leadingElsewhere = (sql: string) => tx.raw(sql, hinted as never);
  const [row] = await tx('sign_ins')
    .insert({
      uid: signIn.uid,
      browser: signIn.browser,
      client_id: signIn.clientId,
      asked: signIn.asked && JSON.stringify(signIn.asked),
      max_age: signIn.maxAge,
      user_name: userName ?? leadingElsewhere('(select :name::text from home_realms where domain = :ofName)'),
      domain: userName
        ? domainOf(userName)
        : leadingElsewhere(
            `(select domain from home_realms where domain in (:ofName, :domain) order by domain = :ofName desc limit 1)`,
          ),
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
  const { userName } = changes;
  const named = userName !== undefined && { domain: userName === null ? null : domainOf(userName) };
  await tx('sign_ins')
    .where('uid', '=', uid)
    .update({ ...row, ...named });
}

/** Where the people of the domain of a name sign in; null: here. */
export async function realmOf(tx: Transaction, userName: string): Promise<HomeRealm | null> {
  const domain = domainOf(userName) ?? '';
  const row = await tx('home_realms').where('domain', '=', domain).first<HomeRealmRow | undefined>();
  return row ? toHomeRealm(row) : null;
}

/** Makes this the one link of the sign-in: an earlier one leads nowhere now. */
export async function offerLink(tx: Transaction, uid: string, link: { digest: Buffer; sealed: Buffer }): Promise<void> {
  await tx('sign_ins')
    .where('uid', '=', uid)
    .update({ carry_link: link.digest, carry_sealed: link.sealed, carry_browser: null });
}

export async function uidOfLink(tx: Transaction, linkDigest: Buffer): Promise<string | undefined> {
  return (await tx('sign_ins').where('carry_link', '=', linkDigest).first<{ uid: string } | undefined>('uid'))?.uid;
}

/** Follows the link, once: of any number of browsers, true for one. What opened the window is judged by who asks. */
export async function followLink(
  tx: Transaction,
  now: Date,
  asked: { uid: string; linkDigest: Buffer; browser: Buffer },
): Promise<boolean> {
  const count = await tx('sign_ins')
    .where('uid', '=', asked.uid)
    .where('carry_link', '=', asked.linkDigest)
    .whereNull('carry_browser')
    .whereNull('enrolled')
    .whereNull('cancelled_at')
    .whereNull('completed_at')
    .where('window_ends_at', '>', now)
    .where('expires_at', '>', now)
    .update({ carry_browser: asked.browser, carry_sealed: null, notice: null });
  return count === 1;
}

/**
 * Locks the sign-in with those of other tabs of the same window, in the order that ending sign-ins takes. Returns the ids of
 * what was registered on the other device.
 */
export async function lockWindow(tx: Transaction, uid: string): Promise<string[]> {
  const { rows } = await tx.raw<{ rows: Pick<SignInRow, 'enrolled' | 'carry_browser'>[] }>(
    `select s.enrolled, s.carry_browser from sign_ins s, sign_ins own
      where own.uid = :uid
        and (s.uid = own.uid or (s.pass_id = own.pass_id and s.window_ends_at = own.window_ends_at))
      order by s.uid for update of s`,
    { uid } as never,
  );
  return rows.flatMap(({ enrolled, carry_browser }) => (enrolled && carry_browser ? [enrolled.credentialId] : []));
}

/** In every tab of the window: the other device's right ends, and the link, and what it had registered is not to be used. */
export async function endCarrying(tx: Transaction, uid: string, registeredThere: readonly string[]): Promise<void> {
  await tx.raw(
    `update sign_ins s
        set carry_link = null, carry_sealed = null, carry_browser = null, notice = null,
            enrolled = case when s.enrolled->>'credentialId' = any (:registeredThere::text[]) then null else s.enrolled end
       from sign_ins own
      where own.uid = :uid
        and (s.uid = own.uid or (s.pass_id = own.pass_id and s.window_ends_at = own.window_ends_at))`,
    { uid, registeredThere } as never,
  );
}

/** The sign-in begins anew: its link and the other device's right were of what it leaves. */
export async function leaveCarried(tx: Transaction, uid: string): Promise<void> {
  await tx('sign_ins').where('uid', '=', uid).update({ carry_link: null, carry_sealed: null, carry_browser: null });
}

/** The name of its user, for the one request that completes it; undefined for any other, and when the user is gone. */
export async function complete(tx: Transaction, now: Date, uid: string): Promise<string | undefined> {
  // What was typed may be written otherwise, or be nothing where a passkey named its user.
  const { rows } = await tx.raw<{ rows: { name: string }[] }>(
    `update sign_ins s set completed_at = :now from users u
      where s.uid = :uid and s.completed_at is null and u.id = s.user_id
      returning u.user_principal_name as name`,
    { uid, now } as never,
  );
  return rows[0]?.name;
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
