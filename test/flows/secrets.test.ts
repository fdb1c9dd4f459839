import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { inspect } from 'node:util';

import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { makeLog } from '../../src/log.ts';
import { loadSigningKeys } from '../../src/oidc/signing-keys.ts';
import { type House, wire } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { openTestBase, type TestBase, testMasterKey } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { createPasskey, enterPass, identifyWithPass, usePasskey } from '../support/person.ts';
import { freePort } from '../support/process.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

const joiner = 'joiner@example.com';
const appSecret = `app-${randomBytes(12).toString('hex')}`;
const hrSecret = `hr-${randomBytes(12).toString('hex')}`;

let issuer: string;
let house: TestBase;
let served: House;
let server: Server;
let app: RelyingParty;
/** Everything that was written on any log, at the most talkative level. */
let logged = '';
/** What stood in any table at any of the moments looked at. */
let stored = '';
/** By what it is; filled as the flow brings them up. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  const port = await freePort();
  issuer = `http://localhost:${port}`;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: appSecret });
  house = await openTestBase({ PORT: String(port), LATCHKEY_ISSUER: issuer });
  const log = makeLog('trace');
  // The product's own logger with its own redaction; only the place it writes to is ours.
  const write = (line: string): void => {
    logged += line;
  };
  Object.assign(log, { [pino.symbols.streamSym]: { write } });
  for (const method of ['debug', 'error', 'info', 'log', 'warn'] as const) {
    vi.spyOn(console, method).mockImplementation((...said: unknown[]) => write(`${inspect(said)}\n`));
  }
  for (const stream of [process.stdout, process.stderr]) {
    const through = stream.write.bind(stream) as (...chunk: unknown[]) => boolean;
    vi.spyOn(stream, 'write').mockImplementation((...chunk: unknown[]) => {
      write(String(chunk[0]));
      return through(...chunk);
    });
  }
  served = await wire(house.base, log);
  server = createServer(served.handler).listen(port, 'localhost');
  await new Promise((resolve) => server.once('listening', resolve));
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: appSecret, redirect_uris: [app.redirectUri] },
      {
        client_id: 'hr',
        client_secret: hrSecret,
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
      },
    ],
    users: [{ userPrincipalName: joiner, mail: 'joiner@home.example' }],
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await app?.close();
  server?.closeAllConnections();
  server?.close();
  await served?.db.close();
  await house?.close();
});

/** All rows of all tables as PostgreSQL prints them; bytes in hex. */
async function dump(): Promise<string> {
  const { rows: tables } = await house.base.knex.raw<{ rows: { table_name: string }[] }>(
    `select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const texts = await Promise.all(
    tables.map(async ({ table_name }) => {
      const { rows } = await house.base.knex.raw<{ rows: { row: string }[] }>(`select t::text as row from ?? t`, [
        table_name,
      ]);
      return rows.map(({ row }) => `${table_name}: ${row}`).join('\n');
    }),
  );
  return texts.join('\n');
}

/** As it is, in hex, and in base64: the ways in which one may stand in a text. Case is not looked at. */
function spellings(secret: string): string[] {
  const asText = [secret, secret.toLowerCase()].map((it) => Buffer.from(it));
  const decoded = Buffer.from(secret, 'base64url');
  return [
    secret,
    ...asText.flatMap((it) => [it.toString('hex'), it.toString('base64').replace(/=+$/, ''), it.toString('base64url')]),
    ...(decoded.length >= 12 ? [decoded.toString('hex')] : []),
  ];
}

const leaksIn = (text: string): string[] => {
  const lower = text.toLowerCase();
  return [...secrets]
    .filter(([, secret]) => spellings(secret).some((spelt) => lower.includes(spelt.toLowerCase())))
    .map(([what]) => what);
};

const keepCookies = (browser: CookieBrowser, when: string): void => {
  for (const { name, value } of browser.cookies.all) {
    // The id of a sign-in stands in its address; it is worth nothing without its signature and the browser's cookie.
    if (name !== 'latchkey_interaction' && name !== 'latchkey_resume') secrets.set(`cookie ${name} ${when}`, value);
  }
};

const inGroups = (code: string): string => code.match(/.{1,4}/g)!.join('-');

/** What people choose or a short code can be tried against a plain digest: those must not be stored as one. */
function fastDigestsIn(text: string): string[] {
  const guessable = [...secrets].filter(([what]) => /pass|wrong code|secret/.test(what));
  return guessable.flatMap(([what, secret]) =>
    ['md5', 'sha1', 'sha256', 'sha512'].flatMap((algorithm) => {
      const digest = createHash(algorithm).update(secret).digest();
      const found = [digest.toString('hex'), digest.toString('base64url'), digest.toString('base64')].some((it) =>
        text.includes(it),
      );
      return found ? [`${what} as ${algorithm}`] : [];
    }),
  );
}

async function look(when: string, browser?: CookieBrowser): Promise<void> {
  if (browser) keepCookies(browser, when);
  stored += `${await dump()}\n`;
}

test('a whole life of codes, tokens, cookies and secrets leaves none of them in a log or in a table', async () => {
  secrets.set("the app's secret", appSecret);
  secrets.set("the API client's secret", hrSecret);
  secrets.set('the master key', testMasterKey.replace(/=+$/, ''));
  for (const { alg, d } of await house.work(loadSigningKeys)) secrets.set(`the private key of ${alg}`, d!);

  // A pass, given by an application.
  const basic = Buffer.from(`hr:${hrSecret}`).toString('base64');
  secrets.set('the Authorization header', basic);
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${issuer}/management/.default` });
  const granted = await fetch(`${issuer}/token`, {
    method: 'POST',
    body,
    headers: { authorization: `Basic ${basic}` },
  });
  const { access_token: apiToken } = (await granted.json()) as { access_token: string };
  secrets.set("the API client's token", apiToken);
  const issued = await fetch(`${issuer}/v1.0/users/${joiner}/authentication/temporaryAccessPassMethods`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiToken}` },
  });
  const { temporaryAccessPass: code } = (await issued.json()) as { temporaryAccessPass: string };
  secrets.set('the pass', code);
  secrets.set('the pass in groups', inGroups(code));

  // The mail that tells of it, and its link, looked at.
  const [told] = await queuedMails(house);
  secrets.set('the link of a mail', told!.link!.searchParams.get('token')!);
  secrets.set('the text of a mail', told!.text);
  expect((await newBrowser().visit(told!.link!.href)).step).toBe('not-me');

  // A sign-in with it, first with a code that is wrong.
  const wrong = 'WRNGCDEFGHJKMNPQ';
  secrets.set('a wrong code', wrong);
  secrets.set('a wrong code in groups', inGroups(wrong));
  const browser = newBrowser({ stopAt: app.redirectUri });
  const authenticator = newAuthenticator();
  await browser.visit(await app.authorizationUrl({ scope: 'openid offline_access', prompt: 'consent' }));
  secrets.set('the csrf token', browser.page.csrf!);
  await enterPass(browser, joiner, inGroups(wrong));
  await browser.submit({ formWith: 'code', fields: { code: inGroups(code) } });
  await look('at enrol', browser);
  await createPasskey(browser, authenticator);
  await look('at confirm', browser);
  const { callback } = await usePasskey(browser, authenticator);
  secrets.set('the authorization code', callback.searchParams.get('code')!);
  await look('with a code', browser);

  // Tokens, used, used twice, revoked.
  const { tokens, claims } = await app.exchange(callback);
  secrets.set('the access token', tokens.access_token);
  secrets.set('the refresh token', tokens.refresh_token!);
  secrets.set('the signature of the ID token', tokens.id_token!.split('.')[2]!);
  await app.userinfo(tokens.access_token, claims.sub);
  const refreshed = await app.refresh(tokens.refresh_token!);
  secrets.set('the second refresh token', refreshed.refresh_token!);
  await look('with tokens');
  await expect(app.exchange(callback)).rejects.toThrow();
  await expect(app.refresh(tokens.refresh_token!)).rejects.toThrow();

  // A pushed request, and the way out.
  const fields = Object.fromEntries((await app.authorizationUrl({ prompt: 'login' })).searchParams);
  const pushed = await fetch(`${issuer}/request`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { authorization: `Basic ${Buffer.from(`app:${appSecret}`).toString('base64')}` },
  });
  const { request_uri } = (await pushed.json()) as { request_uri: string };
  secrets.set('the pushed request', request_uri.split(':').at(-1)!);
  await browser.visit(`${issuer}/auth?${new URLSearchParams({ client_id: 'app', request_uri })}`);
  expect(browser.page.step).toBe('verify');
  await look('with a pushed request', browser);
  await browser.visit(`${issuer}/session/end`);
  await browser.click('confirm-logout');
  await look('signed out', browser);

  expect(leaksIn(logged)).toEqual([]);
  expect(leaksIn(stored)).toEqual([]);
  expect(fastDigestsIn(stored)).toEqual([]);
  // A pushed request is meant to be named in an address, once.
  const addresses = browser.history.map(({ url }) => url).join('\n');
  expect(leaksIn(addresses)).toEqual(['the pushed request']);

  // The search is no use unless it finds what is there.
  expect(secrets.size).toBeGreaterThan(20);
  expect(logged).toContain(new URL(browser.history[1]!.url).pathname);
  for (const known of ['temporary_access_passes: (', 'oidc_sessions: (', 'oidc_grants: (', joiner, claims.sub]) {
    expect(stored).toContain(known);
  }
});

test('a code typed where the name belongs stays with that sign-in: not in the audit log, not in a counter, not in a log', async () => {
  const code = await house.pass(joiner);
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  await identifyWithPass(browser, inGroups(code));
  await browser.submit({ formWith: 'code', fields: { code } });
  await browser.click('not-you');
  await identifyWithPass(browser, joiner);
  secrets.set('a code typed as a name', code);
  secrets.set('a code typed as a name, in groups', inGroups(code));
  expect(leaksIn(logged)).toEqual([]);
  expect(leaksIn(await dump())).toEqual([]);
});

test.each(['audit_events', 'passkeys', 'temporary_access_passes', 'oidc_artifacts', 'sign_ins', 'throttle_counters'])(
  'a fault in the middle, with %s gone, is logged in full and without what was sent',
  async (table) => {
    const code = await house.pass(joiner);
    secrets.set(`the pass while ${table} was gone`, code);
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    await identifyWithPass(browser, joiner);
    const before = logged.length;
    await house.base.knex.raw('alter table ?? rename to gone', [table]);
    let page: Page;
    try {
      page = await browser.submit({ formWith: 'code', fields: { code } });
      const sent = new URLSearchParams({
        grant_type: 'authorization_code',
        code: `x-${code}`,
        redirect_uri: app.redirectUri,
      });
      await fetch(`${issuer}/token`, {
        method: 'POST',
        body: sent,
        headers: { authorization: `Basic ${Buffer.from(`app:${appSecret}`).toString('base64')}` },
      });
    } finally {
      await house.base.knex.raw('alter table gone rename to ??', [table]);
    }
    keepCookies(browser, `while ${table} was gone`);
    expect(logged.slice(before)).toContain(`\\"${table}\\" does not exist`);
    expect(leaksIn(logged)).toEqual([]);
    if (page.status < 500) return; // a fault of the protocol alone
    const reference = page.find('.reference code')!.text;
    expect(logged.slice(before)).toContain(reference);
    expect(page.html).not.toMatch(/select|insert|update|relation|knex|\.ts:/);
  },
);
