import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table temporary_access_passes
      -- as policy said when it was issued; null is without limit
      add column maximum_uses integer check (maximum_uses between 2 and 100),
      -- a one-time pass is bound to its browser, which may come back: its uses are not counted out
      add constraint only_reusable_passes_count_uses check (maximum_uses is null or not one_time);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table temporary_access_passes drop column maximum_uses');
}
