import { afterAll, beforeAll, expect, test } from 'vitest';
import { newBrowser } from '../support/cookie-browser.ts';
import { federate, identify } from '../support/federation.ts';
import { clientSecret } from '../support/hostile-upstream.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { eventsOf } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Two of us: one signs its people in for the other. */

let here: TestHouse;
let there: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => here.issuer, clientId: 'app', clientSecret: 'app-secret' });
  here = await startHouse();
  there = await startHouse();
  await here.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
  const redirect_uris = [`${here.issuer}/federation/there/callback`];
  await there.seed({ clients: [{ client_id: 'latchkey', client_secret: clientSecret, redirect_uris }] });
});
afterAll(async () => {
  await app?.close();
  await here?.close();
  await there?.close();
});

test('somebody with a passkey there is made a user here, comes in with it, and is believed as far as is set', async () => {
  const provider = {
    createUsers: true,
    assurance: [{ acr: 'phr', level: 'phr', reports: ['hwk'] }],
    ceiling: 'phr',
    scopes: ['openid', 'profile', 'email'],
  };
  const { name } = await federate(here, there.issuer, { id: 'there', domainName: 'people.example', provider });
  const userName = name();
  await there.user(userName);
  const authenticator = newAuthenticator();
  const browser = newBrowser({ stopAt: [app.redirectUri] });
  await browser.visit(await app.authorizationUrl({}));
  await identify(browser, userName);
  await browser.click('use-upstream');
  expect(new URL(browser.page.url).origin).toBe(there.issuer);
  await joinWithPass(browser, authenticator, userName, await there.pass(userName));
  const { claims } = await app.exchange(browser.page.callback);
  const [user] = await here.base.knex('users').where('user_principal_name', '=', userName);
  expect(claims).toMatchObject({ sub: user.id, acr: 'phr', amr: [`${here.issuer}/amr/federated`, 'hwk'] });
  const types = (await eventsOf(here, { userId: user.id })).map(({ type }) => type);
  expect(types).toEqual(['user.created', 'federated-identity.linked', 'sign-in.verified', 'sign-in.completed']);

  const again = newBrowser({ stopAt: [app.redirectUri] });
  await again.visit(await app.authorizationUrl({}));
  await identify(again, userName);
  await again.click('use-upstream');
  await usePasskey(again, authenticator);
  expect((await app.exchange(again.page.callback)).claims.sub).toBe(user.id);
});
