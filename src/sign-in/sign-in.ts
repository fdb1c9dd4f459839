import type { Asked } from '../assurance/scale.ts';
import type { HomeRealm, PolicyDocuments } from './policy.ts';
import type { BriefSignIn, MethodId, NotEnrolled, Reached, RefusalReason } from '../methods/method.ts';

/** A sign-in in progress, from the relying party's request to the way back. All of it is a row; the pages only show it. */
export interface SignIn {
  /** The interaction's uid. */
  readonly uid: string;
  /** Digest of the browser cookie it began in; it goes on in no other browser. */
  readonly browser: Buffer;
  readonly clientId: string;
  /** What the app asks for in acr; null where the sign-in began without its request. */
  readonly asked: Asked | null;
  /** Seconds that a proof may be old, as the app asks; 0: none will do. Null: it does not ask. */
  readonly maxAge: number | null;
  /** As typed. Nobody is told whether it exists. */
  readonly userName: string | null;
  /** Of the name, in ASCII; where there is none, the one that the app has named. Null: neither. */
  readonly domain: string | null;
  readonly chosenMethod: MethodId | null;
  readonly notice: (Notice & { readonly reference?: string }) | null;
  /** Set by evidence alone, never by a name. */
  readonly userId: string | null;
  readonly evidence: readonly Evidence[];
  /** The pass that was entered here, and when the window it opened ends. */
  readonly passId: string | null;
  readonly windowEndsAt: Date | null;
  /** Registered here and still to be used once. */
  readonly enrolled: { readonly credentialId: string; readonly name: string } | null;
  /** The registration goes on on another device, or is offered to one; null while it does not. */
  readonly carried: Carried | null;
  /** Another tab of this window has carried it on: there is one registration, and it is not here. */
  readonly carriedInAnotherTab: boolean;
  readonly cancelledAt: Date | null;
  readonly completedAt: Date | null;
  readonly createdAt: Date;
  /** What the organisation has decided, as it stood when this was read. */
  readonly policies: PolicyDocuments;
  /** Of the user whom evidence has shown: what policy does not let them sign in with, and what not register. Empty for nobody. */
  readonly refusedMethods: readonly MethodId[];
  readonly barredMethods: readonly MethodId[];
  /** Where the people of the name's domain sign in, as it stood when this was read; null: here. */
  readonly realm: HomeRealm | null;
  /** There are domains whose people use nothing of ours: who names nobody may be one of them. */
  readonly someEnforce: boolean;
}

export interface Carried {
  /** The link's secret, sealed; null once it was used. */
  readonly sealedLink: Buffer | null;
  /** Digest of the browser cookie of the device that followed the link; null until one did. */
  readonly browser: Buffer | null;
}

/** One authentication that happened: a level rises by a new one and by nothing else. */
export interface Evidence {
  readonly methodId: MethodId;
  readonly credentialId: string;
  readonly at: Date;
  /** Of a pass: that it signs in by itself, and what it is worth. */
  readonly signsIn?: BriefSignIn;
  /** Of a first part: that it is strong enough to be all there is, where policy lets a first part be that. */
  readonly standsAlone?: true;
  /** Of a sign-in elsewhere: what the session is born of and ends with. */
  readonly upstreamId?: string;
  /** What it was worth, where that is not the same each time. */
  readonly reached?: Reached;
}

/** What somebody who was elsewhere, or has to go there, is told. */
export const elsewhereReasons = [
  ...(['upstream_unreachable', 'upstream_cancelled', 'upstream_refused'] as const),
  ...(['home_realm', 'identity_unknown', 'name_taken', 'role_held', 'user_disabled'] as const),
] as const satisfies readonly RefusalReason[];

export type ElsewhereReason = (typeof elsewhereReasons)[number];

/** What the next page has to say about the last request. */
export type Notice =
  | { readonly kind: 'refused'; readonly method: MethodId }
  | { readonly kind: 'name_missing' }
  | { readonly kind: 'unknown_passkey' }
  | { readonly kind: 'unverified_user' } // the passkey was used without PIN, finger or face
  | { readonly kind: 'suspended_passkey' }
  | { readonly kind: 'passkey_not_allowed' } // policy does not let its user sign in with it
  // proved at `provedAt`, and called lost through a pass, or removed by whoever may have come with one, at `at`; both RFC 3339
  | {
      readonly kind: 'called_lost';
      readonly credentialId: string;
      readonly at: string;
      readonly removed?: true;
      readonly provedAt: string;
    }
  | { readonly kind: 'reclaimed'; readonly at: string } // "this was not me" was pressed here
  | { readonly kind: 'lost_suspended' }
  // of a sign-in linked elsewhere, `name`, for people: it was not theirs, and is gone with all since
  | { readonly kind: 'disowned'; readonly name: string; readonly at: string; readonly since: string }
  | { readonly kind: 'methods_to_change' } // asked whether they are theirs, the person wants to change them once signed in
  | { readonly kind: 'other_account' } // the passkey is of another user than was named
  | {
      readonly kind: 'signed_in_as_other';
      readonly signedInAs: string;
      readonly passIsFor: string;
      readonly at?: string;
    }
  // of a way that is answered at `at`, a name for people; `as`: whom they proved to be
  | { readonly kind: 'elsewhere'; readonly reason: ElsewhereReason; readonly at: string; readonly as?: string }
  | {
      readonly kind: 'not_enrolled';
      readonly reason: NotEnrolled;
    };
