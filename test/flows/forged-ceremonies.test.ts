import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import {
  type CeremonyOptions,
  type ForgedKey,
  forgedAssertion,
  forgedKey,
  forgedRegistration,
  type Lie,
} from '../support/forged-ceremony.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { assertionLies, formLies, type Lies, registrationLies, sharedLies } from '../support/lies.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { enterPass, identifyWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';

/**
 * G15 of the security reference: each lie, told at each door where a passkey is made or used, is refused without a fault and
 * leaves nothing behind but its record; the same ceremony without the lie is taken by the same door right after it.
 */

let house: TestHouse;
let app: RelyingParty;
type Bearer = Readonly<Record<string, string>>;
let desk: Bearer;
let otherDesk: Bearer;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  const aDesk = (client_id: string) => ({
    client_id,
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    app_roles: ['UserAuthenticationMethod.ReadWrite.All'],
  });
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
      aDesk('desk'),
      aDesk('other-desk'),
    ],
  });
  [desk, otherDesk] = [await bearerOf('desk'), await bearerOf('other-desk')];
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

async function bearerOf(clientId: string): Promise<Bearer> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa(`${clientId}:secret`)}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return { authorization: `Bearer ${((await answer.json()) as { access_token: string }).access_token}` };
}

type Outcome = 'taken' | 'refused';

/** Where a ceremony goes in. */
interface Door {
  options(): Promise<CeremonyOptions>;
  send(text: string): Promise<Outcome>;
}

/** A door where a passkey is made, and the person who makes it. */
interface MakingDoor extends Door {
  readonly userId: string;
}

interface Holder {
  readonly userId: string;
  readonly userName: string;
  readonly key: ForgedKey;
}

async function aJoiner(): Promise<{ userId: string; userName: string; code: string }> {
  const userName = aName('joiner');
  const { id } = await house.user(userName);
  return { userId: id, userName, code: await house.pass(userName) };
}

async function atApp(): Promise<CookieBrowser> {
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  return browser;
}

const optionsAt = async (browser: CookieBrowser, url: string): Promise<CeremonyOptions> => {
  const answer = await browser.postJson(url, {});
  expect(answer.status).toBe(200);
  return answer.json<Record<string, unknown>>() as never;
};

const post = (browser: CookieBrowser, url: string, fields: Record<string, string>) =>
  browser.request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, csrf: browser.page.csrf! }).toString(),
    redirect: 'manual',
  });

/** Refused by the page it goes on to, which says so and stands where it stood; or by a 4xx. */
async function sentToSignIn(browser: CookieBrowser, path: string, response: string): Promise<Outcome> {
  const url = browser.page.url;
  const before = browser.page.step;
  const { status } = await post(browser, `${url}/${path}`, { response });
  if (status >= 400 && status < 500) return 'refused';
  expect(status).toBe(303);
  // Asked for by a script, so that a page that goes on by itself is not followed.
  const page = await browser.request(url);
  expect(page.status).toBe(200);
  const step = /<main[^>]* data-step="(\w+)"/.exec(page.text)?.[1];
  if (step === before) {
    expect(page.text).toContain('id="error-summary"');
    return 'refused';
  }
  expect(step).toBe(path.startsWith('enrol') ? 'confirm' : 'complete');
  return 'taken';
}

async function enrolling(): Promise<MakingDoor & { readonly browser: CookieBrowser; readonly userName: string }> {
  const { userId, userName, code } = await aJoiner();
  const browser = await atApp();
  expect((await enterPass(browser, userName, code)).step).toBe('enrol');
  return {
    userId,
    userName,
    browser,
    options: () => optionsAt(browser, `${browser.page.url}/enrol/passkey/options`),
    send: (response) => sentToSignIn(browser, 'enrol/passkey', response),
  };
}

/** Somebody who has a forged passkey, and the browser they made it with. */
async function aHolder(): Promise<Holder & { readonly browser: CookieBrowser }> {
  const key = forgedKey();
  const { browser, userId, userName, options, send } = await enrolling();
  expect(await send(forgedRegistration(await options(), house.issuer, key))).toBe('taken');
  await browser.reload();
  const asked = await optionsAt(browser, `${browser.page.url}/challenge/passkey`);
  const response = forgedAssertion(asked, house.issuer, key);
  await browser.submit({ formWith: 'response', button: null, override: { response } });
  expect(browser.page.isCallback).toBe(true);
  return { userId, userName, key, browser };
}

