/** A second administrator's word on a pass. It is asked for and given for the pass as it is to be, and counts once. */
export interface PassApproval {
  readonly id: string;
  /** For whom the pass is to be. */
  readonly userId: string;
  readonly askedByKind: 'user' | 'client';
  readonly askedById: string;
  readonly terms: PassTerms;
  readonly askedAt: Date;
  readonly lapsesAt: Date;
  readonly decidedAt: Date | null;
  /** Null with a decision: the command line on the machine. */
  readonly decidedBy: string | null;
  readonly decision: Decision | null;
  readonly usedAt: Date | null;
}

export type Decision = 'approved' | 'rejected';

/** What was asked for; what was left to policy is absent. */
export interface PassTerms {
  readonly startsAt?: string;
  readonly lifetimeMinutes?: number;
  readonly oneTime?: boolean;
  readonly purpose?: string;
  readonly reason?: string;
  readonly ticket?: string;
  readonly verifiedBy?: string;
}

export const approvalStates = ['waiting', 'approved', 'rejected', 'used', 'lapsed'] as const;

export type ApprovalState = (typeof approvalStates)[number];

export const approvalHours = 24;

export function approvalState(approval: PassApproval, now: Date): ApprovalState {
  if (approval.usedAt) return 'used';
  if (approval.decision === 'rejected') return 'rejected';
  if (approval.lapsesAt <= now) return 'lapsed';
  return approval.decision ?? 'waiting';
}
