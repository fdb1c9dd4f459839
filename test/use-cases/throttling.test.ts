import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import * as steps from '../../src/sign-in/steps.ts';
import {
  defaultLimits,
  deleteEndedWindows,
  giveBack,
  reserve,
  type ThrottleLimits,
} from '../../src/throttle/throttle.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import {
  aHouse,
  aName,
  anAddress,
  aVisitor,
  eventsOf,
  meanwhile,
  passPolicy,
  untilSomebodyWaits,
  type Visitor,
} from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

// Long enough to cost no slow hash.
const wrong = 'ABCD2345EFGH6789ABCD2345';

/** Somebody with a pass that is not one-time, so that only the throttle keeps anybody out, and whose codes cost no slow hash. */
async function aHolder(): Promise<{ name: string; code: string }> {
  await passPolicy(latchkey, { isUsableOnce: false, defaultLength: 24 });
  const user = await latchkey.user(aName());
  const { code } = await issuePass(latchkey.base.run, asOperator, { user: user.id, lifetimeMinutes: 480 });
  return { name: user.userPrincipalName, code };
}

async function wrongTries(count: number, name: string, ip: string): Promise<Visitor> {
  let visitor = await aVisitor(house, { ip });
  for (let times = 0; times < count; times += 1) {
    visitor = await aVisitor(house, { ip });
    await visitor.enter(name, wrong);
  }
  return visitor;
}

const throttled = async () => (await eventsOf(latchkey, { type: 'sign-in.throttled' })).length;
const evaluated = async () => (await eventsOf(latchkey, { type: 'sign-in.refused' })).length;

describe('one source against one account', () => {
  test('has five tries in five minutes: the fifth is judged, the sixth is not, even with the right code', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    await wrongTries(4, name, ip);
    expect(await (await aVisitor(house, { ip })).enter(name, wrong)).toBe('verify');
    const [before, refused] = [await throttled(), await evaluated()];
    const sixth = await aVisitor(house, { ip });
    expect(await sixth.enter(name, code)).toBe('verify');
    expect(await throttled()).toBe(before + 1);
    expect(await evaluated()).toBe(refused);
    // As after a code that was judged: a page that tells the two apart would say what is counted.
    expect((await sixth.look()).signIn.notice).toEqual({
      kind: 'refused',
      method: 'temporary-access-pass',
      reference: sixth.visit.origin.requestId,
    });
  });

  test('and the fifth may be the right one', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    await wrongTries(4, name, ip);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
  });

  test('may try again when the window has ended, not a moment earlier', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    const visitor = await wrongTries(5, name, ip);
    latchkey.clock.advance(4.9);
    expect(await visitor.type(code)).toBe('verify');
    latchkey.clock.advance(0.1);
    expect(await visitor.type(code)).toBe('enrol');
  });

  test('does not make its window longer by trying on', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    await wrongTries(5, name, ip);
    for (let minute = 0; minute < 5; minute += 1) {
      await wrongTries(2, name, ip);
      latchkey.clock.advance(1);
    }
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
  });

  test('has its window from the first try, not from the last', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    await wrongTries(1, name, ip);
    latchkey.clock.advance(4);
    await wrongTries(4, name, ip);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
    latchkey.clock.advance(1);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
  });

  test('is counted over sign-ins, browsers and spellings of the name', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    const spellings = [
      name,
      name.toUpperCase(),
      ` ${name}`,
      `${name.slice(0, 3).toUpperCase()}${name.slice(3)}`,
      name.replace('@', '\uff20'),
    ];
    for (const spelling of spellings) await (await aVisitor(house, { ip })).enter(spelling, wrong);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
  });

  test('is counted within one sign-in as well', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(name);
    for (let times = 0; times < 5; times += 1) await visitor.type(wrong);
    expect(await visitor.type(code)).toBe('verify');
    await steps.restart(house, visitor.visit);
    expect(await visitor.enter(name, code)).toBe('verify');
  });

  test('an attempt that succeeds is given back', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    await wrongTries(4, name, ip);
    for (let times = 0; times < 6; times += 1)
      expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
    await wrongTries(1, name, ip);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
  });

  test('junk counts like any other try', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    for (const junk of ['', undefined, [], 'x'.repeat(500), '0000-0000'])
      await (await aVisitor(house, { ip })).enter(name, junk);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
  });

  test('another source still gets in, and so does another /64', async () => {
    const { name, code } = await aHolder();
    await wrongTries(5, name, '2001:db8:1:1::1');
    expect(await (await aVisitor(house, { ip: '2001:db8:1:1:ffff::9' })).enter(name, code)).toBe('verify');
    expect(await (await aVisitor(house, { ip: '2001:db8:1:2::1' })).enter(name, code)).toBe('enrol');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
  });

  test('the same source still gets into another account', async () => {
    const [one, two] = [await aHolder(), await aHolder()];
    const ip = anAddress();
    await wrongTries(5, one.name, ip);
    expect(await (await aVisitor(house, { ip })).enter(two.name, two.code)).toBe('enrol');
  });

  test('of forty tries at once exactly five are judged, and none is a fault', async () => {
    const { name } = await aHolder();
    const ip = anAddress();
    const visitors = await Promise.all(Array.from({ length: 40 }, () => aVisitor(house, { ip })));
    for (const visitor of visitors) await visitor.name(name);
    const [before, refused] = [await throttled(), await evaluated()];
    const ends = await Promise.allSettled(visitors.map((visitor) => visitor.type(wrong)));
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect((await evaluated()) - refused).toBe(5);
    expect((await throttled()) - before).toBe(35);
  });

  test('of forty tries at once after a window has ended exactly five are judged', async () => {
    const { name } = await aHolder();
    const ip = anAddress();
    await wrongTries(5, name, ip);
    latchkey.clock.advance(16);
    const visitors = await Promise.all(Array.from({ length: 40 }, () => aVisitor(house, { ip })));
    for (const visitor of visitors) await visitor.name(name);
    const refused = await evaluated();
    await Promise.all(visitors.map((visitor) => visitor.type(wrong)));
    expect((await evaluated()) - refused).toBe(5);
  });
});

