import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MethodId } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { type NextStep, nextStep } from '../../src/sign-in/next-step.ts';
import type { SignIn } from '../../src/sign-in/sign-in.ts';
import { aSignIn, anEvidence, at, noon, origin } from '../support/makers.ts';

const registry = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
const policy = { methods: ['passkey', 'temporary-access-pass'], enrollable: ['passkey'] } as const;
const traits = (id: MethodId) => registry.get(id)!.traits;
const open = { now: at(5), policy, traits, passStillOpens: true };
const ended = { ...open, passStillOpens: false };

const userId = '11111111-1111-4111-8111-111111111111';
const enrolled = { credentialId: 'made-here', name: 'Chrome on Windows' };
const named = aSignIn({ userName: 'joiner@example.com' });
const opened = aSignIn({
  userName: 'joiner@example.com',
  userId,
  evidence: [anEvidence('temporary-access-pass')],
  passId: '22222222-2222-4222-8222-222222222222',
  windowEndsAt: at(10),
});
const registered = { ...opened, enrolled };
const graduated = { ...registered, evidence: [...opened.evidence, anEvidence('passkey', at(4))] };
const signsIn = { level: '2f', amr: ['pass'], endsAt: at(60) } as const;
const passId = opened.passId!;
const admitted = {
  ...opened,
  evidence: [{ methodId: 'temporary-access-pass', credentialId: passId, at: at(1), signsIn }],
} as SignIn;
const bornOf = { passId, endsAt: at(60) };
const withPasskey = aSignIn({ userId, evidence: [anEvidence('passkey', at(3))] });

