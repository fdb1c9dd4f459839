import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anonymous } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import {
  addMember,
  addToGroup,
  changeGroup,
  createGroup,
  deleteGroup,
  ensureGroup,
  removeMember,
} from '../../src/groups/manage-groups.ts';
import { changeApp, createApp, deleteApp } from '../../src/apps.ts';
import {
  addClientSecret,
  addOwner,
  changeClient,
  createClient,
  deleteClient,
  putClient,
  removeClientSecret,
  removeOwner,
  renewClientSecret,
  setOwners,
} from '../../src/clients/manage-clients.ts';
import {
  extendPass,
  issuePass,
  issuePassOnce,
  revokeOwnPass,
  revokePass,
} from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { decideApproval, pageOfApprovals } from '../../src/methods/temporary-access-pass/approvals/manage-approvals.ts';
import { changeMethodPolicy, fido2Policy, resetMethodPolicy } from '../../src/method-policies/manage-policies.ts';
import { changePasswordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { changePassPolicy, resetPassPolicy } from '../../src/methods/temporary-access-pass/manage-policy.ts';
import { changeAssurancePolicy, resetAssurancePolicy } from '../../src/assurance/manage-policy.ts';
import { changeRegistrationPolicy, resetRegistrationPolicy } from '../../src/registration/manage-policy.ts';
import { changeRegistrationEnforcement } from '../../src/registration/campaign.ts';
import { registrationRules } from '../../src/registration/demand.ts';
import { defaultRegistrationSettings } from '../../src/registration/settings.ts';
import { makeRecoveryCodes } from '../../src/methods/recovery-code/manage-recovery-codes.ts';
import { contain, containUser, containWithPasskey, disownLink } from '../../src/containment.ts';
import { lostOffer, suspendLost } from '../../src/recovery.ts';
import { changeDomain, createDomain, deleteDomain, putDomain } from '../../src/methods/upstream/manage-domains.ts';
import {
  changeProvider,
  createProvider,
  deleteProvider,
  putProvider,
  readProvider,
} from '../../src/methods/upstream/manage-providers.ts';
import {
  allowAdministrator,
  giveRole,
  linkIdentity,
  listIdentitiesOf,
  unlinkIdentity,
} from '../../src/others-identities.ts';
import { link } from '../../src/methods/upstream/identities.ts';
import { addProviderKey, removeProviderKey, useProviderKey } from '../../src/methods/upstream/manage-keys.ts';
import { changeIdentityProvider, deleteIdentityProvider, putIdentityProvider } from '../../src/identity-providers.ts';
import { relyingParty } from '../../src/methods/upstream/relying-party.ts';
import { keepSignIn } from '../../src/methods/upstream/sessions/upstream-session.ts';
import { tryIdentityProvider } from '../../src/methods/upstream/try-provider.ts';
import { takeCeremony } from '../../src/methods/upstream/ceremonies.ts';
import { departToLink, linkReturned, ownIdentities, unlinkOwn } from '../../src/own-identities.ts';
import { endSessionsThrough, receiveLogout } from '../../src/upstream-sessions.ts';
import { openLink } from '../../src/notices/links.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { loadSigningKeys } from '../../src/oidc/signing-keys.ts';
import {
  credentialsOfKind,
  passkeyCreationOptions,
  registerPasskeyFor,
  removeAppOf,
  removePasskeyOf,
  changeMethodOf,
} from '../../src/others-methods.ts';
import { resetPassword } from '../../src/password-reset.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import { grantRole, removeAssignment, revokeRole } from '../../src/roles/manage-roles.ts';
import {
  finishOwnEnrolment,
  beginOwnEnrolment,
  ownSecurityInfo,
  makeOwnCodes,
  useOwnAgain,
  removeOwnCredential,
  renameOwnCredential,
} from '../../src/security-info/own-methods.ts';
import { containOwn, ownActivity } from '../../src/security-info/own-activity.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import {
  endOwnSession,
  revokeOwnSessions,
  revokeSessions,
  signOutEverywhere,
} from '../../src/sessions/manage-sessions.ts';
import { applyOnce, applySeed, parseSeed } from '../../src/seed.ts';
import * as steps from '../../src/sign-in/steps.ts';
import {
  changeUser,
  createUser,
  deleteUser,
  getUser,
  removeManager,
  setManager,
} from '../../src/users/manage-users.ts';
import { type HostileUpstream, startHostileUpstream } from '../support/hostile-upstream.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { startMockUpstream } from '../support/upstream.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/**
 * Every use-case that writes records an event in the same transaction. Each is driven once on a real database, and what it
 * wrote is compared with what it recorded; a use-case that is neither driven here nor named as reading fails.
 */

