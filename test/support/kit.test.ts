import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type WebAuthnCredential,
} from '@simplewebauthn/server';
import Provider from 'oidc-provider';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import {
  atStep,
  axe,
  carryPasskeys,
  hasSidewaysScroll,
  launchChromium,
  newPerson,
  type PersonOptions,
} from './chromium.ts';
import { newBrowser } from './cookie-browser.ts';
import { freePort, processesIn, runProcess, startProcess, tempDirectory } from './process.ts';
import { startRelyingParty } from './relying-party.ts';

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface ToyAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly html?: string;
}

/** Answers from the table, 404 otherwise, and remembers what it was asked. */
async function toyServer(
  answers: Readonly<Record<string, ToyAnswer | ((seen: Seen) => ToyAnswer | Promise<ToyAnswer>)>>,
) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://toy');
    const asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await bodyOf(request),
    };
    if (pathname !== '/favicon.ico') seen.push(asked);
    const found = answers[pathname] ?? { status: 404, html: 'Not found' };
    const { status = 200, headers, html = '' } = typeof found === 'function' ? await found(asked) : found;
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(html);
  }).listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, seen };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const redirect = (location: string, status = 302): ToyAnswer => ({ status, headers: { location } });

describe('the cookie browser', () => {
  test('keeps a cookie by host and path, until it expires or is taken back', async () => {
    let now = new Date('2026-11-21T12:00:00Z');
    const { origin, seen } = await toyServer({
      '/set': {
        headers: {
          'set-cookie': [
            'a=1; Path=/; HttpOnly',
            'deep=2; Path=/set/deep',
            'hour=3; Path=/; Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
            'gone=4; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
            '__Host-s=5; Path=/; Secure',
            'here=6',
          ],
        },
      },
      '/sets': {},
      '/set/deep/er': {},
      '/unset': { headers: { 'set-cookie': 'a=; Path=/; Max-Age=0' } },
    });
    const browser = newBrowser({ now: () => now });
    const cookieAt = async (path: string, host = origin): Promise<unknown> => {
      await browser.visit(`${host}${path}`);
      return seen.at(-1)?.headers.cookie;
    };
    await browser.visit(`${origin}/set`);
    expect(browser.cookies.get('a')).toMatchObject({ httpOnly: true, secure: false, sameSite: 'Lax', expiresAt: null });
    expect(await cookieAt('/sets')).toBe('a=1; hour=3; __Host-s=5; here=6');
    expect(await cookieAt('/set/deep/er')).toBe('deep=2; a=1; hour=3; __Host-s=5; here=6');
    expect(await cookieAt('/sets', origin.replace('localhost', 'app.localhost'))).toBeUndefined();
    now = new Date('2026-11-21T13:00:00Z');
    await browser.visit(`${origin}/unset`);
    expect(await cookieAt('/sets')).toBe('__Host-s=5; here=6');
    browser.cookies.restart();
    expect(await cookieAt('/sets')).toBeUndefined();
  });

  test.each([
    ['Secure over plain http', 'http://idp.example/', 's=1; Secure', 'Secure needs https'],
    ['__Host- below a path', 'http://localhost/', '__Host-s=1; Secure; Path=/x', '__Host- needs'],
    ['__Secure- without Secure', 'http://localhost/', '__Secure-s=1', '__Secure- needs Secure'],
    ['SameSite=None without Secure', 'http://localhost/', 's=1; SameSite=None', 'SameSite=None needs Secure'],
    ['for another host', 'https://app.example/', 's=1; Domain=idp.example', 'app.example may not set it'],
    ['of more than 4096 bytes', 'https://app.example/', `s=${'x'.repeat(5000)}`, 'longer than 4096'],
  ])('keeps no cookie %s, and says why', (_, url, header, why) => {
    const { cookies } = newBrowser();
    cookies.store(new URL(url), [header]);
    expect(cookies.all).toEqual([]);
    expect(cookies.refused[0]).toContain(why);
  });

  test('withholds SameSite cookies from another site, and Lax ones from its POST only', async () => {
    const { origin, seen } = await toyServer({
      '/set': { headers: { 'set-cookie': ['lax=1', 'strict=2; SameSite=Strict', 'none=3; SameSite=None; Secure'] } },
      '/form': { html: '<form method=post action=/post><button>Go</button></form>' },
      '/post': redirect('/landed', 303),
      '/landed': {},
    });
    const browser = newBrowser();
    await browser.visit(`${origin}/set`);
    await browser.visit(`${origin}/landed`, { from: 'http://evil.example/' });
    expect(seen.at(-1)?.headers).toMatchObject({ cookie: 'lax=1; none=3', 'sec-fetch-site': 'cross-site' });
    await browser.visit(`${origin}/form`);
    await browser.submit({ from: 'http://evil.example/' });
    expect(seen.at(-2)?.headers).toMatchObject({
      cookie: 'none=3',
      origin: 'http://evil.example',
      'sec-fetch-site': 'cross-site',
    });
    expect(seen.at(-1)?.headers).toMatchObject({ cookie: 'lax=1; none=3', 'sec-fetch-site': 'cross-site' });
    await browser.visit(`${origin}/form`);
    await browser.submit();
    expect(seen.at(-2)?.headers.cookie).toBe('lax=1; strict=2; none=3');
  });

  test('goes through redirects and refresh pages until the page comes to rest', async () => {
    const { origin } = await toyServer({
      '/': redirect('/one'),
      '/one': redirect('two?x=1', 303),
      '/two': { html: `<!doctype html><META http-equiv=Refresh content="0; URL='/rest?a=1&amp;b=2'"><p>On your way` },
      '/rest': { html: '<title>At &quot;rest&quot;</title><main data-step=wait><h1>Here</h1>you <b>are</b></main>' },
    });
    const browser = newBrowser();
    const page = await browser.visit(`${origin}/#kept`);
    expect(page).toMatchObject({
      url: `${origin}/rest?a=1&b=2`,
      status: 200,
      step: 'wait',
      title: 'At "rest"',
      text: 'Here you are',
    });
    expect(browser.history.map(({ url, status }) => [new URL(url).pathname, new URL(url).hash, status])).toEqual([
      ['/', '#kept', 302],
      ['/one', '#kept', 303],
      ['/two', '#kept', 200],
      ['/rest', '', 200],
    ]);
  });

  test('leaves a page that refreshes later alone, and gives up on one that never rests', async () => {
    const { origin } = await toyServer({
      '/later': { html: '<meta http-equiv="refresh" content="5">' },
      '/never': redirect('/never'),
    });
    const browser = newBrowser();
    expect((await browser.visit(`${origin}/later`)).refresh).toEqual({ seconds: 5, url: `${origin}/later` });
    await expect(browser.visit(`${origin}/never`)).rejects.toThrow('did not come to rest');
  });

  test('stops at the relying party and at a native application, fetching neither', async () => {
    const { origin } = await toyServer({
      '/back': redirect('http://localhost:9/cb?code=1'),
      '/app': redirect('com.example.app:/cb?code=2'),
      '/stay': { html: '<main data-step="error">No</main>' },
    });
    const browser = newBrowser({ stopAt: 'http://localhost:9/cb' });
    const page = await browser.visit(`${origin}/back#secret`);
    expect(page).toMatchObject({ isCallback: true, status: 0, step: null });
    expect(page.callback.href).toBe('http://localhost:9/cb?code=1#secret');
    expect((await browser.visit(`${origin}/app`)).callback.searchParams.get('code')).toBe('2');
    const stays = await browser.visit(`${origin}/stay`);
    expect(() => stays.callback).toThrow(/It is at .*\/stay \(200\), step error, and reads: No/);
  });

  const formPage = `<!doctype html><html lang=en><body>
    <form id=search action=/search><input name=q></form>
    <form id=main method=post action="/post?a=1">
      <input type=hidden name=token value="a&quot;b&#39;c">
      <input name=username value="old&#10;er" required><input name=later disabled value=no>
      <input type=checkbox name=remember> <input type=checkbox name=both value=1 checked> <input type=checkbox name=both value=2>
      <input type=radio name=kind value=a checked><input type=radio name=kind value=b>
      <select name=hours><option value=1>One<option selected>Two<option value=8>Eight</select>
      <textarea name=note>\nline one\nline &lt;two&gt;</textarea>
      <fieldset disabled><input name=fieldset value=no></fieldset>
      <button id=continue name=go value=on>Continue</button>
      <button id=other name=go value=other formaction=/other formnovalidate>Other <span>ways</span></button>
      <button id=key type=submit hidden>Use a passkey</button><button type=button id=nothing>Nothing</button>
    </form>
    <input name=outside form=main value=in><template><form><input name=ghost></form></template>
    <a id=away href="/rest?x=1&amp;y=2">Away</a> <script>var s = "<form id=fake>";</script></body></html>`;

  async function aForm() {
    const toy = await toyServer({ '/form': { html: formPage }, '/post': {}, '/other': {}, '/search': {}, '/rest': {} });
    const browser = newBrowser();
    await browser.visit(`${toy.origin}/form`);
    return { ...toy, browser };
  }

  test('posts a form as a browser does: hidden fields, defaults, what was entered, and the button clicked', async () => {
    const { browser, seen, origin } = await aForm();
    expect(browser.page.forms.map(({ id }) => id)).toEqual(['search', 'main']);
    expect(browser.page.form('username').fields).toMatchObject({ token: `a"b'c`, username: 'older', outside: 'in' });
    await browser.submit({
      formWith: 'username',
      fields: { username: 'joiner é', remember: true, both: ['1', '2'], kind: 'b', hours: '8' },
    });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', path: '/post?a=1' });
    expect([...new URLSearchParams(seen.at(-1)?.body)]).toEqual([
      ['token', `a"b'c`],
      ['username', 'joiner é'],
      ['remember', 'on'],
      ['both', '1'],
      ['both', '2'],
      ['kind', 'b'],
      ['hours', '8'],
      ['note', 'line one\r\nline <two>'],
      ['go', 'on'],
      ['outside', 'in'],
    ]);
    expect(seen.at(-1)?.headers).toMatchObject({
      origin,
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    });
  });

  test('clicks a button by id or words, a link, and puts a GET form into the address', async () => {
    const { browser, seen, origin } = await aForm();
    await browser.click('Other ways');
    expect(seen.at(-1)).toMatchObject({ path: '/other', body: expect.stringContaining('go=other') });
    await browser.visit(`${origin}/form`);
    await browser.click('away');
    expect(seen.at(-1)?.path).toBe('/rest?x=1&y=2');
    await browser.visit(`${origin}/form`);
    await browser.submit({ formWith: 'q', fields: { q: 'a b' } });
    expect(seen.at(-1)).toMatchObject({ method: 'GET', path: '/search?q=a+b' });
  });

  test('does nothing a person could not do, but for `override`', async () => {
    const { browser, seen } = await aForm();
    await expect(browser.submit({ formWith: 'main', fields: { token: 'x' } })).rejects.toThrow('cannot fill "token"');
    await expect(browser.submit({ formWith: 'main', fields: { hours: '9' } })).rejects.toThrow('does not offer "9"');
    await expect(browser.submit({ formWith: 'main', fields: { username: '' } })).rejects.toThrow(
      'would not submit "username" empty',
    );
    await expect(browser.click('key')).rejects.toThrow('"key" is hidden without script');
    await expect(browser.click('nothing')).rejects.toThrow('does nothing without script');
    await expect(browser.submit({ formWith: 'ghost' })).rejects.toThrow('There is not one form with "ghost"');
    expect(seen).toHaveLength(1);
    await browser.submit({ formWith: 'main', button: null, override: { token: 'forged', username: null, extra: '1' } });
    const sent = new URLSearchParams(seen.at(-1)?.body);
    expect([sent.get('token'), sent.get('username'), sent.get('extra'), sent.get('go')]).toEqual([
      'forged',
      null,
      '1',
      null,
    ]);
  });

  test('uploads a file', async () => {
    const { origin, seen } = await toyServer({
      '/': {
        html: '<form method=post enctype=multipart/form-data action=/up><input type=file name=csv><button>Up</button></form>',
      },
      '/up': {},
    });
    const browser = newBrowser();
    await browser.visit(origin);
    await browser.submit({ fields: { csv: new File(['name\nann'], 'people.csv', { type: 'text/csv' }) } });
    expect(seen.at(-1)?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(seen.at(-1)?.body).toContain('filename="people.csv"\r\nContent-Type: text/csv\r\n\r\nname\nann');
  });

  test('posts JSON as a script of the page, with the token of the page', async () => {
    const { origin, seen } = await toyServer({
      '/page': { html: '<main data-step=enrol data-csrf="t&amp;1" data-options=\'{"challenge":"x"}\'></main>' },
      '/json': redirect('/answer', 303),
      '/answer': { headers: { 'content-type': 'application/json' }, html: '{"ok":true}' },
    });
    const browser = newBrowser();
    const page = await browser.visit(`${origin}/page`);
    expect(JSON.parse(page.find('main[data-step="enrol"]')?.attributes['data-options'] ?? '')).toEqual({
      challenge: 'x',
    });
    const answer = await browser.postJson('/json', { a: 1 });
    expect(answer.json()).toEqual({ ok: true });
    expect(seen.at(-2)).toMatchObject({ method: 'POST', body: '{"a":1}' });
    expect(seen.at(-2)?.headers).toMatchObject({
      'x-csrf': 't&1',
      origin,
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
    });
    expect(browser.page).toBe(page);
    expect(await browser.postJson('/json', {}, { redirect: 'manual' })).toMatchObject({ status: 303 });
  });
});

describe('Chromium', () => {
  let chromium: Browser;
  beforeAll(async () => {
    chromium = await launchChromium();
  }, 30_000);
  afterAll(() => chromium?.close());

  async function aPerson(options: PersonOptions = {}) {
    const person = await newPerson(chromium, options);
    onTestFinished(() => person.close());
    return person;
  }

  test.each(['', 'no-referrer', 'same-origin'])(
    'and the cookie browser send the same headers under the referrer policy "%s"',
    async (policy) => {
      const headers: Record<string, string> = policy ? { 'referrer-policy': policy } : {};
      const html =
        '<meta charset=utf-8><form method=post action=/post><input name=a value="é *~!"><button id=go name=b value=1>Go</button></form>' +
        '<a id=away href=/hop>Away</a><a id=bounce href=/bounce>There and back</a>';
      const other = await toyServer({
        '/arrived': {},
        '/back': ({ path }) => redirect(new URL(path, 'http://toy').searchParams.get('to') ?? ''),
      });
      const { origin, seen } = await toyServer({
        '/set': {
          html,
          headers: {
            ...headers,
            'set-cookie': [
              '__Host-a=1; Path=/; Secure',
              'b=2; Path=/post',
              'c=3; SameSite=Strict',
              'd=4; SameSite=None; Secure',
            ],
          },
        },
        '/post': { status: 303, headers: { ...headers, location: '/landed' } },
        '/landed': { html, headers },
        '/json': { headers },
        '/refresh': { html: '<meta http-equiv=refresh content="0;url=/landed">', headers },
        '/hop': { status: 302, headers: { ...headers, location: `${other.origin}/arrived` } },
        '/bounce': ({ headers: { host } }) => redirect(`${other.origin}/back?to=http://${host}/bounced`),
        '/bounced': {},
      });
      const person = await aPerson();
      await person.page.goto(`${origin}/set`);
      await person.page.click('#go');
      await person.page.waitForURL('**/landed');
      await person.page.evaluate(() =>
        fetch('/json', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json' },
          body: '{}',
        }),
      );
      await person.page.goto(`${origin}/refresh`);
      await person.page.waitForURL('**/landed');
      await person.page.click('#away');
      await person.page.waitForURL('**/arrived');
      await person.page.goto(`${origin}/landed`);
      await person.page.click('#bounce');
      await person.page.waitForURL('**/bounced');
      const byChromium = [...seen.splice(0), ...other.seen.splice(0)];

      const browser = newBrowser();
      await browser.visit(`${origin}/set`);
      await browser.click('go');
      await browser.postJson('/json', {});
      await browser.visit(`${origin}/refresh`);
      await browser.click('away');
      await browser.visit(`${origin}/landed`);
      await browser.click('bounce');
      const byUs = [...seen, ...other.seen];

      const names = [
        'sec-fetch-site',
        'sec-fetch-mode',
        'sec-fetch-dest',
        'sec-fetch-user',
        'origin',
        'referer',
        'cookie',
        'content-type',
      ];
      const essence = ({ method, path, headers, body }: Seen) => [
        method,
        path,
        body,
        ...names.map((name) => `${name}: ${headers[name]}`),
      ];
      expect(byUs.map(essence)).toEqual(byChromium.map(essence));
      // Worth knowing for whoever checks Origin: under no-referrer a form says "null" even to its own origin.
      expect(byUs.find(({ path }) => path === '/post')?.headers.origin).toBe(
        policy === 'no-referrer' ? 'null' : origin,
      );
    },
    30_000,
  );

  test('registers a passkey and signs in with it, in a second tab too', async () => {
    const { origin } = await passkeyServer();
    const person = await aPerson();
    await person.page.goto(origin);
    await atStep(person.page, 'enrol');
    expect(await person.passkeys()).toEqual([]);
    await person.page.click('#create-passkey');
    await atStep(person.page, 'confirm');
    expect(await person.passkeys()).toMatchObject([
      { rpId: 'localhost', userName: 'joiner@example.com', signCount: 1 },
    ]);
    await person.page.click('#use-passkey');
    await atStep(person.page, 'complete');

    const second = await person.openTab();
    await second.page.goto(`${origin}/#confirm`);
    await second.page.click('#use-passkey');
    await atStep(second.page, 'complete');
    await carryPasskeys(second, person);
    expect(await person.passkeys()).toMatchObject([{ signCount: 3 }]);
    expect([...person.complaints, ...second.complaints]).toEqual([]);
  }, 30_000);

  test('without an authenticator, or with a finger it does not know, refuses at once or in time', async () => {
    const { origin } = await passkeyServer();
    const stranger = await aPerson({ authenticator: { isUserVerified: false } });
    await stranger.page.goto(origin);
    await stranger.page.click('#create-passkey');
    await stranger.page.locator('#problem', { hasText: 'NotAllowedError' }).waitFor();
    const nobody = await aPerson({ authenticator: false });
    expect(await nobody.passkeys()).toEqual([]);
    await nobody.page.goto(origin);
    await expect(atStep(nobody.page, 'confirm', 300)).rejects.toThrow(/step enrol, and reads: Passkeys/);
  }, 30_000);

  test('axe names what is wrong, and finds nothing on a good page', async () => {
    const { origin } = await toyServer({
      '/bad': { html: '<html><body><img src=x><input name=code><div style="width:3000px">wide</div></body></html>' },
      '/good': {
        html: '<!doctype html><html lang=en><head><title>Good</title></head><body><main><h1>Good</h1><label>Code <input name=code></label></main></body></html>',
      },
    });
    const { page } = await aPerson({ viewport: { width: 320, height: 640 }, colorScheme: 'dark' });
    await page.goto(`${origin}/good`);
    expect(await axe(page)).toEqual([]);
    expect(await hasSidewaysScroll(page)).toBe(false);
    await page.goto(`${origin}/bad`);
    const found = (await axe(page)).join('\n');
    for (const rule of ['label (critical)', 'image-alt', 'html-has-lang', 'document-title'])
      expect(found).toContain(rule);
    expect(await hasSidewaysScroll(page)).toBe(true);
  }, 30_000);

  test('without script: locators work, axe is refused instead of hanging', async () => {
    const { origin } = await passkeyServer();
    const { page } = await aPerson({ javaScriptEnabled: false });
    await page.goto(origin);
    await atStep(page, 'enrol');
    expect(await hasSidewaysScroll(page)).toBe(false);
    await expect(axe(page)).rejects.toThrow('axe hangs in a page without script');
  }, 30_000);

  test('a call that hangs becomes a failure', async () => {
    const { page, cdp } = await aPerson({ patienceMs: 300 });
    const forever = 'new Promise(() => {})';
    await expect(page.evaluate(forever)).rejects.toThrow(`evaluate(${forever}) took more than 600 ms`);
    const asked = { expression: forever, awaitPromise: true };
    await expect(cdp.send('Runtime.evaluate', asked)).rejects.toThrow('send(Runtime.evaluate) took more than 600 ms');
  }, 30_000);
});