describe('what comes next', () => {
  const cases: readonly [string, SignIn, typeof open, Partial<NextStep>][] = [
    ['a sign-in that has just begun: the name', aSignIn(), open, { kind: 'identify' }],
    [
      'with a method but no name: the name',
      aSignIn({ chosenMethod: 'temporary-access-pass' }),
      open,
      { kind: 'identify' },
    ],
    ['with a name: the first method that is offered', named, open, { kind: 'verify', chosen: 'passkey' }],
    [
      'with a name and a method: that one',
      { ...named, chosenMethod: 'temporary-access-pass' },
      open,
      { kind: 'verify', chosen: 'temporary-access-pass', methods: policy.methods },
    ],
    [
      'with a method that policy no longer offers: the first',
      { ...named, chosenMethod: 'temporary-access-pass' },
      { ...open, policy: { ...policy, methods: ['passkey'] } } as never,
      { kind: 'verify', chosen: 'passkey' },
    ],
    [
      'with a name that this device knows: what was used last, and the rest in order',
      named,
      { ...open, usedLast: 'temporary-access-pass' } as never,
      { kind: 'verify', chosen: 'temporary-access-pass', methods: ['temporary-access-pass', 'passkey'] },
    ],
    [
      'with a name that this device knows, and a method: that one',
      { ...named, chosenMethod: 'passkey' },
      { ...open, usedLast: 'temporary-access-pass' } as never,
      { kind: 'verify', chosen: 'passkey', methods: ['temporary-access-pass', 'passkey'] },
    ],
    [
      'where what was used last is no longer offered: as if nothing had been',
      named,
      { ...open, usedLast: 'password' } as never,
      { kind: 'verify', chosen: 'passkey', methods: policy.methods },
    ],
    [
      'before anybody was named: nothing of what was used last',
      aSignIn(),
      { ...open, usedLast: 'temporary-access-pass' } as never,
      { kind: 'identify' },
    ],
    ['with an empty name: still asked for a proof, never let in', { ...named, userName: '' }, open, { kind: 'verify' }],
    ['after a pass: registration', opened, open, { kind: 'enrol', methods: ['passkey'], windowEndsAt: at(10) }],
    [
      'after a pass, a millisecond before the window ends: registration',
      opened,
      { ...open, now: at(10, -1) },
      { kind: 'enrol' },
    ],
    [
      'after a pass, when the window ends: the end, nothing saved',
      opened,
      { ...open, now: at(10) },
      { kind: 'ended', saved: false },
    ],
    ['after a pass that ended meanwhile: the end, nothing saved', opened, ended, { kind: 'ended', saved: false }],
    ['with a new passkey: its first use', registered, open, { kind: 'confirm', ...enrolled, windowEndsAt: at(10) }],
    [
      'with a new passkey a millisecond before the window ends',
      registered,
      { ...open, now: at(10, -1) },
      { kind: 'confirm' },
    ],
    [
      'with a new passkey when the window ends: the end, the passkey saved',
      registered,
      { ...open, now: at(10) },
      { kind: 'ended', saved: true },
    ],
    [
      'with a new passkey when the pass ended: the end, the passkey saved',
      registered,
      ended,
      { kind: 'ended', saved: true },
    ],
    [
      'after the new passkey was used: done',
      graduated,
      open,
      { kind: 'complete', userId, level: 'phr', authTime: at(4) },
    ],
    ['after the new passkey was used and the pass is spent: done', graduated, ended, { kind: 'complete', userId }],
    [
      'after the new passkey was used, long after the window: done',
      graduated,
      { ...ended, now: at(600) },
      { kind: 'complete', userId },
    ],
    [
      'after a passkey alone: done, with its words',
      withPasskey,
      open,
      { kind: 'complete', userId, level: 'phr', amr: ['pop', 'user', 'mfa'], authTime: at(3) },
    ],
    [
      'after a pass that signs in: done, with what it was worth, until it ends',
      admitted,
      open,
      { kind: 'complete', userId, level: '2f', amr: ['pass'], authTime: at(1), bornOf },
    ],
    [
      'after a pass that signs in and counts as one factor: done, as that',
      { ...admitted, evidence: [{ ...admitted.evidence[0]!, signsIn: { ...signsIn, level: '1f' } }] },
      open,
      { kind: 'complete', level: '1f' },
    ],
    [
      'after a pass that signs in for a month: done, for 8 hours',
      { ...admitted, evidence: [{ ...admitted.evidence[0]!, signsIn: { ...signsIn, endsAt: at(43_200) } }] },
      open,
      { kind: 'complete', bornOf: { passId, endsAt: at(1 + 480) } },
    ],
    ['after a pass that signs in and ended before it did: the end', admitted, ended, { kind: 'ended', saved: false }],
    [
      'after a pass that signs in, when its window ends: the end',
      admitted,
      { ...open, now: at(10) },
      { kind: 'ended', saved: false },
    ],
    [
      'completed with a pass that signs in, which is used up by that: done again, which is harmless',
      { ...admitted, completedAt: at(1) },
      { ...ended, now: at(30) },
      { kind: 'complete', bornOf },
    ],
    [
      'after another pass than the one that signs in: the end, never registration with it',
      { ...admitted, passId: '33333333-3333-4333-8333-333333333333', completedAt: at(1) },
      ended,
      { kind: 'ended' },
    ],
    [
      'after a pass that signs in and a passkey: done with the passkey, and the pass is left behind',
      { ...admitted, evidence: [...admitted.evidence, anEvidence('passkey', at(4))] },
      open,
      { kind: 'complete', level: 'phr', bornOf: null },
    ],
    ['evidence of nobody: the name', { ...withPasskey, userId: null }, open, { kind: 'identify' }],
    ['a user without evidence: the name', aSignIn({ userId }), open, { kind: 'identify' }],
    ['a user and a name without evidence: a proof', { ...named, userId }, open, { kind: 'verify' }],
    [
      'bootstrap evidence without its pass: a proof',
      { ...named, userId, evidence: opened.evidence },
      open,
      { kind: 'verify' },
    ],
    ['an enrolled credential without a pass: the name', aSignIn({ enrolled, userId }), open, { kind: 'identify' }],
    ['cancelled at the start: cancelled', aSignIn({ cancelledAt: noon }), open, { kind: 'cancelled' }],
    ['cancelled in registration: cancelled', { ...opened, cancelledAt: noon }, open, { kind: 'cancelled' }],
    [
      'cancelled with a strong proof in the row: cancelled',
      { ...graduated, cancelledAt: noon },
      open,
      { kind: 'cancelled' },
    ],
    [
      'completed before: done again, which is harmless',
      { ...graduated, completedAt: at(4) },
      open,
      { kind: 'complete', userId },
    ],
  ];
  test.each(cases)('%s', (_sentence, signIn, circumstances, step) => {
    expect(nextStep(signIn, circumstances)).toMatchObject(step);
  });

  describe('with something one knows and something one has', () => {
    const methods = ['passkey', 'temporary-access-pass', 'password', 'authenticator-app'] as const;
    const parts: Partial<Record<MethodId, ReturnType<typeof traits>>> = {
      password: { amr: ['pwd'], level: '1f', bootstrapOnly: false, part: 'first' },
      'authenticator-app': { amr: ['otp'], level: '2f', bootstrapOnly: false, part: 'second' },
    };
    const both = {
      ...open,
      policy: { ...policy, methods, firstPartAlone: false },
      traits: (id: MethodId) => parts[id] ?? traits(id),
    };
    const password = anEvidence('password', at(1));
    const code = anEvidence('authenticator-app', at(2));
    const knows = { ...named, userId, evidence: [password] };

    test('the second part is not offered before the first', () => {
      expect(nextStep(named, both)).toEqual({
        kind: 'verify',
        methods: ['passkey', 'temporary-access-pass', 'password'],
        chosen: 'passkey',
      });
      expect(nextStep({ ...named, chosenMethod: 'authenticator-app' }, both)).toMatchObject({ chosen: 'passkey' });
    });

    test('after the first the second is asked for, and the first no more', () => {
      expect(nextStep({ ...knows, chosenMethod: 'password' }, both)).toEqual({
        kind: 'verify',
        methods: ['authenticator-app', 'passkey', 'temporary-access-pass'],
        chosen: 'authenticator-app',
      });
    });

    test('both are two factors, reported by the later', () => {
      expect(nextStep({ ...knows, evidence: [password, code] }, both)).toMatchObject({
        kind: 'complete',
        level: '2f',
        amr: ['pwd', 'otp', 'mfa'],
        authTime: at(2),
        bornOf: null,
      });
    });

    test('the first alone is one factor where policy says that it is enough', () => {
      const lax = { ...both, policy: { ...both.policy, firstPartAlone: true } };
      const long = { ...password, standsAlone: true } as const;
      expect(nextStep({ ...knows, evidence: [long] }, lax)).toMatchObject({
        kind: 'complete',
        level: '1f',
        amr: ['pwd'],
      });
      expect(nextStep({ ...knows, evidence: [long] }, both)).toMatchObject({ kind: 'verify' });
      expect(nextStep({ ...knows, evidence: [password, code] }, lax)).toMatchObject({ level: '2f' });
    });

    test('the first alone is not enough where it is too short for that, whatever policy says', () => {
      const lax = { ...both, policy: { ...both.policy, firstPartAlone: true } };
      expect(nextStep(knows, lax)).toMatchObject({ kind: 'verify', chosen: 'authenticator-app' });
    });

    describe('and an app that asks for more', () => {
      const asking = (leastLevel: '2f' | 'phr') => ({
        ...both,
        policy: { ...both.policy, firstPartAlone: true, leastLevel },
      });
      const long = { ...password, standsAlone: true } as const;
      const typed = { ...knows, evidence: [long] };

      test.each<[string, '2f' | 'phr', readonly MethodId[], readonly MethodId[]]>([
        ['two factors: the app too', '2f', ['passkey', 'authenticator-app'], ['passkey', 'authenticator-app']],
        ['a passkey: that alone', 'phr', ['passkey', 'authenticator-app'], ['passkey']],
        ['what the user does not have is not asked for', '2f', ['authenticator-app'], ['authenticator-app']],
      ])('%s', (_what, least, held, methods) => {
        expect(nextStep(typed, { ...asking(least), held })).toEqual({
          kind: 'verify',
          methods,
          chosen: methods[0],
          forTheApp: true,
        });
      });

      test('who has nothing better goes on, and so does what was complete before', () => {
        expect(nextStep(typed, asking('phr'))).toMatchObject({ kind: 'complete', level: '1f' });
        const completed = { ...typed, completedAt: at(3) };
        expect(nextStep(completed, { ...asking('phr'), held: ['passkey'] })).toMatchObject({ kind: 'complete' });
      });

      test('whoever came with a pass is not asked for what they may have lost', () => {
        expect(nextStep(admitted, { ...asking('phr'), held: ['passkey'] })).toMatchObject({ kind: 'complete' });
      });

      test('is offered what may lead there, and a pass; or all of it, where nothing does', () => {
        expect(nextStep(named, asking('phr'))).toMatchObject({ methods: ['passkey', 'temporary-access-pass'] });
        expect(nextStep(named, asking('2f'))).toMatchObject({
          methods: ['passkey', 'temporary-access-pass', 'password'],
        });
        const hopeless = { ...both, policy: { ...both.policy, leastLevel: 'phrh' as const } };
        expect(nextStep(named, hopeless)).toMatchObject({ methods: ['passkey', 'temporary-access-pass', 'password'] });
      });
    });

    test('the second alone is nothing', () => {
      expect(nextStep({ ...named, userId, evidence: [code] }, both)).toMatchObject({ kind: 'verify' });
    });

    test('registered with a pass they are used at once, and the registration is over', () => {
      const made = { ...opened, evidence: [...opened.evidence, password, code] };
      expect(nextStep(made, both)).toMatchObject({ kind: 'complete', level: '2f', bornOf: null });
      expect(nextStep({ ...opened, evidence: [...opened.evidence, password] }, both)).toMatchObject({ kind: 'enrol' });
    });
  });

  describe('where the organisation asks for more', () => {
    const registration = {
      mode: 'required',
      count: 1,
      methods: ['passkey', 'authenticator-app'],
      includeTargets: [],
      excludeTargets: [],
      snoozeDurationInDays: 1,
      snoozes: 3,
      reconfirmAfterDays: 30,
    } as const;
    const demand = { methods: ['passkey', 'authenticator-app'], holds: [] as MethodId[], mayWait: false } as const;
    const enough = { ...open, policy: { ...policy, registration } };
    const asking = { ...enough, demand };
    const made = { ...withPasskey, enrolled };
    const used = {
      ...made,
      evidence: [...made.evidence, { ...anEvidence('passkey', at(4)), credentialId: 'made-here' }],
    };

    test.each<[string, SignIn, object, object]>([
      [
        'after the proofs: registration, with no end but the sign-in’s',
        withPasskey,
        asking,
        { kind: 'enrol', methods: demand.methods, chosen: 'passkey', windowEndsAt: null, demanded: 'required' },
      ],
      [
        'after a pass that signs in: registration in its window',
        admitted,
        asking,
        { kind: 'enrol', windowEndsAt: at(10), demanded: 'required' },
      ],
      [
        'of whoever may wait: the same, as a nudge',
        withPasskey,
        { ...asking, demand: { ...demand, mayWait: true } },
        { kind: 'enrol', demanded: 'nudge' },
      ],
      ['nothing of this user: done', withPasskey, enough, { kind: 'complete' }],
      ['before any proof: the name', aSignIn(), asking, { kind: 'identify' }],
      ['before the proof: the proof', named, asking, { kind: 'verify' }],
      ['with the new passkey: its first use', made, enough, { kind: 'confirm', ...enrolled, windowEndsAt: null }],
      [
        'after its first use: done, with the first of equal proofs',
        used,
        enough,
        { kind: 'complete', authTime: at(3) },
      ],
      ['after its first use, and another is asked for: that', used, asking, { kind: 'enrol', windowEndsAt: null }],
      [
        'of a sign-in that was complete before: done',
        { ...withPasskey, completedAt: at(4) },
        asking,
        { kind: 'complete' },
      ],
      [
        'of a sign-in that was cancelled: cancelled',
        { ...withPasskey, cancelledAt: at(4) },
        asking,
        { kind: 'cancelled' },
      ],
      ['no more, policy being off: done', made, open, { kind: 'complete' }],
      [
        'after a registration that a pass opened: the rest, outside the window',
        {
          ...graduated,
          evidence: [...opened.evidence, { ...anEvidence('passkey', at(4)), credentialId: 'made-here' }],
        },
        { ...asking, now: at(600), passStillOpens: false },
        { kind: 'enrol', windowEndsAt: null, demanded: 'required' },
      ],
      ['of a pass that opens registration: that, as ever', opened, asking, { kind: 'enrol', windowEndsAt: at(10) }],
    ])('%s', (_sentence, signIn, circumstances, step) => {
      expect(nextStep(signIn, circumstances as typeof open)).toMatchObject(step);
    });

    test('of whoever proved less than they could: the stronger proof first, and no nudge', () => {
      const byPassword = {
        ...named,
        userId,
        evidence: [{ ...anEvidence('password', at(1)), standsAlone: true as const }],
      };
      const methods = ['passkey', 'temporary-access-pass', 'password', 'authenticator-app'] as const;
      const lax = { ...asking, policy: { ...asking.policy, methods, firstPartAlone: true } };
      const holding = (holds: MethodId[], mayWait = false) =>
        nextStep(byPassword, { ...lax, demand: { ...demand, holds, mayWait } });
      expect(holding([])).toMatchObject({ kind: 'enrol' });
      expect(holding(['passkey'])).toEqual({ kind: 'verify', methods: ['passkey'], chosen: 'passkey' });
      expect(holding(['authenticator-app'])).toMatchObject({ kind: 'verify', methods: ['authenticator-app'] });
      expect(holding(['passkey'], true)).toMatchObject({ kind: 'complete', level: '1f' });
      const withPass = { ...asking, demand: { ...demand, holds: ['passkey' as const] } };
      expect(nextStep(admitted, withPass)).toMatchObject({ kind: 'enrol', windowEndsAt: at(10) });
    });

    test('a user who has long not confirmed what they have is asked after the strongest proof that they have, and no other', () => {
      const methods = ['passkey', 'temporary-access-pass', 'password', 'authenticator-app'] as const;
      const holding = (...holds: MethodId[]) => ({
        ...enough,
        policy: { ...enough.policy, methods, firstPartAlone: true },
        reconfirmation: { holds },
      });
      const password = { ...anEvidence('password', at(1)), standsAlone: true as const };
      const byPassword = { ...named, userId, evidence: [password] };
      const byBoth = { ...byPassword, evidence: [password, anEvidence('authenticator-app', at(2))] };
      const asked = { kind: 'reconfirm' };
      expect(nextStep(withPasskey, holding('passkey'))).toEqual(asked);
      expect(nextStep(withPasskey, holding('passkey', 'authenticator-app'))).toEqual(asked);
      expect(nextStep(byBoth, holding('authenticator-app'))).toEqual(asked);
      expect(nextStep(byBoth, holding('authenticator-app', 'passkey'))).toMatchObject({ kind: 'complete' });
      expect(nextStep(byPassword, holding())).toMatchObject({ kind: 'complete', level: '1f' });
      expect(nextStep(admitted, holding())).toMatchObject({ kind: 'complete', bornOf });
      expect(nextStep(opened, holding())).toMatchObject({ kind: 'enrol' });
    });

    test('it is asked after what has to be registered, not instead; not twice in a sign-in, and not of one that was complete', () => {
      const due = { ...enough, reconfirmation: { holds: ['passkey' as const] } };
      expect(nextStep(withPasskey, { ...due, demand })).toMatchObject({ kind: 'enrol' });
      expect(nextStep(made, due)).toMatchObject({ kind: 'confirm' });
      const changing = { ...withPasskey, notice: { kind: 'methods_to_change' } as const };
      expect(nextStep(changing, due)).toMatchObject({ kind: 'complete' });
      expect(nextStep({ ...withPasskey, completedAt: at(4) }, due)).toMatchObject({ kind: 'complete' });
      expect(nextStep({ ...withPasskey, cancelledAt: at(4) }, due)).toEqual({ kind: 'cancelled' });
    });

    test('what a pass opens is not said to be demanded', () => {
      expect(nextStep(opened, asking)).not.toHaveProperty('demanded');
    });
  });

  test('of several proofs the strongest is reported, of equal ones the first', () => {
    const both = {
      ...withPasskey,
      evidence: [
        anEvidence('temporary-access-pass', at(1)),
        anEvidence('passkey', at(2)),
        anEvidence('passkey', at(3)),
      ],
    };
    expect(nextStep(both, open)).toMatchObject({ kind: 'complete', level: 'phr', authTime: at(2) });
    const levels: Partial<Record<MethodId, '1f' | 'phr'>> = { 'temporary-access-pass': '1f', passkey: 'phr' };
    const asked = { ...open, traits: (id: MethodId) => ({ amr: [id], level: levels[id]!, bootstrapOnly: false }) };
    expect(nextStep(both, asked)).toMatchObject({ level: 'phr', amr: ['passkey'] });
    expect(nextStep({ ...both, evidence: both.evidence.toReversed() }, asked)).toMatchObject({
      level: 'phr',
      amr: ['passkey'],
    });
  });

  test('a pass says nothing to a relying party', () => {
    expect(traits('temporary-access-pass')).toEqual({ amr: [], level: 'bootstrap', bootstrapOnly: true });
  });
});

