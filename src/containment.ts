import type { Work } from './core/work.ts';
import { AppError } from './core/errors.ts';
import { addMinutes } from './core/time.ts';
import { isBootstrap, isContainable, isReclaimable, type MethodRegistry, reclaimHours } from './methods/method.ts';
import { identitiesOf, unlink } from './methods/upstream/identities.ts';
import { spendLink } from './notices/links.ts';
import { endOthersOf } from './oidc/endings.ts';
import { endSignInsNamedSince, endSignInsOf } from './sign-in/endings.ts';
import { permit, permitOn } from './roles/permit.ts';
import { linksToConfirm, provedIn } from './sign-in/confirming.ts';
import { say, sayAndForget } from './sign-in/losing.ts';
import { type SignInHouse, transition, type Visit } from './sign-in/standing.ts';
import { markContained } from './users/containment.ts';
import { endSessionsThrough } from './upstream-sessions.ts';
import { findUser, getUser, lockUser } from './users/manage-users.ts';

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
  const { ended, sessions } = await end(work, { userId, since, methods });
  work.record({ type: 'account.contained', userId, details: { since, ended, sessions, by: 'mail' } });
  return 'contained';
}

/** Whoever has just proved to hold the passkey may say so for this long; then it is proved again. */
const provedMinutes = 10;

/**
 * The same by somebody who holds a passkey that was called lost through a pass in the last 72 hours, and has just proved it in this
 * sign-in, which it does not open. That passkey works again. Anything else changes nothing but the page.
 */
export function containWithPasskey(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['identify', 'verify', 'enrol', 'confirm'], async (work, { signIn }) => {
    const { notice } = signIn;
    if (notice?.kind !== 'called_lost') return;
    const { credentialId } = notice;
    const found = await holderOf(house.methods, work, credentialId);
    // Judged with the user held: of two browsers that say so, one is the first.
    if (found) await lockUser(work, found.userId);
    const holder = found && (await holderOf(house.methods, work, credentialId));
    const fresh = addMinutes(new Date(notice.provedAt), provedMinutes) > work.now;
    if (!holder || !fresh || !(await findUser(work, holder.userId))?.enabled) {
      return say(work, signIn, { kind: 'suspended_passkey' });
    }
    const { method, userId, since } = holder;
    const { ended, sessions } = await end(work, {
      userId,
      since,
      methods: house.methods,
      kept: visit.uid,
      async last() {
        if (!(await method.reclaim(work, userId, credentialId))) {
          throw new AppError('conflict', 'This passkey was changed elsewhere meanwhile. Load the page again.');
        }
      },
    });
    work.record({
      type: 'account.contained',
      userId,
      details: { since, ended, sessions, by: 'passkey', credentialId },
    });
    await sayAndForget(work, signIn, { kind: 'reclaimed', at: work.now.toISOString() });
  });
}

async function holderOf(methods: MethodRegistry, work: Work, credentialId: string) {
  for (const method of methods.all.filter(isReclaimable)) {
    const found = await method.reclaimable(work, credentialId);
    if (found) return { method, ...found };
  }
  return undefined;
}

/**
 * "This is not mine", said of a sign-in linked elsewhere by somebody who is asked whether all is still theirs: the same, since it was
 * linked, and it is unlinked. What they proved in this sign-in works, and is proved once more to go on. Nothing is done about one that
 * is gone by now, is somebody else's, or signed them in just now.
 */
export function disownLink(house: SignInHouse, visit: Visit, identityId: string): Promise<void> {
  return transition(house, visit, ['reconfirm'], async (work, { signIn }) => {
    const userId = signIn.userId!;
    await lockUser(work, userId);
    const proved = provedIn(signIn);
    const link = (await linksToConfirm(house, work, signIn)).find(({ id }) => id === identityId);
    if (!link || link.used) return;
    const since = link.linkedAt;
    const { ended, sessions } = await end(work, {
      userId,
      since,
      methods: house.methods,
      kept: visit.uid,
      spared: async () => ({ sessionUid: null, credentialIds: proved }),
    });
    const details = { since, ended, sessions, by: 'confirmation', identityId };
    work.record({ type: 'account.contained', userId, details });
    const [at, linkedAt] = [work.now.toISOString(), since.toISOString()];
    await sayAndForget(work, signIn, { kind: 'disowned', name: link.at, at, since: linkedAt });
  });
}

