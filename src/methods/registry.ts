import { authenticatorAppMethod } from './authenticator-app/app-method.ts';
import type { AuthenticationMethod, MethodId, MethodRegistry } from './method.ts';
import type { RelyingPartyIdentity } from './passkey/passkey.ts';
import { passkeyMethod } from './passkey/passkey-method.ts';
import { passwordMethod } from './password/password-method.ts';
import { recoveryCodeMethod } from './recovery-code/recovery-code-method.ts';
import { temporaryAccessPassMethod } from './temporary-access-pass/pass-method.ts';
import { defaultLimits } from '../throttle/throttle.ts';

/** The ways to sign in, in the order offered. */
export function methodRegistry(
  identity: RelyingPartyIdentity,
  mostInARow: number = defaultLimits.mostInARow,
): MethodRegistry {
  const all = [
    passkeyMethod(identity),
    temporaryAccessPassMethod({ mostInARow }),
    passwordMethod({ appName: identity.rpName, hostName: identity.rpId, mostInARow }),
    authenticatorAppMethod({ issuerName: identity.rpName, mostInARow }),
    recoveryCodeMethod(),
  ] as AuthenticationMethod[];
  const byId = new Map<string, AuthenticationMethod>(all.map((method) => [method.id satisfies MethodId, method]));
  return { all, get: (id) => byId.get(id) };
}
