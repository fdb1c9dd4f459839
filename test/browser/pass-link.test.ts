import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { handoverUrl } from '../../src/http/pass/link.ts';
import { currentPass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { passState } from '../../src/methods/temporary-access-pass/pass.ts';
import { messages } from '../../views/messages.ts';
import { atStep, axe, hasSidewaysScroll, launchChromium, newPerson, type PersonOptions } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

// SCREENSHOTS=folder keeps a picture of the page in every look.
const folder = process.env.SCREENSHOTS;

let chromium: Browser;
let house: TestHouse;
let people = 0;
beforeAll(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  chromium = await launchChromium();
  house = await startHouse();
});
afterAll(async () => {
  await chromium?.close();
  await house?.close();
});

async function aPerson(options: PersonOptions = {}) {
  const person = await newPerson(chromium, options);
  onTestFinished(() => person.close());
  return person;
}

async function aJoiner() {
  people += 1;
  const name = `joiner${people}@example.com`;
  await house.user(name);
  const code = await house.pass(name);
  return { name, code, link: handoverUrl(house.issuer, name, code) };
}

const stateOf = (name: string) =>
  house.work(async (work) => passState((await currentPass(work, name)).pass!, work.now));

/** Every request as the server got it, by address and headers, and what the page put into bodies. */
function listen(page: Page) {
  const heads: string[] = [];
  const bodies: { to: string; body: string }[] = [];
  const hear = (message: unknown) => {
    const { method, url, rawHeaders } = (message as { request: IncomingMessage }).request;
    heads.push(`${method} ${url} ${rawHeaders.join(' ')}`);
  };
  subscribe('http.server.request.start', hear);
  onTestFinished(() => void unsubscribe('http.server.request.start', hear));
  page.on('request', (request) => {
    bodies.push({ to: `${request.method()} ${request.url()}`, body: request.postData() ?? '' });
  });
  return { heads, bodies };
}

test('the link, one button, a passkey: and the code is in no address, header, cookie or storage on the way', async () => {
  const joiner = await aJoiner();
  const { page, context, passkeys, complaints } = await aPerson();
  const { heads, bodies } = listen(page);
  await page.goto(joiner.link);
  await atStep(page, 'pass');
  expect(page.url()).toBe(`${house.issuer}/pass`);
  expect(await page.locator('main').innerText()).toContain(`This pass is for ${joiner.name}.`);
  expect(await page.content()).not.toContain(joiner.code);
  expect(await stateOf(joiner.name)).toBe('active');

  await page.click('#continue');
  await atStep(page, 'enrol');
  expect(page.url()).toMatch(/\/sign-in\/[\w-]+$/);
  expect(await stateOf(joiner.name)).toBe('inRegistration');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await atStep(page, 'security-info');
  expect(await page.locator('main').innerText()).toContain(joiner.name);
  expect(await passkeys()).toHaveLength(1);
  expect(await stateOf(joiner.name)).toBe('used');

  expect(heads.filter((head) => head.startsWith('GET /pass '))).toHaveLength(1);
  for (const head of heads) expect(head).not.toContain(joiner.code);
  expect(bodies.filter(({ body }) => body.includes(joiner.code)).map(({ to }) => to)).toEqual([
    expect.stringMatching(/^POST .*\/sign-in\/[\w-]+\/verify\/temporary-access-pass$/),
  ]);
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  expect(stored + JSON.stringify(await context.cookies())).not.toContain(joiner.code);
  expect(complaints).toEqual([]);
});

test('opening the link, twice and in two browsers, spends nothing; going back finds no code in the address', async () => {
  const joiner = await aJoiner();
  for (const { page } of [await aPerson(), await aPerson()]) {
    await page.goto(joiner.link);
    await atStep(page, 'pass');
    await page.goto(joiner.link);
    await page.locator('#continue').waitFor();
    await page.goto(`${house.issuer}/healthz`);
    await page.goBack();
    expect(page.url()).toBe(`${house.issuer}/pass`);
  }
  expect(await stateOf(joiner.name)).toBe('active');
  expect(await house.base.knex('sign_ins').where('user_name', '=', joiner.name)).toEqual([]);
});

test('a second link in the same tab takes the place of the first', async () => {
  const [first, second] = [await aJoiner(), await aJoiner()];
  const { page } = await aPerson();
  await page.goto(first.link);
  await page.goto(second.link);
  await page.getByText(second.name).waitFor();
  expect(page.url()).toBe(`${house.issuer}/pass`);
  await page.click('#continue');
  await atStep(page, 'enrol');
  expect([await stateOf(first.name), await stateOf(second.name)]).toEqual(['active', 'inRegistration']);
});

