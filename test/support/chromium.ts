/**
 * People with a browser of their own: Debian's Chromium through playwright-core, each with a virtual authenticator
 * that is there before the first page.
 */
import { accessSync, constants } from 'node:fs';

import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';

type CredentialsAnswer = Awaited<ReturnType<typeof getCredentials>>;
export type Passkey = CredentialsAnswer['credentials'][number];

export interface VirtualAuthenticator {
  readonly protocol?: 'ctap2' | 'u2f';
  readonly transport?: 'internal' | 'usb' | 'nfc' | 'ble' | 'hybrid' | 'cable';
  readonly hasResidentKey?: boolean;
  readonly hasUserVerification?: boolean;
  /** False: the person's finger is not recognised. */
  readonly isUserVerified?: boolean;
  /** False: the person never touches the authenticator, and prompts stay open. */
  readonly automaticPresenceSimulation?: boolean;
  /** Both true: a synced passkey. */
  readonly defaultBackupEligibility?: boolean;
  readonly defaultBackupState?: boolean;
}

export interface PersonOptions {
  /** An internal one that verifies its user by default; false for a browser without any. */
  readonly authenticator?: VirtualAuthenticator | false;
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly javaScriptEnabled?: boolean;
  readonly locale?: string;
  /** How long anything may take: 10 seconds by default. */
  readonly patienceMs?: number;
}

export interface Tab {
  readonly page: Page;
  readonly cdp: CDPSession;
  /** Null for a person without an authenticator. */
  readonly authenticatorId: string | null;
  /** What the authenticator holds, newest last. */
  passkeys(): Promise<readonly Passkey[]>;
  /** Console errors, uncaught errors and blocked requests so far: a blocked redirect shows up here alone. */
  readonly complaints: readonly string[];
}

export interface Person extends Tab {
  readonly context: BrowserContext;
  /**
   * A second tab, with the passkeys that the first one has now. Chromium keeps an authenticator per tab: what a tab
   * registers or counts later stays in it, unless `carryPasskeys` brings it over.
   */
  openTab(): Promise<Tab>;
  close(): Promise<void>;
}

const executablePath = process.env.LATCHKEY_CHROMIUM ?? '/usr/bin/chromium';
const defaultPatienceMs = 10_000;

/** One for a test file; `close()` it in afterAll. Fails where Chromium is missing: these tests are never skipped. */
export async function launchChromium(extraArguments: readonly string[] = []): Promise<Browser> {
  try {
    accessSync(executablePath, constants.X_OK);
  } catch {
    throw new Error(
      `The browser tests need Chromium, and there is none at ${executablePath}.\n` +
        'Install it (apt-get install -y --no-install-recommends chromium), or name another with LATCHKEY_CHROMIUM.',
    );
  }
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', // it runs as root in containers
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...extraArguments,
    ],
  });
}

export async function newPerson(browser: Browser, options: PersonOptions = {}): Promise<Person> {
  const { authenticator = {}, patienceMs = defaultPatienceMs, ...contextOptions } = options;
  const context = await within(patienceMs, 'opening a browser context', browser.newContext(contextOptions));
  context.setDefaultTimeout(patienceMs);
  context.setDefaultNavigationTimeout(patienceMs);
  if (options.javaScriptEnabled === false) scriptless.add(context);
  const first = await newTab(context, authenticator, patienceMs);
  return {
    ...first,
    context,
    async openTab() {
      const tab = await newTab(context, authenticator, patienceMs);
      await carryPasskeys(first, tab);
      return tab;
    },
    // It waits for what the pages were still writing; how long says nothing about them.
    close: () => within(30_000, 'closing a browser context', context.close()),
  };
}

/** Gives one tab's authenticator what another's holds, in place of its own; the counters come along. */
export async function carryPasskeys(from: Tab, to: Tab): Promise<void> {
  const { authenticatorId } = to;
  if (authenticatorId === null) return;
  await to.cdp.send('WebAuthn.clearCredentials', { authenticatorId });
  for (const credential of await from.passkeys()) {
    await to.cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
  }
}

