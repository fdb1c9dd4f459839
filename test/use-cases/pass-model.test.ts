import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import type { AppError } from '../../src/core/errors.ts';
import { addMinutes, earlier } from '../../src/core/time.ts';
import type { RunWork, Work } from '../../src/core/work.ts';
import { passResource } from '../../src/http/graph/resources.ts';
import { decideApproval } from '../../src/methods/temporary-access-pass/approvals/manage-approvals.ts';
import {
  currentPass,
  extendPass,
  type IssuePass,
  issuePass,
  passHistory,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import type { PassPurpose, PassState, UsabilityReason } from '../../src/methods/temporary-access-pass/pass.ts';
import { changePerson } from '../../src/people.ts';
import { grantRole, revokeRole } from '../../src/roles/manage-roles.ts';
import type { BootstrapMethod } from '../../src/methods/method.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import { defaultLimits } from '../../src/throttle/throttle.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aVisitor, passPolicy, type Visitor } from '../support/makers.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/*
 * The life of a pass as tables, and thousands of lives lived against them: whatever happens in whatever order, the house
 * must do what the tables say. What is not in a row does not change the state.
 *
 * A failure prints seed, path and replay path; LATCHKEY_REPLAY='{"seed":1,"path":"2:0","replayPath":"AB:C"}' lives it again.
 */

type Happening =
  | 'starts' // the clock comes to its start
  | 'register' // entered, and opens registration
  | 'signIn' // entered, and signs in by itself
  | 'lastEntry' // either, and it may not be entered again
  | 'graduate' // the passkey registered with it was used
  | 'graduateGuest' // the same, where the pass may sign in
  | 'windowEnds'
  | 'expires'
  | 'revoke'
  | 'replace'
  | 'grantRole';

type Life = Readonly<Record<PassState, Partial<Record<Happening, PassState>>>>;

const taken = { revoke: 'revoked', replace: 'replaced', grantRole: 'revoked' } as const;
// Passes here are too long to be locked: throttling.test.ts has those that are not.
const gone = { revoked: {}, replaced: {}, locked: {} } as const;

// biome-ignore format: a table
const lives: Readonly<Record<'oneTime' | 'reusable', Life>> = {
  oneTime: {
    scheduled:      { starts: 'active', ...taken },
    active:         { register: 'inRegistration', signIn: 'used', expires: 'expired', ...taken },
    inRegistration: { signIn: 'used', graduate: 'used', graduateGuest: 'used', windowEnds: 'used', ...taken },
    used:           { ...taken },
    expired:        { revoke: 'revoked', replace: 'replaced' },
    ...gone,
  },
  reusable: {
    scheduled:      { starts: 'active', ...taken },
    active:         { lastEntry: 'used', graduateGuest: 'used', expires: 'expired', ...taken },
    inRegistration: {},
    used:           { ...taken },
    expired:        { revoke: 'revoked', replace: 'replaced' },
    ...gone,
  },
};

/** What stands in a pass's way while it lives. */
type Gate = 'policyOff' | 'excluded' | 'onceOnly' | 'userDisabled' | 'issuerBelow';

/**
 * `enters`: it can be entered. `goesOn`: whoever registers with it goes on. `holds`: what it signed in stays so.
 * `usable`: as the API tells.
 */
// biome-ignore format: a table
const gates: Readonly<Record<Gate, { enters: boolean; goesOn: boolean; holds: boolean; usable: boolean }>> = {
  policyOff:    { enters: false, goesOn: true,  holds: false, usable: false },
  excluded:     { enters: false, goesOn: true,  holds: true,  usable: false },
  onceOnly:     { enters: false, goesOn: true,  holds: true,  usable: false },
  userDisabled: { enters: false, goesOn: false, holds: true,  usable: false },
  issuerBelow:  { enters: false, goesOn: true,  holds: true,  usable: false },
};

// biome-ignore format: a table
const says: Readonly<Record<Exclude<PassState, 'revoked' | 'replaced'>, UsabilityReason>> = {
  scheduled: 'NotYetValid', active: 'EnabledByPolicy', inRegistration: 'OneTimeUsed', used: 'OneTimeUsed', expired: 'Expired',
  locked: 'DisabledByPolicy',
};

