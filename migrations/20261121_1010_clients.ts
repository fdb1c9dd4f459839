import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table clients (
      client_id text primary key,
      metadata jsonb not null,                  -- RFC 7591 names; never a secret
      secret_digest text,                       -- SHA-256 of the secret, base64url; null for public clients
      app_roles text[] not null default '{}',   -- application permissions for the management API
      built_in boolean not null default false,
      created_at timestamptz not null,
      updated_at timestamptz not null
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table clients');
}
