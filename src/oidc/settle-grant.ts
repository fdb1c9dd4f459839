import type { NamedStatements } from '../database/named-statements.ts';

/** What one client has in one browser session. */
export interface ClientAuthorization {
  readonly grantId: string;
  readonly sid: string;
}

interface Proposal extends ClientAuthorization {
  readonly sessionUid: string;
  readonly clientId: string;
  /** A grant the session still names although it is gone. */
  readonly goneGrantId?: string | undefined;
}

/**
 * Two tabs of one app that come to a session together each make a grant, but tokens bound to the session work with the
 * grant the session names. The first proposal is settled, and both requests go on with it. Call it after the proposed
 * grant is saved. For a session that is not stored yet, the first sign-in, it is the proposal.
 */
export async function settleGrant(db: NamedStatements, proposal: Proposal): Promise<ClientAuthorization> {
  const { sessionUid, clientId, grantId, sid, goneGrantId } = proposal;
  const { rows } = await db.query<{ settled: ClientAuthorization }>('session.settle-grant', settleSql, [
    sessionUid,
    clientId,
    JSON.stringify({ grantId, sid }),
    goneGrantId ?? null,
  ]);
  return rows[0]?.settled ?? { grantId, sid };
}

const settleSql = `
  update oidc_sessions set payload = case
    when payload->'authorizations'->$2::text->>'grantId' <> coalesce($4::text, '') then payload
    else payload || jsonb_build_object('authorizations',
      coalesce(payload->'authorizations', '{}') || jsonb_build_object($2::text, $3::jsonb)) end
  where uid = $1 and ended_at is null
  returning payload->'authorizations'->$2::text as settled`;
