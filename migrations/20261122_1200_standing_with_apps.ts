import type { Knex } from 'knex';

const columns = 'u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at';
const passkey = 'exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null)';

/** A password with an authenticator app is a way to sign in as well. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace view account_standing as
      select ${columns},
             ${passkey} or (
               exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)
               and exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)
             ) as can_sign_in
        from users u`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    `create or replace view account_standing as select ${columns}, ${passkey} as can_sign_in from users u`,
  );
}
