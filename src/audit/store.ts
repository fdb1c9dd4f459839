import type { Condition } from '../core/conditions.ts';
import type { Transaction } from '../core/work.ts';
import { signInTypes } from './activities.ts';

/** An event as it is read: what was recorded, and the names that its ids have now. Null where there is none, or no longer. */
export interface AuditRecord {
  readonly id: string;
  readonly at: Date;
  readonly type: string;
  readonly result: 'success' | 'failure';
  readonly reason: string | null;
  readonly actorKind: string;
  readonly actor: Person | null;
  readonly actorApp: App | null;
  readonly user: Person | null;
  readonly client: App | null;
  readonly group: { readonly id: string; readonly displayName: string | null } | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** What a completed sign-in rests on, in the order it was proved; empty for any other event. */
  readonly proofs: readonly { readonly method: string; readonly at: Date }[];
}

export interface Person {
  readonly id: string;
  readonly userPrincipalName: string | null;
  readonly displayName: string | null;
}

export interface App {
  readonly id: string;
  readonly displayName: string | null;
}

interface Row {
  id: string;
  at: Date;
  type: string;
  result: 'success' | 'failure';
  reason: string | null;
  actor_kind: string;
  actor_id: string | null;
  actor_client_id: string | null;
  actor_upn: string | null;
  actor_name: string | null;
  actor_client_name: string | null;
  user_id: string | null;
  user_upn: string | null;
  user_name: string | null;
  client_id: string | null;
  client_name: string | null;
  group_id: string | null;
  group_name: string | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string;
  details: Record<string, unknown>;
  proofs: { method: string; at: string }[] | null;
  at_key: string;
  sequence: string;
}

function toRecord(row: Row): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    type: row.type,
    result: row.result,
    reason: row.reason,
    actorKind: row.actor_kind,
    actor:
      row.actor_kind === 'user' && row.actor_id !== null
        ? { id: row.actor_id, userPrincipalName: row.actor_upn, displayName: row.actor_name }
        : null,
    actorApp: row.actor_client_id === null ? null : { id: row.actor_client_id, displayName: row.actor_client_name },
    user:
      row.user_id === null ? null : { id: row.user_id, userPrincipalName: row.user_upn, displayName: row.user_name },
    client: row.client_id === null ? null : { id: row.client_id, displayName: row.client_name },
    group: row.group_id === null ? null : { id: row.group_id, displayName: row.group_name },
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
    details: row.details,
    proofs: (row.proofs ?? []).map(({ method, at }) => ({ method, at: new Date(at) })),
  };
}

/** Which of the two logs. */
export type Log = 'directoryAudits' | 'signIns';

const inLog: Readonly<Record<Log, Condition>> = {
  signIns: { sql: 'e.type = any(?)', values: [signInTypes] },
  directoryAudits: { sql: 'e.type <> all(?)', values: [signInTypes] },
};

/** An event and where it lies in its log: its time in full precision, and its number. */
export interface Placed {
  readonly record: AuditRecord;
  readonly keys: readonly [at: string, sequence: string];
}

/** At most `most` of the events that meet the condition, from after those keys on. */
export async function some(
  tx: Transaction,
  asked: {
    readonly log: Log;
    readonly condition: Condition;
    readonly newestFirst: boolean;
    readonly after: readonly string[] | undefined;
    readonly most: number;
  },
): Promise<Placed[]> {
  const [beyond, direction] = asked.newestFirst ? ['<', 'desc'] : ['>', 'asc'];
  const from: Condition = asked.after
    ? { sql: `(e.at, e.sequence) ${beyond} (?::timestamptz, ?::bigint)`, values: asked.after }
    : { sql: 'true', values: [] };
  const conditions = [inLog[asked.log], asked.condition, from];
  const rows = await read(
    tx,
    `select * from audit_events e where ${conditions.map(({ sql }) => `(${sql})`).join(' and ')}
     order by e.at ${direction}, e.sequence ${direction} limit ?`,
    [...conditions.flatMap(({ values }) => values), asked.most],
    `order by e.at ${direction}, e.sequence ${direction}`,
  );
  return rows.map((row) => ({ record: toRecord(row), keys: [row.at_key, row.sequence] }));
}

