/** Who somebody of ours is at an upstream: (provider, issuer, sub) and never a mail address. */
export interface FederatedIdentity {
  readonly id: string;
  readonly providerId: string;
  readonly issuer: string;
  readonly sub: string;
  readonly userId: string;
  readonly linkedAt: Date;
  readonly linkedBy: LinkedBy;
  readonly lastUsedAt: Date | null;
  /** It signs in its user also while they hold a role: a Global Administrator said so of this very one. */
  readonly allowedAdministrator: boolean;
}

/** The person in a session of their own, the sign-in that made the user, or else the kind of actor who did it for them. */
export const linkedByKinds = ['self', 'creation', 'user', 'operator', 'client', 'system'] as const;

export type LinkedBy = (typeof linkedByKinds)[number];
