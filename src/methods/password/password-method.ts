import { z } from 'zod';
import { deviceName } from '../../core/device-name.ts';
import type { Secrets } from '../../core/secrets.ts';
import { isStorable } from '../../core/text.ts';
import { getUser } from '../../users/manage-users.ts';
import { userNameKey } from '../../users/user.ts';
import type {
  Attempt,
  ContainableMethod,
  EnrollableMethod,
  ListableMethod,
  NotEnrolled,
  RefusalReason,
} from '../method.ts';
import { mayStandAlone, readPasswordSettings, shortestPassword } from './settings.ts';
import * as passwords from './store.ts';
import { lengthOf, normalizePassword } from './typed.ts';
import { makeVerifier, opens, pepperVersion } from './verifier.ts';
import { namesOf, weakness } from './weakness.ts';

/** Whose sign-in this is: words that a password must not be made of. */
export interface Organisation {
  readonly appName: string;
  readonly hostName: string;
}

/** A user has one password or none, so it needs no id of its own: this is the one of Microsoft Graph. */
export const passwordId = '28c10230-6103-485e-b985-444c60001490';

interface Candidate {
  readonly password: string | undefined;
  readonly secrets: Secrets;
  readonly claimed: { userId: string; userEnabled: boolean; password: passwords.Password | undefined } | undefined;
}

type Claimed = Candidate['claimed'];

type NewCandidate =
  | { readonly password: string; readonly userId: string; readonly secrets: Secrets }
  | { readonly refusal: NotEnrolled };

const form = z.object({ password: z.unknown() });
const newForm = z.object({ password: z.unknown(), repeat: z.unknown() });

