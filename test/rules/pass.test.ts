import { describe, expect, test } from 'vitest';
import {
  type Pass,
  type PassRules,
  passEnd,
  passState,
  usability,
} from '../../src/methods/temporary-access-pass/pass.ts';
import { aPass, at, noon } from '../support/makers.ts';

const policy = { state: 'enabled', isUsableOnce: false, scope: 'included' } as const;
const oneTimePolicy = { state: 'enabled', isUsableOnce: true, scope: 'included' } as const;
const notIncluded = { ...oneTimePolicy, scope: 'notIncluded' } as const;
const excluded = { ...oneTimePolicy, scope: 'excluded' } as const;
const disabled = { state: 'disabled', isUsableOnce: false, scope: 'included' } as const;

const fresh = aPass();
const scheduled = aPass({ startsAt: at(30), expiresAt: at(90) });
const entered = aPass({ windowEndsAt: at(15), uses: 1, lastUsedAt: at(5) });
const completed = aPass({ windowEndsAt: at(15), completedAt: at(7) });
const reusable = aPass({ oneTime: false, uses: 3, lastUsedAt: at(5) });
const usedUp = aPass({ oneTime: false, uses: 3, maximumUses: 3, lastUsedAt: at(5) });
const locked = aPass({ codeLength: 12, lockedAt: at(5) });
const revoked = aPass({ endedAt: at(5), endReason: 'revoked' });
const replaced = aPass({ endedAt: at(5), endReason: 'replaced' });

describe('the state of a pass', () => {
  const cases: readonly [string, Pass, Date, ReturnType<typeof passState>][] = [
    ['from noon is scheduled a millisecond before noon', fresh, at(0, -1), 'scheduled'],
    ['from noon is active at noon', fresh, noon, 'active'],
    ['from noon for an hour is active a millisecond before one', fresh, at(60, -1), 'active'],
    ['from noon for an hour is expired 60 minutes after noon', fresh, at(60), 'expired'],
    ['that was never entered stays expired', fresh, at(60 * 24 * 365), 'expired'],
    ['for later is scheduled until a millisecond before its start', scheduled, at(30, -1), 'scheduled'],
    ['for later is active at its start', scheduled, at(30), 'active'],
    ['for later counts its lifetime from its start', scheduled, at(90, -1), 'active'],
    ['for later expires at the end of its lifetime', scheduled, at(90), 'expired'],
    [
      'that was entered is in registration until a millisecond before the window ends',
      entered,
      at(15, -1),
      'inRegistration',
    ],
    ['that was entered is used when the window ends', entered, at(15), 'used'],
    ['that was entered is used, not expired, past its lifetime', entered, at(61), 'used'],
    ['that was completed is used while its window would be open', completed, at(8), 'used'],
    ['that was completed is used past its lifetime', completed, at(61), 'used'],
    ['that is reusable stays active after it was entered', reusable, at(6), 'active'],
    ['that is reusable expires', reusable, at(60), 'expired'],
    ['that was entered as often as policy allows is used', usedUp, at(6), 'used'],
    ['that may be entered once more is active', { ...usedUp, uses: 2 }, at(6), 'active'],
    ['that is reusable and for later is scheduled', aPass({ ...scheduled, oneTime: false }), at(29), 'scheduled'],
    ['that was revoked is revoked', revoked, at(6), 'revoked'],
    ['that was revoked is revoked past its lifetime', revoked, at(61), 'revoked'],
    [
      'that was revoked before its start is revoked',
      aPass({ ...scheduled, endedAt: at(1), endReason: 'revoked' }),
      at(2),
      'revoked',
    ],
    ['that was locked is locked', locked, at(5), 'locked'],
    ['that was locked before its start is locked', aPass({ ...scheduled, lockedAt: at(5) }), at(6), 'locked'],
    ['that was locked is expired past its lifetime', locked, at(60), 'expired'],
    ['that was locked after it was completed is used', aPass({ ...completed, lockedAt: at(9) }), at(10), 'used'],
    ['that was replaced is replaced', replaced, at(6), 'replaced'],
    [
      'that was replaced while in registration is replaced',
      aPass({ ...entered, endedAt: at(6), endReason: 'replaced' }),
      at(7),
      'replaced',
    ],
    [
      'that was revoked after it was used is revoked',
      aPass({ ...completed, endedAt: at(9), endReason: 'revoked' }),
      at(10),
      'revoked',
    ],
  ];
  test.each(cases)('a pass %s', (_sentence, pass, now, state) => {
    expect(passState(pass, now)).toBe(state);
  });
});

