import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grantRole } from '../../src/roles/manage-roles.ts';
import type { RoleName } from '../../src/roles/role.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** `applications`, their secrets and their owners, and what a script does to rotate a secret. Who may is in the matrix. */

type Json = Record<string, unknown>;
type By = 'GA' | 'CA' | 'app';

interface Credential {
  readonly keyId: string;
  readonly secretText: string | null;
  readonly hint: string | null;
  readonly startDateTime: string;
  readonly endDateTime: string | null;
}

const scopes = ['Application.ReadWrite.All', 'User.Read.All'];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;

let house: TestHouse;
let console_: RelyingParty;
const tokens = {} as Record<By, string>;

beforeAll(async () => {
  console_ = await startRelyingParty({ issuer: () => house.issuer, clientId: 'console', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'console',
        client_secret: 'secret',
        redirect_uris: [console_.redirectUri],
        delegated_permissions: scopes,
      },
      {
        client_id: 'provisioning',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: ['Application.ReadWrite.All', 'User.Read.All'],
      },
    ],
  });
  tokens.GA = await tokenOf('Global Administrator');
  tokens.CA = await tokenOf('Application Administrator');
  tokens.app = (await fetched('provisioning', 'secret')) as string;
});
afterAll(async () => {
  await console_?.close();
  await house?.close();
});

async function tokenOf(role: RoleName): Promise<string> {
  const userName = aName('admin');
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const first = newBrowser({ stopAt: [console_.redirectUri] });
  await first.visit((await console_.authorizationUrl()).href);
  await joinWithPass(first, authenticator, userName, await house.pass(userName));
  await house.work((w) => grantRole(w, id, role));
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  const asked = { scope: `openid ${scopes.join(' ')}`, resource: `${house.issuer}/management` };
  await browser.visit((await console_.authorizationUrl(asked)).href);
  await usePasskey(browser, authenticator);
  return (await console_.exchange(browser.page.callback)).tokens.access_token;
}

