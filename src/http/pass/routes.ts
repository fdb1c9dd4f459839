import Router from '@koa/router';
import { PassLink } from '../../../views/pass/pass.tsx';
import { renderView } from '../../../views/render.ts';
import { signInUrl } from '../own-session.ts';
import type { Show } from '../show.ts';

export interface PassLinkParts {
  readonly issuer: string;
  readonly show: Show;
}

/**
 * Where a hand-over link leads. The same page for everybody: what the link holds is in its fragment, and the page's script
 * takes it into an ordinary sign-in when the person asks for it. Opening the page spends nothing.
 */
export function passLinkRoutes({ issuer, show }: PassLinkParts): Router {
  const router = new Router();
  router.get('/pass', (ctx) => {
    // Asked anew also of whoever is signed in: another user's session must not answer in place of the pass.
    const url = signInUrl(issuer, { prompt: 'login' });
    show.page(ctx, renderView(PassLink, { layout: show.layout, signInUrl: url }));
  });
  return router;
}
