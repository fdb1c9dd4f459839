import type Router from '@koa/router';
import { AppError } from '../../core/errors.ts';
import { issuePass, ownPass, revokeOwnPass } from '../../methods/temporary-access-pass/manage-passes.ts';
import { readOwnUser } from '../../users/manage-users.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { queryOptions, selecting } from './query.ts';
import { passResource, userProperties, userResource } from './resources.ts';

/** `/me`: the person behind the access token, and their own pass to see and to end. */
export function meRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;
  const passes = '/me/authentication/temporaryAccessPassMethods';

  router.get('/me', async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
    const user = await run(whoOf(ctx), readOwnUser);
    ctx.body = {
      '@odata.context': `${root}/$metadata#users${select.context}/$entity`,
      ...select.cut(userResource(user)),
    };
  });

  router.get(passes, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, resource } = await own(whoOf(ctx));
    ctx.body = { '@odata.context': contextOf(user.id), value: resource ? [resource] : [] };
  });

  router.get(`${passes}/:pass`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, resource } = await own(whoOf(ctx));
    if (!resource || resource.id !== ctx.params.pass) throw new AppError('not_found', 'You have no such pass.');
    ctx.body = { '@odata.context': `${contextOf(user.id)}/$entity`, ...resource };
  });

  // Always refused, and recorded; a 405 would only say that the address is wrong.
  router.post(passes, async (ctx) => {
    const who = whoOf(ctx);
    const user = await run(who, readOwnUser);
    await issuePass(run, who, { user: user.id });
  });

  router.delete(`${passes}/:pass`, async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => revokeOwnPass(work, ctx.params.pass!));
    ctx.status = 204;
  });

  function own(who: ReturnType<typeof whoOf>) {
    return run(who, async (work) => {
      const { user, pass, settings } = await ownPass(work);
      return { user, resource: pass && passResource(pass, settings, work.now, null) };
    });
  }

  function contextOf(userId: string): string {
    return `${root}/$metadata#users('${userId}')/authentication/temporaryAccessPassMethods`;
  }
}
