import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import type { ProtocolAccount } from './account.ts';
import { sessionTie } from './pass-ties.ts';

const { Check, Prompt, base } = interactionPolicy;

/**
 * What is asked before a relying party gets anything: sign-in, then registration for whoever has no way to sign in or fewer than
 * the organisation asks for, then consent.
 * Every check names its error: one added without would answer `interaction_required` to `prompt=none`.
 */
export function signInPolicy(
  scale: readonly string[],
  mustAddMethods: (account: ProtocolAccount) => Promise<boolean>,
): interactionPolicy.DefaultPolicy {
  const policy = base();
  const login = policy.get('login')!;
  login.checks.add(
    // A live session of a user who was disabled or deleted would crash the library's own checks.
    new Check('account_gone', 'the account was disabled or deleted', 'login_required', ({ oidc }) =>
      Boolean(oidc.session?.accountId && !oidc.account),
    ),
  );
  // The library compares an essential acr by equality, so that a stronger session could never satisfy it.
  login.checks.remove('essential_acr');
  login.checks.remove('essential_acrs');
  login.checks.add(
    new Check('acr_unmet', 'the session is weaker than asked for', 'unmet_authentication_requirements', (ctx) =>
      acrUnmet(ctx, scale),
    ),
  );

  const consent = policy.get('consent')!;
  // Every client is first-party and gets its grant without a page; these two would ask for one.
  consent.checks.remove('native_client_prompt');
  consent.checks.remove('consent_prompt');

  policy.add(
    new Prompt(
      { name: 'enrol', requestable: false },
      new Check('registration_pending', 'registration is pending', 'interaction_required', ({ oidc }) =>
        // A pass that signs in is a way to sign in while it lasts, and the session ends with it.
        Boolean((oidc.account as ProtocolAccount | undefined)?.mustRegister && !sessionTie()),
      ),
      // Asked of every session, whatever it was born of; tokens that were given out before are not judged by it.
      new Check('methods_missing', 'more sign-in methods have to be registered', 'interaction_required', ({ oidc }) =>
        oidc.account ? mustAddMethods(oidc.account as ProtocolAccount) : false,
      ),
    ),
    1,
  );
  return policy;
}

/** `acr_values` is a minimum, also when a session exists; any of the values named will do (Core 5.5.1.1). */
function acrUnmet({ oidc }: KoaContextWithOIDC, scale: readonly string[]): boolean {
  if (!oidc.session?.accountId) return false;
  const reached = scale.indexOf((oidc.session as { acr?: string }).acr ?? '');
  const wished = String(oidc.params?.acr_values ?? '')
    .split(' ')
    .filter((acr) => scale.includes(acr));
  const claimed = acrClaim(oidc.params?.claims);
  const demanded = claimed.essential ? claimed.values : [];
  reportAsAsked(oidc, [...wished, ...claimed.values], reached, scale);

  const demandUnmet = demanded.length > 0 && reached < leastOf(demanded, scale);
  if (oidc.result?.login) {
    if (demandUnmet) throw new UnmetAuthenticationRequirements('the requested acr was not met');
    return false; // a wish, not a demand: go on with what there is
  }
  return demandUnmet || (wished.length > 0 && reached < leastOf(wished, scale));
}

/** Of the values asked for, the highest that was met is reported: an app that looks for its own value would else ask again. */
function reportAsAsked(oidc: object, asked: readonly unknown[], reached: number, scale: readonly string[]): void {
  const met = asked.map((acr) => scale.indexOf(acr as string)).filter((place) => place >= 0 && place <= reached);
  if (met.length > 0) Object.defineProperty(oidc, 'acr', { value: scale[Math.max(...met)], configurable: true });
}

/** From the parameter itself: the library writes `acr_values` over the claim that stands beside it. */
function acrClaim(parameter: unknown): { essential: boolean; values: readonly unknown[] } {
  if (typeof parameter !== 'string') return { essential: false, values: [] };
  const claims = JSON.parse(parameter) as {
    id_token?: { acr?: { essential?: unknown; value?: unknown; values?: unknown } };
  };
  const acr = claims.id_token?.acr;
  const values = acr?.values ?? (acr?.value === undefined ? [] : [acr.value]);
  if (!Array.isArray(values)) throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
  return { essential: acr?.essential === true, values };
}

/** The place of the lowest; a level nobody knows cannot be reached. */
function leastOf(acrs: readonly unknown[], scale: readonly string[]): number {
  const places = acrs.map((acr) => scale.indexOf(acr as string)).filter((place) => place >= 0);
  return Math.min(Number.POSITIVE_INFINITY, ...places);
}

const { UnmetAuthenticationRequirements } = errors as unknown as {
  UnmetAuthenticationRequirements: new (description: string) => Error;
};
