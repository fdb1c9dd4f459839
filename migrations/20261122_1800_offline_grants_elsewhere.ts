import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The sign-in elsewhere that a session was born of which has run out and left this grant behind, for offline access. While the
    -- session is there it says so itself. No foreign key: rows there go by date.
    alter table oidc_grants add column upstream_id uuid;
    create index on oidc_grants (upstream_id) where upstream_id is not null;

    -- A sign-in elsewhere stays as long as something hangs on it; the hint for signing out there no longer than before.
    alter table upstream_sessions add column kept_until timestamptz not null default now() + interval '2 days';
    update upstream_sessions set kept_until = created_at + interval '2 days';
    create index on upstream_sessions (kept_until);
    drop index upstream_sessions_created_at_idx;
    create index on upstream_sessions (created_at) where id_token is not null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index upstream_sessions_created_at_idx;
    create index on upstream_sessions (created_at);
    alter table upstream_sessions drop column kept_until;
    alter table oidc_grants drop column upstream_id;
  `);
}
