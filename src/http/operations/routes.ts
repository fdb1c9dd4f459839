import Router from '@koa/router';

export interface Readiness {
  /** Resolves when the database answers, its schema is current and the keys are loaded; otherwise throws. */
  check(): Promise<void>;
}

/** For load balancers and orchestrators: the process is up; it can serve. */
export function operationsRoutes(readiness: Readiness): Router {
  const router = new Router();
  router.get('/healthz', (ctx) => {
    ctx.set('cache-control', 'no-store');
    ctx.body = { status: 'up' };
  });
  router.get('/readyz', async (ctx) => {
    ctx.set('cache-control', 'no-store');
    try {
      await readiness.check();
      ctx.body = { status: 'ready' };
    } catch {
      ctx.status = 503;
      ctx.body = { status: 'not ready' };
    }
  });
  return router;
}
