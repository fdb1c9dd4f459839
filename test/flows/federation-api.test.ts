import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { providerKeys } from '../../src/methods/upstream/manage-providers.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName, eventsOf } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** `identity/identityProviders`, `domains` and `users/{id}/identities`, in Graph's shapes. Who may is in the matrix. */

type Json = Record<string, unknown>;

const scopes = [
  'IdentityProvider.ReadWrite.All',
  'Domain.ReadWrite.All',
  'UserAuthenticationMethod.ReadWrite.All',
  'AuditLog.Read.All',
];
const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;
const secretType = '#microsoft.graph.oidcClientSecretAuthentication';
const keyType = '#microsoft.graph.oidcPrivateJwtKeyClientAuthentication';

let house: TestHouse;
let console_: RelyingParty;
let token: string;

beforeAll(async () => {
  console_ = await startRelyingParty({ issuer: () => house.issuer, clientId: 'console', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    policies: { temporaryAccessPass: { requireApprovalFor: [] } },
    clients: [
      {
        client_id: 'console',
        client_secret: 'secret',
        redirect_uris: [console_.redirectUri],
        delegated_permissions: scopes,
      },
    ],
  });
  const userName = aName('admin');
  const { id } = await house.user(userName);
  const authenticator = newAuthenticator();
  const first = newBrowser({ stopAt: [console_.redirectUri] });
  await first.visit((await console_.authorizationUrl()).href);
  await joinWithPass(first, authenticator, userName, await house.pass(userName));
  await house.work((w) => grantRole(w, id, 'Global Administrator'));
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  const asked = { scope: `openid ${scopes.join(' ')}`, resource: `${house.issuer}/management` };
  await browser.visit((await console_.authorizationUrl(asked)).href);
  await usePasskey(browser, authenticator);
  token = (await console_.exchange(browser.page.callback)).tokens.access_token;
});
afterAll(async () => {
  await console_?.close();
  await house?.close();
});

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: (text ? JSON.parse(text) : {}) as Json };
}

async function expectRefusal(answer: Promise<Awaited<ReturnType<typeof call>>>, status: number, message: RegExp) {
  const { status: got, body } = await answer;
  const { message: said } = (body.error ?? {}) as { message?: string };
  expect({ status: got, said }).toEqual({ status, said: expect.stringMatching(message) });
}

const providers = '/identity/identityProviders';

let made = 0;
const asGraphHasIt = () => {
  made += 1;
  const issuer = `https://login-${made}.contoso.example`;
  return {
    '@odata.type': '#microsoft.graph.oidcIdentityProvider',
    displayName: `Login with Contoso ${made}`,
    clientId: '56433757-cadd-4135-8431-2c9e3fd68ae8',
    issuer,
    wellKnownEndpoint: `${issuer}/.well-known/openid-configuration`,
    responseType: 'code',
    scope: 'openid profile email offline_access',
    clientAuthentication: { '@odata.type': secretType, clientSecret: 'hush-hush' },
    inboundClaimMapping: {
      sub: 'sub',
      name: 'nickname',
      given_name: 'given_name',
      family_name: 'family_name',
      email: 'mail',
      email_verified: 'email_verified',
      phone_number: 'phone_number',
      phone_number_verified: 'phone_number_verified',
      address: { street_address: 'street_address', country: 'country' },
    },
  };
};

async function aProvider(more: object = {}): Promise<{ readonly id: string; readonly path: string }> {
  const { status, body } = await call('POST', providers, { ...asGraphHasIt(), ...more });
  expect(status).toBe(201);
  return { id: body.id as string, path: `${providers}/${String(body.id)}` };
}

