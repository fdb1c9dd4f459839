import type Router from '@koa/router';
import { z } from 'zod';
import { revokeOwnSessions, revokeSessions } from '../../sessions/manage-sessions.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { endpoints, ok } from './endpoint.ts';
import { contextShape } from './shape.ts';

const doneShape = z.strictObject({ '@odata.context': contextShape, value: z.literal(true) });

/** `revokeSignInSessions`: sign out everywhere, at once. It takes no body, and one that is sent is not looked at. */
export function sessionRoutes(router: Router, { issuer, run, methods }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Sessions');
  const done: z.output<typeof doneShape> = {
    '@odata.context': `${issuer}/${version}/$metadata#Edm.Boolean`,
    value: true,
  };

  route.post(
    '/users/:user/revokeSignInSessions',
    { summary: 'Sign a user out everywhere', opens: ['sessions.revoke'], answer: ok(doneShape) },
    async (ctx) => {
      await run(whoOf(ctx), (work) => revokeSessions(work, { user: ctx.params.user!, methods }));
      return done;
    },
  );

  route.post(
    '/me/revokeSignInSessions',
    { summary: 'Sign oneself out everywhere', opens: ['own sessions.revoke'], answer: ok(doneShape) },
    async (ctx) => {
      await run(whoOf(ctx), (work) => revokeOwnSessions(work, methods));
      return done;
    },
  );
}
