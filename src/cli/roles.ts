import type { Work } from '../core/work.ts';
import { assignmentResource, roleResource } from '../http/graph/resources.ts';
import { giveRole } from '../others-identities.ts';
import { listRoleHolders, pageOfAssignments, revokeRole, roleDefinition } from '../roles/manage-roles.ts';
import { findRole, type Role, roles } from '../roles/role.ts';
import { getUser } from '../users/manage-users.ts';
import { groupNamed } from '../groups/manage-groups.ts';
import { asOperator } from '../wire.ts';
import { type Command, everyItem, one, type Options, print, printJson, two, withBase } from './command.ts';

/** A role is named by its name in any case, or by its template id. */
export const roleCommands: Readonly<Record<string, Command>> = {
  'role list': (_operands, { json }) =>
    withBase(async (base) => {
      const holders = await base.run(asOperator, listRoleHolders);
      const value = roles.map((role) => ({
        ...roleResource(role),
        holders: holders
          .filter((holder) => holder.templateId === role.templateId)
          .map(({ userPrincipalName, scope }) =>
            scope === null ? userPrincipalName : `${userPrincipalName} (${scope})`,
          ),
      }));
      if (json) return printJson({ value });
      for (const role of value) print(`${[role.displayName, ...role.holders].join('\t')}\n`);
    }),

  'role show': (operands, { json }) => {
    const name = one(operands, 'role show ROLE');
    const templateId = findRole(name)?.templateId ?? name;
    return withBase(async (base) => {
      const { role, assignments } = await base.run(asOperator, async (work) => ({
        role: await roleDefinition(work, templateId),
        assignments: await everyItem((asked) => pageOfAssignments(work, { ...asked, filter: { templateId } })),
      }));
      if (json) return printJson({ ...roleResource(role), assignments: assignments.map(assignmentResource) });
      print(`${role.name}\nTemplate id: ${templateId}\n`);
      for (const { userId, scopeGroupId } of assignments)
        print(`${userId}${scopeGroupId ? `\t${scopeGroupId}` : ''}\n`);
    });
  },

  'role grant': (operands, { json, ...values }) =>
    change(two(operands, 'role grant USER ROLE'), granting(values), (user, role) => {
      if (json) printJson({ granted: role.name, user });
      else print(`${user} is ${role.name}. A pass they were given before works no longer.\n`);
    }),

  'role revoke': (operands, { json }) =>
    change(two(operands, 'role revoke USER ROLE'), revokeRole, (user, role) => {
      if (json) printJson({ revoked: role.name, user });
      else print(`${user} is no longer ${role.name}.\n`);
    }),
};

/** A Pass Issuer is for the people in a group, with limits if wanted. */
function granting({ group, lifetime, 'one-time': oneTimeOnly }: Options) {
  return async (work: Work, userId: string, name: string): Promise<Role> => {
    const { role } = await giveRole(work, userId, name, {
      groupId: group === undefined ? null : (await groupNamed(work, group)).id,
      limits: {
        ...(lifetime !== undefined && { maximumLifetimeMinutes: Number(lifetime) }),
        ...(oneTimeOnly && { oneTimeOnly }),
      },
    });
    return role;
  };
}

function change(
  [name, role]: readonly [string, string],
  act: (work: Work, userId: string, role: string) => Promise<Role>,
  say: (user: string, role: Role) => void,
): Promise<void> {
  return withBase(async (base) => {
    const done = await base.run(asOperator, async (work) => {
      const user = await getUser(work, name);
      return { user, role: await act(work, user.id, role) };
    });
    say(done.user.userPrincipalName, done.role);
  });
}