describe('names that do not exist', () => {
  test('count like names that do', async () => {
    const ip = anAddress();
    const name = aName('nobody');
    await wrongTries(5, name, ip);
    const before = await throttled();
    await (await aVisitor(house, { ip })).enter(name, wrong);
    expect(await throttled()).toBe(before + 1);
  });

  test('show the same page before and after the limit as names that do', async () => {
    const { name } = await aHolder();
    const pages = async (userName: string) => {
      const visitor = await aVisitor(house);
      await visitor.name(userName);
      const notices: unknown[] = [];
      for (let times = 0; times < 7; times += 1) {
        await visitor.type(wrong);
        const { signIn, step } = await visitor.look();
        notices.push({ notice: { ...signIn.notice, reference: undefined }, step });
      }
      return notices;
    };
    expect(await pages(name)).toEqual(await pages(aName('nobody')));
  });

  test('are not kept in the counters, and neither are addresses', async () => {
    const ip = '192.0.2.77';
    await wrongTries(1, 'secret-typed-as-a-name', ip);
    const rows = await latchkey.base.knex('throttle_counters');
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(ip);
    expect(rows.every(({ key_hash }) => Buffer.isBuffer(key_hash) && key_hash.length === 32)).toBe(true);
    const text = rows.map(({ key_hash }) => key_hash.toString('latin1')).join();
    expect(text).not.toContain('secret');
  });
});

