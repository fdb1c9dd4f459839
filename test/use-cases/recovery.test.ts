import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containUser, containWithPasskey } from '../../src/containment.ts';
import { anonymous } from '../../src/core/actor.ts';
import { addMinutes } from '../../src/core/time.ts';
import { forgetRemoved } from '../../src/methods/passkey/store.ts';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { changeMethodOf, removePasskeyOf } from '../../src/others-methods.ts';
import { changePerson } from '../../src/people.ts';
import { lostOffer, suspendLost } from '../../src/recovery.ts';
import { registrationRules } from '../../src/registration/demand.ts';
import { defaultRegistrationSettings } from '../../src/registration/settings.ts';
import * as own from '../../src/security-info/own-methods.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import {
  aHouse,
  aName,
  aPasskeyHolder,
  aVisitor,
  type CreationOptions,
  eventsOf,
  lastRefusal,
  origin,
  passPolicy,
  untilSomebodyWaits,
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** A pass for somebody who has ways in already: what they lost is put out of use, and can be taken back. */

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

const subjects = messages.mails.notices;
const passkeysOf = (userId: string) =>
  latchkey.base.knex('passkeys').where('user_id', '=', userId).orderBy('created_at');
const passkeyRow = async (id: string) => (await latchkey.base.knex('passkeys').where('id', '=', id).first())!;

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
type AnOwner = Awaited<ReturnType<typeof anOwner>>;

/** The same with a pass entered, at the page of the new passkey. */
async function recovering(owner?: AnOwner) {
  const person = owner ?? (await anOwner());
  const code = await latchkey.pass(person.userId);
  const visitor = await aVisitor(house);
  expect(await visitor.enter(person.name, code)).toBe('enrol');
  return { ...person, code, visitor };
}

const lose = (visitor: Visitor, credentialIds: readonly string[], sessionUid: string | null = null) =>
  suspendLost(house, visitor.visit, { credentialIds, sessionUid });

/** And then says that the old passkey was lost. */
async function havingLost(person?: AnOwner) {
  const owner = await recovering(person);
  await lose(owner.visitor, [owner.passkeyId]);
  return owner;
}

/** And has made and used a new one. */
async function recovered(person?: AnOwner) {
  const owner = await havingLost(person);
  const next = newAuthenticator();
  await owner.visitor.register(next);
  expect(await owner.visitor.sign(next)).toBe('complete');
  const added = (await passkeysOf(owner.userId)).find(({ id }) => id !== owner.passkeyId)!;
  return { ...owner, next, addedId: added.id as string };
}

async function sessionOf({ userId }: AnOwner, more: Partial<own.Owner> = {}): Promise<own.Owner> {
  const authTime = await latchkey.work(async (work) => work.now);
  const from = { requestId: randomUUID(), ip: null, userAgent: null };
  return { userId, sessionUid: randomUUID(), authTime, strong: true, passId: null, origin: from, ...more };
}

async function protocolRows(accountId: string, uid = randomUUID() as string): Promise<string> {
  const { knex } = latchkey.base;
  const expires_at = new Date(Date.now() + 3_600_000);
  const grant = randomUUID();
  await knex('oidc_sessions').insert({
    uid,
    jti_hash: randomBytes(32),
    account_id: accountId,
    payload: JSON.stringify({ authorizations: { app: { grantId: grant } } }),
    expires_at,
  });
  await knex('oidc_grants').insert({ id: grant, client_id: 'app', account_id: accountId, payload: '{}', expires_at });
  await knex('oidc_artifacts').insert({
    model: 'RefreshToken',
    id_hash: randomBytes(32),
    account_id: accountId,
    grant_id: grant,
    session_uid: uid,
    payload: '{}',
    expires_at,
  });
  return uid;
}

async function liveProtocolRows(accountId: string) {
  const { knex } = latchkey.base;
  const [sessions, grants, artifacts] = await Promise.all([
    knex('oidc_sessions').where('account_id', '=', accountId).whereNull('ended_at'),
    knex('oidc_grants').where('account_id', '=', accountId),
    knex('oidc_artifacts').where('account_id', '=', accountId),
  ]);
  return { sessions: sessions.map(({ uid }) => uid), grants: grants.length, artifacts: artifacts.length };
}

const offered = async (visitor: Visitor) =>
  (await lostOffer(house, visitor.visit))?.credentials.map(({ method, id }) => `${method} ${id}`);

