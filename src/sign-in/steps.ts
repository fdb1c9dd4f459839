import type { Actor } from '../core/actor.ts';
import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import { digest } from '../core/secrets.ts';
import { addMinutes } from '../core/time.ts';
import type { Origin, RunWork, Work } from '../core/work.ts';
import {
  type Attempt,
  type AuthenticationMethod,
  type BootstrapMethod,
  type Challenge,
  type Enrolment,
  type EnrollableMethod,
  type Enrolled,
  isBootstrap,
  isEnrollable,
  type MethodId,
  type MethodRegistry,
  type RefusalReason,
  type Verdict,
} from '../methods/method.ts';
import { giveBack, reserve, sourceOf, type Reservation, type ThrottleLimits } from '../throttle/throttle.ts';
import { findUser } from '../users/manage-users.ts';
import { userNameKey } from '../users/user.ts';
import { type NextStep, nextStep } from './next-step.ts';
import type { SignInPolicy } from './policy.ts';
import type { Notice, SignIn } from './sign-in.ts';
import * as signIns from './store.ts';

/** What the flow works with; put together at start. */
export interface SignInHouse {
  readonly run: RunWork;
  readonly methods: MethodRegistry;
  readonly policy: SignInPolicy;
  readonly limits: ThrottleLimits;
}

/** Who asks for a step, and of which sign-in. */
export interface Visit {
  readonly actor: Actor;
  readonly origin: Origin;
  /** Digest of the browser cookie. */
  readonly browser: Buffer;
  /** The interaction's uid. */
  readonly uid: string;
  /** The account of the session in this browser, if there is one. */
  readonly signedInUserId: string | null;
}

export interface Standing {
  readonly signIn: SignIn;
  readonly step: NextStep;
  /** The pass that opened registration works in no other browser now. */
  readonly boundToBrowser: boolean;
  /** The database's clock. */
  readonly now: Date;
}

// As long as the protocol keeps the interaction.
const signInMinutes = 60;

