/** A passkey (WebAuthn public key credential) that a user registered here, discoverable and user-verifying. */
export interface Passkey {
  readonly id: string;
  readonly credentialId: Buffer;
  readonly userId: string;
  /** COSE_Key. */
  readonly publicKey: Buffer;
  readonly signCount: number;
  readonly transports: readonly string[];
  readonly aaguid: string;
  /** False: it never leaves the device it was made on. */
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
  readonly name: string;
  readonly createdAt: Date;
  readonly createdWith: string | null;
  readonly firstUsedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly lastUsedWith: string | null;
  readonly suspendedAt: Date | null;
  readonly suspendReason: string | null;
  /** Set while it is suspended as lost, through a pass: what was added since may be somebody else's. */
  readonly containSince: Date | null;
  readonly passId: string | null;
}

/** COSE algorithm identifiers offered and accepted: EdDSA, ES256, RS256. The library's default list depends on the runtime. */
export const algorithms = [-8, -7, -257];

export const mostPasskeysAUser = 10;

/** Five minutes: as long as an open ceremony may wait for its answer. */
export const ceremonyMinutes = 5;

/** Who we are to authenticators: fixed by the issuer, and never to change once the first passkey exists. */
export interface RelyingPartyIdentity {
  readonly rpId: string;
  readonly rpName: string;
  readonly origin: string;
}

/** Why a passkey is suspended that its owner removed while somebody else may have come with a pass. */
export const removedReason = 'removed';
