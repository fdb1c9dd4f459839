import { z } from 'zod';
import type { Work } from '../../core/work.ts';
import { readPolicy } from '../../policies/policy-documents.ts';

const lifetime = z.int().min(10).max(43_200); // minutes: 30 days at most

/** Each setting with its range (minutes, characters). Graph's names where Graph has them. */
const ranges = {
  state: z.enum(['enabled', 'disabled']),
  minimumLifetimeInMinutes: lifetime,
  maximumLifetimeInMinutes: lifetime,
  defaultLifetimeInMinutes: lifetime,
  defaultLength: z.int().min(8).max(48),
  isUsableOnce: z.boolean(),
  registrationWindowInMinutes: z.int().min(10).max(60),
};

/** The settings of an organisation that has decided nothing. */
export const defaultPassSettings = {
  state: 'enabled',
  minimumLifetimeInMinutes: 60,
  maximumLifetimeInMinutes: 480,
  defaultLifetimeInMinutes: 60,
  defaultLength: 16,
  isUsableOnce: true,
  registrationWindowInMinutes: 10,
} as const;

/** What a file or a request changes; what it does not name stays. */
export const passSettingsChange = z.strictObject(ranges).partial();

export type PassSettingsChange = z.output<typeof passSettingsChange>;

/** The whole policy for passes: what was decided over the defaults, with its cross-checks. */
export const passSettings = passSettingsChange
  .transform((decided) => ({ ...defaultPassSettings, ...decided }))
  .pipe(z.strictObject(ranges))
  .superRefine((settings, context) => {
    const {
      minimumLifetimeInMinutes: least,
      maximumLifetimeInMinutes: most,
      defaultLifetimeInMinutes: usual,
    } = settings;
    if (least > most) {
      context.addIssue({
        code: 'custom',
        path: ['minimumLifetimeInMinutes'],
        message: `must not be more than maximumLifetimeInMinutes (${most})`,
      });
    }
    if (usual < least || usual > most) {
      context.addIssue({
        code: 'custom',
        path: ['defaultLifetimeInMinutes'],
        message: `must lie between minimumLifetimeInMinutes (${least}) and maximumLifetimeInMinutes (${most})`,
      });
    }
  });

export type PassSettings = z.output<typeof passSettings>;

export const passPolicyName = 'temporaryAccessPass';

export function readPassSettings(work: Work): Promise<PassSettings> {
  return readPolicy(work, passPolicyName, passSettings);
}
