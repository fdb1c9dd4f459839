import type { z } from 'zod';
import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { passPolicyResource } from '../http/graph/resources.ts';
import { changePasswordPolicy, passwordPolicy, resetPasswordPolicy } from '../methods/password/manage-policy.ts';
import { passwordPolicyName, passwordSettingsChange } from '../methods/password/settings.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../methods/temporary-access-pass/manage-policy.ts';
import { passPolicyName, passSettingsChange } from '../methods/temporary-access-pass/settings.ts';
import { asOperator, type Base } from '../wire.ts';
import { type Command, type Options, print, printJson, UsageError, withBase } from './command.ts';

interface Policy {
  read(work: Work): Promise<object>;
  /** Parses what was asked for; what cannot be fails with `invalid_input`. */
  changing(asked: object): (work: Work) => Promise<void>;
  reset(work: Work): Promise<void>;
  /** As the API would answer it. */
  resource(settings: object): object;
}

const policies: Readonly<Record<string, Policy>> = {
  [passPolicyName]: {
    read: passPolicy,
    changing: changing(passSettingsChange, changePassPolicy),
    reset: resetPassPolicy,
    resource: (settings) => passPolicyResource(settings as Awaited<ReturnType<typeof passPolicy>>),
  },
  [passwordPolicyName]: {
    read: passwordPolicy,
    changing: changing(passwordSettingsChange, changePasswordPolicy),
    reset: resetPasswordPolicy,
    resource: (settings) => settings,
  },
};

export const policyCommands: Readonly<Record<string, Command>> = {
  'policy show': (operands, values) => {
    const { policy, rest } = named(operands);
    none(rest, 'policy show [NAME]');
    return withBase((base) => showPolicy(base, policy, values));
  },

  'policy set': (operands, values) => {
    const { policy, rest } = named(operands);
    const change = policy.changing(settingsFrom(rest));
    return withBase(async (base) => {
      await base.run(asOperator, change);
      await showPolicy(base, policy, values);
    });
  },

  'policy reset': (operands, values) => {
    const { policy, rest } = named(operands);
    none(rest, 'policy reset [NAME]');
    return withBase(async (base) => {
      await base.run(asOperator, policy.reset);
      await showPolicy(base, policy, values);
    });
  },
};

/** The policy that comes first, by its name in a seed file; the one for passes when none is named. */
function named(operands: readonly string[]): { policy: Policy; rest: readonly string[] } {
  const [first = '', ...rest] = operands;
  if (Object.hasOwn(policies, first)) return { policy: policies[first]!, rest };
  return { policy: policies[passPolicyName]!, rest: operands };
}

async function showPolicy(base: Base, policy: Policy, { json }: Options): Promise<void> {
  const settings = await base.run(asOperator, policy.read);
  if (json) return printJson(policy.resource(settings));
  for (const [name, value] of Object.entries(settings)) print(`${name}=${JSON.stringify(value)}\n`);
}

/** KEY=VALUE, as `policy show` prints it. */
function settingsFrom(operands: readonly string[]): object {
  if (operands.length === 0)
    throw new UsageError('Use: latchkey policy set KEY=VALUE ..., or policy set NAME KEY=VALUE ...');
  const settings = operands.map((operand) => {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(operand) ?? [];
    if (name === undefined || text === undefined) throw new UsageError(`"${operand}" is not KEY=VALUE.`);
    return [name, jsonOrWord(text)] as const;
  });
  return Object.fromEntries(settings);
}

/** Fails as the API would for what cannot be. */
function changing<Schema extends z.ZodType>(
  schema: Schema,
  change: (work: Work, changes: z.output<Schema>) => Promise<void>,
): Policy['changing'] {
  return (asked) => {
    const checked = schema.safeParse(asked);
    if (checked.success) return (work) => change(work, checked.data);
    const mistakes = checked.error.issues.map((issue) =>
      [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
    );
    throw new AppError('invalid_input', `${mistakes.join('\n')}`);
  };
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}
