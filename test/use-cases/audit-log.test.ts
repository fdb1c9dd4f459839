import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { purgeOldEvents } from '../../src/audit/retention.ts';
import { pageOfDirectoryAudits, pageOfSignIns, readDirectoryAudit, readSignIn } from '../../src/audit/search.ts';
import type { Actor } from '../../src/core/actor.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';

let latchkey: TestBase;

beforeAll(async () => {
  latchkey = await openTestBase();
});
afterAll(() => latchkey?.close());

const day = 24 * 60 * 60 * 1000;
const daysAgo = (days: number) => new Date(Date.now() - days * day);

async function anEvent(at = new Date(), more: object = {}): Promise<string> {
  const id = randomUUID();
  const row = { id, at, type: 'user.changed', result: 'success', actor_kind: 'operator', request_id: 'test', ...more };
  await latchkey.base.knex('audit_events').insert(row);
  return id;
}

const isThere = async (id: string) =>
  (await latchkey.base.knex('audit_events').where({ id }).first('id')) !== undefined;

describe('what was recorded stays', () => {
  test('this database is open to us as superusers, whom no privilege binds', async () => {
    const { rows } = await latchkey.base.knex.raw("select current_setting('is_superuser') as superuser");
    expect(rows).toEqual([{ superuser: 'on' }]);
  });

  test.each([
    ['update', "update audit_events set result = 'success'"],
    ['an update that changes nothing', 'update audit_events set id = id'],
    ['delete', 'delete from audit_events'],
    ['truncate', 'truncate audit_events'],
    ['truncate with others', 'truncate users, audit_events cascade'],
    [
      'an update by conflict',
      "insert into audit_events overriding system value select * from audit_events on conflict (id) do update set type = 'x'",
    ],
    ['update as a replica would', "set local session_replication_role = replica; update audit_events set type = 'x'"],
    ['delete as a replica would', 'set local session_replication_role = replica; delete from audit_events'],
    ['truncate as a replica would', 'set local session_replication_role = replica; truncate audit_events'],
  ])('%s is refused', async (_how, sql) => {
    const id = await anEvent();
    const before = await latchkey.base.knex('audit_events').orderBy('id');
    await expect(latchkey.base.knex.transaction((tx) => tx.raw(sql))).rejects.toThrow(/audit_events is append-only/);
    expect(await latchkey.base.knex('audit_events').orderBy('id')).toEqual(before);
    expect(await isThere(id)).toBe(true);
  });

  test('for 400 days: one row younger saves all of a delete, and an older one alone may go', async () => {
    const [old, young] = [await anEvent(daysAgo(400.01)), await anEvent(daysAgo(399.99))];
    const remove = (ids: string[]) => latchkey.base.knex('audit_events').whereIn('id', ids).delete();
    await expect(remove([old, young])).rejects.toThrow(/append-only/);
    expect([await isThere(old), await isThere(young)]).toEqual([true, true]);
    expect(await remove([old])).toBe(1);
  });

  test('no row of the past can be changed, however old', async () => {
    const old = await anEvent(daysAgo(500));
    await expect(latchkey.base.knex('audit_events').where({ id: old }).update({ reason: 'x' })).rejects.toThrow(
      /append-only/,
    );
  });
});

describe('what is old', () => {
  test('is purged past 400 days and not before', async () => {
    const [old, young] = [await anEvent(daysAgo(401)), await anEvent(daysAgo(399))];
    await latchkey.work(purgeOldEvents);
    expect([await isThere(old), await isThere(young)]).toEqual([false, true]);
  });

  test('is purged oldest first and no more than 5,000 at once', async () => {
    await latchkey.base.knex.raw(
      `insert into audit_events (id, at, type, result, actor_kind, request_id)
       select gen_random_uuid(), now() - interval '500 days' + n * interval '1 second', 'user.changed', 'success', 'operator', 'many'
       from generate_series(1, 5003) n`,
    );
    expect(await latchkey.work(purgeOldEvents)).toBe(5000);
    const left = await latchkey.base.knex('audit_events').where('request_id', '=', 'many').count('* as n').first();
    expect(left).toEqual({ n: '3' });
    expect(await latchkey.work(purgeOldEvents)).toBeGreaterThanOrEqual(3);
  });

  test('by a node whose clock is wrong by years is nothing more than by the database’s clock', async () => {
    const young = await anEvent(daysAgo(10));
    latchkey.clock.advance(3 * 365 * 24 * 60);
    try {
      await latchkey.work(purgeOldEvents);
    } finally {
      latchkey.clock.advance(-3 * 365 * 24 * 60);
    }
    expect(await isThere(young)).toBe(true);
  });
});

