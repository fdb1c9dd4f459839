import { deviceName } from '../../core/device-name.ts';
import type { Work } from '../../core/work.ts';
import type { AuthenticationMethod, RefusalReason } from '../method.ts';
import { type AuthenticatorApp, mostAppsAUser, secretContext } from './authenticator-app.ts';
import { newSecret, stepOf, typedCode } from './one-time-code.ts';
import * as apps from './store.ts';

interface Usable {
  readonly id: string;
  readonly lastStep: number;
  readonly secret: Buffer;
}
interface Candidate {
  readonly userId: string | null;
  readonly code: string | undefined;
  readonly apps: readonly Usable[];
  /** There are apps, and too many wrong codes in a row have locked them. */
  readonly locked: boolean;
  /** The database's clock when it was read: no node's own. */
  readonly now: Date;
}
interface Proof {
  readonly id: string;
  readonly step: number;
}

const nobody = '00000000-0000-0000-0000-000000000000';

/** Using an app, as the second part of a sign-in (RFC 6238 §5.2). Whose app it must be, earlier evidence has shown. */
export function authentication(
  mostInARow: number,
): Pick<AuthenticationMethod, 'countedBy' | 'challenge' | 'read' | 'check' | 'spend'> {
  return {
    countedBy: () => ['account'],

    async challenge() {
      return { kind: 'code', label: 'Code from your authenticator app' };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const found = await apps.ofUser(work.tx, attempt.provenUserId ?? nobody);
      const unsuspended = found.filter(({ suspendedAt }) => !suspendedAt);
      return {
        userId: attempt.provenUserId,
        code: typedCode(response),
        apps: unsuspended.map((app) => ({ id: app.id, lastStep: app.lastStep, secret: opened(work, app) })),
        locked: unsuspended.length === 0 && found.some(({ suspendReason }) => suspendReason === 'locked'),
        now: work.now,
      };
    },

    async check(candidate): Promise<Proof | null> {
      const { code, apps: known, now } = candidate as Candidate;
      // As many codes are worked out for somebody without an app as for somebody with all they may have.
      const sentinels = Array.from({ length: mostAppsAUser - known.length }, () => ({
        id: '',
        lastStep: 0,
        secret: newSecret(),
      }));
      const matches = [...known, ...sentinels].flatMap(({ id, lastStep, secret }) => {
        const step = stepOf(secret, code ?? '000000', now);
        return step !== undefined && code !== undefined && id !== '' ? { id, step, fresh: step > lastStep } : [];
      });
      const best = matches.find(({ fresh }) => fresh) ?? matches[0];
      return best ? { id: best.id, step: best.step } : null;
    },

    async spend(work, attempt, candidate, proof) {
      const { userId, apps: known, locked } = candidate as Candidate;
      const refuse = (reason: RefusalReason) => ({
        verified: false as const,
        reason,
        ...(userId !== null && { userId }),
      });
      // Judged here as well: the sign-in may have begun anew in another tab since it was read.
      if (userId === null || userId !== attempt.provenUserId) return refuse('no_credential');
      if (known.length === 0) return refuse(locked ? 'locked' : 'no_credential');
      if (!proof) {
        const appIds = await apps.countFailure(work.tx, work.now, { userId, most: mostInARow });
        if (appIds.length > 0) {
          work.record({ type: 'authenticator-app.locked', userId, details: { appIds, failures: mostInARow } });
        }
        return refuse('wrong_code');
      }
      const { id, step } = proof as Proof;
      if (attempt.onlyCredentialId && attempt.onlyCredentialId !== id) return refuse('no_credential');
      if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
      const device = deviceName(work.origin.userAgent);
      if (await apps.useStep(work.tx, work.now, { id, step, device }))
        return { verified: true, userId, credentialId: id };
      return refuse(whyNot(await apps.byId(work.tx, id)));
    },
  };
}

/** For the audit log: which condition of the one statement did not hold. */
function whyNot(stands: Awaited<ReturnType<typeof apps.byId>>): RefusalReason {
  if (!stands) return 'no_credential';
  if (stands.app.suspendedAt) return stands.app.suspendReason === 'locked' ? 'locked' : 'no_credential';
  if (!stands.userEnabled) return 'user_disabled';
  return stands.refused ? 'policy' : 'used_step';
}

/** What was sealed under a master key that was lost, or for another row, is a secret that nobody has. */
function opened(work: Work, app: AuthenticatorApp): Buffer {
  try {
    return work.secrets.open(secretContext(app), app.sealedSecret);
  } catch {
    return newSecret();
  }
}
