import type { Work } from './core/work.ts';
import { isBootstrap, isContainable, type MethodRegistry } from './methods/method.ts';
import { spendLink } from './notices/links.ts';
import { endAccount, endAccountBut } from './oidc/endings.ts';
import { endSignInsNamedSince, endSignInsOf } from './sign-in/endings.ts';
import { markContained } from './users/containment.ts';
import { findUser, lockUser } from './users/manage-users.ts';

/** `already`: the link was used before, and nothing more was done. `ended`: it is too old, or never was. */
export type Containment = 'contained' | 'already' | 'ended';

/**
 * "This was not me": takes the account out of an intruder's hands, as far as its owner can without help. Passes are cancelled,
 * credentials added since the moment the mail was about are suspended, and everything that is signed in ends, in one transaction.
 * The account itself stays enabled, and what its owner had before works. The token is the authority: whoever has it got the mail.
 */
export async function contain(
  work: Work,
  { token, methods }: { readonly token: string; readonly methods: MethodRegistry },
): Promise<Containment> {
  const link = await spendLink(work, token);
  if (link.kind === 'used') return 'already';
  if (link.kind === 'ended' || !(await findUser(work, link.userId))) return 'ended';
  await containAccount(work, methods, { userId: link.userId, since: link.since });
  return 'contained';
}

/** What the owner speaks through, and what it was proved with: that much is theirs. */
export interface Spared {
  readonly sessionUid: string;
  readonly credentialIds: readonly string[];
}

/**
 * The same for somebody who is signed in: their own session goes on, and what they proved themselves with works. `spared` is asked
 * with the user locked, and fails where their proof no longer counts.
 */
export async function containFromWithin(
  work: Work,
  methods: MethodRegistry,
  asked: { readonly userId: string; readonly since: Date; readonly spared: () => Promise<Spared> },
): Promise<void> {
  await containAccount(work, methods, asked);
}

async function containAccount(
  work: Work,
  methods: MethodRegistry,
  {
    userId,
    since,
    spared: sparedNow,
  }: { readonly userId: string; readonly since: Date; readonly spared?: () => Promise<Spared> },
): Promise<void> {
  await endSignInsOf(work, userId);
  await lockUser(work, userId);
  const spared = await sparedNow?.();
  const ended: string[] = [];
  const containable = methods.all.filter(isContainable);
  const contain = async (method: (typeof containable)[number]) =>
    ended.push(...(await method.contain(work, userId, since, spared?.credentialIds)));
  // In the order of locks: passes, sessions, credentials.
  for (const method of containable.filter(isBootstrap)) await contain(method);
  const sessions = spared ? await endAccountBut(work, userId, spared.sessionUid) : await endAccount(work, userId);
  for (const method of containable) if (!isBootstrap(method)) await contain(method);
  await markContained(work, userId, spared?.sessionUid ?? null);
  await endSignInsNamedSince(work, userId);
  work.record({
    type: 'account.contained',
    userId,
    details: { since, ended, sessions: sessions.length, ...(spared && { signedIn: true }) },
  });
}
