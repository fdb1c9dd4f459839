import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import { nextTry } from '../../src/sessions/logout-outbox.ts';
import {
  endOwnSession,
  listSessions,
  revokeOwnSessions,
  revokeSessions,
  signOutEverywhere,
} from '../../src/sessions/manage-sessions.ts';
import { purgeLogouts } from '../../src/sessions/store.ts';
import { currentPass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aPasskeyHolder, at, aVisitor, eventsOf, noon } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
  await latchkey.seed({
    clients: [
      { client_id: 'wiki', client_name: 'The wiki', redirect_uris: ['http://localhost/cb'] },
      { client_id: 'X-ray', redirect_uris: ['http://localhost/cb'] },
    ],
  });
});
afterAll(() => latchkey?.close());

const as = <T>(actor: Actor, body: Parameters<typeof latchkey.base.run<T>>[1]) =>
  latchkey.base.run({ actor, origin: asOperator.origin }, body);
const list = (userId: string) => latchkey.work((work) => listSessions(work, userId));
const everywhere = (userId: string) =>
  latchkey.work((work) => signOutEverywhere(work, { userId, methods: house.methods }));

/** A session as the protocol keeps it; an hour from now is its end. */
async function aSession(accountId: string, more: object = {}): Promise<string> {
  const uid = randomUUID();
  await latchkey.base.knex('oidc_sessions').insert({
    uid,
    jti_hash: Buffer.from(uid),
    account_id: accountId,
    payload: JSON.stringify({
      acr: 'phr',
      amr: ['pop', 'user', 'mfa'],
      authorizations: { wiki: { sid: 'a' }, 'X-ray': {} },
    }),
    expires_at: new Date(Date.now() + 3_600_000),
    device: 'Firefox on Linux',
    ip: '192.0.2.1',
    started_at: new Date('2026-11-22T08:00:00Z'),
    last_seen_at: new Date('2026-11-22T08:30:00Z'),
    ...more,
  });
  return uid;
}

