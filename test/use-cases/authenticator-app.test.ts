import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { contain } from '../../src/containment.ts';
import { anonymous } from '../../src/core/actor.ts';
import { changeMethodPolicy, softwareOathPolicy } from '../../src/method-policies/manage-policies.ts';
import { authenticatorAppMethod } from '../../src/methods/authenticator-app/app-method.ts';
import { secretContext } from '../../src/methods/authenticator-app/authenticator-app.ts';
import type { ShownSecret } from '../../src/methods/authenticator-app/registration.ts';
import type { Attempt, Enrolment, EnrolmentVerdict } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { openLink } from '../../src/notices/links.ts';
import { changePerson } from '../../src/people.ts';
import { type Base, openBase } from '../../src/wire.ts';
import { openTestBase, type TestBase } from '../support/house.ts';
import { aName, eventsOf, origin } from '../support/makers.ts';
import { base32, type SoftwareAuthenticatorApp, scan } from '../support/software-authenticator-app.ts';

/** Codes of authenticator apps: how an app is added, and what a code is good for. The flow around it is in src/sign-in. */

const method = authenticatorAppMethod({ issuerName: 'Latchkey', mostInARow: 100 });
const anybody = { actor: anonymous, origin: { requestId: 'test', ip: null, userAgent: null } } as const;

let latchkey: TestBase;
/** A second node on the same database. */
let second: Base;
let shiftMs = 0;

beforeAll(async () => {
  latchkey = await openTestBase();
  const clock = (now: Date) => new Date(now.getTime() + shiftMs);
  second = await openBase(latchkey.base.config, 'command', () => {}, { clock });
});
afterAll(async () => {
  await second?.close();
  await latchkey?.close();
});

function advance(seconds: number): void {
  latchkey.clock.advance(seconds / 60);
  shiftMs += seconds * 1000;
}
const now = () => latchkey.work(async (work) => work.now);

// Every test begins with a step of 30 seconds, so that none ends under its hands.
beforeEach(async () => {
  const into = (await now()).getTime() % 30_000;
  advance((30_000 - into) / 1000);
});

function anEnrolment(userId: string, more: Partial<Enrolment> = {}): Enrolment {
  return { owner: randomBytes(32), userId, passId: null, endsAt: null, device: null, ...more };
}

const begin = (enrolment: Enrolment, base = latchkey.base) =>
  base.run(anybody, (work) => method.beginEnrolment(work, enrolment)) as Promise<ShownSecret>;

async function finish(enrolment: Enrolment, code: unknown, base = latchkey.base): Promise<EnrolmentVerdict> {
  const candidate = await base.run(anybody, (work) => method.readEnrolment(work, enrolment, { code }));
  const proof = await method.checkEnrolment(candidate);
  return base.run(anybody, (work) => method.keepEnrolment(work, enrolment, candidate, proof));
}
const outcomeOf = (verdict: EnrolmentVerdict) => (verdict.enrolled ? 'enrolled' : verdict.reason);

/** Adds an app, whose first code is of the step that stands. */
async function addApp(userId: string, more: Partial<Enrolment> = {}) {
  const enrolment = anEnrolment(userId, more);
  const { uri } = await begin(enrolment);
  const app = scan(uri);
  const verdict = await finish(enrolment, app.code(await now()));
  if (!verdict.enrolled) throw new Error(`Nothing was added: ${verdict.reason}.`);
  return { app, uri, id: verdict.credential.credentialId };
}

/** Somebody with an app, a step after it was added: its first code is used. */
async function anOwner() {
  const user = await latchkey.user(aName('owner'));
  const added = await addApp(user.id);
  advance(30);
  return { user, userId: user.id, ...added };
}

function anAttempt(provenUserId: string | null, more: Partial<Attempt> = {}): Attempt {
  return {
    owner: randomBytes(32),
    browser: randomBytes(32),
    userName: null,
    domain: null,
    provenUserId,
    signedInUserId: null,
    onlyCredentialId: null,
    ...more,
  };
}

interface Asked {
  readonly base?: Base;
  readonly attempt?: Partial<Attempt>;
  /** What the sign-in says of itself by the time the code is spent. */
  readonly spentBy?: Partial<Attempt>;
  readonly meanwhile?: () => Promise<unknown>;
}

