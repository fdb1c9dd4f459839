import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Secrets } from '../../core/secrets.ts';
import { addMinutes } from '../../core/time.ts';
import type { Work } from '../../core/work.ts';
import { userNameKey } from '../../users/user.ts';
import type { BootstrapMethod, ContainableMethod, RefusalReason, SheetMethod, SuspendableMethod } from '../method.ts';
import { suspensionOf, suspensionWords } from '../suspension.ts';
import { makeRecoveryCodes } from './manage-recovery-codes.ts';
import { codesInASet, openingMinutes, opens, type SplitCode, splitCode } from './recovery-code.ts';
import * as codes from './store.ts';

interface Candidate {
  readonly typed: SplitCode | undefined;
  readonly secrets: Secrets;
  readonly claimed: codes.Claimed | undefined;
}
interface Proof {
  readonly code: codes.StoredCode;
}

const form = z.object({ code: z.unknown() });

/** Signing in with a recovery code: it is spent as it is entered, and opens a registration in that browser. */
export function recoveryCodeMethod(): BootstrapMethod & SuspendableMethod & ContainableMethod & SheetMethod {
  return {
    id: 'recovery-code',
    traits: { amr: [], level: 'bootstrap', bootstrapOnly: true },
    guessable: true,

    countedBy: () => ['recoveryCode'],

    async challenge() {
      return { kind: 'code', label: 'Recovery code' };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const typed = splitCode(form.safeParse(response).data?.code);
      const claimed = await codes.claimed(work.tx, userNameKey(attempt.userName ?? ''), typed?.selector ?? '');
      return { typed, secrets: work.secrets, claimed };
    },

    async check(candidate): Promise<Proof | null> {
      const { typed, secrets, claimed } = candidate as Candidate;
      const code = claimed?.code;
      return (await opens(secrets, typed?.secret ?? '', code)) ? { code: code! } : null;
    },

    async spend(work, attempt, candidate, proof) {
      const { claimed } = candidate as Candidate;
      const refuse = (reason: RefusalReason) => ({ verified: false as const, reason, userId: claimed?.userId });
      if (!claimed) return refuse('unknown_user');
      if (!claimed.hasCodes) return refuse('no_credential');
      if (!proof) return refuse('wrong_code');
      const { userId } = claimed;
      if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
      if (!(await codes.take(work.tx, (proof as Proof).code))) {
        if (!claimed.userEnabled) return refuse('user_disabled');
        const set = await codes.setOf(work.tx, userId);
        if (set?.suspendedAt) return refuse('credential_suspended');
        return refuse(set?.refused ? 'policy' : 'already_used');
      }
      const id = randomUUID();
      const endsAt = addMinutes(work.now, openingMinutes);
      await codes.insertOpening(work.tx, { id, userId, browser: attempt.browser, endsAt });
      return { verified: true, userId, credentialId: id, endsAt };
    },

    // The code is gone, so no other browser can come to what it opened: the sign-in that holds it goes on in its own alone.
    async stillOpens(work, openingId) {
      return (await codes.isOpen(work.tx, work.now, openingId)) ? { boundToBrowser: true } : undefined;
    },

    async holdOpen(work, openingId) {
      return (await codes.holdOpen(work.tx, work.now, openingId)) ? { boundToBrowser: true } : undefined;
    },

    holds(work, openingId) {
      return codes.holds(work.tx, work.now, openingId);
    },

    signedIn: complete,
    graduate: complete,

    makeSheet(run, who, { userId, demand, passId }) {
      return makeRecoveryCodes(run, who, userId, demand, passId);
    },

    addedThrough(work, passId) {
      return codes.madeThrough(work.tx, passId);
    },

    async listOf(work, userId) {
      const set = await codes.setOf(work.tx, userId);
      if (!set) return [];
      return [
        {
          id: set.id,
          method: 'recovery-code',
          name: `Recovery codes (${set.left} of ${codesInASet} left)`,
          deviceBound: false,
          createdAt: set.createdAt,
          createdWith: set.createdWith,
          lastUsedAt: null, // a code that was used is gone
          lastUsedWith: null,
          suspended: set.suspendedAt !== null,
          refused: set.refused,
          suspension: suspensionOf(set),
        },
      ];
    },

    async rename() {
      return false;
    },

    async remove(work, userId, setId) {
      const count = uuid.test(setId) ? await codes.removeSet(work.tx, userId, setId) : 0;
      if (count === 0) return false;
      work.record({ type: 'recovery-codes.removed', userId, details: { setId, count } });
      return true;
    },

    async suspend(work, userId, setId, why) {
      const asked = { userId, setId, reason: why.reason };
      if (!uuid.test(setId) || !(await codes.suspendSet(work.tx, work.now, asked))) return false;
      const details = { setId, reason: why.reason, passId: why.reason === 'lost' ? why.passId : null };
      work.record({ type: 'recovery-codes.suspended', userId, reason: suspensionWords[why.reason], details });
      return true;
    },

    async lift(work, userId, setId, by) {
      const asked = { userId, setId, reason: by === 'owner' ? 'lost' : 'any' } as const;
      if (!uuid.test(setId) || !(await codes.liftSet(work.tx, asked))) return false;
      work.record({ type: 'recovery-codes.restored', userId, details: { setId, by } });
      return true;
    },

    // All of them, however old: they open registrations as passes do, and the sheet may lie on an intruder's desk.
    async contain(work, userId) {
      const setId = await codes.removeAll(work.tx, userId);
      if (setId !== undefined) {
        work.record({ type: 'recovery-codes.removed', userId, details: { setId, reason: 'not-me' } });
      }
      // After the codes: one that was being entered meanwhile has opened something by now.
      const openings = await codes.endOpenings(work.tx, work.now, userId);
      return setId === undefined ? openings : [setId, ...openings];
    },
  };
}

async function complete(work: Work, openingId: string): Promise<void> {
  const userId = await codes.complete(work.tx, work.now, openingId);
  if (userId !== undefined) work.record({ type: 'recovery-code.completed', userId, details: { openingId } });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
