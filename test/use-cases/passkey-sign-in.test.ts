import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as steps from '../../src/sign-in/steps.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  aPasskeyHolder,
  aVisitor,
  eventsOf,
  lastRefusal,
  meanwhile,
  origin,
  type RequestOptions,
} from '../support/makers.ts';
import {
  type AuthenticatorOptions,
  newAuthenticator,
  type SoftwareAuthenticator,
  type Tamper,
} from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

interface Holder {
  readonly name: string;
  readonly userId: string;
  readonly passkeyId: string;
  readonly authenticator: SoftwareAuthenticator;
}

/** Somebody with a passkey. */
async function aHolder(made: AuthenticatorOptions = {}): Promise<Holder> {
  const name = aName('holder');
  const authenticator = newAuthenticator(made);
  return { name, authenticator, ...(await aPasskeyHolder(latchkey, house, name, authenticator)) };
}

async function passkeyRow(id: string) {
  return latchkey.base.knex('passkeys').where('id', '=', id).first();
}

async function disable(userId: string): Promise<void> {
  await latchkey.work(async (work) => changeUser(work, await getUser(work, userId), { enabled: false }));
}

const assertion = (holder: Holder, options: RequestOptions, tamper: Tamper = {}) =>
  holder.authenticator.get(options, { origin, tamper });

describe('a passkey', () => {
  test('signs its user in, without a name', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    expect(await visitor.step()).toBe('identify');
    expect(await visitor.sign(holder.authenticator)).toBe('complete');
    const { step, signIn } = await visitor.look();
    expect(step).toMatchObject({ userId: holder.userId, level: 'phr', amr: ['pop', 'user', 'mfa'] });
    expect(signIn).toMatchObject({ userName: null, passId: null });
    const events = await eventsOf(latchkey, { userId: holder.userId });
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['sign-in.verified', 'sign-in.completed']);
  });

  test('signs its user in after the name, in any spelling', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(` ${holder.name.toUpperCase()}`);
    expect(await visitor.sign(holder.authenticator)).toBe('complete');
  });

  test('is noted with when and where it was used, and how often it counted', async () => {
    const holder = await aHolder();
    const before = await passkeyRow(holder.passkeyId);
    latchkey.clock.advance(30);
    const visitor = await aVisitor(house, {
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
    });
    await visitor.sign(holder.authenticator);
    const after = await passkeyRow(holder.passkeyId);
    expect(after).toMatchObject({ last_used_with: 'Firefox on Linux', first_used_at: before.first_used_at });
    expect(after.last_used_at.getTime() - before.last_used_at.getTime()).toBeGreaterThanOrEqual(30 * 60_000);
    expect(Number(after.sign_count)).toBe(holder.authenticator.credentials[0]!.signCount);
  });

  test('that does not count signs in again and again', async () => {
    const holder = await aHolder({ signCount: 'zero', backupEligible: true, backedUp: true });
    for (let times = 0; times < 3; times += 1)
      expect(await (await aVisitor(house)).sign(holder.authenticator)).toBe('complete');
    expect((await passkeyRow(holder.passkeyId)).suspended_at).toBeNull();
  });

  test('that is backed up since, or no more, signs in and is noted so', async () => {
    const holder = await aHolder({ backupEligible: true, backedUp: false });
    expect((await passkeyRow(holder.passkeyId)).backed_up).toBe(false);
    expect(await (await aVisitor(house)).sign(holder.authenticator, { backedUp: true })).toBe('complete');
    expect((await passkeyRow(holder.passkeyId)).backed_up).toBe(true);
    expect(await (await aVisitor(house)).sign(holder.authenticator, { backedUp: false })).toBe('complete');
    expect((await passkeyRow(holder.passkeyId)).backed_up).toBe(false);
  });
});

