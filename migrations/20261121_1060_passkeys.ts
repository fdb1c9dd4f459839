import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table passkeys (
      id uuid primary key,
      credential_id bytea not null unique check (octet_length(credential_id) between 16 and 1023), -- WebAuthn L3 §5.8.3
      user_id uuid not null references users (id) on delete cascade,
      public_key bytea not null,                -- COSE_Key
      algorithm integer not null,               -- COSE: -7 ES256, -8 EdDSA, -257 RS256
      sign_count bigint not null,
      transports text[] not null default '{}',
      aaguid uuid not null,
      backup_eligible boolean not null,
      backed_up boolean not null,
      name text not null,
      created_at timestamptz not null,
      created_with text,                        -- browser and system, for people to recognise it by
      first_used_at timestamptz,                -- null until it was used once
      last_used_at timestamptz,
      last_used_with text,
      suspended_at timestamptz,
      suspend_reason text,
      pass_id uuid unique                       -- a pass may add one passkey; no foreign key: passes are purged
    );
    create index on passkeys (user_id);

    -- Open ceremonies: taken with a delete before anything is verified.
    create table passkey_ceremonies (
      challenge text primary key,               -- 32 random bytes, base64url
      kind text not null check (kind in ('registration', 'authentication')),
      owner bytea not null,                     -- digest of the sign-in or session it belongs to
      user_id uuid references users (id) on delete cascade,
      expires_at timestamptz not null
    );
    create index on passkey_ceremonies (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table passkey_ceremonies, passkeys');
}
