import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { messages } from '../../views/messages.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aName, eventsOf, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** Recent activity, and "this was not me" by somebody who is signed in; all of it without script. */

let house: TestHouse;
beforeAll(async () => {
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
});
afterAll(() => house?.close());

const say = messages.activity;
const open = (browser: CookieBrowser, path = '') => browser.visit(`${house.issuer}/security-info${path}`);
const passkeysOf = (userId: string) =>
  house.base.knex('passkeys').where('user_id', '=', userId).orderBy('created_at').select('id', 'suspended_at');
const suspended = async (userId: string) => (await passkeysOf(userId)).map(({ suspended_at }) => suspended_at !== null);

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly browser: CookieBrowser;
  readonly authenticator: SoftwareAuthenticator;
}

async function join(userName: string): Promise<Omit<Person, 'id' | 'userName'>> {
  const browser = newBrowser();
  const authenticator = newAuthenticator();
  await open(browser);
  await enterPass(browser, userName, await house.pass(userName));
  await createPasskey(browser, authenticator);
  expect((await usePasskey(browser, authenticator)).step).toBe('security-info');
  return { browser, authenticator };
}

/** Somebody who has just made a passkey and used it, and looks at the list. */
async function aPerson(): Promise<Person> {
  const userName = aName();
  const { id } = await house.user(userName);
  await house.base
    .knex('users')
    .where('id', '=', id)
    .update({ mail: `${id}@example.com` });
  return { id, userName, ...(await join(userName)) };
}

/** The same, ten minutes on, with an intruder who came by a pass and has made a passkey, and the owner signed in again. */
async function intruded() {
  const owner = await aPerson();
  house.clock.advance(20);
  const intruder = await join(owner.userName);
  house.clock.advance(1);
  const browser = newBrowser();
  await open(browser);
  await usePasskey(browser, owner.authenticator);
  await open(browser, '/activity');
  return { ...owner, browser, intruder };
}

const rows = ({ page }: CookieBrowser) =>
  page.findAll('li.card').map((card) => card.text.replace(say.notMe, '').replaceAll(/\s+/g, ' ').trim());
const linkOf = async (userId: string, type: string, which = -1): Promise<string> => {
  const events = await house.base
    .knex('audit_events')
    .where({ user_id: userId, type })
    .orderBy('sequence')
    .select('id');
  return `not-me-${events.at(which)!.id}`;
};
async function untilBothWait(): Promise<void> {
  await expect
    .poll(async () => {
      const { rows } = await house.base.knex.raw<{ rows: unknown[] }>(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length;
    })
    .toBe(2);
}

const post = (browser: CookieBrowser, path: string, csrf: string) =>
  browser.request(`${house.issuer}/security-info${path}`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ csrf }).toString(),
  });

