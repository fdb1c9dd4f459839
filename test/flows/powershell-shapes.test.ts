import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resetPassPolicy } from '../../src/methods/temporary-access-pass/manage-policy.ts';
import { resetRegistrationPolicy } from '../../src/registration/manage-policy.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';

/**
 * What the Microsoft.Graph PowerShell module and scripts beside it send, as public pages record it, or as the module is generated where
 * none does. The module itself is not run. Its cmdlets write the names of properties as the schema has them and encode keys and queries;
 * what a script writes inside `-Filter`, `-Property`, `-Search` and `-Sort` goes out in the script's letters, and those are often capital.
 */

type Json = Record<string, unknown>;

let house: TestHouse;
let bearer: string;

beforeAll(async () => {
  house = await startHouse();
  await house.seed({
    clients: [
      {
        client_id: 'automation',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: [
          'User.ReadWrite.All',
          'Group.ReadWrite.All',
          'UserAuthenticationMethod.ReadWrite.All',
          'Policy.ReadWrite.AuthenticationMethod',
          'AuditLog.Read.All',
          'User.RevokeSessions.All',
        ],
      },
    ],
  });
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa('automation:secret')}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  bearer = ((await answer.json()) as { access_token: string }).access_token;
});
afterAll(() => house?.close());

/** Whom a line is about, made for it alone. */
interface Subject {
  readonly id: string;
  readonly upn: string;
  readonly otherId: string;
  readonly groupId: string;
  /** A group that the user is in. */
  readonly teamId: string;
  readonly passId: string;
}

