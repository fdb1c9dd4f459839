import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table sign_ins (
      uid text primary key,                     -- the interaction's uid
      browser bytea not null,                   -- digest of the browser cookie it began in
      client_id text not null,
      user_name text,                           -- as typed; nobody is told whether it exists
      chosen_method text,
      notice jsonb,                             -- what the next page has to say
      user_id uuid references users (id) on delete cascade, -- set by evidence alone
      evidence jsonb not null default '[]',
      pass_id uuid,                             -- the pass that opened the registration
      window_ends_at timestamptz,
      enrolled jsonb,                           -- registered here, to be used once: its id and name
      cancelled_at timestamptz,
      completed_at timestamptz,
      created_at timestamptz not null,
      expires_at timestamptz not null
    );
    create index on sign_ins (expires_at);
    create index on sign_ins (user_id) where user_id is not null;
    create index on sign_ins (pass_id) where pass_id is not null;

    -- What the protocol asks about an account. A migration that adds a way to sign in replaces the view.
    create view account_standing as
      select u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at,
             exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null) as can_sign_in
        from users u;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop view account_standing; drop table sign_ins');
}
