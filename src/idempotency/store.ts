import type { Transaction } from '../core/work.ts';

interface Kept {
  readonly keyHash: Buffer;
  readonly bodyDigest: Buffer;
  readonly madeId: string;
  readonly madeAt: Date;
}

/** Requests with one key take turns until the work ends. */
export async function lock(tx: Transaction, keyHash: Buffer): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtext('latchkey/idempotency'), hashtext(?))", [
    keyHash.toString('hex'),
  ]);
}

export async function madeSince(
  tx: Transaction,
  keyHash: Buffer,
  since: Date,
): Promise<Pick<Kept, 'bodyDigest' | 'madeId'> | undefined> {
  return tx('idempotency_keys')
    .where('key_hash', '=', keyHash)
    .where('made_at', '>', since)
    .first('body_digest as bodyDigest', 'made_id as madeId');
}

/** In place of what stood there too long ago to count. */
export async function put(tx: Transaction, { keyHash, bodyDigest, madeId, madeAt }: Kept): Promise<void> {
  await tx('idempotency_keys')
    .insert({ key_hash: keyHash, body_digest: bodyDigest, made_id: madeId, made_at: madeAt })
    .onConflict('key_hash')
    .merge();
}

export async function forgetBefore(tx: Transaction, before: Date): Promise<number> {
  return tx('idempotency_keys').where('made_at', '<=', before).delete();
}
