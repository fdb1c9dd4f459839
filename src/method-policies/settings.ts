/** Who may use which method: a document each, in the shape of Entra's configurations. They are judged by the database, at every use. */
import { z } from 'zod';
import { allUsers, type Target, target, type Targets } from '../policies/targets.ts';

const state = z.enum(['enabled', 'disabled']);

/** What Entra's targets may say besides is understood, and refused where it would ask for something that is not done here. */
const includeTarget = target
  .safeExtend({
    isRegistrationRequired: z
      .literal(false, {
        error: 'asks for nothing here: registration is asked for by registrationEnforcement.requiredRegistration',
      })
      .optional(),
    allowedPasskeyProfiles: z.array(z.string()).max(0, 'must be empty: there are no passkey profiles here').optional(),
  })
  .transform(({ targetType, id }): Target => ({ targetType, id }));

const targets = {
  includeTargets: z.array(includeTarget).max(200),
  excludeTargets: z.array(target).max(200),
};

const wholeMethod = z.strictObject({ state, ...targets });

const keyRestrictions = z.strictObject({
  isEnforced: z.boolean(),
  /** `allow`: these models and no others; `block`: all others. A passkey says itself what it is. */
  enforcementType: z.enum(['allow', 'block']),
  aaGuids: z
    .array(z.guid().toLowerCase())
    .max(500)
    .refine((ids) => new Set(ids).size === ids.length, 'names a model twice'),
});

const wholeFido2 = z.strictObject({
  state,
  /** False: people register no passkeys themselves; administrators still do, for them. */
  isSelfServiceRegistrationAllowed: z.boolean(),
  isAttestationEnforced: z.literal(false, {
    error: 'cannot be set: attestation is neither asked for nor verified here, so it would keep nobody out',
  }),
  keyRestrictions,
  ...targets,
});

export interface MethodSettings extends Targets {
  readonly state: 'enabled' | 'disabled';
}

export type Fido2Settings = z.output<typeof wholeFido2>;

const everybody = { includeTargets: [{ targetType: 'group' as const, id: allUsers }], excludeTargets: [] };

/** The settings of an organisation that has decided nothing; the database has the same. */
export const defaultFido2Settings: Fido2Settings = {
  state: 'enabled',
  isSelfServiceRegistrationAllowed: true,
  isAttestationEnforced: false,
  keyRestrictions: { isEnforced: false, enforcementType: 'block', aaGuids: [] },
  ...everybody,
};

export const defaultMethodSettings: z.output<typeof wholeMethod> = { state: 'enabled', ...everybody };

/** What a file, a request or a command changes; what it does not name stays, also within `keyRestrictions`. */
export const fido2SettingsChange = wholeFido2.extend({ keyRestrictions: keyRestrictions.partial() }).partial();
export const methodSettingsChange = wholeMethod.partial();

/** The whole policy for passkeys: what was decided over the defaults, with its cross-check. */
export const fido2Settings = fido2SettingsChange
  .transform((decided): Fido2Settings => fido2With(defaultFido2Settings, decided))
  .superRefine(({ keyRestrictions: { isEnforced, enforcementType, aaGuids } }, context) => {
    if (!isEnforced || enforcementType !== 'allow' || aaGuids.length > 0) return;
    const message = 'must name a model where only those named are allowed; to allow none, set state to disabled';
    context.addIssue({ code: 'custom', path: ['keyRestrictions', 'aaGuids'], message });
  });

export const methodSettings = methodSettingsChange.transform((decided) => replacedIn(defaultMethodSettings, decided));

export function fido2With(settings: Fido2Settings, named: z.output<typeof fido2SettingsChange>): Fido2Settings {
  const { keyRestrictions: restrictions, ...others } = named;
  return {
    ...replacedIn(settings, others),
    keyRestrictions: replacedIn(settings.keyRestrictions, restrictions ?? {}),
  };
}

/** The settings with the values that are named put in place of theirs. */
export function replacedIn<Settings extends object>(settings: Settings, named: object): Settings {
  const values = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...settings, ...Object.fromEntries(values) };
}

/** Whether there is anybody whom it lets in: then it is offered, before it is known who asks. */
export function isForAnybody({ state: switched, includeTargets }: MethodSettings): boolean {
  return switched === 'enabled' && includeTargets.length > 0;
}
