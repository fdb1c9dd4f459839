import { timingSafeEqual } from 'node:crypto';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  verifyAuthenticationResponse,
} from '@simplewebauthn/server';
import { deviceName } from '../../core/device-name.ts';
import { addMinutes } from '../../core/time.ts';
import { userNameKey } from '../../users/user.ts';
import { type AuthenticationMethod, type CalledLost, reclaimHours, type RefusalReason } from '../method.ts';
import { ceremonyMinutes, type Passkey, type RelyingPartyIdentity, removedReason } from './passkey.ts';
import { authenticationResponse, parseResponse } from './responses.ts';
import * as passkeys from './store.ts';

type Known = NonNullable<Awaited<ReturnType<typeof passkeys.byCredentialId>>>;

interface Candidate {
  readonly refusal: RefusalReason | undefined;
  readonly answer: AuthenticationResponseJSON | undefined;
  readonly challenge: string;
  readonly known: Known | undefined;
}
interface Proof {
  /** By PIN, finger or face. Without it the answer shows a key in somebody's hand, and signs nobody in. */
  readonly userVerified: boolean;
  readonly signCount: number;
  readonly backedUp: boolean;
}

/** Using a passkey (WebAuthn L3 §7.2). */
export function authentication(
  identity: RelyingPartyIdentity,
): Pick<AuthenticationMethod, 'challenge' | 'read' | 'check' | 'spend'> {
  return {
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
      await passkeys.openAuthentication(work.tx, addMinutes(work.now, ceremonyMinutes), {
        challenge: options.challenge,
        owner: attempt.owner,
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
          requireUserVerification: false, // judged in `spend`, where it has a sentence of its own
          credential: {
            id: known.passkey.credentialId.toString('base64url'),
            publicKey: new Uint8Array(known.passkey.publicKey),
            counter: 0, // judged in `spend`, where a regress is kept as a suspension instead of thrown
          },
        });
        // A bad signature is `verified: false`, not a throw.
        if (result.verified !== true) return null;
        const { newCounter, credentialDeviceType, credentialBackedUp, userVerified } = result.authenticationInfo;
        // Backup eligibility never changes (WebAuthn L3 §6.1.3); a change means another authenticator signed.
        if ((credentialDeviceType === 'multiDevice') !== known.passkey.backupEligible) return null;
        return { userVerified, signCount: newCounter, backedUp: credentialBackedUp };
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
      const { userVerified, signCount, backedUp } = proof as Proof;
      if (!userVerified) return refuse('user_unverified');
      if (refusal) return refuse(refusal); // told only to somebody who proved to hold the passkey
      // Judged here, not when it was read: registration may have gone on in another tab since.
      if (attempt.onlyCredentialId && attempt.onlyCredentialId !== known.passkey.id)
        return refuse('credential_of_other');
      if (attempt.signedInUserId && attempt.signedInUserId !== userId) return refuse('signed_in_as_other');
      const { passkey } = known;
      const device = deviceName(work.origin.userAgent);
      if (await passkeys.markUsed(work.tx, work.now, { id: passkey.id, signCount, backedUp, device })) {
        return { verified: true, userId: passkey.userId, credentialId: passkey.id };
      }
      const stands = await passkeys.byCredentialId(work.tx, passkey.credentialId);
      if (!stands?.userEnabled) return refuse('credential_suspended');
      if (stands.passkey.suspendedAt) {
        return { ...refuse('credential_suspended'), calledLost: calledLost(work.now, stands.passkey, signCount) };
      }
      // Or it may be used again since the statement above asked: whoever tries once more gets in.
      if (stands.refused || counts(stands.passkey, signCount)) return refuse('policy');
      // Two of these at once on a counting authenticator, or a copy: the one that lost is told apart by its counter alone.
      await passkeys.suspend(work.tx, work.now, passkey.id, 'counter_regress');
      work.record({
        type: 'passkey.suspended',
        userId: passkey.userId,
        details: { passkeyId: passkey.id, reason: 'counter_regress' },
      });
      return refuse('counter_regress');
    },
  };
}

/** Whether an answer with that counter comes after those before it; authenticators that do not count say 0 each time. */
function counts(passkey: Passkey, signCount: number): boolean {
  return signCount > passkey.signCount || (signCount === 0 && passkey.signCount === 0);
}

/** A copy whose counter lags behind says nothing for its owner. */
function calledLost(now: Date, passkey: Passkey, signCount: number): CalledLost | undefined {
  const { id, suspendedAt, containSince } = passkey;
  if (!counts(passkey, signCount) || !suspendedAt || !containSince || addMinutes(suspendedAt, reclaimHours * 60) <= now)
    return undefined;
  return { credentialId: id, at: suspendedAt, removed: passkey.suspendReason === removedReason };
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