describe('the offer', () => {
  test('is for who had something before the pass, and names what still works', async () => {
    const owner = await recovering();
    expect((await owner.visitor.look()).mayHaveLost).toBe(true);
    expect(await offered(owner.visitor)).toEqual([`passkey ${owner.passkeyId}`]);
    await lose(owner.visitor, [owner.passkeyId]);
    expect((await owner.visitor.look()).mayHaveLost).toBe(false);
    expect(await offered(owner.visitor)).toBeUndefined();
  });

  test('is not for who joins, nor for what this very pass has added', async () => {
    const { userPrincipalName: name } = await latchkey.user(aName());
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    expect((await visitor.look()).mayHaveLost).toBe(false);
    expect(await offered(visitor)).toBeUndefined();
    await visitor.register(newAuthenticator());
    expect(await offered(visitor)).toBeUndefined();
    const [{ id }] = await passkeysOf((await latchkey.work((work) => getUser(work, name))).id);
    await expect(lose(visitor, [id])).rejects.toMatchObject({ code: 'not_found' });
    expect((await passkeyRow(id)).suspended_at).toBeNull();
  });

  test('is made for a recovery code as for a pass, with the rest of the sheet in it', async () => {
    const owner = await anOwner();
    const codes = await makeRecoveryCodes(latchkey.base.run, asOperator, owner.userId);
    const withCodes: steps.SignInHouse = {
      ...house,
      policyFrom: (decided) => ({ ...house.policyFrom(decided), methods: ['passkey', 'recovery-code'] }),
    };
    const visitor = (await aVisitor(withCodes)).at(withCodes);
    await visitor.name(owner.name);
    await steps.answer(withCodes, visitor.visit, 'recovery-code', { code: codes[0] });
    expect(await visitor.step()).toBe('enrol');
    const { credentials } = (await lostOffer(withCodes, visitor.visit))!;
    expect(credentials.map(({ method }) => method).sort()).toEqual(['passkey', 'recovery-code']);
    const set = credentials.find(({ method }) => method === 'recovery-code')!.id;
    await suspendLost(withCodes, visitor.visit, { credentialIds: [set], sessionUid: null });
    const other = (await aVisitor(withCodes)).at(withCodes);
    await other.name(owner.name);
    await steps.answer(withCodes, other.visit, 'recovery-code', { code: codes[1] });
    expect(await other.step()).toBe('verify');
    expect((await other.look()).signIn.notice).toMatchObject({ kind: 'refused', method: 'recovery-code' });
    expect(await lastRefusal(latchkey)).toBe('credential_suspended');
    expect(await visitor.register(newAuthenticator())).toBe('confirm');
    const session = await sessionOf(owner);
    await own.useOwnAgain(latchkey.base.run, house.methods, session, set);
    await steps.answer(withCodes, other.visit, 'recovery-code', { code: codes[1] });
    expect(await other.step()).toBe('enrol');
  });
});