describe('one source against all accounts', () => {
  test('has thirty tries in fifteen minutes', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    for (let account = 0; account < 6; account += 1) await wrongTries(5, aName('somebody'), ip);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
    latchkey.clock.advance(14.9);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('verify');
    expect(await (await aVisitor(house)).enter(name, code)).toBe('enrol');
    latchkey.clock.advance(0.1);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
  });

  test('a try that is refused for the source does not count against the account', async () => {
    const { name, code } = await aHolder();
    const ip = anAddress();
    for (let account = 0; account < 6; account += 1) await wrongTries(5, aName('somebody'), ip);
    latchkey.clock.advance(14);
    await wrongTries(8, name, ip);
    latchkey.clock.advance(1);
    await wrongTries(4, name, ip);
    expect(await (await aVisitor(house, { ip })).enter(name, code)).toBe('enrol');
  });

  test('of forty tries at once at forty accounts exactly thirty are judged', async () => {
    const ip = anAddress();
    const visitors = await Promise.all(Array.from({ length: 40 }, () => aVisitor(house, { ip })));
    for (const visitor of visitors) await visitor.name(aName('somebody'));
    const refused = await evaluated();
    await Promise.all(visitors.map((visitor) => visitor.type(wrong)));
    expect((await evaluated()) - refused).toBe(30);
  });
});

test('limits of one’s own are kept', async () => {
  const strict = aHouse(latchkey, {
    limits: {
      ...defaultLimits,
      sourceAndAccount: { most: 1, windowMinutes: 1 },
      source: { most: 2, windowMinutes: 1 },
    },
  });
  const { name, code } = await aHolder();
  const visitor = await aVisitor(strict);
  expect(await visitor.enter(name, wrong)).toBe('verify');
  expect(await visitor.type(code)).toBe('verify');
  latchkey.clock.advance(1);
  expect(await visitor.type(code)).toBe('enrol');
});

test('a refused try is kept and recorded: who was throttled, for which app, until when', async () => {
  const { name } = await aHolder();
  const visitor = await aVisitor(house);
  await visitor.name(name);
  for (let times = 0; times < 6; times += 1) await visitor.type(wrong);
  const event = (await eventsOf(latchkey, { type: 'sign-in.throttled' })).at(-1)!;
  expect(event).toMatchObject({
    result: 'failure',
    reason: 'too many attempts',
    client_id: 'app',
    actor_kind: 'anonymous',
  });
  const left = Date.parse(String(event.details.retryAt)) - (await latchkey.work(async (work) => work.now)).getTime();
  expect(left).toBeGreaterThan(4 * 60_000);
  expect(left).toBeLessThanOrEqual(5 * 60_000);
  expect(JSON.stringify(event)).not.toContain(wrong);
});

test('a passkey is no guess: it gets in where codes are throttled', async () => {
  const { name, code } = await aHolder();
  const first = await aVisitor(house);
  const authenticator = newAuthenticator();
  await first.enter(name, code);
  await first.register(authenticator);
  expect(await first.sign(authenticator)).toBe('complete');
  const ip = anAddress();
  const visitor = await wrongTries(6, name, ip);
  expect(await visitor.sign(authenticator)).toBe('complete');
});

test('twelve answers at once to one sign-in take turns: none is a fault, and the right code gets in', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(name);
    const ends = await Promise.allSettled(Array.from({ length: 12 }, () => visitor.type(code)));
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await visitor.step()).toBe('enrol');
  }
});

test('a try whose page has gone on meanwhile is not judged twice', async () => {
  const { name, code } = await aHolder();
  const plain = await aVisitor(house);
  const visitor = plain.at(meanwhile(house, 'temporary-access-pass', () => plain.type(code)));
  expect(await visitor.enter(name, code)).toBe('enrol');
  const verified = await eventsOf(latchkey, { type: 'sign-in.verified' });
  expect(verified.filter(({ details }) => details.uid === plain.visit.uid)).toHaveLength(1);
});

