/** What a provider publishes of itself, judged before anything of it is used: its metadata, and the keys it signs with. */
import { createLocalJWKSet, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { isLocalhost } from '../../core/localhost.ts';
import { type FetchOptions, OutboundError } from '../../outbound/outbound.ts';
import { type Provider, signingAlgorithms } from './provider.ts';
import { Refused, type RefusalReason } from './refusal.ts';
import { strictObject } from './strict-json.ts';

export type Fetch = (address: string, options?: FetchOptions) => Promise<Response>;

/** Only what is used here; the rest of it is never looked at. */
export interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint?: string | undefined;
  readonly end_session_endpoint?: string | undefined;
  /** Those of its own that are allowed here, one at least. */
  readonly id_token_signing_alg_values_supported: string[];
  readonly authorization_response_iss_parameter_supported: boolean;
  readonly code_challenge_methods_supported: string[];
}

export interface Keys {
  readonly get: JWTVerifyGetKey;
  readonly count: number;
}

const words = z.array(z.string().max(200)).max(100);
const published = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string().max(2_000),
  token_endpoint: z.string().max(2_000),
  jwks_uri: z.string().max(2_000),
  userinfo_endpoint: z.string().max(2_000).optional(),
  end_session_endpoint: z.string().max(2_000).optional(),
  id_token_signing_alg_values_supported: words.default(['RS256']),
  authorization_response_iss_parameter_supported: z.boolean().default(false),
  code_challenge_methods_supported: words.default([]),
  response_modes_supported: words.default(['query', 'fragment']),
  response_types_supported: words.default(['code']),
});

export const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'end_session_endpoint',
] as const;