describe('what is called lost', () => {
  test('signs in no more from that moment, is still there, and everything else signed in ends', async () => {
    const owner = await recovering();
    const uid = await protocolRows(owner.userId);
    const bystander = await recovering();
    await protocolRows(bystander.userId);
    await lose(owner.visitor, [owner.passkeyId]);
    expect(await liveProtocolRows(owner.userId)).toEqual({ sessions: [], grants: 0, artifacts: 0 });
    expect(await liveProtocolRows(bystander.userId)).toMatchObject({ grants: 1, artifacts: 1 });
    expect(uid).toBeTruthy();
    expect(await passkeyRow(owner.passkeyId)).toMatchObject({
      suspended_at: expect.any(Date),
      suspend_reason: 'lost',
      removed_at: null,
    });
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('credential_suspended');
  });

  test('leaves the sign-in that says so, and the session of its browser with what that one got', async () => {
    const owner = await recovering();
    const [kept] = [await protocolRows(owner.userId), await protocolRows(owner.userId)];
    await lose(owner.visitor, [owner.passkeyId], kept);
    expect(await liveProtocolRows(owner.userId)).toEqual({ sessions: [kept], grants: 1, artifacts: 1 });
    expect(await owner.visitor.step()).toBe('enrol');
    const next = newAuthenticator();
    await owner.visitor.register(next);
    expect(await owner.visitor.sign(next)).toBe('complete');
  });

  test('ends a sign-in of theirs that is under way elsewhere', async () => {
    const owner = await recovering();
    const elsewhere = await aVisitor(house);
    expect(await elsewhere.sign(owner.authenticator)).toBe('complete');
    await lose(owner.visitor, [owner.passkeyId]);
    expect(await latchkey.base.knex('sign_ins').where('user_id', '=', owner.userId)).toHaveLength(1);
  });

  test('is recorded and told once, and a new method is not asked for with the lost one', async () => {
    const owner = await recovering();
    const before = (await queuedMails(latchkey, owner.mail)).length;
    await lose(owner.visitor, [owner.passkeyId]);
    const events = (await eventsOf(latchkey, { userId: owner.userId })).slice(-2);
    expect(events).toMatchObject([
      { type: 'passkey.suspended', actor_kind: 'anonymous', details: { reason: 'lost', passId: expect.any(String) } },
      { type: 'methods.lost', details: { suspended: [owner.passkeyId], sessions: 0 } },
    ]);
    const told = (await queuedMails(latchkey, owner.mail)).slice(before);
    expect(told).toMatchObject([{ subject: subjects.methodsLost.subject, link: expect.any(URL) }]);
    expect((await owner.visitor.look()).signIn.notice).toMatchObject({ kind: 'lost_suspended' });
    expect(await owner.visitor.register(newAuthenticator())).toBe('confirm');
  });

  test('twice, and ten times at once, is suspended once', async () => {
    const owner = await recovering();
    await Promise.all(Array.from({ length: 10 }, () => lose(owner.visitor, [owner.passkeyId])));
    const first = await passkeyRow(owner.passkeyId);
    latchkey.clock.advance(1);
    await lose(owner.visitor, [owner.passkeyId]);
    latchkey.clock.advance(-1);
    expect(await passkeyRow(owner.passkeyId)).toEqual(first);
    expect(await eventsOf(latchkey, { userId: owner.userId, type: 'methods.lost' })).toHaveLength(1);
    expect(await eventsOf(latchkey, { userId: owner.userId, type: 'passkey.suspended' })).toHaveLength(1);
  });

  test('is nothing when nothing is ticked', async () => {
    const owner = await recovering();
    await protocolRows(owner.userId);
    await lose(owner.visitor, []);
    expect(await liveProtocolRows(owner.userId)).toMatchObject({ grants: 1 });
    expect(await eventsOf(latchkey, { userId: owner.userId, type: 'methods.lost' })).toEqual([]);
  });

  test('is one of their own: with one of somebody else in the list none is suspended', async () => {
    const [owner, other] = [await recovering(), await anOwner()];
    for (const foreign of [other.passkeyId, randomUUID(), 'x', '']) {
      await expect(lose(owner.visitor, [owner.passkeyId, foreign])).rejects.toMatchObject({ code: 'not_found' });
    }
    for (const id of [owner.passkeyId, other.passkeyId]) expect((await passkeyRow(id)).suspended_at).toBeNull();
  });

  test('is said in the browser of the pass and in no other', async () => {
    const owner = await recovering();
    const visit = { ...owner.visitor.visit, browser: randomBytes(32) };
    const asked = { credentialIds: [owner.passkeyId], sessionUid: null };
    await expect(suspendLost(house, visit, asked)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(lostOffer(house, visit)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await passkeyRow(owner.passkeyId)).suspended_at).toBeNull();
  });

  test('is said in the window: not before the pass, not after its time, not once it was completed', async () => {
    const owner = await anOwner();
    const early = await aVisitor(house);
    await early.name(owner.name);
    await lose(early, [owner.passkeyId]);
    expect(await offered(early)).toBeUndefined();

    const late = await recovering(owner);
    latchkey.clock.advance(10);
    await lose(late.visitor, [owner.passkeyId]);
    expect(await offered(late.visitor)).toBeUndefined();
    latchkey.clock.advance(-10);

    const next = newAuthenticator();
    await late.visitor.register(next);
    await late.visitor.sign(next);
    await lose(late.visitor, [owner.passkeyId]);
    expect((await passkeyRow(owner.passkeyId)).suspended_at).toBeNull();
  });

  test('is not said without a pass: who signed in and is asked for one more method is refused', async () => {
    const owner = await anOwner();
    const settings = { ...defaultRegistrationSettings, state: 'enabled' } as const;
    const registration = registrationRules({ ...settings, methods: ['authenticator-app'] }, ['authenticator-app']);
    const asking: steps.SignInHouse = {
      ...house,
      policyFrom: () => ({ methods: ['passkey'], enrollable: ['passkey', 'authenticator-app'], registration }),
    };
    const visitor = await aVisitor(asking);
    expect(await visitor.sign(owner.authenticator)).toBe('enrol');
    expect(await visitor.look()).toMatchObject({ mayHaveLost: false, step: { demanded: 'required' } });
    const losing = suspendLost(asking, visitor.visit, { credentialIds: [owner.passkeyId], sessionUid: null });
    await expect(losing).rejects.toMatchObject({ code: 'conflict' });
    expect((await passkeyRow(owner.passkeyId)).suspended_at).toBeNull();
  });

  test('stays suspended when the window ends, and a new pass is the way on', async () => {
    const owner = await havingLost();
    latchkey.clock.advance(10);
    try {
      expect(await owner.visitor.step()).toBe('ended');
      expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
      const again = await recovering(owner);
      expect(await again.visitor.register(newAuthenticator())).toBe('confirm');
    } finally {
      latchkey.clock.advance(-10);
    }
  });

  test('that a sign-in with it is just using waits for neither for ever, and opens nothing', async () => {
    const owner = await recovering();
    const thief = await aVisitor(house);
    const answer = await owner.authenticator.get(await thief.requestOptions(), { origin });
    let both: Promise<unknown> = Promise.resolve();
    await latchkey.base.knex.transaction(async (tx) => {
      await tx.raw('select 1 from passkeys where id = ? for update', [owner.passkeyId]);
      const losing = lose(owner.visitor, [owner.passkeyId]);
      await untilSomebodyWaits(latchkey);
      both = Promise.all([losing, steps.answer(house, thief.visit, 'passkey', { response: JSON.stringify(answer) })]);
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await both;
    expect(await thief.step()).toBe('identify');
  });
});

describe('after the new method was used', () => {
  test('the old one is found again by who signed in with another, and works', async () => {
    const owner = await recovered();
    const session = await sessionOf(owner);
    const listed = (await own.ownSecurityInfo(latchkey.base.run, house.methods, session)).credentials;
    expect(listed.find(({ id }) => id === owner.passkeyId)).toMatchObject({
      suspended: true,
      suspension: { reason: 'lost', at: expect.any(Date) },
    });
    for (const weak of [
      { ...session, strong: false },
      { ...session, authTime: addMinutes(session.authTime, -10) },
      { ...session, passId: randomUUID() },
    ]) {
      const asking = own.useOwnAgain(latchkey.base.run, house.methods, weak, owner.passkeyId);
      await expect(asking).rejects.toMatchObject({ code: 'unauthenticated' });
    }
    await own.useOwnAgain(latchkey.base.run, house.methods, session, owner.passkeyId);
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('complete');
    const again = own.useOwnAgain(latchkey.base.run, house.methods, session, owner.passkeyId);
    await expect(again).rejects.toMatchObject({ code: 'not_found' });
  });

  test.each(['not-me', 'counter_regress', 'administrator'])(
    'its owner does not lift a suspension for %s',
    async (why) => {
      const owner = await recovered();
      await latchkey.base
        .knex('passkeys')
        .where('id', '=', owner.passkeyId)
        .update({ suspend_reason: why, contain_since: null });
      const asking = own.useOwnAgain(latchkey.base.run, house.methods, await sessionOf(owner), owner.passkeyId);
      await expect(asking).rejects.toMatchObject({ code: 'not_found' });
      expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
    },
  );

  test('nobody lifts one of somebody else', async () => {
    const [owner, other] = [await recovered(), await recovered()];
    const asking = own.useOwnAgain(latchkey.base.run, house.methods, await sessionOf(other), owner.passkeyId);
    await expect(asking).rejects.toMatchObject({ code: 'not_found' });
  });

  test('removed for good it is seen no more, and the row goes when it opens nothing any more', async () => {
    const owner = await recovered();
    const session = await sessionOf(owner);
    await own.removeOwnCredential(latchkey.base.run, house.methods, session, owner.passkeyId);
    const { credentials } = await own.ownSecurityInfo(latchkey.base.run, house.methods, session);
    expect(credentials.map(({ id }) => id)).toEqual([owner.addedId]);
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('identify');
    const gone = own.useOwnAgain(latchkey.base.run, house.methods, session, owner.passkeyId);
    await expect(gone).rejects.toMatchObject({ code: 'not_found' });
    await latchkey.work((work) => forgetRemoved(work.tx, work.now));
    expect(await passkeyRow(owner.passkeyId)).toBeDefined();
    await latchkey.work((work) => forgetRemoved(work.tx, addMinutes(work.now, 72 * 60 + 1)));
    expect((await passkeysOf(owner.userId)).map(({ id }) => id)).toEqual([owner.addedId]);
  });
});

describe('a passkey that was called lost', () => {
  /** At the page that asks, with the old passkey in hand. */
  async function holding(owner: AnOwner) {
    const visitor = await aVisitor(house);
    expect(await visitor.sign(owner.authenticator)).toBe('identify');
    return visitor;
  }
  const noticeOf = async (visitor: Visitor) => (await visitor.look()).signIn.notice;

  test('does not sign in, and asks its holder', async () => {
    const owner = await havingLost();
    const visitor = await holding(owner);
    const { suspended_at } = await passkeyRow(owner.passkeyId);
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'called_lost', at: suspended_at.toISOString() });
    await steps.goOn(house, visitor.visit);
    expect(await noticeOf(visitor)).toBeNull();
  });

  test('says nothing to who cannot sign with it', async () => {
    const owner = await havingLost();
    for (const [tamper, kind] of [
      [{ signature: 'bogus' }, 'refused'],
      [{ userVerified: false }, 'unverified_user'],
    ] as const) {
      const visitor = await aVisitor(house);
      await visitor.sign(owner.authenticator, tamper);
      expect(await noticeOf(visitor)).toMatchObject({ kind });
      await containWithPasskey(house, visitor.visit);
    }
    expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
    expect(await eventsOf(latchkey, { userId: owner.userId, type: 'account.contained' })).toEqual([]);
  });

  test('says nothing for a copy whose counter lags behind', async () => {
    const owner = await anOwner();
    const copy = owner.authenticator.clone();
    await (await aVisitor(house)).sign(owner.authenticator);
    await havingLost(owner);
    const visitor = await aVisitor(house);
    await visitor.sign(copy);
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'suspended_passkey' });
  });

  test('contains: what was added since is suspended, all is signed out, the pass is cancelled, and it works again', async () => {
    const intruded = await recovered();
    await latchkey.pass(intruded.userId);
    await protocolRows(intruded.userId);
    const before = (await queuedMails(latchkey, intruded.mail)).length;
    const visitor = await holding(intruded);
    await containWithPasskey(house, visitor.visit);
    expect(await noticeOf(visitor)).toMatchObject({ kind: 'reclaimed' });
    expect(await passkeyRow(intruded.passkeyId)).toMatchObject({
      suspended_at: null,
      suspend_reason: null,
      contain_since: null,
    });
    expect(await passkeyRow(intruded.addedId)).toMatchObject({ suspend_reason: 'not-me' });
    expect(await liveProtocolRows(intruded.userId)).toEqual({ sessions: [], grants: 0, artifacts: 0 });
    const pass = await latchkey.base
      .knex('temporary_access_passes')
      .where('user_id', '=', intruded.userId)
      .whereNull('ended_at')
      .whereNull('completed_at');
    expect(pass).toEqual([]);
    const told = (await queuedMails(latchkey, intruded.mail)).slice(before);
    expect(told).toMatchObject([{ subject: subjects.reclaimed.subject, link: null }]);
    const [event] = await eventsOf(latchkey, { userId: intruded.userId, type: 'account.contained' });
    expect(event!.details).toMatchObject({ by: 'passkey', credentialId: intruded.passkeyId });
    await steps.goOn(house, visitor.visit);
    expect(await visitor.sign(intruded.authenticator)).toBe('complete');
    expect(await (await aVisitor(house)).sign(intruded.next)).toBe('identify');
  });

  test('ends the registration that is still under way with the pass', async () => {
    const intruded = await havingLost();
    const visitor = await holding(intruded);
    await containWithPasskey(house, visitor.visit);
    await expect(intruded.visitor.register(newAuthenticator())).rejects.toMatchObject({ code: 'conflict' });
    expect(await passkeysOf(intruded.userId)).toHaveLength(1);
  });

  test('counts from the moment the pass was entered, also for what it had added before it was said', async () => {
    const owner = await anOwner();
    await passPolicy(latchkey, { isUsableOnce: false });
    const code = await latchkey.pass(owner.userId, { oneTime: false });
    const visitor = await aVisitor(house);
    await visitor.enter(owner.name, code);
    await visitor.register(newAuthenticator());
    latchkey.clock.advance(2);
    const again = await visitor.again();
    expect(await again.enter(owner.name, code)).toBe('confirm');
    await lose(again, [owner.passkeyId]);
    await containWithPasskey(house, (await holding(owner)).visit);
    latchkey.clock.advance(-2);
    const [old, added] = await passkeysOf(owner.userId);
    expect(old).toMatchObject({ suspended_at: null });
    expect(added).toMatchObject({ suspend_reason: 'not-me' });
  });

  test('does so also when it was removed by who came with the pass', async () => {
    const intruded = await recovered();
    const intruder = await sessionOf(intruded);
    await own.removeOwnCredential(latchkey.base.run, house.methods, intruder, intruded.passkeyId);
    const visitor = await holding(intruded);
    await containWithPasskey(house, visitor.visit);
    const { credentials } = await own.ownSecurityInfo(latchkey.base.run, house.methods, await sessionOf(intruded));
    expect(credentials).toMatchObject([
      { id: intruded.passkeyId, suspended: false },
      { id: intruded.addedId, suspended: true },
    ]);
  });

  test('but not when an administrator removed it, or suspended it after that', async () => {
    const [removed, suspended] = [await recovered(), await recovered()];
    const of = (owner: AnOwner) => ({ methods: house.methods, user: owner.userId });
    await latchkey.work((work) => removePasskeyOf(work, { ...of(removed), passkeyId: removed.passkeyId }));
    await latchkey.work((work) =>
      changeMethodOf(work, { ...of(suspended), kind: 'passkey', id: suspended.passkeyId, state: 'suspended' }),
    );
    expect(await noticeOf(await holding(removed))).toMatchObject({ kind: 'unknown_passkey' });
    expect(await noticeOf(await holding(suspended))).toMatchObject({ kind: 'suspended_passkey' });
  });

  test('does so for 72 hours', async () => {
    const owner = await havingLost();
    latchkey.clock.advance(72 * 60 - 1);
    try {
      const visitor = await holding(owner);
      expect(await noticeOf(visitor)).toMatchObject({ kind: 'called_lost' });
      latchkey.clock.advance(1);
      await containWithPasskey(house, visitor.visit);
      expect(await noticeOf(visitor)).toMatchObject({ kind: 'suspended_passkey' });
      expect(await noticeOf(await holding(owner))).toMatchObject({ kind: 'suspended_passkey' });
      expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
    } finally {
      latchkey.clock.advance(-72 * 60);
    }
  });

  test('is proved anew after ten minutes', async () => {
    const owner = await havingLost();
    const visitor = await holding(owner);
    latchkey.clock.advance(10);
    try {
      await containWithPasskey(house, visitor.visit);
      expect(await noticeOf(visitor)).toMatchObject({ kind: 'suspended_passkey' });
      expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
    } finally {
      latchkey.clock.advance(-10);
    }
  });

  test('of a disabled user does nothing', async () => {
    const owner = await havingLost();
    const visitor = await holding(owner);
    await latchkey.work((work) => changePerson(work, owner.userId, { enabled: false }));
    await containWithPasskey(house, visitor.visit);
    expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
    expect(await noticeOf(await holding(owner))).toMatchObject({ kind: 'suspended_passkey' });
  });

  test('contains in the browser that proved it and in no other', async () => {
    const owner = await havingLost();
    const visitor = await holding(owner);
    const visit = { ...visitor.visit, browser: randomBytes(32) };
    await expect(containWithPasskey(house, visit)).rejects.toMatchObject({ code: 'forbidden' });
    await containWithPasskey(house, (await aVisitor(house)).visit);
    expect((await passkeyRow(owner.passkeyId)).suspended_at).not.toBeNull();
  });

  test('pressed ten times at once, and in five browsers at once, contains once', async () => {
    const owner = await havingLost();
    const visitors = await Promise.all(Array.from({ length: 5 }, () => holding(owner)));
    await Promise.all([...visitors, ...visitors].map(({ visit }) => containWithPasskey(house, visit)));
    expect(await eventsOf(latchkey, { userId: owner.userId, type: 'account.contained' })).toHaveLength(1);
    expect((await passkeyRow(owner.passkeyId)).suspended_at).toBeNull();
  });
});

