import type { Knex } from 'knex';

/** Passwords of those who have one: nobody else has a row. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table passwords (
      user_id uuid primary key references users (id) on delete cascade,
      verifier text not null,                   -- argon2id over a keyed hash, as a PHC string
      pepper_version integer not null,
      created_at timestamptz not null,
      changed_at timestamptz not null,          -- when it was set or last changed
      changed_with text,                        -- browser and system, for people to recognise it by
      last_used_at timestamptz,
      last_used_with text,
      failures integer not null default 0 check (failures >= 0), -- in a row, since the last right one
      locked_at timestamptz
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table passwords');
}