async function atSecurityInfo(): Promise<MakingDoor> {
  const { browser, userId } = await aHolder();
  expect((await browser.visit(`${house.issuer}/security-info`)).step).toBe('security-info');
  return {
    userId,
    options: () => optionsAt(browser, `${house.issuer}/security-info/passkeys/options`),
    async send(response) {
      const { status, headers } = await post(browser, `${house.issuer}/security-info/passkeys`, { response });
      if (status >= 400 && status < 500) return 'refused';
      expect(status).toBe(303);
      if (headers.location === '/security-info?notice=added') return 'taken';
      expect(headers.location).toMatch(/^\/security-info\?error=\w+$/);
      return 'refused';
    },
  };
}

async function atGraph(): Promise<MakingDoor> {
  const { id: userId } = await house.user(aName('far'));
  return {
    userId,
    options: () => optionsOfGraph(userId, desk),
    async send(text) {
      const headers = { ...desk, 'content-type': 'application/json' };
      const { status } = await fetch(keysOf(userId), {
        method: 'POST',
        headers,
        body: `{"publicKeyCredential":${text}}`,
      });
      if (status === 201) return 'taken';
      expect([400, 409, 413, 415]).toContain(status);
      return 'refused';
    },
  };
}

const keysOf = (userId: string): string => `${house.issuer}/v1.0/users/${userId}/authentication/fido2Methods`;

async function optionsOfGraph(userId: string, bearer: Bearer): Promise<CeremonyOptions> {
  const answer = await fetch(`${keysOf(userId)}/creationOptions`, { headers: bearer });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { publicKey: CeremonyOptions }).publicKey;
}

const making: Readonly<Record<string, () => Promise<MakingDoor>>> = {
  'the sign-in’s enrolment': enrolling,
  'security info': atSecurityInfo,
  'Graph’s fido2Methods': atGraph,
};

/** All rows but what a refusal leaves on purpose: its record, its counters, the notice on the next page; and open challenges. */
async function standing(): Promise<Record<string, string>> {
  const { rows } = await house.base.knex.raw<{ rows: { name: string }[] }>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename not in ('audit_events', 'throttle_counters', 'passkey_ceremonies')",
  );
  const prints = rows.map(
    ({ name }) =>
      `select '${name}' as name, md5(string_agg((to_jsonb(t) - 'notice')::text, '|' order by t::text)) as print from ${name} t`,
  );
  const answer = await house.base.knex.raw<{ rows: { name: string; print: string | null }[] }>(
    prints.join(' union all '),
  );
  return Object.fromEntries(answer.rows.map(({ name, print }) => [name, print ?? '']));
}

async function refusedAndNothingChanged(body: () => Promise<Outcome>): Promise<void> {
  const before = await standing();
  expect(await body()).toBe('refused');
  expect(await standing(), 'what changed').toEqual(before);
}

/** As if so many minutes had passed. */
async function later<T>(minutes: number, body: () => Promise<T>): Promise<T> {
  house.clock.advance(minutes);
  try {
    return await body();
  } finally {
    house.clock.advance(-minutes);
  }
}

