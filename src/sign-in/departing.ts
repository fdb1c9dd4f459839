/** Leaving for a way that is answered elsewhere. The browser comes back to a door of that way, and that gives the answer in. */
import { isRemote } from '../methods/method.ts';
import { answerable, attemptOf } from './attempt.ts';
import { lockedStanding, type SignInHouse, stand, type Visit } from './standing.ts';
import * as signIns from './store.ts';
import { refused } from './verdicts.ts';

/**
 * The address to send the browser to; undefined when the sign-in does not go there, or the way is closed and the page says so. Asks
 * the other side with no database, as an answer is checked.
 */
export async function depart(house: SignInHouse, visit: Visit, methodId: string): Promise<URL | undefined> {
  const method = house.methods.get(methodId);
  if (!method || !isRemote(method)) return undefined;
  const read = await house.run(visit, async (work) => {
    const signIn = await signIns.byUid(work.tx, visit.uid);
    const standing = signIn && (await stand(house, work, visit, signIn));
    if (!standing || answerable(house, standing, methodId) !== method) return undefined;
    const asked = { uid: visit.uid, maxAge: signIn.maxAge ?? undefined };
    return { candidate: await method.readDeparture(work, attemptOf(visit, standing), asked) };
  });
  if (!read?.candidate) return undefined;
  const { candidate } = read;
  const departure = await method.prepareDeparture(candidate);

  return house.run(visit, async (work) => {
    const standing = await lockedStanding(house, work, visit);
    if (!standing || answerable(house, standing, methodId) !== method) return undefined;
    const kept =
      departure.kind === 'refused'
        ? departure
        : await method.keepDeparture(work, attemptOf(visit, standing), candidate, departure.prepared);
    if ('because' in kept) {
      const { because } = kept;
      await refused(work, visit, standing, method, { verified: false, reason: 'upstream_unreachable', because });
      return undefined;
    }
    await signIns.change(work.tx, visit.uid, { chosenMethod: method.id, notice: null });
    return kept;
  });
}
