import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users
      add column mail_changed_at timestamptz,    -- null: as it was when the user was made
      add column manager_changed_at timestamptz,
      add column contained_at timestamptz;       -- "this was not me": what was proved before then changes nothing any more

    -- Where a user was reached before mail changed: told as well for a day, so that nobody is silenced by a change.
    create table former_addresses (
      user_id uuid not null references users (id) on delete cascade,
      mail text not null,
      until timestamptz not null,
      primary key (user_id, mail)
    );
    create index on former_addresses (until);

    -- Neither table refers to its user: a foreign key, checked by a work that holds a pass, would wait for a deletion of the user
    -- that waits for the pass. And what was queued goes out also when the user is deleted.
    create table mail_outbox (
      id uuid primary key,
      user_id uuid not null,
      recipient text not null,
      subject text not null,
      sealed_body bytea,                         -- until it was sent or given up
      state text not null default 'queued' check (state in ('queued', 'sent', 'failed', 'not_sent')),
      attempts integer not null default 0,
      last_error text,                           -- codes of the mail server, never its words
      created_at timestamptz not null,
      due_at timestamptz not null,
      claimed_until timestamptz,                 -- a node is sending it until then
      finished_at timestamptz,
      check ((state = 'queued') = (sealed_body is not null)),
      check ((state = 'queued') = (finished_at is null))
    );
    create index on mail_outbox (due_at) where state = 'queued';
    create index on mail_outbox (created_at);

    create table containment_links (
      token_hash bytea primary key,              -- SHA-256 of 256 random bits that only the mail holds
      user_id uuid not null,
      since timestamptz not null,                -- the moment the mail was about
      expires_at timestamptz not null,
      used_at timestamptz
    );
    create index on containment_links (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table containment_links, mail_outbox, former_addresses;
    alter table users drop column mail_changed_at, drop column manager_changed_at, drop column contained_at;
  `);
}
