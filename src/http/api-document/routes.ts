import { createHash } from 'node:crypto';
import Router from '@koa/router';
import { ApiDocument } from '../../../views/api-document/api-document.tsx';
import { renderView } from '../../../views/render.ts';
import type { Described } from '../graph/endpoint.ts';
import type { Show } from '../show.ts';
import { openApiDocument } from './document.ts';
import { headersOf, partsOf } from './page.ts';

export interface ApiDocumentParts {
  readonly issuer: string;
  readonly show: Show;
}

/** The management API for those who write programs: for their tools at `/openapi.json`, to be read at `/docs/api`. Open to everybody. */
export function apiDocumentRoutes({ issuer, show }: ApiDocumentParts, descriptions: readonly Described[]): Router {
  const router = new Router();
  // Made when it is first asked for, and then the same until the next start.
  const document = once(() => openApiDocument(issuer, descriptions));
  const file = once(() => {
    const body = Buffer.from(JSON.stringify(document()));
    return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
  });
  const page = once(() =>
    renderView(ApiDocument, { layout: show.layout, headers: headersOf(document()), parts: partsOf(document()) }),
  );

  router.get('/openapi.json', (ctx) => {
    const { body, etag } = file();
    // Kept by anybody, and asked about each time: it changes with the version that runs here.
    ctx.set('cache-control', 'public, no-cache');
    ctx.set('etag', etag);
    // Compared here and not by `ctx.fresh`, which sends everything to whoever says `no-cache`, as programs do (RFC 9110 §13.1.2).
    const known = ctx
      .get('if-none-match')
      .split(',')
      .map((one) => one.trim().replace(/^W\//, ''));
    if (known.includes(etag)) {
      ctx.status = 304;
      return;
    }
    ctx.type = 'application/json';
    ctx.body = body;
  });

  router.get('/docs/api', (ctx) => show.page(ctx, page()));
  return router;
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
