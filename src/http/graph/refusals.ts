import type { Context, Next } from 'koa';
import { anonymous, type Actor } from '../../core/actor.ts';
import { refusalOf } from '../../core/audit-event.ts';
import { AppError } from '../../core/errors.ts';
import { sourceOf } from '../../throttle/throttle.ts';
import { type GraphParts, originOf } from './api.ts';

// Anybody can be refused as often as they like: what is written down of it is bounded, 86,400 rows a day and node at most.
const mostOfOneSource = 10;
const mostInAll = 60;
const windowMs = 60_000;

/** Records what is refused before any work began: no token, a bad one, a body that cannot be read. */
export function recordingRefusals({ run, onFault }: GraphParts) {
  const budget = refusalBudget();
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
    } catch (error) {
      if (error instanceof AppError && !error.recorded) {
        const origin = originOf(ctx);
        const granted = budget(sourceOf(origin.ip), Date.now());
        if (granted) {
          const refusal = refusalOf(error, origin);
          const details = { ...refusal.details, ...(granted.leftOut > 0 && { leftOutBefore: granted.leftOut }) };
          const actor = (ctx.state.actor as Actor | undefined) ?? anonymous;
          await run({ actor, origin }, async (work) => work.record({ ...refusal, details })).catch(onFault);
        }
      }
      throw error;
    }
  };
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
