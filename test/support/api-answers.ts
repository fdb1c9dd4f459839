import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OpenApiDocument, type Operation, openApiDocument } from '../../src/http/api-document/document.ts';
import { descriptionsOf } from '../../src/http/graph/endpoint.ts';
import { keysAsSegments } from '../../src/http/graph/keys.ts';
import { graphRoutes } from '../../src/http/graph/routes.ts';
import { mistakesIn } from './json-schema.ts';

export function documentFor(issuer: string): OpenApiDocument {
  return openApiDocument(issuer, descriptionsOf(graphRoutes({ issuer } as never, 'v1.0', undefined as never)));
}

export interface Matched {
  readonly path: string;
  readonly operation: Operation;
}

/** Which operation of the document a request is for, as the router finds it; undefined for none. */
export function operationFinder(document: OpenApiDocument): (method: string, path: string) => Matched | undefined {
  const known = Object.entries(document.paths).map(([path, item]) => {
    const pattern = path
      .split(/\{\w+\}/)
      .map((part) => part.replaceAll(/[$().]/g, '\\$&'))
      .join('[^/]+');
    return { path, item, pattern: new RegExp(`^${pattern}/?$`, 'i') };
  });
  return (method, path) => {
    for (const { path: written, item, pattern } of known) {
      const operation = item[method.toLowerCase()];
      if (operation && pattern.test(path)) return { path: written, operation };
    }
    return undefined;
  };
}

interface Answered {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly type: string;
  /** In lower case. */
  readonly headers: ReadonlySet<string>;
  readonly text: string;
}

/** Looks at every answer of the API on its way out, and keeps what the document does not say. */
export function checkingAnswers(issuer: string) {
  const document = documentFor(issuer);
  const find = operationFinder(document);
  const complaints: string[] = [];

  return {
    complaints,
    watch(req: IncomingMessage, res: ServerResponse): void {
      if (!/^\/(?:v1\.0|beta)(?:[/?]|$)/i.test(req.url ?? '')) return;
      const isBatch = req.method === 'POST' && /^\/[^/]+\/\$batch(?:\?|$)/i.test(req.url!);
      const sent = isBatch ? copyOf(req) : [];
      const chunks: Buffer[] = [];
      const keep = (chunk: unknown) => {
        if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
      };
      const { write, end } = res;
      res.write = ((chunk: unknown, ...rest: never[]) => {
        keep(chunk);
        return Reflect.apply(write, res, [chunk, ...rest]);
      }) as typeof write;
      res.end = ((chunk: unknown, ...rest: never[]) => {
        keep(chunk);
        return Reflect.apply(end, res, [chunk, ...rest]);
      }) as typeof end;
      res.on('finish', () => {
        const header = (name: string) => String(res.getHeader(name) ?? '');
        const answered: Answered = {
          method: req.method!,
          url: req.url!,
          status: res.statusCode,
          type: header('content-type').split(';')[0]!,
          headers: new Set(res.getHeaderNames().map((name) => name.toLowerCase())),
          text: Buffer.concat(chunks).toString(),
        };
        const items = isBatch && answered.status === 200 ? itemsOf(Buffer.concat(sent).toString(), answered) : [];
        for (const one of [answered, ...items]) {
          if (complaints.length < 20) complaints.push(...complaintsOf(document, find, one));
        }
      });
    },
  };
}

/** What comes in on a request, as it is read. */
function copyOf(req: IncomingMessage): Buffer[] {
  const chunks: Buffer[] = [];
  const { push } = req;
  req.push = (chunk: unknown, ...rest: never[]) => {
    if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
    return Reflect.apply(push, req, [chunk, ...rest]);
  };
  return chunks;
}

interface BatchItem {
  readonly id: string;
  readonly method: string;
  readonly url: string;
}

interface BatchItemAnswer {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The answers in a batch, each as if it had come by itself. What was refused may have reached no address. */
function itemsOf(sent: string, { url, text }: Answered): Answered[] {
  const { requests } = JSON.parse(sent) as { requests: BatchItem[] };
  const { responses } = JSON.parse(text) as { responses: BatchItemAnswer[] };
  return responses.map(({ id, status, headers, body }) => {
    const { method, url: path } = requests.find((one) => one.id === id)!;
    const version = /^\/[^/]+/.exec(url)![0];
    return {
      ...(status < 400
        ? { method: method.toUpperCase(), url: `${version}/${path.replace(/^\//, '')}` }
        : { method: 'POST', url: `${version}/` }),
      status,
      type: (headers['Content-Type'] ?? '').split(';')[0]!,
      headers: new Set(Object.keys(headers).map((name) => name.toLowerCase())),
      text: typeof body === 'string' ? Buffer.from(body, 'base64').toString() : body ? JSON.stringify(body) : '',
    };
  });
}

function complaintsOf(
  document: OpenApiDocument,
  find: ReturnType<typeof operationFinder>,
  { method, url, status, type, headers, text }: Answered,
): string[] {
  // Neither has a body of its own.
  if (method === 'HEAD' || (method === 'OPTIONS' && status === 200)) return [];
  const [address = '', query = ''] = url.split('?');
  const found = find(method, keysAsSegments(address.replace(/^\/[^/]+/, '')));
  const say = (words: string) => [`${method} ${found?.path ?? address} ${status}: ${words}`];
  const described = found ? found.operation.responses[status] : undefined;
  if (found && !described) return say('the document knows no such answer');
  if (!found && status < 400) return say('the document knows no such route');

  const answer = (described && '$ref' in described ? undefined : described) ?? refusal(document, status);
  const [expected, content] = Object.entries(answer.content ?? {})[0] ?? [];
  const missing = Object.keys(answer.headers).find(
    (name) => document.components.headers[name]!.required && !headers.has(name.toLowerCase()),
  );
  if (missing !== undefined) return say(`has no ${missing}`);
  if (expected === undefined || content === undefined) return text === '' ? [] : say('has a body');
  if (type !== expected) return say(`is ${type}, not ${expected}`);
  const whole = !/(?:^|&)(?:\$|%24)?select=/i.test(query);
  const value = expected === 'application/json' ? JSON.parse(text) : text;
  const checking = { schemas: document.components.schemas, strict: true, whole };
  return mistakesIn(value, content.schema, checking).flatMap(say);
}

/** Every refusal has the same shape, also where there is no route. */
function refusal({ components: { responses } }: OpenApiDocument, status: number) {
  return responses[`refused${status}`] ?? responses.refused400!;
}
