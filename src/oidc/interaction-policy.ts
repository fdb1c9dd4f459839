import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { judge, scaleFrom } from '../assurance/scale.ts';
import type { ProtocolAccount } from './account.ts';
import { askedIn } from './asked-assurance.ts';
import { sessionTie } from './pass-ties.ts';

const { Check, Prompt, base } = interactionPolicy;

/**
 * What is asked before a relying party gets anything: sign-in, then registration for whoever has no way to sign in or fewer than
 * the organisation asks for, then consent.
 * Every check names its error: one added without would answer `interaction_required` to `prompt=none`.
 */
export function signInPolicy(
  issuer: string,
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
      acrUnmet(ctx, issuer),
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

/**
 * Whether to ask for more, also when a session exists. What must be met and was not after a new sign-in is refused; a wish is
 * asked for once and then let go. The names are those of policy at this moment: one that is gone is one that nobody knows.
 */
function acrUnmet({ oidc }: KoaContextWithOIDC, issuer: string): boolean {
  const account = oidc.account as ProtocolAccount | undefined;
  if (!oidc.session?.accountId || !account) return false;
  const scale = scaleFrom(issuer, account.decided.assurance);
  const reached = scale.placeOf((oidc.session as { acr?: string }).acr);
  const asked = askedIn(oidc.params ?? {}, oidc.client!);
  const { demand, wish, reported } = judge(scale, reached, asked);

  // An app that looks for its own value would else ask again.
  if (reported !== undefined) Object.defineProperty(oidc, 'acr', { value: reported, configurable: true });
  if (!oidc.result?.login) return !demand || !wish;
  if (!demand) throw new UnmetAuthenticationRequirements('the requested acr was not met');
  return false;
}

const { UnmetAuthenticationRequirements } = errors as unknown as {
  UnmetAuthenticationRequirements: new (description: string) => Error;
};
