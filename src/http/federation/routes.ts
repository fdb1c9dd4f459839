import Router from '@koa/router';
import type { Context } from 'koa';
import { messages } from '../../../views/messages.ts';
import { anonymous } from '../../core/actor.ts';
import { takeCeremony } from '../../methods/upstream/ceremonies.ts';
import type { Returned } from '../../methods/upstream/upstream-method.ts';
import * as steps from '../../sign-in/steps.ts';
import { problemPage } from '../sign-in/pages.ts';
import { originOf, type SignInParts } from '../sign-in/routes.ts';

/**
 * Where browsers come back from other providers: an address for each, so that none can answer for another. What comes back belongs
 * to the browser that was sent there, once; with anything else nothing is done.
 */
export function federationRoutes({ issuer, house, session, guards, show }: SignInParts): Router {
  const router = new Router({ prefix: '/federation' });

  router.get('/:provider/callback', async (ctx) => {
    if (!guards.isKnown(ctx)) return showUnknown(ctx);
    const { digest: browser } = guards.browser(ctx);
    const who = { actor: anonymous, origin: originOf(ctx) };
    const callbackUrl = new URL(ctx.url, issuer);
    const state = callbackUrl.searchParams.get('state') ?? '';
    const asked = { state, browser, providerId: ctx.params.provider! };
    const taken = await house.run(who, (work) => takeCeremony(work, asked));
    if (taken?.to.purpose !== 'sign-in') return showUnknown(ctx);
    const { uid } = taken.to;
    const signedInUserId = (await session(ctx))?.accountId ?? null;
    const returned: Returned = { taken, callbackUrl };
    await steps.answer(house, { ...who, browser, uid, signedInUserId }, 'upstream', returned);
    ctx.status = 303;
    ctx.redirect(`/sign-in/${uid}`);
  });

  return router;

  function showUnknown(ctx: Context): void {
    ctx.status = 410;
    const { requestId: reference } = originOf(ctx);
    const way = { kind: 'link', url: '/security-info', text: messages.problem.home } as const;
    show.page(ctx, problemPage(show.layout, 'returnUnknown', { way, reference }));
  }
}
