import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import type { ProtocolAccount } from './account.ts';

const { Check, Prompt, base } = interactionPolicy;

/**
 * What is asked before a relying party gets anything: sign-in, then registration for whoever has no way to sign in, then consent.
 * Every check names its error: one added without would answer `interaction_required` to `prompt=none`.
 */
export function signInPolicy(scale: readonly string[]): interactionPolicy.DefaultPolicy {
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
        Boolean((oidc.account as ProtocolAccount | undefined)?.mustRegister),
      ),
    ),
    1,
  );
  return policy;
}

/** `acr_values` is a minimum, also when a session exists; any of the values named will do (Core 5.5.1.1). */
function acrUnmet({ oidc }: KoaContextWithOIDC, scale: readonly string[]): boolean {
  const claim = (oidc.claims as { id_token?: { acr?: { essential?: boolean; value?: string; values?: string[] } } })
    .id_token?.acr;
  const essential = claim?.essential ? (claim.values ?? [claim.value ?? '']).filter(Boolean) : [];
  const asked = [
    ...String(oidc.params?.acr_values ?? '')
      .split(' ')
      .filter(Boolean),
    ...essential,
  ];
  if (asked.length === 0 || !oidc.session?.accountId) return false;
  const known = asked.map((acr) => scale.indexOf(acr)).filter((place) => place >= 0);
  const least = known.length > 0 ? Math.min(...known) : Number.POSITIVE_INFINITY;
  if (scale.indexOf(oidc.acr) >= least) return false;
  if (!oidc.result?.login) return known.length > 0 || essential.length > 0;
  if (essential.length > 0) throw new UnmetAuthenticationRequirements('the requested acr was not met');
  return false; // a wish, not a demand: go on with what there is
}

const { UnmetAuthenticationRequirements } = errors as unknown as {
  UnmetAuthenticationRequirements: new (description: string) => Error;
};