describe('a registration that is carried on to another device', () => {
  const link = { sealedLink: Buffer.alloc(9), browser: null };
  const followed = { sealedLink: null, browser: Buffer.alloc(32, 2) };
  const elsewhere = { ...open, elsewhere: true };
  const late = { now: at(10) };

  test.each<[string, SignIn, object, object]>([
    [
      'offered: it waits',
      { ...opened, carried: link },
      {},
      { kind: 'wait', carrying: 'offered', windowEndsAt: at(10) },
    ],
    ['followed: it waits', { ...opened, carried: followed }, {}, { kind: 'wait', carrying: 'claimed' }],
    ['registered: it waits', { ...registered, carried: followed }, {}, { kind: 'wait', carrying: 'saved' }],
    ['from another tab: it waits here too', { ...opened, carriedInAnotherTab: true }, {}, { carrying: 'claimed' }],
    ['used: it is complete', { ...graduated, carried: followed }, {}, { kind: 'complete', level: 'phr', bornOf: null }],
    ['late: the end', { ...opened, carried: followed }, late, { kind: 'ended', saved: false }],
    ['with a pass taken back: the end', { ...opened, carried: followed }, { passStillOpens: false }, { kind: 'ended' }],
    ['of a pass that signs in: it waits, and does not', { ...admitted, carried: link }, {}, { kind: 'complete' }],
  ])('where it began, %s', (_what, signIn, more, step) => {
    expect(nextStep(signIn, { ...open, ...more })).toMatchObject(step);
  });

  test.each<[string, SignIn, object, object]>([
    ['it is registered', { ...opened, carried: followed }, {}, { kind: 'enrol', windowEndsAt: at(10) }],
    ['then used', { ...registered, carried: followed }, {}, { kind: 'confirm', credentialId: 'made-here' }],
    ['then done', { ...graduated, carried: followed }, {}, { kind: 'done' }],
    ['done also when it has completed', { ...graduated, carried: followed, completedAt: at(5) }, {}, { kind: 'done' }],
    ['late: the end', { ...registered, carried: followed }, late, { kind: 'ended', saved: true }],
    ['with a pass taken back: the end', { ...opened, carried: followed }, { passStillOpens: false }, { kind: 'ended' }],
    ['cancelled where it began', { ...opened, carried: followed, cancelledAt: at(4) }, {}, { kind: 'cancelled' }],
    ['a pass that signs in does so where it was entered', { ...admitted, carried: followed }, {}, { kind: 'ended' }],
  ])('on the other device %s', (_what, signIn, more, step) => {
    expect(nextStep(signIn, { ...elsewhere, ...more })).toMatchObject(step);
  });
});