describe('a passkey that was removed after somebody came with a pass', () => {
  const hours = (count: number) => latchkey.clock.advance(count * 60);
  const removing = (session: own.Owner, id: string) =>
    own.removeOwnCredential(latchkey.base.run, house.methods, session, id);

  /** An owner of old, and somebody who has come with a pass of theirs, added a passkey and used it. */
  async function intruded() {
    hours(-100);
    const owner = await anOwner();
    hours(100);
    const { visitor } = await recovering(owner);
    const next = newAuthenticator();
    await visitor.register(next);
    expect(await visitor.sign(next)).toBe('complete');
    const added = (await passkeysOf(owner.userId)).find(({ id }) => id !== owner.passkeyId)!;
    return { ...owner, next, addedId: added.id as string };
  }
  async function noticeTo(authenticator: AnOwner['authenticator']) {
    const visitor = await aVisitor(house);
    await visitor.sign(authenticator);
    return { visitor, step: await visitor.step(), notice: (await visitor.look()).signIn.notice };
  }

  test('is seen no more and signs nobody in, and its holder takes the account back', async () => {
    const owner = await intruded();
    const session = await sessionOf(owner);
    await removing(session, owner.passkeyId);
    const { credentials } = await own.ownSecurityInfo(latchkey.base.run, house.methods, session);
    expect(credentials.map(({ id }) => id)).toEqual([owner.addedId]);
    const { visitor, step, notice } = await noticeTo(owner.authenticator);
    expect(step).toBe('identify');
    expect(notice).toMatchObject({ kind: 'called_lost', removed: true });
    await containWithPasskey(house, visitor.visit);
    expect(await passkeysOf(owner.userId)).toMatchObject([
      { id: owner.passkeyId, suspended_at: null, removed_at: null },
      { id: owner.addedId, suspend_reason: 'not-me' },
    ]);
    expect((await noticeTo(owner.authenticator)).step).toBe('complete');
    expect((await noticeTo(owner.next)).step).toBe('identify');
  });

  test('counts from the first of the entries: entering the pass again hides nothing that it added before', async () => {
    hours(-100);
    const owner = await anOwner();
    hours(100);
    const { visitor, code } = await recovering(owner);
    const next = newAuthenticator();
    await visitor.register(next);
    latchkey.clock.advance(2);
    const again = await aVisitor(house);
    expect(await again.enter(owner.name, code)).toBe('confirm');
    expect(await again.sign(next)).toBe('complete');
    await removing(await sessionOf(owner), owner.passkeyId);
    await containWithPasskey(house, (await noticeTo(owner.authenticator)).visitor.visit);
    const rows = await passkeysOf(owner.userId);
    expect(rows.map(({ suspend_reason }) => suspend_reason)).toEqual([null, 'not-me']);
  });

  test('does the same where it was a recovery code', async () => {
    hours(-100);
    const owner = await anOwner();
    hours(100);
    const [code] = await makeRecoveryCodes(latchkey.base.run, asOperator, owner.userId);
    const withCodes: steps.SignInHouse = {
      ...house,
      policyFrom: (decided) => ({ ...house.policyFrom(decided), methods: ['passkey', 'recovery-code'] }),
    };
    const visitor = (await aVisitor(withCodes)).at(withCodes);
    await visitor.name(owner.name);
    await steps.answer(withCodes, visitor.visit, 'recovery-code', { code });
    const next = newAuthenticator();
    await visitor.register(next);
    expect(await visitor.sign(next)).toBe('complete');
    await removing(await sessionOf(owner), owner.passkeyId);
    expect((await noticeTo(owner.authenticator)).notice).toMatchObject({ kind: 'called_lost', removed: true });
  });

  test('is gone after 72 hours, and opened nothing for longer', async () => {
    const owner = await intruded();
    await removing(await sessionOf(owner), owner.passkeyId);
    hours(72);
    try {
      expect((await noticeTo(owner.authenticator)).notice).toMatchObject({ kind: 'suspended_passkey' });
      await latchkey.work((work) => forgetRemoved(work.tx, work.now));
      expect((await passkeysOf(owner.userId)).map(({ id }) => id)).toEqual([owner.addedId]);
    } finally {
      hours(-72);
    }
  });

  test('is gone at once where no pass was entered in the last 72 hours, or an administrator removes it', async () => {
    const owner = await intruded();
    hours(72);
    try {
      await removing(await sessionOf(owner), owner.passkeyId);
      expect((await noticeTo(owner.authenticator)).notice).toMatchObject({ kind: 'unknown_passkey' });
    } finally {
      hours(-72);
    }
    const other = await intruded();
    const asked = { methods: house.methods, user: other.userId, passkeyId: other.passkeyId };
    await latchkey.work((work) => removePasskeyOf(work, asked));
    expect((await noticeTo(other.authenticator)).notice).toMatchObject({ kind: 'unknown_passkey' });
  });

  test('is gone at once where it was added since: what a thief had added opens nothing against the owner', async () => {
    const owner = await intruded();
    const { visitor } = await recovering(owner);
    const recoveredWith = newAuthenticator();
    await visitor.register(recoveredWith);
    expect(await visitor.sign(recoveredWith)).toBe('complete');
    await removing(await sessionOf(owner), owner.addedId);
    expect((await noticeTo(owner.next)).notice).toMatchObject({ kind: 'unknown_passkey' });
  });

  test('opens nothing that was suspended for something else', async () => {
    const owner = await intruded();
    await latchkey.work((work) =>
      changeMethodOf(work, {
        methods: house.methods,
        user: owner.userId,
        kind: 'passkey',
        id: owner.passkeyId,
        state: 'suspended',
      }),
    );
    await removing(await sessionOf(owner), owner.passkeyId);
    expect((await noticeTo(owner.authenticator)).notice).toMatchObject({ kind: 'unknown_passkey' });
  });
});

