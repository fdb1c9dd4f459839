import type { Page } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import {
  addMember,
  createGroup,
  deleteGroup,
  groupNamed,
  listGroups,
  pageOfMembers,
  removeMember,
} from '../groups/manage-groups.ts';
import { groupResource, userResource } from '../http/graph/resources.ts';
import type { User } from '../users/user.ts';
import { asOperator } from '../wire.ts';
import { type Command, one, print, printJson, two, withBase } from './command.ts';

/** A group is named by its display name, or by its id. */
export const groupCommands: Readonly<Record<string, Command>> = {
  'group list': (_operands, { json }) =>
    withBase(async (base) => {
      const groups = await base.run(asOperator, listGroups);
      if (json) return printJson({ value: groups.map(groupResource) });
      for (const { displayName } of groups) print(`${displayName}\n`);
    }),

  'group add': (operands, { json }) => {
    const displayName = one(operands, 'group add NAME');
    return withBase(async (base) => {
      const group = await base.run(asOperator, (work) => createGroup(work, { displayName }));
      if (json) printJson(groupResource(group));
      else print(`Made ${group.displayName}.\n`);
    });
  },

  'group delete': (operands, { json }) => {
    const name = one(operands, 'group delete NAME');
    return withBase(async (base) => {
      const group = await base.run(asOperator, async (work) => deleteGroup(work, (await groupNamed(work, name)).id));
      if (json) printJson({ deleted: group.id });
      else print(`${group.displayName} is deleted.\n`);
    });
  },

  'group members': (operands, { json }) => {
    const name = one(operands, 'group members NAME');
    return withBase(async (base) => {
      const members = await base.run(asOperator, (work) => everyMember(work, name));
      if (json) return printJson({ value: members.map(userResource) });
      for (const user of members) print(`${user.userPrincipalName}\t${user.displayName}\n`);
    });
  },

  'group add-member': (operands, { json }) => {
    const [name, user] = two(operands, 'group add-member GROUP USER');
    return withBase(async (base) => {
      await base.run(asOperator, async (work) => addMember(work, (await groupNamed(work, name)).id, user));
      if (json) printJson({ added: user });
      else print(`${user} is in ${name}.\n`);
    });
  },

  'group remove-member': (operands, { json }) => {
    const [name, user] = two(operands, 'group remove-member GROUP USER');
    return withBase(async (base) => {
      await base.run(asOperator, async (work) => removeMember(work, (await groupNamed(work, name)).id, user));
      if (json) printJson({ removed: user });
      else print(`${user} is no longer in ${name}.\n`);
    });
  },
};

async function everyMember(work: Work, name: string): Promise<User[]> {
  const group = await groupNamed(work, name);
  const members: User[] = [];
  let page: Page<User> | undefined;
  do {
    page = await pageOfMembers(work, group.id, { top: 999, skipToken: page?.skipToken });
    members.push(...page.items);
  } while (page.skipToken !== undefined);
  return members;
}
