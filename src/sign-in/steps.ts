import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import { digest } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { keepTogether } from '../methods/enrol-together.ts';
import {
  type Attempt,
  type AuthenticationMethod,
  type Challenge,
  type EnrollableMethod,
  type Enrolled,
  type Enrolment,
  isBootstrap,
  isEnrollable,
} from '../methods/method.ts';
import { snoozeRegistration } from '../registration/registration.ts';
import { accountLimit, giveBack, type Reservation, reserve, reserveAccount, sourceOf } from '../throttle/throttle.ts';
import { findUser, lockUser } from '../users/manage-users.ts';
import { userNameKey } from '../users/user.ts';
import type { NextStep } from './next-step.ts';
import type { SignIn } from './sign-in.ts';
import {
  begin,
  bootstrapOf,
  enrollable,
  enrolledTogether,
  lockedStanding,
  type SignInHouse,
  type Standing,
  stand,
  transition,
  type Visit,
} from './standing.ts';
import * as signIns from './store.ts';
import { accept, refused } from './verdicts.ts';

export type { SignInHouse, Standing, Visit } from './standing.ts';

/** Where the sign-in stands; makes its row at the first visit and takes note of the completion. The only thing a GET does. */
export function look(house: SignInHouse, visit: Visit, clientId: string): Promise<Standing> {
  return house.run(visit, async (work) => {
    const signIn = (await signIns.byUid(work.tx, visit.uid)) ?? (await begin(work, visit, clientId));
    const standing = await standForLook(house, work, visit, signIn);
    if (standing.step.kind === 'complete' && (await signIns.complete(work.tx, work.now, signIn.uid))) {
      const { userId, level, amr } = standing.step;
      await spendPass(house, work, visit, standing.signIn, standing.step);
      work.record({
        type: 'sign-in.completed',
        userId,
        clientId: signIn.clientId,
        details: { level, amr, uid: signIn.uid },
      });
    }
    return standing;
  });
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

/** Begins anew in the same sign-in: the way on when a window has ended. */
export function restart(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['ended', 'enrol', 'confirm', 'verify'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, {
      userName: null,
      chosenMethod: null,
      notice: null,
      userId: null,
      evidence: [],
      passId: null,
      windowEndsAt: null,
      enrolled: null,
    }),
  );
}

/** The person puts off what the organisation would like them to register, where that may be. */
export function notNow(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['enrol'], async (work, { signIn, step, policy }) => {
    if (step.kind !== 'enrol' || step.demanded !== 'nudge' || !policy.registration) return;
    await snoozeRegistration(work, policy.registration, signIn.userId!);
    await signIns.change(work.tx, signIn.uid, { notice: null });
  });
}

/** The person gives up; the relying party is told `access_denied`. */
export function cancel(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['identify', 'verify', 'enrol', 'confirm', 'ended'], async (work, { signIn }) => {
    await signIns.change(work.tx, signIn.uid, { cancelledAt: work.now, notice: null });
    work.record({
      type: 'sign-in.cancelled',
      userId: signIn.userId ?? undefined,
      clientId: signIn.clientId,
      details: { uid: signIn.uid },
    });
  });
}

/** What a page must ask for a method. Fails with `conflict` when the sign-in is not at a step where it can be answered. */
export function challenge(house: SignInHouse, visit: Visit, methodId: string): Promise<Challenge> {
  return house.run(visit, async (work) => {
    const signIn = await signIns.byUid(work.tx, visit.uid);
    const standing = signIn && (await stand(house, work, visit, signIn));
    const method = standing && answerable(house, standing, methodId);
    if (!method) throw notThisStep();
    return method.challenge(work, attemptOf(visit, standing));
  });
}

function notThisStep(): AppError {
  return new AppError('conflict', 'This sign-in went on elsewhere. The page is loaded again.');
}

