import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { isLocalhost } from '../../core/localhost.ts';
import { isStorableJson } from '../../core/text.ts';
import { longestSecret } from './credentials.ts';
import { mfaBehaviors, type ProviderSettings, providerSettings } from './provider.ts';

/** What an administrator names of a provider's settings; the rest stays, or is as by default in a new one. */
export type ProviderChange = Partial<ProviderSettings>;

const anyOfThem = providerSettings.partial();

/** Each value as in the whole. Defaults are for a new provider: a property that is not named is not there. */
export const providerChange = z.unknown().transform((named, context): ProviderChange => {
  const checked = anyOfThem.safeParse(named);
  if (!checked.success) {
    for (const issue of checked.error.issues) context.issues.push({ ...issue, input: named } as never);
    return z.NEVER;
  }
  const isNamed = ([name]: [string, unknown]) => (named as Record<string, unknown>)[name] !== undefined;
  return Object.fromEntries(Object.entries(checked.data).filter(isNamed));
});

/** Given to us by the provider; it goes in and never comes out again. */
export const clientSecret = z.string().min(1).max(longestSecret);

export const domainChange = z.strictObject({
  mfaBehavior: z.enum(mfaBehaviors).optional(),
  straight: z.boolean().optional(),
});

export type DomainChange = z.output<typeof domainChange>;

/** The settings with what is named put in their place. Fails with `invalid_input` that names what is missing, or cannot be. */
export function settingsWith(
  before: ProviderSettings | undefined,
  changes: ProviderChange,
  ourIssuer: string | undefined,
): ProviderSettings {
  if (!isStorableJson(changes)) {
    throw new AppError('invalid_input', 'The settings hold a character that no property takes.');
  }
  const checked = providerSettings.safeParse({ ...before, ...changes });
  if (!checked.success) {
    const mistakes = checked.error.issues.map(({ path, message }) =>
      [path.join('.'), message].filter(Boolean).join(': '),
    );
    throw new AppError('invalid_input', `${mistakes.join('; ')}.`);
  }
  demandIssuer(checked.data.issuer, ourIssuer);
  return checked.data;
}

/** `ourIssuer` unknown is taken for one in the open. OpenID Connect Discovery 1.0 §2: https, no query, no fragment. */
function demandIssuer(issuer: string, ourIssuer: string | undefined): void {
  const url = new URL(issuer);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '' || /[?#]$|\s/.test(issuer)) {
    throw new AppError('invalid_input', 'issuer: must be an address without space, query, fragment, name or password.');
  }
  if (issuer.replace(/\/$/, '') === ourIssuer) {
    throw new AppError('invalid_input', 'issuer: is our own. People cannot be sent to the place they come from.');
  }
  if (url.protocol === 'https:') return;
  const local = ourIssuer !== undefined && isLocalhost(new URL(ourIssuer).hostname);
  if (local && isLoopbackHost(url.hostname)) return;
  throw new AppError(
    'invalid_input',
    'issuer: must begin with https://. Plain http is for a provider on this very machine, while Latchkey itself is on localhost.',
  );
}

function isLoopbackHost(hostname: string): boolean {
  return isLocalhost(hostname) || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
