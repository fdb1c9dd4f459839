import type { Transaction } from '../../core/work.ts';

/** The password of a user, as it is kept. */
export interface Password {
  readonly verifier: string;
  /** When it was set or last changed, and with what. */
  readonly changedAt: Date;
  readonly changedWith: string | null;
  readonly lastUsedAt: Date | null;
  readonly lastUsedWith: string | null;
  readonly lockedAt: Date | null;
}

interface PasswordRow {
  user_id: string;
  verifier: string;
  changed_at: Date;
  changed_with: string | null;
  last_used_at: Date | null;
  last_used_with: string | null;
  locked_at: Date | null;
}

function toPassword(row: PasswordRow): Password {
  return {
    verifier: row.verifier,
    changedAt: row.changed_at,
    changedWith: row.changed_with,
    lastUsedAt: row.last_used_at,
    lastUsedWith: row.last_used_with,
    lockedAt: row.locked_at,
  };
}

/** `refused`: policy does not let the user sign in with it. */
export async function ofUser(
  tx: Transaction,
  userId: string,
): Promise<(Password & { readonly refused: boolean }) | undefined> {
  const row = await tx<PasswordRow>('passwords')
    .where('user_id', '=', userId)
    .first<(PasswordRow & { refused: boolean }) | undefined>(
      '*',
      tx.raw("not policy_allows('password', user_id) as refused"),
    );
  return row && { ...toPassword(row), refused: row.refused };
}

/** What a typed name claims to be, in one read whether the name exists or not, with a password or without. */
export async function claimed(
  tx: Transaction,
  userNameKey: string,
): Promise<{ userId: string; userEnabled: boolean; password: Password | undefined } | undefined> {
  const { rows } = await tx.raw<{ rows: (PasswordRow & { claimed_user_id: string; account_enabled: boolean })[] }>(
    `select u.id as claimed_user_id, u.account_enabled, p.*
       from users u left join passwords p on p.user_id = u.id
      where u.user_name_key = ?`,
    [userNameKey],
  );
  const row = rows[0];
  return (
    row && {
      userId: row.claimed_user_id,
      userEnabled: row.account_enabled,
      password: row.user_id ? toPassword(row) : undefined,
    }
  );
}

/** False when it was changed, removed or locked since it was read, or its user disabled. Failures begin anew. */
export async function markUsed(
  tx: Transaction,
  now: Date,
  use: { userId: string; verifier: string; device: string | null },
): Promise<boolean> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `update passwords p
        set failures = 0, last_used_at = :now, last_used_with = :device
       from users u
      where p.user_id = :userId and p.verifier = :verifier and p.locked_at is null
        and u.id = p.user_id and u.account_enabled`,
    { ...use, now } as never,
  );
  return rowCount === 1;
}

/** Counts a wrong one against the password it was compared with; `most` in a row lock it. True when this one did. */
export async function countFailure(
  tx: Transaction,
  now: Date,
  failure: { userId: string; verifier: string; most: number },
): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: { locked: boolean }[] }>(
    `update passwords
        set failures = failures + 1, locked_at = case when failures + 1 >= :most then :now::timestamptz end
      where user_id = :userId and verifier = :verifier and locked_at is null
    returning locked_at is not null as locked`,
    { ...failure, now } as never,
  );
  return rows[0]?.locked ?? false;
}

/** Sets the user's password, or puts it in the place of the one before: what was counted and locked was that one. */
export async function put(
  tx: Transaction,
  now: Date,
  password: { userId: string; verifier: string; pepperVersion: number; device: string | null },
): Promise<'set' | 'changed'> {
  const { rows } = await tx.raw<{ rows: { is_new: boolean }[] }>(
    `insert into passwords (user_id, verifier, pepper_version, created_at, changed_at, changed_with)
     values (:userId, :verifier, :pepperVersion, :now, :now, :device)
     on conflict (user_id) do update
        set verifier = excluded.verifier, pepper_version = excluded.pepper_version, changed_at = excluded.changed_at,
            changed_with = excluded.changed_with, failures = 0, locked_at = null
    returning xmax = 0 as is_new`,
    { ...password, now } as never,
  );
  return rows[0]!.is_new ? 'set' : 'changed';
}

/** False when there was none. */
export async function remove(tx: Transaction, userId: string): Promise<boolean> {
  return (await tx('passwords').where('user_id', '=', userId).delete()) === 1;
}

/** Locks one that was set or changed since then. False when there was none, or it was locked before. */
export async function lockChangedSince(tx: Transaction, now: Date, userId: string, since: Date): Promise<boolean> {
  const count = await tx('passwords')
    .where('user_id', '=', userId)
    .where('changed_at', '>=', since)
    .whereNull('locked_at')
    .update({ locked_at: now });
  return count === 1;
}
