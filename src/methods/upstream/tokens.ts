/** What an upstream signs: ID tokens, signed userinfo and logout tokens. Every claim is required, and every check is made here. */
import { createHash } from 'node:crypto';
import { compactVerify, errors, type JWTVerifyGetKey } from 'jose';
import { epochSeconds } from '../../core/time.ts';
import type { Keys, Metadata, MetadataCache } from './metadata.ts';
import type { Provider } from './provider.ts';
import { Refused } from './refusal.ts';
import { own, strictObject } from './strict-json.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Seconds that their clock and ours may differ. */
export const tolerance = 60;
// An ID token is minutes old at most: it was asked for in this sign-in.
const oldestIdToken = 10 * 60;
// Security: a logout token is short-lived, and `jti` need not be remembered for longer.
const oldestLogoutToken = 2 * 60;

interface Read {
  readonly provider: Provider;
  readonly metadata: Metadata;
  readonly cache: MetadataCache;
  readonly now: Date;
}

export interface IdTokenChecks extends Read {
  readonly nonce: string;
  readonly accessToken: string;
  /** Seconds. */
  readonly maxAge?: number | undefined;
}

/** OpenID Connect Core 1.0 section 3.1.3.7, with everything optional in it required. */
export async function readIdToken(token: string, checks: IdTokenChecks): Promise<Claims> {
  const { claims, alg } = await readSigned(token, checks, ['JWT']);
  const { provider, now, nonce, accessToken, maxAge } = checks;
  const at = epochSeconds(now);
  checkIssuerAndAudience(claims, provider);
  const exp = secondsOf(claims, 'exp');
  if (exp === undefined || exp <= at - tolerance) throw new Refused('expired');
  checkIssuedAt(claims, at, oldestIdToken);
  const nbf = own(claims, 'nbf');
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= at + tolerance)) throw new Refused('not_yet_valid');
  if (own(claims, 'nonce') !== nonce) throw new Refused('nonce');
  const atHash = own(claims, 'at_hash');
  if (atHash !== undefined && atHash !== hashOf(accessToken, alg)) throw new Refused('access_token_hash');
  const authTime = secondsOf(claims, 'auth_time');
  if (own(claims, 'auth_time') !== undefined && (authTime === undefined || authTime > at + tolerance)) {
    throw new Refused('auth_time');
  }
  if (maxAge !== undefined && (authTime === undefined || authTime + maxAge < at - tolerance)) {
    throw new Refused('auth_time');
  }
  subjectOf(claims);
  return claims;
}

/** OpenID Connect Core 1.0 section 5.3.2: signed, `iss` and `aud` are required. */
export async function readSignedUserinfo(token: string, read: Read): Promise<Claims> {
  const { claims } = await readSigned(token, read, ['JWT']);
  checkIssuerAndAudience(claims, read.provider);
  return claims;
}