/** `verified`, or why not. */
async function answer(userId: string | null, response: unknown, asked: Asked = {}): Promise<string> {
  const { base = latchkey.base, meanwhile } = asked;
  const attempt = anAttempt(userId, asked.attempt);
  const candidate = await base.run(anybody, (work) => method.read(work, attempt, response));
  const proof = await method.check(candidate);
  await meanwhile?.();
  const verdict = await base.run(anybody, (work) =>
    method.spend(work, { ...attempt, ...asked.spentBy }, candidate, proof),
  );
  return verdict.verified ? 'verified' : verdict.reason;
}
const enter = (userId: string | null, code: unknown, asked?: Asked) => answer(userId, { code }, asked);

const appsOf = (userId: string) =>
  latchkey.base.knex('authenticator_apps').where('user_id', '=', userId).orderBy('created_at');
const ceremonies = () => latchkey.base.knex('authenticator_app_ceremonies');

describe('a code', () => {
  test('of the present step is good once, and the next one is good again', async () => {
    const { userId, app, id } = await anOwner();
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect(await enter(userId, app.code(await now()))).toBe('used_step');
    advance(30);
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect(await appsOf(userId)).toMatchObject([{ id, last_used_at: expect.any(Date) }]);
  });

  test('is good for nothing where policy says so while it is checked, and is not used up', async () => {
    const { userId, app } = await anOwner();
    const decide = (changes: object) => latchkey.work((work) => changeMethodPolicy(work, softwareOathPolicy, changes));
    const code = app.code(await now());
    const meanwhile = () => decide({ excludeTargets: [{ targetType: 'user', id: userId }] });
    expect(await enter(userId, code, { meanwhile })).toBe('policy');
    await decide({ excludeTargets: [] });
    expect(await enter(userId, code)).toBe('verified');
  });

  test('names its app and its user, and takes note of the device it was typed on', async () => {
    const { userId, app, id } = await anOwner();
    const who = { ...anybody, origin: { ...anybody.origin, userAgent: 'Mozilla/5.0 (X11; Linux) Firefox/140.0' } };
    const attempt = anAttempt(userId);
    const code = app.code(await now());
    const candidate = await latchkey.base.run(who, (work) => method.read(work, attempt, { code }));
    const proof = await method.check(candidate);
    const verdict = await latchkey.base.run(who, (work) => method.spend(work, attempt, candidate, proof));
    expect(verdict).toEqual({ verified: true, userId, credentialId: id });
    const [listed] = await latchkey.work((work) => method.listOf(work, userId));
    expect(listed).toMatchObject({ lastUsedWith: 'Firefox on Linux' });
    expect(listed!.lastUsedAt!.getTime()).toBeGreaterThan(listed!.createdAt.getTime());
  });

  test('that added the app does not sign in as well', async () => {
    const user = await latchkey.user(aName());
    const { app } = await addApp(user.id);
    expect(await enter(user.id, app.code(await now()))).toBe('used_step');
  });

  test('of the step before is good once, and leaves the present one', async () => {
    const { userId, app } = await anOwner();
    advance(60);
    const before = app.code(await now(), -1);
    expect(await enter(userId, before)).toBe('verified');
    expect(await enter(userId, before)).toBe('used_step');
    expect(await enter(userId, app.code(await now()))).toBe('verified');
  });

  test('of the step before is no good once the present one was used', async () => {
    const { userId, app } = await anOwner();
    advance(60);
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect(await enter(userId, app.code(await now(), -1))).toBe('used_step');
  });

  test.each([-3, -2, 1, 2])('%i steps away is wrong', async (away) => {
    const { userId, app } = await anOwner();
    advance(120);
    expect(await enter(userId, app.code(await now(), away))).toBe('wrong_code');
    expect(await enter(userId, app.code(await now()))).toBe('verified');
  });

  test('is judged by the time it was read at, not by when the check comes to it', async () => {
    const { userId, app } = await anOwner();
    const attempt = anAttempt(userId);
    const code = app.code(await now());
    const candidate = await latchkey.base.run(anybody, (work) => method.read(work, attempt, { code }));
    advance(300);
    expect(await method.check(candidate)).toMatchObject({ step: expect.any(Number) });
  });

  test('sent twenty times at once to two nodes lets one in', async () => {
    const { userId, app } = await anOwner();
    for (let round = 0; round < 3; round += 1) {
      const code = app.code(await now());
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => enter(userId, code, { base: index % 2 ? second : latchkey.base })),
      );
      expect(outcomes.filter((outcome) => outcome === 'verified')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'used_step')).toHaveLength(19);
      advance(30);
    }
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty text', ''],
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['eight digits', '12345678'],
    ['letters', 'abcdef'],
    ['full-width digits', '１２３４５６'],
    ['a number', 123456],
    ['a list', ['123456', '123456']],
    ['an object', { $ne: null }],
    ['a NUL', '12345\0'],
    ['half a surrogate pair', '12345\ud800'],
    ['something long', '1'.repeat(100_000)],
  ])('that is %s is wrong, in a sign-in and when adding, and nothing is thrown', async (_what, code) => {
    const { userId } = await anOwner();
    const enrolment = anEnrolment(userId);
    await begin(enrolment);
    expect(await enter(userId, code)).toBe('wrong_code');
    expect(outcomeOf(await finish(enrolment, code))).toBe('refused');
  });

  test.each([[undefined], [null], ['123456'], [[]], [42]])('in a form that is %j is wrong', async (response) => {
    const { userId } = await anOwner();
    expect(await answer(userId, response)).toBe('wrong_code');
  });

  test('may be typed with spaces', async () => {
    const { userId, app } = await anOwner();
    const code = app.code(await now());
    expect(await enter(userId, ` ${code.slice(0, 3)} ${code.slice(3)}`)).toBe('verified');
  });

  test('of either of two apps is good, each once', async () => {
    const { userId, app } = await anOwner();
    const other = await addApp(userId);
    advance(30);
    const codes = [app, other.app].map(async (it) => it.code(await now()));
    for (const code of await Promise.all(codes)) expect(await enter(userId, code)).toBe('verified');
    for (const code of await Promise.all(codes)) expect(await enter(userId, code)).toBe('used_step');
  });
});

