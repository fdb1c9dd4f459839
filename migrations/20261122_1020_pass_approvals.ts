import type { Knex } from 'knex';

/** Passes that a second administrator has to agree to. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table pass_approvals (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade, -- for whom the pass is to be
      asked_by_kind text not null check (asked_by_kind in ('user', 'client')),
      asked_by_id text not null,
      asked_through text,                       -- the app that carried the person's token
      terms jsonb not null,                     -- what was asked for; it is approved as it is or not at all
      asked_at timestamptz not null,
      lapses_at timestamptz not null,
      decided_at timestamptz,
      decided_by uuid,                          -- null: the command line on the machine
      decision text check (decision in ('approved', 'rejected')),
      used_at timestamptz,
      check ((decided_at is null) = (decision is null))
    );
    create index on pass_approvals (user_id);
    create index on pass_approvals (asked_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table pass_approvals');
}
