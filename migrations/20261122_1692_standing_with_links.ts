import type { Knex } from 'knex';

const columns = 'u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at';
const passkey = 'exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null)';
const password = 'exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)';
const app = 'exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)';
const alone = "exists (select 1 from policies d where d.name = 'password' and d.document->'alone' = 'true')";
// With a role, only where that was allowed of this very link.
const link = `exists (
  select 1 from federated_identities f join identity_providers i on i.id = f.provider_id
   where f.user_id = u.id and i.settings->>'state' = 'enabled'
     and (f.allowed_administrator or not exists (select 1 from role_assignments r where r.user_id = u.id)))`;

/** Being known at a provider is a way to sign in as well, though no strong one of ours. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(viewOf(`${passkey} or (${password} and (${app} or ${alone})) or ${link}`));
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(viewOf(`${passkey} or (${password} and (${app} or ${alone}))`));
}

function viewOf(canSignIn: string): string {
  return `
    create or replace view account_standing as
      select ${columns}, ${canSignIn} as can_sign_in, ${passkey} or (${password} and ${app}) as has_strong_method
        from users u`;
}
