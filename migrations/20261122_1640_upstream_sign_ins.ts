import type { Knex } from 'knex';

const columns = 'u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at';
const withOurs = `exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null) or (
               exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null)
               and exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null)
             )`;

/** Signing in at another provider: what is open there, and the domain that says who it is. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sign_ins add column domain text; -- of the name as typed, in ASCII; null: it has none

    -- Browsers that were sent to a provider and are to come back; taken once.
    create table upstream_ceremonies (
      state bytea primary key,                  -- digest: only who comes back knows it
      provider_id text not null references identity_providers (id) on delete cascade,
      owner bytea not null,                     -- digest of the sign-in, or of the session that links
      uid text,                                 -- the sign-in to go on with
      browser bytea not null,                   -- digest of the browser cookie: nobody comes back for somebody else
      purpose text not null check (purpose in ('sign-in', 'link')),
      user_id uuid references users (id) on delete cascade, -- whose link it is to be
      sealed bytea not null,                    -- nonce, code verifier and what was asked for
      created_at timestamptz not null,
      expires_at timestamptz not null,
      check ((purpose = 'sign-in') = (uid is not null)),
      check ((purpose = 'link') = (user_id is not null))
    );
    create index on upstream_ceremonies (owner);
    create index on upstream_ceremonies (expires_at);
    create index on upstream_ceremonies (provider_id);

    -- A link is a way to sign in too, where it may be used: with a role, only when it was allowed.
    create or replace view account_standing as
      select ${columns},
             ${withOurs} or exists (
               select 1 from federated_identities f join identity_providers i on i.id = f.provider_id
                where f.user_id = u.id and i.settings->>'state' = 'enabled'
                  and (f.allowed_administrator or not exists (select 1 from role_assignments r where r.user_id = u.id))
             ) as can_sign_in
        from users u;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace view account_standing as select ${columns}, ${withOurs} as can_sign_in from users u;
    drop table upstream_ceremonies;
    alter table sign_ins drop column domain;
  `);
}
