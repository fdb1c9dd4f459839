import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/actor.ts';
import { addMember, createGroup, removeMember } from '../../src/groups/manage-groups.ts';
import { issuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { defaultPassSettings } from '../../src/methods/temporary-access-pass/settings.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import { grantRole, pageOfAssignments, removeAssignment, revokeRole } from '../../src/roles/manage-roles.ts';
import { globalAdministrator } from '../../src/roles/role.ts';
import { asOperator } from '../support/house.ts';
import { usePasskey, joinWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { overlapping, soon } from './people.ts';
import { figures, inTurns, long, newVisitor, tally, times, type Visitor } from './visitor.ts';

const rounds = long ? 1_000 : 40;
const patienceMs = 1_800_000;
const atOnce = 3;

const privileged = 'Privileged Authentication Administrator';
const authentication = 'Authentication Administrator';

const scopes = ['UserAuthenticationMethod.ReadWrite.All', 'RoleManagement.ReadWrite.Directory'];

interface Reply {
  readonly status: number;
  readonly body: {
    readonly id: string;
    readonly temporaryAccessPass: string;
    readonly error?: { readonly code: string; readonly message: string; readonly approvalId?: string };
  };
}

/** Somebody who asks the management API; the next node answers. */
interface Caller {
  readonly id: string;
  ask(method: string, path: string, body?: object): Promise<Reply>;
}

/** What administrators do at the same moment, to one user, to a request, or to each other (security.md 2.11, RULES 2). */
export function administrators(theNodes: () => TwoNodes): void {
  let console_: RelyingParty;
  let application: Caller;
  let [helpdesk, colleague, senior, second, third]: Caller[] = [];

  beforeAll(async () => {
    const nodes = theNodes();
    console_ = await startRelyingParty({ issuer: nodes.issuer, clientId: 'console', clientSecret: 'secret' });
    await nodes.seed({
      clients: [
        {
          client_id: 'console',
          client_secret: 'secret',
          redirect_uris: [console_.redirectUri],
          delegated_permissions: scopes,
        },
        {
          client_id: 'hr',
          client_secret: 'secret',
          grant_types: ['client_credentials'],
          app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
        },
      ],
      policies: { temporaryAccessPass: defaultPassSettings },
    });
    application = await anApplication();
    helpdesk = await aCaller(authentication);
    colleague = await aCaller(authentication);
    [senior, second, third] = [await aCaller(privileged), await aCaller(privileged), await aCaller(privileged)];
  }, 120_000);
  afterAll(() => console_?.close());

  let deadlocksBefore = 0;
  beforeEach(async () => {
    deadlocksBefore = await theNodes().deadlocks();
    return async () => expect(await theNodes().deadlocks()).toBe(deadlocksBefore);
  });

  async function anApplication(): Promise<Caller> {
    const token = async () => {
      const body = new URLSearchParams({
        grant_type: 'client_credentials',
        scope: `${theNodes().issuer}/management/.default`,
      });
      const headers = { authorization: `Basic ${btoa('hr:secret')}` };
      const answer = await fetch(`${theNodes().issuer}/token`, { method: 'POST', body, headers });
      return ((await answer.json()) as { access_token: string }).access_token;
    };
    return { id: 'hr', ask: asking(token) };
  }

  /** Somebody with a passkey, and then with the role: a role ends a pass, so it comes after. */
  async function aCaller(role: string): Promise<Caller> {
    const nodes = theNodes();
    const userName = `${randomUUID()}@example.com`;
    const { id } = await nodes.user(userName);
    const authenticator = newAuthenticator();
    const code = await nodes.pass(userName);
    let joined = false;
    const token = async () => {
      const browser = nodes.browser({ stopAt: console_.redirectUri });
      const asked = await console_.authorizationUrl({
        scope: `openid ${scopes.join(' ')}`,
        resource: `${nodes.issuer}/management`,
      });
      await browser.visit(asked.href);
      if (joined) await usePasskey(browser, authenticator);
      else await joinWithPass(browser, authenticator, userName, code);
      joined = true;
      return (await console_.exchange(browser.page.callback)).tokens.access_token;
    };
    const ask = asking(token);
    await ask('GET', '/users');
    await nodes.work((work) => grantRole(work, id, role));
    return { id, ask };
  }

  /** With a token that is renewed, by signing in again, long before it ends. */
  function asking(newToken: () => Promise<string>): Caller['ask'] {
    let token: Promise<string> | undefined;
    let until = 0;
    return async (method, path, body) => {
      if (!token || performance.now() > until) {
        until = performance.now() + 120_000;
        token = newToken();
      }
      const answer = await fetch(`${theNodes().issuer}/v1.0${path}`, {
        method,
        headers: { authorization: `Bearer ${await token}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      // "Come back later" is an answer to too many codes at once; what was asked for is asked for again.
      if (answer.status === 503) return soon(() => asking(() => token!)(method, path, body), 300);
      return { status: answer.status, body: (text && JSON.parse(text)) as Reply['body'] };
    };
  }

  const issueFor = (caller: Caller, user: string) =>
    caller.ask('POST', `/users/${user}/authentication/temporaryAccessPassMethods`, {});
  const decide = (caller: Caller, id: string, verb: 'approve' | 'reject') =>
    caller.ask('POST', `/policies/passApprovals/${id}/${verb}`);

  /** Somebody with a name of their own, and roles. */
  async function aUser(...roles: string[]): Promise<{ id: string; userName: string }> {
    const userName = `${randomUUID()}@example.com`;
    const { id } = await theNodes().user(userName);
    for (const role of roles) await theNodes().work((work) => grantRole(work, id, role));
    return { id, userName };
  }

  async function visitorFor(userName: string): Promise<Visitor> {
    const visitor = await newVisitor(theNodes());
    await visitor.identify(userName);
    return visitor;
  }

  async function opens(userName: string, code: string): Promise<boolean> {
    const visitor = await visitorFor(userName);
    await visitor.enter(code);
    return (await visitor.look()) === 'enrol';
  }

  const as = (userId: string) => ({
    ...asOperator,
    actor: { kind: 'user', userId, strongAt: new Date() } satisfies Actor,
  });

  /** One person issues twenty passes an hour at most; here one has to issue a thousand. */
  const forgetQuotas = () =>
    theNodes().work((work) => work.tx('throttle_counters').where('scope', '=', 'issued').delete());

  const everyRound = <T>(body: (round: number) => Promise<T>, width = atOnce): Promise<T[]> =>
    inTurns(
      times(rounds, (index) => index),
      width,
      async (index) => {
        await forgetQuotas();
        return body(index);
      },
    );

  /** `code` of the refusal that a work ended with; `done` for none. What is no refusal is a fault. */
  const outcome = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      (error: unknown) => {
        if (error instanceof AppError) return error.code;
        throw error;
      },
    );

  /*
   * Forbidden: an issue that fails; none or two passes that are current; a code that works and is not the current pass's;
   * a replacement that the log tells otherwise than by one line of passes, each by the next, from the first to the current one.
   */
  test(
    'passes issued at once by two administrators and an application: one is current, the others are dead',
    async () => {
      const begun = performance.now();
      const winners = await everyRound(async (round) => {
        const { id, userName } = await aUser();
        const callers = [helpdesk!, colleague!, application];
        const answers = await Promise.all(callers.map((caller) => soon(() => issueFor(caller, id), 10)));
        expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);

        const { passes, replaced } = await theNodes().work(async ({ tx }) => ({
          passes: await tx('temporary_access_passes').where('user_id', '=', id).select('id', 'ended_at', 'end_reason'),
          replaced: await tx('audit_events')
            .where('user_id', '=', id)
            .where('type', '=', 'pass.replaced')
            .select('details'),
        }));
        const issued = answers.map(({ body }) => body.id);
        expect(passes.map((pass) => pass.id).sort()).toEqual([...issued].sort());
        const [current, ...others] = passes.filter(({ ended_at }) => ended_at === null);
        expect([others, passes.filter(({ end_reason }) => end_reason === 'replaced').length]).toEqual([[], 2]);
        const by = new Map<string, string>(replaced.map(({ details }) => [details.passId, details.by]));
        const first = issued.find((one) => ![...by.values()].includes(one))!;
        expect([by.size, by.get(by.get(first)!)]).toEqual([2, current.id]);

        // Every tenth time also at the door.
        if (round % 10 === 0) {
          for (const { body } of answers.filter((answer) => answer.body.id !== current.id)) {
            expect(await opens(userName, body.temporaryAccessPass)).toBe(false);
          }
          const winner = answers.find(({ body }) => body.id === current.id)!;
          expect(await opens(userName, winner.body.temporaryAccessPass)).toBe(true);
        }
        return callers[issued.indexOf(current.id)]!.id;
      });
      figures(`${rounds} × issue ∥ issue ∥ issue`, begun, { 'the last': Object.values(tally(winners)) });
    },
    patienceMs,
  );

  /*
   * Forbidden, after both were answered: a code that opens anything. Two of the issuers may not issue for who holds a role, and
   * the third may with an approval, which nobody gave.
   */
  test(
    'a role given while a pass is issued: afterwards no pass of before opens anything',
    async () => {
      const begun = performance.now();
      const race = overlapping();
      const ends = await everyRound(async (round) => {
        const { id, userName } = await aUser();
        const issuer = [helpdesk!, application, senior!][round % 3]!;
        const [answer] = await race(
          () => issueFor(issuer, id),
          () => theNodes().work((work) => grantRole(work, id, 'Global Reader')),
        );
        if (answer.status !== 201) {
          // 409 for who would need an approval now: \"ask again\".
          expect([403, 409]).toContain(answer.status);
          return answer.body.error!.code;
        }
        expect(await opens(userName, answer.body.temporaryAccessPass)).toBe(false);
        return 'issued, and dead';
      });
      figures(`${rounds} × issue ∥ promote`, begun, tally(ends));
      expect(Object.keys(tally(ends)).length).toBeGreaterThan(1);
    },
    patienceMs,
  );

  /* Forbidden: a code that opens anything once it was answered that its issuer has no role. */
  test(
    'the role of the issuer taken while a pass is issued: afterwards the pass opens nothing',
    async () => {
      const begun = performance.now();
      const race = overlapping();
      const ends = await everyRound(async () => {
        const [issuer, { userName }] = [await aUser(authentication), await aUser()];
        let code: string | undefined;
        const issue = async () => {
          ({ code } = await issuePass(theNodes().run, as(issuer.id), { user: userName }));
        };
        const [end] = await race(
          () => outcome(issue()),
          () => theNodes().work((work) => revokeRole(work, issuer.id, authentication)),
        );
        if (code === undefined) return end;
        expect(await opens(userName, code)).toBe(false);
        return 'issued, and dead';
      });
      figures(`${rounds} × issue ∥ demote the issuer`, begun, tally(ends));
      expect(Object.keys(tally(ends)).sort()).toEqual(['forbidden', 'issued, and dead']);
    },
    patienceMs,
  );

  /* Forbidden: a sign-in that holds the pass and did not when the revocation was answered; a second one, later. */
  test(
    'the role of the issuer taken while the pass is entered: no sign-in begins after the answer',
    async () => {
      const begun = performance.now();
      const race = overlapping();
      const ends = await everyRound(async () => {
        const [issuer, { userName }] = [await aUser(authentication), await aUser()];
        const { code, pass } = await issuePass(theNodes().run, as(issuer.id), { user: userName });
        const visitor = await visitorFor(userName);
        const opened = () =>
          theNodes().work(async ({ tx }) => (await tx('sign_ins').where('pass_id', '=', pass.id)).length);
        const [, atAnswer] = await race(
          () => visitor.enter(code),
          () =>
            theNodes()
              .work((work) => revokeRole(work, issuer.id, authentication))
              .then(opened),
        );
        expect(await opened()).toBe(atAnswer);
        // What it opened before goes on; the browser that holds it cannot open anything anew.
        expect(await visitor.look()).toBe(atAnswer === 1 ? 'enrol' : 'refused');
        if (atAnswer === 1) await visitor.restart();
        await visitor.identify(userName);
        await visitor.enter(code);
        expect(await visitor.look()).toBe('refused');
        return atAnswer === 1 ? 'entered' : 'refused';
      });
      figures(`${rounds} × redeem ∥ demote the issuer`, begun, tally(ends));
      expect(Object.keys(tally(ends)).sort()).toEqual(['entered', 'refused']);
    },
    patienceMs,
  );

  /*
   * Forbidden: two answers of two deciders that both took effect, or one that took effect against the other's; a pass without an
   * approval that stands, and two passes for one.
   */
  test.each<[string, (id: string) => Promise<{ status: number }>]>([
    ['two approvals', (id) => decide(third!, id, 'approve')],
    ['an approval and a rejection', (id) => decide(third!, id, 'reject')],
    ['an approval and the end of the request', (id) => lapse(id)],
  ])(
    '%s at once: one counts, and an approval gives one pass',
    async (what, other) => {
      const begun = performance.now();
      const race = overlapping();
      const ends = await everyRound(async () => {
        const { id } = await aUser('Global Reader');
        const refusal = await issueFor(senior!, id);
        expect([refusal.status, refusal.body.error?.code]).toEqual([403, 'approvalRequired']);
        const approvalId = refusal.body.error!.approvalId ?? (await approvalFor(id));
        const [one, another] = await race(
          () => decide(second!, approvalId, 'approve'),
          () => other(approvalId),
        );
        const row = await theNodes().work(({ tx }) => tx('pass_approvals').where('id', '=', approvalId).first());
        const lapsed = row.lapses_at <= new Date();
        if (lapsed) expect([200, 409]).toContain(one.status);
        else expect([one.status, another.status].sort()).toEqual([200, 409]);
        const decision =
          one.status === 200 ? 'approved' : lapsed ? null : what === 'two approvals' ? 'approved' : 'rejected';
        expect(row.decision).toBe(decision);
        if (decision) expect(row.decided_by).toBe(one.status === 200 ? second!.id : third!.id);

        const issued = await Promise.all([soon(() => issueFor(senior!, id), 5), soon(() => issueFor(senior!, id), 5)]);
        const given = issued.filter(({ status }) => status === 201).length;
        expect(given).toBe(decision === 'approved' && !lapsed ? 1 : 0);
        for (const { status } of issued.filter((answer) => answer.status !== 201)) expect([403, 409]).toContain(status);
        const passes = await theNodes().work(({ tx }) => tx('temporary_access_passes').where('user_id', '=', id));
        expect(passes).toHaveLength(given);
        return `${one.status === 200 ? 'the first' : 'the other'} counted, ${given} issued`;
      });
      figures(`${rounds} × ${what}`, begun, tally(ends));
      expect(Object.keys(tally(ends)).length).toBeGreaterThan(1);
    },
    patienceMs,
  );

  async function lapse(id: string): Promise<{ status: number }> {
    await theNodes().work(({ tx, now }) => tx('pass_approvals').where('id', '=', id).update({ lapses_at: now }));
    return { status: 0 };
  }

  const approvalFor = (userId: string): Promise<string> =>
    theNodes().work(async ({ tx }) => (await tx('pass_approvals').where('user_id', '=', userId).first('id')).id);

  const enabledGlobals = () =>
    theNodes().work(async ({ tx }) => {
      const rows = await tx('role_assignments as r')
        .join('users as u', 'u.id', 'r.user_id')
        .where('r.role_template_id', '=', globalAdministrator.templateId)
        .where('u.account_enabled', '=', true)
        .select<{ id: string }[]>('u.id');
      return rows.map(({ id }) => id);
    });

  /* Forbidden: nobody left who is enabled and a Global Administrator; an end other than done, or one of the refusals below. */
  test(
    'two last Global Administrators and the operator who take each other away at once leave one',
    async () => {
      const begun = performance.now();
      type TakeAway = (who: ReturnType<typeof as> | typeof asOperator, target: string) => Promise<unknown>;
      const run = theNodes().run;
      const ways: TakeAway[] = [
        (who, target) => run(who, (work) => deletePerson(work, target)),
        (who, target) => run(who, (work) => changePerson(work, target, { enabled: false })),
        (who, target) => run(who, (work) => revokeRole(work, target, globalAdministrator.templateId)),
        (who, target) =>
          run(who, async (work) => {
            const held = { userId: target, templateId: globalAdministrator.templateId };
            const { items } = await pageOfAssignments(work, { top: 1, filter: held });
            if (items[0]) await removeAssignment(work, items[0].id);
          }),
      ];
      let standing = await enabledGlobals();
      const ends = await everyRound(async (round) => {
        const [one, other] = [await aUser(globalAdministrator.name), await aUser(globalAdministrator.name)];
        for (const before of standing) {
          await theNodes().work((work) => revokeRole(work, before, globalAdministrator.templateId));
        }
        const [first, next] = [ways[round % 4]!, ways[Math.floor(round / 4) % 4]!];
        const outcomes = await Promise.all([
          soon(() => outcome(first(as(one.id), other.id)), 4),
          soon(() => outcome(next(as(other.id), one.id)), 4),
          soon(() => outcome(first(asOperator, round % 2 ? one.id : other.id)), 4),
          soon(() => outcome(next(asOperator, round % 2 ? other.id : one.id)), 4),
        ]);
        standing = await enabledGlobals();
        expect(standing).toHaveLength(1);
        return outcomes;
      }, 1);
      figures(`${rounds} × the last two take each other away`, begun, tally(ends.flat()));
      const known = ['conflict', 'done', 'forbidden', 'not_found'];
      expect(Object.keys(tally(ends.flat())).filter((end) => !known.includes(end))).toEqual([]);
      await theNodes().work((work) => changePerson(work, standing[0]!, { displayName: 'The last one' }));
    },
    patienceMs,
  );

  /* Forbidden: the same; two of three that were answered with 204. */
  test(
    'two last Global Administrators who take the role from each other by the API leave one',
    async () => {
      const begun = performance.now();
      const before = await enabledGlobals();
      const pair = [await aCaller(globalAdministrator.name), await aCaller(globalAdministrator.name)] as const;
      for (const id of before) await theNodes().work((work) => revokeRole(work, id, globalAdministrator.templateId));
      const assignmentOf = (userId: string): Promise<string> =>
        theNodes().work(async (work) => {
          const { assignment } = await grantRole(work, userId, globalAdministrator.templateId);
          if (assignment) return assignment.id;
          const held = { userId, templateId: globalAdministrator.templateId };
          return (await pageOfAssignments(work, { top: 1, filter: held })).items[0]!.id;
        });
      const ends = await everyRound(async () => {
        const [one, other] = [await assignmentOf(pair[0].id), await assignmentOf(pair[1].id)];
        const remove = (by: Caller, assignment: string) =>
          soon(() => by.ask('DELETE', `/roleManagement/directory/roleAssignments/${assignment}`), 10);
        const [first, second, byOperator] = await Promise.all([
          remove(pair[0], other),
          remove(pair[1], one),
          soon(() => outcome(theNodes().work((work) => removeAssignment(work, one))), 10),
        ]);
        expect(await enabledGlobals()).toHaveLength(1);
        const done = [first.status === 204, second.status === 204, byOperator === 'done'];
        expect(done.filter(Boolean)).toHaveLength(1);
        return `${first.status} ${second.status} ${byOperator}`;
      }, 1);
      figures(`${rounds} × the last two take the role from each other`, begun, tally(ends));
      expect(Object.keys(tally(ends)).length).toBeGreaterThan(1);
    },
    patienceMs,
  );

  /* Forbidden: any fault; a code that opens anything after it was answered that its holder is excluded, or left the scope. */
  test(
    'a user who is excluded, or leaves the issuer’s scope, while the pass is entered',
    async () => {
      const begun = performance.now();
      const race = overlapping();
      const { excluded, scope } = await theNodes().work(async (work) => ({
        excluded: (await createGroup(work, { displayName: randomUUID() })).id,
        scope: (await createGroup(work, { displayName: randomUUID() })).id,
      }));
      const issuer = await aUser();
      await theNodes().work((work) => grantRole(work, issuer.id, 'Pass Issuer', { groupId: scope }));
      const policy = (excludeTargets: object[]) =>
        theNodes().seed({ policies: { temporaryAccessPass: { excludeTargets } } });
      await policy([{ targetType: 'group', id: excluded }]);
      const ends = await everyRound(async (round) => {
        const { id, userName } = await aUser();
        await theNodes().work((work) => addMember(work, scope, id));
        const { code } = await issuePass(theNodes().run, as(issuer.id), { user: userName });
        const visitor = await visitorFor(userName);
        const change =
          round % 2
            ? () => theNodes().work((work) => addMember(work, excluded, id))
            : () => theNodes().work((work) => removeMember(work, scope, id));
        await race(() => visitor.enter(code), change);
        const end = await visitor.look();
        if (end === 'enrol') await visitor.restart();
        await visitor.identify(userName);
        await visitor.enter(code);
        expect(await visitor.look()).toBe('refused');
        return `${round % 2 ? 'excluded' : 'out of scope'}: ${end}`;
      });
      await policy([]);
      figures(`${rounds} × change of group ∥ redeem`, begun, tally(ends));
      expect(Object.keys(tally(ends)).length).toBeGreaterThan(2);
    },
    patienceMs,
  );
}
