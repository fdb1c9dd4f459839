import { domainOf } from '../../core/domain-name.ts';
import type { Work } from '../../core/work.ts';
import { templateIdsOf } from '../../roles/manage-roles.ts';
import { findUser, lockUser, takeProfile } from '../../users/manage-users.ts';
import type { User } from '../../users/user.ts';
import type {
  Attempt,
  DepartureAsked,
  LinkedMethod,
  Reached,
  RefusalReason,
  RemoteMethod,
  Verdict,
} from '../method.ts';
import { assuranceOf } from './assurance.ts';
import { callbackOf, keepCeremony, type TakenCeremony } from './ceremonies.ts';
import { profileOf } from './claims.ts';
import { homeOf, identityBy, linksOf } from './identities.ts';
import { openProvider } from './manage-providers.ts';
import { newcomer, refuse } from './newcomer.ts';
import type { Provider, UpstreamIdentity } from './provider.ts';
import type { Refusal } from './refusal.ts';
import type { ClientCredentials, Collected, Collecting, Departure, RelyingParty } from './relying-party.ts';
import * as upstreams from './store.ts';
import { keepSignIn } from './sessions/upstream-session.ts';
import { own } from './strict-json.ts';
import { tolerance } from './tokens.ts';

/** What a browser came back with. Made by the door of the callback and by no form: what was taken is taken already. */
export interface Returned {
  readonly taken: TakenCeremony;
  readonly callbackUrl: URL;
}

interface Leaving extends DepartureAsked {
  readonly provider: Provider;
  readonly domain: string;
  readonly loginHint: string | undefined;
  readonly now: Date;
}

interface Candidate {
  /** Undefined when there is nothing to collect. */
  readonly collecting:
    | {
        readonly provider: Provider;
        readonly credentials: ClientCredentials;
        readonly answer: Collecting;
        readonly taken: TakenCeremony;
      }
    | undefined;
}

/** Signing in at the provider of one's organisation. What is proved there counts here as far as its rules say. */
export function upstreamMethod({
  issuer,
  party,
}: {
  /** Ours. */
  readonly issuer: string;
  readonly party: RelyingParty;
}): RemoteMethod & LinkedMethod {
  return {
    id: 'upstream',
    // What it reaches is judged each time; this is what it reaches when nothing is believed.
    traits: { amr: [], level: '1f', bootstrapOnly: false },
    guessable: false,
    linksOf,
    homeOf,

    async challenge() {
      return { kind: 'redirect' };
    },

    async readDeparture(work, { userName, domain }, asked): Promise<Leaving | undefined> {
      const realm = await upstreams.realm(work.tx, domain);
      const found = realm && (await openProvider(work, realm.providerId));
      const loginHint = userName ?? undefined;
      return found && { ...asked, provider: found.provider, domain: domain!, loginHint, now: work.now };
    },

    async prepareDeparture(leaving) {
      const { provider, loginHint, maxAge, now } = leaving as Leaving;
      const departed = await party.depart(provider, {
        redirectUri: callbackOf(issuer, provider.id),
        loginHint,
        maxAge,
        prompt: maxAge === 0 ? 'login' : undefined,
        now,
      });
      if (departed.kind === 'refused') return { kind: 'refused', because: becauseOf(departed) };
      return { kind: 'prepared', prepared: departed };
    },

    async keepDeparture(work, { owner, browser }, leaving, prepared) {
      const { provider, uid, maxAge, domain } = leaving as Leaving;
      const { ceremony, url } = prepared as Departure;
      const to = { purpose: 'sign-in', uid } as const;
      const kept = await keepCeremony(work, { providerId: provider.id, owner, browser, to, ceremony, maxAge, domain });
      if (kept) return url;
      return { kind: 'refused', because: { upstream: 'withdrawn', identityProvider: provider.id } };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const { taken, callbackUrl } = response as Partial<Returned>;
      // A form holds strings and nothing else.
      if (!(callbackUrl instanceof URL) || !taken?.owner.equals(attempt.owner)) return { collecting: undefined };
      const found = await openProvider(work, taken.providerId);
      if (!found) return { collecting: undefined };
      const { provider, ...credentials } = found;
      // Since it left, not since now: whoever takes their time there is not sent back for it.
      const underway = Math.ceil((work.now.getTime() - taken.leftAt.getTime()) / 1000);
      const maxAge = taken.maxAge === undefined ? undefined : taken.maxAge + Math.max(0, underway);
      const redirectUri = callbackOf(issuer, provider.id);
      const answer = { callbackUrl, ceremony: taken.ceremony, redirectUri, maxAge, now: work.now };
      return { collecting: { provider, credentials, answer, taken } };
    },

    async check(candidate): Promise<Collected | Refusal | null> {
      const { collecting } = candidate as Candidate;
      return collecting ? party.collect(collecting.provider, collecting.credentials, collecting.answer) : null;
    },

    async spend(work, attempt, candidate, proof): Promise<Verdict> {
      const { collecting } = candidate as Candidate;
      const collected = proof as Collected | Refusal | null;
      if (!collecting || !collected) return refuse('challenge_unknown');
      if (collected.kind === 'refused') return refuse(reasonOf(collected), { because: becauseOf(collected) });
      return signIn(work, attempt, collecting, collected);
    },
  };
}