test('somebody signed in as another reads so, nothing is spent, and after signing out the link works', async () => {
  const [boss, joiner] = [await aJoiner(), await aJoiner()];
  const { page } = await aPerson();
  await page.goto(boss.link);
  await page.click('#continue');
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await atStep(page, 'security-info');

  await page.goto(joiner.link);
  await page.click('#continue');
  await atStep(page, 'error');
  expect(await page.locator('main').innerText()).toContain(
    `You are signed in as ${boss.name}. This pass is for ${joiner.name}.`,
  );
  expect(await stateOf(joiner.name)).toBe('active');
  await page.goto(`${house.issuer}/session/end`);
  await page.click('#confirm-logout');
  await atStep(page, 'logged-out');
  await page.goto(joiner.link);
  await page.click('#continue');
  await atStep(page, 'enrol');
});

test('a wrong code says the one sentence on the page where it can be entered again', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson();
  await page.goto(handoverUrl(house.issuer, joiner.name, 'WRNG-WRNG-WRNG-WRNG'));
  await page.click('#continue');
  await atStep(page, 'verify');
  expect(await page.locator('#error-summary').innerText()).toContain(messages.errors.refused);
  await page.fill('input[name=code]', joiner.code);
  await page.click('#continue');
  await atStep(page, 'enrol');
});

test('where the sign-in cannot be started the page says so, keeps the pass, and the button works again', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson();
  await page.goto(joiner.link);
  await page.route('**/auth?**', (route) => route.abort());
  await page.click('#continue');
  await page.getByText(messages.passLink.failed).waitFor();
  await page.unroute('**/auth?**');
  await page.click('#continue');
  await atStep(page, 'enrol');
});

test('what the link says is shown as text and nothing else; half a link is none', async () => {
  const { page } = await aPerson();
  const nasty = '<img src=x onerror=alert(1)><b>Boss</b>';
  await page.goto(handoverUrl(house.issuer, nasty, '2222333344445555'));
  expect(await page.locator('[data-pass-user]').textContent()).toBe(nasty);
  expect(await page.locator('main img, main b').count()).toBe(0);
  for (const half of ['', '#', '#user=a%40example.com', '#code=2222333344445555', '#%', '#user=&code=']) {
    await page.goto('about:blank');
    await page.goto(`${house.issuer}/pass${half}`);
    await page.locator('#sign-in').waitFor();
    expect(await page.locator('input[name=code]').isVisible()).toBe(true);
    expect(await page.getByText(messages.passLink.notYou).isVisible()).toBe(false);
    expect(page.url()).toBe(`${house.issuer}/pass`);
  }
  await page.click('#sign-in');
  await atStep(page, 'identify');
});

test.each([{ javaScriptEnabled: false }, { javaScriptEnabled: true }])(
  'name and code are entered by hand where the link brings no pass: %o',
  async ({ javaScriptEnabled }) => {
    const joiner = await aJoiner();
    const { page, complaints } = await aPerson({ javaScriptEnabled });
    const { heads } = listen(page);
    // Without script the browser itself holds the fragment; nothing that leaves it does.
    await page.goto(javaScriptEnabled ? `${house.issuer}/pass` : joiner.link);
    const shown = await page.locator('main').innerText();
    expect(shown.includes(messages.passLink.noScript)).toBe(!javaScriptEnabled);
    await page.fill('input[name=username]', joiner.name);
    await page.fill('input[name=code]', joiner.code);
    expect(await stateOf(joiner.name)).toBe('active');
    await page.keyboard.press('Enter');
    await atStep(page, 'enrol');
    expect(page.url()).toMatch(/\/sign-in\/[\w-]+$/);
    expect(await stateOf(joiner.name)).toBe('inRegistration');
    for (const head of heads) expect(head).not.toContain(joiner.code);
    expect(complaints).toEqual([]);
  },
);

test.each([
  { name: 'light', colorScheme: 'light', viewport: { width: 1100, height: 900 } },
  { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 320, height: 700 } },
] as const)('the page is accessible and fits: $name', async ({ name, colorScheme, viewport }) => {
  const { page } = await aPerson({ colorScheme, viewport });
  const longName = 'wilhelmina.alexandra.von-und-zu-hohenlohe@really-quite-a-long-department.contoso.example';
  const complaints: string[] = [];
  const look = async (what: string) => {
    if (folder) await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
    complaints.push(...(await axe(page)).map((violation) => `${what}: ${violation}`));
    if (await hasSidewaysScroll(page)) complaints.push(`${what}: scrolls sideways`);
  };
  await page.goto(`${house.issuer}/pass`);
  await look('pass-missing');
  await page.goto(handoverUrl(house.issuer, longName, '2222333344445555'));
  await page.locator('#continue').waitFor();
  await look('pass-given');
  await page.route('**/auth?**', (route) => route.abort());
  await page.click('#continue');
  await page.getByText(messages.passLink.failed).waitFor();
  await look('pass-failed');
  expect(complaints).toEqual([]);
});
