import { powerOf } from './powers.ts';
import { findRole, globalAdministrator, roles } from './role.ts';

/**
 * The ladder once more, for the one statement that redeems a pass: whether the person who issued it still may.
 * The same answer as `permitOn(…, 'passes.write', …)` for that person, but for limits on what may be issued.
 * `held`: the issuer and the role keep as they are until the work ends, so that whoever takes either away waits for the work, or
 * is seen by it. The person first: they are deleted before their roles are.
 */
export function stillMayIssueSql(issuer: string, target: string, { held = false } = {}): string {
  return `exists (
    select 1 from users i join role_assignments ir on ir.user_id = i.id
      join (${rankedRoles}) issuing (id, rank, gives_passes) on issuing.id = ir.role_template_id and issuing.gives_passes
     where i.id::text = ${issuer} and i.account_enabled and i.id <> ${target}
       and (issuing.id <> '${passIssuerId}' or ir.scope_group_id is not null)
       and (ir.scope_group_id is null
         or exists (select 1 from group_members m where m.group_id = ir.scope_group_id and m.user_id = ${target}))
       and (issuing.id = '${globalAdministrator.templateId}' or issuing.rank > coalesce((
         select max(coalesce(known.rank, 1)) from role_assignments tr
           left join (${rankedRoles}) known (id, rank, gives_passes) on known.id = tr.role_template_id
          where tr.user_id = ${target}), 0))
     ${held ? 'for share of i, ir' : ''})`;
}

const passIssuerId = findRole('Pass Issuer')!.templateId;

// Our own table of roles as rows: nothing in it comes from a request.
const rankedRoles = `values ${roles
  .map(({ name, templateId, rank }) => {
    const givesPasses = powerOf('passes.write').roles.includes(name);
    return `('${templateId}'::uuid, ${rank}, ${givesPasses})`;
  })
  .join(', ')}`;
