import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { readQr } from '../support/qr-on-screen.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** From a pass to an authenticator app with a password, with the QR code read off the screen; then back in with both. */

const folder = process.env.SCREENSHOTS;
const password = 'plum lantern over quiet tuba';
let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  chromium = await launchChromium();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse();
  await house.seed({
    clients: [
      { client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
    ],
  });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await house?.close();
});

const looks = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1100, height: 900 }, javaScriptEnabled: true },
  { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 320, height: 700 }, javaScriptEnabled: true },
] as const;

test.each(looks)('a pass, an authenticator app and a password, and in again: $name', async (options) => {
  const { name } = options;
  const user = `${name}@example.com`;
  await house.user(user);
  const { page } = await newPerson(chromium, options);
  const complaints: string[] = [];
  const look = async (what: string) => {
    if (folder) await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
    complaints.push(...(await axe(page)).map((violation) => `${what}: ${violation}`));
    if (await hasSidewaysScroll(page)) complaints.push(`${what}: scrolls sideways`);
  };

  await page.goto(`${app.origin}/login?login_hint=${user}`);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user));
  await page.click('#continue');
  await atStep(page, 'enrol');
  await look('enrol-choice');
  await page.click('#use-app');
  await page.waitForSelector('svg.qr');
  await look('enrol-app');
  const device = scan(await readQr(page));
  await page.fill('input[name=password]', 'password');
  await page.fill('input[name=repeat]', 'password');
  await page.fill('input[name=code]', device.code(new Date()));
  await page.click('#continue');
  await page.waitForSelector('#error-summary');
  await look('enrol-app-mistake');
  await page.fill('input[name=password]', password);
  await page.fill('input[name=repeat]', password);
  await page.fill('input[name=code]', device.code(new Date()));
  await page.click('#continue');
  await page.waitForURL(`${app.origin}/cb**`);

  // Another browser; the next step of the app's clock, since a code works once.
  const again = await newPerson(chromium, options);
  await again.page.goto(`${app.origin}/login?login_hint=${user}`);
  await again.page.click('#continue');
  await atStep(again.page, 'verify');
  await again.page.click('#use-password');
  await again.page.waitForSelector('input[name=password]');
  if (folder) await again.page.screenshot({ path: `${folder}/verify-password-${name}.png`, fullPage: true });
  complaints.push(...(await axe(again.page)).map((violation) => `verify-password: ${violation}`));
  await again.page.fill('input[name=password]', password);
  await again.page.click('#continue');
  await again.page.waitForSelector('input[name=code]');
  if (folder) await again.page.screenshot({ path: `${folder}/verify-app-${name}.png`, fullPage: true });
  complaints.push(...(await axe(again.page)).map((violation) => `verify-app: ${violation}`));
  house.clock.advance(1);
  await again.page.fill('input[name=code]', device.code(new Date(Date.now() + 60_000)));
  await again.page.click('#continue');
  await again.page.waitForURL(`${app.origin}/cb**`);
  house.clock.advance(-1);
  expect(complaints).toEqual([]);
});
