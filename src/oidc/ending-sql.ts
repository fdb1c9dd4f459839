// A work's instant has no fraction of a millisecond: what is queued now is due for the very next one.
const dueNow = "date_trunc('milliseconds', now())";

/**
 * SQL: ends the live sessions that match, and in the same statement queues a logout token for every relying party of each that
 * wants to be told (OpenID Connect Back-Channel Logout 1.0). Whatever ends a session does it by this, so that none is forgotten.
 * Returns `uid, account_id, authorizations` of those it ended. A tombstone stays: a request that loaded the session before cannot
 * write it back.
 */
export function endingSql(condition: string): string {
  return `
    with ended as (
      update oidc_sessions set ended_at = now() where (${condition}) and ended_at is null
      returning uid, account_id, payload->'authorizations' as authorizations),
    told as (
      insert into logout_outbox (id, client_id, account_id, session_uid, sid, created_at, due_at)
      select gen_random_uuid(), entry.key, ended.account_id, ended.uid, entry.value->>'sid', now(), ${dueNow}
        from ended
       cross join jsonb_each(coalesce(ended.authorizations, '{}')) as entry
        join client_standing on client_standing.client_id = entry.key and client_standing.told_of_logouts
       where ended.account_id is not null)
    select uid, account_id, authorizations from ended`;
}

/** One relying party loses its part of a session that goes on: "no, stay signed in" on the logout page. */
export const queueOneSql = `
  insert into logout_outbox (id, client_id, account_id, session_uid, sid, created_at, due_at)
  values (gen_random_uuid(), $1, $2::uuid, $3, $4, now(), ${dueNow})`;
