import Router from '@koa/router';
import type { Context, Next } from 'koa';
import type { Logger } from 'pino';
import { AppError } from '../../core/errors.ts';
import { approvalRoutes } from './approvals.ts';
import { applicationRoutes } from './applications.ts';
import { auditLogRoutes } from './audit-logs.ts';
import { batchRoutes } from './batch.ts';
import { type GraphParts, markAnswer, type Version } from './api.ts';
import { domainRoutes } from './domains.ts';
import { groupRoutes } from './groups.ts';
import { identityRoutes } from './identities.ts';
import { identityProviderRoutes } from './identity-providers.ts';
import { meRoutes } from './me.ts';
import { methodRoutes } from './methods.ts';
import { passRoutes } from './passes.ts';
import { policyRoutes } from './policies.ts';
import { reportRoutes } from './reports.ts';
import { roleRoutes } from './roles.ts';
import { recordingRefusals } from './refusals.ts';
import { sessionRoutes } from './sessions.ts';
import { userRoutes } from './users.ts';

/** The management API, shaped like Microsoft Graph; one file a resource. */
export function graphRoutes(parts: GraphParts, version: Version, log: Logger): Router {
  const router = new Router({ prefix: `/${version}` });

  router.use(recordingRefusals(parts));
  router.use(async (ctx: Context, next: Next) => {
    markAnswer(ctx);
    const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(ctx.get('authorization'))?.[1];
    const actor = token ? await parts.actorOfToken(token) : undefined;
    if (!actor) {
      ctx.set('www-authenticate', token ? 'Bearer error="invalid_token"' : 'Bearer');
      throw new AppError('unauthenticated', 'A valid access token for this API is needed.');
    }
    ctx.state.actor = actor;
    await next();
  });

  userRoutes(router, parts, version);
  groupRoutes(router, parts, version);
  passRoutes(router, parts, version);
  methodRoutes(router, parts, version);
  policyRoutes(router, parts, version);
  approvalRoutes(router, parts, version);
  roleRoutes(router, parts, version);
  identityProviderRoutes(router, parts, version);
  domainRoutes(router, parts, version);
  identityRoutes(router, parts, version);
  sessionRoutes(router, parts, version);
  meRoutes(router, parts, version);
  auditLogRoutes(router, parts, version);
  applicationRoutes(router, parts, version);
  reportRoutes(router, parts, version);
  batchRoutes(router, parts, version, log);
  return router;
}
