/** The ordered scale of assurance, and the words by which apps are told of it. */
import type { MethodTraits } from '../methods/method.ts';

/**
 * From the weakest; each is a minimum for what lies before it. Nothing reaches `phrh` yet: the verdict on a passkey that is
 * attested, bound to its device and of an allowed model is where it will come from (`methods/passkey`).
 */
export const levels = ['bootstrap', '1f', '2f', 'phr', 'phrh'] as const satisfies readonly MethodTraits['level'][];

export type Level = (typeof levels)[number];

/** What an app can be told. Bootstrap is not among it: nobody goes on to an app with that. */
export const appLevels = ['1f', '2f', 'phr', 'phrh'] as const satisfies readonly Level[];

/** What a sign-in can reach today. */
export const reachableLevels = ['1f', '2f', 'phr'] as const satisfies readonly Level[];

/** Our own values are URIs under the issuer; `phr` and `phrh` are OpenID EAP ACR Values 1.0. */
export function acrOf(level: Level, issuer: string): string {
  return level === 'phr' || level === 'phrh' ? level : `${issuer}/acr/${level}`;
}

/** Words of RFC 8176 stand for themselves; what it has no word for is a URI under the issuer. */
export function amrOf(method: string, issuer: string): string {
  return method === 'pass' || method === 'federated' ? `${issuer}/amr/${method}` : method;
}

/** Every value of ours that a relying party can get, from the lowest: what discovery advertises, with the aliases of policy. */
export function acrScale(issuer: string): string[] {
  return appLevels.map((level) => acrOf(level, issuer));
}
