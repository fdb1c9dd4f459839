import type { Knex } from 'knex';

/** A client may have two secrets at once, so that one takes over from the other; and an id that is not its name. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table clients
      add column id uuid not null default gen_random_uuid(); -- object id, as the API addresses it
    create unique index clients_id on clients (id);

    create table client_secrets (
      id uuid primary key,                      -- the API's keyId
      client_id text not null references clients (client_id) on delete cascade,
      digest text not null,                     -- keyed, base64url; never the secret
      display_name text,
      hint text,                                -- its first three symbols; null for one that somebody made up
      starts_at timestamptz not null,
      expires_at timestamptz check (expires_at > starts_at), -- null: until it is removed
      made_at timestamptz not null,
      unique (client_id, digest)
    );

    insert into client_secrets (id, client_id, digest, starts_at, made_at)
      select gen_random_uuid(), client_id, secret_digest, updated_at, updated_at from clients where secret_digest is not null;
    alter table clients drop column secret_digest;
  `);
}

/** Of two secrets the newest is kept. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table clients add column secret_digest text;
    update clients c set secret_digest =
      (select s.digest from client_secrets s where s.client_id = c.client_id order by s.made_at desc, s.id limit 1);
    drop table client_secrets;
    drop index clients_id;
    alter table clients drop column id;
  `);
}
