import { randomUUID } from 'node:crypto';
import type { Transaction } from '../core/work.ts';

/** Template ids of the roles a user holds. */
export async function rolesOf(tx: Transaction, userId: string): Promise<string[]> {
  const rows = await tx('role_assignments')
    .where('user_id', '=', userId)
    .select<{ role_template_id: string }[]>('role_template_id');
  return rows.map((row) => row.role_template_id);
}

/** False when the user holds the role already. */
export async function grant(tx: Transaction, now: Date, userId: string, templateId: string): Promise<boolean> {
  const granted = await tx('role_assignments')
    .insert({ id: randomUUID(), user_id: userId, role_template_id: templateId, granted_at: now })
    .onConflict(['user_id', 'role_template_id'])
    .ignore()
    .returning('id');
  return granted.length === 1;
}

/** Holds the user still until the work ends; false when there is no such user. */
export async function lockHolder(tx: Transaction, userId: string): Promise<boolean> {
  return (await tx('users').where('id', '=', userId).forNoKeyUpdate().first('id')) !== undefined;
}

/** False when the user did not hold the role. */
export async function revoke(tx: Transaction, userId: string, templateId: string): Promise<boolean> {
  return (
    (await tx('role_assignments').where('user_id', '=', userId).where('role_template_id', '=', templateId).delete()) ===
    1
  );
}

/** Those who could take away the last administrator take turns, until their works end. */
export async function lockLastAdministrator(tx: Transaction): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtext('latchkey'), hashtext('last-administrator'))");
}

/** Ids of at most two enabled holders: enough to tell whether somebody is the last. */
export async function enabledHolders(tx: Transaction, templateId: string): Promise<string[]> {
  const rows = await tx('role_assignments as r')
    .join('users as u', 'u.id', 'r.user_id')
    .where('r.role_template_id', '=', templateId)
    .where('u.account_enabled', '=', true)
    .limit(2)
    .select<{ user_id: string }[]>('r.user_id');
  return rows.map((row) => row.user_id);
}

export async function holders(
  tx: Transaction,
): Promise<{ templateId: string; userId: string; userPrincipalName: string }[]> {
  return tx('role_assignments as r')
    .join('users as u', 'u.id', 'r.user_id')
    .orderBy(['r.role_template_id', 'u.user_name_key'])
    .select('r.role_template_id as templateId', 'r.user_id as userId', 'u.user_principal_name as userPrincipalName');
}

/** True when somebody enabled holds the role. */
export async function anyoneHolds(tx: Transaction, templateId: string): Promise<boolean> {
  const row = await tx('role_assignments as r')
    .join('users as u', 'u.id', 'r.user_id')
    .where('r.role_template_id', '=', templateId)
    .where('u.account_enabled', '=', true)
    .first('r.id');
  return row !== undefined;
}
