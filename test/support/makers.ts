/** Small makers: what a test does not name is ordinary. Values for the rules, and people at the use-cases' door. */
import { randomBytes, randomUUID } from 'node:crypto';
import { anonymous } from '../../src/core/actor.ts';
import { addMinutes } from '../../src/core/time.ts';
import type { AuthenticationMethod, MethodId } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import type { Pass } from '../../src/methods/temporary-access-pass/pass.ts';
import { passSettings } from '../../src/methods/temporary-access-pass/settings.ts';
import type { NextStep } from '../../src/sign-in/next-step.ts';
import type { Evidence, SignIn } from '../../src/sign-in/sign-in.ts';
import * as steps from '../../src/sign-in/steps.ts';
import { defaultLimits } from '../../src/throttle/throttle.ts';
import type { TestBase } from './house.ts';
import type { SoftwareAuthenticator, Tamper } from './software-authenticator.ts';

export const noon = new Date('2026-11-21T12:00:00.000Z');

export const origin = 'http://localhost:3000';

/** Minutes after noon; a fraction for the milliseconds at a boundary. */
export function at(minutes: number, milliseconds = 0): Date {
  return new Date(addMinutes(noon, minutes).getTime() + milliseconds);
}

/** A one-time pass from noon for an hour, issued at noon and untouched. */
export function aPass(more: Partial<Pass> = {}): Pass {
  return {
    id: randomUUID(),
    userId: randomUUID(),
    verifier: 'argon2:…',
    codeLength: 16,
    startsAt: noon,
    expiresAt: at(60),
    oneTime: true,
    purpose: 'registration',
    windowMinutes: 10,
    maximumUses: null,
    reason: null,
    ticket: null,
    verifiedBy: null,
    issuedAt: noon,
    issuedByKind: 'operator',
    issuedById: null,
    uses: 0,
    lastUsedAt: null,
    boundBrowser: null,
    windowEndsAt: null,
    completedAt: null,
    lockedAt: null,
    endedAt: null,
    endReason: null,
    ...more,
  };
}

/** A sign-in that has just begun: nobody was named yet. */
export function aSignIn(more: Partial<SignIn> = {}): SignIn {
  return {
    uid: 'uid',
    browser: Buffer.alloc(32),
    clientId: 'app',
    asked: null,
    userName: null,
    domain: null,
    chosenMethod: null,
    notice: null,
    userId: null,
    evidence: [],
    passId: null,
    windowEndsAt: null,
    enrolled: null,
    carried: null,
    carriedInAnotherTab: false,
    cancelledAt: null,
    completedAt: null,
    createdAt: noon,
    policies: {},
    refusedMethods: [],
    barredMethods: [],
    realm: null,
    someEnforce: false,
    maxAge: null,
    ...more,
  };
}

export function anEvidence(methodId: MethodId, when: Date = noon): Evidence {
  return { methodId, credentialId: randomUUID(), at: when };
}

/** The flow as wire.ts puts it together. */
export function aHouse({ base }: TestBase, more: Partial<steps.SignInHouse> = {}): steps.SignInHouse {
  const methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin });
  const policy = { methods: ['passkey', 'temporary-access-pass'], enrollable: ['passkey'] } as const;
  return {
    run: base.run,
    methods,
    limits: defaultLimits,
    policyFrom: () => policy,
    mayRecord: () => ({ leftOut: 0 }),
    onAlert: () => {},
    ...more,
  };
}

/** The same flow with a part of one method put otherwise: for what must happen at one moment and no other. */
export function withPart<Method extends AuthenticationMethod>(
  house: steps.SignInHouse,
  id: MethodId,
  part: (method: Method) => Partial<Method>,
): steps.SignInHouse {
  const method = house.methods.get(id) as Method;
  const changed: AuthenticationMethod = { ...method, ...part(method) };
  const get = (asked: string) => (asked === id ? changed : house.methods.get(asked));
  return { ...house, methods: { all: house.methods.all, get } };
}

/** The same flow, where something happens while an answer is being checked and no transaction is open. */
export function meanwhile(house: steps.SignInHouse, id: MethodId, happens: () => Promise<unknown>): steps.SignInHouse {
  return withPart(house, id, (method) => ({
    async check(candidate: unknown) {
      await happens();
      return method.check(candidate);
    },
  }));
}

export interface VisitorOptions {
  /** Where the requests come from; an address of one's own by default, so that tests do not share counters. */
  readonly ip?: string;
  readonly browser?: Buffer;
  readonly userAgent?: string;
  readonly signedInUserId?: string;
}

/** A person in a browser at one sign-in, at the door of the use-cases. */
export interface Visitor {
  readonly visit: steps.Visit;
  look(): Promise<steps.Standing>;
  step(): Promise<NextStep['kind']>;
  name(userName: string): Promise<void>;
  /** Types a code for the name that stands. Returns the step after it. */
  type(code: unknown): Promise<NextStep['kind']>;
  /** Names the user and types the code. */
  enter(userName: string, code: unknown): Promise<NextStep['kind']>;
  /** The options of a registration, as the browser gets them. */
  creationOptions(): Promise<CreationOptions>;
  register(authenticator: SoftwareAuthenticator, tamper?: Tamper): Promise<NextStep['kind']>;
  requestOptions(): Promise<RequestOptions>;
  /** Signs with a passkey, as the page that stands asks for it. */
  sign(authenticator: SoftwareAuthenticator, tamper?: Tamper): Promise<NextStep['kind']>;
  sendRegistration(response: unknown): Promise<NextStep['kind']>;
  sendAssertion(response: unknown): Promise<NextStep['kind']>;
  /** A new sign-in in the same browser. */
  again(more?: VisitorOptions): Promise<Visitor>;
  /** The same person at a house that is put together otherwise. */
  at(house: steps.SignInHouse): Visitor;
}

