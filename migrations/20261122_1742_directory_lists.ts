import type { Knex } from 'knex';

/** What lists of people and groups are narrowed to and ordered by. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index users_by_display_name on users ((lower(display_name) collate "C"), id);
    create index users_by_mail on users ((lower(mail) collate "C")) where mail is not null;
    create index users_by_creation on users (created_at, id);
    create index groups_by_display_name on groups ((lower(display_name) collate "C"), id);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index users_by_display_name, users_by_mail, users_by_creation, groups_by_display_name');
}
