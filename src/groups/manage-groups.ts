import { AppError } from '../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import { isNamedByPolicy } from '../policies/policy-documents.ts';
import { isNamedByRole, leavingAnAdministrator, templateIdsOf } from '../roles/manage-roles.ts';
import { demandGlobalAdministrator, permit, permitOn } from '../roles/permit.ts';
import { countUsers, getUser, lockUser, pageOfUsers, readUser } from '../users/manage-users.ts';
import type { User } from '../users/user.ts';
import type { Group, GroupFilter, GroupOrder } from './group.ts';
import * as groups from './store.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The group of that name, made when there is none. */
export async function ensureGroup(work: Work, displayName: string): Promise<Group> {
  await permit(work, 'groups.write');
  const existing = await groups.byName(work.tx, displayName);
  if (existing) return existing;
  await groups.lockName(work.tx, displayName);
  return (await groups.byName(work.tx, displayName)) ?? make(work, displayName);
}

/** Fails with `conflict` when there is a group of that name. */
export async function createGroup(work: Work, asked: { readonly displayName: string }): Promise<Group> {
  await permit(work, 'groups.write');
  const displayName = displayNameOf(asked.displayName);
  await demandFreeName(work, displayName);
  return make(work, displayName);
}

export async function changeGroup(
  work: Work,
  id: string,
  asked: { readonly displayName?: string | undefined },
): Promise<void> {
  await permit(work, 'groups.write');
  const group = await lockedGroup(work, id);
  await demandNotNamed(work, group.id);
  const displayName = displayNameOf(asked.displayName ?? group.displayName);
  if (group.displayName === displayName) return;
  await demandFreeName(work, displayName);
  await groups.rename(work.tx, group.id, displayName);
  work.record({ type: 'group.changed', details: { groupId: group.id, before: group.displayName, displayName } });
}

/**
 * A group that has people with roles in it is for Global Administrators: deleting it changes those people. Fails with `conflict`
 * when a policy of methods is for it, and no Global Administrator could sign in any more.
 */
export async function deleteGroup(work: Work, id: string): Promise<Group> {
  await permit(work, 'groups.write');
  const group = await lockedGroup(work, id);
  await demandNotNamed(work, group.id);
  if (await groups.hasMemberWithRole(work.tx, group.id)) {
    await demandGlobalAdministrator(
      work,
      'There are people with administrator roles in this group. Only a Global Administrator can delete it.',
    );
    await leavingAnAdministrator(work, () => groups.remove(work.tx, group.id));
  } else await groups.remove(work.tx, group.id);
  work.record({ type: 'group.deleted', details: { groupId: group.id, displayName: group.displayName } });
  return group;
}

/** Makes the user a member; says and records nothing when they are one. Fails with `conflict` as `deleteGroup` does. */
export async function addToGroup(work: Work, group: Pick<Group, 'id'>, userId: string): Promise<boolean> {
  await permit(work, 'groups.write');
  // Neither the group nor the user can go away before the membership is there.
  const id = await groups.hold(work.tx, group.id);
  if (!id) throw noSuchGroup();
  await demandNotNamed(work, id);
  const added = await leavingThemAWayIn(work, userId, async () => {
    await lockUser(work, userId);
    await getUser(work, userId);
    await permitOn(work, 'groups.write', userId);
    return groups.addMember(work.tx, id, userId);
  });
  if (added) work.record({ type: 'group.member-added', userId, details: { groupId: id } });
  return added;
}

/** Fails with `invalid_input` when the user is a member already. */
export async function addMember(work: Work, groupId: string, userIdOrName: string): Promise<void> {
  await permit(work, 'groups.write');
  const group = await getGroup(work, groupId);
  if (await addToGroup(work, group, (await getUser(work, userIdOrName)).id)) return;
  throw new AppError('invalid_input', 'This user is a member of the group already.');
}

/** Fails with `not_found` when the user is no member, and with `conflict` as `deleteGroup` does. */
export async function removeMember(work: Work, groupId: string, userIdOrName: string): Promise<void> {
  await permit(work, 'groups.write');
  const group = await getGroup(work, groupId);
  await demandNotNamed(work, group.id);
  const user = await getUser(work, userIdOrName);
  const removed = await leavingThemAWayIn(work, user.id, async () => {
    await lockUser(work, user.id);
    await permitOn(work, 'groups.write', user.id);
    return groups.removeMember(work.tx, group.id, user.id);
  });
  if (!removed) throw new AppError('not_found', 'This user is not a member of the group.');
  work.record({ type: 'group.member-removed', userId: user.id, details: { groupId: group.id } });
}

/** Whom `getGroup` would find, for who has to be allowed to look. */
export async function readGroup(work: Work, id: string): Promise<Group> {
  await permit(work, 'groups.read');
  return getGroup(work, id);
}