describe('counters', () => {
  const asked = { ip: '198.51.100.1', account: 'joiner@example.com', own: [], shortPasses: false };
  const limits: ThrottleLimits = {
    ...defaultLimits,
    sourceAndAccount: { most: 2, windowMinutes: 5 },
    source: { most: 3, windowMinutes: 15 },
  };
  const take = (account = asked.account) => latchkey.work((work) => reserve(work, limits, { ...asked, account }));

  test('that are given back are never below nothing', async () => {
    const reservation = await take();
    if (!reservation.granted) throw new Error('It was not granted.');
    for (let times = 0; times < 3; times += 1) await latchkey.work((work) => giveBack(work, reservation.counters));
    expect([(await take()).granted, (await take()).granted, (await take()).granted]).toEqual([true, true, false]);
  });

  test('say when trying again makes sense', async () => {
    const reservation = await take();
    const now = await latchkey.work(async (work) => work.now);
    if (reservation.granted) throw new Error('It was granted.');
    expect(reservation.retryAt.getTime()).toBeGreaterThan(now.getTime());
    expect(reservation.retryAt.getTime()).toBeLessThanOrEqual(now.getTime() + 5 * 60_000);
  });

  test.each(['made', 'begun anew'])(
    'that are %s and filled by somebody else at this very moment say no, and when',
    async (how) => {
      const account = aName('at-once');
      if (how === 'begun anew') {
        await take(account);
        latchkey.clock.advance(16);
      }
      let late: ReturnType<typeof take> | undefined;
      await latchkey.work(async (work) => {
        for (let times = 0; times < limits.sourceAndAccount.most; times += 1)
          await reserve(work, limits, { ...asked, account });
        late = take(account);
        await untilSomebodyWaits(latchkey);
      });
      const reservation = await late!;
      const now = await latchkey.work(async (work) => work.now);
      if (reservation.granted) throw new Error('It was granted.');
      expect(reservation.retryAt.getTime()).toBeGreaterThan(now.getTime());
    },
  );

  test('that are given back when another window has begun leave that as it is', async () => {
    const account = aName('late');
    const first = await take(account);
    if (!first.granted) throw new Error('It was not granted.');
    latchkey.clock.advance(16);
    expect([(await take(account)).granted, (await take(account)).granted]).toEqual([true, true]);
    await latchkey.work((work) => giveBack(work, first.counters));
    expect((await take(account)).granted).toBe(false);
    latchkey.clock.advance(16);
  });

  test('that are raised and given back by many at once come to nothing', async () => {
    const account = aName('to-and-fro');
    const plenty = { most: 1_000_000, windowMinutes: 5 };
    const wide = { ...defaultLimits, sourceAndAccount: plenty, source: plenty };
    const toAndFro = async () => {
      const guess = { ...asked, account, own: ['account', 'recoveryCode'] } as const;
      const reservation = await latchkey.work((work) => reserve(work, wide, guess));
      if (reservation.granted) await latchkey.work((work) => giveBack(work, reservation.counters));
      return reservation.granted;
    };
    for (let round = 0; round < 5; round += 1) {
      expect(await Promise.all(Array.from({ length: 5 }, toAndFro))).toEqual(Array(5).fill(true));
    }
    const counts = await latchkey.base
      .knex('throttle_counters')
      .where('window_ends_at', '>', await latchkey.work(async (work) => work.now));
    expect(
      counts.filter(({ scope }) => ['account', 'recovery-code'].includes(scope)).map(({ count }) => count),
    ).toEqual([0, 0]);
    latchkey.clock.advance(31);
  });

  test('whose window has ended are deleted, and the others stay', async () => {
    latchkey.clock.advance(60 * 24);
    await take('new@example.com');
    await latchkey.work(deleteEndedWindows);
    expect(await latchkey.base.knex('throttle_counters')).toHaveLength(3);
  });

  test('that cannot be reached mean no: the try fails and nothing is let in', async () => {
    const { name, code } = await aHolder();
    const visitor = await aVisitor(house);
    await visitor.name(name);
    await latchkey.base.knex.raw('alter table throttle_counters rename to elsewhere');
    try {
      await expect(visitor.type(code)).rejects.toThrow();
    } finally {
      await latchkey.base.knex.raw('alter table elsewhere rename to throttle_counters');
    }
    expect(await visitor.step()).toBe('verify');
    expect(await visitor.type(code)).toBe('enrol');
  });
});

