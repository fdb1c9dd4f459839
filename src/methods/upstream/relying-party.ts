/**
 * We as the relying party of another provider: out with `depart`, back with `collect`. openid-client speaks the protocol and every
 * check is made here once more, so that one has a name when it fails, and the library's defaults and updates loosen none.
 * Nothing here needs a transaction, and each call may take seconds: call it outside of one.
 */
import { importJWK, type JWK } from 'jose';
import * as client from 'openid-client';
import { guardedFetch, type OutboundRules } from '../../outbound/outbound.ts';
import { type Fetch, type Metadata, metadataCache, refusalOfTheWay, typeOf } from './metadata.ts';
import type { Provider, UpstreamIdentity } from './provider.ts';
import { knownError, orRefusal, Refused, type Refusal } from './refusal.ts';
import { own, strictObject } from './strict-json.ts';
import {
  type Claims,
  type LogoutToken,
  readIdToken,
  readLogoutClaims,
  readSignedUserinfo,
  subjectOf,
  tolerance,
} from './tokens.ts';
import { type TrialReport, tryProvider } from './trial.ts';

/** One of them, as `clientAuthentication` wants it. */
export interface ClientCredentials {
  readonly clientSecret: string | null;
  /** ES256, with its `kid`. */
  readonly privateKey: JWK | null;
}

