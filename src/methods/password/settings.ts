import { z } from 'zod';
import type { Work } from '../../core/work.ts';
import { readPolicy } from '../../policies/policy-documents.ts';

const whole = z.strictObject({
  state: z.enum(['enabled', 'disabled']),
  /** Whether a password signs in by itself, with no second part. */
  alone: z.boolean(),
  /** In code points, for a new password; see `shortestPassword`. */
  minimumLength: z.int().min(8).max(64),
});

export type PasswordSettings = z.output<typeof whole>;

/** The settings of an organisation that has decided nothing. */
export const defaultPasswordSettings: PasswordSettings = { state: 'enabled', alone: false, minimumLength: 8 };

/** What a file or a command changes; what it does not name stays. */
export const passwordSettingsChange = whole.partial();

export type PasswordSettingsChange = z.output<typeof passwordSettingsChange>;

/** The whole policy for passwords: what was decided over the defaults. */
export const passwordSettings = passwordSettingsChange
  .transform((decided): PasswordSettings => replacedIn(defaultPasswordSettings, decided))
  .pipe(whole);

/** The settings with the values that are named put in place of theirs. */
export function replacedIn(settings: PasswordSettings, named: PasswordSettingsChange): PasswordSettings {
  const values = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...settings, ...Object.fromEntries(values) };
}

// NIST SP 800-63B 3.1.1.2: 15 for a password that is the only factor, 8 beside another.
const shortestAlone = 15;

/** Judged when it is entered, in code points: one that was set while it needed a second part beside it may be shorter. */
export function mayStandAlone(length: number): boolean {
  return length >= shortestAlone;
}

/** How many code points a new password needs: more where it may stand alone, whatever `minimumLength` says. */
export function shortestPassword({ alone, minimumLength }: PasswordSettings): number {
  return alone ? Math.max(shortestAlone, minimumLength) : minimumLength;
}

export const passwordPolicyName = 'password';

export function readPasswordSettings(work: Work): Promise<PasswordSettings> {
  return readPolicy(work, passwordPolicyName, passwordSettings);
}
