/**
 * The one way from here to addresses that others have named. The host is resolved first, every address it has is judged before
 * anything connects, and the connection goes to an address that was judged: a name that changes meanwhile leads nowhere.
 */
import { lookup as resolveName } from 'node:dns/promises';
import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { type BlockList, isIP } from 'node:net';
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
const longestBody = 16 * 1024;

/** Posts a form and returns the status of the answer, redirects included: none is followed. The answer's body is thrown away. */
export async function postForm(
  rules: OutboundRules,
  address: string,
  form: Readonly<Record<string, string>>,
): Promise<OutboundAnswer> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !isAddressed(url, rules)) return refused;
  const deadline = AbortSignal.timeout(rules.longestMs ?? ordinaryMs);
  try {
    const checked = await checkedAddresses(url, rules, deadline);
    if (!checked) return refused;
    return await send(url, checked, new URLSearchParams(form).toString(), deadline);
  } catch (error) {
    return { kind: 'failed', error: deadline.aborted ? 'timeout' : codeOf(error) };
  }
}

const refused: OutboundAnswer = { kind: 'forbidden', error: 'address_refused' };

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
  const addresses = isIP(host) !== 0 ? [{ address: host, family: isIP(host) }] : await within(deadline, resolve(host));
  const reachable = addresses.every(({ address }) => {
    if (local && isLoopback(address)) return true;
    return protocol === 'https:' && (isPublic(address) || isIn(allow, address));
  });
  return reachable && addresses.length > 0 ? addresses : undefined;
}

function send(url: URL, addresses: readonly Address[], body: string, signal: AbortSignal): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = (url.protocol === 'https:' ? requestTls : requestPlain)(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'Latchkey',
      },
      agent: false,
      signal,
      maxHeaderSize: longestBody,
      lookup: (_host, options, found) => {
        const [{ address, family }] = addresses as readonly [Address];
        if (options.all) found(null, [...addresses]);
        else found(null, address, family);
      },
    });
    request.on('response', (answer: IncomingMessage) => {
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > longestBody) answer.destroy(Object.assign(new Error('too large'), { code: 'too_large' }));
      });
      answer.on('end', () => resolve({ kind: 'answered', status: answer.statusCode! }));
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
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
