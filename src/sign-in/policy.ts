import type { Level } from '../assurance/levels.ts';
import type { MethodId } from '../methods/method.ts';
import type { RegistrationRules } from '../registration/demand.ts';

/** Names of the policy documents that a sign-in is judged by; they are read with its row. */
export const signInPolicies = [
  ...(['assurance', 'fido2', 'password', 'recoveryCode', 'registration', 'softwareOath'] as const),
  'temporaryAccessPass',
] as const;

export type PolicyDocuments = Readonly<Partial<Record<(typeof signInPolicies)[number], unknown>>>;

/** Where the people of a domain sign in, when that is not here: a function of the domain of the name, whoever it names. */
export interface HomeRealm {
  readonly providerId: string;
  readonly displayName: string;
  readonly mfaBehavior: 'acceptIfMfaDoneByFederatedIdp' | 'enforceMfaByFederatedIdp' | 'rejectMfaByFederatedIdp';
  /** They are sent on at once. */
  readonly straight: boolean;
  /** What a sign-in there is worth at most. */
  readonly ceiling: Level;
}

/** A row of the view `home_realms`, as JSON. */
export interface HomeRealmRow {
  readonly provider_id: string;
  readonly display_name: string;
  readonly mfa_behavior: HomeRealm['mfaBehavior'];
  readonly straight: boolean;
  readonly ceiling: Level;
}

export function toHomeRealm(row: HomeRealmRow): HomeRealm {
  const { provider_id: providerId, display_name: displayName, mfa_behavior: mfaBehavior, straight, ceiling } = row;
  return { providerId, displayName, mfaBehavior, straight, ceiling };
}

/** What the organisation, and the app, demand of a sign-in, as it is decided at this moment. */
export interface SignInPolicy {
  /** In the order offered. */
  readonly methods: readonly MethodId[];
  /** What may be registered with a pass, the best first. */
  readonly enrollable: readonly MethodId[];
  /** What has to be registered in the same step, because it is no sign-in by itself: an authenticator app comes with a password. */
  readonly together?: Readonly<Partial<Record<MethodId, readonly MethodId[]>>>;
  /** Something one knows is enough by itself, if it is strong enough for that. */
  readonly firstPartAlone?: boolean;
  /** Passes are issued that are so short that all guesses together are limited more. */
  readonly shortPasses?: boolean;
  /** What people have to register before they go on; undefined where nothing is asked of anybody. */
  readonly registration?: RegistrationRules | undefined;
  /** The lowest level that gives the app what it asks for; undefined where it asks for nothing that can be reached. */
  readonly leastLevel?: Level | undefined;
  /** What a way may reach, where that is more than its traits say. */
  readonly mayReach?: Readonly<Partial<Record<MethodId, Level>>>;
  /** The first way is gone without a page, unless the person has asked for another or has to be told something. */
  readonly straight?: boolean;
}
