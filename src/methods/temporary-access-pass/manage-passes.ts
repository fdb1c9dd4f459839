import { randomUUID } from 'node:crypto';
import { type Actor, actorId } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import { addMinutes } from '../../core/time.ts';
import type { Origin, RunWork, Work } from '../../core/work.ts';
import { type Asked, madeBefore, madeIsGone, once } from '../../idempotency/idempotency.ts';
import { permitEverywhere, permitOwn } from '../../roles/permit.ts';
import { momentAfterGrants } from '../../roles/manage-roles.ts';
import { defaultLimits, type Limit } from '../../throttle/throttle.ts';
import { getUser, lockUser } from '../../users/manage-users.ts';
import type { User } from '../../users/user.ts';
import { newCode } from '../../core/code.ts';
import { needsApproval, standingApproval, useApproval } from './approvals/manage-approvals.ts';
import {
  type EffectivePassSettings,
  effectivePassSettings,
  effectivePassSettingsOfAll,
  issuerRules,
} from './effective-settings.ts';
import { isDisabledByPolicy, type Pass, type PassEnd, type PassRules, passEnd, passState } from './pass.ts';
import { readPassSettings } from './settings.ts';
import * as passes from './store.ts';
import { type IssuePass, lifetimeWithin, termsOf, withinPolicy } from './terms.ts';
import { recipient, visible, within, withinQuota } from './who-may.ts';
import { makeVerifier, pepperVersion } from './verifier.ts';

export type { IssuePass } from './terms.ts';

export interface IssuedPass {
  readonly pass: Pass;
  readonly user: User;
  /** The policy it was issued under, as it is for this user. */
  readonly settings: EffectivePassSettings;
  /** The only time it is seen. */
  readonly code: string;
}

/** A pass that an earlier request with the same key made, as it is now. */
export interface IssuedBefore extends FoundPass {
  readonly pass: Pass;
  readonly now: Date;
}

/**
 * Gives a user a pass; an earlier one stops working, whatever its state. The hash runs between two works, in no transaction.
 * Fails with `forbidden`, `not_found`, or `invalid_input` for what policy does not allow.
 */
export async function issuePass(
  run: RunWork,
  who: { actor: Actor; origin: Origin },
  asked: IssuePass,
  limit: Limit = defaultLimits.issuing,
): Promise<IssuedPass> {
  const issued = await issuePassOnce(run, who, asked, { key: undefined, body: undefined }, limit);
  if ('code' in issued) return issued;
  throw new Error('Nothing can have been made before by a request without a key.');
}

/**
 * As `issuePass`, for a request that may come again: under the key of an earlier one the user's pass stays, and is returned
 * without its code. Fails also with `conflict`, when that pass has ended early or was for another user or other terms.
 */
export async function issuePassOnce(
  run: RunWork,
  who: { actor: Actor; origin: Origin },
  asked: IssuePass,
  request: Pick<Asked, 'key' | 'body'>,
  limit: Limit = defaultLimits.issuing,
): Promise<IssuedPass | IssuedBefore> {
  const draft = await run(who, async (work) => {
    const { user, limits } = await recipient(work, asked);
    const before = await madeBefore(work, requestFor(user.id, request));
    if (before !== undefined) return { before: await issuedBefore(work, user, before) };
    const settings = await effectivePassSettings(work, user.id);
    withinPolicy(settings, limits, asked, work.now);
    if (await needsApproval(work, settings, user.id)) {
      await lockUser(work, user.id);
      const approval = await standingApproval(work, user.id, termsOf(asked));
      // Kept, and so returned: what is thrown here would roll the request for approval back.
      if (approval.decision !== 'approved') return { waitsFor: approval };
    }
    return { userId: user.id, id: randomUUID(), code: newCode(settings.defaultLength), secrets: work.secrets };
  });
  if ('before' in draft) return draft.before;
  if ('waitsFor' in draft) {
    throw new AppError(
      'approval_required',
      'A second administrator has to approve a pass for this user. They were asked; ask for the same pass again when they have.',
      { approvalId: draft.waitsFor.id },
    );
  }
  const { userId, id, code, secrets } = draft;
  const verifier = await makeVerifier(secrets, { userId, passId: id }, code);
  return run(who, async (work) => {
    let issued: IssuedPass | undefined;
    const { id: madeId } = await once(work, requestFor(userId, request), async () => {
      issued = await keepPass(work, asked, { id, code, verifier, userId }, limit);
      return id;
    });
    if (issued) return issued;
    // Another request with the same key was quicker while the hash ran.
    const { user } = await recipient(work, { user: userId });
    return issuedBefore(work, user, madeId);
  });
}

