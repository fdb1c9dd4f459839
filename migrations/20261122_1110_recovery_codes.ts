import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table recovery_codes (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      set_id uuid not null,                     -- the codes that were made together
      selector text not null check (length(selector) = 4), -- its first symbols in clear: they find the row
      verifier text not null,                   -- argon2id over the peppered HMAC of the rest
      pepper_version integer not null,
      created_at timestamptz not null,
      created_with text,                        -- browser and system, for people to recognise it by
      unique (user_id, selector)
    );

    -- What a code has opened: it is gone by then, and this takes a pass's place in the registration.
    create table recovery_openings (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      browser bytea not null,                   -- digest of the browser cookie of the sign-in that goes on with it
      ends_at timestamptz not null,
      completed_at timestamptz                  -- a registered method was used: spent
    );
    create index on recovery_openings (user_id);
    create index on recovery_openings (ends_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table recovery_openings, recovery_codes');
}
