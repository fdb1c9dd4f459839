import type { MayRecord } from '../core/work.ts';
import { sourceOf } from './throttle.ts';

// Anybody can be refused as often as they like: what is written down of it is bounded, 86,400 rows a day and node at most.
const mostOfOneSource = 10;
const mostInAll = 60;
const windowMs = 60_000;

/** The one budget of a node, for every door: a refused request, a code that is not judged. */
export function boundedRefusals(): MayRecord {
  const budget = refusalBudget();
  return ({ ip }) => budget(sourceOf(ip), Date.now());
}

/**
 * Says whether one more refusal of that source may be recorded, and how many were left out since the last that was:
 * ten of one source and sixty in all a minute, on this node. Holds sixty sources at most.
 */
export function refusalBudget(): (source: string, nowMs: number) => { readonly leftOut: number } | undefined {
  let endsAtMs = 0;
  let inAll = 0;
  let leftOut = 0;
  const ofSource = new Map<string, number>();
  return (source, nowMs) => {
    if (nowMs >= endsAtMs) {
      endsAtMs = nowMs + windowMs;
      inAll = 0;
      ofSource.clear();
    }
    const before = ofSource.get(source) ?? 0;
    if (inAll >= mostInAll || before >= mostOfOneSource) {
      leftOut += 1;
      return undefined;
    }
    inAll += 1;
    ofSource.set(source, before + 1);
    const granted = { leftOut };
    leftOut = 0;
    return granted;
  };
}
