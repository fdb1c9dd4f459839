import { randomUUID, timingSafeEqual } from 'node:crypto';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  SettingsService,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
import { deviceName } from '../../core/device-name.ts';
import { addMinutes, earlier } from '../../core/time.ts';
import { getUser } from '../../users/manage-users.ts';
import { userNameKey } from '../../users/user.ts';
import type { EnrollableMethod, ListableMethod, RefusalReason } from '../method.ts';
import { algorithms, ceremonyMinutes, mostPasskeysAUser, type Passkey } from './passkey.ts';
import { passkeyName } from './provider-names.ts';
import { authenticationResponse, parseResponse, registrationResponse } from './responses.ts';
import * as passkeys from './store.ts';

/** Who we are to authenticators: fixed by the issuer, and never to change once the first passkey exists. */
export interface RelyingPartyIdentity {
  readonly rpId: string;
  readonly rpName: string;
  readonly origin: string;
}

// No attestation is asked for, so no certificate chain is ever validated and no revocation list fetched.
for (const identifier of ['android-key', 'android-safetynet', 'apple', 'fido-u2f', 'packed', 'tpm'] as const) {
  SettingsService.setRootCertificates({ identifier, certificates: [] });
}

type Known = NonNullable<Awaited<ReturnType<typeof passkeys.byCredentialId>>>;

interface Candidate {
  readonly refusal: RefusalReason | undefined;
  readonly answer: AuthenticationResponseJSON | undefined;
  readonly challenge: string;
  readonly known: Known | undefined;
}
interface Proof {
  readonly signCount: number;
  readonly backedUp: boolean;
}

interface NewCandidate {
  readonly answer: RegistrationResponseJSON | undefined;
  readonly challenge: string;
}
type NewCredential = Omit<
  Passkey,
  'id' | 'userId' | 'name' | 'createdAt' | 'createdWith' | 'firstUsedAt' | 'lastUsedAt' | 'lastUsedWith' | 'suspendedAt'
> & {
  readonly algorithm: number;
};

