import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../../core/work.ts';
import type { Decision, PassApproval, PassTerms } from './approval.ts';

interface ApprovalRow {
  id: string;
  user_id: string;
  asked_by_kind: 'user' | 'client';
  asked_by_id: string;
  terms: PassTerms;
  asked_at: Date;
  lapses_at: Date;
  decided_at: Date | null;
  decided_by: string | null;
  decision: Decision | null;
  used_at: Date | null;
}

function toApproval(row: ApprovalRow): PassApproval {
  return {
    id: row.id,
    userId: row.user_id,
    askedByKind: row.asked_by_kind,
    askedById: row.asked_by_id,
    terms: row.terms,
    askedAt: row.asked_at,
    lapsesAt: row.lapses_at,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
    decision: row.decision,
    usedAt: row.used_at,
  };
}

export interface Asking {
  readonly userId: string;
  readonly askedByKind: 'user' | 'client';
  readonly askedById: string;
  readonly terms: PassTerms;
}

/** The request of the same issuer for the same pass that still waits or was approved and not used. */
export async function standing(tx: Transaction, now: Date, asking: Asking): Promise<PassApproval | undefined> {
  const row = await tx<ApprovalRow>('pass_approvals')
    .where('user_id', '=', asking.userId)
    .where('asked_by_kind', '=', asking.askedByKind)
    .where('asked_by_id', '=', asking.askedById)
    .whereRaw('terms = ?::jsonb', [JSON.stringify(asking.terms)])
    .where('lapses_at', '>', now)
    .whereNull('used_at')
    .whereRaw("decision is distinct from 'rejected'")
    .orderBy('asked_at', 'desc')
    .first();
  return row && toApproval(row);
}

export async function ask(
  tx: Transaction,
  now: Date,
  lapsesAt: Date,
  asking: Asking & { through: string | null },
): Promise<PassApproval> {
  const [row] = await tx<ApprovalRow>('pass_approvals')
    .insert({
      id: randomUUID(),
      user_id: asking.userId,
      asked_by_kind: asking.askedByKind,
      asked_by_id: asking.askedById,
      asked_through: asking.through,
      terms: JSON.stringify(asking.terms),
      asked_at: now,
      lapses_at: lapsesAt,
    } as never)
    .returning('*');
  return toApproval(row!);
}

export async function byId(tx: Transaction, id: string): Promise<PassApproval | undefined> {
  const row = await tx<ApprovalRow>('pass_approvals').where('id', '=', id).first();
  return row && toApproval(row);
}

/** Undefined when it was decided before, or has lapsed. */
export async function decide(
  tx: Transaction,
  now: Date,
  asked: { id: string; decision: Decision; decidedBy: string | null },
): Promise<PassApproval | undefined> {
  const [row] = await tx<ApprovalRow>('pass_approvals')
    .where('id', '=', asked.id)
    .whereNull('decision')
    .where('lapses_at', '>', now)
    .update({ decision: asked.decision, decided_by: asked.decidedBy, decided_at: now })
    .returning('*');
  return row && toApproval(row);
}

/** False when it was used before, or has lapsed, or was never given. */
export async function use(tx: Transaction, now: Date, id: string): Promise<boolean> {
  const count = await tx('pass_approvals')
    .where('id', '=', id)
    .where('decision', '=', 'approved')
    .whereNull('used_at')
    .where('lapses_at', '>', now)
    .update({ used_at: now });
  return count === 1;
}

/** Newest first, after the one with these keys. */
export async function some(
  tx: Transaction,
  after: readonly string[] | undefined,
  most: number,
): Promise<PassApproval[]> {
  const rows = await tx<ApprovalRow>('pass_approvals')
    .modify((query) => {
      if (after) query.whereRaw('(asked_at, id) < (?::timestamptz, ?::uuid)', [after[0]!, after[1]!]);
    })
    .orderBy([
      { column: 'asked_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(most);
  return rows.map(toApproval);
}

/** Deletes requests 30 days after they lapsed; the audit log keeps what became of them. */
export async function purgeLapsed(tx: Transaction, now: Date): Promise<number> {
  return tx('pass_approvals').whereRaw("lapses_at < ?::timestamptz - interval '30 days'", [now]).delete();
}
