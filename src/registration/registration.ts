/** What an organisation asks people to register before they go on, and their putting it off. */
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { demandOf, type RegistrationDemand, type RegistrationRules } from './demand.ts';
import * as registrations from './store.ts';

/** One statement. Undefined when nothing is asked of this user now. */
export async function registrationDemand(
  work: Work,
  rules: RegistrationRules,
  userId: string,
): Promise<RegistrationDemand | undefined> {
  const standing = await registrations.standingOf(work.tx, userId);
  return standing && demandOf(rules, standing, work.now);
}

// As long as a sign-in lives, so that whoever has said "not now" in one is not asked again in it.
const leastMinutes = 60;

/** "Not now". Changes nothing when it was said before and still holds, or was said as often as it may be. */
export async function snoozeRegistration(work: Work, rules: RegistrationRules, userId: string): Promise<void> {
  const until = addMinutes(work.now, Math.max(leastMinutes, rules.snoozeDurationInDays * 24 * 60));
  if (!(await registrations.snooze(work.tx, work.now, { userId, until, most: rules.snoozes }))) return;
  work.record({ type: 'registration.snoozed', userId, details: { until } });
}
