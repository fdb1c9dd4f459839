import { randomBytes, randomUUID } from 'node:crypto';

import knexFactory, { type Knex } from 'knex';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { errors } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { migrations } from '../../migrations/index.ts';
import { digest, makeSecrets } from '../../src/core/secrets.ts';
import type { Work } from '../../src/core/work.ts';
import { connectNamedStatements, type NamedStatements } from '../../src/database/named-statements.ts';
import { adapterFactory } from '../../src/oidc/adapter.ts';
import { endAccount, endSession } from '../../src/oidc/endings.ts';
import { purgeExpired } from '../../src/oidc/purge.ts';
import { settleGrant } from '../../src/oidc/settle-grant.ts';
import { startTestServer, type TestServer } from '../support/postgres-server.ts';
import {
  aClient,
  aDpopProof,
  aJwt,
  aKey,
  asClient,
  authorizationParams,
  authorizationUrl,
  Browser,
  type Node,
  redeem,
  refresh,
  startNode,
  type TokenAnswer,
  userinfoStatus,
} from './nodes.ts';

let server: TestServer;
let knex: Knex;
let db: NamedStatements;
let other: NamedStatements;
let nodeA: Node;
let nodeB: Node;
const statements: string[] = [];
const secrets = makeSecrets(randomBytes(32));
const clientKey = aKey();
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

const clients = new Map(
  [
    aClient('rp'),
    aClient('rp1'),
    aClient('rp2'),
    aClient('rp3'),
    aClient('third-party', { first_party: false }),
    aClient('service', { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }),
    aClient('tv', { grant_types: [deviceGrant, 'refresh_token'], redirect_uris: [], response_types: [] }),
    aClient('signer', {
      client_secret: undefined,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ ...clientKey.jwk, alg: 'ES256', use: 'sig' }] },
    }),
  ].map((client) => [(client as { client_id: string }).client_id, client]),
);

const factory = (pool: NamedStatements) => adapterFactory(pool, secrets, { find: findClient });
async function findClient(id: string): Promise<object | undefined> {
  if (id.includes('\0')) throw new Error('invalid byte sequence'); // as PostgreSQL would
  return clients.get(id);
}

const connection = (database = 'postgres') => ({ host: server.host, port: server.port, user: server.user, database });

beforeAll(async () => {
  server = await startTestServer();
  knex = knexFactory({ client: 'pg', connection: connection() });
  for (const { up } of Object.values(migrations)) await up(knex);
  db = connectNamedStatements(connection(), { max: 5, onQuery: (name) => statements.push(name) });
  other = connectNamedStatements(connection(), { max: 5 });
  nodeA = await startNode(factory(db), db);
  nodeB = await startNode(factory(other), other, nodeA.issuer);
}, 60_000);

afterEach(() => {
  if (nodeA) nodeA.hold = undefined;
});

afterAll(async () => {
  await nodeA?.close();
  await nodeB?.close();
  await Promise.all([db?.close(), other?.close(), knex?.destroy()]);
  await server?.stop();
});

