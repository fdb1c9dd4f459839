import { addMinutes } from '../../core/time.ts';
import type { Transaction } from '../../core/work.ts';
import { reclaimHours } from '../method.ts';
import { type Passkey, removedReason } from './passkey.ts';

interface PasskeyRow {
  id: string;
  credential_id: Buffer;
  user_id: string;
  public_key: Buffer;
  algorithm: number;
  sign_count: string;
  transports: string[];
  aaguid: string;
  backup_eligible: boolean;
  backed_up: boolean;
  name: string;
  created_at: Date;
  created_with: string | null;
  first_used_at: Date | null;
  last_used_at: Date | null;
  last_used_with: string | null;
  suspended_at: Date | null;
  suspend_reason: string | null;
  contain_since: Date | null;
  pass_id: string | null;
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    credentialId: row.credential_id,
    userId: row.user_id,
    publicKey: row.public_key,
    signCount: Number(row.sign_count),
    transports: row.transports,
    aaguid: row.aaguid,
    backupEligible: row.backup_eligible,
    backedUp: row.backed_up,
    name: row.name,
    createdAt: row.created_at,
    createdWith: row.created_with,
    firstUsedAt: row.first_used_at,
    lastUsedAt: row.last_used_at,
    lastUsedWith: row.last_used_with,
    suspendedAt: row.suspended_at,
    suspendReason: row.suspend_reason,
    containSince: row.contain_since,
    passId: row.pass_id,
  };
}

/** `refused`: policy does not let the user sign in with it. */
export async function ofUser(tx: Transaction, userId: string): Promise<(Passkey & { readonly refused: boolean })[]> {
  const rows = await tx<PasskeyRow>('passkeys')
    .where('user_id', '=', userId)
    .whereNull('removed_at' as never)
    .orderBy('created_at')
    .select<(PasskeyRow & { refused: boolean })[]>('*', tx.raw('not passkey_allowed(aaguid, user_id) as refused'));
  return rows.map((row) => ({ ...toPasskey(row), refused: row.refused }));
}

/** What policy says of registering one of this model for the user, and how many there are already. */
export async function roomFor(
  tx: Transaction,
  asked: { userId: string; aaguid: string },
): Promise<{ count: number; allowed: boolean; barred: boolean; modelAllowed: boolean }> {
  const { rows } = await tx.raw<{
    rows: { count: number; allowed: boolean; barred: boolean; model_allowed: boolean }[];
  }>(
    `select policy_allows('fido2', :userId) as allowed, 'passkey' = any(barred_methods(:userId)) as barred,
            model_allowed(:aaguid) as model_allowed,
            (select count(*)::integer from passkeys where user_id = :userId and removed_at is null) as count`,
    asked,
  );
  const { model_allowed: modelAllowed, ...room } = rows[0]!;
  return { ...room, modelAllowed };
}

/** Whether policy lets the user have passkeys at all, whoever registers them. */
export async function mayHave(tx: Transaction, userId: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: { allowed: boolean }[] }>(`select policy_allows('fido2', :userId) as allowed`, {
    userId,
  });
  return rows[0]!.allowed;
}

export async function byId(tx: Transaction, id: string): Promise<Passkey | undefined> {
  const row = await tx<PasskeyRow>('passkeys').where('id', '=', id).first();
  return row && toPasskey(row);
}

/** The passkey a pass added, while it was not used yet. */
export async function unusedOfPass(tx: Transaction, passId: string): Promise<Passkey | undefined> {
  const row = await tx<PasskeyRow>('passkeys')
    .where('pass_id' as never, '=', passId)
    .whereNull('first_used_at')
    .first();
  return row && toPasskey(row);
}

/** Also one that was removed since: a pass adds one. */
export async function addedThrough(tx: Transaction, passId: string): Promise<boolean> {
  const { rows } = await tx.raw<{ rows: unknown[] }>(
    `select 1 from passkeys where pass_id = :passId
     union all select 1 from passkey_passes where pass_id = :passId`,
    { passId },
  );
  return rows.length > 0;
}

/** A credential with what the account says of itself: the assertion's user handle must equal it. */
export async function byCredentialId(
  tx: Transaction,
  credentialId: Buffer,
): Promise<
  { passkey: Passkey; userHandle: Buffer; userEnabled: boolean; userNameKey: string; refused: boolean } | undefined
> {
  const row = await tx<PasskeyRow>('passkeys as k')
    .join('users as u', 'u.id', 'k.user_id')
    .where('k.credential_id', '=', credentialId)
    .first<
      | (PasskeyRow & { user_handle: Buffer; account_enabled: boolean; user_name_key: string; refused: boolean })
      | undefined
    >(
      'k.*',
      'u.user_handle',
      'u.account_enabled',
      'u.user_name_key',
      tx.raw('not passkey_allowed(k.aaguid, k.user_id) as refused'),
    );
  return (
    row && {
      passkey: toPasskey(row),
      userHandle: row.user_handle,
      userEnabled: row.account_enabled,
      userNameKey: row.user_name_key,
      refused: row.refused,
    }
  );
}

