import { randomUUID } from 'node:crypto';
import { BlockList } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anonymous } from '../../src/core/actor.ts';
import { changeIdentityProvider, deleteIdentityProvider, putIdentityProvider } from '../../src/identity-providers.ts';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { createProvider } from '../../src/methods/upstream/manage-providers.ts';
import { relyingParty } from '../../src/methods/upstream/relying-party.ts';
import { purge } from '../../src/methods/upstream/sessions/store.ts';
import { keepSignIn, signInWithHint } from '../../src/methods/upstream/sessions/upstream-session.ts';
import { tryIdentityProvider } from '../../src/methods/upstream/try-provider.ts';
import { endSession } from '../../src/oidc/endings.ts';
import { purgeExpired } from '../../src/oidc/purge.ts';
import { allowAdministrator, giveRole, linkIdentity, unlinkIdentity } from '../../src/others-identities.ts';
import { receiveLogout, wayOnAfterSigningOut, wayToSignOut } from '../../src/upstream-sessions.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { type HostileUpstream, part, startHostileUpstream } from '../support/hostile-upstream.ts';
import { aName, anAddress, eventsOf } from '../support/makers.ts';

/** Sessions that were opened at an identity provider, and their ends on either side. */

let latchkey: TestBase;
let upstream: HostileUpstream;
beforeAll(async () => {
  latchkey = await openTestBase();
  upstream = await startHostileUpstream();
  await latchkey.seed({
    clients: [
      {
        client_id: 'wiki',
        client_secret: 'secret',
        redirect_uris: ['http://localhost/cb'],
        backchannel_logout_uri: 'http://localhost:1/logout',
      },
    ],
  });
});
afterAll(async () => {
  await upstream?.close();
  await latchkey?.close();
});

const ourIssuer = 'http://localhost:3000';
const outbound = { allow: new BlockList(), local: true };
const house = () => ({ run: latchkey.base.run, party: relyingParty(outbound), issuer: ourIssuer });
const from = (ip: string) => ({ actor: anonymous, origin: { requestId: 'test', ip, userAgent: null } });
const aStranger = () => from(anAddress());

let made = 0;
async function aProvider(settings: object = {}): Promise<string> {
  made += 1;
  const id = `contoso-${made}`;
  const changes = { displayName: 'Contoso', issuer: upstream.issuer, clientId: 'latchkey', ...settings };
  await latchkey.work((w) => createProvider(w, { id, changes, clientSecret: 's', ourIssuer }));
  return id;
}

interface There {
  readonly userId?: string;
  readonly sub?: string;
  readonly sid?: string | null;
  readonly issuer?: string;
}

/** A session of ours, with an app and a token of offline access, that a sign-in there opened. */
async function aSessionThrough(providerId: string, there: There = {}) {
  const { sub = 'sub-1', sid = null, issuer = upstream.issuer } = there;
  const userId = there.userId ?? (await latchkey.user(aName())).id;
  const upstreamId = (await latchkey.work((w) =>
    keepSignIn(w, { providerId, issuer, sub, sid, userId, idToken: `token of ${sub}` }),
  ))!;
  return { ...(await aSession(userId, upstreamId)), upstreamId };
}

async function aSession(userId: string, upstreamId: string | null = null) {
  const [uid, grantId] = [randomUUID(), randomUUID()];
  const { knex } = latchkey.base;
  const expires_at = new Date(Date.now() + 3_600_000);
  await knex('oidc_sessions').insert({
    uid,
    jti_hash: Buffer.from(uid),
    account_id: userId,
    payload: JSON.stringify({ authorizations: { wiki: { sid: 'ours', grantId } } }),
    expires_at,
    upstream_id: upstreamId,
  });
  await knex('oidc_grants').insert({ id: grantId, account_id: userId, client_id: 'wiki', payload: '{}', expires_at });
  await knex('oidc_artifacts').insert({
    model: 'RefreshToken',
    id_hash: Buffer.from(uid),
    grant_id: grantId,
    account_id: userId,
    client_id: 'wiki',
    payload: '{}',
    expires_at,
  });
  return { uid, userId, grantId };
}

interface Standing {
  readonly live: boolean;
  readonly grant: boolean;
  readonly token: boolean;
  readonly told: number;
}
const whole: Standing = { live: true, grant: true, token: true, told: 0 };
const over: Standing = { live: false, grant: false, token: false, told: 1 };

