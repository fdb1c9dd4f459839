import type { RunWork } from '../core/work.ts';
import type { MethodRegistry } from '../methods/method.ts';
import type { LiveSession } from '../oidc/live-sessions.ts';
import * as sessions from '../sessions/manage-sessions.ts';
import { freshly, type Owner } from './own-methods.ts';

export interface OwnSession extends LiveSession {
  /** The one that this page is looked at with. */
  readonly current: boolean;
}

/** Where the person is signed in, this browser first. For all of these the last proof has to be fresh and strong. */
export function listOwnSessions(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<OwnSession[]> {
  return freshly(run, methods, owner, async (work) => {
    const live = await sessions.listSessions(work, owner.userId);
    return live
      .map((session) => ({ ...session, current: session.uid === owner.sessionUid }))
      .sort((a, b) => Number(b.current) - Number(a.current));
  });
}

/** Fails with `not_found` when it is nobody's, somebody else's, or over. */
export function endOwnSession(run: RunWork, methods: MethodRegistry, owner: Owner, uid: string): Promise<void> {
  return freshly(run, methods, owner, (work) => sessions.endOwnSession(work, { userId: owner.userId, uid }));
}

/** This browser's session ends with the others. */
export function signOutEverywhere(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<number> {
  return freshly(run, methods, owner, (work) => sessions.signOutEverywhere(work, { userId: owner.userId, methods }));
}