describe('whatever stands in the row', () => {
  const moment = fc.integer({ min: -30 * 60_000, max: 30 * 60_000 }).map((ms) => new Date(noon.getTime() + ms));
  const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  const seldom = <T>(value: fc.Arbitrary<T>) =>
    fc.oneof({ arbitrary: fc.constant(null), weight: 9 }, { arbitrary: value, weight: 1 });
  const methodId = fc.constantFrom<MethodId>('passkey', 'temporary-access-pass');
  const anyPassId = fc.constantFrom(passId, '33333333-3333-4333-8333-333333333333');
  const anySignIn: fc.Arbitrary<SignIn> = fc.record({
    uid: fc.constant('uid'),
    browser: fc.constant(Buffer.alloc(32)),
    clientId: fc.constant('app'),
    asked: fc.constant(null),
    userName: orNull(fc.string()),
    domain: fc.constant(null),
    chosenMethod: orNull(methodId),
    notice: fc.constant(null),
    userId: orNull(fc.uuid()),
    evidence: fc.array(
      fc.oneof(
        fc.record({ methodId, credentialId: anyPassId, at: moment }),
        fc.record({
          methodId: fc.constant<MethodId>('temporary-access-pass'),
          credentialId: anyPassId,
          at: moment,
          signsIn: fc.record({ level: fc.constantFrom('1f', '2f'), amr: fc.constant(['pass']), endsAt: moment }),
        }),
      ),
      { maxLength: 4 },
    ),
    passId: orNull(anyPassId),
    windowEndsAt: orNull(moment),
    enrolled: orNull(fc.record({ credentialId: fc.uuid(), name: fc.string() })),
    carried: seldom(
      fc.record({
        sealedLink: orNull(fc.constant(Buffer.alloc(9))),
        browser: orNull(fc.constant(Buffer.alloc(32, 2))),
      }),
    ),
    carriedInAnotherTab: fc.boolean(),
    cancelledAt: seldom(moment),
    completedAt: orNull(moment),
    createdAt: fc.constant(noon),
    policies: fc.constant({}),
    refusedMethods: fc.constant([]),
    barredMethods: fc.constant([]),
    realm: fc.constant(null),
    someEnforce: fc.boolean(),
    maxAge: fc.constant(null),
  });
  const anyCircumstances = fc.record({
    now: moment,
    policy: fc.constant(policy),
    traits: fc.constant(traits),
    passStillOpens: fc.boolean(),
  });
  const always = (holds: (signIn: SignIn, circumstances: typeof open, step: NextStep) => boolean): void => {
    const property = fc.property(anySignIn, anyCircumstances, (signIn, circumstances) =>
      holds(signIn, circumstances, nextStep(signIn, circumstances)),
    );
    fc.assert(property, { numRuns: 3_000 });
  };
  const strong = (signIn: SignIn) =>
    signIn.evidence.filter(({ methodId: id, signsIn: worth }) => worth || !traits(id).bootstrapOnly);

  test('the other device registers in an open window or does nothing, and never completes', () => {
    always((signIn, circumstances) => {
      const step = nextStep(signIn, { ...circumstances, elsewhere: true });
      if (step.kind !== 'enrol' && step.kind !== 'confirm') return ['done', 'ended', 'cancelled'].includes(step.kind);
      return step.windowEndsAt !== null && step.windowEndsAt > circumstances.now && circumstances.passStillOpens;
    });
  });

  test('nothing is registered at both ends at once', () => {
    always((signIn, circumstances, step) => {
      const elsewhere = nextStep(signIn, { ...circumstances, elsewhere: true });
      const registers = (kind: NextStep['kind']) => kind === 'enrol' || kind === 'confirm';
      const isCarried = signIn.carried !== null || signIn.carriedInAnotherTab;
      return !(isCarried && registers(elsewhere.kind) && registers(step.kind));
    });
  });

  test('nobody is let in without a proof that is more than a pass, and a user it is for', () => {
    always(
      (signIn, _circumstances, step) =>
        step.kind !== 'complete' || (strong(signIn).length > 0 && signIn.userId === step.userId),
    );
  });

  test('what is reported is never a bootstrap and never newer or older than a proof that happened', () => {
    always(
      (signIn, _circumstances, step) =>
        step.kind !== 'complete' ||
        (step.level !== 'bootstrap' &&
          step.amr.length > 0 &&
          strong(signIn).some(({ at: when }) => when === step.authTime)),
    );
  });

  test('a pass completes nothing that it does not still open, and nothing beyond its end', () => {
    always(
      (signIn, { now, passStillOpens }, step) =>
        step.kind !== 'complete' ||
        step.bornOf === null ||
        (step.bornOf.passId === signIn.passId &&
          (signIn.completedAt !== null || (passStillOpens && signIn.windowEndsAt! > now)) &&
          signIn.evidence.some(({ signsIn: worth }) => worth && step.bornOf!.endsAt <= worth.endsAt)),
    );
  });

  test('nothing is registered or confirmed after the window, or when the pass no longer opens', () => {
    always(
      (signIn, { now, passStillOpens }, step) =>
        (step.kind !== 'enrol' && step.kind !== 'confirm') ||
        (passStillOpens &&
          signIn.passId !== null &&
          signIn.windowEndsAt !== null &&
          now < signIn.windowEndsAt &&
          step.windowEndsAt === signIn.windowEndsAt),
    );
  });

  test('nothing is complete while more is asked for, but what was complete before', () => {
    const demand = { methods: ['passkey'], holds: [], mayWait: true } as const;
    const asking = { ...policy, registration: { methods: ['passkey'] } } as never;
    const property = fc.property(anySignIn, anyCircumstances, (signIn, circumstances) => {
      const step = nextStep(signIn, { ...circumstances, policy: asking, demand });
      return step.kind !== 'complete' || signIn.completedAt !== null;
    });
    fc.assert(property, { numRuns: 3_000 });
  });

  test('only what was registered here is confirmed', () => {
    always(
      (signIn, _circumstances, step) => step.kind !== 'confirm' || step.credentialId === signIn.enrolled?.credentialId,
    );
  });

  test('what was cancelled stays cancelled', () => {
    always((signIn, _circumstances, step) => (step.kind === 'cancelled') === (signIn.cancelledAt !== null));
  });

  test('the same row gives the same step', () => {
    always((signIn, circumstances, step) => JSON.stringify(nextStep(signIn, circumstances)) === JSON.stringify(step));
  });
});
