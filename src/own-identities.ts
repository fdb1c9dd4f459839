import { anonymous } from './core/actor.ts';
import { AppError } from './core/errors.ts';
import { digest } from './core/secrets.ts';
import type { Origin, Work } from './core/work.ts';
import { credentialsOf, type MethodRegistry } from './methods/method.ts';
import { callbackOf, keepCeremony, type TakenCeremony } from './methods/upstream/ceremonies.ts';
import { identitiesOf, link, unlink } from './methods/upstream/identities.ts';
import { enabledProviders, holdOpen, openProvider } from './methods/upstream/manage-providers.ts';
import type { Refusal } from './methods/upstream/refusal.ts';
import { bornElsewhere } from './oidc/own-sessions.ts';
import { templateIdsOf } from './roles/manage-roles.ts';
import {
  demandFresh,
  elsewhereOf,
  heldUser,
  letsIn,
  type Owner,
  ownUser,
  proofTooOld,
  strongestWay,
  who,
} from './security-info/owner.ts';
import type { User } from './users/user.ts';
import { endSessionsThrough, type UpstreamHouse } from './upstream-sessions.ts';

/**
 * Who a person is at identity providers, as they see and change it themselves. A link is a way in for whoever has the account
 * there: it takes a fresh proof here, in a session that was opened here, and a fresh sign-in there, both of one browser.
 */
export interface OwnIdentitiesHouse extends UpstreamHouse {
  readonly methods: MethodRegistry;
}

export interface OwnIdentity {
  readonly id: string;
  readonly displayName: string;
  readonly linkedAt: Date;
  readonly lastUsedAt: Date | null;
  /** It opens nothing, since the person holds a role and nobody has allowed it. */
  readonly waits: boolean;
}

export interface OwnIdentities {
  readonly linked: readonly OwnIdentity[];
  /** Providers that may be linked now. */
  readonly offered: readonly { readonly id: string; readonly displayName: string }[];
}

/** Fails with `unauthenticated` without a fresh proof. */
export function ownIdentities({ run, methods }: OwnIdentitiesHouse, owner: Owner): Promise<OwnIdentities> {
  return run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandFresh(work, methods, owner);
    const [linked, providers] = [await identitiesOf(work, owner.userId), await enabledProviders(work)];
    const holdsRole = linked.length > 0 && (await templateIdsOf(work, owner.userId)).length > 0;
    const nameOf = (id: string) => providers.find((provider) => provider.id === id)?.displayName ?? id;
    const isHere = providers.length > 0 && (await bornElsewhere(work, owner.sessionUid)) === undefined;
    return {
      linked: linked.map(({ id, providerId, linkedAt, lastUsedAt, allowedAdministrator }) => ({
        ...{ id, displayName: nameOf(providerId), linkedAt, lastUsedAt },
        waits: holdsRole && !allowedAdministrator,
      })),
      offered: isHere
        ? providers
            .filter(({ id }) => !linked.some(({ providerId }) => providerId === id))
            .map(({ id, displayName }) => ({ id, displayName }))
        : [],
    };
  });
}

/** What came of it. `taken`: it is linked, and not to this person; to whom is not said. */
export type Linking = 'linked' | 'taken' | 'hasOther' | 'cancelled' | 'unreachable' | 'refused';

/**
 * Where the browser goes to sign in there, anew, whatever session there is. Fails with `unauthenticated` without a fresh proof in a
 * session that was opened here, `not_found` for a provider that is not there, and `conflict` for one that is linked already.
 */
export async function departToLink(
  { run, methods, party, issuer }: OwnIdentitiesHouse,
  owner: Owner,
  { providerId, browser }: { readonly providerId: string; readonly browser: Buffer },
): Promise<URL | Linking> {
  const { provider, now } = await run(who(owner), async (work) => {
    await demandMayLink(work, methods, owner);
    const opened = await openProvider(work, providerId);
    if (!opened) throw new AppError('not_found', 'There is no such identity provider.');
    const linked = await identitiesOf(work, owner.userId);
    if (linked.some((identity) => identity.providerId === providerId)) throw linkedAlready();
    return { provider: opened.provider, now: work.now };
  });
  const redirectUri = callbackOf(issuer, providerId);
  const departed = await party.depart(provider, { redirectUri, maxAge: 0, prompt: 'login', now });
  if (departed.kind === 'refused') return 'unreachable';
  return run(who(owner), async (work) => {
    await demandMayLink(work, methods, owner);
    const to = { purpose: 'link', userId: owner.userId } as const;
    const kept = { providerId, owner: ownerOf(owner), browser, to, ceremony: departed.ceremony };
    return (await keepCeremony(work, { ...kept, maxAge: 0, domain: null })) ? departed.url : 'unreachable';
  });
}

/**
 * Links who came back, once: what was taken is bound to the user, the browser and the session that left, and to the provider.
 * Whoever is not that very session gets nothing. Fails with `unauthenticated` for them.
 */
