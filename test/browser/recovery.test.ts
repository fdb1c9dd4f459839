import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson, type Person } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

/** A lost phone and a pass, in a real browser; and the phone's owner, when it was not them. */

let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;
beforeAll(async () => {
  chromium = await launchChromium();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    clients: [{ client_id: 'app', client_name: 'Payroll', client_secret: 'secret', redirect_uris: [app.redirectUri] }],
  });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await house?.close();
});

type Page = Person['page'];

async function aPerson() {
  const person = await newPerson(chromium, { viewport: { width: 360, height: 740 } });
  onTestFinished(() => person.close());
  // Without autofill, which the virtual authenticator accepts at once.
  await person.page.addInitScript(() => {
    const passkeys = window.PublicKeyCredential as unknown as Record<string, unknown>;
    passkeys.isConditionalMediationAvailable = async () => false;
    passkeys.getClientCapabilities = undefined;
  });
  return person;
}

async function comesWithPass(page: Page, name: string) {
  const code = await house.pass(name);
  await page.goto(`${app.origin}/login`);
  await page.fill('input[name=username]', name);
  await page.click('#use-pass');
  await page.fill('input[name=code]', code);
  await page.click('#continue');
  await atStep(page, 'enrol');
}

async function makesPasskey(page: Page) {
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
}

async function loses(page: Page) {
  await page.click('#lost');
  await atStep(page, 'lost');
  await expectSound(page);
  await page.click('label.tick');
  await page.click('#suspend-lost');
  await atStep(page, 'enrol');
  expect(await page.locator('main').innerText()).toContain(messages.lost.suspended);
}

async function expectSound(page: Page) {
  expect(await axe(page)).toEqual([]);
  expect(await hasSidewaysScroll(page)).toBe(false);
}

test('a lost phone, a pass, "I lost these", a new passkey that is used, and the old one is removed', async () => {
  const name = 'loser@example.com';
  await house.user(name);
  const phone = await aPerson();
  await comesWithPass(phone.page, name);
  await makesPasskey(phone.page);

  const { page, complaints } = await aPerson();
  await comesWithPass(page, name);
  await expectSound(page);
  await loses(page);
  await makesPasskey(page);
  await phone.page.goto(`${app.origin}/login?prompt=login`);
  await atStep(phone.page, 'identify');

  await page.goto(`${house.issuer}/security-info`);
  await atStep(page, 'security-info');
  await expectSound(page);
  const old = page.locator('.card', { has: page.locator('[id^=use-again-]') });
  expect(await old.count()).toBe(1);
  await old.locator('[id^=remove-]').click();
  await atStep(page, 'remove-method');
  await page.click('#remove');
  await page.getByText(messages.securityInfo.notices.removed).waitFor();
  expect(await page.locator('[id^=use-again-]').count()).toBe(0);
  expect(await page.locator('[id^=passkey-]').count()).toBe(1);
  expect(complaints).toEqual([]);
});

test('a phone that somebody else called lost asks its owner, and one press takes it all back', async () => {
  const name = 'victim@example.com';
  await house.user(name);
  const phone = await aPerson();
  await comesWithPass(phone.page, name);
  await makesPasskey(phone.page);
  const intruder = await aPerson();
  await comesWithPass(intruder.page, name);
  await loses(intruder.page);
  await makesPasskey(intruder.page);

  const { page, context, complaints } = phone;
  await context.clearCookies();
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.click('#use-passkey');
  await atStep(page, 'called-lost');
  await expectSound(page);
  await page.click('#stop');
  await atStep(page, 'stopped');
  await expectSound(page);
  await page.click('#go-on');
  await atStep(page, 'identify');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  expect(complaints).toEqual([]);

  await intruder.context.clearCookies();
  await intruder.page.goto(`${app.origin}/login`);
  await atStep(intruder.page, 'identify');
  await intruder.page.click('#use-passkey');
  await intruder.page.getByText(messages.errors.passkeySuspended).first().waitFor();
});