/** A token for the management API by a secret, or the status of the refusal. */
async function fetched(clientId: string, secret: string): Promise<string | number> {
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa(`${clientId}:${secret}`)}` },
  });
  return answer.ok ? ((await answer.json()) as { access_token: string }).access_token : answer.status;
}
const works = async (clientId: string, secret: string) => typeof (await fetched(clientId, secret)) === 'string';

async function call(method: string, path: string, body?: unknown, by: By = 'GA', headers: object = {}) {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tokens[by]}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: (text ? JSON.parse(text) : {}) as Json };
}

async function expectRefusal(answer: ReturnType<typeof call>, status: number, message: RegExp): Promise<void> {
  const { status: got, body } = await answer;
  const { message: said } = (body.error ?? {}) as { message?: string };
  expect({ status: got, said }).toEqual({ status, said: expect.stringMatching(message) });
}

const worker = (more: object = {}) => ({
  displayName: aName('worker'),
  oidc: { grant_types: ['client_credentials'], app_roles: ['User.Read.All'], ...more },
});
const website = (more: object = {}) => ({
  displayName: aName('site'),
  oidc: { redirect_uris: ['http://localhost:4000/cb'], ...more },
});

async function made(body: object, by: By = 'GA'): Promise<{ id: string; appId: string; path: string; body: Json }> {
  const answer = await call('POST', '/applications', body, by);
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 201 });
  const [id, appId] = [answer.body.id as string, answer.body.appId as string];
  return { id, appId, path: `/applications/${id}`, body: answer.body };
}

async function aSecret(path: string, terms: object = {}, by: By = 'GA'): Promise<Credential> {
  const { status, body } = await call('POST', `${path}/addPassword`, { passwordCredential: terms }, by);
  expect(status).toBe(200);
  return body as unknown as Credential;
}

describe('an application', () => {
  test('is made with a name of ours and no secret, and shown the same ever after', async () => {
    const { id, appId, path, body } = await made(website({ minimum_acr: '2f' }), 'CA');
    expect(body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#applications/$entity`,
      id: expect.stringMatching(uuid),
      appId: expect.stringMatching(uuid),
      displayName: expect.stringContaining('site'),
      createdDateTime: expect.stringMatching(sevenDigits),
      isFallbackPublicClient: false,
      passwordCredentials: [],
      oidc: {
        redirect_uris: ['http://localhost:4000/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        minimum_acr: '2f',
        first_party: true,
        app_roles: [],
      },
    });
    expect(id).not.toBe(appId);
    const again = (await call('GET', path)).body;
    expect(again).toEqual(body);
    for (const address of [`/applications('${id}')`, `/applications(appId='${appId}')`]) {
      expect((await call('GET', address)).body).toEqual(body);
    }
    const beta = await fetch(`${house.issuer}/beta${path}`, { headers: { authorization: `Bearer ${tokens.GA}` } });
    expect(await beta.json()).toMatchObject({ id, appId });
    expect(await eventsOf(house, { type: 'client.created', clientId: appId })).toHaveLength(1);
  });

  test('is found by appId and by name, and counted', async () => {
    const { appId, body } = await made(website());
    const named = String(body.displayName);
    for (const filter of [
      `appId eq '${appId}'`,
      `displayName eq '${named}'`,
      `startswith(displayName,'${named.slice(0, -1)}')`,
    ]) {
      const { body: list } = await call(
        'GET',
        `/applications?$filter=${encodeURIComponent(filter)}&$count=true&$select=appId`,
      );
      expect(list).toMatchObject({ '@odata.count': 1, value: [{ appId }] });
    }
    await expectRefusal(
      call('GET', `/applications?$filter=${encodeURIComponent("id eq 'x'")}`),
      400,
      /One of these is/,
    );
    await expectRefusal(call('GET', '/applications?$expand=owners'), 400, /"\$expand" is not supported/);
  });

  test('lists go on from page to page, each client once', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${house.issuer}/v1.0/applications?$top=2&$select=appId`;
    while (next) {
      const answer = await fetch(next, { headers: { authorization: `Bearer ${tokens.CA}` } });
      const page = (await answer.json()) as { value: { appId: string }[]; '@odata.nextLink'?: string };
      expect(page.value.length).toBeLessThanOrEqual(2);
      seen.push(...page.value.map(({ appId }) => appId));
      next = page['@odata.nextLink'];
    }
    const all = await house.base.knex('clients').pluck<string[]>('client_id');
    expect(seen.length).toBeGreaterThan(2);
    expect([...seen].sort()).toEqual([...all].sort());
  });

  test('is changed where it is named, takes what was read back, and is known to the protocol at once', async () => {
    const { path, appId, body } = await made(website());
    const begins = async () => {
      const query = { client_id: appId, redirect_uri: 'http://localhost:4000/other', response_type: 'code' };
      return (await newBrowser().visit(`${house.issuer}/auth?${new URLSearchParams({ ...query, scope: 'openid' })}`))
        .step;
    };
    expect((await call('PATCH', path, { ...body, displayName: 'Renamed' })).status).toBe(204);
    expect((await call('PATCH', path, { oidc: { require_pkce: false } })).status).toBe(204);
    expect((await call('GET', path)).body).toEqual({
      ...body,
      displayName: 'Renamed',
      oidc: { ...(body.oidc as object), require_pkce: false },
    });
    expect(await begins()).toBe('error');
    const addresses = ['http://localhost:4000/cb', 'http://localhost:4000/other'];
    expect((await call('PATCH', path, { oidc: { redirect_uris: addresses } })).status).toBe(204);
    expect(await begins()).toBe('identify');
  });

  test.each<[string, object, RegExp]>([
    ['no name', { oidc: {} }, /displayName/],
    ['no oidc', { displayName: 'X' }, /oidc/],
    ['no address', { displayName: 'X', oidc: {} }, /redirect_uris needs at least one address/],
    ['an address that nobody takes', website({ redirect_uris: ['https://a.example/#x'] }), /could not be used/],
    ['client_credentials and no secret ever', worker({ token_endpoint_auth_method: 'none' }), /is needed/],
    ['a name for itself', website({ client_id: 'mine' }), /client_id/],
    ['a secret of its own', website({ client_secret: 'mine' }), /client_secret/],
    ['what Graph has and we do not', { ...website(), web: {} }, /web/],
    ['three secrets', { ...website(), passwordCredentials: [{}, {}, {}] }, /passwordCredentials/],
  ])('with %s is a 400, and none is made', async (_what, body, message) => {
    const before = await house.base.knex('clients').count();
    await expectRefusal(call('POST', '/applications', body), 400, message);
    expect(await house.base.knex('clients').count()).toEqual(before);
  });

  test('is deleted with its secrets and its tokens', async () => {
    const { path, appId } = await made(worker());
    const { secretText } = await aSecret(path);
    const token = await fetched(appId, secretText!);
    const users = () => fetch(`${house.issuer}/v1.0/users`, { headers: { authorization: `Bearer ${String(token)}` } });
    expect((await users()).status).toBe(200);
    expect((await call('DELETE', path)).status).toBe(204);
    expect([(await users()).status, await fetched(appId, secretText!)]).toEqual([401, 401]);
    await expectRefusal(call('GET', path), 404, /no such client/);
    expect(await house.base.knex('client_secrets').where('client_id', '=', appId)).toEqual([]);
  });

  test.each(['nonsense', '00000000-0000-4000-8000-000000000000', 'console'])('%s is none', async (id) => {
    for (const [method, path, body] of [
      ['GET', `/applications/${id}`],
      ['PATCH', `/applications/${id}`, { displayName: 'X' }],
      ['DELETE', `/applications/${id}`],
      ['POST', `/applications/${id}/addPassword`, {}],
      ['POST', `/applications/${id}/removePassword`, { keyId: id }],
      ['GET', `/applications/${id}/owners`],
    ] as const) {
      await expectRefusal(call(method, path, body), 404, /no such client/);
    }
  });
});

describe('a secret', () => {
  test('is shown once, with a hint and its end, and never again', async () => {
    const { path, appId } = await made(worker());
    const secret = await aSecret(path, { displayName: 'blue' });
    expect(secret).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#microsoft.graph.passwordCredential`,
      keyId: expect.stringMatching(uuid),
      displayName: 'blue',
      hint: secret.secretText!.slice(0, 3),
      startDateTime: expect.stringMatching(sevenDigits),
      endDateTime: expect.stringMatching(sevenDigits),
      secretText: expect.stringMatching(/^[\w-]{43}$/),
      customKeyIdentifier: null,
    });
    const years = new Date(secret.endDateTime!).getUTCFullYear() - new Date(secret.startDateTime).getUTCFullYear();
    expect(years).toBe(2);
    const { body } = await call('GET', path);
    const { '@odata.context': _context, ...kept } = secret as unknown as Json;
    expect(body.passwordCredentials).toEqual([{ ...kept, secretText: null }]);
    const everything = JSON.stringify([
      await house.base.knex('client_secrets'),
      await house.base.knex('audit_events').where('client_id', '=', appId),
    ]);
    expect(everything).not.toContain(secret.secretText);
    expect(await works(appId, secret.secretText!)).toBe(true);
  });

  test('is rotated without a break: both work until the old one is removed', async () => {
    const { path, appId } = await made(worker());
    const [old, fresh] = [await aSecret(path), await aSecret(path)];
    expect([await works(appId, old.secretText!), await works(appId, fresh.secretText!)]).toEqual([true, true]);
    await expectRefusal(call('POST', `${path}/addPassword`, {}), 409, /has 2 secrets already/);
    expect((await call('POST', `${path}/removePassword`, { keyId: old.keyId })).status).toBe(204);
    expect([await works(appId, old.secretText!), await works(appId, fresh.secretText!)]).toEqual([false, true]);
    await expectRefusal(call('POST', `${path}/removePassword`, { keyId: old.keyId }), 404, /no such secret/);
    expect(await eventsOf(house, { type: 'client.secret-added', clientId: appId })).toHaveLength(2);
    expect(await eventsOf(house, { type: 'client.secret-removed', clientId: appId })).toHaveLength(1);
  });

  test('works from its start to its end, and makes room once it has ended', async () => {
    const { path, appId } = await made(worker());
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const ending = await aSecret(path, { endDateTime: inDays(1) });
    const coming = await aSecret(path, { startDateTime: inDays(1), endDateTime: inDays(2) });
    expect([await works(appId, ending.secretText!), await works(appId, coming.secretText!)]).toEqual([true, false]);
    // A day later.
    await house.base.knex.raw(
      "update client_secrets set starts_at = starts_at - interval '25 hours', expires_at = expires_at - interval '25 hours' where client_id = ?",
      [appId],
    );
    expect([await works(appId, ending.secretText!), await works(appId, coming.secretText!)]).toEqual([false, true]);
    const next = await aSecret(path);
    const { body } = await call('GET', path);
    expect((body.passwordCredentials as Credential[]).map(({ keyId }) => keyId)).toEqual([coming.keyId, next.keyId]);
  });

  test('of none there is: the client is not public, and gets nothing', async () => {
    const { path, appId } = await made(worker());
    const { secretText, keyId } = await aSecret(path);
    expect((await call('POST', `${path}/removePassword`, { keyId })).status).toBe(204);
    for (const secret of [secretText!, '-', '']) expect(await works(appId, secret)).toBe(false);
    const answer = await fetch(`${house.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: appId,
        scope: `${house.issuer}/management/.default`,
      }),
    });
    expect(answer.status).toBe(401);
  });

  test('comes with the application where it is asked for', async () => {
    const { appId, body, path } = await made({ ...worker(), passwordCredentials: [{ displayName: 'first' }] });
    const [credential] = body.passwordCredentials as [Credential];
    expect(await works(appId, credential.secretText!)).toBe(true);
    expect((await call('GET', path)).text).not.toContain(credential.secretText);
  });

  test.each<[object, RegExp]>([
    [{ endDateTime: '2020-01-01T00:00:00Z' }, /must be in the future/],
    [{ startDateTime: '2090-01-01T00:00:00Z', endDateTime: '2089-01-01T00:00:00Z' }, /after startDateTime/],
    [{ endDateTime: 'soon' }, /endDateTime/],
  ])('with %o is a 400', async (terms, message) => {
    const { path } = await made(worker());
    await expectRefusal(call('POST', `${path}/addPassword`, { passwordCredential: terms }), 400, message);
  });

  test('is not for a public client', async () => {
    const { path } = await made(website({ token_endpoint_auth_method: 'none' }));
    await expectRefusal(call('POST', `${path}/addPassword`, {}), 409, /public/);
  });
});

describe('powers', () => {
  const powers = /Global Administrators alone/;

  test.each<By>(['CA', 'app'])('%s makes and changes clients without any, and no others', async (by) => {
    const { path } = await made(website(), by);
    await aSecret(path, {}, by);
    expect((await call('PATCH', path, { oidc: { minimum_acr: 'phr' } }, by)).status).toBe(204);
    await expectRefusal(call('PATCH', path, { oidc: { app_roles: ['User.Read.All'] } }, by), 403, powers);
    await expectRefusal(call('PATCH', path, { oidc: { delegated_permissions: ['User.Read'] } }, by), 403, powers);
    await expectRefusal(call('POST', '/applications', worker(), by), 403, powers);
    const user = await house.user(aName('owner'));
    await expectRefusal(
      call('POST', `${path}/owners/$ref`, { '@odata.id': `https://x/v1.0/users/${user.id}` }, by),
      403,
      powers,
    );
    expect((await call('DELETE', path, undefined, by)).status).toBe(204);
  });

  test.each<By>(['CA', 'app'])(
    'whoever has some is out of reach for %s: secrets, addresses, and its end',
    async (by) => {
      const { path, body } = await made(website({ delegated_permissions: ['User.Read.All'] }));
      const { keyId } = await aSecret(path);
      for (const [method, address, sent] of [
        ['POST', `${path}/addPassword`, {}],
        ['POST', `${path}/removePassword`, { keyId }],
        ['PATCH', path, { oidc: { redirect_uris: ['http://localhost:4000/mine'] } }],
        ['PATCH', path, { oidc: { delegated_permissions: null } }],
        ['DELETE', path, undefined],
      ] as const) {
        await expectRefusal(call(method, address, sent, by), 403, powers);
      }
      expect((await call('GET', path)).body).toMatchObject({ oidc: body.oidc as object });
    },
  );
});