test('a machine without Chromium is told so, and its tests fail', async () => {
  const script = `import { launchChromium } from ${JSON.stringify(new URL('./chromium.ts', import.meta.url).href)}; await launchChromium();`;
  const env = { LATCHKEY_CHROMIUM: '/nowhere/chromium' };
  const { code, stderr } = await runProcess(process.execPath, ['--input-type=module', '-e', script], { env });
  expect(code).toBe(1);
  expect(stderr).toContain('The browser tests need Chromium, and there is none at /nowhere/chromium.');
}, 20_000);

/** One page that goes from enrol to confirm to complete, with @simplewebauthn on both sides. */
async function passkeyServer() {
  const bundle = readFileSync(
    new URL('../../node_modules/@simplewebauthn/browser/dist/bundle/index.umd.min.js', import.meta.url),
  );
  let challenge = '';
  let credential: WebAuthnCredential | undefined;
  const json = (value: unknown): ToyAnswer => ({
    headers: { 'content-type': 'application/json' },
    html: JSON.stringify(value),
  });
  const expected = (origin: unknown) => ({
    expectedChallenge: challenge,
    expectedOrigin: `http://${origin}`,
    expectedRPID: 'localhost',
  });
  const script = `
    const { startRegistration, startAuthentication } = SimpleWebAuthnBrowser;
    const main = document.querySelector('main');
    const ask = async (path, body) => (await fetch(path, { method: 'POST', body: JSON.stringify(body ?? {}) })).json();
    const go = async (what, start, next) => {
      try {
        const answer = await start({ optionsJSON: await ask('/' + what + '/options') });
        if ((await ask('/' + what, answer)).verified) main.dataset.step = next;
      } catch (error) { document.querySelector('#problem').textContent = error.name; }
    };
    if (location.hash) main.dataset.step = location.hash.slice(1);
    document.querySelector('#create-passkey').onclick = () => go('register', startRegistration, 'confirm');
    document.querySelector('#use-passkey').onclick = () => go('sign-in', startAuthentication, 'complete');`;
  return toyServer({
    '/': {
      html: `<!doctype html><html lang=en><link rel=icon href="data:,"><title>Passkeys</title><main data-step=enrol><h1>Passkeys</h1><p id=problem></p>
        <button id=create-passkey>Create</button><button id=use-passkey>Use</button></main>
        <script src=/bundle.js></script><script src=/page.js></script></html>`,
    },
    '/bundle.js': { headers: { 'content-type': 'text/javascript' }, html: bundle.toString() },
    '/page.js': { headers: { 'content-type': 'text/javascript' }, html: script },
    '/register/options': async () => {
      const authenticatorSelection = { residentKey: 'required', userVerification: 'required' } as const;
      const userName = 'joiner@example.com';
      const options = await generateRegistrationOptions({
        rpName: 'Toy',
        rpID: 'localhost',
        userName,
        authenticatorSelection,
      });
      challenge = options.challenge;
      return json(options);
    },
    '/register': async ({ body, headers }) => {
      const answer = await verifyRegistrationResponse({ response: JSON.parse(body), ...expected(headers.host) });
      credential = answer.registrationInfo?.credential;
      return json({ verified: answer.verified });
    },
    '/sign-in/options': async () => {
      const options = await generateAuthenticationOptions({ rpID: 'localhost', userVerification: 'required' });
      challenge = options.challenge;
      return json(options);
    },
    '/sign-in': async ({ body, headers }) => {
      const held = credential as WebAuthnCredential;
      const answer = await verifyAuthenticationResponse({
        response: JSON.parse(body),
        credential: held,
        ...expected(headers.host),
      });
      credential = { ...held, counter: answer.authenticationInfo.newCounter };
      return json({ verified: answer.verified });
    },
  });
}

