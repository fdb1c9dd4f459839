import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table users (
      id uuid primary key,
      user_principal_name text not null,
      user_name_key text not null unique,       -- the one canonical form: looked up, counted and compared by
      display_name text not null,
      mail text,
      manager_id uuid references users (id) on delete set null,
      account_enabled boolean not null default true,
      user_handle bytea not null unique check (octet_length(user_handle) between 32 and 64), -- WebAuthn: random, nothing personal
      created_at timestamptz not null,
      updated_at timestamptz not null
    );
    create index on users (manager_id) where manager_id is not null;

    create table groups (
      id uuid primary key,
      display_name text not null,
      created_at timestamptz not null
    );
    create index on groups (display_name);

    create table group_members (
      group_id uuid not null references groups (id) on delete cascade,
      user_id uuid not null references users (id) on delete cascade,
      primary key (group_id, user_id)
    );
    create index on group_members (user_id);

    create table role_assignments (
      id uuid primary key,
      user_id uuid not null references users (id) on delete cascade,
      role_template_id uuid not null,
      granted_at timestamptz not null,          -- a pass issued before this no longer works for the user
      unique (user_id, role_template_id)
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table role_assignments, group_members, groups, users');
}
