import { addMinutes } from '../../core/time.ts';
import type { Transaction } from '../../core/work.ts';
import type { AuthenticatorApp } from './authenticator-app.ts';

interface AppRow {
  id: string;
  user_id: string;
  sealed_secret: Buffer;
  last_step: string;
  name: string;
  created_at: Date;
  created_with: string | null;
  last_used_at: Date;
  last_used_with: string | null;
  suspended_at: Date | null;
  suspend_reason: string | null;
  pass_id: string | null;
}

function toApp(row: AppRow): AuthenticatorApp {
  return {
    id: row.id,
    userId: row.user_id,
    sealedSecret: row.sealed_secret,
    lastStep: Number(row.last_step),
    name: row.name,
    createdAt: row.created_at,
    createdWith: row.created_with,
    lastUsedAt: row.last_used_at,
    lastUsedWith: row.last_used_with,
    suspendedAt: row.suspended_at,
    suspendReason: row.suspend_reason,
    passId: row.pass_id,
  };
}

/** `refused`: policy does not let the user sign in with it. */
export async function ofUser(
  tx: Transaction,
  userId: string,
): Promise<(AuthenticatorApp & { readonly refused: boolean })[]> {
  const rows = await tx<AppRow>('authenticator_apps')
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .select<(AppRow & { refused: boolean })[]>('*', tx.raw("not policy_allows('softwareOath', user_id) as refused"));
  return rows.map((row) => ({ ...toApp(row), refused: row.refused }));
}

/** An app with whether its user may sign in, and with it; undefined when there is none of that id. */
export async function byId(
  tx: Transaction,
  id: string,
): Promise<{ app: AuthenticatorApp; userEnabled: boolean; refused: boolean } | undefined> {
  const row = await tx<AppRow>('authenticator_apps as a')
    .join('users as u', 'u.id', 'a.user_id')
    .where('a.id', '=', id)
    .first<(AppRow & { account_enabled: boolean; refused: boolean }) | undefined>(
      'a.*',
      'u.account_enabled',
      tx.raw("not policy_allows('softwareOath', a.user_id) as refused"),
    );
  return row && { app: toApp(row), userEnabled: row.account_enabled, refused: row.refused };
}

/** Also one that was removed since: a pass adds one. */
export async function addedThrough(tx: Transaction, passId: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `select 1 from authenticator_apps where pass_id = :passId
     union all select 1 from authenticator_app_passes where pass_id = :passId`,
    { passId },
  );
  return rows.length > 0;
}

/** False when the pass has added one before. */
export async function insert(
  tx: Transaction,
  app: Omit<AuthenticatorApp, 'suspendedAt' | 'suspendReason'>,
): Promise<boolean> {
  const inserted = await tx('authenticator_apps')
    .insert({
      id: app.id,
      user_id: app.userId,
      sealed_secret: app.sealedSecret,
      last_step: app.lastStep,
      name: app.name,
      created_at: app.createdAt,
      created_with: app.createdWith,
      last_used_at: app.lastUsedAt,
      last_used_with: app.lastUsedWith,
      pass_id: app.passId,
    })
    .onConflict('pass_id')
    .ignore()
    .returning('id');
  return inserted.length === 1;
}

/**
 * Counts a wrong code against every app it was compared with. As many in a row as the app has that was used last make `most`: that
 * locks all of them. Returns the ids of those it locked.
 */
export async function countFailure(
  tx: Transaction,
  now: Date,
  failure: { userId: string; most: number },
): Promise<string[]> {
  const usable = await tx('authenticator_apps')
    .where('user_id', '=', failure.userId)
    .whereNull('suspended_at')
    .orderBy('id')
    .forNoKeyUpdate()
    .select<{ id: string; failures: number }[]>('id', 'failures');
  const ids = usable.map(({ id }) => id);
  const locks = Math.min(...usable.map(({ failures }) => failures)) + 1 >= failure.most;
  await tx('authenticator_apps')
    .whereIn('id', ids)
    .update({ failures: tx.raw('failures + 1'), ...(locks && { suspended_at: now, suspend_reason: 'locked' }) });
  return locks ? ids : [];
}

/** Uses a time step, once; false when it or a later one was used, the app suspended, removed or not allowed, or its user disabled. */
export async function useStep(
  tx: Transaction,
  now: Date,
  use: { id: string; step: number; device: string | null },
): Promise<boolean> {
  const result = await tx.raw<{ rowCount: number }>(
    `update authenticator_apps a
        set last_step = :step, last_used_at = :now, last_used_with = :device, failures = 0
       from users u
      where a.id = :id and a.last_step < :step and a.suspended_at is null
        and u.id = a.user_id and u.account_enabled and policy_allows('softwareOath', a.user_id)`,
    { ...use, now } as never,
  );
  return result.rowCount === 1;
}

/** Returns the ids of those that were not suspended before. */
export async function suspendAddedSince(
  tx: Transaction,
  now: Date,
  asked: { userId: string; since: Date; spared: readonly string[]; reason: string },
): Promise<string[]> {
  const rows = await tx('authenticator_apps')
    .where('user_id', '=', asked.userId)
    .where('created_at', '>=', asked.since)
    .whereRaw('id::text <> all (?)', [[...asked.spared]])
    .whereNull('suspended_at')
    .update({ suspended_at: now, suspend_reason: asked.reason })
    .returning<{ id: string }[]>('id');
  return rows.map(({ id }) => id);
}

