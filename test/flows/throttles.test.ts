import { afterAll, beforeAll, expect, test } from 'vitest';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { messages } from '../../views/messages.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** What `LATCHKEY_THROTTLES` says reaches what it is about, and what people and programs see of it. */

let house: TestHouse;
let app: RelyingParty;
const joiner = 'joiner@example.com';
const scope = 'UserAuthenticationMethod.ReadWrite.All';

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({
    LATCHKEY_THROTTLES: JSON.stringify({
      mostInARow: 2,
      organisation: { most: 3, mostWithShortPasses: 3 },
      issuing: { most: 1 },
    }),
  });
  await house.seed({
    users: [{ userPrincipalName: joiner }],
    policies: { temporaryAccessPass: { defaultLength: 12 } },
    clients: [
      {
        client_id: 'app',
        client_secret: 'app-secret',
        redirect_uris: [app.redirectUri],
        delegated_permissions: [scope],
      },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

test('a lock, a ceiling of the organisation and a quota of passes as they were set', async () => {
  const authenticator = newAuthenticator();
  const administrator = 'issuer@example.com';
  const { id } = await house.user(administrator);
  const joining = newBrowser({ stopAt: app.redirectUri });
  await joining.visit(await app.authorizationUrl());
  await joinWithPass(joining, authenticator, administrator, await house.pass(administrator));
  await house.work((work) => grantRole(work, id, 'Authentication Administrator'));
  const code = await house.pass(joiner);

  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  await enterPass(browser, joiner, 'ABCD2345EFGH');
  for (const wrong of ['ABCD2345EFGJ', code]) await browser.submit({ formWith: 'code', fields: { code: wrong } });
  expect(browser.page.step).toBe('verify');

  // Three are judged; the fourth is shed, and passkeys go on.
  const shed = await browser.submit({ formWith: 'code', fields: { code } });
  expect([shed.status, shed.headers['retry-after']]).toEqual([503, '60']);
  expect(shed.text).toContain(messages.problems.overloaded.title);
  const strong = newBrowser({ stopAt: app.redirectUri });
  await strong.visit(await app.authorizationUrl({ scope: `openid ${scope}`, resource: `${house.issuer}/management` }));
  await usePasskey(strong, authenticator);
  const { tokens } = await app.exchange(strong.page.callback);

  const passes = `${house.issuer}/v1.0/users/${joiner}/authentication/temporaryAccessPassMethods`;
  const headers = { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' };
  const found = (await (await fetch(passes, { headers })).json()) as { value: object[] };
  expect(found.value).toMatchObject([{ state: 'locked', isUsable: false, methodUsabilityReason: 'DisabledByPolicy' }]);
  const issue = () => fetch(passes, { method: 'POST', headers, body: '{}' });
  expect((await issue()).status).toBe(201);
  const second = await issue();
  expect([second.status, await second.text()]).toEqual([
    429,
    expect.stringContaining('One person can issue 1 pass an hour.'),
  ]);
  const history = await fetch(passes.replace('temporaryAccessPassMethods', 'passHistory'), { headers });
  expect(((await history.json()) as { value: object[] }).value).toMatchObject([
    { state: 'locked', endReason: 'locked' },
  ]);
});
