import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { isNamedByPolicy } from '../policies/policy-documents.ts';
import { permit } from '../roles/permit.ts';
import * as groups from './store.ts';
import type { Group } from './store.ts';

/** The group of that name, made when there is none. */
export async function ensureGroup(work: Work, displayName: string): Promise<Group> {
  permit(work.actor, 'groups.write');
  const existing = await groups.byName(work.tx, displayName);
  if (existing) return existing;
  const group = await groups.insert(work.tx, work.now, displayName);
  work.record({ type: 'group.created', details: { groupId: group.id, displayName } });
  return group;
}

export async function addToGroup(work: Work, group: Group, userId: string): Promise<void> {
  permit(work.actor, 'groups.write');
  if (work.actor.kind === 'client' && (await isNamedByPolicy(work, group.id))) {
    throw new AppError('forbidden', 'A policy names this group. Applications cannot change who is in it.');
  }
  if (await groups.addMember(work.tx, group.id, userId)) {
    work.record({ type: 'group.member-added', userId, details: { groupId: group.id } });
  }
}

/** The id of a group that is named by its object id or display name. Fails with `invalid_input`. */
export async function groupIdOf(work: Work, idOrName: string): Promise<string> {
  const [id, another] = await groups.idsOf(work.tx, idOrName);
  if (!id) throw new AppError('invalid_input', `There is no group "${idOrName}".`);
  if (another) throw new AppError('invalid_input', `There are several groups named "${idOrName}". Use the id of one.`);
  return id;
}

/** The ids of the groups of each user. */
export async function groupsOf(
  work: Work,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const of = new Map<string, string[]>(userIds.map((userId) => [userId, []]));
  for (const { userId, groupId } of await groups.memberships(work.tx, userIds)) of.get(userId)!.push(groupId);
  return of;
}
