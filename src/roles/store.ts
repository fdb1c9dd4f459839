import { randomUUID } from 'node:crypto';
import type { Transaction } from '../core/work.ts';
import type { HeldRole, PassLimits } from './role.ts';
import { stillMayIssueSql } from './still-may-issue.ts';

interface AssignmentRow {
  readonly id: string;
  readonly user_id: string;
  readonly role_template_id: string;
  readonly scope_group_id: string | null;
  readonly maximum_lifetime_minutes: number | null;
  readonly one_time_only: boolean;
  readonly granted_at: Date;
}

/** One role of one user. */
export interface Assignment extends HeldRole {
  readonly id: string;
  readonly userId: string;
  readonly grantedAt: Date;
}

function toAssignment(row: AssignmentRow): Assignment {
  return {
    id: row.id,
    userId: row.user_id,
    templateId: row.role_template_id,
    scopeGroupId: row.scope_group_id,
    limits: { maximumLifetimeMinutes: row.maximum_lifetime_minutes, oneTimeOnly: row.one_time_only },
    grantedAt: row.granted_at,
  };
}

export async function rolesHeld(tx: Transaction, userId: string): Promise<Assignment[]> {
  return (await tx<AssignmentRow>('role_assignments').where('user_id', '=', userId)).map(toAssignment);
}

export async function byId(tx: Transaction, id: string): Promise<Assignment | undefined> {
  const row = await tx<AssignmentRow>('role_assignments').where('id', '=', id).first();
  return row && toAssignment(row);
}

export interface AssignmentFilter {
  readonly userId?: string | undefined;
  readonly templateId?: string | undefined;
}

/** Assignments by id, after one of them. */
export async function some(
  tx: Transaction,
  { userId, templateId }: AssignmentFilter,
  after: string | undefined,
  most: number,
): Promise<Assignment[]> {
  const rows = await tx<AssignmentRow>('role_assignments')
    .modify((query) => {
      if (userId) query.where('user_id', '=', userId);
      if (templateId) query.where('role_template_id', '=', templateId);
      if (after) query.where('id', '>', after);
    })
    .orderBy('id')
    .limit(most);
  return rows.map(toAssignment);
}

/** Which of the groups that roles are given for hold the user. */
export async function scopesHolding(tx: Transaction, userId: string): Promise<string[]> {
  const rows = await tx('group_members as m')
    .where('m.user_id', '=', userId)
    .whereExists(tx('role_assignments as r').whereRaw('r.scope_group_id = m.group_id').select('r.id'))
    .select<{ group_id: string }[]>('m.group_id');
  return rows.map((row) => row.group_id);
}

/** Whether a role is given for this group. */
export async function isScope(tx: Transaction, groupId: string): Promise<boolean> {
  return (await tx('role_assignments').where('scope_group_id', '=', groupId).first('id')) !== undefined;
}

/** Keeps the group from being deleted until the work ends; false when there is none. */
export async function holdGroup(tx: Transaction, groupId: string): Promise<boolean> {
  return (await tx('groups').where('id', '=', groupId).forKeyShare().first('id')) !== undefined;
}

export async function ownsClient(tx: Transaction, clientId: string, userId: string): Promise<boolean> {
  const row = await tx('client_owners')
    .where('client_id', '=', clientId)
    .where('user_id', '=', userId)
    .first('user_id');
  return row !== undefined;
}

export interface Grant {
  readonly userId: string;
  readonly templateId: string;
  readonly scopeGroupId: string | null;
  readonly limits: PassLimits;
}

/**
 * Undefined when the user holds the role for the same people already. Call with the user locked: granted is a role when that
 * came about, and not when the work began, since a pass may have been issued while the work waited, and has to end.
 */
export async function grant(tx: Transaction, now: Date, asked: Grant): Promise<Assignment | undefined> {
  const { rows } = await tx.raw<{ rows: AssignmentRow[] }>(
    `insert into role_assignments
       (id, user_id, role_template_id, scope_group_id, maximum_lifetime_minutes, one_time_only, granted_at)
     values (:id, :userId, :templateId, :scopeGroupId, :maximumLifetimeMinutes, :oneTimeOnly,
       date_trunc('milliseconds', :now::timestamptz + (clock_timestamp() - transaction_timestamp())))
     on conflict do nothing returning *`,
    {
      id: randomUUID(),
      userId: asked.userId,
      templateId: asked.templateId,
      scopeGroupId: asked.scopeGroupId,
      maximumLifetimeMinutes: asked.limits.maximumLifetimeMinutes,
      oneTimeOnly: asked.limits.oneTimeOnly,
      now,
    } as never,
  );
  return rows[0] && toAssignment(rows[0]);
}

