import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BlockList } from 'node:net';
import type Router from '@koa/router';
import Koa, { type Context, type Middleware, type Next } from 'koa';
import type { Logger } from 'pino';
import { messages } from '../../views/messages.ts';
import { Problem } from '../../views/problem.tsx';
import { renderView } from '../../views/render.ts';
import { AppError } from '../core/errors.ts';
import type { Origin } from '../core/work.ts';
import { apiDocumentRoutes } from './api-document/routes.ts';
import type { Assets } from './assets.ts';
import { claimValueRoutes } from './claim-values/routes.ts';
import { continueRoutes } from './continue/routes.ts';
import { answerErrors, type Failure } from './errors.ts';
import { type FederationParts, providerRoutes } from './federation/provider-routes.ts';
import { federationRoutes } from './federation/routes.ts';
import { type GraphParts, showGraphFailure, versions } from './graph/api.ts';
import { descriptionsOf } from './graph/endpoint.ts';
import { asksAnApi, ourApi, withKeysAsSegments } from './graph/keys.ts';
import { graphRoutes } from './graph/routes.ts';
import { type NotMeParts, notMeRoutes } from './not-me/routes.ts';
import { operationsRoutes, type Readiness } from './operations/routes.ts';
import { type PasskeyFaultParts, passkeyFaultRoutes } from './passkey-fault.ts';
import { formFields, limits, readText } from './parse.ts';
import { passLinkRoutes } from './pass/routes.ts';
import { originOf } from './request-work.ts';
import { type SecurityInfoParts, securityInfoRoutes } from './security-info/routes.ts';
import { securityHeaders, type Show } from './show.ts';
import { type SignInParts, signInRoutes } from './sign-in/routes.ts';

export interface AppParts {
  readonly issuer: string;
  readonly trustedProxies: BlockList;
  readonly log: Logger;
  readonly assets: Assets;
  readonly show: Show;
  readonly readiness: Readiness;
  readonly signIn: SignInParts;
  readonly notMe: NotMeParts;
  readonly passkeyFaults: PasskeyFaultParts;
  readonly securityInfo: SecurityInfoParts;
  readonly federation: FederationParts;
  readonly graph: GraphParts;
  /** The protocol's own endpoints answer everything that is not ours. */
  readonly protocol: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

/** The whole house on one listener: our doors first, the protocol behind them. */
export function makeApp(parts: AppParts): Koa {
  const app = new Koa();
  app.silent = true; // failures are answered and logged below
  app.use(introduce(parts));
  app.use(answerErrors(parts.log, (ctx, failure) => showFailure(parts.show, ctx, failure)));
  app.use(async (ctx, next) => {
    if (!parts.assets.serve(ctx)) await next();
  });
  app.use(refuseOverlong);
  app.use(operationsRoutes(parts.readiness).routes());
  app.use(withKeysAsSegments);
  const [graph, beta] = versions.map((version) => graphRoutes(parts.graph, version, parts.log)) as [Router, Router];
  const routers = [
    signInRoutes(parts.signIn),
    passLinkRoutes(parts.signIn),
    continueRoutes(parts.signIn),
    federationRoutes(parts.signIn, parts.securityInfo),
    notMeRoutes(parts.notMe),
    passkeyFaultRoutes(parts.passkeyFaults),
    claimValueRoutes(parts),
    securityInfoRoutes(parts.securityInfo),
    providerRoutes(parts.federation),
    apiDocumentRoutes(parts, descriptionsOf(graph)),
    graph,
    beta,
  ];
  for (const router of routers) {
    app.use(router.routes() as Middleware);
    app.use(router.allowedMethods() as Middleware);
  }
  app.use(keepOurs);
  app.use(async (ctx, next) => {
    if (ctx.path !== '/' || ctx.method !== 'GET') return next();
    ctx.status = 303;
    ctx.redirect('/security-info');
  });
  app.use(postedAuthorizationRequests);
  app.use(behindOurDoor(parts));
  return app;
}

const ourPages = /^\/(?:sign-in|pass|continue|federation|not-me|security-info|acr|amr|docs|openapi\.json)(?:\/|$)/i;

/** What no route of ours took, below our own addresses, is a 404 or 405 of ours; the protocol is not asked. */
async function keepOurs(ctx: Context, next: Next): Promise<void> {
  if (asksAnApi(ctx.path) && !ourApi.test(ctx.path)) {
    throw new AppError('not_found', 'There is no such version of the API. /v1.0 and /beta are the same one.');
  }
  if (!ourApi.test(ctx.path) && !ourPages.test(ctx.path)) await next();
}

/** Gives the request its id and origin, and the answer its headers. */
function introduce({ trustedProxies, issuer, log }: AppParts): Middleware {
  const headers = securityHeaders(issuer.startsWith('https:'));
  return async (ctx, next) => {
    const origin = originOf(ctx.req, trustedProxies);
    ctx.state.origin = origin;
    // The same headers for what the protocol library answers on the raw response.
    for (const [name, value] of Object.entries(headers)) ctx.res.setHeader(name, value);
    const startedAt = process.hrtime.bigint();
    ctx.res.on('finish', () => {
      const ms = Number(process.hrtime.bigint() - startedAt) / 1e6;
      // The path alone: queries carry codes, states and hints.
      log.debug(
        { requestId: origin.requestId, method: ctx.method, path: ctx.path, status: ctx.res.statusCode, ms },
        'request',
      );
    });
    await next();
  };
}

async function refuseOverlong(ctx: Context, next: Next): Promise<void> {
  // NUL cannot be kept by the database, percent-encoded or not, and belongs in no address.
  if (ctx.url.length > 16 * 1024 || /%00|\0/.test(ctx.url)) {
    throw new AppError('invalid_input', 'The address is too long, or holds a character that no address takes.');
  }
  await next();
}

/** OpenID Connect Core 3.1.2.1: the authorization endpoint takes POST as well. The same request, as a GET. */
async function postedAuthorizationRequests(ctx: Context, next: Next): Promise<void> {
  if (ctx.path !== '/auth' || ctx.method !== 'POST') return next();
  const text = await readText(ctx.req, limits.form);
  const type = (ctx.get('content-type').split(';')[0] ?? '').trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new AppError(
      'unsupported_media_type',
      'An authorization request is posted as application/x-www-form-urlencoded.',
    );
  }
  ctx.status = 303;
  ctx.redirect(`/auth?${new URLSearchParams(formFields(text)).toString()}`);
}

