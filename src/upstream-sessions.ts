import { AppError } from './core/errors.ts';
import type { RunWork, Work } from './core/work.ts';
import { addressFor } from './methods/upstream/addresses.ts';
import { openProvider } from './methods/upstream/manage-providers.ts';
import type { RelyingParty } from './methods/upstream/relying-party.ts';
import {
  endSignInsNamed,
  endSignInsThrough,
  noteSignOut,
  signInWithHint,
  takeSignOut,
  type UpstreamSession,
} from './methods/upstream/sessions/upstream-session.ts';
import { endBornElsewhere, type EndedElsewhere } from './oidc/endings.ts';
import { bornElsewhere } from './oidc/own-sessions.ts';

/**
 * Our sessions that were opened at an identity provider: they end when it says so, when it is trusted no more, and may take the
 * session there along when they end themselves. Above the rooms, for the provider is one room's and the session another's.
 */
export interface UpstreamHouse {
  readonly run: RunWork;
  readonly party: RelyingParty;
  /** Ours. */
  readonly issuer: string;
}

type Who = Pick<Work, 'actor' | 'origin'>;

/** Why they end. `role`: their user holds one, and is not allowed to sign in there with it. */
export type Ending = 'logout' | 'disabled' | 'deleted' | 'unlinked' | 'role';

/** Ends what a provider opened, for everybody or one user. Sessions that were opened here stay. Returns how many were live. */
export async function endSessionsThrough(
  work: Work,
  { why, ...asked }: { readonly providerId: string; readonly userId?: string | undefined; readonly why: Ending },
): Promise<number> {
  const { providerId, userId } = asked;
  const ended = await endBornElsewhere(work, idsOf(await endSignInsThrough(work, asked)));
  const { sessions, offline } = ended;
  if (sessions.length === 0 && offline.length === 0) return 0;
  work.record({
    type: 'session.ended-elsewhere',
    userId,
    details: { identityProvider: providerId, why, ...howMany(ended) },
  });
  return sessions.length;
}

/**
 * A provider says who is signed out there (OpenID Connect Back-Channel Logout 1.0). Its keys are asked for in no transaction.
 * Returns how many sessions of ours were live. Fails with `not_found` for a provider that is not there, or is disabled, and
 * `invalid_input` for a token that is not believed, whose reason is for the audit log.
 */
export async function receiveLogout(
  { run, party }: UpstreamHouse,
  who: Who,
  { providerId, token }: { readonly providerId: string; readonly token: string },
): Promise<number> {
  const { provider, now } = await run(who, async (work) => {
    const opened = await openProvider(work, providerId);
    if (!opened) throw new AppError('not_found', 'There is no such identity provider.');
    return { provider: opened.provider, now: work.now };
  });
  const read = await party.readLogoutToken(provider, token, now);
  return run(who, async (work) => {
    if (read.kind === 'refused') {
      throw new AppError('invalid_input', 'This logout token is not accepted.', {
        auditReason: `A logout token of ${providerId} was refused: ${read.reason}${read.error ? ` (${read.error})` : ''}.`,
      });
    }
    const named = await endSignInsNamed(work, { providerId, issuer: provider.issuer, token: read });
    const ended = await endBornElsewhere(work, idsOf(named));
    const users = new Set([...ended.sessions, ...ended.offline].flatMap(({ accountId }) => accountId ?? []));
    const about = { identityProvider: providerId, why: 'logout' satisfies Ending, jti: read.jti };
    for (const userId of users) {
      work.record({ type: 'session.ended-elsewhere', userId, details: { ...about, ...howMany(ended, userId) } });
    }
    // That it came is recorded as well where nothing was left to end.
    if (users.size === 0) work.record({ type: 'session.ended-elsewhere', details: { ...about, sessions: 0 } });
    return ended.sessions.length;
  });
}

/**
 * Where a browser that has just signed out here goes to sign out there as well, before `nextUrl`. Undefined when the session was
 * not opened elsewhere, its provider does not want it, has no such address, or does not answer: here it is done all the same.
 */
export async function wayToSignOut(
  { run, party, issuer }: UpstreamHouse,
  who: Who,
  { sessionUid, nextUrl }: { readonly sessionUid: string; readonly nextUrl: string },
): Promise<URL | undefined> {
  const found = await run(who, async (work) => {
    const id = await bornElsewhere(work, sessionUid);
    const there = id === undefined ? undefined : await signInWithHint(work, id);
    const opened = there && (await openProvider(work, there.providerId));
    if (!opened?.provider.endsSessionThere || opened.provider.issuer !== there?.issuer) return undefined;
    const { provider } = opened;
    return { provider, idToken: there.idToken, now: work.now };
  });
  if (!found) return undefined;
  const { provider, idToken, now } = found;
  const discovered = await party.discover(provider, now);
  if (discovered.kind === 'refused' || discovered.metadata.end_session_endpoint === undefined) return undefined;
  const state = await run(who, (work) => noteSignOut(work, { providerId: provider.id, nextUrl }));
  const postLogoutRedirectUri = addressFor(issuer, provider.id, 'signed-out');
  const way = await party.endSessionUrl(provider, { idTokenHint: idToken, postLogoutRedirectUri, state, now });
  return way.kind === 'end' ? (way.url ?? undefined) : undefined;
}

/** Where a browser goes on that comes back from signing out there; undefined when nobody knows. */
export async function wayOnAfterSigningOut(
  { run }: UpstreamHouse,
  who: Who,
  asked: { readonly providerId: string; readonly state: string },
): Promise<string | undefined> {
  return run(who, (work) => takeSignOut(work, asked));
}

/** In an event: sessions, and what apps had for offline access of sessions that had run out, where there was any. */
function howMany({ sessions, offline }: EndedElsewhere, userId?: string): object {
  const countOf = (ended: readonly { readonly accountId: string | null }[]) =>
    ended.filter(({ accountId }) => userId === undefined || accountId === userId).length;
  const offlineGrants = countOf(offline);
  return { sessions: countOf(sessions), ...(offlineGrants > 0 && { offlineGrants }) };
}

function idsOf(sessions: readonly UpstreamSession[]): string[] {
  return sessions.map(({ id }) => id);
}
