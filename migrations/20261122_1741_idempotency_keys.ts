import type { Knex } from 'knex';

/** What a request with an Idempotency-Key made, so that sending it again makes nothing more. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table idempotency_keys (
      key_hash bytea primary key,               -- keyed: who asked, for what, under which key
      body_digest bytea not null,               -- keyed: bodies may hold passwords
      made_id uuid not null,                    -- no reference: what was made may be gone, and the key is used all the same
      made_at timestamptz not null              -- forgotten a day later
    );
    create index on idempotency_keys (made_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table idempotency_keys');
}
