/** Where a sign-in stands, and the one way to change that: on its locked row, at the step a change belongs to. */
import { placeOfLevel, type Asked } from '../assurance/scale.ts';
import type { Actor } from '../core/actor.ts';
import { AppError } from '../core/errors.ts';
import { addMinutes } from '../core/time.ts';
import type { MayRecord, Origin, RunWork, Work } from '../core/work.ts';
import {
  type BootstrapMethod,
  type EnrollableMethod,
  isBootstrap,
  isEnrollable,
  isListable,
  type ListedCredential,
  type MethodId,
  type MethodRegistry,
  works,
} from '../methods/method.ts';
import { askedOfUser } from '../registration/registration.ts';
import type { ThrottleLimits } from '../throttle/throttle.ts';
import { findUser } from '../users/manage-users.ts';
import { userNameKey } from '../users/user.ts';
import { type Circumstances, type NextStep, nextStep } from './next-step.ts';
import type { HomeRealm, PolicyDocuments, SignInPolicy } from './policy.ts';
import type { SignIn } from './sign-in.ts';
import type { LinkToConfirm } from './confirming.ts';
import * as signIns from './store.ts';

/** What the flow works with; put together at start. */
export interface SignInHouse {
  readonly run: RunWork;
  readonly methods: MethodRegistry;
  /** What is decided, from the policy documents, for an app and for the people of a domain. */
  policyFrom(decided: PolicyDocuments, asked?: Asked, realm?: HomeRealm | null): SignInPolicy;
  readonly limits: ThrottleLimits;
  /** Asked before it is written down that an answer was not judged. */
  readonly mayRecord: MayRecord;
  /** Told once a minute at most: so many sign-ins fail. */
  onAlert(failures: number): void;
}

/** Empty strings for none; anything may stand in them. */
export interface Hint {
  readonly userName: string;
  readonly domain: string;
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
  /** The pass that session was born of, if it was. */
  readonly sessionPassId?: string | null;
  /** What the app asks for in acr; kept when the sign-in begins. */
  readonly asked?: Asked;
  /** Seconds that a proof may be old for the app; kept as well. */
  readonly maxAge?: number | undefined;
  /** Whom the app thinks it is, or of which domain: nobody types what says already where it goes on. */
  readonly hint?: Hint;
  /** With what this device was last signed in by whoever has that name; asked where a page is shown. */
  readonly usedLast?: (userName: string) => MethodId | undefined;
  /** Asked on the device that the registration was carried on to: `browser` is of that one. */
  readonly elsewhere?: true;
}

export interface Standing {
  readonly signIn: SignIn;
  readonly step: NextStep;
  readonly policy: SignInPolicy;
  /** The pass that was entered works in no other browser now. */
  readonly boundToBrowser: boolean;
  /** The person is asked for more than the pass they are signed in with, and has no passkey to show it with. */
  readonly withoutPasskey: boolean;
  /** Only for the one look that completes the sign-in: who it was, and with what that they will have again. */
  readonly completed?: { readonly userName: string; readonly methodId: MethodId };
  /** A pass opened this registration for somebody who has ways in already: they may have lost those. Told by `look` alone. */
  readonly mayHaveLost?: boolean;
  /** What the user is asked to confirm; told where that is the step, by `look` alone. */
  readonly toConfirm?: readonly ListedCredential[];
  readonly linksToConfirm?: readonly LinkToConfirm[];
  /** The database's clock. */
  readonly now: Date;
}

// As long as the protocol keeps the interaction.
const signInMinutes = 60;

export async function begin(
  work: Work,
  { uid, browser, signedInUserId, asked, maxAge, hint }: Visit,
  clientId: string,
): Promise<SignIn> {
  // Somebody who is signed in and asked to prove it again is not asked for the name again.
  const again = signedInUserId ? await findUser(work, signedInUserId) : undefined;
  const begun = await signIns.begin(work.tx, work.now, addMinutes(work.now, signInMinutes), {
    uid,
    browser,
    clientId,
    asked: asked ?? null,
    maxAge: maxAge ?? null,
    userName: again?.userPrincipalName ?? null,
    hint: hint ?? { userName: '', domain: '' },
  });
  return begun ?? (await signIns.byUid(work.tx, uid))!;
}

/** Judged by a look, or by a work that is about to change something and holds still what it judges by. */
type Judging = 'stillOpens' | 'holdOpen';

export async function stand(
  house: SignInHouse,
  work: Work,
  visit: Visit,
  signIn: SignIn,
  judging: Judging = 'stillOpens',
): Promise<Standing> {
  demandItsBrowser(signIn, visit);
  const opened = signIn.passId === null ? undefined : await bootstrapOf(house, signIn)[judging](work, signIn.passId);
  const policy = narrowedFor(house.policyFrom(signIn.policies, signIn.asked ?? undefined, signIn.realm), signIn);
  const step = await stepOf(house, work, withoutRefused(signIn), {
    now: work.now,
    policy,
    traits: (id) => house.methods.get(id)!.traits,
    passStillOpens: opened !== undefined,
    usedLast: signIn.userName === null ? undefined : visit.usedLast?.(signIn.userName),
    elsewhere: visit.elsewhere,
  });
  return {
    signIn,
    step,
    policy,
    boundToBrowser: opened?.boundToBrowser ?? false,
    withoutPasskey: await isWithoutPasskey(house, policy, work, visit, signIn, step),
    now: work.now,
  };
}