async function standing({ uid, grantId }: { uid: string; grantId: string }): Promise<Standing> {
  const { knex } = latchkey.base;
  return {
    live: (await knex('oidc_sessions').where({ uid }).whereNull('ended_at')).length === 1,
    grant: (await knex('oidc_grants').where({ id: grantId })).length === 1,
    token: (await knex('oidc_artifacts').where({ grant_id: grantId })).length === 1,
    told: (await knex('logout_outbox').where({ session_uid: uid })).length,
  };
}

type Json = Record<string, unknown>;
const now = () => Math.floor(Date.now() / 1000);
const event = { 'http://schemas.openid.net/event/backchannel-logout': {} };
const claims = (more: Json = {}): Json => ({
  ...{ iss: upstream.issuer, aud: 'latchkey', iat: now(), exp: now() + 60, jti: randomUUID(), events: event },
  ...more,
});
const aToken = (more: Json = {}, head: Json = {}) =>
  upstream.signed(claims(more), { alg: 'ES256', kid: 'one', typ: 'logout+jwt', ...head });
const receive = async (providerId: string, more: Json, head: Json = {}) =>
  receiveLogout(house(), aStranger(), { providerId, token: await aToken(more, head) });
const refusals = async () => (await eventsOf(latchkey, { type: 'request.refused' })).map(({ reason }) => reason);

describe('a role', () => {
  const aPersonAt = async (id: string, sub: string, more: { allowedAdministrator?: boolean } = {}) => {
    const { id: userId } = await latchkey.user(aName());
    const { identity } = await latchkey.work((w) => linkIdentity(w, { user: userId, providerId: id, sub, ...more }));
    return { userId, sub, identityId: identity.id };
  };

  test('that comes later ends what a link opened that is not allowed it, and nothing that was opened here', async () => {
    const [id, other] = [await aProvider(), await aProvider()];
    const person = await aPersonAt(id, 'late');
    await latchkey.work((w) =>
      linkIdentity(w, { user: person.userId, providerId: other, sub: 'late', allowedAdministrator: true }),
    );
    const [through, allowed] = [await aSessionThrough(id, person), await aSessionThrough(other, person)];
    const [here, others] = [await aSession(person.userId), await aSessionThrough(id)];
    const give = () => latchkey.work((w) => giveRole(w, person.userId, 'Global Reader'));
    await give();
    for (const [session, is] of [
      [through, over],
      [allowed, whole],
      [here, whole],
      [others, whole],
    ] as const) {
      expect(await standing(session)).toEqual(is);
    }
    // A sign-in that was collected there before opens nothing more.
    expect(await latchkey.base.knex('upstream_sessions').where('id', '=', through.upstreamId)).toMatchObject([
      { ended_at: expect.any(Date) },
    ]);
    await give();
    expect(await eventsOf(latchkey, { type: 'session.ended-elsewhere', userId: person.userId })).toMatchObject([
      { details: { identityProvider: id, why: 'role', sessions: 1 } },
    ]);
  });

  test('that a link is no longer allowed ends what it opened; without a role nothing ends', async () => {
    const id = await aProvider();
    const allow = (person: { userId: string; identityId: string }, allowed: boolean) =>
      latchkey.work((w) => allowAdministrator(w, { user: person.userId, identityId: person.identityId, allowed }));
    const [admin, plain] = [
      await aPersonAt(id, 'admin', { allowedAdministrator: true }),
      await aPersonAt(id, 'plain', { allowedAdministrator: true }),
    ];
    await latchkey.work((w) => giveRole(w, admin.userId, 'Global Reader'));
    const [first, its] = [await aSessionThrough(id, admin), await aSessionThrough(id, plain)];
    await allow(admin, true);
    expect(await standing(first)).toEqual(whole);
    await allow(admin, false);
    await allow(plain, false);
    expect([await standing(first), await standing(its)]).toEqual([over, whole]);
  });
});

