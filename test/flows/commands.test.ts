import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteUser } from '../../src/users/manage-users.ts';
import { environmentOf, runCommand } from '../support/commands.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { eventsOf } from '../support/makers.ts';
import { applicationPermissions } from '../support/matrix.ts';
import { enterPass, joinWithPass } from '../support/person.ts';
import type { Ran } from '../support/ran.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/**
 * Commands beside a house that serves, each run to its end in this process: `--json` prints what the API answers. What takes a
 * process of its own (signals, the embedded database) is in test/processes.
 */

type Json = Record<string, unknown>;

let house: TestHouse;
let app: RelyingParty;
let bearer: string;
const directory = mkdtempSync(join(tmpdir(), 'latchkey-commands-'));
const joiner = 'joiner@example.com';

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'secret' });
  house = await startHouse();
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: 'secret', redirect_uris: [app.redirectUri] },
      {
        client_id: 'scripts',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        app_roles: applicationPermissions,
      },
    ],
    users: [
      { userPrincipalName: joiner, displayName: 'Jo', groups: ['Staff', 'Night shift'] },
      { userPrincipalName: 'boss@example.com', displayName: 'The Boss' },
      { userPrincipalName: 'other@example.com', displayName: 'Other' },
    ],
  });
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa('scripts:secret')}` },
  });
  bearer = ((await answer.json()) as { access_token: string }).access_token;
  const browser = newBrowser({ stopAt: [app.redirectUri] });
  await browser.visit((await app.authorizationUrl()).href);
  await joinWithPass(browser, newAuthenticator(), joiner, await house.pass(joiner));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await app?.close();
  await house?.close();
});

const run = (...args: string[]): Promise<Ran> => runCommand(args, environmentOf(house));

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const json = async (...args: string[]): Promise<Json> => JSON.parse(await done(...args, '--json')) as Json;

async function refused(status: number, words: RegExp, ...args: string[]): Promise<void> {
  const ran = await run(...args);
  expect(ran).toMatchObject({ code: status, stdout: '', stderr: expect.stringMatching(words) });
  expect(ran.stderr).not.toMatch(/\n\s+at /);
}

/** What the API answers, without the context that a file has no use for. */
async function api(path: string): Promise<Json> {
  const answer = await fetch(`${house.issuer}/v1.0${path}`, { headers: { authorization: `Bearer ${bearer}` } });
  const { '@odata.context': _, ...rest } = (await answer.json()) as Json;
  return rest;
}

const lastEvent = async () => (await eventsOf(house)).at(-1)!;

describe('people', () => {
  test('their manager and their groups', async () => {
    await refused(1, /has no manager/, 'user', 'manager', joiner);
    await done('user', 'set', joiner, '--manager', 'boss@example.com');
    const { '@odata.type': _, ...manager } = await api(`/users/${joiner}/manager`);
    expect(await json('user', 'manager', joiner)).toEqual(manager);
    expect(await done('user', 'manager', joiner)).toBe('boss@example.com\tThe Boss\n');
    expect(await done('user', 'groups', joiner)).toBe('Night shift\nStaff\n');
    const groups = (await api(`/users/${joiner}/memberOf`)).value as Json[];
    expect((await json('user', 'groups', joiner)).value).toEqual(
      groups.map(({ '@odata.type': __, ...group }) => group),
    );
    await refused(1, /There is no such user/, 'user', 'groups', 'nobody@example.com');
  });

  test('signed out everywhere, at once', async () => {
    const browser = newBrowser({ stopAt: [app.redirectUri] });
    await browser.visit(`${house.issuer}/security-info`);
    await enterPass(browser, 'other@example.com', await house.pass('other@example.com'));
    expect(await json('user', 'sign-out', 'other@example.com')).toEqual({ value: true });
    expect((await browser.reload()).step).not.toBe('enrol');
    expect(await lastEvent()).toMatchObject({ type: 'session.all-ended', actor_kind: 'operator' });
    expect(await done('user', 'sign-out', 'other@example.com')).toMatch(/^other@example\.com is signed out everywhere/);
    await refused(2, /Use: latchkey user sign-out NAME/, 'user', 'sign-out');
  });
});

describe('sign-in methods', () => {
  const ofJoiner = async () => (await api(`/users/${joiner}/authentication/methods`)).value as Json[];
  const pass = expect.objectContaining({ state: 'used', temporaryAccessPass: null });

  test('are listed, shown, renamed and put out of use', async () => {
    const [passkey, ...more] = await ofJoiner();
    const id = passkey!.id as string;
    expect(more).toEqual([pass]);
    expect((await json('method', 'list', joiner)).value).toEqual([passkey, ...more]);
    expect(await json('method', 'show', joiner, id)).toEqual(passkey);
    expect(await done('method', 'show', joiner, id)).toContain(`id="${id}"\n`);
    const changed = await json('method', 'set', joiner, id, 'displayName=Blue key', 'state=suspended');
    expect(changed).toMatchObject({ id, displayName: 'Blue key' });
    expect(changed).toEqual((await ofJoiner())[0]);
    expect(await done('method', 'list', joiner)).toMatch(new RegExp(`^${id}\tfido2\tBlue key`));
    await done('method', 'set', joiner, id, 'state=active');
    await refused(1, /state/, 'method', 'set', joiner, id, 'state=lost');
    await refused(1, /has no such sign-in method/, 'method', 'show', joiner, 'nothing');
    await refused(2, /Use: latchkey method set/, 'method', 'set', joiner);
  });

  test('a password is given from a file, or made and shown once', async () => {
    const file = join(directory, 'password');
    writeFileSync(file, 'correct horse battery staple\n');
    expect(await json('method', 'reset-password', 'other@example.com', '--secret-file', file)).toEqual({});
    const { newPassword } = await json('method', 'reset-password', 'other@example.com');
    expect(newPassword).toMatch(/^\S{12,}$/);
    expect(JSON.stringify(await eventsOf(house))).not.toContain(newPassword);
    expect(await done('method', 'reset-password', 'other@example.com')).toMatch(/\nPassword: \S+\n$/);
    writeFileSync(file, 'short\n');
    await refused(
      1,
      /^newPassword needs 8 to 128 characters/,
      'method',
      'reset-password',
      'other@example.com',
      '--secret-file',
      file,
    );
    const [password] = (await json('method', 'list', 'other@example.com')).value as Json[];
    await refused(
      1,
      /neither a passkey|no such sign-in method/,
      'method',
      'delete',
      'other@example.com',
      String(password!.id),
    );
  });

  test('are taken away, the last one too', async () => {
    const [passkey] = await ofJoiner();
    expect(await json('method', 'delete', joiner, passkey!.id as string)).toEqual({ deleted: passkey!.id });
    expect(await ofJoiner()).toEqual([pass]);
    await refused(1, /has no such sign-in method/, 'method', 'delete', joiner, passkey!.id as string);
  });
});

test('a pass is shown as the API shows it, and never its code', async () => {
  await refused(1, /^This user has no pass\.$/m, 'pass', 'show', 'boss@example.com');
  const issued = await json('pass', 'issue', 'boss@example.com', '--lifetime', '120');
  const shown = await json('pass', 'show', 'boss@example.com');
  const [pass] = (await api('/users/boss@example.com/authentication/temporaryAccessPassMethods')).value as Json[];
  expect(shown).toEqual(pass);
  expect(shown).toMatchObject({ id: issued.id, temporaryAccessPass: null, lifetimeInMinutes: 120 });
  expect(await done('pass', 'show', 'boss@example.com')).toMatch(/^active, from 20\S+Z until 20\S+Z, once\n$/);
});

test('a group is shown and renamed', async () => {
  const shown = await json('group', 'show', 'Staff');
  expect(shown).toEqual(await api(`/groups/${String(shown.id)}`));
  expect(await json('group', 'set', 'Staff', '--display-name', 'Crew')).toEqual({ ...shown, displayName: 'Crew' });
  expect(await done('group', 'set', 'Crew', '--display-name', 'Staff')).toBe('Crew is Staff now.\n');
  await refused(2, /--display-name/, 'group', 'set', 'Staff');
  await refused(1, /There is no such group|no group/i, 'group', 'show', 'Nobody');
});

test('a role is shown with who holds it', async () => {
  await done('role', 'grant', 'boss@example.com', 'Pass Issuer', '--group', 'Staff', '--lifetime', '60');
  const shown = await json('role', 'show', 'pass issuer');
  const { assignments, ...role } = shown as Json & { assignments: Json[] };
  expect(role).toMatchObject({ displayName: 'Pass Issuer', isBuiltIn: true, isEnabled: true });
  expect(assignments).toMatchObject([
    {
      roleDefinitionId: role.templateId,
      directoryScopeId: expect.stringMatching(/^\/groups\//),
      maximumLifetimeInMinutes: 60,
    },
  ]);
  const listed = (await json('role', 'list')).value as Json[];
  expect(listed).toContainEqual({ ...role, holders: ['boss@example.com (Staff)'] });
  await refused(1, /no such role/i, 'role', 'show', 'King');
});

test('a client is made with a secret that works', async () => {
  const made = await json(
    'client',
    'add',
    'Payroll',
    'grant_types=["client_credentials"]',
    'app_roles=["User.Read.All"]',
  );
  expect(made).toMatchObject({ client_name: 'Payroll', app_roles: ['User.Read.All'], owners: [] });
  const answer = await fetch(`${house.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
    headers: { authorization: `Basic ${btoa(`${String(made.client_id)}:${String(made.client_secret)}`)}` },
  });
  expect(answer.status).toBe(200);
  expect(await json('client', 'show', String(made.client_id))).not.toHaveProperty('client_secret');
  const plain = await json(
    'client',
    'add',
    'Phone',
    'redirect_uris=["https://phone.example/cb"]',
    'token_endpoint_auth_method=none',
  );
  expect(plain).not.toHaveProperty('client_secret');
  expect(await done('client', 'add', 'Shop', 'redirect_uris=["https://shop.example/cb"]')).toMatch(
    /\nSecret: [\w-]{43}\n$/,
  );
  await refused(1, /"colour"/, 'client', 'add', 'Shop', 'colour=red');
  await refused(1, /redirect_uris/, 'client', 'add', 'Shop', 'client_uri=https://shop.example');
  await refused(2, /Use: latchkey client add/, 'client', 'add', 'Shop');
});