/** Where the sign-in stands; makes its row at the first visit and takes note of the completion. The only thing a GET does. */
export function look(house: SignInHouse, visit: Visit, clientId: string): Promise<Standing> {
  return house.run(visit, async (work) => {
    const signIn = (await signIns.byUid(work.tx, visit.uid)) ?? (await begin(work, visit, clientId));
    const standing = await stand(house, work, visit, signIn);
    if (standing.step.kind === 'complete' && (await signIns.complete(work.tx, work.now, signIn.uid))) {
      const { userId, level, amr } = standing.step;
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

async function begin(work: Work, { uid, browser, signedInUserId }: Visit, clientId: string): Promise<SignIn> {
  // Somebody who is signed in and asked to prove it again is not asked for the name again.
  const again = signedInUserId ? await findUser(work, signedInUserId) : undefined;
  const begun = await signIns.begin(work.tx, work.now, addMinutes(work.now, signInMinutes), {
    uid,
    browser,
    clientId,
    userName: again?.userPrincipalName ?? null,
  });
  return begun ?? (await signIns.byUid(work.tx, uid))!;
}

/** Judged by a look, or by a work that is about to change something and holds still what it judges by. */
type Judging = 'stillOpens' | 'holdOpen';

async function stand(
  house: SignInHouse,
  work: Work,
  visit: Visit,
  signIn: SignIn,
  judging: Judging = 'stillOpens',
): Promise<Standing> {
  if (!signIn.browser.equals(visit.browser)) {
    throw new AppError(
      'forbidden',
      'This sign-in was started in another browser. Go back to the app and sign in from here.',
    );
  }
  const opened = signIn.passId === null ? undefined : await bootstrapOf(house, signIn)[judging](work, signIn.passId);
  const step = nextStep(signIn, {
    now: work.now,
    policy: house.policy,
    traits: (id) => house.methods.get(id)!.traits,
    passStillOpens: opened !== undefined,
  });
  return { signIn, step, boundToBrowser: opened?.boundToBrowser ?? false, now: work.now };
}

/** The method whose evidence opened registration; there is one whenever `passId` is set. */
function bootstrapOf(house: SignInHouse, signIn: SignIn): BootstrapMethod {
  for (const { methodId } of signIn.evidence) {
    const method = house.methods.get(methodId);
    if (method && isBootstrap(method)) return method;
  }
  throw new Error('A sign-in holds a pass but no evidence of it.');
}

/** Runs one transition on the locked row, if the step it belongs to is the one that stands; otherwise changes nothing. */
function transition(
  house: SignInHouse,
  visit: Visit,
  allowed: readonly NextStep['kind'][],
  body: (work: Work, standing: Standing) => Promise<void>,
): Promise<void> {
  return house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    // Another tab went on, or the window ended: the next GET shows where things stand.
    if (standing && allowed.includes(standing.step.kind)) await body(work, standing);
  });
}

async function lockedStanding(house: SignInHouse, work: Work, visit: Visit): Promise<Standing | undefined> {
  const signIn = await signIns.lock(work.tx, visit.uid);
  return signIn && stand(house, work, visit, signIn, 'holdOpen');
}

export function identify(
  house: SignInHouse,
  visit: Visit,
  asked: { userName: string; method?: string | undefined },
): Promise<void> {
  return transition(house, visit, ['identify', 'verify'], async (work, { signIn }) => {
    const userName = asked.userName.trim();
    const chosenMethod = offered(house, asked.method);
    if (userName === '') return signIns.change(work.tx, signIn.uid, { chosenMethod, notice: { kind: 'name_missing' } });
    await signIns.change(work.tx, signIn.uid, { userName, chosenMethod, notice: null });
  });
}

export function choose(house: SignInHouse, visit: Visit, method: string): Promise<void> {
  return transition(house, visit, ['verify'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, { chosenMethod: offered(house, method), notice: null }),
  );
}

/** Back to the name. Spends nothing: evidence stays where it is. */
export function back(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['verify'], (work, { signIn }) =>
    signIns.change(work.tx, signIn.uid, { userName: null, chosenMethod: null, notice: null }),
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

function offered(house: SignInHouse, method: string | undefined): MethodId | null {
  return house.policy.methods.find((id) => id === method) ?? null;
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
function answerable(house: SignInHouse, { step }: Standing, methodId: string): AuthenticationMethod | undefined {
  const method = house.methods.get(methodId);
  if (!method || !house.policy.methods.includes(method.id)) return undefined;
  if (step.kind === 'verify') return method;
  // A passkey names its user itself; a code needs a name first.
  if (step.kind === 'identify') return method.guessable ? undefined : method;
  return step.kind === 'confirm' && isEnrollable(method) ? method : undefined;
}

function attemptOf(visit: Visit, { signIn, step }: Standing): Attempt {
  return {
    owner: digest(`sign-in/${signIn.uid}`),
    browser: visit.browser,
    // While a new passkey is confirmed the name does not matter: the credential is the one that was made.
    userName: step.kind === 'confirm' ? null : signIn.userName,
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
      reason: 'too many attempts from one source',
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
  return reserve(work, house.limits, { source: sourceOf(work.origin.ip), account: userNameKey(signIn.userName ?? '') });
}

async function refused(
  work: Work,
  visit: Visit,
  { signIn }: Standing,
  method: AuthenticationMethod,
  verdict: Extract<Verdict, { verified: false }>,
): Promise<void> {
  work.record({
    type: 'sign-in.refused',
    result: 'failure',
    reason: verdict.reason,
    userId: verdict.userId,
    clientId: signIn.clientId,
    details: { method: method.id, uid: signIn.uid },
  });
  await signIns.change(work.tx, signIn.uid, {
    notice: { ...(await noticeOf(work, visit, method, verdict)), reference: work.origin.requestId },
  });
}

/** One wording for everything, but for what only a person who proved something can learn. */
async function noticeOf(
  work: Work,
  visit: Visit,
  method: AuthenticationMethod,
  { reason, userId }: { reason: RefusalReason; userId?: string | undefined },
): Promise<Notice> {
  switch (reason) {
    case 'signed_in_as_other': {
      const signedInAs = visit.signedInUserId && (await findUser(work, visit.signedInUserId));
      const passIsFor = userId && (await findUser(work, userId));
      if (!signedInAs || !passIsFor) break;
      return {
        kind: 'signed_in_as_other',
        signedInAs: signedInAs.userPrincipalName,
        passIsFor: passIsFor.userPrincipalName,
      };
    }
    case 'credential_unknown':
      return { kind: 'unknown_passkey' };
    case 'credential_suspended':
    case 'counter_regress':
      return { kind: 'suspended_passkey' };
    case 'credential_of_other':
      return { kind: 'other_account' };
  }
  return { kind: 'refused', method: method.id };
}

/** Writes the evidence. A pass opens registration; anything else, used once, ends it. */
async function accept(
  house: SignInHouse,
  work: Work,
  { signIn }: Standing,
  method: AuthenticationMethod,
  verdict: Extract<Verdict, { verified: true }>,
): Promise<void> {
  const { userId, credentialId } = verdict;
  const evidence = [...signIn.evidence, { methodId: method.id, credentialId, at: work.now }];
  work.record({
    type: 'sign-in.verified',
    userId,
    clientId: signIn.clientId,
    details: { method: method.id, credentialId, uid: signIn.uid },
  });
  if (!method.traits.bootstrapOnly) {
    if (signIn.passId) await bootstrapOf(house, signIn).graduate(work, signIn.passId);
    return signIns.change(work.tx, signIn.uid, { userId, evidence, notice: null });
  }
  await signIns.change(work.tx, signIn.uid, {
    userId,
    evidence: [{ methodId: method.id, credentialId, at: work.now }],
    passId: credentialId,
    windowEndsAt: verdict.endsAt ?? null,
    enrolled: await enrolledBefore(house, work, credentialId),
    notice: null,
  });
}

/** After a false start the passkey may be there already: it only has to be used. */
async function enrolledBefore(house: SignInHouse, work: Work, passId: string): Promise<Enrolled | null> {
  for (const id of house.policy.enrollable) {
    const enrolled = await enrollable(house, id)?.enrolledThrough(work, passId);
    if (enrolled) return enrolled;
  }
  return null;
}

function enrollable(house: SignInHouse, methodId: string): EnrollableMethod | undefined {
  const method = house.methods.get(methodId);
  return method && isEnrollable(method) && house.policy.enrollable.includes(method.id) ? method : undefined;
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
    const method = enrollable(house, methodId);
    if (standing?.step.kind !== 'enrol' || !method) throw notThisStep();
    return method.beginEnrolment(work, enrolmentOf(work, standing.signIn), preferred);
  });
}

/** Keeps what the person registered, if the window is still open when it arrives. */
export async function enrol(house: SignInHouse, visit: Visit, methodId: string, response: unknown): Promise<void> {
  const method = enrollable(house, methodId);
  if (!method) throw new AppError('not_found', 'There is no such way to sign in.');
  const candidate = await house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    return standing?.step.kind === 'enrol'
      ? method.readEnrolment(work, enrolmentOf(work, standing.signIn), response)
      : undefined;
  });
  if (candidate === undefined) return;
  const proof = await method.checkEnrolment(candidate);
  await transition(house, visit, ['enrol'], async (work, { signIn }) => {
    const verdict = await method.keepEnrolment(work, enrolmentOf(work, signIn), candidate, proof);
    if (verdict.enrolled) {
      return signIns.change(work.tx, signIn.uid, { enrolled: verdict.credential, notice: null });
    }
    work.record({
      type: 'enrolment.refused',
      result: 'failure',
      reason: verdict.reason,
      userId: signIn.userId ?? undefined,
      details: { method: method.id, uid: signIn.uid },
    });
    await signIns.change(work.tx, signIn.uid, { notice: { kind: 'not_enrolled', reason: verdict.reason } });
  });
}

function enrolmentOf(work: Work, signIn: SignIn): Enrolment {
  return {
    owner: digest(`sign-in/${signIn.uid}`),
    userId: signIn.userId!,
    passId: signIn.passId,
    endsAt: signIn.windowEndsAt,
    device: deviceName(work.origin.userAgent),
  };
}
