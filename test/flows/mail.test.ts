import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Delivery, startDelivery } from '../../src/mail/delivery.ts';
import { smtpTo } from '../../src/mail/smtp.ts';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { claimMail, listMail } from '../../src/notices/outbox.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type MailServer, type ReceivedMail, startMailServer } from '../support/mails.ts';
import { aName } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** From a change to a mail that a real SMTP server has taken, and from its link to the end of what an intruder had. */

const from = 'id@latchkey.example';
const say = messages.mails.notices;

let house: TestHouse;
let app: RelyingParty;
let server: MailServer;
let delivery: Delivery;
/** What the worker has said. */
let logged = '';
const log = pino(
  { level: 'trace' },
  {
    write(line: string) {
      logged += line;
    },
  },
);

beforeAll(async () => {
  server = await startMailServer();
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  house = await startHouse({ LATCHKEY_SMTP_URL: server.url, LATCHKEY_MAIL_FROM: `Latchkey <${from}>` });
  await house.seed({
    clients: [
      { client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await server?.close();
  await house?.close();
});

beforeEach(() => {
  logged = '';
  // Its rounds are driven by the tests.
  delivery = startDelivery({ run: house.base.run, send: smtpTo(house.base.config.mail!), log, everyMs: 3_600_000 });
});
afterEach(async () => {
  await delivery.stop();
  server.refuse = undefined;
});

async function aReader(): Promise<{ id: string; userName: string; mail: string }> {
  const [userName, mail] = [aName('reader'), aName('mail')];
  const { id } = await house.work((work) =>
    createUser(work, { userPrincipalName: userName, displayName: 'Reader', mail }),
  );
  return { id, userName, mail };
}

const toldTo = (mail: string): ReceivedMail[] => server.mails.filter(({ recipient }) => recipient === mail);
const listed = async (mail: string) =>
  (await house.work(listMail)).filter(({ recipient }) => recipient === mail).reverse();

/** An owner with a passkey from an hour ago, and an intruder who came by a pass, signed in at the app. */
async function intruded() {
  const owner = await aReader();
  const authenticator = newAuthenticator();
  house.clock.advance(-60);
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  await joinWithPass(browser, authenticator, owner.userName, await house.pass(owner.id));
  house.clock.advance(60);
  const intruder = newBrowser({ stopAt: app.redirectUri });
  const stolen = newAuthenticator();
  await intruder.visit(await app.authorizationUrl({ scope: 'openid offline_access', prompt: 'consent' }));
  const { callback } = await joinWithPass(intruder, stolen, owner.userName, await house.pass(owner.id));
  const { tokens, claims } = await app.exchange(callback);
  await delivery.round();
  return { owner: { ...owner, authenticator, browser }, intruder: { browser: intruder, stolen, tokens, claims } };
}

const lastLink = (mail: string): URL => toldTo(mail).at(-1)!.link!;

test('a life of a pass arrives as mails: given, entered, a passkey made, replaced, cancelled', async () => {
  const { id, userName, mail } = await aReader();
  const first = await house.pass(id);
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  await enterPass(browser, userName, first);
  await createPasskey(browser, newAuthenticator());
  const second = await house.pass(id);
  await house.work((work) => revokePass(work, { user: id }));
  await delivery.round();

  const mails = toldTo(mail);
  const kinds = ['passIssued', 'passUsed', 'passkeyAdded', 'passReplaced', 'passRevoked'] as const;
  expect(mails.map(({ subject }) => subject).sort()).toEqual(kinds.map((kind) => say[kind].subject).sort());
  for (const { text, link, headers, from: sender } of mails) {
    expect(sender).toBe(from);
    expect(headers.from).toBe(`Latchkey <${from}>`);
    expect(headers['auto-submitted']).toBe('auto-generated');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(headers['message-id']).toMatch(/^<[0-9a-f-]{36}@latchkey\.example>$/);
    expect(text).toContain(`Account: ${userName}\n`);
    expect(link!.origin).toBe(house.issuer);
    for (const code of [first, second]) {
      expect(text.replaceAll(/[\s-]/g, '')).not.toContain(code);
    }
  }
  expect(new Set(mails.map(({ headers }) => headers['message-id'])).size).toBe(5);
  expect(await listed(mail)).toMatchObject(
    Array.from({ length: 5 }, () => ({ state: 'sent', attempts: 1, lastError: null, dueAt: null })),
  );
  const bodies = await house.base.knex('mail_outbox').where('recipient', '=', mail).pluck('sealed_body');
  expect(bodies).toEqual([null, null, null, null, null]);
});

describe('the link of a mail', () => {
  const signedIn = async (browser: CookieBrowser): Promise<boolean> => {
    const page = await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
    return page.callback.searchParams.has('code');
  };

  test('shows and changes nothing; its button ends what the intruder has, and the owner stays', async () => {
    const { owner, intruder } = await intruded();
    const reader = newBrowser();
    for (const method of ['GET', 'HEAD', 'GET']) {
      expect((await fetch(lastLink(owner.mail), { method })).status).toBe(200);
    }
    const page = await reader.visit(lastLink(owner.mail).href);
    expect([page.status, page.step]).toEqual([200, 'not-me']);
    expect(page.text).toContain(owner.userName);
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.findAll('script')).toEqual([]);
    expect(await signedIn(intruder.browser)).toBe(true);

    const stopped = await reader.click('stop');
    expect([stopped.status, stopped.step]).toEqual([200, 'stopped']);
    expect(await signedIn(intruder.browser)).toBe(false);
    expect(await signedIn(owner.browser)).toBe(false);
    await expect(app.refresh(intruder.tokens.refresh_token!)).rejects.toThrow();
    await expect(app.userinfo(intruder.tokens.access_token, intruder.claims.sub)).rejects.toThrow();

    const again = newBrowser({ stopAt: app.redirectUri });
    await again.visit(await app.authorizationUrl());
    expect((await usePasskey(again, intruder.stolen)).step).toBe('identify');
    const home = newBrowser({ stopAt: app.redirectUri });
    await home.visit(await app.authorizationUrl());
    expect((await usePasskey(home, owner.authenticator)).callback.searchParams.has('code')).toBe(true);

    await delivery.round();
    expect(toldTo(owner.mail).at(-1)).toMatchObject({ subject: say.contained.subject, link: null });
  });

  test('also ends a sign-in that is finished and has not gone back to the app yet', async () => {
    const { owner, intruder } = await intruded();
    const waiting = newBrowser({ stopAt: `${house.issuer}/auth/` });
    await waiting.visit(await app.authorizationUrl());
    const resume = (await usePasskey(waiting, intruder.stolen)).callback;
    expect(resume.pathname).toMatch(/^\/auth\/[\w-]+$/);
    const reader = newBrowser();
    await reader.visit(lastLink(owner.mail).href);
    expect((await reader.click('stop')).step).toBe('stopped');
    const later = newBrowser({ stopAt: app.redirectUri });
    for (const cookie of waiting.cookies.all) later.cookies.put(cookie);
    expect((await later.visit(resume.href)).step).toBe('error');
  });

  test('pressed again says that it was done already, and a visit says when', async () => {
    const { owner } = await intruded();
    const [reader, other] = [newBrowser(), newBrowser()];
    const link = lastLink(owner.mail).href;
    await reader.visit(link);
    await other.visit(link);
    expect((await reader.click('stop')).text).not.toContain(messages.stopped.already);
    const page = await other.click('stop');
    expect([page.step, page.text]).toEqual(['stopped', expect.stringContaining(messages.stopped.already)]);
    expect((await newBrowser().visit(link)).step).toBe('stopped');
  });

  test.each(['', '?token=', '?token=x', `?token=${'a'.repeat(43)}`, '?token=a&token=b', '?token[]=a'])(
    '%j was never sent: one sentence, and what to do',
    async (query) => {
      const page = await newBrowser().visit(`${house.issuer}/not-me${query}`);
      expect([page.status, page.step]).toEqual([404, 'error']);
      expect(page.text).toContain(messages.problems.notMeEnded.sentences[0]);
    },
  );

  test('from too long ago says the same', async () => {
    const { owner } = await intruded();
    const reader = newBrowser();
    await reader.visit(lastLink(owner.mail).href);
    house.clock.advance(73 * 60);
    try {
      const page: Page = await reader.click('stop');
      expect([page.status, page.text]).toEqual([
        404,
        expect.stringContaining(messages.problems.notMeEnded.sentences[0]),
      ]);
    } finally {
      house.clock.advance(-73 * 60);
    }
  });

  test('acts for our own page alone', async () => {
    const { owner, intruder } = await intruded();
    const token = lastLink(owner.mail).searchParams.get('token')!;
    const send = (headers: Record<string, string>, more = {}) =>
      fetch(`${house.issuer}/not-me`, {
        method: 'POST',
        headers,
        body: new URLSearchParams({ token, ...more }),
        redirect: 'manual',
      });
    expect((await send({})).status).toBe(403);
    expect((await send({ origin: house.issuer })).status).toBe(403);
    expect((await send({ 'sec-fetch-site': 'cross-site' }, { csrf: 'x' })).status).toBe(403);
    expect((await fetch(`${house.issuer}/not-me?token=${token}`, { method: 'DELETE' })).status).toBe(405);
    expect(await signedIn(intruder.browser)).toBe(true);
  });
});

describe('delivery', () => {
  beforeEach(async () => {
    // What an earlier test has left is not its business.
    await house.base.knex('mail_outbox').where('state', '=', 'queued').delete();
  });

  test('to a mail server that is down waits, and arrives once it is up', async () => {
    const { id, mail } = await aReader();
    await house.pass(id);
    await server.down();
    try {
      expect(await delivery.round()).toBe(1);
      expect(await delivery.round()).toBe(0);
      const [waiting] = await listed(mail);
      expect(waiting).toMatchObject({ state: 'queued', attempts: 1, lastError: expect.stringMatching(/^[A-Z]+/) });
      expect(waiting!.dueAt!.getTime()).toBeGreaterThan((await house.work(async (work) => work.now)).getTime());
    } finally {
      await server.up();
    }
    house.clock.advance(1);
    expect(await delivery.round()).toBe(1);
    expect(toldTo(mail)).toHaveLength(1);
    expect(await listed(mail)).toMatchObject([{ state: 'sent', attempts: 2, lastError: null }]);
  });

  test('asks a mail server that is down once a round, not once a mail', async () => {
    const { id, mail } = await aReader();
    for (let n = 0; n < 3; n += 1) await house.pass(id);
    await server.down();
    try {
      expect(await delivery.round()).toBe(1);
    } finally {
      await server.up();
    }
    house.clock.advance(1);
    expect(await delivery.round()).toBe(3);
    expect(toldTo(mail)).toHaveLength(3);
  });

  test('gives up after a day, and keeps no body', async () => {
    const { id, mail } = await aReader();
    await house.pass(id);
    await server.down();
    let rounds = 0;
    let hours = 0;
    try {
      for (; hours < 30 && (await listed(mail))[0]!.state === 'queued'; hours += 0.25) {
        rounds += await delivery.round();
        house.clock.advance(15);
      }
    } finally {
      await server.up();
      house.clock.advance(-hours * 60);
    }
    const [given] = await listed(mail);
    expect(given).toMatchObject({ state: 'failed', lastError: expect.any(String), attempts: rounds });
    expect(hours).toBeGreaterThan(20);
    expect(hours).toBeLessThan(25);
    expect(rounds).toBeGreaterThan(15);
    expect(await house.base.knex('mail_outbox').where({ recipient: mail }).pluck('sealed_body')).toEqual([null]);
    expect(toldTo(mail)).toEqual([]);
  });

  test('tries again where a mailbox is busy, and not where there is none; a server’s words are not kept', async () => {
    const [busy, gone] = [await aReader(), await aReader()];
    server.refuse = { code: 450, words: 'later, about http://id.example/not-me?token=abc' };
    await house.pass(busy.id);
    await delivery.round();
    expect(await listed(busy.mail)).toMatchObject([{ state: 'queued', lastError: 'EENVELOPE 450 RCPT TO' }]);
    server.refuse = { code: 550, words: 'nobody, about http://id.example/not-me?token=abc' };
    await house.pass(gone.id);
    await delivery.round();
    expect(await listed(gone.mail)).toMatchObject([{ state: 'failed', lastError: 'EENVELOPE 550 RCPT TO' }]);
    server.refuse = undefined;
    house.clock.advance(1);
    await delivery.round();
    expect([toldTo(busy.mail).length, toldTo(gone.mail).length]).toEqual([1, 0]);
    expect(logged).toContain('EENVELOPE 550');
    expect(logged).not.toContain('token=');
  });

  test('by a node that was killed between claiming and sending is done by another once the lease is over', async () => {
    const { id, mail } = await aReader();
    await house.pass(id);
    expect(await house.work(claimMail)).toMatchObject({ recipient: mail, attempt: 1 });
    expect(await delivery.round()).toBe(0);
    house.clock.advance(3);
    expect(await delivery.round()).toBe(1);
    expect(toldTo(mail)).toHaveLength(1);
    expect(await listed(mail)).toMatchObject([{ state: 'sent', attempts: 2 }]);
  });

  test('by two nodes at once brings each mail once', async () => {
    const readers = await Promise.all(Array.from({ length: 6 }, () => aReader()));
    for (const { id } of readers) await house.pass(id);
    const other = startDelivery({
      run: house.base.run,
      send: smtpTo(house.base.config.mail!),
      log,
      everyMs: 3_600_000,
    });
    const counts = await Promise.all([delivery.round(), other.round()]);
    await other.stop();
    expect(counts[0]! + counts[1]!).toBe(6);
    for (const { mail } of readers) expect(toldTo(mail)).toHaveLength(1);
  });

  test('holds no transaction while it sends', async () => {
    const { id } = await aReader();
    await house.pass(id);
    const open: unknown[] = [];
    const watching = startDelivery({
      run: house.base.run,
      async send() {
        const { rows } = await house.base.knex.raw<{ rows: unknown[] }>(
          "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
        );
        open.push(...rows);
        return { kind: 'sent' };
      },
      log,
      everyMs: 3_600_000,
    });
    expect(await watching.round()).toBe(1);
    await watching.stop();
    expect(open).toEqual([]);
  });

  test('told to stop finishes the mail it is sending, and begins no other', async () => {
    const { id, mail } = await aReader();
    await house.pass(id);
    await house.pass(id);
    let begun = () => {};
    let go = () => {};
    const sending = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = startDelivery({
      run: house.base.run,
      async send() {
        begun();
        await gate;
        return { kind: 'sent' };
      },
      log,
      everyMs: 10,
    });
    await sending;
    const stopped = slow.stop();
    go();
    await stopped;
    expect((await listed(mail)).map(({ state }) => state)).toEqual(['sent', 'queued']);
    await delivery.round();
  });

  test('without a mail server says to whom and about what, never the body, and keeps none', async () => {
    const { id, mail } = await aReader();
    const code = await house.pass(id);
    const none = startDelivery({ run: house.base.run, send: undefined, log, everyMs: 3_600_000 });
    expect(await none.round()).toBe(1);
    await none.stop();
    expect(await listed(mail)).toMatchObject([{ state: 'not_sent', lastError: null }]);
    const line = JSON.parse(logged.trim()) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 30, recipient: mail, subject: say.passIssued.subject });
    expect(line.msg).toBe(`mail not sent, no mail server is set: "${say.passIssued.subject}" to ${mail}`);
    for (const hidden of ['not-me', 'token', code, 'Account:']) expect(logged).not.toContain(hidden);
    expect(await house.base.knex('mail_outbox').where({ recipient: mail }).pluck('sealed_body')).toEqual([null]);
  });
});
