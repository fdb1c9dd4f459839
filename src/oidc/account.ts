import type { Account, AccountClaims } from 'oidc-provider';
import type { NamedStatements } from '../database/named-statements.ts';
import type { PolicyDocuments } from '../sign-in/policy.ts';

/** What a session is judged by: what a sign-in is, and the names of levels. */
export type DecidedDocuments = PolicyDocuments & { readonly assurance?: unknown };

/** How and when the person behind a token signed in. */
export interface Authentication {
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly auth_time?: number;
}

/** A user as the protocol sees one. */
export interface ProtocolAccount extends Account {
  /** Signed in, but left without any way to sign in again: registration comes before the relying party gets anything. */
  readonly mustRegister: boolean;
  /** What the organisation has decided about signing in, as it stood when this was read. */
  readonly decided: DecidedDocuments;
  readonly userName: string;
  readonly displayName: string;
}

interface StandingRow {
  id: string;
  user_principal_name: string;
  display_name: string;
  mail: string | null;
  account_enabled: boolean;
  updated_at: Date;
  can_sign_in: boolean;
  decided: DecidedDocuments;
}

/**
 * Undefined for unknown, deleted and disabled users: then no token is issued and none is honoured. One read; claims cost none.
 * With an access token, userinfo says of the sign-in what the token says.
 */
export async function findAccount(
  db: NamedStatements,
  sub: string,
  authentication: Authentication = {},
): Promise<ProtocolAccount | undefined> {
  const sql = 'select a.*, p.decided from account_standing a, decided_policies p where a.id = $1';
  const row = (await db.query<StandingRow>('account-standing', sql, [sub])).rows[0];
  if (!row?.account_enabled) return undefined;
  const { acr, amr, auth_time } = authentication;
  const claims: AccountClaims = {
    sub: row.id,
    ...(acr !== undefined && { acr }),
    ...(amr && { amr: [...amr] }),
    ...(auth_time !== undefined && { auth_time }),
    name: row.display_name,
    preferred_username: row.user_principal_name,
    updated_at: Math.floor(row.updated_at.getTime() / 1000),
    ...(row.mail && { email: row.mail }),
  };
  return {
    accountId: row.id,
    mustRegister: !row.can_sign_in,
    decided: row.decided,
    userName: row.user_principal_name,
    displayName: row.display_name,
    claims: () => claims,
  };
}
