import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Passes whose session has made recovery codes: one set each, also when the codes are gone since.
    create table recovery_code_passes (
      pass_id uuid primary key,                 -- no foreign key: passes are purged
      made_at timestamptz not null
    );
    create index on recovery_code_passes (made_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table recovery_code_passes');
}
