import type { Knex } from 'knex';

const columns = 'u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at';
const passkey = 'exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null)';
const password = 'exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)';
const app = 'exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)';
const alone = "exists (select 1 from policies d where d.name = 'password' and d.document->'alone' = 'true')";

/**
 * What the app asks for in acr, so that a sign-in leads there in the first place. And a password by itself is a way to sign in
 * where policy says so, though no strong one: without that, whoever has nothing else was asked for it again without end.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sign_ins add column asked jsonb;

    create or replace view account_standing as
      select ${columns},
             ${passkey} or (${password} and (${app} or ${alone})) as can_sign_in,
             ${passkey} or (${password} and ${app}) as has_strong_method
        from users u`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sign_ins drop column asked;

    drop view account_standing;
    create view account_standing as
      select ${columns}, ${passkey} or (${password} and ${app}) as can_sign_in from users u`);
}
