import { domainOf } from '../core/domain-name.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import type { MethodId } from '../methods/method.ts';
import { demandOf } from '../registration/demand.ts';
import {
  type HomeRealm,
  type HomeRealmRow,
  type PolicyDocuments,
  type SignInPolicy,
  toHomeRealm,
} from '../sign-in/policy.ts';
import type { ProtocolAccount } from './account.ts';

/** What the documents mean; the flow of the sign-in is given the same. */
export type PolicyFrom = (decided: PolicyDocuments, realm?: HomeRealm | null) => SignInPolicy;

interface StandingRow {
  groups: string[];
  methods: MethodId[];
  barred: MethodId[];
  snoozes: number;
  snoozed_until: Date | null;
  realm: HomeRealmRow | null;
  now: Date;
}

/** Whether the account must register more before a relying party gets anything. Reads nothing where no policy asks for that. */
export async function mustAddMethods(
  db: NamedStatements,
  policyFrom: PolicyFrom,
  { accountId: userId, userName, decided }: Pick<ProtocolAccount, 'accountId' | 'userName' | 'decided'>,
): Promise<boolean> {
  if (!policyFrom(decided).registration) return false;
  const sql = `
    select s.groups, s.methods, s.barred, s.snoozes, s.snoozed_until, to_jsonb(r) as realm, now()
      from registration_standing s left join home_realms r on r.domain = $2 where s.user_id = $1`;
  const row = (await db.query<StandingRow>('registration-standing', sql, [userId, domainOf(userName)])).rows[0];
  // Of people who sign in elsewhere less is asked.
  const registration = row && policyFrom(decided, row.realm && toHomeRealm(row.realm)).registration;
  if (!registration) return false;
  const { snoozed_until: snoozedUntil, now, realm: _realm, ...standing } = row;
  const demand = demandOf(registration, { ...standing, userId, snoozedUntil }, now);
  // Whoever may still put it off is asked when they next sign in, not in the middle of their work.
  return demand !== undefined && !demand.mayWait;
}
