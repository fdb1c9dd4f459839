/** What a signed-in person may see and change of their own ways to sign in. */
import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import { digest } from '../core/secrets.ts';
import type { RunWork, Work } from '../core/work.ts';
import { keepTogether } from '../methods/enrol-together.ts';
import {
  type AuthenticationMethod,
  type Enrolment,
  type EnrolmentVerdict,
  type EnrollableMethod,
  isAddable,
  isEnrollable,
  credentialsOf,
  isListable,
  isSheet,
  isSuspendable,
  type ListedCredential,
  type MethodId,
  type MethodRegistry,
  works,
} from '../methods/method.ts';
import { barredMethods, noteRegistered } from '../registration/registration.ts';
import { isLastAdministrator, leavingAnAdministrator, templateIdsOf } from '../roles/manage-roles.ts';
import type { User } from '../users/user.ts';
import {
  addedByPasses,
  demandFresh,
  demandMayAdd,
  elsewhereOf,
  heldUser,
  isFresh,
  letsIn,
  type Owner,
  ownUser,
  passHolds,
  type Strength,
  strongestWay,
  who,
} from './owner.ts';

export { freshSeconds, type Owner, type Strength } from './owner.ts';

export interface SecurityInfo {
  readonly user: User;
  readonly credentials: readonly ListedCredential[];
  /** The proof that a change wants: the strongest that this person can give. */
  readonly needed: Strength;
  /** The last proof is fresh and strong enough to change something. */
  readonly mayChange: boolean;
  /** What may be added now; also without such a proof, for who signed in with a pass that has not added it yet. */
  readonly mayAdd: readonly MethodId[];
}

export function ownSecurityInfo(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<SecurityInfo> {
  return run(who(owner), async (work) => {
    const user = await ownUser(work, owner);
    const credentials = await credentialsOf(work, methods, user.id);
    const needed = strongestWay(methods, credentials) ?? 'phr';
    const mayChange = isFresh(work, owner, needed);
    return { user, credentials, needed, mayChange, mayAdd: await addable(work, methods, owner, mayChange) };
  });
}

async function addable(
  work: Work,
  methods: MethodRegistry,
  { userId, passId }: Owner,
  mayChange: boolean,
): Promise<MethodId[]> {
  const holds = !mayChange && passId !== null && (await passHolds(work, methods, passId));
  if (!mayChange && !holds) return [];
  const barred = await barredMethods(work, userId);
  const ids: MethodId[] = [];
  for (const method of methods.all) {
    if (!isAddable(method) || barred.includes(method.id)) continue;
    if (mayChange || (addedByPasses(method) && !(await method.addedThrough(work, passId!)))) ids.push(method.id);
  }
  return ids;
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
    await demandMayAdd(work, methods, owner, method);
    const parts = await partsOf(work, methods, method, owner.userId);
    const begun = await method.beginEnrolment(work, enrolmentOf(owner), preferred);
    return parts.length > 1 ? { ...begun, withPassword: true } : begun;
  });
}

/** Keeps what was registered with all that belongs to it, or nothing. */
export async function finishOwnEnrolment(
  run: RunWork,
  methods: MethodRegistry,
  method: EnrollableMethod,
  owner: Owner,
  response: unknown,
): Promise<EnrolmentVerdict> {
  const { parts, candidates } = await run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandMayAdd(work, methods, owner, method);
    const together = await partsOf(work, methods, method, owner.userId);
    const read: unknown[] = [];
    for (const part of together) read.push(await part.readEnrolment(work, enrolmentOf(owner), response));
    return { parts: together, candidates: read };
  });
  const proofs: unknown[] = [];
  for (const [index, part] of parts.entries()) proofs.push(await part.checkEnrolment(candidates[index]));
  return run(who(owner), async (work) => {
    await heldUser(work, owner);
    if (owner.passId !== null) await demandMayAdd(work, methods, owner, method);
    const now = await partsOf(work, methods, method, owner.userId);
    if (now.length !== parts.length) {
      throw new AppError('conflict', 'Your password was set or removed elsewhere meanwhile. Load the page again.');
    }
    const kept = await keepTogether(work, enrolmentOf(owner), { parts, candidates, proofs });
    if (!Array.isArray(kept)) return { enrolled: false, reason: kept.reason };
    await noteRegistered(work, owner.userId);
    return { enrolled: true, credential: kept.at(-1)! };
  });
}

/** A second part is no sign-in without a first: whoever has none that works sets it in the same step. That one comes first. */
async function partsOf(
  work: Work,
  methods: MethodRegistry,
  method: EnrollableMethod,
  userId: string,
): Promise<readonly EnrollableMethod[]> {
  await demandNotBarred(work, userId, method);
  const first = method.traits.part === 'second' ? firstPart(methods) : undefined;
  if (!first) return [method];
  const isThere = isListable(first) && (await first.listOf(work, userId)).some(works);
  return isThere ? [method] : [first, method];
}

/** What policy does not let them register is no way to sign in here. */
async function demandNotBarred(work: Work, userId: string, method: AuthenticationMethod): Promise<void> {
  if (!(await barredMethods(work, userId)).includes(method.id)) return;
  throw new AppError('not_found', 'There is no such way to sign in.');
}

