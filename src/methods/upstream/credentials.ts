/** How we show a provider who asks: its secret, or a key made here. Both are kept sealed and leave the house in no answer. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { AppError } from '../../core/errors.ts';
import type { Secrets } from '../../core/secrets.ts';
import type { ClientAuthentication } from './provider.ts';

/** The half that everybody may read: ES256, with `kid`, `alg` and `use`. */
export type PublicKey = JWK & { readonly kid: string };

/** A key of ours in both halves. */
export interface SealedKey {
  readonly sealedKey: Buffer;
  readonly publicKey: PublicKey;
}

export interface SealedCredentials {
  readonly sealedSecret: Buffer | null;
  /** The one that signs. */
  readonly key: SealedKey | null;
  /** Published beside it: it is to sign, or did. */
  readonly other: SealedKey | null;
}

export interface OpenedCredentials {
  readonly clientSecret: string | null;
  /** ES256, with its `kid`. */
  readonly privateKey: JWK | null;
}

export const longestSecret = 1000;

const none: SealedCredentials = { sealedSecret: null, key: null, other: null };

/**
 * What a provider has from now on: one or the other, as its way to authenticate wants. A secret that is not given stays; a key is
 * made when there is none. Fails with `invalid_input` for a secret that is missing, or is not for this way.
 */
export async function credentialsFor(
  secrets: Secrets,
  asked: { readonly id: string; readonly way: ClientAuthentication; readonly clientSecret: string | undefined },
  before: SealedCredentials = none,
): Promise<SealedCredentials> {
  const { id, way, clientSecret } = asked;
  if (way === 'private_key_jwt') {
    if (clientSecret !== undefined) {
      throw new AppError('invalid_input', 'clientSecret: private_key_jwt takes none. The key is made here.');
    }
    return { ...before, sealedSecret: null, key: before.key ?? (await newKey(secrets, id)) };
  }
  if (clientSecret === undefined && before.sealedSecret === null) {
    throw new AppError('invalid_input', `clientSecret: ${way} needs the secret that the provider gave you.`);
  }
  if (clientSecret !== undefined && (clientSecret === '' || clientSecret.length > longestSecret)) {
    throw new AppError('invalid_input', `clientSecret: needs 1 to ${longestSecret} characters.`);
  }
  const isSame = clientSecret === undefined || clientSecret === open(secrets, id, before).clientSecret;
  const sealedSecret = isSame ? before.sealedSecret : secrets.seal(secretContext(id), Buffer.from(clientSecret));
  return { ...none, sealedSecret };
}

export async function newKey(secrets: Secrets, id: string): Promise<SealedKey> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const made = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(made);
  const privateKey = { ...(await exportJWK(pair.privateKey)), kid, alg: 'ES256' };
  return {
    sealedKey: secrets.seal(keyContext(id), Buffer.from(JSON.stringify(privateKey))),
    publicKey: { ...made, kid, alg: 'ES256', use: 'sig' },
  };
}

export function open(secrets: Secrets, id: string, { sealedSecret, key }: SealedCredentials): OpenedCredentials {
  return {
    clientSecret: sealedSecret && secrets.open(secretContext(id), sealedSecret).toString('utf8'),
    privateKey: key && (JSON.parse(secrets.open(keyContext(id), key.sealedKey).toString('utf8')) as JWK),
  };
}

function secretContext(id: string): string {
  return `identity_providers/${id}/client_secret`;
}

function keyContext(id: string): string {
  return `identity_providers/${id}/private_key`;
}