test('owners are added, listed and taken away by Global Administrators', async () => {
  const { path, appId } = await made(website());
  const user = await house.user(aName('owner'));
  const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${user.id}` };
  expect((await call('POST', `${path}/owners/$ref`, reference)).status).toBe(204);
  await expectRefusal(call('POST', `${path}/owners/$ref`, reference), 400, /already/);
  expect((await call('GET', `${path}/owners?$select=id`)).body.value).toEqual([
    { '@odata.type': '#microsoft.graph.user', id: user.id },
  ]);
  expect((await call('DELETE', `${path}/owners/${user.id}/$ref`)).status).toBe(204);
  await expectRefusal(call('DELETE', `${path}/owners/${user.id}/$ref`), 404, /does not own/);
  expect((await call('GET', `${path}/owners`)).body.value).toEqual([]);
  expect(await eventsOf(house, { type: 'client.owners-changed', clientId: appId })).toHaveLength(2);
});

test('a key that is sent again gives the application it made, without the secret', async () => {
  const body = { ...website(), passwordCredentials: [{}] };
  const key = { 'idempotency-key': aName('key') };
  const first = await call('POST', '/applications', body, 'GA', key);
  const again = await call('POST', '/applications', body, 'GA', key);
  const [credential] = first.body.passwordCredentials as [Credential];
  expect(again.status).toBe(201);
  expect(again.text).not.toContain(credential.secretText);
  expect(again.body).toEqual({ ...first.body, passwordCredentials: [{ ...credential, secretText: null }] });
});
