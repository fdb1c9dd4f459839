import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMaintenance } from '../../src/maintenance.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { makeLog } from '../../src/log.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';

/** `Idempotency-Key` of POST: a request that is sent again makes nothing more. */

type Json = Record<string, unknown>;

let house: TestHouse;
const bearers: Record<string, string> = {};

beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: ['hr', 'other'].map((client_id) => ({
      client_id,
      client_secret: 'secret',
      grant_types: ['client_credentials'],
      app_roles: ['User.ReadWrite.All', 'Group.ReadWrite.All'],
    })),
  });
  for (const clientId of ['hr', 'other']) {
    const answer = await fetch(`${house.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
      headers: { authorization: `Basic ${btoa(`${clientId}:secret`)}` },
    });
    bearers[clientId] = ((await answer.json()) as { access_token: string }).access_token;
  }
});
afterAll(() => house?.close());

async function post(path: string, body: unknown, key: string | undefined, as = 'hr') {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${bearers[as]}`,
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
  });
  const sent = (await answer.json()) as Json;
  const error = (sent.error ?? {}) as { message?: string };
  return {
    status: answer.status,
    replayed: answer.headers.get('idempotent-replayed'),
    body: sent,
    said: error.message,
  };
}

const newUser = () => ({
  userPrincipalName: aName(),
  displayName: 'Once',
  passwordProfile: { password: 'hush-hush-12' },
});
const newGroup = () => ({ displayName: aName('group') });
const aKey = () => aName('key');

describe.each([
  ['/users', newUser, 'users'],
  ['/groups', newGroup, 'groups'],
] as const)('POST %s sent again under one key', (path, body, table) => {
  const rows = async () => Number((await house.base.knex(table).count<{ count: string }[]>())[0]!.count);

  test('gives what it made the first time, as it is now, and makes nothing more', async () => {
    const [asked, key] = [body(), aKey()];
    const first = await post(path, asked, key);
    expect(first).toMatchObject({ status: 201, replayed: null });
    const [before, recorded] = [await rows(), (await eventsOf(house)).length];
    const again = await post(path, asked, key);
    expect(again).toEqual({ ...first, replayed: 'true' });
    expect([await rows(), (await eventsOf(house)).length]).toEqual([before, recorded]);
  });

  test('with another body is a 409, and makes nothing', async () => {
    const key = aKey();
    await post(path, body(), key);
    const before = await rows();
    expect(await post(path, body(), key)).toMatchObject({ status: 409, said: expect.stringMatching(/another body/) });
    expect(await rows()).toBe(before);
  });

  test('ten times at once makes one', async () => {
    const [asked, key, before] = [body(), aKey(), await rows()];
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(path, asked, key)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect((await rows()) - before).toBe(1);
  });

  test('by another application is a request of its own', async () => {
    const key = aKey();
    const first = await post(path, body(), key);
    const theirs = await post(path, body(), key, 'other');
    expect(theirs).toMatchObject({ status: 201, replayed: null });
    expect(theirs.body.id).not.toBe(first.body.id);
  });

  test('after it was refused is done: a refusal uses no key up', async () => {
    const [asked, key] = [body(), aKey()];
    const taken = await post(path, asked, undefined);
    expect(taken.status).toBe(201);
    expect((await post(path, asked, key)).status).toBe(409);
    const address = `${house.issuer}/v1.0${path}/${String(taken.body.id)}`;
    await fetch(address, { method: 'DELETE', headers: { authorization: `Bearer ${bearers.hr}` } });
    expect(await post(path, asked, key)).toMatchObject({ status: 201, replayed: null });
  });

  test('when what it made is gone is a 409, and does not make it again', async () => {
    const [asked, key] = [body(), aKey()];
    const { body: made } = await post(path, asked, key);
    const address = `${house.issuer}/v1.0${path}/${String(made.id)}`;
    await fetch(address, { method: 'DELETE', headers: { authorization: `Bearer ${bearers.hr}` } });
    expect(await post(path, asked, key)).toMatchObject({ status: 409, said: expect.stringMatching(/is gone/) });
  });

  test.each(['', 'x'.repeat(256), 'kürzel'])('that is no key (%j) is a 400', async (key) => {
    expect(await post(path, body(), Buffer.from(key, 'utf8').toString('latin1'))).toMatchObject({
      status: 400,
      said: expect.stringMatching(/Idempotency-Key/),
    });
  });
});

test('one key is good for a user and for a group', async () => {
  const key = aKey();
  expect([(await post('/users', newUser(), key)).status, (await post('/groups', newGroup(), key)).status]).toEqual([
    201, 201,
  ]);
});

test('a key is kept for a day, by no name, and without what was in the body', async () => {
  const [asked, key] = [newGroup(), aKey()];
  await post('/groups', asked, key);
  const kept = JSON.stringify(await house.base.knex('idempotency_keys'), (_name, value) =>
    (value as { type?: string } | null)?.type === 'Buffer'
      ? Buffer.from((value as { data: number[] }).data).toString('latin1')
      : value,
  );
  expect(kept).not.toContain(key);
  expect(kept).not.toContain('hush-hush-12');
  const db = connectNamedStatements(house.base.connection, { max: 2 });
  const maintenance = startMaintenance({
    knex: house.base.knex,
    db,
    run: house.base.run,
    log: makeLog('silent'),
  });
  const count = async () => Number((await house.base.knex('idempotency_keys').count<{ count: string }[]>())[0]!.count);
  try {
    house.clock.advance(23 * 60);
    await maintenance.run();
    expect((await post('/groups', asked, key)).replayed).toBe('true');
    house.clock.advance(2 * 60);
    // Too old before it is purged.
    expect((await post('/groups', asked, key)).status).toBe(409);
    expect(await count()).toBeGreaterThan(0);
    await maintenance.run();
    expect(await count()).toBe(0);
  } finally {
    await maintenance.stop();
    await db.close();
    house.clock.advance(-25 * 60);
  }
});