/** Whom a pass is for is part of what was asked, whatever the address called them. */
function requestFor(userId: string, { key, body }: Pick<Asked, 'key' | 'body'>): Asked {
  return {
    route: 'POST /users/:user/authentication/temporaryAccessPassMethods',
    key,
    body: { userId, body: body ?? {} },
  };
}

async function issuedBefore(work: Work, user: User, passId: string): Promise<IssuedBefore> {
  const { pass, settings } = await passOf(work, user);
  if (pass?.id !== passId) throw madeIsGone();
  return { user, pass, settings, now: work.now };
}

async function keepPass(
  work: Work,
  asked: IssuePass,
  made: { id: string; userId: string; code: string; verifier: string },
  limit: Limit,
): Promise<IssuedPass> {
  // Everything is judged again: roles, policy and the user may have changed while the hash ran.
  await lockUser(work, made.userId);
  const { user, limits } = await recipient(work, { ...asked, user: made.userId });
  const settings = await effectivePassSettings(work, user.id);
  const { startsAt, lifetimeMinutes, oneTime, purpose, windowMinutes, maximumUses } = withinPolicy(
    settings,
    limits,
    asked,
    work.now,
  );
  const pass: Pass = {
    id: made.id,
    userId: user.id,
    verifier: made.verifier,
    codeLength: made.code.length,
    startsAt,
    expiresAt: addMinutes(startsAt, lifetimeMinutes),
    oneTime,
    purpose,
    windowMinutes,
    maximumUses,
    reason: asked.reason ?? null,
    ticket: asked.ticket ?? null,
    verifiedBy: asked.verifiedBy ?? null,
    issuedAt: await momentAfterGrants(work, user.id),
    issuedByKind: work.actor.kind === 'anonymous' ? 'system' : work.actor.kind,
    issuedById: actorId(work.actor),
    uses: 0,
    lastUsedAt: null,
    boundBrowser: null,
    windowEndsAt: null,
    completedAt: null,
    lockedAt: null,
    endedAt: null,
    endReason: null,
  };
  let approvalId: string | undefined;
  if (await needsApproval(work, settings, user.id)) {
    approvalId = (await standingApproval(work, user.id, termsOf(asked))).id;
    await useApproval(work, approvalId);
  }
  await withinQuota(work, limit);
  const replacedPassId = await passes.replace(work.tx, work.now, pass, pepperVersion);
  if (replacedPassId) {
    work.record({ type: 'pass.replaced', userId: user.id, details: { passId: replacedPassId, by: pass.id } });
  }
  work.record({
    type: 'pass.issued',
    userId: user.id,
    details: {
      passId: pass.id,
      startsAt,
      lifetimeMinutes,
      oneTime,
      maximumUses,
      purpose,
      reason: pass.reason,
      ticket: pass.ticket,
      verifiedBy: pass.verifiedBy,
      ...(approvalId && { approvalId }),
    },
  });
  return { pass, user, settings, code: made.code };
}

/** A user's pass, with all by which it is judged whether it can be entered. */
export interface FoundPass {
  readonly user: User;
  readonly pass: Pass | undefined;
  readonly settings: EffectivePassSettings & PassRules;
}

/** The user's current pass, also when it was used or has expired; undefined when there is none. Never the code. */
export async function currentPass(work: Work, idOrName: string): Promise<FoundPass> {
  return passOf(work, await visible(work, idOrName));
}

async function passOf(work: Work, user: User): Promise<FoundPass> {
  const pass = await passes.current(work.tx, user.id);
  const settings = await effectivePassSettings(work, user.id);
  const barred = await passes.barred(work.tx, pass ? [pass.id] : [], issuerRules(settings));
  return { user, pass, settings: { ...settings, barred: barred.size > 0 } };
}

export async function listPasses(
  work: Work,
): Promise<{ passes: (Pass & { userPrincipalName: string; settings: EffectivePassSettings & PassRules })[] }> {
  await permitEverywhere(work, 'passes.read');
  const current = await passes.listCurrent(work.tx);
  const settingsOf = await effectivePassSettingsOfAll(
    work,
    current.map(({ userId }) => userId),
  );
  const ids = current.map(({ id }) => id);
  const barred = await passes.barred(work.tx, ids, issuerRules(await readPassSettings(work)));
  const rulesOf = (pass: Pass) => ({ ...settingsOf(pass.userId), barred: barred.has(pass.id) });
  return { passes: current.map((pass) => ({ ...pass, settings: rulesOf(pass) })) };
}

