/** Groups: people under one name. Seed files and commands know them by it, so a name stands for one group. */
export interface Group {
  readonly id: string;
  readonly displayName: string;
  readonly createdAt: Date;
}

/** What a list of groups may be narrowed to; names are compared without regard to case. */
export type GroupFilter =
  | { readonly kind: 'displayName'; readonly value: string }
  | { readonly kind: 'displayNamePrefix'; readonly value: string }
  | { readonly kind: 'hasMember'; readonly value: string };
