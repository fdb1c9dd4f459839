/** What a request we will not do is called; programs read the code, people read the message. */
export type ErrorCode =
  | 'invalid_input' // 400
  | 'unauthenticated' // 401
  | 'insufficient_authentication' // 401: signed in, but too weakly or too long ago (RFC 9470)
  | 'forbidden' // 403
  | 'approval_required' // 403, for now: a second administrator was asked
  | 'not_found' // 404
  | 'conflict' // 409
  | 'too_large' // 413
  | 'unsupported_media_type' // 415
  | 'throttled' // 429
  | 'overloaded'; // 503

interface Extra {
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number;
  /** With `insufficient_authentication`: how old a passkey sign-in may be, at most. */
  readonly strongWithinSeconds?: number;
  /** With `approval_required`: the request that waits. */
  readonly approvalId?: string;
  /** For the audit log only; never shown. */
  readonly auditReason?: string;
  readonly cause?: unknown;
}

/** A request we will not do. It rolls back; the unit of work then records the refusal by itself. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly strongWithinSeconds: number | undefined;
  readonly approvalId: string | undefined;
  readonly auditReason: string | undefined;
  /** Set by who has written the refusal down, or decided that it is one too many, so that nobody does so again. */
  recorded = false;

  /** `message` is a sentence that is safe to show to the person who asked. */
  constructor(code: ErrorCode, message: string, extra: Extra = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.code = code;
    this.retryAfterSeconds = extra.retryAfterSeconds;
    this.strongWithinSeconds = extra.strongWithinSeconds;
    this.approvalId = extra.approvalId;
    this.auditReason = extra.auditReason;
  }
}

/** Wrong configuration or a start that cannot succeed: every problem in one message, exit code 78 (sysexits EX_CONFIG). */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.length === 1 ? problems[0]! : problems.map((problem) => `- ${problem}`).join('\n'), options);
    this.problems = problems;
  }
}
