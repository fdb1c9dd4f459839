/**
 * Our keys at a provider that knows us by `private_key_jwt`: two at most, both published, and one signs. A new one is added, signs
 * once the provider has had the time to read it, and the old one goes when nothing that it signed is under way.
 */
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { permit } from '../../roles/permit.ts';
import { newKey, type PublicKey, type SealedKey } from './credentials.ts';
import * as upstreams from './store.ts';

export interface ProviderKey {
  readonly id: string;
  /** The `kid`. */
  readonly keyId: string;
}

/**
 * Makes one that is published and signs nothing yet. Fails with `not_found`, and with `conflict` for a provider that knows us by a
 * secret, or that has two.
 */
export async function addProviderKey(work: Work, id: string): Promise<PublicKey> {
  await permit(work, 'upstreams.write');
  const { key, other } = await keysOf(work, id);
  if (other) {
    throw new AppError('conflict', `There are two keys already. Remove the one that signs nothing: ${kidOf(other)}.`);
  }
  const made = await newKey(work.secrets, id);
  await upstreams.setKeys(work.tx, work.now, id, { key, other: made });
  work.record({ type: 'identity-provider.key-added', details: { identityProvider: id, keyId: kidOf(made) } });
  return made.publicKey;
}

/**
 * From now on this one signs, and the one before stays published. Nothing changes when it does already. Fails with `not_found`, and
 * with `conflict` for a provider that knows us by a secret.
 */
export async function useProviderKey(work: Work, { id, keyId }: ProviderKey): Promise<void> {
  await permit(work, 'upstreams.write');
  const { key, other } = await keysOf(work, id);
  if (kidOf(key) === keyId) return;
  if (!other || kidOf(other) !== keyId) throw noSuchKey();
  await upstreams.setKeys(work.tx, work.now, id, { key: other, other: key });
  work.record({
    type: 'identity-provider.key-used',
    details: { identityProvider: id, keyId, before: kidOf(key) },
  });
}

/** Fails with `not_found`, and with `conflict` for the one that signs. */
export async function removeProviderKey(work: Work, { id, keyId }: ProviderKey): Promise<void> {
  await permit(work, 'upstreams.write');
  const { key, other } = await keysOf(work, id);
  if (kidOf(key) === keyId) throw new AppError('conflict', 'This key signs. Use another one first, then remove this.');
  if (!other || kidOf(other) !== keyId) throw noSuchKey();
  await upstreams.setKeys(work.tx, work.now, id, { key, other: null });
  work.record({ type: 'identity-provider.key-removed', details: { identityProvider: id, keyId } });
}

async function keysOf(work: Work, id: string): Promise<{ readonly key: SealedKey; readonly other: SealedKey | null }> {
  const found = await upstreams.lockProvider(work.tx, id);
  if (!found) throw new AppError('not_found', 'There is no such identity provider.');
  if (!found.key) throw new AppError('conflict', `${id} knows us by a secret, and by no key.`);
  return { key: found.key, other: found.other };
}

function kidOf({ publicKey }: SealedKey): string {
  return publicKey.kid;
}

function noSuchKey(): AppError {
  return new AppError('not_found', 'There is no such key.');
}