describe('the list', () => {
  test('says what one knows a session by, and nothing that opens it', async () => {
    const { id } = await latchkey.user(aName());
    const uid = await aSession(id);
    expect(await list(id)).toEqual([
      {
        uid,
        device: 'Firefox on Linux',
        ip: '192.0.2.1',
        startedAt: new Date('2026-11-22T08:00:00Z'),
        lastSeenAt: new Date('2026-11-22T08:30:00Z'),
        acr: 'phr',
        amr: ['pop', 'user', 'mfa'],
        apps: ['The wiki', 'X-ray'],
      },
    ]);
  });

  test('has what still opens something, of this user, the one seen last first', async () => {
    const [{ id }, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const first = await aSession(id);
    const last = await aSession(id, { last_seen_at: new Date('2026-11-22T08:45:00Z') });
    const before = new Date(Date.now() - 1_000);
    await aSession(other.id);
    await aSession(id, { ended_at: before });
    await aSession(id, { expires_at: before });
    await aSession(id, { not_after: before });
    await aSession(id, { pass_id: randomUUID(), not_after: new Date(Date.now() + 60_000) });
    expect((await list(id)).map(({ uid }) => uid)).toEqual([last, first]);
  });

  test('takes a session from before there was a list', async () => {
    const { id } = await latchkey.user(aName());
    const payload = JSON.stringify({ loginTs: 1_795_000_000 });
    await aSession(id, { payload, device: null, ip: null, started_at: null, last_seen_at: null });
    const startedAt = new Date(1_795_000_000_000);
    expect(await list(id)).toMatchObject([{ device: null, ip: null, startedAt, lastSeenAt: startedAt, apps: [] }]);
  });
});

describe('one session', () => {
  test('ends, and the others stay', async () => {
    const { id } = await latchkey.user(aName());
    const [lost, kept] = [await aSession(id), await aSession(id)];
    await latchkey.work((work) => endOwnSession(work, { userId: id, uid: lost }));
    expect((await list(id)).map(({ uid }) => uid)).toEqual([kept]);
    const again = latchkey.work((work) => endOwnSession(work, { userId: id, uid: lost }));
    await expect(again).rejects.toMatchObject({ code: 'not_found' });
    expect(await eventsOf(latchkey, { userId: id, type: 'session.ended' })).toHaveLength(1);
  });

  test('of somebody else is none', async () => {
    const [{ id }, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const theirs = await aSession(other.id);
    const tried = latchkey.work((work) => endOwnSession(work, { userId: id, uid: theirs }));
    await expect(tried).rejects.toMatchObject({ code: 'not_found' });
    expect(await list(other.id)).toHaveLength(1);
  });
});

describe('sign out everywhere', () => {
  test('ends sessions, the live pass and what it has opened; passkeys sign in as before', async () => {
    const name = aName();
    const authenticator = newAuthenticator();
    const { userId } = await aPasskeyHolder(latchkey, house, name, authenticator);
    await aSession(userId);
    await aSession(userId);
    const registering = await aVisitor(house);
    expect(await registering.enter(name, await latchkey.pass(name))).toBe('enrol');

    const underWay = () => latchkey.base.knex('sign_ins').where('user_id', '=', userId);
    expect(await underWay()).not.toEqual([]);

    expect(await everywhere(userId)).toBe(2);
    expect(await underWay()).toEqual([]);
    expect(await list(userId)).toEqual([]);
    expect((await latchkey.work((work) => currentPass(work, userId))).pass).toBeUndefined();
    expect(await registering.step()).toBe('identify');
    const events = await eventsOf(latchkey, { userId });
    expect(events.slice(-2).map(({ type, details }) => ({ type, details }))).toMatchObject([
      { type: 'pass.revoked', details: { reason: 'signed-out' } },
      { type: 'session.all-ended', details: { sessions: 2, cancelled: [expect.any(String)] } },
    ]);

    const visitor = await aVisitor(house);
    expect(await visitor.sign(authenticator)).toBe('complete');
  });

  test('a registration that goes on at the same moment is not finished after it', async () => {
    const name = aName();
    const { id } = await latchkey.user(name);
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    const authenticator = newAuthenticator();
    const options = await visitor.creationOptions();
    const response = await authenticator.create(options, { origin: 'http://localhost:3000' });
    await everywhere(id);
    expect(await visitor.sendRegistration(response)).toBe('identify');
    const { count } = (await latchkey.base.knex('passkeys').where('user_id', '=', id).count().first()) as never;
    expect(Number(count)).toBe(0);
  });

  test('twenty times at once is once', async () => {
    const { id } = await latchkey.user(aName());
    for (let sessions = 0; sessions < 5; sessions += 1) await aSession(id);
    const ended = await Promise.all(Array.from({ length: 20 }, () => everywhere(id)));
    expect(ended.reduce((sum, sessions) => sum + sessions, 0)).toBe(5);
  });
});

describe('who may', () => {
  const strong = (userId: string, scopes?: readonly string[]): Actor => ({
    kind: 'user',
    userId,
    strongAt: new Date(),
    ...(scopes && { through: { clientId: 'app', scopes } }),
  });
  const application = (...permissions: string[]): Actor => ({ kind: 'client', clientId: 'hr', permissions });
  const revoke = (actor: Actor, user: string) =>
    as(actor, (work) => revokeSessions(work, { user, methods: house.methods })).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );

  async function aHolder(...roles: string[]): Promise<string> {
    const { id } = await latchkey.user(aName());
    for (const role of roles) await latchkey.work((work) => grantRole(work, id, role));
    await aSession(id);
    return id;
  }

  test.each<[string, string[], string]>([
    ['Global Administrator', [], 'done'],
    ['Global Administrator', ['Global Administrator'], 'done'],
    ['Privileged Authentication Administrator', ['Authentication Administrator'], 'done'],
    ['Privileged Authentication Administrator', ['Global Administrator'], 'forbidden'],
    ['Authentication Administrator', [], 'done'],
    ['Authentication Administrator', ['Authentication Administrator'], 'forbidden'],
    ['User Administrator', [], 'done'],
    ['User Administrator', ['Global Administrator'], 'forbidden'],
    ['Global Reader', [], 'forbidden'],
    ['Application Administrator', [], 'forbidden'],
    ['Authentication Policy Administrator', [], 'forbidden'],
  ])('%s, of one with %j: %s', async (role, roles, outcome) => {
    const target = await aHolder(...roles);
    expect(await revoke(strong(await aHolder(role)), target)).toBe(outcome);
    expect(await list(target)).toHaveLength(outcome === 'done' ? 0 : 1);
  });

  test.each<[string[], string[], string]>([
    [['User.RevokeSessions.All'], [], 'done'],
    [['User.ReadWrite.All'], [], 'done'],
    [['User.RevokeSessions.All'], ['Global Reader'], 'forbidden'],
    [['User.Read.All', 'UserAuthenticationMethod.ReadWrite.All'], [], 'forbidden'],
    [[], [], 'forbidden'],
  ])('an application with %j, of one with %j: %s', async (permissions, roles, outcome) => {
    const target = await aHolder(...roles);
    expect(await revoke(application(...permissions), target)).toBe(outcome);
    expect(await list(target)).toHaveLength(outcome === 'done' ? 0 : 1);
  });

  test('an administrator of oneself, and nobody without the scope, a passkey of today, or a user', async () => {
    const admin = await aHolder('User Administrator');
    const target = await aHolder();
    expect(await revoke(strong(admin, ['User.Read.All']), target)).toBe('forbidden');
    expect(await revoke({ kind: 'user', userId: admin, strongAt: null }, target)).toBe('insufficient_authentication');
    const yesterday = new Date(Date.now() - 9 * 3_600_000);
    expect(await revoke({ kind: 'user', userId: admin, strongAt: yesterday }, target)).toBe(
      'insufficient_authentication',
    );
    expect(await revoke({ kind: 'anonymous' }, target)).toBe('forbidden');
    expect(await revoke(strong(admin), 'nobody@example.com')).toBe('not_found');
    expect(await list(target)).toHaveLength(1);
    expect(await revoke(strong(admin, ['User.RevokeSessions.All']), admin)).toBe('done');
    expect(await list(admin)).toEqual([]);
  });

  test.each([
    ['User.ReadWrite', 'done'],
    ['User.RevokeSessions.All', 'done'],
    ['User.Read', 'forbidden'],
  ])('anybody of oneself with %s: %s', async (scope, outcome) => {
    const [own, other] = [await aHolder(), await aHolder()];
    const asked = as(strong(own, [scope]), (work) => revokeOwnSessions(work, house.methods)).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );
    expect(await asked).toBe(outcome);
    expect(await list(own)).toHaveLength(outcome === 'done' ? 0 : 1);
    expect(await list(other)).toHaveLength(1);
  });
});

