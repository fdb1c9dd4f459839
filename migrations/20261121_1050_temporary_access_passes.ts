import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table temporary_access_passes (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      verifier text not null,                   -- argon2id over the peppered HMAC, or the HMAC alone from 23 symbols on
      pepper_version integer not null,
      code_length integer not null check (code_length between 8 and 48),
      starts_at timestamptz not null,
      expires_at timestamptz not null,
      one_time boolean not null,
      purpose text not null check (purpose in ('registration', 'signIn')),
      window_minutes integer not null check (window_minutes between 10 and 60), -- as policy said when it was issued
      reason text,
      ticket text,
      verified_by text,
      issued_at timestamptz not null,
      issued_by_kind text not null check (issued_by_kind in ('operator', 'system', 'user', 'client')),
      issued_by_id text,
      uses integer not null default 0,
      last_used_at timestamptz,
      bound_browser bytea,                      -- digest of the browser cookie that opened a one-time pass
      window_ends_at timestamptz,               -- a one-time pass is in registration until then
      completed_at timestamptz,                 -- registration completed: spent
      ended_at timestamptz,
      end_reason text check (end_reason in ('revoked', 'replaced')),
      check (expires_at > starts_at),
      check ((ended_at is null) = (end_reason is null))
    );
    -- One pass a user: a new one replaces the old, whatever its state.
    create unique index one_current_pass_a_user on temporary_access_passes (user_id) where ended_at is null;
    create index on temporary_access_passes (user_id, issued_at);
    create index on temporary_access_passes (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table temporary_access_passes');
}
