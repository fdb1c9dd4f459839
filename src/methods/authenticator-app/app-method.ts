import { isOneself } from '../../core/actor.ts';
import type { ContainableMethod, EnrollableMethod, SuspendableMethod } from '../method.ts';
import { suspensionOf, suspensionWords } from '../suspension.ts';
import { authentication } from './authentication.ts';
import { registration } from './registration.ts';
import * as apps from './store.ts';

/** Codes of an authenticator app: something one has, next to something one knows. Never a sign-in by itself. */
export function authenticatorAppMethod({
  issuerName,
  mostInARow,
}: {
  /** What an app writes above the codes. */
  readonly issuerName: string;
  readonly mostInARow: number;
}): EnrollableMethod & SuspendableMethod & ContainableMethod {
  return {
    id: 'authenticator-app',
    traits: { amr: ['otp'], level: '2f', bootstrapOnly: false, part: 'second' },
    guessable: true,
    ...authentication(mostInARow),
    ...registration(issuerName),

    async listOf(work, userId) {
      return (await apps.ofUser(work.tx, userId)).map((app) => ({
        id: app.id,
        method: 'authenticator-app',
        name: app.name,
        deviceBound: false, // apps copy their secrets to other devices as they please
        createdAt: app.createdAt,
        createdWith: app.createdWith,
        lastUsedAt: app.lastUsedAt,
        lastUsedWith: app.lastUsedWith,
        suspended: app.suspendedAt !== null,
        refused: app.refused,
        suspension: suspensionOf(app),
        passId: app.passId,
      }));
    },

    async rename(work, userId, id, name) {
      if (!uuid.test(id) || !(await apps.rename(work.tx, userId, id, name))) return false;
      const oneself = isOneself(work.actor, userId);
      const type = oneself ? 'authenticator-app.renamed' : 'authenticator-app.renamed-by-administrator';
      work.record({ type, userId, details: { appId: id, name } });
      return true;
    },

    async remove(work, userId, id) {
      const removed = uuid.test(id) ? await apps.remove(work.tx, work.now, userId, id) : undefined;
      if (removed === undefined) return false;
      work.record({ type: 'authenticator-app.removed', userId, details: { appId: id, name: removed } });
      return true;
    },

    async suspend(work, userId, id, why) {
      const asked = { userId, id, reason: why.reason };
      if (!uuid.test(id) || !(await apps.suspendOne(work.tx, work.now, asked))) return false;
      const details = { appId: id, reason: why.reason, passId: why.reason === 'lost' ? why.passId : null };
      work.record({ type: 'authenticator-app.suspended', userId, reason: suspensionWords[why.reason], details });
      return true;
    },

    async lift(work, userId, id, by) {
      const asked = { userId, id, reason: by === 'owner' ? 'lost' : 'any' } as const;
      if (!uuid.test(id) || !(await apps.lift(work.tx, asked))) return false;
      work.record({ type: 'authenticator-app.restored', userId, details: { appId: id, by } });
      return true;
    },

    async contain(work, userId, since, spared = []) {
      const suspended = await apps.suspendAddedSince(work.tx, work.now, { userId, since, spared, reason: 'not-me' });
      for (const appId of suspended) {
        const reason = suspensionWords['not-me'];
        work.record({ type: 'authenticator-app.suspended', userId, reason, details: { appId, reason: 'not-me' } });
      }
      return suspended;
    },
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
