import type { Transaction } from '../../core/work.ts';
import { stillMayIssueSql } from '../../roles/still-may-issue.ts';
import type { Pass, PassPurpose } from './pass.ts';

interface PassRow {
  id: string;
  user_id: string;
  verifier: string;
  code_length: number;
  starts_at: Date;
  expires_at: Date;
  one_time: boolean;
  purpose: PassPurpose;
  window_minutes: number;
  maximum_uses: number | null;
  reason: string | null;
  ticket: string | null;
  verified_by: string | null;
  issued_at: Date;
  issued_by_kind: Pass['issuedByKind'];
  issued_by_id: string | null;
  uses: number;
  last_used_at: Date | null;
  bound_browser: Buffer | null;
  window_ends_at: Date | null;
  completed_at: Date | null;
  locked_at: Date | null;
  ended_at: Date | null;
  end_reason: Pass['endReason'];
}

function toPass(row: PassRow): Pass {
  return {
    id: row.id,
    userId: row.user_id,
    verifier: row.verifier,
    codeLength: row.code_length,
    startsAt: row.starts_at,
    expiresAt: row.expires_at,
    oneTime: row.one_time,
    purpose: row.purpose,
    windowMinutes: row.window_minutes,
    maximumUses: row.maximum_uses,
    reason: row.reason,
    ticket: row.ticket,
    verifiedBy: row.verified_by,
    issuedAt: row.issued_at,
    issuedByKind: row.issued_by_kind,
    issuedById: row.issued_by_id,
    uses: row.uses,
    lastUsedAt: row.last_used_at,
    boundBrowser: row.bound_browser,
    windowEndsAt: row.window_ends_at,
    completedAt: row.completed_at,
    lockedAt: row.locked_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
  };
}

/** The user's one pass that was neither revoked nor replaced; it may well be used or expired. */
export async function current(tx: Transaction, userId: string): Promise<Pass | undefined> {
  const row = await tx<PassRow>('temporary_access_passes').where('user_id', '=', userId).whereNull('ended_at').first();
  return row && toPass(row);
}

export async function byId(tx: Transaction, passId: string): Promise<Pass | undefined> {
  const row = await tx<PassRow>('temporary_access_passes').where('id', '=', passId).first();
  return row && toPass(row);
}

/** Current passes of everybody, newest first. */
export async function listCurrent(tx: Transaction): Promise<(Pass & { userPrincipalName: string })[]> {
  const rows = await tx<PassRow>('temporary_access_passes as p')
    .join('users as u', 'u.id', 'p.user_id')
    .whereNull('p.ended_at')
    .orderBy('p.issued_at', 'desc')
    .select<(PassRow & { user_principal_name: string })[]>('p.*', 'u.user_principal_name');
  return rows.map((row) => ({ ...toPass(row), userPrincipalName: row.user_principal_name }));
}

/** What a typed name claims to be, in one read whether the name exists or not. */
export async function claimed(
  tx: Transaction,
  userNameKey: string,
): Promise<{ userId: string; userEnabled: boolean; pass: Pass | undefined } | undefined> {
  const { rows } = await tx.raw<{ rows: (PassRow & { claimed_user_id: string; account_enabled: boolean })[] }>(
    `select u.id as claimed_user_id, u.account_enabled, p.*
       from users u left join temporary_access_passes p on p.user_id = u.id and p.ended_at is null
      where u.user_name_key = ?`,
    [userNameKey],
  );
  const row = rows[0];
  return (
    row && { userId: row.claimed_user_id, userEnabled: row.account_enabled, pass: row.id ? toPass(row) : undefined }
  );
}

/** Puts the new pass in the old one's place; call with the user locked. Returns the id of the pass it ended. */
export async function replace(
  tx: Transaction,
  now: Date,
  pass: Pass,
  pepperVersion: number,
): Promise<string | undefined> {
  const [replaced] = await tx('temporary_access_passes')
    .where('user_id', '=', pass.userId)
    .whereNull('ended_at')
    .update({ ended_at: now, end_reason: 'replaced' })
    .returning<{ id: string }[]>('id');
  await tx('temporary_access_passes').insert({
    id: pass.id,
    user_id: pass.userId,
    verifier: pass.verifier,
    pepper_version: pepperVersion,
    code_length: pass.codeLength,
    starts_at: pass.startsAt,
    expires_at: pass.expiresAt,
    one_time: pass.oneTime,
    purpose: pass.purpose,
    window_minutes: pass.windowMinutes,
    maximum_uses: pass.maximumUses,
    reason: pass.reason,
    ticket: pass.ticket,
    verified_by: pass.verifiedBy,
    issued_at: pass.issuedAt,
    issued_by_kind: pass.issuedByKind,
    issued_by_id: pass.issuedById,
  });
  return replaced?.id;
}

/** False when it had ended before. */
export async function revoke(tx: Transaction, now: Date, passId: string): Promise<boolean> {
  const count = await tx('temporary_access_passes')
    .where('id', '=', passId)
    .whereNull('ended_at')
    .update({ ended_at: now, end_reason: 'revoked' });
  return count === 1;
}

