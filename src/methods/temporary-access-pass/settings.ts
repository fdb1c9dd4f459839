import { z } from 'zod';
import type { Work } from '../../core/work.ts';
import { readPolicy } from '../../policies/policy-documents.ts';

const lifetime = z.int().min(10).max(43_200); // minutes: 30 days at most

/** The policy for passes with its ranges and defaults (minutes, characters). Graph's names where Graph has them. */
export const passSettings = z
  .strictObject({
    state: z.enum(['enabled', 'disabled']).default('enabled'),
    minimumLifetimeInMinutes: lifetime.default(60),
    maximumLifetimeInMinutes: lifetime.default(480),
    defaultLifetimeInMinutes: lifetime.default(60),
    defaultLength: z.int().min(8).max(48).default(16),
    isUsableOnce: z.boolean().default(true),
    registrationWindowInMinutes: z.int().min(10).max(60).default(10),
  })
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
