import Router from '@koa/router';
import type { Context } from 'koa';
import type { Logger } from 'pino';
import type { MayRecord, Origin } from '../core/work.ts';
import type { Guards } from './guards.ts';
import { limits, readJson } from './parse.ts';

export interface PasskeyFaultParts {
  readonly guards: Guards;
  readonly mayRecord: MayRecord;
  readonly log: Logger;
}

/**
 * Told by a page of ours where the browser would not use passkeys because of the address it was opened at (SecurityError): no person
 * can do anything about that. The reference that they read is that of the line in the log; none where too many are told.
 */
export function passkeyFaultRoutes({ guards, mayRecord, log }: PasskeyFaultParts): Router {
  const router = new Router();
  router.post('/passkey-fault', async (ctx: Context) => {
    ctx.state.json = true;
    await readJson(ctx.req, limits.json);
    guards.demandOwnPage(ctx, ctx.get('x-csrf'));
    const { requestId, ...rest } = ctx.state.origin as Origin;
    const granted = mayRecord({ requestId, ...rest });
    if (!granted) {
      ctx.body = {};
      return;
    }
    const host = ctx.get('host').slice(0, 254);
    log.error(
      { requestId, host, leftOutBefore: granted.leftOut },
      'a browser refuses passkeys at this address: it is not the one of LATCHKEY_ISSUER',
    );
    ctx.body = { reference: requestId };
  });
  return router;
}