test('a domain is shown, and a link is allowed to an administrator or not', async () => {
  writeFileSync(join(directory, 'secret'), 'hush\n');
  const named = ['displayName=Contoso', 'issuer=https://login.contoso.example', 'clientId=4711'];
  await done('idp', 'put', 'contoso', ...named, '--secret-file', join(directory, 'secret'));
  const put = await json('domain', 'put', 'contoso.example', 'contoso');
  expect(await json('domain', 'show', 'Contoso.example')).toEqual(put);
  expect(await done('domain', 'show', 'contoso.example')).toContain('providerId="contoso"\n');
  await refused(1, /no such domain/i, 'domain', 'show', 'nowhere.example');

  await done('idp', 'link', joiner, 'contoso', '00u1');
  expect(await json('idp', 'allow', joiner, 'contoso')).toMatchObject({ allowedAdministrator: true });
  expect(await done('idp', 'links', joiner)).toContain('\talso as administrator\n');
  expect(await done('idp', 'forbid', joiner, 'contoso')).toContain('may not sign in at contoso');
  expect((await json('idp', 'links', joiner)).value).toMatchObject([{ allowedAdministrator: false }]);
  await refused(1, /is not linked with contoso/, 'idp', 'allow', 'other@example.com', 'contoso');
});

test('a policy is that of the API, for every method that has a configuration', async () => {
  const policy = await api('/policies/authenticationMethodsPolicy');
  const configurations = policy.authenticationMethodConfigurations as Json[];
  expect(configurations.length).toBeGreaterThan(1);
  for (const configuration of configurations) {
    expect(await json('policy', 'show', String(configuration.id))).toEqual(configuration);
    const printed = (await done('policy', 'show', String(configuration.id))).trim().split('\n');
    // What is printed can be typed, and changes nothing.
    expect(await json('policy', 'set', String(configuration.id), ...printed)).toEqual(configuration);
    expect(await json('policy', 'reset', String(configuration.id))).toEqual(configuration);
  }
  expect(await json('policy', 'show')).toEqual(configurations.find(({ id }) => id === 'TemporaryAccessPass'));
  const { requiredRegistration } = policy.registrationEnforcement as Json;
  expect(await json('policy', 'show', 'registration')).toEqual(requiredRegistration);
  expect(await json('policy', 'show', 'assurance')).toEqual(policy.assurance);
  await refused(2, /Use: latchkey policy show/, 'policy', 'show', 'Sms');
  await refused(2, /Use: latchkey policy show/, 'policy', 'show', 'registration', 'more');
});

