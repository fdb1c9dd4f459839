import { randomBytes, randomUUID } from 'node:crypto';
import { placed } from '../core/conditions.ts';
import type { Transaction } from '../core/work.ts';
import { conditionOf, orderedBy } from './conditions.ts';
import { type User, type UserFilter, type UserOrder, userNameKey } from './user.ts';

interface UserRow {
  id: string;
  user_principal_name: string;
  display_name: string;
  mail: string | null;
  manager_id: string | null;
  account_enabled: boolean;
  user_handle: Buffer;
  created_at: Date;
  mail_changed_at: Date | null;
  manager_changed_at: Date | null;
  contained_at: Date | null;
  contained_in: string | null;
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
    mailChangedAt: row.mail_changed_at,
    managerChangedAt: row.manager_changed_at,
    containedAt: row.contained_at,
    containedIn: row.contained_in,
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

/** The same, with those whose manager the user is, by id: deleting the user changes them. */
export async function lockWithReports(tx: Transaction, id: string): Promise<User | undefined> {
  const rows = await tx<UserRow>('users')
    .where('id', '=', id)
    .orWhere('manager_id', '=', id)
    .orderBy('id')
    .forNoKeyUpdate();
  const row = rows.find((one) => one.id === id);
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

/** Writes what has changed, and when where that matters; the mail address that goes is kept as a former one. */
export async function update(
  tx: Transaction,
  now: Date,
  id: string,
  changes: Partial<Pick<User, 'displayName' | 'mail' | 'managerId' | 'enabled'>>,
): Promise<void> {
  if (changes.mail !== undefined) await keepFormerAddress(tx, now, id);
  await tx('users')
    .where('id', '=', id)
    .update({
      ...(changes.displayName !== undefined && { display_name: changes.displayName }),
      ...(changes.mail !== undefined && { mail: changes.mail, mail_changed_at: now }),
      ...(changes.managerId !== undefined && { manager_id: changes.managerId, manager_changed_at: now }),
      ...(changes.enabled !== undefined && { account_enabled: changes.enabled }),
      updated_at: now,
    });
}

/** For a day: RULES 1.2. */
async function keepFormerAddress(tx: Transaction, now: Date, id: string): Promise<void> {
  await tx.raw(
    `insert into former_addresses (user_id, mail, until)
     select id, mail, :now::timestamptz + interval '24 hours' from users where id = :id and mail is not null
     on conflict (user_id, mail) do update set until = excluded.until`,
    { id, now } as never,
  );
}

/** The user's name and where the user is reached: `mail`, and what it was up to a day ago; undefined for nobody. */
export async function addresses(
  tx: Transaction,
  now: Date,
  id: string,
): Promise<{ userPrincipalName: string; addresses: string[] } | undefined> {
  const { rows } = await tx.raw<{ rows: { user_principal_name: string; mail: string | null }[] }>(
    `select distinct on (lower(a.mail)) u.user_principal_name, a.mail
       from users u left join lateral (
         select u.mail union all select f.mail from former_addresses f where f.user_id = u.id and f.until > :now
       ) a on a.mail is not null
      where u.id = :id
      order by lower(a.mail)`,
    { id, now } as never,
  );
  const [first] = rows;
  return (
    first && {
      userPrincipalName: first.user_principal_name,
      addresses: rows.flatMap(({ mail }) => mail ?? []),
    }
  );
}

export async function deleteFormerAddresses(tx: Transaction, now: Date): Promise<number> {
  return tx('former_addresses').where('until', '<=', now).delete();
}

export async function markContained(
  tx: Transaction,
  now: Date,
  { id, sessionUid }: { id: string; sessionUid: string | null },
): Promise<void> {
  await tx('users').where('id', '=', id).update({ contained_at: now, contained_in: sessionUid });
}

/** Entries of which the last was before `since` are forgotten. */
export async function noteBootstrap(
  tx: Transaction,
  { userId, now, since }: { userId: string; now: Date; since: Date },
): Promise<void> {
  await tx.raw(
    `insert into bootstrap_entries as e (user_id, first_at, last_at) values (:userId, :now, :now)
     on conflict (user_id) do update
       set first_at = case when e.last_at > :since then e.first_at else excluded.first_at end, last_at = excluded.last_at`,
    { userId, now, since } as never,
  );
}

export async function bootstrappedSince(tx: Transaction, userId: string, since: Date): Promise<Date | undefined> {
  const row = await tx('bootstrap_entries')
    .where('user_id', '=', userId)
    .where('last_at', '>', since)
    .first<{ first_at: Date } | undefined>('first_at');
  return row?.first_at;
}

/** Credentials, passes, memberships and roles go with the row. */
export async function remove(tx: Transaction, id: string): Promise<void> {
  await tx('users').where('id', '=', id).delete();
  // After what is entered: no table holds it to the user.
  await tx('bootstrap_entries').where('user_id', '=', id).delete();
}

/** At most `most` of them, from after the one with these keys on: what it is ordered by, and its id. */
export async function some(
  tx: Transaction,
  filter: UserFilter | undefined,
  order: UserOrder,
  after: readonly string[] | undefined,
  most: number,
): Promise<User[]> {
  const place = placed(orderedBy[order.by], order.descending);
  const query = filtered(tx, filter).orderByRaw(place.orderBy).limit(most).select('*');
  if (after) {
    const { sql, values } = place.after(after);
    query.whereRaw(sql, values as never);
  }
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
    case 'asked': {
      const { sql, values } = conditionOf(filter);
      return query.whereRaw(sql, values as never);
    }
    case 'memberOf':
      return query.whereRaw('id in (select user_id from group_members where group_id = ?)', [filter.value]);
    case 'ownerOf':
      return query.whereRaw('id in (select user_id from client_owners where client_id = ?)', [filter.value]);
  }
}

export async function list(tx: Transaction): Promise<User[]> {
  return (await tx<UserRow>('users').orderBy('user_name_key')).map(toUser);
}
