import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { changeApp } from '../../src/apps.ts';
import { resetAssurancePolicy } from '../../src/assurance/manage-policy.ts';
import type { ClientChange } from '../../src/clients/client.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';

/** How sure an app can be of who signed in: what it asks for, what it is told, and what it never gets. */

const mfa = 'https://refeds.org/profile/mfa';
const gold = 'urn:example:gold';

let house: TestHouse;
let app: RelyingParty;
let other: RelyingParty;
let one: string;
let two: string;

beforeAll(async () => {
  const issuer = () => house.issuer;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'secret', scope: 'openid' });
  other = await startRelyingParty({ issuer, clientId: 'other', clientSecret: 'secret' });
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) });
  [one, two] = [`${house.issuer}/acr/1f`, `${house.issuer}/acr/2f`];
  await house.seed({
    clients: [app, other].map(({ redirectUri }, index) => ({
      client_id: ['app', 'other'][index],
      client_secret: 'secret',
      redirect_uris: [redirectUri],
      delegated_permissions: ['User.ReadWrite.All'],
    })),
  });
  await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
});
afterAll(async () => {
  await Promise.all([app, other].map((party) => party?.close()));
  await house?.close();
});
afterEach(async () => {
  await house.work(resetAssurancePolicy);
  await passPolicy(house, { purpose: 'signIn', isUsableOnce: false });
  await client({ minimum_acr: null, default_acr_values: null });
});

const client = (changes: ClientChange) => house.work((work) => changeApp(work, 'app', changes));
const aliases = (named: Record<string, string>) => house.seed({ policies: { assurance: { aliases: named } } });
const essential = (acr: object) => ({ claims: JSON.stringify({ id_token: { acr: { essential: true, ...acr } } }) });
const aBrowser = () => newBrowser({ stopAt: [app.redirectUri, other.redirectUri] });

interface Person {
  readonly name: string;
  readonly code: string;
  readonly authenticator: SoftwareAuthenticator;
}

/** Somebody with a passkey, and with a pass that signs in: strong or weak, as they like. */
async function aPerson(): Promise<Person> {
  const name = aName();
  await house.user(name);
  const authenticator = newAuthenticator();
  const browser = aBrowser();
  await browser.visit(await other.authorizationUrl());
  await joinWithPass(browser, authenticator, name, await house.pass(name));
  return { name, authenticator, code: await house.pass(name, { purpose: 'signIn' }) };
}

async function ask(browser: CookieBrowser, extra: Record<string, string> = {}, party = app) {
  return browser.visit(await party.authorizationUrl(extra));
}

/** Signs in with the pass, which makes a session of two factors; of one where policy says so. */
async function withPass({ name, code }: Person, extra: Record<string, string> = {}, party = app) {
  const browser = aBrowser();
  await ask(browser, extra, party);
  await enterPass(browser, name, code);
  return browser;
}

async function withPasskey({ authenticator }: Person, extra: Record<string, string> = {}, party = app) {
  const browser = aBrowser();
  await ask(browser, extra, party);
  await usePasskey(browser, authenticator);
  return browser;
}

/** What the app is told when nobody may be asked: its acr, or the error. */
async function silently(browser: CookieBrowser, extra: Record<string, string> = {}): Promise<string | undefined> {
  const { callback } = await ask(browser, { prompt: 'none', ...extra });
  return callback.searchParams.get('error') ?? ((await app.exchange(callback)).claims.acr as string);
}

/** What came of the request at whose end the browser is: the acr, or the error. */
async function told({ page }: CookieBrowser): Promise<string | undefined> {
  return page.callback.searchParams.get('error') ?? ((await app.exchange(page.callback)).claims.acr as string);
}

const unmet = 'unmet_authentication_requirements';