/** Ends what the user was issued before, used or not, since a session may hang on it. Returns ids; the caller holds the user. */
export async function endPassesOf(tx: Transaction, now: Date, userId: string): Promise<string[]> {
  const rows = await tx('temporary_access_passes')
    .where('user_id', '=', userId)
    .whereNull('ended_at')
    .where('expires_at', '>', now)
    .update({ ended_at: now, end_reason: 'revoked' })
    .returning<{ id: string }[]>('id');
  return rows.map(({ id }) => id);
}

/** Holds the user still until the work ends; false when there is no such user. */
export async function lockHolder(tx: Transaction, userId: string): Promise<boolean> {
  return (await tx('users').where('id', '=', userId).forNoKeyUpdate().first('id')) !== undefined;
}

/** The role of the user, for whomever it was given; what was taken away, by whom it was for. */
export async function revoke(tx: Transaction, userId: string, templateId: string): Promise<Assignment[]> {
  const rows = await tx<AssignmentRow>('role_assignments')
    .where('user_id', '=', userId)
    .where('role_template_id', '=', templateId)
    .delete()
    .returning('*');
  return rows.map(toAssignment);
}

export async function removeById(tx: Transaction, id: string): Promise<Assignment | undefined> {
  const [row] = await tx<AssignmentRow>('role_assignments').where('id', '=', id).delete().returning('*');
  return row && toAssignment(row);
}

/** Those who could take away the last administrator take turns, until their works end. */
export async function lockLastAdministrator(tx: Transaction): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtext('latchkey'), hashtext('last-administrator'))");
}

export interface Holder {
  readonly userId: string;
  /** Has a strong way to sign in that is their own: no pass is needed. */
  readonly canSignIn: boolean;
}

/** Enabled holders of a role: the one user, and of the others one that can sign in, if there is any. */
export async function enabledHolders(tx: Transaction, templateId: string, userId: string): Promise<Holder[]> {
  const { rows } = await tx.raw<{ rows: { id: string; has_strong_method: boolean }[] }>(
    `select s.id, s.has_strong_method from role_assignments r join account_standing s on s.id = r.user_id
      where r.role_template_id = :templateId and s.account_enabled
      order by s.id = :userId desc, s.has_strong_method desc limit 2`,
    { templateId, userId } as never,
  );
  return rows.map((row) => ({ userId: row.id, canSignIn: row.has_strong_method }));
}

/** Whether an enabled holder of the role has a strong way to sign in, as policy stands. */
export async function anyoneSignsInAs(tx: Transaction, templateId: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `select 1 from role_assignments r join account_standing s on s.id = r.user_id
      where r.role_template_id = :templateId and s.account_enabled and s.has_strong_method limit 1`,
    { templateId },
  );
  return rows.length > 0;
}

export async function holders(
  tx: Transaction,
): Promise<{ templateId: string; userId: string; userPrincipalName: string; scope: string | null }[]> {
  return tx('role_assignments as r')
    .join('users as u', 'u.id', 'r.user_id')
    .leftJoin('groups as g', 'g.id', 'r.scope_group_id')
    .orderBy(['r.role_template_id', 'u.user_name_key'])
    .select(
      'r.role_template_id as templateId',
      'r.user_id as userId',
      'u.user_principal_name as userPrincipalName',
      'g.display_name as scope',
    );
}

/** When the user was last given a role; null for never, as far as roles they still hold tell. */
export async function lastGrant(tx: Transaction, userId: string): Promise<Date | null> {
  const row = await tx('role_assignments').where('user_id', '=', userId).max<{ at: Date | null }[]>('granted_at as at');
  return row[0]?.at ?? null;
}

/** Enabled people who could issue a pass for the user. */
export async function mayIssueFor(tx: Transaction, targetUserId: string): Promise<string[]> {
  const { rows } = await tx.raw<{ rows: { id: string }[] }>(
    `select u.id from users u where ${stillMayIssueSql('u.id::text', ':targetUserId::uuid')} order by u.id`,
    { targetUserId } as never,
  );
  return rows.map((row) => row.id);
}

/** Enabled people with any role. */
export async function administrators(tx: Transaction): Promise<string[]> {
  const rows = await tx('users as u')
    .where('u.account_enabled', '=', true)
    .whereExists(tx('role_assignments as r').whereRaw('r.user_id = u.id').select('r.id'))
    .orderBy('u.id')
    .select<{ id: string }[]>('u.id');
  return rows.map((row) => row.id);
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