/** Finds a group by its exact name, or by its object id, as people at a terminal write either. */
export async function groupNamed(work: Work, nameOrId: string): Promise<Group> {
  await permit(work, 'groups.read');
  return (await groups.byName(work.tx, nameOrId)) ?? getGroup(work, nameOrId);
}

export async function listGroups(work: Work): Promise<Group[]> {
  await permit(work, 'groups.read');
  return groups.list(work.tx);
}

export interface GroupsAsked extends PageAsked {
  readonly filter?: GroupFilter | undefined;
  /** By name when it does not say. */
  readonly order?: GroupOrder | undefined;
}

/** Groups, a page at a time. */
export async function pageOfGroups(work: Work, asked: GroupsAsked): Promise<Page<Group>> {
  await permit(work, 'groups.read');
  const { filter, order = { by: 'displayName', descending: false } } = asked;
  const list = ['groups', JSON.stringify(filter) ?? '', order.by, String(order.descending)];
  const after = keysAfter(work.secrets, list, asked);
  const found = await groups.some(work.tx, filter, order, after, asked.top + 1);
  return pageOf(work.secrets, list, asked, found, (group) => [
    order.by === 'displayName' ? group.displayName : group.createdAt.toISOString(),
    group.id,
  ]);
}

export async function countGroups(work: Work, filter?: GroupFilter): Promise<number> {
  await permit(work, 'groups.read');
  return groups.count(work.tx, filter);
}

/** How many people are in a group. It takes leave to read both. */
export async function countMembers(work: Work, groupId: string): Promise<number> {
  const group = await readGroup(work, groupId);
  return countUsers(work, { kind: 'memberOf', value: group.id });
}

/** How many groups a user is in. It takes leave to read both. */
export async function countGroupsOf(work: Work, userIdOrName: string): Promise<number> {
  const user = await readUser(work, userIdOrName);
  return countGroups(work, { kind: 'hasMember', value: user.id });
}

/** The people in a group by user name. It takes leave to read both. */
export async function pageOfMembers(work: Work, groupId: string, asked: PageAsked): Promise<Page<User>> {
  const group = await readGroup(work, groupId);
  return pageOfUsers(work, { ...asked, filter: { kind: 'memberOf', value: group.id } });
}

/** The groups a user is in, by name. It takes leave to read both. */
export async function pageOfGroupsOf(work: Work, userIdOrName: string, asked: PageAsked): Promise<Page<Group>> {
  const user = await readUser(work, userIdOrName);
  return pageOfGroups(work, { ...asked, filter: { kind: 'hasMember', value: user.id } });
}

async function make(work: Work, displayName: string): Promise<Group> {
  const group = await groups.insert(work.tx, work.now, displayName);
  work.record({ type: 'group.created', details: { groupId: group.id, displayName } });
  return group;
}

/** Who is in a group that a policy or a role names decides whom it is for: that is for Global Administrators alone. */
async function demandNotNamed(work: Work, groupId: string): Promise<void> {
  const namedBy = (await isNamedByPolicy(work, groupId)) ? 'policy' : (await isNamedByRole(work, groupId)) && 'role';
  if (!namedBy) return;
  await demandGlobalAdministrator(
    work,
    `A ${namedBy} names this group. Only a Global Administrator can change it or who is in it; applications cannot.`,
  );
}

/** What somebody may sign in with may hang on their groups: judged of whoever holds a role, before the user is locked. */
async function leavingThemAWayIn(work: Work, userId: string, change: () => Promise<boolean>): Promise<boolean> {
  if ((await templateIdsOf(work, userId)).length === 0) return change();
  return leavingAnAdministrator(work, change);
}

async function demandFreeName(work: Work, displayName: string): Promise<void> {
  await groups.lockName(work.tx, displayName);
  if (!(await groups.byName(work.tx, displayName))) return;
  throw new AppError('conflict', `There is already a group named ${displayName}.`);
}

async function getGroup(work: Work, id: string): Promise<Group> {
  const group = uuid.test(id) ? await groups.byId(work.tx, id) : undefined;
  if (!group) throw noSuchGroup();
  return group;
}

async function lockedGroup(work: Work, id: string): Promise<Group> {
  const group = uuid.test(id) ? await groups.lock(work.tx, id) : undefined;
  if (!group) throw noSuchGroup();
  return group;
}

function displayNameOf(text: string): string {
  if (text.trim() !== '' && text.length <= 256) return text.trim();
  throw new AppError('invalid_input', 'displayName must hold 1 to 256 characters.');
}

function noSuchGroup(): AppError {
  return new AppError('not_found', 'There is no such group.');
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