/** The provider is the one that was asked, and everything it says of the person was right: who is that here? */
async function signIn(
  work: Work,
  { signedInUserId }: Attempt,
  { provider, taken }: NonNullable<Candidate['collecting']>,
  { identity, idToken }: Collected,
): Promise<Verdict> {
  const because = { identityProvider: provider.id, sub: identity.sub };
  const left = await upstreams.realm(work.tx, taken.domain);
  if (left?.providerId !== provider.id) return refuse('policy', { because });
  const asked = { providerId: provider.id, issuer: identity.issuer, sub: identity.sub };
  const found = (await identityBy(work, asked)) ?? (await newcomer(work, provider, identity, signedInUserId));
  if ('verified' in found) return { ...found, because };

  await lockUser(work, found.userId);
  // Again, now that nothing about the user changes any more.
  const [link, user] = [await identityBy(work, asked), (await findUser(work, found.userId))!];
  if (!link) return refuse('identity_unknown', { because });
  const refuseUser = (reason: RefusalReason) =>
    refuse(reason, { userId: user.id, as: user.userPrincipalName, because });
  if (signedInUserId && signedInUserId !== user.id) return refuseUser('signed_in_as_other');
  const holdsRole = (await templateIdsOf(work, user.id)).length > 0;
  if (holdsRole && !link.allowedAdministrator) return refuseUser('role_held');
  const home = await upstreams.realm(work.tx, domainOf(user.userPrincipalName));
  const isElsewhere = home !== undefined && home.providerId !== provider.id;
  if (isElsewhere && home.mfaBehavior === 'enforceMfaByFederatedIdp') return refuseUser('home_realm');
  // The provider is held before the link is, as when it is deleted.
  const { sid } = identity;
  const upstreamId = await keepSignIn(work, { ...asked, sid, userId: user.id, idToken });
  if (!upstreamId) return refuseUser('policy');
  if (!(await upstreams.markUsed(work.tx, work.now, link)))
    return refuseUser(user.enabled ? 'policy' : 'user_disabled');
  // Where people with a role are told of what happens to their accounts is not for a provider to say.
  if (!holdsRole) await refreshProfile(work, user, provider, identity);
  const behaviors = [left, ...(isElsewhere ? [] : [home])].map((realm) => realm?.mfaBehavior);
  const believed = !behaviors.includes('rejectMfaByFederatedIdp');
  return {
    verified: true,
    userId: user.id,
    credentialId: link.id,
    upstreamId,
    reached: reachedBy(identity, believed ? provider : { assurance: [], ceiling: '1f' }, taken),
  };
}

function reachedBy(
  identity: UpstreamIdentity,
  rules: Pick<Provider, 'assurance' | 'ceiling'>,
  { leftAt }: TakenCeremony,
): Reached {
  // By their clock, which may differ from ours: whoever signed in there on this trip did so now.
  const wasBefore = identity.authTime !== null && identity.authTime.getTime() < leftAt.getTime() - tolerance * 1000;
  return { ...assuranceOf(identity, rules), ...(wasBefore && { since: identity.authTime! }) };
}

/** What the provider says at each sign-in. A mail address is taken only where the provider says that it is theirs. */
async function refreshProfile(work: Work, user: User, provider: Provider, identity: UpstreamIdentity): Promise<void> {
  const { displayName, mail } = profileOf(identity, provider.claims, 'always');
  const isVerified = own(identity.claims, 'email_verified') === true;
  await takeProfile(work, user, {
    ...(displayName !== undefined && { displayName }),
    ...(mail !== undefined && isVerified && { mail }),
  });
}

const unreachable: readonly Refusal['reason'][] = [
  ...(['address_refused', 'unreachable', 'answer_invalid', 'metadata_invalid', 'issuer_mismatch'] as const),
  ...(['endpoint_refused', 'algorithms_refused', 'keys_invalid'] as const),
];

function reasonOf({ reason, error }: Refusal): RefusalReason {
  if (reason === 'upstream_error' && error === 'access_denied') return 'upstream_cancelled';
  return unreachable.includes(reason) ? 'upstream_unreachable' : 'upstream_refused';
}

function becauseOf({ reason, error }: Refusal): Readonly<Record<string, string | null>> {
  return { upstream: reason, ...(error !== null && { error }) };
}
