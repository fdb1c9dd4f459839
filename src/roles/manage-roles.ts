import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { permit } from './permit.ts';
import { findRole, globalAdministrator, type Role } from './role.ts';
import * as assignments from './store.ts';

/** Grants a role by name or template id. Every pass issued to the user before this stops working. */
export async function grantRole(work: Work, userId: string, nameOrId: string): Promise<Role> {
  await permit(work, 'roles.write');
  const role = namedRole(nameOrId);
  // Under the user's lock: an application that is changing the user meanwhile has done so before, or sees the role.
  if (!(await assignments.lockHolder(work.tx, userId))) throw new AppError('not_found', 'There is no such user.');
  if (await assignments.grant(work.tx, work.now, userId, role.templateId)) {
    work.record({ type: 'role.granted', userId, details: { role: role.name } });
  }
  return role;
}

/** Fails with `not_found` when the user does not hold the role, `conflict` for the last Global Administrator. */
export async function revokeRole(work: Work, userId: string, nameOrId: string): Promise<Role> {
  await permit(work, 'roles.write');
  const role = namedRole(nameOrId);
  if (role === globalAdministrator) await demandAnotherGlobalAdministrator(work, userId);
  if (!(await assignments.revoke(work.tx, userId, role.templateId))) {
    throw new AppError('not_found', `This user does not hold the role ${role.name}.`);
  }
  work.record({ type: 'role.revoked', userId, details: { role: role.name } });
  return role;
}

export interface RoleHolder {
  readonly templateId: string;
  readonly userId: string;
  readonly userPrincipalName: string;
}

/** Who holds which role, by role and user name. */
export async function listRoleHolders(work: Work): Promise<RoleHolder[]> {
  await permit(work, 'roles.read');
  return assignments.holders(work.tx);
}

/**
 * Before a user is disabled, deleted or loses the role: fails with `conflict` when no other enabled Global Administrator would
 * be left. Whoever asks holds a lock until the work ends, so that of two who take away the last two, the second sees the first.
 */
export async function demandAnotherGlobalAdministrator(work: Work, userId: string): Promise<void> {
  // Also for who does not hold the role: it may be granted while the user is being disabled.
  await assignments.lockLastAdministrator(work.tx);
  const enabled = await assignments.enabledHolders(work.tx, globalAdministrator.templateId);
  if (enabled.length !== 1 || enabled[0] !== userId) return;
  throw new AppError(
    'conflict',
    'This is the last enabled Global Administrator. Give the role to somebody else first; it cannot be left without anybody.',
  );
}

function namedRole(nameOrId: string): Role {
  const role = findRole(nameOrId);
  if (!role) throw new AppError('invalid_input', `There is no role named "${nameOrId}".`);
  return role;
}

export async function hasGlobalAdministrator(work: Work): Promise<boolean> {
  return assignments.anyoneHolds(work.tx, globalAdministrator.templateId);
}
