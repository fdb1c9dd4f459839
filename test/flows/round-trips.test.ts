import { afterAll, beforeAll, expect, test } from 'vitest';

import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

const joiner = 'joiner@example.com';

let house: TestHouse;
let app: RelyingParty;
let authenticator: SoftwareAuthenticator;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse();
  await house.seed({
    users: [{ userPrincipalName: joiner }],
    clients: [
      { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
      {
        client_id: 'hr',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
      },
    ],
  });
  authenticator = newAuthenticator();
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const table: Record<string, { protocol: number; rooms: number; works: number }> = {};

/** What one step costs: statements of both pools, `BEGIN` and `COMMIT` among them, since each is a trip of its own. */
async function counting<T>(step: string, body: () => Promise<T>): Promise<T> {
  const [protocolBefore, roomsBefore] = [house.protocolStatements.length, house.statements.length];
  const result = await body();
  const [protocol, rooms] = [house.protocolStatements.slice(protocolBefore), house.statements.slice(roomsBefore)];
  const works = rooms.filter((sql) => sql.startsWith('BEGIN')).length;
  table[step] = { protocol: protocol.length, rooms: rooms.length, works };
  if (process.env.TEST_TRIPS) console.log(step, protocol, rooms);
  return result;
}

/**
 * The plain figures, without a cache of clients: a sign-in with its token request 23 (by pass, without
 * registration, every statement for itself), code exchange 8, refresh 8, userinfo 5, client credentials 2. Ours is a
 * passkey in five transactions of the rooms, each with BEGIN, the database's clock and COMMIT. A pass that is entered and a
 * passkey that is made ask one trip each for the addresses to tell, here none. A guess takes
 * three for its limits, however many count it: counted in one, given back in one, and one that asks for short passes. The page of the
 * passkey asks three for what may have been lost, and a passkey that a pass adds one for another that the pass added and that was
 * removed. A change that adds a
 * trip changes a number here and says why; `TEST_TRIPS=1` prints the statements.
 */
test('a sign-in and its tokens cost these round trips and no more', async () => {
  const joining = newBrowser({ stopAt: app.redirectUri });
  const code = await house.pass(joiner);
  const join = await app.authorizationUrl();
  await counting('sign-in with a pass, to the page of the passkey', async () => {
    await joining.visit(join);
    await enterPass(joining, joiner, code);
  });
  await counting('the passkey made and used, to the code', async () => {
    await createPasskey(joining, authenticator);
    await usePasskey(joining, authenticator);
  });

  const browser = newBrowser({ stopAt: app.redirectUri });
  const url = await app.authorizationUrl();
  await counting('sign-in with a passkey, to the code', async () => {
    await browser.visit(url);
    await usePasskey(browser, authenticator);
  });
  const { tokens, claims } = await counting('code exchange', () => app.exchange(browser.page.callback));
  await counting('userinfo', () => app.userinfo(tokens.access_token, claims.sub));
  await counting('refresh', () => app.refresh(tokens.refresh_token!));
  const again = await app.authorizationUrl({ prompt: 'none' });
  await counting('once more in the same session', () => browser.visit(again));
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa('hr:secret')}` };
  await counting('client credentials', () => fetch(`${house.issuer}/token`, { method: 'POST', body, headers }));

  const guest = 'guest@example.com';
  await house.seed({
    users: [{ userPrincipalName: guest }],
    policies: { temporaryAccessPass: { purpose: 'signIn' } },
  });
  const brief = newBrowser({ stopAt: app.redirectUri });
  const passing = await house.pass(guest, { purpose: 'signIn' });
  const asGuest = await app.authorizationUrl();
  await counting('sign-in with a pass that signs in, to the code', async () => {
    await brief.visit(asGuest);
    await enterPass(brief, guest, passing);
  });
  const short = await counting('its code exchange', () => app.exchange(brief.page.callback));
  await counting('its userinfo', () => app.userinfo(short.tokens.access_token, short.claims.sub));

  console.table(table);
  expect(table).toEqual({
    'sign-in with a pass, to the page of the passkey': { protocol: 8, rooms: 41, works: 6 },
    'the passkey made and used, to the code': { protocol: 13, rooms: 67, works: 8 },
    'sign-in with a passkey, to the code': { protocol: 15, rooms: 29, works: 5 },
    'code exchange': { protocol: 8, rooms: 0, works: 0 },
    userinfo: { protocol: 5, rooms: 0, works: 0 },
    refresh: { protocol: 8, rooms: 0, works: 0 },
    'once more in the same session': { protocol: 6, rooms: 0, works: 0 },
    'client credentials': { protocol: 2, rooms: 0, works: 0 },
    'sign-in with a pass that signs in, to the code': { protocol: 17, rooms: 44, works: 6 },
    'its code exchange': { protocol: 8, rooms: 0, works: 0 },
    'its userinfo': { protocol: 5, rooms: 0, works: 0 },
  });
});
