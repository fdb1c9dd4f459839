import { AppError } from '../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import { permit, permitOn } from './permit.ts';
import { findRole, globalAdministrator, passIssuer, type PassLimits, type Role, roles } from './role.ts';
import * as assignments from './store.ts';

export type { Assignment, AssignmentFilter } from './store.ts';

export interface RoleScope {
  /** The group whose people the role is for; a Pass Issuer has one, other roles have none. */
  readonly groupId?: string | null | undefined;
  /** A Pass Issuer's own. */
  readonly limits?: Partial<PassLimits> | undefined;
}

/**
 * Grants a role by name or template id. Every pass issued to the user before this stops working.
 * Undefined when the user holds it for the same people already.
 */
export async function grantRole(
  work: Work,
  userId: string,
  nameOrId: string,
  { groupId = null, limits = {} }: RoleScope = {},
): Promise<{ role: Role; assignment: assignments.Assignment | undefined }> {
  await permit(work, 'roles.write');
  const role = namedRole(nameOrId);
  await demandScope(work, role, groupId, limits);
  // Under the user's lock: an application that is changing the user meanwhile has done so before, or sees the role.
  if (!(await assignments.lockHolder(work.tx, userId))) throw new AppError('not_found', 'There is no such user.');
  await permitOn(work, 'roles.write', userId);
  const assignment = await assignments.grant(work.tx, work.now, {
    userId,
    templateId: role.templateId,
    scopeGroupId: groupId,
    limits: { maximumLifetimeMinutes: limits.maximumLifetimeMinutes ?? null, oneTimeOnly: limits.oneTimeOnly ?? false },
  });
  if (assignment) {
    const { id, scopeGroupId } = assignment;
    work.record({
      type: 'role.granted',
      userId,
      details: {
        role: role.name,
        assignmentId: id,
        ...(scopeGroupId && { groupId: scopeGroupId, ...assignment.limits }),
      },
    });
    // For good: the role may be taken away again, and what was issued to a plain user must not come back then.
    for (const passId of await assignments.endPassesOf(work.tx, work.now, userId)) {
      work.record({ type: 'pass.revoked', userId, details: { passId, reason: 'role-granted' } });
    }
  }
  return { role, assignment };
}

const mostMinutes = 43_200;

async function demandScope(work: Work, role: Role, groupId: string | null, limits: Partial<PassLimits>): Promise<void> {
  if (role !== passIssuer) {
    if (groupId === null && Object.keys(limits).length === 0) return;
    throw new AppError(
      'invalid_input',
      `Only ${passIssuer.name} is given for a group and with limits. ${role.name} is for everybody.`,
    );
  }
  if (groupId === null) {
    throw new AppError(
      'invalid_input',
      `${passIssuer.name} is given for a group: its people, and no others, can be given passes.`,
    );
  }
  const minutes = limits.maximumLifetimeMinutes ?? null;
  if (minutes !== null && (!Number.isInteger(minutes) || minutes < 10 || minutes > mostMinutes)) {
    throw new AppError('invalid_input', `maximumLifetimeInMinutes must be a whole number from 10 to ${mostMinutes}.`);
  }
  if (!(await assignments.holdGroup(work.tx, groupId))) throw new AppError('invalid_input', 'There is no such group.');
}

/**
 * Takes a role away, for whomever it was given. Fails with `not_found` when the user does not hold it, with `conflict` for the
 * last Global Administrator.
 */
export async function revokeRole(work: Work, userId: string, nameOrId: string): Promise<Role> {
  await permitOn(work, 'roles.write', userId);
  const role = namedRole(nameOrId);
  if (role === globalAdministrator) await demandAnotherGlobalAdministrator(work, userId);
  const taken = await assignments.revoke(work.tx, userId, role.templateId);
  if (taken.length === 0) throw new AppError('not_found', `This user does not hold the role ${role.name}.`);
  work.record({ type: 'role.revoked', userId, details: { role: role.name } });
  return role;
}

/** Takes one assignment away. Fails with `not_found`, and with `conflict` for the last Global Administrator. */
export async function removeAssignment(work: Work, id: string): Promise<void> {
  await permit(work, 'roles.write');
  const found = await assignmentOf(work, id);
  await permitOn(work, 'roles.write', found.userId);
  if (found.templateId === globalAdministrator.templateId) await demandAnotherGlobalAdministrator(work, found.userId);
  if (!(await assignments.removeById(work.tx, id))) throw noSuchAssignment();
  work.record({
    type: 'role.revoked',
    userId: found.userId,
    details: {
      role: findRole(found.templateId)?.name ?? found.templateId,
      assignmentId: id,
      ...(found.scopeGroupId && { groupId: found.scopeGroupId }),
    },
  });
}

/** The roles there are. */
export async function roleDefinitions(work: Work): Promise<readonly Role[]> {
  await permit(work, 'roles.read');
  return roles;
}

/** By template id. Fails with `not_found`. */
export async function roleDefinition(work: Work, templateId: string): Promise<Role> {
  const role = (await roleDefinitions(work)).find((one) => one.templateId === templateId.toLowerCase());
  if (!role) throw new AppError('not_found', 'There is no such role.');
  return role;
}

/** Fails with `not_found`. */
export async function readAssignment(work: Work, id: string): Promise<assignments.Assignment> {
  await permit(work, 'roles.read');
  return assignmentOf(work, id);
}

export interface AssignmentsAsked extends PageAsked {
  readonly filter: assignments.AssignmentFilter;
}