// Rows that are means to an end: counters, ceremonies, the page a person is at.
const bookkeeping = [
  'throttle_counters',
  'passkey_ceremonies',
  'authenticator_app_ceremonies',
  'upstream_ceremonies',
  'sign_ins',
  'upstream_sign_outs',
  'applied_seeds',
  'idempotency_keys',
  'latchkey_migrations',
];

// They read, or only keep such rows.
const silent = [
  'getUser',
  'findUser',
  'lockUser',
  'isNameTaken',
  'addUser', // by createUser, and by who comes from a provider
  'takeProfile', // by who comes from a provider
  'listUsers',
  'readUser',
  'readManager',
  'pageOfUsers',
  'countUsers',
  'readGroup',
  'groupNamed',
  'listGroups',
  'pageOfGroups',
  'countGroups',
  'countMembers',
  'countGroupsOf',
  'pageOfMembers',
  'pageOfGroupsOf',
  'listRoleHolders',
  'demandAnotherGlobalAdministrator',
  'changePoliciesTogether', // by the changes that it runs
  'leavingAnAdministrator',
  'listClients',
  'clientAndOwners',
  'clientIdOf',
  'pageOfClients',
  'countClients',
  'secretDigest',
  'hasGlobalAdministrator',
  'isLastAdministrator',
  'currentPass',
  'listPasses',
  'passPolicy',
  'passwordPolicy',
  'methodPolicy',
  'registrationPolicy',
  'assurancePolicy',
  'groupIdOf',
  'groupsOf',
  'passHistory',
  'appSecret',
  'needsApproval',
  'pageOfApprovals',
  'templateIdsOf',
  'thoseWhoMayIssueFor',
  'momentAfterGrants',
  'administratorIds',
  'ownsClient',
  'ownPass',
  'readOwnUser',
  'roleDefinitions',
  'roleDefinition',
  'readAssignment',
  'pageOfAssignments',
  'isNamedByRole',
  'identify',
  'choose',
  'back',
  'restart',
  'challenge',
  'beginEnrolment',
  'ownSecurityInfo',
  'methodsOf',
  'ownMethods',
  'credentialsOfKind',
  'passkeyCreationOptions',
  'freshly',
  'passwordResetOperation',
  'campaignOf',
  'lostOffer',
  'goOn',
  'changeWays',
  'askedOfUser',
  'ownCredential',
  'ownActivity',
  'ownActivityToStop',
  'containFromWithin', // by containOwn
  'listSessions',
  'beginOwnEnrolment',
  'offeredLink',
  'carryingOf',
  'aboutLink',
  'lookElsewhere',
  'readSeedFile',
  'demandSameMasterKey',
  'parseSeed',
  'listProviders',
  'readProvider',
  'providerKeys',
  'openProvider',
  'holdOpen',
  'openAnyProvider',
  'enabledProviders',
  'ownIdentities',
  'ownIdentity',
  'departToLink',
  'wayToSignOut',
  'wayOnAfterSigningOut',
  'listDomains',
  'readDomain',
  'listIdentitiesOf',
];

let house: TestBase;
let upstream: HostileUpstream | undefined;
const identity = { rpId: 'localhost', rpName: 'Test', origin: 'http://localhost:3000' };
const methods = methodRegistry(identity);
const passkeys = methods.get('passkey') as EnrollableMethod;
const authenticator = newAuthenticator();
const browser = Buffer.alloc(32, 1);
const phone = Buffer.alloc(32, 9);
const onPages = ['look', 'cancel', 'offerElsewhere', 'followLink', 'takeBack', 'stopElsewhere', 'tryIdentityProvider'];
const anAppId = randomUUID();
/** Of somebody who loses it. */
const losing = newAuthenticator();

beforeAll(async () => {
  house = await openTestBase();
});
afterAll(async () => {
  await upstream?.close();
  await house?.close();
});

const work = <T>(body: (work: Work) => Promise<T>) => house.work(body);
const signInHouse = (): steps.SignInHouse => ({
  run: house.base.run,
  methods,
  policyFrom: () => ({ methods: ['passkey', 'temporary-access-pass'], enrollable: ['passkey'] }),
  limits: house.base.config.limits,
  mayRecord: house.base.mayRecord,
  onAlert: () => {},
});
const visit = (uid: string): steps.Visit => ({
  ...asOperator,
  actor: { kind: 'anonymous' },
  browser,
  uid,
  signedInUserId: null,
});

