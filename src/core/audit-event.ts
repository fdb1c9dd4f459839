/** One thing that happened or was refused, in plain values; never a code, a secret or a token. */
export interface AuditEvent {
  /** `room.what`, in the past tense: `pass.issued`, `passkey.registered`, `sign-in.completed`. */
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
