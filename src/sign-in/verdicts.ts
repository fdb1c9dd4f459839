/** What a verdict leaves in the sign-in's row: evidence that moves it on, or a notice for the next page. */
import type { Work } from '../core/work.ts';
import { type AuthenticationMethod, type Enrolled, isRemote, type Verdict } from '../methods/method.ts';
import { noteBootstrap } from '../users/bootstraps.ts';
import { findUser } from '../users/manage-users.ts';
import type { SignInPolicy } from './policy.ts';
import { elsewhereReasons, type Evidence, type Notice, type SignIn } from './sign-in.ts';
import { bootstrapOf, enrollable, type SignInHouse, type Standing, type Visit } from './standing.ts';
import * as signIns from './store.ts';

type Refused = Extract<Verdict, { verified: false }>;

export async function refused(
  work: Work,
  visit: Visit,
  { signIn }: Standing,
  method: AuthenticationMethod,
  verdict: Refused,
): Promise<void> {
  work.record({
    type: 'sign-in.refused',
    result: 'failure',
    reason: verdict.reason,
    userId: verdict.userId,
    clientId: signIn.clientId,
    details: { method: method.id, uid: signIn.uid, ...verdict.because },
  });
  await signIns.change(work.tx, signIn.uid, {
    notice: { ...(await noticeOf(work, visit, signIn, method, verdict)), reference: work.origin.requestId },
  });
}

/** One wording for everything, but for what only a person who proved something can learn. */
async function noticeOf(
  work: Work,
  visit: Visit,
  { realm }: SignIn,
  method: AuthenticationMethod,
  { reason, userId, calledLost, as, at }: Refused,
): Promise<Notice> {
  const place = at ?? realm?.displayName;
  switch (reason) {
    case 'signed_in_as_other': {
      const signedInAs = visit.signedInUserId && (await findUser(work, visit.signedInUserId));
      const passIsFor = as ?? (userId && (await findUser(work, userId))?.userPrincipalName);
      if (!signedInAs || !passIsFor) break;
      const where = isRemote(method) && place !== undefined && { at: place };
      return { kind: 'signed_in_as_other', signedInAs: signedInAs.userPrincipalName, passIsFor, ...where };
    }
    case 'credential_unknown':
      return { kind: 'unknown_passkey' };
    case 'user_unverified':
      return { kind: 'unverified_user' };
    case 'credential_suspended':
      if (method.guessable) break;
      if (!calledLost) return { kind: 'suspended_passkey' };
      return {
        kind: 'called_lost',
        credentialId: calledLost.credentialId,
        at: calledLost.at.toISOString(),
        ...(calledLost.removed && { removed: true as const }),
        provedAt: work.now.toISOString(),
      };
    case 'counter_regress':
      return { kind: 'suspended_passkey' };
    case 'policy':
      if (method.guessable) break;
      return { kind: 'passkey_not_allowed' };
    case 'credential_of_other':
      return { kind: 'other_account' };
  }
  // Of a code, that its user is disabled is for nobody to learn.
  const told = reason === 'home_realm' || isRemote(method) ? elsewhereReasons.find((one) => one === reason) : undefined;
  if (told && place !== undefined)
    return { kind: 'elsewhere', reason: told, at: place, ...(as !== undefined && { as }) };
  return { kind: 'refused', method: method.id };
}

/** Writes the evidence. A pass signs in where its verdict says so, or else opens registration; anything else, used once, ends that. */
export async function accept(
  house: SignInHouse,
  work: Work,
  { signIn, policy }: Standing,
  method: AuthenticationMethod,
  verdict: Extract<Verdict, { verified: true }>,
): Promise<void> {
  const { userId, credentialId, signsIn, standsAlone, reached, upstreamId } = verdict;
  // What somebody else proved in this sign-in counts for nothing.
  const earlier = signIn.userId === userId ? signIn.evidence : [];
  const proved = { methodId: method.id, credentialId, at: work.now };
  const more = { ...(standsAlone && { standsAlone }), ...(reached && { reached }), ...(upstreamId && { upstreamId }) };
  const evidence: Evidence[] = [...earlier, { ...proved, ...more }];
  work.record({
    type: 'sign-in.verified',
    userId,
    clientId: signIn.clientId,
    details: { method: method.id, credentialId, uid: signIn.uid, ...(reached && { level: reached.level }) },
  });
  if (!method.traits.bootstrapOnly) {
    if (signIn.passId && !method.traits.part) await bootstrapOf(house, signIn).graduate(work, signIn.passId);
    return signIns.change(work.tx, signIn.uid, { userId, evidence, notice: null });
  }
  await noteBootstrap(work, userId);
  await signIns.change(work.tx, signIn.uid, {
    userId,
    evidence: [{ methodId: method.id, credentialId, at: work.now, ...(signsIn && { signsIn }) }],
    passId: credentialId,
    windowEndsAt: verdict.endsAt ?? null,
    enrolled: signsIn ? null : await enrolledBefore(house, policy, work, credentialId),
    notice: null,
  });
}

/** After a false start the passkey may be there already: it only has to be used. */
export async function enrolledBefore(
  house: SignInHouse,
  policy: SignInPolicy,
  work: Work,
  passId: string,
): Promise<Enrolled | null> {
  for (const id of policy.enrollable) {
    const enrolled = await enrollable(house, policy, id)?.enrolledThrough(work, passId);
    if (enrolled) return enrolled;
  }
  return null;
}
