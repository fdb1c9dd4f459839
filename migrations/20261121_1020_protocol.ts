import type { Knex } from 'knex';

/** What the protocol library keeps: sessions merged by uid, grants, and everything else by (model, digest of the id). */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table oidc_grants (
      id text primary key,
      account_id uuid,
      client_id text not null,
      payload jsonb not null,
      expires_at timestamptz not null
    );
    create index on oidc_grants (account_id, client_id);
    create index on oidc_grants (expires_at);

    create table oidc_sessions (
      uid text primary key,
      jti_hash bytea not null,                  -- SHA-256 of the cookie's value
      prev_jti_hash bytea,                      -- the id before the last rotation, for requests in flight
      prev_until timestamptz,
      account_id uuid,
      payload jsonb not null,
      expires_at timestamptz not null,
      ended_at timestamptz,                     -- a tombstone: an ended session cannot be written back
      not_after timestamptz                     -- the absolute limit; expires_at never passes it
    );
    -- Not unique: 256 random bits need no check, and a second unique index beside the key makes simultaneous saves fail.
    create index on oidc_sessions (jti_hash);
    create index on oidc_sessions (prev_jti_hash) where prev_jti_hash is not null;
    create index on oidc_sessions (account_id) where account_id is not null;
    create index on oidc_sessions (expires_at);

    create table oidc_artifacts (
      model text not null,
      id_hash bytea not null,
      grant_id text,
      account_id uuid,
      client_id text,
      session_uid text,
      user_code_hash bytea,                     -- keyed: 20^8 codes are soon tried against a plain digest
      payload jsonb not null,
      expires_at timestamptz not null,
      consumed_at timestamptz,
      primary key (model, id_hash)
    );
    create index on oidc_artifacts (grant_id) where grant_id is not null;
    create index on oidc_artifacts (account_id) where account_id is not null;
    create index on oidc_artifacts (session_uid) where session_uid is not null;
    create unique index on oidc_artifacts (user_code_hash) where user_code_hash is not null;
    create index on oidc_artifacts (expires_at);
    alter table oidc_artifacts set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

    create table signing_keys (
      kid text primary key,
      alg text not null check (alg in ('RS256', 'ES256')),
      public_jwk jsonb not null,
      sealed_private_jwk bytea not null,        -- under the master key
      position integer not null,                -- the first of an algorithm signs
      created_at timestamptz not null,
      retired_at timestamptz
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table signing_keys, oidc_artifacts, oidc_sessions, oidc_grants');
}