describe.each(Object.keys(making))('a passkey made at %s', (where) => {
  const lies: Lies = { ...sharedLies, ...registrationLies, ...(where.startsWith('Graph') ? {} : formLies) };
  const unlike = (name: string): Lie => lies[name]!;
  let door: MakingDoor;

  beforeAll(async () => {
    door = await making[where]!();
  });

  /** Each lie finds the door as the one before it did. */
  async function putBack(): Promise<void> {
    const { knex } = house.base;
    await knex('passkeys').where('user_id', '=', door.userId).whereNull('first_used_at').delete();
    await knex('sign_ins').where('user_id', '=', door.userId).update({ enrolled: null });
  }
  afterEach(putBack);

  /** The same without the lie is taken. */
  async function controlIsTaken(key = forgedKey()): Promise<void> {
    expect(await door.send(forgedRegistration(await door.options(), house.issuer, key))).toBe('taken');
    const { knex } = house.base;
    expect(
      await knex('passkeys').where('user_id', '=', door.userId).andWhere('credential_id', '=', key.id),
    ).toHaveLength(1);
    await putBack();
  }

  test.each(Object.keys(lies))('with %s is refused, and without it taken', async (name) => {
    const key = forgedKey();
    const options = await door.options();
    await refusedAndNothingChanged(() => door.send(forgedRegistration(options, house.issuer, key, unlike(name))));
    await controlIsTaken(key);
  });

  const challenges: Readonly<Record<string, () => Promise<CeremonyOptions>>> = {
    'of another user': async () => (await making[where]!()).options(),
    'of another caller, for the same user': () =>
      optionsOfGraph(door.userId, where.startsWith('Graph') ? otherDesk : desk),
    'of a sign-in with a passkey': async () => {
      const browser = await atApp();
      return optionsAt(browser, `${browser.page.url}/challenge/passkey`);
    },
  };

  test.each(Object.keys(challenges))('for the challenge %s is refused', async (name) => {
    const honest = await door.options();
    const { challenge } = await challenges[name]!();
    const key = forgedKey();
    await refusedAndNothingChanged(() => door.send(forgedRegistration({ ...honest, challenge }, house.issuer, key)));
    // What was given here is good still.
    expect(await door.send(forgedRegistration(honest, house.issuer, key))).toBe('taken');
  });

  test('for a challenge that was answered before is refused', async () => {
    const options = await door.options();
    const refusedOne = forgedRegistration(options, house.issuer, forgedKey(), unlike('the user verified flag off'));
    await refusedAndNothingChanged(() => door.send(refusedOne));
    await refusedAndNothingChanged(() => door.send(forgedRegistration(options, house.issuer, forgedKey())));
    await controlIsTaken();
  });

  test('for a challenge that has expired is refused', async () => {
    const options = await door.options();
    const text = forgedRegistration(options, house.issuer, forgedKey());
    await later(5.1, () => refusedAndNothingChanged(() => door.send(text)));
    await controlIsTaken();
  });

  test('that somebody else has registered is refused, and so is its id with another key', async () => {
    const other = await aHolder();
    const own = forgedKey();
    for (const key of [{ ...other.key }, { ...own, id: other.key.id }]) {
      const text = forgedRegistration(await door.options(), house.issuer, key);
      await refusedAndNothingChanged(() => door.send(text));
    }
    await controlIsTaken(own);
  });
});

/** Where a passkey is used; what is sent there by whom is in the second argument. */
const using: Readonly<Record<string, () => Promise<{ door: Door; holder: Holder }>>> = {
  'the first page, without a name': async () => ({ door: await signInOf(), holder: theHolder }),
  'the page after the name': async () => ({ door: await signInOf(theHolder.userName), holder: theHolder }),
  'the first use of a new passkey': async () => {
    const key = forgedKey();
    const { browser, userId, userName, options, send } = await enrolling();
    expect(await send(forgedRegistration(await options(), house.issuer, key))).toBe('taken');
    await browser.reload();
    return { door: answeredIn(browser), holder: { userId, userName, key } };
  },
};

let theHolder: Holder;

async function signInOf(userName?: string): Promise<Door> {
  const browser = await atApp();
  if (userName) {
    await identifyWithPass(browser, userName);
    await browser.click('use-passkey');
  }
  return answeredIn(browser);
}

function answeredIn(browser: CookieBrowser): Door {
  return {
    options: () => optionsAt(browser, `${browser.page.url}/challenge/passkey`),
    send: (response) => sentToSignIn(browser, 'verify/passkey', response),
  };
}