describe('what may be used once', () => {
  it('a code redeemed four times at once on two nodes gives tokens once, and the reuse ends them', async () => {
    for (let round = 0; round < 3; round += 1) {
      const code = await aCode(aBrowser());
      const answers = await fourTimes((node) => redeem(node, 'rp', code));
      expect(outcomes(answers)).toEqual(['200', 'invalid_grant', 'invalid_grant', 'invalid_grant']);
      const winner = answers.find(({ status }) => status === 200)!;
      expect(await userinfoStatus(nodeB, winner.access_token)).toBe(401);
      expect(await refresh(nodeB, 'rp', winner.refresh_token)).toMatchObject({ error: 'invalid_grant' });
    }
  });

  it('a code redeemed again later ends the tokens, within ten seconds too', async () => {
    const code = await aCode(aBrowser());
    const first = await redeem(nodeA, 'rp', code);
    expect(await userinfoStatus(nodeA, first.access_token)).toBe(200);
    expect(await redeem(nodeB, 'rp', code)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await userinfoStatus(nodeA, first.access_token)).toBe(401);
    expect(await knex('oidc_artifacts').where({ client_id: 'rp', account_id: lastAccount }).count()).toEqual([
      { count: '0' },
    ]);
  });

  it('a refresh token used four times at once on two nodes has one winner, whose tokens work', async () => {
    for (let round = 0; round < 3; round += 1) {
      const first = await tokens(aBrowser());
      const answers = await fourTimes((node) => refresh(node, 'rp', first.refresh_token));
      expect(outcomes(answers)).toEqual(['200', 'invalid_grant', 'invalid_grant', 'invalid_grant']);
      const winner = answers.find(({ status }) => status === 200)!;
      expect(await userinfoStatus(nodeB, winner.access_token)).toBe(200);
      expect(await refresh(nodeB, 'rp', winner.refresh_token)).toMatchObject({ status: 200 });
    }
  });

  it('a refresh token used again within ten seconds is refused and leaves the grant', async () => {
    const first = await tokens(aBrowser());
    const second = await refresh(nodeA, 'rp', first.refresh_token);
    await shiftConsumption(-9);
    expect(await refresh(nodeB, 'rp', first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await userinfoStatus(nodeA, second.access_token)).toBe(200);
    expect(await refresh(nodeA, 'rp', second.refresh_token)).toMatchObject({ status: 200 });
  });

  it('a refresh token used again after ten seconds ends the grant', async () => {
    const first = await tokens(aBrowser());
    const second = await refresh(nodeA, 'rp', first.refresh_token);
    await shiftConsumption(-11);
    expect(await refresh(nodeB, 'rp', first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await userinfoStatus(nodeA, second.access_token)).toBe(401);
    expect(await refresh(nodeA, 'rp', second.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' });
  });

  it('the ten seconds hold in consume as well, where a request had loaded the token before its first use', async () => {
    const id = aToken();
    const grantId = await aGrant();
    const token = adapter('RefreshToken');
    await token.upsert(id, { kind: 'RefreshToken', grantId, clientId: 'rp' }, 600);
    await token.consume(id);
    await expect(token.consume(id)).rejects.toThrow(errors.InvalidGrant);
    expect(await adapter('Grant').find(grantId)).toBeDefined();
    await shiftConsumption(-11);
    await expect(token.consume(id)).rejects.toThrow(errors.InvalidGrant);
    expect(await adapter('Grant').find(grantId)).toBeUndefined();
  });

  it('a used refresh token is inactive at introspection, and revoking it ends the grant', async () => {
    const first = await tokens(aBrowser());
    const second = await refresh(nodeA, 'rp', first.refresh_token);
    const used = { token: first.refresh_token };
    expect(await asClient(nodeA, '/token/introspection', 'rp', used)).toEqual({ status: 200, active: false });
    expect(await asClient(nodeA, '/token/revocation', 'rp', used)).toEqual({ status: 200 });
    expect(await userinfoStatus(nodeA, second.access_token)).toBe(401);
  });

  it('a pushed request used four times at once in one session leads to one code', async () => {
    const browser = aBrowser();
    await aCode(browser);
    const { request_uri } = await push(nodeA);
    const url = (node: Node) => new URL(`/auth?${new URLSearchParams({ client_id: 'rp', request_uri })}`, node.origin);
    const answers = await fourTimes((node) => browser.copy().send(url(node)));
    // At the relying party, or on a page of ours when the request was gone before its redirect_uri was known.
    const seen = answers.map(({ location, text }) => `${location?.search} ${text}`);
    expect(seen.filter((answer) => answer.includes('code='))).toHaveLength(1);
    expect(seen.filter((answer) => answer.includes('invalid_request_uri'))).toHaveLength(3);
    expect((await browser.send(url(nodeB))).text).toContain('invalid_request_uri');
  });

  it('a DPoP proof sent four times at once counts once, at the token endpoint and at userinfo', async () => {
    const key = aKey();
    // Four codes, so that only the proof is shared.
    const browser = aBrowser();
    const codes = [await aCode(browser), await aCode(browser), await aCode(browser), await aCode(browser)];
    const proof = aDpopProof(key, 'POST', new URL('/token', nodeA.origin).href);
    const answers = await Promise.all(codes.map((code) => redeem(nodeA, 'rp', code, { dpop: proof })));
    expect(outcomes(answers)).toEqual(['200', 'invalid_grant', 'invalid_grant', 'invalid_grant']);

    const { access_token } = answers.find(({ status }) => status === 200)!;
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(access_token))).toString('base64url');
    const dpop = aDpopProof(key, 'GET', new URL('/me', nodeA.origin).href, { ath });
    const headers = { authorization: `DPoP ${access_token}`, dpop };
    const uses = await Promise.all([1, 2, 3].map(() => fetch(new URL('/me', nodeA.origin), { headers })));
    expect(uses.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });

  it('a client assertion counts once', async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'signer', sub: 'signer', aud: nodeA.issuer, jti: randomUUID(), iat: now, exp: now + 60 };
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: aJwt(clientKey.privateKey, {}, claims),
    };
    const answers = await fourTimes((node) => asClient(node, '/token', 'signer', form));
    expect(outcomes(answers)).toEqual(['200', 'invalid_client', 'invalid_client', 'invalid_client']);
  });

  it('a jti is free again five minutes after its expiry, not at once', async () => {
    const [replay, id] = [adapter('ReplayDetection'), aToken()];
    await replay.upsert(id, { kind: 'ReplayDetection' }, -290);
    await expect(replay.upsert(id, { kind: 'ReplayDetection' }, -310)).rejects.toThrow(errors.InvalidToken);
    await knex.raw(
      "update oidc_artifacts set expires_at = expires_at - interval '20 seconds' where model = 'ReplayDetection'",
    );
    await replay.upsert(id, { kind: 'ReplayDetection' }, 60);
  });

  it('a device code approved once gives tokens once', async () => {
    const { device_code, user_code } = await startDevice();
    await approve(aBrowser(), user_code);
    const poll = (node: Node) => asClient(node, '/token', 'tv', { grant_type: deviceGrant, device_code });
    const [first, ...others] = outcomes(await fourTimes(poll));
    expect(others).toEqual(['invalid_grant', 'invalid_grant', 'invalid_grant']);
    // A second use ends the grant, and may do so before the first has its tokens: then nobody has any.
    expect(['200', 'invalid_grant']).toContain(first);
  });

  it('a second save does not make a used thing unused', async () => {
    const [token, id] = [adapter('RefreshToken'), aToken()];
    await token.upsert(id, { kind: 'RefreshToken' }, 60);
    await token.consume(id);
    await token.upsert(id, { kind: 'RefreshToken', scope: 'openid' }, 60);
    expect(await token.find(id)).toMatchObject({ jti: id, scope: 'openid', consumed: expect.any(Number) });
  });
});

describe('grants', () => {
  it('a grant takes its tokens with it, and deletes at the same time do not jam', async () => {
    const grantId = await aGrant();
    for (let index = 0; index < 40; index += 1) {
      const model = index % 2 === 0 ? 'AccessToken' : 'RefreshToken';
      await adapter(model).upsert(aToken(), { kind: model, grantId, clientId: 'rp' }, 60);
    }
    const survivor = aToken();
    await adapter('AccessToken').upsert(survivor, { kind: 'AccessToken', grantId: await aGrant() }, 60);
    await Promise.all([
      adapter('AccessToken').revokeByGrantId(grantId),
      adapter('RefreshToken').revokeByGrantId(grantId),
      adapter('Grant').destroy(grantId),
      adapter('Grant').destroy(grantId),
    ]);
    expect(await knex('oidc_artifacts').where({ grant_id: grantId }).count()).toEqual([{ count: '0' }]);
    expect(await adapter('AccessToken').find(survivor)).toBeDefined();

    const [another, token] = [await aGrant(), aToken()];
    await adapter('AccessToken').upsert(token, { kind: 'AccessToken', grantId: another }, 60);
    await adapter('Grant').destroy(another);
    expect(await adapter('AccessToken').find(token)).toBeUndefined();
  });

  it('revoking an access token leaves the grant, but none of its tokens', async () => {
    const first = await tokens(aBrowser());
    await asClient(nodeA, '/token/revocation', 'rp', { token: first.access_token });
    expect(await userinfoStatus(nodeB, first.access_token)).toBe(401);
    expect(await refresh(nodeB, 'rp', first.refresh_token)).toMatchObject({ error: 'invalid_grant' });
    expect(await knex('oidc_grants').where({ account_id: lastAccount }).count()).toEqual([{ count: '1' }]);
  });

  it('an interaction that started from a grant does not end with it', async () => {
    const grantId = await aGrant();
    const id = aToken();
    await adapter('Interaction').upsert(id, { kind: 'Interaction', grantId }, 60);
    await adapter('Grant').destroy(grantId);
    expect(await adapter('Interaction').find(id)).toMatchObject({ jti: id, grantId });
  });
});

