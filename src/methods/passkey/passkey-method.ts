import type { ContainableMethod, EnrollableMethod, ListableMethod } from '../method.ts';
import { authentication } from './authentication.ts';
import type { RelyingPartyIdentity } from './passkey.ts';
import { modelOf } from './provider-names.ts';
import { registration } from './registration.ts';
import * as passkeys from './store.ts';

/** Signing in with a passkey, registering one, and what its owner sees of it. */
export function passkeyMethod(identity: RelyingPartyIdentity): EnrollableMethod & ListableMethod & ContainableMethod {
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
        authenticator: {
          aaguid: passkey.aaguid,
          model: modelOf(passkey.aaguid),
          credentialId: passkey.credentialId.toString('base64url'),
        },
      }));
    },

    async rename(work, userId, id, name) {
      if (!uuid.test(id) || !(await passkeys.rename(work.tx, userId, id, name))) return false;
      work.record({ type: 'passkey.renamed', userId, details: { passkeyId: id, name } });
      return true;
    },

    async remove(work, userId, id) {
      const removed = uuid.test(id) ? await passkeys.remove(work.tx, userId, id) : undefined;
      if (removed === undefined) return false;
      work.record({ type: 'passkey.removed', userId, details: { passkeyId: id, name: removed } });
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
        work.record({ type: 'passkey.suspended', userId, details: { passkeyId, reason: 'not-me' } });
      }
      return suspended;
    },
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
