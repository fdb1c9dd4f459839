import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson, type PersonOptions } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { readQr } from '../support/qr-on-screen.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

/** A pass typed on a computer, its passkey made on a phone that scans the code off the computer's screen. */

// SCREENSHOTS=folder keeps a picture of each page in every look.
const folder = process.env.SCREENSHOTS;
let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;
let people = 0;

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

async function aPerson(options: PersonOptions = {}) {
  const person = await newPerson(chromium, options);
  onTestFinished(() => person.close());
  return person;
}

/** A computer at the page with the code; it has no authenticator of its own. */
async function aComputer(options: PersonOptions = {}) {
  people += 1;
  const user = `joiner${people}@example.com`;
  await house.user(user);
  const { page } = await aPerson({ authenticator: false, ...options });
  await page.goto(`${app.origin}/login?login_hint=${user}`);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user));
  await page.click('#continue');
  await atStep(page, 'enrol');
  return { user, page };
}

const phoneSize = { width: 375, height: 720 };

const looks = [
  { name: 'light', colorScheme: 'light', computer: { width: 1100, height: 900 }, phone: phoneSize },
  {
    name: 'phone-dark',
    colorScheme: 'dark',
    computer: { width: 320, height: 700 },
    phone: { width: 320, height: 700 },
  },
] as const;

test.each(looks)(
  'a code is scanned, a passkey made and used on the phone, and the computer goes on: $name',
  async (looked) => {
    const { name, colorScheme } = looked;
    const heads: string[] = [];
    const hear = (message: unknown) => {
      const { method, url, rawHeaders } = (message as { request: IncomingMessage }).request;
      heads.push(`${method} ${url} ${rawHeaders.join(' ')}`);
    };
    subscribe('http.server.request.start', hear);
    onTestFinished(() => void unsubscribe('http.server.request.start', hear));
    const complaints: string[] = [];
    const look = async (page: Page, what: string) => {
      if (folder) await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
      complaints.push(...(await axe(page)).map((violation) => `${what}: ${violation}`));
      if (await hasSidewaysScroll(page)) complaints.push(`${what}: scrolls sideways`);
    };

    const { user, page: computer } = await aComputer({ colorScheme, viewport: looked.computer });
    await look(computer, 'enrol-with-phone');
    await computer.click('#use-phone');
    await atStep(computer, 'wait');
    await look(computer, 'wait-offered');
    await computer.click('summary');
    await look(computer, 'wait-offered-by-hand');
    const link = await readQr(computer);
    expect(await computer.locator('#continue-link').innerText()).toBe(link);

    const phone = await aPerson({ colorScheme, viewport: looked.phone });
    await phone.page.goto(link);
    await phone.page.locator('#continue').waitFor();
    expect(phone.page.url()).toBe(`${house.issuer}/continue`);
    expect(await phone.page.locator('[data-continue-user]').innerText()).toBe(user);
    await look(phone.page, 'phone-continue');
    await atStep(computer, 'wait');
    expect(await computer.locator('svg.qr').count()).toBe(1);
    await phone.page.click('#continue');
    await atStep(phone.page, 'enrol');
    await look(phone.page, 'phone-enrol');

    await computer.getByText(messages.wait.claimed.heading).waitFor();
    await look(computer, 'wait-claimed');
    await phone.page.click('#create-passkey');
    await atStep(phone.page, 'confirm');
    await look(phone.page, 'phone-confirm');
    await computer.getByText(messages.wait.saved.heading).waitFor();
    await look(computer, 'wait-saved');
    await phone.page.click('#use-passkey');
    await atStep(phone.page, 'complete');
    await look(phone.page, 'phone-done');
    expect(await phone.page.locator('main').innerText()).toContain(messages.continueDone.thisDeviceOnly);

    await computer.waitForURL(`${app.origin}/cb**`);
    expect(await phone.passkeys()).toHaveLength(1);
    expect(complaints).toEqual([]);
    expect(phone.complaints).toEqual([]);
    const secret = new URL(link).hash.slice(1);
    expect(heads.length).toBeGreaterThan(10);
    expect(heads.filter((head) => head.includes(secret))).toEqual([]);
  },
);

test('the link opened twice, used once, and without its secret: each says what to do', async () => {
  const { page: computer } = await aComputer();
  await computer.click('#use-phone');
  const link = await readQr(computer);
  const [one, two] = [(await aPerson()).page, (await aPerson()).page];
  await one.goto(link);
  await two.goto(link);
  await one.click('#continue');
  await atStep(one, 'enrol');
  await two.click('#continue');
  await two.getByText(messages.problems.linkEnded.title).waitFor();
  await two.goBack();
  await two.getByText(messages.continueLink.missing).or(two.getByText(messages.continueLink.ended)).waitFor();
  await two.goto('about:blank');
  await two.goto(link);
  await two.getByText(messages.continueLink.ended).waitFor();
  await two.reload();
  await two.getByText(messages.continueLink.missing).waitFor();
  expect(await two.locator('#continue').isVisible()).toBe(false);

  // Taken back on the computer: what the phone does next tells it so.
  await computer.getByText(messages.wait.claimed.heading).waitFor();
  await computer.click('#take-back');
  await atStep(computer, 'enrol');
  await one.click('#create-passkey');
  await one.getByText(messages.problems.notHere.title).waitFor();
});

test('a phone that stops gives it back, and the computer shows so by itself', async () => {
  const { page: computer } = await aComputer();
  await computer.click('#use-phone');
  const { page: phone } = await aPerson();
  await phone.goto(await readQr(computer));
  await phone.click('#continue');
  await atStep(phone, 'enrol');
  await computer.getByText(messages.wait.claimed.heading).waitFor();
  await phone.click('#cancel');
  await phone.getByText(messages.problems.notHere.title).waitFor();
  await atStep(computer, 'enrol');
});

test('without script the computer waits all the same, and the phone says what it needs', async () => {
  const { page: computer } = await aComputer({ javaScriptEnabled: false });
  await computer.click('#use-phone');
  await atStep(computer, 'wait');
  const link = await computer.locator('#continue-link').textContent();
  const { page: scriptless } = await aPerson({ javaScriptEnabled: false });
  await scriptless.goto(link!);
  expect(await scriptless.locator('noscript p').innerText()).toBe(messages.continueLink.noScript);
  expect(await scriptless.locator('#continue').isVisible()).toBe(false);
  const { page: phone } = await aPerson();
  await phone.goto(link!);
  await phone.click('#continue');
  await atStep(phone, 'enrol');
  await phone.click('#create-passkey');
  await atStep(phone, 'confirm');
  await phone.click('#use-passkey');
  await atStep(phone, 'complete');
  await computer.waitForURL(`${app.origin}/cb**`, { timeout: 20_000 });
});