describe('a session that is weaker than asked for', () => {
  test.each<[string, () => Record<string, string>]>([
    ['acr_values', () => ({ acr_values: 'phr' })],
    ['several acr_values', () => ({ acr_values: 'phrh nobody-knows phr' })],
    ['an essential value', () => essential({ value: 'phr' })],
    ['essential values', () => essential({ values: ['phrh', 'phr'] })],
  ])('%s: is asked for more, and only a new authentication raises it', async (_what, params) => {
    const person = await aPerson();
    const browser = await withPass(person);
    const before = await app.exchange(browser.page.callback);
    expect(before.claims.acr).toBe(two);
    expect(await silently(browser, params())).toBe(unmet);
    expect((await ask(browser, params())).step).toBe('verify');
    // Looking at the page has raised nothing.
    expect(await silently(browser)).toBe(two);
    await ask(browser, params());
    await usePasskey(browser, person.authenticator);
    const after = await app.exchange(browser.page.callback);
    expect(after.claims).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'] });
    expect(after.claims.auth_time).toBeGreaterThanOrEqual(before.claims.auth_time!);
    expect(await silently(browser, params())).toBe('phr');
    expect(await silently(browser, { acr_values: two })).toBe(two);
  });

  test('a wish that a new sign-in does not meet is let go', async () => {
    const person = await aPerson();
    const browser = await withPass(person);
    await ask(browser, { acr_values: 'phr' });
    expect(browser.page.step).toBe('verify');
    await browser.click('use-pass');
    await browser.submit({ formWith: 'code', fields: { code: person.code } });
    expect(await told(browser)).toBe(two);
  });

  test('a demand that a new sign-in does not meet ends at the app, with no page after it', async () => {
    const person = await aPerson();
    for (const params of [essential({ value: 'phr' }), essential({ values: ['phrh', 'nobody-knows', 'phr'] })]) {
      const browser = await withPass(person, params);
      expect(browser.page.isCallback).toBe(true);
      expect(await told(browser)).toBe(unmet);
      expect(browser.page.callback.searchParams.has('code')).toBe(false);
      expect(browser.page.callback.searchParams.get('error_description')).toBe('the requested acr was not met');
    }
  });

  test('bootstrap is nothing an app can ask for, or be told of', async () => {
    const person = await aPerson();
    const bootstrap = `${house.issuer}/acr/bootstrap`;
    const browser = await withPasskey(person, { acr_values: bootstrap });
    expect(await told(browser)).toBe('phr');
    expect(await silently(browser, essential({ value: bootstrap }))).toBe(unmet);
    await house.base.knex.raw(
      `update oidc_sessions set payload = payload || jsonb_build_object('acr', ?::text)
        where account_id = (select id from users where user_principal_name = ?)`,
      [bootstrap, person.name],
    );
    expect(await silently(browser)).toBe(unmet);
    expect((await ask(browser)).step).toBe('verify');
  });

  test('max_age=0 takes a new sign-in, whose time the app is told; the level is that of the new one', async () => {
    const person = await aPerson();
    const browser = await withPasskey(person);
    const first = await app.exchange(browser.page.callback);
    expect(first.claims.acr).toBe('phr');
    expect(await silently(browser, { max_age: '0' })).toBe('login_required');
    await ask(browser, { max_age: '0' });
    await browser.click('use-pass');
    await browser.submit({ formWith: 'code', fields: { code: person.code } });
    const { claims } = await app.exchange(browser.page.callback);
    expect(claims).toMatchObject({ acr: two, amr: [`${house.issuer}/amr/pass`] });
    expect(claims.auth_time! - first.claims.auth_time!).toBeGreaterThanOrEqual(0);
  });
});