describe('sessions', () => {
  it('four relying parties served at once in one session all get tokens that work', async () => {
    const ids = ['rp', 'rp1', 'rp2', 'rp3'];
    for (let round = 0; round < 5; round += 1) {
      const browser = aBrowser();
      await browser.authorize(authorizationUrl(nodeA, 'third-party'));
      const answers = await Promise.all(
        ids.map((id, index) => browser.send(authorizationUrl(index % 2 === 0 ? nodeA : nodeB, id))),
      );
      const redeemed = await Promise.all(answers.map((answer, index) => redeem(nodeA, ids[index]!, codeOf(answer))));
      const statuses = await Promise.all(redeemed.map(({ access_token }) => userinfoStatus(nodeB, access_token)));
      expect(statuses).toEqual([200, 200, 200, 200]);
    }
  });

  it('two tabs of one app served at once in one session share a grant, and the tokens of both work', async () => {
    for (let round = 0; round < 5; round += 1) {
      const browser = aBrowser();
      await browser.authorize(authorizationUrl(nodeA, 'third-party'));
      const answers = await Promise.all([nodeA, nodeB].map((node) => browser.send(authorizationUrl(node, 'rp'))));
      const redeemed = await Promise.all(answers.map((answer) => redeem(nodeA, 'rp', codeOf(answer))));
      const statuses = await Promise.all(redeemed.map(({ access_token }) => userinfoStatus(nodeB, access_token)));
      expect(statuses).toEqual([200, 200]);
      expect(await knex('oidc_grants').where({ account_id: lastAccount, client_id: 'rp' }).count()).toEqual([
        { count: '1' },
      ]);
    }
  });

  it('a grant that is gone is settled anew', async () => {
    const browser = aBrowser();
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    await adapter('Grant').destroy((await authorizations(browser)).rp!.grantId!);
    const { access_token } = await tokens(browser);
    expect(await userinfoStatus(nodeB, access_token)).toBe(200);
  });

  it('a request writes the entry of its own client only, and can take it out', async () => {
    const browser = aBrowser();
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    await browser.authorize(authorizationUrl(nodeA, 'rp1'));
    const before = await authorizations(browser);
    expect(Object.keys(before).sort()).toEqual(['rp', 'rp1']);

    // While rp2 is served, rp gets a new grant: what rp2's request had loaded of rp must not come back.
    const held = holdAt(nodeA, 'AuthorizationCode.upsert');
    const answer = browser.copy().send(authorizationUrl(nodeA, 'rp2'));
    await held.reached;
    await adapter('Grant').destroy(before.rp!.grantId!);
    const code = codeOf(await browser.send(authorizationUrl(nodeB, 'rp')));
    held.release();
    expect((await answer).location?.searchParams.has('code')).toBe(true);
    const { access_token } = await redeem(nodeB, 'rp', code);
    expect(await userinfoStatus(nodeB, access_token)).toBe(200);

    const page = await browser.send(new URL('/session/end?client_id=rp', nodeA.origin));
    const xsrf = page.text.match(/name="xsrf" value="([^"]+)"/)![1]!;
    await browser.send(new URL('/session/end/confirm', nodeA.origin), { xsrf });
    expect(Object.keys(await authorizations(browser)).sort()).toEqual(['rp1', 'rp2']);
  });

  it('an id that was replaced works for 30 seconds, for the same account only', async () => {
    const session = adapter('Session');
    const [uid, account] = [aToken(), randomUUID()];
    const [anonymous, first, second] = [aToken(), aToken(), aToken()];
    await session.upsert(anonymous, aSession(uid), 600);
    await session.upsert(first, aSession(uid, { accountId: account, loginTs: 100 }), 600);
    expect(await session.find(anonymous)).toBeUndefined();

    await session.upsert(second, aSession(uid, { accountId: account, loginTs: 101 }), 600);
    expect(await session.find(first)).toMatchObject({ uid, jti: first });
    expect(await session.find(second)).toMatchObject({ uid, jti: second });
    await knex.raw("update oidc_sessions set prev_until = prev_until - interval '31 seconds' where uid = ?", [uid]);
    expect(await session.find(first)).toBeUndefined();
    expect(await session.find(second)).toBeDefined();

    await session.upsert(aToken(), aSession(uid, { accountId: randomUUID(), loginTs: 102 }), 600);
    expect(await session.find(second)).toBeUndefined();
  });

  it('half of a rotation does not end the session', async () => {
    const browser = aBrowser();
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    const before = browser.sessionId;
    await browser.authorize(authorizationUrl(nodeA, 'rp', { prompt: 'login' }));
    expect(browser.sessionId).not.toBe(before);
    expect((await browser.send(authorizationUrl(nodeB, 'rp'))).location?.searchParams.has('code')).toBe(true);
  });

  it('a request from before a step-up gives back neither the old id nor the old sign-in', async () => {
    const browser = aBrowser({ 'signed-in-at': String(Math.floor(Date.now() / 1000) - 60) });
    await browser.authorize(authorizationUrl(nodeA, 'third-party'));
    const slow = browser.copy();
    const held = holdAt(nodeA, 'AuthorizationCode.upsert');
    const late = slow.send(authorizationUrl(nodeA, 'rp1'));
    await held.reached;
    delete browser.headers['signed-in-at'];
    await browser.authorize(authorizationUrl(nodeB, 'rp', { prompt: 'login' }));
    const raised = await sessionRow(browser);
    held.release();

    const answer = await late;
    expect(answer.setCookies.filter((cookie) => cookie.startsWith('_session'))).toEqual([]);
    const row = await sessionRow(browser);
    expect(row.payload).toMatchObject({ loginTs: raised.payload.loginTs });
    expect(Object.keys(row.payload.authorizations!).sort()).toEqual(['rp', 'rp1', 'third-party']);
    const { access_token } = await redeem(nodeB, 'rp1', codeOf(answer));
    expect(await userinfoStatus(nodeB, access_token)).toBe(200);
    // The old id is on its way out and cannot be made the session's id again.
    await slow.send(authorizationUrl(nodeB, 'rp2'));
    await knex.raw("update oidc_sessions set prev_until = prev_until - interval '31 seconds'");
    expect((await browser.send(authorizationUrl(nodeB, 'rp2'))).location?.searchParams.has('code')).toBe(true);
    expect(
      (await slow.send(authorizationUrl(nodeB, 'rp2', { prompt: 'none' }))).location?.searchParams.get('error'),
    ).toBe('login_required');
  });

  it('two sign-in pages of one browser resumed at once leave one good id, whichever answer comes last', async () => {
    for (const last of [0, 1]) {
      const browser = aBrowser({ 'signed-in-at': String(Math.floor(Date.now() / 1000)) });
      await browser.authorize(authorizationUrl(nodeA, 'rp'));
      const tabs = [browser.copy(), browser.copy()];
      const resumes: URL[] = [];
      for (const [index, tab] of tabs.entries()) {
        const page = (await tab.send(authorizationUrl(nodeA, `rp${index + 1}`, { prompt: 'login' }))).location!;
        resumes.push((await tab.send(page, {})).location!);
      }
      const answers = await Promise.all(tabs.map((tab, index) => tab.send(resumes[index]!)));
      for (const index of [1 - last, last]) {
        for (const cookie of answers[index]!.setCookies) browser.keep(cookie);
      }
      await knex.raw("update oidc_sessions set prev_until = prev_until - interval '31 seconds'");
      expect(codeOf(await browser.send(authorizationUrl(nodeB, 'rp', { prompt: 'none' })))).toBeTruthy();
      for (const [index, answer] of answers.entries()) {
        const { access_token } = await redeem(nodeB, `rp${index + 1}`, codeOf(answer));
        expect(await userinfoStatus(nodeA, access_token)).toBe(200);
      }
    }
  });

  it('an anonymous request under way does not sign anybody out', async () => {
    const session = adapter('Session');
    const [uid, accountId] = [aToken(), randomUUID()];
    const [anonymous, signedIn] = [aToken(), aToken()];
    await session.upsert(anonymous, aSession(uid), 600);
    await session.upsert(signedIn, aSession(uid, { accountId, loginTs: 100 }), 600);
    await session.upsert(anonymous, aSession(uid), 600);
    expect(await session.find(anonymous)).toBeUndefined();
    expect(await session.find(signedIn)).toMatchObject({ accountId });
  });

  it('an ended session cannot be written back: no page, no cookie, no code', async () => {
    for (const call of ['Grant.find', 'Session.upsert']) {
      const browser = aBrowser();
      await browser.authorize(authorizationUrl(nodeA, 'rp'));
      const held = holdAt(nodeA, call);
      const answer = browser.copy().send(authorizationUrl(nodeA, 'rp'));
      await held.reached;
      const { uid } = await sessionRow(browser);
      await inWork((work) => endSession(work, uid));
      held.release();
      const { status, location, setCookies, text } = await answer;
      expect({ call, status, location, text }).toMatchObject({ call, status: 400, location: undefined });
      expect(text).toContain('the s');
      expect(text).not.toContain('code');
      expect(setCookies.filter((cookie) => cookie.startsWith('_session'))).toEqual([]);
      expect(
        (await browser.send(authorizationUrl(nodeB, 'rp', { prompt: 'none' }))).location?.searchParams.get('error'),
      ).toBe('login_required');
    }
  });

  it('a sign-out with the id before last ends the session too', async () => {
    const session = adapter('Session');
    const [uid, first, second] = [aToken(), aToken(), aToken()];
    await session.upsert(first, aSession(uid, { accountId: randomUUID(), loginTs: 1 }), 600);
    const payload = (await session.find(first)) as AdapterPayload;
    await session.upsert(second, { ...payload, loginTs: 2 }, 600);
    await session.destroy(first);
    expect(await session.find(second)).toBeUndefined();
    expect(await session.findByUid(uid)).toBeUndefined();
    await expect(session.upsert(second, payload, 600)).rejects.toThrow(errors.SessionNotFound);
  });

  it('signing out in the browser ends the session and its tokens', async () => {
    const browser = aBrowser();
    const { access_token } = await tokens(browser);
    const twin = browser.copy();
    const page = await browser.send(new URL('/session/end', nodeA.origin));
    const xsrf = page.text.match(/name="xsrf" value="([^"]+)"/)![1]!;
    await browser.send(new URL('/session/end/confirm', nodeB.origin), { xsrf, logout: 'yes' });
    expect(await userinfoStatus(nodeA, access_token)).toBe(401);
    expect(
      (await twin.send(authorizationUrl(nodeA, 'rp', { prompt: 'none' }))).location?.searchParams.get('error'),
    ).toBe('login_required');
  });

  it('the absolute limit of a sign-in clamps the session, and a new sign-in sets it anew', async () => {
    const limit = Math.floor(Date.now() / 1000) + 120;
    const browser = aBrowser({ 'not-after': String(limit), 'signed-in-at': String(limit - 130) });
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    await browser.send(authorizationUrl(nodeB, 'rp1')); // a save without a sign-in leaves the limit
    const row = await sessionRow(browser);
    expect(Math.floor(row.not_after!.getTime() / 1000)).toBe(limit);
    expect(row.expires_at).toEqual(row.not_after);
    expect(await adapter('Session').findByUid(row.uid)).toMatchObject({ exp: limit });

    await knex.raw("update oidc_sessions set not_after = now() - interval '1 second' where uid = ?", [row.uid]);
    expect(await adapter('Session').findByUid(row.uid)).toBeUndefined();
    await knex.raw("update oidc_sessions set not_after = now() + interval '1 minute' where uid = ?", [row.uid]);

    delete browser.headers['not-after'];
    delete browser.headers['signed-in-at'];
    await browser.authorize(authorizationUrl(nodeA, 'rp', { prompt: 'login' }));
    expect((await sessionRow(browser)).not_after).toBeNull();
  });
});