describe('a logout token', () => {
  test('ends the session that was opened there, with its grant, its tokens and a word to the app', async () => {
    const id = await aProvider();
    const [its, other] = [
      await aSessionThrough(id, { sid: 'a' }),
      await aSessionThrough(id, { sid: 'b', sub: 'sub-2' }),
    ];
    expect(await receive(id, { sid: 'a', sub: 'sub-1' })).toBe(1);
    expect(await standing(its)).toEqual(over);
    expect(await standing(other)).toEqual(whole);
    expect(await eventsOf(latchkey, { type: 'session.ended-elsewhere', userId: its.userId })).toMatchObject([
      { details: { identityProvider: id, why: 'logout', sessions: 1 } },
    ]);
  });

  test('with a person and no session ends all of theirs there, and none that was opened here', async () => {
    const id = await aProvider();
    const first = await aSessionThrough(id, { sid: 'a' });
    const { userId } = first;
    const second = await aSessionThrough(id, { userId, sid: 'b' });
    const unnamed = await aSessionThrough(id, { userId });
    const byPasskey = await aSession(userId);
    const somebodyElse = await aSessionThrough(id, { sub: 'sub-2' });
    expect(await receive(id, { sub: 'sub-1' })).toBe(3);
    for (const ended of [first, second, unnamed]) expect(await standing(ended)).toEqual(over);
    for (const kept of [byPasskey, somebodyElse]) expect(await standing(kept)).toEqual(whole);
  });

  test('with a session alone ends that; one of which we were told no session ends by the person', async () => {
    const id = await aProvider();
    const named = await aSessionThrough(id, { sid: 'a' });
    const unnamed = await aSessionThrough(id, { userId: named.userId });
    expect(await receive(id, { sid: 'a' })).toBe(1);
    expect([await standing(named), await standing(unnamed)]).toEqual([over, whole]);
    expect(await receive(id, { sid: 'c', sub: 'sub-1' })).toBe(1);
    expect(await standing(unnamed)).toEqual(over);
  });

  test('with the session of one person and the name of another ends neither', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id, { sid: 'a' });
    const other = await aSessionThrough(id, { sid: 'b', sub: 'sub-2' });
    expect(await receive(id, { sid: 'a', sub: 'sub-2' })).toBe(0);
    expect([await standing(its), await standing(other)]).toEqual([whole, whole]);
  });

  test('says nothing of sessions of another provider, whatever they are called', async () => {
    const [id, other] = [await aProvider(), await aProvider()];
    const theirs = await aSessionThrough(other, { sid: 'a' });
    expect(await receive(id, { sid: 'a', sub: 'sub-1' })).toBe(0);
    expect(await standing(theirs)).toEqual(whole);
  });

  test('a grant that another session has as well stays, without the tokens of the one that ended', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    const kept = await aSession(its.userId);
    await latchkey.base
      .knex('oidc_sessions')
      .where({ uid: kept.uid })
      .update({ payload: JSON.stringify({ authorizations: { wiki: { grantId: its.grantId } } }) });
    await latchkey.base.knex('oidc_artifacts').where({ grant_id: its.grantId }).update({ session_uid: its.uid });
    expect(await receive(id, { sub: 'sub-1' })).toBe(1);
    expect(await standing(its)).toEqual({ live: false, grant: true, token: false, told: 1 });
  });

  test('is taken once: the same again is refused, also when two come at a time', async () => {
    const id = await aProvider();
    const token = await aToken({ sub: 'sub-1' });
    const take = () => receiveLogout(house(), aStranger(), { providerId: id, token });
    const both = await Promise.allSettled([take(), take()]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const later = await aSessionThrough(id);
    await expect(take()).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await standing(later)).toEqual(whole);
    // Each provider counts its own.
    expect(await receiveLogout(house(), aStranger(), { providerId: await aProvider(), token })).toBe(0);
  });

  test('is forgotten once it is too old to be taken, and a sign-in when nothing can hang on it', async () => {
    const id = await aProvider();
    const { upstreamId } = await aSessionThrough(id);
    await receive(id, { sub: 'nobody' });
    const kept = async () => [
      (await latchkey.base.knex('upstream_logout_tokens').where({ provider_id: id })).length,
      (await latchkey.base.knex('upstream_sessions').where({ id: upstreamId })).length,
    ];
    const purgeIn = (minutes: number) =>
      latchkey.work((w) => purge(w.tx, new Date(w.now.getTime() + minutes * 60_000)));
    await purgeIn(1);
    expect(await kept()).toEqual([1, 1]);
    await purgeIn(5);
    expect(await kept()).toEqual([0, 1]);
    await purgeIn(48 * 60 + 1);
    expect(await kept()).toEqual([0, 0]);
  });

  const bad: [string, Json, Json][] = [
    ['for somebody else', { aud: 'other' }, {}],
    ['of another issuer', { iss: 'https://other.example' }, {}],
    ['with alg none', {}, { alg: 'none' }],
    ['with a nonce', { nonce: 'n' }, {}],
    ['without an event', { events: undefined }, {}],
    ['that is old', { iat: now() - 200 }, {}],
    ['without jti', { jti: undefined }, {}],
    ['that names nobody', { sub: undefined }, {}],
    ['with the key of somebody else', {}, { kid: 'two' }],
  ];
  test.each(bad)('%s ends nothing, and is recorded with its reason', async (_what, more, head) => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    const before = (await refusals()).length;
    await expect(receive(id, { sub: 'sub-1', ...more }, head)).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'This logout token is not accepted.',
    });
    expect(await standing(its)).toEqual(whole);
    const [reason, ...rest] = (await refusals()).slice(before);
    expect(reason).toMatch(new RegExp(`^A logout token of ${id} was refused: [a-z_]+\\.$`));
    expect(rest).toEqual([]);
  });

  test('that is signed by hand, or by nobody, ends nothing', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    const header = { alg: 'HS256', typ: 'logout+jwt' };
    for (const token of ['', 'x', `${part(header)}.${part(claims({ sub: 'sub-1' }))}.${part('signature')}`]) {
      await expect(receiveLogout(house(), aStranger(), { providerId: id, token })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    expect(await standing(its)).toEqual(whole);
  });

  test('for a provider that is disabled, or none, is none', async () => {
    const id = await aProvider({ state: 'disabled' });
    for (const none of [id, 'nobody']) {
      await expect(receive(none, { sub: 'sub-1' })).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  test('of strangers is written down ten times a minute and source, not for each', async () => {
    const id = await aProvider();
    const same = from(anAddress());
    const before = (await refusals()).length;
    for (let tries = 0; tries < 14; tries += 1) {
      const asked = receiveLogout(house(), same, { providerId: id, token: 'x' });
      await expect(asked).rejects.toMatchObject({ code: 'invalid_input' });
    }
    expect((await refusals()).length - before).toBe(10);
  });

  test('keys are asked for while no transaction is open', async () => {
    const id = await aProvider();
    let open = 0;
    let mostOpen = 0;
    const counted: typeof latchkey.base.run = async (who, body) => {
      open += 1;
      try {
        return await latchkey.base.run(who, body);
      } finally {
        open -= 1;
      }
    };
    const party = relyingParty({
      ...outbound,
      resolve: async () => {
        mostOpen = Math.max(mostOpen, open);
        return [
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ];
      },
    });
    const token = await aToken({ sub: 'sub-1' });
    const before = upstream.requests.length;
    await receiveLogout({ ...house(), run: counted, party }, aStranger(), { providerId: id, token });
    expect(upstream.requests.length).toBeGreaterThan(before);
    expect(mostOpen).toBe(0);
  });
});

describe('what a provider opened ends with it', () => {
  const ends: [string, (id: string) => Promise<unknown>, string][] = [
    [
      'disabled',
      (id) => latchkey.work((w) => changeIdentityProvider(w, { id, changes: { state: 'disabled' }, ourIssuer })),
      'disabled',
    ],
    [
      'put as disabled',
      (id) => latchkey.work((w) => putIdentityProvider(w, { id, changes: { state: 'disabled' }, ourIssuer })),
      'disabled',
    ],
    ['deleted', (id) => latchkey.work((w) => deleteIdentityProvider(w, { id, unlinks: true })), 'deleted'],
  ];
  test.each(ends)('when it is %s', async (_how, end, why) => {
    const [id, other] = [await aProvider(), await aProvider()];
    const its = [await aSessionThrough(id), await aSessionThrough(id, { sub: 'sub-2' })];
    const kept = [await aSessionThrough(other), await aSession(its[0]!.userId)];
    await end(id);
    for (const ended of its) expect(await standing(ended)).toEqual(over);
    for (const one of kept) expect(await standing(one)).toEqual(whole);
    const events = (await eventsOf(latchkey, { type: 'session.ended-elsewhere' })).filter(
      ({ details }) => details.identityProvider === id,
    );
    expect(events).toMatchObject([{ details: { why, sessions: 2 } }]);
    // A sign-in that was collected before opens nothing after.
    const there = { providerId: id, issuer: upstream.issuer, sub: 'sub-3', sid: null, idToken: 't' };
    expect(await latchkey.work((w) => keepSignIn(w, { ...there, userId: its[0]!.userId }))).toBeUndefined();
  });

  test('and any other change of it ends nothing', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    await latchkey.work((w) =>
      changeIdentityProvider(w, { id, changes: { displayName: 'Other', ceiling: '2f' }, ourIssuer }),
    );
    expect(await standing(its)).toEqual(whole);
  });

  test('for one person when they are unlinked', async () => {
    const [id, other] = [await aProvider(), await aProvider()];
    const its = await aSessionThrough(id);
    const { userId } = its;
    const kept = [
      await aSessionThrough(id, { sub: 'sub-2' }),
      await aSessionThrough(other, { userId }),
      await aSession(userId),
    ];
    const { identity } = await latchkey.work((w) => linkIdentity(w, { user: userId, providerId: id, sub: 'sub-1' }));
    await latchkey.work((w) => unlinkIdentity(w, { user: userId, identityId: identity.id }));
    expect(await standing(its)).toEqual(over);
    for (const one of kept) expect(await standing(one)).toEqual(whole);
  });
});

describe('what an app has for offline access of a session that has run out', () => {
  const days = (count: number) => count * 24 * 60 * 60_000;
  const knex = (table: string) => latchkey.base.knex(table);

  async function purgeHere(): Promise<void> {
    const db = connectNamedStatements(latchkey.base.connection, { max: 1 });
    await purgeExpired(db);
    await db.close();
  }
  const purgeSignIns = (count: number) => latchkey.work((w) => purge(w.tx, new Date(w.now.getTime() + days(count))));

  /** The session goes, and the refresh token is good for two weeks more. */
  async function runsOut<Its extends { uid: string; grantId: string }>(its: Its, model = 'RefreshToken'): Promise<Its> {
    const { uid, grantId } = its;
    const later = new Date(Date.now() + days(14));
    await knex('oidc_grants').where({ id: grantId }).update({ expires_at: later });
    const token = { session_uid: uid, model, expires_at: later, payload: JSON.stringify({ sid: 'ours' }) };
    await knex('oidc_artifacts').where({ grant_id: grantId }).update(token);
    await knex('oidc_sessions')
      .where({ uid })
      .update({ expires_at: new Date(Date.now() - 6 * 60_000) });
    await purgeHere();
    expect(await knex('oidc_sessions').where({ uid })).toEqual([]);
    return its;
  }
  const left: Standing = { live: false, grant: true, token: true, told: 0 };

  test('ends with the session there, days later, and the app is told by the name it knows', async () => {
    const id = await aProvider({ endsSessionThere: true });
    const its = await aSessionThrough(id, { sid: 'a' });
    const others = [
      await aSessionThrough(id, { sid: 'b', userId: its.userId }),
      await aSessionThrough(id, { sid: 'a', sub: 'sub-2' }),
      await aSession(its.userId),
    ];
    for (const one of [its, ...others]) await runsOut(one);
    await purgeSignIns(3);
    const row = await knex('upstream_sessions').where({ id: its.upstreamId }).first();
    expect(row).toMatchObject({ sid: 'a', id_token: null });
    for (const one of [its, ...others]) expect(await standing(one)).toEqual(left);

    expect(await receive(id, { sid: 'a', sub: 'sub-1' })).toBe(0);
    expect(await standing(its)).toEqual({ live: false, grant: false, token: false, told: 1 });
    expect(await knex('logout_outbox').where({ session_uid: its.uid })).toMatchObject([
      { client_id: 'wiki', account_id: its.userId, sid: 'ours' },
    ]);
    for (const one of others) expect(await standing(one)).toEqual(left);
    expect(await eventsOf(latchkey, { type: 'session.ended-elsewhere', userId: its.userId })).toMatchObject([
      { details: { identityProvider: id, why: 'logout', sessions: 0, offlineGrants: 1 } },
    ]);
    // With the person alone, the rest that was opened there.
    await receive(id, { sub: 'sub-1' });
    expect(await Promise.all(others.map(standing))).toMatchObject([{ grant: false }, { grant: true }, { grant: true }]);
  });

  test('ends when they are unlinked, and when the provider is disabled or deleted', async () => {
    const ends: ((id: string, userId: string) => Promise<unknown>)[] = [
      async (id, user) => {
        const { identity } = await latchkey.work((w) => linkIdentity(w, { user, providerId: id, sub: 'sub-1' }));
        await latchkey.work((w) => unlinkIdentity(w, { user, identityId: identity.id }));
      },
      (id) => latchkey.work((w) => changeIdentityProvider(w, { id, changes: { state: 'disabled' }, ourIssuer })),
      (id) => latchkey.work((w) => deleteIdentityProvider(w, { id, unlinks: true })),
    ];
    for (const end of ends) {
      const id = await aProvider();
      const its = await runsOut(await aSessionThrough(id));
      await end(id, its.userId);
      expect(await standing(its)).toEqual({ live: false, grant: false, token: false, told: 1 });
    }
  });

  test('is of nobody else’s making when a passkey had made the session one of its own', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    await knex('oidc_sessions').where({ uid: its.uid }).update({ upstream_id: null });
    await runsOut(its);
    await receive(id, { sub: 'sub-1' });
    expect(await standing(its)).toEqual(left);
  });

  test('keeps what is known of the sign-in there for as long as it is good, and nothing else does', async () => {
    const id = await aProvider();
    const its = await runsOut(await aSessionThrough(id));
    const brief = await runsOut(await aSessionThrough(id), 'AccessToken');
    const kept = async () =>
      (await knex('upstream_sessions').whereIn('id', [its.upstreamId, brief.upstreamId])).map((row) => row.id);
    await purgeSignIns(1);
    expect((await kept()).sort()).toEqual([its.upstreamId, brief.upstreamId].sort());
    await purgeSignIns(2.1);
    expect(await kept()).toEqual([its.upstreamId]);
    await purgeSignIns(13.9);
    expect(await kept()).toEqual([its.upstreamId]);
    await purgeSignIns(14.1);
    expect(await kept()).toEqual([]);
  });

  test('is not taken from another session that has the same grant', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    const kept = await aSession(its.userId);
    const authorizations = { wiki: { grantId: its.grantId } };
    await knex('oidc_sessions')
      .where({ uid: kept.uid })
      .update({ payload: JSON.stringify({ authorizations }) });
    await latchkey.work((w) => endSession(w, its.uid));
    await runsOut(its);
    await receive(id, { sub: 'sub-1' });
    expect(await standing(its)).toMatchObject({ grant: true, token: true });
  });

  test('ends also when the session is just being purged', async () => {
    const id = await aProvider();
    const its = await aSessionThrough(id);
    const held = await latchkey.base.knex.transaction();
    await held.raw('select pg_advisory_xact_lock(4711)');
    await latchkey.base.knex.raw(`
      create function hold() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
      create trigger hold before update of upstream_id on oidc_grants for each row execute function hold()`);
    try {
      const waiting = async () => {
        const { rows } = await latchkey.base.knex.raw<{ rows: unknown[] }>(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rows.length;
      };
      const purged = runsOut(its);
      await expect.poll(waiting).toBe(1);
      const received = receive(id, { sub: 'sub-1' });
      await expect.poll(waiting).toBe(2);
      await held.commit();
      await Promise.all([purged, received]);
      expect(await standing(its)).toEqual({ live: false, grant: false, token: false, told: 1 });
    } finally {
      await latchkey.base.knex.raw('drop function hold cascade');
    }
  });
});