describe('identity/identityProviders', () => {
  test('takes what Graph’s scripts send, and answers 201 with every property and no secret', async () => {
    const sent = asGraphHasIt();
    const answer = await call('POST', providers, sent);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#identity/identityProviders/$entity`,
      '@odata.type': '#microsoft.graph.oidcIdentityProvider',
      id: `login-with-contoso-${made}`,
      displayName: sent.displayName,
      clientId: sent.clientId,
      issuer: sent.issuer,
      wellKnownEndpoint: sent.wellKnownEndpoint,
      responseType: 'code',
      scope: 'openid profile email offline_access',
      clientAuthentication: { '@odata.type': secretType, clientSecret: null, method: 'client_secret_basic' },
      signingKeyId: null,
      inboundClaimMapping: { sub: 'sub', name: 'nickname', email: 'mail' },
      endpointHosts: [],
      state: 'enabled',
      claims: {
        userPrincipalName: { claim: 'preferred_username', refresh: 'creation' },
        displayName: { claim: 'nickname', refresh: 'always' },
        mail: { claim: 'mail', refresh: 'always' },
      },
      assurance: [],
      ceiling: '1f',
      createUsers: false,
      endsSessionThere: false,
      createdDateTime: expect.stringMatching(sevenDigits),
      lastModifiedDateTime: expect.stringMatching(sevenDigits),
    });
    expect(answer.headers.get('location')).toBe(`${house.issuer}/v1.0${providers}/login-with-contoso-${made}`);
    expect(answer.text).not.toContain('hush');
  });

  test('is read as it is, one and all; what was read can be sent back, and changes nothing', async () => {
    const { id, path } = await aProvider();
    const one = await call('GET', path);
    const { '@odata.context': _context, ...provider } = one.body;
    expect((await call('GET', providers)).body.value).toContainEqual(provider);
    expect((await call('GET', `/identity/identityProviders('${id}')`)).body).toEqual(one.body);
    expect((await call('PATCH', path, one.body)).status).toBe(204);
    expect((await call('GET', path)).body).toEqual(one.body);
    const changes = (await eventsOf(house, { type: 'identity-provider.changed' })).filter(
      ({ details }) => details.identityProvider === id,
    );
    expect(changes).toEqual([]);
  });

  test('PATCH keeps what is not named', async () => {
    const { path } = await aProvider();
    const before = (await call('GET', path)).body;
    const claims = { ...(before.claims as object), displayName: { claim: 'nickname', refresh: 'creation' } };
    expect((await call('PATCH', path, { claims })).status).toBe(204);
    const changes = {
      ceiling: '2f',
      assurance: [{ amr: 'mfa', level: '2f', reports: ['mfa'] }],
      inboundClaimMapping: { name: 'name' },
      clientAuthentication: { '@odata.type': secretType, clientSecret: 'other', method: 'client_secret_post' },
      endpointHosts: ['keys.contoso.net'],
      state: 'disabled',
      scope: 'email',
    };
    expect((await call('PATCH', path, changes)).status).toBe(204);
    expect((await call('GET', path)).body).toEqual({
      ...before,
      ceiling: '2f',
      assurance: changes.assurance,
      inboundClaimMapping: { sub: 'sub', name: 'name', email: 'mail' },
      claims: { ...claims, displayName: { claim: 'name', refresh: 'creation' } },
      clientAuthentication: { '@odata.type': secretType, clientSecret: null, method: 'client_secret_post' },
      endpointHosts: ['keys.contoso.net'],
      state: 'disabled',
      scope: 'openid email',
      lastModifiedDateTime: expect.any(String),
    });
  });

  test('makes a key for private_key_jwt and shows its public half alone', async () => {
    const { id, path } = await aProvider({ clientAuthentication: { '@odata.type': keyType } });
    const { clientAuthentication } = (await call('GET', path)).body;
    const jwks = await house.work((w) => providerKeys(w, id));
    expect(clientAuthentication).toEqual({ '@odata.type': keyType, jwks });
    expect(JSON.stringify(clientAuthentication)).not.toContain('"d"');
    expect((await call('PATCH', path, { clientAuthentication })).status).toBe(204);
    expect(await house.work((w) => providerKeys(w, id))).toEqual(jwks);
  });

  test('changes the key in three steps, and shows which one signs', async () => {
    const { path } = await aProvider({ clientAuthentication: { '@odata.type': keyType } });
    const shown = async () => (await call('GET', path)).body;
    const first = (await shown()).signingKeyId;
    const added = await call('POST', `${path}/addKey`);
    expect(added).toMatchObject({ status: 200, body: { keyId: expect.any(String), key: { kty: 'EC' } } });
    const { keyId, key } = added.body;
    expect(JSON.stringify(added.body)).not.toContain('"d"');
    expect(await shown()).toMatchObject({ signingKeyId: first, clientAuthentication: { jwks: { keys: [{}, key] } } });
    await expectRefusal(call('POST', `${path}/addKey`), 409, /^There are two keys already/);
    await expectRefusal(call('POST', `${path}/removeKey`, { keyId: first }), 409, /^This key signs/);
    await expectRefusal(call('POST', `${path}/useKey`, { keyId: 'none' }), 404, /no such key/);
    await expectRefusal(call('POST', `${path}/useKey`, {}), 400, /^keyId/);
    expect((await call('POST', `${path}/useKey`, { keyId })).status).toBe(204);
    const between = await shown();
    expect(between).toMatchObject({ signingKeyId: keyId, clientAuthentication: { jwks: { keys: [key, {}] } } });
    expect((await call('PATCH', path, between)).status).toBe(204);
    expect((await call('POST', `${path}/removeKey`, { keyId: first })).status).toBe(204);
    expect((await shown()).clientAuthentication).toEqual({ '@odata.type': keyType, jwks: { keys: [key] } });
  });

  test.each<[object, RegExp]>([
    [{ clientAuthentication: undefined }, /^clientSecret: client_secret_basic needs/],
    [{ issuer: undefined, wellKnownEndpoint: undefined }, /^issuer: /],
    [{ issuer: 'http://login.contoso.example', wellKnownEndpoint: undefined }, /^issuer: must begin with https/],
    [{ wellKnownEndpoint: 'https://elsewhere.example/.well-known/openid-configuration' }, /^wellKnownEndpoint: /],
    [{ responseType: 'id_token' }, /^responseType: /],
    [{ scope: 'openid  email' }, /^scope: /],
    [{ scope: ['openid'] }, /^scope: /],
    [{ inboundClaimMapping: { sub: 'email' } }, /^inboundClaimMapping\.sub: /],
    [{ inboundClaimMapping: { name: '' } }, /^inboundClaimMapping\.name: /],
    [{ claims: { mail: { claim: 'upn' } } }, /^inboundClaimMapping: says otherwise/],
    [{ clientAuthentication: { '@odata.type': '#microsoft.graph.other' } }, /^clientAuthentication/],
    [
      { clientAuthentication: { '@odata.type': secretType, clientSecret: '' } },
      /^clientAuthentication\.clientSecret: /,
    ],
    [{ clientAuthentication: { '@odata.type': keyType, clientSecret: 's' } }, /^clientAuthentication/],
    [{ ceiling: 'phrh' }, /^ceiling: /],
    [{ endpointHosts: ['https://keys.contoso.net'] }, /^endpointHosts\.0: /],
    [{ scopes: ['openid'] }, /"scopes"/],
    [{ colour: 'red' }, /"colour"/],
    [{ id: 'Upper Case' }, /^id: /],
    [{ id: 7 }, /^id: /],
    [{ displayName: '日本' }, /^id: /],
  ])('refuses %j and names it', async (wrong, message) => {
    await expectRefusal(call('POST', providers, { ...asGraphHasIt(), ...wrong }), 400, message);
  });

  test('refuses a second of the same id with 409, and another id with 400', async () => {
    const { id, path } = await aProvider();
    await expectRefusal(call('POST', providers, { ...asGraphHasIt(), id }), 409, /^There is already/);
    await expectRefusal(call('PATCH', path, { id: 'other' }), 400, /^id: /);
    await expectRefusal(call('GET', `${providers}/nobody`), 404, /no such identity provider/);
    await expectRefusal(call('GET', `${providers}?$top=1`), 400, /\$top/);
  });

  test('DELETE says how many people are linked, and unlinks them when asked to', async () => {
    const { id, path } = await aProvider();
    const { id: user } = await house.user(aName());
    const link = { identityProviderId: id, issuerAssignedId: 'eve' };
    expect((await call('POST', `/users/${user}/identities`, link)).status).toBe(201);
    await expectRefusal(call('DELETE', path), 409, /^One person is linked/);
    await expectRefusal(call('DELETE', `${path}?unlink=yes`), 400, /unlink/);
    await expectRefusal(call('DELETE', `${path}?force=true`), 400, /"force"/);
    expect((await call('DELETE', `${path}?unlink=true`)).status).toBe(204);
    expect((await call('GET', `/users/${user}/identities`)).body.value).toEqual([]);
    expect((await call('GET', path)).status).toBe(404);
  });
});

