import type Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import type { Owner } from '../../security-info/own-methods.ts';
import { containOwn, ownActivity, ownActivityToStop } from '../../security-info/own-activity.ts';
import { limits, readForm } from '../parse.ts';
import type { Change } from './method-routes.ts';
import { activityPage, stopActivityPage } from './pages.ts';
import type { SecurityInfoParts } from './routes.ts';

const list = '/security-info';

/** What happened of late, and "this was not me": looking changes nothing, the button acts. */
export function activityRoutes(
  router: Router,
  { run, methods, sessions, guards, show }: SecurityInfoParts,
  change: Change,
): void {
  router.get('/activity', (ctx) =>
    page(ctx, async (owner) => activityPage(show.layout, await ownActivity(run, methods, owner))),
  );

  router.get('/activity/:id', (ctx) =>
    page(ctx, async (owner) => {
      const asked = await ownActivityToStop(run, methods, owner, ctx.params.id!);
      return stopActivityPage(show.layout, guards.browser(ctx).csrf, asked);
    }),
  );

  router.post('/activity/:id/not-me', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      await containOwn(run, methods, owner, ctx.params.id!);
      return { notice: 'contained' };
    });
  });

  /** Without a fresh proof, and for what is not theirs, the list says what comes first. */
  async function page(ctx: Context, body: (owner: Owner) => Promise<string>): Promise<void> {
    const owner = await sessions.owner(ctx);
    if (!owner) return sessions.ask(ctx);
    try {
      show.page(ctx, await body(owner));
    } catch (error) {
      if (!(error instanceof AppError) || !['unauthenticated', 'not_found'].includes(error.code)) throw error;
      ctx.status = 303;
      ctx.redirect(list);
    }
  }
}
