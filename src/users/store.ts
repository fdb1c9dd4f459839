import { randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from '../core/work.ts';
import { type User, userNameKey } from './user.ts';

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
export async function lock(tx: Transaction, id: string): Promise<void> {
  // Not `for update`: what only refers to the user (a foreign key) need not wait, and must not be waited for crosswise.
  await tx('users').where('id', '=', id).forNoKeyUpdate().select('id');
}

export async function insert(
  tx: Transaction,
  now: Date,
  user: Pick<User, 'userPrincipalName' | 'displayName' | 'mail' | 'enabled'>,
): Promise<User> {
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
    .returning('*');
  return toUser(row as UserRow);
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

export async function list(tx: Transaction): Promise<User[]> {
  return (await tx<UserRow>('users').orderBy('user_name_key')).map(toUser);
}
