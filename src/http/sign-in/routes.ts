import Router from '@koa/router';
import type { Context } from 'koa';
import { acrOf, amrOf } from '../../assurance/levels.ts';
import { anonymous } from '../../core/actor.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin } from '../../core/work.ts';
import type { Interaction, Interactions, Outcome } from '../../oidc/interactions.ts';
import type { ProviderSession } from '../../oidc/own-sessions.ts';
import { containWithPasskey, disownLink } from '../../containment.ts';
import { lostOffer, suspendLost } from '../../recovery.ts';
import * as steps from '../../sign-in/steps.ts';
import { messages } from '../../../views/messages.ts';
import type { Device } from '../device.ts';
import type { Guards } from '../guards.ts';
import { limits, readForm, readJson } from '../parse.ts';
import type { Show } from '../show.ts';
import { noteUnknownPasskey, showUnknownPasskey } from '../unknown-passkey.ts';
import { completePage, lostPage, pageOf, problemPage } from './pages.ts';

export interface SignInParts {
  readonly issuer: string;
  readonly house: steps.SignInHouse;
  readonly interactions: Interactions;
  /** The provider's session in this browser, if somebody is signed in. */
  readonly session: (ctx: Context) => Promise<ProviderSession | undefined>;
  readonly guards: Guards;
  readonly device: Device;
  readonly show: Show;
}

/**
 * The interaction. Every POST ends in a 303 to the same GET, and only the GET decides what to show.
 * Each answer of a browser, right or wrong, goes through one use-case; nothing is decided here.
 */
