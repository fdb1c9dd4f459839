import { describe, expect, test } from 'vitest';
import type { MethodId } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { nextStep } from '../../src/sign-in/next-step.ts';
import type { HomeRealm } from '../../src/sign-in/policy.ts';
import type { SignIn } from '../../src/sign-in/sign-in.ts';
import { signInPolicyFrom, signInPolicyOf } from '../../src/sign-in-policy.ts';
import { aSignIn, at, noon, origin } from '../support/makers.ts';

/** What a home realm makes of the policy, and of the step that comes next. */

const registry = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
const traits = (id: MethodId) => registry.get(id)!.traits;
const realm: HomeRealm = {
  providerId: 'contoso',
  displayName: 'Contoso',
  mfaBehavior: 'acceptIfMfaDoneByFederatedIdp',
  straight: false,
  ceiling: '2f',
};
const straight = { ...realm, straight: true };
const enforced: HomeRealm = { ...realm, mfaBehavior: 'enforceMfaByFederatedIdp' };
const rejected: HomeRealm = { ...realm, mfaBehavior: 'rejectMfaByFederatedIdp' };
const registration = { state: 'enabled', methods: ['passkey', 'authenticator-app'], count: 2 };

describe('the policy for people of a domain', () => {
  test.each<[string, HomeRealm | null, readonly MethodId[]]>([
    ['here', null, ['passkey', 'temporary-access-pass', 'password', 'authenticator-app', 'recovery-code']],
    ['elsewhere', realm, ['upstream', 'passkey', 'temporary-access-pass', 'recovery-code']],
    ['elsewhere and nowhere else', enforced, ['upstream']],
  ])('that signs in %s offers this, in this order', (_where, where, methods) => {
    expect(signInPolicyFrom({}, where).methods).toEqual(methods);
  });

  test('asks nobody to register what would not sign them in', () => {
    expect(signInPolicyFrom({ registration }).registration?.methods).toEqual(['passkey', 'authenticator-app']);
    expect(signInPolicyFrom({ registration }, realm).registration).toMatchObject({ methods: ['passkey'], count: 1 });
    expect(signInPolicyFrom({ registration }, enforced).registration).toBeUndefined();
  });

  test('of no federated domain is what it was', () => {
    expect(Object.keys(signInPolicyFrom({}, null))).toEqual(Object.keys(signInPolicyFrom({})));
    expect(signInPolicyFrom({})).not.toHaveProperty('straight');
  });
});

describe('the step after the name', () => {
  const named = aSignIn({ userName: 'ada@contoso.example', domain: 'contoso.example', realm });
  const step = (signIn: SignIn, asked?: string, usedLast?: MethodId) =>
    nextStep(signIn, {
      now: at(1),
      policy: signInPolicyOf(origin)(
        {},
        asked ? { wished: [asked], claimed: [], essential: false, minimum: 'bootstrap' } : undefined,
        signIn.realm,
      ),
      traits,
      passStillOpens: false,
      usedLast,
    });
  const direct = { ...named, realm: straight };

  test.each<[string, SignIn, object]>([
    ['where they sign in first', named, { chosen: 'upstream' }],
    ['straight on, where the domain says so', direct, { chosen: 'upstream', straight: true }],
    [
      'a page for whoever has a pass',
      { ...direct, chosenMethod: 'temporary-access-pass' },
      { chosen: 'temporary-access-pass' },
    ],
    [
      'a page for whoever has to be told something',
      { ...direct, notice: { kind: 'refused', method: 'upstream' } },
      { chosen: 'upstream' },
    ],
    [
      'straight on under enforcement, whoever has a pass',
      { ...direct, realm: { ...enforced, straight: true }, chosenMethod: 'temporary-access-pass' },
      { chosen: 'upstream', straight: true },
    ],
    ['with a domain and no name, no codes', { ...named, userName: null }, { methods: ['upstream', 'passkey'] }],
  ])('is %s', (_what, signIn, expected) => {
    const { straight: goes, ...rest } = step(signIn) as { straight?: true };
    expect({ ...rest, ...(goes && { straight: goes }) }).toMatchObject({ kind: 'verify', ...expected });
    expect(goes).toBe((expected as { straight?: true }).straight);
  });

  test('has what the device was used with first, and goes straight on all the same', () => {
    expect(step(named, undefined, 'passkey')).toMatchObject({ chosen: 'passkey' });
    expect(step(direct, undefined, 'passkey')).toMatchObject({ chosen: 'upstream', straight: true });
  });

  test.each<[string, HomeRealm, readonly MethodId[]]>([
    [`${origin}/acr/2f`, realm, ['upstream', 'passkey', 'temporary-access-pass', 'recovery-code']],
    [`${origin}/acr/2f`, rejected, ['passkey', 'temporary-access-pass', 'recovery-code']],
    ['phr', straight, ['passkey', 'temporary-access-pass', 'recovery-code']],
    ['phr', enforced, ['upstream']],
  ])('for an app that asks for %s leaves out what cannot reach it', (acr, where, methods) => {
    const found = step({ ...named, realm: where }, acr);
    expect(found).toMatchObject({ kind: 'verify', methods });
    if (where === straight) expect(found).not.toHaveProperty('straight');
  });

  test('is the app, with what was reached there and since when', () => {
    const reached = { level: '2f', amr: ['federated', 'mfa'], since: at(-60) } as const;
    const userId = '11111111-1111-4111-8111-111111111111';
    const evidence = [{ methodId: 'upstream', credentialId: 'link', at: noon, reached }] as const;
    expect(step({ ...named, userId, evidence })).toMatchObject({
      ...{ kind: 'complete', level: '2f', amr: ['federated', 'mfa'], authTime: at(-60), bornOf: null },
    });
  });
});
