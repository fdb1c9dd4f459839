import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { openLink } from '../../src/notices/links.ts';
import { getUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { passPolicy } from '../support/makers.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

// SCREENSHOTS=folder keeps a picture of every page in every look.
const folder = process.env.SCREENSHOTS;
// Some thirty pages a look, each through axe.
vi.setConfig({ testTimeout: 90_000 });

let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  chromium = await launchChromium();
  app = await startRelyingParty({
    issuer: () => house.issuer,
    clientId: 'app',
    clientSecret: 'app-secret-of-32-characters-ok!!',
  });
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_name: 'Payroll',
        client_secret: 'app-secret-of-32-characters-ok!!',
        redirect_uris: [app.redirectUri],
      },
    ],
  });
  await passPolicy(house, { purpose: 'signIn' });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await house?.close();
});

// Two looks hold both schemes and both widths; the other two are for the long run and for pictures.
const looks = (
  [
    { name: 'light', colorScheme: 'light', viewport: { width: 1100, height: 900 }, always: true },
    { name: 'dark', colorScheme: 'dark', viewport: { width: 1100, height: 900 }, always: false },
    { name: 'phone', colorScheme: 'light', viewport: { width: 320, height: 700 }, always: false },
    { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 320, height: 700 }, always: true },
  ] as const
).filter(({ always }) => always || folder !== undefined || process.env.LATCHKEY_LONG === '1');

test.each(looks)('every page of the line is accessible and fits: $name', async ({ name, colorScheme, viewport }) => {
  const user = `${name}@example.com`;
  const other = `other-${name}@example.com`;
  await house.user(user);
  await house.user(other);
  const code = await house.pass(user);
  const person = await newPerson(chromium, { colorScheme, viewport });
  const { page, context } = person;
  const complaints: string[] = [];
  const look = async (what: string) => {
    if (folder) await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
    complaints.push(...(await axe(page)).map((violation) => `${what}: ${violation}`));
    if (await hasSidewaysScroll(page)) complaints.push(`${what}: scrolls sideways`);
  };

  await page.goto(`${app.origin}/login?login_hint=${user}`);
  await atStep(page, 'identify');
  await look('identify');
  await page.fill('input[name=username]', '  ');
  await page.click('#continue');
  await page.waitForSelector('#error-summary');
  await look('identify-mistake');
  await page.fill('input[name=username]', user);
  await page.click('#continue');
  await atStep(page, 'verify');
  await look('verify-passkey');
  await page.click('#use-pass');
  await page.waitForSelector('input[name=code]');
  await look('verify-pass');
  await page.fill('input[name=code]', 'WRNG-WRNG-WRNG');
  await page.click('#continue');
  await page.waitForSelector('#error-summary');
  await look('verify-refused');
  await page.fill('input[name=code]', code);
  await page.click('#continue');
  await atStep(page, 'enrol');
  await look('enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await look('confirm');
  const signInAddress = page.url();
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  // From here on nobody touches the authenticator: otherwise autofill would sign the person in by itself.
  await person.cdp.send('WebAuthn.setAutomaticPresenceSimulation', {
    authenticatorId: person.authenticatorId!,
    enabled: false,
  });
  await page.goto(signInAddress);
  await atStep(page, 'error');
  await look('sign-in-ended');

  await page.goto(`${house.issuer}/security-info`);
  await atStep(page, 'security-info');
  await look('security-info');
  await page.goto(`${house.issuer}/nowhere`);
  await atStep(page, 'error');
  await look('not-found');
  await page.goto(`${house.issuer}/auth?client_id=app&redirect_uri=https://evil.example/&response_type=code`);
  await atStep(page, 'error');
  await look('protocol-error');

  // A pass of somebody else, while signed in here.
  await page.goto(`${app.origin}/login?prompt=login`);
  await atStep(page, 'verify');
  await page.click('#not-you');
  await atStep(page, 'identify');
  await page.fill('input[name=username]', other);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(other));
  await page.click('#continue');
  await atStep(page, 'error');
  expect(await page.locator('main').innerText()).toContain(`You are signed in as ${user}`);
  await look('signed-in-as-other');

  await page.goto(`${house.issuer}/session/end`);
  await atStep(page, 'logout');
  await look('logout');
  await page.click('#confirm-logout');
  await atStep(page, 'logged-out');
  await look('logged-out');

  await context.clearCookies();
  const late = `late-${name}@example.com`;
  await house.user(late);
  await page.goto(`${app.origin}/login`);
  await lateWindow(page, late);
  await look('window-ended');

  // A pass that signs in: an app that wants a passkey, and the pass's end while the page is open.
  await context.clearCookies();
  const guest = `guest-${name}@example.com`;
  await house.user(guest);
  await page.goto(`${app.origin}/login`);
  await signInWithPass(page, guest);
  await page.waitForURL(`${app.origin}/cb**`);
  await page.goto(`${app.origin}/login?acr_values=phr`);
  await atStep(page, 'verify');
  await page.locator('#add-passkey').waitFor();
  await look('verify-without-passkey');
  await page.focus('#add-passkey');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Shift+Tab');
  await look('verify-without-passkey-focus');
  await endedPass(page, guest);
  await look('pass-ended');

  // The link of a mail.
  await context.clearCookies();
  await page.goto(await mailedLink(guest));
  await atStep(page, 'not-me');
  await look('not-me');
  await page.keyboard.press('Tab');
  await look('not-me-focus');
  await page.click('#stop');
  await atStep(page, 'stopped');
  await look('stopped');
  await page.goto(`${page.url()}&said=already`);
  await look('stopped-before');
  await page.goto(`${house.issuer}/not-me?token=nothing`);
  await atStep(page, 'error');
  await look('not-me-ended');

  await page.goto(`${house.issuer}/docs/api`);
  await atStep(page, 'api-document');
  await look('api-document');
  await page.click('summary');
  await look('api-document-open');

  for (const path of Object.keys(messages.claimValues)) {
    await page.goto(`${house.issuer}/${path}`);
    await atStep(page, 'claim-value');
    await look(path.replace('/', '-'));
  }
  await person.close();
  expect(complaints).toEqual([]);
});

