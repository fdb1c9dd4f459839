import { randomUUID } from 'node:crypto';
import type { Transaction } from '../core/work.ts';

export interface Group {
  readonly id: string;
  readonly displayName: string;
}

export async function byName(tx: Transaction, displayName: string): Promise<Group | undefined> {
  return tx('groups')
    .where('display_name', '=', displayName)
    .orderBy('created_at')
    .first('id', 'display_name as displayName');
}

/** Groups of that display name, which need not be one of a kind, or of that object id; two are enough to tell. */
export async function idsOf(tx: Transaction, idOrName: string): Promise<string[]> {
  const rows = await tx('groups')
    .whereRaw('id::text = ? or display_name = ?', [idOrName.toLowerCase(), idOrName])
    .limit(2)
    .select<{ id: string }[]>('id');
  return rows.map(({ id }) => id);
}

export async function memberships(
  tx: Transaction,
  userIds: readonly string[],
): Promise<{ userId: string; groupId: string }[]> {
  return tx('group_members').whereIn('user_id', userIds).select('user_id as userId', 'group_id as groupId');
}

export async function insert(tx: Transaction, now: Date, displayName: string): Promise<Group> {
  const group = { id: randomUUID(), displayName };
  await tx('groups').insert({ id: group.id, display_name: displayName, created_at: now });
  return group;
}

/** False when the user is a member already. */
export async function addMember(tx: Transaction, groupId: string, userId: string): Promise<boolean> {
  const added = await tx('group_members')
    .insert({ group_id: groupId, user_id: userId })
    .onConflict(['group_id', 'user_id'])
    .ignore()
    .returning('group_id');
  return added.length === 1;
}
