import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import type { AuthenticationMethod, Challenge, RefusalReason, Verdict } from '../methods/method.ts';
import { countFailure, giveBack, type Reservation, reserve } from '../throttle/throttle.ts';
import { findUser } from '../users/manage-users.ts';
import { userNameKey } from '../users/user.ts';
import { answerable, attemptOf } from './attempt.ts';
import type { SignIn } from './sign-in.ts';
import { lockedStanding, notThisStep, type SignInHouse, type Standing, stand, type Visit } from './standing.ts';
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

/**
 * Judges an answer: reserve and read, check with no database, then spend and write what it proves. Refusals commit.
 * Returns why it was refused, if it was judged and refused. Fails with `overloaded`, the attempt given back, when too many codes
 * are being checked or guessed at.
 */
export async function answer(
  house: SignInHouse,
  visit: Visit,
  methodId: string,
  response: unknown,
): Promise<RefusalReason | undefined> {
  const read = await alerting(house, visit, (work, alert) =>
    readAndReserve(house, work, visit, { methodId, response }, alert),
  );
  if (read === 'shed') throw shed();
  if (!read) return undefined;
  const { method, candidate, reservation } = read;

  let proof: unknown;
  try {
    proof = await method.check(candidate);
  } catch (error) {
    await house.run(visit, (work) => giveBack(work, reservation.counters));
    throw error;
  }

  return alerting(house, visit, async (work, alert) => {
    const standing = await lockedStanding(house, work, visit);
    if (!standing || answerable(house, standing, methodId) !== method) return undefined;
    const spent = await method.spend(work, attemptOf(visit, standing), candidate, proof);
    const verdict = await atHome(house, work, standing, method, spent);
    if (!verdict.verified) {
      await refused(work, visit, standing, method, verdict);
      if (method.guessable) await failed(house, work, alert);
      return verdict.reason;
    }
    await accept(house, work, standing, method, verdict);
    await giveBack(work, reservation.counters);
    return undefined;
  });
}

/**
 * Where a name was given, its domain has said what counts. Whoever gave none is judged by their own: a passkey names its user
 * itself, and its user may be of a domain whose people use nothing of ours.
 */
async function atHome(
  house: SignInHouse,
  work: Work,
  { signIn }: Standing,
  method: AuthenticationMethod,
  verdict: Verdict,
): Promise<Verdict> {
  if (!verdict.verified || signIn.userName !== null || !signIn.someEnforce) return verdict;
  const { userId } = verdict;
  const realm = await signIns.realmOf(work.tx, (await findUser(work, userId))!.userPrincipalName);
  if (!realm || house.policyFrom(signIn.policies, undefined, realm).methods.includes(method.id)) return verdict;
  return { verified: false, reason: 'home_realm', userId, at: realm.displayName };
}

/** A work that may find that many sign-ins fail; that is said when it is committed. */
async function alerting<T>(
  house: SignInHouse,
  visit: Visit,
  body: (work: Work, alert: () => void) => Promise<T>,
): Promise<T> {
  let alerts = false;
  const result = await house.run(visit, (work) =>
    body(work, () => {
      alerts = true;
    }),
  );
  if (alerts) house.onAlert(house.limits.organisation.alertAt);
  return result;
}

/** Last in its work: all failures share the counter. */
async function failed({ limits }: SignInHouse, work: Work, alert: () => void): Promise<void> {
  const counted = await countFailure(work, limits);
  if (!counted.alert) return;
  work.record({
    type: 'sign-in.many-failures',
    result: 'failure',
    reason: 'many sign-ins fail',
    details: { failures: limits.organisation.alertAt, withinMinutes: 1, mailed: counted.mail },
  });
  alert();
}

function shed(): AppError {
  return new AppError('overloaded', 'Too many codes are being tried at the moment. Try again in a minute.', {
    retryAfterSeconds: 60,
  });
}

type Granted = Extract<Reservation, { granted: true }>;

async function readAndReserve(
  house: SignInHouse,
  work: Work,
  visit: Visit,
  { methodId, response }: { methodId: string; response: unknown },
  alert: () => void,
) {
  // Locked before the counters are, as in `answer`: two answers to one sign-in would else wait for each other crosswise.
  const standing = await lockedStanding(house, work, visit);
  const method = standing && answerable(house, standing, methodId);
  if (!method) return undefined;
  const candidate = await method.read(work, attemptOf(visit, standing), response);
  const reservation = await reserveFor(house, work, method, standing, response);
  if (reservation.granted) return { method, candidate, reservation };
  return turnedAway(house, work, standing.signIn, method, reservation, alert);
}

async function turnedAway(
  house: SignInHouse,
  work: Work,
  signIn: SignIn,
  method: AuthenticationMethod,
  { retryAt, shed }: Exclude<Reservation, Granted>,
  alert: () => void,
): Promise<'shed' | undefined> {
  // The page of a code that was judged: nobody is told which of them it was.
  const notice = { kind: 'refused', method: method.id, reference: work.origin.requestId } as const;
  if (!shed) await signIns.change(work.tx, signIn.uid, { notice });
  const recorded = house.mayRecord(work.origin);
  if (recorded) {
    work.record({
      type: 'sign-in.throttled',
      result: 'failure',
      reason: shed ? 'too many attempts in the organisation' : 'too many attempts',
      clientId: signIn.clientId,
      details: { method: method.id, retryAt, ...(recorded.leftOut > 0 && { leftOutBefore: recorded.leftOut }) },
    });
  }
  await failed(house, work, alert);
  return shed ? 'shed' : undefined;
}

async function reserveFor(
  house: SignInHouse,
  work: Work,
  method: AuthenticationMethod,
  { signIn, policy }: Standing,
  response: unknown,
): Promise<Reservation> {
  if (!method.guessable) return { granted: true, counters: [] } satisfies Granted;
  return reserve(work, house.limits, {
    ip: work.origin.ip,
    account: userNameKey(signIn.userName ?? ''),
    own: method.countedBy?.(response) ?? [],
    shortPasses: policy.shortPasses || (await hasShortCodes(house, work)),
  });
}

async function hasShortCodes({ methods }: SignInHouse, work: Work): Promise<boolean> {
  for (const method of methods.all) if (await method.hasShortCodes?.(work)) return true;
  return false;
}
