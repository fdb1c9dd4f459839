import type { Context } from 'koa';
import type { z } from 'zod';
import type { Actor } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin, RunWork } from '../../core/work.ts';
import type { Failure } from '../errors.ts';
import { graphError } from './resources.ts';

/** What every resource of the management API works with. */
export interface GraphParts {
  readonly issuer: string;
  readonly run: RunWork;
  /** Who a bearer token speaks for; undefined when it is not good. */
  readonly actorOfToken: (token: string) => Promise<Actor | undefined>;
}

/** The same API has two names. */
export const versions = ['v1.0', 'beta'] as const;

export type Version = (typeof versions)[number];

export function whoOf(ctx: Context): { actor: Actor; origin: Origin } {
  return { actor: ctx.state.actor as Actor, origin: ctx.state.origin as Origin };
}

export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new AppError('invalid_input', `${issue.path.join('.') || 'The body'}: ${issue.message}.`);
}

const graphCodes: Readonly<Record<Failure['code'], string>> = {
  invalid_input: 'badRequest',
  unauthenticated: 'InvalidAuthenticationToken',
  forbidden: 'accessDenied',
  not_found: 'itemNotFound',
  conflict: 'conflict',
  too_large: 'requestEntityTooLarge',
  unsupported_media_type: 'unsupportedMediaType',
  throttled: 'TooManyRequests',
  overloaded: 'serviceNotAvailable',
  method_not_allowed: 'methodNotAllowed',
  fault: 'generalException',
};

/** Every refusal on the API's paths, the framework's own included, in Graph's envelope. */
export function showGraphFailure(ctx: Context, failure: Failure): void {
  ctx.status = failure.status;
  ctx.set('cache-control', 'no-store');
  ctx.set('request-id', failure.requestId);
  ctx.body = graphError(
    graphCodes[failure.code],
    failure.message,
    failure.requestId,
    ctx.get('client-request-id').slice(0, 64),
    new Date(),
  );
}