/** Ends the user's pass if it, or what it opened, may still go on. Returns its id. */
export async function revokeLive(tx: Transaction, now: Date, userId: string): Promise<string | undefined> {
  const [revoked] = await tx('temporary_access_passes')
    .where('user_id', '=', userId)
    .whereNull('ended_at')
    .whereNull('completed_at')
    .where('expires_at', '>', now)
    .update({ ended_at: now, end_reason: 'revoked' })
    .returning<{ id: string }[]>('id');
  return revoked?.id;
}

/**
 * Moves the end of a live, unused pass further away; undefined when it ended before, or already lasts that long.
 * A window that is open keeps its end: the browser in it was told a time.
 */
export async function extend(
  tx: Transaction,
  now: Date,
  asked: { passId: string; lifetimeMinutes: number },
): Promise<Pass | undefined> {
  const { rows } = await tx.raw<{ rows: PassRow[] }>(
    `update temporary_access_passes p
        set expires_at = p.starts_at + :lifetimeMinutes::integer * interval '1 minute'
      where p.id = :passId
        and p.ended_at is null and p.completed_at is null and p.locked_at is null and p.expires_at > :now
        and (not p.one_time or p.window_ends_at is null or p.window_ends_at > :now)
        and (p.maximum_uses is null or p.uses < p.maximum_uses)
        and p.expires_at < p.starts_at + :lifetimeMinutes::integer * interval '1 minute'
        -- a role granted since has ended it, as in redeem
        and not exists (select 1 from role_assignments r where r.user_id = p.user_id and r.granted_at > p.issued_at)
    returning p.*`,
    { ...asked, now } as never,
  );
  return rows[0] && toPass(rows[0]);
}

/** A user's passes that ended in any way, the one that ended last first. */
export async function ended(tx: Transaction, now: Date, userId: string): Promise<Pass[]> {
  const { rows } = await tx.raw<{ rows: PassRow[] }>(
    `select p.*
       from temporary_access_passes p
      cross join lateral (select least(p.ended_at, p.completed_at, p.locked_at, p.expires_at,
              case when p.one_time and p.completed_at is null then p.window_ends_at end,
              case when p.uses >= p.maximum_uses then p.last_used_at end) as at) first_end
      where p.user_id = :userId and first_end.at <= :now
      order by first_end.at desc, p.issued_at desc`,
    { userId, now } as never,
  );
  return rows.map(toPass);
}

/** By what an issuer is judged again: `permissions` are the application permissions that let a client issue passes. */
export interface IssuerRules {
  readonly permissions: readonly string[];
  readonly managersMayIssue: boolean;
}

// Of a pass `p` of user `u`: who holds it may, and who issued it still may. Takes `IssuerRules`.
const judgedAgain = (keeping: { held?: boolean } = {}): string => `u.account_enabled
        -- a role granted since ends the pass: its issuer may rank below its holder now
        and not exists (select 1 from role_assignments r where r.user_id = p.user_id and r.granted_at > p.issued_at)
        and (p.issued_by_kind in ('operator', 'system')
          or (p.issued_by_kind = 'user' and (${stillMayIssueSql('p.issued_by_id', 'p.user_id', keeping)}
            or (:managersMayIssue and not exists (select 1 from role_assignments r where r.user_id = p.user_id)
              and exists (select 1 from users m where m.id = u.manager_id and m.id::text = p.issued_by_id and m.account_enabled))))
          or (p.issued_by_kind = 'client'
            and exists (select 1 from clients c where c.client_id = p.issued_by_id and c.app_roles && :permissions::text[])
            and not exists (select 1 from client_owners o where o.client_id = p.issued_by_id and o.user_id = p.user_id)
            and not exists (select 1 from role_assignments r where r.user_id = p.user_id)))`;

