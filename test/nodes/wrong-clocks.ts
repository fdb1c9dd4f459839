import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IssuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { wrongBy } from '../support/faketime.ts';
import { enterPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { startTwoNodes, type TwoNodes } from '../support/two-nodes.ts';
import { figures, newVisitor, visitorsApp } from './visitor.ts';

const nodesToAsk = [0, 1] as const;
type NodeIndex = (typeof nodesToAsk)[number];

/** Two nodes, of which the second believes that it is an hour later or earlier. What is ours goes by the database's clock. */
export function wrongClocks(): void {
  describe.each([1, -1])('by %i h', (hours) => wrongClock(hours));
}

function wrongClock(hours: number): void {
  let nodes: TwoNodes;
  let app: RelyingParty;

  beforeAll(async () => {
    nodes = await startTwoNodes([{}, wrongBy(hours)]);
    app = await startRelyingParty({ issuer: nodes.issuer, clientId: 'app', clientSecret: 'secret' });
    await nodes.seed({
      clients: [
        visitorsApp,
        { client_id: 'app', client_secret: 'secret', redirect_uris: [app.redirectUri] },
        {
          client_id: 'hr',
          client_secret: 'secret',
          grant_types: ['client_credentials'],
          app_roles: ['UserAuthMethod-TAP.ReadWrite.All'],
        },
      ],
      policies: { temporaryAccessPass: { purpose: 'signIn' } },
    });
  }, 120_000);
  afterAll(async () => {
    await app?.close();
    await nodes?.close();
  }, 60_000);

  const addressOf = (node: NodeIndex) => `http://localhost:${nodes.nodes[node].port}`;

  async function bearerOf(node: NodeIndex): Promise<string> {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: `${nodes.issuer}/management/.default`,
    });
    const headers = { authorization: `Basic ${btoa('hr:secret')}` };
    const answer = await fetch(`${addressOf(node)}/token`, { method: 'POST', body, headers });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  async function readAt(node: NodeIndex, user: string) {
    const headers = { authorization: `Bearer ${await bearerOf(node)}` };
    const path = `/v1.0/users/${user}/authentication/temporaryAccessPassMethods`;
    const answer = await fetch(addressOf(node) + path, { headers });
    const { value } = (await answer.json()) as { value: { state: string; methodUsabilityReason: string }[] };
    return [value[0]!.state, value[0]!.methodUsabilityReason];
  }

  let people = 0;
  async function aHolder(asked: Partial<IssuePass> = {}) {
    people += 1;
    const name = `holder-${people}@example.com`;
    const { id } = await nodes.user(name);
    return { name, id, code: await nodes.pass(name, asked) };
  }

  /** Everything about the user's pass, so many minutes earlier. */
  const age = (userId: string, minutes: number) =>
    nodes.work(({ tx }) =>
      tx.raw(
        `update temporary_access_passes set (issued_at, starts_at, expires_at, window_ends_at) =
           (issued_at - a.by, starts_at - a.by, expires_at - a.by, window_ends_at - a.by)
         from (select :minutes * interval '1 minute' as by) a where user_id = :userId`,
        { minutes, userId },
      ),
    );

  const enteredAt = (node: NodeIndex, { name, code }: { name: string; code: string }) =>
    nodes.onlyAt(node, async () => {
      const visitor = await newVisitor(nodes);
      await visitor.identify(name);
      await visitor.enter(code);
      return visitor;
    });

  /** The app's answer to somebody who signed in with a pass at this node. */
  async function callbackFrom(node: NodeIndex, { name, code }: { name: string; code: string }): Promise<URL> {
    const browser = nodes.browser({ stopAt: app.redirectUri });
    return nodes.onlyAt(node, async () => {
      await browser.visit(await app.authorizationUrl());
      return (await enterPass(browser, name, code)).callback;
    });
  }

  test('it is wrong', async () => {
    const [right, wrong] = await Promise.all(
      nodesToAsk.map(async (node) => Date.parse((await fetch(`${addressOf(node)}/healthz`)).headers.get('date')!)),
    );
    expect(Math.round((wrong! - right!) / 60_000)).toBe(hours * 60);
  });

  test.each([
    ['scheduled', 'NotYetValid', 'refused', -30],
    ['active', 'EnabledByPolicy', 'enrol', 0],
    ['active', 'EnabledByPolicy', 'enrol', 59],
    ['expired', 'Expired', 'refused', 61],
  ])('a pass is %s (%s) at both nodes, and entering it at either is %s: %i minutes after its start', async (...row) => {
    const [state, reason, step, minutes] = row;
    for (const node of nodesToAsk) {
      const holder = await aHolder();
      await age(holder.id, minutes);
      for (const asked of nodesToAsk) expect(await readAt(asked, holder.name)).toEqual([state, reason]);
      expect(await (await enteredAt(node, holder)).look()).toBe(step);
    }
  });

  test('a window that was opened at one node is as long at both, and a pass issued at one works at both', async () => {
    for (const node of nodesToAsk) {
      const { name, id } = await aHolder();
      const answer = await fetch(`${addressOf(node)}/v1.0/users/${id}/authentication/temporaryAccessPassMethods`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await bearerOf(node)}` },
      });
      const { temporaryAccessPass: code, startDateTime } = (await answer.json()) as Record<string, string>;
      expect(Math.abs(Date.parse(startDateTime!) - Date.now())).toBeLessThan(60_000);
      for (const asked of nodesToAsk) expect(await readAt(asked, name)).toEqual(['active', 'EnabledByPolicy']);
      const visitor = await enteredAt(node, { name, code: code! });
      expect(await visitor.look()).toBe('enrol');
      for (const asked of nodesToAsk) expect(await readAt(asked, name)).toEqual(['inRegistration', 'OneTimeUsed']);
      await age(id, 11);
      for (const asked of nodesToAsk) expect(await readAt(asked, name)).toEqual(['used', 'OneTimeUsed']);
      expect(await visitor.look()).toBe('ended');
    }
  });

  test('a session born of a pass ends with the pass, and its proof is as old as it is, whichever node it began at', async () => {
    for (const node of nodesToAsk) {
      const holder = await aHolder({ purpose: 'signIn' });
      await callbackFrom(node, holder);
      const { rows } = await nodes.work(({ tx }) =>
        tx.raw(
          `select s.not_after - p.expires_at as apart, s.payload->>'loginTs' as at from oidc_sessions s
             join temporary_access_passes p on p.id = s.pass_id where s.account_id = ?`,
          [holder.id],
        ),
      );
      expect(rows).toHaveLength(1);
      expect(Math.abs(rows[0].apart.seconds ?? 0)).toBeLessThan(2);
      expect(rows[0].apart.hours ?? rows[0].apart.minutes ?? 0).toBe(0);
      // What freshness of administrators is judged by.
      expect(Math.abs(Number(rows[0].at) - Date.now() / 1000)).toBeLessThan(60);
    }
  });

  /*
   * The protocol's library dates what it makes, and judges it, by its process's clock alone: what one node makes, another
   * an hour ahead finds expired, and one an hour behind takes for an hour longer. Until that changes, clocks have to be kept.
   */
  test('a code of one node is refused at the one whose clock is ahead, and ID tokens are dated by the node that gives them', async () => {
    const begun = performance.now();
    const said: Record<string, string> = {};
    for (const made of nodesToAsk) {
      for (const taken of nodesToAsk) {
        const callback = await callbackFrom(made, await aHolder({ purpose: 'signIn' }));
        said[`${made} → ${taken}`] = await nodes.onlyAt(taken, () =>
          app.exchange(callback).then(
            ({ claims: { iat, exp } }) => `given (iat ${minutesFromNow(iat)}, exp ${minutesFromNow(exp)} min)`,
            (error: { error?: string; code?: string }) => error.error ?? error.code ?? String(error),
          ),
        );
      }
    }
    figures(`codes between nodes, the second wrong by ${hours} h`, begun, said);
    const [right, wrong] = ['given (iat 0, exp 60 min)', `given (iat ${hours * 60}, exp ${hours * 60 + 60} min)`];
    expect(said).toEqual({
      '0 → 0': right,
      '0 → 1': hours > 0 ? 'invalid_grant' : wrong,
      '1 → 0': hours < 0 ? 'invalid_grant' : right,
      '1 → 1': wrong,
    });
  });
}

const minutesFromNow = (seconds: number) => Math.round((seconds - Date.now() / 1000) / 60);