describe('whether a pass is usable', () => {
  const cases: readonly [string, Pass, PassRules, Date, ReturnType<typeof usability>][] = [
    ['from its first instant', fresh, oneTimePolicy, noon, 'EnabledByPolicy'],
    ['until a millisecond before its end', fresh, oneTimePolicy, at(60, -1), 'EnabledByPolicy'],
    ['not at its end', fresh, oneTimePolicy, at(60), 'Expired'],
    ['not before its start', fresh, oneTimePolicy, at(0, -1), 'NotYetValid'],
    ['when it is reusable and policy lets the issuer choose', reusable, policy, at(6), 'EnabledByPolicy'],
    ['not when it is reusable under a one-time policy', reusable, oneTimePolicy, at(6), 'DisabledByPolicy'],
    ['not while passes are disabled', fresh, disabled, at(6), 'DisabledByPolicy'],
    ['not when policy does not include the user', fresh, notIncluded, at(6), 'DisabledByPolicy'],
    ['not when it was locked', locked, oneTimePolicy, at(6), 'DisabledByPolicy'],
    ['not when policy excludes the user', fresh, excluded, at(6), 'DisabledByPolicy'],
    ['no more when it was entered as often as policy allows', usedUp, policy, at(6), 'OneTimeUsed'],
    ['nowhere else while it is in registration', entered, oneTimePolicy, at(6), 'OneTimeUsed'],
    ['no more when its window has ended', entered, oneTimePolicy, at(15), 'OneTimeUsed'],
    ['no more when registration was completed', completed, oneTimePolicy, at(8), 'OneTimeUsed'],
    [
      'no more when it is reusable and what was registered with it was used',
      aPass({ ...reusable, purpose: 'signIn', completedAt: at(7) }),
      policy,
      at(8),
      'OneTimeUsed',
    ],
  ];
  test.each(cases)('%s', (_sentence, pass, rules, now, reason) => {
    expect(usability(pass, rules, now)).toBe(reason);
  });

  const order: readonly [string, Pass, typeof oneTimePolicy | typeof disabled, Date, ReturnType<typeof usability>][] = [
    ['used goes before expired', entered, oneTimePolicy, at(61), 'OneTimeUsed'],
    ['used goes before disabled', completed, disabled, at(8), 'OneTimeUsed'],
    ['expired goes before locked', locked, oneTimePolicy, at(60), 'Expired'],
    ['used goes before locked', aPass({ ...completed, lockedAt: at(9) }), oneTimePolicy, at(10), 'OneTimeUsed'],
    [
      'locked goes before not yet valid',
      aPass({ ...scheduled, lockedAt: at(1) }),
      oneTimePolicy,
      at(2),
      'DisabledByPolicy',
    ],
    ['expired goes before disabled', fresh, disabled, at(60), 'Expired'],
    ['expired goes before a one-time policy', reusable, oneTimePolicy, at(60), 'Expired'],
    ['disabled goes before not yet valid', scheduled, disabled, at(1), 'DisabledByPolicy'],
    [
      'a one-time policy goes before not yet valid',
      aPass({ ...scheduled, oneTime: false }),
      oneTimePolicy,
      at(1),
      'DisabledByPolicy',
    ],
  ];
  test.each(order)('of several reasons, %s', (_sentence, pass, rules, now, reason) => {
    expect(usability(pass, rules, now)).toBe(reason);
  });
});

test('a pass that was locked ended then, also when it is replaced later', () => {
  const end = { at: at(5), reason: 'locked' };
  expect(passEnd(locked, at(6))).toEqual(end);
  expect(passEnd(locked, at(4))).toBeUndefined();
  expect(passEnd({ ...locked, endedAt: at(9), endReason: 'replaced' }, at(10))).toEqual(end);
});