test('a code that two apps have in common is not used up by the first of them', async () => {
  const { userId, app, uri, id } = await anOwner();
  const code = app.code(await now());
  expect(await enter(userId, code)).toBe('verified');
  const twin = randomUUID();
  const secret = base32(new URL(uri).searchParams.get('secret')!);
  const [row] = await appsOf(userId);
  await latchkey.base.knex('authenticator_apps').insert({
    ...row,
    id: twin,
    sealed_secret: latchkey.base.secrets.seal(secretContext({ userId, id: twin }), secret),
    last_step: 0,
    created_at: await now(),
  });
  expect((await appsOf(userId)).map((it) => it.id)).toEqual([id, twin]);
  expect(await enter(userId, code)).toBe('verified');
  expect(await enter(userId, code)).toBe('used_step');
});

describe('nobody gets in', () => {
  test('before earlier evidence has shown who it is', async () => {
    const { app, user } = await anOwner();
    const named = { userName: user.userPrincipalName };
    expect(await enter(null, app.code(await now()), { attempt: named })).toBe('no_credential');
  });

  test('with the app of somebody else', async () => {
    const [one, other] = [await anOwner(), await anOwner()];
    expect(await enter(other.userId, one.app.code(await now()))).toBe('wrong_code');
    const without = await latchkey.user(aName());
    expect(await enter(without.id, one.app.code(await now()))).toBe('no_credential');
    expect(await enter(randomUUID(), one.app.code(await now()))).toBe('no_credential');
  });

  test('when the sign-in stands on somebody else by the time it is spent', async () => {
    const [one, other] = [await anOwner(), await anOwner()];
    const code = one.app.code(await now());
    for (const provenUserId of [other.userId, null]) {
      expect(await enter(one.userId, code, { spentBy: { provenUserId } })).toBe('no_credential');
    }
    expect(await enter(one.userId, code)).toBe('verified');
  });

  test('where a new passkey is to be used, or somebody else is signed in', async () => {
    const { userId, app } = await anOwner();
    const code = app.code(await now());
    expect(await enter(userId, code, { attempt: { onlyCredentialId: randomUUID() } })).toBe('no_credential');
    expect(await enter(userId, code, { attempt: { signedInUserId: randomUUID() } })).toBe('signed_in_as_other');
    expect(await enter(userId, code, { attempt: { signedInUserId: userId } })).toBe('verified');
  });

  test('with an app that is suspended or removed, before it is read or after', async () => {
    const { userId, app, id } = await anOwner();
    const suspend = () => latchkey.base.knex('authenticator_apps').where({ id }).update({ suspended_at: new Date() });
    const code = app.code(await now());
    expect(await enter(userId, code, { meanwhile: suspend })).toBe('no_credential');
    expect(await enter(userId, code)).toBe('no_credential');
    await latchkey.base.knex('authenticator_apps').where({ id }).update({ suspended_at: null });
    const remove = () => latchkey.work((work) => method.remove(work, userId, id));
    expect(await enter(userId, code, { meanwhile: remove })).toBe('no_credential');
    expect(await enter(userId, code)).toBe('no_credential');
  });

  test('whose account is disabled, before it is read or after', async () => {
    const { userId, app } = await anOwner();
    const disable = () => latchkey.work((work) => changePerson(work, userId, { enabled: false }));
    expect(await enter(userId, app.code(await now()), { meanwhile: disable })).toBe('user_disabled');
    expect(await enter(userId, app.code(await now()))).toBe('user_disabled');
  });
});

