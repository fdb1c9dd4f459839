/** What an organisation asks people to register or to confirm before they go on, and their putting it off. */
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import type { MethodId } from '../methods/method.ts';
import {
  demandOf,
  type Reconfirmation,
  reconfirmationOf,
  type RegistrationDemand,
  type RegistrationRules,
} from './demand.ts';
import * as registrations from './store.ts';

export interface AskedOfUser {
  readonly demand: RegistrationDemand | undefined;
  readonly reconfirmation: Reconfirmation | undefined;
}

/** One statement. Undefined when nothing is asked of this user now. */
export async function askedOfUser(
  work: Work,
  rules: RegistrationRules,
  userId: string,
): Promise<AskedOfUser | undefined> {
  const standing = await registrations.standingOf(work.tx, userId);
  if (!standing) return undefined;
  const demand = demandOf(rules, standing, work.now);
  const reconfirmation = reconfirmationOf(rules, standing, work.now);
  return demand || reconfirmation ? { demand, reconfirmation } : undefined;
}

/** What policy does not let the user register by themself. */
export function barredMethods(work: Work, userId: string): Promise<readonly MethodId[]> {
  return registrations.barredOf(work.tx, userId);
}

/** The user registered one themselves, and so has seen to what they have. */
export function noteRegistered(work: Work, userId: string): Promise<void> {
  return registrations.confirm(work.tx, work.now, userId);
}

/** "Yes, these are mine", said of credentials with these ids. */
export async function confirmMethods(work: Work, userId: string, credentialIds: readonly string[]): Promise<void> {
  await registrations.confirm(work.tx, work.now, userId);
  work.record({ type: 'methods.confirmed', userId, details: { credentialIds } });
}

// As long as a sign-in lives, so that whoever has said "not now" in one is not asked again in it.
const leastMinutes = 60;

/** "Not now". Changes nothing when it was said before and still holds, or was said as often as it may be. */
export async function snoozeRegistration(work: Work, rules: RegistrationRules, userId: string): Promise<void> {
  const until = addMinutes(work.now, Math.max(leastMinutes, rules.snoozeDurationInDays * 24 * 60));
  if (!(await registrations.snooze(work.tx, work.now, { userId, until, most: rules.snoozes }))) return;
  work.record({ type: 'registration.snoozed', userId, details: { until } });
}
