import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CookieBrowser } from '../support/cookie-browser.ts';
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout-receiver.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { startTwoNodes, type TwoNodes } from '../support/two-nodes.ts';
import { figures, inTurns, long, newVisitor, times, visitorsApp } from './visitor.ts';

const [people, sessionsEach, parties] = long ? [20, 3, 5] : [3, 2, 3];

interface Session {
  readonly browser: CookieBrowser;
  /** By relying party. */
  readonly at: readonly SignedIn[];
}

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly sessions: readonly Session[];
  /** Of a pass that was issued since and nobody has entered. */
  readonly code: string;
}

/**
 * T59 and G18 of the security reference, on a pair of nodes of its own: one of them is killed. What is dead is asked of each node with
 * the first request that it gets after the 200, so there is nothing to wait for and no second to measure.
 */
export function signOuts(): void {
  let nodes: TwoNodes;
  let apps: RelyingParty[];
  let receivers: LogoutReceiver[];
  let bearer: string;

  beforeAll(async () => {
    nodes = await startTwoNodes();
    const { issuer } = nodes;
    const clientId = (index: number) => `party-${index}`;
    const offline = { scope: 'openid offline_access', params: { prompt: 'consent' } };
    apps = await Promise.all(
      times(parties, (index) =>
        startRelyingParty({ issuer, clientId: clientId(index), clientSecret: 'secret', ...offline }),
      ),
    );
    receivers = await Promise.all(times(parties, (index) => startLogoutReceiver(() => issuer, clientId(index))));
    await nodes.seed({
      clients: [
        visitorsApp,
        ...times(parties, (index) => ({
          client_id: clientId(index),
          client_secret: 'secret',
          redirect_uris: [apps[index]!.redirectUri],
          backchannel_logout_uri: receivers[index]!.url,
          backchannel_logout_session_required: true,
        })),
        {
          client_id: 'desk',
          client_secret: 'secret',
          grant_types: ['client_credentials'],
          app_roles: ['User.RevokeSessions.All'],
        },
      ],
    });
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${issuer}/management/.default` });
    const headers = { authorization: `Basic ${btoa('desk:secret')}` };
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body, headers });
    bearer = `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
  }, 120_000);
  afterAll(async () => {
    await Promise.all([...(apps ?? []).map((app) => app.close()), ...(receivers ?? []).map((one) => one.stop())]);
    await nodes?.close();
  }, 60_000);

  async function aPerson(userName: string): Promise<Person> {
    const { id } = await nodes.user(userName);
    const authenticator = newAuthenticator();
    const sessions: Session[] = [];
    for (let session = 0; session < sessionsEach; session += 1) {
      const browser = nodes.browser({ stopAt: apps.map((app) => app.redirectUri) });
      const at: SignedIn[] = [];
      for (const [index, app] of apps.entries()) {
        await browser.visit(await app.authorizationUrl());
        if (index === 0 && session === 0) {
          await enterPass(browser, userName, await nodes.pass(userName));
          await createPasskey(browser, authenticator);
        }
        if (index === 0) await usePasskey(browser, authenticator);
        at.push(await app.exchange(browser.page.callback));
      }
      sessions.push({ browser, at });
    }
    return { id, userName, sessions, code: await nodes.pass(userName) };
  }

  /** Signed out by the API of one node. */
  async function signOutAt(node: 0 | 1, { id }: Person): Promise<void> {
    const url = `http://localhost:${nodes.nodes[node].port}/v1.0/users/${id}/revokeSignInSessions`;
    expect((await fetch(url, { method: 'POST', headers: { authorization: bearer } })).status).toBe(200);
  }

  /** All that a person held, each thing asked once of this node; nothing is tried a second time. */
  async function isDeadAt(node: 0 | 1, { sessions, userName, code }: Person): Promise<void> {
    await nodes.onlyAt(node, async () => {
      for (const { browser, at } of sessions) {
        for (const [index, app] of apps.entries()) {
          const { tokens, claims } = at[index]!;
          await expect(app.userinfo(tokens.access_token, claims.sub)).rejects.toThrow();
          await expect(app.refresh(tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
          const silent = await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
          expect(silent.callback.searchParams.get('error')).toBe('login_required');
        }
        expect((await browser.visit(`${nodes.issuer}/security-info`)).step).toBe('identify');
      }
      const visitor = await newVisitor(nodes);
      await visitor.identify(userName);
      await visitor.enter(code);
      expect(await visitor.look()).toBe('refused');
    });
  }

  async function isAlive({ sessions }: Person): Promise<void> {
    const { browser, at } = sessions[0]!;
    await apps[0]!.userinfo(at[0]!.tokens.access_token, at[0]!.claims.sub);
    const page = await browser.visit(await apps[0]!.authorizationUrl({ prompt: 'none' }));
    expect(page.callback.searchParams.get('error')).not.toBe('login_required');
  }

  test(`${people} × ${sessionsEach} sessions at ${parties} apps, one of them down, a node killed after its 200: all dead, and all apps told`, async () => {
    const begun = performance.now();
    const names = times(people + 1, (index) => `leaver-${index}@example.com`);
    const [stayer, ...leavers] = (await inTurns(names, 2, aPerson)) as [Person, ...Person[]];
    await receivers[0]!.stop();
    for (const [index, leaver] of leavers.entries()) {
      const node = index % 2 === 0 ? 0 : 1;
      const last = index === leavers.length - 1;
      await isAlive(leaver);
      await signOutAt(last ? 1 : node, leaver);
      if (last) await nodes.nodes[1].process.kill('SIGKILL');
      else await isDeadAt(node === 0 ? 1 : 0, leaver);
      await isDeadAt(last ? 0 : node, leaver);
    }
    await isAlive(stayer);

    expect(receivers[0]!.logouts).toEqual([]);
    await receivers[0]!.start();
    for (const [index, receiver] of receivers.entries()) {
      const sids = leavers.flatMap(({ sessions }) => sessions.map(({ at }) => at[index]!.claims.sid as string));
      expect(new Set(sids).size).toBe(people * sessionsEach);
      const told = () => new Set(receiver.logouts.map(({ claims }) => claims.sid));
      await expect.poll(() => sids.filter((sid) => !told().has(sid)), { timeout: 240_000, interval: 250 }).toEqual([]);
      // Of nobody else; each is checked by the receiver as an application would. A node that died may have sent one that is sent again.
      expect([...told()].sort()).toEqual([...sids].sort());
      for (const { claims } of receiver.logouts) {
        expect(leavers.find(({ id }) => id === claims.sub)).toBeDefined();
      }
      expect(receiver.mistakes.filter((mistake) => !mistake.includes('it came before'))).toEqual([]);
    }
    await isAlive(stayer);
    expect(nodes.faults()).toEqual([]);
    figures(`${people} × ${sessionsEach} sessions × ${parties} apps signed out`, begun, {
      'logouts told': receivers.map(({ logouts }) => logouts.length),
      'requests for them': receivers.map(({ requests }) => requests),
    });
  }, 900_000);
}
