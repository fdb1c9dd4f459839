import type Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import { type EnrollableMethod, isEnrollable, type MethodId } from '../../methods/method.ts';
import * as own from '../../security-info/own-methods.ts';
import { limits, readForm } from '../parse.ts';
import {
  addAppPage,
  appMistakeOf,
  newRecoveryCodesPage,
  recoveryCodesPage,
  removeMethodPage,
  setPasswordPage,
} from './pages.ts';
import type { SecurityInfoParts } from './routes.ts';

/** What a page says of the last change, by the names of its query. */
export type Said = Readonly<Record<string, string>>;

/** Guards, changes, and goes on to the page that says what came of it: the list, or the one with a mistake to correct. */
export type Change = (
  ctx: Context,
  csrf: string | undefined,
  body: (owner: own.Owner) => Promise<Said>,
  next?: (said: Said) => string,
) => Promise<void>;

const list = '/security-info';
const appPage = `${list}/authenticator-app`;
const passwordPage = `${list}/password`;

/** Pages of their own, none of which needs a script: an authenticator app, a password, recovery codes, and the end of any of them. */
export function methodRoutes(
  router: Router,
  { run, methods, sessions, guards, show }: SecurityInfoParts,
  change: Change,
): void {
  const method = (id: MethodId) => methods.all.filter(isEnrollable).find((one) => one.id === id) as EnrollableMethod;
  const [app, password] = [method('authenticator-app'), method('password')];

  router.get('/authenticator-app', (ctx) =>
    page(ctx, 'authenticator-app', async (owner) => {
      const shown = await own.beginOwnEnrolment(run, methods, app, owner);
      return addAppPage(around(ctx), shown as Parameters<typeof addAppPage>[1]);
    }),
  );

  router.post('/authenticator-app', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(
      ctx,
      form.csrf,
      async (owner) => {
        const verdict = await own.finishOwnEnrolment(run, methods, app, owner, form);
        return verdict.enrolled ? { notice: 'appAdded' } : { error: appMistakeOf(verdict.reason) };
      },
      ({ error }) => (error === undefined || error === 'onePerPass' ? list : appPage),
    );
  });

  router.get('/password', (ctx) => page(ctx, 'password', async (_owner, info) => setPasswordPage(info, around(ctx))));

  router.post('/password', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(
      ctx,
      form.csrf,
      async (owner) => {
        const verdict = await own.finishOwnEnrolment(run, methods, password, owner, form);
        if (verdict.enrolled) return { notice: 'passwordSaved' };
        return { error: verdict.reason === 'mismatch' ? 'passwordsDiffer' : 'passwordWeak' };
      },
      ({ error }) => (error === undefined ? list : passwordPage),
    );
  });

  router.get('/recovery-codes', (ctx) =>
    page(ctx, 'recovery-code', async (_owner, info) => recoveryCodesPage(info, around(ctx))),
  );

  // The answer is the sheet itself: codes that are seen once can stand at no address to go on to.
  router.post('/recovery-codes', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    guards.demandOwnPage(ctx, form.csrf);
    await page(ctx, 'recovery-code', async (owner, { user }) => {
      const codes = await own.makeOwnCodes(run, methods, owner);
      return newRecoveryCodesPage(show.layout, user.userPrincipalName, codes);
    });
  });

  router.get('/methods/:id/remove', async (ctx) => {
    const owner = await sessions.owner(ctx);
    if (!owner) return sessions.ask(ctx);
    try {
      show.page(ctx, removeMethodPage(around(ctx), await own.ownCredential(run, methods, owner, ctx.params.id!)));
    } catch (error) {
      backToTheList(ctx, error);
    }
  });

  router.post('/methods/:id/remove', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      try {
        await own.removeOwnCredential(run, methods, owner, ctx.params.id!);
      } catch (error) {
        if (error instanceof AppError && error.code === 'conflict') return { error: 'lastWayIn' };
        // One that is gone by now is what was asked for.
        if (!(error instanceof AppError && error.code === 'not_found')) throw error;
      }
      return { notice: 'removed' };
    });
  });

  router.post('/methods/:id/use-again', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      try {
        await own.useOwnAgain(run, methods, owner, ctx.params.id!);
      } catch (error) {
        // One that works by now, or is gone: the list shows which.
        if (error instanceof AppError && error.code === 'not_found') return {};
        throw error;
      }
      return { notice: 'usedAgain' };
    });
  });

  /** A page for who may add this now; anybody else goes to the list, which asks for what is missing. */
  async function page(
    ctx: Context,
    id: MethodId,
    body: (owner: own.Owner, info: own.SecurityInfo) => Promise<string>,
  ): Promise<void> {
    const owner = await sessions.owner(ctx);
    if (!owner) return sessions.ask(ctx);
    const info = await own.ownSecurityInfo(run, methods, owner);
    if (!info.mayAdd.includes(id)) return toTheList(ctx);
    try {
      show.page(ctx, await body(owner, info));
    } catch (error) {
      backToTheList(ctx, error);
    }
  }

  function backToTheList(ctx: Context, error: unknown): void {
    if (!(error instanceof AppError) || !['unauthenticated', 'not_found', 'conflict'].includes(error.code)) throw error;
    toTheList(ctx);
  }

  function toTheList(ctx: Context): void {
    ctx.status = 303;
    ctx.redirect(list);
  }

  function around(ctx: Context) {
    return { layout: show.layout, csrf: guards.browser(ctx).csrf, said: ctx.query };
  }
}
