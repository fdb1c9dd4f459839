import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProvider } from '../../src/methods/upstream/manage-providers.ts';
import { keepSignIn } from '../../src/methods/upstream/sessions/upstream-session.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import { contain, containFromWithin, containUser } from '../../src/containment.ts';
import { anonymous } from '../../src/core/actor.ts';
import { randomToken } from '../../src/core/secrets.ts';
import type { Work } from '../../src/core/work.ts';
import { changeIdentityProvider, deleteIdentityProvider } from '../../src/identity-providers.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import { passHistory } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { readLink } from '../../src/notices/links.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import { beginOwnEnrolment, finishOwnEnrolment } from '../../src/security-info/own-methods.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aHouse, aName, aPasskeyHolder, aVisitor, eventsOf, origin, untilSomebodyWaits } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** "This was not me": what one press of the button does, once, and what it leaves alone. */

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const subjects = messages.mails.notices;
const asAnybody = { actor: anonymous, origin: asOperator.origin };
const press = (token: string) =>
  latchkey.base.run(asAnybody, (work) => contain(work, { token, methods: house.methods }));
const look = (token: string) => latchkey.base.run(asAnybody, (work) => readLink(work, token));

/** The token of the last mail of that kind. The pass an owner joined with counts as replaced by the next. */
async function tokenOf(mail: string, kind: keyof typeof subjects): Promise<string> {
  const told = (await queuedMails(latchkey, mail)).filter(({ subject }) => subject === subjects[kind].subject);
  return told.at(-1)!.link!.searchParams.get('token')!;
}

/** One who has had a passkey for an hour. */
async function anOwner() {
  const name = aName('owner');
  const mail = aName('mail');
  const authenticator = newAuthenticator();
  latchkey.clock.advance(-60);
  const { userId, passkeyId } = await aPasskeyHolder(latchkey, house, name, authenticator);
  latchkey.clock.advance(60);
  await latchkey.work(async (work) => changeUser(work, await getUser(work, userId), { mail }));
  return { userId, passkeyId, name, mail, authenticator };
}

/** The owner's account with an intruder in it, who came by a pass and has a passkey now. */
async function intruded() {
  const owner = await anOwner();
  const intruder = await aVisitor(house);
  const authenticator = newAuthenticator();
  await intruder.enter(owner.name, await latchkey.pass(owner.userId));
  await intruder.register(authenticator);
  expect(await intruder.sign(authenticator)).toBe('complete');
  return { owner, intruder: { visitor: intruder, authenticator } };
}

async function protocolRows(accountId: string): Promise<void> {
  const { knex } = latchkey.base;
  const expires_at = new Date(Date.now() + 3_600_000);
  const hash = Buffer.from(randomUUID());
  await knex('oidc_sessions').insert({
    uid: accountId,
    jti_hash: hash,
    account_id: accountId,
    payload: '{}',
    expires_at,
  });
  await knex('oidc_grants').insert({
    id: accountId,
    client_id: 'app',
    account_id: accountId,
    payload: '{}',
    expires_at,
  });
  await knex('oidc_artifacts').insert({
    model: 'RefreshToken',
    id_hash: hash,
    account_id: accountId,
    payload: '{}',
    expires_at,
  });
}

async function liveProtocolRows(accountId: string): Promise<number> {
  const { knex } = latchkey.base;
  const live = await Promise.all([
    knex('oidc_sessions').where('account_id', '=', accountId).whereNull('ended_at'),
    knex('oidc_grants').where('account_id', '=', accountId),
    knex('oidc_artifacts').where('account_id', '=', accountId),
  ]);
  return live.flat().length;
}

const passkeysOf = (userId: string) =>
  latchkey.base.knex('passkeys').where('user_id', '=', userId).orderBy('created_at');
const signInsOf = (userId: string) => latchkey.base.knex('sign_ins').where('user_id', '=', userId);