describe('one passkey for a pass', () => {
  test('counts also when it was removed since', async () => {
    const owner = await anOwner();
    const passId = randomUUID();
    const session = await sessionOf(owner);
    const passkey = house.methods.get('passkey') as Parameters<typeof own.beginOwnEnrolment>[2];
    const enrolment = { owner: Buffer.from('x'), userId: owner.userId, passId, endsAt: null, device: null };
    const add = async () => {
      const begun = await latchkey.work((work) => passkey.beginEnrolment(work, enrolment));
      const made = await newAuthenticator().create(begun as CreationOptions, { origin });
      const response = { response: JSON.stringify(made) };
      const candidate = await latchkey.work((work) => passkey.readEnrolment(work, enrolment, response));
      const proof = await passkey.checkEnrolment(candidate);
      return latchkey.work((work) => passkey.keepEnrolment(work, enrolment, candidate, proof));
    };
    expect(await add()).toMatchObject({ enrolled: true });
    expect(await add()).toEqual({ enrolled: false, reason: 'one_per_pass' });
    const [, added] = await passkeysOf(owner.userId);
    await own.removeOwnCredential(latchkey.base.run, house.methods, session, added.id);
    expect(await add()).toEqual({ enrolled: false, reason: 'one_per_pass' });
    expect(await passkeysOf(owner.userId)).toHaveLength(1);
  });
});

