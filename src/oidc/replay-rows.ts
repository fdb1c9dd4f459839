import { createHash } from 'node:crypto';
import Provider, { type Adapter, errors } from 'oidc-provider';
import { digest } from '../core/secrets.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { refusals } from './refusals.ts';

/** The `jti` of DPoP proofs and client assertions. The library checks and then writes; here writing is the check. */
export function replayRows(db: NamedStatements): Adapter {
  return {
    ...refusals('ReplayDetection'),
    find: async () => undefined,
    async upsert(id, _payload, expiresIn) {
      const claimed = await db.query('replay.claim', claimSql, [digest(id), expiresIn ?? null]);
      if (claimed.rowCount === 0) throw replayed(id);
    },
  };
}

// Five minutes more than the library asks for: it counts from now, but takes proofs dated up to five minutes ahead.
const claimSql = `
  insert into oidc_artifacts as a (model, id_hash, payload, expires_at)
  values ('ReplayDetection', $1, '{}', coalesce(now() + make_interval(secs => $2), 'infinity'))
  on conflict (model, id_hash) do update set expires_at = excluded.expires_at
  where a.expires_at < now() - interval '5 minutes'`;

/** The error the library itself would have given at this place. */
function replayed(id: string): Error {
  const oidc = Provider.ctx?.oidc;
  if (oidc && isClientAssertion(oidc.params?.client_assertion, id)) {
    return new errors.InvalidClientAuth('client assertion tokens must only be used once');
  }
  switch (oidc?.route) {
    case 'token':
      return new errors.InvalidGrant('DPoP proof JWT Replay detected');
    case 'authorization':
    case 'pushed_authorization_request':
      return new errors.InvalidRequest('DPoP proof JWT Replay detected');
    default:
      return new errors.InvalidToken('DPoP proof JWT Replay detected');
  }
}

/** The library's id for a `jti` is the SHA-256 of issuer and `jti`; the assertion was verified before. */
function isClientAssertion(assertion: unknown, id: string): boolean {
  const payload = typeof assertion === 'string' ? assertion.split('.')[1] : undefined;
  if (!payload) return false;
  const { iss, jti } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iss: string; jti: string };
  return createHash('sha256').update(`${iss}${jti}`).digest('base64url') === id;
}
