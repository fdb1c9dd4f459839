import { type Level, levels } from '../assurance/levels.ts';
import { addMinutes, earlier } from '../core/time.ts';
import type { MethodId, MethodTraits } from '../methods/method.ts';
import type { Reconfirmation, RegistrationDemand } from '../registration/demand.ts';
import type { SignInPolicy } from './policy.ts';
import type { Evidence, SignIn } from './sign-in.ts';

/** What comes next; the page of that name shows it. */
export type NextStep =
  | { readonly kind: 'identify' }
  | {
      readonly kind: 'verify';
      readonly methods: readonly MethodId[];
      readonly chosen: MethodId;
      /** What was proved is less than the app asks for, and the user has more. */
      readonly forTheApp?: true;
      /** The chosen way leads elsewhere, and there at once. */
      readonly straight?: true;
    }
  | {
      readonly kind: 'enrol';
      readonly methods: readonly MethodId[];
      readonly chosen: MethodId;
      /** Of the pass that this hangs on; null for whoever proved more than a pass. */
      readonly windowEndsAt: Date | null;
      /** Why it is asked of somebody who could go on otherwise; absent where a pass opened it. A nudge may be put off. */
      readonly demanded?: 'required' | 'nudge';
    }
  | {
      readonly kind: 'confirm';
      readonly credentialId: string;
      readonly name: string;
      readonly windowEndsAt: Date | null;
    }
  /** Are the ways to sign in that the user has still theirs? */
  | { readonly kind: 'reconfirm' }
  /** The registration goes on on another device, or is offered to one: nothing is registered here meanwhile. */
  | { readonly kind: 'wait'; readonly carrying: Carrying; readonly windowEndsAt: Date }
  /** On that other device: what it was for is done. */
  | { readonly kind: 'done' }
  /** `nothing`: the window is open, and policy lets this user register nothing in it. */
  | { readonly kind: 'ended'; readonly saved: boolean; readonly nothing?: true }
  | {
      readonly kind: 'complete';
      readonly userId: string;
      readonly level: Level;
      readonly amr: readonly string[];
      readonly authTime: Date;
      /** The pass that this sign-in stands on, and when at the latest all that comes of it ends; null for any other proof. */
      readonly bornOf: BornOf | null;
    }
  | { readonly kind: 'cancelled' };

/** `offered`: a link waits for a device; `claimed`: one has followed it; `saved`: it has registered something, and is to use it. */
export type Carrying = 'offered' | 'claimed' | 'saved';

export interface BornOf {
  readonly passId: string;
  readonly endsAt: Date;
}

export interface Circumstances {
  readonly now: Date;
  readonly policy: SignInPolicy;
  readonly traits: (method: MethodId) => MethodTraits;
  /** The pass that was entered still opens what it did: not revoked, replaced, expired or spent, its user enabled. */
  readonly passStillOpens: boolean;
  /** What the organisation asks of the user whom the proofs show, before anything else; undefined when it is nothing. */
  readonly demand?: RegistrationDemand | undefined;
  /** What the user whom the proofs show has, where the app asks for more than they proved. */
  readonly held?: readonly MethodId[] | undefined;
  /** That the user has long not confirmed what they have. */
  readonly reconfirmation?: Reconfirmation | undefined;
  /** With what this device was last signed in by the user who was named: offered first, and nothing more. */
  readonly usedLast?: MethodId | undefined;
  /** Asked by the device that the registration was carried on to, not by the browser where the sign-in began. */
  readonly elsewhere?: boolean | undefined;
}

/** The one decision of the flow: from what stands in the row, nothing else. Every page and every gate asks this. */
export function nextStep(signIn: SignIn, circumstances: Circumstances): NextStep {
  const step = stepByProofs(signIn, circumstances);
  return circumstances.elsewhere ? stepElsewhere(signIn, step, circumstances) : stepHere(signIn, step);
}

/** Where the sign-in began: while its registration is carried on, it waits. What was proved there counts here. */
function stepHere({ carried, carriedInAnotherTab }: SignIn, step: NextStep): NextStep {
  if ((step.kind !== 'enrol' && step.kind !== 'confirm') || !step.windowEndsAt) return step;
  if (!carried && !carriedInAnotherTab) return step;
  const claimed = carriedInAnotherTab || Boolean(carried?.browser);
  const carrying = step.kind === 'confirm' ? 'saved' : claimed ? 'claimed' : 'offered';
  return { kind: 'wait', carrying, windowEndsAt: step.windowEndsAt };
}

