import type { Knex } from 'knex';

/**
 * A sign-in names its user without a foreign key. Naming one is the last thing a work does, with the pass or the passkey locked
 * already; a key would want the user locked then, who may be on the way out and wait for that pass. A sign-in of nobody goes
 * nowhere: each of its steps asks for the pass or the account, and it ends by itself within the hour.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table sign_ins drop constraint sign_ins_user_id_fkey');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    delete from sign_ins s where s.user_id is not null and not exists (select 1 from users u where u.id = s.user_id);
    alter table sign_ins add foreign key (user_id) references users (id) on delete cascade;
  `);
}