const windowMinutes = 10;
const mostSessionMinutes = 8 * 60;
const issuerRoles = [null, 'Authentication Administrator', 'Privileged Authentication Administrator'] as const;
const browsers = ['A', 'B', 'C'] as const;
type BrowserName = (typeof browsers)[number];

interface ModelPass {
  readonly id: string;
  readonly code: string;
  readonly by: 'operator' | 'issuer';
  readonly oneTime: boolean;
  readonly purpose: PassPurpose;
  readonly startsAt: Date;
  readonly maximumUses: number | null;
  expiresAt: Date;
  state: PassState;
  uses: number;
  browser: BrowserName | null;
  windowEndsAt: Date | null;
  passkey: { readonly authenticator: SoftwareAuthenticator; used: boolean } | null;
  /** The first end, which is the one that the history tells. */
  end: { readonly at: Date; readonly reason: string } | null;
}

/** What the tables say the world is like. */
interface Model {
  now: Date;
  policy: { on: boolean; once: boolean; purpose: PassPurpose; excluded: boolean; maximumUses: number | null };
  userEnabled: boolean;
  userHasRole: boolean;
  issuerRank: 0 | 1 | 2;
  /** The last is the current one, unless it was taken away. */
  passes: ModelPass[];
  standing: Partial<
    Record<BrowserName, { pass: ModelPass; at: 'enrol' | 'confirm' | 'complete'; windowEndsAt: Date; notAfter?: Date }>
  >;
  sessions: { readonly pass: ModelPass; readonly notAfter: Date }[];
}

const current = ({ passes }: Model): ModelPass | undefined => {
  const last = passes.at(-1);
  return last && (last.state === 'revoked' || last.state === 'replaced') ? undefined : last;
};

function gatesAt({ policy, userEnabled, userHasRole, issuerRank }: Model, pass: ModelPass): Gate[] {
  const shut: Record<Gate, boolean> = {
    policyOff: !policy.on,
    excluded: policy.excluded,
    onceOnly: policy.once && !pass.oneTime,
    userDisabled: !userEnabled,
    issuerBelow: pass.by === 'issuer' && issuerRank <= (userHasRole ? 1 : 0),
  };
  return (Object.keys(shut) as Gate[]).filter((gate) => shut[gate]);
}

const every = (model: Model, pass: ModelPass, what: keyof (typeof gates)[Gate]) =>
  gatesAt(model, pass).every((gate) => gates[gate][what]);

function happens(model: Model, pass: ModelPass, happening: Happening, at = model.now): void {
  const next = lives[pass.oneTime ? 'oneTime' : 'reusable'][pass.state][happening];
  if (!next) return;
  pass.state = next;
  const takenAway = !(next in says);
  // Where two ends fall together, what somebody did is told.
  if (takenAway && pass.end && +pass.end.at === +at) pass.end = { at, reason: next };
  if (takenAway || next === 'used' || next === 'expired') pass.end ??= { at, reason: next };
}

/** What the clock brings about, in the order in which it does. */
function timePasses(model: Model): void {
  for (const pass of model.passes) {
    if (pass.startsAt <= model.now) happens(model, pass, 'starts');
    if (pass.windowEndsAt && pass.windowEndsAt <= model.now) happens(model, pass, 'windowEnds', pass.windowEndsAt);
    if (pass.expiresAt <= model.now) happens(model, pass, 'expires', pass.expiresAt);
  }
}

/** Whether entering the code would let this browser in; `null` is a browser that was never here. */
function letsIn(model: Model, pass: ModelPass, browser: BrowserName | null): boolean {
  const mayGoOn = pass.state === 'inRegistration' && browser !== null && pass.browser === browser;
  return (pass.state === 'active' || mayGoOn) && every(model, pass, 'enters');
}

function stepOf(model: Model, browser: BrowserName): string | undefined {
  const standing = model.standing[browser];
  if (!standing || standing.at === 'complete') return standing?.at;
  const { pass, at, windowEndsAt } = standing;
  const open =
    windowEndsAt > model.now &&
    pass.expiresAt > model.now &&
    // A reusable pass that was entered often enough lets whoever is in it go on.
    (pass.state === (pass.oneTime ? 'inRegistration' : 'active') || (isUsedUp(pass) && pass.state === 'used')) &&
    !(pass.state === 'used' && pass.passkey?.used && pass.purpose === 'signIn') &&
    every(model, pass, 'goesOn');
  return open ? at : 'ended';
}