describe('recent activity', () => {
  test('says what happened, the newest first, with app, device and place', async () => {
    const { browser } = await aPerson();
    await browser.click('show-activity');
    expect(browser.page.step).toBe('activity');
    const [signedIn, ended, added, entered, issued, ...more] = rows(browser);
    expect(more).toEqual([]);
    expect(signedIn).toMatch(/^Signed in to My security info .* UTC · .*with a passkey/);
    expect(signedIn).toMatch(/127\.0\.0\.1|::1/);
    expect(ended).toContain(say.what['pass.completed']);
    expect(added).toContain(`${say.what['passkey.registered']}: `);
    expect(entered).toContain(say.what['pass-entered']);
    expect(issued).toMatch(/^You were given a temporary pass .* UTC · By an administrator$/);
  });

  test('shows nothing of other people, and names no administrator nor where they were', async () => {
    const [one, other] = [await aPerson(), await aPerson()];
    const { id: adminId } = await house.user(aName('admin'));
    await house.base.knex('audit_events').insert({
      id: randomUUID(),
      at: new Date(),
      type: 'passkey.removed',
      result: 'success',
      actor_kind: 'user',
      actor_id: adminId,
      user_id: one.id,
      ip: '203.0.113.77',
      user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
      request_id: 'x',
      details: JSON.stringify({ name: 'Blue key', reason: 'asked by telephone' }),
    });
    const page = await open(one.browser, '/activity');
    expect(rows(one.browser).join('\n')).toContain('A passkey was removed: Blue key');
    for (const hidden of ['203.0.113.77', 'Firefox', adminId, 'telephone', other.userName]) {
      expect(page.html).not.toContain(hidden);
    }
    expect((await open(other.browser, '/activity')).html).not.toContain('Blue key');
    const link = (await linkOf(one.id, 'passkey.removed')).replace('not-me-', '');
    expect((await open(other.browser, `/activity/${link}`)).step).toBe('security-info');
    const csrf = other.browser.page.find('input[name=csrf]')!.attributes.value!;
    expect((await post(other.browser, `/activity/${link}/not-me`, csrf)).status).toBe(404);
    expect(await suspended(one.id)).toEqual([false]);
  });

  test('counts failed tries in one sentence, so that no stranger fills the page', async () => {
    const { id, browser } = await aPerson();
    await open(browser, '/activity');
    expect(browser.page.find('#tries')!.text).toBe(say.tries.none);
    const before = rows(browser);
    const failures = (count: number) =>
      Array.from({ length: count }, () => ({
        id: randomUUID(),
        at: new Date(),
        type: 'sign-in.refused',
        result: 'failure',
        actor_kind: 'anonymous',
        user_id: id,
        request_id: 'x',
        ip: '203.0.113.9',
      }));
    await house.base.knex('audit_events').insert(failures(60));
    const page = await open(browser, '/activity');
    expect(page.find('#tries')!.text).toContain('in the last 90 days: 60.');
    expect(page.html).not.toContain('203.0.113.9');
    expect(rows(browser)).toEqual(before);
    await house.base.knex('audit_events').insert(failures(1_000));
    expect((await open(browser, '/activity')).find('#tries')!.text).toContain(': 1,000 or more.');
  });

  test('ends after fifty, and after 90 days', async () => {
    const { id, browser } = await aPerson();
    const at = (days: number) => new Date(Date.now() - days * 86_400_000 + 60 * 60_000);
    const event = (when: Date) => ({
      id: randomUUID(),
      at: when,
      type: 'passkey.renamed',
      result: 'success',
      actor_kind: 'user',
      actor_id: id,
      user_id: id,
      request_id: 'x',
      details: JSON.stringify({ name: `of ${when.toISOString()}` }),
    });
    await house.base.knex('audit_events').insert([event(at(91)), event(at(88))]);
    await open(browser, '/activity');
    const shown = rows(browser).filter((row) => row.includes('renamed'));
    expect(shown).toHaveLength(1);
    expect(shown[0]).toContain(`of ${at(88).toISOString().slice(0, 10)}`);
    await house.base.knex('audit_events').insert(Array.from({ length: 60 }, () => event(at(1))));
    await open(browser, '/activity');
    expect(rows(browser)).toHaveLength(50);
  });

  test('is not for an old proof, nor for a pass', async () => {
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
    const { id, userName, browser } = await aPerson();
    const link = (await linkOf(id, 'passkey.registered')).replace('not-me-', '');
    const guest = newBrowser();
    await open(guest);
    await enterPass(guest, userName, await house.pass(userName, { purpose: 'signIn' }));
    expect(guest.page.find('#show-activity')).toBeNull();
    expect((await open(guest, '/activity')).step).toBe('security-info');
    expect((await open(guest, `/activity/${link}`)).step).toBe('security-info');
    const csrf = guest.page.find('input[name=csrf]')!.attributes.value!;
    await post(guest, `/activity/${link}/not-me`, csrf);
    const own = browser.page.find('input[name=csrf]')!.attributes.value!;
    house.clock.advance(11);
    expect((await open(browser, '/activity')).step).not.toBe('activity');
    await post(browser, `/activity/${link}/not-me`, own);
    expect(await suspended(id)).toEqual([false]);
    expect(await eventsOf(house, { userId: id, type: 'account.contained' })).toEqual([]);
  });
});

