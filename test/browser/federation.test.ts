import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson, type PersonOptions } from '../support/chromium.ts';
import { anOrganisation, signsInAs } from '../support/federation.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;
let contoso: Awaited<ReturnType<typeof anOrganisation>>;
beforeAll(async () => {
  chromium = await launchChromium();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse();
  await house.seed({
    clients: [
      { client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
    ],
  });
  contoso = await anOrganisation(house);
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await house?.close();
  await contoso?.mock.close();
});

async function aPerson(options: PersonOptions = {}) {
  const person = await newPerson(chromium, options);
  onTestFinished(() => person.close());
  return person;
}

test('a new joiner of another organisation: a pass and a passkey, then over there, then the passkey', async () => {
  const { userName, sub, id } = await contoso.member();
  signsInAs(contoso.mock, { sub });
  const { page, context, cdp, authenticatorId, passkeys, complaints } = await aPerson();
  // The passkey that autofill offers on the first page is only taken by whoever touches it.
  const touches = (enabled: boolean) =>
    cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: authenticatorId!, enabled });
  const claims = async () => JSON.parse(await page.locator('#claims').innerText()) as { sub: string; acr: string };
  const arrive = async () => {
    await touches(false);
    await context.clearCookies();
    await page.goto(`${app.origin}/login`);
    await atStep(page, 'identify');
    await page.fill('#username', userName);
    await page.click('#continue');
    await atStep(page, 'verify');
    expect(await page.locator('h1').innerText()).toMatch(/^Sign in at Contoso/);
    await touches(true);
  };

  await arrive();
  expect(await axe(page)).toEqual([]);
  await page.click('#use-pass');
  await page.fill('#code', await house.pass(userName));
  await page.click('#continue');
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  expect(await claims()).toMatchObject({ sub: id, acr: 'phr' });

  await arrive();
  await page.click('#use-upstream');
  expect(await claims()).toMatchObject({ sub: id, acr: `${house.issuer}/acr/1f` });

  await arrive();
  await page.click('#use-passkey');
  await page.click('#use-passkey');
  expect(await claims()).toMatchObject({ sub: id, acr: 'phr' });
  expect(await passkeys()).toHaveLength(1);
  expect(complaints).toEqual([]);
});

test('on a phone and without script the way there is a plain button', async () => {
  const { userName, sub, id } = await contoso.member();
  signsInAs(contoso.mock, { sub });
  const { page } = await aPerson({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
  await page.goto(`${app.origin}/login`);
  await page.fill('#username', userName);
  await page.click('#continue');
  await atStep(page, 'verify');
  expect(await hasSidewaysScroll(page)).toBe(false);
  await page.click('#use-upstream');
  await page.waitForURL((url) => url.origin === app.origin);
  expect(await page.locator('#claims').innerText()).toContain(id);
});
