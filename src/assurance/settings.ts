import { z } from 'zod';
import type { Work } from '../core/work.ts';
import { readPolicy } from '../policies/policy-documents.ts';
import { appLevels, levels } from './levels.ts';

const mostAliases = 100;

/** Names of ours by their form, whatever the issuer: the bare names of levels, and addresses that end like our own. */
const ours = new RegExp(`^(?:(?:.*/)?acr/)?(?:${levels.join('|')})$`, 'i');

const aliases = z.record(z.string(), z.enum(appLevels)).superRefine((named, context) => {
  const names = Object.keys(named);
  const say = (message: string, path: string[] = []) => context.addIssue({ code: 'custom', path, message });
  if (names.length > mostAliases) say(`must not be more than ${mostAliases}`);
  for (const name of names) {
    // They stand in a list that is parted by spaces, and in a header.
    if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(name))
      say('must be 1 to 256 visible ASCII characters without spaces, quotes and backslashes', [name]);
    else if (ours.test(name)) say('is a name of our own', [name]);
  }
});

const whole = z.strictObject({
  /** Names that relying parties already use for a level: `{ "https://refeds.org/profile/mfa": "2f" }`. */
  aliases,
});

export type AssuranceSettings = z.output<typeof whole>;

/**
 * None. What REFEDS' profiles ask for is more than a level says here (a pass may count for two factors by policy), so that
 * whoever vouches for them has to say so.
 */
export const defaultAssuranceSettings: AssuranceSettings = { aliases: {} };

/** What a file, a request or a command changes; what it does not name stays. The table of aliases is replaced as a whole. */
export const assuranceSettingsChange = whole.partial();

export type AssuranceSettingsChange = z.output<typeof assuranceSettingsChange>;

/** The whole policy: what was decided over the defaults. */
export const assuranceSettings = assuranceSettingsChange.transform(
  (decided): AssuranceSettings => replacedIn(defaultAssuranceSettings, decided),
);

/** The settings with the values that are named put in place of theirs. */
export function replacedIn(settings: AssuranceSettings, named: AssuranceSettingsChange): AssuranceSettings {
  return { aliases: named.aliases ?? settings.aliases };
}

export const assurancePolicyName = 'assurance';

export function readAssuranceSettings(work: Work): Promise<AssuranceSettings> {
  return readPolicy(work, assurancePolicyName, assuranceSettings);
}