describe('endings', () => {
  it('ending a session ends what it got, and spares the other sessions of the user', async () => {
    const account = randomUUID();
    const [here, there] = [aBrowser({}, account), aBrowser({}, account)];
    const [ours, theirs] = [await tokens(here), await tokens(there)];
    const { uid } = await sessionRow(here);
    const ended = await inWork((work) => endSession(work, uid));
    expect(ended).toEqual({ uid, accountId: account, clients: [{ clientId: 'rp', sid: expect.any(String) }] });
    expect(await inWork((work) => endSession(work, uid))).toBeUndefined();

    expect(await userinfoStatus(nodeA, ours.access_token)).toBe(401);
    expect(await refresh(nodeA, 'rp', ours.refresh_token)).toMatchObject({ error: 'invalid_grant' });
    expect(await userinfoStatus(nodeA, theirs.access_token)).toBe(200);
    expect(await refresh(nodeA, 'rp', theirs.refresh_token)).toMatchObject({ status: 200 });
  });

  it('a grant that two sessions share outlives the first of them', async () => {
    const [accountId, grantId] = [randomUUID(), await aGrant()];
    const [first, second] = [aToken(), aToken()];
    for (const uid of [first, second]) {
      await adapter('RefreshToken').upsert(uid, { kind: 'RefreshToken', grantId, sessionUid: uid }, 60);
      await adapter('Session').upsert(
        aToken(),
        aSession(uid, { accountId, loginTs: 1, authorizations: { rp: { grantId } } }),
        60,
      );
    }
    await inWork((work) => endSession(work, first));
    expect(await adapter('Grant').find(grantId)).toBeDefined();
    expect(await adapter('RefreshToken').find(first)).toBeUndefined();
    expect(await adapter('RefreshToken').find(second)).toBeDefined();
    await inWork((work) => endSession(work, second));
    expect(await adapter('Grant').find(grantId)).toBeUndefined();
  });

  it('ending an account ends sessions, tokens, grants, codes and sign-ins under way', async () => {
    const account = randomUUID();
    const browser = aBrowser({}, account);
    const first = await tokens(browser);
    const code = await aCode(browser);
    // Completed, but not resumed yet.
    const stranger = aBrowser({}, account);
    const page = (await stranger.send(authorizationUrl(nodeA, 'rp'))).location!;
    const resume = (await stranger.send(page, {})).location!;

    const ended = await inWork((work) => endAccount(work, account));
    expect(ended).toHaveLength(1);
    for (const table of ['oidc_artifacts', 'oidc_grants']) {
      expect(await knex(table).where({ account_id: account }).count()).toEqual([{ count: '0' }]);
    }
    expect(await userinfoStatus(nodeB, first.access_token)).toBe(401);
    expect(await redeem(nodeB, 'rp', code)).toMatchObject({ error: 'invalid_grant' });
    expect((await stranger.send(resume)).status).toBe(400);
    expect(
      (await browser.send(authorizationUrl(nodeB, 'rp', { prompt: 'none' }))).location?.searchParams.get('error'),
    ).toBe('login_required');
  });

  it('a sign-in page that was open when the account ended cannot complete', async () => {
    const interaction = adapter('Interaction');
    const [id, accountId] = [aToken(), randomUUID()];
    const started: AdapterPayload = { kind: 'Interaction', params: {}, session: { accountId } };
    await interaction.upsert(id, started, 60);
    await inWork((work) => endAccount(work, accountId));
    const completed = { ...started, result: { login: { accountId } } };
    await expect(interaction.upsert(id, completed, 60)).rejects.toThrow(errors.SessionNotFound);
  });

  it('a device is not approved by a session that ended while its page was open', async () => {
    const { device_code, user_code } = await startDevice();
    const browser = aBrowser();
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    const page = await approvalPage(browser, user_code);
    const held = holdAt(nodeA, 'Session.upsert');
    let approvals = 0;
    const hold = nodeA.hold!;
    // The first save of the device code marks it as being decided; the second is the approval.
    nodeA.hold = async (call) => {
      if (call === 'DeviceCode.upsert') approvals += 1;
      if (call === 'DeviceCode.upsert' && approvals === 2) await hold('Session.upsert');
    };
    const answer = browser.send(new URL('/device', nodeA.origin), page);
    await held.reached;
    const { uid } = await sessionRow(browser);
    await inWork((work) => endSession(work, uid));
    held.release();
    expect((await answer).status).toBe(400);
    nodeA.hold = undefined;
    const poll = await asClient(nodeA, '/token', 'tv', { grant_type: deviceGrant, device_code });
    expect(poll.status).toBe(400);
    expect(await knex('oidc_artifacts').where({ model: 'AccessToken', session_uid: uid }).count()).toEqual([
      { count: '0' },
    ]);
  });
});

