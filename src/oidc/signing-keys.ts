import { generateKeyPair, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'oidc-provider';
import { ConfigurationError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';

const generate = promisify(generateKeyPair);

// RS256 is the standard's default for ID tokens; ES256 serves clients that ask for it and JWT access tokens.
const wanted = ['RS256', 'ES256'] as const;
type Algorithm = (typeof wanted)[number];

interface KeyRow {
  kid: string;
  alg: Algorithm;
  sealed_private_jwk: Buffer;
}

/**
 * The private signing keys, the first of each algorithm being the one that signs; missing ones are made.
 * Call it under the start lock, so that nodes that start together agree. Keys rest sealed under the master key.
 */
export async function loadSigningKeys(work: Work): Promise<JWK[]> {
  let rows = await readKeys(work);
  for (const alg of wanted) {
    if (!rows.some((row) => row.alg === alg)) await makeKey(work, alg);
  }
  rows = await readKeys(work);
  return rows.map((row) => {
    const jwk = JSON.parse(unsealed(work, row).toString('utf8')) as JWK;
    // All keys carry the same members: the library prefers a key with `alg` to one without.
    return { ...jwk, kid: row.kid, alg: row.alg, use: 'sig' };
  });
}

/**
 * Fails with a `ConfigurationError` when the database was set up with another master key: everything sealed or hashed
 * under it would be out of reach, and what is made now would be lost to the right one.
 */
export async function demandSameMasterKey(work: Work): Promise<void> {
  for (const row of await readKeys(work)) unsealed(work, row);
}

function unsealed(work: Work, row: KeyRow): Buffer {
  try {
    return work.secrets.open(context(row.kid), row.sealed_private_jwk);
  } catch (error) {
    throw new ConfigurationError(
      [
        'The master key is not the one this database was set up with. Restore it (LATCHKEY_MASTER_KEY, or master.key in the ' +
          'data directory). If it is lost for good, docs/operators.md says how to go on without it.',
      ],
      { cause: error },
    );
  }
}

function readKeys(work: Work): Promise<KeyRow[]> {
  return work
    .tx<KeyRow>('signing_keys')
    .whereNull('retired_at' as never)
    .orderBy('position' as never)
    .select('kid', 'alg', 'sealed_private_jwk');
}

async function makeKey(work: Work, alg: Algorithm): Promise<void> {
  const { privateKey, publicKey } =
    alg === 'RS256' ? await generate('rsa', { modulusLength: 2048 }) : await generate('ec', { namedCurve: 'P-256' });
  const kid = randomUUID();
  await work.tx('signing_keys').insert({
    kid,
    alg,
    public_jwk: JSON.stringify(publicKey.export({ format: 'jwk' })),
    sealed_private_jwk: work.secrets.seal(
      context(kid),
      Buffer.from(JSON.stringify(privateKey.export({ format: 'jwk' }))),
    ),
    position: wanted.indexOf(alg),
    created_at: work.now,
  });
  work.record({ type: 'signing-key.created', details: { kid, alg } });
}

function context(kid: string): string {
  return `signing_keys/${kid}/private_jwk`;
}
