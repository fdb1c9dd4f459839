import { randomUUID } from 'node:crypto';
import {
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  SettingsService,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { AppError } from '../../core/errors.ts';
import { addMinutes, earlier } from '../../core/time.ts';
import { getUser } from '../../users/manage-users.ts';
import type { EnrollableMethod } from '../method.ts';
import { cborLength } from './cbor-length.ts';
import { algorithms, ceremonyMinutes, mostPasskeysAUser, type Passkey, type RelyingPartyIdentity } from './passkey.ts';
import { passkeyName } from './provider-names.ts';
import { usableAlgorithm } from './public-key.ts';
import { parseResponse, registrationResponse } from './responses.ts';
import * as passkeys from './store.ts';

// No attestation is asked for, so no certificate chain is ever validated and no revocation list fetched.
for (const identifier of ['android-key', 'android-safetynet', 'apple', 'fido-u2f', 'packed', 'tpm'] as const) {
  SettingsService.setRootCertificates({ identifier, certificates: [] });
}

interface NewCandidate {
  readonly answer: RegistrationResponseJSON | undefined;
  readonly challenge: string;
}
type NewCredential = Omit<
  Passkey,
  | 'id'
  | 'userId'
  | 'name'
  | 'createdAt'
  | 'createdWith'
  | 'firstUsedAt'
  | 'lastUsedAt'
  | 'lastUsedWith'
  | 'suspendedAt'
  | 'suspendReason'
  | 'containSince'
  | 'passId'
> & {
  readonly algorithm: number;
  /** By PIN, finger or face: one that was made without is not kept. */
  readonly userVerified: boolean;
};

/** Making a passkey (WebAuthn L3 §7.1). */
export function registration(
  identity: RelyingPartyIdentity,
): Pick<
  EnrollableMethod,
  'beginEnrolment' | 'readEnrolment' | 'checkEnrolment' | 'enrolledThrough' | 'addedThrough' | 'keepEnrolment'
> {
  return {
    async beginEnrolment(work, enrolment, preferred) {
      const user = await getUser(work, enrolment.userId);
      const existing = await passkeys.ofUser(work.tx, user.id);
      const options = await generateRegistrationOptions({
        rpID: identity.rpId,
        rpName: identity.rpName,
        userID: new Uint8Array(user.userHandle),
        userName: user.userPrincipalName,
        userDisplayName: user.displayName,
        timeout: ceremonyMinutes * 60_000,
        attestationType: 'none',
        supportedAlgorithmIDs: algorithms,
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        excludeCredentials: existing.map((passkey) => ({
          id: passkey.credentialId.toString('base64url'),
          transports: passkey.transports as never,
        })),
        ...(isPreference(preferred) && { preferredAuthenticatorType: preferred }),
      });
      const expiresAt = addMinutes(work.now, ceremonyMinutes);
      // What begins inside the window of a pass must also end inside it.
      const endsAt = enrolment.endsAt ? earlier(expiresAt, enrolment.endsAt) : expiresAt;
      const ceremony = { challenge: options.challenge, owner: enrolment.owner, userId: user.id };
      const opened = await passkeys.openRegistration(work.tx, endsAt, ceremony);
      if (!opened) throw new AppError('not_found', 'There is no such user.');
      return options;
    },

    async enrolledThrough(work, passId) {
      const passkey = await passkeys.unusedOfPass(work.tx, passId);
      return passkey ? { credentialId: passkey.id, name: passkey.name } : null;
    },

    addedThrough(work, passId) {
      return passkeys.addedThrough(work.tx, passId);
    },

    async readEnrolment(work, enrolment, response): Promise<NewCandidate> {
      const parsed = parseResponse(registrationResponse, response);
      if (!parsed || parsed.framed) return { answer: undefined, challenge: '' };
      const { answer, challenge } = parsed;
      const taken = await passkeys.takeCeremony(work.tx, work.now, {
        challenge,
        kind: 'registration',
        owner: enrolment.owner,
      });
      const ours = taken?.userId === enrolment.userId;
      return { answer: ours ? (answer as RegistrationResponseJSON) : undefined, challenge };
    },

    async checkEnrolment(candidate): Promise<NewCredential | null> {
      const { answer, challenge } = candidate as NewCandidate;
      if (!answer) return null;
      try {
        const result = await verifyRegistrationResponse({
          response: answer,
          expectedChallenge: challenge,
          expectedOrigin: identity.origin,
          expectedRPID: identity.rpId,
          requireUserVerification: false, // judged in `keepEnrolment`, where it has a sentence of its own
          supportedAlgorithmIDs: algorithms,
        });
        if (result.verified !== true) return null;
        const { credential, aaguid, credentialDeviceType, credentialBackedUp, userVerified } = result.registrationInfo;
        const credentialId = Buffer.from(credential.id, 'base64url');
        // The library compares neither: the id beside the attestation, and what lies behind it.
        if (!credentialId.equals(Buffer.from(answer.id, 'base64url'))) return null;
        const attestation = Buffer.from(answer.response.attestationObject, 'base64url');
        if (cborLength(attestation) !== attestation.length) return null;
        if (credentialId.length < 16 || credentialId.length > 1023) return null; // WebAuthn L3 §5.8.3
        const algorithm = usableAlgorithm(credential.publicKey);
        if (algorithm === undefined) return null;
        return {
          userVerified,
          credentialId,
          publicKey: Buffer.from(credential.publicKey),
          algorithm,
          signCount: credential.counter,
          transports: answer.response.transports ?? [],
          aaguid,
          backupEligible: credentialDeviceType === 'multiDevice',
          backedUp: credentialBackedUp,
        };
      } catch {
        return null;
      }
    },

    async keepEnrolment(work, enrolment, candidate, proof) {
      if (!(candidate as NewCandidate).answer) return { enrolled: false, reason: 'ceremony' };
      if (!proof) return { enrolled: false, reason: 'refused' };
      const { algorithm, userVerified, ...made } = proof as NewCredential;
      if (!userVerified) return { enrolled: false, reason: 'user_unverified' };
      const room = await passkeys.roomFor(work.tx, { userId: enrolment.userId, aaguid: made.aaguid });
      // An administrator registers also for those who may not do it themselves.
      if (enrolment.onBehalf ? !room.allowed : room.barred) return { enrolled: false, reason: 'not_allowed' };
      if (!room.modelAllowed) return { enrolled: false, reason: 'model_not_allowed' };
      if (room.count >= mostPasskeysAUser) return { enrolled: false, reason: 'too_many' };
      const name = enrolment.onBehalf?.name ?? passkeyName(made.aaguid, enrolment.device);
      const passkey = {
        ...made,
        id: randomUUID(),
        userId: enrolment.userId,
        name,
        createdAt: work.now,
        createdWith: enrolment.device,
        passId: enrolment.passId,
      };
      // Judged with the user held: one that was removed since counts as well.
      const again = enrolment.passId !== null && (await passkeys.addedThrough(work.tx, enrolment.passId));
      if (again || !(await passkeys.insert(work.tx, { ...passkey, algorithm }))) {
        const duplicate = await passkeys.byCredentialId(work.tx, made.credentialId);
        return { enrolled: false, reason: duplicate ? 'duplicate' : 'one_per_pass' };
      }
      const type = enrolment.onBehalf ? 'passkey.provisioned' : 'passkey.registered';
      work.record({
        type,
        userId: enrolment.userId,
        details: { passkeyId: passkey.id, name, aaguid: made.aaguid, passId: enrolment.passId },
      });
      return { enrolled: true, credential: { credentialId: passkey.id, name } };
    },
  };
}

function isPreference(preferred: string | undefined): preferred is 'localDevice' | 'remoteDevice' | 'securityKey' {
  return preferred === 'localDevice' || preferred === 'remoteDevice' || preferred === 'securityKey';
}
