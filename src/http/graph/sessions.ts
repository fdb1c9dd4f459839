import type Router from '@koa/router';
import { revokeOwnSessions, revokeSessions } from '../../sessions/manage-sessions.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { queryOptions } from './query.ts';

/** `revokeSignInSessions`: sign out everywhere, at once. It takes no body, and one that is sent is not looked at. */
export function sessionRoutes(router: Router, { issuer, run, methods }: GraphParts, version: Version): void {
  const done = { '@odata.context': `${issuer}/${version}/$metadata#Edm.Boolean`, value: true };

  router.post('/users/:user/revokeSignInSessions', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => revokeSessions(work, { user: ctx.params.user!, methods }));
    ctx.body = done;
  });

  router.post('/me/revokeSignInSessions', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => revokeOwnSessions(work, methods));
    ctx.body = done;
  });
}
