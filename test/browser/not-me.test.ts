import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startDelivery } from '../../src/mail/delivery.ts';
import { smtpTo } from '../../src/mail/smtp.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { atStep, launchChromium, newPerson } from '../support/chromium.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type MailServer, startMailServer } from '../support/mails.ts';
import { passPolicy } from '../support/makers.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

/** Lines that go around a pass, in a real browser: the mail that tells of it, and what it does not suffice for. */

let chromium: Browser;
let house: TestHouse;
let server: MailServer;
let app: RelyingParty;
beforeAll(async () => {
  chromium = await launchChromium();
  server = await startMailServer();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  house = await startHouse({ LATCHKEY_SMTP_URL: server.url, LATCHKEY_MAIL_FROM: 'id@latchkey.example' });
  await house.seed({
    clients: [{ client_id: 'app', client_name: 'Payroll', client_secret: 'secret', redirect_uris: [app.redirectUri] }],
  });
  await passPolicy(house, { purpose: 'signIn' });
});
afterAll(async () => {
  await chromium?.close();
  await app?.close();
  await server?.close();
  await house?.close();
});

test.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])(
  'a mail arrives, its link is opened and changes nothing, its button stops the pass and the page says so: %o',
  async ({ javaScriptEnabled }) => {
    const user = `reader-${javaScriptEnabled}@example.com`;
    const mail = `home-${javaScriptEnabled}@example.com`;
    const { id } = await house.work((work) =>
      createUser(work, { userPrincipalName: user, displayName: 'Reader', mail }),
    );
    await house.pass(user);
    const log = pino({ level: 'silent' });
    const delivery = startDelivery({ run: house.base.run, send: smtpTo(house.base.config.mail!), log, everyMs: 100 });
    onTestFinished(() => delivery.stop());
    await expect.poll(() => server.mails.filter(({ recipient }) => recipient === mail).length).toBe(1);
    const { link } = server.mails.find(({ recipient }) => recipient === mail)!;

    const person = await newPerson(chromium, { javaScriptEnabled });
    onTestFinished(() => person.close());
    const { page, complaints } = person;
    const state = async () => ({
      ended: (await house.base.knex('temporary_access_passes').where('user_id', '=', id).first())!.end_reason,
      events: (await house.base.knex('audit_events').where('user_id', '=', id)).length,
    });
    const before = await state();
    expect(before.ended).toBeNull();
    for (let times = 0; times < 2; times += 1) {
      await page.goto(link!.href);
      await atStep(page, 'not-me');
      expect(await page.locator('main').innerText()).toContain(user);
    }
    expect(await state()).toEqual(before);

    await page.click('#stop');
    await atStep(page, 'stopped');
    expect(await page.locator('main').innerText()).toContain(messages.stopped.next);
    const after = await state();
    expect(after.ended).not.toBeNull();
    expect(after.events).toBeGreaterThan(before.events);
    await page.reload();
    await atStep(page, 'stopped');
    expect(await state()).toEqual(after);
    expect(complaints).toEqual([]);
  },
);

test('app, pass, app; where a passkey is asked for the page says there is none, and the way to one leads back', async () => {
  const user = 'guest@example.com';
  await house.user(user);
  const code = await house.pass(user, { purpose: 'signIn' });
  const person = await newPerson(chromium);
  onTestFinished(() => person.close());
  const { page, complaints } = person;
  await page.goto(`${app.origin}/login`);
  await page.fill('input[name=username]', user);
  await page.click('#use-pass');
  await page.fill('input[name=code]', code);
  await page.click('#continue');
  await page.waitForURL(`${app.origin}/cb**`);
  const claims = async () => JSON.parse((await page.locator('#claims').textContent())!) as object;
  expect(await claims()).toMatchObject({ acr: `${house.issuer}/acr/2f`, amr: [`${house.issuer}/amr/pass`] });

  await page.goto(`${app.origin}/login?acr_values=phr`);
  await atStep(page, 'verify');
  expect(await page.locator('h1').innerText()).toBe(messages.verify.noneYet);
  expect(await page.locator('#use-passkey').count()).toBe(0);
  await page.click('#add-passkey');
  await atStep(page, 'security-info');
  await page.click('#create-passkey');
  await page.getByText(messages.securityInfo.notices.added).waitFor();
  await page.goto(`${app.origin}/login?acr_values=phr`);
  await atStep(page, 'verify');
  await page.click('#use-passkey');
  await page.waitForURL(`${app.origin}/cb**`);
  expect(await claims()).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'] });
  expect(complaints).toEqual([]);
});