describe('tokens', () => {
  test('say how and when the person signed in: ID token, access token and userinfo, refreshed ones too', async () => {
    await aliases({ [mfa]: '2f' });
    const person = await aPerson();
    const browser = await withPasskey(person, { acr_values: mfa });
    const { claims, tokens } = await app.exchange(browser.page.callback);
    const { sub, auth_time } = claims;
    const event = { acr: mfa, amr: ['pop', 'user', 'mfa'], auth_time };
    expect(claims).toMatchObject(event);
    expect(await app.userinfo(tokens.access_token, sub)).toMatchObject(event);

    // Later the same session is asked for something else, and the name is gone from policy: of the event nothing changes.
    expect(await silently(browser, { acr_values: one })).toBe(one);
    await house.work(resetAssurancePolicy);
    const again = await app.refresh(tokens.refresh_token!);
    expect(again.claims()).toMatchObject(event);
    expect(await app.userinfo(again.access_token, sub)).toMatchObject(event);
  });

  test('of an app that asked for less, or by another name, are not enough for our own API, which says what is', async () => {
    await aliases({ [gold]: 'phr' });
    const person = await aPerson();
    const { id } = await house.base.knex('users').where('user_principal_name', '=', person.name).first('id');
    await house.work((work) => grantRole(work, id, 'User Administrator'));
    const scope = 'openid User.ReadWrite.All';
    const resource = `${house.issuer}/management`;
    const browser = await withPasskey(person, { scope, resource, acr_values: gold });
    const users = async (): Promise<Response> => {
      const { tokens } = await app.exchange(browser.page.callback);
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      return fetch(`${house.issuer}/v1.0/users`, { headers });
    };
    const refused = await users();
    expect(refused.status).toBe(401);
    const challenge = refused.headers.get('www-authenticate')!;
    expect(challenge).toMatch(
      /^Bearer error="insufficient_user_authentication", error_description="[^"\\]+", acr_values=/,
    );
    const asked = Object.fromEntries(
      [...challenge.matchAll(/(acr_values|max_age)="([^"]*)"/g)].map(([, k, v]) => [k, v]),
    );
    expect(asked).toEqual({ acr_values: 'phr', max_age: expect.stringMatching(/^\d+$/) });
    // The two parameters as they are, and nobody is asked: the session was strong enough all along.
    await ask(browser, { scope, resource, prompt: 'none', ...asked });
    expect((await users()).status).toBe(200);
  });
});

describe('names that policy adds', () => {
  test('are advertised behind our own, at once, and no longer when they are gone', async () => {
    const advertised = async () => {
      const answer = await fetch(`${house.issuer}/.well-known/openid-configuration`);
      return ((await answer.json()) as { acr_values_supported: string[] }).acr_values_supported;
    };
    await aliases({ [mfa]: '2f', [gold]: 'phr' });
    const names = await advertised();
    expect(names.slice(0, 4)).toEqual([one, two, 'phr', 'phrh']);
    expect(names.slice(4).sort()).toEqual([mfa, gold].sort());
    await house.work(resetAssurancePolicy);
    expect(await advertised()).toEqual([one, two, 'phr', 'phrh']);
  });

  test('are asked for and told like any other, in every form', async () => {
    await aliases({ [mfa]: '2f', [gold]: 'phr' });
    const person = await aPerson();
    expect(await told(await withPass(person, { acr_values: mfa }))).toBe(mfa);
    expect(await told(await withPass(person, essential({ value: mfa })))).toBe(mfa);
    expect(await told(await withPass(person, essential({ values: [gold, mfa] })))).toBe(mfa);
    expect(await told(await withPass(person, essential({ value: gold })))).toBe(unmet);
    const browser = await withPass(person, { acr_values: `${gold} ${one} ${mfa}` });
    expect(await told(browser)).toBe(mfa);
    expect(await silently(browser, { acr_values: gold })).toBe(unmet);
    expect(await silently(browser)).toBe(two);
  });

  test('of a level that nothing reaches are like that level', async () => {
    await aliases({ [gold]: 'phrh' });
    const person = await aPerson();
    expect(await told(await withPasskey(person, essential({ value: gold })))).toBe(unmet);
    expect(await told(await withPasskey(person, { acr_values: gold }))).toBe('phr');
  });

  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['a wish whose name is gone when the answer comes is no wish', { acr_values: gold }, {}, '2f'],
    ['a demand whose name is gone cannot be met', essential({ value: gold }), {}, unmet],
    ['a demand whose name means less by then is met by less', essential({ value: gold }), { [gold]: '1f' }, gold],
    ['a demand whose name means more by then is not met', essential({ value: mfa }), { [mfa]: 'phr' }, unmet],
  ])('%s', async (_what, params, after, expected) => {
    await aliases({ [gold]: 'phr', [mfa]: '1f' });
    const { name, code } = await aPerson();
    const browser = aBrowser();
    await ask(browser, params);
    await aliases(after);
    await enterPass(browser, name, code);
    expect(await told(browser)).toBe(expected === '2f' ? two : expected);
  });
});

