import type { Knex } from 'knex';

/**
 * Who may use which method, decided where it is used: the statement that takes note of a use holds the condition. A document keeps what
 * differs from the defaults, and these are the defaults: switched on, for everybody, any model, registered by people themselves.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function target_holds(targets jsonb, of_user uuid) returns boolean language sql stable as $$
      select exists (
        select 1 from jsonb_array_elements(targets) t
         where case when t->>'targetType' = 'user' then t->>'id' = of_user::text
                    else t->>'id' = 'all_users' or exists (
                      select 1 from group_members m where m.user_id = of_user and m.group_id::text = t->>'id') end)
    $$;

    -- Whether the method that the document is about is for the user; exclusion wins. The policy for passes is judged in its own room.
    create function policy_allows(policy text, of_user uuid) returns boolean language sql stable as $$
      select coalesce((
        select coalesce(d.document->>'state', 'enabled') = 'enabled'
           and (d.document->'includeTargets' is null or target_holds(d.document->'includeTargets', of_user))
           and (d.document->'excludeTargets' is null or not target_holds(d.document->'excludeTargets', of_user))
          from policies d where d.name = policy), true)
    $$;

    -- Whether passkeys of this model, as it calls itself, may be used and registered.
    create function model_allowed(aaguid uuid) returns boolean language sql stable as $$
      select coalesce((
        select case when r.kept->'isEnforced' is distinct from 'true' then true
                    else (r.kept->'aaGuids' @> to_jsonb(aaguid::text)) = (r.kept->>'enforcementType' = 'allow') end
          from (select d.document->'keyRestrictions' as kept from policies d where d.name = 'fido2') r), true)
    $$;
    create function passkey_allowed(aaguid uuid, of_user uuid) returns boolean language sql stable as $$
      select policy_allows('fido2', of_user) and model_allowed(aaguid)
    $$;

    -- What the user may not sign in with.
    create function refused_methods(of_user uuid) returns text[] language sql stable as $$
      select array_remove(array[
        case when not policy_allows('fido2', of_user) then 'passkey' end,
        case when not policy_allows('password', of_user) then 'password' end,
        case when not policy_allows('softwareOath', of_user) then 'authenticator-app' end,
        case when not policy_allows('recoveryCode', of_user) then 'recovery-code' end
      ], null)
    $$;

    -- What the user may not register by themself. An authenticator app signs nobody in without a password.
    create function barred_methods(of_user uuid) returns text[] language sql stable as $$
      select refused_methods(of_user) || array_remove(array[
        case when exists (select 1 from policies d where d.name = 'fido2'
                            and d.document->'isSelfServiceRegistrationAllowed' = 'false') then 'passkey' end,
        case when not policy_allows('password', of_user) then 'authenticator-app' end
      ], null)
    $$;

    drop view registration_standing;
  `);
  await knex.raw(accounts(allowed));
  await knex.raw(standing(allowed, ', barred_methods(u.id) as barred'));
  await knex.raw(decided("'password', 'registration', 'assurance', 'fido2', 'softwareOath', 'recoveryCode'"));
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop view registration_standing');
  await knex.raw(accounts(whatever));
  await knex.raw(standing(whatever, ''));
  await knex.raw(decided("'password', 'registration', 'assurance'"));
  await knex.raw(`
    drop function barred_methods, refused_methods, passkey_allowed, model_allowed, policy_allows, target_holds;
  `);
}

interface Conditions {
  readonly passkey: string;
  readonly password: string;
  readonly app: string;
}

const whatever: Conditions = { passkey: '', password: '', app: '' };

const allowed: Conditions = {
  passkey: 'and passkey_allowed(p.aaguid, u.id)',
  password: "and policy_allows('password', u.id)",
  app: "and policy_allows('softwareOath', u.id)",
};

function ways({ passkey, password, app }: Conditions) {
  return {
    passkey: `exists (select 1 from passkeys p where p.user_id = u.id and p.suspended_at is null ${passkey})`,
    password: `exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null ${password})`,
    app: `exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null ${app})`,
  };
}

/** A session that stands is not judged by what its user may sign in with next time: only the strong method is, for administrators. */
function accounts(conditions: Conditions): string {
  const [has, may] = [ways(whatever), ways(conditions)];
  const alone = "exists (select 1 from policies d where d.name = 'password' and d.document->'alone' = 'true')";
  const link = 'exists (select 1 from open_identities o where o.user_id = u.id)';
  return `
    create or replace view account_standing as
      select u.id, u.user_principal_name, u.display_name, u.mail, u.account_enabled, u.updated_at,
             ${has.passkey} or (${has.password} and (${has.app} or ${alone})) or ${link} as can_sign_in,
             ${may.passkey} or (${may.password} and ${may.app}) as has_strong_method
        from users u`;
}

function standing(conditions: Conditions, column: string): string {
  const { passkey, password, app } = ways(conditions);
  return `
    create view registration_standing as
      select u.id as user_id,
             array(select m.group_id::text from group_members m where m.user_id = u.id) as groups,
             array_remove(array[
               case when ${passkey} then 'passkey' end,
               case when ${password} and ${app} then 'authenticator-app' end
             ], null) as methods,
             coalesce(s.count, 0) as snoozes,
             s.until as snoozed_until,
             coalesce(c.confirmed_at, u.created_at) as confirmed_at
             ${column}
        from users u left join registration_snoozes s on s.user_id = u.id
                     left join registration_confirmations c on c.user_id = u.id`;
}

/** The documents that a session is judged by; always one row. */
function decided(names: string): string {
  return `
    create or replace view decided_policies as
      select coalesce(jsonb_object_agg(name, document), '{}') as decided from policies where name in (${names})`;
}
