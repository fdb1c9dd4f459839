import { expect, test } from 'vitest';
import { commands, usage } from '../../src/cli.ts';
import { table } from '../support/matrix.ts';

/** What an administrator does by API, an operator does by command: which command stands for which route. */
const commandFor: Readonly<Record<string, string>> = {
  'GET /users': 'user list',
  'POST /users': 'user add',
  'GET /users/:user': 'user show',
  'PATCH /users/:user': 'user set, user enable, user disable',
  'DELETE /users/:user': 'user delete',
  'GET /users/:user/manager': 'user manager',
  'PUT /users/:user/manager/$ref': 'user set',
  'DELETE /users/:user/manager/$ref': 'user set',
  'GET /users/:user/memberOf': 'user groups',
  'POST /users/:user/revokeSignInSessions': 'user sign-out',
  'POST /users/:user/authentication/contain': 'user contain',

  'GET /groups': 'group list',
  'POST /groups': 'group add',
  'GET /groups/:group': 'group show',
  'PATCH /groups/:group': 'group set',
  'DELETE /groups/:group': 'group delete',
  'GET /groups/:group/members': 'group members',
  'POST /groups/:group/members/$ref': 'group add-member',
  'DELETE /groups/:group/members/:member/$ref': 'group remove-member',

  'GET /users/:user/authentication/temporaryAccessPassMethods': 'pass show, pass list',
  'POST /users/:user/authentication/temporaryAccessPassMethods': 'pass issue',
  'GET /users/:user/authentication/temporaryAccessPassMethods/:pass': 'pass show',
  'POST /users/:user/authentication/temporaryAccessPassMethods/:pass/extend': 'pass extend',
  'DELETE /users/:user/authentication/temporaryAccessPassMethods/:pass': 'pass revoke',
  'GET /users/:user/authentication/passHistory': 'pass history',
  'GET /policies/passApprovals': 'pass approvals',
  'POST /policies/passApprovals/:approval/approve': 'pass approve',
  'POST /policies/passApprovals/:approval/reject': 'pass reject',

  'GET /users/:user/authentication/methods': 'method list',
  'GET /users/:user/authentication/methods/:method': 'method show',
  'POST /users/:user/authentication/methods/:method/resetPassword': 'method reset-password',
  'GET /users/:user/authentication/passwordMethods': 'method list',
  'GET /users/:user/authentication/passwordMethods/:method': 'method show',
  'GET /users/:user/authentication/softwareOathMethods': 'method list',
  'GET /users/:user/authentication/softwareOathMethods/:method': 'method show',
  'PATCH /users/:user/authentication/softwareOathMethods/:method': 'method set',
  'DELETE /users/:user/authentication/softwareOathMethods/:method': 'method delete',
  'GET /users/:user/authentication/fido2Methods': 'method list',
  'GET /users/:user/authentication/fido2Methods/:method': 'method show',
  'PATCH /users/:user/authentication/fido2Methods/:method': 'method set',
  'DELETE /users/:user/authentication/fido2Methods/:method': 'method delete',

  'GET /policies/authenticationMethodsPolicy': 'policy show',
  'PATCH /policies/authenticationMethodsPolicy': 'policy set',
  'GET /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration': 'policy show',
  'PATCH /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration': 'policy set',
  'DELETE /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration': 'policy reset',

  'GET /roleManagement/directory/roleDefinitions': 'role list',
  'GET /roleManagement/directory/roleDefinitions/:role': 'role show',
  'GET /roleManagement/directory/roleAssignments': 'role list',
  'POST /roleManagement/directory/roleAssignments': 'role grant',
  'GET /roleManagement/directory/roleAssignments/:assignment': 'role show',
  'DELETE /roleManagement/directory/roleAssignments/:assignment': 'role revoke',

  'GET /identity/identityProviders': 'idp list',
  'POST /identity/identityProviders': 'idp put',
  'GET /identity/identityProviders/:provider': 'idp show',
  'PATCH /identity/identityProviders/:provider': 'idp put',
  'DELETE /identity/identityProviders/:provider': 'idp delete',
  'GET /domains': 'domain list',
  'POST /domains': 'domain put',
  'GET /domains/:domain': 'domain show',
  'PATCH /domains/:domain': 'domain put',
  'DELETE /domains/:domain': 'domain delete',
  'POST /identity/identityProviders/:provider/addKey': 'idp key',
  'POST /identity/identityProviders/:provider/useKey': 'idp key',
  'POST /identity/identityProviders/:provider/removeKey': 'idp key',
  'GET /users/:user/identities': 'idp links',
  'POST /users/:user/identities': 'idp link',
  'PATCH /users/:user/identities/:identity': 'idp allow, idp forbid',
  'DELETE /users/:user/identities/:identity': 'idp unlink',

  'GET /applications': 'client list',
  'POST /applications': 'client add',
  'GET /applications/:application': 'client show',
  'PATCH /applications/:application': 'client set',
  'DELETE /applications/:application': 'client delete',
  'POST /applications/:application/addPassword': 'client secret',
  'POST /applications/:application/removePassword': 'client secret',
  'GET /applications/:application/owners': 'client show',
  'POST /applications/:application/owners/$ref': 'client set',
  'DELETE /applications/:application/owners/:owner/$ref': 'client set',

  'GET /auditLogs/directoryAudits': 'audit list',
  'GET /auditLogs/directoryAudits/:event': 'audit show',
  'GET /auditLogs/signIns': 'audit sign-ins',
  'GET /auditLogs/signIns/:event': 'audit show',
  'GET /reports/authenticationMethods/userRegistrationDetails': 'report registrations',
  'GET /reports/authenticationMethods/userRegistrationDetails/:user': 'report registrations',
  'GET /reports/authenticationMethods/usersRegisteredByMethod': 'report methods',
  'GET /reports/authenticationMethods/usersRegisteredByFeature': 'report features',
};

