import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfidentialClientApplication, CryptoProvider } from '@azure/msal-node';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  GraphError,
  type PageCollection,
  PageIterator,
  RetryHandlerOptions,
} from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { trustTestCertificate } from '../support/trusting.ts';
import { testCertificate, testCertificateKey } from '../support/upstream-tls.ts';

/**
 * Clients that others wrote for Microsoft Graph and Entra, as they come from the registry: only the addresses are ours. They speak
 * https alone, so the house does, and Node is told of its certificate.
 */

type Json = Record<string, unknown>;

const secret = 'a-secret-of-the-script-and-of-nobody-else';
const callback = 'https://app.example/cb';
const delegated = ['User.Read', 'UserAuthenticationMethod.ReadWrite.All', 'User.ReadWrite.All'];

let house: TestHouse;
let script: ConfidentialClientApplication;
let client: Client;

const resource = () => `${house.issuer}/management`;

beforeAll(async () => {
  trustTestCertificate();
  const plenty = { most: 100_000, windowMinutes: 5 };
  const throttles = { source: plenty, sourceAndAccount: plenty, issuing: { most: 2, windowMinutes: 1 } };
  house = await startHouse(
    { LATCHKEY_THROTTLES: JSON.stringify(throttles) },
    { tls: { cert: testCertificate, key: testCertificateKey } },
  );
  await house.seed({
    clients: [
      {
        client_id: 'hr',
        client_secret: secret,
        grant_types: ['client_credentials'],
        app_roles: [
          'User.ReadWrite.All',
          'Group.ReadWrite.All',
          'UserAuthenticationMethod.ReadWrite.All',
          'Policy.ReadWrite.AuthenticationMethod',
        ],
      },
      {
        client_id: 'console',
        client_secret: secret,
        redirect_uris: [callback],
        grant_types: ['authorization_code', 'refresh_token'],
        delegated_permissions: delegated,
      },
    ],
  });
  script = application('hr');
  client = graph(async () => (await tokenFor(script)).accessToken);
});
afterAll(() => house?.close());

function application(clientId: string): ConfidentialClientApplication {
  return new ConfidentialClientApplication({
    auth: {
      clientId,
      clientSecret: secret,
      authority: house.issuer,
      knownAuthorities: [new URL(house.issuer).host],
    },
    system: { protocolMode: 'OIDC' },
  });
}

async function tokenFor(app: ConfidentialClientApplication) {
  const token = await app.acquireTokenByClientCredential({ scopes: [`${resource()}/.default`] });
  return token!;
}

function graph(getAccessToken: () => Promise<string>, defaultVersion = 'v1.0'): Client {
  return Client.initWithMiddleware({
    baseUrl: house.issuer,
    defaultVersion,
    customHosts: new Set(['localhost']),
    authProvider: { getAccessToken },
  });
}

const passesOf = (user: string) => `/users/${user}/authentication/temporaryAccessPassMethods`;
const policy = '/policies/authenticationMethodsPolicy';
const passPolicy = `${policy}/authenticationMethodConfigurations/TemporaryAccessPass`;

async function refusal(request: Promise<unknown>): Promise<GraphError> {
  const error = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(GraphError);
  return error as GraphError;
}

describe('MSAL', () => {
  test('gets a token for a script, keeps it, and gets another when told to', async () => {
    const token = await tokenFor(script);
    expect(token).toMatchObject({ tokenType: 'Bearer', scopes: [`${resource()}/.default`], fromCache: false });
    expect(await tokenFor(script)).toMatchObject({ accessToken: token.accessToken, fromCache: true });
    const another = await script.acquireTokenByClientCredential({
      scopes: [`${resource()}/.default`],
      skipCache: true,
    });
    expect(another!.accessToken).not.toBe(token.accessToken);
  });

  test('says what was wrong with a secret', async () => {
    const stranger = new ConfidentialClientApplication({
      auth: {
        clientId: 'hr',
        clientSecret: 'wrong',
        authority: house.issuer,
        knownAuthorities: [new URL(house.issuer).host],
      },
      system: { protocolMode: 'OIDC' },
    });
    await expect(tokenFor(stranger)).rejects.toMatchObject({ errorCode: 'invalid_client' });
  });
});

