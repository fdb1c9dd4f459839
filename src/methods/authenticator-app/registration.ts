import { randomUUID } from 'node:crypto';
import { addMinutes, earlier } from '../../core/time.ts';
import { getUser, lockUser } from '../../users/manage-users.ts';
import type { EnrollableMethod, Enrolment } from '../method.ts';
import { ceremonyMinutes, mostAppsAUser, secretContext } from './authenticator-app.ts';
import { newSecret, sharedSecret, stepOf, typedCode } from './one-time-code.ts';
import * as apps from './store.ts';

interface Candidate {
  readonly code: string | undefined;
  readonly pending: { readonly sealedSecret: Buffer; readonly secret: Buffer } | undefined;
  readonly now: Date;
}
interface Proof {
  readonly step: number;
}

/** What the page shows: the secret in groups of four for people, and the address that a QR code holds. */
export interface ShownSecret {
  readonly secret: string;
  readonly uri: string;
}

/** Adding an app: a secret made here is shown, and kept once the app has made a code of it. */
export function registration(
  issuerName: string,
): Pick<
  EnrollableMethod,
  'beginEnrolment' | 'readEnrolment' | 'checkEnrolment' | 'enrolledThrough' | 'addedThrough' | 'keepEnrolment'
> {
  return {
    /** The same again while it lives: a page that is loaded again must not cut off an app that has read the first. */
    async beginEnrolment(work, enrolment): Promise<ShownSecret> {
      const { id: userId, userPrincipalName } = await getUser(work, enrolment.userId);
      const { owner, endsAt } = enrolment;
      const expiresAt = addMinutes(work.now, ceremonyMinutes);
      const context = ceremonyContext(enrolment);
      const sealed = await apps.openCeremony(work.tx, work.now, endsAt ? earlier(expiresAt, endsAt) : expiresAt, {
        owner,
        userId,
        sealedSecret: work.secrets.seal(context, newSecret()),
      });
      return sharedSecret(work.secrets.open(context, sealed), { issuer: issuerName, label: userPrincipalName });
    },

    /** The code that confirmed it was its first use: there is nothing to go on with after a false start. */
    async enrolledThrough() {
      return null;
    },

    addedThrough(work, passId) {
      return apps.addedThrough(work.tx, passId);
    },

    async readEnrolment(work, enrolment, response): Promise<Candidate> {
      const sealedSecret = await apps.pending(work.tx, work.now, enrolment);
      const pending = sealedSecret && {
        sealedSecret,
        secret: work.secrets.open(ceremonyContext(enrolment), sealedSecret),
      };
      return { code: typedCode(response), pending, now: work.now };
    },

    async checkEnrolment(candidate): Promise<Proof | null> {
      const { code, pending, now } = candidate as Candidate;
      const step = code !== undefined && pending ? stepOf(pending.secret, code, now) : undefined;
      return step === undefined ? null : { step };
    },

    async keepEnrolment(work, enrolment, candidate, proof) {
      const { pending } = candidate as Candidate;
      if (!pending) return { enrolled: false, reason: 'ceremony' };
      // A wrong code leaves the secret standing: the app has it, and makes another code of it.
      if (!proof) return { enrolled: false, reason: 'refused' };
      const { owner, userId, device } = enrolment;
      await lockUser(work, userId);
      if (!(await apps.takeCeremony(work.tx, work.now, { owner, userId, sealedSecret: pending.sealedSecret }))) {
        return { enrolled: false, reason: 'ceremony' };
      }
      const existing = await apps.ofUser(work.tx, userId);
      if (existing.length >= mostAppsAUser) return { enrolled: false, reason: 'too_many' };
      // Judged with the user held: one that was removed since counts as well.
      if (enrolment.passId !== null && (await apps.addedThrough(work.tx, enrolment.passId))) {
        return { enrolled: false, reason: 'one_per_pass' };
      }
      const id = randomUUID();
      const name = device ? `Authenticator app set up in ${device}` : 'Authenticator app';
      const kept = await apps.insert(work.tx, {
        id,
        userId,
        sealedSecret: work.secrets.seal(secretContext({ userId, id }), pending.secret),
        lastStep: (proof as Proof).step,
        name,
        createdAt: work.now,
        createdWith: device,
        lastUsedAt: work.now,
        lastUsedWith: device,
        passId: enrolment.passId,
      });
      if (!kept) return { enrolled: false, reason: 'one_per_pass' };
      work.record({
        type: 'authenticator-app.registered',
        userId,
        details: { appId: id, name, passId: enrolment.passId },
      });
      return { enrolled: true, credential: { credentialId: id, name, used: true } };
    },
  };
}

function ceremonyContext({ userId, owner }: Pick<Enrolment, 'userId' | 'owner'>): string {
  return `authenticator_app_ceremonies/${userId}/${owner.toString('hex')}/sealed_secret`;
}
