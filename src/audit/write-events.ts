import { randomUUID } from 'node:crypto';
import { actorClientId, actorId } from '../core/actor.ts';
import type { WriteAudit } from '../core/work.ts';

/** Inserts the events of one piece of work in one statement, in its transaction. */
export const writeEvents: WriteAudit = async (work, events) => {
  const rows = events.map((event) => ({
    id: randomUUID(),
    at: work.now,
    type: event.type,
    result: event.result ?? 'success',
    reason: event.reason ?? null,
    actor_kind: work.actor.kind,
    actor_id: actorId(work.actor),
    actor_client_id: actorClientId(work.actor),
    user_id: event.userId ?? null,
    client_id: event.clientId ?? null,
    ip: work.origin.ip,
    user_agent: work.origin.userAgent,
    request_id: work.origin.requestId,
    details: JSON.stringify(event.details ?? {}),
  }));
  await work.tx('audit_events').insert(rows);
};
