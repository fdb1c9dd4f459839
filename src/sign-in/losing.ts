/** What somebody who comes with a pass may have lost: the reads, and what the sign-in's row keeps of it. */
import type { Work } from '../core/work.ts';
import { isSuspendable, type ListedCredential } from '../methods/method.ts';
import type { SignIn } from './sign-in.ts';
import type { SignInHouse, Standing } from './standing.ts';
import * as signIns from './store.ts';

/**
 * Ways in that the user had before and that still work, in the order of the registry. Empty where no pass opened the registration:
 * who proved more than a pass looks after them in My security info.
 */
export async function losable(house: SignInHouse, work: Work, standing: Standing): Promise<ListedCredential[]> {
  return (await ownBefore(house, work, standing)).filter(({ suspended }) => !suspended);
}

/** The same with those that are suspended by now. */
export async function ownBefore(
  house: SignInHouse,
  work: Work,
  { signIn, step }: Standing,
): Promise<ListedCredential[]> {
  const inWindow = (step.kind === 'enrol' || step.kind === 'confirm') && step.windowEndsAt !== null;
  if (!inWindow || signIn.passId === null || signIn.userId === null) return [];
  const credentials: ListedCredential[] = [];
  for (const method of house.methods.all.filter(isSuspendable)) {
    credentials.push(...(await method.listOf(work, signIn.userId)));
  }
  return credentials.filter(({ passId }) => (passId ?? null) !== signIn.passId);
}

/** Since when what was added may be of whoever has the pass: the moment it was entered, or the first thing that it added. */
export async function passInHandSince(house: SignInHouse, work: Work, { signIn }: Standing): Promise<Date> {
  const moments = signIn.evidence.map(({ at }) => at);
  for (const method of house.methods.all.filter(isSuspendable)) {
    for (const { passId, createdAt } of await method.listOf(work, signIn.userId!)) {
      if (passId === signIn.passId) moments.push(createdAt);
    }
  }
  return new Date(Math.min(...moments.map((at) => at.getTime())));
}

/** What the next page says. */
export function say(work: Work, { uid }: SignIn, notice: NonNullable<SignIn['notice']> | null): Promise<void> {
  return signIns.change(work.tx, uid, { notice });
}

/** Nothing that was proved in it counts any more; the next page says why. */
export function sayAndForget(work: Work, { uid }: SignIn, notice: NonNullable<SignIn['notice']>): Promise<void> {
  const forgotten = { userId: null, evidence: [], passId: null, windowEndsAt: null, enrolled: null };
  return signIns.change(work.tx, uid, { ...forgotten, notice });
}