describe('one press', () => {
  test('suspends the passkeys added since, and leaves those from before', async () => {
    const { owner, intruder } = await intruded();
    expect(await press(await tokenOf(owner.mail, 'passReplaced'))).toBe('contained');
    const [before, since] = await passkeysOf(owner.userId);
    expect(before).toMatchObject({ id: owner.passkeyId, suspended_at: null });
    expect(since).toMatchObject({ suspended_at: expect.any(Date), suspend_reason: 'not-me' });
    expect(await (await aVisitor(house)).sign(intruder.authenticator)).toBe('identify');
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('complete');
  });

  test('unlinks what was linked elsewhere since, and leaves what was before', async () => {
    const { owner } = await intruded();
    for (const id of ['before', 'since']) {
      const changes = { displayName: id, issuer: `https://${id}.example`, clientId: 'c' };
      await latchkey.work((work) => createProvider(work, { id, changes, clientSecret: 's' }));
    }
    const link = (providerId: string) =>
      latchkey.work((work) => linkIdentity(work, { user: owner.userId, providerId, sub: 'owner' }));
    await link('before');
    latchkey.clock.advance(1);
    await link('since');
    const identities = latchkey.base.knex('federated_identities').where('user_id', '=', owner.userId);
    expect(await press(await tokenOf(owner.mail, 'identityLinked'))).toBe('contained');
    expect(await identities).toMatchObject([{ provider_id: 'before' }]);
  });

  test('ends what such an identity opened, also the session that goes on, and nothing that another one did', async () => {
    const { userId, passkeyId } = await anOwner();
    const [old, young] = [`old-${userId}`, `young-${userId}`];
    const opened: Record<string, string> = {};
    for (const providerId of [old, young]) {
      const issuer = `https://${providerId}.example`;
      const changes = { displayName: providerId, issuer, clientId: 'c' };
      await latchkey.work((work) => createProvider(work, { id: providerId, changes, clientSecret: 's' }));
      await latchkey.work((work) => linkIdentity(work, { user: userId, providerId, sub: 'owner' }));
      const there = { providerId, issuer, sub: 'owner', sid: null, userId, idToken: 'token' };
      opened[providerId] = (await latchkey.work((work) => keepSignIn(work, there)))!;
      latchkey.clock.advance(1);
    }
    const { knex } = latchkey.base;
    const aSession = async (upstream_id: string) => {
      const uid = randomUUID();
      const expires_at = new Date(Date.now() + 3_600_000);
      const whose = { account_id: userId, payload: '{}', expires_at, upstream_id };
      await knex('oidc_sessions').insert({ uid, jti_hash: Buffer.from(uid), ...whose });
      return uid;
    };
    const live = async (sessionUid: string) =>
      (await knex('oidc_sessions').where('uid', '=', sessionUid).whereNull('ended_at')).length === 1;
    const since = await latchkey.work(async ({ now }) => new Date(now.getTime() - 90_000));
    const within = (sessionUid: string) =>
      latchkey.base.run(asAnybody, (work) => {
        const spared = async () => ({ sessionUid, credentialIds: [passkeyId] });
        return containFromWithin(work, house.methods, { userId, since, spared });
      });

    const kept = await aSession(opened[old]!);
    const hangs = await aSession(opened[young]!);
    await within(kept);
    expect([await live(kept), await live(hangs)]).toEqual([true, false]);
    expect(await knex('upstream_sessions').where('id', '=', opened[young]!).first()).toMatchObject({
      ended_at: expect.any(Date),
    });
    expect(await knex('upstream_sessions').where('id', '=', opened[old]!).first()).toMatchObject({ ended_at: null });

    await latchkey.work((work) => linkIdentity(work, { user: userId, providerId: young, sub: 'owner' }));
    const issuer = `https://${young}.example`;
    const there = { providerId: young, issuer, sub: 'owner', sid: null, userId, idToken: 'token' };
    const again = await aSession((await latchkey.work((work) => keepSignIn(work, there)))!);
    await within(again);
    expect(await live(again)).toBe(false);
    expect((await eventsOf(latchkey, { userId, type: 'session.ended-elsewhere' })).at(-1)).toMatchObject({
      details: { identityProvider: young, why: 'unlinked', sessions: 1 },
    });
  });

  test.each(['disabled', 'deleted'] as const)(
    'takes turns with the end of what a provider that is %s opened, and neither waits for the other for ever',
    async (end) => {
      const { userId } = await anOwner();
      const id = `${end}-${userId}`;
      const issuer = `https://${id}.example`;
      const changes = { displayName: id, issuer, clientId: 'c' };
      await latchkey.work((work) => createProvider(work, { id, changes, clientSecret: 's' }));
      await latchkey.work((work) => linkIdentity(work, { user: userId, providerId: id, sub: 'owner' }));
      const there = { providerId: id, issuer, sub: 'owner', sid: null, userId, idToken: 'token' };
      await protocolRows(userId);
      const { knex } = latchkey.base;
      const upstreamId = await latchkey.work((work) => keepSignIn(work, there));
      await knex('oidc_sessions').where('uid', '=', userId).update({ upstream_id: upstreamId });
      await knex('oidc_artifacts').where('account_id', '=', userId).update({ session_uid: userId });

      const ended: Promise<unknown>[] = [];
      await knex.transaction(async (tx) => {
        await tx.raw('select 1 from oidc_artifacts where account_id = ? for update', [userId]);
        ended.push(latchkey.work((work) => containUser(work, { methods: house.methods, user: userId })));
        await untilSomebodyWaits(latchkey); // it holds the session
        const provider = (work: Work) =>
          end === 'deleted'
            ? deleteIdentityProvider(work, { id, unlinks: true })
            : changeIdentityProvider(work, { id, changes: { state: 'disabled' } });
        ended.push(latchkey.work<unknown>(provider));
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
      expect((await Promise.allSettled(ended)).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      expect(await liveProtocolRows(userId)).toBe(0);
      expect(await knex('federated_identities').where('user_id', '=', userId)).toEqual([]);
    },
  );

  test('counts "since" from the moment of the mail, that moment included', async () => {
    const { owner } = await intruded();
    const token = await tokenOf(owner.mail, 'passkeyAdded');
    latchkey.clock.advance(5);
    const authenticator = newAuthenticator();
    const visitor = await aVisitor(house);
    await visitor.enter(owner.name, await latchkey.pass(owner.userId));
    await visitor.register(authenticator);
    await press(token);
    expect((await passkeysOf(owner.userId)).map(({ suspended_at }) => suspended_at !== null)).toEqual([
      false,
      true,
      true,
    ]);
  });

  test('leaves a passkey alone that was added before a later mail', async () => {
    const { owner } = await intruded();
    latchkey.clock.advance(5);
    await latchkey.pass(owner.userId);
    await press(await tokenOf(owner.mail, 'passReplaced'));
    expect((await passkeysOf(owner.userId)).map(({ suspended_at }) => suspended_at)).toEqual([null, null]);
  });

  test('cancels the pass, and the registration it has opened', async () => {
    const owner = await anOwner();
    const code = await latchkey.pass(owner.userId);
    const intruder = await aVisitor(house);
    expect(await intruder.enter(owner.name, code)).toBe('enrol');
    expect(await press(await tokenOf(owner.mail, 'passUsed'))).toBe('contained');
    expect(await signInsOf(owner.userId)).toEqual([]);
    const again = await aVisitor(house, { browser: intruder.visit.browser });
    expect(await again.enter(owner.name, code)).toBe('verify');
    const { passes } = await latchkey.work((work) => passHistory(work, owner.userId));
    expect(passes[0]).toMatchObject({ end: { reason: 'revoked' } });
  });

  test('ends sessions, grants, tokens and sign-ins of this account and of no other', async () => {
    const { owner, intruder } = await intruded();
    const other = await intruded();
    await protocolRows(owner.userId);
    await protocolRows(other.owner.userId);
    await press(await tokenOf(owner.mail, 'passUsed'));
    expect(await liveProtocolRows(owner.userId)).toBe(0);
    expect(await liveProtocolRows(other.owner.userId)).toBe(3);
    expect(await signInsOf(owner.userId)).toEqual([]);
    expect(await signInsOf(other.owner.userId)).not.toEqual([]);
    expect((await passkeysOf(other.owner.userId)).every(({ suspended_at }) => suspended_at === null)).toBe(true);
    await expect(intruder.visitor.sign(intruder.authenticator)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('never disables the account', async () => {
    const { owner } = await intruded();
    await press(await tokenOf(owner.mail, 'passReplaced'));
    expect(await latchkey.work((work) => getUser(work, owner.userId))).toMatchObject({ enabled: true });
    await latchkey.pass(owner.userId);
  });

  test('is recorded, and told once instead of by its parts, without another link', async () => {
    const { owner } = await intruded();
    await latchkey.pass(owner.userId);
    const before = (await queuedMails(latchkey, owner.mail)).length;
    const [first] = await passkeysOf(owner.userId).offset(1);
    await press(await tokenOf(owner.mail, 'passkeyAdded'));
    const types = (await eventsOf(latchkey, { userId: owner.userId })).slice(-3);
    expect(types.map(({ type }) => type)).toEqual(['pass.revoked', 'passkey.suspended', 'account.contained']);
    expect(types.every(({ actor_kind }) => actor_kind === 'anonymous')).toBe(true);
    expect(types[2]!.details).toMatchObject({ ended: [expect.any(String), first.id], since: expect.any(String) });
    const told = (await queuedMails(latchkey, owner.mail)).slice(before);
    expect(told).toMatchObject([{ subject: subjects.contained.subject, link: null }]);
  });
});

describe('a link', () => {
  test('works once: the second press does nothing and says so', async () => {
    const { owner } = await intruded();
    const token = await tokenOf(owner.mail, 'passReplaced');
    expect(await press(token)).toBe('contained');
    await latchkey.pass(owner.userId);
    const before = await latchkey.base.knex('audit_events').count('* as n').first();
    expect(await press(token)).toBe('already');
    expect(await latchkey.base.knex('audit_events').count('* as n').first()).toEqual(before);
    expect(await look(token)).toMatchObject({ kind: 'used', usedAt: expect.any(Date) });
  });

  test('pressed ten times at once works once', async () => {
    const { owner } = await intruded();
    const token = await tokenOf(owner.mail, 'passReplaced');
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => press(token)));
    expect(outcomes.sort()).toEqual([...Array.from({ length: 9 }, () => 'already'), 'contained']);
  });

  test('is good for 72 hours', async () => {
    const owner = await anOwner();
    await latchkey.pass(owner.userId, { lifetimeMinutes: 480 });
    const token = await tokenOf(owner.mail, 'passReplaced');
    latchkey.clock.advance(72 * 60);
    try {
      expect(await look(token)).toEqual({ kind: 'ended' });
      expect(await press(token)).toBe('ended');
    } finally {
      latchkey.clock.advance(-72 * 60);
    }
    latchkey.clock.advance(71 * 60);
    try {
      expect(await look(token)).toMatchObject({ kind: 'open', userPrincipalName: owner.name });
      expect(await press(token)).toBe('contained');
    } finally {
      latchkey.clock.advance(-71 * 60);
    }
  });

  test('that nobody was sent does nothing', async () => {
    for (const token of ['', 'x', randomToken(), "' or true --"]) {
      expect(await look(token)).toEqual({ kind: 'ended' });
      expect(await press(token)).toBe('ended');
    }
  });

  test('may be looked at as often as one likes', async () => {
    const { owner } = await intruded();
    const token = await tokenOf(owner.mail, 'passReplaced');
    for (let times = 0; times < 3; times += 1) expect(await look(token)).toMatchObject({ kind: 'open' });
    expect((await passkeysOf(owner.userId)).every(({ suspended_at }) => suspended_at === null)).toBe(true);
    expect(await press(token)).toBe('contained');
  });

  test('of a deleted user has ended; of a disabled one it works', async () => {
    const [gone, disabled] = [await intruded(), await intruded()];
    const tokens = [await tokenOf(gone.owner.mail, 'passReplaced'), await tokenOf(disabled.owner.mail, 'passReplaced')];
    await latchkey.work((work) => deletePerson(work, gone.owner.userId));
    await latchkey.work((work) => changePerson(work, disabled.owner.userId, { enabled: false }));
    expect([await look(tokens[0]!), await press(tokens[0]!), await press(tokens[1]!)]).toEqual([
      { kind: 'ended' },
      'ended',
      'contained',
    ]);
  });

  test('is known to the database by its digest alone', async () => {
    const owner = await anOwner();
    await latchkey.pass(owner.userId);
    const token = await tokenOf(owner.mail, 'passReplaced');
    const { knex } = latchkey.base;
    const dump = JSON.stringify([
      await knex.raw('select t::text from mail_outbox t').then(({ rows }) => rows),
      await knex.raw('select t::text from containment_links t').then(({ rows }) => rows),
    ]);
    for (const clear of [token, Buffer.from(token).toString('hex'), Buffer.from(token, 'base64url').toString('hex')]) {
      expect(dump).not.toContain(clear);
    }
    for (const text of ['not-me', owner.name, Buffer.from('not-me?token').toString('hex')]) {
      expect(dump).not.toContain(text);
    }
    expect(dump).toContain(owner.mail);
  });
});

describe('what is under way at the very moment', () => {
  test('a passkey that is being added in My security info is not kept', async () => {
    const owner = await anOwner();
    await latchkey.pass(owner.userId);
    const token = await tokenOf(owner.mail, 'passReplaced');
    const passkeys = house.methods.get('passkey') as EnrollableMethod;
    const authTime = await latchkey.work(async (work) => work.now);
    const session = {
      userId: owner.userId,
      sessionUid: 's',
      passId: null,
      authTime,
      strong: true,
      origin: asOperator.origin,
    };
    const options = await beginOwnEnrolment(latchkey.base.run, house.methods, passkeys, session);
    const made = await newAuthenticator().create(options as never, { origin });
    const checking: EnrollableMethod = {
      ...passkeys,
      async checkEnrolment(candidate) {
        await press(token);
        return passkeys.checkEnrolment(candidate);
      },
    };
    const finished = finishOwnEnrolment(latchkey.base.run, house.methods, checking, session, {
      response: JSON.stringify(made),
    });
    await expect(finished).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await passkeysOf(owner.userId)).toHaveLength(1);
  });

  test('a sign-in with a passkey that the press has to wait for ends with it', async () => {
    const { owner, intruder } = await intruded();
    const token = await tokenOf(owner.mail, 'passReplaced');
    const visitor = await aVisitor(house);
    const answer = await intruder.authenticator.get(await visitor.requestOptions(), { origin });
    let pressed: Promise<unknown> = Promise.resolve();
    // The passkey's row is held by somebody while the press begins; the sign-in gets it first.
    await latchkey.base.knex.transaction(async (tx) => {
      const [, added] = await passkeysOf(owner.userId);
      await tx.raw('select 1 from passkeys where id = ? for update', [added.id]);
      const signed = steps.answer(house, visitor.visit, 'passkey', { response: JSON.stringify(answer) });
      await untilSomebodyWaits(latchkey);
      pressed = Promise.all([signed, press(token)]);
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await pressed;
    expect(await signInsOf(owner.userId)).toEqual([]);
    expect(await visitor.step()).toBe('identify');
  });

  test('a pass entered while the press waits opens nothing, and neither waits for the other for ever', async () => {
    const owner = await anOwner();
    const code = await latchkey.pass(owner.userId);
    const token = await tokenOf(owner.mail, 'passReplaced');
    const visitor = await aVisitor(house);
    let pressed: Promise<unknown> = Promise.resolve();
    let begun: Promise<unknown> = Promise.resolve();
    await latchkey.base.knex.transaction(async (tx) => {
      await tx.raw('select 1 from users where id = ? for no key update', [owner.userId]);
      pressed = press(token);
      await untilSomebodyWaits(latchkey); // it has ended the sign-ins there were
      expect(await visitor.enter(owner.name, code)).toBe('enrol');
      // Holds its sign-in and waits for the user, behind the press.
      begun = visitor.creationOptions().catch((error: unknown) => error);
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    expect(await pressed).toBe('contained');
    expect(await begun).toMatchObject({ code: 'conflict' });
    expect(await visitor.step()).toBe('ended');
  });
});
