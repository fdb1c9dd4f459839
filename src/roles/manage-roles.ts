import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { permit } from './permit.ts';
import { findRole, globalAdministrator, type Role } from './role.ts';
import * as assignments from './store.ts';

/** Grants a role by name or template id. Every pass issued to the user before this stops working. */
export async function grantRole(work: Work, userId: string, nameOrId: string): Promise<Role> {
  permit(work.actor, 'roles.write');
  const role = findRole(nameOrId);
  if (!role) throw new AppError('invalid_input', `There is no role named "${nameOrId}".`);
  if (await assignments.grant(work.tx, work.now, userId, role.templateId)) {
    work.record({ type: 'role.granted', userId, details: { role: role.name } });
  }
  return role;
}

export async function hasGlobalAdministrator(work: Work): Promise<boolean> {
  return assignments.anyoneHolds(work.tx, globalAdministrator.templateId);
}
