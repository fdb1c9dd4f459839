import { z } from 'zod';
import { mfaBehaviors, providerId } from './provider.ts';
import { clientSecret, type ProviderChange, providerChange } from './provider-change.ts';

/** By name, or with settings; what is not named of one that is there stays. */
const domainInFile = z.union([
  z.string(),
  z.strictObject({ name: z.string(), mfaBehavior: z.enum(mfaBehaviors).optional(), straight: z.boolean().optional() }),
]);

const head = z.looseObject({ id: providerId, domains: z.array(domainInFile).max(1000).default([]) });

export interface ProviderInFile {
  readonly id: string;
  readonly changes: ProviderChange;
  readonly clientSecret: string | undefined;
  readonly domains: readonly z.output<typeof domainInFile>[];
}

/** A provider as a seed file has it: the settings under their own names, and OAuth's `client_id` and `client_secret`. */
export const providerInFile = head.transform(({ id, domains, ...named }, context): ProviderInFile => {
  for (const [snake, camel] of [
    ['client_id', 'clientId'],
    ['client_secret', 'clientSecret'],
  ] as const) {
    if (named[snake] === undefined) continue;
    if (named[camel] !== undefined) {
      context.issues.push({
        code: 'custom',
        path: [snake],
        input: null,
        message: `stands there twice: ${camel} is the same`,
      });
    }
    named[camel] = named[snake];
    delete named[snake];
  }
  const { clientSecret: secret, ...settings } = named;
  const changes = providerChange.safeParse(settings);
  const given = clientSecret.optional().safeParse(secret);
  for (const issue of changes.error?.issues ?? []) context.issues.push({ ...issue, input: settings } as never);
  // Without the value: what is shown of a mistake must not hold a secret.
  for (const { message } of given.error?.issues ?? []) {
    context.issues.push({ code: 'custom', path: ['client_secret'], input: null, message });
  }
  return { id, domains, changes: changes.data ?? {}, clientSecret: given.data };
});