describe('adding an app', () => {
  test('shows a secret and its address, keeps it with the first code, and that was a use', async () => {
    const user = await latchkey.user(aName());
    const enrolment = anEnrolment(user.id, { device: 'Firefox on Linux' });
    const shown = await begin(enrolment);
    expect(shown.secret).toMatch(/^[A-Z2-7]{4}( [A-Z2-7]{4}){7}$/);
    expect(new URL(shown.uri).searchParams.get('secret')).toBe(shown.secret.replaceAll(' ', ''));
    expect(new URL(shown.uri).searchParams.get('issuer')).toBe('Latchkey');
    expect(decodeURIComponent(new URL(shown.uri).pathname)).toBe(`/Latchkey:${user.userPrincipalName}`);
    expect(await appsOf(user.id)).toEqual([]);
    const verdict = await finish(enrolment, scan(shown.uri).code(await now()));
    const name = 'Authenticator app set up in Firefox on Linux';
    expect(verdict).toEqual({ enrolled: true, credential: { credentialId: expect.any(String), name, used: true } });
    expect(await latchkey.work((work) => method.listOf(work, user.id))).toMatchObject([
      { method: 'authenticator-app', name, createdWith: 'Firefox on Linux', lastUsedAt: expect.any(Date) },
    ]);
    const [event] = await eventsOf(latchkey, { userId: user.id, type: 'authenticator-app.registered' });
    expect(event!.details).toMatchObject({ name, passId: null });
    expect(await ceremonies().where('owner', '=', enrolment.owner)).toEqual([]);
  });

  test('shows the same when the page is loaded again, also by two tabs at once', async () => {
    const { id } = await latchkey.user(aName());
    const enrolment = anEnrolment(id);
    const shown = await Promise.all(
      Array.from({ length: 10 }, (_, index) => begin(enrolment, index % 2 ? second : latchkey.base)),
    );
    expect(new Set(shown.map(({ uri }) => uri)).size).toBe(1);
    advance(9 * 60);
    expect(await begin(enrolment)).toEqual(shown[0]);
    expect((await begin(anEnrolment(id))).secret).not.toBe(shown[0]!.secret);
  });

  test('takes the code of the step before, none of the future', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const app = scan((await begin(enrolment)).uri);
    for (const away of [-2, 1]) expect(outcomeOf(await finish(enrolment, app.code(await now(), away)))).toBe('refused');
    expect(outcomeOf(await finish(enrolment, app.code(await now(), -1)))).toBe('enrolled');
    // The present step is still unused.
    expect(await enter(enrolment.userId, app.code(await now()))).toBe('verified');
  });

  test('goes on after a wrong code with the secret that was shown', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const shown = await begin(enrolment);
    const app = scan(shown.uri);
    const right = app.code(await now());
    const wrong = right === '000000' ? '000001' : '000000';
    expect(outcomeOf(await finish(enrolment, wrong))).not.toBe('enrolled');
    expect(await begin(enrolment)).toEqual(shown);
    expect(outcomeOf(await finish(enrolment, right))).toBe('enrolled');
  });

  test('lasts ten minutes; then another secret is shown', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const shown = await begin(enrolment);
    const app = scan(shown.uri);
    advance(10 * 60 + 1);
    expect(outcomeOf(await finish(enrolment, app.code(await now())))).toBe('ceremony');
    const again = await begin(enrolment);
    expect(again.secret).not.toBe(shown.secret);
    expect(outcomeOf(await finish(enrolment, scan(again.uri).code(await now())))).toBe('enrolled');
  });

  test('that was answered in time and is kept too late is not kept', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const app = scan((await begin(enrolment)).uri);
    const code = app.code(await now());
    const candidate = await latchkey.work((work) => method.readEnrolment(work, enrolment, { code }));
    const proof = await method.checkEnrolment(candidate);
    advance(10 * 60 + 1);
    const verdict = await latchkey.work((work) => method.keepEnrolment(work, enrolment, candidate, proof));
    expect(outcomeOf(verdict)).toBe('ceremony');
  });

  test('ends with the window of the pass', async () => {
    const endsAt = new Date((await now()).getTime() + 60_000);
    const enrolment = anEnrolment((await latchkey.user(aName())).id, { endsAt });
    const app = scan((await begin(enrolment)).uri);
    advance(61);
    expect(outcomeOf(await finish(enrolment, app.code(await now())))).toBe('ceremony');
  });

  test('in two tabs at once adds one', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const code = scan((await begin(enrolment)).uri).code(await now());
    const verdicts = await Promise.all(
      Array.from({ length: 10 }, (_, index) => finish(enrolment, code, index % 2 ? second : latchkey.base)),
    );
    expect(verdicts.map(outcomeOf).sort()).toEqual([...Array.from({ length: 9 }, () => 'ceremony'), 'enrolled']);
    expect(await appsOf(enrolment.userId)).toHaveLength(1);
    expect(await eventsOf(latchkey, { userId: enrolment.userId, type: 'authenticator-app.registered' })).toHaveLength(
      1,
    );
  });

  test('is of the sign-in that began it, and of its user', async () => {
    const [one, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const enrolment = anEnrolment(one.id);
    const app = scan((await begin(enrolment)).uri);
    const code = app.code(await now());
    expect(outcomeOf(await finish({ ...enrolment, owner: randomBytes(32) }, code))).toBe('ceremony');
    expect(outcomeOf(await finish({ ...enrolment, userId: other.id }, code))).toBe('ceremony');
    expect(outcomeOf(await finish(enrolment, code))).toBe('enrolled');
  });

  test('by another user in the same sign-in shows another secret', async () => {
    const [one, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const enrolment = anEnrolment(one.id);
    const first = await begin(enrolment);
    const next = await begin({ ...enrolment, userId: other.id });
    expect(next.secret).not.toBe(first.secret);
    expect(outcomeOf(await finish(enrolment, scan(first.uri).code(await now())))).toBe('ceremony');
  });

  test('keeps the secret whose code was checked, or none', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const code = scan((await begin(enrolment)).uri).code(await now());
    const candidate = await latchkey.work((work) => method.readEnrolment(work, enrolment, { code }));
    const proof = await method.checkEnrolment(candidate);
    await ceremonies().where('owner', '=', enrolment.owner).delete();
    await begin(enrolment);
    const verdict = await latchkey.work((work) => method.keepEnrolment(work, enrolment, candidate, proof));
    expect(outcomeOf(verdict)).toBe('ceremony');
    expect(await appsOf(enrolment.userId)).toEqual([]);
  });

  test('is refused for the sixth, however many come at once', async () => {
    const { id } = await latchkey.user(aName());
    for (let count = 0; count < 4; count += 1) await addApp(id);
    const enrolments = Array.from({ length: 4 }, () => anEnrolment(id));
    const codes = await Promise.all(
      enrolments.map(async (enrolment) => scan((await begin(enrolment)).uri).code(await now())),
    );
    const verdicts = await Promise.all(
      enrolments.map((enrolment, index) => finish(enrolment, codes[index], index % 2 ? second : latchkey.base)),
    );
    expect(verdicts.map(outcomeOf).sort()).toEqual(['enrolled', 'too_many', 'too_many', 'too_many']);
    expect(await appsOf(id)).toHaveLength(5);
  });

  test('happens once with each pass', async () => {
    const { id } = await latchkey.user(aName());
    const passId = randomUUID();
    const enrolments = Array.from({ length: 4 }, () => anEnrolment(id, { passId }));
    const codes = await Promise.all(
      enrolments.map(async (enrolment) => scan((await begin(enrolment)).uri).code(await now())),
    );
    const verdicts = await Promise.all(
      enrolments.map((enrolment, index) => finish(enrolment, codes[index], index % 2 ? second : latchkey.base)),
    );
    expect(verdicts.map(outcomeOf).sort()).toEqual(['enrolled', 'one_per_pass', 'one_per_pass', 'one_per_pass']);
    expect(await latchkey.work((work) => method.enrolledThrough(work, passId))).toBeNull();
    await addApp(id, { passId: randomUUID() });
    expect(await appsOf(id)).toHaveLength(2);
  });
});

