import { AppError } from '../../core/errors.ts';
import { isStorableJson } from '../../core/text.ts';
import { addDays, minute } from '../../core/time.ts';
import type { PassLimits } from '../../roles/role.ts';
import type { PassTerms } from './approvals/approval.ts';
import type { EffectivePassSettings } from './effective-settings.ts';
import type { PassPurpose } from './pass.ts';

export interface IssuePass {
  /** Object id or user principal name. */
  readonly user: string;
  /** Absent: now. At most 90 days ahead. */
  readonly startsAt?: Date | undefined;
  /** Minutes from the start; absent: the policy's default. */
  readonly lifetimeMinutes?: number | undefined;
  readonly oneTime?: boolean | undefined;
  readonly purpose?: PassPurpose | undefined;
  readonly reason?: string | undefined;
  readonly ticket?: string | undefined;
  readonly verifiedBy?: string | undefined;
}

/** What was asked for, as an approval remembers it. */
export function termsOf(asked: IssuePass): PassTerms {
  const { user: _, startsAt, ...terms } = asked;
  const named = { ...terms, ...(startsAt && { startsAt: startsAt.toISOString() }) };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

const furthestStartDays = 90;
// A caller's clock may run behind: a start that is only just past means "now".
const toleratedPastMs = 10 * minute;

const outOfScope = {
  notIncluded:
    'The Temporary Access Pass policy does not include this user: includeTargets names neither the user nor one of their groups.',
  excluded:
    'The Temporary Access Pass policy excludes this user: excludeTargets names the user or one of their groups.',
};

/** The terms of a pass as asked for, made whole by policy. Fails with `invalid_input`, or `forbidden` for what the role does not let. */
export function withinPolicy(settings: EffectivePassSettings, limits: PassLimits | null, asked: IssuePass, now: Date) {
  if (settings.state === 'disabled') {
    throw new AppError('invalid_input', 'Temporary Access Passes are disabled by policy.');
  }
  if (settings.scope !== 'included') throw new AppError('invalid_input', outOfScope[settings.scope]);
  if (!isStorableJson([asked.reason, asked.ticket, asked.verifiedBy])) {
    throw new AppError('invalid_input', 'reason and ticket must be plain text.');
  }
  if (settings.requireReason && !asked.reason?.trim()) {
    throw new AppError('invalid_input', 'reason is required: the Temporary Access Pass policy asks for one.');
  }
  const lifetimeMinutes = lifetimeWithin(settings, limits, asked.lifetimeMinutes);
  if (asked.oneTime === false && settings.isUsableOnce) {
    throw new AppError('invalid_input', 'isUsableOnce cannot be false: policy makes every pass one-time.');
  }
  const purpose = asked.purpose ?? 'registration';
  if (purpose === 'signIn' && settings.purpose !== 'signIn') {
    throw new AppError('invalid_input', 'purpose cannot be signIn: policy allows registration at most.');
  }
  if (asked.oneTime === false && limits?.oneTimeOnly) {
    throw new AppError('forbidden', 'isUsableOnce cannot be false: your role lets you issue one-time passes only.');
  }
  const oneTime = settings.isUsableOnce || (limits?.oneTimeOnly ?? false) || (asked.oneTime ?? false);
  return {
    lifetimeMinutes,
    oneTime,
    maximumUses: oneTime ? null : settings.maximumUses,
    purpose,
    windowMinutes: settings.registrationWindowInMinutes,
    startsAt: startWithin(asked.startsAt, now),
  };
}

export function lifetimeWithin(
  settings: EffectivePassSettings,
  limits: PassLimits | null,
  asked: number | undefined,
): number {
  const { minimumLifetimeInMinutes: least } = settings;
  const most = Math.min(settings.maximumLifetimeInMinutes, limits?.maximumLifetimeMinutes ?? Number.POSITIVE_INFINITY);
  if (most < least) {
    throw new AppError(
      'forbidden',
      `Your role lets you issue passes of ${most} minutes at most, and policy asks for ${least} at least.`,
    );
  }
  const minutes = asked ?? Math.min(settings.defaultLifetimeInMinutes, most);
  if (Number.isInteger(minutes) && minutes >= least && minutes <= most) return minutes;
  // Entra's sentence, word for word: scripts look for it.
  throw new AppError(
    'invalid_input',
    `Invalid LifetimeInMinutes specified. The valid range between ${least} and ${most}.`,
  );
}

function startWithin(asked: Date | undefined, now: Date): Date {
  if (!asked) return now;
  if (Number.isNaN(asked.getTime()))
    throw new AppError('invalid_input', 'startDateTime must be a date and time as in 2026-11-21T09:00:00Z.');
  if (asked.getTime() < now.getTime() - toleratedPastMs)
    throw new AppError('invalid_input', 'startDateTime lies in the past.');
  if (asked > addDays(now, furthestStartDays)) {
    throw new AppError('invalid_input', `startDateTime must be within the next ${furthestStartDays} days.`);
  }
  return asked < now ? now : asked;
}
