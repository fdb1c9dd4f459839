import Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import type { Origin, RunWork } from '../../core/work.ts';
import { type EnrollableMethod, isEnrollable, type MethodRegistry } from '../../methods/method.ts';
import { securityInfoClientId } from '../../oidc/built-in-clients.ts';
import * as own from '../../security-info/own-methods.ts';
import { endOwnSession, listOwnSessions, signOutEverywhere } from '../../security-info/own-sessions.ts';
import { messages } from '../../../views/messages.ts';
import { problemPage } from '../sign-in/pages.ts';
import type { Guards } from '../guards.ts';
import type { OwnSessions } from '../own-session.ts';
import { limits, readForm, readJson } from '../parse.ts';
import type { Show } from '../show.ts';
import type { UpstreamHouse } from '../../upstream-sessions.ts';
import { ownIdentities } from '../../own-identities.ts';
import { activityRoutes } from './activity-routes.ts';
import { linkRoutes } from './link-routes.ts';
import { methodRoutes, type Said } from './method-routes.ts';
import { passkeyMistakeOf, type SecurityInfoError, securityInfoPage, signOutEverywherePage } from './pages.ts';

export interface SecurityInfoParts {
  readonly issuer: string;
  readonly run: RunWork;
  readonly methods: MethodRegistry;
  readonly upstreams: UpstreamHouse;
  readonly sessions: OwnSessions;
  readonly guards: Guards;
  readonly show: Show;
}

/** My security info: what a person has registered, more of it, names, and the way out. */
export function securityInfoRoutes(parts: SecurityInfoParts): Router {
  const { issuer, run, methods, upstreams, sessions, guards, show } = parts;
  const router = new Router({ prefix: '/security-info' });
  const rpId = new URL(issuer).hostname;
  const passkeys = methods.all.filter(isEnrollable).find(({ id }) => id === 'passkey') as EnrollableMethod;

  router.get('/', async (ctx) => {
    const owner = await sessions.owner(ctx);
    const state = String(ctx.query.state ?? '');
    if (!owner) return state ? fallsShort(ctx, 'phr') : sessions.ask(ctx);
    const info = await own.ownSecurityInfo(run, methods, owner);
    // Like every change made here, the page itself wants a proof of the last ten minutes, or a pass that signed in.
    if (!info.mayChange && owner.passId === null)
      return state.startsWith('fresh-') ? fallsShort(ctx, info.needed) : sessions.ask(ctx, info.needed);
    const signedIn = info.mayChange ? await listOwnSessions(run, methods, owner) : undefined;
    const identities = info.mayChange ? await ownIdentities({ ...upstreams, methods }, owner) : undefined;
    const { requestId: reference } = ctx.state.origin as Origin;
    const signOutUrl = `${issuer}/session/end?client_id=${securityInfoClientId}`;
    show.page(
      ctx,
      securityInfoPage(info, {
        layout: show.layout,
        csrf: guards.browser(ctx).csrf,
        signOutUrl,
        said: ctx.query,
        reference,
        sessions: signedIn,
        identities,
        rpId,
      }),
    );
  });

  // The way on for who signed in with a pass: what was registered, used once, opens the rest of the page.
  router.get('/prove', async (ctx) => {
    const owner = await sessions.owner(ctx);
    sessions.ask(ctx, owner && (await own.ownSecurityInfo(run, methods, owner)).needed);
  });

  router.post('/passkeys/options', async (ctx) => {
    ctx.state.json = true;
    const body = (await readJson(ctx.req, limits.json)) as { preferredAuthenticatorType?: unknown } | undefined;
    guards.demandOwnPage(ctx, ctx.get('x-csrf'));
    const owner = await sessions.owner(ctx);
    if (!owner) throw new AppError('unauthenticated', 'Your session has ended. Sign in again.');
    const preferred = body?.preferredAuthenticatorType;
    ctx.body = await own.beginOwnEnrolment(
      run,
      methods,
      passkeys,
      owner,
      typeof preferred === 'string' ? preferred : undefined,
    );
  });

  router.post('/passkeys', async (ctx) => {
    const form = await readForm(ctx.req, limits.passkey);
    await change(ctx, form.csrf, async (owner) => {
      const verdict = await own.finishOwnEnrolment(run, methods, passkeys, owner, form);
      if (verdict.enrolled) return { notice: 'added' };
      return { error: passkeyMistakeOf(verdict.reason) };
    });
  });

  router.post('/methods/:id/name', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      const name = form.name?.trim() ?? '';
      const mistake: SecurityInfoError | undefined =
        name === '' ? 'noMethodName' : name.length > 64 ? 'longMethodName' : undefined;
      // As much as is left to shorten; an address has its limits.
      if (mistake) return { error: mistake, method: ctx.params.id!, typed: name.slice(0, 200) };
      await own.renameOwnCredential(run, methods, owner, { credentialId: ctx.params.id!, name });
      return { notice: 'renamed' };
    });
  });

  router.post('/sessions/end', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(ctx, form.csrf, async (owner) => {
      // One that is over by now is what was asked for.
      await unlessGone(endOwnSession(run, methods, owner, form.session ?? ''));
      return { notice: 'sessionEnded' };
    });
  });

  router.get('/sign-out-everywhere', async (ctx) => {
    if (!(await sessions.owner(ctx))) return sessions.ask(ctx);
    show.page(ctx, signOutEverywherePage(show.layout, guards.browser(ctx).csrf));
  });

  router.post('/sign-out-everywhere', async (ctx) => {
    const form = await readForm(ctx.req, limits.form);
    await change(
      ctx,
      form.csrf,
      async (owner) => {
        await signOutEverywhere(run, methods, owner);
        return {};
      },
      () => '/session/end/success',
    );
  });

  methodRoutes(router, parts, change);
  activityRoutes(router, parts, change);
  linkRoutes(router, parts, change);
  return router;

  /** A proof grown too old is asked for anew at the list. */
  async function change(
    ctx: Context,
    csrf: string | undefined,
    body: (owner: own.Owner) => Promise<Said>,
    next: (said: Said) => string = () => '/security-info',
  ): Promise<void> {
    guards.demandOwnPage(ctx, csrf);
    const owner = await sessions.owner(ctx);
    const said = owner && (await unlessStale(body(owner)));
    const query = new URLSearchParams(said).toString();
    ctx.status = 303;
    ctx.redirect(`${said ? next(said) : '/security-info'}${query && `?${query}`}`);
  }

  function fallsShort(ctx: Context, needed: own.Strength): void {
    ctx.status = 403;
    const { requestId: reference } = ctx.state.origin as Origin;
    show.page(
      ctx,
      problemPage(show.layout, needed === 'phr' ? 'needsPasskey' : 'needsBothParts', {
        way: { kind: 'link', url: '/security-info', text: messages.problem.signInAgain },
        reference,
      }),
    );
  }
}

const unlessStale = <T>(work: Promise<T>) => unless(work, 'unauthenticated');
const unlessGone = <T>(work: Promise<T>) => unless(work, 'not_found');

/** Undefined when it was refused for this reason. */
async function unless<T>(work: Promise<T>, code: AppError['code']): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError && error.code === code) return undefined;
    throw error;
  }
}
