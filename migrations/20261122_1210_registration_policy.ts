import type { Knex } from 'knex';

/** What people are asked to register before they go on, and their putting it off. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table registration_snoozes (
      user_id uuid primary key references users (id) on delete cascade,
      count integer not null check (count > 0),  -- how often in all
      until timestamptz not null                 -- nothing is asked before
    );

    -- By what it is judged whether a user has to register more. An app signs nobody in without a password.
    create view registration_standing as
      select u.id as user_id,
             array(select m.group_id::text from group_members m where m.user_id = u.id) as groups,
             array_remove(array[
               case when exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null)
                    then 'passkey' end,
               case when exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)
                     and exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)
                    then 'authenticator-app' end
             ], null) as methods,
             coalesce(s.count, 0) as snoozes,
             s.until as snoozed_until
        from users u left join registration_snoozes s on s.user_id = u.id;

    -- The documents that a session is judged by; always one row.
    create view decided_policies as
      select coalesce(jsonb_object_agg(name, document), '{}') as decided
        from policies where name in ('password', 'registration');
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop view decided_policies, registration_standing; drop table registration_snoozes');
}
