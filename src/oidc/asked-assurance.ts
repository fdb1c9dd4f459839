import { type Client, errors } from 'oidc-provider';
import type { Asked } from '../assurance/scale.ts';
import { assuranceAskedBy } from './client-metadata.ts';

/** What an authorization request asks for in acr, with what its client asks for always. */
export function askedIn(params: Readonly<Record<string, unknown>>, client: Client): Asked {
  const { minimum, defaults } = assuranceAskedBy(client);
  const { essential, values } = acrClaim(params.claims);
  const parameter = String(params.acr_values ?? '');
  // Registered defaults are for a request that names no value at all (Dynamic Client Registration 2).
  const wished = parameter ? parameter.split(' ') : values.length > 0 ? [] : defaults;
  return { wished, claimed: values, essential, minimum };
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
