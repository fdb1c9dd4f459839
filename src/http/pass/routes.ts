import Router from '@koa/router';
import type { Context } from 'koa';
import { messages } from '../../../views/messages.ts';
import { PassLink } from '../../../views/pass/pass.tsx';
import { renderView } from '../../../views/render.ts';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin } from '../../core/work.ts';
import { securityInfoClientId } from '../../oidc/built-in-clients.ts';
import * as steps from '../../sign-in/steps.ts';
import { signInUrl } from '../own-session.ts';
import { limits, readForm } from '../parse.ts';
import { problemPage } from '../sign-in/pages.ts';
import type { SignInParts } from '../sign-in/routes.ts';

/**
 * Where a hand-over link leads. The same page for everybody: what the link holds is in its fragment, and the page's script
 * takes it into an ordinary sign-in when the person asks for it. Opening the page spends nothing.
 */
export function passLinkRoutes({ issuer, house, interactions, session, guards, show }: SignInParts): Router {
  const router = new Router();
  // Asked anew also of whoever is signed in: another user's session must not answer in place of the pass.
  const startUrl = () => signInUrl(issuer, { prompt: 'login' });

  router.get('/pass', (ctx) => {
    const { csrf } = guards.browser(ctx);
    show.page(ctx, renderView(PassLink, { layout: show.layout, csrf, signInUrl: startUrl() }));
  });

  // The page's form, for who has the code and no script: the steps that a person takes by hand, in one request. The code goes
  // from its body into the check, because no redirect could carry it on without an address or a cookie that holds it.
  router.post('/pass', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    if (!guards.isKnown(ctx)) return showCookiesBlocked(ctx);
    guards.demandOwnPage(ctx, form.csrf);
    const { username: userName = '', code = '' } = form;
    const visit = await begin(ctx);
    await steps.look(house, visit, securityInfoClientId);
    const method = 'temporary-access-pass';
    await steps.identify(house, visit, { userName, method });
    // Without a name there is nobody to ask it of: the page that comes next says so.
    if (userName.trim() !== '') await steps.answer(house, visit, method, { code });
    guards.renewBrowser(ctx);
    ctx.status = 303;
    ctx.redirect(`/sign-in/${visit.uid}`);
  });

  return router;

  async function begin(ctx: Context): Promise<steps.Visit> {
    const signedIn = await session(ctx);
    const begun = await interactions.begin(ctx.req, new URL(startUrl()));
    if (!begun)
      throw new AppError('conflict', 'The sign-in could not be started. Go back, load the page again and retry.');
    for (const cookie of begun.cookies) ctx.append('set-cookie', cookie);
    const { digest: browser } = guards.browser(ctx);
    const origin = ctx.state.origin as Origin;
    return { actor: anonymous, origin, browser, uid: begun.uid, signedInUserId: signedIn?.accountId ?? null };
  }

  function showCookiesBlocked(ctx: Context): void {
    ctx.status = 403;
    const { requestId: reference } = ctx.state.origin as Origin;
    const way = { kind: 'link', url: '/pass', text: messages.problem.reload } as const;
    show.page(ctx, problemPage(show.layout, 'cookiesBlocked', { way, reference }));
  }
}
