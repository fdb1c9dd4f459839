import type { z } from 'zod';
import { assurancePolicy, changeAssurancePolicy, resetAssurancePolicy } from '../assurance/manage-policy.ts';
import { assurancePolicyName, assuranceSettingsChange } from '../assurance/settings.ts';
import type { Work } from '../core/work.ts';
import {
  fido2PolicyResource,
  recoveryCodePolicyResource,
  softwareOathPolicyResource,
} from '../http/graph/method-configurations.ts';
import { passPolicyResource } from '../http/graph/resources.ts';
import {
  changeMethodPolicy,
  fido2Policy,
  methodPolicy,
  recoveryCodePolicy,
  resetMethodPolicy,
  softwareOathPolicy,
} from '../method-policies/manage-policies.ts';
import {
  type Fido2Settings,
  fido2SettingsChange,
  type MethodSettings,
  methodSettingsChange,
} from '../method-policies/settings.ts';
import { changePasswordPolicy, passwordPolicy, resetPasswordPolicy } from '../methods/password/manage-policy.ts';
import { passwordPolicyName, passwordSettingsChange } from '../methods/password/settings.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../methods/temporary-access-pass/manage-policy.ts';
import { passPolicyName, passSettingsChange } from '../methods/temporary-access-pass/settings.ts';
import {
  changeRegistrationPolicy,
  registrationPolicy,
  resetRegistrationPolicy,
} from '../registration/manage-policy.ts';
import { registrationPolicyName, registrationSettingsChange } from '../registration/settings.ts';
import { asOperator, type Base } from '../wire.ts';
import { type Command, type Options, print, printJson, settingsFrom, UsageError, withBase } from './command.ts';

interface Policy {
  read(work: Work): Promise<object>;
  /** Parses KEY=VALUE, as `policy show` prints them. */
  changing(operands: readonly string[]): (work: Work) => Promise<void>;
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
  [fido2Policy.name]: {
    read: (work) => methodPolicy(work, fido2Policy),
    changing: changing(fido2SettingsChange, (work, changes) => changeMethodPolicy(work, fido2Policy, changes)),
    reset: (work) => resetMethodPolicy(work, fido2Policy),
    resource: (settings) => fido2PolicyResource(settings as Fido2Settings),
  },
  [softwareOathPolicy.name]: {
    read: (work) => methodPolicy(work, softwareOathPolicy),
    changing: changing(methodSettingsChange, (work, changes) => changeMethodPolicy(work, softwareOathPolicy, changes)),
    reset: (work) => resetMethodPolicy(work, softwareOathPolicy),
    resource: (settings) => softwareOathPolicyResource(settings as MethodSettings),
  },
  [recoveryCodePolicy.name]: {
    read: (work) => methodPolicy(work, recoveryCodePolicy),
    changing: changing(methodSettingsChange, (work, changes) => changeMethodPolicy(work, recoveryCodePolicy, changes)),
    reset: (work) => resetMethodPolicy(work, recoveryCodePolicy),
    resource: (settings) => recoveryCodePolicyResource(settings as MethodSettings),
  },
  [passwordPolicyName]: {
    read: passwordPolicy,
    changing: changing(passwordSettingsChange, changePasswordPolicy),
    reset: resetPasswordPolicy,
    resource: (settings) => settings,
  },
  [registrationPolicyName]: {
    read: registrationPolicy,
    changing: changing(registrationSettingsChange, changeRegistrationPolicy),
    reset: resetRegistrationPolicy,
    resource: (settings) => settings,
  },
  [assurancePolicyName]: {
    read: assurancePolicy,
    changing: changing(assuranceSettingsChange, changeAssurancePolicy),
    reset: resetAssurancePolicy,
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
