import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table authenticator_apps (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      sealed_secret bytea not null,             -- 160 bits, sealed for this user and row
      last_step bigint not null,                -- RFC 6238 §5.2: no step up to this one is accepted again
      name text not null,
      created_at timestamptz not null,
      created_with text,                        -- browser and system, for people to recognise it by
      last_used_at timestamptz not null,        -- adding it was a use
      last_used_with text,
      suspended_at timestamptz,
      suspend_reason text,
      pass_id uuid unique                       -- a pass may add one; no foreign key: passes are purged
    );
    create index on authenticator_apps (user_id);

    -- Secrets that are shown and not confirmed yet: one for each sign-in or session.
    create table authenticator_app_ceremonies (
      owner bytea primary key,                  -- digest of the sign-in or session it belongs to
      user_id uuid not null references users (id) on delete cascade,
      sealed_secret bytea not null,
      expires_at timestamptz not null
    );
    create index on authenticator_app_ceremonies (user_id);
    create index on authenticator_app_ceremonies (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table authenticator_app_ceremonies, authenticator_apps');
}
