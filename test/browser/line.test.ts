import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { atStep, launchChromium, newPerson, type PersonOptions } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

let chromium: Browser;
let house: TestHouse;
let app: RelyingParty;
let people = 0;

beforeAll(async () => {
  chromium = await launchChromium();
  app = await startRelyingParty({
    issuer: () => house.issuer,
    clientId: 'app',
    clientSecret: 'app-secret-of-32-characters-ok!!',
    scope: 'openid profile',
  });
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'app',
        client_name: 'Payroll',
        client_secret: 'app-secret-of-32-characters-ok!!',
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
      },
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

/** A user who was given a pass. */
async function aJoiner() {
  people += 1;
  const name = `joiner${people}@example.com`;
  await house.user(name);
  return { name, code: await house.pass(name) };
}

async function claims(page: Awaited<ReturnType<typeof aPerson>>['page']) {
  return JSON.parse((await page.locator('#claims').textContent()) ?? '{}') as Record<string, unknown>;
}

async function enterPass(
  page: Awaited<ReturnType<typeof aPerson>>['page'],
  { name, code }: { name: string; code: string },
) {
  await atStep(page, 'identify');
  await page.fill('input[name=username]', name);
  await page.click('#use-pass');
  await atStep(page, 'verify');
  await page.fill('input[name=code]', code.match(/.{4}/g)!.join(' ').toLowerCase());
  await page.click('#continue');
}

test('a joiner goes from the app through pass, passkey and first use back into the app', async () => {
  const joiner = await aJoiner();
  const { page, passkeys, complaints } = await aPerson();
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  expect(await claims(page)).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'] });
  expect(await passkeys()).toHaveLength(1);
  expect(complaints).toEqual([]);
});

test('the same person comes back with autofill, and in another sign-in with the button', async () => {
  const joiner = await aJoiner();
  const person = await aPerson();
  const { page, context } = person;
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);

  // The virtual authenticator answers the conditional request at once: that is autofill accepted.
  await context.clearCookies();
  await page.goto(`${app.origin}/login`);
  await page.waitForURL(`${app.origin}/cb**`);
  expect(await claims(page)).toMatchObject({ acr: 'phr' });

  await context.clearCookies();
  await page.addInitScript(() => {
    // A browser without autofill for passkeys: the button alone.
    (
      window.PublicKeyCredential as unknown as { isConditionalMediationAvailable: unknown }
    ).isConditionalMediationAvailable = async () => false;
    (window.PublicKeyCredential as unknown as { getClientCapabilities: unknown }).getClientCapabilities = undefined;
  });
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  expect(await claims(page)).toMatchObject({ acr: 'phr' });
});

test('the keyboard alone completes the line', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson();
  const tabTo = async (selector: string) => {
    for (let i = 0; i < 30; i += 1) {
      if (await page.locator(selector).evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`The Tab key never reaches ${selector}.`);
  };
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await tabTo('input[name=username]');
  await page.keyboard.type(joiner.name);
  await tabTo('#use-pass');
  await page.keyboard.press('Enter');
  await atStep(page, 'verify');
  await tabTo('input[name=code]');
  await page.keyboard.type(joiner.code);
  await page.keyboard.press('Enter');
  await atStep(page, 'enrol');
  await tabTo('#create-passkey');
  await page.keyboard.press('Enter');
  await atStep(page, 'confirm');
  await tabTo('#use-passkey');
  await page.keyboard.press('Space');
  await page.waitForURL(`${app.origin}/cb**`);
});

test('a refused code says the one sentence, keeps nothing back, and the right one still works', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson();
  await page.goto(`${app.origin}/login`);
  await enterPass(page, { ...joiner, code: '2222222222222222' });
  await page.waitForSelector('#error-summary');
  expect(await page.locator('#error-summary').textContent()).toContain(
    'That did not work. Check it, or ask for a new one.',
  );
  expect(await page.title()).toMatch(/^Error: /);
  await page.fill('input[name=code]', joiner.code);
  await page.click('#continue');
  await atStep(page, 'enrol');
});

test('reload, back and a second tab at every step show where the sign-in stands', async () => {
  const joiner = await aJoiner();
  const person = await aPerson();
  const { page } = person;
  await page.goto(`${app.origin}/login`);
  await page.reload();
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  const address = page.url();
  await page.reload();
  await atStep(page, 'enrol');
  await page.goBack().catch(() => undefined);
  await page.goto(address);
  await atStep(page, 'enrol');
  const tab = await person.openTab();
  await tab.page.goto(address);
  await atStep(tab.page, 'enrol');
  await page.bringToFront(); // a tab in the background may not ask for passkeys
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await tab.page.bringToFront();
  // The second tab asks for options of a step that is over: it is loaded again and shows the new one.
  await tab.page.click('#create-passkey');
  await atStep(tab.page, 'confirm');
  await page.bringToFront();
  await page.reload();
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  await tab.page.reload();
  await atStep(tab.page, 'error');
  expect(await tab.page.locator('h1').textContent()).toBe('This sign-in has ended');
});

