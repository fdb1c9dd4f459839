import { z } from 'zod';
import type { Secrets } from '../../core/secrets.ts';
import type { Work } from '../../core/work.ts';
import { shortCode } from '../../throttle/throttle.ts';
import { userNameKey } from '../../users/user.ts';
import type { BootstrapMethod, BriefSignIn, CancellableMethod, ContainableMethod, RefusalReason } from '../method.ts';
import { normalizeCode } from '../../core/code.ts';
import { type EffectivePassSettings, effectivePassSettings, issuerRules } from './effective-settings.ts';
import { guessableBelow, isDisabledByPolicy, isUsedUp, type Pass } from './pass.ts';
import * as passes from './store.ts';
import { opens } from './verifier.ts';

interface Candidate {
  readonly code: string;
  readonly secrets: Secrets;
  readonly claimed: { userId: string; userEnabled: boolean; pass: Pass | undefined } | undefined;
}

const form = z.object({ code: z.unknown() });

/** Signing in with a pass: it proves who one is just enough to register something better, or to work while it lasts. */
export function temporaryAccessPassMethod({
  mostInARow,
}: {
  readonly mostInARow: number;
}): BootstrapMethod & CancellableMethod & ContainableMethod {
  return {
    id: 'temporary-access-pass',
    traits: { amr: [], level: 'bootstrap', bootstrapOnly: true },
    guessable: true,

    // A code opens a pass of its own length and no other: what is too long to be a guess is not counted as one.
    countedBy: (response) => (isGuess(typedCode(response)) ? ['account'] : []),

    async hasShortCodes(work) {
      return passes.isAnyShorterThan(work.tx, work.now, shortCode);
    },

    async challenge() {
      return { kind: 'code', label: 'Temporary pass' };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const code = typedCode(response);
      const claimed = await passes.claimed(work.tx, userNameKey(attempt.userName ?? ''));
      return { code, secrets: work.secrets, claimed };
    },

    async check(candidate) {
      const { code, secrets, claimed } = candidate as Candidate;
      const stored = claimed?.pass && {
        userId: claimed.userId,
        passId: claimed.pass.id,
        verifier: claimed.pass.verifier,
      };
      return (await opens(secrets, code, stored)) ? { passId: claimed!.pass!.id } : null;
    },

    async spend(work, attempt, candidate, proof) {
      const { code, claimed } = candidate as Candidate;
      const refuse = (reason: RefusalReason) => ({ verified: false as const, reason, userId: claimed?.userId });
      if (!proof && isGuess(code)) await countFailure(work, claimed?.pass, mostInARow);
      if (!claimed) return refuse('unknown_user');
      if (!claimed.pass) return refuse('no_pass');
      if (!proof) return refuse('wrong_code');
      const { pass, userId } = claimed;
      const settings = await effectivePassSettings(work, userId);
      if (isDisabledByPolicy(pass, settings)) return refuse('policy');
      if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
      const spent = await passes.redeem(work.tx, work.now, {
        passId: pass.id,
        verifier: pass.verifier,
        browser: attempt.browser,
        ...issuerRules(settings),
      });
      if (spent) {
        const endsAt = spent.windowEndsAt ?? windowFrom(work.now, spent);
        return { verified: true, userId, credentialId: spent.id, endsAt, ...signingIn(spent, settings) };
      }
      return refuse(whyNot(await passes.byId(work.tx, pass.id), claimed.userEnabled, work.now));
    },

    async stillOpens(work, passId) {
      const pass = await passes.open(work.tx, work.now, passId);
      return pass && { boundToBrowser: pass.oneTime };
    },

    async holdOpen(work, passId) {
      const pass = await passes.holdOpen(work.tx, work.now, passId);
      return pass && { boundToBrowser: pass.oneTime };
    },

    holds(work, passId) {
      return passes.holds(work.tx, work.now, passId);
    },

    async signedIn(work, passId) {
      await spendBy(work, passId, passes.useUp);
    },

    async graduate(work, passId) {
      await spendBy(work, passId, passes.complete);
    },

    cancelLive: (work, userId) => revokeLive(work, userId, 'signed-out'),

    contain: (work, userId) => revokeLive(work, userId, 'not-me'),
  };
}

function typedCode(response: unknown): string {
  return normalizeCode(form.safeParse(response).data?.code);
}

function isGuess(code: string): boolean {
  return code.length < guessableBelow;
}

/** As many statements whether there is a pass or not. */
async function countFailure(work: Work, pass: Pass | undefined, most: number): Promise<void> {
  const passId = pass?.id ?? nobodys;
  if (!(await passes.countFailure(work.tx, work.now, { passId, below: guessableBelow, most }))) return;
  work.record({ type: 'pass.locked', userId: pass?.userId, details: { passId, failures: most } });
}

const nobodys = '00000000-0000-0000-0000-000000000000';

async function revokeLive(work: Work, userId: string, reason: 'signed-out' | 'not-me'): Promise<readonly string[]> {
  const passId = await passes.revokeLive(work.tx, work.now, userId);
  if (passId === undefined) return [];
  work.record({ type: 'pass.revoked', userId, details: { passId, reason } });
  return [passId];
}

async function spendBy(work: Work, passId: string, spend: typeof passes.complete): Promise<void> {
  const pass = await passes.byId(work.tx, passId);
  if (await spend(work.tx, work.now, passId)) {
    work.record({ type: 'pass.completed', userId: pass?.userId, details: { passId } });
  }
}

/** Policy has the last word: a pass that may do no more than register by now opens registration. */
function signingIn(pass: Pass, settings: EffectivePassSettings): { signsIn?: BriefSignIn } {
  if (pass.purpose !== 'signIn' || settings.purpose !== 'signIn') return {};
  const level = settings.satisfiesMultifactor ? '2f' : '1f';
  return { signsIn: { level, amr: ['pass'], endsAt: pass.expiresAt } };
}

/** A reusable pass may be entered again, and each entry opens a window of its own; none outlives the pass. */
function windowFrom(now: Date, pass: Pass): Date {
  return new Date(Math.min(now.getTime() + pass.windowMinutes * 60_000, pass.expiresAt.getTime()));
}

/** For the audit log: which condition of the one statement did not hold. */
function whyNot(pass: Pass | undefined, userEnabled: boolean, now: Date): RefusalReason {
  if (!pass || pass.endedAt) return 'no_pass';
  if (!userEnabled) return 'user_disabled';
  if (pass.lockedAt) return 'locked';
  if (pass.startsAt > now) return 'not_yet_valid';
  if (pass.completedAt || isUsedUp(pass) || (pass.windowEndsAt && pass.windowEndsAt <= now)) return 'already_used';
  if (pass.windowEndsAt) return 'other_browser';
  if (pass.expiresAt <= now) return 'expired';
  return 'issuer_not_allowed';
}
