import { actorClientId } from '../../../core/actor.ts';
import { AppError } from '../../../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../../../core/page.ts';
import { addMinutes } from '../../../core/time.ts';
import type { Work } from '../../../core/work.ts';
import { permit, permitEverywhere, permitOn } from '../../../roles/permit.ts';
import { ownsClient, templateIdsOf } from '../../../roles/manage-roles.ts';
import { groupsOf } from '../../../groups/manage-groups.ts';
import { lockUser } from '../../../users/manage-users.ts';
import { anyRole, type PassSettings } from '../settings.ts';
import { approvalHours, type Decision, type PassApproval, type PassTerms } from './approval.ts';
import * as approvals from './store.ts';

/** Whether policy wants a second administrator's word for a pass of this user. Never of the command line. */
export async function needsApproval(
  work: Work,
  { requireApprovalFor }: Pick<PassSettings, 'requireApprovalFor'>,
  userId: string,
): Promise<boolean> {
  const { actor } = work;
  if (actor.kind !== 'user' && actor.kind !== 'client') return false;
  const namedRoles = requireApprovalFor.filter(({ targetType }) => targetType === 'role').map(({ id }) => id);
  if (namedRoles.length > 0) {
    const held = await templateIdsOf(work, userId);
    if (held.some((id) => namedRoles.includes(anyRole) || namedRoles.includes(id))) return true;
  }
  const namedGroups = requireApprovalFor.filter(({ targetType }) => targetType === 'group').map(({ id }) => id);
  if (namedGroups.length === 0) return false;
  const groups = (await groupsOf(work, [userId])).get(userId) ?? [];
  return groups.some((id) => namedGroups.includes(id));
}

/**
 * The word that was given for exactly this pass, or the request for it, made when there is none. The caller holds the user's
 * lock, so that the same request made twice at once is one.
 */
export async function standingApproval(work: Work, userId: string, terms: PassTerms): Promise<PassApproval> {
  const asking = { userId, terms, ...requester(work) };
  const standing = await approvals.standing(work.tx, work.now, asking);
  if (standing) return standing;
  const lapsesAt = addMinutes(work.now, approvalHours * 60);
  const asked = await approvals.ask(work.tx, work.now, lapsesAt, { ...asking, through: actorClientId(work.actor) });
  work.record({
    type: 'pass.approval-asked',
    userId,
    details: { approvalId: asked.id, lapsesAt, ...terms },
  });
  return asked;
}

function requester({ actor }: Work): { askedByKind: 'user' | 'client'; askedById: string } {
  if (actor.kind === 'user') return { askedByKind: 'user', askedById: actor.userId };
  if (actor.kind === 'client') return { askedByKind: 'client', askedById: actor.clientId };
  throw new Error('Only people and applications ask for an approval.');
}

/** Uses the word up with the pass it was given for. Fails with `conflict` when that happened before. */
export async function useApproval(work: Work, approvalId: string): Promise<void> {
  if (await approvals.use(work.tx, work.now, approvalId)) return;
  throw new AppError('conflict', 'The approval was used or has lapsed meanwhile. Ask again.');
}

/**
 * A second administrator says yes or no. Whoever does must be allowed to issue for the user, and be neither the one who asked
 * nor the user. Fails with `conflict` when it was decided before or has lapsed.
 */
export async function decideApproval(work: Work, id: string, decision: Decision): Promise<PassApproval> {
  await permit(work, 'passes.write');
  if (work.actor.kind === 'client') throw new AppError('forbidden', 'It takes a person to approve a pass.');
  const asked = uuid.test(id) ? await approvals.byId(work.tx, id) : undefined;
  if (!asked) throw new AppError('not_found', 'There is no such request for approval.');
  await lockUser(work, asked.userId);
  await permitOn(work, 'passes.write', asked.userId);
  const decidedBy = work.actor.kind === 'user' ? work.actor.userId : null;
  if (decision === 'approved' && decidedBy !== null && (await isBehind(work, asked, decidedBy))) {
    throw new AppError('forbidden', 'It takes another administrator than the one who asked.');
  }
  const decided = await approvals.decide(work.tx, work.now, { id: asked.id, decision, decidedBy });
  if (!decided) {
    const { decision: before } = (await approvals.byId(work.tx, asked.id)) ?? {};
    throw new AppError('conflict', before ? `This was ${before} already.` : 'This request has lapsed. Ask again.');
  }
  work.record({
    type: decision === 'approved' ? 'pass.approval-approved' : 'pass.approval-rejected',
    userId: asked.userId,
    details: { approvalId: asked.id, ...(asked.askedByKind === 'user' && { askedBy: asked.askedById }) },
  });
  return decided;
}

/** Whoever asked, or owns the application that did. */
async function isBehind(work: Work, asked: PassApproval, userId: string): Promise<boolean> {
  return asked.askedByKind === 'user' ? asked.askedById === userId : ownsClient(work, asked.askedById, userId);
}

/** Requests for approval with what became of them, newest first. */
export async function pageOfApprovals(work: Work, asked: PageAsked): Promise<Page<PassApproval>> {
  await permitEverywhere(work, 'passes.read');
  const after = keysAfter(work.secrets, ['pass-approvals'], asked);
  const found = await approvals.some(work.tx, after, asked.top + 1);
  return pageOf(work.secrets, ['pass-approvals'], asked, found, ({ askedAt, id }) => [askedAt.toISOString(), id]);
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
