import { type Asked, levelAsked, scaleFrom } from './assurance/scale.ts';
import { passwordSettings } from './methods/password/settings.ts';
import { passSettings, shortestLength } from './methods/temporary-access-pass/settings.ts';
import { registrationRules } from './registration/demand.ts';
import { registrationSettings } from './registration/settings.ts';
import type { HomeRealm, PolicyDocuments, SignInPolicy } from './sign-in/policy.ts';
import { shortCode } from './throttle/throttle.ts';

/** What the documents of the rooms mean for the flow, which knows no room: part of the composition. */
export function signInPolicyFrom(decided: PolicyDocuments, realm: HomeRealm | null = null): SignInPolicy {
  const passwords = passwordSettings.parse(decided.password ?? {});
  // Who signs in elsewhere has no password here.
  const withPasswords = passwords.state === 'enabled' && realm === null;
  // An authenticator app is no sign-in without a password.
  const enrollable = ['passkey', ...(withPasswords ? (['authenticator-app'] as const) : [])] as const;
  return {
    methods: [
      ...(realm ? (['upstream'] as const) : []),
      'passkey',
      'temporary-access-pass',
      ...(withPasswords ? (['password', 'authenticator-app'] as const) : []),
      'recovery-code',
    ],
    enrollable,
    together: { 'authenticator-app': ['password'] },
    firstPartAlone: passwords.alone,
    shortPasses: shortestLength(passSettings.parse(decided.temporaryAccessPass ?? {})) < shortCode,
    registration: registrationRules(registrationSettings.parse(decided.registration ?? {}), enrollable),
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