/** Waits for the page to be at that step of signing in; fails saying where it is instead. */
export async function atStep(page: Page, step: string, timeoutMs = defaultPatienceMs): Promise<void> {
  try {
    await page.locator(`main[data-step="${step}"]`).waitFor({ state: 'attached', timeout: timeoutMs });
  } catch {
    throw new Error(`The page did not come to the step "${step}" within ${timeoutMs} ms. ${await whereItIs(page)}`);
  }
}

/** What axe finds wrong, one sentence a place; empty is good. */
export async function axe(page: Page): Promise<readonly string[]> {
  if (scriptless.has(page.context())) {
    throw new Error('axe hangs in a page without script: check this one with locators.');
  }
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await within(30_000, 'axe', new AxeBuilder({ page }).withTags(tags).analyze());
  return violations.flatMap(({ id, impact, help, nodes }) =>
    nodes.map(({ target, html, failureSummary }) => {
      const why = (failureSummary ?? '').split('\n').slice(1).join(';').replaceAll(/\s+/g, ' ').trim();
      return `${id} (${impact}): ${help}: ${target.join(' ')}: ${html.slice(0, 200)}: ${why}`;
    }),
  );
}

/** Whether a person has to scroll sideways to read the page (WCAG 1.4.10). */
export async function hasSidewaysScroll(page: Page): Promise<boolean> {
  const { scrolls, shows } = await page.evaluate(() => ({
    scrolls: document.documentElement.scrollWidth,
    shows: document.documentElement.clientWidth,
  }));
  return scrolls > shows;
}

/** Rejects when a promise takes too long, naming what it was. WebAuthn calls can hang for ever when something is off. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const scriptless = new WeakSet<BrowserContext>();

async function newTab(
  context: BrowserContext,
  authenticator: VirtualAuthenticator | false,
  patienceMs: number,
): Promise<Tab> {
  const page = await within(patienceMs, 'opening a tab', context.newPage());
  const cdp = await within(patienceMs, 'opening a CDP session', context.newCDPSession(page));
  neverHang(page, 2 * patienceMs, 'evaluate', 'evaluateHandle', 'content', 'title');
  neverHang(cdp, 2 * patienceMs, 'send');
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const authenticatorId = authenticator ? await addAuthenticator(cdp, authenticator) : null;
  return {
    page,
    cdp,
    authenticatorId,
    complaints,
    passkeys: async () => (authenticatorId === null ? [] : (await getCredentials(cdp, authenticatorId)).credentials),
  };
}

async function addAuthenticator(cdp: CDPSession, options: VirtualAuthenticator): Promise<string> {
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  return authenticatorId;
}

function getCredentials(cdp: CDPSession, authenticatorId: string) {
  return cdp.send('WebAuthn.getCredentials', { authenticatorId });
}

/** Playwright gives these no timeout of their own. */
function neverHang<T extends object>(target: T, timeoutMs: number, ...names: readonly (keyof T & string)[]): void {
  for (const name of names) {
    const original = (target[name] as (...args: readonly unknown[]) => Promise<unknown>).bind(target);
    const guarded = (...args: readonly unknown[]) =>
      within(timeoutMs, `${name}(${String(args[0]).slice(0, 80)})`, original(...args));
    Object.assign(target, { [name]: guarded });
  }
}

async function whereItIs(page: Page): Promise<string> {
  const quick = { timeout: 1_000 };
  const step = await page
    .locator('main')
    .getAttribute('data-step', quick)
    .catch(() => null);
  const text = await page
    .locator('body')
    .innerText(quick)
    .catch(() => '');
  return `It is at ${page.url()}, step ${step}, and reads: ${text.replaceAll(/\s+/g, ' ').slice(0, 500)}`;
}
