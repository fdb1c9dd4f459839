import type Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import { departToLink, type Linking, type OwnIdentitiesHouse, ownIdentity, unlinkOwn } from '../../own-identities.ts';
import { limits, readForm } from '../parse.ts';
import type { Change, Said } from './method-routes.ts';
import { unlinkPage } from './pages.ts';
import type { SecurityInfoParts } from './routes.ts';

/** Linked sign-ins: out to the provider, and the end of a link. The way back is the provider's callback. */
export function linkRoutes(router: Router, parts: SecurityInfoParts, change: Change): void {
  const { upstreams, methods, sessions, guards, show } = parts;
  const house: OwnIdentitiesHouse = { ...upstreams, methods };

  router.post('/links', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    let away: URL | undefined;
    await change(
      ctx,
      form.csrf,
      async (owner) => {
        const asked = { providerId: form.provider ?? '', browser: guards.browser(ctx).digest };
        const led = await unlessKnown(departToLink(house, owner, asked));
        if (!(led instanceof URL)) return led === undefined ? {} : saidOf(led);
        away = led;
        return {};
      },
      () => away?.href ?? '/security-info',
    );
  });

  router.get('/links/:id/remove', async (ctx) => {
    const owner = await sessions.owner(ctx);
    if (!owner) return sessions.ask(ctx);
    try {
      const link = await ownIdentity(house, owner, ctx.params.id!);
      show.page(ctx, unlinkPage({ layout: show.layout, csrf: guards.browser(ctx).csrf }, link));
    } catch (error) {
      if (!(error instanceof AppError) || !['unauthenticated', 'not_found'].includes(error.code)) throw error;
      ctx.status = 303;
      ctx.redirect('/security-info');
    }
  });

  router.post('/links/:id/remove', async (ctx: Context) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      try {
        await unlinkOwn(house, owner, ctx.params.id!);
      } catch (error) {
        if (error instanceof AppError && error.code === 'conflict') return { error: 'lastWayIn' };
        // One that is gone by now is what was asked for.
        if (!(error instanceof AppError && error.code === 'not_found')) throw error;
      }
      return { notice: 'unlinked' };
    });
  });
}

const mistakes = {
  taken: 'linkTaken',
  hasOther: 'linkHasOther',
  cancelled: 'linkCancelled',
  unreachable: 'linkUnreachable',
  refused: 'linkRefused',
} as const;

/** What the list says of it. */
export function saidOf(linking: Linking): Said {
  return linking === 'linked' ? { notice: 'linked' } : { error: mistakes[linking] };
}

/** One that was linked in another tab, or is gone: the list shows which. */
async function unlessKnown<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'conflict' || error.code === 'not_found')) return undefined;
    throw error;
  }
}
