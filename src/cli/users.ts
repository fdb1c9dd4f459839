import { containUser } from '../containment.ts';
import { pageOfGroupsOf } from '../groups/manage-groups.ts';
import { groupResource, userResource } from '../http/graph/resources.ts';
import { changePerson, deletePerson } from '../people.ts';
import { revokeSessions } from '../sessions/manage-sessions.ts';
import { createUser, getUser, listUsers, readManager } from '../users/manage-users.ts';
import type { User } from '../users/user.ts';
import { asOperator } from '../wire.ts';
import {
  type Command,
  everyItem,
  one,
  type Options,
  print,
  printJson,
  UsageError,
  waysIn,
  withBase,
} from './command.ts';

export const userCommands: Readonly<Record<string, Command>> = {
  'user list': (_operands, { json }) =>
    withBase(async (base) => {
      const users = await base.run(asOperator, listUsers);
      if (json) return printJson({ value: users.map(userResource) });
      for (const user of users)
        print(`${user.userPrincipalName}\t${user.displayName}${user.enabled ? '' : '\tdisabled'}\n`);
    }),

  'user add': (operands, values) => {
    const userPrincipalName = one(operands, 'user add NAME');
    return withBase(async (base) => {
      const displayName = values['display-name'] ?? userPrincipalName;
      const user = await base.run(asOperator, (work) =>
        createUser(work, { userPrincipalName, displayName, mail: values.mail }),
      );
      if (values.json) printJson(userResource(user));
      else
        print(
          `Made ${user.userPrincipalName}. Give them a pass with: npx latchkey pass issue ${user.userPrincipalName}\n`,
        );
    });
  },

  'user enable': (operands, values) => setEnabled(one(operands, 'user enable NAME'), true, values),
  'user disable': (operands, values) => setEnabled(one(operands, 'user disable NAME'), false, values),

  'user show': (operands, { json }) => {
    const name = one(operands, 'user show NAME');
    return withBase(async (base) => {
      const { user, manager } = await base.run(asOperator, async (work) => {
        const found = await getUser(work, name);
        return { user: found, manager: found.managerId === null ? undefined : await getUser(work, found.managerId) };
      });
      if (json) return printJson(userResource(user));
      print(
        `${user.userPrincipalName}${user.enabled ? '' : ' (disabled)'}\nName: ${user.displayName}\nMail: ${user.mail ?? 'none'}\n` +
          `Manager: ${manager?.userPrincipalName ?? 'none'}\nId: ${user.id}\n`,
      );
    });
  },

  'user set': (operands, values) => {
    const name = one(operands, 'user set NAME [--display-name TEXT] [--mail ADDRESS] [--manager NAME]');
    const { 'display-name': displayName, mail, manager } = values;
    if (displayName === undefined && mail === undefined && manager === undefined) {
      throw new UsageError('Say what to set: --display-name, --mail or --manager.');
    }
    return withBase(async (base) => {
      const user = await base.run(asOperator, async (work) =>
        changePerson(work, name, {
          ...(displayName !== undefined && { displayName }),
          // Nothing between the quotes takes it away.
          ...(mail !== undefined && { mail: mail || null }),
          ...(manager !== undefined && { managerId: manager === '' ? null : (await getUser(work, manager)).id }),
        }),
      );
      show(user, values, 'is changed');
    });
  },

  'user manager': (operands, { json }) => {
    const name = one(operands, 'user manager NAME');
    return withBase(async (base) => {
      const manager = await base.run(asOperator, (work) => readManager(work, name));
      if (json) printJson(userResource(manager));
      else print(`${manager.userPrincipalName}\t${manager.displayName}\n`);
    });
  },

  'user groups': (operands, { json }) => {
    const name = one(operands, 'user groups NAME');
    return withBase(async (base) => {
      const groups = await base.run(asOperator, (work) => everyItem((asked) => pageOfGroupsOf(work, name, asked)));
      if (json) return printJson({ value: groups.map(groupResource) });
      for (const { displayName } of groups) print(`${displayName}\n`);
    });
  },

  'user sign-out': (operands, { json }) => {
    const user = one(operands, 'user sign-out NAME');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => revokeSessions(work, { user, methods: waysIn(base) }));
      if (json) printJson({ value: true });
      else print(`${user} is signed out everywhere, and the pass they had works no longer.\n`);
    });
  },

  'user contain': (operands, values) => {
    const user = one(operands, 'user contain NAME [--since TIME] [--reason TEXT]');
    const since = values.since === undefined ? undefined : new Date(values.since);
    if (since && Number.isNaN(since.getTime())) {
      throw new UsageError('--since is a time such as 2026-11-21T12:00:00Z.');
    }
    return withBase(async (base) => {
      const done = await base.run(asOperator, (work) =>
        containUser(work, { methods: waysIn(base), user, since, reason: values.reason }),
      );
      if (values.json) {
        return printJson({ since: done.since.toISOString(), endedMethods: done.ended, endedSessions: done.sessions });
      }
      print(
        `${user} is secured: what was added since ${done.since.toISOString()} and all passes and recovery codes no longer work ` +
          `(${done.ended.length} ended), and ${done.sessions} sessions have ended.\n`,
      );
    });
  },

  'user delete': (operands, { json }) => {
    const name = one(operands, 'user delete NAME');
    return withBase(async (base) => {
      const user = await base.run(asOperator, (work) => deletePerson(work, name));
      if (json) printJson({ deleted: user.id });
      else print(`${user.userPrincipalName} is deleted, and what they had open has ended.\n`);
    });
  },
};

function setEnabled(name: string, enabled: boolean, values: Options): Promise<void> {
  return withBase(async (base) => {
    const user = await base.run(asOperator, (work) => changePerson(work, name, { enabled }));
    show(user, values, enabled ? 'is enabled' : 'is disabled');
  });
}

function show(user: User, { json }: Options, what: string): void {
  if (json) printJson(userResource(user));
  else print(`${user.userPrincipalName} ${what}.\n`);
}
