import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AppError } from '../../src/core/errors.ts';
import { issuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { getUser } from '../../src/users/manage-users.ts';
import { newCommands } from '../support/commands.ts';
import { asOperator, type TestHouse } from '../support/house.ts';
import { expectRefusal } from '../support/ran.ts';

/** What an operator looks after on the machine, beside a house that serves. Other commands are held against the API in commands.test.ts. */

const seed = {
  users: [{ userPrincipalName: 'seeded@example.com', displayName: 'Seeded' }],
  clients: [{ client_id: 'app', client_secret: 'secret', redirect_uris: ['http://localhost:1/cb'] }],
};

test('people, groups and roles are looked after by command', async () => {
  const { run, done } = await newCommands();
  await done('user', 'add', 'boss@example.com', '--display-name', 'The Boss');
  await done('user', 'add', 'one@example.com');
  await done(
    'user',
    'set',
    'one@example.com',
    '--display-name',
    'One',
    '--mail',
    'one@home.example',
    '--manager',
    'boss@example.com',
  );
  expect(await done('user', 'show', 'one@example.com')).toMatch(
    /^one@example\.com\nName: One\nMail: one@home\.example\nManager: boss@example\.com\nId: [0-9a-f-]{36}\n$/,
  );
  const changed = await done('user', 'set', 'one@example.com', '--mail', '', '--manager', '', '--json');
  expect(JSON.parse(changed)).toMatchObject({ userPrincipalName: 'one@example.com', displayName: 'One', mail: null });
  expect(await done('user', 'show', 'one@example.com')).toContain('Manager: none\n');

  expect(await done('group', 'add', 'New Joiners')).toBe('Made New Joiners.\n');
  await done('group', 'add-member', 'New Joiners', 'one@example.com');
  expect(await done('group', 'members', 'New Joiners')).toBe('one@example.com\tOne\n');
  expectRefusal(
    await run(['group', 'add-member', 'New Joiners', 'one@example.com']),
    1,
    /a member of the group already/,
  );
  await done('group', 'remove-member', 'New Joiners', 'one@example.com');
  expect(JSON.parse(await done('group', 'list', '--json')).value).toMatchObject([{ displayName: 'New Joiners' }]);
  await done('group', 'delete', 'New Joiners');
  expect(await done('group', 'list')).toBe('');

  await done('role', 'grant', 'boss@example.com', 'global administrator');
  expect(await done('role', 'list')).toContain('Global Administrator\tboss@example.com\n');
  for (const args of [
    'role revoke boss@example.com',
    'user disable boss@example.com',
    'user delete boss@example.com',
  ]) {
    const typed = args.startsWith('role') ? [...args.split(' '), 'Global Administrator'] : args.split(' ');
    expectRefusal(await run(typed), 1, /the last enabled Global Administrator/);
  }
  await done('role', 'grant', 'one@example.com', 'Global Administrator');
  await done('role', 'revoke', 'boss@example.com', 'Global Administrator');
  await done('user', 'delete', 'boss@example.com');
  expectRefusal(await run(['user', 'show', 'boss@example.com']), 1, /^There is no such user\.$/m);
  expectRefusal(await run(['role', 'grant', 'one@example.com', 'King']), 1, /There is no role named "King"/);
});

test('identity providers, domains and links are looked after by command', async () => {
  const { run, done, directory } = await newCommands();
  await done('user', 'add', 'eve@contoso.example');
  writeFileSync(join(directory, 'secret'), 'hush-hush\n');
  const named = ['displayName=Contoso', 'issuer=https://login.contoso.example', 'clientId=4711'];
  expectRefusal(await run(['idp', 'put', 'contoso', ...named]), 1, /^clientSecret: client_secret_basic needs/m);
  expectRefusal(await run(['idp', 'put', 'contoso', ...named, 'clientSecret=s']), 2, /--secret-file/);
  expectRefusal(
    await run(['idp', 'put', 'contoso', ...named, '--secret-file', join(directory, 'none')]),
    1,
    /none cannot be read/,
  );
  expectRefusal(await run(['idp', 'put', 'contoso', 'colour=red']), 1, /"colour"/);
  const put = await done('idp', 'put', 'contoso', ...named, '--secret-file', join(directory, 'secret'));
  expect(put).toContain('id="contoso"\n');
  expect(put).toContain('clientId="4711"\n');
  expect(await done('idp', 'put', 'contoso', 'ceiling=2f')).toBe(put.replace('ceiling="1f"', 'ceiling="2f"'));
  expect(await done('idp', 'put', 'contoso', 'endpointHosts=["keys.contoso.net"]')).toContain(
    'endpointHosts=["keys.contoso.net"]\n',
  );
  const tried = await run(['idp', 'test', 'contoso']);
  expect(tried.code).toBe(1);
  expect(tried.stdout).toMatch(/^failed\tdiscovery\tThere was no answer that could be read: [a-z_]+\.$/im);
  expect(tried.stdout).toMatch(/^Nobody can sign in at contoso like this\.$/m);
  expect(JSON.parse((await run(['idp', 'test', 'contoso', '--json'])).stdout)).toMatchObject({ isUsable: false });
  expectRefusal(await run(['idp', 'test', 'nobody']), 1, /^There is no such identity provider\.$/m);
  const shown = await done('idp', 'show', 'contoso', '--json');
  expect(JSON.parse(shown)).toMatchObject({
    id: 'contoso',
    ceiling: '2f',
    clientAuthentication: { clientSecret: null },
  });
  expect(await done('idp', 'list')).toBe('contoso\tenabled\thttps://login.contoso.example\n');
  expect(JSON.parse(await done('idp', 'list', '--json')).value).toEqual([JSON.parse(shown)]);
  const keyed = await done('idp', 'put', 'contoso', 'clientAuthentication=private_key_jwt');
  expect(keyed).toMatch(/^jwks=\{"keys":\[\{"kty":"EC"/m);
  const added = await done('idp', 'key', 'add', 'contoso');
  const keyId = /^Key: (\S+)$/m.exec(added)![1]!;
  expectRefusal(await run(['idp', 'key', 'add', 'contoso']), 1, /^There are two keys already/m);
  expectRefusal(await run(['idp', 'key', 'contoso']), 2, /idp key add ID/);
  expect(JSON.parse((await run(['idp', 'test', 'contoso', keyId, '--json'])).stdout)).toMatchObject({
    isUsable: false,
  });
  expect(await done('idp', 'key', 'use', 'contoso', keyId)).toMatch(/signs from now on/);
  const keys = await done('idp', 'show', 'contoso');
  expect(keys).toContain(`signs=${keyId}\n`);
  const { signingKeyId, clientAuthentication } = JSON.parse(await done('idp', 'show', 'contoso', '--json'));
  expect(signingKeyId).toBe(keyId);
  const before = clientAuthentication.jwks.keys[1].kid;
  expect(JSON.parse(await done('idp', 'key', 'remove', 'contoso', before, '--json'))).toEqual({ removed: before });
  expect(put + shown + keyed + added + keys).not.toMatch(/hush|"d":/);

  expect(await done('domain', 'put', 'Contoso.example', 'contoso', 'straight=true')).toBe(
    'The people of contoso.example sign in at contoso.\n',
  );
  expect(await done('domain', 'list')).toBe('contoso.example\tcontoso\tacceptIfMfaDoneByFederatedIdp\tstraight\n');
  const domain = await done('domain', 'put', 'contoso.example', 'contoso', '--json');
  expect(JSON.parse(domain)).toMatchObject({ id: 'contoso.example', straight: true });
  await done('domain', 'put', 'sales.contoso.example', 'contoso');
  expect(JSON.parse(await done('domain', 'delete', 'sales.contoso.example', '--json'))).toEqual({
    deleted: 'sales.contoso.example',
  });

  expect(await done('idp', 'link', 'eve@contoso.example', 'contoso', '00u1')).toBe(
    'eve@contoso.example is linked with 00u1 of contoso.\n',
  );
  expect(await done('idp', 'links', 'eve@contoso.example')).toBe('contoso\t00u1\tby operator\n');
  const links = await done('idp', 'links', 'eve@contoso.example', '--json');
  expect(JSON.parse(links).value).toMatchObject([{ issuerAssignedId: '00u1', allowedAdministrator: false }]);
  expectRefusal(await run(['idp', 'delete', 'contoso']), 1, /^One person is linked with contoso/m);
  await done('idp', 'unlink', 'eve@contoso.example', 'contoso');
  expectRefusal(await run(['idp', 'unlink', 'eve@contoso.example', 'contoso']), 1, /is not linked with contoso/);
  await done('role', 'grant', 'eve@contoso.example', 'Global Reader');
  expectRefusal(await run(['idp', 'link', 'eve@contoso.example', 'contoso', '00u1']), 1, /This user holds a role/);
  await done('idp', 'link', 'eve@contoso.example', 'contoso', '00u1', '--administrator');
  expect(await done('idp', 'links', 'eve@contoso.example')).toContain('\talso as administrator\n');
  expect(await done('idp', 'delete', 'contoso', '--unlink')).toBe(
    'contoso is deleted, and contoso.example with it. Unlinked: 1. Sessions ended: 0.\n',
  );
  expectRefusal(await run(['idp', 'show', 'contoso']), 1, /^There is no such identity provider\.$/m);
});

test('what is refused ends with 1 and the sentence the API would say', async () => {
  const { run } = await newCommands();
  expectRefusal(await run(['pass', 'issue', 'nobody@example.com']), 1, /^There is no such user\.$/m);
  expectRefusal(await run(['user', 'add', 'nobody']), 1, /must look like name@example\.com/);
  expect((await run(['user', 'add', 'one@example.com'])).code).toBe(0);
  expectRefusal(await run(['user', 'add', 'ONE@example.com']), 1, /There is already a user named/);
  expectRefusal(
    await run(['pass', 'issue', 'one@example.com', '--lifetime', '5']),
    1,
    /The valid range between 60 and 480/,
  );
  expectRefusal(
    await run(['pass', 'extend', 'one@example.com', '--lifetime', '90']),
    1,
    /^This user has no such pass\.$/m,
  );
  expectRefusal(await run(['pass', 'issue', 'one@example.com', '--reusable']), 1, /policy makes every pass one-time/);
  expectRefusal(await run(['apply', 'none.json']), 1, /none\.json cannot be read \(ENOENT\)/);
});

test('the policy for passes is shown, changed and put back', async () => {
  const { run } = await newCommands();
  const shown = async (...args: string[]) => {
    const { code, stdout, stderr } = await run([...args, '--json']);
    expect({ args, code, stderr: args[1] === 'show' ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  expect(await shown('policy', 'show')).toMatchObject({
    id: 'TemporaryAccessPass',
    state: 'enabled',
    maximumUses: null,
  });
  expect((await run(['policy', 'show'])).stdout).toMatch(/^state="enabled"$/m);
  const changed = { state: 'disabled', requireReason: true, maximumUses: 5, excludeTargets: [] };
  const asked = ['state=disabled', 'requireReason=true', 'maximumUses=5', 'excludeTargets=[]'];
  expect(await shown('policy', 'set', ...asked)).toMatchObject(changed);
  expect(await shown('policy', 'show')).toMatchObject(changed);
  expectRefusal(await run(['policy', 'set', 'defaultLength=7']), 1, /^defaultLength: /m);
  expectRefusal(await run(['policy', 'set', 'defaultLenght=20']), 1, /"defaultLenght"/);
  expectRefusal(await run(['policy', 'set', 'maximumLifetimeInMinutes=30']), 1, /^minimumLifetimeInMinutes must not/m);
  expect(await shown('policy', 'reset')).toMatchObject({ state: 'enabled', requireReason: false, maximumUses: null });

  const aliases = { 'https://refeds.org/profile/mfa': '2f', 'urn:example:gold': 'phr' };
  expect(await shown('policy', 'set', 'assurance', `aliases=${JSON.stringify(aliases)}`)).toEqual({ aliases });
  expect((await run(['policy', 'show', 'assurance'])).stdout).toContain('"urn:example:gold":"phr"');
  expectRefusal(await run(['policy', 'set', 'assurance', 'aliases={"phr":"1f"}']), 1, /aliases\.phr: is a name of our/);
  expect(await shown('policy', 'reset', 'assurance')).toEqual({ aliases: {} });

  const model = 'cb69481e-8ff7-4039-93ec-0a2729a154a8';
  const restrictions = { isEnforced: true, enforcementType: 'allow', aaGuids: [model] };
  expect(
    await shown('policy', 'set', 'fido2', `keyRestrictions=${JSON.stringify(restrictions)}`, 'state=disabled'),
  ).toMatchObject({
    '@odata.type': '#microsoft.graph.fido2AuthenticationMethodConfiguration',
    state: 'disabled',
    keyRestrictions: restrictions,
  });
  expectRefusal(await run(['policy', 'set', 'fido2', 'isAttestationEnforced=true']), 1, /^isAttestationEnforced: /m);
  expect(await shown('policy', 'reset', 'fido2')).toMatchObject({ state: 'enabled' });
  for (const name of ['softwareOath', 'recoveryCode']) {
    expect(await shown('policy', 'set', name, 'state=disabled')).toMatchObject({ state: 'disabled' });
    expect((await run(['policy', 'show', name])).stdout).toMatch(/^state="disabled"$/m);
    expect(await shown('policy', 'reset', name)).toMatchObject({ state: 'enabled' });
  }
});

test('clients are looked after by command; a secret is shown once, and what is deleted stops at once', async () => {
  const { run, done, house } = await newCommands();
  const { issuer } = house;
  const hr = { client_id: 'hr', client_secret: 'uno-secret', grant_types: ['client_credentials'] };
  await house.seed({ ...seed, clients: [...seed.clients, hr] });
  expect(await done('client', 'list')).toBe('app\tauthorization_code refresh_token\nhr\tclient_credentials\n');
  const changed = await done(
    ...['client', 'set', 'hr', 'client_name=Human Resources', 'app_roles=["User.Read.All"]'],
    ...['owners=["seeded@example.com"]', '--json'],
  );
  const as = { client_id: 'hr', client_name: 'Human Resources', app_roles: ['User.Read.All'] };
  expect(JSON.parse(changed)).toMatchObject({ ...as, owners: ['seeded@example.com'] });
  expect(changed + (await done('client', 'show', 'hr'))).not.toContain('uno-secret');
  expect(await done('client', 'show', 'hr')).toMatch(/^client_name="Human Resources"$/m);
  expect(JSON.parse(await done('client', 'set', 'hr', 'owners=null', '--json')).owners).toEqual([]);
  const delegated = await done('client', 'set', 'app', 'delegated_permissions=["User.Read.All"]', '--json');
  expect(JSON.parse(delegated)).toMatchObject({ delegated_permissions: ['User.Read.All'] });

  const tokenWith = async (secret: string) => {
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${issuer}/management/.default` }),
      headers: { authorization: `Basic ${btoa(`hr:${secret}`)}` },
    });
    return ((await answer.json()) as { access_token?: string }).access_token;
  };
  expect(await tokenWith('uno-secret')).toBeTruthy();
  const { client_secret: second } = JSON.parse(await done('client', 'secret', 'hr', '--json'));
  const token = await tokenWith(second);
  expect([await tokenWith('uno-secret'), typeof token]).toEqual([undefined, 'string']);
  const added = JSON.parse(await done('client', 'secret', 'add', 'hr', '--days', '30', '--json'));
  const shown = await done('client', 'secret', 'list', 'hr');
  expect(shown.trim().split('\n')).toHaveLength(2);
  expect(shown).toContain(`${added.keyId}\t${added.client_secret.slice(0, 3)}…\t`);
  expect(shown).not.toContain(added.client_secret);
  expectRefusal(await run(['client', 'secret', 'add', 'hr']), 1, /has 2 secrets already/);
  expectRefusal(await run(['client', 'secret', 'add', 'hr', '--days', 'soon']), 2, /--days/);
  expect(await done('client', 'secret', 'remove', 'hr', added.keyId)).toContain('works no longer');
  expect(await done('client', 'secret', 'app')).toMatch(/^A new secret for app\. .*\nSecret: [\w-]{43}\n$/);
  const users = async () =>
    (await fetch(`${issuer}/v1.0/users`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await users()).toBe(200);
  expect(await done('client', 'delete', 'hr')).toBe('hr is deleted, and its tokens have ended.\n');
  expect(await users()).toBe(401);

  expectRefusal(await run(['client', 'show', 'hr']), 1, /^There is no such client\.$/m);
  expectRefusal(await run(['client', 'set', 'app', 'colour=red']), 1, /"colour"/);
  expectRefusal(await run(['client', 'set', 'app', 'client_secret=x']), 1, /"client_secret"/);
  expectRefusal(await run(['client', 'set', 'app', 'app_roles=["King"]']), 1, /^app_roles\.0: /m);
  expectRefusal(await run(['client', 'set', 'app', 'redirect_uris=[]']), 1, /^redirect_uris needs at least one/m);
  expectRefusal(await run(['client', 'set', 'app', 'owners=["nobody@example.com"]']), 1, /^There is no such user\.$/m);
});

test('a Pass Issuer is granted for a group with limits; what does not fit is refused', async () => {
  const { run, done } = await newCommands();
  await done('user', 'add', 'desk@example.com');
  await done('group', 'add', 'New Joiners');
  const grant = ['role', 'grant', 'desk@example.com', 'Pass Issuer'];
  const limits = ['--group', 'New Joiners', '--lifetime', '120', '--one-time'];
  expect(await done(...grant, ...limits)).toMatch(/^desk@example\.com is Pass Issuer\./);
  const { value } = JSON.parse(await done('role', 'list', '--json'));
  const issuers = value.find(({ displayName }: { displayName: string }) => displayName === 'Pass Issuer');
  expect(issuers.holders).toEqual([expect.stringMatching(/^desk@example\.com \(.+\)$/)]);
  expectRefusal(await run(grant), 1, /group/);
  expectRefusal(await run([...grant, '--group', 'Nobody']), 1, /There is no (such )?group/);
  expectRefusal(await run([...grant, ...limits.slice(0, 3), '5']), 1, /\d+/);
  expectRefusal(
    await run(['role', 'grant', 'desk@example.com', 'Global Reader', '--group', 'New Joiners']),
    1,
    /Pass Issuer/,
  );
});

test('approvals that an administrator asked for are listed and decided, once', async () => {
  const { run, done, house } = await newCommands();
  for (const [name, role] of [
    ['asks@example.com', 'Privileged Authentication Administrator'],
    ['reads@example.com', 'Global Reader'],
    ['holds@example.com', 'Global Reader'],
  ] as const) {
    await done('user', 'add', name);
    await done('role', 'grant', name, role);
  }
  expect(await done('pass', 'approvals')).toBe('');
  const asked = [
    await askForPass(house, 'asks@example.com', 'reads@example.com'),
    await askForPass(house, 'asks@example.com', 'holds@example.com'),
  ] as const;
  const list = JSON.parse(await done('pass', 'approvals', '--json')) as { value: { id: string; state: string }[] };
  expect(list.value.map(({ id }) => id).sort()).toEqual([...asked].sort());
  expect(await done('pass', 'approvals')).toMatch(/^([0-9a-f-]{36}\t\w+\tuntil 20\S+Z\n){2}$/);
  expect(await done('pass', 'approve', asked[0])).toBe('Approved.\n');
  expect(JSON.parse(await done('pass', 'reject', asked[1], '--json'))).toMatchObject({
    id: asked[1],
    state: 'rejected',
  });
  expectRefusal(await run(['pass', 'reject', asked[0]]), 1, /approved|decided|no such/i);
  const nowhere = '11111111-1111-4111-8111-111111111111';
  for (const verb of ['approve', 'reject']) expectRefusal(await run(['pass', verb, nowhere]), 1, /There is no such/);
});

/** What an administrator with a fresh passkey would ask for through the API. Returns the id of the request that waits. */
async function askForPass({ base }: TestHouse, by: string, user: string): Promise<string> {
  const { id: userId } = await base.run(asOperator, (work) => getUser(work, by));
  const actor = { kind: 'user', userId, strongAt: new Date() } as const;
  const refused = await issuePass(base.run, { ...asOperator, actor }, { user }).catch((error: unknown) => error);
  return (refused as AppError).approvalId!;
}

test('a pass keeps ticket and verification, and signs in where policy lets it', async () => {
  const { run, done } = await newCommands();
  await done('user', 'add', 'guest@example.com');
  const issue = ['pass', 'issue', 'guest@example.com'];
  const asked = [...issue, '--purpose', 'signIn', '--ticket', 'INC-7', '--verified-by', 'callBack', '--json'];
  expectRefusal(await run(asked), 1, /purpose/);
  const policy = ['managersMayIssue=true', 'purpose=signIn', 'satisfiesMultifactor=false', 'requireApprovalFor=[]'];
  expect(JSON.parse(await done('policy', 'set', ...policy, '--json'))).toMatchObject({
    managersMayIssue: true,
    purpose: 'signIn',
    satisfiesMultifactor: false,
    requireApprovalFor: [],
  });
  expectRefusal(await run(['policy', 'set', 'purpose=fun']), 1, /^purpose: /m);
  expectRefusal(await run(['policy', 'set', 'managersMayIssue=perhaps']), 1, /^managersMayIssue: /m);
  expect(JSON.parse(await done(...asked))).toMatchObject({ purpose: 'signIn', ticket: 'INC-7' });
  expectRefusal(await run([...issue, '--ticket', 'x'.repeat(201)]), 2, /--ticket takes 200 characters at most/);
});

test('mails are listed with where they are, and the check says whether any are sent', async () => {
  const { run } = await newCommands();
  const smtp = { LATCHKEY_SMTP_URL: 'smtp://name:hidden@localhost:2525', LATCHKEY_MAIL_FROM: 'id@example.com' };
  const checked = (await run(['check'], smtp)).stdout;
  expect(checked).toContain('Mail: sent through localhost:2525\n');
  expect(JSON.parse((await run(['check', '--json'], smtp)).stdout).mail).toBe('localhost:2525');
  expect(checked).not.toContain('hidden');
  expect((await run(['mail', 'list'], smtp)).stdout).toBe('');
  (await run(['user', 'add', 'reader@example.com', '--mail', 'reader@home.example'], smtp)).stdout;
  const { temporaryAccessPass: code } = JSON.parse(
    (await run(['pass', 'issue', 'reader@example.com', '--json'], smtp)).stdout,
  );
  const { value } = JSON.parse((await run(['mail', 'list', '--json'], smtp)).stdout);
  expect(value).toMatchObject([{ recipient: 'reader@home.example', state: 'queued', attempts: 0 }]);
  const list = (await run(['mail', 'list'], smtp)).stdout;
  expect(list).toMatch(/^20\S+Z\tqueued\t0 tries\treader@home\.example\t.+\n$/);
  expect(list + JSON.stringify(value)).not.toContain(code);
  expect(list + JSON.stringify(value)).not.toContain('/not-me');
});

test('what was typed wrongly ends with 2 and says how it is typed', async () => {
  const { run } = await newCommands();
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['frobnicate', /There is no command "frobnicate"/],
    ['pass frobnicate', /There is no command "pass frobnicate"/],
    ['pass issue', /Use: latchkey pass issue USER/],
    ['pass issue a@b c@d', /Use: latchkey pass issue USER/],
    ['pass extend', /Use: latchkey pass extend USER/],
    ['pass extend a@b', /--lifetime says how many minutes/],
    ['pass extend a@b --lifetime long', /--lifetime is a number of minutes/],
    ['pass history', /Use: latchkey pass history USER/],
    ['pass revoke', /Use: latchkey pass revoke USER/],
    ['user add', /Use: latchkey user add NAME/],
    ['apply', /Use: latchkey apply FILE/],
    ['user set a@b', /Say what to set/],
    ['group add-member Staff', /Use: latchkey group add-member GROUP USER/],
    ['role grant a@b', /Use: latchkey role grant USER ROLE/],
    ['policy show all', /Use: latchkey policy show/],
    ['policy set', /Use: latchkey policy set \[NAME\] KEY=VALUE/],
    ['policy set state', /"state" is not KEY=VALUE/],
    ['client show', /Use: latchkey client show ID/],
    ['client set app', /Use: latchkey client set ID KEY=VALUE/],
    ['client set app client_name', /"client_name" is not KEY=VALUE/],
    ['client secret', /Use: latchkey client secret ID/],
    ['client delete a b', /Use: latchkey client delete ID/],
    ['pass approve', /Use: latchkey pass approve ID/],
    ['pass reject a b', /Use: latchkey pass reject ID/],
    ['pass issue a@b --verified-by mail', /--verified-by is one of callBack, inPerson, video, manager/],
    ['policy reset all', /Use: latchkey policy reset/],
    ['pass list --bogus', /Unknown option '--bogus'/],
    ['pass issue a@b --lifetime long', /--lifetime is a number of minutes/],
    ['pass issue a@b --start tomorrow', /--start is a date and time with its zone/],
    ['pass issue a@b --purpose fun', /--purpose is registration or signIn/],
  ];
  for (const [typed, words] of mistakes) expectRefusal(await run(typed.split(' ')), 2, words);
  expect((await run(['help'])).stdout).toMatch(/latchkey pass issue USER/);
});
