/** Whether a method may be asked at the step that stands, and what it is told of the sign-in. */
import { digest } from '../core/secrets.ts';
import { type Attempt, type AuthenticationMethod, isEnrollable } from '../methods/method.ts';
import type { SignInHouse, Standing, Visit } from './standing.ts';

/** The method, if an answer with it may move this sign-in on. */
export function answerable(
  house: SignInHouse,
  { step, policy }: Standing,
  methodId: string,
): AuthenticationMethod | undefined {
  const method = house.methods.get(methodId);
  if (!method || !policy.methods.includes(method.id)) return undefined;
  if (step.kind === 'verify') return step.methods.includes(method.id) ? method : undefined;
  // A passkey names its user itself; a code needs a name first.
  if (step.kind === 'identify') return method.guessable ? undefined : method;
  return step.kind === 'confirm' && isEnrollable(method) && !method.traits.part ? method : undefined;
}

export function attemptOf(visit: Visit, { signIn, step }: Standing): Attempt {
  return {
    owner: digest(`sign-in/${signIn.uid}`),
    browser: visit.browser,
    // While a new passkey is confirmed the name does not matter: the credential is the one that was made.
    userName: step.kind === 'confirm' ? null : signIn.userName,
    domain: signIn.domain,
    provenUserId: signIn.userId,
    signedInUserId: visit.signedInUserId,
    onlyCredentialId: step.kind === 'confirm' ? step.credentialId : null,
  };
}
