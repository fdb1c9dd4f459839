import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { inspect } from 'node:util';

import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { passCommands } from '../../src/cli/passes.ts';
import { addToGroup, ensureGroup } from '../../src/groups/manage-groups.ts';
import { makeLog } from '../../src/log.ts';
import { startDelivery } from '../../src/mail/delivery.ts';
import { smtpTo } from '../../src/mail/smtp.ts';
import { decideApproval } from '../../src/methods/temporary-access-pass/approvals/manage-approvals.ts';
import { loadSigningKeys } from '../../src/oidc/signing-keys.ts';
import { type House, wire } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { openTestBase, type TestBase, testMasterKey } from '../support/house.ts';
import { queuedMails, startMailServer } from '../support/mails.ts';
import { passPolicy } from '../support/makers.ts';
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
let log: ReturnType<typeof makeLog>;
interface Answered {
  readonly asked: string;
  readonly status: number;
  readonly text: string;
}
/** Every answer of the server, with its headers but for its cookies. */
const answers: Answered[] = [];
/** What stood in any table at any of the moments looked at. */
let stored = '';
/** By what it is; filled as the flow brings them up. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  const port = await freePort();
  issuer = `http://localhost:${port}`;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: appSecret });
  house = await openTestBase({ PORT: String(port), LATCHKEY_ISSUER: issuer });
  log = makeLog('trace');
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
  server = createServer((req, res) => {
    keepAnswer(`${req.method} ${new URL(req.url!, issuer).pathname}`, res);
    served.handler(req, res);
  }).listen(port, 'localhost');
  await new Promise((resolve) => server.once('listening', resolve));
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: appSecret, redirect_uris: [app.redirectUri] },
      {
        client_id: 'hr',
        client_secret: hrSecret,
        grant_types: ['client_credentials'],
        app_roles: ['UserAuthenticationMethod.ReadWrite.All', 'AuditLog.Read.All'],
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

function keepAnswer(asked: string, res: ServerResponse): void {
  const chunks: Buffer[] = [];
  for (const method of ['write', 'end'] as const) {
    const through = res[method].bind(res) as (...said: unknown[]) => never;
    res[method] = (...said: unknown[]) => {
      if (typeof said[0] === 'string' || said[0] instanceof Uint8Array) chunks.push(Buffer.from(said[0]));
      return through(...said);
    };
  }
  res.on('finish', () => {
    const { 'set-cookie': _, ...headers } = res.getHeaders();
    const { statusCode: status } = res;
    answers.push({ asked, status, text: Buffer.concat(chunks).toString() });
    answers.push({ asked: `headers of ${asked}:`, status, text: JSON.stringify(headers) });
  });
}

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

/** The places where a secret of a pass is meant to be: the one answer, the tokens' own, the pages of a mail's link. */
const isPlaceOf = (what: string, { asked, status }: Answered): boolean => {
  if (what.includes('code ')) return asked.endsWith('/temporaryAccessPassMethods') && status === 201;
  if (what.includes('token ')) return asked === 'POST /token';
  return what.includes('link ') && /(GET|POST) \/not-me:?$/.test(asked); // its button leads back to it
};

