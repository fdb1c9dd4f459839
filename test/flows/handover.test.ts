import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { currentPass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { passState } from '../../src/methods/temporary-access-pass/pass.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { createPasskey, usePasskey } from '../support/person.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

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

/** What a person without script does with a code and the page of a link. */
async function byHand(username: string, code: string, browser = newBrowser()) {
  await browser.visit(`${house.issuer}/pass`);
  const page = await browser.click('continue', { username, code });
  return { browser, page };
}

const stateOf = (name: string) =>
  house.work(async (work) => passState((await currentPass(work, name)).pass!, work.now));

test('without script the page takes name and code, and the sign-in stands where the script would have brought it', async () => {
  const name = aName('byhand');
  await house.user(name);
  const code = await house.pass(name);
  const { browser, page } = await byHand(name, code.toLowerCase().replace(/.{4}/g, '$& '));
  expect([page.step, new URL(page.url).search, new URL(page.url).hash]).toEqual(['enrol', '', '']);
  expect(new URL(page.url).pathname).toMatch(/^\/sign-in\/[\w-]+$/);
  expect(await stateOf(name)).toBe('inRegistration');
  const held = JSON.stringify([browser.cookies.all, await everythingKept()]);
  expect(held).toContain(name);
  expect(held).not.toContain(code);

  const authenticator = newAuthenticator();
  await createPasskey(browser, authenticator);
  expect((await usePasskey(browser, authenticator)).step).toBe('security-info');
});

test('a pass that signs in does so from the form', async () => {
  await passPolicy(house, { purpose: 'signIn' });
  const name = aName('guest');
  await house.user(name);
  const { page } = await byHand(name, await house.pass(name, { purpose: 'signIn' }));
  expect([page.step, page.text.includes(name)]).toEqual(['security-info', true]);
});

test('a wrong code, a name nobody has, no code and no name are answered as at any sign-in', async () => {
  const name = aName('wrong');
  await house.user(name);
  const code = await house.pass(name);
  for (const [username, typed] of [
    [name, '2222333344445555'],
    [aName('nobody'), code],
    [name, ''],
  ] as const) {
    const { page } = await byHand(username, typed);
    expect([page.step, page.text.includes(messages.errors.refused), page.text.includes(username)]).toEqual([
      'verify',
      true,
      true,
    ]);
  }
  const { page } = await byHand(' ', code);
  expect([page.step, page.text.includes(messages.errors.emptyName)]).toEqual(['identify', true]);
  expect(await stateOf(name)).toBe('active');
  expect(await house.base.knex('audit_events').where({ type: 'sign-in.refused', reason: 'wrong_code' })).not.toEqual(
    [],
  );
});

test('whoever is signed in as somebody else reads so, and the pass is not touched', async () => {
  const [boss, name] = [aName('boss'), aName('joiner')];
  await house.user(boss);
  await house.user(name);
  const { browser } = await byHand(boss, await house.pass(boss));
  const authenticator = newAuthenticator();
  await createPasskey(browser, authenticator);
  await usePasskey(browser, authenticator);
  const { page } = await byHand(name, await house.pass(name), browser);
  expect(page.text).toContain(`You are signed in as ${boss}. This pass is for ${name}.`);
  expect(await stateOf(name)).toBe('active');
});

test('another site cannot send the form, and a browser without our cookie is told what is missing', async () => {
  const name = aName('guarded');
  await house.user(name);
  const code = await house.pass(name);
  const signIns = async () => Number((await house.base.knex('sign_ins').count('* as n').first())!.n);
  const before = await signIns();
  const page = await fetch(`${house.issuer}/pass`);
  const cookie = page.headers
    .getSetCookie()
    .map((set) => set.split(';')[0])
    .join('; ');
  const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())![1]!;
  const post = (fields: Record<string, string>, headers: Record<string, string>) =>
    fetch(`${house.issuer}/pass`, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ username: name, code, ...fields }),
    });
  const own = { 'sec-fetch-site': 'same-origin', cookie };
  expect((await post({ csrf }, { ...own, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await post({}, own)).status).toBe(403);
  expect((await post({ csrf: csrf.replace(/.$/, '_') }, own)).status).toBe(403);
  const blocked = await post({ csrf }, { 'sec-fetch-site': 'same-origin' });
  expect([blocked.status, (await blocked.text()).includes(messages.problems.cookiesBlocked.title)]).toEqual([
    403,
    true,
  ]);
  expect([await stateOf(name), await signIns()]).toEqual(['active', before]);
  const taken = await post({ csrf }, own);
  expect([taken.status, taken.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/sign-in\/[\w-]+$/)]);
});

async function everythingKept() {
  const tables = ['sign_ins', 'oidc_artifacts', 'oidc_sessions', 'audit_events'];
  return Promise.all(tables.map((table) => house.base.knex(table).select()));
}

test('the page names nobody and begins nothing: it is the same whoever asks, but for its tokens', async () => {
  const rows = async () => Number((await house.base.knex('sign_ins').count('* as n').first())!.n);
  const before = await rows();
  const pages = await Promise.all(
    ['/pass', '/pass?user=boss@example.com&code=2222333344445555'].map((path) =>
      newBrowser().visit(`${house.issuer}${path}`),
    ),
  );
  const [bare, asked] = pages.map(({ html }) => html.replaceAll(/(state=|name="csrf" value=")[\w-]+/g, '$1'));
  expect(asked).toBe(bare);
  expect(await rows()).toBe(before);
  // A session of another user must not answer in place of the pass.
  expect(bare).toContain('prompt=login');
});

test.each(['PUT', 'DELETE'])('%s is a 405, and what lies below is a 404', async (method) => {
  expect((await fetch(`${house.issuer}/pass`, { method })).status).toBe(405);
  expect((await fetch(`${house.issuer}/pass/x`)).status).toBe(404);
});