describe('an administrator', () => {
  const asked = (owner: AnOwner) => ({ methods: house.methods, user: owner.userId });

  test('secures an account: what was added since is suspended, what was before works, and it is told', async () => {
    const owner = await recovered();
    await latchkey.pass(owner.userId);
    await protocolRows(owner.userId);
    await latchkey.base.knex('passkeys').where('id', '=', owner.passkeyId).update({ suspended_at: null });
    const before = (await queuedMails(latchkey, owner.mail)).length;
    const since = await latchkey.work(async (work) => addMinutes(work.now, -30));
    const contain = () => latchkey.work((work) => containUser(work, { ...asked(owner), since, reason: 'rang us' }));
    expect(await contain()).toMatchObject({ since, ended: [expect.any(String), owner.addedId], sessions: 1 });
    expect((await passkeyRow(owner.passkeyId)).suspended_at).toBeNull();
    expect(await passkeyRow(owner.addedId)).toMatchObject({ suspend_reason: 'not-me' });
    expect(await liveProtocolRows(owner.userId)).toEqual({ sessions: [], grants: 0, artifacts: 0 });
    expect((await queuedMails(latchkey, owner.mail)).slice(before)).toMatchObject([
      { subject: subjects.containedByAdministrator.subject, link: null },
    ]);
    const [event] = await eventsOf(latchkey, { userId: owner.userId, type: 'account.contained-by-administrator' });
    expect(event).toMatchObject({ actor_kind: 'operator', reason: 'rang us' });
    expect(await contain()).toMatchObject({ ended: [], sessions: 0 });
    expect((await queuedMails(latchkey, owner.mail)).slice(before)).toHaveLength(1);
  });

  test('means the last 72 hours when nothing else is said, and no time to come', async () => {
    const owner = await anOwner();
    const { since, ended } = await latchkey.work((work) => containUser(work, asked(owner)));
    expect(ended).toContain(owner.passkeyId);
    const now = await latchkey.work(async (work) => work.now);
    expect(Math.round((now.getTime() - since.getTime()) / 3_600_000)).toBe(72);
    const later = latchkey.work((work) => containUser(work, { ...asked(owner), since: addMinutes(work.now, 1) }));
    await expect(later).rejects.toMatchObject({ code: 'invalid_input' });
    const nobody = latchkey.work((work) => containUser(work, { methods: house.methods, user: aName() }));
    await expect(nobody).rejects.toMatchObject({ code: 'not_found' });
    const anybody = { actor: anonymous, origin: asOperator.origin };
    const stranger = latchkey.base.run(anybody, (work) => containUser(work, asked(owner)));
    await expect(stranger).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('suspends and lifts, and does not lift what may have been copied', async () => {
    const owner = await anOwner();
    const set = (state: 'active' | 'suspended') =>
      latchkey.work((work) => changeMethodOf(work, { ...asked(owner), kind: 'passkey', id: owner.passkeyId, state }));
    for (let times = 0; times < 2; times += 1) await set('suspended');
    expect(await passkeyRow(owner.passkeyId)).toMatchObject({ suspend_reason: 'administrator', contain_since: null });
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('identify');
    for (let times = 0; times < 2; times += 1) await set('active');
    expect(await (await aVisitor(house)).sign(owner.authenticator)).toBe('complete');
    const types = (await eventsOf(latchkey, { userId: owner.userId })).map(({ type }) => type);
    expect(types.filter((type) => /suspended|restored/.test(type))).toEqual(['passkey.suspended', 'passkey.restored']);
    const told = (await queuedMails(latchkey, owner.mail)).map(({ subject }) => subject);
    expect(told.slice(-2)).toEqual([subjects.methodSuspended.subject, subjects.methodRestored.subject]);

    await latchkey.base
      .knex('passkeys')
      .where('id', '=', owner.passkeyId)
      .update({ suspended_at: new Date(), suspend_reason: 'counter_regress' });
    await set('suspended');
    await expect(set('active')).rejects.toMatchObject({ code: 'conflict' });
    expect(await passkeyRow(owner.passkeyId)).toMatchObject({ suspend_reason: 'counter_regress' });
  });

  test('who renames is called an administrator in the log, and the owner the user', async () => {
    const owner = await anOwner();
    await latchkey.work((work) =>
      changeMethodOf(work, { ...asked(owner), kind: 'passkey', id: owner.passkeyId, name: 'Blue' }),
    );
    const session = await sessionOf(owner);
    await own.renameOwnCredential(latchkey.base.run, house.methods, session, {
      credentialId: owner.passkeyId,
      name: 'Mine',
    });
    const types = (await eventsOf(latchkey, { userId: owner.userId })).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['passkey.renamed-by-administrator', 'passkey.renamed']);
  });
});