/** Which of the passes would be refused for their holder's or their issuer's sake, whatever their own state. */
export async function barred(tx: Transaction, passIds: readonly string[], rules: IssuerRules): Promise<Set<string>> {
  if (passIds.length === 0) return new Set();
  const { rows } = await tx.raw<{ rows: { id: string }[] }>(
    `select p.id from temporary_access_passes p join users u on u.id = p.user_id
      where p.id = any (:passIds::uuid[]) and not (${judgedAgain()})`,
    { passIds, ...rules } as never,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Spends the pass, or goes on with it in the browser that opened it: one statement that names every condition. */
export async function redeem(
  tx: Transaction,
  now: Date,
  asked: IssuerRules & { passId: string; verifier: string; browser: Buffer },
): Promise<Pass | undefined> {
  const { rows } = await tx.raw<{ rows: PassRow[] }>(
    `update temporary_access_passes p
        set uses = p.uses + 1,
            last_used_at = :now,
            failures = 0,
            bound_browser = case when p.one_time then :browser::bytea end,
            window_ends_at = case when p.one_time then
              coalesce(p.window_ends_at, least(:now::timestamptz + p.window_minutes * interval '1 minute', p.expires_at)) end
       from users u
      where p.id = :passId and p.verifier = :verifier
        and p.ended_at is null and p.completed_at is null and p.locked_at is null
        and p.starts_at <= :now and p.expires_at > :now
        and u.id = p.user_id
        and (p.maximum_uses is null or p.uses < p.maximum_uses)
        and (not p.one_time or p.window_ends_at is null or (p.bound_browser = :browser and p.window_ends_at > :now))
        and ${judgedAgain({ held: true })}
    returning p.*`,
    { ...asked, now } as never,
  );
  return rows[0] && toPass(rows[0]);
}

/**
 * Counts a wrong code against a pass of fewer than `below` symbols that could be entered; `most` in a row lock it. True when this
 * one did. The statement is the same for a pass that there is not.
 */
export async function countFailure(
  tx: Transaction,
  now: Date,
  failure: { passId: string; below: number; most: number },
): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: { locked: boolean }[] }>(
    `update temporary_access_passes
        set failures = failures + 1, locked_at = case when failures + 1 >= :most then :now::timestamptz end
      where id = :passId and code_length < :below and locked_at is null
        and ended_at is null and completed_at is null and expires_at > :now
        and (not one_time or window_ends_at is null)
        and (maximum_uses is null or uses < maximum_uses)
    returning locked_at is not null as locked`,
    { ...failure, now } as never,
  );
  return rows[0]?.locked ?? false;
}

/** Whether anybody has a live pass of fewer symbols, as from a policy that has changed since. */
export async function isAnyShorterThan(tx: Transaction, now: Date, symbols: number): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: { exists: boolean }[] }>(
    `select exists (select 1 from temporary_access_passes
       where code_length < :symbols and ended_at is null and completed_at is null and expires_at > :now)`,
    { symbols, now } as never,
  );
  return rows[0]!.exists;
}

/** The pass while what it opened may go on. */
export function open(tx: Transaction, now: Date, passId: string): Promise<Pass | undefined> {
  return stillOpen(tx, now, passId, '');
}

/**
 * The same, held until the work ends: a revocation, a replacement and another tab wait for this work, or this work sees them.
 * The user is held first, in the order in which issuing does it.
 */
export async function holdOpen(tx: Transaction, now: Date, passId: string): Promise<Pass | undefined> {
  await tx.raw(
    `select u.id from users u where u.id = (select p.user_id from temporary_access_passes p where p.id = ?)
       for no key update`,
    [passId],
  );
  return stillOpen(tx, now, passId, 'for no key update of p');
}

async function stillOpen(tx: Transaction, now: Date, passId: string, lock: string): Promise<Pass | undefined> {
  const { rows } = await tx.raw<{ rows: PassRow[] }>(
    `select p.* from temporary_access_passes p join users u on u.id = p.user_id
      where p.id = :passId and p.ended_at is null and p.completed_at is null and p.expires_at > :now
        and (not p.one_time or p.window_ends_at > :now)
        and u.account_enabled
        and not exists (select 1 from role_assignments r where r.user_id = p.user_id and r.granted_at > p.issued_at)
        ${lock}`,
    { passId, now } as never,
  );
  return rows[0] && toPass(rows[0]);
}

/** It has not ended, spent or not: what was born of it goes on. A revocation or a replacement waits for this work. */
export async function holds(tx: Transaction, now: Date, passId: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `select p.id from temporary_access_passes p
      where p.id = :passId and p.ended_at is null and p.expires_at > :now
        and not exists (select 1 from role_assignments r where r.user_id = p.user_id and r.granted_at > p.issued_at)
        for share of p`,
    { passId, now } as never,
  );
  return rows.length === 1;
}

/**
 * What was registered with it was used: it is spent. False when it was so before, and for a reusable pass that only
 * registers, which may be entered again until it ends.
 */
export async function complete(tx: Transaction, now: Date, passId: string): Promise<boolean> {
  const count = await tx('temporary_access_passes')
    .where('id', '=', passId)
    .where((either) => either.where('one_time', '=', true).orWhere('purpose', '=', 'signIn'))
    .whereNull('completed_at')
    .update({ completed_at: now });
  return count === 1;
}

/** A sign-in with it completed: a one-time pass is used. False for any other, and when it was used before. */
export async function useUp(tx: Transaction, now: Date, passId: string): Promise<boolean> {
  const count = await tx('temporary_access_passes')
    .where('id', '=', passId)
    .where('one_time', '=', true)
    .whereNull('completed_at')
    .update({ completed_at: now });
  return count === 1;
}

/** Deletes passes 30 days after their end; the audit log keeps what became of them. */
export async function purgeEnded(tx: Transaction, now: Date): Promise<number> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `delete from temporary_access_passes
      where coalesce(ended_at, completed_at, expires_at) < ?::timestamptz - interval '30 days' and expires_at < ?`,
    [now, now],
  );
  return rowCount;
}