export async function pageOfAssignments(work: Work, asked: AssignmentsAsked): Promise<Page<assignments.Assignment>> {
  await permit(work, 'roles.read');
  const list = ['role-assignments', asked.filter.userId ?? '', asked.filter.templateId ?? ''];
  const [after] = keysAfter(work.secrets, list, asked) ?? [];
  const found = await assignments.some(work.tx, asked.filter, after, asked.top + 1);
  return pageOf(work.secrets, list, asked, found, ({ id }) => [id]);
}

export interface RoleHolder {
  readonly templateId: string;
  readonly userId: string;
  readonly userPrincipalName: string;
  /** Name of the group it is for; null for everybody. */
  readonly scope: string | null;
}

/** Who holds which role, by role and user name. */
export async function listRoleHolders(work: Work): Promise<RoleHolder[]> {
  await permit(work, 'roles.read');
  return assignments.holders(work.tx);
}

/** Template ids of the roles a user holds, wherever they are for. */
export async function templateIdsOf(work: Pick<Work, 'tx'>, userId: string): Promise<string[]> {
  return (await assignments.rolesHeld(work.tx, userId)).map(({ templateId }) => templateId);
}

/**
 * The moment of what is done now, under the user's lock, in the order of what was done to their roles before: a work that began
 * before a role was granted and had to wait for it comes after it.
 */
export async function momentAfterGrants(work: Work, userId: string): Promise<Date> {
  const last = await assignments.lastGrant(work.tx, userId);
  return last && last >= work.now ? new Date(last.getTime() + 1) : work.now;
}

/** Whom to ask about a pass of the user: enabled people who could issue one. */
export function thoseWhoMayIssueFor(work: Pick<Work, 'tx'>, userId: string): Promise<string[]> {
  return assignments.mayIssueFor(work.tx, userId);
}

/** Enabled people with any role. */
export function administratorIds(work: Pick<Work, 'tx'>): Promise<string[]> {
  return assignments.administrators(work.tx);
}

/** Whoever owns a client can make it ask for things. */
export function ownsClient(work: Work, clientId: string, userId: string): Promise<boolean> {
  return assignments.ownsClient(work.tx, clientId, userId);
}

/** Whether a role is given for the people in this group: who is in it is then decided by Global Administrators. */
export function isNamedByRole(work: Work, groupId: string): Promise<boolean> {
  return assignments.isScope(work.tx, groupId);
}

/**
 * Before a user is disabled, deleted or loses the role: fails with `conflict` when no other enabled Global Administrator would
 * be left, or none that can sign in while this one can. Whoever asks holds a lock until the work ends, so that of two who take
 * away the last two, the second sees the first.
 */
export async function demandAnotherGlobalAdministrator(work: Work, userId: string): Promise<void> {
  // Also for who does not hold the role: it may be granted while the user is being disabled.
  await assignments.lockLastAdministrator(work.tx);
  const [first, other] = await assignments.enabledHolders(work.tx, globalAdministrator.templateId, userId);
  if (first?.userId !== userId) return;
  if (other && (other.canSignIn || !first.canSignIn)) return;
  throw new AppError(
    'conflict',
    other
      ? 'This is the last Global Administrator with a passkey. Let another one register a passkey first.'
      : 'This is the last enabled Global Administrator. Give the role to somebody else first; it cannot be left without anybody.',
  );
}

/**
 * Runs a change of what people may sign in with. Fails with `conflict` when there was an enabled Global Administrator with a strong way to
 * sign in, and after it there is none. Whoever asks holds the same lock, so that two changes that each leave one cannot leave none.
 * Of changes within a change the end is judged, and what stands between is not.
 */
export async function leavingAnAdministrator<T>(work: Work, change: () => Promise<T>): Promise<T> {
  if (judged.has(work)) return change();
  judged.add(work);
  try {
    return await leavingOne(work, change);
  } finally {
    judged.delete(work);
  }
}

const judged = new WeakSet<Work>();

async function leavingOne<T>(work: Work, change: () => Promise<T>): Promise<T> {
  await assignments.lockLastAdministrator(work.tx);
  const before = await assignments.anyoneSignsInAs(work.tx, globalAdministrator.templateId);
  const changed = await change();
  if (!before || (await assignments.anyoneSignsInAs(work.tx, globalAdministrator.templateId))) return changed;
  throw new AppError(
    'conflict',
    'After this no Global Administrator could sign in any more. Leave one of them a passkey, or a password with an authenticator app, that is allowed.',
  );
}

/**
 * Whether the user is the only enabled Global Administrator with a strong way to sign in. It stays so inside of
 * `leavingAnAdministrator`, and until the user or a policy changes.
 */
export async function isLastAdministrator(work: Work, userId: string): Promise<boolean> {
  const [first, other] = await assignments.enabledHolders(work.tx, globalAdministrator.templateId, userId);
  return first?.userId === userId && first.canSignIn && !other?.canSignIn;
}

function namedRole(nameOrId: string): Role {
  const role = findRole(nameOrId);
  if (!role) throw new AppError('invalid_input', `There is no role named "${nameOrId.slice(0, 100)}".`);
  return role;
}

async function assignmentOf(work: Work, id: string): Promise<assignments.Assignment> {
  const found = uuid.test(id) ? await assignments.byId(work.tx, id) : undefined;
  if (!found) throw noSuchAssignment();
  return found;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function noSuchAssignment(): AppError {
  return new AppError('not_found', 'There is no such role assignment.');
}

export async function hasGlobalAdministrator(work: Work): Promise<boolean> {
  return assignments.anyoneHolds(work.tx, globalAdministrator.templateId);
}
