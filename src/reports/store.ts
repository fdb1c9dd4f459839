import {
  caseless,
  type Condition,
  conditionFor,
  objectId,
  type Properties,
  type Property,
  truth,
} from '../core/conditions.ts';
import type { Filter } from '../core/filter.ts';
import type { Work } from '../core/work.ts';
import { globalAdministrator, roles } from '../roles/role.ts';
import { userNameKey } from '../users/user.ts';
import type { Included, Registration } from './registration-report.ts';

// What is suspended, locked or over counts for nothing. `now` is the work's, so that a report says one moment.
const registrations = `
  select u.id, u.user_principal_name, u.user_name_key, u.display_name, h.is_admin, h.is_privileged, h.has_passkey,
         h.has_passkey or (h.has_app and h.has_password) as mfa_registered,
         h.may_use_passkey as passwordless_capable,
         h.may_use_passkey or (h.has_app and h.has_password and policy_allows('password', u.id)
                                and policy_allows('softwareOath', u.id)) as mfa_capable,
         array_remove(array[
           case when h.has_device_bound then 'passKeyDeviceBound' end,
           case when h.has_synced then 'passKeySynced' end,
           case when h.has_app then 'softwareOneTimePasscode' end,
           case when h.has_pass then 'temporaryAccessPass' end,
           case when h.has_codes then 'recoveryCode' end
         ], null) as methods
    from users u
    cross join lateral (
      select exists (select 1 from role_assignments r where r.user_id = u.id) as is_admin,
             exists (select 1 from role_assignments r where r.user_id = u.id and r.role_template_id = any(?)) as is_privileged,
             k.has_device_bound, k.has_synced, k.has_device_bound or k.has_synced as has_passkey, k.may_use_passkey,
             exists (select 1 from authenticator_apps a where a.user_id = u.id and a.suspended_at is null) as has_app,
             exists (select 1 from passwords w where w.user_id = u.id and w.locked_at is null) as has_password,
             exists (select 1 from recovery_codes c where c.user_id = u.id and c.suspended_at is null) as has_codes,
             exists (
               select 1 from temporary_access_passes t
                where t.user_id = u.id and t.ended_at is null and t.completed_at is null and t.locked_at is null
                  and t.expires_at > ? and not (t.one_time and t.window_ends_at is not null)
                  and (t.maximum_uses is null or t.uses < t.maximum_uses)
             ) as has_pass
        from (
          select coalesce(bool_or(not backup_eligible), false) as has_device_bound,
                 coalesce(bool_or(backup_eligible), false) as has_synced,
                 coalesce(bool_or(passkey_allowed(k.aaguid, k.user_id)), false) as may_use_passkey
            from passkeys k where k.user_id = u.id and k.suspended_at is null and k.removed_at is null
        ) k
    ) h
   where u.account_enabled`;

interface Row {
  id: string;
  user_principal_name: string;
  user_name_key: string;
  display_name: string;
  is_admin: boolean;
  passwordless_capable: boolean;
  mfa_registered: boolean;
  mfa_capable: boolean;
  methods: string[];
}

function toRegistration(row: Row): Registration & { readonly key: string } {
  return {
    key: row.user_name_key,
    userId: row.id,
    userPrincipalName: row.user_principal_name,
    displayName: row.display_name,
    isAdmin: row.is_admin,
    methods: row.methods,
    isMfaRegistered: row.mfa_registered,
    isMfaCapable: row.mfa_capable,
    isPasswordlessCapable: row.passwordless_capable,
  };
}

const privileged = [
  globalAdministrator.templateId,
  ...roles.filter(({ name }) => name === 'Privileged Authentication Administrator').map(({ templateId }) => templateId),
];

const userName = caseless('r.user_name_key', '?');

/** Nobody resets a password by themself here. */
const never: Property = truth('false');