async function signInWithPass(page: Page, user: string) {
  await atStep(page, 'identify');
  await page.fill('input[name=username]', user);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user, { purpose: 'signIn' }));
  await page.click('#continue');
}

/** The code is taken, and the pass revoked before the page that follows is asked for. */
async function endedPass(page: Page, user: string) {
  await page.context().clearCookies();
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.fill('input[name=username]', user);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user, { purpose: 'signIn' }));
  await page.locator('form', { has: page.locator('input[name=code]') }).evaluate(async (form: HTMLFormElement) => {
    const body = new URLSearchParams(new FormData(form) as never);
    await fetch(form.action, { method: 'POST', body, redirect: 'manual' });
  });
  await house.work((work) => revokePass(work, { user }));
  await page.reload();
  await atStep(page, 'error');
  expect(await page.locator('h1').innerText()).toBe(messages.problems.passEnded.title);
}

async function mailedLink(user: string): Promise<string> {
  const { id } = await house.work((work) => getUser(work, user));
  const { token } = await house.work((work) => openLink(work, id));
  return `${house.issuer}/not-me?token=${token}`;
}

async function lateWindow(page: Page, user: string) {
  await atStep(page, 'identify');
  await page.fill('input[name=username]', user);
  await page.click('#use-pass');
  await page.fill('input[name=code]', await house.pass(user));
  await page.click('#continue');
  await atStep(page, 'enrol');
  await house.base
    .knex('sign_ins')
    .update({ window_ends_at: new Date(Date.now() - 1000) })
    .where({ user_name: user });
  await page.reload();
  await atStep(page, 'error');
}
