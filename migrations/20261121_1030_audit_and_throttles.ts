import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_events (
      id uuid primary key,
      at timestamptz not null,
      type text not null,
      result text not null check (result in ('success', 'failure')),
      reason text,
      actor_kind text not null,
      actor_id text,
      user_id uuid,                             -- no foreign key: the record outlives the user
      client_id text,
      ip text,
      user_agent text,
      request_id text not null,
      details jsonb not null default '{}'
    );
    create index on audit_events (at);
    create index on audit_events (user_id, at) where user_id is not null;

    -- Counters are raised before anything is verified. The key is a keyed hash: a name typed wrongly may be a secret.
    create table throttle_counters (
      scope text not null,
      key_hash bytea not null,
      count integer not null,
      window_ends_at timestamptz not null,
      primary key (scope, key_hash)
    );
    create index on throttle_counters (window_ends_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table throttle_counters, audit_events');
}