test('the script in docs/api.md does what it says', async () => {
  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const [, shown = ''] = /```js\n(import [^`]*)```/.exec(page) ?? [];
  const here = shown
    .replaceAll(/^import .*$/gm, '')
    .replaceAll('https://id.example.com', house.issuer)
    .replace("customHosts: new Set(['id.example.com'])", "customHosts: new Set(['localhost'])")
    .replaceAll('id.example.com', new URL(house.issuer).host);
  vi.stubEnv('HR_SECRET', secret);
  try {
    const { constructor: AsyncFunction } = async () => {};
    const script = AsyncFunction(
      'ConfidentialClientApplication',
      'Client',
      'PageIterator',
      `${here}; return { pass, names }`,
    );
    const { pass, names } = await script(ConfidentialClientApplication, Client, PageIterator);
    expect(pass).toMatchObject({ temporaryAccessPass: expect.any(String), lifetimeInMinutes: 60, isUsableOnce: true });
    expect(names).toContain('joiner@example.com');
    expect(await client.api(passPolicy).get()).toMatchObject({ maximumLifetimeInMinutes: 600 });
  } finally {
    vi.unstubAllEnvs();
    await client.api(passPolicy).delete();
  }
});

test('the client sends no token to a host that it was not told of', async () => {
  const untold = Client.initWithMiddleware({
    baseUrl: house.issuer,
    authProvider: { getAccessToken: async () => (await tokenFor(script)).accessToken },
  });
  expect(await refusal(untold.api('/users').get())).toMatchObject({ statusCode: 401 });
  expect(await client.api('/users').top(1).get()).toMatchObject({ value: expect.any(Array) });
});

describe('policies', () => {
  test('a configuration is read, changed and written back whole', async () => {
    const read = (await client.api(passPolicy).get()) as Json;
    expect(read).toMatchObject({
      '@odata.context': `${house.issuer}/v1.0/$metadata#authenticationMethodConfigurations/$entity`,
      '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration',
      id: 'TemporaryAccessPass',
    });
    expect(await client.api(passPolicy).patch({ ...read, maximumLifetimeInMinutes: 600 })).toBeUndefined();
    expect(await client.api(passPolicy).get()).toEqual({ ...read, maximumLifetimeInMinutes: 600 });
    expect(await client.api(passPolicy).delete()).toBeUndefined();
    expect(await client.api(passPolicy).get()).toEqual(read);
  });

  test('so is the whole policy, with the configurations in it', async () => {
    const read = (await client.api(policy).get()) as Policy;
    const changed = structuredClone(read);
    changed.registrationEnforcement.authenticationMethodsRegistrationCampaign.snoozeDurationInDays = 3;
    const passes = changed.authenticationMethodConfigurations.find(({ id }) => id === 'TemporaryAccessPass')!;
    passes.defaultLength = 20;
    await client.api(policy).update(changed);
    expect(await client.api(policy).get()).toEqual({
      ...changed,
      registrationEnforcement: {
        ...changed.registrationEnforcement,
        // The same policy by its other name.
        requiredRegistration: { ...read.registrationEnforcement.requiredRegistration, snoozeDurationInDays: 3 },
      },
    });
    await client.api(policy).update({ registrationEnforcement: read.registrationEnforcement });
    await client.api(passPolicy).delete();
    expect(await client.api(policy).get()).toEqual(read);
  });
});

describe('passes', () => {
  test('are made, listed, read and deleted, by the id of the user and by the name', async () => {
    const user = await house.user(aName());
    for (const named of [user.id, user.userPrincipalName, encodeURIComponent(user.userPrincipalName)]) {
      const made = (await client.api(passesOf(named)).post({ lifetimeInMinutes: 60, isUsableOnce: true })) as Json;
      expect(made).toMatchObject({ lifetimeInMinutes: 60, isUsableOnce: true, isUsable: true });
      expect(made.temporaryAccessPass).toMatch(/^[0-9A-Z]{16}$/);

      const { value } = (await client.api(passesOf(named)).get()) as { value: Json[] };
      expect(value).toMatchObject([{ id: made.id, temporaryAccessPass: null }]);
      const one = `${passesOf(named)}/${String(made.id)}`;
      expect(await client.api(one).get()).toMatchObject({ id: made.id, temporaryAccessPass: null });
      expect(await client.api(one).delete()).toBeUndefined();
      expect(await client.api(passesOf(named)).get()).toMatchObject({ value: [] });
      expect(await refusal(client.api(one).get())).toMatchObject({ statusCode: 404, code: 'itemNotFound' });
    }
  });

  test('sent back as they were read, make another', async () => {
    const user = await house.user(aName());
    const made = (await client.api(passesOf(user.id)).post({ startDateTime: new Date().toISOString() })) as Json;
    const again = (await client.api(passesOf(user.id)).post(made)) as Json;
    expect(again.id).not.toBe(made.id);
    expect(again.temporaryAccessPass).not.toBe(made.temporaryAccessPass);
  });
});

