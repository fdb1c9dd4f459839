import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import {
  currentPass,
  extendPass,
  issuePass,
  passHistory,
  revokePass,
} from '../../methods/temporary-access-pass/manage-passes.ts';
import { waysToVerify } from '../../methods/temporary-access-pass/pass.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, optional } from './endpoint.ts';
import {
  endedPassResource,
  endedPassShape,
  issuedPassResource,
  issuedPassShape,
  passResource,
  passShape,
} from './resources.ts';
import { entity, listOf } from './shape.ts';

// Clients send whole objects back, with read-only and @odata properties; those are accepted and ignored.
const newPass = z
  .looseObject({
    startDateTime: z.iso.datetime({ offset: true }).nullish(),
    lifetimeInMinutes: z.number().nullish(),
    isUsableOnce: z.boolean().nullish(),
    purpose: z.enum(['registration', 'signIn']).nullish(),
    reason: z.string().max(1000).nullish(),
    ticket: z.string().max(200).nullish(),
    verifiedBy: z.enum(waysToVerify).nullish(),
  })
  .meta({ examples: [{}, { lifetimeInMinutes: 60, isUsableOnce: true, reason: 'first day', ticket: 'INC-1234' }] });

const extension = z.looseObject({ lifetimeInMinutes: z.number() });

/** `temporaryAccessPassMethods` of a user: there is one at most. What became of earlier ones is in `passHistory`. */
export function passRoutes(router: Router, { issuer, run, issuingLimit }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Temporary Access Passes');
  const passes = '/users/:user/authentication/temporaryAccessPassMethods';
  const history = '/users/:user/authentication/passHistory';

  route.get(
    passes,
    { summary: 'Read a user’s pass, in a list of one at most', opens: ['passes.read'], answer: ok(listOf(passShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), async (work) => ({
        ...(await currentPass(work, ctx.params.user!)),
        now: work.now,
      }));
      const value = found.pass ? [passResource(found.pass, found.settings, found.now)] : [];
      return { '@odata.context': contextOf(found.user.id), value };
    },
  );

  route.post(
    passes,
    {
      summary: 'Issue a pass; the one before ends',
      opens: ['passes.write'],
      body: optional(newPass),
      answer: created(entity(issuedPassShape)),
    },
    async (ctx, { body: asked }) => {
      const issued = await issuePass(
        run,
        whoOf(ctx),
        {
          user: ctx.params.user!,
          startsAt: asked.startDateTime ? new Date(asked.startDateTime) : undefined,
          lifetimeMinutes: asked.lifetimeInMinutes ?? undefined,
          oneTime: asked.isUsableOnce ?? undefined,
          purpose: asked.purpose ?? undefined,
          reason: asked.reason ?? undefined,
          ticket: asked.ticket ?? undefined,
          verifiedBy: asked.verifiedBy ?? undefined,
        },
        issuingLimit,
      );
      return {
        '@odata.context': `${contextOf(issued.user.id)}/$entity`,
        ...issuedPassResource(issued, issuer),
      };
    },
  );

  route.get(
    `${passes}/:pass`,
    { summary: 'Read a pass', opens: ['passes.read'], answer: ok(entity(passShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), async (work) => ({
        ...(await currentPass(work, ctx.params.user!)),
        now: work.now,
      }));
      if (!found.pass || found.pass.id !== ctx.params.pass)
        throw new AppError('not_found', 'This user has no such pass.');
      return {
        '@odata.context': `${contextOf(found.user.id)}/$entity`,
        ...passResource(found.pass, found.settings, found.now),
      };
    },
  );

  route.post(
    `${passes}/:pass/extend`,
    {
      summary: 'Make a pass last longer',
      opens: ['passes.write'],
      body: optional(extension),
      answer: ok(entity(passShape)),
    },
    async (ctx, { body: asked }) => {
      const found = await run(whoOf(ctx), async (work) => ({
        ...(await extendPass(work, {
          user: ctx.params.user!,
          passId: ctx.params.pass!,
          lifetimeMinutes: asked.lifetimeInMinutes,
        })),
        now: work.now,
      }));
      return {
        '@odata.context': `${contextOf(found.user.id)}/$entity`,
        ...passResource(found.pass, found.settings, found.now),
      };
    },
  );

  route.get(
    history,
    { summary: 'List the passes of a user that ended', opens: ['passes.read'], answer: ok(listOf(endedPassShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), (work) => passHistory(work, ctx.params.user!));
      return {
        '@odata.context': contextOf(found.user.id, 'passHistory'),
        value: found.passes.map(({ pass, end }) => endedPassResource(pass, end)),
      };
    },
  );

  route.delete(
    `${passes}/:pass`,
    { summary: 'Revoke a pass', opens: ['passes.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => revokePass(work, { user: ctx.params.user!, passId: ctx.params.pass! }));
    },
  );

  function contextOf(userId: string, of = 'temporaryAccessPassMethods'): string {
    return `${issuer}/${version}/$metadata#users('${userId}')/authentication/${of}`;
  }
}
