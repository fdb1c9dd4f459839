import { isStorable } from '../../core/text.ts';
import type { ProviderSettings, UpstreamIdentity } from './provider.ts';
import { own } from './strict-json.ts';

export interface ProfileChanges {
  readonly displayName?: string;
  readonly mail?: string;
  readonly userPrincipalName?: string;
}

/**
 * What a user is called after their claims. A claim that is missing, no text, or no name or address changes nothing. `always` are
 * the ones taken at each sign-in; at `creation` all of them. Roles and groups are not among them, whatever a claim is named.
 */
export function profileOf(
  { claims }: Pick<UpstreamIdentity, 'claims'>,
  rules: ProviderSettings['claims'],
  at: 'creation' | 'always',
): ProfileChanges {
  const textOf = (property: keyof ProviderSettings['claims'], judge: (text: string) => boolean) => {
    const { claim, refresh } = rules[property];
    const value = at === 'creation' || refresh === 'always' ? own(claims, claim) : undefined;
    if (typeof value !== 'string' || value.length > longest) return undefined;
    const text = value.normalize('NFKC').trim();
    return isPlain(text) && judge(text) ? text : undefined;
  };
  const displayName = textOf('displayName', (text) => text.length >= 1 && text.length <= 256);
  const userPrincipalName = textOf('userPrincipalName', isAddress);
  // Said to be unverified, in whatever type: then it is not a way to reach the person.
  const verified = own(claims, 'email_verified');
  const mail = verified === undefined || verified === true ? textOf('mail', isAddress) : undefined;
  return {
    ...(displayName !== undefined && { displayName }),
    ...(mail !== undefined && { mail }),
    ...(userPrincipalName !== undefined && { userPrincipalName }),
  };
}

const longest = 1_000;

/** No control characters, and none that turn the direction of what stands around them. */
function isPlain(text: string): boolean {
  return isStorable(text) && !/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text);
}

function isAddress(text: string): boolean {
  return text.length <= 254 && /^[^\s@<>]+@[^\s@<>]+$/.test(text);
}
