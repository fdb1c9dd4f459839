import { addMinutes } from '../../core/time.ts';
import type { Transaction } from '../../core/work.ts';

export interface StoredCode {
  readonly id: string;
  readonly userId: string;
  readonly selector: string;
  readonly verifier: string;
}

interface CodeRow {
  id: string;
  user_id: string;
  selector: string;
  verifier: string;
}

export interface Claimed {
  readonly userId: string;
  readonly userEnabled: boolean;
  /** Whether the user has any code at all. */
  readonly hasCodes: boolean;
  readonly code: StoredCode | undefined;
}

/** What a typed name and selector claim to be, in one read whether they exist or not. */
export async function claimed(tx: Transaction, userNameKey: string, selector: string): Promise<Claimed | undefined> {
  const { rows } = await tx.raw<{
    rows: (CodeRow & { claimed_user_id: string; account_enabled: boolean; has_codes: boolean })[];
  }>(
    `select u.id as claimed_user_id, u.account_enabled, c.*,
            exists (select 1 from recovery_codes any_code where any_code.user_id = u.id) as has_codes
       from users u left join recovery_codes c on c.user_id = u.id and c.selector = :selector
      where u.user_name_key = :userNameKey`,
    { userNameKey, selector },
  );
  const row = rows[0];
  return (
    row && {
      userId: row.claimed_user_id,
      userEnabled: row.account_enabled,
      hasCodes: row.has_codes,
      code: row.id ? { id: row.id, userId: row.user_id, selector: row.selector, verifier: row.verifier } : undefined,
    }
  );
}

/** Puts a set in the place of whatever the user has; call with the user locked. True when there was something. */
export async function replace(
  tx: Transaction,
  now: Date,
  made: {
    userId: string;
    setId: string;
    device: string | null;
    pepperVersion: number;
    codes: readonly Omit<StoredCode, 'userId'>[];
  },
): Promise<boolean> {
  const before = await tx('recovery_codes').where('user_id', '=', made.userId).delete();
  await tx('recovery_codes').insert(
    made.codes.map(({ id, selector, verifier }) => ({
      id,
      user_id: made.userId,
      set_id: made.setId,
      selector,
      verifier,
      pepper_version: made.pepperVersion,
      created_at: now,
      created_with: made.device,
    })),
  );
  return before > 0;
}

/** Takes the code, once. False when it was taken or replaced before, its user is disabled, or policy does not allow it: then it is kept. */
export async function take(tx: Transaction, { id, verifier }: Pick<StoredCode, 'id' | 'verifier'>): Promise<boolean> {
  const result = await tx.raw<{ rowCount: number }>(
    `delete from recovery_codes c using users u
      where c.id = :id and c.verifier = :verifier and c.suspended_at is null and u.id = c.user_id and u.account_enabled
        and policy_allows('recoveryCode', c.user_id)
    returning c.id`,
    { id, verifier },
  );
  return result.rowCount === 1;
}

export interface CodeSet {
  readonly id: string;
  readonly createdAt: Date;
  readonly createdWith: string | null;
  readonly left: number;
  /** Policy does not let the user sign in with them. */
  readonly refused: boolean;
  readonly suspendedAt: Date | null;
  readonly suspendReason: string | null;
}

/** The user's set while any of it is left. */
export async function setOf(tx: Transaction, userId: string): Promise<CodeSet | undefined> {
  const { rows } = await tx.raw<{
    rows: {
      set_id: string;
      created_at: Date;
      created_with: string | null;
      left: number;
      refused: boolean;
      suspended_at: Date | null;
      suspend_reason: string | null;
    }[];
  }>(
    `select set_id, created_at, created_with, suspended_at, suspend_reason, count(*)::integer as left,
            not policy_allows('recoveryCode', :userId) as refused
       from recovery_codes where user_id = :userId
      group by set_id, created_at, created_with, suspended_at, suspend_reason`,
    { userId },
  );
  const row = rows[0];
  return (
    row && {
      id: row.set_id,
      createdAt: row.created_at,
      createdWith: row.created_with,
      left: row.left,
      refused: row.refused,
      suspendedAt: row.suspended_at,
      suspendReason: row.suspend_reason,
    }
  );
}

/** All codes that are left of the set. False when this user has no such set, or it is suspended. */
export async function suspendSet(
  tx: Transaction,
  now: Date,
  asked: { userId: string; setId: string; reason: 'lost' | 'administrator' },
): Promise<boolean> {
  const query = tx('recovery_codes').where('user_id', '=', asked.userId).where('set_id', '=', asked.setId);
  if (asked.reason === 'lost') query.whereNull('suspended_at');
  else query.whereRaw("(suspended_at is null or suspend_reason = 'lost')");
  return (await query.update({ suspended_at: now, suspend_reason: asked.reason })) > 0;
}

