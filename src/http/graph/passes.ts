import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import {
  currentPass,
  extendPass,
  issuePassOnce,
  passHistory,
  revokePass,
} from '../../methods/temporary-access-pass/manage-passes.ts';
import { waysToVerify } from '../../methods/temporary-access-pass/pass.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, optionalProperties } from './endpoint.ts';
import { idempotencyKey, markReplayed } from './made-once.ts';
import {
  endedPassResource,
  endedPassShape,
  issuedPassResource,
  issuedPassShape,
  passResource,
  passShape,
} from './resources.ts';
import { entity, listOf } from './shape.ts';

const newPass = z
  .strictObject({
    startDateTime: z.iso.datetime({ offset: true }).nullish(),
    lifetimeInMinutes: z.number().nullish(),
    isUsableOnce: z.boolean().nullish(),
    purpose: z.enum(['registration', 'signIn']).nullish(),
    reason: z.string().max(1000).nullish(),
    ticket: z.string().max(200).nullish(),
    verifiedBy: z.enum(waysToVerify).nullish(),
    deliverTo: z.literal('issuer', 'can only be issuer: passes are not delivered to managers by this API').nullish(),
  })
  .meta({ examples: [{}, { lifetimeInMinutes: 60, isUsableOnce: true, reason: 'first day', ticket: 'INC-1234' }] });

const extension = z.strictObject({ lifetimeInMinutes: z.number() });

/** Of a pass that was read, and is sent back as it is. A code that the caller chose is none. */
const readOnly = [
  'id',
  'temporaryAccessPass',
  'createdDateTime',
  'lastUsedDateTime',
  'isUsable',
  'methodUsabilityReason',
  'state',
  'createdBy',
  'usedDateTime',
  'handoverUrl',
];

const whatSays = ['startDateTime', 'isUsableOnce', 'purpose', 'reason', 'ticket'];

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
      body: optionalProperties(newPass, readOnly),
      repeatable: true,
      answer: created(z.union([entity(issuedPassShape), entity(passShape)])),
    },
    async (ctx, { body: asked, sent: body }) => {
      const issued = await issuePassOnce(
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
        { key: idempotencyKey(ctx), body },
        issuingLimit,
      );
      const context = { '@odata.context': `${contextOf(issued.user.id)}/$entity` };
      if ('code' in issued) return { ...context, ...issuedPassResource(issued, issuer) };
      markReplayed(ctx);
      return { ...context, ...passResource(issued.pass, issued.settings, issued.now) };
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
      body: optionalProperties(extension, [...readOnly, ...whatSays]),
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
