import type { z } from 'zod';
import { assurancePolicy, changeAssurancePolicy, resetAssurancePolicy } from '../assurance/manage-policy.ts';
import { assurancePolicyName, assuranceSettingsChange } from '../assurance/settings.ts';
import type { Work } from '../core/work.ts';
import { configurationNamed, hasConfiguration } from '../http/graph/method-configurations.ts';
import { passPolicyName } from '../methods/temporary-access-pass/settings.ts';
import {
  changeRegistrationPolicy,
  registrationPolicy,
  resetRegistrationPolicy,
} from '../registration/manage-policy.ts';
import { registrationPolicyName, registrationSettingsChange } from '../registration/settings.ts';
import { asOperator, type Base } from '../wire.ts';
import { type Command, type Options, print, printJson, settingsFrom, UsageError, withBase } from './command.ts';

interface Policy {
  /** As the API answers it. */
  read(work: Work): Promise<object>;
  /** Parses KEY=VALUE, as `policy show` prints them. */
  changing(operands: readonly string[]): (work: Work) => Promise<void>;
  reset(work: Work): Promise<void>;
}

/** What `authenticationMethodsPolicy` holds beside the configurations of methods. */
const policies: Readonly<Record<string, Policy>> = {
  [registrationPolicyName]: {
    read: registrationPolicy,
    changing: changing(registrationSettingsChange, changeRegistrationPolicy),
    reset: resetRegistrationPolicy,
  },
  [assurancePolicyName]: {
    read: assurancePolicy,
    changing: changing(assuranceSettingsChange, changeAssurancePolicy),
    reset: resetAssurancePolicy,
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
    const change = policy.changing(rest);
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

/** The policy that comes first, by its name in a seed file or in the API; the one for passes when none is named. */
function named(operands: readonly string[]): { policy: Policy; rest: readonly string[] } {
  const [first = '', ...rest] = operands;
  if (Object.hasOwn(policies, first)) return { policy: policies[first]!, rest };
  if (hasConfiguration(first)) return { policy: configuration(first), rest };
  return { policy: configuration(passPolicyName), rest: operands };
}

/** Every method whose configuration the API has. */
function configuration(name: string): Policy {
  const { read, changes, change, reset } = configurationNamed(name);
  return { read, changing: changing(changes, change as (work: Work, changes: unknown) => Promise<void>), reset };
}

async function showPolicy(base: Base, policy: Policy, { json }: Options): Promise<void> {
  const shown = await base.run(asOperator, policy.read);
  if (json) return printJson(shown);
  for (const [name, value] of Object.entries(shown)) {
    // What it is stands in its name; what is printed can be set.
    if (name !== 'id' && !name.startsWith('@odata.')) print(`${name}=${JSON.stringify(value)}\n`);
  }
}

/** Fails as the API would for what cannot be. */
function changing<Changes>(
  schema: z.ZodType<Changes>,
  change: (work: Work, changes: Changes) => Promise<void>,
): Policy['changing'] {
  return (operands) => {
    const changes = settingsFrom(operands, schema, 'policy set [NAME] KEY=VALUE ...');
    return (work) => change(work, changes);
  };
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}
