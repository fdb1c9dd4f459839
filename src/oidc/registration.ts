import type { NamedStatements } from '../database/named-statements.ts';
import type { MethodId } from '../methods/method.ts';
import { demandOf } from '../registration/demand.ts';
import type { PolicyDocuments, SignInPolicy } from '../sign-in/policy.ts';
import type { ProtocolAccount } from './account.ts';

/** What the documents mean; the flow of the sign-in is given the same. */
export type PolicyFrom = (decided: PolicyDocuments) => SignInPolicy;

interface StandingRow {
  groups: string[];
  methods: MethodId[];
  snoozes: number;
  snoozed_until: Date | null;
  now: Date;
}

/** Whether the account must register more before a relying party gets anything. Reads nothing where no policy asks for that. */
export async function mustAddMethods(
  db: NamedStatements,
  policyFrom: PolicyFrom,
  { accountId: userId, decided }: Pick<ProtocolAccount, 'accountId' | 'decided'>,
): Promise<boolean> {
  const { registration } = policyFrom(decided);
  if (!registration) return false;
  const sql = 'select groups, methods, snoozes, snoozed_until, now() from registration_standing where user_id = $1';
  const row = (await db.query<StandingRow>('registration-standing', sql, [userId])).rows[0];
  if (!row) return false;
  const { snoozed_until: snoozedUntil, now, ...standing } = row;
  const demand = demandOf(registration, { ...standing, userId, snoozedUntil }, now);
  // Whoever may still put it off is asked when they next sign in, not in the middle of their work.
  return demand !== undefined && !demand.mayWait;
}
