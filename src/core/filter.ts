/** Which items of a list are wanted, as a door understood it; the room of the list says what it can compare. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | Comparison;

export interface Comparison {
  readonly kind: 'comparison';
  /** A path of names: `status/errorCode`; inside a collection with `any` in it: `targetResources/any/id`. */
  readonly property: string;
  readonly operator: 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'startswith';
  readonly value: string | number | boolean | null | Date;
}