export function signInRoutes({ issuer, house, interactions, session, guards, device, show }: SignInParts): Router {
  const router = new Router({ prefix: '/sign-in/:uid' });

  router.get('/', async (ctx) => {
    const interaction = await interactions.find(ctx.req, ctx.res, ctx.params.uid!);
    if (!interaction) return showEnded(ctx);
    const { digest: browser, csrf } = guards.browser(ctx);
    // Who is signed in may be about to leave a pass behind.
    const sessionPassId = interaction.signedInUserId && (await session(ctx))?.passId;
    const visit = {
      ...visitOf(ctx, browser, interaction.signedInUserId),
      sessionPassId: sessionPassId ?? null,
      asked: interaction.asked,
      maxAge: interaction.maxAge,
      hint: { userName: interaction.loginHint, domain: interaction.domainHint },
      // Who is asked for more than what they used is not shown that first.
      ...(!interaction.asksForMore && { usedLast: (userName: string) => device.usedLast(ctx, userName) }),
    };
    const standing = await steps.look(house, visit, interaction.clientId);
    if (standing.completed) device.remember(ctx, standing.completed);
    const outcome = outcomeOf(standing);
    if (outcome) return leave(ctx, interaction, outcome, standing);
    const { step } = standing;
    if (step.kind === 'verify' && step.straight) {
      const url = await steps.depart(house, visit, step.chosen);
      // Without one the way is closed: the same GET says so.
      ctx.status = 303;
      return ctx.redirect(url?.href ?? baseOf(ctx));
    }
    const secret =
      step.kind === 'enrol' && step.chosen === 'authenticator-app' ? await steps.appSecret(house, visit) : undefined;
    const offered = step.kind === 'wait' && step.carrying === 'offered';
    const link = offered ? await steps.offeredLink(house, visit) : undefined;
    const page = pageOf(standing, {
      secret,
      link: link && `${issuer}/continue#${link}`,
      layout: show.layout,
      base: baseOf(ctx),
      csrf,
      app: interaction.app,
      asksForMore: interaction.asksForMore,
      loginHint: interaction.loginHint,
      signOutUrl: `${issuer}/session/end`,
    });
    show.page(ctx, page!);
  });

  // Beside the steps: looking changes nothing, and whoever has nothing to say goes back.
  router.get('/lost', async (ctx) => {
    if (!guards.isKnown(ctx)) return showEnded(ctx);
    const { digest: browser, csrf } = guards.browser(ctx);
    const offer = await lostOffer(house, visitOf(ctx, browser, await signedInUserId(ctx)));
    if (offer) return show.page(ctx, lostPage(offer, { layout: show.layout, base: baseOf(ctx), csrf }));
    ctx.status = 303;
    ctx.redirect(baseOf(ctx));
  });
  post('/lost', async (visit, form, ctx) => {
    const credentialIds = Object.keys(form).flatMap((name) => (name.startsWith('lost-') ? [name.slice(5)] : []));
    await suspendLost(house, visit, { credentialIds, sessionUid: (await session(ctx))?.uid ?? null });
  });
  post('/not-me', (visit) => containWithPasskey(house, visit));
  post('/go-on', (visit) => steps.goOn(house, visit));

  post('/identify', (visit, form) =>
    steps.identify(house, visit, { userName: form.username ?? '', method: form.with }),
  );
  post('/choose', (visit, form) => steps.choose(house, visit, form.method ?? ''));
  post('/back', (visit) => steps.back(house, visit));
  post('/elsewhere', (visit) => steps.offerElsewhere(house, visit));
  post('/take-back', (visit) => steps.takeBack(house, visit));
  post('/restart', (visit) => steps.restart(house, visit));
  post('/not-now', (visit) => steps.notNow(house, visit));
  post('/confirm-methods', (visit) => steps.confirmWays(house, visit));
  post('/not-mine', (visit, form) => disownLink(house, visit, form.link ?? ''));
  post('/change-methods', (visit) => steps.changeWays(house, visit));
  post('/cancel', (visit) => steps.cancel(house, visit));
  // The exception to "303 to the same GET": what answers this way is at another address.
  router.post('/verify/upstream', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    if (!guards.isKnown(ctx)) return showEnded(ctx);
    guards.demandOwnPage(ctx, form.csrf);
    const url = await steps.depart(
      house,
      visitOf(ctx, guards.browser(ctx).digest, await signedInUserId(ctx)),
      'upstream',
    );
    // What comes back has to find the cookie that it left with.
    guards.renewBrowser(ctx);
    ctx.status = 303;
    ctx.redirect(url?.href ?? baseOf(ctx));
  });
  post('/verify/:method', async (visit, form, ctx) => {
    const refusal = await steps.answer(house, visit, ctx.params.method!, form);
    // A pass may have been bound to this browser just now: the cookie must outlive the window.
    guards.renewBrowser(ctx);
    noteUnknownPasskey(ctx, refusal);
  });
  post('/enrol/:method', async (visit, form, ctx) => {
    noteUnknownPasskey(ctx, await steps.enrol(house, visit, ctx.params.method!, form), true);
  });

  // For the page that waits: whether there is something new to show. The sign-in's own row and this browser's cookie again.
  router.get('/carrying', async (ctx) => {
    ctx.state.json = true;
    ctx.set('cache-control', 'no-store');
    ctx.body = { carrying: await steps.carryingOf(house, visitOf(ctx, guards.browser(ctx).digest, null)) };
  });

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

  // A POST needs the sign-in's own row and this browser's cookie, nothing of the protocol: what the row does not allow does
  // not happen, and the GET that follows sees whether the relying party still waits.
  function post(
    path: string,
    step: (visit: steps.Visit, form: Readonly<Record<string, string>>, ctx: Context) => Promise<void>,
  ): void {
    router.post(path, async (ctx) => {
      const form = await readForm(ctx.req, ctx.params.method === 'passkey' ? limits.passkey : limits.form);
      if (!guards.isKnown(ctx)) return showEnded(ctx);
      guards.demandOwnPage(ctx, form.csrf);
      await step(visitOf(ctx, guards.browser(ctx).digest, await signedInUserId(ctx)), form, ctx);
      if (showUnknownPasskey(ctx)) return;
      ctx.status = 303;
      ctx.redirect(baseOf(ctx));
    });
  }

  function postJson(path: string, step: (visit: steps.Visit, body: unknown, ctx: Context) => Promise<object>): void {
    router.post(path, async (ctx) => {
      ctx.state.json = true;
      const body = await readJson(ctx.req, limits.json);
      guards.demandOwnPage(ctx, ctx.get('x-csrf'));
      ctx.body = await step(visitOf(ctx, guards.browser(ctx).digest, await signedInUserId(ctx)), body, ctx);
    });
  }

  async function signedInUserId(ctx: Context): Promise<string | null> {
    return (await session(ctx))?.accountId ?? null;
  }

  async function leave(
    ctx: Context,
    interaction: Interaction,
    outcome: Outcome,
    { signIn }: steps.Standing,
  ): Promise<void> {
    const url = await interactions.finish(ctx.req, ctx.res, outcome);
    if (outcome.kind === 'cancelled') {
      ctx.status = 303;
      return ctx.redirect(url);
    }
    const changeUrl = signIn.notice?.kind === 'methods_to_change' ? `${issuer}/security-info` : undefined;
    show.page(ctx, completePage(show.layout, interaction, { url, changeUrl }));
  }

  function outcomeOf({ step, signIn }: steps.Standing): Outcome | undefined {
    if (step.kind === 'cancelled') return { kind: 'cancelled' };
    if (step.kind !== 'complete') return undefined;
    const { userId: accountId, level, amr, authTime, bornOf } = step;
    const words = amr.map((method) => amrOf(method, issuer));
    const provenWith = signIn.evidence.map(({ credentialId }) => credentialId);
    const upstreamId = signIn.evidence.findLast((proof) => proof.upstreamId !== undefined)?.upstreamId ?? null;
    const acr = acrOf(level, issuer);
    return { kind: 'signed-in', accountId, acr, amr: words, authTime, provenWith, bornOf, upstreamId };
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

function visitOf(ctx: Context, browser: Buffer, signedInUserId: string | null): steps.Visit {
  return { actor: anonymous, origin: originOf(ctx), browser, uid: ctx.params.uid!, signedInUserId };
}

export function originOf(ctx: Context): Origin {
  return ctx.state.origin as Origin;
}

function baseOf(ctx: Context): string {
  return `/sign-in/${ctx.params.uid}`;
}

export function preferenceIn(body: unknown): string | undefined {
  const preferred = (body as { preferredAuthenticatorType?: unknown } | undefined)?.preferredAuthenticatorType;
  return typeof preferred === 'string' ? preferred : undefined;
}
