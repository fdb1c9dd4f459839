/** Who asks. `operator` is the command line on the machine itself: above every rank, always recorded. */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'operator' }
  | { readonly kind: 'system' } // maintenance and start
  | SignedInUser
  | { readonly kind: 'client'; readonly clientId: string; readonly permissions: readonly string[] };

/** A person, on our own pages or through an app they signed in to. */
export interface SignedInUser {
  readonly kind: 'user';
  readonly userId: string;
  /** When the person last proved who they are with something that cannot be phished; absent or null when it was weaker. */
  readonly strongAt?: Date | null;
  /** The app that holds the person's access token, and what the token lets it do; absent on our own pages. */
  readonly through?: { readonly clientId: string; readonly scopes: readonly string[] };
}

export const anonymous: Actor = { kind: 'anonymous' };
export const operator: Actor = { kind: 'operator' };
export const system: Actor = { kind: 'system' };

/** The person whose account it is, on our own pages or through an app. */
export function isOneself(actor: Actor, userId: string): boolean {
  return actor.kind === 'user' && actor.userId === userId;
}

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

/** The app a request came through: an application that acts for itself, or the one that holds a person's token. */
export function actorClientId(actor: Actor): string | null {
  if (actor.kind === 'client') return actor.clientId;
  return actor.kind === 'user' ? (actor.through?.clientId ?? null) : null;
}
