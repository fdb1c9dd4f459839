import Router from '@koa/router';
import type { Context } from 'koa';
import { messages } from '../../../views/messages.ts';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import * as steps from '../../sign-in/steps.ts';
import { limits, readForm, readJson } from '../parse.ts';
import { problemPage } from '../sign-in/pages.ts';
import { originOf, preferenceIn, type SignInParts } from '../sign-in/routes.ts';
import { noteUnknownPasskey, showUnknownPasskey } from '../unknown-passkey.ts';
import { linkPage, pageElsewhere } from './pages.ts';

type Form = Readonly<Record<string, string>>;

/**
 * The door for the device that a registration was carried on to. It knows nothing of the protocol: what it serves is the rest
 * of one registration, to the browser that followed its link. Nobody is signed in here, and whoever is so in this browser stays
 * who they are: their session is not even read.
 */
export function continueRoutes({ house, guards, show }: Pick<SignInParts, 'house' | 'guards' | 'show'>): Router {
  const router = new Router({ prefix: '/continue' });

  // The same page for everybody: the secret is in the fragment, and the page's script takes it from there.
  router.get('/', (ctx) => show.page(ctx, linkPage(show.layout, guards.browser(ctx).csrf)));

  // What the link leads to. It spends nothing, for cameras and scanners open links too.
  router.post('/about', async (ctx) => {
    ctx.state.json = true;
    const body = await readJson(ctx.req, limits.json);
    guards.demandOwnPage(ctx, ctx.get('x-csrf'));
    const about = await steps.aboutLink(
      house,
      followerOf(ctx),
      secretIn((body as { link?: unknown } | undefined)?.link),
    );
    if (!about) throw new AppError('not_found', messages.continueLink.ended);
    ctx.set('cache-control', 'no-store');
    ctx.body = { account: about.account, windowEndsAt: about.windowEndsAt.toISOString() };
  });

  router.post('/', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    if (!guards.isKnown(ctx)) return showProblem(ctx, 403, 'cookiesBlockedElsewhere');
    guards.demandOwnPage(ctx, form.csrf);
    const uid = await steps.followLink(house, followerOf(ctx), secretIn(form.link));
    if (uid === undefined) return showProblem(ctx, 410, 'linkEnded');
    // The registration was bound to this browser just now: the cookie must outlive the window.
    guards.renewBrowser(ctx);
    ctx.status = 303;
    ctx.redirect(`/continue/${uid}`);
  });

  router.get('/:uid', async (ctx) => {
    const { csrf } = guards.browser(ctx);
    const visit = visitOf(ctx);
    const found = await steps.lookElsewhere(house, visit);
    if (!found) return showProblem(ctx, 410, 'notHere');
    const { step } = found.standing;
    const isApp = step.kind === 'enrol' && step.chosen === 'authenticator-app';
    const secret = isApp ? await steps.appSecret(house, visit) : undefined;
    const page = pageElsewhere(found, { layout: show.layout, base: baseOf(ctx), csrf, secret });
    if (!page) return showProblem(ctx, 410, step.kind === 'cancelled' ? 'notHere' : 'windowEndedElsewhere');
    show.page(ctx, page);
  });

  post('/choose', (visit, form) => steps.choose(house, visit, form.method ?? ''));
  post('/stop', (visit) => steps.stopElsewhere(house, visit));
  post('/enrol/:method', async (visit, form, ctx) =>
    noteUnknownPasskey(ctx, await steps.enrol(house, visit, ctx.params.method!, form), true),
  );
  post('/verify/passkey', async (visit, form, ctx) =>
    noteUnknownPasskey(ctx, await steps.answer(house, visit, 'passkey', form)),
  );

  postJson('/challenge/passkey', async (visit) => {
    const challenge = await steps.challenge(house, visit, 'passkey');
    return challenge.kind === 'passkey' ? challenge.options : {};
  });
  postJson('/enrol/:method/options', (visit, body, ctx) =>
    steps.beginEnrolment(house, visit, ctx.params.method!, preferenceIn(body)),
  );

  return router;

  function post(path: string, step: (visit: steps.Visit, form: Form, ctx: Context) => Promise<void>): void {
    router.post(`/:uid${path}`, async (ctx) => {
      const large = path === '/verify/passkey' || ctx.params.method === 'passkey';
      const form = await readForm(ctx.req, large ? limits.passkey : limits.form);
      if (!guards.isKnown(ctx)) return showProblem(ctx, 410, 'notHere');
      guards.demandOwnPage(ctx, form.csrf);
      await unlessGone(step(visitOf(ctx), form, ctx));
      if (showUnknownPasskey(ctx)) return;
      ctx.status = 303;
      ctx.redirect(baseOf(ctx));
    });
  }

  function postJson(path: string, step: (visit: steps.Visit, body: unknown, ctx: Context) => Promise<object>): void {
    router.post(`/:uid${path}`, async (ctx) => {
      ctx.state.json = true;
      const body = await readJson(ctx.req, limits.json);
      guards.demandOwnPage(ctx, ctx.get('x-csrf'));
      ctx.body = await step(visitOf(ctx), body, ctx);
    });
  }

  function followerOf(ctx: Context): steps.Follower {
    return { actor: anonymous, origin: originOf(ctx), browser: guards.browser(ctx).digest };
  }

  function visitOf(ctx: Context): steps.Visit {
    return { ...followerOf(ctx), uid: ctx.params.uid!, signedInUserId: null, elsewhere: true };
  }

  function showProblem(ctx: Context, status: number, id: keyof typeof messages.problems): void {
    ctx.status = status;
    show.page(ctx, problemPage(show.layout, id, { reference: originOf(ctx).requestId }));
  }
}

/** Taken back, or over, or the window has ended: the GET that follows says so. */
async function unlessGone(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'conflict') throw error;
  }
}

/** Of a link: 32 bytes, base64url. Anything else is as good as none. */
function secretIn(value: unknown): string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : '';
}

function baseOf(ctx: Context): string {
  return `/continue/${ctx.params.uid}`;
}
