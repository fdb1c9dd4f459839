import type { Knex } from 'knex';

/** Wrong codes in a row lock what is short enough to be guessed. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table temporary_access_passes
      add column failures integer not null default 0,
      add column locked_at timestamptz,
      -- from 64 bits on strangers could only keep its owner out
      add constraint a_long_pass_is_never_locked check (locked_at is null or code_length < 13);
    -- Asked at every guess: whether there are passes so short that all guesses together are limited more.
    create index short_live_passes on temporary_access_passes (expires_at)
      where code_length < 10 and ended_at is null and completed_at is null;
    alter table authenticator_apps
      add column failures integer not null default 0; -- since this app was used
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table authenticator_apps drop column failures;
    drop index short_live_passes;
    alter table temporary_access_passes
      drop constraint a_long_pass_is_never_locked, drop column locked_at, drop column failures;
  `);
}
