import { digest } from '../../core/secrets.ts';
import { addMinutes } from '../../core/time.ts';
import type { Work } from '../../core/work.ts';
import type { Ceremony } from './relying-party.ts';
import * as upstreams from './store.ts';

/** A browser on its way to a provider and back: what the way back is compared with, bound to the browser and taken once. */
export interface KeptCeremony {
  readonly ceremony: Ceremony;
  /** Seconds, as asked for. */
  readonly maxAge?: number | undefined;
  /** The domain whose people were sent there; null where a link is made. */
  readonly domain: string | null;
  readonly leftAt: Date;
}

// As long as somebody may take to sign in there.
const ceremonyMinutes = 10;

// Of one sign-in at a time: an older one is forgotten.
const mostOpen = 3;

/** Where a browser is sent back to from a provider. */
export function callbackOf(issuer: string, providerId: string): string {
  return `${issuer}/federation/${providerId}/callback`;
}

/**
 * Keeps what `depart` made. `owner`: digest of the sign-in, or of the session that links. False when nobody can go there any more:
 * the provider was deleted, disabled or changed meanwhile, or the domain leads elsewhere.
 */
export async function keepCeremony(
  work: Work,
  asked: Pick<upstreams.OpenCeremony, 'providerId' | 'owner' | 'browser' | 'to'> & Omit<KeptCeremony, 'leftAt'>,
): Promise<boolean> {
  const { providerId, owner, browser, to, ceremony, maxAge, domain } = asked;
  const { state, ...rest } = ceremony;
  const digestOfState = digest(state);
  const sealed = work.secrets.seal(
    contextOf(digestOfState),
    Buffer.from(JSON.stringify({ ...rest, maxAge, domain, leftAt: work.now })),
  );
  const expiresAt = addMinutes(work.now, ceremonyMinutes);
  const kept = { providerId, owner, browser, to, sealed, state: digestOfState };
  const { issuer } = ceremony;
  return upstreams.openCeremony(work.tx, { ...kept, issuer, domain, now: work.now, expiresAt, most: mostOpen });
}

export interface TakenCeremony extends KeptCeremony {
  readonly providerId: string;
  readonly owner: Buffer;
  readonly to: upstreams.OpenCeremony['to'];
}

/** Takes it, once, for the browser that was sent there; undefined for any other, for another provider's, and when it is too old. */
export async function takeCeremony(
  work: Work,
  { state, browser, providerId }: { readonly state: string; readonly browser: Buffer; readonly providerId: string },
): Promise<TakenCeremony | undefined> {
  const digestOfState = digest(state);
  const taken = await upstreams.takeCeremony(work.tx, work.now, { state: digestOfState, browser, providerId });
  if (!taken) return undefined;
  const { issuer, nonce, codeVerifier, maxAge, domain, leftAt } = JSON.parse(
    work.secrets.open(contextOf(digestOfState), taken.sealed).toString('utf8'),
  ) as Omit<Ceremony, 'state'> & Pick<KeptCeremony, 'maxAge' | 'domain'> & { leftAt: string };
  const { owner, to } = taken;
  const ceremony = { issuer, state, nonce, codeVerifier };
  return { providerId, owner, to, ceremony, maxAge, domain, leftAt: new Date(leftAt) };
}

function contextOf(state: Buffer): string {
  return `upstream_ceremonies/${state.toString('hex')}`;
}