describe('"this was not me"', () => {
  test('asks first, suspends what was added since, ends other sessions, and leaves this one and its passkey', async () => {
    const { id, browser, intruder, authenticator } = await intruded();
    const spare = newAuthenticator();
    await open(browser);
    await createPasskey(browser, spare);
    await open(browser, '/activity');
    await browser.click(await linkOf(id, 'passkey.registered', 1));
    expect(browser.page.step).toBe('stop-activity');
    expect(browser.page.findAll('#suspends li')).toHaveLength(2);
    expect(await suspended(id)).toEqual([false, false, false]);

    const page = await browser.click('stop');
    expect(page.step).toBe('security-info');
    expect(page.text).toContain(messages.securityInfo.notices.contained);
    expect(await suspended(id)).toEqual([false, true, true]);
    expect((await open(intruder.browser)).step).toBe('identify');
    expect((await usePasskey(intruder.browser, intruder.authenticator)).text).toContain(
      messages.errors.passkeySuspended,
    );
    // This session goes on, and still changes things.
    const mine = (await passkeysOf(id))[0]!.id;
    await browser.submit({ formWith: `/security-info/methods/${mine}/name`, fields: { name: 'Mine' } });
    expect(browser.page.text).toContain(messages.securityInfo.notices.renamed);
    await createPasskey(browser, newAuthenticator());
    expect(browser.page.text).toContain(messages.securityInfo.notices.added);
    const other = newBrowser();
    await open(other);
    expect((await usePasskey(other, authenticator)).step).toBe('security-info');
  });

  test('never suspends what this session was proved with, however far back the moment lies', async () => {
    const { id, browser } = await intruded();
    await browser.click(await linkOf(id, 'pass.issued', 0));
    await browser.click('stop');
    expect(await suspended(id)).toEqual([false, true]);
  });

  test('of a sign-in counts from its first proof: what it registered on the way is suspended', async () => {
    const { id, browser, intruder } = await intruded();
    const events = await eventsOf(house, { userId: id, type: 'sign-in.completed' });
    expect(events).toHaveLength(3);
    await browser.click(await linkOf(id, 'sign-in.completed', 1));
    await browser.click('stop');
    expect(await suspended(id)).toEqual([false, true]);
    expect((await open(intruder.browser)).step).toBe('identify');
  });

  test('is recorded as theirs, and told in one mail whose link stops it in turn', async () => {
    const { id, browser } = await intruded();
    const before = (await queuedMails(house, `${id}@example.com`)).length;
    await browser.click(await linkOf(id, 'passkey.registered', 1));
    await browser.click('stop');
    const [event] = await eventsOf(house, { userId: id, type: 'account.contained' });
    expect(event).toMatchObject({ actor_kind: 'user', actor_id: id, details: { sessions: 2, signedIn: true } });
    const told = (await queuedMails(house, `${id}@example.com`)).slice(before);
    expect(told).toMatchObject([{ subject: messages.mails.notices.containedWithin.subject, link: expect.any(URL) }]);
    const stranger = newBrowser();
    await stranger.visit(told[0]!.link!.href);
    await stranger.click('stop');
    // The session that the first was said in has had its day as well.
    expect((await open(browser)).step).toBe('identify');
  });

  test('cancels a live pass and the recovery codes', async () => {
    const { id, userName, browser } = await intruded();
    await open(browser, '/recovery-codes');
    await browser.click('make-codes');
    await house.pass(userName);
    await open(browser, '/activity');
    await browser.click(await linkOf(id, 'recovery-codes.made'));
    await browser.click('stop');
    expect(await house.base.knex('recovery_codes').where('user_id', '=', id)).toEqual([]);
    const passes = await house.base.knex('temporary_access_passes').where('user_id', '=', id).whereNull('ended_at');
    expect(passes.filter(({ completed_at }) => completed_at === null)).toEqual([]);
  });

  test('ends grants and tokens that were got elsewhere, those without a session too, and keeps its own', async () => {
    const { id, browser } = await intruded();
    const { knex } = house.base;
    const [own] = await knex('oidc_sessions')
      .where('account_id', '=', id)
      .whereNull('ended_at')
      .orderBy('started_at', 'desc');
    const expires_at = new Date(Date.now() + 3_600_000);
    const grant = (grantId: string) => ({ id: grantId, client_id: 'app', account_id: id, payload: '{}', expires_at });
    await knex('oidc_grants').insert([grant(`own-${id}`), grant(`offline-${id}`)]);
    const token = (name: string, session_uid: string | null, grant_id: string) => ({
      model: 'RefreshToken',
      id_hash: Buffer.from(`${name}-${id}`),
      account_id: id,
      session_uid,
      grant_id,
      payload: '{}',
      expires_at,
    });
    await knex('oidc_artifacts').insert([
      token('own', own.uid, `own-${id}`),
      token('offline', null, `offline-${id}`),
      token('shared', 'another', `own-${id}`),
    ]);
    const payload = {
      ...own.payload,
      authorizations: { ...own.payload.authorizations, app: { grantId: `own-${id}` } },
    };
    await knex('oidc_sessions')
      .where('uid', '=', own.uid)
      .update({ payload: JSON.stringify(payload) });
    await browser.click(await linkOf(id, 'passkey.registered', 1));
    await browser.click('stop');
    const grants = await knex('oidc_grants').where({ account_id: id, client_id: 'app' }).select('id');
    expect(grants.map((row) => row.id)).toEqual([`own-${id}`]);
    const tokens = await knex('oidc_artifacts').where({ account_id: id, model: 'RefreshToken' }).select('id_hash');
    expect(tokens.map(({ id_hash }) => String(id_hash))).toEqual([`own-${id}`]);
  });

  test('said in two browsers at once is heard from one of them: the other has been signed out by it', async () => {
    const { id, browser, intruder } = await intruded();
    const link = (await linkOf(id, 'pass.issued', 0)).replace('not-me-', '');
    await open(browser, `/activity/${link}`);
    const csrf = browser.page.find('input[name=csrf]')!.attributes.value!;
    const theirs = intruder.browser.page.find('input[name=csrf]')!.attributes.value!;
    const held = await house.base.knex.transaction();
    await held('users').where('id', '=', id).forUpdate();
    const both = [
      post(browser, `/activity/${link}/not-me`, csrf),
      post(intruder.browser, `/activity/${link}/not-me`, theirs),
    ];
    await untilBothWait();
    await held.rollback();
    await Promise.all(both);
    expect((await suspended(id)).toSorted()).toEqual([false, true]);
    expect(await eventsOf(house, { userId: id, type: 'account.contained' })).toHaveLength(1);
    const live = await house.base.knex('oidc_sessions').where('account_id', '=', id).whereNull('ended_at');
    expect(live).toHaveLength(1);
  });

  test('is not done by another site’s page', async () => {
    const { id, browser } = await intruded();
    await browser.click(await linkOf(id, 'passkey.registered', 1));
    expect((await browser.submit({ formWith: 'stop', override: { csrf: 'x' } })).status).toBe(403);
    expect(await suspended(id)).toEqual([false, false]);
  });

  test('of a session whose proof nobody took note of is refused until it is proved anew', async () => {
    const { id, browser } = await intruded();
    await house.base.knex('oidc_sessions').where('account_id', '=', id).update({ proven_with: null });
    await browser.click(await linkOf(id, 'passkey.registered', 1));
    expect(browser.page.step).toBe('security-info');
    expect(await suspended(id)).toEqual([false, false]);
  });
});

test('a pass that was cancelled by an administrator is told as that', async () => {
  const { userName, browser } = await aPerson();
  await house.pass(userName);
  await house.work((work) => revokePass(work, { user: userName }));
  await open(browser, '/activity');
  expect(rows(browser)[0]).toMatch(/^Your temporary pass was cancelled .* By an administrator$/);
});
