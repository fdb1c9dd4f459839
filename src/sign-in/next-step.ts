import type { MethodId, MethodTraits } from '../methods/method.ts';
import { type Level, levels, type SignInPolicy } from './policy.ts';
import type { SignIn } from './sign-in.ts';

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
    }
  | { readonly kind: 'cancelled' };

export interface Circumstances {
  readonly now: Date;
  readonly policy: SignInPolicy;
  readonly traits: (method: MethodId) => MethodTraits;
  /** The pass that opened registration still does: not revoked, replaced, expired or spent, its user enabled. */
  readonly passStillOpens: boolean;
}

/** The one decision of the flow: from what stands in the row, nothing else. Every page and every gate asks this. */
export function nextStep(signIn: SignIn, { now, policy, traits, passStillOpens }: Circumstances): NextStep {
  if (signIn.cancelledAt) return { kind: 'cancelled' };

  const strong = signIn.evidence.filter(({ methodId }) => !traits(methodId).bootstrapOnly);
  const best = strong.toSorted((a, b) => rank(traits(b.methodId).level) - rank(traits(a.methodId).level))[0];
  if (best && signIn.userId) {
    const { level, amr } = traits(best.methodId);
    return { kind: 'complete', userId: signIn.userId, level, amr, authTime: best.at };
  }

  if (signIn.passId && signIn.windowEndsAt) {
    const { enrolled, windowEndsAt } = signIn;
    if (!passStillOpens || windowEndsAt <= now) return { kind: 'ended', saved: enrolled !== null };
    if (enrolled) return { kind: 'confirm', ...enrolled, windowEndsAt };
    return { kind: 'enrol', methods: policy.enrollable, windowEndsAt };
  }

  if (signIn.userName === null) return { kind: 'identify' };
  const chosen = policy.methods.find((method) => method === signIn.chosenMethod) ?? policy.methods[0]!;
  return { kind: 'verify', methods: policy.methods, chosen };
}

function rank(level: Level): number {
  return levels.indexOf(level);
}