/** Lifts a suspension for the one reason, or for any. */
export async function liftSet(
  tx: Transaction,
  asked: { userId: string; setId: string; reason: 'lost' | 'any' },
): Promise<boolean> {
  const query = tx('recovery_codes')
    .where('user_id', '=', asked.userId)
    .where('set_id', '=', asked.setId)
    .whereNotNull('suspended_at');
  if (asked.reason === 'lost') query.where('suspend_reason', '=', 'lost');
  return (await query.update({ suspended_at: null, suspend_reason: null })) > 0;
}

/** Takes note that a pass has made its set, once: false when it had before, whatever has become of that set. */
export async function takePass(tx: Transaction, now: Date, passId: string): Promise<boolean> {
  const taken = await tx('recovery_code_passes')
    .insert({ pass_id: passId, made_at: now })
    .onConflict('pass_id')
    .ignore()
    .returning('pass_id');
  return taken.length === 1;
}

export async function madeThrough(tx: Transaction, passId: string): Promise<boolean> {
  return (await tx('recovery_code_passes').where('pass_id', '=', passId).first('pass_id')) !== undefined;
}

/** No pass lives longer than 30 days. */
export async function forgetPasses(tx: Transaction, now: Date): Promise<number> {
  return tx('recovery_code_passes')
    .where('made_at', '<', addMinutes(now, -31 * 24 * 60))
    .delete();
}

/** How many codes went; none when this user has no such set. */
export async function removeSet(tx: Transaction, userId: string, setId: string): Promise<number> {
  return tx('recovery_codes').where('user_id', '=', userId).where('set_id', '=', setId).delete();
}

/** Deletes the user's set, and returns its id. */
export async function removeAll(tx: Transaction, userId: string): Promise<string | undefined> {
  const [first] = await tx('recovery_codes')
    .where('user_id', '=', userId)
    .delete()
    .returning<{ set_id: string }[]>('set_id');
  return first?.set_id;
}

export interface Opening {
  readonly id: string;
  readonly userId: string;
  readonly browser: Buffer;
  readonly endsAt: Date;
}

export async function insertOpening(tx: Transaction, opening: Opening): Promise<void> {
  await tx('recovery_openings').insert({
    id: opening.id,
    user_id: opening.userId,
    browser: opening.browser,
    ends_at: opening.endsAt,
  });
}

/** Whether what a code has opened may go on. */
export function isOpen(tx: Transaction, now: Date, id: string): Promise<boolean> {
  return stillOpen(tx, now, id, '');
}

/** The same, held until the work ends, the user before the opening: what would end it waits for this work. */
export async function holdOpen(tx: Transaction, now: Date, id: string): Promise<boolean> {
  await tx.raw(
    `select u.id from users u where u.id = (select o.user_id from recovery_openings o where o.id = ?)
       for no key update`,
    [id],
  );
  return stillOpen(tx, now, id, 'for no key update of o');
}

async function stillOpen(tx: Transaction, now: Date, id: string, lock: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `select o.id from recovery_openings o join users u on u.id = o.user_id
      where o.id = :id and o.completed_at is null and o.ends_at > :now and u.account_enabled ${lock}`,
    { id, now } as never,
  );
  return rows.length === 1;
}

/** It has not ended, spent or not; and that stays so until the work ends. */
export async function holds(tx: Transaction, now: Date, id: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    'select o.id from recovery_openings o where o.id = :id and o.ends_at > :now for share of o',
    { id, now } as never,
  );
  return rows.length === 1;
}

/** Whose it was; undefined when it was spent before, or there is none. */
export async function complete(tx: Transaction, now: Date, id: string): Promise<string | undefined> {
  const [row] = await tx('recovery_openings')
    .where('id', '=', id)
    .whereNull('completed_at')
    .update({ completed_at: now })
    .returning<{ user_id: string }[]>('user_id');
  return row?.user_id;
}

/** Ends what may still go on. Returns the ids. */
export async function endOpenings(tx: Transaction, now: Date, userId: string): Promise<string[]> {
  const rows = await tx('recovery_openings')
    .where('user_id', '=', userId)
    .whereNull('completed_at')
    .where('ends_at', '>', now)
    .update({ ends_at: now })
    .returning<{ id: string }[]>('id');
  return rows.map(({ id }) => id);
}

export async function deleteEndedOpenings(tx: Transaction, now: Date): Promise<number> {
  return tx('recovery_openings').where('ends_at', '<', now).delete();
}
