import type { Knex } from 'knex';

/** Names that policy gives the levels of assurance, read with the account as the other documents are. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(viewOf("'password', 'registration', 'assurance'"));
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(viewOf("'password', 'registration'"));
}

/** The documents that a session is judged by; always one row. */
function viewOf(names: string): string {
  return `
    create or replace view decided_policies as
      select coalesce(jsonb_object_agg(name, document), '{}') as decided from policies where name in (${names})`;
}
