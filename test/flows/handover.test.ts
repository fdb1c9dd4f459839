import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

type Json = Record<string, unknown>;

/** The page of a hand-over link, as the server gives it. What its script does with it is in test/browser/pass-link.test.ts. */

let house: TestHouse;
let bearer: { authorization: string };
beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'hr',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthMethod-TAP.ReadWrite.All'],
      },
    ],
  });
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa('hr:secret')}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  bearer = { authorization: `Bearer ${((await answer.json()) as { access_token: string }).access_token}` };
});
afterAll(() => house?.close());

async function call(method: string, path: string): Promise<{ status: number; text: string; body: Json }> {
  const answer = await fetch(new URL(path, house.issuer), { method, headers: bearer });
  const text = await answer.text();
  return { status: answer.status, text, body: text ? JSON.parse(text) : {} };
}

test('the link is in the answer that makes the pass and in no other, and carries name and code in its fragment', async () => {
  const name = 'o’brien+1@example.com';
  const { id } = await house.user(name);
  const passes = `/v1.0/users/${id}/authentication/temporaryAccessPassMethods`;
  const made = await call('POST', passes);
  expect(made.status).toBe(201);
  const link = new URL(made.body.handoverUrl as string);
  expect([link.origin, link.pathname, link.search]).toEqual([house.issuer, '/pass', '']);
  expect([...new URLSearchParams(link.hash.slice(1))]).toEqual([
    ['user', name],
    ['code', made.body.temporaryAccessPass],
  ]);
  const others = [
    await call('GET', passes),
    await call('GET', `${passes}/${made.body.id}`),
    await call('DELETE', `${passes}/${made.body.id}`),
    await call('GET', `/v1.0/users/${id}/authentication/passHistory`),
  ];
  for (const { text } of others) {
    expect(text).not.toContain('handoverUrl');
    expect(text).not.toContain(made.body.temporaryAccessPass);
  }
  const events = JSON.stringify(await house.base.knex('audit_events').select());
  expect(events).not.toContain(made.body.temporaryAccessPass);
});

test('the page is a 200 that nobody keeps, with the headers of every page and one script of its own', async () => {
  const browser = newBrowser();
  const page = await browser.visit(`${house.issuer}/pass#user=joiner%40example.com&code=22223333444455556`);
  expect([page.status, page.step]).toEqual([200, 'pass']);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'content-security-policy': expect.stringContaining("script-src 'self'"),
  });
  expect(page.findAll('script').map(({ attributes }) => attributes.src)).toEqual([
    expect.stringMatching(/^\/assets\/[\w-]{12}\/pass\.js$/),
  ]);
  const script = await browser.request(page.find('script')!.attributes.src!);
  expect(script.text).toBe(readFileSync('src/http/assets/pass.js', 'utf8'));
});

test('without script it says where the code is entered, and the way there leads to signing in', async () => {
  const browser = newBrowser();
  const page = await browser.visit(`${house.issuer}/pass`);
  expect(page.find('noscript')).not.toBeNull();
  expect(page.text).toContain(messages.passLink.byHand);
  expect(page.find('[data-pass-given]')!.attributes).toHaveProperty('hidden');
  expect((await browser.click('sign-in')).step).toBe('identify');
});

test('the page names nobody and begins nothing: it is the same whoever asks, but for the state of the sign-in it may begin', async () => {
  const rows = async () => Number((await house.base.knex('sign_ins').count('* as n').first())!.n);
  const before = await rows();
  const pages = await Promise.all(
    ['/pass', '/pass?user=boss@example.com&code=2222333344445555'].map((path) =>
      newBrowser().visit(`${house.issuer}${path}`),
    ),
  );
  const [bare, asked] = pages.map(({ html }) => html.replaceAll(/state=[\w-]+/g, 'state='));
  expect(asked).toBe(bare);
  expect(await rows()).toBe(before);
  for (const { headers } of pages) expect(headers['set-cookie']).toBeUndefined();
  // A session of another user must not answer in place of the pass.
  expect(bare).toContain('prompt=login');
});

test.each(['POST', 'PUT', 'DELETE'])('%s is a 405, and what lies below is a 404', async (method) => {
  expect((await fetch(`${house.issuer}/pass`, { method })).status).toBe(405);
  expect((await fetch(`${house.issuer}/pass/x`)).status).toBe(404);
});