/** The rest of the registration and nothing else: whatever a sign-in may lead to, it does so where it began. */
function stepElsewhere({ evidence }: SignIn, step: NextStep, { traits }: Circumstances): NextStep {
  if (step.kind === 'cancelled') return step;
  if (evidence.some(({ methodId }) => !traits(methodId).bootstrapOnly)) return { kind: 'done' };
  const { kind } = step;
  if ((kind === 'enrol' || kind === 'confirm') && step.windowEndsAt) return step;
  return step.kind === 'ended' ? step : { kind: 'ended', saved: false };
}

function stepByProofs(signIn: SignIn, circumstances: Circumstances): NextStep {
  const { now, policy, traits, passStillOpens } = circumstances;
  if (signIn.cancelledAt) return { kind: 'cancelled' };

  const inWindow = passStillOpens && signIn.windowEndsAt !== null && signIn.windowEndsAt > now;
  // Completing twice is harmless: what came of a pass the first time ends with it, whatever is answered here.
  const passHolds = inWindow || signIn.completedAt !== null;
  const proofs = proofsOf(signIn.evidence, traits, policy.firstPartAlone ?? false).filter(
    ({ passId }) => passId === null || (passHolds && passId === signIn.passId),
  );
  const best = proofs.toSorted((a, b) => rank(b.level) - rank(a.level))[0];
  if (best && signIn.userId) {
    const before = stepBeforeCompletion(signIn, best, circumstances);
    const next = before ?? stepForTheApp(signIn, best, circumstances);
    if (next) return next;
    const { level, amr, at, endsAt, passId } = best;
    const bornOf = passId !== null && endsAt ? { passId, endsAt: earlier(addMinutes(at, mostMinutes), endsAt) } : null;
    return { kind: 'complete', userId: signIn.userId, level, amr, authTime: at, bornOf };
  }

  if (signIn.passId && signIn.windowEndsAt) {
    const { enrolled, windowEndsAt } = signIn;
    if (!inWindow) return { kind: 'ended', saved: enrolled !== null };
    if (enrolled) return { kind: 'confirm', ...enrolled, windowEndsAt };
    const methods = policy.enrollable;
    if (methods.length === 0) return { kind: 'ended', saved: false, nothing: true };
    return { kind: 'enrol', methods, chosen: chosenOf(methods, signIn), windowEndsAt };
  }

  if (signIn.userName === null && !signIn.realm) return { kind: 'identify' };
  // A code is somebody's: where the app named a domain and nobody, a name comes first.
  const isOpen = (method: MethodId) => signIn.userName !== null || !traits(method).bootstrapOnly;
  // Something one knows was proved: now something one has. A second part before the first proves nothing of anybody.
  const halfway = signIn.evidence.some(({ methodId }) => traits(methodId).part === 'first');
  const seconds = policy.methods.filter((method) => traits(method).part === 'second');
  const others = policy.methods.filter((method) => traits(method).part === undefined);
  const firsts = thatMayReach(
    policy,
    policy.methods.filter((method) => traits(method).part !== 'second').filter(isOpen),
    traits,
  );
  // Between the two parts the order is that of the way that was begun.
  const methods = halfway ? [...seconds, ...others] : firstOf(circumstances.usedLast, firsts);
  const [first] = policy.methods;
  // Whoever said that they have a pass, or has to be told something, sees a page.
  if (policy.straight && !signIn.notice && first && methods.includes(first)) {
    if (chosenOf(methods, signIn, first) === first) return { kind: 'verify', methods, chosen: first, straight: true };
  }
  return { kind: 'verify', methods, chosen: chosenOf(methods, signIn) };
}

/** What policy asks for before the relying party gets anything: in a pass's window where that is all there is, else in the sign-in's hour. */
function stepBeforeCompletion(signIn: SignIn, proof: Proof, circumstances: Circumstances): NextStep | undefined {
  const { policy, demand, traits } = circumstances;
  if (signIn.completedAt || !policy.registration) return undefined;
  const { enrolled, evidence } = signIn;
  const windowEndsAt = proof.passId === null ? null : signIn.windowEndsAt;
  const unused = enrolled && !evidence.some(({ credentialId }) => credentialId === enrolled.credentialId);
  if (unused) return { kind: 'confirm', ...enrolled, windowEndsAt };
  if (!demand) return reconfirming(signIn, proof, circumstances);
  const { methods, holds, mayWait } = demand;
  // Adding a way to sign in takes the strongest one has, here as anywhere; a pass is for those who have lost theirs.
  const stronger = policy.methods.filter((id) => holds.includes(id) && rank(traits(id).level) > rank(proof.level));
  if (proof.passId === null && stronger.length > 0) {
    return mayWait ? undefined : { kind: 'verify', methods: stronger, chosen: chosenOf(stronger, signIn) };
  }
  const chosen = chosenOf(methods, signIn);
  return { kind: 'enrol', methods, chosen, windowEndsAt, demanded: mayWait ? 'nudge' : 'required' };
}

