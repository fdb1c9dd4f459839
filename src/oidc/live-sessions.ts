import type { Work } from '../core/work.ts';
import { passHolds } from './pass-ties.ts';

/** A session as its owner may see it; nothing in it opens anything. */
export interface LiveSession {
  readonly uid: string;
  /** Browser and system of the sign-in; null when the browser did not say. */
  readonly device: string | null;
  readonly ip: string | null;
  readonly startedAt: Date;
  /** When an app last asked for it. */
  readonly lastSeenAt: Date;
  readonly acr: string;
  readonly amr: readonly string[];
  /** Names of the apps that were signed in to with it, in order; our own pages are not among them. */
  readonly apps: readonly string[];
}

interface Row {
  uid: string;
  device: string | null;
  ip: string | null;
  started_at: Date;
  last_seen_at: Date;
  acr: string | null;
  amr: string[] | null;
  apps: string[];
}

/** The sessions of an account that still open something, the one seen last first. */
export async function liveSessionsOf(work: Work, accountId: string): Promise<LiveSession[]> {
  const { rows } = await work.tx.raw<{ rows: Row[] }>(
    `select uid, device, ip,
       coalesce(started_at, to_timestamp((payload->>'loginTs')::float8), expires_at) as started_at,
       coalesce(last_seen_at, to_timestamp((payload->>'loginTs')::float8), expires_at) as last_seen_at,
       payload->>'acr' as acr, payload->'amr' as amr,
       array(select display_name from jsonb_each(coalesce(payload->'authorizations', '{}')) as entry
               join client_standing on client_standing.client_id = entry.key order by display_name, client_id) as apps
     from oidc_sessions
     where account_id = ? and ended_at is null and expires_at > now() and (not_after is null or not_after > now())
       and ${passHolds}
     order by last_seen_at desc, uid`,
    [accountId],
  );
  return rows.map((row) => ({
    uid: row.uid,
    device: row.device,
    ip: row.ip,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    acr: row.acr ?? '',
    amr: row.amr ?? [],
    apps: row.apps,
  }));
}
