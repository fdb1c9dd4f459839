import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CookieBrowser } from '../support/cookie-browser.ts';
import { startTwoNodes, type TwoNodes } from '../support/two-nodes.ts';
import { figures, inTurns, newVisitor, tally, times, type Visitor, visitorsApp } from './visitor.ts';

const trusted = '127.0.0.9';
const organisationMost = 40;

/** How many guesses are judged, counted by two processes at once: RULES 3, security.md T05, T07, T37. */
export function guessing(): void {
  let nodes: TwoNodes;
  beforeAll(async () => {
    const env = {
      HOST: '127.0.0.1',
      // Not the proxy between browsers and nodes: to them it is one visitor, who claims to be many.
      LATCHKEY_TRUSTED_PROXIES: trusted,
      LATCHKEY_THROTTLES: JSON.stringify({ organisation: { most: organisationMost } }),
    };
    nodes = await startTwoNodes([env, env]);
    await nodes.seed({ clients: [visitorsApp] });
  }, 120_000);
  afterAll(() => nodes?.close(), 60_000);

  const atVerify = async (user: string, browser?: CookieBrowser): Promise<Visitor> => {
    const visitor = await newVisitor(nodes, browser);
    await visitor.identify(user);
    return visitor;
  };
  const elsewhere = (user: string): Promise<Visitor> =>
    atVerify(user, nodes.browserBehind(trusted, { stopAt: visitorsApp.redirect_uris }));
  const anewOf = (scope: string) =>
    nodes.work((work) => work.tx('throttle_counters').where('scope', '=', scope).delete());
  const countersOf = (scope: string) =>
    nodes.work(async (work) => (await work.tx('throttle_counters').where('scope', '=', scope)).length);
  const eventsOf = (type: string) =>
    nodes.work(async (work) => (await work.tx('audit_events').where('type', '=', type)).length);

  /** Posts the code as a script would, and does not ask again when it is told to wait. */
  async function guess({ browser }: Visitor, code: string, headers: Readonly<Record<string, string>> = {}) {
    const { status } = await browser.request(`${browser.page.url}/verify/temporary-access-pass`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ code, csrf: browser.page.csrf ?? '' }).toString(),
      redirect: 'manual',
    });
    return String(status);
  }

  async function judging(body: () => Promise<string[]>) {
    const [before, begun] = [await eventsOf('sign-in.refused'), performance.now()];
    const statuses = tally(await body());
    const judged = (await eventsOf('sign-in.refused')) - before;
    figures('guesses at once', begun, { statuses, judged });
    return { judged, statuses };
  }

  test('of 1,000 wrong codes at once that claim as many addresses five are judged, and the victim gets in from elsewhere', async () => {
    const victim = 'victim@example.com';
    await nodes.user(victim);
    const code = await nodes.pass(victim);
    expect(code.replaceAll('-', '')).toHaveLength(16);
    const visitors = await inTurns(times(25, String), 5, () => atVerify(victim));
    const spoofed = (index: number) => {
      const address = `203.0.${index >> 8}.${index & 255}`;
      return { forwarded: `for=${address}`, 'x-real-ip': address, 'true-client-ip': address, via: `1.1 ${address}` };
    };
    const { judged, statuses } = await judging(() =>
      Promise.all(times(1_000, (index) => guess(visitors[index % 25]!, 'ABCD2345EFGH6789', spoofed(index)))),
    );
    expect(judged).toBe(5);
    expect(statuses).toEqual({ '303': 1_000 });
    expect([await countersOf('source'), await countersOf('source-account')]).toEqual([1, 1]);
    expect(await guess(visitors[0]!, code)).toBe('303');
    expect(await visitors[0]!.look()).toBe('refused');
    // Ten rows of one source a minute and node, of 996.
    expect(await eventsOf('sign-in.throttled')).toBeLessThanOrEqual(80);

    const owner = await elsewhere(victim);
    await owner.enter(code);
    expect(await owner.look()).toBe('enrol');
  }, 300_000);

  test('of 60 guesses at once at a pass of twelve symbols, from as many sources, ten are judged', async () => {
    await nodes.seed({ policies: { temporaryAccessPass: { defaultLength: 12 } } });
    const victim = 'short@example.com';
    await nodes.user(victim);
    await nodes.pass(victim);
    const visitors = await inTurns(times(60, String), 6, () => elsewhere(victim));
    await anewOf('organisation');
    const { judged, statuses } = await judging(() =>
      Promise.all(visitors.map((visitor) => guess(visitor, 'ABCD2345EFGH'))),
    );
    expect(statuses).toEqual({ '303': 60 });
    expect(judged).toBe(10);
  }, 300_000);

  test('of 100 guesses at once, from as many sources at as many names, the organisation judges no more than its limit', async () => {
    const visitors = await inTurns(times(100, String), 6, (index) => elsewhere(`somebody-${index}@example.com`));
    await anewOf('organisation');
    const { judged, statuses } = await judging(() =>
      Promise.all(visitors.map((visitor) => guess(visitor, 'ABCD2345EFGH6789ABCD2345'))),
    );
    expect(judged).toBe(organisationMost);
    expect(statuses).toEqual({ '303': organisationMost, '503': 100 - organisationMost });
  }, 300_000);

  test('and nobody waited for somebody who waited for them', async () => {
    expect(nodes.faults()).toEqual([]);
    expect(await nodes.deadlocks()).toBe(0);
  });
}
