import type { Knex } from 'knex';

const from = 'from identity_provider_domains d join identity_providers p on p.id = d.provider_id';
const columns =
  "d.name as domain, d.provider_id, p.settings->>'displayName' as display_name, d.mfa_behavior, d.straight";
const enabled = "where p.settings->>'state' = 'enabled'";

/** Signing in at another provider: what is open there, and the domain that says where that is. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sign_ins
      add column domain text,                   -- of the name as typed, in ASCII; null: it has none
      add column max_age bigint;                -- seconds that the last proof may be old, as the app asks; 0: none will do

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
    create index on upstream_ceremonies (user_id) where user_id is not null;

    -- With what a sign-in there may be worth at most.
    create or replace view home_realms as select ${columns}, p.settings->>'ceiling' as ceiling ${from} ${enabled};
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop view home_realms;
    create view home_realms as select ${columns} ${from} ${enabled};
    drop table upstream_ceremonies;
    alter table sign_ins drop column domain, drop column max_age;
  `);
}