describe('what a client has registered', () => {
  test('default_acr_values are wished for where a request names none, and for no other', async () => {
    await aliases({ [gold]: 'phr' });
    await client({ default_acr_values: [gold] });
    const person = await aPerson();
    const browser = await withPass(person, {}, other);
    expect(await silently(browser)).toBe(unmet);
    expect(await silently(browser, { acr_values: one })).toBe(one);
    expect(await silently(browser, essential({ value: two }))).toBe(two);
    expect((await ask(browser)).step).toBe('verify');
    await usePasskey(browser, person.authenticator);
    expect(await told(browser)).toBe(gold);
    // No demand: who has nothing better goes on.
    expect(await told(await withPass(await aPerson()))).toBe(two);
  });

  test('default_acr_values do not stand in for an essential claim', async () => {
    await client({ default_acr_values: [one] });
    expect(await told(await withPass(await aPerson(), essential({ value: 'phr' })))).toBe(unmet);
  });

  test('minimum_acr: a weaker sign-in ends at the app with an error, whatever was asked for', async () => {
    await client({ minimum_acr: 'phr' });
    const person = await aPerson();
    for (const params of [{}, { acr_values: one }, essential({ value: two }), { acr_values: 'nobody-knows' }]) {
      const browser = await withPass(person, params);
      expect(await told(browser), JSON.stringify(params)).toBe(unmet);
      expect(browser.page.callback.searchParams.has('code')).toBe(false);
    }
    expect(await told(await withPasskey(person))).toBe('phr');
    expect(await told(await withPasskey(person, { acr_values: one }))).toBe(one);
  });

  test('minimum_acr: a session that another app is content with is not enough, until it is raised', async () => {
    await client({ minimum_acr: 'phr' });
    const person = await aPerson();
    const browser = await withPass(person, {}, other);
    expect(browser.page.callback.searchParams.has('code')).toBe(true);
    expect(await silently(browser)).toBe(unmet);
    expect((await ask(browser)).step).toBe('verify');
    await usePasskey(browser, person.authenticator);
    expect(await told(browser)).toBe('phr');
    expect(await silently(browser)).toBe('phr');
  });

  test('minimum_acr of two factors is met by them, and not by one', async () => {
    await client({ minimum_acr: '2f' });
    expect(await told(await withPass(await aPerson()))).toBe(two);
    await passPolicy(house, { purpose: 'signIn', isUsableOnce: false, satisfiesMultifactor: false });
    expect(await told(await withPass(await aPerson()))).toBe(unmet);
  });

  test('minimum_acr: who comes with a pass for registration registers, uses it, and gets in', async () => {
    await client({ minimum_acr: 'phr' });
    const name = aName();
    await house.user(name);
    const browser = aBrowser();
    await ask(browser);
    expect((await enterPass(browser, name, await house.pass(name))).step).toBe('enrol');
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    // Registered is not signed in with.
    expect(browser.page.step).toBe('confirm');
    await usePasskey(browser, authenticator);
    expect(await told(browser)).toBe('phr');
  });

  test('minimum_acr raised: what was given before goes on and says what it was; the next request takes more', async () => {
    const person = await aPerson();
    const browser = await withPass(person);
    const { tokens, claims } = await app.exchange(browser.page.callback);
    await client({ minimum_acr: 'phr' });
    const again = await app.refresh(tokens.refresh_token!);
    const { acr, amr, auth_time } = claims;
    expect(acr).toBe(two);
    expect(again.claims()).toMatchObject({ acr, amr, auth_time });
    expect(await app.userinfo(again.access_token, claims.sub)).toMatchObject({ acr, amr, auth_time });
    expect(await silently(browser)).toBe(unmet);
    await client({ minimum_acr: null });
    expect(await silently(browser)).toBe(two);
  });

  test('minimum_acr raised while somebody signs in holds for them', async () => {
    const { name, code } = await aPerson();
    const browser = aBrowser();
    await ask(browser);
    await client({ minimum_acr: 'phr' });
    await enterPass(browser, name, code);
    expect(await told(browser)).toBe(unmet);
  });
});
