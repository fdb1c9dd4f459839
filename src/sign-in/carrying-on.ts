/**
 * Continue on another device: what a pass opened on one device is registered on another, where the passkey should live. A link,
 * shown as a QR code, hands over the rest of the registration and nothing else; the sign-in waits where it began, and goes on
 * there. docs/continue.md says what each side may do, and why.
 */
import type { Actor } from '../core/actor.ts';
import { deviceName } from '../core/device-name.ts';
import { digest, randomToken } from '../core/secrets.ts';
import type { Origin, Work } from '../core/work.ts';
import { isEnrollable, isListable, type ListedCredential } from '../methods/method.ts';
import { getUser } from '../users/manage-users.ts';
import type { Carrying, NextStep } from './next-step.ts';
import type { SignIn } from './sign-in.ts';
import { lockedStanding, type SignInHouse, type Standing, stand, transition, type Visit } from './standing.ts';
import * as signIns from './store.ts';
import { enrolledBefore } from './verdicts.ts';

/** Offers the registration to another device; an earlier link of this sign-in leads nowhere from now on. */
export function offerElsewhere(house: SignInHouse, visit: Visit): Promise<void> {
  return transition(house, visit, ['enrol', 'wait'], async (work, { signIn, step, policy }) => {
    const isOpen = step.kind === 'enrol' ? step.windowEndsAt !== null : isOffered(step);
    if (!isOpen || !signIn.passId) return;
    // Another tab may have registered it: then that is to be used, here, and there is nothing to carry on.
    const already = await enrolledBefore(house, policy, work, signIn.passId);
    if (already) return signIns.change(work.tx, signIn.uid, { enrolled: already, notice: null });
    const secret = randomToken();
    const sealed = work.secrets.seal(sealedFor(signIn), Buffer.from(secret));
    await signIns.offerLink(work.tx, signIn.uid, { digest: digestOf(secret), sealed });
    await signIns.change(work.tx, signIn.uid, { notice: null });
    record(work, signIn, 'sign-in.link-made');
  });
}

/** The secret of the link that waits to be followed, for the browser it was made in; undefined once there is none. */
export function offeredLink(house: SignInHouse, visit: Visit): Promise<string | undefined> {
  return house.run(visit, async (work) => {
    const signIn = await signIns.byUid(work.tx, visit.uid);
    const sealed = signIn?.carried?.sealedLink;
    if (!sealed || !isOffered((await stand(house, work, visit, signIn)).step)) return undefined;
    return work.secrets.open(sealedFor(signIn), sealed).toString();
  });
}

/** Where the registration is, for a page that waits: `over` when it should look again for what comes next. */
export function carryingOf(house: SignInHouse, visit: Visit): Promise<Carrying | 'over'> {
  return house.run(visit, async (work) => {
    const signIn = await signIns.byUid(work.tx, visit.uid);
    const step = signIn && (await stand(house, work, visit, signIn)).step;
    return step?.kind === 'wait' ? step.carrying : 'over';
  });
}

/**
 * Back to where it began: the other device's right and the link end, also those that another tab of the window gave. What was
 * registered there goes too: it would sign in whoever holds that device, and may be why it is taken back.
 */
export function takeBack(house: SignInHouse, visit: Visit): Promise<void> {
  return endCarrying(house, visit, 'origin');
}

/** Who follows a link, and in which browser. */
export interface Follower {
  readonly actor: Actor;
  readonly origin: Origin;
  readonly browser: Buffer;
}

/** What a link leads to, so that whoever opened it can stop: it changes nothing. Undefined when it leads nowhere. */
export function aboutLink(
  house: SignInHouse,
  follower: Follower,
  secret: string,
): Promise<{ readonly account: string; readonly windowEndsAt: Date } | undefined> {
  return house.run(follower, async (work) => {
    const uid = await signIns.uidOfLink(work.tx, digestOf(secret));
    const signIn = uid === undefined ? undefined : await signIns.byUid(work.tx, uid);
    const step = signIn && (await judgeWhereItBegan(house, work, follower, signIn)).step;
    if (step?.kind !== 'wait' || !leadsOn(signIn!, step.carrying, follower)) return undefined;
    const { userPrincipalName } = await getUser(work, signIn!.userId!);
    return { account: userPrincipalName, windowEndsAt: step.windowEndsAt };
  });
}

/**
 * Follows a link: the rest of the registration is bound to this browser, and to no other. The uid of the sign-in; undefined
 * when the link leads nowhere any more. In the browser that followed it before, it leads there again, as a pass does.
 */