const isUsedUp = ({ maximumUses, uses }: ModelPass) => maximumUses !== null && uses >= maximumUses;

/** The house, and everybody who comes to it in one life. */
interface Real {
  readonly name: string;
  readonly userId: string;
  readonly issuerId: string;
  readonly approverId: string;
  readonly run: RunWork;
  readonly house: steps.SignInHouse;
  readonly visitors: Partial<Record<BrowserName, Visitor>>;
  /** Which browsers each pass was seen to let in. */
  readonly seenIn: Map<string, Set<string>>;
}

let latchkey: TestBase;
let ordinary: steps.SignInHouse;
let standingSql: string;
beforeAll(async () => {
  latchkey = await openTestBase();
  const unlimited = { most: 1_000_000, windowMinutes: 5 };
  ordinary = aHouse(latchkey, {
    limits: {
      ...defaultLimits,
      sourceAndAccount: unlimited,
      source: unlimited,
      organisation: { most: 1_000_000, mostWithShortPasses: 1_000_000, alertAt: 1_000_000 },
    },
  });
  // What the protocol asks wherever it reads what was born of a pass, asked at the model's time.
  const { rows } = await latchkey.base.knex.raw("select pg_get_viewdef('pass_standing') as text");
  standingSql = (rows[0].text as string).replaceAll('now()', ':now::timestamptz').replace(/;\s*$/, '');
  expect(standingSql).toContain(':now');
});
afterAll(() => latchkey?.close());

const bytesOf = (browser: string) => createHash('sha256').update(browser).digest();

async function newLife(): Promise<{ model: Model; real: Real }> {
  lived += 1;
  const begun = new Date(Math.floor(Date.now() / 60_000) * 60_000);
  const model: Model = {
    now: begun,
    policy: { on: true, once: false, purpose: 'signIn', excluded: false, maximumUses: null },
    userEnabled: true,
    userHasRole: false,
    issuerRank: 1,
    passes: [],
    standing: {},
    sessions: [],
  };
  const [user, issuer, approver] = [
    await latchkey.user(aName()),
    await latchkey.user(aName('issuer')),
    await latchkey.user(aName('approver')),
  ];
  const run: RunWork = (who, body) => latchkey.base.run(who, (work) => body({ ...work, now: model.now }));
  const real: Real = {
    name: user.userPrincipalName,
    userId: user.id,
    issuerId: issuer.id,
    approverId: approver.id,
    run,
    house: { ...ordinary, run },
    visitors: {},
    seenIn: new Map(),
  };
  await operator(real, (work) => grantRole(work, approver.id, 'Global Administrator'));
  await operator(real, (work) => grantRole(work, issuer.id, issuerRoles[1]!));
  await decree(model, real);
  return { model, real };
}

const operator = <T>({ run }: Real, body: (work: Work) => Promise<T>) => run(asOperator, body);
const as = (model: Model, userId: string) => {
  const actor: Actor = { kind: 'user', userId, strongAt: model.now };
  return { ...asOperator, actor };
};
const decree = ({ policy }: Model, { userId }: Real) =>
  passPolicy(latchkey, {
    state: policy.on ? 'enabled' : 'disabled',
    minimumLifetimeInMinutes: 10,
    maximumLifetimeInMinutes: 1_440,
    defaultLength: 24, // no slow hash
    isUsableOnce: policy.once,
    purpose: policy.purpose,
    maximumUses: policy.maximumUses,
    excludeTargets: policy.excluded ? [{ targetType: 'user', id: userId }] : [],
  });

/** Code of the refusal; undefined when it was done. */
const refusalOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error: AppError) => {
      if (error.code) return error.code;
      throw error;
    },
  );

class Undone extends Error {
  constructor(readonly step: string) {
    super('Undone.');
  }
}

/** Where entering a code would lead, with all that it does undone. */
async function wouldLeadTo(real: Real, code: string, browser: Buffer): Promise<string> {
  const tried = operator(real, async (work) => {
    const run: RunWork = (who, body) => body({ ...work, ...who, record: () => {} });
    throw new Undone(await (await aVisitor({ ...real.house, run }, { browser })).enter(real.name, code));
  });
  return tried.catch((error: unknown) => {
    if (error instanceof Undone) return error.step;
    throw error;
  });
}

const entered = new Set(['enrol', 'confirm', 'complete']);