/** False when the credential is registered already, or the pass has added one before. */
export async function insert(
  tx: Transaction,
  passkey: Omit<
    Passkey,
    'firstUsedAt' | 'lastUsedAt' | 'lastUsedWith' | 'suspendedAt' | 'suspendReason' | 'containSince'
  > & { algorithm: number },
): Promise<boolean> {
  const inserted = await tx('passkeys')
    .insert({
      id: passkey.id,
      credential_id: passkey.credentialId,
      user_id: passkey.userId,
      public_key: passkey.publicKey,
      algorithm: passkey.algorithm,
      sign_count: passkey.signCount,
      transports: passkey.transports,
      aaguid: passkey.aaguid,
      backup_eligible: passkey.backupEligible,
      backed_up: passkey.backedUp,
      name: passkey.name,
      created_at: passkey.createdAt,
      created_with: passkey.createdWith,
      pass_id: passkey.passId,
    })
    .onConflict()
    .ignore()
    .returning('id');
  return inserted.length === 1;
}

/**
 * Takes note of a use; the statement holds every condition. False when the passkey was suspended, its user disabled, policy does not
 * allow it, or another use raised the counter meanwhile. A counter of 0 means the authenticator does not count (WebAuthn L3 §6.1.1).
 */
export async function markUsed(
  tx: Transaction,
  now: Date,
  use: { id: string; signCount: number; backedUp: boolean; device: string | null },
): Promise<boolean> {
  const result = await tx.raw<{ rowCount: number }>(
    `update passkeys k
        set sign_count = :signCount, backed_up = :backedUp, last_used_at = :now, last_used_with = :device,
            first_used_at = coalesce(k.first_used_at, :now)
       from users u
      where k.id = :id and k.suspended_at is null
        and (k.sign_count < :signCount::bigint or (k.sign_count = 0 and :signCount::bigint = 0))
        and u.id = k.user_id and u.account_enabled and passkey_allowed(k.aaguid, k.user_id)`,
    { ...use, now } as never,
  );
  return result.rowCount === 1;
}

export async function suspend(tx: Transaction, now: Date, id: string, reason: string): Promise<void> {
  await tx('passkeys')
    .where('id', '=', id)
    .whereNull('suspended_at')
    .update({ suspended_at: now, suspend_reason: reason });
}

/** Returns the ids of those that were not suspended before. */
export async function suspendAddedSince(
  tx: Transaction,
  now: Date,
  asked: { userId: string; since: Date; spared: readonly string[]; reason: string },
): Promise<string[]> {
  const rows = await tx('passkeys')
    .where('user_id', '=', asked.userId)
    .where('created_at', '>=', asked.since)
    .whereRaw('id::text <> all (?)', [[...asked.spared]])
    .whereNull('suspended_at')
    .update({ suspended_at: now, suspend_reason: asked.reason })
    .returning<{ id: string }[]>('id');
  return rows.map(({ id }) => id);
}

/** The name of what was removed; undefined when this user has no such passkey. */
export async function remove(tx: Transaction, now: Date, userId: string, id: string): Promise<string | undefined> {
  const { rows } = await tx.raw<{ rows: { name: string }[] }>(
    removing('id = :id and user_id = :userId and removed_at is null'),
    { userId, id, now } as never,
  );
  return rows[0]?.name;
}

/** The same, and what nobody has used was never added: the pass may add another. One that was used or suspended counts. */
export async function withdraw(tx: Transaction, now: Date, userId: string, id: string): Promise<string | undefined> {
  const { rows } = await tx.raw<{ rows: { name: string }[] }>(
    removing('id = :id and user_id = :userId and removed_at is null', 'was_used or suspended_at is not null'),
    { userId, id, now } as never,
  );
  return rows[0]?.name;
}

/** The pass that added it is remembered where that counts, so that it adds no other. */
function removing(condition: string, counts = 'true'): string {
  return `
    with gone as (
      delete from passkeys where ${condition} returning name, pass_id, suspended_at, first_used_at is not null as was_used),
    noted as (
      insert into passkey_passes (pass_id, removed_at)
      select pass_id, :now from gone where pass_id is not null and (${counts}) on conflict (pass_id) do nothing)
    select name from gone`;
}

/**
 * Takes it out of sight while it opens "this was not me": one that was called lost and still does, or one from before `passesSince`,
 * which does from now on. Undefined for any other.
 */
export async function bury(
  tx: Transaction,
  now: Date,
  { userId, id, passesSince }: { userId: string; id: string; passesSince: Date | undefined },
): Promise<string | undefined> {
  const { rows } = await tx.raw<{ rows: { name: string }[] }>(
    `update passkeys
        set removed_at = :now, suspended_at = coalesce(suspended_at, :now),
            suspend_reason = coalesce(suspend_reason, :removedReason), contain_since = coalesce(contain_since, :passesSince)
      where id = :id and user_id = :userId and removed_at is null
        and ((contain_since is not null and suspended_at > :reclaimableSince)
          or (suspended_at is null and created_at < :passesSince::timestamptz))
    returning name`,
    {
      userId,
      id,
      now,
      removedReason,
      passesSince: passesSince ?? null,
      reclaimableSince: reclaimableSince(now),
    } as never,
  );
  return rows[0]?.name;
}

