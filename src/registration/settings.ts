import { z } from 'zod';
import type { Work } from '../core/work.ts';
import type { MethodId } from '../methods/method.ts';
import { readPolicy } from '../policies/policy-documents.ts';
import { allUsers, target } from '../policies/targets.ts';

/** What may be asked for, in the order offered: passkeys first. */
const askable = ['passkey', 'authenticator-app'] as const satisfies readonly MethodId[];

const whole = z.strictObject({
  state: z.enum(['enabled', 'disabled']),
  /** `required`: nothing goes on before it; `nudge`: it may be put off, `snoozes` times. */
  mode: z.enum(['required', 'nudge']),
  includeTargets: z.array(target).max(200),
  excludeTargets: z.array(target).max(200),
  /** How many of `methods` a user needs. */
  count: z.int().min(1).max(2),
  methods: z
    .array(z.enum(askable))
    .min(1)
    .refine((methods) => new Set(methods).size === methods.length, 'names a method twice'),
  /** Between two nudges; 0 is at each sign-in, an hour apart at least. */
  snoozeDurationInDays: z.int().min(0).max(14),
  /** How often a nudge may be put off; then it is required. */
  snoozes: z.int().min(0).max(10),
  /** False: it may be put off without end, and `snoozes` counts for nothing. */
  enforceAfterSnoozes: z.boolean(),
  /** So many days after people last did so they are asked to confirm what they have; 0: never. */
  reconfirmAfterDays: z.int().min(0).max(730),
});

export type RegistrationSettings = z.output<typeof whole>;

/** The settings of an organisation that has decided nothing. */
export const defaultRegistrationSettings: RegistrationSettings = {
  state: 'disabled',
  mode: 'required',
  includeTargets: [{ targetType: 'group', id: allUsers }],
  excludeTargets: [],
  count: 1,
  methods: [...askable],
  snoozeDurationInDays: 1,
  snoozes: 3,
  enforceAfterSnoozes: true,
  reconfirmAfterDays: 0,
};

/** What a file, a request or a command changes; what it does not name stays. */
export const registrationSettingsChange = whole.partial();

export type RegistrationSettingsChange = z.output<typeof registrationSettingsChange>;

/** The whole registration policy: what was decided over the defaults, with its cross-check. */
export const registrationSettings = registrationSettingsChange
  .transform((decided): RegistrationSettings => replacedIn(defaultRegistrationSettings, decided))
  .pipe(whole)
  .superRefine(({ count, methods }, context) => {
    if (count <= methods.length) return;
    const message = `must not be more than the methods that are named (${methods.length})`;
    context.addIssue({ code: 'custom', path: ['count'], message });
  });

/** The settings with the values that are named put in place of theirs. */
export function replacedIn(settings: RegistrationSettings, named: RegistrationSettingsChange): RegistrationSettings {
  const values = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...settings, ...Object.fromEntries(values) };
}

export const registrationPolicyName = 'registration';

export function readRegistrationSettings(work: Work): Promise<RegistrationSettings> {
  return readPolicy(work, registrationPolicyName, registrationSettings);
}