describe('domains', () => {
  test('are made, read, changed and deleted under Graph’s names', async () => {
    const { id: identityProviderId } = await aProvider();
    const answer = await call('POST', '/domains', { id: `Bücher-${made}.example`, identityProviderId });
    const id = new URL(`https://bücher-${made}.example`).hostname;
    const domain = {
      id,
      authenticationType: 'Federated',
      isVerified: true,
      federatedIdpMfaBehavior: 'acceptIfMfaDoneByFederatedIdp',
      identityProviderId,
      straight: false,
    };
    const entity = { '@odata.context': `${house.issuer}/v1.0/$metadata#domains/$entity`, ...domain };
    expect([answer.status, answer.body]).toEqual([201, entity]);
    expect(answer.headers.get('location')).toBe(`${house.issuer}/v1.0/domains/${id}`);
    const changes = { federatedIdpMfaBehavior: 'enforceMfaByFederatedIdp' };
    expect((await call('PATCH', `/domains/${id}`, { ...entity, ...changes })).status).toBe(204);
    expect((await call('PATCH', `/domains('${id}')`, { straight: true })).status).toBe(204);
    expect((await call('GET', `/domains/${id}`)).body).toEqual({ ...entity, ...changes, straight: true });
    expect((await call('GET', '/domains')).body.value).toContainEqual({ ...domain, ...changes, straight: true });
    expect((await call('DELETE', `/domains/${id}`)).status).toBe(204);
    expect((await call('GET', `/domains/${id}`)).status).toBe(404);
  });

  test('name the field of what they refuse', async () => {
    const { id: identityProviderId } = await aProvider();
    const { id: other } = await aProvider();
    const id = `taken-${made}.example`;
    expect((await call('POST', '/domains', { id, identityProviderId })).status).toBe(201);
    const post = (body: object) => call('POST', '/domains', { id: 'free.example', identityProviderId, ...body });
    await expectRefusal(post({ id }), 409, new RegExp(`belongs to the identity provider ${identityProviderId}\\.`));
    await expectRefusal(call('PATCH', `/domains/${id}`, { identityProviderId: other }), 409, /Delete the domain there/);
    await expectRefusal(post({ id: '192.0.2.1' }), 400, /"192\.0\.2\.1" is not the name of a domain/);
    await expectRefusal(post({ identityProviderId: 'nobody' }), 400, /^identityProviderId: /);
    await expectRefusal(post({ federatedIdpMfaBehavior: 'other' }), 400, /^federatedIdpMfaBehavior: /);
    await expectRefusal(post({ authenticationType: 'Managed' }), 400, /^authenticationType: /);
    await expectRefusal(post({ isDefault: true }), 400, /"isDefault"/);
  });
});