export type CreationOptions = Parameters<SoftwareAuthenticator['create']>[0];
export type RequestOptions = Parameters<SoftwareAuthenticator['get']>[0];

/** Somebody whose browser has just been sent here by an app. */
export async function aVisitor(house: steps.SignInHouse, more: VisitorOptions = {}): Promise<Visitor> {
  const { ip = anAddress(), browser = randomBytes(32), userAgent = null, signedInUserId = null } = more;
  const uid = randomBytes(16).toString('base64url');
  const visitor = visitorAt(house, {
    actor: anonymous,
    origin: { requestId: randomUUID(), ip, userAgent },
    browser,
    uid,
    signedInUserId,
  });
  await visitor.look();
  return visitor;
}

function visitorAt(house: steps.SignInHouse, visit: steps.Visit): Visitor {
  const send = (response: unknown) => ({ response: JSON.stringify(response) });
  const visitor: Visitor = {
    visit,
    look: () => steps.look(house, visit, 'app'),
    step: async () => (await visitor.look()).step.kind,
    name: (userName) => steps.identify(house, visit, { userName, method: 'temporary-access-pass' }),
    async type(code) {
      await steps.answer(house, visit, 'temporary-access-pass', { code });
      return visitor.step();
    },
    async enter(userName, code) {
      await visitor.name(userName);
      return visitor.type(code);
    },
    creationOptions: async () => (await steps.beginEnrolment(house, visit, 'passkey')) as CreationOptions,
    async register(authenticator, tamper = {}) {
      return visitor.sendRegistration(await authenticator.create(await visitor.creationOptions(), { origin, tamper }));
    },
    async requestOptions() {
      const challenge = await steps.challenge(house, visit, 'passkey');
      if (challenge.kind !== 'passkey') throw new Error('A passkey is asked for with options.');
      return challenge.options as RequestOptions;
    },
    async sign(authenticator, tamper = {}) {
      return visitor.sendAssertion(await authenticator.get(await visitor.requestOptions(), { origin, tamper }));
    },
    async sendRegistration(response) {
      await steps.enrol(house, visit, 'passkey', send(response));
      return visitor.step();
    },
    async sendAssertion(response) {
      await steps.answer(house, visit, 'passkey', send(response));
      return visitor.step();
    },
    again: ({ signedInUserId } = {}) =>
      aVisitor(house, { ip: visit.origin.ip!, browser: visit.browser, ...(signedInUserId && { signedInUserId }) }),
    at: (other) => visitorAt(other, visit),
  };
  return visitor;
}

/** Makes this the policy for passes; what is not named is as an organisation has it that has decided nothing. */
export function passPolicy(test: TestBase, decided: object): Promise<void> {
  return test.seed({ policies: { temporaryAccessPass: { ...passSettings.parse({}), ...decided } } });
}

/** Waits until some other work waits for a lock: what must happen at the same moment then does. */
export async function untilSomebodyWaits({ base }: TestBase): Promise<void> {
  for (let times = 0; times < 500; times += 1) {
    const { rows } = await base.knex.raw<{ rows: unknown[] }>(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('Nobody waits for a lock.');
}

let addresses = 0;

/** An address that nobody else in this file has. */
export function anAddress(): string {
  addresses += 1;
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`;
}

/** A user who has come all the way from a pass to a passkey. */
export async function aPasskeyHolder(
  test: TestBase,
  house: steps.SignInHouse,
  userName: string,
  authenticator: SoftwareAuthenticator,
): Promise<{ readonly userId: string; readonly passkeyId: string }> {
  const user = await test.user(userName);
  const visitor = await aVisitor(house);
  await visitor.enter(userName, await test.pass(userName));
  await visitor.register(authenticator);
  const { step } = await visitor.look();
  if (step.kind !== 'confirm') throw new Error(`${userName} has no passkey to confirm, but stands at ${step.kind}.`);
  if ((await visitor.sign(authenticator)) !== 'complete') throw new Error(`${userName} did not come to the end.`);
  return { userId: user.id, passkeyId: step.credentialId };
}

export interface RecordedEvent {
  readonly type: string;
  readonly result: string;
  readonly reason: string | null;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly user_id: string | null;
  readonly client_id: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What the audit log holds about a user, or in all; oldest first. */
export async function eventsOf(
  { base }: TestBase,
  about: { userId?: string; clientId?: string; type?: string } = {},
): Promise<RecordedEvent[]> {
  // Nothing is ever deleted there, so where a row lies tells two of one millisecond apart.
  const query = base.knex('audit_events').orderByRaw('at, ctid');
  if (about.userId) query.where('user_id', '=', about.userId);
  if (about.clientId) query.where('client_id', '=', about.clientId);
  if (about.type) query.where('type', '=', about.type);
  return query;
}

/** Why the last refusal in the log was one. */
export async function lastRefusal(test: TestBase, type = 'sign-in.refused'): Promise<string | null | undefined> {
  return (await eventsOf(test, { type })).at(-1)?.reason;
}

/** A user name that no other test of the file has. */
export function aName(what = 'person'): string {
  return `${what}-${randomBytes(5).toString('hex')}@example.com`;
}