async function aSubject(): Promise<Subject> {
  const [user, other] = [await house.user(aName('ada')), await house.user(aName('other'))];
  const made = (path: string, body: object) => send('POST', path, { body }).then(({ body: { id } }) => String(id));
  const groupId = await made('/v1.0/groups', { displayName: randomUUID() });
  const teamId = await made('/v1.0/groups', { displayName: randomUUID() });
  await send('POST', `/v1.0/groups/${teamId}/members/$ref`, {
    body: { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${user.id}` },
  });
  const passId = await made(`/v1.0/users/${user.id}/authentication/temporaryAccessPassMethods`, {});
  return { id: user.id, upn: user.userPrincipalName, otherId: other.id, groupId, teamId, passId };
}

interface Sending {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** With the headers of the module (2.35, PowerShell 7). */
async function send(method: string, path: string, { body, headers = {} }: Sending = {}) {
  const answer = await fetch(`${house.issuer}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${bearer}`,
      FeatureFlag: '00000003',
      'Cache-Control': 'no-store, no-cache',
      'User-Agent': 'Mozilla/5.0,(Windows NT 10.0; Microsoft Windows 10.0.26200; en-US),PowerShell/7.5.4',
      SdkVersion: 'graph-powershell/2.35.1',
      'client-request-id': randomUUID(),
      'Accept-Encoding': 'gzip,deflate,br',
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return {
    status: answer.status,
    body: (isJson ? JSON.parse(text) : text) as Json,
    location: answer.headers.get('location'),
  };
}

interface Line {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** What the answer holds at least; nothing for an empty one. */
  readonly answer?: unknown;
}

const eventual = { ConsistencyLevel: 'eventual' };
const escaped = (text: string) => encodeURIComponent(text).replaceAll("'", '%27');
const passes = ({ id }: Subject) => `/v1.0/users/${id}/authentication/temporaryAccessPassMethods`;
const policy = '/policies/authenticationMethodsPolicy';
const passPolicyType = '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration';
const passType = '#microsoft.graph.temporaryAccessPassAuthenticationMethod';
const code = expect.stringMatching(/^[0-9A-Z]{16}$/);
const sevenDigits = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
const list = (...value: unknown[]) => ({ '@odata.context': expect.any(String), value });
const refused = (message: RegExp) => ({ error: { code: 'badRequest', message: expect.stringMatching(message) } });
const tomorrow = (form: (iso: string) => string) => form(new Date(Date.now() + 24 * 60 * 60_000).toISOString());

const lines: Readonly<Record<string, Line | ((of: Subject) => Line)>> = {
  // people
  'New-MgUser -DisplayName -UserPrincipalName -MailNickname -AccountEnabled -PasswordProfile': {
    method: 'POST',
    path: '/v1.0/users',
    body: {
      accountEnabled: true,
      displayName: 'Jo Iner',
      mailNickname: 'joiner',
      passwordProfile: { forceChangePasswordNextSignIn: true, password: 'xWwvJ]6NMw+bWH-d' },
      userPrincipalName: aName('joiner'),
    },
    status: 201,
    answer: { id: expect.any(String), displayName: 'Jo Iner', accountEnabled: true, createdDateTime: sevenDigits },
  },
  'New-MgUser -BodyParameter (with the type, with nulls)': {
    method: 'POST',
    path: '/v1.0/users',
    body: {
      '@odata.type': '#microsoft.graph.user',
      id: null,
      createdDateTime: null,
      accountEnabled: true,
      displayName: 'Jo Iner',
      mail: null,
      mailNickname: null,
      passwordProfile: null,
      userPrincipalName: aName('joiner'),
    },
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    status: 201,
    answer: { mail: null },
  },
  'New-MgUser -BodyParameter (with what is not kept here)': {
    method: 'POST',
    path: '/v1.0/users',
    body: { displayName: 'Jo Iner', userPrincipalName: aName('joiner'), usageLocation: 'SE' },
    status: 400,
    answer: refused(/"usageLocation"/),
  },
  'Get-MgUser': { method: 'GET', path: '/v1.0/users', status: 200, answer: { value: expect.any(Array) } },
  'Get-MgUser -UserId (name)': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/users/${escaped(upn)}`,
    status: 200,
    answer: { id, userPrincipalName: upn },
  }),
  'Get-MgUser -UserId -Property Id,DisplayName,UserPrincipalName': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/users/${id}?%24select=Id%2CDisplayName%2CUserPrincipalName`,
    status: 200,
    answer: {
      '@odata.context': `${house.issuer}/v1.0/$metadata#users(id,userPrincipalName,displayName)/$entity`,
      ...{ id, displayName: upn, userPrincipalName: upn },
    },
  }),
  'Get-MgUser -Filter "UserPrincipalName eq \'…\'"': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/users?%24filter=${escaped(`UserPrincipalName eq '${upn}'`)}`,
    status: 200,
    answer: list(expect.objectContaining({ id })),
  }),
  'Get-MgUser -ConsistencyLevel eventual -Count userCount -Filter "startsWith(DisplayName, \'…\')" -Top 1': ({
    id,
    upn,
  }) => ({
    method: 'GET',
    path: `/v1.0/users?$top=1&$filter=${escaped(`startsWith(DisplayName, '${upn.toUpperCase()}')`)}&$count=true`,
    headers: eventual,
    status: 200,
    answer: { '@odata.count': 1, value: [expect.objectContaining({ id })] },
  }),
  'Get-MgUser -ConsistencyLevel eventual -Count userCount -Search \'"DisplayName:…"\'': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/users?$search=${escaped(`"DisplayName:${upn}"`)}&$count=true`,
    headers: eventual,
    status: 200,
    answer: { '@odata.count': 1, value: [expect.objectContaining({ id })] },
  }),
  'Get-MgUser -ConsistencyLevel eventual -Count userCount -Filter … -OrderBy UserPrincipalName': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/users?$filter=${escaped(`startsWith(DisplayName, '${upn}')`)}&$orderby=UserPrincipalName&$count=true`,
    headers: eventual,
    status: 200,
    answer: { '@odata.count': 1, value: [expect.objectContaining({ id })] },
  }),
  'Get-MgUser -Property (of Entra alone)': {
    method: 'GET',
    path: '/v1.0/users?$select=Id,SignInActivity',
    status: 400,
    answer: refused(/"SignInActivity"/),
  },
  'Get-MgUser -ExpandProperty manager': {
    method: 'GET',
    path: '/v1.0/users?$expand=manager',
    status: 400,
    answer: refused(/"\$expand" is not supported/),
  },
  'Get-MgUserCount -ConsistencyLevel eventual': {
    method: 'GET',
    path: '/v1.0/users/$count',
    headers: { ...eventual, Accept: 'text/plain' },
    status: 200,
    answer: expect.stringMatching(/^\d+$/),
  },
  'Update-MgUser -UserId -DisplayName': ({ upn }) => ({
    method: 'PATCH',
    path: `/v1.0/users/${escaped(upn)}`,
    body: { displayName: 'Otherwise' },
    status: 204,
  }),
  'Update-MgUser -UserId -AccountEnabled:$false': ({ id }) => ({
    method: 'PATCH',
    path: `/v1.0/users/${id}`,
    body: { accountEnabled: false },
    status: 204,
  }),
  'Set-MgUserManagerByRef': ({ id, otherId }) => ({
    method: 'PUT',
    path: `/v1.0/users/${id}/manager/$ref`,
    body: { '@odata.id': `https://graph.microsoft.com/v1.0/users/${otherId}` },
    status: 204,
  }),
  'Get-MgUserMemberOf': ({ id, teamId }) => ({
    method: 'GET',
    path: `/v1.0/users/${id}/memberOf`,
    status: 200,
    answer: list(expect.objectContaining({ '@odata.type': '#microsoft.graph.group', id: teamId })),
  }),
  'Remove-MgUser': ({ id }) => ({ method: 'DELETE', path: `/v1.0/users/${id}`, status: 204 }),
  'Revoke-MgUserSignInSession': ({ id }) => ({
    method: 'POST',
    path: `/v1.0/users/${id}/revokeSignInSessions`,
    status: 200,
    answer: { '@odata.context': `${house.issuer}/v1.0/$metadata#Edm.Boolean`, value: true },
  }),
  'Invoke-MgGraphRequest POST …/revokeSignInSessions (an empty body of JSON)': ({ upn }) => ({
    method: 'POST',
    path: `/beta/users/${upn}/revokeSignInSessions`,
    body: '',
    status: 200,
    answer: { value: true },
  }),

  // groups
  'New-MgGroup -DisplayName -MailEnabled:$False -MailNickname -SecurityEnabled': {
    method: 'POST',
    path: '/v1.0/groups',
    body: { displayName: 'Sales', groupTypes: [], mailEnabled: false, mailNickname: 'sales', securityEnabled: true },
    status: 201,
    answer: { id: expect.any(String), displayName: 'Sales' },
  },
  'New-MgGroup -BodyParameter (with members@odata.bind)': ({ id }) => ({
    method: 'POST',
    path: '/v1.0/groups',
    body: { displayName: 'Sales', 'members@odata.bind': [`https://graph.microsoft.com/v1.0/users/${id}`] },
    status: 400,
    answer: refused(/"members@odata\.bind"/),
  }),
  'Get-MgGroup -Filter "DisplayName eq \'…\'" -Property Id': ({ groupId }) => ({
    method: 'GET',
    path: `/v1.0/groups?%24filter=${escaped(`DisplayName ne '' and Id eq '${groupId.toUpperCase()}'`)}&%24select=Id`,
    status: 200,
    answer: list({ id: groupId }),
  }),
  'Update-MgGroup': ({ groupId }) => ({
    method: 'PATCH',
    path: `/v1.0/groups/${groupId}`,
    body: { displayName: 'Otherwise' },
    status: 204,
  }),
  'New-MgGroupMember -DirectoryObjectId': ({ id, groupId }) => ({
    method: 'POST',
    path: `/v1.0/groups/${groupId}/members/$ref`,
    body: { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${id}` },
    status: 204,
  }),
  'New-MgGroupMemberByRef -OdataId (key form)': ({ id, groupId }) => ({
    method: 'POST',
    path: `/v1.0/groups('${groupId}')/members/%24ref`,
    body: { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects('${id}')` },
    status: 204,
  }),
  'New-MgGroupMember (a member already)': ({ id, teamId }) => ({
    method: 'POST',
    path: `/v1.0/groups/${teamId}/members/$ref`,
    body: { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${id}` },
    status: 400,
    answer: refused(/already/),
  }),
  'Get-MgGroupMember': ({ id, teamId }) => ({
    method: 'GET',
    path: `/v1.0/groups/${teamId}/members`,
    status: 200,
    answer: list(expect.objectContaining({ '@odata.type': '#microsoft.graph.user', id })),
  }),
  'Remove-MgGroupMemberByRef -DirectoryObjectId': ({ id, teamId }) => ({
    method: 'DELETE',
    path: `/v1.0/groups/${teamId}/members/${id}/$ref`,
    status: 204,
  }),
  'Remove-MgGroup': ({ groupId }) => ({ method: 'DELETE', path: `/v1.0/groups/${groupId}`, status: 204 }),

  // passes
  'New-MgUserAuthenticationTemporaryAccessPassMethod -UserId': (of) => ({
    method: 'POST',
    path: passes(of),
    body: {},
    status: 201,
    answer: {
      '@odata.context': `${house.issuer}/v1.0/$metadata#users('${of.id}')/authentication/temporaryAccessPassMethods/$entity`,
      '@odata.type': passType,
      id: expect.any(String),
      temporaryAccessPass: code,
      createdDateTime: sevenDigits,
      startDateTime: sevenDigits,
      lifetimeInMinutes: 60,
      isUsableOnce: true,
      isUsable: true,
      methodUsabilityReason: 'EnabledByPolicy',
    },
  }),
  'New-MgUserAuthenticationTemporaryAccessPassMethod -UserId (name) -LifetimeInMinutes -IsUsableOnce -StartDateTime': ({
    upn,
  }) => ({
    method: 'POST',
    path: `/v1.0/users/${escaped(upn)}/authentication/temporaryAccessPassMethods`,
    body: { isUsableOnce: true, lifetimeInMinutes: 90, startDateTime: tomorrow((iso) => iso.replace(/Z$/, '0000Z')) },
    status: 201,
    answer: {
      lifetimeInMinutes: 90,
      isUsable: false,
      methodUsabilityReason: 'NotYetValid',
      startDateTime: sevenDigits,
    },
  }),
  'New-MgUserAuthenticationTemporaryAccessPassMethod -BodyParameter (an offset, what is read-only, and a code of one’s own)':
    (of) => ({
      method: 'POST',
      path: passes(of),
      body: {
        '@odata.type': passType,
        id: of.passId,
        createdDateTime: '2026-11-21T12:00:00.0000000Z',
        isUsable: true,
        methodUsabilityReason: 'EnabledByPolicy',
        temporaryAccessPass: 'MY-OWN-CODE',
        startDateTime: tomorrow((iso) => iso.replace(/Z$/, '+01:00')),
        lifetimeInMinutes: null,
        isUsableOnce: null,
      },
      status: 201,
      answer: { id: expect.not.stringMatching(of.passId), temporaryAccessPass: code, lifetimeInMinutes: 60 },
    }),
  'New-MgUserAuthenticationTemporaryAccessPassMethod -LifetimeInMinutes (outside policy)': (of) => ({
    method: 'POST',
    path: passes(of),
    body: { lifetimeInMinutes: 481 },
    status: 400,
    answer: refused(/^Invalid LifetimeInMinutes specified\. The valid range between 60 and 480\.$/),
  }),
  'Invoke-MgGraphRequest -Body @{ LifetimeInMinutes = 90 } (as the script writes it)': (of) => ({
    method: 'POST',
    path: passes(of),
    body: { LifetimeInMinutes: 90 },
    status: 400,
    answer: refused(/^LifetimeInMinutes: this property is written lifetimeInMinutes\.$/),
  }),
  'New-CIPPTAP (beta, by name)': ({ upn }) => ({
    method: 'POST',
    path: `/beta/users/${upn}/authentication/temporaryAccessPassMethods`,
    body: '{}',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    status: 201,
    answer: { '@odata.context': expect.stringContaining('/beta/$metadata#users('), temporaryAccessPass: code },
  }),
  'Get-MgUserAuthenticationTemporaryAccessPassMethod': (of) => ({
    method: 'GET',
    path: passes(of),
    status: 200,
    answer: list(expect.objectContaining({ '@odata.type': passType, id: of.passId, temporaryAccessPass: null })),
  }),
  'Get-MgUserAuthenticationTemporaryAccessPassMethod -TemporaryAccessPassAuthenticationMethodId': (of) => ({
    method: 'GET',
    path: `${passes(of)}/${of.passId}`,
    status: 200,
    answer: { id: of.passId, temporaryAccessPass: null },
  }),
  'Get-MgBetaUserAuthenticationTemporaryAccessPassMethod (key form)': ({ upn, passId }) => ({
    method: 'GET',
    path: `/beta/users('${escaped(upn)}')/authentication/temporaryAccessPassMethods('${passId}')`,
    status: 200,
    answer: { id: passId },
  }),
  'Remove-MgUserAuthenticationTemporaryAccessPassMethod': (of) => ({
    method: 'DELETE',
    path: `${passes(of)}/${of.passId}`,
    status: 204,
  }),
  'Remove-MgUserAuthenticationTemporaryAccessPassMethod (another)': (of) => ({
    method: 'DELETE',
    path: `${passes(of)}/${randomUUID()}`,
    status: 404,
    answer: { error: { code: 'itemNotFound' } },
  }),

  // other methods
  'Get-MgUserAuthenticationMethod': ({ id, passId }) => ({
    method: 'GET',
    path: `/v1.0/users/${id}/authentication/methods`,
    status: 200,
    answer: list(expect.objectContaining({ '@odata.type': passType, id: passId })),
  }),
  'Get-MgUserAuthenticationFido2Method': ({ id }) => ({
    method: 'GET',
    path: `/v1.0/users/${id}/authentication/fido2Methods`,
    status: 200,
    answer: list(),
  }),
  'Reset-MgUserAuthenticationMethodPassword -AuthenticationMethodId 28c1…': ({ id }) => ({
    method: 'POST',
    path: `/v1.0/users/${id}/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword`,
    body: { newPassword: 'xWwvJ]6NMw+bWH-d' },
    status: 202,
    answer: {},
  }),
  'Invoke-MgGraphRequest …/resetPassword -Body @{ NewPassword = … }': ({ id }) => ({
    method: 'POST',
    path: `/v1.0/users/${id}/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword`,
    body: { NewPassword: 'xWwvJ]6NMw+bWH-d' },
    status: 400,
    answer: refused(/written newPassword/),
  }),

  // policies
  'Get-MgPolicyAuthenticationMethodPolicy': {
    method: 'GET',
    path: `/v1.0${policy}`,
    status: 200,
    answer: { id: 'authenticationMethodsPolicy', authenticationMethodConfigurations: expect.any(Array) },
  },
  'Update-MgPolicyAuthenticationMethodPolicy -BodyParameter': {
    method: 'PATCH',
    path: `/v1.0${policy}`,
    body: {
      registrationEnforcement: {
        authenticationMethodsRegistrationCampaign: {
          snoozeDurationInDays: 2,
          state: 'enabled',
          excludeTargets: [],
          includeTargets: [{ id: 'all_users', targetType: 'group', targetedAuthenticationMethod: 'fido2' }],
        },
      },
    },
    status: 204,
  },
  'Get-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration': {
    method: 'GET',
    path: `/v1.0${policy}/authenticationMethodConfigurations/TemporaryAccessPass`,
    status: 200,
    answer: { '@odata.type': passPolicyType, id: 'TemporaryAccessPass', state: 'enabled' },
  },
  'Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration -BodyParameter': {
    method: 'PATCH',
    path: `/v1.0${policy}/authenticationMethodConfigurations/temporaryAccessPass`,
    body: { '@odata.type': passPolicyType, state: 'enabled', isUsableOnce: true, defaultLifetimeInMinutes: 120 },
    status: 204,
  },
  'Update-MgPolicy… -State -IncludeTargets (as Entra has them)': {
    method: 'PATCH',
    path: `/v1.0${policy}/authenticationMethodConfigurations/TemporaryAccessPass`,
    body: {
      '@odata.type': passPolicyType,
      id: 'TemporaryAccessPass',
      'includeTargets@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#…',
      includeTargets: [{ targetType: 'group', id: 'all_users', isRegistrationRequired: false }],
      excludeTargets: [],
    },
    status: 204,
  },
  'Update-MgPolicy… (a property in other letters)': {
    method: 'PATCH',
    path: `/v1.0${policy}/authenticationMethodConfigurations/TemporaryAccessPass`,
    body: { '@odata.type': passPolicyType, DefaultLifetimeInMinutes: 120 },
    status: 400,
    answer: refused(/^DefaultLifetimeInMinutes: this property is written defaultLifetimeInMinutes\.$/),
  },
  'maester EIDSCA.AT01 (beta, key form)': {
    method: 'GET',
    path: `/beta${policy}/authenticationMethodConfigurations('TemporaryAccessPass')`,
    status: 200,
    answer: { state: 'enabled', isUsableOnce: true },
  },
  'maester EIDSCA.AT01 (the brackets and quotes encoded)': {
    method: 'GET',
    path: `/beta${policy}/authenticationMethodConfigurations%28%27TemporaryAccessPass%27%29`,
    status: 200,
    answer: { id: 'TemporaryAccessPass' },
  },

  // logs and reports
  'Get-MgAuditLogDirectoryAudit -Filter "ActivityDisplayName eq \'…\'" -Top 1 -Sort': ({ id }) => ({
    method: 'GET',
    path: `/v1.0/auditLogs/directoryAudits?$top=1&$filter=${escaped(`ActivityDisplayName eq 'Admin registered security info' and TargetResources/any(t:t/Id eq '${id}')`)}&$orderby=${escaped('ActivityDateTime desc')}`,
    status: 200,
    answer: {
      value: [expect.objectContaining({ activityDisplayName: 'Admin registered security info', result: 'success' })],
    },
  }),
  'Get-MgReportAuthenticationMethodUserRegistrationDetail -Filter "UserPrincipalName eq \'…\'"': ({ id, upn }) => ({
    method: 'GET',
    path: `/v1.0/reports/authenticationMethods/userRegistrationDetails?$filter=${escaped(`UserPrincipalName eq '${upn}' and IsMfaRegistered eq false`)}`,
    status: 200,
    answer: list(expect.objectContaining({ id, isMfaRegistered: false, methodsRegistered: ['temporaryAccessPass'] })),
  }),
};

