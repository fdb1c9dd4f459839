/** Whether an organisation asks a user to register more, and what: values in, values out. */
import { addMinutes } from '../core/time.ts';
import type { MethodId } from '../methods/method.ts';
import { type PolicySubject, scopeOf, type Targets } from '../policies/targets.ts';
import type { RegistrationSettings } from './settings.ts';

/** The settings where they ask anything of anybody. */
export interface RegistrationRules extends Targets {
  readonly mode: RegistrationSettings['mode'];
  /** How many of `methods` a user needs. */
  readonly count: number;
  /** That may be registered here as well, the best first. */
  readonly methods: readonly MethodId[];
  readonly snoozeDurationInDays: number;
  /** How often a nudge may be put off. */
  readonly snoozes: number;
  readonly reconfirmAfterDays: number;
}

/** What stands of one user. */
export interface RegistrationStanding extends PolicySubject {
  /** Those with which the user can sign in now. */
  readonly methods: readonly MethodId[];
  /** What policy does not let the user register by themself. */
  readonly barred: readonly MethodId[];
  /** How often the user has put a nudge off, and until when the last time. */
  readonly snoozes: number;
  readonly snoozedUntil: Date | null;
}

export interface RegistrationDemand {
  /** What the user does not have yet; one of these is asked for. */
  readonly methods: readonly MethodId[];
  /** What the user can sign in with now. */
  readonly holds: readonly MethodId[];
  /** The user may put it off once more. */
  readonly mayWait: boolean;
}

/** Undefined when the policy asks nothing of anybody: then nobody's methods have to be read. */
export function registrationRules(
  settings: RegistrationSettings,
  enrollable: readonly MethodId[],
): RegistrationRules | undefined {
  const methods = enrollable.filter((id) => (settings.methods as readonly MethodId[]).includes(id));
  if (settings.state === 'disabled' || settings.includeTargets.length === 0 || methods.length === 0) return undefined;
  // A method that another policy has switched off is not asked for: what is left will do.
  const snoozes = settings.enforceAfterSnoozes ? settings.snoozes : endless;
  return { ...settings, methods, count: Math.min(settings.count, methods.length), snoozes };
}

// As many as the counter in the database takes.
const endless = 2 ** 31 - 1;

/** Undefined when the user has enough, is not meant, or has put it off for now. */
export function demandOf(
  rules: RegistrationRules,
  standing: RegistrationStanding,
  now: Date,
): RegistrationDemand | undefined {
  if (scopeOf(rules, standing) !== 'included') return undefined;
  // Nobody is asked for what they may not have: the rest will do.
  const within = rules.methods.filter((id) => standing.methods.includes(id) || !standing.barred.includes(id));
  const lacking = within.filter((id) => !standing.methods.includes(id));
  if (within.length - lacking.length >= Math.min(rules.count, within.length)) return undefined;
  if (rules.mode === 'required') return { methods: lacking, holds: standing.methods, mayWait: false };
  if (standing.snoozedUntil !== null && standing.snoozedUntil > now) return undefined;
  return { methods: lacking, holds: standing.methods, mayWait: standing.snoozes < rules.snoozes };
}

/** What the user is asked to confirm: that the ways to sign in are still theirs. */
export interface Reconfirmation {
  /** What the user can sign in with now. */
  readonly holds: readonly MethodId[];
}

/**
 * Undefined when the user is not meant, or confirmed it not so long ago: by registering a method, or by saying so. Using one shows that
 * one alone: the old phone that signs in for somebody else would never be noticed.
 */
export function reconfirmationOf(
  rules: RegistrationRules,
  { methods, confirmedAt, ...subject }: RegistrationStanding & { readonly confirmedAt: Date },
  now: Date,
): Reconfirmation | undefined {
  if (rules.reconfirmAfterDays === 0 || scopeOf(rules, subject) !== 'included') return undefined;
  return addMinutes(confirmedAt, rules.reconfirmAfterDays * 24 * 60) > now ? undefined : { holds: methods };
}
