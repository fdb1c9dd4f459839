/** Where people are signed in, and the end of it: one session, or everything. What is ended opens nothing on any node from then on. */
import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { isCancellable, type MethodRegistry } from '../methods/method.ts';
import { endAccount, endSession } from '../oidc/endings.ts';
import { type LiveSession, liveSessionsOf } from '../oidc/live-sessions.ts';
import { permit, permitOn, permitOwn } from '../roles/permit.ts';
import { endSignInsNamedSince, endSignInsOf } from '../sign-in/endings.ts';
import { getUser, lockUser } from '../users/manage-users.ts';

/** The live sessions of a user, the one seen last first. Whose they are is for the caller to judge. */
export function listSessions(work: Work, userId: string): Promise<LiveSession[]> {
  return liveSessionsOf(work, userId);
}

/** Ends one session of this user and all it got. Fails with `not_found` when it is not theirs, or has ended. */
export async function endOwnSession(
  work: Work,
  asked: { readonly userId: string; readonly uid: string },
): Promise<void> {
  const { userId, uid } = asked;
  const session = (await liveSessionsOf(work, userId)).find((live) => live.uid === uid);
  if (!session || !(await endSession(work, uid))) throw new AppError('not_found', 'There is no such session.');
  work.record({
    type: 'session.ended',
    userId,
    details: { device: session.device, ip: session.ip, apps: session.apps },
  });
}

/**
 * Sign out everywhere, in one transaction: sessions, grants, tokens, live passes, registrations and sign-ins under way. Relying
 * parties that want to be told are queued. Credentials stay: the person signs in again with what they have.
 * Returns how many sessions were live.
 */
export async function signOutEverywhere(
  work: Work,
  { userId, methods }: { readonly userId: string; readonly methods: MethodRegistry },
): Promise<number> {
  await endSignInsOf(work, userId);
  await lockUser(work, userId);
  const cancelled: string[] = [];
  for (const method of methods.all.filter(isCancellable)) cancelled.push(...(await method.cancelLive(work, userId)));
  const sessions = await endAccount(work, userId);
  await endSignInsNamedSince(work, userId);
  work.record({ type: 'session.all-ended', userId, details: { sessions: sessions.length, cancelled } });
  return sessions.length;
}

/**
 * The same for somebody else, and for oneself: the ladder is for others.
 * Fails with `not_found` for an unknown user, `forbidden` for one who ranks as high or higher.
 */
export async function revokeSessions(
  work: Work,
  { user: idOrName, methods }: { readonly user: string; readonly methods: MethodRegistry },
): Promise<void> {
  await permit(work, 'sessions.revoke');
  const { id: userId } = await getUser(work, idOrName);
  const oneself = work.actor.kind === 'user' && work.actor.userId === userId;
  if (!oneself) await permitOn(work, 'sessions.revoke', userId);
  await signOutEverywhere(work, { userId, methods });
}

/** For the person behind an access token; it ends with the rest. */
export async function revokeOwnSessions(work: Work, methods: MethodRegistry): Promise<void> {
  const userId = await permitOwn(work, 'sessions.revoke');
  await signOutEverywhere(work, { userId, methods });
}
