import Router from '@koa/router';
import type { Context } from 'koa';
import { LoggedOut } from '../../../views/oidc/logged-out.tsx';
import { renderView } from '../../../views/render.ts';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin } from '../../core/work.ts';
import { providerKeys } from '../../methods/upstream/manage-providers.ts';
import { receiveLogout, type UpstreamHouse, wayOnAfterSigningOut } from '../../upstream-sessions.ts';
import { statusOf } from '../errors.ts';
import { limits, readForm } from '../parse.ts';
import type { Show } from '../show.ts';

export interface FederationParts {
  readonly upstreams: UpstreamHouse;
  readonly show: Show;
}

/** What a provider asks us, and where it sends a browser that has signed out there. */
export function providerRoutes({ upstreams, show }: FederationParts): Router {
  const router = new Router({ prefix: '/federation/:provider' });

  router.get('/jwks.json', async (ctx) => {
    ctx.state.json = true;
    const keys = await upstreams.run(who(ctx), (work) => providerKeys(work, ctx.params.provider!));
    ctx.set('cache-control', 'public, max-age=300');
    ctx.set('content-type', 'application/jwk-set+json');
    ctx.body = JSON.stringify(keys);
  });

  // OpenID Connect Back-Channel Logout 1.0 §2.5 and §2.8.
  router.post('/backchannel-logout', async (ctx) => {
    ctx.state.json = true;
    ctx.set('cache-control', 'no-store');
    try {
      const { logout_token: token } = await readForm(ctx.req, limits.form);
      if (!token) throw new AppError('invalid_input', 'There is no logout_token.');
      await receiveLogout(upstreams, who(ctx), { providerId: ctx.params.provider!, token });
      ctx.status = 200;
      ctx.body = '';
    } catch (error) {
      if (!(error instanceof AppError) || statusOf[error.code] >= 500) throw error;
      ctx.status = error.code === 'not_found' ? 404 : 400;
      if (!ctx.req.complete) ctx.set('connection', 'close');
      ctx.body = { error: 'invalid_request', error_description: error.message };
    }
  });

  router.get('/signed-out', async (ctx) => {
    const { state } = ctx.query;
    const asked = { providerId: ctx.params.provider!, state: typeof state === 'string' ? state : '' };
    const next = await wayOnAfterSigningOut(upstreams, who(ctx), asked);
    // Too late, or by hand: here it was done before the browser left.
    if (next === undefined) {
      const homeUrl = `${upstreams.issuer}/security-info`;
      return show.page(ctx, renderView(LoggedOut, { layout: show.layout, homeUrl }));
    }
    ctx.status = 303;
    ctx.set('cache-control', 'no-store');
    ctx.redirect(next);
  });

  return router;
}

function who(ctx: Context) {
  return { actor: anonymous, origin: ctx.state.origin as Origin };
}
