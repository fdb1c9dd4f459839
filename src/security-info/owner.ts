/** Who manages their own ways to sign in, what those are worth, and what has to be proved before one of them changes. */
import { AppError } from '../core/errors.ts';
import { addMinutes } from '../core/time.ts';
import type { Origin, Work } from '../core/work.ts';
import {
  type AuthenticationMethod,
  type Home,
  isBootstrap,
  isLinked,
  credentialsOf,
  type LinkedSignIn,
  type ListedCredential,
  type MethodRegistry,
  works,
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
  /** Or with two factors of their own, of which a pass is none. */
  readonly twoFactors?: boolean;
  /** The pass that the session was born of; null for any other. */
  readonly passId: string | null;
  readonly origin: Origin;
}

/** How strong a sign-in is with the best that somebody has: a passkey, or two parts together. */
export type Strength = 'phr' | '2f';

// Managing one's own methods needs the strongest method one has, within ten minutes.
const freshMinutes = 10;

export const freshSeconds = freshMinutes * 60;

export function who(owner: Owner) {
  return { actor: { kind: 'user', userId: owner.userId } as const, origin: owner.origin };
}

export async function ownUser(work: Work, owner: Owner): Promise<User> {
  const user = await getUser(work, owner.userId);
  if (!user.enabled) throw new AppError('forbidden', 'Your account is disabled. Ask your help desk.');
  return user;
}

/** The same, held until the work ends, for what judges by all that the person has. */
export async function heldUser(work: Work, owner: Owner): Promise<User> {
  await lockUser(work, owner.userId);
  const user = await ownUser(work, owner);
  // A containment ended this session while the request was under way.
  const outlives = user.containedIn === owner.sessionUid;
  if (user.containedAt && user.containedAt >= owner.authTime && !outlives) throw proofTooOld();
  return user;
}

/**
 * The best way in that these make, of those that work and are allowed: a passkey, or a password together with an authenticator app.
 * Undefined when nothing of it opens the account.
 */
export function strongestWay(methods: MethodRegistry, credentials: readonly ListedCredential[]): Strength | undefined {
  const parts = new Set<'whole' | 'first' | 'second'>();
  for (const { method: id } of credentials.filter(works)) {
    const method = methods.get(id);
    if (!method || method.traits.bootstrapOnly) continue;
    parts.add(method.traits.part ?? 'whole');
  }
  if (parts.has('whole')) return 'phr';
  return parts.has('first') && parts.has('second') ? '2f' : undefined;
}

/** Where else somebody signs in as everything stands now, and what that leaves of their ways in here. */
export interface Elsewhere {
  readonly home: Home;
  /** Those that sign them in. */
  readonly links: readonly LinkedSignIn[];
}

export async function elsewhereOf(work: Work, methods: MethodRegistry, user: User): Promise<Elsewhere> {
  const linked = methods.all.find(isLinked);
  if (!linked) return { home: 'here', links: [] };
  const home = await linked.homeOf(work, user.userPrincipalName);
  return { home, links: (await linked.linksOf(work, user)).filter(({ opens }) => opens) };
}

/** Whether these let somebody in who has ways in of this strength here. Passwords are for those alone whose home is here. */
export function letsIn({ home, links }: Elsewhere, own: Strength | undefined): boolean {
  return links.length > 0 || opensHere(home, own);
}

function opensHere(home: Home, own: Strength | undefined): boolean {
  return own !== undefined && (home === 'here' || (home === 'elsewhere' && own === 'phr'));
}

/** What has to be proved: nobody without a way in can, and is asked for a passkey all the same. */
export async function neededProof(work: Work, methods: MethodRegistry, owner: Owner): Promise<Strength> {
  return strongestWay(methods, await credentialsOf(work, methods, owner.userId)) ?? 'phr';
}

export function isFresh(work: Work, owner: Owner, needed: Strength): boolean {
  if (owner.passId !== null || addMinutes(owner.authTime, freshMinutes) <= work.now) return false;
  return owner.strong || (needed === '2f' && owner.twoFactors === true);
}

/** Fails with `unauthenticated` when the proof is too old or too weak: the door then asks for a new one. */
export async function demandFresh(work: Work, methods: MethodRegistry, owner: Owner): Promise<void> {
  if (!isFresh(work, owner, await neededProof(work, methods, owner))) throw proofTooOld();
}

export function proofTooOld(): AppError {
  return new AppError('unauthenticated', 'To change your sign-in methods, sign in once more.');
}

/** A session born of a pass adds what its pass may add, without a stronger proof, and does nothing else. */
export async function demandMayAdd(
  work: Work,
  methods: MethodRegistry,
  owner: Owner,
  method: AuthenticationMethod,
): Promise<void> {
  if (owner.passId === null || !addedByPasses(method)) return demandFresh(work, methods, owner);
  if (!(await passHolds(work, methods, owner.passId)))
    throw new AppError('unauthenticated', 'The temporary pass you signed in with has ended. Sign in again.');
}

/** A password comes with its authenticator app only: alone it would be a change that nobody has proved enough for. */
export function addedByPasses(method: AuthenticationMethod): boolean {
  return method.traits.part !== 'first';
}

export async function passHolds(work: Work, methods: MethodRegistry, passId: string): Promise<boolean> {
  const held = await Promise.all(methods.all.filter(isBootstrap).map((method) => method.holds(work, passId)));
  return held.includes(true);
}
