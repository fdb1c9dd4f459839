import type { RouterContext } from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Actor } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import { isStorable, nameAmong } from '../../core/text.ts';
import type { MayRecord, Origin, RunWork } from '../../core/work.ts';
import type { MethodRegistry } from '../../methods/method.ts';
import type { Limit } from '../../throttle/throttle.ts';
import type { Failure } from '../errors.ts';
import { graphError } from './resources.ts';

/** What every resource of the management API works with. */
export interface GraphParts {
  readonly issuer: string;
  readonly run: RunWork;
  readonly methods: MethodRegistry;
  /** Who a bearer token speaks for; undefined when it is not good. */
  readonly actorOfToken: (token: string) => Promise<Actor | undefined>;
  /** Asked before a refusal is written down. */
  readonly mayRecord: MayRecord;
  /** Passes that one person issues. */
  readonly issuingLimit: Limit;
  /** A refusal that could not be recorded. */
  readonly onFault: (error: unknown) => void;
}

/** The same API has two names. */
export const versions = ['v1.0', 'beta'] as const;

export type Version = (typeof versions)[number];

export function whoOf(ctx: Context): { actor: Actor; origin: Origin } {
  const actor = ctx.state.actor as Actor | undefined;
  if (!actor) throw new AppError('unauthenticated', 'A valid access token for this API is needed.');
  return { actor, origin: originOf(ctx) };
}

/** Where a request came from, and what it asked for: the pattern of its path, for a path may hold anything. */
export function originOf(ctx: Context): Origin {
  const { _matchedRoute: route, params } = ctx as RouterContext;
  const what = `${ctx.method} ${typeof route === 'string' ? route : '(no such address)'}`;
  return { ...(ctx.state.origin as Origin), asked: { what, user: params?.user } };
}

/** Fails with `invalid_input`, which names what is wrong; a property in the wrong case is told how it is written. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  if (schema instanceof z.ZodObject && typeof body === 'object' && body !== null) {
    const names = Object.keys(schema.shape);
    for (const written of Object.keys(body)) {
      const name = nameAmong(names, written);
      if (name === undefined || name === written) continue;
      throw new AppError('invalid_input', `${written}: this property is written ${name}.`);
    }
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new AppError('invalid_input', `${issue.path.join('.') || 'The body'}: ${issue.message}.`);
}

/**
 * What a client sends of an object: every property is known, or the answer names those that are not. `@odata.*` and the
 * read-only ones come along when a client sends back what it read; they are left out.
 */
export function parseProperties<Schema extends z.ZodType>(
  schema: Schema,
  readOnly: readonly string[],
  body: unknown,
): z.output<Schema> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_input', 'The body must be a JSON object.');
  }
  const sent = Object.entries(body).filter(([name]) => !name.startsWith('@odata.') && !readOnly.includes(name));
  return parseBody(schema, Object.fromEntries(sent));
}

/** What `$ref` takes: `{"@odata.id": "…/users/{id}"}`, with any address before it, as Graph's own scripts write theirs. */
export function referredUser(body: unknown): string {
  const reference = (body as { '@odata.id'?: unknown } | null | undefined)?.['@odata.id'];
  const path = typeof reference === 'string' ? decodedPath(reference) : undefined;
  const match = path && /\/(?:users|directoryObjects)(?:\/([^/]+)|\('([^/]+)'\))$/i.exec(path);
  if (!match) {
    throw new AppError(
      'invalid_input',
      '@odata.id must be the address of a user: …/users/{id} or …/directoryObjects/{id}.',
    );
  }
  return match[1] ?? match[2]!.replaceAll("''", "'");
}

function decodedPath(address: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(address).pathname);
    // What was percent-encoded was not seen when the body was read.
    return isStorable(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

const graphCodes: Readonly<Record<Failure['code'], string>> = {
  invalid_input: 'badRequest',
  unauthenticated: 'InvalidAuthenticationToken',
  insufficient_authentication: 'insufficient_user_authentication',
  forbidden: 'accessDenied',
  approval_required: 'approvalRequired',
  not_found: 'itemNotFound',
  conflict: 'conflict',
  too_large: 'requestEntityTooLarge',
  unsupported_media_type: 'unsupportedMediaType',
  throttled: 'TooManyRequests',
  overloaded: 'serviceNotAvailable',
  method_not_allowed: 'methodNotAllowed',
  failed_dependency: 'failedDependency',
  fault: 'generalException',
};

/** What `error.code` can be. */
export const errorCodes: readonly string[] = [...new Set(Object.values(graphCodes))];

/** What every answer of the API says of itself: that nobody keeps it, and by which ids it is found again in logs. */
export function markAnswer(ctx: Context): void {
  const { requestId } = ctx.state.origin as Origin;
  ctx.set('cache-control', 'no-store');
  ctx.set('request-id', requestId);
  ctx.set('client-request-id', clientRequestId(ctx) || requestId);
}

/** Every refusal on the API's paths, the framework's own included, in Graph's envelope. */
export function showGraphFailure(ctx: Context, failure: Failure): void {
  ctx.status = failure.status;
  markAnswer(ctx);
  ctx.body = graphError({ ...failure, code: graphCodes[failure.code] }, clientRequestId(ctx), new Date());
}

/** The caller's own name for its request; empty when it has none. Headers take no more than visible characters back. */
function clientRequestId(ctx: Context): string {
  return ctx
    .get('client-request-id')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .slice(0, 64)
    .trim();
}