/** The method, if an answer with it may move this sign-in on. */
function answerable(
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

function attemptOf(visit: Visit, { signIn, step }: Standing): Attempt {
  return {
    owner: digest(`sign-in/${signIn.uid}`),
    browser: visit.browser,
    // While a new passkey is confirmed the name does not matter: the credential is the one that was made.
    userName: step.kind === 'confirm' ? null : signIn.userName,
    provenUserId: signIn.userId,
    signedInUserId: visit.signedInUserId,
    onlyCredentialId: step.kind === 'confirm' ? step.credentialId : null,
  };
}

/**
 * Judges an answer: reserve and read, check with no database, then spend and write what it proves. Refusals commit.
 * Fails with `overloaded`, the attempt given back, when too many codes are being checked.
 */
export async function answer(house: SignInHouse, visit: Visit, methodId: string, response: unknown): Promise<void> {
  const read = await house.run(visit, (work) => reserveAndRead(house, work, visit, methodId, response));
  if (!read) return;
  const { method, candidate, reservation } = read;

  let proof: unknown;
  try {
    proof = await method.check(candidate);
  } catch (error) {
    await house.run(visit, (work) => giveBack(work, reservation.counters));
    throw error;
  }

  await transition(house, visit, ['identify', 'verify', 'confirm'], async (work, standing) => {
    if (answerable(house, standing, methodId) !== method) return;
    const verdict = await method.spend(work, attemptOf(visit, standing), candidate, proof);
    if (!verdict.verified) return refused(work, visit, standing, method, verdict);
    await giveBack(work, reservation.counters);
    await accept(house, work, standing, method, verdict);
  });
}

type Granted = Extract<Reservation, { granted: true }>;

async function reserveAndRead(house: SignInHouse, work: Work, visit: Visit, methodId: string, response: unknown) {
  // Locked before the counters are, as in `answer`: two answers to one sign-in would else wait for each other crosswise.
  const standing = await lockedStanding(house, work, visit);
  const method = standing && answerable(house, standing, methodId);
  if (!method) return undefined;
  const { signIn } = standing;
  const reservation = await reserveFor(house, work, method, signIn);
  if (!reservation.granted) {
    await signIns.change(work.tx, signIn.uid, { notice: { kind: 'refused', method: method.id } });
    work.record({
      type: 'sign-in.throttled',
      result: 'failure',
      reason: 'too many attempts',
      clientId: signIn.clientId,
      details: { method: method.id, retryAt: reservation.retryAt },
    });
    return undefined;
  }
  const candidate = await method.read(work, attemptOf(visit, standing), response);
  return { method, candidate, reservation };
}

async function reserveFor(
  house: SignInHouse,
  work: Work,
  method: AuthenticationMethod,
  signIn: SignIn,
): Promise<Reservation> {
  if (!method.guessable) return { granted: true, counters: [] } satisfies Granted;
  const account = userNameKey(signIn.userName ?? '');
  const fromHere = await reserve(work, house.limits, { source: sourceOf(work.origin.ip), account });
  // Six digits and passwords are tried from many places at once; a pass is too long for that, and nobody must lock it out.
  if (!fromHere.granted || !method.traits.part) return fromHere;
  const fromAnywhere = await reserveAccount(work, accountLimit, account);
  if (fromAnywhere.granted) return { granted: true, counters: [...fromHere.counters, ...fromAnywhere.counters] };
  await giveBack(work, fromHere.counters);
  return fromAnywhere;
}

/** The options for registering a method. Fails with `conflict` when this sign-in is not at that step. */
export function beginEnrolment(
  house: SignInHouse,
  visit: Visit,
  methodId: string,
  preferred?: string,
): Promise<object> {
  return house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    const method = standing && enrollableHere(house, standing, methodId);
    if (!method) throw notThisStep();
    return method.beginEnrolment(work, enrolmentOf(work, standing), preferred);
  });
}

/** What an authenticator app is connected with; the same at each look while it may be. Undefined when this is not the step. */
export function appSecret(
  house: SignInHouse,
  visit: Visit,
): Promise<{ secret: string; uri: string; withPassword: boolean } | undefined> {
  return house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    const method = standing && enrollableHere(house, standing, 'authenticator-app');
    if (!method) return undefined;
    const begun = await method.beginEnrolment(work, enrolmentOf(work, standing));
    return {
      ...(begun as { secret: string; uri: string }),
      withPassword: enrolledTogether(house, standing, method).length > 1,
    };
  });
}