describe('the options', () => {
  test('are the same for everybody: no list, user verification, our host', async () => {
    const holder = await aHolder();
    const shapes: unknown[] = [];
    for (const name of [holder.name, 'nobody@example.com', null]) {
      const visitor = await aVisitor(house);
      if (name) await visitor.name(name);
      const { challenge, ...rest } = await visitor.requestOptions();
      expect(Buffer.from(challenge, 'base64url')).toHaveLength(32);
      shapes.push(rest);
    }
    expect(shapes[0]).toMatchObject({
      rpId: 'localhost',
      userVerification: 'required',
      allowCredentials: [],
      timeout: 300_000,
    });
    expect(shapes[1]).toEqual(shapes[0]);
    expect(shapes[2]).toEqual(shapes[0]);
  });

  test('are not for who may not answer: after the pass, before a passkey was made', async () => {
    const name = (await latchkey.user(aName())).userPrincipalName;
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    await expect(visitor.requestOptions()).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('an assertion that was tampered with is refused, recorded, and changes nothing', () => {
  const tampered: readonly [string, string, Tamper][] = [
    ['another origin', 'signature', { origin: 'https://evil.example' }],
    ['another port', 'signature', { origin: 'http://localhost:3001' }],
    ['another scheme', 'signature', { origin: 'https://localhost:3000' }],
    ['a subdomain', 'signature', { origin: 'http://evil.localhost:3000' }],
    ['another relying party', 'signature', { rpId: 'evil.example' }],
    ['another ceremony type', 'signature', { type: 'webauthn.create' }],
    ['another challenge', 'challenge_unknown', { challenge: randomBytes(32).toString('base64url') }],
    ['a page framed elsewhere', 'malformed', { crossOrigin: true }],
    ['a page on top of ours', 'malformed', { topOrigin: 'https://evil.example' }],
    ['no user present', 'signature', { userPresent: false }],
    ['a user who was not verified', 'user_unverified', { userVerified: false }],
    ['a backup eligibility that was not there before', 'signature', { backupEligible: true }],
    ['a backup that cannot be', 'signature', { backedUp: true }],
    ['a bad signature', 'signature', { signature: 'bogus' }],
    ['the user handle of nobody', 'signature', { userHandle: randomBytes(64).toString('base64url') }],
    ['a user handle cut short', 'signature', { userHandle: 'AAAA' }],
  ];
  test.each(tampered)('%s', async (_what, reason, tamper) => {
    const holder = await aHolder();
    const before = await passkeyRow(holder.passkeyId);
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator, tamper)).toBe('identify');
    expect((await visitor.look()).signIn).toMatchObject({
      userId: null,
      evidence: [],
      notice: {
        ...(reason === 'user_unverified' ? { kind: 'unverified_user' } : { kind: 'refused', method: 'passkey' }),
        reference: visitor.visit.origin.requestId,
      },
    });
    expect(await lastRefusal(latchkey)).toBe(reason);
    expect(await passkeyRow(holder.passkeyId)).toEqual(before);
    expect(await visitor.sign(holder.authenticator)).toBe('complete');
  });

  test('a synced passkey that says it never was', async () => {
    const holder = await aHolder({ backupEligible: true, backedUp: true });
    expect(await (await aVisitor(house)).sign(holder.authenticator, { backupEligible: false, backedUp: false })).toBe(
      'identify',
    );
    expect(await lastRefusal(latchkey)).toBe('signature');
  });

  test('the user handle of somebody else', async () => {
    const [holder, other] = [await aHolder(), await aHolder()];
    const userHandle = other.authenticator.credentials[0]!.userHandle;
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator, { userHandle })).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('signature');
  });

  test('no user handle, when nobody was named', async () => {
    const holder = await aHolder();
    expect(await (await aVisitor(house)).sign(holder.authenticator, { userHandle: null })).toBe('identify');
  });

  test('the credential of somebody else under one’s own signature', async () => {
    const [holder, other] = [await aHolder(), await aHolder()];
    const visitor = await aVisitor(house);
    const answer = await assertion(holder, await visitor.requestOptions());
    const { id } = other.authenticator.credentials[0]!;
    const { userHandle } = other.authenticator.credentials[0]!;
    expect(
      await visitor.sendAssertion({ ...answer, id, rawId: id, response: { ...answer.response, userHandle } }),
    ).toBe('identify');
    expect((await visitor.look()).signIn.userId).toBeNull();
    expect(await passkeyRow(other.passkeyId)).toMatchObject({ suspended_at: null });
  });

  test('authenticator data or client data that was not signed', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    const changed = (text: string) => {
      const bytes = Buffer.from(text, 'base64url');
      bytes[bytes.length - 1]! ^= 1;
      return bytes.toString('base64url');
    };
    const first = await assertion(holder, await visitor.requestOptions());
    const raised = { ...first.response, authenticatorData: changed(first.response.authenticatorData) };
    expect(await visitor.sendAssertion({ ...first, response: raised })).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('signature');
    const second = await assertion(holder, await visitor.requestOptions());
    const spaced = Buffer.from(`${Buffer.from(second.response.clientDataJSON, 'base64url')} `).toString('base64url');
    expect(await visitor.sendAssertion({ ...second, response: { ...second.response, clientDataJSON: spaced } })).toBe(
      'identify',
    );
    expect(await lastRefusal(latchkey)).toBe('signature');
  });

  const reshaped: readonly [string, (answer: Awaited<ReturnType<typeof assertion>>) => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a list', (answer) => [answer]],
    ['no response', ({ response: _, ...rest }) => rest],
    ['another type', (answer) => ({ ...answer, type: 'password' })],
    ['an id that is not base64url', (answer) => ({ ...answer, id: "' or 1=1 --", rawId: "' or 1=1 --" })],
    ['a raw id that is another', (answer) => ({ ...answer, rawId: 'AAAA' })],
    [
      'client data that is not JSON',
      (answer) => ({ ...answer, response: { ...answer.response, clientDataJSON: 'AAAA' } }),
    ],
    [
      'authenticator data cut short',
      (answer) => ({ ...answer, response: { ...answer.response, authenticatorData: 'AAAA' } }),
    ],
    ['a signature of one byte', (answer) => ({ ...answer, response: { ...answer.response, signature: 'AA' } })],
    ['a challenge that is a list', (answer) => withClientData(answer, { challenge: ['x'] })],
    ['a challenge with a NUL', (answer) => withClientData(answer, { challenge: 'x\0' })],
    ['a challenge of 4 KB', (answer) => withClientData(answer, { challenge: 'A'.repeat(4096) })],
  ];
  test.each(reshaped)('an answer with %s is refused, never a fault', async (_what, reshape) => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    const answer = await assertion(holder, await visitor.requestOptions());
    expect(await visitor.sendAssertion(reshape(answer))).toBe('identify');
    expect((await visitor.look()).signIn).toMatchObject({ userId: null, evidence: [], notice: { kind: 'refused' } });
    expect(await visitor.sign(holder.authenticator)).toBe('complete');
  });

  function withClientData(answer: Awaited<ReturnType<typeof assertion>>, members: object): unknown {
    const data = { ...JSON.parse(Buffer.from(answer.response.clientDataJSON, 'base64url').toString()), ...members };
    return {
      ...answer,
      response: { ...answer.response, clientDataJSON: Buffer.from(JSON.stringify(data)).toString('base64url') },
    };
  }
});

