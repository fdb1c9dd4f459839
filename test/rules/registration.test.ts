import { describe, expect, test } from 'vitest';
import {
  demandOf,
  reconfirmationOf,
  type RegistrationStanding,
  registrationRules,
} from '../../src/registration/demand.ts';
import { registrationSettings } from '../../src/registration/settings.ts';
import { signInPolicyFrom } from '../../src/sign-in-policy.ts';
import { at, noon } from '../support/makers.ts';

const both = ['passkey', 'authenticator-app'] as const;
const everybody = { targetType: 'group', id: 'all_users' } as const;

describe('the settings', () => {
  test('of an organisation that has decided nothing ask for nothing', () => {
    expect(registrationSettings.parse({})).toEqual({
      state: 'disabled',
      mode: 'required',
      includeTargets: [everybody],
      excludeTargets: [],
      count: 1,
      methods: both,
      snoozeDurationInDays: 1,
      snoozes: 3,
      enforceAfterSnoozes: true,
      reconfirmAfterDays: 0,
    });
    expect(signInPolicyFrom({}).registration).toBeUndefined();
  });

  test.each([
    ['state', 'on'],
    ['mode', 'forced'],
    ['count', 0],
    ['count', 3],
    ['methods', []],
    ['methods', ['password']],
    ['methods', ['passkey', 'passkey']],
    ['snoozeDurationInDays', -1],
    ['snoozeDurationInDays', 15],
    ['snoozes', -1],
    ['snoozes', 11],
    ['reconfirmAfterDays', -1],
    ['reconfirmAfterDays', 731],
    ['reconfirmAfterDays', 1.5],
    ['includeTargets', [{ targetType: 'user', id: 'all_users' }]],
    ['excludeTargets', ['Staff']],
    ['days', 1],
  ])('refuse %s %j', (name, value) => {
    expect(registrationSettings.safeParse({ [name]: value }).success).toBe(false);
  });

  test.each([
    ['snoozeDurationInDays', 0],
    ['snoozeDurationInDays', 14],
    ['snoozes', 0],
    ['snoozes', 10],
    ['count', 2],
    ['reconfirmAfterDays', 730],
  ])('take %s %j', (name, value) => {
    expect(registrationSettings.parse({ [name]: value })).toMatchObject({ [name]: value });
  });

  test('ask for no more methods than they name', () => {
    const { error } = registrationSettings.safeParse({ count: 2, methods: ['passkey'] });
    expect(error?.issues).toMatchObject([
      { path: ['count'], message: 'must not be more than the methods that are named (1)' },
    ]);
  });
});

describe('what they mean', () => {
  const enabled = registrationSettings.parse({ state: 'enabled' });

  test('is the methods that can be registered here, passkeys first', () => {
    const named = { ...enabled, methods: ['authenticator-app', 'passkey'] as typeof enabled.methods };
    expect(registrationRules(named, both)?.methods).toEqual(both);
  });

  test('is less where another policy has a method off, and nothing where that was the only one', () => {
    expect(registrationRules({ ...enabled, count: 2 }, ['passkey'])).toMatchObject({ methods: ['passkey'], count: 1 });
    expect(registrationRules({ ...enabled, methods: ['authenticator-app'] }, ['passkey'])).toBeUndefined();
    const decided = { registration: { state: 'enabled' }, password: { state: 'disabled' } };
    expect(signInPolicyFrom(decided).registration?.methods).toEqual(['passkey']);
  });

  test('is nothing where nobody is meant', () => {
    expect(registrationRules({ ...enabled, includeTargets: [] }, both)).toBeUndefined();
  });
});