/** All that can be asked of the house, after every happening. */
async function agree(model: Model, real: Real): Promise<void> {
  const { pass, settings } = await operator(real, (work) => currentPass(work, real.name));
  const expected = current(model);
  expect(pass?.id).toBe(expected?.id);

  // The API and the door say the same.
  if (pass && expected) {
    const resource = passResource(pass, settings, model.now);
    const shut = !every(model, expected, 'usable');
    const told = says[expected.state as keyof typeof says];
    const reason = shut && (told === 'NotYetValid' || told === 'EnabledByPolicy') ? 'DisabledByPolicy' : told;
    expect([resource.state, resource.methodUsabilityReason, pass.expiresAt]).toEqual([
      expected.state,
      reason,
      expected.expiresAt,
    ]);
    const fresh = await wouldLeadTo(real, expected.code, bytesOf(`fresh ${expected.id}`));
    expect([entered.has(fresh), 'a fresh browser']).toEqual([resource.isUsable, 'a fresh browser']);
    if (expected.browser) {
      const back = await wouldLeadTo(real, expected.code, bytesOf(real.name + expected.browser));
      expect([entered.has(back), 'the same browser']).toEqual([
        letsIn(model, expected, expected.browser),
        'the same browser',
      ]);
    }
  }

  // What was taken away opens nothing, also where it was open.
  const former = model.passes.filter((one) => one !== expected).at(-1);
  if (former) expect(await wouldLeadTo(real, former.code, bytesOf(real.name + (former.browser ?? 'A')))).toBe('verify');

  for (const browser of browsers) {
    const visitor = real.visitors[browser];
    const step = visitor && (await visitor.step());
    expect([browser, step]).toEqual([browser, visitor && stepOf(model, browser)]);
    const standing = model.standing[browser];
    if (standing && (step === 'enrol' || step === 'confirm')) {
      expect(standing.pass).toBe(expected);
      expect(standing.pass.expiresAt > model.now).toBe(true);
    }
  }

  // Nothing outlives its pass.
  for (const { pass: of, notAfter } of model.sessions) {
    const { rows } = await latchkey.base.knex.raw(`select holds from (${standingSql}) standing where id = :id`, {
      id: of.id,
      now: model.now,
    } as never);
    const isThere = of.state !== 'revoked' && of.state !== 'replaced' && of.expiresAt > model.now;
    expect(rows[0].holds).toBe(isThere && every(model, of, 'holds'));
    const held = await operator(real, (work) =>
      (real.house.methods.get('temporary-access-pass') as BootstrapMethod).holds(work, of.id),
    );
    expect(held).toBe(isThere);
    expect(+notAfter).toBeLessThanOrEqual(+of.expiresAt);
  }

  const { passes } = await operator(real, (work) => passHistory(work, real.name));
  expect(passes.map(({ pass: { id }, end }) => ({ id, ...end })).toSorted(byId)).toEqual(
    model.passes.flatMap(({ id, end }) => (end ? [{ id, ...end }] : [])).toSorted(byId),
  );
  const ends = passes.map(({ end }) => +end.at);
  expect(ends).toEqual(ends.toSorted((a, b) => b - a));

  for (const one of model.passes.filter(({ oneTime }) => oneTime)) {
    expect(real.seenIn.get(one.id)?.size ?? 0).toBeLessThanOrEqual(1);
  }
}

const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);

type Step = fc.AsyncCommand<Model, Real>;

/** A command that agrees with the tables afterwards. */
function step(name: string, act: (model: Model, real: Real) => Promise<void>, check = (_: Model) => true): Step {
  return {
    check,
    async run(model, real) {
      await act(model, real);
      timePasses(model);
      await agree(model, real);
      // So that what is approached is reached by whatever comes next.
      model.now = new Date(+model.now + 1);
      timePasses(model);
      happened.set(name.split(' ')[0]!, (happened.get(name.split(' ')[0]!) ?? 0) + 1);
    },
    toString: () => name,
  };
}

/** How often each was lived through: a command that is never reached proves nothing. */
const happened = new Map<string, number>();
let lived = 0;

interface Asked {
  readonly by: 'operator' | 'issuer';
  readonly oneTime: boolean;
  readonly purpose: PassPurpose;
  readonly delay: number;
  readonly lifetimeMinutes: number;
}

