import { randomUUID } from 'node:crypto';
import { placed } from '../core/conditions.ts';
import type { Transaction } from '../core/work.ts';
import { conditionOf, orderedBy } from './conditions.ts';
import type { Group, GroupFilter, GroupOrder } from './group.ts';

const columns = ['id', 'display_name as displayName', 'created_at as createdAt'] as const;

export async function byId(tx: Transaction, id: string): Promise<Group | undefined> {
  return tx('groups')
    .where('id', '=', id)
    .first(...columns);
}

export async function byName(tx: Transaction, displayName: string): Promise<Group | undefined> {
  return tx('groups')
    .where('display_name', '=', displayName)
    .orderBy('created_at')
    .first(...columns);
}

/** Who makes or renames a group of that name takes turns until the work ends: a name stands for one group. */
export async function lockName(tx: Transaction, displayName: string): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtext('latchkey/group-name'), hashtext(?))", [displayName]);
}

/** Holds the group still until the work ends; undefined when there is none. */
export async function lock(tx: Transaction, id: string): Promise<Group | undefined> {
  return tx('groups')
    .where('id', '=', id)
    .forNoKeyUpdate()
    .first(...columns);
}

/** Keeps the group from being deleted until the work ends, and nobody else from doing the same; undefined when there is none. */
export async function hold(tx: Transaction, id: string): Promise<string | undefined> {
  const row = await tx('groups').where('id', '=', id).forKeyShare().first<{ id: string } | undefined>('id');
  return row?.id;
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
  const group = { id: randomUUID(), displayName, createdAt: now };
  await tx('groups').insert({ id: group.id, display_name: displayName, created_at: now });
  return group;
}

export async function rename(tx: Transaction, id: string, displayName: string): Promise<void> {
  await tx('groups').where('id', '=', id).update({ display_name: displayName });
}

/** The memberships go with the row. */
export async function remove(tx: Transaction, id: string): Promise<void> {
  await tx('groups').where('id', '=', id).delete();
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

/** False when the user was no member. */
export async function removeMember(tx: Transaction, groupId: string, userId: string): Promise<boolean> {
  return (await tx('group_members').where('group_id', '=', groupId).where('user_id', '=', userId).delete()) === 1;
}

export async function hasMemberWithRole(tx: Transaction, groupId: string): Promise<boolean> {
  const row = await tx('group_members as m')
    .join('role_assignments as r', 'r.user_id', 'm.user_id')
    .where('m.group_id', '=', groupId)
    .first('m.user_id');
  return row !== undefined;
}

/** At most `most` of them, from after the one with these keys on: what it is ordered by, and its id. */
export async function some(
  tx: Transaction,
  filter: GroupFilter | undefined,
  order: GroupOrder,
  after: readonly string[] | undefined,
  most: number,
): Promise<Group[]> {
  const place = placed(orderedBy[order.by], order.descending);
  const query = filtered(tx, filter).orderByRaw(place.orderBy).limit(most);
  if (after) {
    const { sql, values } = place.after(after);
    query.whereRaw(sql, values as never);
  }
  return query.select(...columns);
}

export async function count(tx: Transaction, filter: GroupFilter | undefined): Promise<number> {
  const [row] = (await filtered(tx, filter).count('* as count')) as { count: string }[];
  return Number(row!.count);
}

function filtered(tx: Transaction, filter: GroupFilter | undefined) {
  const query = tx('groups');
  switch (filter?.kind) {
    case undefined:
      return query;
    case 'asked': {
      const { sql, values } = conditionOf(filter);
      return query.whereRaw(sql, values as never);
    }
    case 'hasMember':
      return query.whereRaw('id in (select group_id from group_members where user_id = ?)', [filter.value]);
  }
}

export async function list(tx: Transaction): Promise<Group[]> {
  return tx('groups')
    .orderBy(['display_name', 'id'])
    .select(...columns);
}
