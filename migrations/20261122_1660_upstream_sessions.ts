import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Sign-ins at other providers, one row each: what a session of ours is born of. Without foreign key to the provider: what is
    -- left of one that was deleted opens nothing, and goes by its date.
    create table upstream_sessions (
      id uuid primary key,
      provider_id text not null,
      issuer text not null,
      sub text not null,
      sid text,                                 -- the session there, where the provider says which
      user_id uuid not null references users (id) on delete cascade,
      id_token bytea,                           -- sealed for this row, the hint for signing out there; null: that is not done
      created_at timestamptz not null,
      ended_at timestamptz                      -- no session is born of it any more
    );
    create index on upstream_sessions (provider_id, sid) where ended_at is null;
    create index on upstream_sessions (provider_id, sub) where ended_at is null;
    create index on upstream_sessions (user_id);
    create index on upstream_sessions (created_at);

    -- No foreign key here either: rows there are purged by date.
    alter table oidc_sessions add column upstream_id uuid;
    create index on oidc_sessions (upstream_id) where upstream_id is not null;

    -- Logout tokens that were taken: none is taken twice.
    create table upstream_logout_tokens (
      provider_id text not null,
      jti text not null,
      until timestamptz not null,               -- it is too old to be taken from then on
      primary key (provider_id, jti)
    );
    create index on upstream_logout_tokens (until);

    -- Browsers that are signing out at another provider, and where they go on afterwards.
    create table upstream_sign_outs (
      state_hash bytea primary key,
      provider_id text not null,
      next_url text not null,
      until timestamptz not null
    );
    create index on upstream_sign_outs (until);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table upstream_sign_outs, upstream_logout_tokens, upstream_sessions;
    alter table oidc_sessions drop column upstream_id;
  `);
}