describe('one account from all sources', () => {
  const many = { most: 1_000_000, windowMinutes: 1 };
  const limits: ThrottleLimits = {
    ...defaultLimits,
    sourceAndAccount: many,
    source: many,
    organisation: { ...defaultLimits.organisation, most: 1_000_000 },
  };
  const guess = (account: string) =>
    latchkey.work((work) => reserve(work, limits, { ip: null, account, own: ['account'], shortPasses: false }));
  const granted = async (account: string) => (await guess(account)).granted;
  const guesses = async (count: number, account: string) => {
    for (let times = 0; times < count; times += 1) expect(await granted(account)).toBe(true);
  };

  /** Minutes until the next guess is let through. */
  async function wait(account: string): Promise<number> {
    const now = await latchkey.work(async (work) => work.now);
    const reservation = await guess(account);
    if (reservation.granted) throw new Error('It was granted.');
    return (reservation.retryAt.getTime() - now.getTime()) / 60_000;
  }

  test('has ten guesses in fifteen minutes, and others have theirs', async () => {
    const account = aName();
    await guesses(10, account);
    expect(await granted(account)).toBe(false);
    expect(await granted(aName())).toBe(true);
  });

  test('begins anew after fifteen minutes with fewer than ten', async () => {
    const account = aName();
    await guesses(9, account);
    latchkey.clock.advance(15);
    await guesses(10, account);
    expect(await granted(account)).toBe(false);
  });

  test('then waits twice as long for every further one, up to an hour', async () => {
    const account = aName();
    await guesses(10, account);
    const waits: number[] = [];
    for (let times = 0; times < 9; times += 1) {
      const minutes = await wait(account);
      waits.push(Math.round(minutes * 2) / 2);
      latchkey.clock.advance(minutes - 0.1);
      expect(await granted(account)).toBe(false);
      latchkey.clock.advance(0.1);
      expect(await granted(account)).toBe(true);
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test('is remembered while it waits, and forgotten fifteen minutes after', async () => {
    const account = aName();
    await guesses(10, account);
    latchkey.clock.advance(15.4);
    await latchkey.work(deleteEndedWindows);
    await guesses(1, account);
    expect(await wait(account)).toBeGreaterThan(0.9);
    latchkey.clock.advance(16.1);
    await guesses(10, account);
  });

  test('is not made to wait longer by a source that is turned away', async () => {
    const account = aName();
    const narrow = { ...limits, sourceAndAccount: { most: 1, windowMinutes: 60 } };
    const stranger = () =>
      latchkey.work((work) =>
        reserve(work, narrow, { ip: '203.0.113.66', account, own: ['account'], shortPasses: false }),
      );
    expect((await stranger()).granted).toBe(true);
    await guesses(9, account);
    latchkey.clock.advance(0.5);
    for (let times = 0; times < 5; times += 1) expect((await stranger()).granted).toBe(false);
    await guesses(1, account);
  });

  test('has back what is given back', async () => {
    const account = aName();
    for (let times = 0; times < 15; times += 1) {
      const reservation = await guess(account);
      if (!reservation.granted) throw new Error('It was not granted.');
      await latchkey.work((work) => giveBack(work, reservation.counters));
    }
  });

  test('lets ten of thirty through at once, and one when the wait has ended', async () => {
    const account = aName();
    const atOnce = async () => (await Promise.all(Array.from({ length: 30 }, () => granted(account)))).filter(Boolean);
    expect(await atOnce()).toHaveLength(10);
    latchkey.clock.advance(0.6);
    expect(await atOnce()).toHaveLength(1);
  });
});
