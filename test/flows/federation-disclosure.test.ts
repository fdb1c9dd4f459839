import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { anOrganisation, identify } from '../support/federation.ts';
import { asOperator, startHouse, type TestHouse } from '../support/house.ts';
import { joinWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { seen } from '../support/seen.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** T08 for federated domains: where a name leads is said of its domain, and of nobody in it. */

let house: TestHouse;
let app: RelyingParty;
type Organisation = Awaited<ReturnType<typeof anOrganisation>>;
let contoso: Organisation;
let direct: Organisation;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 1_000_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
  contoso = await anOrganisation(house);
  direct = await anOrganisation(house, { domain: { straight: true } });
}, 60_000);
beforeEach(() => house.base.knex('throttle_counters').delete());
afterAll(async () => {
  await app?.close();
  await house?.close();
  await contoso?.mock.close();
  await direct?.mock.close();
});

let named = 0;
/** All of one length, so that pages can be compared. */
function aName({ domain }: Organisation): string {
  named += 1;
  return `user-${String(named).padStart(4, '0')}@${domain}`;
}

async function atApp(organisation: Organisation): Promise<CookieBrowser> {
  const browser = newBrowser({ stopAt: [app.redirectUri, organisation.issuer] });
  await browser.visit(await app.authorizationUrl());
  return browser;
}

async function aMember(organisation: Organisation, everything = false): Promise<string> {
  const userName = aName(organisation);
  const { id } = await house.user(userName);
  await house.work((work) => linkIdentity(work, { user: id, providerId: organisation.id, sub: userName }));
  if (!everything) return userName;
  const browser = await atApp(organisation);
  await joinWithPass(browser, newAuthenticator(), userName, await house.pass(userName));
  await makeRecoveryCodes(house.base.run, asOperator, id);
  await house.pass(userName);
  return userName;
}

const classes: Readonly<Record<string, (organisation: Organisation) => Promise<string>>> = {
  unknown: async (organisation) => aName(organisation),
  'linked, and nothing else': (organisation) => aMember(organisation),
  'linked, with everything': (organisation) => aMember(organisation, true),
  'not linked': async (organisation) => (await house.user(aName(organisation))).userPrincipalName,
  'disabled, with everything': async (organisation) => {
    const userName = await aMember(organisation, true);
    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] });
    return userName;
  },
  'an administrator': async (organisation) => {
    const userName = await aMember(organisation);
    const { id } = await house.base.knex('users').where('user_principal_name', '=', userName).first();
    await house.work((work) => grantRole(work, id, 'Global Reader'));
    return userName;
  },
};

/** The address they are sent to, without what is random in it. */
function departure({ page }: CookieBrowser, userName: string): string {
  const url = new URL(page.callback);
  for (const name of ['state', 'nonce', 'code_challenge']) {
    expect(url.searchParams.get(name)).toMatch(/^[\w-]{43}$/);
    url.searchParams.delete(name);
  }
  return decodeURIComponent(url.href).replaceAll(userName, '{name}');
}

const wrong = 'AAAA-BBBB-CCCC-DDDD';
const namesAndLengths = (browser: CookieBrowser) =>
  browser.history.map(({ method, status, headers }) => ({
    method,
    status,
    cookies: (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0]),
    // Of pages alone: an address holds the name.
    length: status === 200 ? headers['content-length'] : undefined,
  }));

async function look(organisation: Organisation, userName: string): Promise<object> {
  const browser = await atApp(organisation);
  const statements = house.statements.length;
  const pages: object[] = [];
  const keep = () => pages.push(seen(browser.page, userName));
  await identify(browser, userName);
  if (organisation === contoso) keep();
  else pages.push([departure(browser, userName)]);
  const withPass = await atApp(organisation);
  await withPass.click('use-pass', { username: userName });
  pages.push(seen(withPass.page, userName));
  await withPass.submit({ formWith: 'code', fields: { code: wrong } });
  pages.push(seen(withPass.page, userName));
  await withPass.click('use-passkey');
  pages.push(seen(withPass.page, userName));
  await withPass.click('use-recovery-code');
  await withPass.submit({ formWith: 'code', fields: { code: wrong } });
  pages.push(seen(withPass.page, userName));
  await withPass.click('use-upstream');
  // Straight: chosen is gone; else it is the page again, with the way big.
  if (!withPass.page.isCallback) {
    pages.push(seen(withPass.page, userName));
    await withPass.click('use-upstream');
  }
  pages.push([departure(withPass, userName)]);
  return {
    pages,
    trail: [namesAndLengths(browser), namesAndLengths(withPass)],
    statements: house.statements.slice(statements),
  };
}

describe.each([
  ['that has a page', () => contoso],
  ['that goes straight on', () => direct],
])('a domain %s', (_what, organisation) => {
  let unknown: object;
  beforeAll(async () => {
    unknown = await look(organisation(), aName(organisation()));
  });

  test.each(Object.keys(classes))('says the same, and does the same, for a name that is: %s', async (kind) => {
    expect(await look(organisation(), await classes[kind]!(organisation()))).toEqual(unknown);
  });
});