/** In this order: later ones stand on what earlier ones made. */
const drives: Readonly<Record<string, () => Promise<unknown>>> = {
  createUser: () => work((w) => createUser(w, { userPrincipalName: 'eve@example.com', displayName: 'Eve' })),
  changeUser: () => work(async (w) => changeUser(w, await getUser(w, 'eve@example.com'), { displayName: 'Eva' })),
  ensureGroup: () => work((w) => ensureGroup(w, 'Staff')),
  addToGroup: () =>
    work(async (w) => addToGroup(w, await ensureGroup(w, 'Staff'), (await getUser(w, 'eve@example.com')).id)),
  grantRole: () => work(async (w) => grantRole(w, (await getUser(w, 'eve@example.com')).id, 'Global Reader')),
  giveRole: () => work(async (w) => giveRole(w, (await getUser(w, 'eve@example.com')).id, 'User Administrator')),
  putClient: () =>
    work((w) => putClient(w, { client_id: 'app', client_secret: 's', redirect_uris: ['http://localhost/cb'] })),
  loadSigningKeys: () => work(loadSigningKeys),
  applySeed: () => work((w) => applySeed(w, parseSeed('{"users":[{"userPrincipalName":"seed@example.com"}]}'))),
  applyOnce: () =>
    work((w) => applyOnce(w, { seed: parseSeed('{"groups":[{"displayName":"More"}]}'), hash: Buffer.alloc(32, 2) })),
  issuePass: () => issuePass(house.base.run, asOperator, { user: 'eve@example.com' }),
  issuePassOnce: () =>
    issuePassOnce(house.base.run, asOperator, { user: 'eve@example.com' }, { key: 'k', body: undefined }),
  extendPass: () => work((w) => extendPass(w, { user: 'eve@example.com', lifetimeMinutes: 90 })),
  revokePass: () => work((w) => revokePass(w, { user: 'eve@example.com' })),
  changePassPolicy: () => work((w) => changePassPolicy(w, { requireReason: true })),
  resetPassPolicy: () => work(resetPassPolicy),
  changePasswordPolicy: () => work((w) => changePasswordPolicy(w, { alone: true })),
  resetPasswordPolicy: () => work(resetPasswordPolicy),
  changeMethodPolicy: () =>
    work((w) => changeMethodPolicy(w, fido2Policy, { isSelfServiceRegistrationAllowed: false })),
  resetMethodPolicy: () => work((w) => resetMethodPolicy(w, fido2Policy)),
  changeRegistrationPolicy: () => work((w) => changeRegistrationPolicy(w, { state: 'enabled' })),
  changeRegistrationEnforcement: () =>
    work((w) => changeRegistrationEnforcement(w, { campaign: { state: 'enabled' } })),
  resetRegistrationPolicy: () => work(resetRegistrationPolicy),
  changeAssurancePolicy: () => work((w) => changeAssurancePolicy(w, { aliases: { 'urn:x': 'phr' } })),
  resetAssurancePolicy: () => work(resetAssurancePolicy),
  cancel: async () => {
    await steps.look(signInHouse(), visit('cancelled'), 'app');
    await steps.cancel(signInHouse(), visit('cancelled'));
  },
  answer: async () => {
    const { code } = await issuePass(house.base.run, asOperator, { user: 'eve@example.com' });
    await steps.look(signInHouse(), visit('line'), 'app');
    await steps.identify(signInHouse(), visit('line'), {
      userName: 'eve@example.com',
      method: 'temporary-access-pass',
    });
    await steps.answer(signInHouse(), visit('line'), 'temporary-access-pass', { code });
  },
  offerElsewhere: () => steps.offerElsewhere(signInHouse(), visit('line')),
  followLink: async () => {
    const secret = await steps.offeredLink(signInHouse(), visit('line'));
    expect(await steps.followLink(signInHouse(), { ...visit('line'), browser: phone }, secret!)).toBe('line');
  },
  takeBack: () => steps.takeBack(signInHouse(), visit('line')),
  stopElsewhere: async () => {
    await drives.offerElsewhere!();
    await drives.followLink!();
    await steps.stopElsewhere(signInHouse(), { ...visit('line'), browser: phone });
  },
  enrol: async () => {
    const options = await steps.beginEnrolment(signInHouse(), visit('line'), 'passkey');
    const made = await authenticator.create(options as never, { origin: identity.origin });
    await steps.enrol(signInHouse(), visit('line'), 'passkey', { response: JSON.stringify(made) });
  },
  look: async () => {
    const asked = await steps.challenge(signInHouse(), visit('line'), 'passkey');
    const answer = await authenticator.get((asked as { options: object }).options as never, {
      origin: identity.origin,
    });
    await steps.answer(signInHouse(), visit('line'), 'passkey', { response: JSON.stringify(answer) });
    expect((await steps.look(signInHouse(), visit('line'), 'app')).step.kind).toBe('complete');
  },
  notNow: async () => {
    const settings = { ...defaultRegistrationSettings, state: 'enabled', mode: 'nudge' } as const;
    const registration = registrationRules({ ...settings, methods: ['authenticator-app'] }, ['authenticator-app']);
    const enrollable = ['passkey', 'authenticator-app'] as const;
    const nudging = {
      ...signInHouse(),
      policyFrom: () => ({ methods: ['passkey'] as const, enrollable, registration }),
    };
    await steps.look(nudging, visit('nudged'), 'app');
    const asked = await steps.challenge(nudging, visit('nudged'), 'passkey');
    const answer = await authenticator.get((asked as { options: object }).options as never, {
      origin: identity.origin,
    });
    await steps.answer(nudging, visit('nudged'), 'passkey', { response: JSON.stringify(answer) });
    await steps.notNow(nudging, visit('nudged'));
  },
  confirmWays: async () => {
    await steps.confirmWays(await askedAgain('asked'), visit('asked'));
  },
  finishOwnEnrolment: async () => {
    const owner = await anOwner();
    const options = await beginOwnEnrolment(house.base.run, methods, passkeys, owner);
    const made = await newAuthenticator().create(options as never, { origin: identity.origin });
    await finishOwnEnrolment(house.base.run, methods, passkeys, owner, { response: JSON.stringify(made) });
  },
  renameOwnCredential: async () => {
    const owner = await anOwner();
    const [first] = (await ownSecurityInfo(house.base.run, methods, owner)).credentials;
    await renameOwnCredential(house.base.run, methods, owner, { credentialId: first!.id, name: 'Renamed' });
  },
  removeOwnCredential: async () => {
    const owner = await anOwner();
    const [first] = (await ownSecurityInfo(house.base.run, methods, owner)).credentials;
    await removeOwnCredential(house.base.run, methods, owner, first!.id);
  },
  makeOwnCodes: async () => makeOwnCodes(house.base.run, methods, await anOwner()),
  makeRecoveryCodes: async () =>
    makeRecoveryCodes(house.base.run, asOperator, (await work((w) => getUser(w, 'eve@example.com'))).id),
  registerPasskeyFor: async () => {
    const asked = { methods, user: 'eve@example.com' };
    const { options } = await work((w) => passkeyCreationOptions(w, { ...asked, minutes: 5 }));
    const answer = await newAuthenticator().create(options as never, { origin: identity.origin });
    await registerPasskeyFor(house.base.run, asOperator, { ...asked, answer, name: 'Key' });
  },
  changeMethodOf: () =>
    work(async (w) => {
      const asked = { methods, user: 'eve@example.com' };
      const { credentials } = await credentialsOfKind(w, { ...asked, kind: 'passkey' });
      await changeMethodOf(w, { ...asked, kind: 'passkey', id: credentials.at(-1)!.id, name: 'Blue key' });
    }),
  removePasskeyOf: () =>
    work(async (w) => {
      const asked = { methods, user: 'eve@example.com' };
      const { credentials } = await credentialsOfKind(w, { ...asked, kind: 'passkey' });
      await removePasskeyOf(w, { ...asked, passkeyId: credentials.at(-1)!.id });
      await w.tx('authenticator_apps').insert({
        id: anAppId,
        user_id: (await getUser(w, 'eve@example.com')).id,
        sealed_secret: Buffer.alloc(8),
        last_step: 0,
        name: 'App',
        created_at: w.now,
        last_used_at: w.now,
      });
    }),
  removeAppOf: () => work((w) => removeAppOf(w, { methods, user: 'eve@example.com', appId: anAppId })),
  contain: () =>
    work(async (w) => {
      const { token } = await openLink(w, (await getUser(w, 'eve@example.com')).id);
      expect(await contain(w, { token, methods })).toBe('contained');
    }),
  containOwn: async () => {
    const owner = { ...(await anOwner()), sessionUid: 'speaking' };
    await house.base.knex('oidc_sessions').insert({
      uid: owner.sessionUid,
      jti_hash: Buffer.alloc(32, 4),
      account_id: owner.userId,
      payload: '{}',
      expires_at: new Date(Date.now() + 3_600_000),
      proven_with: ['x'],
    });
    const { activities } = await ownActivity(house.base.run, methods, owner);
    await containOwn(house.base.run, methods, owner, activities.at(-1)!.id);
  },
  resetPassword: () =>
    resetPassword(house.base.run, asOperator, { methods, user: 'eve@example.com', newPassword: undefined }),
  suspendLost: async () => {
    await work((w) => createUser(w, { userPrincipalName: 'lost@example.com', displayName: 'Lost' }));
    const asked = { methods, user: 'lost@example.com' };
    const { options } = await work((w) => passkeyCreationOptions(w, { ...asked, minutes: 5 }));
    const made = await losing.create(options as never, { origin: identity.origin });
    await registerPasskeyFor(house.base.run, asOperator, { ...asked, answer: made, name: undefined });
    const { code } = await issuePass(house.base.run, asOperator, { user: 'lost@example.com' });
    await steps.look(signInHouse(), visit('lost'), 'app');
    await steps.identify(signInHouse(), visit('lost'), {
      userName: 'lost@example.com',
      method: 'temporary-access-pass',
    });
    await steps.answer(signInHouse(), visit('lost'), 'temporary-access-pass', { code });
    const { credentials } = (await lostOffer(signInHouse(), visit('lost')))!;
    const credentialIds = credentials.map(({ id }) => id);
    await suspendLost(signInHouse(), visit('lost'), { credentialIds, sessionUid: null });
  },
  useOwnAgain: async () => {
    const owner = { ...(await anOwner()), userId: (await work((w) => getUser(w, 'lost@example.com'))).id };
    const [first] = (await ownSecurityInfo(house.base.run, methods, owner)).credentials;
    await useOwnAgain(house.base.run, methods, owner, first!.id);
  },
  containWithPasskey: async () => {
    const user = await work((w) => getUser(w, 'lost@example.com'));
    await work((w) =>
      w
        .tx('passkeys')
        .where('user_id', '=', user.id)
        .update({ suspended_at: w.now, suspend_reason: 'lost', contain_since: w.now }),
    );
    await steps.look(signInHouse(), visit('found'), 'app');
    const asked = await steps.challenge(signInHouse(), visit('found'), 'passkey');
    const answer = await losing.get((asked as { options: object }).options as never, { origin: identity.origin });
    await steps.answer(signInHouse(), visit('found'), 'passkey', { response: JSON.stringify(answer) });
    await containWithPasskey(signInHouse(), visit('found'));
  },
  containUser: () => work((w) => containUser(w, { methods, user: 'lost@example.com' })),
  setManager: () => work((w) => setManager(w, 'eve@example.com', 'seed@example.com')),
  removeManager: () => work((w) => removeManager(w, 'eve@example.com')),
  createGroup: () => work((w) => createGroup(w, { displayName: 'Made' })),
  changeGroup: () => work(async (w) => changeGroup(w, (await ensureGroup(w, 'Made')).id, { displayName: 'Renamed' })),
  addMember: () => work(async (w) => addMember(w, (await ensureGroup(w, 'Renamed')).id, 'eve@example.com')),
  removeMember: () => work(async (w) => removeMember(w, (await ensureGroup(w, 'Renamed')).id, 'eve@example.com')),
  deleteGroup: () => work(async (w) => deleteGroup(w, (await ensureGroup(w, 'Renamed')).id)),
  removeAssignment: () =>
    work(async (w) => {
      const userId = (await getUser(w, 'seed@example.com')).id;
      const { assignment } = await grantRole(w, userId, 'Global Reader');
      await removeAssignment(w, assignment!.id);
      await grantRole(w, userId, 'Global Reader');
    }),
  standingApproval: async () => {
    await work(async (w) =>
      grantRole(w, (await getUser(w, 'eve@example.com')).id, 'Privileged Authentication Administrator'),
    );
    const { id: userId } = await work((w) => getUser(w, 'eve@example.com'));
    const { id: target } = await work((w) =>
      createUser(w, { userPrincipalName: 'ward@example.com', displayName: 'W' }),
    );
    await work((w) => grantRole(w, target, 'Global Reader'));
    const eve = { ...asOperator, actor: { kind: 'user', userId, strongAt: new Date() } } as const;
    await issuePass(house.base.run, eve, { user: target }).catch((error: unknown) => error);
  },
  decideApproval: () =>
    work(async (w) => decideApproval(w, (await pageOfApprovals(w, { top: 1 })).items[0]!.id, 'approved')),
  useApproval: async () => {
    const { id: userId } = await work((w) => getUser(w, 'eve@example.com'));
    const eve = { ...asOperator, actor: { kind: 'user', userId, strongAt: new Date() } } as const;
    await issuePass(house.base.run, eve, { user: 'ward@example.com' });
    await work((w) => revokeRole(w, userId, 'Privileged Authentication Administrator'));
  },
  createProvider: () =>
    work((w) => createProvider(w, { id: 'contoso', changes: aProvider('https://contoso.example'), clientSecret: 's' })),
  changeProvider: () => work((w) => changeProvider(w, { id: 'contoso', changes: { displayName: 'Contoso Ltd' } })),
  putProvider: () =>
    work((w) => putProvider(w, { id: 'fabrikam', changes: aProvider('https://fabrikam.example'), clientSecret: 's' })),
  createDomain: () => work((w) => createDomain(w, { name: 'contoso.example', providerId: 'contoso' })),
  changeDomain: () => work((w) => changeDomain(w, { name: 'contoso.example', changes: { straight: true } })),
  putDomain: () => work((w) => putDomain(w, { name: 'fabrikam.example', providerId: 'fabrikam' })),
  deleteDomain: () => work((w) => deleteDomain(w, 'fabrikam.example')),
  linkIdentity: () =>
    work((w) =>
      linkIdentity(w, { user: 'seed@example.com', providerId: 'contoso', sub: '1', allowedAdministrator: true }),
    ),
  allowAdministrator: () =>
    work(async (w) =>
      allowAdministrator(w, { user: 'seed@example.com', identityId: await anIdentity(w), allowed: false }),
    ),
  unlinkIdentity: () =>
    work(async (w) => unlinkIdentity(w, { user: 'seed@example.com', identityId: await anIdentity(w) })),
  addProviderKey: () =>
    work(async (w) => {
      await changeProvider(w, { id: 'contoso', changes: { clientAuthentication: 'private_key_jwt' } });
      await addProviderKey(w, 'contoso');
    }),
  useProviderKey: () => work(async (w) => useProviderKey(w, { id: 'contoso', keyId: await otherKey(w) })),
  removeProviderKey: () => work(async (w) => removeProviderKey(w, { id: 'contoso', keyId: await otherKey(w) })),
  deleteProvider: () => work((w) => deleteProvider(w, { id: 'contoso' })),
  changeIdentityProvider: () =>
    work((w) => changeIdentityProvider(w, { id: 'fabrikam', changes: { state: 'disabled' } })),
  putIdentityProvider: () => work((w) => putIdentityProvider(w, { id: 'fabrikam', changes: { state: 'enabled' } })),
  deleteIdentityProvider: () => work((w) => deleteIdentityProvider(w, { id: 'fabrikam' })),
  endSessionsThrough: async () => {
    const userId = await aSessionThroughUpstream();
    await work((w) => endSessionsThrough(w, { providerId: 'here', userId, why: 'unlinked' }));
  },
  receiveLogout: async () => {
    await aSessionThroughUpstream();
    const [at, events] = [Math.floor(Date.now() / 1000), { 'http://schemas.openid.net/event/backchannel-logout': {} }];
    const claims = { iss: upstream!.issuer, aud: 'latchkey', iat: at, jti: 'j', sub: 'eve', events };
    const token = await upstream!.signed(claims);
    await receiveLogout(
      upstreamHouse(),
      { actor: anonymous, origin: asOperator.origin },
      { providerId: 'here', token },
    );
  },
  disownLink: async () => {
    const asking = await askedAgain('disowning');
    const { id: userId } = await work((w) => getUser(w, 'eve@example.com'));
    const ourIssuer = 'http://localhost:3000';
    const changes = aProvider('https://theirs.example');
    await work((w) => putProvider(w, { id: 'theirs', changes, clientSecret: 's', ourIssuer }));
    const made = await work((w) => link(w, { userId, providerId: 'theirs', sub: '1', linkedBy: 'self' }));
    await disownLink(asking, visit('disowning'), (made as { id: string }).id);
  },
  linkReturned: async () => {
    const elsewhere = await startMockUpstream();
    const ourIssuer = 'http://localhost:3000';
    const asked = { id: 'linked', changes: aProvider(elsewhere.issuer), clientSecret: 's', ourIssuer };
    await work((w) => putProvider(w, asked));
    const [owner, mine] = [await anOwner(), { ...upstreamHouse(), issuer: 'https://id.example.com', methods }];
    const away = await departToLink(mine, owner, { providerId: 'linked', browser });
    elsewhere.claims = { auth_time: Math.floor(Date.now() / 1000) };
    const callbackUrl = await elsewhere.follow(away as URL);
    const state = callbackUrl.searchParams.get('state')!;
    const taken = await work((w) => takeCeremony(w, { state, browser, providerId: 'linked' }));
    const from = { owner, origin: owner.origin };
    expect(await linkReturned(mine, from, { taken: taken!, callbackUrl })).toBe('linked');
    await elsewhere.close();
  },
  unlinkOwn: async () => {
    const [owner, mine] = [await anOwner(), { ...upstreamHouse(), methods }];
    const { linked } = await ownIdentities(mine, owner);
    await unlinkOwn(mine, owner, linked[0]!.id);
  },
  tryIdentityProvider: async () => void (await tryIdentityProvider(upstreamHouse(), asOperator, 'here')),
  setOwners: () => work(async (w) => setOwners(w, 'app', [(await getUser(w, 'seed@example.com')).id])),
  changeClient: () => work((w) => changeClient(w, 'app', { client_name: 'App' })),
  changeApp: () => work((w) => changeApp(w, 'app', { app_roles: ['User.Read.All'] })),
  renewClientSecret: () => work((w) => renewClientSecret(w, 'app')),
  addClientSecret: () => work((w) => addClientSecret(w, 'app', {})),
  removeClientSecret: () =>
    work(async (w) => {
      const { id } = await w.tx('client_secrets').where('client_id', '=', 'app').first('id');
      await removeClientSecret(w, 'app', id as string);
    }),
  removeOwner: () => work(async (w) => removeOwner(w, 'app', (await getUser(w, 'seed@example.com')).id)),
  addOwner: () => work(async (w) => addOwner(w, 'app', (await getUser(w, 'seed@example.com')).id)),
  createClient: () => work((w) => createClient(w, { redirect_uris: ['http://localhost/cb'] })),
  createApp: () => work((w) => createApp(w, { redirect_uris: ['http://localhost/cb'] }, [])),
  deleteClient: () => work((w) => deleteClient(w, 'app')),
  deleteApp: () =>
    work(async (w) => {
      await putClient(w, { client_id: 'brief', redirect_uris: ['http://localhost/cb'] });
      await deleteApp(w, 'brief');
      await putClient(w, { client_id: 'kept', redirect_uris: ['http://localhost/cb'] });
    }),
  revokeOwnPass: async () => {
    const { pass, user } = await issuePass(house.base.run, asOperator, { user: 'eve@example.com' });
    const actor = { kind: 'user', userId: user.id, strongAt: new Date() } as const;
    await house.base.run({ ...asOperator, actor }, (w) => revokeOwnPass(w, pass.id));
  },
  revokeRole: () => work(async (w) => revokeRole(w, (await getUser(w, 'eve@example.com')).id, 'Global Reader')),
  endOwnSession: async () => {
    const { userId } = await anOwner();
    await house.base.knex('oidc_sessions').insert({
      uid: 'eve',
      jti_hash: Buffer.alloc(32, 3),
      account_id: userId,
      payload: '{}',
      expires_at: new Date(Date.now() + 3_600_000),
    });
    await work((w) => endOwnSession(w, { userId, uid: 'eve' }));
  },
  signOutEverywhere: async () => {
    await issuePass(house.base.run, asOperator, { user: 'eve@example.com' });
    const { userId } = await anOwner();
    await work((w) => signOutEverywhere(w, { userId, methods }));
  },
  revokeSessions: async () => {
    await issuePass(house.base.run, asOperator, { user: 'eve@example.com' });
    await work((w) => revokeSessions(w, { user: 'eve@example.com', methods }));
  },
  revokeOwnSessions: async () => {
    await issuePass(house.base.run, asOperator, { user: 'eve@example.com' });
    const { userId } = await anOwner();
    const through = { clientId: 'app', scopes: ['User.ReadWrite'] };
    const who = { actor: { kind: 'user', userId, through } as const, origin: asOperator.origin };
    await house.base.run(who, (w) => revokeOwnSessions(w, methods));
  },
  changePerson: () => work((w) => changePerson(w, 'eve@example.com', { enabled: false })),
  deletePerson: () => work((w) => deletePerson(w, 'eve@example.com')),
  deleteUser: () => work((w) => deleteUser(w, 'seed@example.com')),
};