describe('the ID token of a sign-in there', () => {
  test('is kept only to sign out there with, sealed for its own row', async () => {
    const none = await aSessionThrough(await aProvider());
    expect(await latchkey.work((w) => signInWithHint(w, none.upstreamId))).toMatchObject({ idToken: undefined });
    const id = await aProvider({ endsSessionThere: true });
    const [one, other] = [await aSessionThrough(id), await aSessionThrough(id)];
    const rows = latchkey.base.knex('upstream_sessions');
    const { id_token } = await rows.clone().where({ id: one.upstreamId }).first();
    expect(String(id_token)).not.toContain('token of');
    expect(await latchkey.work((w) => signInWithHint(w, one.upstreamId))).toMatchObject({ idToken: 'token of sub-1' });
    await rows.clone().where({ id: other.upstreamId }).update({ id_token });
    await expect(latchkey.work((w) => signInWithHint(w, other.upstreamId))).rejects.toThrow();
  });
});

describe('whoever signs out here', () => {
  const nextUrl = 'https://app.example/bye?state=theirs';
  const way = (sessionUid: string, party = house().party) =>
    wayToSignOut({ ...house(), party }, aStranger(), { sessionUid, nextUrl });

  test('is sent to sign out there as well, and comes back once to where they were going', async () => {
    const id = await aProvider({ endsSessionThere: true });
    const its = await aSessionThrough(id);
    const url = (await way(its.uid))!;
    expect(url.origin + url.pathname).toBe(`${upstream.issuer}/logout`);
    const { state, ...asked } = Object.fromEntries(url.searchParams);
    expect(asked).toMatchObject({
      id_token_hint: 'token of sub-1',
      post_logout_redirect_uri: `${ourIssuer}/federation/${id}/signed-out`,
    });
    const comeBack = (providerId: string) => wayOnAfterSigningOut(house(), aStranger(), { providerId, state: state! });
    expect(await comeBack('other')).toBeUndefined();
    expect(await comeBack(id)).toBe(nextUrl);
    expect(await comeBack(id)).toBeUndefined();
  });

  test('is not waited for longer than ten minutes', async () => {
    const id = await aProvider({ endsSessionThere: true });
    const state = (await way((await aSessionThrough(id)).uid))!.searchParams.get('state')!;
    await latchkey.base
      .knex('upstream_sign_outs')
      .where({ provider_id: id })
      .update({ until: new Date(Date.now() - 1) });
    expect(await wayOnAfterSigningOut(house(), aStranger(), { providerId: id, state })).toBeUndefined();
  });

  test('stays here where the provider does not want it, has no such address, does not answer or is gone', async () => {
    const unwanted = await aSessionThrough(await aProvider());
    expect(await way(unwanted.uid)).toBeUndefined();
    const id = await aProvider({ endsSessionThere: true });
    const its = await aSessionThrough(id);
    expect(await way((await aSession(its.userId)).uid)).toBeUndefined();
    expect(await way('nobody')).toBeUndefined();
    upstream.bend({ metadata: ({ end_session_endpoint: _, ...rest }) => rest });
    expect(await way(its.uid)).toBeUndefined();
    upstream.bend({ answers: { discovery: (_request, response) => void response.writeHead(500).end() } });
    expect(await way(its.uid)).toBeUndefined();
    upstream.bend({});
    expect(await way(its.uid)).toBeInstanceOf(URL);
    await latchkey.work((w) => changeIdentityProvider(w, { id, changes: { state: 'disabled' }, ourIssuer }));
    expect(await way(its.uid)).toBeUndefined();
  });
});

