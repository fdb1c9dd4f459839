import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { changePerson } from '../../src/people.ts';
import { messages } from '../../views/messages.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { scan } from '../support/software-authenticator-app.ts';

/** A computer and a phone, each a browser with its cookies: a pass typed on one, its passkey made on the other. */

let house: TestHouse;
let app: RelyingParty;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [
      { client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
    ],
  });
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

/** A computer at the page that asks for a passkey. */
async function aComputer() {
  const userName = aName('joiner');
  const { id } = await house.user(userName);
  const code = await house.pass(userName);
  const computer = newBrowser({ stopAt: app.redirectUri });
  await computer.visit((await app.authorizationUrl()).href);
  expect((await enterPass(computer, userName, code)).step).toBe('enrol');
  return { id, userName, code, computer };
}

/** The same at the page that shows the code. */
async function offering() {
  const joiner = await aComputer();
  await joiner.computer.click('use-phone');
  return { ...joiner, link: linkOn(joiner.computer.page) };
}

const linkOn = (page: Page): string => page.find('#continue-link')!.text;
const secretOf = (link: string): string => new URL(link).hash.slice(1);

/** What the link's script does up to the button. */
async function open(phone: CookieBrowser, link: string) {
  await phone.visit(link);
  return phone.postJson('/continue/about', { link: secretOf(link) });
}

/** And the button. */
async function follow(phone: CookieBrowser, link: string): Promise<Page> {
  await phone.visit(link);
  return phone.submit({ formWith: 'link', button: null, override: { link: secretOf(link) } });
}

/** A phone that has followed the link. */
async function onAPhone(phone = newBrowser()) {
  const joiner = await offering();
  const page = await follow(phone, joiner.link);
  expect([page.status, page.step]).toEqual([200, 'enrol']);
  return { ...joiner, phone };
}

const carrying = async (computer: CookieBrowser) =>
  (await computer.request(`${new URL(computer.page.url).pathname}/carrying`)).json();

const passkeysOf = (id: string) => house.base.knex('passkeys').where('user_id', '=', id);

describe('a registration carried on to a phone', () => {
  test('leads from a pass on the computer over a passkey on the phone to a code for the app', async () => {
    const { id, userName, computer, phone } = await onAPhone();
    expect(await carrying(computer)).toEqual({ carrying: 'claimed' });
    const authenticator = newAuthenticator({ backupEligible: true, backedUp: true });
    expect((await createPasskey(phone, authenticator)).step).toBe('confirm');
    expect(phone.page.text).toContain(userName);
    const done = await usePasskey(phone, authenticator);
    expect([done.step, done.refresh, done.findAll('a, form, button')]).toEqual(['complete', null, []]);
    expect(done.text).toContain(messages.continueDone.heading);
    expect(done.text).toContain(messages.continueDone.synced);
    expect((await phone.reload()).text).toContain(messages.continueDone.heading);

    expect(await carrying(computer)).toEqual({ carrying: 'over' });
    await computer.reload();
    const { claims } = await app.exchange(computer.page.callback);
    expect(claims).toMatchObject({ sub: id, acr: 'phr', amr: ['pop', 'user', 'mfa'] });
    const [passkey] = await passkeysOf(id);
    expect(claims.auth_time).toBe(Math.floor(passkey.first_used_at.getTime() / 1000));
    expect((await phone.reload()).text).toContain(messages.continueDone.heading);
  });

  test('gives the phone no cookie but its own, no session and no way to the app', async () => {
    const { computer, phone } = await onAPhone();
    const authenticator = newAuthenticator();
    await createPasskey(phone, authenticator);
    await usePasskey(phone, authenticator);
    expect(phone.cookies.all.map(({ name }) => name)).toEqual(['latchkey_browser']);
    const { pathname } = new URL(computer.page.url);
    const asked = await phone.visit(`${house.issuer}${pathname}`);
    expect([asked.status, asked.step]).toEqual([410, 'error']);
    expect((await phone.request(`${pathname}/carrying`)).status).toBe(403);
    expect((await phone.visit(`${house.issuer}/security-info`)).step).toBe('identify');
    await computer.reload();
    expect(computer.page.callback.searchParams.get('code')).not.toBeNull();
  });

  test('leaves whoever is signed in on the phone as they were', async () => {
    const other = aName('other');
    await house.user(other);
    const phone = newBrowser();
    await phone.visit(`${house.issuer}/security-info`);
    await joinWithPass(phone, newAuthenticator(), other, await house.pass(other));
    expect(phone.page.text).toContain(other);
    const sessions = async () =>
      (await house.base.knex('oidc_sessions').orderBy('uid').select('uid', 'account_id', 'pass_id')) as unknown[];
    const before = await sessions();

    const { id, computer } = await onAPhone(phone);
    const authenticator = newAuthenticator();
    await createPasskey(phone, authenticator);
    expect((await usePasskey(phone, authenticator)).text).toContain(messages.continueDone.heading);
    expect(await sessions()).toEqual(before);
    expect((await phone.visit(`${house.issuer}/security-info`)).text).toContain(other);
    await computer.reload();
    expect((await app.exchange(computer.page.callback)).claims.sub).toBe(id);
  });

  test('takes an authenticator app with its password just as well', async () => {
    const { id, computer, phone } = await onAPhone();
    await phone.click('use-app');
    const secret = phone.page.find('code.secret')!.text.replaceAll(/\s/g, '');
    const code = scan(`otpauth://totp/x?secret=${secret}`).code(await house.work(async (work) => work.now));
    const password = 'plum lantern over quiet tuba';
    const done = await phone.submit({ formWith: 'repeat', fields: { password, repeat: password, code } });
    expect(done.text).toContain(messages.continueDone.heading);
    await computer.reload();
    const { claims } = await app.exchange(computer.page.callback);
    expect(claims).toMatchObject({ sub: id, acr: `${house.issuer}/acr/2f`, amr: ['pwd', 'otp', 'mfa'] });
  });
});

