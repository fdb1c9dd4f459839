/**
 * The Temporary Access Pass: a time-limited code that an administrator issues and that ends with a passkey.
 * This page holds its life as values; who may issue one is in manage-passes.ts, how it is spent in pass-method.ts.
 */

/** How whoever issues a pass made sure of the person. */
export const waysToVerify = ['callBack', 'inPerson', 'video', 'manager'] as const;

/** What it may lead to: a registered method and nothing before that, or a session that ends with the pass. */
export type PassPurpose = 'registration' | 'signIn';

export interface Pass {
  readonly id: string;
  readonly userId: string;
  readonly verifier: string;
  readonly codeLength: number;
  readonly startsAt: Date;
  readonly expiresAt: Date;
  readonly oneTime: boolean;
  readonly purpose: PassPurpose;
  readonly windowMinutes: number;
  /** A reusable pass: how often it may be entered; null is without limit, and so is a one-time pass in its browser. */
  readonly maximumUses: number | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly verifiedBy: string | null;
  readonly issuedAt: Date;
  readonly issuedByKind: 'operator' | 'system' | 'user' | 'client';
  readonly issuedById: string | null;
  readonly uses: number;
  readonly lastUsedAt: Date | null;
  readonly boundBrowser: Buffer | null;
  /** A one-time pass: set when it is entered; it is in registration until then. */
  readonly windowEndsAt: Date | null;
  /** It is spent: what was registered with it was used, or a one-time pass has signed in. */
  readonly completedAt: Date | null;
  /** Too many wrong codes in a row: it is entered no more, and what it has opened goes on. Never set from 13 symbols on. */
  readonly lockedAt: Date | null;
  readonly endedAt: Date | null;
  readonly endReason: 'revoked' | 'replaced' | null;
}

export const passEndReasons = ['used', 'expired', 'locked', 'revoked', 'replaced'] as const;

export type PassEndReason = (typeof passEndReasons)[number];

export const passStates = ['scheduled', 'active', 'inRegistration', ...passEndReasons] as const;

export type PassState = (typeof passStates)[number];

export function passState(pass: Pass, now: Date): PassState {
  if (pass.endReason) return pass.endReason;
  if (isSpent(pass, now)) return 'used';
  if (pass.expiresAt <= now) return 'expired';
  if (pass.lockedAt) return 'locked';
  if (pass.startsAt > now) return 'scheduled';
  return pass.oneTime && pass.windowEndsAt ? 'inRegistration' : 'active';
}

export interface PassEnd {
  readonly at: Date;
  readonly reason: PassEndReason;
}

/** When and how it ended first: a used pass that is replaced later ended when it was used. Undefined while it lives. */
export function passEnd(pass: Pass, now: Date): PassEnd | undefined {
  const windowClosed = pass.oneTime && !pass.completedAt ? pass.windowEndsAt : null;
  // Where two fall together the first named holds, as in `passState`.
  const ends: readonly { at: Date | null; reason: PassEndReason | null }[] = [
    { at: pass.endedAt, reason: pass.endReason },
    { at: pass.completedAt, reason: 'used' },
    { at: windowClosed, reason: 'used' },
    { at: isUsedUp(pass) ? pass.lastUsedAt : null, reason: 'used' },
    { at: pass.expiresAt, reason: 'expired' },
    { at: pass.lockedAt, reason: 'locked' },
  ];
  return ends
    .filter((end): end is PassEnd => end.at !== null && end.reason !== null && end.at <= now)
    .reduce<PassEnd | undefined>((first, end) => (first && first.at <= end.at ? first : end), undefined);
}

/**
 * Of fewer symbols (64 bits) it might be guessed: NIST SP 800-63B 3.2.2 asks for a limit there. What is longer is never locked,
 * or strangers who know a name could keep its owner out.
 */
export const guessableBelow = 13;

/** Registration completed, the window of a one-time pass ended without it, or a reusable one was entered often enough. */
function isSpent(pass: Pass, now: Date): boolean {
  if (pass.completedAt || isUsedUp(pass)) return true;
  return pass.oneTime && pass.windowEndsAt !== null && pass.windowEndsAt <= now;
}

export function isUsedUp(pass: Pick<Pass, 'uses' | 'maximumUses'>): boolean {
  return pass.maximumUses !== null && pass.uses >= pass.maximumUses;
}

/** Graph's `methodUsabilityReason`; the first that applies. */
export const usabilityReasons = [
  'OneTimeUsed',
  'Expired',
  'DisabledByPolicy',
  'NotYetValid',
  'EnabledByPolicy',
] as const;

export type UsabilityReason = (typeof usabilityReasons)[number];

export interface PassRules {
  readonly state: 'enabled' | 'disabled';
  readonly isUsableOnce: boolean;
  readonly scope: 'included' | 'notIncluded' | 'excluded';
  /** Its holder is disabled, or whoever issued it may give them no pass any more. */
  readonly barred?: boolean;
}

export function usability(pass: Pass, rules: PassRules, now: Date): UsabilityReason {
  if (isUsedUp(pass) || pass.completedAt || (pass.oneTime && pass.windowEndsAt)) return 'OneTimeUsed';
  if (pass.expiresAt <= now) return 'Expired';
  if (isDisabledByPolicy(pass, rules) || rules.barred || pass.lockedAt) return 'DisabledByPolicy';
  if (pass.startsAt > now) return 'NotYetValid';
  return 'EnabledByPolicy';
}

export function isDisabledByPolicy(pass: Pick<Pass, 'oneTime'>, rules: PassRules): boolean {
  return rules.state === 'disabled' || rules.scope !== 'included' || (!pass.oneTime && rules.isUsableOnce);
}
