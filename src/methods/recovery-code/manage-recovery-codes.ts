import { randomUUID } from 'node:crypto';
import type { Actor } from '../../core/actor.ts';
import { inGroups } from '../../core/code.ts';
import { deviceName } from '../../core/device-name.ts';
import { AppError } from '../../core/errors.ts';
import type { Origin, RunWork, Work } from '../../core/work.ts';
import { getUser, lockUser } from '../../users/manage-users.ts';
import { makeVerifier, newCodes, pepperVersion } from './recovery-code.ts';
import * as store from './store.ts';

/**
 * Makes the user's ten recovery codes and returns them in groups of four, the only time they are seen; those from before stop
 * working. The hashes run between two works, in no transaction. Whether the actor may is for the caller to say: `demand` is
 * asked in both works, before anything is done. Fails with `not_found`, with `forbidden` for a disabled user, and with `conflict` when
 * the pass, if the session was born of one, has made codes before.
 */
export async function makeRecoveryCodes(
  run: RunWork,
  who: { readonly actor: Actor; readonly origin: Origin },
  userId: string,
  demand: (work: Work) => Promise<void> = async () => {},
  passId: string | null = null,
): Promise<string[]> {
  const secrets = await run(who, async (work) => {
    await demandMayHave(work, userId, demand);
    if (passId !== null && (await store.madeThrough(work.tx, passId))) throw madeBefore();
    return work.secrets;
  });
  const made = newCodes().map((code) => ({ ...code, id: randomUUID() }));
  const codes: { id: string; selector: string; verifier: string }[] = [];
  // One after the other: ten at once would take the places of people who sign in.
  for (const { id, selector, secret } of made) {
    codes.push({ id, selector, verifier: await makeVerifier(secrets, { userId, id }, secret) });
  }

  return run(who, async (work) => {
    await lockUser(work, userId);
    await demandMayHave(work, userId, demand);
    if (passId !== null && !(await store.takePass(work.tx, work.now, passId))) throw madeBefore();
    const setId = randomUUID();
    const device = deviceName(work.origin.userAgent);
    const replaced = await store.replace(work.tx, work.now, { userId, setId, device, pepperVersion, codes });
    work.record({ type: 'recovery-codes.made', userId, details: { setId, count: codes.length, replaced, passId } });
    return made.map(({ selector, secret }) => inGroups(selector + secret));
  });
}

function madeBefore(): AppError {
  return new AppError('conflict', 'Recovery codes were made with this temporary pass already.');
}

async function demandMayHave(work: Work, userId: string, demand: (work: Work) => Promise<void>): Promise<void> {
  await demand(work);
  const { enabled } = await getUser(work, userId);
  if (!enabled) throw new AppError('forbidden', 'This account is disabled.');
}