describe('lists', () => {
  const people = 230;
  const team = `team-${randomUUID().slice(0, 8)}`;
  const nameOf = (at: number) => `${team}-${String(at).padStart(3, '0')}@example.com`;
  const ofTeam = `startswith(userPrincipalName,'${team}')`;

  beforeAll(() =>
    house.work(async (work) => {
      for (let at = 0; at < people; at += 1) {
        const displayName = at === 7 ? `Ada O'Brien & Söhne 100%` : `Person ${at}`;
        await createUser(work, { userPrincipalName: nameOf(at), displayName, mail: `mail-${at}@${team}.example` });
      }
    }),
  );

  const everybody = Array.from({ length: people }, (_, at) => nameOf(at));
  const namesOf = ({ value }: { value: Json[] }) => value.map(({ userPrincipalName }) => userPrincipalName);

  test.each(['v1.0', 'beta'])('a PageIterator follows the links through %s to the end', async (version) => {
    const first = (await client
      .api('/users')
      .version(version)
      .header('ConsistencyLevel', 'eventual')
      .filter(ofTeam)
      .select(['id', 'userPrincipalName'])
      .orderby('userPrincipalName')
      .top(50)
      .count(true)
      .get()) as PageCollection;
    expect(first['@odata.count']).toBe(people);
    expect(first['@odata.nextLink']).toMatch(new RegExp(`^${house.issuer}/${version}/users\\?`));
    const seen: unknown[] = [];
    const pages = new PageIterator(client, first, ({ userPrincipalName }) => {
      seen.push(userPrincipalName);
      return seen.length !== 120;
    });
    await pages.iterate();
    expect(pages.isComplete()).toBe(false);
    await pages.resume();
    expect(pages.isComplete()).toBe(true);
    expect(seen).toEqual(everybody);
  });

  test('a token of a page is followed by itself as well', async () => {
    const page = client.api('/users').filter(ofTeam).top(100);
    const first = (await page.get()) as PageCollection;
    const token = new URL(first['@odata.nextLink']!).searchParams.get('$skiptoken')!;
    const second = (await client.api('/users').filter(ofTeam).top(100).skipToken(token).get()) as PageCollection;
    expect(namesOf(second)).toEqual(everybody.slice(100, 200));
  });

  test('what the client makes of a query comes through as it was meant', async () => {
    const asked = () => client.api('/users').header('ConsistencyLevel', 'eventual').select('userPrincipalName');
    const found = async (request: ReturnType<typeof asked>) => namesOf((await request.get()) as PageCollection);

    const last = [everybody.at(-1), everybody.at(-2)];
    expect(await found(asked().filter(ofTeam).orderby('userPrincipalName desc').top(2))).toEqual(last);
    expect(await found(asked().filter(`userPrincipalName in ('${nameOf(1)}','${nameOf(2)}')`))).toEqual([
      nameOf(1),
      nameOf(2),
    ]);
    expect(await found(asked().filter(`${ofTeam} and displayName eq 'Person 11'`))).toEqual([nameOf(11)]);
    const written = encodeURIComponent(`displayName eq 'Ada O''Brien & Söhne 100%'`);
    expect(await found(asked().filter(written))).toEqual([nameOf(7)]);
    expect(await found(asked().query({ $filter: written }))).toEqual([nameOf(7)]);
    expect(await found(asked().search(`"mail:mail-12@${team}" OR "displayName:söhne"`))).toEqual([
      nameOf(7),
      nameOf(12),
    ]);
    expect(await client.api('/users').select(['id', 'mail']).filter(`mail eq 'mail-3@${team}.example'`).get()).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users(id,mail)`,
      value: [{ id: expect.any(String), mail: `mail-3@${team}.example` }],
    });
  });

  test('a count by itself is the number, as text', async () => {
    const count = client.api('/users/$count').header('ConsistencyLevel', 'eventual').filter(ofTeam);
    expect(await count.get()).toBe(String(people));
  });

  test('a client whose version is beta finds the same below it, with and without a dollar', async () => {
    const beta = graph(async () => (await tokenFor(script)).accessToken, 'beta');
    const found = (await beta.api('/users').query({ filter: ofTeam, top: 3 }).get()) as PageCollection;
    expect(namesOf(found)).toEqual(everybody.slice(0, 3));
    expect(found['@odata.context']).toBe(`${house.issuer}/beta/$metadata#users`);
  });
});

