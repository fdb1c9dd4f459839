import type { Knex } from 'knex';

/** When passes and recovery codes of somebody were entered: what was there before may not be silenced by whoever came with them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table bootstrap_entries (
      -- Of users, without a reference: entered is a pass that is locked, and a lock on its user comes before that or not at all.
      user_id uuid primary key,
      first_at timestamptz not null,            -- of those that followed one another within 72 hours
      last_at timestamptz not null
    );
    insert into bootstrap_entries (user_id, first_at, last_at)
      select user_id, max(last_used_at), max(last_used_at)
        from temporary_access_passes where last_used_at is not null group by user_id;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table bootstrap_entries');
}