test('codes, tokens and links of everything that becomes of passes stand in their own places and in no other', async () => {
  const [name, passes] = [
    'canary@example.com',
    '/v1.0/users/canary@example.com/authentication/temporaryAccessPassMethods',
  ];
  const canaries: string[] = [];
  const keep = (what: string, secret: string) => {
    secrets.set(what, secret);
    canaries.push(what);
  };
  const keepCode = (when: string, code: string) => {
    keep(`the code ${when}`, code);
    keep(`the code ${when}, in groups`, inGroups(code));
    keep(`the code ${when}, in its link`, `code=${code}`);
  };
  const answersBefore = answers.length;
  const mailServer = await startMailServer();
  const send = smtpTo({ url: mailServer.url, from: 'id@latchkey.example' } as never);
  const delivery = startDelivery({ run: house.base.run, send, log, everyMs: 3_600_000 });
  await house.seed({ users: [{ userPrincipalName: name, mail: 'canary@home.example' }] });
  const { id } = await house.base.knex('users').where('user_principal_name', '=', name).first();
  const group = await house.work((work) => ensureGroup(work, 'Watched'));
  await passPolicy(house, {
    purpose: 'signIn',
    isUsableOnce: false,
    requireApprovalFor: [{ targetType: 'group', id: group.id }],
  });

  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${issuer}/management/.default` });
  const basic = { authorization: `Basic ${Buffer.from(`hr:${hrSecret}`).toString('base64')}` };
  const { access_token } = (await (
    await fetch(`${issuer}/token`, { method: 'POST', body, headers: basic })
  ).json()) as {
    access_token: string;
  };
  keep('the token of the API', access_token);
  type Json = Record<string, never> & {
    id: string;
    temporaryAccessPass: string;
    error: { innerError: { approvalId: string } };
  };
  const call = async (method: string, path: string, sent?: object): Promise<Json> => {
    const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
    const answer = await fetch(issuer + path, { method, headers, ...(sent && { body: JSON.stringify(sent) }) });
    return JSON.parse((await answer.text()) || '{}') as Json;
  };

  // Given by an application, read, extended, replaced, taken away; and what cannot be.
  const first = await call('POST', passes, { reason: 'first day' });
  keepCode('replaced', first.temporaryAccessPass);
  await call('GET', passes);
  await call('GET', `${passes}/${first.id}`);
  await call('POST', `${passes}/${first.id}/extend`, { lifetimeInMinutes: 120 });
  await call('POST', `${passes}/${first.id}/extend`, { lifetimeInMinutes: 60 });
  await call('POST', passes, { lifetimeInMinutes: 1 });
  // What it is not asked for it does not read, and a code is never one's own choice.
  const chosen = await call('POST', passes, { temporaryAccessPass: first.temporaryAccessPass });
  keepCode('not chosen', chosen.temporaryAccessPass);
  const second = await call('POST', passes);
  keepCode('revoked', second.temporaryAccessPass);
  await call('DELETE', `${passes}/${first.id}`);
  await call('DELETE', `${passes}/${second.id}`);

  // On the command line: printed, once each way, and logged nowhere.
  const { databaseUrl } = house.base.config;
  for (const [variable, value] of Object.entries({
    DATABASE_URL: databaseUrl!,
    LATCHKEY_MASTER_KEY: testMasterKey,
    LATCHKEY_ISSUER: issuer,
  })) {
    vi.stubEnv(variable, value);
  }
  const before = logged.length;
  await passCommands['pass issue']!([name], {});
  const printed = logged.slice(before);
  const code = /Code: (\S+)/.exec(printed)![1]!;
  const plain = code.replaceAll('-', '');
  expect([printed.split(code).length, printed.split(plain).length]).toEqual([2, 2]);
  logged = logged.slice(0, before) + printed.replace(code, '').replace(plain, '');
  keepCode('of the command line', plain);
  const listedFrom = logged.length;
  for (const command of ['pass list', 'pass history'] as const)
    await passCommands[command]?.(command === 'pass list' ? [] : [name], {});
  expect(logged.slice(listedFrom)).toContain(name);
  vi.unstubAllEnvs();

  // By its link, entered wrong and right, in two browsers; a passkey; the pass after it signs in.
  await newBrowser().visit(`${issuer}/pass#user=${name}&code=${plain}`);
  const [browser, other] = [newBrowser({ stopAt: app.redirectUri }), newBrowser({ stopAt: app.redirectUri })];
  await browser.visit(await app.authorizationUrl());
  await enterPass(browser, name, plain.split('').reverse().join(''));
  keepCode('turned around', plain.split('').reverse().join(''));
  await browser.submit({ formWith: 'code', fields: { code: code.toLowerCase() } });
  await other.visit(await app.authorizationUrl());
  await enterPass(other, name, plain);
  await look('canary at enrol');
  const authenticator = newAuthenticator();
  await createPasskey(browser, authenticator);
  const registered = await app.exchange((await usePasskey(browser, authenticator)).callback);
  keep('the token of the app', registered.tokens.access_token);
  const third = await call('POST', passes, { purpose: 'signIn', isUsableOnce: false });
  keepCode('that signs in', third.temporaryAccessPass);
  const guest = newBrowser({ stopAt: app.redirectUri });
  await guest.visit(await app.authorizationUrl());
  const signedIn = await app.exchange((await enterPass(guest, name, third.temporaryAccessPass)).callback);
  keep('the token of the guest', signedIn.tokens.access_token);
  await guest.visit(`${issuer}/security-info`);
  await look('canary signed in');

  // With a second administrator's word.
  await house.work((work) => addToGroup(work, group, id));
  const { error } = await call('POST', passes);
  await house.work((work) => decideApproval(work, error.innerError.approvalId, 'approved'));
  const approved = await call('POST', passes);
  keepCode('approved', approved.temporaryAccessPass);

  // Told by mail, and said not to have been the person.
  await delivery.round();
  await delivery.stop();
  expect(mailServer.mails.length).toBeGreaterThan(5);
  const { link } = mailServer.mails.at(-1)!;
  keep('the link of the mail', link!.searchParams.get('token')!);
  const owner = newBrowser();
  await owner.visit(link!);
  await owner.submit();
  await call('GET', `/v1.0/users/${name}/authentication/passHistory`);
  for (const log of ['directoryAudits', 'signIns']) await call('GET', `/v1.0/auditLogs/${log}?$top=999`);
  await call('GET', '/v1.0/policies/passApprovals');
  await look('canary contained');
  await mailServer.close();
  await passPolicy(house, {});

  expect(leaksIn(logged)).toEqual([]);
  expect(leaksIn(stored)).toEqual([]);
  const mails = mailServer.mails.map((mail) => JSON.stringify({ ...mail, link: undefined })).join('\n');
  expect(leaksIn(mails).filter((what) => canaries.includes(what) && what !== 'the link of the mail')).toEqual([]);
  const addresses = [browser, other, guest].flatMap(({ history }) => history.map(({ url }) => url)).join('\n');
  expect(leaksIn(addresses).filter((what) => canaries.includes(what))).toEqual([]);
  const leaked = answers.slice(answersBefore).flatMap((answer) =>
    leaksIn(answer.text)
      .filter((what) => canaries.includes(what) && !isPlaceOf(what, answer))
      .map((what) => `${what}: ${answer.asked} ${answer.status}`),
  );
  expect(leaked).toEqual([]);

  // The search is no use unless it finds what is there.
  const found = new Set(answers.slice(answersBefore).flatMap(({ text }) => leaksIn(text)));
  for (const what of ['the code replaced', 'the code approved', 'the token of the API', 'the link of the mail']) {
    expect(found).toContain(what);
  }
  expect(answers.some(({ asked, text }) => asked.includes('directoryAudits') && text.includes(second.id))).toBe(true);
  expect(answers.some(({ asked, text }) => asked.includes('passHistory') && text.includes(first.id))).toBe(true);
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
