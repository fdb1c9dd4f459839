import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newBrowser } from '../support/cookie-browser.ts';
import { federate, identify, type Organisation } from '../support/federation.ts';
import { type Deviation, type HostileUpstream, startHostileUpstream } from '../support/hostile-upstream.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { eventsOf } from '../support/makers.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

/** A provider that lies, at the door where browsers come back: nobody is let in, and nobody is made. */

let house: TestHouse;
let app: RelyingParty;
let upstream: HostileUpstream;
let contoso: Organisation;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
  upstream = await startHostileUpstream();
  contoso = await federate(house, upstream.issuer, { provider: { createUsers: true } });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
  await upstream?.close();
});
beforeEach(() => upstream.bend({}));

let comers = 0;

/** Out and back, with what a right provider would say but for what is bent. */
async function come(deviation: Deviation, change: (back: URLSearchParams) => void = () => {}) {
  comers += 1;
  const userName = `comer-${comers}@${contoso.domain}`;
  const browser = newBrowser({ stopAt: [app.redirectUri, upstream.issuer] });
  await browser.visit(await app.authorizationUrl());
  await identify(browser, userName);
  await browser.click('use-upstream');
  const departure = browser.page.callback.searchParams;
  const nonce = departure.get('nonce')!;
  const sub = `comer-${comers}`;
  const honest = (right: Record<string, unknown>) => ({ ...right, sub, nonce, preferred_username: userName });
  const { claims = (right) => right } = deviation;
  upstream.bend({
    userinfo: (right) => ({ ...right, sub }),
    ...deviation,
    claims: (right) => claims(honest(right)),
  });
  const back = new URLSearchParams({ code: 'code', state: departure.get('state')!, iss: upstream.issuer });
  change(back);
  await browser.visit(`${house.issuer}/federation/${contoso.id}/callback?${back}`);
  return browser;
}

const kept = async () => {
  const tables = ['users', 'federated_identities', 'role_assignments', 'oidc_sessions'];
  const counts: number[] = [];
  for (const table of tables) {
    const { rows } = await house.base.knex.raw(`select count(*)::int as n from ${table}`);
    counts.push(rows[0].n);
  }
  return counts;
};

test('one that is honest makes a user', async () => {
  const [before] = await kept();
  const browser = await come({});
  await app.exchange(browser.page.callback);
  expect((await kept())[0]).toBe(before! + 1);
});

describe('one that lies', () => {
  const stranger = (header: object, claims: object) =>
    upstream.signed(claims as never, header as never).then((token) => `${token.slice(0, -8)}AAAAAAAA`);
  test.each<[string, Deviation, ((back: URLSearchParams) => void)?]>([
    ['with the nonce of another sign-in', { claims: (right) => ({ ...right, nonce: 'of another' }) }],
    ['without a nonce', { claims: ({ nonce: _, ...right }) => right }],
    ['with a signature that is none', { token: stranger }],
    ['with no signature at all', { header: (right) => ({ ...right, alg: 'none' }) }],
    ['for another audience', { claims: (right) => ({ ...right, aud: 'somebody else' }) }],
    ['as another issuer', { claims: (right) => ({ ...right, iss: 'https://login.other.example' }) }],
    ['with a token of yesterday', { claims: (right) => ({ ...right, exp: 1_700_000_000 }) }],
    ['without a sub', { claims: ({ sub: _, ...right }) => right }],
    ['with a sub that is a list', { claims: (right) => ({ ...right, sub: ['comer'] }) }],
    ['with userinfo of somebody else', { claims: ({ email: _, ...right }) => right, userinfo: (right) => right }],
    ['with no ID token', { tokens: ({ id_token: _, ...right }) => right }],
    ['with an error from its token endpoint', { answers: { token: (_, to) => void to.writeHead(500).end('no') } }],
    ['in the response, as another issuer', {}, (back) => back.set('iss', 'https://login.other.example')],
    ['in the response, without its issuer', {}, (back) => back.delete('iss')],
    ['in the response, with two codes', {}, (back) => back.append('code', 'another')],
    ['in the response, with a token', {}, (back) => back.set('id_token', 'x.y.z')],
    ['in the response, with an error of its own', {}, (back) => back.set('error', '<script>')],
  ])('%s is not believed: nothing is made, and the page is the same', async (_what, deviation, change) => {
    const before = await kept();
    const browser = await come(deviation, change);
    expect(browser.page.status).toBe(200);
    expect(browser.page.step).toBe('verify');
    expect(browser.page.find('.error-summary')!.text).toContain('That sign-in did not work.');
    expect(browser.page.find('#use-pass')).not.toBeNull();
    expect(await kept()).toEqual(before);
    const refusal = (await eventsOf(house, { type: 'sign-in.refused' })).at(-1)!;
    expect(refusal).toMatchObject({ reason: 'upstream_refused', details: { method: 'upstream' } });
    expect(refusal.details.upstream).toMatch(/^[a-z_]+$/);
  });

  test('says nothing of itself on our pages, however it is put', async () => {
    const said = 'xyzzy<script>';
    const browser = await come({}, (back) => {
      back.set('error', said);
      back.set('error_description', said);
      back.set('error_uri', said);
    });
    expect(browser.page.html).not.toContain('xyzzy');
    expect(JSON.stringify(await eventsOf(house))).not.toContain('xyzzy');
  });
});