describe.each(Object.keys(using))('a passkey used at %s', (where) => {
  const lies: Lies = { ...sharedLies, ...assertionLies, ...formLies };
  let door: Door;
  let holder: Holder;

  beforeAll(async () => {
    theHolder ??= await aHolder();
  });

  const arrive = async () => {
    ({ door, holder } = await using[where]!());
  };
  const taken = async () => door.send(forgedAssertion(await door.options(), house.issuer, holder.key));

  test.each(Object.keys(lies))('with %s is refused, and without it taken', async (name) => {
    await arrive();
    const options = await door.options();
    await refusedAndNothingChanged(() => door.send(forgedAssertion(options, house.issuer, holder.key, lies[name]!)));
    expect(await taken()).toBe('taken');
  });

  test('without a user handle is refused where nobody was named, and else taken', async () => {
    await arrive();
    const lie: Lie = {
      answer: ({ response: { userHandle: _, ...response }, ...rest }) => ({ ...rest, response }),
    };
    const text = forgedAssertion(await door.options(), house.issuer, holder.key, lie);
    if (!where.includes('without a name')) return expect(await door.send(text)).toBe('taken');
    await refusedAndNothingChanged(() => door.send(text));
    expect(await taken()).toBe('taken');
  });

  const challenges: Readonly<Record<string, () => Promise<CeremonyOptions>>> = {
    'of another sign-in': async () => (await signInOf()).options(),
    'of a registration, for the same user': async () => optionsOfGraph(holder.userId, desk),
    'of a registration, for another user': async () => (await atGraph()).options(),
  };

  test.each(Object.keys(challenges))('for the challenge %s is refused', async (name) => {
    await arrive();
    const { challenge } = await challenges[name]!();
    await refusedAndNothingChanged(() => door.send(forgedAssertion({ challenge }, house.issuer, holder.key)));
    expect(await taken()).toBe('taken');
  });

  test('for a challenge that was answered before is refused, and so is the very same answer', async () => {
    await arrive();
    const options = await door.options();
    const wrong = forgedAssertion(options, house.issuer, holder.key, assertionLies['a signature cut short']);
    for (const text of [wrong, wrong, forgedAssertion(options, house.issuer, holder.key)]) {
      await refusedAndNothingChanged(() => door.send(text));
    }
    expect(await taken()).toBe('taken');
  });

  test('for a challenge that has expired is refused', async () => {
    await arrive();
    const text = forgedAssertion(await door.options(), house.issuer, holder.key);
    await later(5.1, () => refusedAndNothingChanged(() => door.send(text)));
    expect(await taken()).toBe('taken');
  });

  test('of another user is refused: with their handle, with their id under the own key, and with the own handle', async () => {
    await arrive();
    const other = await aHolder();
    const [own, theirs] = [holder.key, other.key];
    const forgeries: [ForgedKey, boolean][] = [
      [{ ...own, id: theirs.id }, true],
      [{ ...own, id: theirs.id, userHandle: theirs.userHandle }, true],
      [{ ...own, userHandle: theirs.userHandle }, true],
      [{ ...theirs, userHandle: own.userHandle }, true],
      // Without a name this is how somebody else signs in; everywhere else it is another person's passkey.
      [theirs, !where.includes('without a name')],
    ];
    for (const [key, isForgery] of forgeries) {
      if (!isForgery) continue;
      key.counter += 10;
      const text = forgedAssertion(await door.options(), house.issuer, key);
      await refusedAndNothingChanged(() => door.send(text));
    }
    own.counter += 20;
    expect(await taken()).toBe('taken');
  });

  test('with a counter that went back is refused and suspends it: then the honest one is refused as well', async () => {
    await arrive();
    if (holder === theHolder) {
      holder = await aHolder();
      door = await signInOf(where.includes('without a name') ? undefined : holder.userName);
    }
    await house.base.knex('passkeys').where('credential_id', '=', holder.key.id).update({ sign_count: 1_000 });
    const before = await standing();
    expect(await taken()).toBe('refused');
    // Nothing but the suspension, and the mail that tells of it.
    const after = await standing();
    const changed = Object.keys(after).filter((table) => after[table] !== before[table]);
    expect(changed).toEqual(['passkeys']);
    expect(await eventsOf(house, { userId: holder.userId, type: 'passkey.suspended' })).toMatchObject([
      { details: { reason: 'counter_regress' } },
    ]);
    holder.key.counter = 2_000;
    expect(await taken()).toBe('refused');
  });
});

test('there are at least sixty lies for every door', () => {
  for (const lies of [registrationLies, assertionLies]) {
    expect(Object.keys({ ...sharedLies, ...lies }).length).toBeGreaterThanOrEqual(60);
  }
});
