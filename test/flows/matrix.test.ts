import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digest as digestOf } from '../../src/core/secrets.ts';
import { makeApp } from '../../src/http/app.ts';
import { versions } from '../../src/http/graph/api.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import * as powers from '../../src/roles/powers.ts';
import { roles } from '../../src/roles/role.ts';
import { acrOf } from '../../src/assurance/levels.ts';
import { type CookieBrowser, newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import {
  type Actor,
  applicationPermissions,
  delegatedScopes,
  expected,
  type Outcome,
  otherRoutes,
  type RoleSign,
  roleNames,
  type Row,
  table,
  type Whom,
  whomAsked,
} from '../support/matrix.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/**
 * The table of `test/support/matrix.ts`, every cell of it, on the real app: each route by strangers, by a holder of every role,
 * with every scope and every application permission alone, to everybody the table tells apart.
 */

const roleSigns = [...Object.keys(roleNames), '--'] as RoleSign[];
const oneOf = (name: string) => `with ${name} alone`;
const applicationName = (permissions: string) => `an application ${permissions}`;

/** Everybody who asks, by what a failing cell calls them. */
const actors: ReadonlyMap<string, Actor> = new Map<string, Actor>([
  ['nobody', { kind: 'stranger' }],
  ['a broken token', { kind: 'stranger' }],
  ['a token for userinfo', { kind: 'stranger' }],
  ...roleSigns.map((role) => [role, { kind: 'person', role, scopes: delegatedScopes, age: 0 }] as const),
  ['GA, 11 minutes ago', { kind: 'person', role: 'GA', scopes: delegatedScopes, age: 11 }],
  ['GA, 9 hours ago', { kind: 'person', role: 'GA', scopes: delegatedScopes, age: 540 }],
  ['GA, without a passkey', { kind: 'person', role: 'GA', scopes: delegatedScopes, age: 0, weak: true }],
  ...delegatedScopes.map(
    (scope) => [`GA ${oneOf(scope)}`, { kind: 'person', role: 'GA', scopes: [scope], age: 0 }] as const,
  ),
  [applicationName('with every permission'), { kind: 'application', permissions: applicationPermissions }],
  [applicationName('without permissions'), { kind: 'application', permissions: [] }],
  ...applicationPermissions.map(
    (permission) => [applicationName(oneOf(permission)), { kind: 'application', permissions: [permission] }] as const,
  ),
]);

interface Cell {
  readonly row: Row;
  readonly by: string;
  readonly actor: Actor;
  readonly whom: Whom;
  readonly version: (typeof versions)[number];
  readonly outcome: Outcome;
}

/** Those who hold a role, or every permission, ask about everybody; the others about one person. */
function cellsOf(row: Row): Cell[] {
  return [...actors].flatMap(([by, actor]) => {
    const asked = whomAsked(row, actor.kind === 'application' ? 'application' : 'person');
    const about = roleSigns.includes(by as RoleSign) || by.endsWith('every permission') ? asked : asked.slice(0, 2);
    // Whoever asks for their own first: then the second is a member.
    const one = actor.kind === 'person' && about.length < asked.length && about[0] === 'self' ? about.slice(1) : about;
    return one.flatMap((whom) =>
      (actor.kind === 'stranger' ? versions : (['v1.0'] as const)).map((version) => ({
        row,
        by,
        actor,
        whom,
        version,
        outcome: expected(row, actor, whom),
      })),
    );
  });
}

const cells = new Map(table.map((row) => [row.route, cellsOf(row)]));

let house: TestHouse;
let console_: RelyingParty;
const tokens = new Map<string, string>();
/** The person behind an actor's token. */
const ids = new Map<string, string>();
let desk: string;
let superior: string;
let namingRole: string;

const apiClient = (client_id: string, app_roles: readonly string[]) => ({
  client_id,
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  app_roles,
});
const applications = [...actors].flatMap(([by, actor], index) =>
  actor.kind === 'application' ? [{ by, clientId: `app-${index}`, permissions: actor.permissions }] : [],
);

beforeAll(async () => {
  console_ = await startRelyingParty({
    issuer: () => house.issuer,
    clientId: 'console',
    clientSecret: 'console-secret',
  });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  const [someone, other] = [aName('superior'), aName('naming')];
  await house.seed({
    // Whether a second administrator has to agree is in test/use-cases/approvals.test.ts.
    policies: { temporaryAccessPass: { requireApprovalFor: [] } },
    groups: [{ displayName: 'Desk' }],
    users: [{ userPrincipalName: someone }, { userPrincipalName: other }],
    clients: [
      {
        client_id: 'console',
        client_secret: 'console-secret',
        redirect_uris: [console_.redirectUri],
        delegated_permissions: delegatedScopes,
      },
      ...applications.map(({ clientId, permissions }) =>
        apiClient(clientId, permissions.length > 0 ? permissions : applicationPermissions),
      ),
    ],
  });
  const idOf = async (userName: string) =>
    (await house.base.knex('users').where('user_principal_name', '=', userName).first('id')).id as string;
  [superior, namingRole] = [await idOf(someone), await idOf(other)];
  desk = (await house.base.knex('groups').where('display_name', '=', 'Desk').first('id')).id;

  for (const { by, clientId } of applications) tokens.set(by, await tokenOfApplication(clientId));
  // One that lost what it had: without a permission, no token would have been given out.
  await house.seed({
    clients: applications
      .filter(({ permissions }) => permissions.length === 0)
      .map(({ clientId }) => apiClient(clientId, [])),
  });
  await inTurn(roleSigns, 3, signIn);
  // One more, so that no refusal is for want of another.
  await aPerson('GA');
  tokens.set('a broken token', `${tokens.get('GA')!.slice(0, -4)}AAAA`);
}, 60_000);

afterAll(async () => {
  await console_?.close();
  await house?.close();
});

async function tokenOfApplication(clientId: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa(`${clientId}:secret`)}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function signIn(role: RoleSign): Promise<void> {
  const { id, own, authenticator } = await aPerson(role);
  ids.set(role, id);
  await own.visit((await console_.authorizationUrl(askingFor(delegatedScopes))).href);
  await usePasskey(own, authenticator);
  tokens.set(role, await tokenAt(own));
  if (role !== 'GA') return;
  for (const age of ['11 minutes', '9 hours']) tokens.set(`GA, ${age} ago`, tokens.get('GA')!);
  for (const scope of delegatedScopes) tokens.set(`GA ${oneOf(scope)}`, await again(own, askingFor([scope])));
  tokens.set('a token for userinfo', await again(own, {}));
  // As if a password had opened the session: nothing weaker than a passkey signs in yet.
  const weak = await again(own, askingFor(delegatedScopes));
  tokens.set('GA, without a passkey', weak);
  const changed = await house.base
    .knex('oidc_artifacts')
    .where('id_hash', '=', digestOf(weak))
    .update({
      payload: house.base.knex.raw("jsonb_set(payload, '{extra,acr}', to_jsonb(?::text))", [acrOf('1f', house.issuer)]),
    });
  expect(changed).toBe(1);
}

/** Somebody real: a passkey first, and then the role, which ends a pass. */
async function aPerson(role: RoleSign) {
  const userName = aName(role === '--' ? 'nothing' : role.toLowerCase());
  const { id } = await house.user(userName);
  await intoGroup(desk, id);
  const authenticator = newAuthenticator();
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  await browser.visit((await console_.authorizationUrl()).href);
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  await house.base.knex('temporary_access_passes').where('user_id', '=', id).delete();
  if (role !== '--') {
    const name = roleNames[role];
    const held = role === 'PI' ? { role: name, group: 'Desk' } : name;
    await house.seed({ users: [{ userPrincipalName: userName, roles: [held] }] });
  }
  return { id, authenticator, own: newBrowser({ stopAt: [console_.redirectUri] }) };
}

const askingFor = (scopes: readonly string[]) => ({
  scope: `openid ${scopes.join(' ')}`,
  resource: `${house.issuer}/management`,
});

/** The browser is signed in: no page comes between. */
async function again(browser: CookieBrowser, asked: Readonly<Record<string, string>>): Promise<string> {
  await browser.visit((await console_.authorizationUrl(asked)).href);
  return tokenAt(browser);
}

async function tokenAt(browser: CookieBrowser): Promise<string> {
  return (await console_.exchange(browser.page.callback)).tokens.access_token;
}

/** What a request is about: made for a cell, or for those of a route that must leave it as it is. */
interface Subject {
  readonly userId: string;
  readonly passId: string;
  readonly groupId: string;
  readonly assignmentId: string;
  readonly approvalId: string;
  readonly passkeyId: string;
  readonly appId: string;
  readonly providerId: string;
  readonly domain: string;
  readonly identityId: string;
  readonly applicationId: string;
  readonly secretId: string;
  readonly ownerId: string;
}

const idOfRole = (name: string) => roles.find((role) => role.name === name)!.templateId;
const rolesOfTargets: Partial<Record<Whom, string>> = {
  rank1: idOfRole('Global Reader'),
  rank2: idOfRole('Privileged Authentication Administrator'),
  rank3: idOfRole('Global Administrator'),
};

async function subjectFor({ row, actor, whom }: Cell): Promise<Subject> {
  if (row.path.startsWith('/policies/')) {
    const policies = { temporaryAccessPass: { registrationWindowInMinutes: 30 }, registration: { snoozes: 3 } };
    await house.seed({ policies });
  }
  const group = await aGroup();
  const made = {
    groupId: group,
    passId: randomUUID(),
    assignmentId: randomUUID(),
    userId: randomUUID(),
    approvalId: randomUUID(),
    passkeyId: randomUUID(),
    appId: randomUUID(),
    identityId: randomUUID(),
    ...(await aFederation(row)),
    ...(await anApplication(row)),
  };
  if (whom === 'unknown')
    return row.path.includes(':member') || row.path.includes('members') ? made : { ...made, groupId: randomUUID() };
  const self = whom === 'self';
  const userId = self ? ids.get(roleOf(actor))! : await aUser();
  const { knex } = house.base;
  await knex('users').where('id', '=', userId).update({ manager_id: superior });
  if (!self && whom !== 'outside') await intoGroup(desk, userId);
  if (row.route !== 'POST /groups/:group/members/$ref') await intoGroup(group, userId);
  if (whom === 'named-by-role') await aRole(namingRole, idOfRole('Pass Issuer'), group);
  if (whom === 'named-by-policy') {
    await knex('policies').insert({
      name: `names-${group}`,
      document: JSON.stringify({ group }),
      updated_at: new Date(),
    });
  }
  const held = self
    ? ((await knex('role_assignments').where('user_id', '=', userId).first('id'))?.id as string | undefined)
    : await aRole(userId, rolesOfTargets[whom] ?? idOfRole('Global Reader'), null, whom);
  if (whom === 'owner') {
    const clients = ['console', ...applications.map(({ clientId }) => clientId)];
    await knex('client_owners').insert(clients.map((client_id) => ({ client_id, user_id: userId })));
  }
  if (isAboutMethods(row)) await someMethods(userId, made);
  if (row.path.endsWith('/:identity')) await anIdentity(userId, made);
  return {
    ...made,
    userId,
    passId: await aPass(userId),
    assignmentId: held ?? randomUUID(),
    approvalId: await anApproval(userId),
  };
}

async function aUser(): Promise<string> {
  const [id, userName] = [randomUUID(), aName('subject')];
  const now = new Date();
  await house.base.knex('users').insert({
    id,
    user_principal_name: userName,
    user_name_key: userName,
    display_name: userName,
    user_handle: randomBytes(32),
    created_at: now,
    updated_at: now,
  });
  return id;
}

async function aGroup(): Promise<string> {
  const id = randomUUID();
  await house.base.knex('groups').insert({ id, display_name: `group-${id}`, created_at: new Date() });
  return id;
}

async function intoGroup(group_id: string, user_id: string): Promise<void> {
  await house.base.knex('group_members').insert({ group_id, user_id }).onConflict().ignore();
}

/** Nothing for those who have no role; long ago, so that it does not end the pass. */
async function aRole(
  user_id: string,
  role_template_id: string,
  scope_group_id: string | null,
  whom: Whom = 'rank1',
): Promise<string | undefined> {
  if (!(whom in rolesOfTargets)) return undefined;
  const id = randomUUID();
  const granted_at = new Date('2026-01-01T00:00:00Z');
  await house.base.knex('role_assignments').insert({ id, user_id, role_template_id, scope_group_id, granted_at });
  return id;
}

/** A live pass in place of the one there was. Nobody knows its code. */
async function aPass(user_id: string): Promise<string> {
  const { knex } = house.base;
  await knex('temporary_access_passes').where('user_id', '=', user_id).delete();
  const [id, now] = [randomUUID(), new Date()];
  await knex('temporary_access_passes').insert({
    id,
    user_id,
    verifier: 'hmac:none',
    pepper_version: 1,
    code_length: 16,
    starts_at: now,
    expires_at: new Date(now.getTime() + 60 * 60_000),
    one_time: true,
    purpose: 'registration',
    window_minutes: 10,
    issued_at: now,
    issued_by_kind: 'operator',
  });
  return id;
}

const isAboutMethods = ({ path }: Row) => /\/authentication\/(methods|\w+Methods)/.test(path);

/** A passkey, an authenticator app and a password that nobody can use. */
async function someMethods(user_id: string, { passkeyId, appId }: Pick<Subject, 'passkeyId' | 'appId'>): Promise<void> {
  const { knex } = house.base;
  const created_at = new Date();
  await knex('passkeys').insert({
    id: passkeyId,
    credential_id: randomBytes(32),
    user_id,
    public_key: randomBytes(8),
    algorithm: -7,
    sign_count: 0,
    aaguid: randomUUID(),
    backup_eligible: false,
    backed_up: false,
    name: 'Passkey',
    created_at,
  });
  const sealed_secret = randomBytes(8);
  const used = { last_step: 0, last_used_at: created_at };
  await knex('authenticator_apps').insert({ id: appId, user_id, sealed_secret, name: 'App', created_at, ...used });
  const password = { user_id, verifier: 'none', pepper_version: 1, created_at, changed_at: created_at };
  await knex('passwords').insert(password).onConflict().ignore();
}

/** A provider with a domain, where the route is about such. */
async function aFederation({ path }: Row): Promise<Pick<Subject, 'providerId' | 'domain'>> {
  const { knex } = house.base;
  const providerId = `idp-${randomUUID()}`;
  const domain = `${providerId}.example`;
  if (!/\/(identityProviders|domains|identities)/.test(path)) return { providerId, domain };
  const settings = { displayName: 'Contoso', issuer: `https://${domain}`, clientId: 'latchkey' };
  const created_at = new Date();
  const sealed = Buffer.alloc(1);
  const keys = { private_key: sealed, public_key: JSON.stringify({ kid: 'signs' }) };
  const other = { other_private_key: sealed, other_public_key: JSON.stringify({ kid: 'other' }) };
  const credentials = path.endsWith('/addKey')
    ? keys
    : path.endsWith('Key')
      ? { ...keys, ...other }
      : { client_secret: sealed };
  await knex('identity_providers').insert({
    id: providerId,
    settings: JSON.stringify(settings),
    ...credentials,
    created_at,
    changed_at: created_at,
  });
  const mfa_behavior = 'acceptIfMfaDoneByFederatedIdp';
  await knex('identity_provider_domains').insert({
    name: domain,
    provider_id: providerId,
    mfa_behavior,
    straight: false,
  });
  return { providerId, domain };
}

/** A client without powers, its secret and its owner, where the route is about such. */
async function anApplication({ path }: Row): Promise<Pick<Subject, 'applicationId' | 'secretId' | 'ownerId'>> {
  const [applicationId, secretId, client_id] = [randomUUID(), randomUUID(), randomUUID()];
  if (!path.startsWith('/applications')) return { applicationId, secretId, ownerId: randomUUID() };
  const { knex } = house.base;
  const now = new Date();
  const metadata = { grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic' };
  await knex('clients').insert({
    id: applicationId,
    client_id,
    metadata: JSON.stringify({ ...metadata, response_types: [], redirect_uris: [], first_party: true }),
    created_at: now,
    updated_at: now,
  });
  await knex('client_secrets').insert({ id: secretId, client_id, digest: 'none', starts_at: now, made_at: now });
  const ownerId = await aUser();
  if (path.includes(':owner')) await knex('client_owners').insert({ client_id, user_id: ownerId });
  return { applicationId, secretId, ownerId };
}

async function anIdentity(user_id: string, made: Pick<Subject, 'identityId' | 'providerId' | 'domain'>): Promise<void> {
  await house.base.knex('federated_identities').insert({
    id: made.identityId,
    provider_id: made.providerId,
    issuer: `https://${made.domain}`,
    sub: made.identityId,
    user_id,
    linked_at: new Date(),
    linked_by: 'operator',
  });
}

/** Asked for by somebody who is gone. */
async function anApproval(user_id: string): Promise<string> {
  const [id, now] = [randomUUID(), new Date()];
  await house.base.knex('pass_approvals').insert({
    id,
    user_id,
    asked_by_kind: 'user',
    asked_by_id: randomUUID(),
    terms: '{}',
    asked_at: now,
    lapses_at: new Date(now.getTime() + 60 * 60_000),
  });
  return id;
}

/** Of a password that was reset. */
async function aReset(user_id: string): Promise<string> {
  const operationId = randomUUID();
  await house.base.knex('audit_events').insert({
    id: randomUUID(),
    at: new Date(),
    type: 'password.reset',
    result: 'success',
    actor_kind: 'operator',
    user_id,
    request_id: 'x',
    details: JSON.stringify({ operationId }),
  });
  return operationId;
}

/** The newest event of that log. */
async function anEvent(path: string): Promise<string> {
  const signIn = path.includes('signIns');
  const row = await house.base
    .knex('audit_events')
    .whereRaw(signIn ? "type = 'sign-in.completed'" : "type = 'user.created'")
    .orderBy('at', 'desc')
    .first('id');
  return row.id as string;
}

const addressOf = (id: string) => ({ '@odata.id': `https://graph.example/v1.0/users/${id}` });

/** What is sent so that whoever may is answered with 2xx. */
const bodies: Readonly<Record<string, (subject: Subject, cell: Cell) => object | Promise<object>>> = {
  'POST /users': () => ({ userPrincipalName: aName('made'), displayName: 'Made' }),
  'PATCH /users/:user': () => ({ displayName: `Changed ${randomUUID()}` }),
  'PUT /users/:user/manager/$ref': () => addressOf(namingRole),
  'POST /groups': () => ({ displayName: `Made ${randomUUID()}` }),
  'PATCH /groups/:group': () => ({ displayName: `Changed ${randomUUID()}` }),
  'POST /groups/:group/members/$ref': ({ userId }) => addressOf(userId),
  'POST /users/:user/authentication/temporaryAccessPassMethods': () => ({}),
  'POST /users/:user/authentication/temporaryAccessPassMethods/:pass/extend': () => ({ lifetimeInMinutes: 120 }),
  'PATCH /policies/authenticationMethodsPolicy': () => ({
    registrationEnforcement: { requiredRegistration: { snoozes: 5 } },
  }),
  'PATCH /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration': () => ({
    registrationWindowInMinutes: 20,
  }),
  'POST /roleManagement/directory/roleAssignments': ({ userId }) => ({
    principalId: userId,
    roleDefinitionId: idOfRole('Application Administrator'),
    directoryScopeId: '/',
  }),
  'POST /me/authentication/temporaryAccessPassMethods': () => ({}),
  'POST /identity/identityProviders': () => ({
    id: `made-${randomUUID()}`,
    displayName: 'Made',
    issuer: 'https://made.example',
    clientId: 'latchkey',
    clientAuthentication: { '@odata.type': '#microsoft.graph.oidcPrivateJwtKeyClientAuthentication' },
  }),
  'PATCH /identity/identityProviders/:provider': () => ({ displayName: `Changed ${randomUUID().slice(0, 8)}` }),
  'POST /identity/identityProviders/:provider/useKey': () => ({ keyId: 'other' }),
  'POST /identity/identityProviders/:provider/removeKey': () => ({ keyId: 'other' }),
  'POST /domains': ({ providerId }) => ({ id: `${randomUUID()}.example`, identityProviderId: providerId }),
  'PATCH /domains/:domain': () => ({ straight: true }),
  'POST /users/:user/identities': ({ providerId }, { whom }) => ({
    identityProviderId: providerId,
    issuerAssignedId: randomUUID(),
    ...(whom in rolesOfTargets && { allowedAdministrator: true }),
  }),
  'PATCH /users/:user/identities/:identity': () => ({ allowedAdministrator: true }),
  'POST /users/:user/authentication/fido2Methods': aMadePasskey,
  'POST /users/:user/authentication/methods/:method/resetPassword': () => ({
    newPassword: 'plum lantern over quiet tuba',
  }),
  'PATCH /users/:user/authentication/fido2Methods/:method': () => ({ displayName: `Key ${randomUUID()}` }),
  'PATCH /users/:user/authentication/softwareOathMethods/:method': () => ({ displayName: `App ${randomUUID()}` }),
  'POST /users/:user/authentication/contain': () => ({ reason: 'asked' }),
  'POST /$batch': () => ({ requests: [{ id: '1', method: 'GET', url: '/nowhere' }] }),
  'POST /applications': () => ({ displayName: 'Made', oidc: { redirect_uris: ['http://localhost:1/cb'] } }),
  'PATCH /applications/:application': () => ({ displayName: `Changed ${randomUUID()}` }),
  'POST /applications/:application/addPassword': () => ({}),
  'POST /applications/:application/removePassword': ({ secretId }) => ({ keyId: secretId }),
  'POST /applications/:application/owners/$ref': ({ ownerId }) => addressOf(ownerId),
};

/** For whoever may: an answer to options they were given. */
async function aMadePasskey({ userId }: Subject, { by, outcome }: Cell): Promise<object> {
  const response = { clientDataJSON: 'e30', attestationObject: 'e30' };
  if (outcome !== 'done') return { publicKeyCredential: { id: 'e30', response } };
  const address = `${house.issuer}/v1.0/users/${userId}/authentication/fido2Methods/creationOptions`;
  const answer = await fetch(address, { headers: { authorization: `Bearer ${tokens.get(by)}` } });
  const { publicKey } = (await answer.json()) as { publicKey: never };
  return { publicKeyCredential: await newAuthenticator().create(publicKey, { origin: house.issuer }) };
}

function methodIn(path: string, { passkeyId, appId }: Subject): string {
  if (path.includes('passwordMethods') || path.includes('resetPassword')) return '28c10230-6103-485e-b985-444c60001490';
  return path.includes('softwareOathMethods') ? appId : passkeyId;
}

interface Answer {
  readonly cell: Cell;
  readonly outcome: Outcome | `${number} ${string}`;
  /** Of refusals. */
  readonly requestId: string | null;
}

async function ask(cell: Cell, subject: Subject): Promise<Answer> {
  const { row, by, version } = cell;
  const parts: Readonly<Record<string, string>> = {
    user: subject.userId,
    member: subject.userId,
    pass: subject.passId,
    group: subject.groupId,
    assignment: subject.assignmentId,
    role: idOfRole('Global Reader'),
    configuration: 'temporaryAccessPass',
    approval: subject.approvalId,
    method: methodIn(row.path, subject),
    provider: subject.providerId,
    domain: subject.domain,
    identity: subject.identityId,
    application: subject.applicationId,
    owner: subject.ownerId,
    parameters: row.path.startsWith('/reports/') ? '()' : '(challengeTimeoutInMinutes=5)',
    ...(row.path.includes(':operation') && { operation: await aReset(subject.userId) }),
    ...(row.path.includes(':event') && { event: await anEvent(row.path) }),
  };
  const path = row.path.replaceAll(/:(\w+)/g, (_whole, name: string) => parts[name]!);
  const token = tokens.get(by);
  const body = await bodies[row.route]?.(subject, cell);
  const answer = await fetch(`${house.issuer}/${version}${path}`, {
    method: row.method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { cell, outcome: outcomeOf(answer.status, text), requestId: answer.headers.get('request-id') };
}

function outcomeOf(status: number, text: string): Answer['outcome'] {
  if (status >= 200 && status < 300) return 'done';
  const { code } = (JSON.parse(text) as { error: { code: string } }).error;
  const outcomes: Readonly<Record<string, Outcome>> = {
    '401 InvalidAuthenticationToken': 'stranger',
    '401 insufficient_user_authentication': 'again',
    '403 accessDenied': 'refused',
    '404 itemNotFound': 'unknown',
  };
  return outcomes[`${status} ${code}`] ?? `${status} ${text}`;
}

/** A digest of all rows but what refusals leave on purpose, and challenges that wait for an answer. */
async function digest(): Promise<Record<string, string>> {
  const { rows } = await house.base.knex.raw<{ rows: { name: string }[] }>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename not in ('audit_events', 'throttle_counters', 'passkey_ceremonies')",
  );
  const prints = rows.map(
    ({ name }) => `select '${name}' as name, md5(string_agg(t::text, '|' order by t::text)) as print from ${name} t`,
  );
  const answer = await house.base.knex.raw<{ rows: { name: string; print: string | null }[] }>(
    prints.join(' union all '),
  );
  return Object.fromEntries(answer.rows.map(({ name, print }) => [name, print ?? '']));
}

/** A few at a time. */
async function inTurn<T, R>(items: readonly T[], most: number, body: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += most) {
    results.push(...(await Promise.all(items.slice(from, from + most).map(body))));
  }
  return results;
}

function mistakes(answers: readonly Answer[]): string[] {
  return answers
    .filter(({ cell, outcome }) => outcome !== cell.outcome)
    .map(({ cell, outcome }) => `${cell.by} → ${cell.whom}: ${cell.outcome} in the table, but ${outcome}`);
}

/** Whose own is asked for: by strangers, somebody's. */
const roleOf = (actor: Actor): RoleSign => (actor.kind === 'person' ? actor.role : '--');
const ageOf = ({ actor }: Cell) => (actor.kind === 'person' ? actor.age : 0);

/** The cells of a route that share what they are about: none of them may change it. */
async function askTogether(together: readonly Cell[]): Promise<Answer[]> {
  const subjects = new Map<string, Subject>();
  const keyOf = ({ actor, whom }: Cell) => (whom === 'self' ? `self ${roleOf(actor)}` : whom);
  for (const cell of together) {
    if (!subjects.has(keyOf(cell))) subjects.set(keyOf(cell), await subjectFor(cell));
  }
  const before = await digest();
  const answers: Answer[] = [];
  for (const age of new Set(together.map(ageOf))) {
    const those = together.filter((cell) => ageOf(cell) === age);
    house.clock.advance(age);
    try {
      answers.push(...(await inTurn(those, 8, (cell) => ask(cell, subjects.get(keyOf(cell))!))));
    } finally {
      house.clock.advance(-age);
    }
  }
  expect(mistakes(answers)).toEqual([]);
  expect(await digest(), 'nothing changed').toEqual(before);
  return answers;
}

/** What may be done is done to somebody made for it, and recorded. */
async function askAlone(cell: Cell): Promise<Answer> {
  const subject = await subjectFor(cell);
  const before = await recorded();
  house.clock.advance(ageOf(cell));
  try {
    const answer = await ask(cell, subject);
    if (answer.outcome === 'done')
      expect(await recorded(), `${cell.by} → ${cell.whom} is recorded`).toBeGreaterThan(before);
    return answer;
  } finally {
    house.clock.advance(-ageOf(cell));
  }
}

async function recorded(): Promise<number> {
  const row = await house.base.knex('audit_events').where('result', '=', 'success').count<{ count: string }[]>();
  return Number(row[0]!.count);
}

test.each<[RoleSign, keyof typeof roleNames, string, Whom, Outcome]>([
  ['UA', 'PA', 'PATCH /users/:user', 'rank1', 'refused'],
  ['UA', 'PA', 'POST /groups/:group/members/$ref', 'rank1', 'refused'],
  ['UA', 'GA', 'PATCH /users/:user', 'rank3', 'done'],
  ['AA', 'PA', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'rank1', 'done'],
  ['AA', 'UA', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'rank1', 'refused'],
  ['PI', 'PA', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'outside', 'done'],
  ['PI', 'CA', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'outside', 'refused'],
  ['GR', 'PI', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'member', 'refused'],
  ['GA', 'PA', 'POST /users/:user/authentication/temporaryAccessPassMethods', 'self', 'refused'],
])(
  'what counts is the rank of the role that opens the route: %s who is %s too, %s → %s',
  async (role, more, route, whom, outcome) => {
    const row = table.find((one) => one.route === route)!;
    const cell: Cell = { row, by: role, actor: actors.get(role)!, whom, version: 'v1.0', outcome };
    const assignment = await aRole(ids.get(role)!, idOfRole(roleNames[more]), null);
    const answer = await ask(cell, await subjectFor(cell));
    await house.base.knex('role_assignments').where('id', '=', assignment!).delete();
    expect(mistakes([answer])).toEqual([]);
  },
);

// Last what would leave nobody to ask the rest, were it wrongly done to one of the actors.
const fatal = ['DELETE /roleManagement/directory/roleAssignments/:assignment', 'DELETE /users/:user'];
const inOrder = [...table].sort((one, other) => fatal.indexOf(one.route) - fatal.indexOf(other.route));

describe(`${[...cells.values()].flat().length} cells`, () => {
  test.each(inOrder)('$route', async (row) => {
    await house.seed({ policies: { temporaryAccessPass: { requireApprovalFor: [] } } });
    const all = cells.get(row.route)!;
    const changing = all.filter(({ outcome }) => outcome === 'done' && row.method !== 'GET' && row.path !== '/$batch');
    const answers = await askTogether(all.filter((cell) => !changing.includes(cell)));

    // Whoever was known and refused stands in the log, once; strangers do up to a number a minute.
    const refusals = answers.filter(({ cell }) => cell.outcome !== 'done');
    const logged = await house.base
      .knex('audit_events')
      .where('type', '=', 'request.refused')
      .whereRaw("details->>'code' <> 'unauthenticated'")
      .whereIn(
        'request_id',
        refusals.map(({ requestId }) => requestId!),
      )
      .select('request_id', 'details');
    const codes = { refused: 'forbidden', again: 'insufficient_authentication', unknown: 'not_found' } as const;
    expect(new Map(logged.map(({ request_id, details }) => [request_id, details.code]))).toEqual(
      new Map(
        refusals
          .filter(({ cell }) => cell.outcome in codes)
          .map(({ cell, requestId }) => [requestId, codes[cell.outcome as keyof typeof codes]]),
      ),
    );
    expect(logged).toHaveLength(refusals.filter(({ cell }) => cell.outcome in codes).length);

    const done: Answer[] = [];
    for (const cell of changing) done.push(await askAlone(cell));
    expect(mistakes(done)).toEqual([]);
  });
});

describe('the table', () => {
  interface Mounted {
    readonly stack: readonly { readonly methods: readonly string[]; readonly path: string | RegExp }[];
  }
  const mounted = (): string[] => {
    const issuer = 'http://localhost:3000';
    const parts = {
      issuer,
      readiness: {},
      signIn: { issuer },
      notMe: {},
      passkeyFaults: {},
      securityInfo: { issuer, methods: methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin: issuer }) },
      federation: {},
      graph: { issuer },
    };
    const app = makeApp(parts as never);
    const routers = app.middleware.flatMap((one) => (one as { router?: Mounted }).router ?? []);
    return [...new Set(routers)].flatMap(({ stack }) =>
      // HEAD is GET without the answer's body.
      stack.flatMap(({ methods, path }) =>
        methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
      ),
    );
  };
  const ofVersion = (version: string) =>
    mounted()
      .filter((route) => route.includes(` /${version}/`))
      .map((route) => route.replace(`/${version}/`, '/'));

  test.each(versions)('has one row for every route of %s', (version) => {
    expect(ofVersion(version).length).toBeGreaterThan(30);
    expect(table.map(({ route }) => route).sort()).toEqual(ofVersion(version).sort());
  });

  test('knows every other door, and who goes through it', () => {
    const others = mounted().filter((route) => !versions.some((version) => route.includes(` /${version}/`)));
    expect(others.sort()).toEqual(Object.keys(otherRoutes).sort());
  });

  test('knows every role, scope and permission there is', () => {
    expect(Object.values(roleNames).sort()).toEqual(roles.map(({ name }) => name).sort());
    expect(delegatedScopes).toEqual(powers.delegatedScopes);
    expect(applicationPermissions).toEqual(powers.applicationPermissions);
  });

  test('has a token for everybody who asks', () => {
    expect([...actors.keys()].filter((by) => !tokens.has(by))).toEqual(['nobody']);
    expect(new Set([...tokens.values()]).size).toBe(tokens.size - 2);
  });
});
