import Router from '@koa/router';
import type { Context, Next } from 'koa';
import { z } from 'zod';
import type { Actor } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin, RunWork } from '../../core/work.ts';
import { currentPass, issuePass, revokePass } from '../../methods/temporary-access-pass/manage-passes.ts';
import { readPassSettings } from '../../methods/temporary-access-pass/settings.ts';
import type { Failure } from '../errors.ts';
import { limits, readJson } from '../parse.ts';
import { graphError, passResource } from './resources.ts';

export interface GraphParts {
  readonly issuer: string;
  readonly run: RunWork;
  /** Who a bearer token speaks for; undefined when it is not good. */
  readonly actorOfToken: (token: string) => Promise<Actor | undefined>;
}

// `lenient`: clients send whole objects back, with read-only and @odata properties; those are accepted and ignored.
const newPass = z.looseObject({
  startDateTime: z.iso.datetime({ offset: true }).nullish(),
  lifetimeInMinutes: z.number().nullish(),
  isUsableOnce: z.boolean().nullish(),
  purpose: z.enum(['registration', 'signIn']).nullish(),
  reason: z.string().max(1000).nullish(),
  ticket: z.string().max(200).nullish(),
  verifiedBy: z.enum(['callBack', 'inPerson', 'video', 'manager']).nullish(),
});

/** The same API has two names. */
export const versions = ['v1.0', 'beta'] as const;

/** The management API, shaped like Microsoft Graph: for now the passes of users. */
export function graphRoutes({ issuer, run, actorOfToken }: GraphParts, version: (typeof versions)[number]): Router {
  const router = new Router({ prefix: `/${version}` });
  const passes = '/users/:user/authentication/temporaryAccessPassMethods';

  router.use(async (ctx: Context, next: Next) => {
    ctx.set('cache-control', 'no-store');
    const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(ctx.get('authorization'))?.[1];
    const actor = token ? await actorOfToken(token) : undefined;
    if (!actor) {
      ctx.set('www-authenticate', token ? 'Bearer error="invalid_token"' : 'Bearer');
      throw new AppError('unauthenticated', 'A valid access token for this API is needed.');
    }
    ctx.state.actor = actor;
    await next();
  });

  router.get(passes, async (ctx) => {
    const found = await run(whoOf(ctx), async (work) => ({
      ...(await currentPass(work, ctx.params.user!)),
      now: work.now,
    }));
    const value = found.pass ? [passResource(found.pass, found.settings, found.now, null)] : [];
    ctx.body = { '@odata.context': contextOf(found.user.id), value };
  });

  router.post(passes, async (ctx) => {
    const asked = parseBody(newPass, (await readJson(ctx.req, limits.json)) ?? {});
    const issued = await issuePass(run, whoOf(ctx), {
      user: ctx.params.user!,
      startsAt: asked.startDateTime ? new Date(asked.startDateTime) : undefined,
      lifetimeMinutes: asked.lifetimeInMinutes ?? undefined,
      oneTime: asked.isUsableOnce ?? undefined,
      purpose: asked.purpose ?? undefined,
      reason: asked.reason ?? undefined,
      ticket: asked.ticket ?? undefined,
      verifiedBy: asked.verifiedBy ?? undefined,
    });
    const settings = await run(whoOf(ctx), readPassSettings);
    ctx.status = 201;
    ctx.body = {
      '@odata.context': `${contextOf(issued.user.id)}/$entity`,
      ...passResource(issued.pass, settings, issued.pass.issuedAt, issued.code),
    };
  });

  router.get(`${passes}/:pass`, async (ctx) => {
    const found = await run(whoOf(ctx), async (work) => ({
      ...(await currentPass(work, ctx.params.user!)),
      now: work.now,
    }));
    if (!found.pass || found.pass.id !== ctx.params.pass)
      throw new AppError('not_found', 'This user has no such pass.');
    ctx.body = {
      '@odata.context': `${contextOf(found.user.id)}/$entity`,
      ...passResource(found.pass, found.settings, found.now, null),
    };
  });

  router.delete(`${passes}/:pass`, async (ctx) => {
    await run(whoOf(ctx), (work) => revokePass(work, { user: ctx.params.user!, passId: ctx.params.pass! }));
    ctx.status = 204;
  });

  return router;

  function contextOf(userId: string): string {
    return `${issuer}/${version}/$metadata#users('${userId}')/authentication/temporaryAccessPassMethods`;
  }
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

function whoOf(ctx: Context): { actor: Actor; origin: Origin } {
  return { actor: ctx.state.actor as Actor, origin: ctx.state.origin as Origin };
}

function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new AppError('invalid_input', `${issue.path.join('.') || 'The body'}: ${issue.message}.`);
}
