/** What an event is called for those who read logs: the words of Microsoft Entra where it has them, so that detection rules find them. */
export interface Activity {
  readonly activityDisplayName: string;
  readonly category: string;
  readonly loggedByService: string;
  readonly operationType: 'Add' | 'Assign' | 'Delete' | 'Other' | 'Unassign' | 'Update';
  /** What `resultReason` says when the event has no reason of its own: Entra tells methods apart there. */
  readonly resultReason?: string;
  /** Names that tools look for as well: `$filter` finds the event under them too. */
  readonly alsoNamed?: readonly string[];
  /** Nobody was signed in yet; the person it happened to did it, as a pass or a passkey had shown. */
  readonly byTheirOwn?: true;
}

const methods = { category: 'UserManagement', loggedByService: 'Authentication Methods' } as const;
const people = { category: 'UserManagement', loggedByService: 'Core Directory' } as const;
const groups = { category: 'GroupManagement', loggedByService: 'Core Directory' } as const;
const roles = { category: 'RoleManagement', loggedByService: 'Core Directory' } as const;
const applications = { category: 'ApplicationManagement', loggedByService: 'Core Directory' } as const;
const directory = { category: 'DirectoryManagement', loggedByService: 'Core Directory' } as const;
const ours = { category: 'Other', loggedByService: 'Latchkey' } as const;
const signIns = { category: 'SignIn', loggedByService: 'Latchkey', operationType: 'Other' } as const;

