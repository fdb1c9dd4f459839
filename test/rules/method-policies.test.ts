import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import {
  defaultFido2Settings,
  defaultMethodSettings,
  fido2Settings,
  fido2SettingsChange,
  fido2With,
  methodSettings,
} from '../../src/method-policies/settings.ts';
import { demandOf, registrationRules } from '../../src/registration/demand.ts';
import { registrationSettings } from '../../src/registration/settings.ts';
import { signInPolicyFrom } from '../../src/sign-in-policy.ts';
import { noon } from '../support/makers.ts';

const everybody = [{ targetType: 'group', id: 'all_users' }];
const model = '01020304-0506-0708-0102-030405060708';

/** Where it is wrong, and how. */
const mistakes = (schema: z.ZodType, document: unknown) =>
  schema.safeParse(document).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the policy for passkeys', () => {
  test('lets everybody in with any model where nothing is decided', () => {
    expect(fido2Settings.parse({})).toEqual(defaultFido2Settings);
    expect(defaultFido2Settings).toEqual({
      state: 'enabled',
      isSelfServiceRegistrationAllowed: true,
      isAttestationEnforced: false,
      keyRestrictions: { isEnforced: false, enforcementType: 'block', aaGuids: [] },
      includeTargets: everybody,
      excludeTargets: [],
    });
  });

  test('keeps what a change of key restrictions does not name', () => {
    const first = fido2With(defaultFido2Settings, { keyRestrictions: { aaGuids: [model] } });
    const second = fido2With(first, { keyRestrictions: { isEnforced: true } });
    expect(second.keyRestrictions).toEqual({ isEnforced: true, enforcementType: 'block', aaGuids: [model] });
  });

  test('takes models in capitals, and what Graph’s targets say besides', () => {
    const written = {
      keyRestrictions: { aaGuids: [model.toUpperCase()] },
      includeTargets: [{ ...everybody[0], isRegistrationRequired: false, allowedPasskeyProfiles: [] }],
    };
    expect(fido2Settings.parse(written)).toMatchObject({
      keyRestrictions: { aaGuids: [model] },
      includeTargets: everybody,
    });
  });

  test.each<[string, unknown, RegExp]>([
    ['attestation', { isAttestationEnforced: true }, /^isAttestationEnforced: .*neither asked for nor verified/],
    [
      'a registration that is asked for elsewhere',
      { includeTargets: [{ ...everybody[0], isRegistrationRequired: true }] },
      /^includeTargets\.0\.isRegistrationRequired: .*requiredRegistration/,
    ],
    [
      'profiles',
      { includeTargets: [{ ...everybody[0], allowedPasskeyProfiles: ['x'] }] },
      /^includeTargets\.0\.allowedPasskeyProfiles: .*no passkey profiles/,
    ],
    ['a model that is none', { keyRestrictions: { aaGuids: ['yubikey'] } }, /^keyRestrictions\.aaGuids\.0: /],
    ['a model twice', { keyRestrictions: { aaGuids: [model, model.toUpperCase()] } }, /names a model twice/],
    [
      'no model where only those named are allowed',
      { keyRestrictions: { isEnforced: true, enforcementType: 'allow' } },
      /^keyRestrictions\.aaGuids: .*set state to disabled/,
    ],
    ['what nobody knows', { passkeyProfiles: [] }, /Unrecognized key: "passkeyProfiles"/],
    ['everybody as a user', { excludeTargets: [{ targetType: 'user', id: 'all_users' }] }, /excludeTargets\.0\.id/],
  ])('refuses %s with a sentence', (_what, document, message) => {
    expect(mistakes(fido2Settings, document)).toEqual([expect.stringMatching(message)]);
  });

  test('parses a change without its cross-check, since it is judged with what stood before', () => {
    expect(fido2SettingsChange.safeParse({ keyRestrictions: { enforcementType: 'allow' } }).success).toBe(true);
  });
});

test('apps and recovery codes have a state and targets and nothing else', () => {
  expect(methodSettings.parse({})).toEqual(defaultMethodSettings);
  expect(mistakes(methodSettings, { isSelfServiceRegistrationAllowed: false })).toHaveLength(1);
});

describe('what is offered before it is known who asks', () => {
  const all = ['passkey', 'temporary-access-pass', 'password', 'authenticator-app', 'recovery-code'];
  const off = { state: 'disabled' };
  const nobody = { includeTargets: [] };
  const some = { includeTargets: [{ targetType: 'group', id: 'staff' }] };

  test.each<[string, object, string[], string[]]>([
    ['nothing decided: all', {}, all, ['passkey', 'authenticator-app']],
    ['passkeys off: the rest', { fido2: off }, all.slice(1), ['authenticator-app']],
    ['passkeys for nobody: the same', { fido2: nobody }, all.slice(1), ['authenticator-app']],
    ['passkeys for some: all', { fido2: some }, all, ['passkey', 'authenticator-app']],
    [
      'no setting up by oneself: used, not registered',
      { fido2: { isSelfServiceRegistrationAllowed: false } },
      all,
      ['authenticator-app'],
    ],
    [
      'apps off: no passwords either',
      { softwareOath: off },
      ['passkey', 'temporary-access-pass', 'recovery-code'],
      ['passkey'],
    ],
    [
      'apps off where a password may stand alone',
      { softwareOath: off, password: { alone: true } },
      ['passkey', 'temporary-access-pass', 'password', 'recovery-code'],
      ['passkey'],
    ],
    ['recovery codes off', { recoveryCode: off }, all.slice(0, 4), ['passkey', 'authenticator-app']],
    ['all off: passes', { fido2: off, softwareOath: off, recoveryCode: off }, ['temporary-access-pass'], []],
  ])('%s', (_sentence, decided, methods, enrollable) => {
    expect(signInPolicyFrom(decided)).toMatchObject({ methods, enrollable });
  });
});

describe('a required registration', () => {
  const both = ['passkey', 'authenticator-app'] as const;
  type Way = (typeof both)[number];
  const rules = (count: number, methods: readonly Way[] = both) =>
    registrationRules(registrationSettings.parse({ state: 'enabled', count, methods: [...methods] }), both)!;

  test.each<[string, number, readonly Way[], readonly Way[], readonly Way[], readonly Way[] | undefined]>([
    ['what may be had is asked for', 1, both, [], [], both],
    ['what may not be had is not', 1, both, [], ['passkey'], ['authenticator-app']],
    ['of two, the one that may be had', 2, both, [], ['passkey'], ['authenticator-app']],
    ['two where one may not be had: one is enough', 2, both, ['authenticator-app'], ['passkey'], undefined],
    ['what is held counts, though it may not be registered again', 1, both, ['passkey'], ['passkey'], undefined],
    ['and a second is asked for beside it', 2, both, ['passkey'], ['passkey'], ['authenticator-app']],
    ['nothing may be had: nothing is asked', 1, both, [], both, undefined],
    ['the only one asked for may not be had', 1, ['passkey'], [], ['passkey'], undefined],
  ])('%s', (_sentence, count, named, methods, barred, asked) => {
    const standing = { userId: 'me', groups: [], methods, barred, snoozes: 0, snoozedUntil: null };
    expect(demandOf(rules(count, named), standing, noon)?.methods).toEqual(asked);
  });

  test('counts a passkey that an administrator has registered, where people may not themselves', () => {
    const decided = { fido2: { isSelfServiceRegistrationAllowed: false }, registration: { state: 'enabled' } };
    expect(signInPolicyFrom(decided).registration?.methods).toEqual(both);
  });
});