describe('the secret', () => {
  /** All rows of all tables, as PostgreSQL prints them. */
  async function dump(): Promise<string> {
    const { knex } = latchkey.base;
    const { rows: tables } = await knex.raw<{ rows: { name: string }[] }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    const texts = await Promise.all(
      tables.map(async ({ name }) => (await knex.raw('select t::text as row from ?? t', [name])).rows),
    );
    return JSON.stringify(texts);
  }

  test('stands in no table, neither while it waits nor afterwards', async () => {
    const enrolment = anEnrolment((await latchkey.user(aName())).id);
    const { secret, uri } = await begin(enrolment);
    const clear = base32(secret);
    const dumps = [await dump()];
    const code = scan(uri).code(await now());
    expect(outcomeOf(await finish(enrolment, code))).toBe('enrolled');
    dumps.push(await dump());
    for (const text of dumps) {
      expect(text).toContain(enrolment.userId);
      for (const spelling of [
        secret,
        secret.replaceAll(' ', ''),
        clear.toString('hex'),
        clear.toString('base64'),
        clear.toString('base64url'),
        Buffer.from(secret.replaceAll(' ', '')).toString('hex'),
      ]) {
        expect(text).not.toContain(spelling);
      }
    }
    const listed = await latchkey.work((work) => method.listOf(work, enrolment.userId));
    expect(Object.keys(listed[0]!).filter((key) => /secret|step/i.test(key))).toEqual([]);
  });

  test('that was moved to the row of another user opens nothing there, and does not stand in the way', async () => {
    const [thief, victim] = [await anOwner(), await anOwner()];
    const [{ sealed_secret }] = await appsOf(thief.userId);
    const own = await addApp(victim.userId);
    advance(30);
    await latchkey.base.knex('authenticator_apps').where('id', '=', victim.id).update({ sealed_secret });
    expect(await enter(victim.userId, thief.app.code(await now()))).toBe('wrong_code');
    expect(await enter(victim.userId, victim.app.code(await now()))).toBe('wrong_code');
    expect(await enter(victim.userId, own.app.code(await now()))).toBe('verified');
  });
});