/** Hands over to the protocol library, with scheme, host and address as they are and not as a header says. */
function behindOurDoor({ issuer, protocol }: AppParts): Middleware {
  const { protocol: scheme, host } = new URL(issuer);
  return async (ctx) => {
    ctx.respond = false;
    const { headers } = ctx.req;
    headers['x-forwarded-proto'] = scheme.slice(0, -1);
    headers['x-forwarded-host'] = host;
    headers.host = host;
    delete headers['x-forwarded-for'];
    const { ip } = ctx.state.origin as Origin;
    if (ip) headers['x-forwarded-for'] = ip;
    ctx.res.statusCode = 200; // koa begins with 404; the library sets its own
    await protocol(ctx.req, ctx.res);
  };
}

function showFailure(show: Show, ctx: Context, failure: Failure): void {
  if (asksAnApi(ctx.path)) {
    showGraphFailure(ctx, failure);
    return;
  }
  ctx.status = failure.status;
  if (ctx.state.json) {
    ctx.body = { error: { code: failure.code, message: failure.message, reference: failure.requestId } };
    return;
  }
  const wait = inWords(Number(ctx.response.get('retry-after') || 60));
  const words = messages.problems[problemOf[failure.code]];
  // A refusal's own sentence says more than the catalogue can.
  const problem = ownWords.has(failure.code) ? { ...words, sentences: [failure.message] } : words;
  show.page(ctx, renderView(Problem, { layout: show.layout, problem, values: { wait }, reference: failure.requestId }));
}

function inWords(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? 'a second' : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

const ownWords = new Set<Failure['code']>(['invalid_input', 'forbidden', 'conflict', 'unsupported_media_type']);

const problemOf = {
  invalid_input: 'badRequest',
  unauthenticated: 'forbidden',
  insufficient_authentication: 'forbidden',
  forbidden: 'crossSite',
  approval_required: 'crossSite',
  not_found: 'notFound',
  conflict: 'badRequest',
  too_large: 'tooLarge',
  unsupported_media_type: 'badRequest',
  throttled: 'throttled',
  overloaded: 'overloaded',
  method_not_allowed: 'badRequest',
  failed_dependency: 'badRequest',
  fault: 'fault',
} as const satisfies Record<Failure['code'], string>;
