import type { MethodId, MethodTraits } from '../methods/method.ts';
import type { RegistrationRules } from '../registration/demand.ts';

/** The ordered scale of levels; each is a minimum for what lies below it. */
export const levels = ['bootstrap', '1f', '2f', 'phr', 'phrh'] as const satisfies readonly MethodTraits['level'][];

export type Level = (typeof levels)[number];

/** Our own values are URIs under the issuer; `phr` and `phrh` are OpenID EAP ACR Values 1.0. */
export function acrOf(level: Level, issuer: string): string {
  return level === 'phr' || level === 'phrh' ? level : `${issuer}/acr/${level}`;
}

/** Words of RFC 8176 stand for themselves; what it has no word for is a URI under the issuer. */
export function amrOf(method: string, issuer: string): string {
  return method === 'pass' || method === 'federated' ? `${issuer}/amr/${method}` : method;
}

/** Every value a relying party can get, from the lowest: what discovery advertises. Bootstrap is not among them. */
export function acrScale(issuer: string): string[] {
  return levels.filter((level) => level !== 'bootstrap').map((level) => acrOf(level, issuer));
}

/** Names of the policy documents that a sign-in is judged by; they are read with its row. */
export const signInPolicies = ['password', 'registration'] as const;

export type PolicyDocuments = Readonly<Partial<Record<(typeof signInPolicies)[number], unknown>>>;

/** What the organisation demands of a sign-in, as it is decided at this moment. */
export interface SignInPolicy {
  /** In the order offered. */
  readonly methods: readonly MethodId[];
  /** What may be registered with a pass, the best first. */
  readonly enrollable: readonly MethodId[];
  /** What has to be registered in the same step, because it is no sign-in by itself: an authenticator app comes with a password. */
  readonly together?: Readonly<Partial<Record<MethodId, readonly MethodId[]>>>;
  /** Something one knows is enough by itself. */
  readonly firstPartAlone?: boolean;
  /** What people have to register before they go on; undefined where nothing is asked of anybody. */
  readonly registration?: RegistrationRules | undefined;
}
