import type { Work } from '../core/work.ts';
import { isBootstrap, type MethodId } from '../methods/method.ts';
import { losable } from './losing.ts';
import { confirmMethods, snoozeRegistration } from '../registration/registration.ts';
import type { NextStep } from './next-step.ts';
import type { SignIn } from './sign-in.ts';
import {
  begin,
  bootstrapOf,
  lockedStanding,
  type SignInHouse,
  type Standing,
  stand,
  transition,
  type Visit,
} from './standing.ts';
import * as signIns from './store.ts';

import { linksToConfirm, waysOf } from './confirming.ts';

export { answer, challenge } from './answering.ts';
export * from './carrying-on.ts';
export { depart } from './departing.ts';
export { appSecret, beginEnrolment, enrol } from './enrolling.ts';
export type { SignInHouse, Standing, Visit } from './standing.ts';

/** Where the sign-in stands; makes its row at the first visit and takes note of the completion. The only thing a GET does. */
export function look(house: SignInHouse, visit: Visit, clientId: string): Promise<Standing> {
  return house.run(visit, async (work) => {
    const signIn = (await signIns.byUid(work.tx, visit.uid)) ?? (await begin(work, visit, clientId));
    const standing = await standForLook(house, work, visit, signIn);
    if (standing.step.kind === 'enrol')
      return { ...standing, mayHaveLost: (await losable(house, work, standing)).length > 0 };
    if (standing.step.kind === 'reconfirm')
      return {
        ...standing,
        toConfirm: await waysOf(house, work, standing.signIn),
        linksToConfirm: await linksToConfirm(house, work, standing.signIn),
      };
    const userName =
      standing.step.kind === 'complete' ? await signIns.complete(work.tx, work.now, signIn.uid) : undefined;
    if (standing.step.kind === 'complete' && userName !== undefined) {
      const { userId, level, amr } = standing.step;
      await spendPass(house, work, visit, standing.signIn, standing.step);
      work.record({
        type: 'sign-in.completed',
        userId,
        clientId: signIn.clientId,
        details: { level, amr, uid: signIn.uid },
      });
      const methodId = begunWith(house, standing.signIn);
      return methodId === undefined ? standing : { ...standing, completed: { userName, methodId } };
    }
    return standing;
  });
}

/** What was used, as it is chosen on the page: of two parts the first. A pass is for once, and no way that one has. */
function begunWith(house: SignInHouse, { evidence }: SignIn): MethodId | undefined {
  const lasting = evidence.findLast(({ methodId }) => {
    const { part, bootstrapOnly } = house.methods.get(methodId)!.traits;
    return part !== 'second' && !bootstrapOnly;
  });
  return lasting?.methodId;
}

/** A pass that signs in is held still while it does: of two tabs that come with one for once, one gets in. */
async function standForLook(house: SignInHouse, work: Work, visit: Visit, signIn: SignIn): Promise<Standing> {
  const standing = await stand(house, work, visit, signIn);
  const { step } = standing;
  if (step.kind !== 'complete' || !step.bornOf || signIn.completedAt) return standing;
  return (await lockedStanding(house, work, visit)) ?? { ...standing, step: { kind: 'ended', saved: false } };
}

/** What the completion spends: the pass it stands on, or the one that the session it renews was born of. */
async function spendPass(
  house: SignInHouse,
  work: Work,
  visit: Visit,
  signIn: SignIn,
  { userId, bornOf }: Extract<NextStep, { kind: 'complete' }>,
): Promise<void> {
  if (bornOf) return bootstrapOf(house, signIn).signedIn(work, bornOf.passId);
  if (!visit.sessionPassId || visit.signedInUserId !== userId) return;
  for (const method of house.methods.all.filter(isBootstrap)) await method.graduate(work, visit.sessionPassId);
}

export function identify(
  house: SignInHouse,
  visit: Visit,
  asked: { userName: string; method?: string | undefined },
): Promise<void> {
  return transition(house, visit, ['identify', 'verify'], async (work, { signIn, policy }) => {
    const userName = asked.userName.trim();
    const chosenMethod = policy.methods.find((id) => id === asked.method) ?? null;
    if (userName === '') return signIns.change(work.tx, signIn.uid, { chosenMethod, notice: { kind: 'name_missing' } });
    await signIns.change(work.tx, signIn.uid, { userName, chosenMethod, notice: null });
  });
}

export function choose(house: SignInHouse, visit: Visit, method: string): Promise<void> {
  return transition(house, visit, ['verify', 'enrol'], async (work, { signIn, step }) => {
    const methods = step.kind === 'verify' || step.kind === 'enrol' ? step.methods : [];
    const chosenMethod = methods.find((id) => id === method) ?? null;
    if (chosenMethod === null && step.kind === 'enrol') return;
    await signIns.change(work.tx, signIn.uid, { chosenMethod, notice: null });
  });
}

/** Back to the name: somebody else, perhaps, so that a first part that was proved counts no more. Spends nothing. */
export function back(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['verify'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, {
      userName: null,
      chosenMethod: null,
      notice: null,
      userId: null,
      evidence: [],
    }),
  );
}

/** On from a page that stands in the place of a step: what it said is read. */
export function goOn(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['identify', 'verify', 'enrol', 'confirm'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, { notice: null }),
  );
}

/** Begins anew in the same sign-in: the way on when a window has ended. */
export function restart(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['ended', 'enrol', 'confirm', 'verify'], async (work, { signIn }) => {
    if (signIn.carried) await signIns.leaveCarried(work.tx, signIn.uid);
    await signIns.change(work.tx, signIn.uid, {
      userName: null,
      chosenMethod: null,
      notice: null,
      userId: null,
      evidence: [],
      passId: null,
      windowEndsAt: null,
      enrolled: null,
    });
  });
}

/** The person puts off what the organisation would like them to register, where that may be. */
export function notNow(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['enrol'], async (work, { signIn, step, policy }) => {
    if (step.kind !== 'enrol' || step.demanded !== 'nudge' || !policy.registration) return;
    await snoozeRegistration(work, policy.registration, signIn.userId!);
    await signIns.change(work.tx, signIn.uid, { notice: null });
  });
}

/** "Yes, these are mine", of what the page lists: what was registered since has confirmed itself. */
export function confirmWays(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['reconfirm'], async (work, { signIn }) => {
    const ways = [...(await waysOf(house, work, signIn)), ...(await linksToConfirm(house, work, signIn))];
    await confirmMethods(
      work,
      signIn.userId!,
      ways.map(({ id }) => id),
    );
  });
}

/** They are to be changed: this sign-in goes on, and the next one asks again unless something was registered. */
export function changeWays(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['reconfirm'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, { notice: { kind: 'methods_to_change' } }),
  );
}

/** The person gives up; the relying party is told `access_denied`. */
export function cancel(house: SignInHouse, visit: Visit): Promise<void> {
  const anywhere = ['identify', 'verify', 'enrol', 'confirm', 'reconfirm', 'wait', 'ended'] as const;
  return transition(house, visit, anywhere, async (work, { signIn }) => {
    await signIns.change(work.tx, signIn.uid, { cancelledAt: work.now, notice: null });
    // Anybody can begin a sign-in and cancel it, as often as they like; whoever has proved something is always written down.
    const recorded = signIn.userId === null ? house.mayRecord(work.origin) : { leftOut: 0 };
    if (!recorded) return;
    work.record({
      type: 'sign-in.cancelled',
      userId: signIn.userId ?? undefined,
      clientId: signIn.clientId,
      details: { uid: signIn.uid, ...(recorded.leftOut > 0 && { leftOutBefore: recorded.leftOut }) },
    });
  });
}
