import type { Work } from './core/work.ts';
import { isBootstrap, isContainable, type MethodRegistry } from './methods/method.ts';
import { identitiesOf, unlink } from './methods/upstream/identities.ts';
import { spendLink } from './notices/links.ts';
import { endAccount } from './oidc/endings.ts';
import { endSignInsNamedSince, endSignInsOf } from './sign-in/endings.ts';
import { markContained } from './users/containment.ts';
import { findUser, lockUser } from './users/manage-users.ts';

/** `already`: the link was used before, and nothing more was done. `ended`: it is too old, or never was. */
export type Containment = 'contained' | 'already' | 'ended';

/**
 * "This was not me": takes the account out of an intruder's hands, as far as its owner can without help. Passes are cancelled,
 * credentials added since the moment the mail was about are suspended, links elsewhere made since are gone, and everything that is signed in ends, in one transaction.
 * The account itself stays enabled, and what its owner had before works. The token is the authority: whoever has it got the mail.
 */
export async function contain(
  work: Work,
  { token, methods }: { readonly token: string; readonly methods: MethodRegistry },
): Promise<Containment> {
  const link = await spendLink(work, token);
  if (link.kind === 'used') return 'already';
  if (link.kind === 'ended' || !(await findUser(work, link.userId))) return 'ended';
  const { userId, since } = link;

  await endSignInsOf(work, userId);
  await lockUser(work, userId);
  const ended: string[] = [];
  const containable = methods.all.filter(isContainable);
  // In the order of locks: passes, sessions, credentials.
  for (const method of containable.filter(isBootstrap)) ended.push(...(await method.contain(work, userId, since)));
  const sessions = await endAccount(work, userId);
  for (const method of containable) {
    if (!isBootstrap(method)) ended.push(...(await method.contain(work, userId, since)));
  }
  for (const identity of await identitiesOf(work, userId)) {
    if (identity.linkedAt < since) continue;
    await unlink(work, identity);
    ended.push(identity.id);
  }
  await markContained(work, userId);
  await endSignInsNamedSince(work, userId);
  work.record({ type: 'account.contained', userId, details: { since, ended, sessions: sessions.length } });
  return 'contained';
}