/** What the way back is compared with. Kept with the sign-in and for this provider alone, and taken out once. */
export interface Ceremony {
  readonly issuer: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

export interface Departing {
  readonly redirectUri: string;
  readonly loginHint?: string | undefined;
  /** Seconds. */
  readonly maxAge?: number | undefined;
  readonly acrValues?: readonly string[] | undefined;
  readonly prompt?: 'login' | 'select_account' | 'consent' | 'none' | undefined;
  readonly now: Date;
}

export interface Departure {
  readonly kind: 'departure';
  readonly url: URL;
  readonly ceremony: Ceremony;
}

export interface Collecting {
  /** Its query counts and nothing else of it. */
  readonly callbackUrl: URL;
  readonly ceremony: Ceremony;
  /** The one it departed with. */
  readonly redirectUri: string;
  /** Seconds, as asked for. */
  readonly maxAge?: number | undefined;
  readonly now: Date;
}

export interface Collected {
  readonly kind: 'collected';
  readonly identity: UpstreamIdentity;
  /** To end the session there with; sealed where it is kept. */
  readonly idToken: string;
}

export interface EndingSession {
  readonly idTokenHint?: string | undefined;
  readonly postLogoutRedirectUri: string;
  readonly state: string;
  readonly now: Date;
}

export interface RelyingParty {
  /** What the provider publishes, judged; at most ten minutes old. */
  discover(
    provider: Provider,
    now: Date,
  ): Promise<{ readonly kind: 'metadata'; readonly metadata: Metadata } | Refusal>;
  depart(provider: Provider, asked: Departing): Promise<Departure | Refusal>;
  /** An identity in which every claim was there and was right, or why it is none. */
  collect(provider: Provider, credentials: ClientCredentials, answer: Collecting): Promise<Collected | Refusal>;
  /** `url` is null where the provider has no such endpoint. */
  endSessionUrl(
    provider: Provider,
    asked: EndingSession,
  ): Promise<{ readonly kind: 'end'; readonly url: URL | null } | Refusal>;
  /** A token that says who is signed out. The caller refuses a `jti` that it has had until `until`. */
  readLogoutToken(provider: Provider, token: string, now: Date): Promise<LogoutToken | Refusal>;
  /** Asks the provider for all of it anew, and says in words what is right and what is not. */
  testProvider(
    provider: Provider,
    credentials: ClientCredentials,
    asked: { redirectUri: string; now: Date },
  ): Promise<TrialReport>;
}

/** One for each process: it remembers what providers publish. */
export function relyingParty(outbound: OutboundRules): RelyingParty {
  const fetch = guardedFetch(outbound);
  const cache = metadataCache(fetch, outbound.local);

  async function identityOf(
    provider: Provider,
    credentials: ClientCredentials,
    answer: Collecting,
  ): Promise<Collected> {
    const { ceremony, maxAge, now } = answer;
    const metadata = await cache.metadata(provider, now);
    checkResponse(answer.callbackUrl.searchParams, provider, metadata, ceremony);
    const exchanged = await exchangeCode({ fetch, local: outbound.local }, provider, credentials, metadata, answer);
    const { idToken, accessToken } = tokensOf(exchanged);
    const read = { provider, metadata, cache, now };
    const idClaims = await readIdToken(idToken, { ...read, nonce: ceremony.nonce, accessToken, maxAge });
    if (exchanged.objection) throw new Refused('protocol');
    const claims = await withUserinfo(idClaims, accessToken, provider, metadata);
    return { kind: 'collected', identity: toIdentity(provider, idClaims, claims), idToken };

    async function withUserinfo(
      known: Claims,
      token: string,
      { claims: rules }: Provider,
      { userinfo_endpoint }: Metadata,
    ) {
      const isComplete = Object.values(rules).every(({ claim }) => Object.hasOwn(known, claim));
      if (isComplete || userinfo_endpoint === undefined) return known;
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
      const said = await fetch(userinfo_endpoint, { headers }).catch(refusalOfTheWay);
      if (said.status !== 200) throw new Refused('userinfo_invalid');
      const more =
        typeOf(said) === 'application/jwt'
          ? await readSignedUserinfo((await said.text()).trim(), read)
          : typeOf(said) === 'application/json' && strictObject(await said.text());
      if (!more) throw new Refused('userinfo_invalid');
      if (own(more, 'sub') !== subjectOf(known)) throw new Refused('userinfo_subject');
      // Whether an address is verified is said by who said the address.
      const { email_verified, ...unpaired } = known;
      return { ...more, ...(Object.hasOwn(known, 'email') ? known : unpaired) };
    }
  }

  return {
    discover: (provider, now) =>
      orRefusal(async () => ({ kind: 'metadata' as const, metadata: await cache.metadata(provider, now) })),

    depart: (provider, asked) =>
      orRefusal(async () => {
        const metadata = await cache.metadata(provider, asked.now);
        const ceremony = {
          issuer: provider.issuer,
          state: client.randomState(),
          nonce: client.randomNonce(),
          codeVerifier: client.randomPKCECodeVerifier(),
        };
        const { redirectUri, loginHint, maxAge, acrValues, prompt } = asked;
        const url = client.buildAuthorizationUrl(configuration(provider, metadata, outbound.local), {
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: provider.scopes.join(' '),
          state: ceremony.state,
          nonce: ceremony.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(ceremony.codeVerifier),
          code_challenge_method: 'S256',
          ...(loginHint !== undefined && { login_hint: loginHint }),
          ...(maxAge !== undefined && { max_age: String(maxAge) }),
          ...(acrValues !== undefined && acrValues.length > 0 && { acr_values: acrValues.join(' ') }),
          ...(prompt !== undefined && { prompt }),
        });
        return { kind: 'departure' as const, url, ceremony };
      }),

    collect: (provider, credentials, answer) => orRefusal(() => identityOf(provider, credentials, answer)),

    endSessionUrl: (provider, { idTokenHint, postLogoutRedirectUri, state, now }) =>
      orRefusal(async () => {
        const metadata = await cache.metadata(provider, now);
        if (metadata.end_session_endpoint === undefined) return { kind: 'end' as const, url: null };
        const url = client.buildEndSessionUrl(configuration(provider, metadata, outbound.local), {
          post_logout_redirect_uri: postLogoutRedirectUri,
          state,
          ...(idTokenHint !== undefined && { id_token_hint: idTokenHint }),
        });
        return { kind: 'end' as const, url };
      }),

    readLogoutToken: (provider, token, now) =>
      orRefusal(async () =>
        readLogoutClaims(token, { provider, metadata: await cache.metadata(provider, now), cache, now }),
      ),

    testProvider: (provider, credentials, { redirectUri, now }) =>
      tryProvider(provider, {
        fetch,
        local: outbound.local,
        knowsUs: async (metadata) => {
          const ceremony = {
            issuer: provider.issuer,
            state: client.randomState(),
            nonce: client.randomNonce(),
            codeVerifier: client.randomPKCECodeVerifier(),
          };
          const callbackUrl = new URL(redirectUri);
          const response = { code: client.randomNonce(), state: ceremony.state, iss: provider.issuer };
          callbackUrl.search = new URLSearchParams(response).toString();
          const asked = { callbackUrl, ceremony, redirectUri, now };
          tokensOf(await exchangeCode({ fetch, local: outbound.local }, provider, credentials, metadata, asked));
        },
      }),
  };
}

const responseParameters = ['code', 'state', 'iss', 'error', 'id_token', 'access_token', 'token', 'response'];

/** RFC 6749 section 4.1.2 and RFC 9207: for whom it is, from whom it is, and only then what it says. */
function checkResponse(
  said: URLSearchParams,
  provider: Provider,
  metadata: Metadata,
  { issuer, state }: Ceremony,
): void {
  if (responseParameters.some((name) => said.getAll(name).length > 1)) throw new Refused('response_invalid');
  if (state === '' || said.get('state') !== state) throw new Refused('state_mismatch');
  const iss = said.get('iss');
  const isMissing = iss === null && metadata.authorization_response_iss_parameter_supported;
  if (issuer !== provider.issuer || isMissing || (iss !== null && iss !== provider.issuer)) {
    throw new Refused('response_issuer');
  }
  if (['id_token', 'access_token', 'token', 'response'].some((name) => said.has(name))) {
    throw new Refused('response_invalid');
  }
  if (said.has('error')) throw new Refused('upstream_error', knownError(said.get('error')));
  if (!/^[\x20-\x7e]{1,4096}$/.test(said.get('code') ?? '')) throw new Refused('response_invalid');
}

interface Exchanged {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** The library found something wrong, which ours may have a name for. */
  readonly objection: boolean;
}

async function exchangeCode(
  { fetch, local }: { readonly fetch: Fetch; readonly local: boolean },
  provider: Provider,
  credentials: ClientCredentials,
  metadata: Metadata,
  { callbackUrl, ceremony, redirectUri, maxAge, now }: Collecting,
): Promise<Exchanged> {
  const config = configuration(provider, metadata, local, now, await authentication(provider, credentials));
  let answer: Response | undefined;
  let onTheWay: unknown;
  config[client.customFetch] = async (address, options) => {
    try {
      const got = await fetch(address, options as Parameters<Fetch>[1]);
      answer = got.clone();
      return got;
    } catch (error) {
      onTheWay = error;
      throw error;
    }
  };
  const back = new URL(redirectUri);
  back.search = callbackUrl.search;
  let objection: unknown;
  await client
    .authorizationCodeGrant(config, back, {
      expectedState: ceremony.state,
      expectedNonce: ceremony.nonce,
      pkceCodeVerifier: ceremony.codeVerifier,
      idTokenExpected: true,
      ...(maxAge !== undefined && { maxAge }),
    })
    .catch((error: unknown) => {
      objection = error;
    });
  if (onTheWay) refusalOfTheWay(onTheWay);
  if (!answer) throw new Refused('protocol');
  return { status: answer.status, type: typeOf(answer), text: await answer.text(), objection: objection !== undefined };
}

const clientErrors = ['invalid_client', 'unauthorized_client'];

/** RFC 6749 sections 5.1 and 5.2. */
function tokensOf({ status, type, text }: Exchanged): { idToken: string; accessToken: string } {
  const said = type === 'application/json' ? strictObject(text) : undefined;
  const error = knownError(said && own(said, 'error'));
  if (status === 401 || (error !== null && clientErrors.includes(error))) throw new Refused('client_refused', error);
  if (status === 400 && error !== null) throw new Refused('code_refused', error);
  if (status !== 200 || !said) throw new Refused('token_answer_invalid');
  const [tokenType, accessToken, idToken] = ['token_type', 'access_token', 'id_token'].map((name) => own(said, name));
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== 'bearer') throw new Refused('token_answer_invalid');
  if (typeof accessToken !== 'string' || !/^[\x21-\x7e]+$/.test(accessToken)) throw new Refused('token_answer_invalid');
  if (idToken === undefined) throw new Refused('id_token_missing');
  if (typeof idToken !== 'string') throw new Refused('token_answer_invalid');
  return { idToken, accessToken };
}

