import { type Asked, levelAsked, scaleFrom } from './assurance/scale.ts';
import { fido2Settings, isForAnybody, methodSettings } from './method-policies/settings.ts';
import { passwordSettings } from './methods/password/settings.ts';
import { passSettings, shortestLength } from './methods/temporary-access-pass/settings.ts';
import { registrationRules } from './registration/demand.ts';
import { registrationSettings } from './registration/settings.ts';
import type { HomeRealm, PolicyDocuments, SignInPolicy } from './sign-in/policy.ts';
import { shortCode } from './throttle/throttle.ts';

/** What the documents of the rooms mean for the flow, which knows no room: part of the composition. */
export function signInPolicyFrom(decided: PolicyDocuments, realm: HomeRealm | null = null): SignInPolicy {
  const passwords = passwordSettings.parse(decided.password ?? {});
  const passkeys = fido2Settings.parse(decided.fido2 ?? {});
  const withPasskeys = isForAnybody(passkeys);
  // Who signs in elsewhere has no password here.
  const mayHavePasswords = passwords.state === 'enabled' && realm === null;
  // An authenticator app is no sign-in without a password, and a password none without an app unless it may stand alone.
  const withApps = mayHavePasswords && isForAnybody(methodSettings.parse(decided.softwareOath ?? {}));
  const withPasswords = withApps || (mayHavePasswords && passwords.alone);
  // What counts as registered, and what people may register themselves.
  const countable = [
    ...(withPasskeys ? (['passkey'] as const) : []),
    ...(withApps ? (['authenticator-app'] as const) : []),
  ];
  const enrollable = countable.filter((id) => id !== 'passkey' || passkeys.isSelfServiceRegistrationAllowed);
  return {
    methods: [
      ...(realm ? (['upstream'] as const) : []),
      ...(withPasskeys ? (['passkey'] as const) : []),
      'temporary-access-pass',
      ...(withPasswords ? (['password'] as const) : []),
      ...(withApps ? (['authenticator-app'] as const) : []),
      ...(isForAnybody(methodSettings.parse(decided.recoveryCode ?? {})) ? (['recovery-code'] as const) : []),
    ],
    enrollable,
    together: { 'authenticator-app': ['password'] },
    firstPartAlone: passwords.alone,
    shortPasses: shortestLength(passSettings.parse(decided.temporaryAccessPass ?? {})) < shortCode,
    registration: registrationRules(registrationSettings.parse(decided.registration ?? {}), countable),
    ...(realm && elsewhere(realm)),
  };
}

function elsewhere({ mfaBehavior, straight, ceiling }: HomeRealm): Partial<SignInPolicy> {
  return {
    straight,
    mayReach: { upstream: mfaBehavior === 'rejectMfaByFederatedIdp' ? '1f' : ceiling },
    // Nothing that is registered here would sign them in.
    ...(mfaBehavior === 'enforceMfaByFederatedIdp' && { methods: ['upstream'], registration: undefined }),
  };
}

/** The same for one request of an app; `issuer` is what our own names of levels begin with. */
export function signInPolicyOf(
  issuer: string,
): (decided: PolicyDocuments, asked?: Asked, realm?: HomeRealm | null) => SignInPolicy {
  return (decided, asked, realm) => ({
    ...signInPolicyFrom(decided, realm),
    leastLevel: asked && levelAsked(scaleFrom(issuer, decided.assurance), asked),
  });
}
