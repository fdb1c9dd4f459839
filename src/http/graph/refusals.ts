import type { Context, Next } from 'koa';
import { anonymous, type Actor } from '../../core/actor.ts';
import { refusalOf } from '../../core/audit-event.ts';
import { AppError } from '../../core/errors.ts';
import { type GraphParts, originOf } from './api.ts';

/** Records what is refused before any work began: no token, a bad one, a body that cannot be read. */
export function recordingRefusals({ run, mayRecord, onFault }: GraphParts) {
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
    } catch (error) {
      if (error instanceof AppError && !error.recorded) {
        const origin = originOf(ctx);
        const granted = mayRecord(origin);
        if (granted) {
          const refusal = refusalOf(error, origin, granted.leftOut);
          const actor = (ctx.state.actor as Actor | undefined) ?? anonymous;
          await run({ actor, origin }, async (work) => work.record(refusal)).catch(onFault);
        }
      }
      throw error;
    }
  };
}
