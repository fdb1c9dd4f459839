import { digest } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import {
  type Attempt,
  type AuthenticationMethod,
  type Challenge,
  isEnrollable,
  type RefusalReason,
} from '../methods/method.ts';
import { accountLimit, giveBack, type Reservation, reserve, reserveAccount, sourceOf } from '../throttle/throttle.ts';
import { userNameKey } from '../users/user.ts';
import type { SignIn } from './sign-in.ts';
import {
  lockedStanding,
  notThisStep,
  type SignInHouse,
  type Standing,
  stand,
  transition,
  type Visit,
} from './standing.ts';
import * as signIns from './store.ts';
import { accept, refused } from './verdicts.ts';

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
 * Returns why it was refused, if it was judged and refused. Fails with `overloaded`, the attempt given back, when too many codes are
 * being checked.
 */
export async function answer(
  house: SignInHouse,
  visit: Visit,
  methodId: string,
  response: unknown,
): Promise<RefusalReason | undefined> {
  const read = await house.run(visit, (work) => reserveAndRead(house, work, visit, methodId, response));
  if (!read) return undefined;
  const { method, candidate, reservation } = read;

  let proof: unknown;
  try {
    proof = await method.check(candidate);
  } catch (error) {
    await house.run(visit, (work) => giveBack(work, reservation.counters));
    throw error;
  }

  let refusal: RefusalReason | undefined;
  await transition(house, visit, ['identify', 'verify', 'confirm'], async (work, standing) => {
    if (answerable(house, standing, methodId) !== method) return;
    const verdict = await method.spend(work, attemptOf(visit, standing), candidate, proof);
    if (!verdict.verified) {
      refusal = verdict.reason;
      return refused(work, visit, standing, method, verdict);
    }
    await giveBack(work, reservation.counters);
    await accept(house, work, standing, method, verdict);
  });
  return refusal;
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