test('what every object has is no command', async () => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    await refused(2, /There is no command/, name);
    await refused(2, /There is no command/, name, 'x');
  }
});

test('a name that people chose gives the terminal no orders', async () => {
  const name = '\u001b]0;mine\u0007\u009b2J\u202eyek\r\nboss@example.com\tsecond';
  await house.seed({ users: [{ userPrincipalName: 'sly@example.com', displayName: name }] });
  const line = String.raw`sly@example.com\t\u001b]0;mine\u0007\u009b2J\u202eyek\u000d`;
  expect(await done('user', 'list')).toContain(line.replace(String.raw`\t`, '\t'));
  const printed = await done('user', 'show', 'sly@example.com', '--json');
  expect(printed).not.toMatch(/[\u0080-\u009f\u202e]/);
  expect(JSON.parse(printed)).toMatchObject({ displayName: name });
  await house.work((work) => deleteUser(work, 'sly@example.com'));
});

describe('the logs and the reports', () => {
  test('are what the API has', async () => {
    const filter = "activityDisplayName eq 'Add user'";
    const query = `$top=3&$filter=${encodeURIComponent(filter)}`;
    const { value } = (await api(`/auditLogs/directoryAudits?${query}`)) as { value: Json[] };
    expect(value).toHaveLength(3);
    expect((await json('audit', 'list', '--top', '3', '--filter', filter)).value).toEqual(value);
    expect(await json('audit', 'show', String(value[0]!.id))).toEqual(value[0]);
    expect((await done('audit', 'list', '--top', '3')).trim().split('\n')).toHaveLength(3);
    const signIns = (await api('/auditLogs/signIns')).value as Json[];
    expect(signIns.length).toBeGreaterThan(0);
    expect((await json('audit', 'sign-ins')).value).toEqual(signIns);
    expect(await json('audit', 'show', String(signIns[0]!.id))).toEqual(signIns[0]);
    expect(await done('audit', 'sign-ins')).toContain(`\t0\t${joiner}\t`);
  });

  test('count as the API counts', async () => {
    const reports = '/reports/authenticationMethods';
    expect(await json('report', 'methods')).toEqual(await api(`${reports}/usersRegisteredByMethod`));
    expect(await json('report', 'features')).toEqual(await api(`${reports}/usersRegisteredByFeature`));
    const undated = (one: Json) => ({ ...one, lastUpdatedDateTime: '' });
    const details = (await api(`${reports}/userRegistrationDetails`)).value as Json[];
    expect(((await json('report', 'registrations')).value as Json[]).map(undated)).toEqual(details.map(undated));
    expect(await json('report', 'registrations', joiner)).toMatchObject({ userPrincipalName: joiner });
    expect((await json('report', 'registrations', '--filter', 'isAdmin eq true')).value).toMatchObject([
      { userPrincipalName: 'boss@example.com' },
    ]);
    expect(await done('report', 'features')).toMatch(/^mfaCapable\t\d of 3$/m);
  });

  test('say what is wrong with what is asked of them', async () => {
    await refused(1, /^\$filter/m, 'audit', 'list', '--filter', 'nonsense');
    await refused(1, /^\$filter/m, 'report', 'registrations', '--filter', "mail eq 'x'");
    await refused(2, /--top is a whole number/, 'audit', 'list', '--top', '1000');
    await refused(1, /^There is no such event\.$/m, 'audit', 'show', 'x');
    await refused(1, /^There is no such user in this report\.$/m, 'report', 'registrations', 'nobody@example.com');
    await refused(2, /Use: latchkey report methods/, 'report', 'methods', 'all');
    await refused(2, /There is no command "audit nothing"/, 'audit', 'nothing');
  });
});