describe('a challenge', () => {
  test('is answered once', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    const options = await visitor.requestOptions();
    await visitor.sendAssertion(await assertion(holder, options, { userVerified: false }));
    expect(await visitor.sendAssertion(await assertion(holder, options))).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('challenge_unknown');
  });

  test('answered many times at once counts once', async () => {
    const holder = await aHolder({ signCount: 'zero' });
    const visitor = await aVisitor(house);
    const answer = await assertion(holder, await visitor.requestOptions());
    await Promise.all(Array.from({ length: 8 }, () => visitor.sendAssertion(answer)));
    expect(await visitor.step()).toBe('complete');
    const verified = (await eventsOf(latchkey, { userId: holder.userId, type: 'sign-in.verified' })).filter(
      ({ details }) => details.uid === visitor.visit.uid,
    );
    expect(verified).toHaveLength(1);
  });

  test('of another sign-in will not do, and is not taken away from it', async () => {
    const holder = await aHolder({ signCount: 'zero' });
    const [one, two] = [await aVisitor(house), await aVisitor(house)];
    const answer = await assertion(holder, await one.requestOptions());
    expect(await two.sendAssertion(answer)).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('challenge_unknown');
    expect(await one.sendAssertion(answer)).toBe('complete');
  });

  test('lives five minutes', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(house);
    const late = await assertion(holder, await visitor.requestOptions());
    latchkey.clock.advance(5);
    expect(await visitor.sendAssertion(late)).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('challenge_unknown');
    const inTime = await assertion(holder, await visitor.requestOptions());
    latchkey.clock.advance(4.9);
    expect(await visitor.sendAssertion(inTime)).toBe('complete');
  });

  test('for registering will not do for signing in', async () => {
    const holder = await aHolder();
    const name = (await latchkey.user(aName())).userPrincipalName;
    const visitor = await aVisitor(house);
    await visitor.enter(name, await latchkey.pass(name));
    const { challenge } = await visitor.creationOptions();
    await steps.restart(house, visitor.visit);
    expect(await visitor.sendAssertion(await assertion(holder, { challenge, rpId: 'localhost' }))).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('challenge_unknown');
  });
});

