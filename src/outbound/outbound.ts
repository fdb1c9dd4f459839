/**
 * The one way from here to addresses that others have named. The host is resolved first, every address it has is judged before
 * anything connects, and the connection goes to an address that was judged: a name that changes meanwhile leads nowhere.
 */
import { lookup as resolveName } from 'node:dns/promises';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { type BlockList, isIP } from 'node:net';
import { isLocalhost } from '../core/localhost.ts';
import { isIn, isLoopback, isPublic } from './addresses.ts';

export interface OutboundRules {
  /** Private networks that the operator has opened (`LATCHKEY_OUTBOUND_ALLOW`). */
  readonly allow: BlockList;
  /** This is somebody's own machine: loopback is reached, without TLS as well. */
  readonly local: boolean;
  /** How long all of it may take; 2.5 seconds unless given. */
  readonly longestMs?: number;
  /** Every address of a name, as the system's resolver says unless given. */
  readonly resolve?: (host: string) => Promise<readonly Address[]>;
}

/** `error` is a code of ours or the system's, the same for all private addresses, and never the other side's words. */
export type OutboundAnswer =
  | { readonly kind: 'answered'; readonly status: number }
  /** Nothing was sent: the address is none that we connect to. */
  | { readonly kind: 'forbidden'; readonly error: 'address_refused' }
  | { readonly kind: 'failed'; readonly error: string };

const ordinaryMs = 2_500;
const longestHeaders = 16 * 1024;
const longestIgnored = 16 * 1024;
/** Bytes of metadata, keys and tokens: what is ever read of an answer. */
export const longestRead = 256 * 1024;

/** Posts a form and returns the status of the answer, redirects included: none is followed. The answer's body is thrown away. */
export async function postForm(
  rules: OutboundRules,
  address: string,
  form: Readonly<Record<string, string>>,
): Promise<OutboundAnswer> {
  const answer = await exchange(rules, address, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    longest: longestIgnored,
  });
  return answer.kind === 'answered' ? { kind: 'answered', status: answer.status } : answer;
}

/** Nothing came that could be read. `code` is one of `OutboundAnswer`'s: `address_refused`, `timeout`, `too_large`, … */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface FetchOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `fetch` as libraries want it, and as little of it as they need: GET and POST with a text or a form, an answer of 256 KiB at most
 * that nothing decompresses, of its headers the content type alone, redirects returned and not followed. Fails with `OutboundError`.
 */
export function guardedFetch(rules: OutboundRules): (address: string, options?: FetchOptions) => Promise<Response> {
  return async (address, { method = 'GET', headers = {}, body, signal } = {}) => {
    if (method !== 'GET' && method !== 'POST') throw new OutboundError('method_refused');
    const text = body instanceof URLSearchParams ? body.toString() : (body ?? undefined);
    if (text !== undefined && typeof text !== 'string') throw new OutboundError('body_refused');
    const answer = await exchange(rules, address, { method, headers, body: text, longest: longestRead, signal });
    if (answer.kind !== 'answered') throw new OutboundError(answer.error);
    if (answer.status < 200 || answer.status > 599) throw new OutboundError('status_refused');
    const { 'content-type': contentType } = answer.headers;
    return new Response([204, 205, 304].includes(answer.status) ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: contentType === undefined ? {} : { 'content-type': contentType },
    });
  };
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Bytes of the answer; more is a failure. */
  readonly longest: number;
  readonly signal?: AbortSignal | undefined;
}

interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function exchange(
  rules: OutboundRules,
  address: string,
  sent: Sent,
): Promise<Answered | Exclude<OutboundAnswer, { readonly kind: 'answered' }>> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !isAddressed(url, rules)) return refused;
  const late = AbortSignal.timeout(rules.longestMs ?? ordinaryMs);
  const deadline = sent.signal ? AbortSignal.any([late, sent.signal]) : late;
  try {
    const checked = await checkedAddresses(url, rules, deadline);
    if (!checked) return refused;
    return await send(url, checked, sent, deadline);
  } catch (error) {
    return { kind: 'failed', error: deadline.aborted ? 'timeout' : codeOf(error) };
  }
}

const refused = { kind: 'forbidden', error: 'address_refused' } as const;

function isAddressed(url: URL, { local }: OutboundRules): boolean {
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (local && url.protocol === 'http:');
}

interface Address {
  readonly address: string;
  readonly family: number;
}

function bySystem(host: string): Promise<readonly Address[]> {
  return resolveName(host, { all: true, verbatim: true });
}

/** Undefined when one of them is not to be reached: who answers for a name chooses which of its addresses we would take. */
async function checkedAddresses(
  { hostname, protocol }: URL,
  { allow, local, resolve = bySystem }: OutboundRules,
  deadline: AbortSignal,
): Promise<readonly Address[] | undefined> {
  const host = hostname.replace(/^\[|\]$/g, '');
  // A name under localhost is this machine's, as localhost is: no resolver far away is asked for it (RFC 6761 §6.3).
  const name = isLocalhost(host) ? 'localhost' : host;
  const addresses = isIP(host) !== 0 ? [{ address: host, family: isIP(host) }] : await within(deadline, resolve(name));
  const reachable = addresses.every(({ address }) => {
    if (local && isLoopback(address)) return true;
    return protocol === 'https:' && (isPublic(address) || isIn(allow, address));
  });
  return reachable && addresses.length > 0 ? addresses : undefined;
}

function send(
  url: URL,
  addresses: readonly Address[],
  { method, headers, body, longest }: Sent,
  signal: AbortSignal,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = (url.protocol === 'https:' ? requestTls : requestPlain)(url, {
      method,
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        'accept-encoding': 'identity',
        'user-agent': 'Latchkey',
      },
      agent: false,
      signal,
      maxHeaderSize: longestHeaders,
      lookup: (_host, options, found) => {
        const [{ address, family }] = addresses as readonly [Address];
        if (options.all) found(null, [...addresses]);
        else found(null, address, family);
      },
    });
    request.on('response', (answer: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const stop = (code: string) => {
        reject(Object.assign(new Error(code), { code }));
        answer.destroy();
      };
      answer.on('error', reject);
      answer.on('aborted', () => reject(closed()));
      // Never unpacked: a few bytes of gzip can be gigabytes.
      if (!['', 'identity'].includes(answer.headers['content-encoding'] ?? '')) return stop('encoding_refused');
      if (Number(answer.headers['content-length'] ?? 0) > longest) return stop('too_large');
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > longest) stop('too_large');
        else chunks.push(chunk);
      });
      answer.on('end', () =>
        resolve({ kind: 'answered', status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    // An answer that is none, as a change of protocol: neither a response nor an error comes.
    request.on('close', () => reject(closed()));
    request.end(body);
  });
}

function closed(): Error {
  return Object.assign(new Error('closed'), { code: 'closed' });
}

/** Resolving a name cannot be called off; waiting for it can. */
function within<T>(deadline: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    deadline.addEventListener('abort', () => reject(deadline.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}

function codeOf(error: unknown): string {
  const { code, errors: several } = error as { code?: unknown; errors?: readonly unknown[] };
  if (typeof code === 'string') return code;
  return several && several.length > 0 ? codeOf(several[0]) : 'unknown';
}
