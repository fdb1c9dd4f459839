import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import {
  changeMethodPolicy,
  fido2Policy,
  methodPolicy,
  recoveryCodePolicy,
  resetMethodPolicy,
  softwareOathPolicy,
} from '../../method-policies/manage-policies.ts';
import {
  type Fido2Settings,
  fido2SettingsChange,
  type MethodSettings,
  methodSettingsChange,
} from '../../method-policies/settings.ts';
import { changePasswordPolicy, passwordPolicy, resetPasswordPolicy } from '../../methods/password/manage-policy.ts';
import { type PasswordSettings, passwordSettingsChange } from '../../methods/password/settings.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../../methods/temporary-access-pass/manage-policy.ts';
import { passSettingsChange } from '../../methods/temporary-access-pass/settings.ts';
import { parseBody } from './api.ts';
import { target } from '../../policies/targets.ts';
import { passPolicyResource, passPolicyShape } from './resources.ts';
import { entity } from './shape.ts';

const passwordPolicyShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.passwordAuthenticationMethodConfiguration'),
    id: z.literal('Password'),
    ...passwordSettingsChange.required().shape,
  })
  .meta({ id: 'passwordPolicy' });

const state = z.enum(['enabled', 'disabled']);

/** As Graph writes them. Nobody has to register because of one: `registrationEnforcement` asks for that. */
const targets = {
  includeTargets: z.array(target.safeExtend({ isRegistrationRequired: z.literal(false) })),
  excludeTargets: z.array(target),
};

const fido2PolicyShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.fido2AuthenticationMethodConfiguration'),
    id: z.literal('Fido2'),
    state,
    isSelfServiceRegistrationAllowed: z.boolean().meta({
      description: 'False: people register no passkeys themselves; administrators still do, for them.',
    }),
    isAttestationEnforced: z.literal(false).meta({ description: 'Attestation is not verified, so true is refused.' }),
    keyRestrictions: z
      .strictObject({
        isEnforced: z.boolean(),
        enforcementType: z.enum(['allow', 'block']),
        aaGuids: z.array(z.guid()),
      })
      .meta({ description: 'Models that may be registered and used. Each passkey says itself which it is of.' }),
    ...targets,
  })
  .meta({ id: 'fido2Policy' });

const softwareOathPolicyShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.softwareOathAuthenticationMethodConfiguration'),
    id: z.literal('SoftwareOath'),
    state,
    ...targets,
  })
  .meta({ id: 'softwareOathPolicy' });

const recoveryCodePolicyShape = z
  .strictObject({
    '@odata.type': z.literal('#microsoft.graph.recoveryCodeAuthenticationMethodConfiguration'),
    id: z.literal('RecoveryCode'),
    state,
    ...targets,
  })
  .meta({ id: 'recoveryCodePolicy' });

/** Told apart by `@odata.type`. */
export const configurationShape = z.discriminatedUnion('@odata.type', [
  passPolicyShape,
  fido2PolicyShape,
  softwareOathPolicyShape,
  passwordPolicyShape,
  recoveryCodePolicyShape,
]);

/** One of them by itself. */
export const configurationAnswer = z.discriminatedUnion('@odata.type', [
  entity(passPolicyShape),
  entity(fido2PolicyShape),
  entity(softwareOathPolicyShape),
  entity(passwordPolicyShape),
  entity(recoveryCodePolicyShape),
]);

type Configuration = z.output<typeof configurationShape>;

/** What PATCH takes depends on the configuration that is named. */
export const configurationChange = z.union([
  passSettingsChange,
  fido2SettingsChange,
  methodSettingsChange,
  passwordSettingsChange,
]);

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
  fido2: {
    read: async (work) => fido2PolicyResource(await methodPolicy(work, fido2Policy)),
    changes: fido2SettingsChange,
    change: (work, changes) => changeMethodPolicy(work, fido2Policy, changes),
    reset: (work) => resetMethodPolicy(work, fido2Policy),
  },
  softwareoath: {
    read: async (work) => softwareOathPolicyResource(await methodPolicy(work, softwareOathPolicy)),
    changes: methodSettingsChange,
    change: (work, changes) => changeMethodPolicy(work, softwareOathPolicy, changes),
    reset: (work) => resetMethodPolicy(work, softwareOathPolicy),
  },
  password: {
    read: async (work) => passwordPolicyResource(await passwordPolicy(work)),
    changes: passwordSettingsChange,
    change: changePasswordPolicy,
    reset: resetPasswordPolicy,
  },
  recoverycode: {
    read: async (work) => recoveryCodePolicyResource(await methodPolicy(work, recoveryCodePolicy)),
    changes: methodSettingsChange,
    change: (work, changes) => changeMethodPolicy(work, recoveryCodePolicy, changes),
    reset: (work) => resetMethodPolicy(work, recoveryCodePolicy),
  },
};

/** Keys of configurations ignore case. Fails with `not_found`. */
export function configurationNamed(name: string): MethodConfiguration {
  if (hasConfiguration(name)) return configurations[name.toLowerCase()]!;
  throw new AppError('not_found', 'There is no such authentication method configuration.');
}

export function hasConfiguration(name: string): boolean {
  return Object.hasOwn(configurations, name.toLowerCase());
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

export function fido2PolicyResource(settings: Fido2Settings): z.output<typeof fido2PolicyShape> {
  return {
    '@odata.type': '#microsoft.graph.fido2AuthenticationMethodConfiguration',
    id: 'Fido2',
    ...withGraphTargets(settings),
  };
}

export function softwareOathPolicyResource(settings: MethodSettings): z.output<typeof softwareOathPolicyShape> {
  return {
    '@odata.type': '#microsoft.graph.softwareOathAuthenticationMethodConfiguration',
    id: 'SoftwareOath',
    ...withGraphTargets(settings),
  };
}

/** Ours: the type is named as Graph would. */
export function recoveryCodePolicyResource(settings: MethodSettings): z.output<typeof recoveryCodePolicyShape> {
  return {
    '@odata.type': '#microsoft.graph.recoveryCodeAuthenticationMethodConfiguration',
    id: 'RecoveryCode',
    ...withGraphTargets(settings),
  };
}

function withGraphTargets<Settings extends MethodSettings>(settings: Settings) {
  return {
    ...settings,
    includeTargets: settings.includeTargets.map((one) => ({ ...one, isRegistrationRequired: false as const })),
    excludeTargets: [...settings.excludeTargets],
  };
}