describe('a passkey is refused', () => {
  test('that nobody registered, and the page may say that it is unknown', async () => {
    const holder = await aHolder();
    await latchkey.base.knex('passkeys').where('id', '=', holder.passkeyId).delete();
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'unknown_passkey' });
    expect(await lastRefusal(latchkey)).toBe('credential_unknown');
  });

  test('of another user than the one who was named', async () => {
    const [holder, other] = [await aHolder(), await aHolder()];
    const before = await passkeyRow(holder.passkeyId);
    const visitor = await aVisitor(house);
    await visitor.name(other.name);
    expect(await visitor.sign(holder.authenticator)).toBe('verify');
    expect((await visitor.look()).signIn).toMatchObject({ userId: null, notice: { kind: 'other_account' } });
    expect(await lastRefusal(latchkey)).toBe('credential_of_other');
    expect(await passkeyRow(holder.passkeyId)).toEqual(before);
  });

  test('of another user, without being told so when it proves nothing', async () => {
    const [holder, other] = [await aHolder(), await aHolder()];
    const visitor = await aVisitor(house);
    await visitor.name(other.name);
    await visitor.sign(holder.authenticator, { signature: 'bogus' });
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'refused' });
  });

  test('of another user than the one who is signed in here', async () => {
    const [holder, other] = [await aHolder(), await aHolder()];
    const visitor = await aVisitor(house, { signedInUserId: other.userId });
    await steps.back(house, visitor.visit);
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect((await visitor.look()).signIn).toMatchObject({
      userId: null,
      notice: { kind: 'signed_in_as_other', signedInAs: other.name, passIsFor: holder.name },
    });
  });

  test('of a disabled user', async () => {
    const holder = await aHolder();
    await disable(holder.userId);
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect((await visitor.look()).signIn.userId).toBeNull();
    expect(await lastRefusal(latchkey)).toBe('credential_suspended');
  });

  test('of a user who is disabled while it is being checked, and it is not suspended for that', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(meanwhile(house, 'passkey', () => disable(holder.userId)));
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect(await passkeyRow(holder.passkeyId)).toMatchObject({ suspended_at: null });
  });

  test('that was suspended, and is told so to who holds it', async () => {
    const holder = await aHolder();
    await latchkey.base
      .knex('passkeys')
      .where('id', '=', holder.passkeyId)
      .update({ suspended_at: new Date(), suspend_reason: 'lost' });
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'suspended_passkey' });
    expect(await lastRefusal(latchkey)).toBe('credential_suspended');
  });

  test('that was suspended, and who only knows its id is not told so', async () => {
    const holder = await aHolder();
    await latchkey.base
      .knex('passkeys')
      .where('id', '=', holder.passkeyId)
      .update({ suspended_at: new Date(), suspend_reason: 'lost' });
    const visitor = await aVisitor(house);
    expect(await visitor.sign(holder.authenticator, { signature: 'bogus' })).toBe('identify');
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'refused' });
  });

  test('that is suspended while it is being checked', async () => {
    const holder = await aHolder();
    const suspend = () =>
      latchkey.base
        .knex('passkeys')
        .where('id', '=', holder.passkeyId)
        .update({ suspended_at: new Date(), suspend_reason: 'lost' });
    const visitor = await aVisitor(meanwhile(house, 'passkey', suspend));
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
    expect(await passkeyRow(holder.passkeyId)).toMatchObject({ suspend_reason: 'lost' });
  });

  test('that is deleted while it is being checked', async () => {
    const holder = await aHolder();
    const visitor = await aVisitor(
      meanwhile(house, 'passkey', () => latchkey.base.knex('passkeys').where('id', '=', holder.passkeyId).delete()),
    );
    expect(await visitor.sign(holder.authenticator)).toBe('identify');
  });
});

