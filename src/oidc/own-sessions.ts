import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { amrOf } from '../assurance/levels.ts';
import type { Work } from '../core/work.ts';
import type { NamedStatements } from '../database/named-statements.ts';

/** The provider's session in this browser, as our own pages judge it on every request. */
export interface ProviderSession {
  readonly uid: string;
  readonly accountId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly authTime: Date;
  /** The pass it was born of; null when it hangs on none. */
  readonly passId: string | null;
}

export async function readProviderSession(
  provider: Provider,
  db: NamedStatements,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<ProviderSession | undefined> {
  const ctx = (
    provider as unknown as { createContext(req: IncomingMessage, res: ServerResponse): object }
  ).createContext(req, res);
  const session = await provider.Session.get(ctx as never);
  if (!session.accountId) return undefined;
  const { uid, accountId, acr, amr, loginTs } = session as unknown as {
    uid: string;
    accountId: string;
    acr?: string;
    amr?: readonly string[];
    loginTs?: number;
  };
  // A sign-in that is freed from its pass reports another method, so no session is asked in vain.
  const passId = amr?.includes(amrOf('pass', provider.issuer)) ? await passOf(db, uid) : null;
  return { uid, accountId, acr: acr ?? '', amr: amr ?? [], authTime: new Date((loginTs ?? 0) * 1000), passId };
}

async function passOf(db: NamedStatements, uid: string): Promise<string | null> {
  const sql = 'select pass_id from oidc_sessions where uid = $1';
  const { rows } = await db.query<{ pass_id: string | null }>('session.pass', sql, [uid]);
  return rows[0]?.pass_id ?? null;
}

/** The sign-in elsewhere that a session was born of, live or not; undefined for none. */
export async function bornElsewhere(work: Pick<Work, 'tx'>, uid: string): Promise<string | undefined> {
  const row = await work
    .tx('oidc_sessions')
    .where({ uid })
    .first<{ upstream_id: string | null } | undefined>('upstream_id');
  return row?.upstream_id ?? undefined;
}

/** Ids of the credentials that a live session was last signed in with; undefined when nobody took note of them. */
export async function provenWith(work: Work, { uid, accountId }: Pick<ProviderSession, 'uid' | 'accountId'>) {
  const row = await work
    .tx('oidc_sessions')
    .where({ uid, account_id: accountId })
    .whereNull('ended_at')
    .first<{ proven_with: string[] | null } | undefined>('proven_with');
  return row?.proven_with ?? undefined;
}
