import { isOneself } from '../../core/actor.ts';
import type { Work } from '../../core/work.ts';
import { bootstrappedSince } from '../../users/bootstraps.ts';
import type { ContainableMethod, EnrollableMethod, ReclaimableMethod, SuspendableMethod } from '../method.ts';
import { suspensionOf, suspensionWords } from '../suspension.ts';
import { authentication } from './authentication.ts';
import type { RelyingPartyIdentity } from './passkey.ts';
import { modelOf } from './provider-names.ts';
import { registration } from './registration.ts';
import * as passkeys from './store.ts';

/** Signing in with a passkey, registering one, and what its owner sees of it. */
export function passkeyMethod(
  identity: RelyingPartyIdentity,
): EnrollableMethod & SuspendableMethod & ContainableMethod & ReclaimableMethod {
  return {
    id: 'passkey',
    traits: { amr: ['pop', 'user', 'mfa'], level: 'phr', bootstrapOnly: false },
    guessable: false,
    ...authentication(identity),
    ...registration(identity),

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
        refused: passkey.refused,
        suspension: suspensionOf(passkey),
        passId: passkey.passId,
        authenticator: {
          aaguid: passkey.aaguid,
          model: modelOf(passkey.aaguid),
          credentialId: passkey.credentialId.toString('base64url'),
        },
      }));
    },

    mayHave(work, userId) {
      return passkeys.mayHave(work.tx, userId);
    },

    async rename(work, userId, id, name) {
      if (!uuid.test(id) || !(await passkeys.rename(work.tx, userId, id, name))) return false;
      const oneself = isOneself(work.actor, userId);
      const type = oneself ? 'passkey.renamed' : 'passkey.renamed-by-administrator';
      work.record({ type, userId, details: { passkeyId: id, name } });
      return true;
    },

    async remove(work, userId, id) {
      if (!uuid.test(id)) return false;
      // Whoever came in with a pass must not silence the owner by removing what was there before; an administrator may.
      const buried = isOneself(work.actor, userId) ? await bury(work, userId, id) : undefined;
      const removed = buried ?? (await passkeys.remove(work.tx, work.now, userId, id));
      if (removed === undefined) return false;
      work.record({ type: 'passkey.removed', userId, details: { passkeyId: id, name: removed } });
      return true;
    },

    async withdraw(work, userId, id) {
      const removed = await passkeys.withdraw(work.tx, work.now, userId, id);
      if (removed === undefined) return false;
      work.record({ type: 'passkey.removed', userId, details: { passkeyId: id, name: removed } });
      return true;
    },

    async suspend(work, userId, id, why) {
      const containSince = why.reason === 'lost' ? why.containSince : null;
      const asked = { userId, id, reason: why.reason, containSince };
      if (!uuid.test(id) || !(await passkeys.suspendOne(work.tx, work.now, asked))) return false;
      const passId = why.reason === 'lost' ? why.passId : null;
      const reason = suspensionWords[why.reason];
      work.record({
        type: 'passkey.suspended',
        userId,
        reason,
        details: { passkeyId: id, reason: why.reason, passId },
      });
      return true;
    },

    async lift(work, userId, id, by) {
      const asked = { userId, id, reason: by === 'owner' ? 'lost' : 'any' } as const;
      if (!uuid.test(id) || !(await passkeys.lift(work.tx, asked))) return false;
      work.record({ type: 'passkey.restored', userId, details: { passkeyId: id, by } });
      return true;
    },

    async reclaimable(work, id) {
      return uuid.test(id) ? passkeys.reclaimable(work.tx, work.now, id) : undefined;
    },

    async reclaim(work, userId, id) {
      if (!(await passkeys.reclaim(work.tx, work.now, { userId, id }))) return false;
      work.record({ type: 'passkey.restored', userId, details: { passkeyId: id, by: 'not-me' } });
      return true;
    },

    async contain(work, userId, since, spared = []) {
      const suspended = await passkeys.suspendAddedSince(work.tx, work.now, {
        userId,
        since,
        spared,
        reason: 'not-me',
      });
      for (const passkeyId of suspended) {
        const reason = suspensionWords['not-me'];
        work.record({ type: 'passkey.suspended', userId, reason, details: { passkeyId, reason: 'not-me' } });
      }
      return suspended;
    },
  };
}

async function bury(work: Work, userId: string, id: string): Promise<string | undefined> {
  const passesSince = await bootstrappedSince(work, userId);
  return passkeys.bury(work.tx, work.now, { userId, id, passesSince });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