function firstPart(methods: MethodRegistry): EnrollableMethod | undefined {
  return methods.all.filter(isEnrollable).find(({ traits }) => traits.part === 'first');
}

/** Ten codes, the only time they are seen; those from before stop working. Fails with `conflict` for a second set of one pass. */
export function makeOwnCodes(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<string[]> {
  const sheet = methods.all.find(isSheet);
  if (!sheet) throw new AppError('not_found', 'There is no such way to sign in.');
  const demand = async (work: Work) => {
    await heldUser(work, owner);
    await demandMayAdd(work, methods, owner, sheet);
    await demandNotBarred(work, owner.userId, sheet);
  };
  return sheet.makeSheet(run, who(owner), { userId: owner.userId, passId: owner.passId, demand });
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
    await demandFresh(work, methods, owner);
    const name = asked.name.trim();
    if (name === '' || name.length > 64) throw new AppError('invalid_input', 'A name needs 1 to 64 characters.');
    for (const method of methods.all.filter(isListable)) {
      if (await method.rename(work, user.id, asked.credentialId, name)) return;
    }
    throw noSuchMethod();
  });
}

/**
 * One of theirs, for the page that asks before it is removed, and whether it is the last way in, the last that cannot be phished, or
 * the last here: where they sign in from then on. Fails as the removal does.
 */
export function ownCredential(
  run: RunWork,
  methods: MethodRegistry,
  owner: Owner,
  credentialId: string,
): Promise<Removal> {
  return run(who(owner), async (work) => {
    const user = await ownUser(work, owner);
    await demandFresh(work, methods, owner);
    return found(work, methods, user, credentialId);
  });
}

/**
 * Removes it, and nobody is left without a way in: judged with the user locked, so that two tabs cannot remove the last two.
 * Fails with `not_found`, and with `conflict` for the last way in, or the last of any Global Administrator here.
 */
export function removeOwnCredential(
  run: RunWork,
  methods: MethodRegistry,
  owner: Owner,
  credentialId: string,
): Promise<void> {
  const remove = async (work: Work) => {
    const user = await heldUser(work, owner);
    await demandFresh(work, methods, owner);
    const { credential, lastWayIn } = await found(work, methods, user, credentialId);
    if (lastWayIn) throw new AppError('conflict', 'This is your last way to sign in. Add another one first.');
    const method = methods.get(credential.method);
    if (!method || !isListable(method) || !(await method.remove(work, owner.userId, credential.id)))
      throw noSuchMethod();
  };
  // Whoever holds a role takes turns with the other administrators, before the user is locked.
  return run(who(owner), async (work) =>
    (await templateIdsOf(work, owner.userId)).length === 0
      ? remove(work)
      : leavingAnAdministrator(work, () => remove(work)),
  );
}

/**
 * "I found it": what was called lost in the window of a pass works again. What else is suspended stays so.
 * Fails with `not_found` for anything that is not theirs, or was not called lost.
 */
export function useOwnAgain(run: RunWork, methods: MethodRegistry, owner: Owner, credentialId: string): Promise<void> {
  return run(who(owner), async (work) => {
    await heldUser(work, owner);
    await demandFresh(work, methods, owner);
    for (const method of methods.all.filter(isSuspendable)) {
      if (await method.lift(work, owner.userId, credentialId, 'owner')) return;
    }
    throw noSuchMethod();
  });
}

export interface Removal {
  readonly credential: ListedCredential;
  readonly lastWayIn: boolean;
  readonly lastStrong: boolean;
  /** Names of where else, when nothing here is left. */
  readonly leaves: readonly string[];
}

async function found(work: Work, methods: MethodRegistry, user: User, credentialId: string): Promise<Removal> {
  const credentials = await credentialsOf(work, methods, user.id);
  const credential = credentials.find(({ id }) => id === credentialId);
  if (!credential) throw noSuchMethod();
  const others = credentials.filter((other) => other !== credential);
  const [before, after] = [strongestWay(methods, credentials), strongestWay(methods, others)];
  const around = await elsewhereOf(work, methods, user);
  const isLastHere = before !== undefined && after === undefined;
  // What opens nothing may go also when nothing else opens the account; but for what would, were it not for the domain of the name.
  const isLast = !letsIn(around, after) && (isLastHere || letsIn(around, before));
  // A link is no strong way, and the last Global Administrator has one here.
  const lastWayIn = isLast || (isLastHere && (await isLastAdministrator(work, user.id)));
  const leaves = isLastHere ? around.links.map(({ at }) => at) : [];
  return { credential, lastWayIn, lastStrong: before === 'phr' && after === '2f', leaves };
}

function noSuchMethod(): AppError {
  return new AppError('not_found', 'There is no such sign-in method.');
}

/** Runs what wants a fresh proof, as any change here does. Fails with `unauthenticated` when it is too old or too weak. */
export function freshly<T>(
  run: RunWork,
  methods: MethodRegistry,
  owner: Owner,
  body: (work: Work) => Promise<T>,
): Promise<T> {
  return run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandFresh(work, methods, owner);
    return body(work);
  });
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