describe('the page that waits', () => {
  test('shows the code, the address in words, the end and the way back; reloading shows the same', async () => {
    const { computer, link } = await offering();
    const { page } = computer;
    expect([page.status, page.step]).toEqual([200, 'wait']);
    expect(page.find('svg.qr')).not.toBeNull();
    const { origin, pathname, search, hash } = new URL(link);
    expect([origin, pathname, search]).toEqual([house.issuer, '/continue', '']);
    expect(hash).toMatch(/^#[\w-]{43}$/);
    expect(page.find('.window time')).not.toBeNull();
    expect([page.refresh!.seconds > 0, page.refresh!.url]).toEqual([true, page.url]);
    expect(page.headers['cache-control']).toBe('no-store');
    expect(linkOn(await computer.reload())).toBe(link);
    expect(await carrying(computer)).toEqual({ carrying: 'offered' });
  });

  test('stays on this device when asked to, and the passkey is made here', async () => {
    const { computer, link, id } = await offering();
    expect((await computer.click('take-back')).step).toBe('enrol');
    const phone = newBrowser();
    expect((await open(phone, link)).status).toBe(404);
    const refused = await follow(phone, link);
    expect([refused.status, refused.text.includes(messages.problems.linkEnded.title)]).toEqual([410, true]);
    const authenticator = newAuthenticator();
    await createPasskey(computer, authenticator);
    await usePasskey(computer, authenticator);
    expect((await app.exchange(computer.page.callback)).claims).toMatchObject({ sub: id, acr: 'phr' });
  });

  test('is left by cancelling, which ends both', async () => {
    const { computer, phone } = await onAPhone();
    await computer.click('cancel');
    expect(computer.page.callback.searchParams.get('error')).toBe('access_denied');
    const page = await phone.reload();
    expect([page.status, page.text.includes(messages.problems.notHere.title)]).toEqual([410, true]);
  });

  test('asked for by a browser that is not its own, or does not exist, says nothing', async () => {
    const { computer } = await offering();
    const { pathname } = new URL(computer.page.url);
    expect((await newBrowser().visit(`${house.issuer}${pathname}`)).step).toBe('error');
    const answer = await fetch(`${house.issuer}${pathname}/carrying`);
    expect([answer.status, (await answer.text()).includes('offered')]).toEqual([403, false]);
    expect(await (await fetch(`${house.issuer}/sign-in/nowhere/carrying`)).json()).toEqual({ carrying: 'over' });
  });
});

describe('the page of the link', () => {
  test('is the same 200 for everybody, and its one script takes the secret from the fragment', async () => {
    const { link } = await offering();
    const pages = [await newBrowser().visit(link), await newBrowser().visit(`${house.issuer}/continue?x=1`)];
    const [one, two] = pages.map(({ html }) => html.replaceAll(/(name="csrf" value=")[\w-]+/g, '$1'));
    expect(one).toBe(two);
    expect([pages[0]!.status, pages[0]!.step, pages[0]!.headers['cache-control']]).toEqual([
      200,
      'continue',
      'no-store',
    ]);
    expect(pages[0]!.findAll('script').map(({ attributes }) => attributes.src)).toEqual([
      expect.stringMatching(/^\/assets\/[\w-]{12}\/continue\.js$/),
    ]);
    const script = await fetch(house.issuer + pages[0]!.find('script')!.attributes.src!);
    expect(await script.text()).toBe(readFileSync('src/http/assets/continue.js', 'utf8'));
    expect(pages[0]!.find('noscript')!.text).toContain(messages.continueLink.noScript);
  });

  test('says whose account it is, and opening it spends nothing', async () => {
    const { userName, computer, link } = await offering();
    for (let times = 0; times < 3; times += 1) {
      const answer = await open(newBrowser(), link);
      expect([answer.status, answer.json()]).toEqual([200, { account: userName, windowEndsAt: expect.any(String) }]);
    }
    expect(await carrying(computer)).toEqual({ carrying: 'offered' });
    expect((await follow(newBrowser(), link)).step).toBe('enrol');
  });

  test('names the account on every page of the phone', async () => {
    const { userName, phone } = await onAPhone();
    expect(phone.page.text).toContain(messages.continueLink.account.replace('{user}', userName));
    expect(phone.page.findAll('#use-phone, #not-now')).toEqual([]);
  });

  test('is of use to one phone: the others read that it was used, the same one goes on', async () => {
    const { link, computer } = await offering();
    const phones = Array.from({ length: 5 }, () => newBrowser());
    const pages = await Promise.all(phones.map((phone) => follow(phone, link)));
    expect(pages.map(({ step }) => step).sort()).toEqual(['enrol', 'error', 'error', 'error', 'error']);
    const winner = phones[pages.findIndex(({ step }) => step === 'enrol')]!;
    expect((await follow(winner, link)).step).toBe('enrol');
    expect((await computer.reload()).text).toContain(messages.wait.claimed.heading);
    expect(computer.page.html).not.toContain(secretOf(link));
  });

  test('takes odd input for no link at all', async () => {
    const phone = newBrowser();
    await phone.visit(`${house.issuer}/continue`);
    for (const link of [undefined, null, 1, {}, [], '', 'x', 'é'.repeat(43), 'x'.repeat(43), 'x'.repeat(3000)]) {
      expect((await phone.postJson('/continue/about', { link })).status).toBe(404);
    }
    expect((await phone.postJson('/continue/about', null)).status).toBe(404);
    for (const link of ['', 'x', 'x'.repeat(43), '💡', '../../auth']) {
      await phone.visit(`${house.issuer}/continue`);
      const page = await phone.submit({ formWith: 'link', button: null, override: { link } });
      expect([page.status, page.text.includes(messages.problems.linkEnded.title)]).toEqual([410, true]);
    }
    for (const uid of ['x', '%F0%9F%92%A1', 'x'.repeat(500), '..%2f..%2fauth']) {
      expect((await phone.visit(`${house.issuer}/continue/${uid}`)).status).toBe(410);
    }
  });

  test.each(['PUT', 'DELETE'])('%s is a 405, and what lies below a sign-in is a 404', async (method) => {
    expect((await fetch(`${house.issuer}/continue`, { method })).status).toBe(405);
    expect((await fetch(`${house.issuer}/continue/x/y`)).status).toBe(404);
    for (const step of ['identify', 'restart', 'cancel', 'not-now', 'take-back', 'elsewhere', 'back']) {
      expect((await fetch(`${house.issuer}/continue/x/${step}`, { method: 'POST' })).status).toBe(404);
    }
    const pass = await fetch(`${house.issuer}/continue/x/verify/temporary-access-pass`, { method: 'POST' });
    expect(pass.status).toBe(404);
  });

  test('another site can follow no link, and a browser without our cookie is told what is missing', async () => {
    const { link, computer } = await offering();
    const opened = await fetch(`${house.issuer}/continue`);
    const cookie = opened.headers.getSetCookie()[0]!.split(';')[0]!;
    const csrf = /name="csrf" value="([^"]+)"/.exec(await opened.text())![1]!;
    const post = (fields: Record<string, string>, headers: Record<string, string>) =>
      fetch(`${house.issuer}/continue`, {
        method: 'POST',
        redirect: 'manual',
        headers,
        body: new URLSearchParams({ link: secretOf(link), ...fields }),
      });
    const own = { 'sec-fetch-site': 'same-origin', cookie };
    expect((await post({ csrf }, { ...own, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await post({ csrf }, { ...own, 'sec-fetch-site': 'same-site' })).status).toBe(403);
    expect((await post({}, own)).status).toBe(403);
    const blocked = await post({ csrf }, { 'sec-fetch-site': 'same-origin' });
    expect([blocked.status, (await blocked.text()).includes(messages.problems.cookiesBlockedElsewhere.title)]).toEqual([
      403,
      true,
    ]);
    const about = await fetch(`${house.issuer}/continue/about`, {
      method: 'POST',
      headers: { ...own, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json', 'x-csrf': csrf },
      body: JSON.stringify({ link: secretOf(link) }),
    });
    expect(about.status).toBe(403);
    expect(await carrying(computer)).toEqual({ carrying: 'offered' });
    const taken = await post({ csrf }, own);
    expect([taken.status, taken.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/continue\/[\w-]+$/)]);
    expect(taken.headers.getSetCookie()[0]).toContain('Max-Age=86400');
  });
});

describe('on the phone', () => {
  type Joined = Awaited<ReturnType<typeof onAPhone>>;
  const endings: readonly [string, (joined: Joined) => Promise<unknown>, 'notHere' | 'windowEndedElsewhere'][] = [
    [
      'the computer takes it back',
      ({ computer }) => computer.reload().then(() => computer.click('take-back')),
      'notHere',
    ],
    [
      'the pass is revoked',
      ({ userName }) => house.work((work) => revokePass(work, { user: userName })),
      'windowEndedElsewhere',
    ],
    [
      'the user is disabled',
      ({ id }) => house.work((work) => changePerson(work, id, { enabled: false })),
      'windowEndedElsewhere',
    ],
  ];
  test.each(endings)('each page says so when %s, and nothing is made', async (_what, end, id) => {
    const joined = await onAPhone();
    const { phone } = joined;
    const form = phone.page.find('form[data-passkey=create]')!;
    const options = await phone.postJson(form.attributes['data-options-url']!, {});
    const made = await newAuthenticator().create(options.json() as never, { origin: house.issuer });
    await end(joined);
    // The script loads the page again for this answer.
    expect((await phone.postJson(form.attributes['data-options-url']!, {})).status).toBe(409);
    const page = await phone.submit({
      formWith: 'response',
      button: null,
      override: { response: JSON.stringify(made) },
    });
    expect([page.status, page.text.includes(messages.problems[id].title)]).toEqual([410, true]);
    expect(new URL(page.url).pathname).toMatch(/^\/continue\/[\w-]+$/);
    expect(await passkeysOf(joined.id)).toEqual([]);
    expect((await joined.computer.reload()).step).toBe(id === 'notHere' ? 'enrol' : 'error');
  });

  test('the window ends on both', async () => {
    const { phone, computer } = await onAPhone();
    house.clock.advance(10);
    const page = await phone.reload();
    expect([page.status, page.text.includes(messages.problems.windowEndedElsewhere.title)]).toEqual([410, true]);
    expect(await carrying(computer)).toEqual({ carrying: 'over' });
    expect((await computer.reload()).text).toContain(messages.problems.windowEnded.title);
    expect((await computer.click('continue')).step).toBe('identify');
    house.clock.advance(-10);
    // Began anew: what was carried on is no more, whatever a clock says.
    expect((await phone.reload()).text).toContain(messages.problems.notHere.title);
  });

  test('one can stop, and the computer goes on', async () => {
    const { phone, computer } = await onAPhone();
    const page = await phone.click('cancel');
    expect([page.status, page.text.includes(messages.problems.notHere.title)]).toEqual([410, true]);
    expect((await computer.reload()).step).toBe('enrol');
  });

  test('going back to the page of the link and pressing again goes on', async () => {
    const { phone, link, id } = await onAPhone();
    await createPasskey(phone, newAuthenticator());
    expect((await follow(phone, link)).step).toBe('confirm');
    expect(await passkeysOf(id)).toHaveLength(1);
  });

  test('another phone that learns the address reads nothing of it', async () => {
    const { phone, userName } = await onAPhone();
    const page = await newBrowser().visit(phone.page.url);
    expect([page.status, page.html.includes(userName)]).toEqual([410, false]);
  });
});

test('the same browser may follow its own link, and both doors keep to what is theirs', async () => {
  const { computer, link, id } = await offering();
  const began = computer.page.url;
  expect((await follow(computer, link)).step).toBe('enrol');
  const authenticator = newAuthenticator();
  await createPasskey(computer, authenticator);
  expect((await usePasskey(computer, authenticator)).text).toContain(messages.continueDone.heading);
  await computer.visit(began);
  expect((await app.exchange(computer.page.callback)).claims.sub).toBe(id);
});