describe('the relying party', () => {
  // oidc-provider advises against its own development settings.
  beforeEach(() => {
    for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockImplementation(() => {});
    onTestFinished(() => void vi.restoreAllMocks());
  });

  /** oidc-provider as it comes, with its development pages: anybody may sign in. */
  async function aProvider(clients: object[]) {
    const server = createServer().listen(await freePort(), 'localhost');
    await once(server, 'listening');
    const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
    const features = { devInteractions: { enabled: true } };
    const provider = new Provider(issuer, { clients, features, cookies: { keys: ['toy'] } } as ConstructorParameters<
      typeof Provider
    >[1]);
    server.on('request', provider.callback());
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return issuer;
  }

  test('is there before its provider, signs in through a browser, refreshes and asks for userinfo', async () => {
    let issuer = '';
    const secret = 'a secret of the toy';
    const rp = await startRelyingParty({
      issuer: () => issuer,
      clientId: 'toy',
      clientSecret: secret,
      scope: 'openid offline_access',
    });
    onTestFinished(() => rp.close());
    const { redirectUri, postLogoutRedirectUri } = rp;
    const grants = { grant_types: ['authorization_code', 'refresh_token'] };
    const uris = { redirect_uris: [redirectUri], post_logout_redirect_uris: [postLogoutRedirectUri] };
    issuer = await aProvider([{ client_id: 'toy', client_secret: secret, ...grants, ...uris }]);

    const browser = newBrowser({ stopAt: redirectUri });
    await browser.visit(await rp.authorizationUrl({ prompt: 'consent', max_age: '600' }));
    await browser.submit({ formWith: 'login', fields: { login: 'ann', password: 'any' } });
    const { callback } = await browser.submit();
    const { tokens, claims } = await rp.exchange(callback);
    expect(claims).toMatchObject({ sub: 'ann', aud: 'toy', iss: issuer, auth_time: expect.any(Number) });
    expect(await rp.userinfo(tokens.access_token, 'ann')).toMatchObject({ sub: 'ann' });
    await expect(rp.userinfo(tokens.access_token, 'bob')).rejects.toThrow();
    expect(await rp.refresh(tokens.refresh_token ?? '')).toMatchObject({ id_token: expect.any(String) });
    await expect(rp.exchange(callback)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(rp.exchange(`${redirectUri}?code=1&state=forged`)).rejects.toThrow('no request with the state');
    expect(rp.callbacks).toEqual([]);

    const onPages = newBrowser();
    onPages.cookies.put(browser.cookies.get('_session')!);
    onPages.cookies.put(browser.cookies.get('_session.sig')!);
    await onPages.visit(rp.origin);
    await onPages.click('login'); // the replay above ended the grant: consent is asked for again
    const signedIn = await onPages.submit();
    expect(JSON.parse(signedIn.find('#claims')?.text ?? '')).toMatchObject({ sub: 'ann' });
    await onPages.visit(await rp.logoutUrl(tokens.id_token));
    expect((await onPages.click('Yes, sign me out')).find('#signed-out')?.text).toBe('Signed out.');
    const refused = await onPages.visit(`${rp.origin}/login?prompt=none`);
    expect(JSON.parse(refused.find('#error')?.text ?? '')).toMatchObject({ error: 'login_required' });
    expect(rp.callbacks).toHaveLength(2);
  });

  test('can say its request as a form, and be a public client', async () => {
    const rp = await startRelyingParty({ issuer: () => issuer, clientId: 'spa', params: { acr_values: 'x' } });
    onTestFinished(() => rp.close());
    const issuer: string = await aProvider([
      { client_id: 'spa', redirect_uris: [rp.redirectUri], token_endpoint_auth_method: 'none' },
    ]);
    const { action, fields } = await rp.authorizationForm({ login_hint: 'ann' });
    expect(action).toBe(`${issuer}/auth`);
    expect(fields).toMatchObject({
      client_id: 'spa',
      response_type: 'code',
      acr_values: 'x',
      login_hint: 'ann',
      code_challenge_method: 'S256',
    });
    const browser = newBrowser({ stopAt: rp.redirectUri });
    await browser.visit(`${action}?${new URLSearchParams(fields)}`);
    await browser.submit({ formWith: 'login', fields: { login: 'ann', password: 'any' } });
    const { claims } = await rp.exchange((await browser.submit()).callback);
    expect(claims.sub).toBe('ann');
  });
});

describe('a process', () => {
  const node = (script: string) => [process.execPath, ['-e', script]] as const;

  test('is ready when it says so, and ends by the signal it is sent', async () => {
    const running = await startProcess(
      ...node(`console.error('starting'); console.log('listening on ' + process.env.PORT, process.env.VITEST); setInterval(() => {}, 1000);
        process.on('SIGTERM', () => { console.log('bye'); process.exit(3); })`),
      { env: { PORT: '4711' }, readyWhen: /listening on (\d+) (\w+)/ },
    );
    expect(running.ready?.slice(1)).toEqual(['4711', 'undefined']);
    expect(await running.kill()).toEqual({ code: 3, signal: null });
    expect(running.stdout()).toContain('bye');
    expect(running.stderr()).toContain('starting');
    const other = await startProcess(...node('setInterval(() => {}, 1000)'));
    expect(await other.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('that ends too early, is too slow or does not exist fails with what it said', async () => {
    const readyWhen = /ready/;
    await expect(startProcess(...node(`console.error('no database'); process.exit(1)`), { readyWhen })).rejects.toThrow(
      /ended \(exit code 1\) without saying \/ready\/.*no database/s,
    );
    await expect(startProcess(...node('setInterval(() => {}, 1000)'), { readyWhen, timeoutMs: 200 })).rejects.toThrow(
      'had 200 ms',
    );
    await expect(startProcess('/nowhere/latchkey', [])).rejects.toThrow('ENOENT');
    const slow = runProcess(...node(`console.error('thinking'); setInterval(() => {}, 1000)`), { timeoutMs: 500 });
    await expect(slow).rejects.toThrow(/for more than 500 ms.*thinking/s);
  });

  test('run to its end gives its exit code and all of its output', async () => {
    const answer = await runProcess(...node(`process.stdout.write('x'.repeat(300000)); process.exitCode = 78`));
    expect(answer).toMatchObject({ code: 78, stderr: '' });
    expect(answer.stdout).toHaveLength(300_000);
  });

  const left: { directory: string; pids: number[] } = { directory: '', pids: [] };

  test('and its children, in its group or in its directory, are there during the test', async () => {
    left.directory = tempDirectory();
    const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
    const child = (options: object) =>
      `require('node:child_process').spawn(process.execPath, ['-e', '${stubborn}'], ${JSON.stringify(options)}).pid`;
    const inGroup = child({ cwd: '/', stdio: 'inherit' });
    const inDirectory = child({ detached: true, stdio: 'inherit' });
    const running = await startProcess(
      ...node(`console.log('pids', ${inGroup}, ${inDirectory}, '.'); setInterval(() => {}, 1000)`),
      { cwd: left.directory, readyWhen: /pids (\d+) (\d+) \./ },
    );
    const [group = 0, directory = 0] = (running.ready ?? []).slice(1).map(Number);
    left.pids.push(running.pid, group, directory);
    writeFileSync(join(left.directory, 'file'), '');
    expect(processesIn(left.directory).toSorted()).toEqual([running.pid, directory].toSorted());
    await running.kill('SIGKILL');
    expect([group, directory].filter(isAlive)).toHaveLength(2);
  });

  test('but not after it, and neither is the directory', async () => {
    await expect.poll(() => left.pids.filter(isAlive)).toEqual([]);
    expect(existsSync(left.directory)).toBe(false);
  });

  test('does not survive the runner that started it', async () => {
    const runner = `
      import { startProcess } from ${JSON.stringify(new URL('./process.ts', import.meta.url).href)};
      const { pid } = await startProcess(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      console.log('pid', pid, '.');
      setInterval(() => {}, 1000);`;
    const running = await startProcess(process.execPath, ['--input-type=module', '-e', runner], {
      readyWhen: /pid (\d+) \./,
    });
    const grandchild = Number(running.ready?.[1]);
    expect(isAlive(grandchild)).toBe(true);
    await running.kill('SIGKILL');
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  }, 20_000);

  test('gets a port that nobody else was given', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, freePort));
    expect(new Set(ports).size).toBe(50);
  });

  function isAlive(pid: number): boolean {
    try {
      // A zombie that its reaper has not collected yet is not alive.
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
    } catch {
      return false;
    }
  }
});
