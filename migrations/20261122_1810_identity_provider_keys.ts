import type { Knex } from 'knex';

/** A second key of ours for a provider, which it reads beside the one that signs: keys change without a break. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table identity_providers
      add column other_private_key bytea,       -- JWK made here, sealed for this row; signs nothing until it takes the other's place
      add column other_public_key jsonb,
      add check ((other_private_key is null) = (other_public_key is null)),
      add check (other_private_key is null or private_key is not null)
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table identity_providers drop column other_private_key, drop column other_public_key');
}