const aProvider = (issuer: string) => ({ displayName: 'Contoso', issuer, clientId: 'latchkey' });

async function anIdentity(w: Work): Promise<string> {
  return (await listIdentitiesOf(w, 'seed@example.com')).identities[0]!.id;
}

/** Of eve, at a provider on this machine. Returns her id. */
async function aSessionThroughUpstream(): Promise<string> {
  upstream ??= await startHostileUpstream();
  const ourIssuer = 'http://localhost:3000';
  const changes = aProvider(upstream.issuer);
  await work((w) => putProvider(w, { id: 'here', changes, clientSecret: 's', ourIssuer }));
  const { id: userId } = await work((w) => getUser(w, 'eve@example.com'));
  const there = { providerId: 'here', issuer: upstream.issuer, sub: 'eve', sid: null, userId, idToken: 't' };
  const uid = randomUUID();
  await house.base.knex('oidc_sessions').insert({
    uid,
    jti_hash: Buffer.from(uid),
    account_id: userId,
    payload: '{}',
    expires_at: new Date(Date.now() + 3_600_000),
    upstream_id: await work((w) => keepSignIn(w, there)),
  });
  return userId;
}

const upstreamHouse = () => ({
  run: house.base.run,
  party: relyingParty({ allow: new BlockList(), local: true }),
  issuer: 'http://localhost:3000',
});