describe('a trial of a provider', () => {
  test('says what is right and what is not, and is recorded', async () => {
    const id = await aProvider({ state: 'disabled' });
    upstream.bend({
      answers: {
        token: (_request, response) =>
          void response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'),
      },
    });
    expect(await tryIdentityProvider(house(), asOperator, id)).toMatchObject({ isUsable: true });
    upstream.bend({ metadata: (right) => ({ ...right, issuer: 'https://other.example' }) });
    const report = await tryIdentityProvider(house(), asOperator, id);
    expect(report.checks).toContainEqual({ check: 'issuer', result: 'failed', words: expect.any(String) });
    upstream.bend({});
    const events = (await eventsOf(latchkey, { type: 'identity-provider.tested' })).filter(
      ({ details }) => details.identityProvider === id,
    );
    expect(events).toMatchObject([
      { result: 'success', details: { isUsable: true } },
      { result: 'failure', reason: 'Not usable: issuer.', details: { isUsable: false } },
    ]);
  });

  test('is for whoever may change it', async () => {
    const id = await aProvider();
    const { id: userId } = await latchkey.user(aName());
    const who = { ...asOperator, actor: { kind: 'user', userId, strongAt: new Date() } } as const;
    await expect(tryIdentityProvider(house(), who, id)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(tryIdentityProvider(house(), asOperator, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  });
});
