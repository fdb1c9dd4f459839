import type { Knex } from 'knex';

const columns = 'u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at';
const passkey = 'exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null)';
const password = 'exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)';
const app = 'exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)';
const alone = "exists (select 1 from policies d where d.name = 'password' and d.document->'alone' = 'true')";
const before = `exists (
  select 1 from federated_identities f join identity_providers i on i.id = f.provider_id
   where f.user_id = u.id and i.settings->>'state' = 'enabled'
     and (f.allowed_administrator or not exists (select 1 from role_assignments r where r.user_id = u.id)))`;
const link = 'exists (select 1 from open_identities o where o.user_id = u.id)';

/** Being known at a provider is a way in while somebody can go there: it is enabled, at that issuer, and a domain leads there. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create view open_identities as
      select f.id, f.user_id
        from federated_identities f join identity_providers i on i.id = f.provider_id
       where i.settings->>'state' = 'enabled' and i.settings->>'issuer' = f.issuer
         -- with a role, only where that was allowed of this very link
         and (f.allowed_administrator or not exists (select 1 from role_assignments r where r.user_id = f.user_id))
         and exists (select 1 from identity_provider_domains d where d.provider_id = i.id);
    ${viewOf(link)}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`${viewOf(before)}; drop view open_identities`);
}

function viewOf(linked: string): string {
  return `
    create or replace view account_standing as
      select ${columns}, ${passkey} or (${password} and (${app} or ${alone})) or ${linked} as can_sign_in,
             ${passkey} or (${password} and ${app}) as has_strong_method
        from users u`;
}
