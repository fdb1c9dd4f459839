import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Logger } from 'pino';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { isDeeperThan, isStorable } from '../../core/text.ts';
import type { Origin } from '../../core/work.ts';
import { answerErrors } from '../errors.ts';
import { mostLevels, parseJson, readText } from '../parse.ts';
import { type GraphParts, parseBody, showGraphFailure, type Version } from './api.ts';
import { type Body, endpoints, ok, type Shown } from './endpoint.ts';
import { withKeysAsSegments } from './keys.ts';
import { recordingRefusals } from './refusals.ts';

const mostItems = 20;
const mostBytes = 256 * 1024; // of the whole; each item has the limit of its own address as well
const longestUrl = 16 * 1024;
const longestId = 64;
const levelsAround = 3; // the batch, its requests, the request

const dependencies = z.array(z.string()).max(mostItems).nullish();

/** What the batch itself has to be. What is wrong with one item is told of that item. */
const batch = z.looseObject({
  requests: z
    .array(z.looseObject({ id: z.string().min(1).max(longestId), dependsOn: dependencies }))
    .min(1)
    .max(mostItems),
});

const item = z.strictObject({
  id: z.string(),
  dependsOn: z.unknown().optional(),
  method: z.string().regex(/^(GET|POST|PUT|PATCH|DELETE)$/i, 'must be GET, POST, PUT, PATCH or DELETE'),
  url: z.string().min(1).max(longestUrl),
  headers: z.record(z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,64}$/), z.string().max(4096)).nullish(),
  body: z.unknown().optional(),
});

interface BatchItem {
  readonly id: string;
  readonly dependsOn?: readonly string[] | null | undefined;
}

const itemAnswerShape = z.strictObject({
  id: z.string(),
  status: z.int().min(200).max(599),
  headers: z.record(z.string(), z.string()),
  body: z
    .union([z.looseObject({}), z.string()])
    .optional()
    .meta({ description: 'As the address of the request answers: JSON as it is, everything else as base64.' }),
});

type ItemAnswer = Shown<z.output<typeof itemAnswerShape>>;

const batchAnswerShape = z.strictObject({ responses: z.array(itemAnswerShape) }).meta({ id: 'batchAnswer' });

/** Documented with what an item has to be; that is judged where the item is. */
const batchBody: Body<z.output<typeof batch>> = {
  schema: z.looseObject({
    requests: z
      .array(item.extend({ id: z.string().min(1).max(longestId), dependsOn: dependencies }))
      .min(1)
      .max(mostItems),
  }),
  readOnly: [],
  required: true,
  mostBytes,
  receive: async (ctx) => {
    if (ctx.state.inBatch) throw new AppError('invalid_input', 'A batch cannot hold another batch.');
    return parsed(await readText(ctx.req, mostBytes), ctx);
  },
  read: (sent) => parseBody(batch, sent),
};

/**
 * `POST /$batch`: up to twenty requests in one. Each goes through the same router as if it had come by itself: with the token of
 * the batch, a request id of its own, its own transaction, its own line in the log when it is refused. They are done one after the
 * other, so that a batch takes no more of the house than one request.
 */
export function batchRoutes(router: Router, parts: GraphParts, version: Version, log: Logger): void {
  endpoints(router, version, 'Batches').post(
    '/$batch',
    { summary: 'Up to twenty requests in one', opens: [], body: batchBody, answer: ok(batchAnswerShape) },
    async (ctx, { body: { requests } }) => {
      const answers = new Map<string, ItemAnswer>();
      for (const asked of inOrder(requests)) {
        const failed = (asked.dependsOn ?? []).some((id) => answers.get(id)!.status >= 400);
        answers.set(asked.id, failed ? await afterFailure(ctx, asked) : await answerTo(ctx, asked));
      }
      return { responses: requests.map(({ id }) => answers.get(id)!) };
    },
  );

  const routes = router.routes() as unknown as Middleware;
  const others = router.allowedMethods() as unknown as Middleware;
  const guarded = answerErrors(log, showGraphFailure);
  const record = recordingRefusals(parts);

  async function answerTo(outer: Context, asked: BatchItem): Promise<ItemAnswer> {
    const inner = contextFor(outer);
    await guarded(inner, async () => {
      await record(inner, async () => fill(inner, outer, asked, version));
      await withKeysAsSegments(inner, () => routes(inner as never, () => others(inner as never, async () => {})));
    });
    return answerOf(asked.id, inner);
  }

  async function afterFailure(outer: Context, asked: BatchItem): Promise<ItemAnswer> {
    const inner = contextFor(outer);
    const { requestId } = inner.state.origin as Origin;
    const message = 'A request that this one depends on has failed.';
    showGraphFailure(inner, { status: 424, code: 'failed_dependency', message, requestId });
    return answerOf(asked.id, inner);
  }
}

/** As `readJson`, but what one item holds is judged where the item is. */
function parsed(text: string, ctx: Context): unknown {
  if (!ctx.is('application/json')) {
    throw new AppError('unsupported_media_type', 'The body must be application/json.');
  }
  const value = parseJson(text);
  // An item's body is written out again before it is judged by itself.
  if (isDeeperThan(value, mostLevels + levelsAround)) {
    throw new AppError('invalid_input', 'The body is nested too deeply.');
  }
  return value;
}