/** What was removed and opens nothing any more, and passes that nobody has by now: none lives longer than 30 days. */
export async function forgetRemoved(tx: Transaction, now: Date): Promise<void> {
  const before = reclaimableSince(now);
  await tx.raw(removing('removed_at is not null and suspended_at <= :before'), { now, before } as never);
  await tx('passkey_passes')
    .where('removed_at', '<', addMinutes(now, -31 * 24 * 60))
    .delete();
}

function reclaimableSince(now: Date): Date {
  return addMinutes(now, -reclaimHours * 60);
}

/** False when this user has no such passkey, or an administrator suspended it before. */
export async function suspendOne(
  tx: Transaction,
  now: Date,
  asked: { userId: string; id: string; reason: string; containSince: Date | null },
): Promise<boolean> {
  const query = tx('passkeys').where('id', '=', asked.id).where('user_id', '=', asked.userId).whereNull('removed_at');
  // What somebody called lost is suspended for good by an administrator, and opens nothing from then on.
  if (asked.containSince === null) query.whereRaw('(suspended_at is null or contain_since is not null)');
  else query.whereNull('suspended_at');
  const count = await query.update({
    suspended_at: now,
    suspend_reason: asked.reason,
    contain_since: asked.containSince,
  });
  return count === 1;
}

/** Lifts a suspension for the one reason, or for any but that it may have been copied. */
export async function lift(
  tx: Transaction,
  asked: { userId: string; id: string; reason: 'lost' | 'any' },
): Promise<boolean> {
  const query = tx('passkeys')
    .where('id', '=', asked.id)
    .where('user_id', '=', asked.userId)
    .whereNull('removed_at')
    .whereNotNull('suspended_at')
    .whereRaw("suspend_reason is distinct from 'counter_regress'");
  if (asked.reason === 'lost') query.where('suspend_reason', '=', 'lost');
  return (await query.update({ suspended_at: null, suspend_reason: null, contain_since: null })) === 1;
}

/** Whose it is, and since when what was added may be somebody else's; undefined when it was neither called lost nor buried in the last hours. */
export async function reclaimable(
  tx: Transaction,
  now: Date,
  id: string,
): Promise<{ userId: string; since: Date } | undefined> {
  const row = await tx<PasskeyRow>('passkeys')
    .where('id', '=', id)
    .whereNotNull('contain_since' as never)
    .where('suspended_at', '>', reclaimableSince(now))
    .first();
  return row && { userId: row.user_id, since: row.contain_since! };
}

/** It works again, removed or not. */
export async function reclaim(tx: Transaction, now: Date, asked: { userId: string; id: string }): Promise<boolean> {
  const count = await tx('passkeys')
    .where('id', '=', asked.id)
    .where('user_id', '=', asked.userId)
    .whereNotNull('contain_since')
    .where('suspended_at', '>', reclaimableSince(now))
    .update({ suspended_at: null, suspend_reason: null, contain_since: null, removed_at: null });
  return count === 1;
}

export async function rename(tx: Transaction, userId: string, id: string, name: string): Promise<boolean> {
  const query = tx('passkeys').where('id', '=', id).where('user_id', '=', userId).whereNull('removed_at');
  return (await query.update({ name })) === 1;
}

export interface Ceremony {
  readonly challenge: string;
  readonly kind: 'registration' | 'authentication';
  readonly owner: Buffer;
}

/** To sign in: whose passkey it will be is not known yet. */
export async function openAuthentication(
  tx: Transaction,
  expiresAt: Date,
  { challenge, owner }: Omit<Ceremony, 'kind'>,
): Promise<void> {
  await tx('passkey_ceremonies').insert({ challenge, kind: 'authentication', owner, expires_at: expiresAt });
}

/** To register one for a user. False when the user is being deleted: that is waited for. */
export async function openRegistration(
  tx: Transaction,
  expiresAt: Date,
  ceremony: Omit<Ceremony, 'kind'> & { readonly userId: string },
): Promise<boolean> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `insert into passkey_ceremonies (challenge, kind, owner, user_id, expires_at)
     select :challenge, 'registration', :owner, u.id, :expiresAt from users u where u.id = :userId for key share`,
    { ...ceremony, expiresAt } as never,
  );
  return rowCount === 1;
}

/** Takes the ceremony, once: whatever comes of it, its challenge is gone. */
export async function takeCeremony(
  tx: Transaction,
  now: Date,
  asked: Ceremony,
): Promise<{ userId: string | null } | undefined> {
  const [row] = await tx('passkey_ceremonies')
    .where('challenge', '=', asked.challenge)
    .where('kind', '=', asked.kind)
    .where('owner', '=', asked.owner)
    .where('expires_at', '>', now)
    .delete()
    .returning<{ user_id: string | null }[]>('user_id');
  return row && { userId: row.user_id };
}

export async function deleteExpiredCeremonies(tx: Transaction, now: Date): Promise<number> {
  return tx('passkey_ceremonies').where('expires_at', '<', now).delete();
}
