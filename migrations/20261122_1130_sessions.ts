import type { Knex } from 'knex';

/** What a person knows a session by, and the logout tokens on their way to relying parties. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table oidc_sessions
      add column device text,                    -- browser and system of the sign-in
      add column ip text,                        -- where the sign-in came from
      add column started_at timestamptz,         -- null: from before this step
      add column last_seen_at timestamptz;
    -- Sessions that end with their pass are looked for every minute.
    create index on oidc_sessions (pass_id) where pass_id is not null and ended_at is null;

    -- What others ask of a client: its name, and whether it is told when a session ends.
    create view client_standing as
      select client_id,
             coalesce(metadata->>'client_name', client_id) as display_name,
             metadata->>'backchannel_logout_uri' is not null as told_of_logouts
        from clients;

    -- Refers neither to the user nor to the client: what was queued goes out also when the user is deleted.
    create table logout_outbox (
      id uuid primary key,
      client_id text not null,
      account_id uuid not null,
      session_uid text not null,
      sid text,                                  -- as in the ID tokens of that session
      state text not null default 'queued' check (state in ('queued', 'delivered', 'refused', 'failed')),
      attempts integer not null default 0,
      last_error text,                           -- a status or a code, never the relying party's words
      created_at timestamptz not null,
      due_at timestamptz not null,
      claimed_until timestamptz,                 -- a node is sending it until then
      finished_at timestamptz,
      check ((state = 'queued') = (finished_at is null))
    );
    create index on logout_outbox (due_at) where state = 'queued';
    create index on logout_outbox (created_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table logout_outbox;
    drop view client_standing;
    drop index oidc_sessions_pass_id_idx;
    alter table oidc_sessions drop column device, drop column ip, drop column started_at, drop column last_seen_at;
  `);
}
