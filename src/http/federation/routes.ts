import Router from '@koa/router';
import type { Context } from 'koa';
import { messages } from '../../../views/messages.ts';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import { takeCeremony } from '../../methods/upstream/ceremonies.ts';
import type { Returned } from '../../methods/upstream/upstream-method.ts';
import { linkReturned } from '../../own-identities.ts';
import * as steps from '../../sign-in/steps.ts';
import { saidOf } from '../security-info/link-routes.ts';
import type { SecurityInfoParts } from '../security-info/routes.ts';
import { problemPage } from '../sign-in/pages.ts';
import { originOf, type SignInParts } from '../sign-in/routes.ts';

/** What a link takes that comes back. */
export type LinkParts = Pick<SecurityInfoParts, 'methods' | 'upstreams' | 'sessions'>;

/**
 * Where browsers come back from other providers: an address for each, so that none can answer for another. What comes back belongs
 * to the browser that was sent there, once; with anything else nothing is done.
 */
export function federationRoutes(parts: SignInParts, { methods, upstreams, sessions }: LinkParts): Router {
  const { issuer, house, session, guards, show } = parts;
  const router = new Router({ prefix: '/federation' });

  router.get('/:provider/callback', async (ctx) => {
    if (!guards.isKnown(ctx)) return showUnknown(ctx);
    const { digest: browser } = guards.browser(ctx);
    const who = { actor: anonymous, origin: originOf(ctx) };
    const callbackUrl = new URL(ctx.url, issuer);
    const state = callbackUrl.searchParams.get('state') ?? '';
    const asked = { state, browser, providerId: ctx.params.provider! };
    const taken = await house.run(who, (work) => takeCeremony(work, asked));
    if (!taken) return showUnknown(ctx);
    if (taken.to.purpose === 'link') return linked(ctx, { taken, callbackUrl });
    const { uid } = taken.to;
    const signedInUserId = (await session(ctx))?.accountId ?? null;
    const returned: Returned = { taken, callbackUrl };
    await steps.answer(house, { ...who, browser, uid, signedInUserId }, 'upstream', returned);
    ctx.status = 303;
    ctx.redirect(`/sign-in/${uid}`);
  });

  return router;

  /** A link is finished by the session that began it, and by no other. */
  async function linked(ctx: Context, returned: Returned): Promise<void> {
    try {
      const owner = await sessions.owner(ctx);
      const from = { owner, origin: originOf(ctx) };
      const said = saidOf(await linkReturned({ ...upstreams, methods }, from, returned));
      ctx.status = 303;
      ctx.redirect(`/security-info?${new URLSearchParams(said).toString()}`);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'unauthenticated')) throw error;
      showUnknown(ctx);
    }
  }

  function showUnknown(ctx: Context): void {
    ctx.status = 410;
    const { requestId: reference } = originOf(ctx);
    const way = { kind: 'link', url: '/security-info', text: messages.problem.home } as const;
    show.page(ctx, problemPage(show.layout, 'returnUnknown', { way, reference }));
  }
}
