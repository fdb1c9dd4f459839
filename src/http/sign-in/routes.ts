import Router from '@koa/router';
import type { Context } from 'koa';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin } from '../../core/work.ts';
import type { Interaction, Interactions, Outcome } from '../../oidc/interactions.ts';
import { acrOf } from '../../sign-in/policy.ts';
import * as steps from '../../sign-in/steps.ts';
import { messages } from '../../../views/messages.ts';
import type { Guards } from '../guards.ts';
import { limits, readForm, readJson } from '../parse.ts';
import type { Show } from '../show.ts';
import { completePage, pageOf, problemPage } from './pages.ts';

export interface SignInParts {
  readonly issuer: string;
  readonly house: steps.SignInHouse;
  readonly interactions: Interactions;
  readonly guards: Guards;
  readonly show: Show;
}

/**
 * The interaction. Every POST ends in a 303 to the same GET, and only the GET decides what to show.
 * Each answer of a browser, right or wrong, goes through one use-case; nothing is decided here.
 */
export function signInRoutes({ issuer, house, interactions, guards, show }: SignInParts): Router {
  const router = new Router({ prefix: '/sign-in/:uid' });

  router.get('/', async (ctx) => {
    const interaction = await interactions.find(ctx.req, ctx.res, ctx.params.uid!);
    if (!interaction) return showEnded(ctx);
    const { digest: browser, csrf } = guards.browser(ctx);
    const standing = await steps.look(house, visitOf(ctx, interaction, browser));
    const outcome = outcomeOf(standing);
    if (outcome) return leave(ctx, interaction, outcome);
    const page = pageOf(standing, {
      layout: show.layout,
      base: baseOf(ctx),
      csrf,
      app: interaction.app,
      loginHint: interaction.asked.loginHint,
      signOutUrl: `${issuer}/session/end`,
    });
    show.page(ctx, page!);
  });

  post('/identify', limits.form, (visit, form) =>
    steps.identify(house, visit, { userName: form.username ?? '', method: form.with }),
  );
  post('/choose', limits.form, (visit, form) => steps.choose(house, visit, form.method ?? ''));
  post('/back', limits.form, (visit) => steps.back(house, visit));
  post('/restart', limits.form, (visit) => steps.restart(house, visit));
  post('/cancel', limits.form, (visit) => steps.cancel(house, visit));
  post('/verify/:method', limits.passkey, async (visit, form, ctx) => {
    await steps.answer(house, visit, ctx.params.method!, form);
    // A pass may have been bound to this browser just now: the cookie must outlive the window.
    guards.renewBrowser(ctx);
  });
  post('/enrol/:method', limits.passkey, (visit, form, ctx) => steps.enrol(house, visit, ctx.params.method!, form));

  postJson('/challenge/:method', async (visit, _body, ctx) => {
    const challenge = await steps.challenge(house, visit, ctx.params.method!);
    if (challenge.kind !== 'passkey')
      throw new AppError('not_found', 'There is nothing to ask for that way to sign in.');
    return challenge.options;
  });
  postJson('/enrol/:method/options', (visit, body, ctx) =>
    steps.beginEnrolment(house, visit, ctx.params.method!, preferenceIn(body)),
  );

  return router;

  function post(
    path: string,
    mostBytes: number,
    step: (visit: steps.Visit, form: Readonly<Record<string, string>>, ctx: Context) => Promise<void>,
  ): void {
    router.post(path, async (ctx) => {
      const form = await readForm(ctx.req, mostBytes);
      const interaction = await interactions.find(ctx.req, ctx.res, ctx.params.uid!);
      if (!interaction) return showEnded(ctx);
      guards.demandOwnPage(ctx, form.csrf);
      await step(visitOf(ctx, interaction, guards.browser(ctx).digest), form, ctx);
      ctx.status = 303;
      ctx.redirect(baseOf(ctx));
    });
  }

  function postJson(path: string, step: (visit: steps.Visit, body: unknown, ctx: Context) => Promise<object>): void {
    router.post(path, async (ctx) => {
      ctx.state.json = true;
      const body = await readJson(ctx.req, limits.json);
      const interaction = await interactions.find(ctx.req, ctx.res, ctx.params.uid!);
      if (!interaction) throw new AppError('conflict', 'This sign-in has ended. The page is loaded again.');
      guards.demandOwnPage(ctx, ctx.get('x-csrf'));
      ctx.body = await step(visitOf(ctx, interaction, guards.browser(ctx).digest), body, ctx);
    });
  }

  async function leave(ctx: Context, interaction: Interaction, outcome: Outcome): Promise<void> {
    const url = await interactions.finish(ctx.req, ctx.res, outcome);
    if (outcome.kind === 'cancelled') {
      ctx.status = 303;
      return ctx.redirect(url);
    }
    show.page(ctx, completePage(show.layout, interaction, url));
  }

  function outcomeOf({ step }: steps.Standing): Outcome | undefined {
    if (step.kind === 'cancelled') return { kind: 'cancelled' };
    if (step.kind !== 'complete') return undefined;
    const { userId, level, amr, authTime } = step;
    return { kind: 'signed-in', accountId: userId, acr: acrOf(level, issuer), amr, authTime };
  }

  /** Finished, too old, or the cookie stayed behind: all the same from here. */
  function showEnded(ctx: Context): void {
    ctx.status = 410;
    const cookies = ctx.get('cookie') !== '';
    show.page(
      ctx,
      problemPage(show.layout, cookies ? 'signInEnded' : 'cookiesBlocked', {
        way: { kind: 'link', url: '/security-info', text: messages.problem.home },
        reference: originOf(ctx).requestId,
      }),
    );
  }
}

function visitOf(ctx: Context, { asked }: Interaction, browser: Buffer): steps.Visit {
  return { actor: anonymous, origin: originOf(ctx), browser, asked };
}

function originOf(ctx: Context): Origin {
  return ctx.state.origin as Origin;
}

function baseOf(ctx: Context): string {
  return `/sign-in/${ctx.params.uid}`;
}

function preferenceIn(body: unknown): string | undefined {
  const preferred = (body as { preferredAuthenticatorType?: unknown } | undefined)?.preferredAuthenticatorType;
  return typeof preferred === 'string' ? preferred : undefined;
}