function issue(asked: Asked): Step {
  const { by, oneTime, purpose, delay, lifetimeMinutes } = asked;
  return step(`issue ${JSON.stringify(asked)}`, async (model, real) => {
    const { policy, userEnabled, userHasRole, issuerRank } = model;
    const startsAt = addMinutes(model.now, delay);
    const order: IssuePass = { user: real.name, oneTime, purpose, lifetimeMinutes, startsAt };
    const who = by === 'operator' ? asOperator : as(model, real.issuerId);
    const outranked = by === 'issuer' && issuerRank <= (userHasRole ? 1 : 0);
    const allowed = policy.on && !policy.excluded && userEnabled && !(policy.once && !oneTime);
    const expected = outranked
      ? 'forbidden'
      : allowed && purposeFits(policy.purpose, purpose)
        ? undefined
        : 'invalid_input';

    let issued: Awaited<ReturnType<typeof issuePass>> | undefined;
    const order1 = issuePass(real.run, who, order).then((it) => {
      issued = it;
    });
    let refusal: string | undefined;
    let approvalId: string | undefined;
    await order1.catch((error: AppError) => {
      refusal = error.code ?? String(error);
      approvalId = error.approvalId;
    });
    if (expected === undefined && by === 'issuer' && userHasRole) {
      expect(refusal).toBe('approval_required');
      await real.run(as(model, real.approverId), (work) => decideApproval(work, approvalId!, 'approved'));
      issued = await issuePass(real.run, who, order);
      refusal = undefined;
    }
    expect(refusal).toBe(expected);
    if (!issued) return;
    const old = current(model);
    if (old) happens(model, old, 'replace');
    model.passes.push({
      id: issued.pass.id,
      code: issued.code,
      by,
      oneTime,
      purpose,
      startsAt,
      expiresAt: addMinutes(startsAt, lifetimeMinutes),
      maximumUses: oneTime ? null : policy.maximumUses,
      state: 'scheduled',
      uses: 0,
      browser: null,
      windowEndsAt: null,
      passkey: null,
      end: null,
    });
  });
}

const purposeFits = (most: PassPurpose, asked: PassPurpose) => asked === 'registration' || most === 'signIn';

function enter(browser: BrowserName): Step {
  return step(
    `enter in ${browser}`,
    async (model, real) => {
      const pass = current(model)!;
      const visitor = await aVisitor(real.house, { browser: bytesOf(real.name + browser) });
      const seen = await visitor.enter(real.name, pass.code);
      if (!letsIn(model, pass, browser)) {
        expect(seen).toBe('verify');
        return;
      }

      real.seenIn.set(pass.id, (real.seenIn.get(pass.id) ?? new Set()).add(browser));
      pass.uses += 1;
      const signsIn = pass.purpose === 'signIn' && model.policy.purpose === 'signIn';
      const windowEndsAt = pass.windowEndsAt ?? earlier(addMinutes(model.now, windowMinutes), pass.expiresAt);
      if (pass.oneTime) Object.assign(pass, { browser, windowEndsAt });
      if (isUsedUp(pass)) happens(model, pass, 'lastEntry');
      happens(model, pass, signsIn ? 'signIn' : 'register');
      real.visitors[browser] = visitor;
      if (!signsIn) {
        const at = pass.passkey && !pass.passkey.used ? 'confirm' : 'enrol';
        model.standing[browser] = { pass, at, windowEndsAt };
        expect(seen).toBe(at);
        return;
      }
      const { step: complete } = await visitor.look();
      const notAfter = earlier(addMinutes(model.now, mostSessionMinutes), pass.expiresAt);
      expect(complete).toMatchObject({ kind: 'complete', bornOf: { passId: pass.id, endsAt: notAfter } });
      model.standing[browser] = { pass, at: 'complete', windowEndsAt };
      model.sessions.push({ pass, notAfter });
    },
    (model) => current(model) !== undefined,
  );
}

/** Those who stand there; `nth` of them goes on. */
const allAt = (model: Model, at: string) => browsers.filter((browser) => stepOf(model, browser) === at);
const anyAt = (at: string) => (model: Model) => allAt(model, at).length > 0;
const pick = (model: Model, at: string, nth: number) => allAt(model, at).at(-1 - (nth % allAt(model, at).length))!;

