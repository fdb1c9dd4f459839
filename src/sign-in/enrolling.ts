import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import { digest } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { keepTogether } from '../methods/enrol-together.ts';
import {
  type EnrollableMethod,
  type Enrolled,
  type Enrolment,
  isEnrollable,
  type NotEnrolled,
} from '../methods/method.ts';
import { noteRegistered } from '../registration/registration.ts';
import { findUser, lockUser } from '../users/manage-users.ts';
import {
  bootstrapOf,
  enrollable,
  enrolledTogether,
  lockedStanding,
  notThisStep,
  type SignInHouse,
  type Standing,
  transition,
  type Visit,
} from './standing.ts';
import * as signIns from './store.ts';

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
 * Returns why nothing was kept, if it was judged.
 */
export async function enrol(
  house: SignInHouse,
  visit: Visit,
  methodId: string,
  response: unknown,
): Promise<NotEnrolled | undefined> {
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
  if (!read) return undefined;
  const { method, parts, candidates } = read;
  const proofs: unknown[] = [];
  for (const [index, part] of parts.entries()) proofs.push(await part.checkEnrolment(candidates[index]));
  let refusal: NotEnrolled | undefined;
  await transition(house, visit, ['enrol'], async (work, standing) => {
    const enrolment = enrolmentOf(work, standing);
    // A pass that is held open holds its user still; without one, nothing does yet.
    if (!enrolment.passId) await holdEnabled(work, enrolment.userId);
    const enrolled = await keepTogether(work, enrolment, { parts, candidates, proofs });
    if (Array.isArray(enrolled)) {
      await noteRegistered(work, enrolment.userId);
      return enrolledAll(house, work, standing, parts, enrolled);
    }
    const { signIn } = standing;
    // Another tab may have been quicker: what the pass has added there is gone on with here.
    const { passId } = enrolment;
    const already = passId ? await method.enrolledThrough(work, passId) : null;
    if (already) return signIns.change(work.tx, signIn.uid, { enrolled: already, notice: null });
    refusal = enrolled.reason;
    work.record({
      type: 'enrolment.refused',
      result: 'failure',
      reason: enrolled.reason,
      userId: signIn.userId ?? undefined,
      details: { method: method.id, uid: signIn.uid },
    });
    await signIns.change(work.tx, signIn.uid, { notice: { kind: 'not_enrolled', reason: enrolled.reason } });
  });
  return refusal;
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
