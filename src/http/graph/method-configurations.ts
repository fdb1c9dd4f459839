import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { changePasswordPolicy, passwordPolicy, resetPasswordPolicy } from '../../methods/password/manage-policy.ts';
import { type PasswordSettings, passwordSettingsChange } from '../../methods/password/settings.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../../methods/temporary-access-pass/manage-policy.ts';
import { passSettingsChange } from '../../methods/temporary-access-pass/settings.ts';
import { parseBody } from './api.ts';
import { passPolicyResource, passPolicyShape } from './resources.ts';
import { entity } from './shape.ts';

const passwordPolicyShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.passwordAuthenticationMethodConfiguration'),
    id: z.literal('Password'),
    ...passwordSettingsChange.required().shape,
  })
  .meta({ id: 'passwordPolicy' });

/** Told apart by `@odata.type`. */
export const configurationShape = z.discriminatedUnion('@odata.type', [passPolicyShape, passwordPolicyShape]);

/** One of them by itself. */
export const configurationAnswer = z.discriminatedUnion('@odata.type', [
  entity(passPolicyShape),
  entity(passwordPolicyShape),
]);

type Configuration = z.output<typeof configurationShape>;

/** What PATCH takes depends on the configuration that is named. */
export const configurationChange = z.union([passSettingsChange, passwordSettingsChange]);

/** The same, several of them, each with its `id` beside it. */
export const configurationChanges = z
  .array(z.looseObject({ id: z.string() }))
  .max(20)
  .meta({ description: 'Each is changed as at its own address.' });

/** The policy of one method, as `authenticationMethodConfigurations` has it. */
interface MethodConfiguration {
  readonly read: (work: Work) => Promise<Configuration>;
  /** What PATCH takes; what it does not name stays. */
  readonly changes: z.ZodType;
  readonly change: (work: Work, changes: never) => Promise<void>;
  readonly reset: (work: Work) => Promise<void>;
}

const configurations: Readonly<Record<string, MethodConfiguration>> = {
  temporaryaccesspass: {
    read: async (work) => passPolicyResource(await passPolicy(work)),
    changes: passSettingsChange,
    change: changePassPolicy,
    reset: resetPassPolicy,
  },
  password: {
    read: async (work) => passwordPolicyResource(await passwordPolicy(work)),
    changes: passwordSettingsChange,
    change: changePasswordPolicy,
    reset: resetPasswordPolicy,
  },
};

/** Keys of configurations ignore case. Fails with `not_found`. */
export function configurationNamed(name: string): MethodConfiguration {
  const key = name.toLowerCase();
  if (Object.hasOwn(configurations, key)) return configurations[key]!;
  throw new AppError('not_found', 'There is no such authentication method configuration.');
}

/**
 * What a list asks of each, in one order whoever asks: two that lock the same policies wait for each other, and not in a circle.
 * `writable` takes away what is not to be changed. Fails with `invalid_input`.
 */
export function configurationsIn(list: z.output<typeof configurationChanges>, writable: (item: unknown) => unknown) {
  const keys = list.map(({ id }) => id.toLowerCase());
  const stranger = keys.findIndex((key, at) => !Object.hasOwn(configurations, key) || keys.indexOf(key) < at);
  if (stranger >= 0) {
    const those = 'authenticationMethodConfigurations takes those that are here, each once';
    throw new AppError('invalid_input', `${those}; "${list[stranger]!.id.slice(0, 64)}" is not one more.`);
  }
  return Object.entries(configurations)
    .filter(([key]) => keys.includes(key))
    .map(([key, { changes, change }]) => ({ change, asked: parseBody(changes, writable(list[keys.indexOf(key)])) }));
}

/** All of them, in Graph's shape. */
export async function readConfigurations(work: Work): Promise<Configuration[]> {
  const all: Configuration[] = [];
  for (const { read } of Object.values(configurations)) all.push(await read(work));
  return all;
}

/** Graph has no such configuration: the type is named as it would be. */
function passwordPolicyResource(settings: PasswordSettings): z.output<typeof passwordPolicyShape> {
  return {
    '@odata.type': '#microsoft.graph.passwordAuthenticationMethodConfiguration',
    id: 'Password',
    ...settings,
  };
}
