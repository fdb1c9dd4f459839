import type { Order, Search } from '../core/conditions.ts';
import type { Filter } from '../core/filter.ts';

/** Groups: people under one name. Seed files and commands know them by it, so a name stands for one group. */
export interface Group {
  readonly id: string;
  readonly displayName: string;
  readonly createdAt: Date;
}

/** What a list of groups may be narrowed to; names are compared without regard to case. */
export type GroupFilter =
  | { readonly kind: 'asked'; readonly filter?: Filter | undefined; readonly search?: Search | undefined }
  | { readonly kind: 'hasMember'; readonly value: string };

export const groupOrders = ['displayName', 'createdDateTime'] as const;

export type GroupOrder = Order<(typeof groupOrders)[number]>;
