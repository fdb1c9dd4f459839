import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMaintenance } from '../../src/maintenance.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
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
      app_roles: ['User.ReadWrite.All', 'Group.ReadWrite.All', 'UserAuthMethod-TAP.ReadWrite.All'],
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
    ...(body !== undefined && { body: JSON.stringify(body) }),
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

describe('a pass asked for again under one key', () => {
  const passesOf = (user: string) => `/users/${user}/authentication/temporaryAccessPassMethods`;
  const issuedEvents = async (userId: string) =>
    (await eventsOf(house)).filter(({ type, user_id }) => type === 'pass.issued' && user_id === userId);

  test('is the one that was made, without its code and its link, and it goes on working', async () => {
    const name = aName();
    const { id } = await house.user(name);
    const [asked, key] = [{ lifetimeInMinutes: 90, reason: 'once' }, aKey()];
    const first = await post(passesOf(id), asked, key);
    expect(first).toMatchObject({ status: 201, replayed: null, body: { temporaryAccessPass: expect.any(String) } });
    const { handoverUrl: _, ...made } = first.body;
    house.clock.advance(5);
    // The same user by another name, and the same words in the body.
    const again = await post(passesOf(name), asked, key);
    expect(again).toEqual({ ...first, replayed: 'true', body: { ...made, temporaryAccessPass: null } });
    house.clock.advance(-5);
    expect(await issuedEvents(id)).toHaveLength(1);
    expect(JSON.stringify(again)).not.toContain(String(first.body.temporaryAccessPass));
  });

  test('an empty body and none are the same', async () => {
    const { id } = await house.user(aName());
    const key = aKey();
    const first = await post(passesOf(id), undefined, key);
    expect(await post(passesOf(id), {}, key)).toMatchObject({ replayed: 'true', body: { id: first.body.id } });
  });

  test('ten times at once makes one pass, and one answer has its code', async () => {
    const { id } = await house.user(aName());
    const key = aKey();
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(passesOf(id), {}, key)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ body }) => body.temporaryAccessPass !== null)).toHaveLength(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect(await issuedEvents(id)).toHaveLength(1);
  });

  test('for another user, or on other terms, is a 409 and issues nothing', async () => {
    const [one, other] = [await house.user(aName()), await house.user(aName())];
    const key = aKey();
    await post(passesOf(one.id), {}, key);
    for (const [user, body] of [
      [other.id, {}],
      [one.id, { lifetimeInMinutes: 90 }],
    ] as const) {
      const answer = await post(passesOf(user), body, key);
      expect(answer).toMatchObject({ status: 409, said: expect.stringMatching(/another body/) });
    }
    expect([await issuedEvents(one.id), await issuedEvents(other.id)].map(({ length }) => length)).toEqual([1, 0]);
  });

  test('that was replaced or revoked is a 409, and is not issued again', async () => {
    const { id } = await house.user(aName());
    const key = aKey();
    await post(passesOf(id), {}, key);
    const next = await post(passesOf(id), {}, undefined);
    expect(await post(passesOf(id), {}, key)).toMatchObject({ status: 409, said: expect.stringMatching(/is gone/) });
    const now = await fetch(`${house.issuer}/v1.0${passesOf(id)}`, {
      headers: { authorization: `Bearer ${bearers.hr}` },
    });
    expect(((await now.json()) as { value: Json[] }).value).toMatchObject([{ id: next.body.id, isUsable: true }]);
  });

  test('is refused to whoever may no longer issue it', async () => {
    const { id } = await house.user(aName());
    const key = aKey();
    await post(passesOf(id), {}, key);
    await house.work((work) => grantRole(work, id, 'Global Reader'));
    expect(await post(passesOf(id), {}, key)).toMatchObject({ status: 403 });
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