function register(nth: number): Step {
  return step(
    `register in browser ${nth} of those that may`,
    async (model, real) => {
      const browser = pick(model, 'enrol', nth);
      const standing = model.standing[browser]!;
      const { pass } = standing;
      const authenticator = newAuthenticator();
      const seen = await real.visitors[browser]!.register(authenticator);
      // One passkey a pass: another tab's is gone on with, a used one is the last.
      if (!pass.passkey) pass.passkey = { authenticator, used: false };
      if (!pass.passkey.used) standing.at = 'confirm';
      expect(seen).toBe(standing.at);
    },
    anyAt('enrol'),
  );
}

function graduate(nth: number): Step {
  return step(
    `use in browser ${nth} of those that may`,
    async (model, real) => {
      const browser = pick(model, 'confirm', nth);
      const standing = model.standing[browser]!;
      const { pass } = standing;
      expect(await real.visitors[browser]!.sign(pass.passkey!.authenticator)).toBe('complete');
      standing.at = 'complete';
      pass.passkey!.used = true;
      happens(model, pass, pass.purpose === 'signIn' ? 'graduateGuest' : 'graduate');
    },
    anyAt('confirm'),
  );
}

/** The next moment at which something ends or begins by itself. */
function nextMoment(model: Model): Date | undefined {
  const moments = [...model.passes, ...Object.values(model.standing)].flatMap((it) =>
    [it.windowEndsAt, 'startsAt' in it ? it.startsAt : null, 'expiresAt' in it ? it.expiresAt : null].filter(
      (at): at is Date => at !== null && at > model.now,
    ),
  );
  return moments.toSorted((a, b) => +a - +b)[0];
}

const wait = (minutes: number): Step =>
  step(`wait ${minutes} minutes`, async (model) => {
    model.now = addMinutes(model.now, minutes);
  });

const waitUntil = (earlierByMs: 0 | 1): Step =>
  step(
    earlierByMs ? 'approach the next moment' : 'reach the next moment',
    async (model) => {
      model.now = new Date(+nextMoment(model)! - earlierByMs);
    },
    (model) => nextMoment(model) !== undefined,
  );

const revoke = step('revoke', async (model, real) => {
  const pass = current(model);
  expect(await refusalOf(operator(real, (work) => revokePass(work, { user: real.name })))).toBe(
    pass ? undefined : 'not_found',
  );
  if (pass) happens(model, pass, 'revoke');
});

const extend = (lifetimeMinutes: number): Step =>
  step(`extend to ${lifetimeMinutes} minutes`, async (model, real) => {
    const pass = current(model);
    const refusal = await refusalOf(operator(real, (work) => extendPass(work, { user: real.name, lifetimeMinutes })));
    const to = pass && addMinutes(pass.startsAt, lifetimeMinutes);
    const stands = pass && ['scheduled', 'active', 'inRegistration'].includes(pass.state) && to! > pass.expiresAt;
    const shut = pass && gatesAt(model, pass).some((gate) => gate !== 'issuerBelow');
    expect([refusal === undefined, refusal]).toEqual([Boolean(stands && !shut), refusal]);
    if (refusal === undefined) pass!.expiresAt = to!;
  });

const change = (name: string, change: (policy: Model['policy']) => void): Step =>
  step(`policy: ${name}`, async (model, real) => {
    change(model.policy);
    await decree(model, real);
  });

const enable = (enabled: boolean): Step =>
  step(
    enabled ? 'enable' : 'disable',
    async (model, real) => {
      await operator(real, (work) => changePerson(work, real.name, { enabled }));
      model.userEnabled = enabled;
      if (enabled) return;
      // Their sign-ins are gone with all else that was open.
      for (const browser of browsers) delete real.visitors[browser];
      model.standing = {};
    },
    ({ userEnabled }) => userEnabled !== enabled,
  );

const promote = step(
  'grant the user a role',
  async (model, real) => {
    await operator(real, (work) => grantRole(work, real.userId, 'Global Reader'));
    model.userHasRole = true;
    const pass = current(model);
    // A used one as well, since a session may hang on it; until its time is over.
    if (pass && pass.expiresAt > model.now) happens(model, pass, 'grantRole');
  },
  ({ userHasRole }) => !userHasRole,
);

const demote = step(
  'take the role from the user',
  async (model, real) => {
    await operator(real, (work) => revokeRole(work, real.userId, 'Global Reader'));
    model.userHasRole = false;
  },
  ({ userHasRole }) => userHasRole,
);