describe('an owner', () => {
  test('names and removes what is theirs, and nothing else', async () => {
    const { userId, id, app } = await anOwner();
    const other = await anOwner();
    for (const wrong of [other.id, randomUUID(), 'x', '', id.toUpperCase()]) {
      expect(await latchkey.work((work) => method.rename(work, userId, wrong, 'Mine'))).toBe(false);
      expect(await latchkey.work((work) => method.remove(work, userId, wrong))).toBe(false);
    }
    const themself = {
      actor: { kind: 'user', userId },
      origin: { requestId: 'test', ip: null, userAgent: null },
    } as const;
    expect(await latchkey.base.run(themself, (work) => method.rename(work, userId, id, 'Phone'))).toBe(true);
    expect(await latchkey.work((work) => method.listOf(work, userId))).toMatchObject([{ id, name: 'Phone' }]);
    expect(await latchkey.work((work) => method.remove(work, userId, id))).toBe(true);
    expect(await latchkey.work((work) => method.listOf(work, userId))).toEqual([]);
    expect(await enter(userId, app.code(await now()))).toBe('no_credential');
    expect(await appsOf(other.userId)).toHaveLength(1);
    const types = (await eventsOf(latchkey, { userId })).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['authenticator-app.renamed', 'authenticator-app.removed']);
  });

  test('who says "this was not me" suspends the apps added since, and keeps those from before', async () => {
    const { userId, id, app } = await anOwner();
    const { token } = await latchkey.work((work) => openLink(work, userId));
    const intruder: { app: SoftwareAuthenticatorApp; id: string } = await addApp(userId);
    const other = await anOwner();
    const methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
    expect(await latchkey.base.run(anybody, (work) => contain(work, { token, methods }))).toBe('contained');
    expect(await enter(userId, intruder.app.code(await now()))).toBe('wrong_code');
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect((await latchkey.work((work) => method.listOf(work, userId))).map((it) => [it.id, it.suspended])).toEqual([
      [id, false],
      [intruder.id, true],
    ]);
    expect(await enter(other.userId, other.app.code(await now()))).toBe('verified');
    const [event] = await eventsOf(latchkey, { userId, type: 'authenticator-app.suspended' });
    expect(event!.details).toEqual({ appId: intruder.id, reason: 'not-me' });
  });
});