describe('users/{id}/identities', () => {
  test('are linked, listed, changed and unlinked', async () => {
    const { id: identityProviderId, path } = await aProvider();
    const { issuer } = (await call('GET', path)).body;
    const user = await house.user(aName());
    const identities = `/users/${user.userPrincipalName}/identities`;
    const asked = { signInType: 'federated', issuer, identityProviderId, issuerAssignedId: 'AAD-1' };
    const answer = await call('POST', identities, asked);
    const identity = {
      '@odata.type': '#microsoft.graph.objectIdentity',
      ...asked,
      id: expect.any(String),
      linkedDateTime: expect.stringMatching(sevenDigits),
      linkedBy: 'user',
      lastUsedDateTime: null,
      allowedAdministrator: false,
    };
    const context = `${house.issuer}/v1.0/$metadata#users('${user.id}')/identities`;
    expect([answer.status, answer.body]).toEqual([201, { '@odata.context': `${context}/$entity`, ...identity }]);
    expect((await call('GET', identities)).body).toEqual({ '@odata.context': context, value: [identity] });
    const one = `${identities}/${String(answer.body.id)}`;
    expect((await call('PATCH', one, { allowedAdministrator: true })).status).toBe(204);
    expect((await call('GET', identities)).body.value).toMatchObject([{ allowedAdministrator: true }]);
    expect((await call('DELETE', one)).status).toBe(204);
    await expectRefusal(call('DELETE', one), 404, /no such identity/);
    await expectRefusal(call('PATCH', one, {}), 400, /^allowedAdministrator: /);
    await expectRefusal(call('POST', identities, { ...asked, signInType: 'emailAddress' }), 400, /^signInType: /);
    await expectRefusal(call('POST', identities, { ...asked, issuerAssignedId: '' }), 400, /^issuerAssignedId: /);
  });
});

test('the audit log shows what changed under Entra’s names, without secrets', async () => {
  const { id, path } = await aProvider();
  await call('PATCH', path, {
    ceiling: '2f',
    clientAuthentication: { '@odata.type': secretType, clientSecret: 'hush-2' },
  });
  await call('POST', '/domains', { id: `audited-${made}.example`, identityProviderId: id });
  const logOf = async (activity: string) =>
    (await call('GET', `/auditLogs/directoryAudits?$filter=activityDisplayName eq '${activity}'`)).body.value as Json[];
  const [updated] = await logOf('Update identity provider');
  expect(updated).toMatchObject({
    category: 'DirectoryManagement',
    targetResources: [
      {
        type: 'Other',
        id,
        modifiedProperties: [{ displayName: 'ceiling', oldValue: '"1f"', newValue: '"2f"' }],
      },
    ],
  });
  expect(JSON.stringify(updated)).toContain('clientSecret');
  expect(JSON.stringify(updated)).not.toContain('hush');
  expect(await logOf('Set domain authentication')).toContainEqual(
    expect.objectContaining({ targetResources: [expect.objectContaining({ id: `audited-${made}.example` })] }),
  );
});
