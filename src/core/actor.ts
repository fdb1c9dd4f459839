/** Who asks. `operator` is the command line on the machine itself: above every rank, always recorded. */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'operator' }
  | { readonly kind: 'system' } // maintenance and start
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'client'; readonly clientId: string; readonly permissions: readonly string[] };

export const anonymous: Actor = { kind: 'anonymous' };
export const operator: Actor = { kind: 'operator' };
export const system: Actor = { kind: 'system' };

/** The id that rows and audit events keep for an actor; null where there is none. */
export function actorId(actor: Actor): string | null {
  switch (actor.kind) {
    case 'user':
      return actor.userId;
    case 'client':
      return actor.clientId;
    default:
      return null;
  }
}
