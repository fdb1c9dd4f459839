import { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import type { Asked } from '../assurance/scale.ts';
import { AppError } from '../core/errors.ts';
import { epochSeconds } from '../core/time.ts';
import { askedIn } from './asked-assurance.ts';
import type { PassTie } from './pass-ties.ts';

/** A relying party's request that waits for a person. */
export interface Interaction {
  readonly clientId: string;
  /** Cut to the length of a user name; anything may stand in it. */
  readonly loginHint: string;
  /** `domain_hint`; an empty string for none. */
  readonly domainHint: string;
  /** The account of the session in this browser, if there is one. */
  readonly signedInUserId: string | null;
  readonly app: {
    readonly name: string;
    readonly initiateLoginUri: string | undefined;
    readonly homeUri: string | undefined;
  };
  readonly requestedAt: Date;
  /** There is a session, and it is weaker than the app asked for, or its user has to register more. */
  readonly asksForMore: boolean;
  /** What it asks for in acr. */
  readonly asked: Asked;
  /** Seconds that a proof may be old; 0: none that was there will do. Undefined where any will. */
  readonly maxAge: number | undefined;
}

/** How a sign-in ends, in the protocol's words. */
export type Outcome =
  | {
      readonly kind: 'signed-in';
      readonly accountId: string;
      readonly acr: string;
      readonly amr: readonly string[];
      readonly authTime: Date;
      /** Ids of the credentials that were used. */
      readonly provenWith: readonly string[];
      /** The pass that the session is born of and ends with; null when it hangs on none. */
      readonly bornOf: { readonly passId: string; readonly endsAt: Date } | null;
      /** The sign-in elsewhere that the session is born of and ends with (`upstream_sessions`); null for none. */
      readonly upstreamId: string | null;
    }
  | { readonly kind: 'cancelled' };

export interface Interactions {
  /**
   * Starts an interaction as a browser's own request to `authorizationUrl` would, with the cookies of `req`. Returns its uid and
   * the cookies that the browser has to be given; undefined when the request led anywhere else.
   */
  begin(req: IncomingMessage, authorizationUrl: URL): Promise<{ uid: string; cookies: readonly string[] } | undefined>;
  /** Undefined when the interaction has ended, was completed, or its cookie did not come along. */
  find(req: IncomingMessage, res: ServerResponse, uid: string): Promise<Interaction | undefined>;
  /** Takes note of the outcome and returns the address that goes on from it. Doing it twice is harmless. */
  finish(req: IncomingMessage, res: ServerResponse, outcome: Outcome): Promise<string>;
}

export function interactionsOf(provider: Provider): Interactions {
  const protocol = provider.callback();
  return {
    async begin(req, { host, protocol: scheme, pathname, search }) {
      const asked = new IncomingMessage(req.socket);
      // What the door before the protocol writes, and the browser's cookies.
      const proxied = { host, 'x-forwarded-proto': scheme.slice(0, -1), 'x-forwarded-host': host };
      const headers = { ...proxied, cookie: req.headers.cookie };
      Object.assign(asked, { method: 'GET', url: pathname + search, headers });
      const answer = new ServerResponse(asked);
      await protocol(asked, answer);
      const [, uid] = /\/sign-in\/([\w-]+)$/.exec(String(answer.getHeader('location'))) ?? [];
      if (uid === undefined) return undefined;
      return { uid, cookies: [answer.getHeader('set-cookie') ?? []].flat().map(String) };
    },

    async find(req, res, uid) {
      const interaction = await orUndefined(provider.interactionDetails(req, res));
      if (interaction?.uid !== uid) return undefined;
      const { params, session, iat, prompt } = interaction;
      const clientId = String(params.client_id);
      const client = await provider.Client.find(clientId);
      if (!client) throw new AppError('not_found', 'The app that asked for this sign-in no longer exists.');
      const asksForMore = prompt.reasons.some((reason) => reason === 'acr_unmet' || reason === 'methods_missing');
      const asksAnew = String(params.prompt ?? '')
        .split(' ')
        .includes('login');
      return {
        clientId,
        loginHint: typeof params.login_hint === 'string' ? params.login_hint.slice(0, 254) : '',
        domainHint: typeof params.domain_hint === 'string' ? params.domain_hint.slice(0, 254) : '',
        signedInUserId: session?.accountId ?? null,
        app: {
          name: client.clientName ?? clientId,
          initiateLoginUri: client.initiateLoginUri,
          homeUri: client.clientUri,
        },
        requestedAt: new Date((iat ?? 0) * 1000),
        asksForMore,
        asked: askedIn(params, client),
        maxAge: asksForMore || asksAnew ? 0 : params.max_age === undefined ? undefined : Number(params.max_age),
      };
    },

    async finish(req, res, outcome) {
      return provider.interactionResult(req, res, resultOf(outcome), { mergeWithLastSubmission: false });
    },
  };
}

function resultOf(outcome: Outcome) {
  if (outcome.kind === 'cancelled') {
    return { error: 'access_denied', error_description: 'The person cancelled the sign-in.' };
  }
  const { accountId, acr, authTime, provenWith, bornOf, upstreamId } = outcome;
  const tie: Partial<PassTie> = bornOf ? { passId: bornOf.passId, notAfter: epochSeconds(bornOf.endsAt) } : {};
  return {
    login: {
      accountId,
      acr,
      amr: [...outcome.amr],
      remember: false,
      ts: epochSeconds(authTime),
      provenAt: authTime.getTime() / 1000,
      provenWith: [...provenWith],
      ...(upstreamId !== null && { upstreamId }),
      ...tie,
    },
  };
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  }
}