describe('wrong codes in a row', () => {
  const wrongOf = async (app: SoftwareAuthenticatorApp) => (app.code(await now()) === '123456' ? '654321' : '123456');
  const failures = (userId: string, count: number) =>
    latchkey.base.knex('authenticator_apps').where('user_id', '=', userId).update({ failures: count });
  const locks = (userId: string) => eventsOf(latchkey, { userId, type: 'authenticator-app.locked' });

  test('lock the apps at the hundredth, not at the ninety-ninth', async () => {
    const { userId, app, id } = await anOwner();
    await failures(userId, 98);
    expect(await enter(userId, await wrongOf(app))).toBe('wrong_code');
    expect(await locks(userId)).toEqual([]);
    expect(await enter(userId, 'junk')).toBe('wrong_code');
    expect(await locks(userId)).toMatchObject([{ details: { appIds: [id], failures: 100 } }]);
    expect(await enter(userId, app.code(await now()))).toBe('locked');
    const [listed] = await latchkey.work((work) => method.listOf(work, userId));
    expect(listed!.suspended).toBe(true);
  });

  test('begin anew with a right one', async () => {
    const { userId, app } = await anOwner();
    await failures(userId, 99);
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect(await enter(userId, await wrongOf(app))).toBe('wrong_code');
    expect(await locks(userId)).toEqual([]);
  });

  test('are those since any of the apps was used: one that lies in a drawer is not locked for it, nor alone', async () => {
    const { userId, app } = await anOwner();
    const drawer = await addApp(userId);
    advance(30);
    await failures(userId, 99);
    expect(await enter(userId, app.code(await now()))).toBe('verified');
    expect(await enter(userId, await wrongOf(app))).toBe('wrong_code');
    advance(30);
    expect(await enter(userId, drawer.app.code(await now()))).toBe('verified');
    await failures(userId, 99);
    await enter(userId, 'junk');
    expect((await appsOf(userId)).every(({ suspend_reason }) => suspend_reason === 'locked')).toBe(true);
    expect(await locks(userId)).toHaveLength(1);
  });

  test('at once, on two nodes and next to right ones, are counted one by one and lock once', async () => {
    const { userId, app } = await anOwner();
    await addApp(userId);
    advance(30);
    await failures(userId, 95);
    const right = app.code(await now());
    await enter(userId, 'junk', { base: second });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        enter(userId, index === 19 ? right : 'junk', { base: index % 2 ? second : latchkey.base }),
      ),
    );
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => enter(userId, 'junk', { base: index % 2 ? second : latchkey.base })),
    );
    expect(await locks(userId)).toHaveLength(1);
    const counted = await appsOf(userId);
    expect(Math.min(...counted.map((one) => one.failures))).toBe(100);
  });
});
