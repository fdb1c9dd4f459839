import type Router from '@koa/router';
import { AppError } from '../../core/errors.ts';
import { issuePass, ownPass, revokeOwnPass } from '../../methods/temporary-access-pass/manage-passes.ts';
import { readOwnUser } from '../../users/manage-users.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok } from './endpoint.ts';
import { selecting } from './query.ts';
import {
  issuedPassResource,
  issuedPassShape,
  passResource,
  passShape,
  userProperties,
  userResource,
  userShape,
} from './resources.ts';
import { entity, listOf, selected } from './shape.ts';

/** `/me`: the person behind the access token, and their own pass to see and to end. */
export function meRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Me');
  const root = `${issuer}/${version}`;
  const passes = '/me/authentication/temporaryAccessPassMethods';

  route.get(
    '/me',
    {
      summary: 'Read who one is',
      opens: ['own users.read'],
      query: ['$select'],
      answer: ok(entity(selected(userShape))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
      const user = await run(whoOf(ctx), readOwnUser);
      return {
        '@odata.context': `${root}/$metadata#users${select.context}/$entity`,
        ...select.cut(userResource(user)),
      };
    },
  );

  route.get(
    passes,
    {
      summary: 'Read one’s own pass, in a list of one at most',
      opens: ['own passes.read'],
      answer: ok(listOf(passShape)),
    },
    async (ctx) => {
      const { user, resource } = await own(whoOf(ctx));
      return { '@odata.context': contextOf(user.id), value: resource ? [resource] : [] };
    },
  );

  route.get(
    `${passes}/:pass`,
    { summary: 'Read one’s own pass', opens: ['own passes.read'], answer: ok(entity(passShape)) },
    async (ctx) => {
      const { user, resource } = await own(whoOf(ctx));
      if (!resource || resource.id !== ctx.params.pass) throw new AppError('not_found', 'You have no such pass.');
      return { '@odata.context': `${contextOf(user.id)}/$entity`, ...resource };
    },
  );

  // Always refused, and recorded; a 405 would only say that the address is wrong.
  route.post(
    passes,
    {
      summary: 'Refused to everybody: nobody issues a pass for themselves',
      opens: ['own users.read', 'passes.write'],
      answer: created(entity(issuedPassShape)),
    },
    async (ctx) => {
      const who = whoOf(ctx);
      const user = await run(who, readOwnUser);
      const issued = await issuePass(run, who, { user: user.id });
      return { '@odata.context': `${contextOf(user.id)}/$entity`, ...issuedPassResource(issued, issuer) };
    },
  );

  route.delete(
    `${passes}/:pass`,
    { summary: 'End one’s own pass', opens: ['own passes.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => revokeOwnPass(work, ctx.params.pass!));
    },
  );

  function own(who: ReturnType<typeof whoOf>) {
    return run(who, async (work) => {
      const { user, pass, settings } = await ownPass(work);
      return { user, resource: pass && passResource(pass, settings, work.now) };
    });
  }

  function contextOf(userId: string): string {
    return `${root}/$metadata#users('${userId}')/authentication/temporaryAccessPassMethods`;
  }
}
