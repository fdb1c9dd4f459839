import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table audit_events
      -- the app that asked: for itself, or with the token of a person
      add column actor_client_id text,
      -- two events of one instant in their order; numbers may be missing, and say nothing about who committed first
      add column sequence bigint generated always as identity;
    update audit_events set actor_client_id = actor_id where actor_kind = 'client';

    drop index audit_events_at_idx;
    create index audit_events_at on audit_events (at, sequence);
    create index audit_events_type on audit_events (type, at, sequence);
    create index audit_events_actor on audit_events (actor_id, at, sequence) where actor_id is not null;
    create index audit_events_client on audit_events (client_id, at, sequence) where client_id is not null;
    create index audit_events_request on audit_events (request_id);
    create index audit_events_group on audit_events ((details->>'groupId')) where details->>'groupId' is not null;
    -- the proofs that a completed sign-in rests on
    create index audit_events_sign_in on audit_events ((details->>'uid')) where type = 'sign-in.verified';

    -- What was recorded stays as it is for 400 days, whoever asks: triggers bind a superuser too, privileges do not.
    create function keep_audit_events() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        if old.at < now() - interval '400 days' then return old; end if;
      end if;
      raise exception 'audit_events is append-only: % is refused', lower(tg_op)
        using errcode = 'insufficient_privilege', hint = 'Rows can be deleted when they are older than 400 days.';
    end $$;
    create trigger keep_rows before update or delete on audit_events for each row execute function keep_audit_events();
    create trigger keep_table before truncate on audit_events for each statement execute function keep_audit_events();
    -- "always": also for a session that plays a replica, where ordinary triggers are silent
    alter table audit_events enable always trigger keep_rows, enable always trigger keep_table;
    revoke update, truncate on audit_events from current_user;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    grant update, truncate on audit_events to current_user;
    drop trigger keep_table on audit_events;
    drop trigger keep_rows on audit_events;
    drop function keep_audit_events();
    drop index audit_events_sign_in, audit_events_group, audit_events_request, audit_events_client, audit_events_actor,
      audit_events_type, audit_events_at;
    create index on audit_events (at);
    alter table audit_events drop column sequence, drop column actor_client_id;
  `);
}