describe('what the database learns', () => {
  it('no code, cookie value, token or user code is anywhere in it', async () => {
    const browser = aBrowser();
    const ids: Record<string, string> = {};
    const started = await browser.send(authorizationUrl(nodeA, 'third-party'));
    ids.interaction = started.location!.pathname.split('/').pop()!;
    const answer = await browser.authorize(authorizationUrl(nodeA, 'rp', { prompt: 'login' }));
    ids.code = codeOf(answer);
    const first = await redeem(nodeA, 'rp', ids.code);
    const second = await refresh(nodeA, 'rp', first.refresh_token);
    Object.assign(ids, { access: first.access_token, refresh: first.refresh_token, next: second.refresh_token });
    ids.previousSession = browser.sessionId;
    await browser.authorize(authorizationUrl(nodeA, 'third-party', { prompt: 'login' }));
    ids.session = browser.sessionId;
    const service = await asClient(nodeA, '/token', 'service', { grant_type: 'client_credentials' });
    ids.clientCredentials = service.access_token;

    // A pushed request and a device code in the middle of their interaction, which refers to them.
    const { request_uri } = await push(nodeA);
    ids.pushed = request_uri.split(':').pop()!;
    const pushedUrl = new URL(`/auth?${new URLSearchParams({ client_id: 'rp', request_uri })}`, nodeA.origin);
    await aBrowser().send(pushedUrl);
    const { device_code, user_code } = await startDevice();
    Object.assign(ids, { deviceCode: device_code, userCode: user_code.replaceAll('-', '') });
    const visitor = aBrowser();
    await visitor.send(new URL('/device', nodeA.origin), await approvalPage(visitor, user_code));
    const interactions = await knex('oidc_artifacts')
      .where('model', 'Interaction')
      .whereRaw("payload ? 'sealed'".replace('?', '\\?'));
    expect(interactions.length).toBeGreaterThanOrEqual(2);

    const dump = await everythingAsText();
    const seen = Object.entries(ids).filter(([, id]) =>
      [id, Buffer.from(id).toString('hex'), Buffer.from(id).toString('base64')].some((form) => dump.includes(form)),
    );
    expect(Object.values(ids).every((id) => id.length >= 8)).toBe(true);
    expect(seen).toEqual([]);
    expect(dump.includes(browser.headers.account!)).toBe(true); // the search does find what is there
  });

  it('a user code leads to its device code, id included, and to nothing for a reader of the row', async () => {
    const [device, id] = [adapter('DeviceCode'), aToken()];
    const payload = { jti: id, kind: 'DeviceCode', userCode: 'BCDFGHJK', clientId: 'tv', params: { scope: 'openid' } };
    await device.upsert(id, payload, 60);
    expect(await device.findByUserCode('BCDFGHJK')).toEqual(payload);
    expect(await device.find(id)).toEqual(payload);
    await device.upsert(id, { ...payload, sessionUid: 'a-session', accountId: lastAccount }, 60);
    expect(await knex('oidc_artifacts').where({ session_uid: 'a-session' }).count()).toEqual([{ count: '1' }]);
  });

  it('an interaction comes back whole, without the session cookie', async () => {
    const [interaction, id] = [adapter('Interaction'), aToken()];
    const payload = {
      jti: id,
      kind: 'Interaction',
      returnTo: `https://op.example/auth/${id}`,
      parJti: 'par',
      deviceCode: 'device',
      params: { client_id: 'rp', state: '{id}' },
      session: { accountId: randomUUID(), uid: 'uid', cookie: 'secret' },
    };
    await interaction.upsert(id, payload, 60);
    const { cookie: _, ...session } = payload.session;
    expect(await interaction.find(id)).toEqual({ ...payload, session });
  });

  it('NUL in a parameter is a protocol error at every door, never a fault', async () => {
    const faults: unknown[] = [];
    const count = (_ctx: unknown, error: unknown) => void faults.push(error);
    nodeA.provider.on('server_error', count);
    const browser = aBrowser();
    for (const [name, value] of [
      ['state', 'a\0b'],
      ['nonce', '\0'],
      ['login_hint', '\\\0'],
      ['claims', '{"id_token":{"sub":{"value":"\\u0000"}}}'],
      ['claims', '{"id_token":{"sub":{"value":"\\ud800"}}}'],
      ['client_id', 'rp\0'],
    ] as const) {
      const answer = await browser.send(authorizationUrl(nodeA, 'rp', { [name]: value }));
      const error = answer.location?.searchParams.get('error') ?? answer.text;
      if (name === 'claims') continue; // text so far; stored as text
      expect(`${name} ${error}`).toMatch(/invalid_request|invalid_client/);
    }
    await browser.authorize(authorizationUrl(nodeA, 'rp'));
    const parsed = await browser.send(
      authorizationUrl(nodeA, 'rp', { claims: '{"id_token":{"acr":{"value":"\\u0000"}}}' }),
    );
    expect(parsed.status).toBeLessThan(500);
    await asClient(nodeA, '/token', 'rp\0', { grant_type: 'authorization_code', code: '\0' });
    await asClient(nodeA, '/token', 'rp', { grant_type: 'refresh_token', refresh_token: 'a\0' });
    await asClient(nodeA, '/device/auth', 'tv', { scope: 'openid', login_hint: '\0' });
    await asClient(nodeA, '/request', 'rp', authorizationParams('rp', { state: '\0' }));
    nodeA.provider.off('server_error', count);
    expect(faults).toEqual([]);

    // A backslash before a u is no escape.
    const [interaction, id] = [adapter('Interaction'), aToken()];
    await interaction.upsert(id, { kind: 'Interaction', params: { state: '\\u0000' } }, 60);
    expect(await interaction.find(id)).toMatchObject({ params: { state: '\\u0000' } });
  });
});

