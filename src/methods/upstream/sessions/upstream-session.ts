/**
 * Sign-ins at other providers, as far as our sessions hang on them: which session there one of ours is born of, so that it ends
 * when that does, and can take that along when it ends itself.
 */
import { randomUUID } from 'node:crypto';
import { AppError } from '../../../core/errors.ts';
import { digest, randomToken } from '../../../core/secrets.ts';
import { addMinutes } from '../../../core/time.ts';
import type { Work } from '../../../core/work.ts';
import type { LogoutToken } from '../tokens.ts';
import * as sessions from './store.ts';

export interface UpstreamSession {
  readonly id: string;
  readonly providerId: string;
  readonly issuer: string;
  readonly sub: string;
  /** Null where the provider names no sessions. */
  readonly sid: string | null;
  readonly userId: string;
}

export interface SignedInThere extends Omit<UpstreamSession, 'id'> {
  readonly idToken: string;
}

/**
 * Keeps a sign-in that was collected just now; whatever it opens here names the id that is returned. Undefined when the provider
 * was disabled, deleted or changed meanwhile: then it opens nothing.
 */
export async function keepSignIn(
  work: Pick<Work, 'tx' | 'now' | 'secrets'>,
  { idToken, ...session }: SignedInThere,
): Promise<string | undefined> {
  const id = randomUUID();
  const sealedIdToken = work.secrets.seal(contextOf(id), Buffer.from(idToken));
  return (await sessions.insert(work.tx, work.now, { ...session, id, sealedIdToken })) ? id : undefined;
}

/** With its ID token, where that was kept. Undefined when the sign-in is not kept any more. */
export async function signInWithHint(
  work: Pick<Work, 'tx' | 'secrets'>,
  id: string,
): Promise<(UpstreamSession & { readonly idToken: string | undefined }) | undefined> {
  const found = await sessions.byId(work.tx, id);
  if (!found) return undefined;
  const { sealedIdToken, ...session } = found;
  return {
    ...session,
    idToken: sealedIdToken ? work.secrets.open(contextOf(id), sealedIdToken).toString('utf8') : undefined,
  };
}

/** Everything that a provider opened, or what it opened for one user; the caller ends the sessions born of what is returned. */
export function endSignInsThrough(
  work: Work,
  { providerId, userId }: { readonly providerId: string; readonly userId?: string | undefined },
): Promise<UpstreamSession[]> {
  return sessions.end(
    work.tx,
    work.now,
    userId === undefined
      ? { condition: 'provider_id = ?', bindings: [providerId] }
      : { condition: 'provider_id = ? and user_id = ?', bindings: [providerId, userId] },
  );
}

/**
 * The same for whom a logout token names: by the session there, and where we were not told which that is, by the person. A token
 * without a session means all of the person's (Back-Channel Logout 1.0 §2.7). Fails with `invalid_input` for one that came before.
 */
export async function endSignInsNamed(
  work: Work,
  { providerId, issuer, token }: { readonly providerId: string; readonly issuer: string; readonly token: LogoutToken },
): Promise<UpstreamSession[]> {
  const { sub, sid, jti, until } = token;
  if (!(await sessions.takeToken(work.tx, { providerId, jti, until }))) {
    throw new AppError('invalid_input', 'This logout token was used before.', { auditReason: 'token_id' });
  }
  const theirs = 'provider_id = ? and issuer = ?';
  if (sid === null) {
    return sessions.end(work.tx, work.now, {
      condition: `${theirs} and sub = ?`,
      bindings: [providerId, issuer, sub],
    });
  }
  return sessions.end(work.tx, work.now, {
    condition: `${theirs} and (sid = ? and (?::text is null or sub = ?) or sid is null and sub = ?)`,
    bindings: [providerId, issuer, sid, sub, sub, sub],
  });
}

// Somebody may have to confirm there, and comes back to nothing worse than a page that says they are signed out.
const minutesToSignOut = 10;

/** The `state` with which a browser is sent to sign out there. */
export async function noteSignOut(
  work: Work,
  { providerId, nextUrl }: { readonly providerId: string; readonly nextUrl: string },
): Promise<string> {
  const state = randomToken();
  const until = addMinutes(work.now, minutesToSignOut);
  await sessions.insertSignOut(work.tx, { stateHash: digest(state), providerId, nextUrl, until });
  return state;
}

/** Where the browser that comes back goes on; once. */
export function takeSignOut(
  work: Work,
  { providerId, state }: { readonly providerId: string; readonly state: string },
): Promise<string | undefined> {
  return sessions.takeSignOut(work.tx, work.now, { providerId, stateHash: digest(state) });
}

function contextOf(id: string): string {
  return `upstream_sessions/${id}/id_token`;
}
