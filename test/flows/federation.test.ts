import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeDomain } from '../../src/methods/upstream/manage-domains.ts';
import { changeProvider } from '../../src/methods/upstream/manage-providers.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { anOrganisation, federate, identify, type Organisation } from '../support/federation.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { eventsOf, lastRefusal } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { type MockUpstream, startOidcUpstream } from '../support/upstream.ts';

/** People of another organisation sign in where they have their account, and come back. */

let house: TestHouse;
let app: RelyingParty;
const mocks: MockUpstream[] = [];

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
  for (const mock of mocks) await mock.close();
});

async function contoso(settings?: Parameters<typeof anOrganisation>[1]) {
  const organisation = await anOrganisation(house, settings);
  mocks.push(organisation.mock);
  return organisation;
}

const aBrowser = (more: readonly string[] = []) => newBrowser({ stopAt: [app.redirectUri, ...more] });

async function atApp(extra: Record<string, string> = {}, browser = aBrowser()): Promise<CookieBrowser> {
  await browser.visit(await app.authorizationUrl(extra));
  return browser;
}

/** From the app through the first page to the second. */
async function named(userName: string, extra?: Record<string, string>): Promise<CookieBrowser> {
  const browser = await atApp(extra);
  await identify(browser, userName);
  return browser;
}

const signedIn = (browser: CookieBrowser): Promise<SignedIn> => app.exchange(browser.page.callback);
const count = async (table: string) => Number((await house.base.knex(table).count('* as count'))[0]!.count);

describe('somebody of a federated domain', () => {
  test('sees where they are sent, goes there, and comes back to the app', async () => {
    const { mock, member, id } = await contoso();
    const { userName, sub, id: userId } = await member();
    mock.claims = { sub };
    const browser = await named(userName);
    expect(browser.page.find('h1')!.text).toMatch(/^Sign in at Contoso \d+$/);
    expect(browser.page.find('button#use-upstream')!.text).toMatch(/^Continue to Contoso \d+$/);
    expect(browser.page.findAll('.other-ways button').map(({ attributes }) => attributes.id)).toEqual([
      'use-passkey',
      'use-pass',
      'use-recovery-code',
    ]);
    await browser.click('use-upstream');
    if (!browser.page.isCallback) console.log(JSON.stringify((await eventsOf(house)).at(-1)));
    const { claims } = await signedIn(browser);
    expect(claims).toMatchObject({
      sub: userId,
      acr: `${house.issuer}/acr/1f`,
      amr: [`${house.issuer}/amr/federated`],
    });
    const left = browser.history.find(({ url }) => url.startsWith(`${mock.issuer}/authorize`))!;
    const asked = new URL(left.url).searchParams;
    expect(asked.get('login_hint')).toBe(userName);
    expect(asked.get('redirect_uri')).toBe(`${house.issuer}/federation/${id}/callback`);
    expect(asked.has('max_age')).toBe(false);
    const events = await eventsOf(house, { userId, type: 'sign-in.verified' });
    expect(events[0]!.details).toMatchObject({ method: 'upstream', level: '1f' });
    const row = await house.base.knex('federated_identities').where('user_id', '=', userId).first();
    expect(row.last_used_at).not.toBeNull();
    expect(await house.base.knex('upstream_ceremonies').where('provider_id', '=', id)).toEqual([]);
  });
});