describe('a batch', () => {
  const request = (id: string, method: string, path: string, body?: object) => ({
    id,
    request: new Request(`${house.issuer}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    }),
  });
  async function sent(content: BatchRequestContent): Promise<BatchResponseContent> {
    return new BatchResponseContent(await client.api('/$batch').post(await content.getContent()));
  }

  test('makes a joiner and a pass, each after the one before, and stops at what fails', async () => {
    const userPrincipalName = aName('joiner');
    const content = new BatchRequestContent([
      request('user', 'POST', '/users', { userPrincipalName, displayName: 'Jo Iner' }),
      request('pass', 'POST', passesOf(userPrincipalName), {}),
      request('count', 'GET', `/users/$count?$filter=userPrincipalName eq '${userPrincipalName}'`),
      request('out', 'POST', `/users/${userPrincipalName}/revokeSignInSessions`),
      request('gone', 'GET', `${passesOf(userPrincipalName)}/${randomUUID()}`),
      request('never', 'DELETE', `/users/${userPrincipalName}`),
    ]);
    for (const id of ['pass', 'count', 'out', 'gone', 'never']) content.addDependency(id);
    const answers = await sent(content);
    const statuses = [...answers.getResponses()].map(([id, { status }]) => [id, status]);
    expect(Object.fromEntries(statuses)).toEqual({ user: 201, pass: 201, count: 200, out: 200, gone: 404, never: 424 });

    const user = (await answers.getResponseById('user').json()) as Json;
    const pass = (await answers.getResponseById('pass').json()) as Json;
    expect(pass.temporaryAccessPass).toMatch(/^[0-9A-Z]{16}$/);
    expect(Buffer.from(await answers.getResponseById('count').text(), 'base64').toString()).toBe('1');
    const { error } = (await answers.getResponseById('gone').json()) as { error: Json };
    expect(error.code).toBe('itemNotFound');
    expect(await client.api(`/users/${userPrincipalName}`).get()).toMatchObject({ id: user.id });
  });

  test('of twenty that are independent answers each, also with nothing', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, () => house.user(aName())));
    const answers = await sent(
      new BatchRequestContent(users.map(({ id }, at) => request(String(at), 'DELETE', `/users/${id}`))),
    );
    expect([...answers.getResponsesIterator()].map(([, { status }]) => status)).toEqual(users.map(() => 204));
    expect(await refusal(client.api(`/users/${users[0]!.id}`).get())).toMatchObject({ statusCode: 404 });
  });
});

describe('what is refused arrives as a GraphError', () => {
  const nobody = randomUUID();

  test.each<[string, () => Promise<unknown>, number, string, RegExp]>([
    ['a user there is not', () => client.api(passesOf(nobody)).post({}), 404, 'itemNotFound', /./],
    ['a property nobody knows', () => client.api('/users').post({ shoeSize: 43 }), 400, 'badRequest', /./],
    ['half a body', () => client.api('/users').post('{"displayName":'), 400, 'badRequest', /not valid JSON/],
    [
      'another content type',
      () => client.api('/users').header('Content-Type', 'text/plain').post('hello'),
      415,
      'unsupportedMediaType',
      /application\/json/,
    ],
    ['$expand', () => client.api('/users').expand('memberOf').get(), 400, 'badRequest', /"\$expand" is not supported/],
    ['$skip', () => client.api('/users').skip(1).get(), 400, 'badRequest', /"\$skip" is not supported/],
    ['$top of all', () => client.api('/users').top(1000).get(), 400, 'badRequest', /1 to 999/],
    ['an address there is not', () => client.api('/users/x/photo/$value').get(), 404, 'itemNotFound', /./],
    ['a value of a property', () => client.api('/users/x/displayName/$value').get(), 404, 'itemNotFound', /./],
    ['a method there is not', () => client.api('/users').put({}), 405, 'methodNotAllowed', /./],
    ['oneself without a person', () => client.api('/me').get(), 403, 'accessDenied', /./],
    [
      'a token that is none',
      () =>
        graph(async () => 'nonsense')
          .api('/users')
          .get(),
      401,
      'InvalidAuthenticationToken',
      /access token/,
    ],
    [
      'what the application may not',
      () => client.api('/auditLogs/signIns').get(),
      403,
      'accessDenied',
      /AuditLog\.Read\.All/,
    ],
  ])('%s', async (_what, request, statusCode, code, message) => {
    const error = await refusal(request());
    expect(error).toMatchObject({ statusCode, code, message: expect.stringMatching(message) });
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.headers!.get('request-id')).toBe(error.requestId);
    expect(Math.abs(error.date.getTime() - Date.now())).toBeLessThan(24 * 60 * 60_000);
    expect(JSON.parse(String(error.body))).toMatchObject({
      code,
      innerError: { 'client-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test('with the sentence and the range, and with the id under which it stands in the audit log', async () => {
    const user = await house.user(aName());
    const error = await refusal(client.api(passesOf(user.id)).post({ lifetimeInMinutes: 10 }));
    expect(error).toMatchObject({
      statusCode: 400,
      code: 'badRequest',
      message: 'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.',
    });
    expect(await house.base.knex('audit_events').where('request_id', '=', error.requestId!)).toMatchObject([
      { result: 'failure', actor_kind: 'client', actor_id: 'hr' },
    ]);
  });
});

describe('a passkey on behalf', () => {
  test('is made with the options, registered, and signs its owner in', async () => {
    const user = await house.user(aName());
    const root = `/users/${user.userPrincipalName}/authentication/fido2Methods`;
    const { publicKey } = await client.api(`${root}/creationOptions`).get();
    const authenticator = newAuthenticator();
    const made = await authenticator.create(publicKey, { origin: house.issuer });
    const { clientDataJSON, attestationObject } = made.response;
    const registered = (await client.api(root).post({
      displayName: 'Blue key',
      publicKeyCredential: { id: made.id, response: { clientDataJSON, attestationObject } },
    })) as Json;
    expect(registered).toMatchObject({ displayName: 'Blue key', aaGuid: authenticator.aaguid });
    expect(await client.api(root).get()).toMatchObject({ value: [{ id: registered.id, displayName: 'Blue key' }] });

    const { token } = await signIn({ authenticator });
    const me = graph(async () => token.accessToken);
    expect(await me.api('/me').select('id,userPrincipalName').get()).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users(id,userPrincipalName)/$entity`,
      id: user.id,
      userPrincipalName: user.userPrincipalName,
    });
    expect(await client.api(`${root}/${String(registered.id)}`).delete()).toBeUndefined();
  });
});