/** Once it is known who asks: without what policy does not let them use or register. What is asked of them to register knows itself. */
function narrowedFor(policy: SignInPolicy, { refusedMethods, barredMethods }: SignIn): SignInPolicy {
  if (refusedMethods.length === 0 && barredMethods.length === 0) return policy;
  return {
    ...policy,
    methods: policy.methods.filter((id) => !refusedMethods.includes(id)),
    enrollable: policy.enrollable.filter((id) => !barredMethods.includes(id)),
  };
}

/** A passkey that was registered here and may not be used any more is not waited for. */
function withoutRefused(signIn: SignIn): SignIn {
  return signIn.refusedMethods.includes('passkey') ? { ...signIn, enrolled: null } : signIn;
}

function demandItsBrowser(signIn: SignIn, { browser, elsewhere }: Visit): void {
  if (elsewhere && !signIn.carried?.browser?.equals(browser)) {
    throw new AppError('conflict', 'This no longer goes on here. Look at the device where you began.');
  }
  if (!elsewhere && !signIn.browser.equals(browser)) {
    throw new AppError(
      'forbidden',
      'This sign-in was started in another browser. Go back to the app and sign in from here.',
    );
  }
}

/** What a user has registered is read only when nothing else is left to ask, and policy or the app may ask for that. */
async function stepOf(house: SignInHouse, work: Work, signIn: SignIn, about: Circumstances): Promise<NextStep> {
  const step = nextStep(signIn, about);
  if (step.kind !== 'complete' || signIn.completedAt) return step;
  const { registration, leastLevel } = about.policy;
  const asked = registration && (await askedOfUser(work, registration, step.userId));
  const falls = leastLevel !== undefined && placeOfLevel(step.level) < placeOfLevel(leastLevel);
  if (!asked && !falls) return step;
  return nextStep(signIn, {
    ...about,
    ...asked,
    held: falls ? await methodsHeld(house, about.policy, work, step.userId) : undefined,
  });
}

/** Of the ways that policy lets people use, those that this user has and that work. */
async function methodsHeld(
  house: SignInHouse,
  policy: SignInPolicy,
  work: Work,
  userId: string,
): Promise<readonly MethodId[]> {
  const held: MethodId[] = [];
  for (const id of policy.methods) {
    const method = house.methods.get(id);
    if (!method || !isListable(method)) continue;
    if ((await method.listOf(work, userId)).some(works)) held.push(id);
  }
  return held;
}

/**
 * Told to who is signed in as the very user that the page is about, with a pass: to nobody else may a page of a sign-in say what
 * somebody has registered.
 */
async function isWithoutPasskey(
  house: SignInHouse,
  policy: SignInPolicy,
  work: Work,
  { signedInUserId, sessionPassId }: Visit,
  { userName }: SignIn,
  { kind }: NextStep,
): Promise<boolean> {
  if (kind !== 'verify' || !signedInUserId || !sessionPassId || userName === null) return false;
  const user = await findUser(work, signedInUserId);
  if (!user || userNameKey(user.userPrincipalName) !== userNameKey(userName)) return false;
  for (const id of policy.methods) {
    const method = house.methods.get(id);
    if (!method || method.traits.part || method.traits.bootstrapOnly || !isListable(method)) continue;
    if ((await method.listOf(work, user.id)).some(works)) return false;
  }
  return true;
}

/** The method whose evidence `passId` is of; there is one whenever `passId` is set. */
export function bootstrapOf(house: SignInHouse, signIn: SignIn): BootstrapMethod {
  for (const { methodId } of signIn.evidence) {
    const method = house.methods.get(methodId);
    if (method && isBootstrap(method)) return method;
  }
  throw new Error('A sign-in holds a pass but no evidence of it.');
}

/** Runs one transition on the locked row, if the step it belongs to is the one that stands; otherwise changes nothing. */
export function transition(
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

export async function lockedStanding(house: SignInHouse, work: Work, visit: Visit): Promise<Standing | undefined> {
  const signIn = await signIns.lock(work.tx, work.now, visit.uid);
  return signIn && stand(house, work, visit, signIn, 'holdOpen');
}

export function enrollable(house: SignInHouse, policy: SignInPolicy, methodId: string): EnrollableMethod | undefined {
  const method = house.methods.get(methodId);
  return method && isEnrollable(method) && policy.enrollable.includes(method.id) ? method : undefined;
}

/** The method, and those that have to be registered in the same step; those first. What was proved here is there already. */
export function enrolledTogether(
  house: SignInHouse,
  { policy, signIn }: Pick<Standing, 'policy' | 'signIn'>,
  method: EnrollableMethod,
): readonly EnrollableMethod[] {
  const others = (policy.together?.[method.id] ?? [])
    .filter((id) => !signIn.evidence.some(({ methodId }) => methodId === id))
    .map((id) => house.methods.get(id));
  return [...others.filter((other) => other !== undefined && isEnrollable(other)), method];
}

/** What a call for a step that is not this sign-in's is answered with. */
export function notThisStep(): AppError {
  return new AppError('conflict', 'This sign-in went on elsewhere. The page is loaded again.');
}
