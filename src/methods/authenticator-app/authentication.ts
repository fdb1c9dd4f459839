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
  /** The database's clock when it was read: no node's own. */
  readonly now: Date;
}
interface Proof {
  readonly id: string;
  readonly step: number;
}

const nobody = '00000000-0000-0000-0000-000000000000';

/** Using an app, as the second part of a sign-in (RFC 6238 §5.2). Whose app it must be, earlier evidence has shown. */
export const authentication: Pick<AuthenticationMethod, 'challenge' | 'read' | 'check' | 'spend'> = {
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
    const { userId, apps: known } = candidate as Candidate;
    const refuse = (reason: RefusalReason) => ({
      verified: false as const,
      reason,
      ...(userId !== null && { userId }),
    });
    // Judged here as well: the sign-in may have begun anew in another tab since it was read.
    if (userId === null || userId !== attempt.provenUserId || known.length === 0) return refuse('no_credential');
    if (!proof) return refuse('wrong_code');
    const { id, step } = proof as Proof;
    if (attempt.onlyCredentialId && attempt.onlyCredentialId !== id) return refuse('no_credential');
    if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
    const device = deviceName(work.origin.userAgent);
    if (await apps.useStep(work.tx, work.now, { id, step, device }))
      return { verified: true, userId, credentialId: id };
    return refuse(whyNot(await apps.byId(work.tx, id)));
  },
};

/** For the audit log: which condition of the one statement did not hold. */
function whyNot(stands: Awaited<ReturnType<typeof apps.byId>>): RefusalReason {
  if (!stands || stands.app.suspendedAt) return 'no_credential';
  return stands.userEnabled ? 'used_step' : 'user_disabled';
}

/** What was sealed under a master key that was lost, or for another row, is a secret that nobody has. */
function opened(work: Work, app: AuthenticatorApp): Buffer {
  try {
    return work.secrets.open(secretContext(app), app.sealedSecret);
  } catch {
    return newSecret();
  }
}