async function anOwner() {
  const { id: userId } = await work((w) => getUser(w, 'eve@example.com'));
  return { userId, sessionUid: 'session', authTime: new Date(), strong: true, passId: null, origin: asOperator.origin };
}

test.each(Object.keys(drives))('%s records what it changes', async (name) => {
  const before = await fingerprints();
  const eventsBefore = await count('audit_events');
  await drives[name]!();
  const after = await fingerprints();
  const changed = Object.keys(after).filter((table) => after[table] !== before[table] && table !== 'audit_events');
  expect(
    changed.filter((table) => !bookkeeping.includes(table)).length,
    'the drive changes something',
  ).toBeGreaterThanOrEqual(onPages.includes(name) ? 0 : 1);
  expect(await count('audit_events')).toBeGreaterThan(eventsBefore);
});

test('every use-case is driven here or known to change nothing worth recording', () => {
  const modules = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((file) => join('src', file))
    .filter((file) =>
      /\/(manage-[a-z-]+|own-methods|own-activity|others-methods|others-identities|own-identities|try-provider|steps|answering|enrolling|carrying-on|signing-keys|campaign)\.ts$|src\/(seed|people|apps|identity-providers|upstream-sessions|own-identities|containment|password-reset|recovery)\.ts$/.test(
        file,
      ),
    );
  const exported = modules.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^export (?:async )?function (\w+)/gm)].map((match) => match[1]!),
  );
  expect(exported.filter((name) => !(name in drives) && !silent.includes(name))).toEqual([]);
});