/** Signing in with a password, the first part of two; setting one, and what its owner sees of it. */
export function passwordMethod(
  house: Organisation & { readonly mostInARow: number },
): EnrollableMethod & ListableMethod & ContainableMethod {
  return {
    id: 'password',
    traits: { amr: ['pwd'], level: '1f', bootstrapOnly: false, part: 'first' },
    guessable: true,

    countedBy: () => ['account'],

    async challenge() {
      return { kind: 'password' };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const password = normalizePassword(form.safeParse(response).data?.password);
      const name = userNameKey(attempt.userName ?? '');
      const claimed = isStorable(name) ? await passwords.claimed(work.tx, name) : undefined;
      return { password, secrets: work.secrets, claimed };
    },

    async check(candidate) {
      const { password, secrets, claimed } = candidate as Candidate;
      const stored = claimed?.password && { userId: claimed.userId, verifier: claimed.password.verifier };
      return (await opens(secrets, password, stored)) ? {} : null;
    },

    async spend(work, attempt, candidate, proof) {
      const { claimed, password: typed } = candidate as Candidate;
      const refuse = (reason: RefusalReason) => ({ verified: false as const, reason, userId: claimed?.userId });
      const { state } = await readPasswordSettings(work);
      const refusal = whyRefused(claimed, attempt, state);
      const counted = !refusal && !proof ? claimed : undefined;
      if (!proof) {
        // Asked whoever was named: how long the answer takes says nothing of who has a password.
        const locked = await passwords.countFailure(work.tx, work.now, failureOf(counted, house.mostInARow));
        if (locked)
          work.record({ type: 'password.locked', userId: counted!.userId, details: { failures: house.mostInARow } });
      }
      if (refusal) return refuse(refusal);
      if (!proof) return refuse('wrong_password');
      const { userId } = claimed!;
      const { verifier } = claimed!.password!;
      const device = deviceName(work.origin.userAgent);
      if (await passwords.markUsed(work.tx, work.now, { userId, verifier, device })) {
        return { verified: true, userId, credentialId: passwordId, standsAlone: mayStandAlone(lengthOf(typed ?? '')) };
      }
      return refuse(whyNot(await passwords.ofUser(work.tx, userId), verifier));
    },

    async beginEnrolment() {
      return {};
    },

    async readEnrolment(work, enrolment, response): Promise<NewCandidate> {
      const typed = newForm.safeParse(response).data;
      const [password, repeat] = [normalizePassword(typed?.password), normalizePassword(typed?.repeat)];
      if (password === undefined) return { refusal: isText(typed?.password) ? 'weak' : 'refused' };
      if (password !== repeat) return { refusal: repeat === undefined ? 'refused' : 'mismatch' };
      const settings = await readPasswordSettings(work);
      if (settings.state === 'disabled') return { refusal: 'refused' };
      const user = await getUser(work, enrolment.userId);
      const weak = weakness(password, { shortest: shortestPassword(settings), names: namesOf(user, house) });
      return weak ? { refusal: 'weak' } : { password, userId: user.id, secrets: work.secrets };
    },

    async checkEnrolment(candidate): Promise<{ verifier: string } | null> {
      const made = candidate as NewCandidate;
      if ('refusal' in made) return null;
      return { verifier: await makeVerifier(made.secrets, made.userId, made.password) };
    },

    /** Setting it was a use of it: nothing of it waits to be confirmed. */
    async enrolledThrough() {
      return null;
    },

    /** It comes with an authenticator app, which is counted. */
    async addedThrough() {
      return false;
    },

    async keepEnrolment(work, enrolment, candidate, proof) {
      const made = candidate as NewCandidate;
      if ('refusal' in made) return { enrolled: false, reason: made.refusal };
      if (!proof || made.userId !== enrolment.userId) return { enrolled: false, reason: 'refused' };
      const settings = await readPasswordSettings(work);
      if (settings.state === 'disabled') return { enrolled: false, reason: 'refused' };
      if (lengthOf(made.password) < shortestPassword(settings)) return { enrolled: false, reason: 'weak' };
      const { userId, passId, device, onBehalf } = enrolment;
      const { verifier } = proof as { verifier: string };
      const done = await passwords.put(work.tx, work.now, { userId, verifier, pepperVersion, device });
      if (onBehalf) {
        work.record({ type: 'password.reset', userId, details: { operationId: onBehalf.operationId } });
      } else {
        work.record({ type: done === 'set' ? 'password.set' : 'password.changed', userId, details: { passId } });
      }
      return { enrolled: true, credential: { credentialId: passwordId, name: 'Password', used: true } };
    },

    async listOf(work, userId) {
      const password = await passwords.ofUser(work.tx, userId);
      if (!password) return [];
      return [
        {
          id: passwordId,
          method: 'password',
          name: 'Password',
          deviceBound: false,
          createdAt: password.changedAt,
          createdWith: password.changedWith,
          lastUsedAt: password.lastUsedAt,
          lastUsedWith: password.lastUsedWith,
          suspended: password.lockedAt !== null,
          refused: password.refused,
        },
      ];
    },

    async rename() {
      return false;
    },

    async remove(work, userId, id) {
      if (id !== passwordId || !(await passwords.remove(work.tx, userId))) return false;
      work.record({ type: 'password.removed', userId });
      return true;
    },

    async contain(work, userId, since, spared = []) {
      if (spared.includes(passwordId)) return [];
      if (!(await passwords.lockChangedSince(work.tx, work.now, userId, since))) return [];
      work.record({ type: 'password.locked', userId, details: { reason: 'not-me' } });
      return [passwordId];
    },
  };
}

/** What refuses also the right password. */
function whyRefused(claimed: Claimed, attempt: Attempt, state: string): RefusalReason | undefined {
  if (!claimed) return 'unknown_user';
  if (!claimed.password) return 'no_credential';
  if (!claimed.userEnabled) return 'user_disabled';
  if (state === 'disabled') return 'policy';
  if (claimed.password.lockedAt) return 'locked';
  if (attempt.provenUserId !== null && attempt.provenUserId !== claimed.userId) return 'credential_of_other';
  return undefined;
}

/** Of nobody where there is nothing to count. */
function failureOf(claimed: Claimed, most: number) {
  const nobody = '00000000-0000-0000-0000-000000000000';
  return { userId: claimed?.userId ?? nobody, verifier: claimed?.password?.verifier ?? '', most };
}

/** For the audit log: what changed since it was read. */
function whyNot(now: passwords.Password | undefined, verifier: string): RefusalReason {
  if (!now) return 'no_credential';
  if (now.verifier !== verifier) return 'wrong_password';
  return now.lockedAt ? 'locked' : 'user_disabled';
}

/** What cannot be normalised, and is text all the same, is too long or empty. */
function isText(typed: unknown): boolean {
  return typeof typed === 'string' && typed.isWellFormed();
}
