import {
  addMember,
  changeGroup,
  createGroup,
  deleteGroup,
  groupNamed,
  listGroups,
  pageOfMembers,
  readGroup,
  removeMember,
} from '../groups/manage-groups.ts';
import { groupResource, userResource } from '../http/graph/resources.ts';
import { asOperator } from '../wire.ts';
import { type Command, everyItem, one, print, printJson, two, UsageError, withBase } from './command.ts';

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

  'group show': (operands, { json }) => {
    const name = one(operands, 'group show NAME');
    return withBase(async (base) => {
      const group = await base.run(asOperator, (work) => groupNamed(work, name));
      if (json) printJson(groupResource(group));
      else print(`${group.displayName}\nId: ${group.id}\n`);
    });
  },

  'group set': (operands, { json, 'display-name': displayName }) => {
    const name = one(operands, 'group set NAME --display-name TEXT');
    if (displayName === undefined) throw new UsageError('Say what to set: --display-name.');
    return withBase(async (base) => {
      const group = await base.run(asOperator, async (work) => {
        const { id } = await groupNamed(work, name);
        await changeGroup(work, id, { displayName });
        return readGroup(work, id);
      });
      if (json) printJson(groupResource(group));
      else print(`${name} is ${group.displayName} now.\n`);
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
      const members = await base.run(asOperator, async (work) => {
        const { id } = await groupNamed(work, name);
        return everyItem((asked) => pageOfMembers(work, id, asked));
      });
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
