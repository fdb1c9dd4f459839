import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { methodResources } from '../http/graph/method-resources.ts';
import type { ListedCredential } from '../methods/method.ts';
import { changeMethodOf, methodsOf, removeAppOf, removePasskeyOf } from '../others-methods.ts';
import { resetPassword } from '../password-reset.ts';
import { asOperator, type Base } from '../wire.ts';
import {
  type Command,
  one,
  print,
  printJson,
  secretIn,
  settingsFrom,
  two,
  UsageError,
  waysIn,
  withBase,
} from './command.ts';

// As the API takes them.
const methodChange = z.strictObject({
  displayName: z.string().optional(),
  state: z.enum(['active', 'suspended']).optional(),
});

/** What people sign in with. A pass has commands of its own; here it is listed with the rest. */
export const methodCommands: Readonly<Record<string, Command>> = {
  'method list': (operands, { json }) => {
    const user = one(operands, 'method list USER');
    return withBase(async (base) => {
      const { resources } = await found(base, user);
      if (json) return printJson({ value: resources });
      for (const resource of resources) print(`${lineOf(resource)}\n`);
    });
  },

  'method show': (operands, { json }) => {
    const [user, id] = two(operands, 'method show USER ID');
    return withBase(async (base) => {
      const resource = theOne((await found(base, user)).resources, id);
      if (json) printJson(resource);
      else for (const [name, value] of Object.entries(resource)) print(`${name}=${JSON.stringify(value)}\n`);
    });
  },

  'method set': ([user, id, ...named], { json }) => {
    const form = 'method set USER ID KEY=VALUE ...';
    if (user === undefined || id === undefined) throw new UsageError(`Use: latchkey ${form}`);
    const { displayName: name, state } = settingsFrom(named, methodChange, form);
    return withBase(async (base) => {
      const kind = await kindOf(base, user, id);
      await base.run(asOperator, (work) =>
        changeMethodOf(work, { methods: waysIn(base), user, kind, id, name, state }),
      );
      const resource = theOne((await found(base, user)).resources, id);
      if (json) printJson(resource);
      else print(`${lineOf(resource)}\n`);
    });
  },

  'method delete': (operands, { json }) => {
    const [user, id] = two(operands, 'method delete USER ID');
    return withBase(async (base) => {
      const kind = await kindOf(base, user, id);
      const methods = waysIn(base);
      await base.run(asOperator, (work) =>
        kind === 'passkey'
          ? removePasskeyOf(work, { methods, user, passkeyId: id })
          : removeAppOf(work, { methods, user, appId: id }),
      );
      if (json) printJson({ deleted: id });
      else print(`${user} signs in with it no longer. What it opened goes on: latchkey user sign-out ${user}\n`);
    });
  },

  'method reset-password': (operands, { json, 'secret-file': file }) => {
    const user = one(operands, 'method reset-password USER [--secret-file FILE]');
    const newPassword = file === undefined ? undefined : secretIn(file);
    return withBase(async (base) => {
      const { made } = await resetPassword(base.run, asOperator, { methods: waysIn(base), user, newPassword });
      if (json) return printJson(made === null ? {} : { newPassword: made });
      print(`${user} has a new password, and is signed out everywhere.\n`);
      if (made !== null) print(`It is shown this once.\nPassword: ${made}\n`);
    });
  },
};

function found(base: Base, user: string) {
  return base.run(asOperator, async (work) => {
    const all = await methodsOf(work, { methods: waysIn(base), user });
    return { credentials: all.credentials, resources: methodResources(all, work.now) };
  });
}

async function kindOf(base: Base, user: string, id: string): Promise<'passkey' | 'authenticator-app'> {
  const { credentials } = await found(base, user);
  const { method } = theOne<ListedCredential>(credentials, id);
  if (method === 'passkey' || method === 'authenticator-app') return method;
  throw new AppError('not_found', 'This is neither a passkey nor an authenticator app.');
}

function theOne<One extends { readonly id: string }>(those: readonly One[], id: string): One {
  const one = those.find((each) => each.id === id);
  if (!one) throw new AppError('not_found', 'This user has no such sign-in method.');
  return one;
}

function lineOf(resource: Awaited<ReturnType<typeof found>>['resources'][number]): string {
  const kind = resource['@odata.type'].replace(/^#microsoft\.graph\.|AuthenticationMethod$/g, '');
  const name = 'displayName' in resource && resource.displayName ? `\t${resource.displayName}` : '';
  const state = 'state' in resource && resource.state ? `\t${resource.state}` : '';
  return `${resource.id}\t${kind}${name}${state}`;
}
