import Router from '@koa/router';
import type { Context } from 'koa';
import { messages } from '../../../views/messages.ts';
import { NotMe } from '../../../views/not-me/not-me.tsx';
import { Stopped } from '../../../views/not-me/stopped.tsx';
import { renderView } from '../../../views/render.ts';
import { contain } from '../../containment.ts';
import { anonymous } from '../../core/actor.ts';
import { utcMinute } from '../../core/time.ts';
import type { Origin, RunWork, Work } from '../../core/work.ts';
import type { MethodRegistry } from '../../methods/method.ts';
import { readLink } from '../../notices/links.ts';
import type { Guards } from '../guards.ts';
import { limits, readForm } from '../parse.ts';
import type { Show } from '../show.ts';
import { problemPage } from '../sign-in/pages.ts';

export interface NotMeParts {
  readonly run: RunWork;
  readonly methods: MethodRegistry;
  readonly guards: Guards;
  readonly show: Show;
}

/**
 * Where the link of a notice leads. Mail scanners follow links: looking changes nothing, the button acts. The token stands in the
 * query, which is never logged, for the page has to work without script.
 */
export function notMeRoutes({ run, methods, guards, show }: NotMeParts): Router {
  const router = new Router();
  const as = <T>(ctx: Context, body: (work: Work) => Promise<T>): Promise<T> =>
    run({ actor: anonymous, origin: ctx.state.origin as Origin }, body);

  router.get('/not-me', async (ctx) => {
    const token = String(ctx.query.token ?? '');
    const link = await as(ctx, (work) => readLink(work, token));
    switch (link.kind) {
      case 'open': {
        const { csrf } = guards.browser(ctx);
        const { userPrincipalName: user, since } = link;
        return show.page(ctx, renderView(NotMe, { layout: show.layout, csrf, token, user, at: utcMinute(since) }));
      }
      case 'used': {
        const already = ctx.query.said === 'already';
        return show.page(ctx, renderView(Stopped, { layout: show.layout, at: utcMinute(link.usedAt), already }));
      }
      case 'ended': {
        ctx.status = 404;
        const { requestId: reference } = ctx.state.origin as Origin;
        const way = { kind: 'link', url: '/security-info', text: messages.problem.home } as const;
        return show.page(ctx, problemPage(show.layout, 'notMeEnded', { way, reference }));
      }
      default:
        link satisfies never;
    }
  });

  router.post('/not-me', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    guards.demandOwnPage(ctx, form.csrf);
    const token = form.token ?? '';
    const outcome = await as(ctx, (work) => contain(work, { token, methods }));
    const query = new URLSearchParams({ token, ...(outcome === 'already' && { said: 'already' }) });
    ctx.status = 303;
    ctx.redirect(`/not-me?${query.toString()}`);
  });

  return router;
}