export async function linkReturned(
  { run, party, issuer }: OwnIdentitiesHouse,
  from: { readonly owner: Owner | undefined; readonly origin: Origin },
  { taken, callbackUrl }: { readonly taken: TakenCeremony; readonly callbackUrl: URL },
): Promise<Linking> {
  const { to, providerId, ceremony, leftAt } = taken;
  const { owner, origin } = from;
  if (!owner || to.purpose !== 'link' || to.userId !== owner.userId || !taken.owner.equals(ownerOf(owner))) {
    const auditReason = `A link with ${providerId} came back to another session than it began in.`;
    return run(owner ? who(owner) : { actor: anonymous, origin }, async () => {
      throw new AppError('unauthenticated', 'This link was begun elsewhere.', { auditReason });
    });
  }
  const found = await run(who(owner), async (work) => {
    await ownUser(work, owner);
    const opened = await openProvider(work, providerId);
    return opened && { ...opened, now: work.now };
  });
  if (!found) return 'unreachable';
  const { provider, now, ...credentials } = found;
  // Signed in there since they left, by their clock.
  const maxAge = Math.max(0, Math.ceil((now.getTime() - leftAt.getTime()) / 1000));
  const redirectUri = callbackOf(issuer, providerId);
  const answer = { callbackUrl, ceremony, redirectUri, maxAge, now };
  const collected = await party.collect(provider, credentials, answer);

  return run(who(owner), async (work) => {
    await heldUser(work, owner);
    await demandSession(work, owner);
    if (collected.kind === 'refused') return notLinked(work, owner, providerId, collected);
    if (!(await holdOpen(work, provider))) {
      work.record({ ...refusedLink(owner, providerId), reason: 'withdrawn' });
      return 'unreachable';
    }
    const { issuer: theirs, sub } = collected.identity;
    const made = await link(work, { userId: owner.userId, providerId, issuer: theirs, sub, linkedBy: 'self' });
    if (!('kind' in made)) return 'linked';
    work.record({
      ...refusedLink(owner, providerId),
      reason: made.kind === 'taken' ? `The identity is linked to the user ${made.by}.` : 'Another one is linked.',
    });
    return made.kind;
  });
}

/**
 * Fails with `not_found`, `unauthenticated` without a fresh proof, and with `conflict` for the last way in. Sessions that were
 * opened there end.
 */
export function unlinkOwn({ run, methods }: OwnIdentitiesHouse, owner: Owner, identityId: string): Promise<void> {
  return run(who(owner), async (work) => {
    const user = await heldUser(work, owner);
    await demandFresh(work, methods, owner);
    const { identity, lastWayIn } = await findOwn(work, methods, user, identityId);
    if (lastWayIn) throw new AppError('conflict', 'This is your last way to sign in. Add another one first.');
    await unlink(work, identity);
    await endSessionsThrough(work, { providerId: identity.providerId, userId: owner.userId, why: 'unlinked' });
  });
}

/** One of theirs, for the page that asks before it goes. Fails as `unlinkOwn` does, but for the last way in. */
export function ownIdentity(
  { run, methods }: OwnIdentitiesHouse,
  owner: Owner,
  identityId: string,
): Promise<{ readonly id: string; readonly displayName: string; readonly lastWayIn: boolean }> {
  return run(who(owner), async (work) => {
    const user = await ownUser(work, owner);
    await demandFresh(work, methods, owner);
    const { identity, lastWayIn } = await findOwn(work, methods, user, identityId);
    const provider = (await openProvider(work, identity.providerId))?.provider;
    return { id: identity.id, displayName: provider?.displayName ?? identity.providerId, lastWayIn };
  });
}

async function findOwn(work: Work, methods: MethodRegistry, user: User, identityId: string) {
  const identity = (await identitiesOf(work, user.id)).find(({ id }) => id === identityId);
  if (!identity) throw new AppError('not_found', 'There is no such linked sign-in.');
  const { home, links } = await elsewhereOf(work, methods, user);
  const own = strongestWay(methods, await credentialsOf(work, methods, user.id));
  const others = links.filter(({ id }) => id !== identity.id);
  // What opens nothing may go.
  const lastWayIn = links.length > others.length && !letsIn({ home, links: others }, own);
  return { identity, lastWayIn };
}

/** Who came from elsewhere proves what they have here first: else one account there could hand itself on to the next. */
async function demandMayLink(work: Work, methods: MethodRegistry, owner: Owner): Promise<void> {
  await heldUser(work, owner);
  await demandFresh(work, methods, owner);
  await demandSession(work, owner);
}

async function demandSession(work: Work, { sessionUid }: Owner): Promise<void> {
  if ((await bornElsewhere(work, sessionUid)) !== undefined) throw proofTooOld();
}

function notLinked(work: Work, owner: Owner, providerId: string, { reason, error }: Refusal): Linking {
  work.record({ ...refusedLink(owner, providerId), reason: error === null ? reason : `${reason} (${error})` });
  if (reason === 'upstream_error' && error === 'access_denied') return 'cancelled';
  return reason === 'unreachable' ? 'unreachable' : 'refused';
}

function refusedLink({ userId }: Owner, identityProvider: string) {
  return { type: 'federated-identity.refused', result: 'failure', userId, details: { identityProvider } } as const;
}

function linkedAlready(): AppError {
  return new AppError('conflict', 'You have linked a sign-in there already. Unlink that first.');
}

function ownerOf({ sessionUid }: Owner): Buffer {
  return digest(`session/${sessionUid}`);
}
