import { afterAll, beforeAll, expect, test } from 'vitest';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({
    issuer: () => house.issuer,
    clientId: 'app',
    clientSecret: 'app-secret',
    scope: 'openid profile email',
  });
  house = await startHouse();
  await house.seed({ clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] }] });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

test('a new joiner goes from a pass to a passkey to the app, and the ID token tells the truth', async () => {
  const user = await house.user('joiner@example.com');
  const code = await house.pass('joiner@example.com');
  const browser = newBrowser({ stopAt: app.redirectUri });
  const authenticator = newAuthenticator();
  const before = Math.floor(Date.now() / 1000);

  await browser.visit(await app.authorizationUrl());
  expect(browser.page.step).toBe('identify');
  expect((await enterPass(browser, 'joiner@example.com', code)).step).toBe('enrol');
  expect((await createPasskey(browser, authenticator)).step).toBe('confirm');
  const end = await usePasskey(browser, authenticator);
  const { claims, tokens } = await app.exchange(end.callback);

  expect(claims.sub).toBe(user.id);
  expect(claims.acr).toBe('phr');
  expect(claims.amr).toEqual(['pop', 'user', 'mfa']);
  expect(claims.auth_time).toBeGreaterThanOrEqual(before - 1);
  expect(claims.auth_time).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + 1);
  const info = await app.userinfo(tokens.access_token, claims.sub);
  expect(info).toMatchObject({ preferred_username: 'joiner@example.com' });
});

test('later the same person signs in with the passkey alone', async () => {
  await house.user('later@example.com');
  const code = await house.pass('later@example.com');
  const authenticator = newAuthenticator();
  const first = newBrowser({ stopAt: app.redirectUri });
  await first.visit(await app.authorizationUrl());
  await joinWithPass(first, authenticator, 'later@example.com', code);

  const second = newBrowser({ stopAt: app.redirectUri });
  await second.visit(await app.authorizationUrl());
  const { claims } = await app.exchange((await usePasskey(second, authenticator)).callback);
  expect(claims).toMatchObject({ acr: 'phr' });
});
