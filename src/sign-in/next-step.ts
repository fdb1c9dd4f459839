import { addMinutes, earlier } from '../core/time.ts';
import type { MethodId, MethodTraits } from '../methods/method.ts';
import { type Level, levels, type SignInPolicy } from './policy.ts';
import type { Evidence, SignIn } from './sign-in.ts';

/** What comes next; the page of that name shows it. */
export type NextStep =
  | { readonly kind: 'identify' }
  | { readonly kind: 'verify'; readonly methods: readonly MethodId[]; readonly chosen: MethodId }
  | { readonly kind: 'enrol'; readonly methods: readonly MethodId[]; readonly windowEndsAt: Date }
  | { readonly kind: 'confirm'; readonly credentialId: string; readonly name: string; readonly windowEndsAt: Date }
  | { readonly kind: 'ended'; readonly saved: boolean }
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
}

/** The one decision of the flow: from what stands in the row, nothing else. Every page and every gate asks this. */
export function nextStep(signIn: SignIn, { now, policy, traits, passStillOpens }: Circumstances): NextStep {
  if (signIn.cancelledAt) return { kind: 'cancelled' };

  const inWindow = passStillOpens && signIn.windowEndsAt !== null && signIn.windowEndsAt > now;
  // Completing twice is harmless: what came of a pass the first time ends with it, whatever is answered here.
  const passHolds = inWindow || signIn.completedAt !== null;
  const counts = ({ methodId, credentialId, signsIn }: Evidence) =>
    signsIn ? passHolds && credentialId === signIn.passId : !traits(methodId).bootstrapOnly;
  const worth = ({ methodId, signsIn }: Evidence) => signsIn ?? traits(methodId);
  const best = signIn.evidence.filter(counts).toSorted((a, b) => rank(worth(b).level) - rank(worth(a).level))[0];
  if (best && signIn.userId) {
    const { level, amr } = worth(best);
    return { kind: 'complete', userId: signIn.userId, level, amr, authTime: best.at, bornOf: bornOf(best) };
  }

  if (signIn.passId && signIn.windowEndsAt) {
    const { enrolled, windowEndsAt } = signIn;
    if (!inWindow) return { kind: 'ended', saved: enrolled !== null };
    if (enrolled) return { kind: 'confirm', ...enrolled, windowEndsAt };
    return { kind: 'enrol', methods: policy.enrollable, windowEndsAt };
  }

  if (signIn.userName === null) return { kind: 'identify' };
  const chosen = policy.methods.find((method) => method === signIn.chosenMethod) ?? policy.methods[0]!;
  return { kind: 'verify', methods: policy.methods, chosen };
}

// A session born of a pass lasts no longer than a day's work, however long the pass does.
const mostMinutes = 8 * 60;

function bornOf({ credentialId, at, signsIn }: Evidence): BornOf | null {
  return signsIn ? { passId: credentialId, endsAt: earlier(addMinutes(at, mostMinutes), signsIn.endsAt) } : null;
}

function rank(level: Level): number {
  return levels.indexOf(level);
}