describe('what is queued', () => {
  test('is deleted 30 days after it was done with, and not while it waits', async () => {
    const { knex } = latchkey.base;
    const row = (clientId: string, finishedAt: Date | null) => ({
      id: randomUUID(),
      client_id: clientId,
      account_id: randomUUID(),
      session_uid: 'x',
      state: finishedAt ? 'failed' : 'queued',
      created_at: at(-60 * 24 * 60),
      due_at: noon,
      finished_at: finishedAt,
    });
    const month = -30 * 24 * 60;
    await knex('logout_outbox').delete();
    await knex('logout_outbox').insert([row('old', at(month, -1)), row('recent', at(month, 1)), row('waiting', null)]);
    await latchkey.work((work) => purgeLogouts(work.tx, noon));
    expect((await knex('logout_outbox').pluck('client_id')).sort()).toEqual(['recent', 'waiting']);
  });

  test.each([
    [1, 3.75, 6.25],
    [2, 7.5, 12.5],
    [3, 15, 25],
    [8, 480, 800],
    [9, 675, 1125],
    [100, 675, 1125],
  ])('is tried again after try %i in %f to %f seconds', (attempt, least, most) => {
    const seconds = (random: number) =>
      (nextTry({ attempt, createdAt: noon }, noon, random)!.getTime() - noon.getTime()) / 1000;
    expect([seconds(0), seconds(1)]).toEqual([least, most]);
  });

  test('is tried for a day', () => {
    const day = 24 * 60;
    expect(nextTry({ attempt: 1, createdAt: noon }, at(day - 1), 1)).not.toBeNull();
    expect(nextTry({ attempt: 1, createdAt: noon }, at(day), 0)).toBeNull();
  });
});
