import type { Knex } from 'knex';

/** A registration that a pass opened on one device is carried on to another: a link, and the browser that followed it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sign_ins
      add column carry_link bytea unique,       -- digest of the secret in the link; one a sign-in, a new one replaces it
      add column carry_sealed bytea,            -- that secret, to be shown again in the browser it began in until it is used
      add column carry_browser bytea,           -- digest of the browser cookie that followed the link: it alone registers now
      add constraint a_link_is_shown_until_it_is_used
        check (carry_sealed is null or (carry_link is not null and carry_browser is null)),
      add constraint whoever_goes_on_followed_a_link check (carry_browser is null or carry_link is not null);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table sign_ins drop column carry_link, drop column carry_sealed, drop column carry_browser');
}
