/** What a signed-in person may see and change of their own ways to sign in. */
import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import { digest } from '../core/secrets.ts';
import { addMinutes } from '../core/time.ts';
import type { Origin, RunWork, Work } from '../core/work.ts';
import {
  type Enrolment,
  type EnrolmentVerdict,
  type EnrollableMethod,
  isBootstrap,
  isEnrollable,
  isListable,
  type ListedCredential,
  type MethodRegistry,
} from '../methods/method.ts';
import { getUser, lockUser } from '../users/manage-users.ts';
import type { User } from '../users/user.ts';

/** The session as the provider keeps it, and the request it came with. */
export interface Owner {
  readonly userId: string;
  readonly sessionUid: string;
  /** When the person last proved who they are, and whether it was with a passkey. */
  readonly authTime: Date;
  readonly strong: boolean;
  /** The pass that the session was born of; null for any other. */
  readonly passId: string | null;
  readonly origin: Origin;
}

export interface SecurityInfo {
  readonly user: User;
  readonly credentials: readonly ListedCredential[];
  /** The last proof is fresh and strong enough to change something. */
  readonly mayChange: boolean;
  /** Also without such a proof, for who signed in with a pass that has not added a passkey yet. */
  readonly mayAdd: boolean;
}

// Managing one's own methods needs the strongest method one has, within ten minutes.
const freshMinutes = 10;

export const freshSeconds = freshMinutes * 60;

export function ownSecurityInfo(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<SecurityInfo> {
  return run(who(owner), async (work) => {
    const user = await ownUser(work, owner);
    const credentials: ListedCredential[] = [];
    for (const method of methods.all.filter(isListable)) credentials.push(...(await method.listOf(work, user.id)));
    const mayChange = isFresh(work, owner);
    return { user, credentials, mayChange, mayAdd: mayChange || (await passMayAdd(work, methods, owner)) };
  });
}

/**
 * A session born of a pass adds what its pass may add, without a stronger proof.
 * Fails with `unauthenticated` when the proof is too old or too weak: the door then asks for a new one.
 */
export function beginOwnEnrolment(
  run: RunWork,
  methods: MethodRegistry,
  method: EnrollableMethod,
  owner: Owner,
  preferred?: string,
): Promise<object> {
  return run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandMayAdd(work, methods, owner);
    return method.beginEnrolment(work, enrolmentOf(owner), preferred);
  });
}

export async function finishOwnEnrolment(
  run: RunWork,
  methods: MethodRegistry,
  method: EnrollableMethod,
  owner: Owner,
  response: unknown,
): Promise<EnrolmentVerdict> {
  const candidate = await run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandMayAdd(work, methods, owner);
    return method.readEnrolment(work, enrolmentOf(owner), response);
  });
  const proof = await method.checkEnrolment(candidate);
  return run(who(owner), async (work) => {
    await lockUser(work, owner.userId);
    const { containedAt } = await ownUser(work, owner);
    // A containment ended this session while the answer was being checked.
    if (containedAt && containedAt >= owner.authTime) throw proofTooOld();
    if (owner.passId !== null) await demandMayAdd(work, methods, owner);
    return method.keepEnrolment(work, enrolmentOf(owner), candidate, proof);
  });
}

/** Fails with `not_found` when there is no such credential of this person, `invalid_input` for a name that is empty or too long. */
export function renameOwnCredential(
  run: RunWork,
  methods: MethodRegistry,
  owner: Owner,
  asked: { credentialId: string; name: string },
): Promise<void> {
  return run(who(owner), async (work) => {
    const user = await ownUser(work, owner);
    demandFresh(work, owner);
    const name = asked.name.trim();
    if (name === '' || name.length > 64) throw new AppError('invalid_input', 'A name needs 1 to 64 characters.');
    for (const method of methods.all.filter(isListable)) {
      if (await method.rename(work, user.id, asked.credentialId, name)) return;
    }
    throw new AppError('not_found', 'There is no such sign-in method.');
  });
}

/** Runs what wants a fresh proof, as any change here does. Fails with `unauthenticated` when it is too old or too weak. */
export function freshly<T>(run: RunWork, owner: Owner, body: (work: Work) => Promise<T>): Promise<T> {
  return run(who(owner), async (work) => {
    await ownUser(work, owner);
    demandFresh(work, owner);
    return body(work);
  });
}

function who(owner: Owner) {
  return { actor: { kind: 'user', userId: owner.userId } as const, origin: owner.origin };
}

async function ownUser(work: Work, owner: Owner): Promise<User> {
  const user = await getUser(work, owner.userId);
  if (!user.enabled) throw new AppError('forbidden', 'Your account is disabled. Ask your help desk.');
  return user;
}

function isFresh(work: Work, owner: Owner): boolean {
  return owner.strong && addMinutes(owner.authTime, freshMinutes) > work.now;
}

function demandFresh(work: Work, owner: Owner): void {
  if (!isFresh(work, owner)) throw proofTooOld();
}

function proofTooOld(): AppError {
  return new AppError('unauthenticated', 'To change your sign-in methods, sign in once more.');
}

async function demandMayAdd(work: Work, methods: MethodRegistry, owner: Owner): Promise<void> {
  if (owner.passId === null) return demandFresh(work, owner);
  if (!(await passHolds(work, methods, owner.passId)))
    throw new AppError('unauthenticated', 'The temporary pass you signed in with has ended. Sign in again.');
}

async function passMayAdd(work: Work, methods: MethodRegistry, { passId }: Owner): Promise<boolean> {
  if (passId === null || !(await passHolds(work, methods, passId))) return false;
  const added = await Promise.all(
    methods.all.filter(isEnrollable).map((method) => method.enrolledThrough(work, passId)),
  );
  return added.every((enrolled) => enrolled === null);
}

async function passHolds(work: Work, methods: MethodRegistry, passId: string): Promise<boolean> {
  const held = await Promise.all(methods.all.filter(isBootstrap).map((method) => method.holds(work, passId)));
  return held.includes(true);
}

function enrolmentOf(owner: Owner): Enrolment {
  return {
    owner: digest(`session/${owner.sessionUid}`),
    userId: owner.userId,
    passId: owner.passId,
    endsAt: null,
    device: deviceName(owner.origin.userAgent),
  };
}