describe('clients', () => {
  it('are found where they are kept, and not written here', async () => {
    expect(await adapter('Client').find('rp')).toMatchObject({ client_id: 'rp' });
    expect(await adapter('Client').find('nobody')).toBeUndefined();
    await expect(adapter('Client').upsert('rp', {})).rejects.toThrow('does not write');
    await expect(adapter('Client').destroy('rp')).rejects.toThrow('does not destroy');
  });
});

describe('purge', () => {
  it('keeps rows five minutes past their expiry and deletes them in chunks, tombstones with them', async () => {
    await knex.raw(`
      insert into oidc_artifacts (model, id_hash, payload, expires_at)
      select 'AccessToken', sha256(n::text::bytea), '{}', now() - interval '6 minutes' from generate_series(1, 4500) n;
      insert into oidc_artifacts (model, id_hash, payload, expires_at) values ('AccessToken', 'kept', '{}', now() - interval '4 minutes');
      insert into oidc_grants (id, client_id, payload, expires_at) values ('old', 'rp', '{}', now() - interval '6 minutes');
      insert into oidc_sessions (uid, jti_hash, payload, expires_at, ended_at)
      values ('old', 'old', '{}', now() - interval '6 minutes', now()), ('ended', 'ended', '{}', now() + interval '1 minute', now())`);
    const counts = await Promise.all([purgeExpired(db), purgeExpired(other)]);
    expect(counts[0]! + counts[1]!).toBe(4502);
    expect(await purgeExpired(db)).toBe(0);
    expect(
      await knex('oidc_artifacts')
        .where({ id_hash: Buffer.from('kept') })
        .count(),
    ).toEqual([{ count: '1' }]);
    expect(await knex('oidc_sessions').where({ uid: 'ended' }).count()).toEqual([{ count: '1' }]);
  });
});

