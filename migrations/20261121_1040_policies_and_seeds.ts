import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table policies (
      name text primary key,
      document jsonb not null,                  -- only what differs from the defaults
      updated_at timestamptz not null
    );

    create table applied_seeds (
      content_hash bytea primary key,           -- SHA-256 of the file: the same file is not applied twice at start
      applied_at timestamptz not null
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table applied_seeds, policies');
}
