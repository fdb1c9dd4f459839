import { afterAll, beforeAll, expect, test } from 'vitest';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

/** What somebody whom nobody knows can have written down, on the real provider. */

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: ['http://localhost:4000/cb'] }],
  });
});
afterAll(() => house?.close());

test('an address that passkeys are refused at is told by a page of ours alone, and answered with a reference', async () => {
  const stranger = await fetch(`${house.issuer}/passkey-fault`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(stranger.status).toBe(403);
  expect(await stranger.json()).toMatchObject({ error: { code: 'forbidden' } });
  const browser = newBrowser();
  await browser.visit(`${house.issuer}/security-info`);
  const told = await browser.postJson('/passkey-fault', {});
  expect(told.json()).toEqual({ reference: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});

test('codes that never were, sent thirty times in a minute, are recorded ten times', async () => {
  const headers = { authorization: `Basic ${btoa('app:app-secret')}` };
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code: 'x'.repeat(43),
    redirect_uri: 'http://localhost:4000/cb',
  });
  for (let times = 0; times < 30; times += 1) {
    const answer = await fetch(`${house.issuer}/token`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ error: 'invalid_grant' });
  }
  const recorded = async () => (await house.base.knex('audit_events').where('type', '=', 'token.refused')).length;
  await expect.poll(recorded).toBeGreaterThan(5);
  // Two minutes may have seen them.
  expect(await recorded()).toBeLessThanOrEqual(20);
});
