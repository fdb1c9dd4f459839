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

/** True when somebody enabled holds the role. */
export async function anyoneHolds(tx: Transaction, templateId: string): Promise<boolean> {
  const row = await tx('role_assignments as r')
    .join('users as u', 'u.id', 'r.user_id')
    .where('r.role_template_id', '=', templateId)
    .where('u.account_enabled', '=', true)
    .first('r.id');
  return row !== undefined;
}