function toIdentity(provider: Provider, idClaims: Claims, claims: Claims): UpstreamIdentity {
  const [acr, amr, sid, authTime] = ['acr', 'amr', 'sid', 'auth_time'].map((name) => own(idClaims, name));
  const isList = Array.isArray(amr) && amr.length <= 50 && amr.every((word) => typeof word === 'string');
  if ((acr !== undefined && typeof acr !== 'string') || (amr !== undefined && !isList))
    throw new Refused('claims_invalid');
  if (sid !== undefined && (typeof sid !== 'string' || sid === '' || sid.length > 255))
    throw new Refused('claims_invalid');
  return {
    issuer: provider.issuer,
    sub: subjectOf(idClaims),
    acr: acr ?? null,
    amr: (amr as readonly string[] | undefined) ?? [],
    authTime: typeof authTime === 'number' ? new Date(authTime * 1000) : null,
    sid: sid ?? null,
    claims,
  };
}

/** By the time that is given: the library's own clock is moved to it. */
function configuration(
  { clientId }: Provider,
  metadata: Metadata,
  local: boolean,
  now?: Date,
  authentication: client.ClientAuth = client.None(),
): client.Configuration {
  const clocks = now && {
    [client.clockSkew]: Math.round((now.getTime() - Date.now()) / 1000),
    [client.clockTolerance]: tolerance,
  };
  const config = new client.Configuration(metadata as client.ServerMetadata, clientId, { ...clocks }, authentication);
  // Which of them may be http is decided by the guard, address by address.
  if (local) client.allowInsecureRequests(config);
  return config;
}

async function authentication(
  { clientAuthentication }: Provider,
  { clientSecret, privateKey }: ClientCredentials,
): Promise<client.ClientAuth> {
  if (clientAuthentication === 'private_key_jwt') {
    if (!privateKey) throw new Error('The provider has no private key.');
    const key = (await importJWK(privateKey, 'ES256')) as CryptoKey;
    return client.PrivateKeyJwt(privateKey.kid === undefined ? { key } : { key, kid: privateKey.kid });
  }
  if (clientSecret === null) throw new Error('The provider has no client secret.');
  return clientAuthentication === 'client_secret_post'
    ? client.ClientSecretPost(clientSecret)
    : client.ClientSecretBasic(clientSecret);
}
