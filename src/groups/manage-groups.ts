import type { Work } from '../core/work.ts';
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
  if (await groups.addMember(work.tx, group.id, userId)) {
    work.record({ type: 'group.member-added', userId, details: { groupId: group.id } });
  }
}
