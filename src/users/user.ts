import type { Order, Search } from '../core/conditions.ts';
import type { Filter } from '../core/filter.ts';

/** People: who they are and whether they may sign in at all. A user needs no password, and none is made. */
export interface User {
  readonly id: string;
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly mail: string | null;
  readonly managerId: string | null;
  readonly enabled: boolean;
  /** WebAuthn user handle: 64 random bytes that say nothing about the person. */
  readonly userHandle: Buffer;
  readonly createdAt: Date;
  /** When `mail` or `managerId` last changed; null: as it was when the user was made. */
  readonly mailChangedAt: Date | null;
  readonly managerChangedAt: Date | null;
  /** When "this was not me" was last pressed: what was proved up to then changes nothing any more. */
  readonly containedAt: Date | null;
  /** The session that it was pressed in, and that goes on; null: none does. */
  readonly containedIn: string | null;
}

/** What a list of people may be narrowed to; names are compared without regard to case. */
export type UserFilter =
  | { readonly kind: 'asked'; readonly filter?: Filter | undefined; readonly search?: Search | undefined }
  | { readonly kind: 'memberOf'; readonly value: string }
  | { readonly kind: 'ownerOf'; readonly value: string };

export const userOrders = ['userPrincipalName', 'displayName', 'createdDateTime'] as const;

export type UserOrder = Order<(typeof userOrders)[number]>;

/** The one canonical form of a user name: looked up, counted and compared by this and nothing else. */
export function userNameKey(userName: string): string {
  return userName.normalize('NFKC').trim().toLowerCase();
}
