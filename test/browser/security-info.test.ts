import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { messages } from '../../views/messages.ts';
import {
  atStep,
  axe,
  carryPasskeys,
  hasSidewaysScroll,
  launchChromium,
  newPerson,
  type Person,
  type PersonOptions,
} from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

/** My security info in a real browser: everything a person does there, with script and, but for the passkeys, without. */

// SCREENSHOTS=folder keeps a picture of every page in every look.
const folder = process.env.SCREENSHOTS;
vi.setConfig({ testTimeout: 180_000 });

const password = 'plum lantern over quiet tuba';
const say = messages.securityInfo;

let chromium: Browser;
let house: TestHouse;

beforeAll(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  chromium = await launchChromium();
  house = await startHouse();
});
afterAll(async () => {
  await chromium?.close();
  await house?.close();
});

/** Somebody with a passkey, who looks at the list. */
async function aPerson(user: string, options: PersonOptions = {}): Promise<Person> {
  await house.user(user);
  // Fifteen pages, each through axe: on a machine that is busy with other things they take their time.
  const person = await newPerson(chromium, { patienceMs: 20_000, ...options });
  onTestFinished(() => person.close());
  await join(person.page, user);
  return person;
}

async function join(page: Page, user: string): Promise<void> {
  await page.goto(`${house.issuer}/security-info`);
  await atStep(page, 'identify');
  await page.fill('input[name=username]', user);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user));
  await page.click('#continue');
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await atStep(page, 'security-info');
}

const main = (page: Page) => page.locator('main').innerText();
const says = (page: Page, text: string) => page.getByText(text).first().waitFor();

const looks = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1100, height: 900 } },
  { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 320, height: 700 } },
] as const;

test.each(looks)(
  'every page is accessible and fits, and each does what it says: $name',
  async ({ name, ...options }) => {
    const user = `${name}@example.com`;
    const person = await aPerson(user, options);
    const { page, complaints } = person;
    const found: string[] = [];
    const look = async (what: string) => {
      if (folder) await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
      found.push(...(await axe(page)).map((violation) => `${what}: ${violation}`));
      if (await hasSidewaysScroll(page)) found.push(`${what}: scrolls sideways`);
    };

    // The last way in stays.
    await look('security-info-first');
    await page.click('a[id^=remove-]');
    await atStep(page, 'remove-method');
    expect(await page.locator('#remove').count()).toBe(0);
    await look('remove-last');
    await page.click('#back');

    // The same device again: it has one. Another one, named, and removed.
    await page.click('#create-passkey');
    await says(page, messages.passkeyScript.already);
    await look('create-again');
    await person.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: person.authenticatorId! });
    await addAuthenticator(person);
    await page.click('#create-passkey');
    await says(page, say.notices.added);
    await look('passkey-added');
    const fresh = page.locator('li.card[id^=passkey-]').nth(1);
    await fresh.locator('summary').click();
    await fresh.locator('input[name=name]').fill('Blue key');
    await look('passkey-rename');
    await fresh.locator('button[type=submit]').click();
    await says(page, say.notices.renamed);
    expect(await main(page)).toContain('Blue key');
    await page.getByLabel('Remove Blue key').click();
    await atStep(page, 'remove-method');
    await look('remove-passkey');
    await page.click('#remove');
    await says(page, say.notices.removed);
    expect(await main(page)).not.toContain('Blue key');

    await page.click('#add-recovery-code');
    await atStep(page, 'recovery-codes');
    await look('recovery-codes');
    await page.click('#make-codes');
    await atStep(page, 'new-recovery-codes');
    expect(await page.locator('#codes code').count()).toBe(10);
    await look('new-recovery-codes');
    await page.click('#done');

    await page.click('#add-password');
    await atStep(page, 'set-password');
    await page.fill('input[name=password]', 'short');
    await page.fill('input[name=repeat]', 'short');
    await page.click('#save-password');
    await page.waitForSelector('#error-summary');
    await look('password-mistake');
    for (const chosen of [password, `${password} 2`]) {
      if (chosen !== password) await page.click('#add-password');
      await page.fill('input[name=password]', chosen);
      await page.fill('input[name=repeat]', chosen);
      await page.click('#save-password');
      await says(page, say.notices.passwordSaved);
    }

    // Somebody else comes by a pass.
    const intruder = await newPerson(chromium);
    onTestFinished(() => intruder.close());
    await join(intruder.page, user);
    await page.goto(`${house.issuer}/security-info`);
    await atStep(page, 'security-info');
    await look('security-info-all');
    await page.click('#show-activity');
    await atStep(page, 'activity');
    expect(await page.locator('li.card').count()).toBeGreaterThan(8);
    await look('activity');
    await page.locator('li.card', { hasText: messages.activity.what['pass.issued'] }).first().locator('a').click();
    await atStep(page, 'stop-activity');
    await look('stop-activity');
    expect(await page.locator('#suspends li').count()).toBeGreaterThan(0);
    await page.click('#stop');
    await says(page, say.notices.contained);
    await look('stopped');
    expect(await main(page)).toContain(say.suspended);
    await intruder.page.goto(`${house.issuer}/security-info`);
    await atStep(intruder.page, 'identify');

    await page.click('#sign-out-everywhere');
    await atStep(page, 'sign-out-everywhere');
    await look('sign-out-everywhere');
    await page.click('#sign-out-everywhere');
    await atStep(page, 'logged-out');
    await look('logged-out');
    await page.goto(`${house.issuer}/security-info`);
    await atStep(page, 'identify');
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  },
);

