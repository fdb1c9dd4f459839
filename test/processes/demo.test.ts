/** The demo as a person meets it: what it prints, the way through the pages in Chromium, and Ctrl-C. Needs dist/. */
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { atStep, launchChromium, newPerson } from '../support/chromium.ts';
import { freePort, processesIn, type RunningProcess, startProcess, tempDirectory } from '../support/process.ts';

const program = join(import.meta.dirname, '../../dist/demo/demo.js');

test('npm run demo prints three lines that lead from a pass to the claims, and Ctrl-C leaves nothing behind', async () => {
  const directory = tempDirectory();
  const ports = { PORT: String(await freePort()), DEMO_APP_PORT: String(await freePort()) };
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const { page } = await newPerson(browser, { patienceMs: 20_000 });

  const demo = await startDemo(directory, ports);
  const { url, userName, code } = await stepsOf(demo);
  expect(url).toBe(`http://localhost:${ports.DEMO_APP_PORT}`);

  await page.goto(url);
  await page.locator('#sign-in').click();
  await atStep(page, 'identify');
  await page.locator('input[name=username]').fill(userName);
  await page.locator('#use-pass').click();
  await atStep(page, 'verify');
  await page.locator('input[name=code]').fill(code);
  await page.locator('#continue').click();
  await atStep(page, 'enrol');
  await page.locator('#create-passkey').click();
  await atStep(page, 'confirm');
  await page.locator('#use-passkey').click();
  await page.locator('main[data-page=signed-in]').waitFor();

  expect(await claims(page, 'acr', 'amr', 'name', 'email', 'preferred_username')).toEqual({
    acr: 'phr',
    amr: 'pop user mfa',
    name: 'New Joiner 1',
    email: userName,
    preferred_username: userName,
  });
  const { auth_time } = await claims(page, 'auth_time');
  expect(Math.abs(Date.now() / 1000 - Number(auth_time))).toBeLessThan(60);

  await page.locator('#sign-out').click();
  await atStep(page, 'logout');
  await page.locator('#confirm-logout').click();
  await page.locator('main[data-page=signed-out]').waitFor();
  expect(await page.locator('.notice').textContent()).toBe('You are signed out of Orchard.');

  // The passkey made with the pass is all it takes from now on: the name field offers it, and this person accepts.
  await page.locator('#sign-in').click();
  await page.locator('main[data-page=signed-in]').waitFor();

  expect(await demo.kill('SIGINT')).toEqual({ code: 0, signal: null });
  expect(demo.stderr()).toBe('');
  expect(processesIn(directory)).toEqual([]);
  for (const port of Object.values(ports)) expect(await answers(Number(port)), `port ${port}`).toBe(false);

  const again = await startDemo(directory, ports);
  const second = await stepsOf(again);
  expect(second.userName).not.toBe(userName);
  expect(second.code).not.toBe(code);
});

function startDemo(directory: string, ports: Readonly<Record<string, string>>): Promise<RunningProcess> {
  // Settings of a Latchkey in the same terminal do not reach the demo's.
  const stray = { LATCHKEY_ISSUER: 'https://id.example.com', DATABASE_URL: 'postgres://nowhere/none' };
  return startProcess(process.execPath, [program], {
    env: { ...ports, ...stray, DEMO_DIR: directory },
    cwd: directory,
  });
}

async function stepsOf(demo: RunningProcess): Promise<{ url: string; userName: string; code: string }> {
  const lines = /^ +1\. .*?(http:\S+) .*\n +2\. .* (\S+@example\.com) .*\n +3\. .* ((?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}) /m;
  const [, url, userName, code] = await demo.waitFor(lines, 60_000);
  return { url: url!, userName: userName!, code: code! };
}

/** What the page says the app was told. */
async function claims(page: Page, ...names: readonly string[]): Promise<Record<string, string | null>> {
  const found = names.map(async (name) => [name, await page.locator(`[data-claim="${name}"]`).textContent()] as const);
  return Object.fromEntries(await Promise.all(found));
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: 'localhost', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
