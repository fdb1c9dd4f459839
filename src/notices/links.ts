import { digest, randomToken } from '../core/secrets.ts';
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { reachable } from '../users/addresses.ts';
import * as notices from './store.ts';

// Long enough for a weekend away from the mailbox.
const linkHours = 72;

/** Makes the link of one notice: 256 random bits that only its mails hold; the database knows their digest. */
export async function openLink(
  work: Pick<Work, 'tx' | 'now'>,
  userId: string,
): Promise<{ readonly token: string; readonly expiresAt: Date }> {
  const token = randomToken();
  const expiresAt = addMinutes(work.now, linkHours * 60);
  await notices.insertLink(work.tx, { tokenHash: hashOf(token), userId, since: work.now, expiresAt });
  return { token, expiresAt };
}

/** `ended` is all that is said of links that are too old and of those that never were. */
export type LinkState =
  | { readonly kind: 'open'; readonly userPrincipalName: string; readonly since: Date }
  | { readonly kind: 'used'; readonly usedAt: Date }
  | { readonly kind: 'ended' };

/** Looks and changes nothing: mail scanners follow links. */
export async function readLink(work: Work, token: string): Promise<LinkState> {
  const link = await notices.linkOf(work.tx, hashOf(token));
  if (link?.usedAt) return { kind: 'used', usedAt: link.usedAt };
  const user = link && link.expiresAt > work.now ? await reachable(work, link.userId) : undefined;
  return user ? { kind: 'open', userPrincipalName: user.userPrincipalName, since: link!.since } : { kind: 'ended' };
}

export type SpentLink =
  | { readonly kind: 'spent'; readonly userId: string; readonly since: Date }
  | { readonly kind: 'used' }
  | { readonly kind: 'ended' };

/** Spends the link with one conditional statement; what it was about is told to the one request that did. */
export async function spendLink(work: Work, token: string): Promise<SpentLink> {
  const spent = await notices.spendLink(work.tx, work.now, hashOf(token));
  if (spent) return { kind: 'spent', ...spent };
  const link = await notices.linkOf(work.tx, hashOf(token));
  return { kind: link?.usedAt ? 'used' : 'ended' };
}

function hashOf(token: string): Buffer {
  return digest(`not-me/${token}`);
}