describe('named statements', () => {
  it('use an index on empty tables, in every statement', async () => {
    await knex.raw('create database empty');
    const empty = knexFactory({ client: 'pg', connection: connection('empty') });
    for (const { up } of Object.values(migrations)) await up(empty);
    await empty.raw('analyze');
    await empty.destroy();
    const run = new Set<string>();
    const one = connectNamedStatements(connection('empty'), { max: 1, onQuery: (name) => run.add(name) });
    await useEverything(factory(one), one);

    await one.query('generic', 'set plan_cache_mode = force_generic_plan', []);
    const { rows } = await one.query<{ name: string; parameters: number }>(
      'prepared',
      'select name, cardinality(parameter_types) as parameters from pg_prepared_statements',
      [],
    );
    const plans: Record<string, string> = {};
    for (const { name, parameters } of rows.filter(({ name }) => run.has(name) && /[.]/.test(name))) {
      const nulls = parameters === 0 ? '' : `(${Array(parameters).fill('null').join(', ')})`;
      const plan = await one.query<{ 'QUERY PLAN': string }>(
        `explain ${name}`,
        `explain execute "${name}"${nulls}`,
        [],
      );
      plans[name] = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    }
    expect(Object.keys(plans).sort()).toEqual(everyStatement);
    const scanning = Object.entries(plans).filter(([, plan]) => /Seq Scan on oidc_/.test(plan));
    expect(scanning).toEqual([]);
    await one.close();
  }, 20_000);

  it('outlive the connections they were prepared on', async () => {
    const [token, id] = [adapter('AccessToken'), aToken()];
    await token.upsert(id, { kind: 'AccessToken' }, 60);
    await knex.raw(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'latchkey-protocol'",
    );
    await expect.poll(() => token.find(id).catch(() => 'not yet'), { timeout: 5_000 }).toMatchObject({ jti: id });
  });

  it('carry the options of a connection string as well', async () => {
    const address = `postgres://${server.user}@localhost:5432/postgres?host=${encodeURIComponent(server.host)}&options=-c%20work_mem%3D3MB`;
    const pool = connectNamedStatements({ connectionString: address }, { max: 1 });
    const { rows } = await pool.query(
      'settings',
      `select current_setting('enable_seqscan') as seqscan, current_setting('work_mem') as work_mem,
         current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`,
      [],
    );
    expect(rows).toEqual([{ seqscan: 'off', work_mem: '3MB', statement: '3s', lock: '1s' }]);
    await pool.close();
  });
});

describe('calls per flow', () => {
  it('are as many as the reference says, or fewer', async () => {
    const seen: { flow: string; calls: number; reference: string; trips: number }[] = [];
    const counting = async <T>(flow: string, reference: string, body: () => Promise<T>): Promise<T> => {
      nodeA.calls.length = 0;
      statements.length = 0;
      const result = await body();
      seen.push({ flow, calls: nodeA.calls.length, reference, trips: statements.length });
      return result;
    };
    const browser = aBrowser();
    const code = await counting('first sign-in, first party, without /token', '11', () => aCode(browser));
    const first = await counting('/token code, refresh token, session-bound', '7', () => redeem(nodeA, 'rp', code));
    const second = await counting('refresh, rotating, session-bound', '7', () =>
      refresh(nodeA, 'rp', first.refresh_token),
    );
    await counting('userinfo, session-bound', '4', () => userinfoStatus(nodeA, second.access_token));
    await counting('session exists', '5', () => browser.send(authorizationUrl(nodeA, 'rp')));
    await counting('second relying party with consent', '20', () =>
      browser.authorize(authorizationUrl(nodeA, 'third-party')),
    );
    await counting('introspection without hint, session-bound', '6', () =>
      asClient(nodeA, '/token/introspection', 'rp', { token: second.access_token }),
    );
    await counting('client credentials', '2', () =>
      asClient(nodeA, '/token', 'service', { grant_type: 'client_credentials' }),
    );
    const { request_uri } = await counting('pushed request', '2', () => push(nodeA));
    const pushed = new URL(`/auth?${new URLSearchParams({ client_id: 'rp', request_uri })}`, nodeA.origin);
    await counting('authorization with it', '7', () => browser.send(pushed));
    const third = codeOf(await browser.send(authorizationUrl(nodeA, 'rp')));
    const proof = aDpopProof(aKey(), 'POST', new URL('/token', nodeA.origin).href);
    await counting('/token code with a DPoP proof', '9', () => redeem(nodeA, 'rp', third, { dpop: proof }));
    const { device_code, user_code } = await counting('device: start', '2-3', () => startDevice());
    const poll = () => asClient(nodeA, '/token', 'tv', { grant_type: deviceGrant, device_code });
    await counting('device: poll, pending', '2', poll);
    await counting('device: page, code, confirm', '13', () => approve(browser, user_code));
    await counting('device: poll, approved', '6', poll);
    const leaver = aBrowser();
    await aCode(leaver);
    const page = await counting('end session, page', '3', () => leaver.send(new URL('/session/end', nodeA.origin)));
    const xsrf = page.text.match(/name="xsrf" value="([^"]+)"/)![1]!;
    await counting('end session, confirmed', '8', () =>
      leaver.send(new URL('/session/end/confirm', nodeA.origin), { xsrf, logout: 'yes' }),
    );
    console.table(seen);
    expect(seen.map(({ flow, calls, trips }) => `${flow}: ${calls} calls, ${trips} trips`)).toEqual([
      'first sign-in, first party, without /token: 11 calls, 9 trips',
      '/token code, refresh token, session-bound: 7 calls, 6 trips',
      'refresh, rotating, session-bound: 7 calls, 6 trips',
      'userinfo, session-bound: 4 calls, 3 trips',
      'session exists: 5 calls, 4 trips',
      'second relying party with consent: 20 calls, 17 trips',
      'introspection without hint, session-bound: 6 calls, 5 trips',
      'client credentials: 2 calls, 1 trips',
      'pushed request: 2 calls, 1 trips',
      'authorization with it: 7 calls, 6 trips',
      '/token code with a DPoP proof: 9 calls, 7 trips',
      'device: start: 3 calls, 1 trips',
      'device: poll, pending: 2 calls, 1 trips',
      'device: page, code, confirm: 13 calls, 12 trips',
      'device: poll, approved: 6 calls, 5 trips',
      'end session, page: 2 calls, 2 trips',
      'end session, confirmed: 7 calls, 4 trips',
    ]);
  });
});