describe('a counter that goes back', () => {
  test('suspends the passkey, which is recorded and told, and stays so', async () => {
    const holder = await aHolder();
    const copy = holder.authenticator.clone();
    await (await aVisitor(house)).sign(holder.authenticator);
    const visitor = await aVisitor(house);
    expect(await visitor.sign(copy)).toBe('identify');
    expect((await visitor.look()).signIn.notice).toMatchObject({ kind: 'suspended_passkey' });
    expect(await lastRefusal(latchkey)).toBe('counter_regress');
    expect(await passkeyRow(holder.passkeyId)).toMatchObject({ suspend_reason: 'counter_regress' });
    const [event] = await eventsOf(latchkey, { userId: holder.userId, type: 'passkey.suspended' });
    expect(event!.details).toEqual({ passkeyId: holder.passkeyId, reason: 'counter_regress' });
    expect(await (await aVisitor(house)).sign(holder.authenticator)).toBe('identify');
    expect(await lastRefusal(latchkey)).toBe('credential_suspended');
  });

  test.each([
    ['the same count again', (count: number) => count],
    ['no count any more', () => 0],
    ['the count of a year ago', (count: number) => count - 1],
  ])('is %s', async (_what, counter) => {
    const holder = await aHolder();
    await (await aVisitor(house)).sign(holder.authenticator);
    const stored = Number((await passkeyRow(holder.passkeyId)).sign_count);
    expect(await (await aVisitor(house)).sign(holder.authenticator, { counter: counter(stored) })).toBe('identify');
    expect((await passkeyRow(holder.passkeyId)).suspend_reason).toBe('counter_regress');
  });

  test('under a bad signature proves nothing and suspends nothing', async () => {
    const holder = await aHolder();
    await (await aVisitor(house)).sign(holder.authenticator, { counter: 0, signature: 'bogus' });
    await (await aVisitor(house)).sign(holder.authenticator, { counter: 0, userVerified: false });
    expect(await passkeyRow(holder.passkeyId)).toMatchObject({ suspended_at: null });
    expect(await (await aVisitor(house)).sign(holder.authenticator)).toBe('complete');
  });

  test('is not a counter that leaps', async () => {
    const holder = await aHolder();
    expect(await (await aVisitor(house)).sign(holder.authenticator, { counter: 4_294_967_295 })).toBe('complete');
  });

  test('of a passkey that did not count before and does now is fine', async () => {
    const holder = await aHolder({ signCount: 'zero' });
    expect(await (await aVisitor(house)).sign(holder.authenticator, { counter: 7 })).toBe('complete');
    expect(await (await aVisitor(house)).sign(holder.authenticator, { counter: 0 })).toBe('identify');
    expect((await passkeyRow(holder.passkeyId)).suspend_reason).toBe('counter_regress');
  });
});
