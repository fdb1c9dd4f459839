import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Other OpenID providers that sign people in for us.
    create table identity_providers (
      id text primary key,                      -- chosen by administrators; part of the callback's address
      settings jsonb not null,
      client_secret bytea,                      -- what the provider gave us, sealed for this row
      private_key bytea,                        -- JWK made here, sealed for this row
      public_key jsonb,                         -- its other half, for everybody
      created_at timestamptz not null,
      changed_at timestamptz not null,
      check ((private_key is null) = (public_key is null)),
      check (client_secret is null or private_key is null)
    );

    -- Whose people they sign in: a domain belongs to one.
    create table identity_provider_domains (
      name text primary key check (name = lower(name)), -- in ASCII, without a dot at the end
      provider_id text not null references identity_providers (id),
      mfa_behavior text not null,
      straight boolean not null
    );
    create index on identity_provider_domains (provider_id);

    -- Who somebody is there. Never found by a mail address.
    create table federated_identities (
      id uuid primary key,
      provider_id text not null references identity_providers (id), -- its links go first, and are counted
      issuer text not null,
      sub text not null,
      user_id uuid not null references users (id) on delete cascade,
      linked_at timestamptz not null,
      linked_by text not null,                  -- self, creation, user, operator, client or system
      last_used_at timestamptz,
      allowed_administrator boolean not null default false, -- it also signs in somebody with a role
      unique (provider_id, issuer, sub),
      unique (user_id, provider_id)
    );

    -- Where the people of a domain sign in: a function of the domain alone.
    create view home_realms as
      select d.name as domain, d.provider_id, p.settings->>'displayName' as display_name, d.mfa_behavior, d.straight
        from identity_provider_domains d join identity_providers p on p.id = d.provider_id
       where p.settings->>'state' = 'enabled';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    'drop view home_realms; drop table federated_identities, identity_provider_domains, identity_providers',
  );
}
