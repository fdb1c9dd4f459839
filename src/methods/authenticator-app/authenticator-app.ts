/** An authenticator app: it and this house share a secret, and make of it and of the time the same six digits (RFC 6238). */
export interface AuthenticatorApp {
  readonly id: string;
  readonly userId: string;
  /** Opens for this user and this row alone: `secretContext`. */
  readonly sealedSecret: Buffer;
  /** The last time step that was accepted; no step up to it is accepted again. */
  readonly lastStep: number;
  readonly name: string;
  readonly createdAt: Date;
  readonly createdWith: string | null;
  readonly lastUsedAt: Date;
  readonly lastUsedWith: string | null;
  readonly suspendedAt: Date | null;
  /** `locked`: too many wrong codes in a row. */
  readonly suspendReason: string | null;
  readonly passId: string | null;
}

export const mostAppsAUser = 5;

/** As long as a secret that was shown waits for its first code. */
export const ceremonyMinutes = 10;

export function secretContext(app: { readonly userId: string; readonly id: string }): string {
  return `authenticator_apps/${app.userId}/${app.id}/sealed_secret`;
}