export interface ContainAsked {
  readonly methods: MethodRegistry;
  /** Object id or name. */
  readonly user: string;
  /** What was added since then is suspended; the last 72 hours when nothing is said. */
  readonly since?: Date | undefined;
  readonly reason?: string | undefined;
}

export interface Contained {
  readonly since: Date;
  /** Ids of passes and credentials. */
  readonly ended: readonly string[];
  readonly sessions: number;
}

/**
 * The same by an administrator, for somebody who cannot do it themselves. Once more changes nothing more.
 * Fails with `forbidden`, `not_found`, or `invalid_input` for a moment that is to come.
 */
export async function containUser(
  work: Work,
  { methods, user, since: asked, reason }: ContainAsked,
): Promise<Contained> {
  await permit(work, 'methods.write');
  const { id: userId } = await getUser(work, user);
  await permitOn(work, 'methods.write', userId);
  const since = asked ?? addMinutes(work.now, -reclaimHours * 60);
  if (since > work.now) throw new AppError('invalid_input', 'since is to come. It is a moment that has been.');
  await endSignInsOf(work, userId);
  const { ended, sessions } = await end(work, { userId, since, methods });
  work.record({
    type: 'account.contained-by-administrator',
    userId,
    ...(reason && { reason }),
    details: { since, ended, sessions },
  });
  return { since, ended, sessions };
}

/** What the owner speaks through, and what it was proved with: that much is theirs. */
export interface Spared {
  /** Null: none goes on. */
  readonly sessionUid: string | null;
  readonly credentialIds: readonly string[];
}

/**
 * The same for somebody who is signed in: their own session goes on, and what they proved themselves with works. `spared` is asked
 * with the user locked, and fails where their proof no longer counts.
 */
export async function containFromWithin(
  work: Work,
  methods: MethodRegistry,
  { userId, since, spared }: { readonly userId: string; readonly since: Date; readonly spared: () => Promise<Spared> },
): Promise<void> {
  await endSignInsOf(work, userId);
  const { ended, sessions } = await end(work, { userId, since, methods, spared });
  work.record({ type: 'account.contained', userId, details: { since, ended, sessions, signedIn: true } });
}

interface End {
  readonly userId: string;
  readonly since: Date;
  readonly methods: MethodRegistry;
  /** The sign-in that it is done in. */
  readonly kept?: string;
  /** Asked with the user locked. */
  spared?(): Promise<Spared>;
  /** What is done to a credential after the others. */
  last?(): Promise<void>;
}

/** After the sign-ins under way that can be waited for. */
async function end(
  work: Work,
  { userId, since, methods, kept, spared: sparedNow, last }: End,
): Promise<Omit<Contained, 'since'>> {
  await lockUser(work, userId);
  const spared = await sparedNow?.();
  const ended: string[] = [];
  const containable = methods.all.filter(isContainable);
  const contain = async (method: (typeof containable)[number]) =>
    ended.push(...(await method.contain(work, userId, since, spared?.credentialIds)));
  // In the order of locks: passes, links, sessions, credentials.
  for (const method of containable.filter(isBootstrap)) await contain(method);
  const linked = (await identitiesOf(work, userId)).filter(
    ({ id, linkedAt }) => linkedAt >= since && !spared?.credentialIds.includes(id),
  );
  // As where a provider ends what it opened: the link, the sign-ins there, and only then the sessions. Also the session that goes
  // on, where such an identity opened it, and what would be opened by a sign-in there that is collected already.
  let sessions = 0;
  for (const identity of linked) {
    await unlink(work, identity);
    sessions += await endSessionsThrough(work, { providerId: identity.providerId, userId, why: 'unlinked' });
  }
  sessions += (await endOthersOf(work, userId, spared?.sessionUid ?? null)).length;
  for (const method of containable) if (!isBootstrap(method)) await contain(method);
  ended.push(...linked.map(({ id }) => id));
  await last?.();
  await markContained(work, userId, spared?.sessionUid ?? null);
  await endSignInsNamedSince(work, userId, kept);
  return { ended, sessions };
}