/** Every named statement of the adapter; a new one is to be planned on an empty table, too. */
const everyStatement = [
  'artifact.complete',
  'artifact.consume',
  'artifact.destroy',
  'artifact.find',
  'artifact.find-by-user-code',
  'artifact.revoke',
  'artifact.upsert',
  'artifact.upsert-in-session',
  'artifact.used-before',
  'grant.destroy',
  'grant.find',
  'grant.upsert',
  'purge.oidc_artifacts',
  'purge.oidc_grants',
  'purge.oidc_sessions',
  'replay.claim',
  'session.end',
  'session.find',
  'session.find-by-uid',
  'session.settle-grant',
  'session.upsert',
  'session.upsert-late',
];

async function useEverything(models: (model: string) => Adapter, pool: NamedStatements): Promise<void> {
  const id = aToken();
  const payload: AdapterPayload = { kind: 'X', uid: id, clientId: 'rp', accountId: randomUUID(), loginTs: 2 };
  for (const model of [
    'Session',
    'Grant',
    'Interaction',
    'AuthorizationCode',
    'RefreshToken',
    'DeviceCode',
    'ReplayDetection',
  ]) {
    const rows = models(model);
    await rows.upsert(id, { ...payload, ...(model === 'Grant' ? {} : { grantId: id }) }, 60);
    await rows.find(id);
  }
  await models('Session').upsert(id, { ...payload, loginTs: 1 }, 60);
  await models('Interaction').upsert(id, { ...payload, result: {} }, 60);
  await models('Session').findByUid(id);
  await settleGrant(pool, { sessionUid: id, clientId: 'rp', grantId: id, sid: id });
  await models('DeviceCode').findByUserCode('X');
  await models('AuthorizationCode').consume(id);
  await models('AuthorizationCode')
    .consume(id)
    .catch(() => {});
  await models('AccessToken').revokeByGrantId(id);
  await models('AccessToken').destroy(id);
  await models('Session').destroy(id);
  await purgeExpired(pool);
}

let lastAccount = '';
function aBrowser(headers: Record<string, string> = {}, account = randomUUID()): Browser {
  lastAccount = account;
  return new Browser(account, headers);
}

const aToken = (): string => randomBytes(32).toString('base64url');
const adapter = (model: string): Adapter => factory(db)(model);
const aSession = (uid: string, more: AdapterPayload = {}): AdapterPayload => ({
  kind: 'Session',
  uid,
  exp: 9e9,
  ...more,
});

async function aGrant(): Promise<string> {
  const id = aToken();
  await adapter('Grant').upsert(id, { kind: 'Grant', clientId: 'rp' }, 600);
  return id;
}

async function aCode(browser: Browser): Promise<string> {
  return codeOf(await browser.authorize(authorizationUrl(nodeA, 'rp')));
}

async function tokens(browser: Browser): Promise<TokenAnswer> {
  return redeem(nodeA, 'rp', await aCode(browser));
}

function codeOf({ location, text }: { location: URL | undefined; text: string }): string {
  const code = location?.searchParams.get('code');
  if (!code) throw new Error(`There is no code in ${location} ${text}.`);
  return code;
}

function fourTimes<T>(body: (node: Node) => Promise<T>): Promise<T[]> {
  return Promise.all([nodeA, nodeB, nodeA, nodeB].map(body));
}

function outcomes(answers: readonly { status: number; error?: string }[]): string[] {
  return answers.map(({ status, error }) => error ?? String(status)).sort();
}

/** As if every use so far had been that many seconds later. */
async function shiftConsumption(seconds: number): Promise<void> {
  await knex.raw('update oidc_artifacts set consumed_at = consumed_at + make_interval(secs => ?)', [seconds]);
}

interface Pushed {
  readonly request_uri: string;
}

function push(node: Node): Promise<Pushed> {
  return asClient<Pushed>(node, '/request', 'rp', authorizationParams('rp'));
}

interface DeviceStart {
  readonly device_code: string;
  readonly user_code: string;
}

function startDevice(): Promise<DeviceStart> {
  return asClient<DeviceStart>(nodeA, '/device/auth', 'tv', { scope: 'openid' });
}

/** The form that confirms a user code. */
async function approvalPage(browser: Browser, userCode: string): Promise<Record<string, string>> {
  const page = await browser.send(new URL('/device', nodeA.origin));
  const xsrf = page.text.match(/name="xsrf" value="([^"]+)"/)![1]!;
  await browser.send(new URL('/device', nodeA.origin), { xsrf, user_code: userCode });
  return { xsrf, user_code: userCode, confirm: 'yes' };
}

async function approve(browser: Browser, userCode: string): Promise<void> {
  let answer = await browser.send(new URL('/device', nodeA.origin), await approvalPage(browser, userCode));
  while (answer.location) {
    const at = answer.location;
    answer = await browser.send(at);
    if (at.pathname.startsWith('/sign-in/')) answer = await browser.send(at, {}, { prompt: answer.text });
  }
  expect(answer.text).toBe('approved');
}

/** Stops the first call of that name until released. */
function holdAt(node: Node, call: string): { reached: Promise<void>; release(): void } {
  let release = (): void => {};
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  let first = true;
  node.hold = async (called) => {
    if (called !== call || !first) return;
    first = false;
    reach();
    await released;
  };
  return { reached, release: () => release() };
}

interface SessionRow {
  readonly uid: string;
  readonly payload: AdapterPayload;
  readonly expires_at: Date;
  readonly not_after: Date | null;
}

async function sessionRow(browser: Browser): Promise<SessionRow> {
  return knex('oidc_sessions')
    .where({ jti_hash: digest(browser.sessionId) })
    .first();
}

async function authorizations(browser: Browser): Promise<NonNullable<AdapterPayload['authorizations']>> {
  return (await sessionRow(browser)).payload.authorizations!;
}

function inWork<T>(body: (work: Work) => Promise<T>): Promise<T> {
  return knex.transaction((tx) => body({ tx, now: new Date(), secrets } as unknown as Work));
}

async function everythingAsText(): Promise<string> {
  const { rows: tables } = await knex.raw("select tablename from pg_tables where schemaname = 'public'");
  const texts = await Promise.all(
    tables.map(async ({ tablename }: { tablename: string }) => {
      const { rows } = await knex.raw(`select coalesce(string_agg(t::text, E'\\n'), '') as text from ?? t`, [
        tablename,
      ]);
      return rows[0].text as string;
    }),
  );
  return texts.join('\n');
}