/** One row for each type of event there is; a house test keeps both in step. */
export const activities: Readonly<Record<string, Activity>> = {
  'pass.issued': {
    ...methods,
    activityDisplayName: 'Admin registered security info',
    operationType: 'Add',
    resultReason: 'Admin registered temporary access pass method for user',
    alsoNamed: [
      'Admin registered temporary access pass method for user',
      'Create Temporary Access Pass method for user',
    ],
  },
  'pass.replaced': {
    ...methods,
    activityDisplayName: 'Admin deleted security info',
    operationType: 'Delete',
    resultReason: 'Admin replaced temporary access pass method for user',
  },
  'pass.extended': {
    ...methods,
    activityDisplayName: 'Admin updated security info',
    operationType: 'Update',
    resultReason: 'Admin extended temporary access pass method for user',
  },
  'pass.approval-asked': {
    ...methods,
    activityDisplayName: 'Ask for approval of temporary access pass',
    operationType: 'Add',
  },
  'pass.approval-approved': {
    ...methods,
    activityDisplayName: 'Approve temporary access pass',
    operationType: 'Update',
  },
  'pass.approval-rejected': {
    ...methods,
    activityDisplayName: 'Reject temporary access pass',
    operationType: 'Update',
  },
  'pass.revoked': {
    ...methods,
    activityDisplayName: 'Admin deleted security info',
    operationType: 'Delete',
    resultReason: 'Admin deleted temporary access pass method for user',
    alsoNamed: ['Admin deleted temporary access pass method for user'],
  },
  'pass.locked': {
    ...methods,
    activityDisplayName: 'Lock Temporary Access Pass method',
    operationType: 'Update',
    resultReason: 'Too many wrong codes in a row',
  },
  'pass.completed': {
    ...methods,
    activityDisplayName: 'User registered all required security info',
    operationType: 'Update',
    resultReason: 'User completed registration with temporary access pass',
    byTheirOwn: true,
  },
  'pass.purged': { ...ours, activityDisplayName: 'Purge ended temporary access passes', operationType: 'Delete' },
  'passkey.registered': {
    ...methods,
    activityDisplayName: 'User registered security info',
    operationType: 'Add',
    resultReason: 'User registered Fido2 Authentication Method',
    byTheirOwn: true,
  },
  'passkey.provisioned': {
    ...methods,
    activityDisplayName: 'Admin registered security info',
    operationType: 'Add',
    resultReason: 'Admin registered Fido2 Authentication Method for user',
    alsoNamed: ['Admin registered Fido2 Authentication Method for user'],
  },
  'passkey.renamed': {
    ...methods,
    activityDisplayName: 'User updated security info',
    operationType: 'Update',
    resultReason: 'User renamed Fido2 Authentication Method',
  },
  'passkey.renamed-by-administrator': {
    ...methods,
    activityDisplayName: 'Admin updated security info',
    operationType: 'Update',
    resultReason: 'Admin renamed Fido2 Authentication Method for user',
  },
  'passkey.removed': {
    ...methods,
    activityDisplayName: 'Delete Fido2 Authentication Method',
    operationType: 'Delete',
  },
  'passkey.suspended': {
    ...methods,
    activityDisplayName: 'Suspend Fido2 Authentication Method',
    operationType: 'Update',
    resultReason: 'Signature counter went back: the passkey may have been copied',
  },
  'passkey.restored': {
    ...methods,
    activityDisplayName: 'Restore Fido2 Authentication Method',
    operationType: 'Update',
    byTheirOwn: true,
  },
  'methods.confirmed': {
    ...methods,
    activityDisplayName: 'User reviewed security info',
    operationType: 'Other',
    resultReason: 'User confirmed their sign-in methods',
    byTheirOwn: true,
  },
  'methods.lost': {
    ...methods,
    activityDisplayName: 'User reported lost security info',
    operationType: 'Update',
    byTheirOwn: true,
  },
  'password.set': {
    ...methods,
    activityDisplayName: 'User registered security info',
    operationType: 'Add',
    resultReason: 'User registered Password Authentication Method',
    byTheirOwn: true,
  },
  'password.changed': {
    ...methods,
    activityDisplayName: 'Change user password',
    operationType: 'Update',
    byTheirOwn: true,
  },
  'password.reset': {
    ...people,
    activityDisplayName: 'Reset user password',
    operationType: 'Update',
    resultReason: 'Admin reset the password of user',
  },
  'password.removed': {
    ...methods,
    activityDisplayName: 'Delete Password Authentication Method',
    operationType: 'Delete',
  },
  'password.locked': {
    ...methods,
    activityDisplayName: 'Lock Password Authentication Method',
    operationType: 'Update',
    resultReason: 'Too many wrong passwords in a row',
  },
  'authenticator-app.registered': {
    ...methods,
    activityDisplayName: 'User registered security info',
    operationType: 'Add',
    resultReason: 'User registered Authenticator App with Code',
    byTheirOwn: true,
  },
  'authenticator-app.renamed': {
    ...methods,
    activityDisplayName: 'User updated security info',
    operationType: 'Update',
    resultReason: 'User renamed Authenticator App with Code',
  },
  'authenticator-app.renamed-by-administrator': {
    ...methods,
    activityDisplayName: 'Admin updated security info',
    operationType: 'Update',
    resultReason: 'Admin renamed Authenticator App with Code for user',
  },
  'authenticator-app.removed': {
    ...methods,
    activityDisplayName: 'Delete Authenticator App with Code',
    operationType: 'Delete',
  },
  'authenticator-app.suspended': {
    ...methods,
    activityDisplayName: 'Suspend Authenticator App with Code',
    operationType: 'Update',
  },
  'authenticator-app.locked': {
    ...methods,
    activityDisplayName: 'Lock Authenticator App with Code',
    operationType: 'Update',
    resultReason: 'Too many wrong codes in a row',
  },
  'authenticator-app.restored': {
    ...methods,
    activityDisplayName: 'Restore Authenticator App with Code',
    operationType: 'Update',
  },
  'recovery-codes.suspended': {
    ...methods,
    activityDisplayName: 'Suspend recovery codes',
    operationType: 'Update',
  },
  'recovery-codes.restored': {
    ...methods,
    activityDisplayName: 'Restore recovery codes',
    operationType: 'Update',
  },
  'recovery-codes.made': {
    ...methods,
    activityDisplayName: 'User registered security info',
    operationType: 'Add',
    resultReason: 'User made recovery codes',
    byTheirOwn: true,
  },
  'recovery-codes.removed': {
    ...methods,
    activityDisplayName: 'User deleted security info',
    operationType: 'Delete',
    resultReason: 'User deleted recovery codes',
  },
  'recovery-code.completed': {
    ...methods,
    activityDisplayName: 'User registered all required security info',
    operationType: 'Update',
    resultReason: 'User completed registration with recovery code',
    byTheirOwn: true,
  },
  'federated-identity.linked': {
    ...methods,
    activityDisplayName: 'Link federated identity to user',
    operationType: 'Add',
  },
  'federated-identity.changed': {
    ...methods,
    activityDisplayName: 'Update federated identity of user',
    operationType: 'Update',
    resultReason: 'Whether it signs its user in while they hold a role',
  },
  'federated-identity.refused': {
    ...methods,
    activityDisplayName: 'Link federated identity to user',
    operationType: 'Add',
  },
  'federated-identity.unlinked': {
    ...methods,
    activityDisplayName: 'Unlink federated identity from user',
    operationType: 'Delete',
  },
  'user.last-method-removed': {
    ...methods,
    activityDisplayName: 'Admin deleted security info',
    operationType: 'Delete',
    resultReason: 'Admin deleted the last way to sign in of user',
  },
  'enrolment.refused': {
    ...methods,
    activityDisplayName: 'User registered security info',
    operationType: 'Add',
    byTheirOwn: true,
  },
  'registration.snoozed': {
    ...methods,
    activityDisplayName: 'User postponed security info registration',
    operationType: 'Update',
    byTheirOwn: true,
  },
  'policy.changed': {
    category: 'ApplicationManagement',
    loggedByService: 'Authentication Methods',
    activityDisplayName: 'Authentication Methods Policy Update',
    operationType: 'Update',
  },

  'user.created': { ...people, activityDisplayName: 'Add user', operationType: 'Add' },
  'user.changed': { ...people, activityDisplayName: 'Update user', operationType: 'Update' },
  'user.enabled': { ...people, activityDisplayName: 'Enable account', operationType: 'Update' },
  'user.disabled': { ...people, activityDisplayName: 'Disable account', operationType: 'Update' },
  'user.deleted': { ...people, activityDisplayName: 'Delete user', operationType: 'Delete' },
  'session.ended': { ...people, activityDisplayName: 'Revoke sign-in session', operationType: 'Update' },
  'session.ended-elsewhere': {
    ...people,
    activityDisplayName: 'Revoke sign-in session',
    operationType: 'Update',
    resultReason: 'Sessions that were opened at an identity provider ended with that',
  },
  'session.all-ended': {
    ...people,
    activityDisplayName: 'Update StsRefreshTokenValidFrom Timestamp',
    operationType: 'Update',
    resultReason: 'All sessions, tokens and passes of the user were revoked',
    alsoNamed: ['Revoke user sign-in sessions'],
  },
  'role.granted': { ...roles, activityDisplayName: 'Add member to role', operationType: 'Assign' },
  'account.contained': {
    ...methods,
    activityDisplayName: 'User reported suspicious activity',
    operationType: 'Update',
  },
  'account.contained-by-administrator': {
    ...methods,
    activityDisplayName: 'Admin secured account',
    operationType: 'Update',
  },
  'role.revoked': { ...roles, activityDisplayName: 'Remove member from role', operationType: 'Unassign' },
  'group.created': { ...groups, activityDisplayName: 'Add group', operationType: 'Add' },
  'group.changed': { ...groups, activityDisplayName: 'Update group', operationType: 'Update' },
  'group.deleted': { ...groups, activityDisplayName: 'Delete group', operationType: 'Delete' },
  'group.member-added': { ...groups, activityDisplayName: 'Add member to group', operationType: 'Assign' },
  'group.member-removed': { ...groups, activityDisplayName: 'Remove member from group', operationType: 'Unassign' },
  'client.created': { ...applications, activityDisplayName: 'Add application', operationType: 'Add' },
  'client.owners-changed': {
    ...applications,
    activityDisplayName: 'Update application owners',
    operationType: 'Update',
  },
  'client.secret-changed': {
    ...applications,
    activityDisplayName: 'Update application – Certificates and secrets management',
    operationType: 'Update',
  },
  'client.secret-added': {
    ...applications,
    activityDisplayName: 'Update application – Certificates and secrets management',
    operationType: 'Update',
  },
  'client.secret-removed': {
    ...applications,
    activityDisplayName: 'Update application – Certificates and secrets management',
    operationType: 'Update',
  },
  'client.deleted': { ...applications, activityDisplayName: 'Delete application', operationType: 'Delete' },
  'client.changed': { ...applications, activityDisplayName: 'Update application', operationType: 'Update' },

  'identity-provider.created': { ...directory, activityDisplayName: 'Create identity provider', operationType: 'Add' },
  'identity-provider.changed': {
    ...directory,
    activityDisplayName: 'Update identity provider',
    operationType: 'Update',
  },
  'identity-provider.deleted': {
    ...directory,
    activityDisplayName: 'Delete identity provider',
    operationType: 'Delete',
  },
  'identity-provider.key-added': {
    ...directory,
    activityDisplayName: 'Add key of identity provider',
    operationType: 'Add',
  },
  'identity-provider.key-used': {
    ...directory,
    activityDisplayName: 'Change signing key of identity provider',
    operationType: 'Update',
  },
  'identity-provider.key-removed': {
    ...directory,
    activityDisplayName: 'Remove key of identity provider',
    operationType: 'Delete',
  },
  'identity-provider.tested': {
    ...directory,
    activityDisplayName: 'Test identity provider',
    operationType: 'Other',
  },
  'domain.created': { ...directory, activityDisplayName: 'Set domain authentication', operationType: 'Add' },
  'domain.changed': { ...directory, activityDisplayName: 'Set federation settings on domain', operationType: 'Update' },
  'domain.deleted': { ...directory, activityDisplayName: 'Remove domain', operationType: 'Delete' },

  'seed.applied': { ...ours, activityDisplayName: 'Apply seed file', operationType: 'Update' },
  'signing-key.created': { ...ours, activityDisplayName: 'Add signing key', operationType: 'Add' },
  'token.refused': { ...ours, activityDisplayName: 'Refuse token', operationType: 'Other' },
  'request.refused': { ...ours, activityDisplayName: 'Refuse request', operationType: 'Other' },
  'sign-in.verified': { ...signIns, activityDisplayName: 'Verify sign-in method', byTheirOwn: true },
  'sign-in.completed': { ...signIns, activityDisplayName: 'Sign-in activity', byTheirOwn: true },
  'sign-in.refused': { ...signIns, activityDisplayName: 'Sign-in activity' },
  'sign-in.throttled': { ...signIns, activityDisplayName: 'Sign-in activity' },
  'sign-in.many-failures': { ...ours, activityDisplayName: 'Alert on failed sign-ins', operationType: 'Other' },
  'sign-in.cancelled': { ...signIns, activityDisplayName: 'Sign-in activity' },
  'sign-in.link-made': { ...signIns, activityDisplayName: 'Offer registration to another device', byTheirOwn: true },
  'sign-in.carried-on': {
    ...signIns,
    activityDisplayName: 'Continue registration on another device',
    byTheirOwn: true,
  },
  'sign-in.taken-back': {
    ...signIns,
    activityDisplayName: 'Take registration back from another device',
    byTheirOwn: true,
  },
};

/** What the sign-in log shows; the rest is in the directory's. A step that was proved is part of the sign-in it led to. */
export const signInTypes = ['sign-in.completed', 'sign-in.refused', 'sign-in.throttled', 'sign-in.cancelled'] as const;

/** Of a type that an older or a newer version wrote, the type itself. */
export function activityOf(type: string): Activity {
  return activities[type] ?? { ...ours, activityDisplayName: type, operationType: 'Other' };
}

/** Types of event whose activity is like that. */
export function typesWhere(holds: (activity: Activity) => boolean): string[] {
  return Object.keys(activities).filter((type) => holds(activities[type]!));
}