/** The name of what was removed; undefined when this user has no such app. */
export async function remove(tx: Transaction, now: Date, userId: string, id: string): Promise<string | undefined> {
  const { rows } = await tx.raw<{ rows: { name: string }[] }>(
    `with gone as (delete from authenticator_apps where id = :id and user_id = :userId returning name, pass_id),
     noted as (
       insert into authenticator_app_passes (pass_id, removed_at)
       select pass_id, :now from gone where pass_id is not null on conflict (pass_id) do nothing)
     select name from gone`,
    { userId, id, now } as never,
  );
  return rows[0]?.name;
}

/** No pass lives longer than 30 days. */
export async function forgetPasses(tx: Transaction, now: Date): Promise<number> {
  return tx('authenticator_app_passes')
    .where('removed_at', '<', addMinutes(now, -31 * 24 * 60))
    .delete();
}

/** False when this user has no such app, or it was suspended; an administrator's word takes the place of "lost". */
export async function suspendOne(
  tx: Transaction,
  now: Date,
  asked: { userId: string; id: string; reason: 'lost' | 'administrator' },
): Promise<boolean> {
  const query = tx('authenticator_apps').where('id', '=', asked.id).where('user_id', '=', asked.userId);
  if (asked.reason === 'lost') query.whereNull('suspended_at');
  else query.whereRaw("(suspended_at is null or suspend_reason = 'lost')");
  return (await query.update({ suspended_at: now, suspend_reason: asked.reason })) === 1;
}

/** Lifts a suspension for the one reason, or for any. */
export async function lift(
  tx: Transaction,
  asked: { userId: string; id: string; reason: 'lost' | 'any' },
): Promise<boolean> {
  const query = tx('authenticator_apps')
    .where('id', '=', asked.id)
    .where('user_id', '=', asked.userId)
    .whereNotNull('suspended_at');
  if (asked.reason === 'lost') query.where('suspend_reason', '=', 'lost');
  return (await query.update({ suspended_at: null, suspend_reason: null })) === 1;
}

/** False when this user has no such app. */
export async function rename(tx: Transaction, userId: string, id: string, name: string): Promise<boolean> {
  return (await tx('authenticator_apps').where('id', '=', id).where('user_id', '=', userId).update({ name })) === 1;
}

/** A secret that was shown to somebody and waits for its first code. */
export interface Ceremony {
  readonly owner: Buffer;
  readonly userId: string;
  readonly sealedSecret: Buffer;
}

/** Opens it, or keeps the one that lives: of many at once all get the same. Returns the sealed secret that stands. */
export async function openCeremony(
  tx: Transaction,
  now: Date,
  expiresAt: Date,
  { owner, userId, sealedSecret }: Ceremony,
): Promise<Buffer> {
  await tx.raw(
    `insert into authenticator_app_ceremonies as c (owner, user_id, sealed_secret, expires_at)
     select :owner, u.id, :sealedSecret, :expiresAt from users u where u.id = :userId for key share
     on conflict (owner) do update
        set user_id = excluded.user_id, sealed_secret = excluded.sealed_secret, expires_at = excluded.expires_at
      where c.expires_at <= :now or c.user_id <> excluded.user_id`,
    { owner, userId, sealedSecret, expiresAt, now } as never,
  );
  const row = await tx('authenticator_app_ceremonies')
    .where('owner', '=', owner)
    .first<{ sealed_secret: Buffer } | undefined>('sealed_secret');
  // Taken by another tab, or gone with its user, since the statement above: what is shown here confirms nothing, and the page is loaded again.
  return row?.sealed_secret ?? sealedSecret;
}

/** The sealed secret of the ceremony that lives; undefined when there is none of this owner and user. */
export async function pending(
  tx: Transaction,
  now: Date,
  asked: Pick<Ceremony, 'owner' | 'userId'>,
): Promise<Buffer | undefined> {
  const row = await tx('authenticator_app_ceremonies')
    .where('owner', '=', asked.owner)
    .where('user_id', '=', asked.userId)
    .where('expires_at', '>', now)
    .first<{ sealed_secret: Buffer } | undefined>('sealed_secret');
  return row?.sealed_secret;
}

/** Takes the very ceremony whose secret was confirmed, once. */
export async function takeCeremony(tx: Transaction, now: Date, ceremony: Ceremony): Promise<boolean> {
  const count = await tx('authenticator_app_ceremonies')
    .where('owner', '=', ceremony.owner)
    .where('user_id', '=', ceremony.userId)
    .where('sealed_secret', '=', ceremony.sealedSecret)
    .where('expires_at', '>', now)
    .delete();
  return count === 1;
}

export async function deleteExpiredCeremonies(tx: Transaction, now: Date): Promise<number> {
  return tx('authenticator_app_ceremonies').where('expires_at', '<', now).delete();
}
