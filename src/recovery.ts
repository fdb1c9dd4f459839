/** A pass for somebody who has ways in already: what they lost is put out of use, by them in the window that the pass opened. */
import { AppError } from './core/errors.ts';
import { isSuspendable, type ListedCredential } from './methods/method.ts';
import { endOthersOf } from './oidc/endings.ts';
import { endSignInsNamedSince } from './sign-in/endings.ts';
import { losable, ownBefore, passInHandSince, say } from './sign-in/losing.ts';
import { lockedStanding, notThisStep, type SignInHouse, transition, type Visit } from './sign-in/standing.ts';

export interface LostOffer {
  readonly credentials: readonly ListedCredential[];
  readonly windowEndsAt: Date;
  /** The database's clock. */
  readonly now: Date;
}

/** What may be called lost here; undefined when there is nothing, or this is not the step for it. Fails with `forbidden` in another browser. */
export function lostOffer(house: SignInHouse, visit: Visit): Promise<LostOffer | undefined> {
  return house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    if (!standing) return undefined;
    const credentials = await losable(house, work, standing);
    const { step, now } = standing;
    if (credentials.length === 0 || !('windowEndsAt' in step) || !step.windowEndsAt) return undefined;
    return { credentials, windowEndsAt: step.windowEndsAt, now };
  });
}

/**
 * "I lost these": they sign in no more from this moment, and what is signed in elsewhere ends; the sign-in under way and the session of
 * this browser go on. Nothing is removed: a pass cannot. Those that are suspended already stay as they are.
 * Fails with `not_found` for anything that was not this user's before the pass, and then suspends none; with `conflict` where no pass
 * opened the registration.
 */
export function suspendLost(
  house: SignInHouse,
  visit: Visit,
  {
    credentialIds,
    sessionUid,
  }: {
    readonly credentialIds: readonly string[];
    /** The provider's session in this browser; null when nobody is signed in. */
    readonly sessionUid: string | null;
  },
): Promise<void> {
  return transition(house, visit, ['enrol', 'confirm'], async (work, standing) => {
    const { signIn, step } = standing;
    const { passId, userId } = signIn;
    if (!('windowEndsAt' in step) || !step.windowEndsAt || !passId || !userId) throw notThisStep();
    const own = await ownBefore(house, work, standing);
    const chosen = credentialIds.map((id) => own.find((credential) => credential.id === id));
    if (!chosen.every((credential) => credential !== undefined)) {
      throw new AppError('not_found', 'There is no such sign-in method.');
    }
    const lost = chosen.filter(({ suspended }) => !suspended);
    if (lost.length === 0) return;

    const containSince = await passInHandSince(house, work, standing);
    const sessions = await endOthersOf(work, userId, sessionUid);
    const suspended: string[] = [];
    for (const method of house.methods.all.filter(isSuspendable)) {
      for (const { id } of lost.filter(({ method: methodId }) => methodId === method.id)) {
        if (await method.suspend(work, userId, id, { reason: 'lost', passId, containSince })) suspended.push(id);
      }
    }
    await endSignInsNamedSince(work, userId, signIn.uid);
    work.record({ type: 'methods.lost', userId, details: { suspended, sessions: sessions.length, passId } });
    await say(work, signIn, { kind: 'lost_suspended' });
  });
}
