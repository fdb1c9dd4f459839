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
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseBody, type Version, whoOf } from './api.ts';
import { queryOptions } from './query.ts';
import { endedPassResource, issuedPassResource, passResource } from './resources.ts';

// Clients send whole objects back, with read-only and @odata properties; those are accepted and ignored.
const newPass = z.looseObject({
  startDateTime: z.iso.datetime({ offset: true }).nullish(),
  lifetimeInMinutes: z.number().nullish(),
  isUsableOnce: z.boolean().nullish(),
  purpose: z.enum(['registration', 'signIn']).nullish(),
  reason: z.string().max(1000).nullish(),
  ticket: z.string().max(200).nullish(),
  verifiedBy: z.enum(waysToVerify).nullish(),
});

const extension = z.looseObject({ lifetimeInMinutes: z.number() });

/** `temporaryAccessPassMethods` of a user: there is one at most. What became of earlier ones is in `passHistory`. */
export function passRoutes(router: Router, { issuer, run, issuingLimit }: GraphParts, version: Version): void {
  const passes = '/users/:user/authentication/temporaryAccessPassMethods';
  const history = '/users/:user/authentication/passHistory';

  router.get(passes, async (ctx) => {
    queryOptions(ctx, version, []);
    const found = await run(whoOf(ctx), async (work) => ({
      ...(await currentPass(work, ctx.params.user!)),
      now: work.now,
    }));
    const value = found.pass ? [passResource(found.pass, found.settings, found.now, null)] : [];
    ctx.body = { '@odata.context': contextOf(found.user.id), value };
  });

  router.post(passes, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseBody(newPass, (await readJson(ctx.req, limits.json)) ?? {});
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
    ctx.status = 201;
    ctx.body = {
      '@odata.context': `${contextOf(issued.user.id)}/$entity`,
      ...issuedPassResource(issued, issuer),
    };
  });

  router.get(`${passes}/:pass`, async (ctx) => {
    queryOptions(ctx, version, []);
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

  router.post(`${passes}/:pass/extend`, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseBody(extension, (await readJson(ctx.req, limits.json)) ?? {});
    const found = await run(whoOf(ctx), async (work) => ({
      ...(await extendPass(work, {
        user: ctx.params.user!,
        passId: ctx.params.pass!,
        lifetimeMinutes: asked.lifetimeInMinutes,
      })),
      now: work.now,
    }));
    ctx.body = {
      '@odata.context': `${contextOf(found.user.id)}/$entity`,
      ...passResource(found.pass, found.settings, found.now, null),
    };
  });

  router.get(history, async (ctx) => {
    queryOptions(ctx, version, []);
    const found = await run(whoOf(ctx), (work) => passHistory(work, ctx.params.user!));
    ctx.body = {
      '@odata.context': contextOf(found.user.id, 'passHistory'),
      value: found.passes.map(({ pass, end }) => endedPassResource(pass, end)),
    };
  });

  router.delete(`${passes}/:pass`, async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => revokePass(work, { user: ctx.params.user!, passId: ctx.params.pass! }));
    ctx.status = 204;
  });

  function contextOf(userId: string, of = 'temporaryAccessPassMethods'): string {
    return `${issuer}/${version}/$metadata#users('${userId}')/authentication/${of}`;
  }
}