/** Those that others depend on first. Fails with `invalid_input` for ids that are there twice, or not at all, and for circles. */
function inOrder<Item extends BatchItem>(requests: readonly Item[]): Item[] {
  const waiting = new Map(requests.map((one) => [one.id, one]));
  if (waiting.size < requests.length) throw new AppError('invalid_input', 'requests: two have the same id.');
  for (const { id, dependsOn } of requests) {
    const stranger = (dependsOn ?? []).find((other) => !waiting.has(other));
    if (stranger === undefined) continue;
    throw new AppError('invalid_input', `requests: "${id}" depends on one that is not in the batch.`);
  }
  const ordered: Item[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ dependsOn }) => !(dependsOn ?? []).some((id) => waiting.has(id)));
    if (ready.length === 0) throw new AppError('invalid_input', 'requests: some depend on each other in a circle.');
    for (const one of ready) waiting.delete(one.id);
    ordered.push(...ready);
  }
  return ordered;
}

/** A request of its own, with the token, the address and the program of the batch. Nothing of it reaches the socket. */
function contextFor(outer: Context): Context {
  const origin: Origin = { ...(outer.state.origin as Origin), requestId: randomUUID() };
  const req = requestWith({ outer, method: 'POST', url: outer.url, headers: {}, body: '' });
  const inner = outer.app.createContext(req, new ServerResponse(req)) as unknown as Context;
  inner.state.origin = origin;
  inner.state.actor = outer.state.actor;
  inner.state.inBatch = true;
  inner._matchedRoute = outer._matchedRoute;
  inner.res.statusCode = 404;
  return inner;
}

interface Sent {
  readonly outer: Context;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function requestWith({ outer, method, url, headers, body }: Sent): IncomingMessage {
  const bytes = Buffer.from(body);
  const carried = ['authorization', 'host', 'user-agent', 'client-request-id'];
  const given: IncomingHttpHeaders = {
    ...Object.fromEntries(carried.flatMap((name) => (outer.get(name) ? [[name, outer.get(name)]] : []))),
    ...headers,
    'content-length': String(bytes.length),
  };
  const { socket, httpVersion, httpVersionMajor, httpVersionMinor } = outer.req;
  const seen = { method, url, headers: given, socket, httpVersion, httpVersionMajor, httpVersionMinor, complete: true };
  return Object.assign(Readable.from(bytes.length > 0 ? [bytes] : []), seen) as unknown as IncomingMessage;
}

// The batch's own, or of the connection that none of them has.
const notTheirs = [
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
];

/** Puts what the item asks for in place. Fails with `invalid_input`, in a sentence about the item. */
function fill(inner: Context, outer: Context, asked: BatchItem, version: Version): void {
  const { method, url, headers, body } = parseBody(item, asked);
  const given = Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const stranger = notTheirs.find((name) => name in given);
  if (stranger)
    throw new AppError('invalid_input', `headers: ${stranger} is that of the batch, and not for one request.`);
  if (Object.values(given).some((value) => /[^\t\x20-\x7e]/.test(value))) {
    throw new AppError('invalid_input', 'headers: a value holds a character that no header takes.');
  }
  const content = contentOf(body, given);
  const sent = { outer, method: method.toUpperCase(), url: `/${version}${pathOf(url, version)}`, ...content };
  const req = requestWith(sent);
  inner._matchedRoute = undefined;
  inner.req = req;
  inner.request.req = req;
  inner.response.req = req;
  inner.request.originalUrl = sent.url;
  inner.originalUrl = sent.url;
}

/** Below the version, with a slash before it; what no address holds as it is, encoded. Fails with `invalid_input`. */
function pathOf(url: string, version: Version): string {
  if (/^[a-z][a-z0-9+.-]*:|^\/\/|^\\/i.test(url)) {
    throw new AppError('invalid_input', `url must be relative to /${version}: /users, and no address of a host.`);
  }
  const path = url.startsWith('/') ? url : `/${url}`;
  if (/^\/(?:v1\.0|beta)(?:[/?]|$)/i.test(path)) {
    throw new AppError('invalid_input', `url must be relative to /${version}, and not begin with a version.`);
  }
  if (!isStorable(path) || /%00|#/.test(path)) {
    throw new AppError('invalid_input', 'url holds a character that no address takes.');
  }
  return path.replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent);
}

/** JSON as it is; anything else as base64, under the content type that it has. */
function contentOf(body: unknown, headers: Readonly<Record<string, string>>): Pick<Sent, 'headers' | 'body'> {
  if (body === undefined || body === null) return { headers, body: '' };
  const type = headers['content-type'] ?? 'application/json';
  if (typeof body === 'object') {
    if (/^application\/json\s*(;|$)/i.test(type)) {
      return { headers: { ...headers, 'content-type': type }, body: JSON.stringify(body) };
    }
    throw new AppError('unsupported_media_type', 'body: what is not application/json is sent as base64.');
  }
  const bytes = typeof body === 'string' ? Buffer.from(body, 'base64') : undefined;
  const plain = (text: string) => text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (!bytes || plain(bytes.toString('base64')) !== plain(body as string)) {
    throw new AppError('invalid_input', 'body must be a JSON object, or base64.');
  }
  return { headers: { ...headers, 'content-type': type }, body: bytes.toString('utf8') };
}

/** What would have gone over the wire: JSON as it is, everything else as base64. */
function answerOf(id: string, { status, body, response }: Context): ItemAnswer {
  const headers = Object.fromEntries(
    Object.entries(response.headers)
      .filter(([name, value]) => value !== undefined && name !== 'connection')
      .map(([name, value]) => [properCase(name), String(value)]),
  );
  if (body === undefined || body === null || status === 204) return { id, status, headers };
  if (typeof body === 'object' && !Buffer.isBuffer(body)) {
    return { id, status, headers, body: body as Readonly<Record<string, unknown>> };
  }
  return { id, status, headers, body: Buffer.from(body as string).toString('base64') };
}

/** `content-type` → `Content-Type`: Graph's clients look headers of a batch up as Graph writes them. */
function properCase(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