const rank = (issuerRank: 0 | 1 | 2): Step =>
  step(
    `issuer becomes ${issuerRoles[issuerRank] ?? 'nobody'}`,
    async (model, real) => {
      const [old, next] = [issuerRoles[model.issuerRank], issuerRoles[issuerRank]];
      if (old) await operator(real, (work) => revokeRole(work, real.issuerId, old));
      if (next) await operator(real, (work) => grantRole(work, real.issuerId, next));
      model.issuerRank = issuerRank;
    },
    (model) => model.issuerRank !== issuerRank,
  );

const asked = fc.record({
  by: fc.constantFrom('operator', 'issuer'),
  oneTime: fc.boolean(),
  purpose: fc.constantFrom('registration', 'signIn'),
  delay: fc.constantFrom(0, 0, 0, 0, 0, 30),
  lifetimeMinutes: fc.constantFrom(10, 15, 60, 720),
} satisfies { [K in keyof Asked]: fc.Arbitrary<Asked[K]> });

const issues = asked.map(issue);
const enters = fc.constantFrom(...browsers).map(enter);
const registers = fc.nat(2).map(register);
const uses = fc.nat(2).map(graduate);
// What shuts a gate comes seldom, and what opens it again soon: behind shut gates nothing happens.
const mostly = fc.constantFrom(true, true, true, false);
const policies = fc.oneof(
  mostly.map((on) => change(on ? 'on' : 'off', (policy) => Object.assign(policy, { on }))),
  mostly.map((any) => change(any ? 'as asked' : 'one-time', (policy) => Object.assign(policy, { once: !any }))),
  mostly.map((all) => change(all ? 'include' : 'exclude', (policy) => Object.assign(policy, { excluded: !all }))),
  fc
    .constantFrom('signIn' as const, 'registration' as const)
    .map((purpose) => change(purpose, (policy) => Object.assign(policy, { purpose }))),
  fc
    .constantFrom(null, 2)
    .map((uses) => change(`${uses ?? 'any number of'} uses`, (policy) => Object.assign(policy, { maximumUses: uses }))),
);
const people = fc.oneof(
  mostly.map(enable),
  fc.constant(promote),
  fc.constant(demote),
  fc.constantFrom(1 as const, 2 as const, 0 as const).map(rank),
);
const clock = fc.oneof(fc.constantFrom(1, 1, 9, 45).map(wait), fc.constantFrom(0 as const, 1 as const).map(waitUntil));
const often = (weight: number, arbitrary: fc.Arbitrary<Step>) => Array.from({ length: weight }, () => arbitrary);
const commands = [
  ...often(3, issues),
  ...often(6, enters),
  ...often(12, registers),
  ...often(12, uses),
  ...often(3, clock),
  ...often(2, people),
  ...[policies, fc.constant(revoke), fc.constantFrom(20, 70, 800).map(extend)],
];

const long = process.env.LATCHKEY_LONG === '1';
const smallRuns = 45;
const replay = JSON.parse(process.env.LATCHKEY_REPLAY ?? '{}') as { seed?: number; path?: string; replayPath?: string };
const seed = replay.seed ?? (long ? Date.now() % 2 ** 31 : 20261122);

test(
  'whatever happens to a pass in whatever order, it does what the tables say',
  async () => {
    const begun = performance.now();
    const { replayPath } = replay;
    const histories = fc.commands(commands, {
      maxCommands: long ? 120 : 80,
      size: 'max',
      ...(replayPath && { replayPath }),
    });
    await fc.assert(
      fc.asyncProperty(histories, (history) => fc.asyncModelRun(newLife, history)),
      {
        seed,
        numRuns: long ? 3_000 : smallRuns,
        endOnFailure: replayPath !== undefined,
        // However slow the machine; the lives that were lived then count.
        interruptAfterTimeLimit: long ? 8 * 60_000 : 12_000,
        ...(replay.path && { path: replay.path }),
      },
    );
    const counts = [...happened].map(([what, count]) => `${what} ${count}`).join(', ');
    console.log(`seed ${seed}, ${lived} lives: ${counts}; ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    if (!replayPath && lived >= smallRuns)
      for (const what of ['issue', 'enter', 'register', 'use', 'extend'])
        expect(happened.get(what) ?? 0, what).toBeGreaterThan(10);
  },
  long ? 3_600_000 : 120_000,
);
