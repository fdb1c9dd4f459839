import type { Knex } from 'knex';

/** "This was not me" said by somebody who is signed in: what they proved themselves with, and the session they said it in, stay. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table oidc_sessions
      add column proven_with text[];             -- credentials of the last sign-in; null: from before this step
    alter table users
      add column contained_in text;              -- uid of the session that outlives contained_at; null: none does
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users drop column contained_in;
    alter table oidc_sessions drop column proven_with;
  `);
}