test('another browser is signed out from the list, and only that one', async () => {
  const person = await aPerson('two@example.com');
  const other = await newPerson(chromium);
  onTestFinished(() => other.close());
  await carryPasskeys(person, other);
  await other.page.goto(`${house.issuer}/security-info`);
  await atStep(other.page, 'security-info');
  const { page } = person;
  await page.reload();
  const cards = page.locator('section[aria-labelledby=sessions] li.card');
  expect(await cards.count()).toBe(2);
  await cards.nth(1).locator('button').click();
  await says(page, say.notices.sessionEnded);
  expect(await cards.count()).toBe(1);
  await page.reload();
  await atStep(page, 'security-info');
  // Nobody touches the authenticator from here on: autofill would sign the person in again.
  await other.cdp.send('WebAuthn.setAutomaticPresenceSimulation', {
    authenticatorId: other.authenticatorId!,
    enabled: false,
  });
  await other.page.goto(`${house.issuer}/security-info`);
  await atStep(other.page, 'identify');
});

test('the browser forgets a passkey that was removed here, and one that is unknown here', async () => {
  const person = await aPerson('forget@example.com');
  const { page, complaints } = person;
  const held = async () => (await person.passkeys()).length;
  expect(await held()).toBe(1);
  const { id } = await house.base.knex('users').where('user_principal_name', '=', 'forget@example.com').first();
  await house.base.knex('users').where('id', '=', id).update({ display_name: 'Renamed Person' });
  await page.reload();
  await expect.poll(async () => (await person.passkeys())[0]).toMatchObject({ userDisplayName: 'Renamed Person' });

  // Removed behind its back: sent by the script, refused with a 404, and forgotten.
  await house.base.knex('passkeys').where('user_id', '=', id).delete();
  await page.context().clearCookies();
  const answers: number[] = [];
  page.on('response', (response) => {
    if (response.url().endsWith('/verify/passkey')) answers.push(response.status());
  });
  await page.goto(`${house.issuer}/security-info`);
  await says(page, messages.errors.passkeyUnknown);
  expect(answers[0]).toBe(404);
  await expect.poll(held).toBe(0);
  expect(complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
});

test('what cannot be sent says so beside the button, which works again', async () => {
  const { page, context } = await aPerson('offline@example.com');
  await context.setOffline(true);
  await page.click('#create-passkey');
  await says(page, messages.passkeyScript.offline);
  await context.setOffline(false);
  expect(await page.locator('#create-passkey').isEnabled()).toBe(true);
});

test('without script everything but a passkey can be managed', async () => {
  const user = 'scriptless@example.com';
  const signedIn = await aPerson(user);
  const person = await newPerson(chromium, { javaScriptEnabled: false });
  onTestFinished(() => person.close());
  await person.context.addCookies(await signedIn.context.cookies());
  const { page } = person;
  await page.goto(`${house.issuer}/security-info`);
  await atStep(page, 'security-info');
  expect(await page.locator('#create-passkey').isVisible()).toBe(false);
  await page.click('a[id^=remove-]');
  await atStep(page, 'remove-method');
  await page.click('#back');
  await page.click('#add-recovery-code');
  await page.click('#make-codes');
  expect(await page.locator('#codes code').count()).toBe(10);
  await page.click('#done');
  await page.click('#add-password');
  await page.fill('input[name=password]', password);
  await page.fill('input[name=repeat]', password);
  await page.click('#save-password');
  await says(page, say.notices.passwordSaved);
  await page.locator('summary').first().click();
  await page.locator('input[name=name]').first().fill('My laptop');
  await page.locator('input[name=name]').first().press('Enter');
  await says(page, say.notices.renamed);
  await page.click('#show-activity');
  await atStep(page, 'activity');
  expect(await main(page)).toContain('My laptop');
  await page.locator('li.card', { hasText: messages.activity.what['password.set'] }).locator('a').click();
  await page.click('#stop');
  await says(page, say.notices.contained);
  await page.click('#sign-out-everywhere');
  await page.click('#sign-out-everywhere');
  await atStep(page, 'logged-out');
});

async function addAuthenticator({ cdp }: Person): Promise<void> {
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'usb',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}