/** `id` must be a UUID. */
export async function byId(tx: Transaction, log: Log, id: string): Promise<AuditRecord | undefined> {
  const { sql, values } = inLog[log];
  const [row] = await read(tx, `select * from audit_events e where e.id = ? and ${sql}`, [id, ...values], '');
  return row && toRecord(row);
}

/**
 * Events of these types about one user, the newest first; of one `id` alone where it is named. What was proved of a sign-in only
 * for these methods.
 */
export async function aboutUser(
  tx: Transaction,
  asked: {
    userId: string;
    types: readonly string[];
    proofs: readonly string[];
    since: Date;
    most: number;
    id?: string;
  },
): Promise<AuditRecord[]> {
  const { userId, types, proofs, since, most, id } = asked;
  const rows = await read(
    tx,
    `select * from audit_events e where e.user_id = ? and e.at > ? and e.type = any (?)
       and (e.type <> 'sign-in.verified' or e.details->>'method' = any (?)) ${id === undefined ? '' : 'and e.id = ?'}
     order by e.at desc, e.sequence desc limit ?`,
    [userId, since, [...types], [...proofs], ...(id === undefined ? [] : [id]), most],
    'order by e.at desc, e.sequence desc',
  );
  return rows.map(toRecord);
}

/** Refused sign-ins of one user, counted up to `most`. */
export async function failuresAbout(
  tx: Transaction,
  { userId, since, most }: { userId: string; since: Date; most: number },
): Promise<{ count: number; lastAt: Date | null }> {
  const { rows } = await tx.raw<{ rows: { count: number; last_at: Date | null }[] }>(
    `select count(*)::int as count, max(at) as last_at from (
       select at from audit_events where user_id = ? and at > ? and type = 'sign-in.refused' order by at desc limit ?) e`,
    [userId, since, most],
  );
  return { count: rows[0]!.count, lastAt: rows[0]!.last_at };
}

/** Finds the events first, and then their names: a page's worth of look-ups, however many events there are. */
async function read(tx: Transaction, events: string, values: readonly unknown[], order: string): Promise<Row[]> {
  // Estimates of what is in `details` are so high that compiling the query took a hundred times as long as running it.
  await tx.raw('set local jit = off');
  const { rows } = await tx.raw<{ rows: Row[] }>(
    `select e.*, e.at::text as at_key, case when e.type like 'group.%' then e.details->>'groupId' end as group_id,
       actor.user_principal_name as actor_upn, actor.display_name as actor_name,
       app.metadata->>'client_name' as actor_client_name,
       person.user_principal_name as user_upn, person.display_name as user_name,
       client.metadata->>'client_name' as client_name, g.display_name as group_name,
       (select json_agg(json_build_object('method', proof.details->>'method', 'at', proof.at) order by proof.at, proof.sequence)
          from audit_events proof
          where e.type = 'sign-in.completed' and proof.type = 'sign-in.verified'
            and proof.details->>'uid' = e.details->>'uid') as proofs
     from (${events}) e
       left join users actor on actor.id = (case when e.actor_kind = 'user' then e.actor_id end)::uuid
       left join users person on person.id = e.user_id
       left join clients app on app.client_id = e.actor_client_id
       left join clients client on client.client_id = e.client_id
       left join groups g on g.id = (case when e.type like 'group.%' then e.details->>'groupId' end)::uuid
     ${order}`,
    values as never,
  );
  return rows;
}

/**
 * Deletes at most `most` of the events older than 400 days, the oldest first. By the earlier of the two clocks: the table refuses
 * to lose what is younger by the database's own.
 */
export async function deleteOldest(tx: Transaction, now: Date, most: number): Promise<number> {
  const { rowCount } = await tx.raw<{ rowCount: number }>(
    `delete from audit_events where id in (
       select id from audit_events where at < least(?::timestamptz, now()) - interval '400 days' order by at, sequence limit ?)`,
    [now, most],
  );
  return rowCount;
}
