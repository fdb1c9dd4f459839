import { randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from '../core/work.ts';
import { type User, type UserFilter, userNameKey } from './user.ts';

interface UserRow {
  id: string;
  user_principal_name: string;
  display_name: string;
  mail: string | null;
  manager_id: string | null;
  account_enabled: boolean;
  user_handle: Buffer;
  created_at: Date;
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    userPrincipalName: row.user_principal_name,
    displayName: row.display_name,
    mail: row.mail,
    managerId: row.manager_id,
    enabled: row.account_enabled,
    userHandle: row.user_handle,
    createdAt: row.created_at,
  };
}

export async function byId(tx: Transaction, id: string): Promise<User | undefined> {
  const row = await tx<UserRow>('users').where('id', '=', id).first();
  return row && toUser(row);
}

export async function byName(tx: Transaction, userName: string): Promise<User | undefined> {
  const row = await tx<UserRow>('users').where('user_name_key', '=', userNameKey(userName)).first();
  return row && toUser(row);
}

/** Locks the user until the end of the work, so that what depends on the user's state takes turns. */
export async function lock(tx: Transaction, id: string): Promise<User | undefined> {
  // Not `for update`: what only refers to the user (a foreign key) need not wait, and must not be waited for crosswise.
  const row = await tx<UserRow>('users').where('id', '=', id).forNoKeyUpdate().first();
  return row && toUser(row);
}

/** Undefined when the name is taken. */
export async function insert(
  tx: Transaction,
  now: Date,
  user: Pick<User, 'userPrincipalName' | 'displayName' | 'mail' | 'enabled'>,
): Promise<User | undefined> {
  const [row] = await tx<UserRow>('users')
    .insert({
      id: randomUUID(),
      user_principal_name: user.userPrincipalName,
      user_name_key: userNameKey(user.userPrincipalName),
      display_name: user.displayName,
      mail: user.mail,
      account_enabled: user.enabled,
      user_handle: randomBytes(64),
      created_at: now,
      updated_at: now,
    } as object)
    .onConflict('user_name_key' as never)
    .ignore()
    .returning('*');
  return row && toUser(row as UserRow);
}

export async function update(
  tx: Transaction,
  now: Date,
  id: string,
  changes: Partial<Pick<User, 'displayName' | 'mail' | 'managerId' | 'enabled'>>,
): Promise<void> {
  await tx('users')
    .where('id', '=', id)
    .update({
      ...(changes.displayName !== undefined && { display_name: changes.displayName }),
      ...(changes.mail !== undefined && { mail: changes.mail }),
      ...(changes.managerId !== undefined && { manager_id: changes.managerId }),
      ...(changes.enabled !== undefined && { account_enabled: changes.enabled }),
      updated_at: now,
    });
}

/** Credentials, passes, memberships and roles go with the row. */
export async function remove(tx: Transaction, id: string): Promise<void> {
  await tx('users').where('id', '=', id).delete();
}

/** At most `most` of them by user name, from after that key on. */
export async function some(
  tx: Transaction,
  filter: UserFilter | undefined,
  afterKey: string | undefined,
  most: number,
): Promise<User[]> {
  const query = filtered(tx, filter).orderBy('user_name_key').limit(most).select('*');
  if (afterKey !== undefined) query.where('user_name_key', '>', afterKey);
  return ((await query) as UserRow[]).map(toUser);
}

export async function count(tx: Transaction, filter: UserFilter | undefined): Promise<number> {
  const [row] = (await filtered(tx, filter).count('* as count')) as { count: string }[];
  return Number(row!.count);
}

function filtered(tx: Transaction, filter: UserFilter | undefined) {
  const query = tx('users');
  switch (filter?.kind) {
    case undefined:
      return query;
    case 'userName':
      return query.where('user_name_key', '=', userNameKey(filter.value));
    case 'displayName':
      return query.whereRaw('lower(display_name) = lower(?)', [filter.value]);
    case 'displayNamePrefix':
      return query.whereRaw('starts_with(lower(display_name), lower(?))', [filter.value]);
    case 'memberOf':
      return query.whereRaw('id in (select user_id from group_members where group_id = ?)', [filter.value]);
  }
}

export async function list(tx: Transaction): Promise<User[]> {
  return (await tx<UserRow>('users').orderBy('user_name_key')).map(toUser);
}