export function followLink(house: SignInHouse, follower: Follower, secret: string): Promise<string | undefined> {
  return house.run(follower, async (work) => {
    const linkDigest = digestOf(secret);
    const uid = await signIns.uidOfLink(work.tx, linkDigest);
    const signIn = uid === undefined ? undefined : await signIns.lock(work.tx, work.now, uid);
    if (!signIn) return undefined;
    const { step, policy } = await judgeWhereItBegan(house, work, follower, signIn, 'holdOpen');
    if (step.kind !== 'wait' || !leadsOn(signIn, step.carrying, follower)) return undefined;
    if (step.carrying !== 'offered') return signIn.uid;
    if (await enrolledBefore(house, policy, work, signIn.passId!)) return undefined;
    const { browser } = follower;
    if (!(await signIns.followLink(work.tx, work.now, { uid: signIn.uid, linkDigest, browser }))) return undefined;
    record(work, signIn, 'sign-in.carried-on', { device: deviceName(work.origin.userAgent) });
    return signIn.uid;
  });
}

export interface Elsewhere {
  readonly standing: Standing;
  /** Whose account it is. */
  readonly account: string;
  /** What was registered and used, once it was. */
  readonly registered: ListedCredential | undefined;
}

/** Where the registration stands on the device it was carried on to; undefined in any other browser, and when it is over. */
export function lookElsewhere(house: SignInHouse, visit: Visit): Promise<Elsewhere | undefined> {
  return house.run(visit, async (work) => {
    const signIn = await signIns.byUid(work.tx, visit.uid);
    if (!signIn?.userId || !signIn.carried?.browser?.equals(visit.browser)) return undefined;
    const standing = await stand(house, work, { ...visit, elsewhere: true }, signIn);
    const { userPrincipalName: account } = await getUser(work, signIn.userId);
    const registered = standing.step.kind === 'done' ? await lastUsed(house, work, signIn) : undefined;
    return { standing, account, registered };
  });
}

/** The person on the other device gives it back, without what was registered there: it begins anew where the sign-in did. */
export function stopElsewhere(house: SignInHouse, visit: Visit): Promise<void> {
  return endCarrying(house, { ...visit, elsewhere: true }, 'elsewhere');
}

function endCarrying(house: SignInHouse, visit: Visit, by: 'origin' | 'elsewhere'): Promise<void> {
  const kinds: readonly NextStep['kind'][] = by === 'origin' ? ['wait'] : ['enrol', 'confirm'];
  return house.run(visit, async (work) => {
    const registeredThere = await signIns.lockWindow(work.tx, visit.uid);
    const standing = await lockedStanding(house, work, visit);
    if (!standing || !kinds.includes(standing.step.kind)) return;
    const { signIn } = standing;
    await signIns.endCarrying(work.tx, signIn.uid, registeredThere);
    for (const credentialId of registeredThere) {
      for (const method of house.methods.all.filter(isEnrollable))
        await method.withdraw?.(work, signIn.userId!, credentialId);
    }
    record(work, signIn, 'sign-in.taken-back', { by });
  });
}

async function lastUsed(house: SignInHouse, work: Work, { evidence, userId }: SignIn) {
  const { methodId, credentialId } = evidence.at(-1)!;
  const method = house.methods.get(methodId);
  if (!method || !isListable(method)) return undefined;
  return (await method.listOf(work, userId!)).find(({ id }) => id === credentialId);
}

/** As the browser it began in would be told: whoever holds the link asks what that one offers. */
function judgeWhereItBegan(
  house: SignInHouse,
  work: Work,
  { actor, origin }: Follower,
  signIn: SignIn,
  judging?: 'holdOpen',
): Promise<Standing> {
  const visit: Visit = { actor, origin, browser: signIn.browser, uid: signIn.uid, signedInUserId: null };
  return stand(house, work, visit, signIn, judging);
}

function leadsOn({ carried }: SignIn, carrying: Carrying, { browser }: Follower): boolean {
  return carried?.browser ? carried.browser.equals(browser) : carrying === 'offered';
}

function isOffered(step: Standing['step']): boolean {
  return step.kind === 'wait' && step.carrying === 'offered';
}

function digestOf(secret: string): Buffer {
  return digest(`sign-in-link/${secret}`);
}

function sealedFor({ uid }: Pick<SignIn, 'uid'>): string {
  return `sign_ins/${uid}/carry_sealed`;
}

function record(
  work: Work,
  { uid, userId, clientId, passId }: SignIn,
  type: 'sign-in.link-made' | 'sign-in.carried-on' | 'sign-in.taken-back',
  details: Readonly<Record<string, unknown>> = {},
): void {
  work.record({ type, userId: userId ?? undefined, clientId, details: { uid, passId, ...details } });
}