/** Ends a pass and what it opened, at once. Fails with `not_found` when the user has no such current pass. */
export async function revokePass(work: Work, asked: { user: string; passId?: string }): Promise<Pass> {
  const { user } = await within(work, asked.user);
  return end(work, user, asked.passId);
}

/** One's own current pass; undefined when there is none. Never the code. */
export async function ownPass(work: Work): Promise<FoundPass> {
  return passOf(work, await getUser(work, await permitOwn(work, 'passes.read')));
}

/** Whoever finds a pass of theirs that they did not ask for ends it. Fails with `not_found`. */
export async function revokeOwnPass(work: Work, passId: string): Promise<Pass> {
  return end(work, await getUser(work, await permitOwn(work, 'passes.write')), passId);
}

async function end(work: Work, user: User, passId: string | undefined): Promise<Pass> {
  const pass = await passes.current(work.tx, user.id);
  if (!pass || (passId !== undefined && passId !== pass.id)) {
    throw new AppError('not_found', 'This user has no such pass.');
  }
  if (!(await passes.revoke(work.tx, work.now, pass.id)))
    throw new AppError('not_found', 'This user has no such pass.');
  work.record({ type: 'pass.revoked', userId: user.id, details: { passId: pass.id } });
  return pass;
}

export interface ExtendPass {
  readonly user: string;
  /** Absent: the user's current pass. */
  readonly passId?: string | undefined;
  /** In all, counted from the start. */
  readonly lifetimeMinutes: number;
}

/**
 * Lets a live, unused pass last longer, with the code it has. Whoever may issue may extend.
 * Fails with `not_found`, with `invalid_input` for what policy does not allow or what is no longer than before, and with
 * `conflict` for a pass that has ended.
 */
export async function extendPass(work: Work, asked: ExtendPass): Promise<FoundPass & { readonly pass: Pass }> {
  const found = (await recipient(work, asked)).user;
  // As when issuing, and in its order of locks: what is judged below is not issued anew meanwhile.
  await lockUser(work, found.id);
  const { user, limits } = await recipient(work, { user: found.id });
  const pass = await passes.current(work.tx, user.id);
  if (!pass || (asked.passId !== undefined && asked.passId !== pass.id)) {
    throw new AppError('not_found', 'This user has no such pass.');
  }
  const settings = await effectivePassSettings(work, user.id);
  const lifetimeMinutes = lifetimeWithin(settings, limits, asked.lifetimeMinutes);
  if (isDisabledByPolicy(pass, settings)) throw new AppError('invalid_input', 'This pass is disabled by policy.');
  if (await needsApproval(work, settings, user.id)) {
    throw new AppError('forbidden', 'This pass was approved for the time it has. Ask for a new one that lasts longer.');
  }

  const extended = await passes.extend(work.tx, work.now, { passId: pass.id, lifetimeMinutes });
  if (!extended) throw notExtended(await passes.byId(work.tx, pass.id), lifetimeMinutes, work.now);
  work.record({
    type: 'pass.extended',
    userId: user.id,
    details: { passId: pass.id, lifetimeMinutes, expiresAt: extended.expiresAt, insteadOf: pass.expiresAt },
  });
  const barred = await passes.barred(work.tx, [pass.id], issuerRules(settings));
  return { user, pass: extended, settings: { ...settings, barred: barred.size > 0 } };
}

/** Which condition of the one statement did not hold. */
function notExtended(pass: Pass | undefined, lifetimeMinutes: number, now: Date): AppError {
  if (!pass || pass.endedAt) return new AppError('not_found', 'This user has no such pass.');
  const state = passState(pass, now);
  if (state === 'used' || state === 'expired' || state === 'locked') {
    return new AppError('conflict', `This pass is ${state} and cannot be extended. Issue a new one.`);
  }
  if (pass.expiresAt >= addMinutes(pass.startsAt, lifetimeMinutes)) {
    return new AppError('invalid_input', 'lifetimeInMinutes must be more than the pass has. It counts from the start.');
  }
  return new AppError('conflict', 'This user was given a role after the pass, which ended it. Issue a new one.');
}

/** The user's passes that ended, newest end first, each with how and when. They are kept for 30 days. Never the code. */
export async function passHistory(
  work: Work,
  idOrName: string,
): Promise<{ user: User; passes: readonly { pass: Pass; end: PassEnd }[] }> {
  const user = await visible(work, idOrName);
  const ended = await passes.ended(work.tx, work.now, user.id);
  return { user, passes: ended.map((pass) => ({ pass, end: passEnd(pass, work.now)! })) };
}