/** A better proof, where the app asks for one and the user has it. Who has none goes on, and the protocol tells the app. */
function stepForTheApp(signIn: SignIn, proof: Proof, circumstances: Circumstances): NextStep | undefined {
  const { policy, held = [], traits } = circumstances;
  const { leastLevel } = policy;
  // Whoever came with a pass is not asked for what they may have lost.
  if (signIn.completedAt || proof.passId !== null) return undefined;
  if (!leastLevel || rank(proof.level) >= rank(leastLevel)) return undefined;
  const halfway = signIn.evidence.some(({ methodId }) => traits(methodId).part === 'first');
  const better = policy.methods.filter((id) => {
    const { level, part } = traits(id);
    return (
      held.includes(id) && rank(level) >= rank(leastLevel) && (part === undefined || (part === 'second' && halfway))
    );
  });
  if (better.length === 0) return undefined;
  return { kind: 'verify', methods: better, chosen: chosenOf(better, signIn), forTheApp: true };
}

/** Without the ways that can only lead to less than the app asks for. A pass leads to what is registered with it. */
function thatMayReach(
  { leastLevel: least, mayReach = {} }: SignInPolicy,
  methods: readonly MethodId[],
  traits: Circumstances['traits'],
): readonly MethodId[] {
  if (least === undefined) return methods;
  const reaching = methods.filter((id) => {
    const { level, bootstrapOnly, part } = traits(id);
    return bootstrapOnly || rank(part === undefined ? (mayReach[id] ?? level) : '2f') >= rank(least);
  });
  return reaching.some((id) => !traits(id).bootstrapOnly) ? reaching : methods;
}

/** Asked of nobody but who has proved the strongest that they have: whoever came with less might answer for its owner. */
function reconfirming(
  { notice }: SignIn,
  { level, passId }: Proof,
  { policy, reconfirmation, traits }: Circumstances,
): NextStep | undefined {
  if (!reconfirmation || passId !== null || notice?.kind === 'methods_to_change') return undefined;
  const held = policy.methods.filter((id) => reconfirmation.holds.includes(id)).map((id) => rank(traits(id).level));
  return rank(level) >= Math.max(rank('2f'), ...held) ? { kind: 'reconfirm' } : undefined;
}

/** The same ways in the same order, but for the one that comes first if it is among them. */
function firstOf(first: MethodId | undefined, methods: readonly MethodId[]): readonly MethodId[] {
  return methods.toSorted((a, b) => Number(b === first) - Number(a === first));
}

function chosenOf(methods: readonly MethodId[], { chosenMethod }: SignIn, otherwise = methods[0]): MethodId {
  return methods.find((method) => method === chosenMethod) ?? otherwise!;
}

/** What completes a sign-in: one proof by itself, or something one knows with something one has. */
interface Proof {
  readonly level: Level;
  readonly amr: readonly string[];
  readonly at: Date;
  /** Of a pass that signs in. */
  readonly passId: string | null;
  readonly endsAt?: Date;
}

function proofsOf(
  evidence: readonly Evidence[],
  traits: Circumstances['traits'],
  firstPartAlone: boolean,
): readonly Proof[] {
  const alone = evidence.flatMap(({ methodId, credentialId, at, signsIn, standsAlone, reached }): Proof[] => {
    const { level, amr, bootstrapOnly, part } = traits(methodId);
    if (reached) return [{ level: reached.level, amr: reached.amr, at: reached.since ?? at, passId: null }];
    if (signsIn) return [{ ...signsIn, at, passId: credentialId }];
    if (bootstrapOnly || part === 'second' || (part === 'first' && !(firstPartAlone && standsAlone))) return [];
    return [{ level, amr, at, passId: null }];
  });
  const partOf = (part: 'first' | 'second') => evidence.findLast(({ methodId }) => traits(methodId).part === part);
  const [first, second] = [partOf('first'), partOf('second')];
  if (!first || !second) return alone;
  const { level, amr } = traits(second.methodId);
  const at = first.at < second.at ? second.at : first.at;
  return [...alone, { level, amr: [...traits(first.methodId).amr, ...amr, 'mfa'], at, passId: null }];
}

// A session born of a pass lasts no longer than a day's work, however long the pass does.
const mostMinutes = 8 * 60;

function rank(level: Level): number {
  return levels.indexOf(level);
}
