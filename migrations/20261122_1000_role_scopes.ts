import type { Knex } from 'knex';

/** Roles for the people in a group, with limits of their own; and who owns a client. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table role_assignments
      add scope_group_id uuid references groups (id) on delete cascade, -- null: everybody
      add maximum_lifetime_minutes integer,                             -- a Pass Issuer's own limits
      add one_time_only boolean not null default false,
      drop constraint role_assignments_user_id_role_template_id_key;
    create unique index role_assignments_once on role_assignments
      (user_id, role_template_id, coalesce(scope_group_id, '00000000-0000-0000-0000-000000000000'));
    create index on role_assignments (scope_group_id) where scope_group_id is not null;

    create table client_owners (
      client_id text not null references clients (client_id) on delete cascade,
      user_id uuid not null references users (id) on delete cascade,
      primary key (client_id, user_id)
    );
    create index on client_owners (user_id);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table client_owners;
    drop index role_assignments_once;
    -- What was given for some people only is not given to all of them.
    delete from role_assignments where scope_group_id is not null;
    alter table role_assignments
      drop scope_group_id, drop maximum_lifetime_minutes, drop one_time_only,
      add constraint role_assignments_user_id_role_template_id_key unique (user_id, role_template_id);
  `);
}