describe('reading', () => {
  const client = (...permissions: string[]): Actor => ({ kind: 'client', clientId: 'siem', permissions });

  test.each<[string, (work: Parameters<typeof pageOfSignIns>[0]) => Promise<unknown>]>([
    ['a page of directory audits', (work) => pageOfDirectoryAudits(work, { top: 1 })],
    ['a page of sign-ins', (work) => pageOfSignIns(work, { top: 1 })],
    ['one directory audit', (work) => readDirectoryAudit(work, randomUUID())],
    ['one sign-in', (work) => readSignIn(work, randomUUID())],
  ])('%s needs AuditLog.Read.All', async (_what, read) => {
    const as = (actor: Actor) => latchkey.base.run({ ...asOperator, actor }, read);
    for (const actor of [
      client(),
      client('User.ReadWrite.All', 'Directory.Read.All'),
      { kind: 'anonymous' } as const,
    ]) {
      await expect(as(actor)).rejects.toMatchObject({ code: 'forbidden' });
    }
    await as(client('AuditLog.Read.All')).catch((error: unknown) => expect(error).toMatchObject({ code: 'not_found' }));
  });

  test('pages through events of one instant, while more are added and old ones purged, without one twice or left out', async () => {
    const instant = daysAgo(2);
    const request = randomUUID();
    const ids: string[] = [];
    for (let n = 0; n < 9; n += 1) ids.push(await anEvent(instant, { request_id: request }));
    const comparison = { kind: 'comparison', property: 'correlationId', operator: 'eq', value: request } as const;
    for (const oldestFirst of [false, true]) {
      const seen: string[] = [];
      let skipToken: string | undefined;
      do {
        const page = await latchkey.work((work) =>
          pageOfDirectoryAudits(work, { top: 2, filter: comparison, oldestFirst, skipToken }),
        );
        seen.push(...page.items.map(({ id }) => id));
        skipToken = page.skipToken;
        // On the side that was read already; what comes on the other side is met on the way.
        await anEvent(oldestFirst ? daysAgo(3) : daysAgo(1), { request_id: request });
        await latchkey.work(purgeOldEvents);
      } while (skipToken);
      const inOrder = seen.filter((id) => ids.includes(id));
      expect(inOrder).toEqual(oldestFirst ? ids : [...ids].reverse());
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test('an instant is told apart to the microsecond', async () => {
    const request = randomUUID();
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const [n, id] of ids.entries()) {
      await latchkey.base.knex.raw(
        `insert into audit_events (id, at, type, result, actor_kind, request_id)
         values (?, '2026-01-01T00:00:00.000${n + 1}Z', 'user.changed', 'success', 'operator', ?)`,
        [id, request],
      );
    }
    const filter = { kind: 'comparison', property: 'correlationId', operator: 'eq', value: request } as const;
    const seen: string[] = [];
    let skipToken: string | undefined;
    do {
      const page = await latchkey.work((work) => pageOfDirectoryAudits(work, { top: 1, filter, skipToken }));
      seen.push(...page.items.map(({ id }) => id));
      skipToken = page.skipToken;
    } while (skipToken);
    expect(seen).toEqual(ids.reverse());
  });

  test('a token of one list does not go on with another', async () => {
    const page = await latchkey.work((work) => pageOfDirectoryAudits(work, { top: 1 }));
    expect(page.skipToken).toBeDefined();
    const { skipToken } = page;
    const wrong = { code: 'invalid_input', message: expect.stringContaining('$skiptoken') };
    await expect(latchkey.work((work) => pageOfSignIns(work, { top: 1, skipToken }))).rejects.toMatchObject(wrong);
    await expect(
      latchkey.work((work) => pageOfDirectoryAudits(work, { top: 1, skipToken, oldestFirst: true })),
    ).rejects.toMatchObject(wrong);
    const filter = { kind: 'comparison', property: 'result', operator: 'eq', value: 'failure' } as const;
    await expect(
      latchkey.work((work) => pageOfDirectoryAudits(work, { top: 1, skipToken, filter })),
    ).rejects.toMatchObject(wrong);
  });
});

test('the app that holds a person’s token is recorded beside the person', async () => {
  const { id: userId } = await latchkey.user('boss@example.com');
  const actor: Actor = { kind: 'user', userId, through: { clientId: 'console', scopes: [] } };
  await latchkey.base.run({ ...asOperator, actor }, async (work) => work.record({ type: 'seed.applied' }));
  const row = await latchkey.base.knex('audit_events').where('actor_id', '=', userId).first();
  expect(row).toMatchObject({ actor_kind: 'user', actor_client_id: 'console' });
});
