import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { linkIdentity } from '../../src/others-identities.ts';
import { atStep, launchChromium, newPerson } from '../support/chromium.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { type Behind, startTwoHouses } from '../support/two-houses.ts';

/** Two houses on one machine, each with a host name of its own: passkeys and cookies are the house's that made them. */

let chromium: Browser;
let houses: Behind;
let app: RelyingParty;
beforeAll(async () => {
  chromium = await launchChromium();
  app = await startRelyingParty({ issuer: () => houses.hub.issuer, clientId: 'app', clientSecret: 'app-secret' });
  houses = await startTwoHouses();
  await houses.hub.seed({
    clients: [
      { client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
    ],
  });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await houses?.close();
});

test('a joiner: a pass and a passkey at the hub, then the organisation’s passkey, then the hub’s', async () => {
  const { hub, organisation } = houses;
  const trusted = await houses.trust({ provider: { assurance: [{ acr: 'phr', level: 'phr' }], ceiling: '2f' } });
  const colleague = await trusted.colleague();
  const { userPrincipalName: userName } = colleague;
  const { id } = await hub.user(userName);
  await hub.work((w) => linkIdentity(w, { user: id, providerId: trusted.id, sub: colleague.id }));

  const person = await newPerson(chromium);
  onTestFinished(() => person.close());
  const { page, context, cdp, authenticatorId, passkeys, complaints } = person;
  // The passkey that autofill offers on a first page is only taken by whoever touches it.
  const touches = (enabled: boolean) =>
    cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: authenticatorId!, enabled });
  const claims = async () => JSON.parse(await page.locator('#claims').innerText()) as { sub: string; acr: string };
  const enterPass = async (code: string) => {
    await page.fill('#code', code);
    await page.click('#continue');
    await atStep(page, 'enrol');
    await touches(true);
    await page.click('#create-passkey');
    await atStep(page, 'confirm');
    await page.click('#use-passkey');
  };
  const arrive = async () => {
    await touches(false);
    await context.clearCookies();
    await page.goto(`${app.origin}/login`);
    await atStep(page, 'identify');
    await page.fill('#username', userName);
    await page.click('#continue');
    await atStep(page, 'verify');
  };

  // Their account in the organisation is in use already.
  await page.goto(`${organisation.issuer}/security-info`);
  await atStep(page, 'identify');
  await page.fill('#username', userName);
  await page.click('#use-pass');
  await enterPass(await organisation.pass(userName));
  await atStep(page, 'security-info');

  await arrive();
  await page.click('#use-pass');
  await enterPass(await hub.pass(userName));
  expect(await claims()).toMatchObject({ sub: id, acr: 'phr' });

  await arrive();
  await page.click('#use-upstream');
  await atStep(page, 'identify');
  expect(new URL(page.url()).origin).toBe(organisation.issuer);
  expect(await page.inputValue('#username')).toBe(userName);
  await page.click('#continue');
  await atStep(page, 'verify');
  await touches(true);
  await page.click('#use-passkey');
  await page.waitForURL((url) => url.origin === app.origin);
  expect(await claims()).toMatchObject({ sub: id, acr: `${hub.issuer}/acr/2f` });
  const hosts = (await context.cookies()).map(({ domain }) => domain);
  expect(new Set(hosts)).toEqual(new Set(['localhost', 'organisation.localhost']));

  await arrive();
  await touches(true);
  await page.click('#use-passkey');
  await page.click('#use-passkey');
  expect(await claims()).toMatchObject({ sub: id, acr: 'phr' });
  expect((await passkeys()).map(({ rpId }) => rpId).sort()).toEqual(['localhost', 'organisation.localhost']);
  expect(complaints).toEqual([]);
});
