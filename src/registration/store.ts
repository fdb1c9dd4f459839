import type { Transaction } from '../core/work.ts';
import type { MethodId } from '../methods/method.ts';
import type { RegistrationStanding } from './demand.ts';

export interface StandingRow {
  user_id: string;
  groups: string[];
  methods: MethodId[];
  barred: MethodId[];
  snoozes: number;
  snoozed_until: Date | null;
  confirmed_at: Date;
}

export async function standingOf(
  tx: Transaction,
  userId: string,
): Promise<(RegistrationStanding & { readonly confirmedAt: Date }) | undefined> {
  const row = await tx('registration_standing').where('user_id', '=', userId).first<StandingRow | undefined>();
  if (!row) return undefined;
  const { groups, methods, barred, snoozes, snoozed_until: snoozedUntil, confirmed_at: confirmedAt } = row;
  return { userId, groups, methods, barred, snoozes, snoozedUntil, confirmedAt };
}

/** True for the one request that puts it off: not while it is put off already, and not more than `most` times. */
export async function snooze(
  tx: Transaction,
  now: Date,
  { userId, until, most }: { userId: string; until: Date; most: number },
): Promise<boolean> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `insert into registration_snoozes as s (user_id, count, until)
       select :userId, 1, :until where :most > 0
     on conflict (user_id) do update set count = s.count + 1, until = excluded.until
       where s.until <= :now and s.count < :most`,
    { userId, until, most, now } as never,
  );
  return rowCount === 1;
}

export async function confirm(tx: Transaction, now: Date, userId: string): Promise<void> {
  await tx('registration_confirmations')
    .insert({ user_id: userId, confirmed_at: now })
    .onConflict('user_id')
    .merge(['confirmed_at']);
}

export async function barredOf(tx: Transaction, userId: string): Promise<MethodId[]> {
  const { rows } = await tx.raw<{ rows: { barred: MethodId[] }[] }>('select barred_methods(:userId) as barred', {
    userId,
  });
  return rows[0]!.barred;
}
