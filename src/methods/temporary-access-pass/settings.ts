import { z } from 'zod';
import type { Work } from '../../core/work.ts';
import { readPolicy } from '../../policies/policy-documents.ts';
import { allUsers, objectId, target } from '../../policies/targets.ts';

const lifetime = z.int().min(10).max(43_200); // minutes: 30 days at most

/** The values that a profile may replace, with their ranges (minutes, characters). Graph's names where Graph has them. */
const values = {
  minimumLifetimeInMinutes: lifetime,
  maximumLifetimeInMinutes: lifetime,
  defaultLifetimeInMinutes: lifetime,
  defaultLength: z.int().min(8).max(48),
  isUsableOnce: z.boolean(),
  registrationWindowInMinutes: z.int().min(10).max(60),
  /** For passes that are not one-time; null is without limit. */
  maximumUses: z.int().min(2).max(100).nullable(),
  requireReason: z.boolean(),
  /** The most a pass may be used for. */
  purpose: z.enum(['registration', 'signIn']),
  /** Whether a pass that signs in counts as two factors. */
  satisfiesMultifactor: z.boolean(),
};

/** With targetType `role`: whoever holds any. */
export const anyRole = 'any_role';

const approvalTarget = z.strictObject({ targetType: z.enum(['role', 'group']), id: objectId });

export type ApprovalTarget = z.output<typeof approvalTarget>;

const profile = z.strictObject({
  displayName: z.string().trim().min(1).max(256),
  groups: z.array(objectId).min(1).max(100),
  settings: z.strictObject(values).partial(),
});

const ranges = {
  state: z.enum(['enabled', 'disabled']),
  ...values,
  includeTargets: z.array(target).max(200),
  excludeTargets: z.array(target).max(200),
  /** The user's manager may issue without any role. */
  managersMayIssue: z.boolean(),
  /** Whose passes a second administrator has to agree to. */
  requireApprovalFor: z.array(approvalTarget).max(100),
  /** In this order: the first whose groups hold the user replaces the values it names. */
  profiles: z.array(profile).max(50),
};

const whole = z.strictObject(ranges);

export type PassSettings = z.output<typeof whole>;

/** The settings of an organisation that has decided nothing. */
export const defaultPassSettings: PassSettings = {
  state: 'enabled',
  minimumLifetimeInMinutes: 60,
  maximumLifetimeInMinutes: 480,
  defaultLifetimeInMinutes: 60,
  defaultLength: 16,
  isUsableOnce: true,
  registrationWindowInMinutes: 10,
  maximumUses: null,
  requireReason: false,
  purpose: 'registration',
  satisfiesMultifactor: true,
  includeTargets: [{ targetType: 'group', id: allUsers }],
  excludeTargets: [],
  managersMayIssue: false,
  requireApprovalFor: [{ targetType: 'role', id: anyRole }],
  profiles: [],
};

/** What a file or a request changes; what it does not name stays. */
export const passSettingsChange = whole.partial();

export type PassSettingsChange = z.output<typeof passSettingsChange>;

/** The whole policy for passes: what was decided over the defaults, with its cross-checks. */
export const passSettings = passSettingsChange
  .transform((decided): PassSettings => replaced(defaultPassSettings, decided))
  .pipe(whole)
  .superRefine((settings, context) => {
    for (const { name, message } of lifetimeMistakes(settings)) {
      context.addIssue({ code: 'custom', path: [name], message });
    }
    settings.profiles.forEach((one, index) => {
      for (const { name, message } of lifetimeMistakes(replaced(settings, one.settings))) {
        context.addIssue({ code: 'custom', path: ['profiles', index, 'settings', name], message });
      }
    });
  });

/** The settings with the values that are named put in place of theirs. */
export function replaced(settings: PassSettings, named: PassSettingsChange): PassSettings {
  const values = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...settings, ...Object.fromEntries(values) };
}

function lifetimeMistakes({
  minimumLifetimeInMinutes: least,
  maximumLifetimeInMinutes: most,
  defaultLifetimeInMinutes: usual,
}: PassSettings): { name: keyof PassSettings; message: string }[] {
  const mistakes: { name: keyof PassSettings; message: string }[] = [];
  if (least > most) {
    const message = `must not be more than maximumLifetimeInMinutes (${most})`;
    mistakes.push({ name: 'minimumLifetimeInMinutes', message });
  }
  if (usual < least || usual > most) {
    const message = `must lie between minimumLifetimeInMinutes (${least}) and maximumLifetimeInMinutes (${most})`;
    mistakes.push({ name: 'defaultLifetimeInMinutes', message });
  }
  return mistakes;
}

/** Symbols of the shortest pass that is issued: the policy's, or a profile's. */
export function shortestLength({ defaultLength, profiles }: PassSettings): number {
  return Math.min(defaultLength, ...profiles.map(({ settings }) => settings.defaultLength ?? defaultLength));
}

export const passPolicyName = 'temporaryAccessPass';

/** The policy as it was decided; what it means for one user is in effective-settings.ts. */
export function readPassSettings(work: Work): Promise<PassSettings> {
  return readPolicy(work, passPolicyName, passSettings);
}
