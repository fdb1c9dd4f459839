import type { Knex } from 'knex';

/** When people last said that their ways to sign in are theirs, by registering one or when they were asked. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table registration_confirmations (
      user_id uuid primary key references users (id) on delete cascade,
      confirmed_at timestamptz not null
    );
    insert into registration_confirmations (user_id, confirmed_at)
      select user_id, max(created_at)
        from (select user_id, created_at from passkeys
              union all select user_id, created_at from authenticator_apps) registered
       group by user_id;
  `);
  // Whoever never did either is asked as long after the account was made.
  await knex.raw(
    standing(
      ', coalesce(c.confirmed_at, u.created_at) as confirmed_at',
      'left join registration_confirmations c on c.user_id = u.id',
    ),
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop view registration_standing');
  await knex.raw(standing('', ''));
  await knex.raw('drop table registration_confirmations');
}

function standing(column: string, join: string): string {
  return `
    create or replace view registration_standing as
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
             ${column}
        from users u left join registration_snoozes s on s.user_id = u.id ${join}`;
}
