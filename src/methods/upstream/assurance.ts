import { type Ceiling, ceilings, type ProviderSettings, type UpstreamIdentity } from './provider.ts';

/** What a sign-in there is worth here. Nothing it says of itself is believed without a rule; the first that applies counts. */
export function assuranceOf(
  { acr, amr }: Pick<UpstreamIdentity, 'acr' | 'amr'>,
  { assurance, ceiling }: Pick<ProviderSettings, 'assurance' | 'ceiling'>,
): { readonly level: Ceiling; readonly amr: readonly string[] } {
  const rule = assurance.find((one) => (one.acr === undefined ? amr.includes(one.amr!) : one.acr === acr));
  const level = ceilings[Math.min(ceilings.indexOf(rule?.level ?? '1f'), ceilings.indexOf(ceiling))]!;
  return { level, amr: [...new Set(['federated', ...(rule?.reports ?? [])])] };
}