/** A sign-in that asks whether all is still theirs. */
async function askedAgain(uid: string): Promise<steps.SignInHouse> {
  const registration = registrationRules({ ...defaultRegistrationSettings, state: 'enabled', reconfirmAfterDays: 1 }, [
    'passkey',
  ]);
  const policyFrom = () => ({ methods: ['passkey'] as const, enrollable: ['passkey'] as const, registration });
  const asking = { ...signInHouse(), policyFrom };
  await steps.look(asking, visit(uid), 'app');
  const asked = await steps.challenge(asking, visit(uid), 'passkey');
  const answer = await authenticator.get((asked as { options: object }).options as never, { origin: identity.origin });
  await steps.answer(asking, visit(uid), 'passkey', { response: JSON.stringify(answer) });
  await house.base.knex('registration_confirmations').update({ confirmed_at: new Date(0) });
  return asking;
}

async function otherKey(w: Work): Promise<string> {
  return (await readProvider(w, 'contoso')).publicKeys[1]!.kid;
}

test('a refused request is recorded although everything else is rolled back', async () => {
  const before = await count('audit_events');
  await expect(work((w) => createUser(w, { userPrincipalName: 'nobody', displayName: 'Nobody' }))).rejects.toThrow(
    'must look like',
  );
  expect(await count('audit_events')).toBe(before + 1);
});

async function count(table: string): Promise<number> {
  const row = await house.base.knex(table).count<{ count: string }[]>('* as count');
  return Number(row[0]!.count);
}

/** A digest of every table's rows. */
async function fingerprints(): Promise<Record<string, string>> {
  const { rows } = await house.base.knex.raw<{ rows: { name: string }[] }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  const prints: Record<string, string> = {};
  for (const { name } of rows) {
    const print = await house.base.knex.raw<{ rows: { print: string | null }[] }>(
      `select md5(string_agg(t::text, '|' order by t::text)) as print from ${name} t`,
    );
    prints[name] = print.rows[0]!.print ?? '';
  }
  return prints;
}