describe('an administrator who signed in by MSAL', () => {
  test('is known by it, acts with the token, and gets the next without being asked', async () => {
    const admin = await anAdministrator();
    const { app, token } = await signIn(admin);
    expect(token.account).toMatchObject({
      homeAccountId: admin.id,
      username: admin.userName,
      idTokenClaims: { sub: admin.id, acr: 'phr' },
    });
    const user = await house.user(aName());
    const issue = (accessToken: string) =>
      graph(async () => accessToken)
        .api(passesOf(user.id))
        .post({});
    expect(await issue(token.accessToken)).toMatchObject({ createdBy: { kind: 'user', id: admin.id } });

    const silent = { account: token.account!, scopes: token.scopes };
    expect(await app.acquireTokenSilent(silent)).toMatchObject({ accessToken: token.accessToken, fromCache: true });
    const refreshed = await app.acquireTokenSilent({ ...silent, forceRefresh: true });
    expect(refreshed).toMatchObject({ fromCache: false, uniqueId: admin.id });
    expect(refreshed.accessToken).not.toBe(token.accessToken);
    expect(await issue(refreshed.accessToken)).toMatchObject({ createdBy: { kind: 'user', id: admin.id } });
  });

  test('may ask for all that the app has by the default scope', async () => {
    const admin = await anAdministrator();
    const { app, token } = await signIn(admin, ['.default']);
    const console_ = graph(async () => token.accessToken);
    expect(await console_.api(`/users/${admin.userName}`).get()).toMatchObject({ id: admin.id });
    const again = await app.acquireTokenSilent({ account: token.account!, scopes: token.scopes, forceRefresh: true });
    expect(
      await graph(async () => again.accessToken)
        .api('/me')
        .get(),
    ).toMatchObject({ id: admin.id });
  });

  test('need not say what a scope is of', async () => {
    const admin = await anAdministrator();
    const { token } = await signInAt(await askedFor(['User.Read']), (browser) =>
      usePasskey(browser, admin.authenticator),
    );
    const short = graph(async () => token.accessToken);
    expect(await short.api('/me').get()).toMatchObject({ id: admin.id });
  });

  test('waits as long as they are told to after too many passes, and the client asks again by itself', async () => {
    const admin = await anAdministrator();
    const { token } = await signIn(admin);
    const console_ = graph(async () => token.accessToken);
    const user = await house.user(aName());
    const issue = (...options: ConstructorParameters<typeof RetryHandlerOptions>) =>
      console_
        .api(passesOf(user.id))
        .middlewareOptions([new RetryHandlerOptions(...options)])
        .post({});
    for (let times = 0; times < 2; times += 1) await issue();

    const tooMany = await refusal(issue(0, 0));
    expect(tooMany).toMatchObject({ statusCode: 429, code: 'TooManyRequests' });
    const waitSeconds = Number(tooMany.headers!.get('retry-after'));
    // All but the last second of it goes by here.
    house.clock.advance((waitSeconds - 1) / 60);
    try {
      const asked: (string | null)[] = [];
      const made = await issue(0, 3, (_delay, _attempt, _request, _options, { headers }) => {
        asked.push(headers.get('retry-after'));
        return true;
      });
      expect(made).toMatchObject({ isUsable: true });
      expect(asked).not.toEqual([]);
      expect(new Set(asked)).toEqual(new Set(['1']));
    } finally {
      house.clock.advance(-(waitSeconds - 1) / 60);
    }
  });
});