describe('the module’s requests', () => {
  test.each(Object.entries(lines))('%s', async (_cmdlet, of) => {
    const line = typeof of === 'function' ? of(await aSubject()) : of;
    try {
      const { method, path, body, headers, status, answer = '' } = line;
      const got = await send(method, path, { body, ...(headers && { headers }) });
      expect({ status: got.status, body: got.body }).toMatchObject({ status, body: answer });
      if (status === 202) expect(got.location).toMatch(/\/authentication\/operations\//);
    } finally {
      await house.work(resetPassPolicy);
      await house.work(resetRegistrationPolicy);
    }
  });
});

test('what docs/api.md shows of the module is in the table', () => {
  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const [, shown = ''] = /```powershell\n([\s\S]*?)```/.exec(page) ?? [];
  const cmdlets = [...shown.matchAll(/^(\w+-Mg\w+)/gm)].map(([, name]) => name!);
  expect(cmdlets.length).toBeGreaterThan(5);
  const sent = new Set(Object.keys(lines).map((line) => line.split(' ')[0]!));
  // Those two point the module here, and send nothing.
  const local = ['Add-MgEnvironment', 'Connect-MgGraph'];
  expect(cmdlets.filter((name) => !sent.has(name) && !local.includes(name))).toEqual([]);
});

test('Set-CIPPAuthenticationPolicy: what was read through beta is written back whole with one value changed', async () => {
  const address = `/beta${policy}/authenticationMethodConfigurations/TemporaryAccessPass`;
  const { body: read } = await send('GET', address);
  const changed = { ...read, isUsableOnce: false, defaultLifetimeInMinutes: 90 };
  const headers = { 'Content-Type': 'application/json; charset=utf-8' };
  expect((await send('PATCH', address, { body: changed, headers })).status).toBe(204);
  expect((await send('GET', address)).body).toEqual(changed);
  await house.work(resetPassPolicy);
});

test('Get-MgUser -All -PageSize 2: the links lead through everybody once', async () => {
  const names = [aName('page'), aName('page'), aName('page')].sort();
  for (const name of names) await house.user(name);
  const seen: unknown[] = [];
  const filter = escaped("startsWith(UserPrincipalName, 'page-')");
  let path = `/v1.0/users?$top=2&$filter=${filter}&$select=UserPrincipalName&$orderby=UserPrincipalName`;
  for (let link: unknown = path; typeof link === 'string'; ) {
    path = link.replace(house.issuer, '');
    const { body } = await send('GET', path);
    seen.push(...(body.value as Json[]).map(({ userPrincipalName }) => userPrincipalName));
    link = body['@odata.nextLink'];
  }
  expect(seen).toEqual(names);
});
