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

/**
 * SQL: the grants that sessions born of these sign-ins elsewhere have left behind. Their apps are told as of a session, by the
 * `sid` that their refresh tokens remember. The caller ends them.
 */
export const leftBehindSql = `
  with left_behind as (select id, account_id, client_id from oidc_grants where upstream_id = any (?)),
  told as (
    insert into logout_outbox (id, client_id, account_id, session_uid, sid, created_at, due_at)
    select gen_random_uuid(), l.client_id, l.account_id, token.session_uid, token.payload->>'sid', now(), ${dueNow}
      from left_behind l
      join client_standing on client_standing.client_id = l.client_id and client_standing.told_of_logouts
      join lateral (select session_uid, payload from oidc_artifacts a
                     where a.grant_id = l.id and a.model = 'RefreshToken' and a.session_uid is not null
                     order by a.expires_at desc limit 1) as token on true)
  select id, account_id, client_id from left_behind`;