interface Policy {
  readonly registrationEnforcement: {
    readonly authenticationMethodsRegistrationCampaign: { snoozeDurationInDays: number };
    readonly requiredRegistration: Json;
  };
  readonly authenticationMethodConfigurations: { id: string; defaultLength?: number }[];
}

interface Administrator {
  readonly id: string;
  readonly userName: string;
  readonly authenticator: SoftwareAuthenticator;
}

/** A role ends a pass, so it comes after. */
async function anAdministrator(): Promise<Administrator> {
  const userName = aName('admin');
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const code = await house.pass(userName);
  await signInAt(await askedFor(['openid']), (browser) => joinWithPass(browser, authenticator, userName, code));
  await house.work((work) => grantRole(work, id, 'Authentication Administrator'));
  await house.work((work) => grantRole(work, id, 'User Administrator'));
  return { id, userName, authenticator };
}

/** An authorization request as MSAL makes it. */
async function askedFor(scopes: string[]) {
  const app = application('console');
  const asked = { scopes, redirectUri: callback };
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await app.getAuthCodeUrl({ ...asked, codeChallenge: challenge, codeChallengeMethod: 'S256' });
  return { app, url, asked: { ...asked, codeVerifier: verifier } };
}

/** Follows the request, does what a person does there, and takes the code to MSAL. */
async function signInAt(
  { app, url, asked }: Awaited<ReturnType<typeof askedFor>>,
  happens: (browser: CookieBrowser) => Promise<unknown>,
) {
  const browser = newBrowser({ stopAt: callback, ca: testCertificate });
  await browser.visit(url);
  await happens(browser);
  const token = await app.acquireTokenByCode({ ...asked, code: browser.page.callback.searchParams.get('code')! });
  return { app, token };
}

async function signIn({ authenticator }: Pick<Administrator, 'authenticator'>, scopes: readonly string[] = delegated) {
  return signInAt(await askedFor(scopes.map((scope) => `${resource()}/${scope}`)), (browser) =>
    usePasskey(browser, authenticator),
  );
}