/** No command does these, and why. */
const withoutCommand: Readonly<Record<string, string>> = {
  'GET /users/$count': 'the whole list is printed: wc counts it',
  'GET /groups/$count': 'the whole list is printed',
  'GET /groups/:group/members/$count': 'the whole list is printed',
  'GET /users/:user/memberOf/$count': 'the whole list is printed',
  'GET /users/:user/authentication/fido2Methods/creationOptions':
    'an authenticator answers them, not a terminal; a pass does the same',
  'GET /users/:user/authentication/fido2Methods/creationOptions:parameters': 'as the one before',
  'POST /users/:user/authentication/fido2Methods': 'the answer of an authenticator, as above',
  'GET /users/:user/authentication/operations/:operation': 'the command is done when it ends',
  'GET /reports/authenticationMethods/usersRegisteredByMethod:parameters':
    'of everybody; who wants a part filters the registrations',
  'GET /reports/authenticationMethods/usersRegisteredByFeature:parameters': 'as the one before',
  'POST /$batch': 'a shell has lines',
  'GET /me': 'the operator is nobody in the directory',
  'POST /me/revokeSignInSessions': 'the operator has no session',
  'GET /me/authentication/methods': 'the operator has none',
  'GET /me/authentication/methods/:method': 'the operator has none',
  'GET /me/authentication/temporaryAccessPassMethods': 'the operator has none',
  'GET /me/authentication/temporaryAccessPassMethods/:pass': 'the operator has none',
  'POST /me/authentication/temporaryAccessPassMethods': 'refused to everybody',
  'DELETE /me/authentication/temporaryAccessPassMethods/:pass': 'the operator has none',
};

/** Of the machine, not of the directory: no route does what they do. */
const machine = ['serve', 'check', 'migrate', 'apply', 'idp test', 'mail list', 'logout list'];

test('every route has a command, or a reason to have none', () => {
  const said = [...Object.keys(commandFor), ...Object.keys(withoutCommand)];
  expect(said.sort()).toEqual(table.map(({ route }) => route).sort());
});

test('every command stands for a route, or is the machine’s', () => {
  const named = new Set(Object.values(commandFor).flatMap((names) => names.split(', ')));
  expect([...named, ...machine].sort()).toEqual(Object.keys(commands).sort());
});

test('the help has every command, and no other', () => {
  const lines = usage.split('\n').flatMap((line) => /^ {2}latchkey (.*)$/.exec(line)?.[1] ?? []);
  const shown = lines.flatMap((line) => {
    const [noun, ...forms] = line.split(/ {2,}|(?<=\S) (?=\[|\| )/)[0]!.split(' ');
    const verbs = [forms[0], ...[...line.matchAll(/\| ([a-z][a-z-]*)/g)].map(([, verb]) => verb)];
    return verbs.map((verb) => (Object.hasOwn(commands, noun!) ? noun! : `${noun} ${verb}`));
  });
  // `client secret remove ID KEY`, `idp key use ID KEY`: verbs of a verb.
  const known = shown.filter((name) => !['client remove', 'idp remove', 'idp use'].includes(name));
  expect([...new Set(known)].sort()).toEqual(Object.keys(commands).sort());
});
