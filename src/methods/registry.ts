import { BlockList } from 'node:net';
import { isLocalhost } from '../core/localhost.ts';
import { authenticatorAppMethod } from './authenticator-app/app-method.ts';
import type { AuthenticationMethod, MethodId, MethodRegistry } from './method.ts';
import type { RelyingPartyIdentity } from './passkey/passkey.ts';
import { passkeyMethod } from './passkey/passkey-method.ts';
import { passwordMethod } from './password/password-method.ts';
import { recoveryCodeMethod } from './recovery-code/recovery-code-method.ts';
import { temporaryAccessPassMethod } from './temporary-access-pass/pass-method.ts';
import { defaultLimits } from '../throttle/throttle.ts';
import { type RelyingParty, relyingParty } from './upstream/relying-party.ts';
import { upstreamMethod } from './upstream/upstream-method.ts';

/** The ways to sign in, in the order offered. */
export function methodRegistry(
  identity: RelyingPartyIdentity,
  mostInARow: number = defaultLimits.mostInARow,
  party: RelyingParty = relyingParty({ allow: new BlockList(), local: isLocalhost(identity.rpId) }),
): MethodRegistry {
  const all = [
    passkeyMethod(identity),
    temporaryAccessPassMethod({ mostInARow }),
    upstreamMethod({ issuer: identity.origin, party }),
    passwordMethod({ appName: identity.rpName, hostName: identity.rpId, mostInARow }),
    authenticatorAppMethod({ issuerName: identity.rpName, mostInARow }),
    recoveryCodeMethod(),
  ] as AuthenticationMethod[];
  const byId = new Map<string, AuthenticationMethod>(all.map((method) => [method.id satisfies MethodId, method]));
  return { all, get: (id) => byId.get(id) };
}
