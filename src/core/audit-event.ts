import type { AppError } from './errors.ts';
import type { Origin } from './work.ts';

/** One thing that happened or was refused, in plain values; never a code, a secret or a token. */
export interface AuditEvent {
  /** `room.what`, in the past tense: `pass.issued`, `passkey.registered`, `sign-in.completed`. Its row is in `audit/activities.ts`. */
  readonly type: string;
  /** Absent means success. */
  readonly result?: 'success' | 'failure';
  /** Why it failed, in words for administrators. */
  readonly reason?: string;
  /** The user it happened to. */
  readonly userId?: string | undefined;
  readonly clientId?: string | undefined;
  /** Anything else worth keeping: ids, minutes, names of settings. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A request we did not do: what it was, whom it was about, and why not. `leftOut`: how many before it were not recorded. */
export function refusalOf(error: AppError, { asked }: Origin, leftOut = 0): AuditEvent {
  const user = asked?.user;
  return {
    type: 'request.refused',
    result: 'failure',
    reason: error.auditReason ?? error.message,
    ...(user !== undefined && uuid.test(user) && { userId: user }),
    details: {
      code: error.code,
      ...(asked && { request: asked.what }),
      // Only what looks like a name: anything else may be a secret in the wrong place.
      ...(user?.includes('@') && { userPrincipalName: user.slice(0, 254) }),
      ...(leftOut > 0 && { leftOutBefore: leftOut }),
    },
  };
}
