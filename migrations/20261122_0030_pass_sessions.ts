import type { Knex } from 'knex';

/** What was born of a pass is tied to it, and asks at every use whether the pass still holds. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table oidc_sessions
      add column pass_id uuid;                  -- no foreign key: a pass that is gone holds nothing either
    alter table oidc_grants
      add column pass_id uuid,
      add column not_after timestamptz,         -- as of the session it was made in
      add constraint a_tied_grant_has_an_end check ((pass_id is null) = (not_after is null));

    -- What the protocol asks about a pass. Being used up ends no session: a one-time pass is so once it has signed in.
    create view pass_standing as
      select p.id,
             p.ended_at is null and p.expires_at > now()
             -- a role granted since ends the pass, as where it is entered
             and not exists (select 1 from role_assignments r where r.user_id = p.user_id and r.granted_at > p.issued_at)
             and not exists (select 1 from policies
                              where name = 'temporaryAccessPass' and document->>'state' = 'disabled') as holds
        from temporary_access_passes p;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop view pass_standing;
    -- Untied they would outlive their pass.
    delete from oidc_sessions where pass_id is not null;
    delete from oidc_grants where pass_id is not null;
    alter table oidc_sessions drop column pass_id;
    alter table oidc_grants drop column pass_id, drop column not_after;
  `);
}