test('a cancelled prompt is told calmly and can be repeated', async () => {
  const joiner = await aJoiner();
  const { page, cdp, authenticatorId } = await aPerson();
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: authenticatorId!, isUserVerified: false });
  await page.click('#create-passkey');
  await page.waitForFunction(() => document.querySelector('[data-passkey-says]')?.textContent !== '');
  expect(await page.locator('[data-passkey-says]').textContent()).not.toMatch(/error/i);
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: authenticatorId!, isUserVerified: true });
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
});

test('a crashed tab is no loss: the app, the name and the same code lead on in the same browser', async () => {
  const joiner = await aJoiner();
  const person = await aPerson();
  await person.page.goto(`${app.origin}/login`);
  await enterPass(person.page, joiner);
  await atStep(person.page, 'enrol');
  const tab = await person.openTab();
  await person.page.close();
  await tab.page.goto(`${app.origin}/login`);
  await enterPass(tab.page, joiner);
  await atStep(tab.page, 'enrol');

  const stranger = await aPerson();
  await stranger.page.goto(`${app.origin}/login`);
  await enterPass(stranger.page, joiner);
  await stranger.page.waitForSelector('#error-summary');
});

test('a browser without passkeys is told so where one would be made', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson({ authenticator: false });
  await page.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'));
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  await page.waitForSelector('text=This browser cannot make passkeys');
  expect(await page.locator('#create-passkey').isVisible()).toBe(false);
});

test('without script the pass is entered all the same, and the page says what is missing', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson({ javaScriptEnabled: false, authenticator: false });
  await page.goto(`${app.origin}/login`);
  await page.fill('input[name=username]', joiner.name);
  await page.click('#use-pass');
  await page.fill('input[name=code]', joiner.code);
  await page.click('#continue');
  await page.waitForSelector('main[data-step=enrol]');
  expect(await page.locator('main').innerText()).toContain('JavaScript');
});

test('an ended window says what to do and begins anew', async () => {
  const joiner = await aJoiner();
  const { page } = await aPerson();
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  await house.base
    .knex('sign_ins')
    .update({ window_ends_at: new Date(Date.now() - 1000) })
    .where({ user_name: joiner.name });
  await page.click('#create-passkey');
  await atStep(page, 'error');
  expect(await page.locator('h1').textContent()).toBe('The time to create a passkey is over');
  await page.click('#continue');
  await atStep(page, 'identify');
});

test('cancel takes the person back to the app, which is told', async () => {
  const { page } = await aPerson({ authenticator: false });
  await page.goto(`${app.origin}/login`);
  await atStep(page, 'identify');
  await page.click('#cancel');
  await page.waitForURL(`${app.origin}/cb**`);
  expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
});

test('my security info: see, add, name, and sign out', async () => {
  const joiner = await aJoiner();
  const person = await aPerson();
  const { page, cdp, authenticatorId, complaints } = person;
  await page.goto(house.issuer);
  await enterPass(page, joiner);
  await atStep(page, 'enrol');
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${house.issuer}/security-info**`);
  await atStep(page, 'security-info');
  expect(await page.locator('main').innerText()).toContain(joiner.name);

  // The same authenticator again is no second passkey.
  await page.click('#create-passkey');
  await page.waitForSelector('text=This device already has a passkey for your account.');

  await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: authenticatorId! });
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
  await page.click('#create-passkey');
  await page.waitForSelector('text=Passkey added.');
  const form = page.locator('form[action$="/name"]').last();
  await form
    .locator('xpath=ancestor-or-self::details')
    .first()
    .evaluate((element) => element.setAttribute('open', ''))
    .catch(() => undefined);
  await form.locator('input[name=name]').fill('Key on my ring');
  await form.locator('button[type=submit]').click();
  await page.waitForSelector('text=Name saved.');
  expect(await page.locator('main').innerText()).toContain('Key on my ring');

  await page.click('#sign-out');
  await atStep(page, 'logout');
  await page.click('#confirm-logout');
  await atStep(page, 'logged-out');
  await page.goto(`${house.issuer}/security-info`);
  await page.waitForURL(`${house.issuer}/sign-in/**`);
  expect(complaints).toEqual([]);
});

test('the app signs the person out by way of our page, and gets them back', async () => {
  const joiner = await aJoiner();
  const { page, complaints } = await aPerson();
  await page.goto(`${app.origin}/login`);
  await enterPass(page, joiner);
  await page.click('#create-passkey');
  await atStep(page, 'confirm');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  await page.goto((await app.logoutUrl()).href);
  await atStep(page, 'logout');
  await page.click('#confirm-logout');
  await page.waitForURL(`${app.origin}/signed-out**`);
  expect(complaints).toEqual([]);
});