export interface LogoutToken {
  readonly kind: 'logout';
  /** One of them at least. */
  readonly sub: string | null;
  readonly sid: string | null;
  /** To be remembered until `until`: the same token is refused a second time. */
  readonly jti: string;
  readonly until: Date;
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

/**
 * Back-Channel Logout 1.0 section 2.6. `typ` is `logout+jwt`, or `JWT` or absent as older providers have it (section 2.4 recommends
 * the first and demands none): the event it has to hold, and the nonce it must not, tell it from an ID token.
 */
export async function readLogoutClaims(token: string, read: Read): Promise<LogoutToken> {
  const { claims } = await readSigned(token, read, ['logout+jwt', 'JWT']);
  checkIssuerAndAudience(claims, read.provider);
  const at = epochSeconds(read.now);
  const iat = checkIssuedAt(claims, at, oldestLogoutToken);
  const exp = own(claims, 'exp');
  if (exp !== undefined && !(typeof exp === 'number' && exp > at - tolerance)) throw new Refused('expired');
  if (own(claims, 'nonce') !== undefined) throw new Refused('nonce');
  const events = own(claims, 'events');
  const event = isObject(events) ? own(events, logoutEvent) : undefined;
  if (!isObject(event)) throw new Refused('logout_event');
  const [sub, sid] = [own(claims, 'sub'), own(claims, 'sid')];
  if ((sub === undefined && sid === undefined) || (sid !== undefined && !isName(sid)))
    throw new Refused('logout_subject');
  const jti = own(claims, 'jti');
  if (!isName(jti)) throw new Refused('token_id');
  return {
    kind: 'logout',
    sub: sub === undefined ? null : subjectOf(claims),
    sid: (sid as string | undefined) ?? null,
    jti,
    until: new Date((iat + oldestLogoutToken + tolerance) * 1000),
  };
}

const longestToken = 64 * 1024;

async function readSigned(
  token: string,
  read: Read,
  types: readonly string[],
): Promise<{ claims: Claims; alg: string }> {
  const parts = token.split('.');
  if (parts.length === 5) throw new Refused('token_encrypted');
  if (parts.length !== 3 || token.length > longestToken) throw new Refused('token_malformed');
  const header = decoded(parts[0]!);
  const claims = decoded(parts[1]!);
  if (!header || !claims) throw new Refused('token_malformed');
  const { alg, typ, kid } = header;
  const { id_token_signing_alg_values_supported: algorithms } = read.metadata;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new Refused('algorithm');
  if ('crit' in header || 'b64' in header || 'zip' in header) throw new Refused('header_refused');
  if (kid !== undefined && typeof kid !== 'string') throw new Refused('header_refused');
  if (typ !== undefined && !isType(typ, types)) throw new Refused('token_type');

  // `jwk`, `jku`, `x5u` and `x5c` in the header are never looked at: a key comes from the address that the metadata names.
  const keys = await read.cache.keys(read.provider, read.now);
  const isKnown = await verify(token, keys.get, alg);
  if (!isKnown) {
    const newer: Keys = await read.cache.newerKeys(read.provider, read.now);
    if (newer === keys || !(await verify(token, newer.get, alg))) throw new Refused('key_unknown');
  }
  return { claims, alg };
}

/** False when no key of theirs is the one it names. */
async function verify(token: string, key: JWTVerifyGetKey, alg: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [alg] });
    return true;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return false;
    if (error instanceof errors.JWSSignatureVerificationFailed) throw new Refused('signature');
    if (error instanceof errors.JWKSMultipleMatchingKeys) throw new Refused('key_unknown');
    // A key that is no key, or too short: jose and WebCrypto say so each in a way of its own.
    throw new Refused('keys_invalid');
  }
}

function decoded(part: string): Claims | undefined {
  if (!/^[\w-]+$/.test(part)) return undefined;
  const bytes = Buffer.from(part, 'base64url');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? strictObject(text) : undefined;
}

function isType(typ: unknown, types: readonly string[]): boolean {
  if (typeof typ !== 'string') return false;
  const plain = typ.toLowerCase().replace(/^application\//, '');
  return types.some((type) => type.toLowerCase() === plain);
}

/** Who is meant beside us is only taken from a token that says it is ours: `azp` is us where there is one, or more than one audience. */
function checkIssuerAndAudience(claims: Claims, { issuer, clientId }: Provider): void {
  if (own(claims, 'iss') !== issuer) throw new Refused('issuer');
  const aud = own(claims, 'aud');
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (!audiences.every((one) => typeof one === 'string') || !audiences.includes(clientId))
    throw new Refused('audience');
  const azp = own(claims, 'azp');
  if ((azp !== undefined || audiences.length > 1) && azp !== clientId) throw new Refused('authorized_party');
}

function checkIssuedAt(claims: Claims, at: number, oldest: number): number {
  const iat = secondsOf(claims, 'iat');
  if (iat === undefined || iat > at + tolerance || iat < at - oldest - tolerance) throw new Refused('issued_at');
  return iat;
}

function secondsOf(claims: Claims, name: string): number | undefined {
  const value = own(claims, name);
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 8.64e12 ? value : undefined;
}

/** 255 ASCII characters at most (OpenID Connect Core 1.0 section 2), none of which is a control character. */
export function subjectOf(claims: Claims): string {
  const sub = own(claims, 'sub');
  if (!isName(sub)) throw new Refused('subject');
  return sub;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value) && value.trim() === value;
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** OpenID Connect Core 1.0 section 3.1.3.6. Ed25519 signs with SHA-512. */
function hashOf(accessToken: string, alg: string): string {
  const hash = createHash(alg === 'EdDSA' || alg === 'Ed25519' ? 'sha512' : 'sha256')
    .update(accessToken)
    .digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}