const properties: Properties = {
  id: objectId('r.id'),
  userPrincipalName: {
    ...userName,
    condition: (operator, value: string) => userName.condition(operator, userNameKey(value) as never),
  },
  userDisplayName: caseless('lower(r.display_name)', 'lower(?)'),
  userType: {
    operators: ['eq', 'ne'],
    takes: 'text',
    condition: (operator, value: string) => ({ sql: `('member' = ?) = ?`, values: [value, operator === 'eq'] }),
  },
  isAdmin: truth('r.is_admin'),
  isMfaRegistered: truth('r.mfa_registered'),
  isMfaCapable: truth('r.mfa_capable'),
  isPasswordlessCapable: truth('r.passwordless_capable'),
  isSsprRegistered: never,
  isSsprEnabled: never,
  isSsprCapable: never,
  'methodsRegistered/any': {
    operators: ['eq'],
    takes: 'text',
    condition: (_operator, value: string) => ({ sql: '? = any(r.methods)', values: [value] }),
  },
};

async function rowsOf<One>({ tx, now }: Work, select: string, condition: Condition, rest = '', more: unknown[] = []) {
  const { rows } = await tx.raw<{ rows: One[] }>(
    `select ${select} from (${registrations}) r where (${condition.sql}) ${rest}`,
    [privileged, now, ...condition.values, ...more] as never,
  );
  return rows;
}

export async function some(
  work: Work,
  { filter, after, most }: { filter: Filter | undefined; after: string | undefined; most: number },
): Promise<(Registration & { readonly key: string })[]> {
  const narrowed = conditionFor(properties, filter);
  const place = after === undefined ? [] : [after];
  const rest = `${after === undefined ? '' : 'and r.user_name_key > ?'} order by r.user_name_key limit ?`;
  return (await rowsOf<Row>(work, '*', narrowed, rest, [...place, most])).map(toRegistration);
}

export async function count(work: Work, filter: Filter | undefined): Promise<number> {
  const [row] = await rowsOf<{ count: string }>(work, 'count(*) as count', conditionFor(properties, filter));
  return Number(row!.count);
}

export async function one(work: Work, idOrName: string): Promise<Registration | undefined> {
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(idOrName);
  const [row] = await rowsOf<Row>(
    work,
    '*',
    isId
      ? { sql: 'r.id = ?::uuid', values: [idOrName] }
      : { sql: 'r.user_name_key = ?', values: [userNameKey(idOrName)] },
  );
  return row && toRegistration(row);
}

export interface Counted {
  readonly total: number;
  readonly counts: readonly { readonly name: string; readonly users: number }[];
}

function whoIs({ roles: held, types }: Included): Condition {
  if (types === 'guest') return { sql: 'false', values: [] };
  const conditions = { all: 'true', privilegedAdmin: 'r.is_privileged', admin: 'r.is_admin', user: 'not r.is_admin' };
  return { sql: conditions[held], values: [] };
}

export async function byMethod(work: Work, included: Included): Promise<Counted> {
  const select = 'array_length(r.methods, 1) as many, r.methods';
  const { tx, now } = work;
  const who = whoIs(included);
  const { rows } = await tx.raw<{ rows: { method: string | null; users: string }[] }>(
    `with r as (select ${select} from (${registrations}) r where ${who.sql})
     select null as method, count(*) as users from r
     union all
     select m.method, count(*) from r cross join lateral unnest(r.methods) as m (method) group by m.method
     order by method nulls first`,
    [privileged, now, ...who.values] as never,
  );
  const [all, ...methods] = rows;
  return {
    total: Number(all!.users),
    counts: methods.map(({ method, users }) => ({ name: method!, users: Number(users) })),
  };
}

export async function byFeature(work: Work, included: Included): Promise<Counted> {
  const [row] = await rowsOf<Record<'all' | 'passwordless' | 'mfa', string>>(
    work,
    `count(*) as all, count(*) filter (where r.has_passkey) as passwordless, count(*) filter (where r.mfa_capable) as mfa`,
    whoIs(included),
  );
  return {
    total: Number(row!.all),
    counts: [
      { name: 'ssprRegistered', users: 0 },
      { name: 'ssprEnabled', users: 0 },
      { name: 'ssprCapable', users: 0 },
      { name: 'passwordlessCapable', users: Number(row!.passwordless) },
      { name: 'mfaCapable', users: Number(row!.mfa) },
    ],
  };
}