/** Its metadata as it is now. OpenID Connect Discovery 1.0 section 4, and the issuer equal letter by letter (4.3). */
export async function readMetadata(fetch: Fetch, provider: Provider, local: boolean): Promise<Metadata> {
  if (!URL.canParse(provider.issuer)) throw new Refused('address_refused');
  const issuer = new URL(provider.issuer);
  if (issuer.search !== '' || issuer.hash !== '') throw new Refused('address_refused');
  const address = `${provider.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const parsed = published.safeParse(await readJson(fetch, address, 'metadata_invalid'));
  if (!parsed.success) throw new Refused('metadata_invalid');
  const metadata = parsed.data;
  if (metadata.issuer !== provider.issuer) throw new Refused('issuer_mismatch');
  // An answer comes by redirect: a form that another site posts carries no cookie of ours.
  if (!metadata.response_types_supported.includes('code') || !metadata.response_modes_supported.includes('query')) {
    throw new Refused('metadata_invalid');
  }
  for (const name of endpoints) {
    const endpoint = metadata[name];
    if (endpoint !== undefined && !isEndpoint(endpoint, issuer, provider.endpointHosts, local)) {
      throw new Refused('endpoint_refused', name);
    }
  }
  const algorithms = metadata.id_token_signing_alg_values_supported.filter((alg) =>
    (signingAlgorithms as readonly string[]).includes(alg),
  );
  if (algorithms.length === 0) throw new Refused('algorithms_refused');
  return { ...metadata, id_token_signing_alg_values_supported: algorithms };
}

/**
 * On the issuer's host, on one below it, or on one above it of two labels at least: who holds those names holds the issuer's, or was
 * given it. A neighbour is listed, for under `example.co.uk` and `pages.example` neighbours are strangers, and only a list of
 * public suffixes could tell. The port is the issuer's or 443.
 */
export function isEndpoint(endpoint: string, issuer: URL, listed: readonly string[], local: boolean): boolean {
  if (!URL.canParse(endpoint)) return false;
  const url = new URL(endpoint);
  if (url.username !== '' || url.password !== '' || endpoint.includes('#')) return false;
  if (url.protocol !== 'https:' && !(local && url.protocol === 'http:' && isLoopbackName(url, issuer))) return false;
  if (listed.includes(url.host)) return true;
  if (url.port !== issuer.port && url.port !== '') return false;
  const [host, home] = [url.hostname, issuer.hostname];
  if (host === home) return true;
  if (isAddress(host) || isAddress(home)) return false;
  return host.endsWith(`.${home}`) || (home.endsWith(`.${host}`) && host.includes('.'));
}

/** Under localhost the issuer's own name alone: its neighbours there are others' houses. */
function isLoopbackName({ hostname: host }: URL, issuer: URL): boolean {
  if (host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)) return true;
  return host === issuer.hostname && isLocalhost(host);
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

const mostKeys = 100;

export async function readKeys(fetch: Fetch, { jwks_uri }: Metadata): Promise<Keys> {
  const { keys } = await readJson(fetch, jwks_uri, 'keys_invalid', ['application/json', 'application/jwk-set+json']);
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > mostKeys || !keys.every(isPublicKey)) {
    throw new Refused('keys_invalid');
  }
  return { get: createLocalJWKSet({ keys } as JSONWebKeySet), count: keys.length };
}

/** A private half that is published, or a secret, is everybody's: nothing that such a set vouches for is believed. */
function isPublicKey(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return false;
  const { kty, kid, n, e, ...rest } = key as Record<string, unknown>;
  if (
    typeof kty !== 'string' ||
    kty === 'oct' ||
    ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((name) => name in rest)
  ) {
    return false;
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 500)) return false;
  // A modulus of 8192 bits and an exponent of 32: larger ones take the processor's time and not the forger's.
  return kty !== 'RSA' || (typeof n === 'string' && n.length <= 1_366 && typeof e === 'string' && e.length <= 6);
}

/** An object of JSON with status 200. Fails with `reason` for anything else. */
async function readJson(
  fetch: Fetch,
  address: string,
  reason: RefusalReason,
  types: readonly string[] = ['application/json'],
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(address, { headers: { accept: types.join(', ') } }).catch(refusalOfTheWay);
  if (answer.status !== 200 || !types.includes(typeOf(answer))) throw new Refused(reason);
  const object = strictObject(await answer.text());
  if (!object) throw new Refused(reason);
  return object;
}

export function typeOf(answer: Response): string {
  return (answer.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}

export function refusalOfTheWay(error: unknown): never {
  if (!(error instanceof OutboundError)) throw error;
  throw error.code === 'address_refused' ? new Refused('address_refused') : new Refused('unreachable', error.code);
}

interface Kept {
  readonly metadata: Metadata;
  readonly readAt: Date;
  readonly signature: string;
  keys?: { readonly keys: Promise<Keys>; readonly readAt: Date };
}

const keptMs = 10 * 60_000;
const leastBetweenKeysMs = 60_000;
const mostKept = 100;

/** Published things, read once and kept for ten minutes, of a hundred providers at most. */
export function metadataCache(fetch: Fetch, local: boolean) {
  const kept = new Map<string, Kept>();

  async function keptOf(provider: Provider, now: Date): Promise<Kept> {
    const signature = JSON.stringify([provider.issuer, provider.endpointHosts]);
    const found = kept.get(provider.id);
    if (found && found.signature === signature && isYoung(found.readAt, now, keptMs)) return found;
    const read: Kept = { metadata: await readMetadata(fetch, provider, local), readAt: now, signature };
    kept.delete(provider.id);
    if (kept.size >= mostKept) kept.delete(kept.keys().next().value!);
    kept.set(provider.id, read);
    return read;
  }

  async function keysOf(provider: Provider, now: Date, longestMs: number): Promise<Keys> {
    const entry = await keptOf(provider, now);
    if (!entry.keys || !isYoung(entry.keys.readAt, now, longestMs)) {
      const read = { keys: readKeys(fetch, entry.metadata), readAt: now };
      entry.keys = read;
      // A failure is not kept: the next sign-in asks again.
      read.keys.catch(() => {
        if (entry.keys === read) delete entry.keys;
      });
    }
    return entry.keys.keys;
  }

  return {
    metadata: async (provider: Provider, now: Date) => (await keptOf(provider, now)).metadata,
    keys: (provider: Provider, now: Date) => keysOf(provider, now, keptMs),
    /** For a key that is unknown: as they are now, or as they were within the last minute. */
    newerKeys: (provider: Provider, now: Date) => keysOf(provider, now, leastBetweenKeysMs),
  };
}

export type MetadataCache = ReturnType<typeof metadataCache>;

function isYoung(readAt: Date, now: Date, longestMs: number): boolean {
  return Math.abs(now.getTime() - readAt.getTime()) < longestMs;
}