describe('what is asked of a user', () => {
  const has = (...methods: RegistrationStanding['methods']): RegistrationStanding => ({
    userId: 'me',
    groups: ['staff'],
    methods,
    snoozes: 0,
    snoozedUntil: null,
    barred: [],
  });
  const rules = (decided: object = {}) =>
    registrationRules(registrationSettings.parse({ state: 'enabled', ...decided }), both)!;
  const group = (id: string) => ({ targetType: 'group', id });
  const nudge = { mode: 'nudge', snoozes: 2 };
  const put = (snoozes: number, snoozedUntil: Date) => ({ ...has(), snoozes, snoozedUntil });
  const all = { methods: both, mayWait: false };

  test.each<[string, object, RegistrationStanding, object | undefined]>([
    ['who has nothing: one of both', {}, has(), all],
    ['who has one of two: nothing', {}, has('authenticator-app'), undefined],
    [
      'who has another than the one that is named: that',
      { methods: ['passkey'] },
      has('authenticator-app'),
      { methods: ['passkey'] },
    ],
    [
      'who has one where two are asked for: the other',
      { count: 2 },
      has('passkey'),
      { methods: ['authenticator-app'] },
    ],
    ['who has both: nothing', { count: 2 }, has(...both), undefined],
    ['who has a password alone: one of both', {}, has('password'), all],
    ['who is in the group', { includeTargets: [group('staff')] }, has(), all],
    ['who is not: nothing', { includeTargets: [group('field')] }, has(), undefined],
    ['who is named', { includeTargets: [{ targetType: 'user', id: 'me' }] }, has(), all],
    ['who is excluded by a group: nothing', { excludeTargets: [group('staff')] }, has(), undefined],
    ['who is excluded by name: nothing', { excludeTargets: [{ targetType: 'user', id: 'me' }] }, has(), undefined],
    ['who is nudged: it may wait', nudge, has(), { methods: both, mayWait: true }],
    ['who has put it off: nothing, to the last millisecond', nudge, put(1, at(0, 1)), undefined],
    ['who put it off until now: it may wait once more', nudge, put(1, noon), { mayWait: true }],
    ['who has put it off for the last time: nothing yet', nudge, put(2, at(1)), undefined],
    ['who put it off as often as may be: it may wait no more', nudge, put(2, noon), all],
    [
      'who may put it off without end: it may wait',
      { ...nudge, enforceAfterSnoozes: false },
      put(9, noon),
      { mayWait: true },
    ],
    ['who was never allowed to wait', { ...nudge, snoozes: 0 }, has(), all],
    ['who put it off before it was required: it may not wait', {}, put(1, at(60)), all],
  ])('%s', (_sentence, decided, standing, demand) => {
    const found = demandOf(rules(decided), standing, noon);
    if (demand === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(demand);
  });
});

describe('who is asked to confirm what they have', () => {
  const rules = (decided: object) =>
    registrationRules(registrationSettings.parse({ state: 'enabled', reconfirmAfterDays: 30, ...decided }), both)!;
  const standing = { userId: 'me', groups: ['staff'], methods: both, barred: [], snoozes: 0, snoozedUntil: null };
  const day = 24 * 60;

  test.each<[string, object, Date, boolean]>([
    ['whoever last did 30 days ago', {}, at(-30 * day), true],
    ['whoever last did a millisecond less than 30 days ago: not yet', {}, at(-30 * day, 1), false],
    ['whoever did years ago', {}, at(-3000 * day), true],
    ['where it is asked after no days: nobody', { reconfirmAfterDays: 0 }, at(-3000 * day), false],
    ['where it is asked each day', { reconfirmAfterDays: 1 }, at(-day), true],
    ['where it is a nudge: the same', { mode: 'nudge' }, at(-30 * day), true],
    ['who is not in the group: not', { includeTargets: [{ targetType: 'group', id: 'field' }] }, at(-30 * day), false],
    ['who is excluded: not', { excludeTargets: [{ targetType: 'user', id: 'me' }] }, at(-30 * day), false],
  ])('%s', (_sentence, decided, confirmedAt, asked) => {
    const found = reconfirmationOf(rules(decided), { ...standing, confirmedAt }, noon);
    expect(found).toEqual(asked ? { holds: both } : undefined);
  });
});