/** Signing in with a passkey, and registering one. */
export function passkeyMethod(identity: RelyingPartyIdentity): EnrollableMethod & ListableMethod {
  return {
    id: 'passkey',
    traits: { amr: ['pop', 'user', 'mfa'], level: 'phr', bootstrapOnly: false },
    guessable: false,

    async challenge(work, attempt) {
      const only = attempt.onlyCredentialId ? await passkeys.byId(work.tx, attempt.onlyCredentialId) : undefined;
      const options = await generateAuthenticationOptions({
        rpID: identity.rpId,
        userVerification: 'required',
        timeout: ceremonyMinutes * 60_000,
        // Empty but for the first use of a new passkey: a list would tell who has which.
        allowCredentials: only
          ? [{ id: only.credentialId.toString('base64url'), transports: only.transports as never }]
          : [],
      });
      await passkeys.openCeremony(work.tx, addMinutes(work.now, ceremonyMinutes), {
        challenge: options.challenge,
        kind: 'authentication',
        owner: attempt.owner,
        userId: null,
      });
      return { kind: 'passkey', options };
    },

    async read(work, attempt, response): Promise<Candidate> {
      const parsed = parseResponse(authenticationResponse, response);
      if (!parsed) return { refusal: 'malformed', answer: undefined, challenge: '', known: undefined };
      const { answer, challenge, framed } = parsed;
      const taken = await passkeys.takeCeremony(work.tx, work.now, {
        challenge,
        kind: 'authentication',
        owner: attempt.owner,
      });
      const known = await passkeys.byCredentialId(work.tx, Buffer.from(answer.id, 'base64url'));
      const refusal = framed
        ? 'malformed'
        : taken
          ? whyNot(known, attempt, answer.response.userHandle)
          : 'challenge_unknown';
      return { refusal, answer: answer as AuthenticationResponseJSON, challenge, known };
    },

    async check(candidate): Promise<Proof | null> {
      const { answer, challenge, known } = candidate as Candidate;
      if (!answer || !known) return null;
      try {
        const result = await verifyAuthenticationResponse({
          response: answer,
          expectedChallenge: challenge,
          expectedOrigin: identity.origin,
          expectedRPID: identity.rpId,
          requireUserVerification: true,
          credential: {
            id: known.passkey.credentialId.toString('base64url'),
            publicKey: new Uint8Array(known.passkey.publicKey),
            counter: 0, // judged in `spend`, where a regress is kept as a suspension instead of thrown
          },
        });
        // A bad signature is `verified: false`, not a throw.
        if (result.verified !== true) return null;
        const { newCounter, credentialDeviceType, credentialBackedUp } = result.authenticationInfo;
        // Backup eligibility never changes (WebAuthn L3 §6.1.3); a change means another authenticator signed.
        if ((credentialDeviceType === 'multiDevice') !== known.passkey.backupEligible) return null;
        return { signCount: newCounter, backedUp: credentialBackedUp };
      } catch {
        return null; // wrong origin, RP ID, flags or shape: all refusals, none a fault
      }
    },

    async spend(work, attempt, candidate, proof) {
      const { refusal, known } = candidate as Candidate;
      const userId = known?.passkey.userId;
      const refuse = (reason: RefusalReason) => ({ verified: false as const, reason, userId });
      if (refusal && refusal !== 'credential_of_other') return refuse(refusal);
      if (!known || !proof) return refuse('signature');
      if (refusal) return refuse(refusal); // told only to somebody who proved to hold the passkey
      // Judged here, not when it was read: registration may have gone on in another tab since.
      if (attempt.onlyCredentialId && attempt.onlyCredentialId !== known.passkey.id)
        return refuse('credential_of_other');
      if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
      const { signCount, backedUp } = proof as Proof;
      const { passkey } = known;
      const device = deviceName(work.origin.userAgent);
      if (await passkeys.markUsed(work.tx, work.now, { id: passkey.id, signCount, backedUp, device })) {
        return { verified: true, userId: passkey.userId, credentialId: passkey.id };
      }
      const stands = await passkeys.byCredentialId(work.tx, passkey.credentialId);
      if (!stands?.userEnabled || stands.passkey.suspendedAt) return refuse('credential_suspended');
      // Two of these at once on a counting authenticator, or a copy: the one that lost is told apart by its counter alone.
      await passkeys.suspend(work.tx, work.now, passkey.id, 'counter_regress');
      work.record({
        type: 'passkey.suspended',
        userId: passkey.userId,
        details: { passkeyId: passkey.id, reason: 'counter_regress' },
      });
      return refuse('counter_regress');
    },

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
      await passkeys.openCeremony(work.tx, enrolment.endsAt ? earlier(expiresAt, enrolment.endsAt) : expiresAt, {
        challenge: options.challenge,
        kind: 'registration',
        owner: enrolment.owner,
        userId: user.id,
      });
      return options;
    },

    async enrolledThrough(work, passId) {
      const passkey = await passkeys.unusedOfPass(work.tx, passId);
      return passkey ? { credentialId: passkey.id, name: passkey.name } : null;
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
          requireUserVerification: true,
          supportedAlgorithmIDs: algorithms,
        });
        if (result.verified !== true) return null;
        const { credential, aaguid, credentialDeviceType, credentialBackedUp } = result.registrationInfo;
        const credentialId = Buffer.from(credential.id, 'base64url');
        if (credentialId.length < 16 || credentialId.length > 1023) return null; // WebAuthn L3 §5.8.3
        return {
          credentialId,
          publicKey: Buffer.from(credential.publicKey),
          algorithm: algorithmOf(credential.publicKey),
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
      const { algorithm, ...made } = proof as NewCredential;
      const existing = await passkeys.ofUser(work.tx, enrolment.userId);
      if (existing.length >= mostPasskeysAUser) return { enrolled: false, reason: 'too_many' };
      const name = passkeyName(made.aaguid, enrolment.device);
      const passkey = {
        ...made,
        id: randomUUID(),
        userId: enrolment.userId,
        name,
        createdAt: work.now,
        createdWith: enrolment.device,
      };
      if (!(await passkeys.insert(work.tx, { ...passkey, algorithm, passId: enrolment.passId }))) {
        const duplicate = await passkeys.byCredentialId(work.tx, made.credentialId);
        return { enrolled: false, reason: duplicate ? 'duplicate' : 'one_per_pass' };
      }
      work.record({
        type: 'passkey.registered',
        userId: enrolment.userId,
        details: { passkeyId: passkey.id, name, aaguid: made.aaguid, passId: enrolment.passId },
      });
      return { enrolled: true, credential: { credentialId: passkey.id, name } };
    },

    async listOf(work, userId) {
      return (await passkeys.ofUser(work.tx, userId)).map((passkey) => ({
        id: passkey.id,
        method: 'passkey',
        name: passkey.name,
        deviceBound: !passkey.backupEligible,
        createdAt: passkey.createdAt,
        createdWith: passkey.createdWith,
        lastUsedAt: passkey.lastUsedAt,
        lastUsedWith: passkey.lastUsedWith,
        suspended: passkey.suspendedAt !== null,
      }));
    },

    async rename(work, userId, id, name) {
      if (!uuid.test(id) || !(await passkeys.rename(work.tx, userId, id, name))) return false;
      work.record({ type: 'passkey.renamed', userId, details: { passkeyId: id, name } });
      return true;
    },
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const coseAlg = 3; // RFC 9052 §7.1: the label of `alg` in a COSE_Key

function algorithmOf(publicKey: Uint8Array<ArrayBuffer>): number {
  return decodeCredentialPublicKey(publicKey).get(coseAlg as never) as unknown as number;
}

/** Judged before the signature, told after it. Whether the passkey or its user is suspended, `markUsed` judges. */
function whyNot(
  known: Known | undefined,
  attempt: { userName: string | null; onlyCredentialId: string | null },
  userHandle: string | null | undefined,
): RefusalReason | undefined {
  if (!known) return 'credential_unknown';
  // WebAuthn L3 §7.2 step 6: where nobody was named, the handle alone says whose passkey this is.
  if (!userHandle && !attempt.userName && !attempt.onlyCredentialId) return 'signature';
  if (userHandle) {
    const answered = Buffer.from(userHandle, 'base64url');
    if (answered.length !== known.userHandle.length || !timingSafeEqual(answered, known.userHandle)) return 'signature';
  }
  if (attempt.userName && userNameKey(attempt.userName) !== known.userNameKey) return 'credential_of_other';
  return undefined;
}

function isPreference(preferred: string | undefined): preferred is 'localDevice' | 'remoteDevice' | 'securityKey' {
  return preferred === 'localDevice' || preferred === 'remoteDevice' || preferred === 'securityKey';
}
