import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import type { EnrollableMethod, Enrolled, Enrolment, NotEnrolled } from './method.ts';

/** What belongs together, as it was read and checked: the three lists have the same order. */
export interface Together {
  readonly parts: readonly EnrollableMethod[];
  readonly candidates: readonly unknown[];
  readonly proofs: readonly unknown[];
}

/** Keeps all of it, or nothing. Fails with `conflict` when one half was kept elsewhere meanwhile. */
export async function keepTogether(
  work: Work,
  enrolment: Enrolment,
  { parts, candidates, proofs }: Together,
): Promise<Enrolled[] | { readonly reason: NotEnrolled }> {
  // What is refused commits, so nothing is kept before every part has proved what it must.
  const order = [...parts.keys()].sort((a, b) => Number(proofs[a] !== null) - Number(proofs[b] !== null));
  const kept: Enrolled[] = [];
  for (const index of order) {
    const verdict = await parts[index]!.keepEnrolment(work, enrolment, candidates[index], proofs[index] ?? null);
    if (verdict.enrolled) kept[index] = verdict.credential;
    else if (kept.length === 0) return { reason: verdict.reason };
    // Something was kept already and must not stay without its other half.
    else throw new AppError('conflict', 'This was registered elsewhere meanwhile. Load the page again.');
  }
  return kept;
}
