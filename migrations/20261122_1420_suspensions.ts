import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Of a passkey that was called lost in a pass's window: what was added since then goes when its holder says "this was not me".
    alter table passkeys add contain_since timestamptz;
    -- Removed by its owner while it opens that page: nobody sees it any more, and it goes when the page does.
    alter table passkeys add removed_at timestamptz;
    create index on passkeys (removed_at) where removed_at is not null;

    alter table recovery_codes
      add suspended_at timestamptz,
      add suspend_reason text;

    -- Passes that have added one which was removed since: a pass adds one, whatever became of it.
    create table passkey_passes (
      pass_id uuid primary key,                 -- no foreign key: passes are purged
      removed_at timestamptz not null
    );
    create index on passkey_passes (removed_at);
    create table authenticator_app_passes (
      pass_id uuid primary key,                 -- no foreign key: passes are purged
      removed_at timestamptz not null
    );
    create index on authenticator_app_passes (removed_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table authenticator_app_passes, passkey_passes;
    alter table recovery_codes drop suspended_at, drop suspend_reason;
    delete from passkeys where removed_at is not null;
    alter table passkeys drop contain_since, drop removed_at;
  `);
}
