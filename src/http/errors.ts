import type { Context, Next } from 'koa';
import type { Logger } from 'pino';
import { AppError, type ErrorCode } from '../core/errors.ts';
import type { Origin } from '../core/work.ts';

export const statusOf: Readonly<Record<ErrorCode, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  insufficient_authentication: 401,
  forbidden: 403,
  approval_required: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  throttled: 429,
  overloaded: 503,
};

/** What went wrong, as a door shows it: a page, or JSON. */
export interface Failure {
  readonly status: number;
  readonly code: ErrorCode | 'fault' | 'method_not_allowed' | 'failed_dependency';
  /** A sentence safe to show. */
  readonly message: string;
  readonly requestId: string;
  /** With `approval_required`: the request that waits. */
  readonly approvalId?: string | undefined;
}

export function failureOf(error: unknown, requestId: string): Failure {
  if (error instanceof AppError) {
    const { code, message, approvalId } = error;
    return { status: statusOf[code], code, message, requestId, approvalId };
  }
  return { status: 500, code: 'fault', message: 'Something went wrong on our side. It is not your fault.', requestId };
}

/** Catches everything below it; faults go to the log in full, to the person as a reference. */
export function answerErrors(log: Logger, show: (ctx: Context, failure: Failure) => void) {
  return async (ctx: Context, next: Next): Promise<void> => {
    const { requestId } = ctx.state.origin as Origin;
    try {
      await next();
      if (ctx.respond === false) return;
      if (ctx.status === 404 && ctx.body == null) throw new AppError('not_found', 'There is nothing at this address.');
      // 501 is the router's answer to methods that no address has (TRACE, …): no fault of ours.
      if ((ctx.status === 405 || ctx.status === 501) && ctx.body == null) {
        show(ctx, {
          status: 405,
          code: 'method_not_allowed',
          message: 'This address does not take that method.',
          requestId,
        });
      }
    } catch (error) {
      const failure = failureOf(error, requestId);
      const { method, path } = ctx;
      // What is shed is no fault: a flood of it must not be one of stack traces.
      if (failure.code === 'overloaded') log.warn({ requestId, method, path }, `request shed: ${failure.message}`);
      else if (failure.status >= 500) log.error({ err: error, requestId, method, path }, 'request failed');
      ctx.status = failure.status;
      if (error instanceof AppError && error.retryAfterSeconds) ctx.set('retry-after', String(error.retryAfterSeconds));
      if (error instanceof AppError && error.strongWithinSeconds) {
        // RFC 9470: the app sends the person to sign in again, with these two in its request.
        ctx.set(
          'www-authenticate',
          `Bearer error="insufficient_user_authentication", error_description="${error.message}", acr_values="phr", max_age="${error.strongWithinSeconds}"`,
        );
      }
      // What was not read of a refused body is not read at all: the connection ends instead.
      if (!ctx.req.complete) ctx.set('connection', 'close');
      show(ctx, failure);
    }
  };
}