/**
 * Keeps what the person registered, if the window is still open when it arrives: all that belongs together, or nothing.
 */
export async function enrol(house: SignInHouse, visit: Visit, methodId: string, response: unknown): Promise<void> {
  const noSuchWay = new AppError('not_found', 'There is no such way to sign in.');
  const known = house.methods.get(methodId);
  if (!known || !isEnrollable(known)) throw noSuchWay;
  const read = await house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    if (standing?.step.kind !== 'enrol') return undefined;
    const method = enrollableHere(house, standing, methodId);
    if (!method) throw noSuchWay;
    const parts = enrolledTogether(house, standing, method);
    const candidates: unknown[] = [];
    for (const part of parts) {
      candidates.push(await part.readEnrolment(work, enrolmentOf(work, standing), response));
    }
    return { method, parts, candidates };
  });
  if (!read) return;
  const { method, parts, candidates } = read;
  const proofs: unknown[] = [];
  for (const [index, part] of parts.entries()) proofs.push(await part.checkEnrolment(candidates[index]));
  await transition(house, visit, ['enrol'], async (work, standing) => {
    const enrolment = enrolmentOf(work, standing);
    // A pass that is held open holds its user still; without one, nothing does yet.
    if (!enrolment.passId) await holdEnabled(work, enrolment.userId);
    const enrolled = await keepTogether(work, enrolment, { parts, candidates, proofs });
    if (Array.isArray(enrolled)) return enrolledAll(house, work, standing, parts, enrolled);
    const { signIn } = standing;
    // Another tab may have been quicker: what the pass has added there is gone on with here.
    const { passId } = enrolment;
    const already = passId ? await method.enrolledThrough(work, passId) : null;
    if (already) return signIns.change(work.tx, signIn.uid, { enrolled: already, notice: null });
    work.record({
      type: 'enrolment.refused',
      result: 'failure',
      reason: enrolled.reason,
      userId: signIn.userId ?? undefined,
      details: { method: method.id, uid: signIn.uid },
    });
    await signIns.change(work.tx, signIn.uid, { notice: { kind: 'not_enrolled', reason: enrolled.reason } });
  });
}

async function holdEnabled(work: Work, userId: string): Promise<void> {
  await lockUser(work, userId);
  if (!(await findUser(work, userId))?.enabled) {
    throw new AppError('forbidden', 'Your account is disabled. Ask your help desk.');
  }
}

/** What was used in being registered is evidence; anything else has to be used once. */
async function enrolledAll(
  house: SignInHouse,
  work: Work,
  { signIn }: Standing,
  parts: readonly EnrollableMethod[],
  enrolled: readonly Enrolled[],
): Promise<void> {
  if (enrolled.some(({ used }) => !used)) {
    return signIns.change(work.tx, signIn.uid, { enrolled: enrolled.at(-1)!, notice: null });
  }
  const used = parts.map(({ id }, index) => ({
    methodId: id,
    credentialId: enrolled[index]!.credentialId,
    at: work.now,
  }));
  if (signIn.passId) await bootstrapOf(house, signIn).graduate(work, signIn.passId);
  await signIns.change(work.tx, signIn.uid, { evidence: [...signIn.evidence, ...used], enrolled: null, notice: null });
}

/** The method, if it may be registered where the sign-in stands. */
function enrollableHere(
  house: SignInHouse,
  { step, policy }: Standing,
  methodId: string,
): EnrollableMethod | undefined {
  const method = enrollable(house, policy, methodId);
  return method && step.kind === 'enrol' && step.methods.includes(method.id) ? method : undefined;
}

/** What hangs on a pass ends with its window, and is the one of its kind that the pass may add. */
function enrolmentOf(work: Work, { signIn, step }: Standing): Enrolment {
  const windowEndsAt = step.kind === 'enrol' ? step.windowEndsAt : signIn.windowEndsAt;
  return {
    owner: digest(`sign-in/${signIn.uid}`),
    userId: signIn.userId!,
    passId: windowEndsAt && signIn.passId,
    endsAt: windowEndsAt,
    device: deviceName(work.origin.userAgent),
  };
}
