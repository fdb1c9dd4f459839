/** Who may do what, as a table: RULES of the house, read by `permit`. Pure. */
import {
  findRole,
  globalAdministrator,
  type HeldRole,
  passIssuer,
  type PassLimits,
  rankOf,
  type RoleName,
} from './role.ts';

interface Power {
  /** Permissions of an application that acts for itself, and scopes of a person's token, that open the action. */
  readonly permissions: readonly string[];
  /** More scopes that open it, for a person's token alone. */
  readonly delegatedOnly?: readonly string[];
  /** A signed-in person needs one of these as well. */
  readonly roles: readonly RoleName[];
  /** How long ago a person may have proved who they are, at most. */
  readonly strongWithinMinutes: number;
}

// Sensitive administration wants a proof of the last minutes, everything else one of this working day.
const justNow = 10;
const today = 8 * 60;

const passWrite = ['UserAuthenticationMethod.ReadWrite.All', 'UserAuthMethod-TAP.ReadWrite.All'] as const;
const passGivers = [
  'Global Administrator',
  'Privileged Authentication Administrator',
  'Authentication Administrator',
  'Pass Issuer',
] as const;
const methodWrite = 'UserAuthenticationMethod.ReadWrite.All';
const methodRead = [methodWrite, 'UserAuthenticationMethod.Read.All'] as const;
const passkeyWrite = 'UserAuthMethod-Passkey.ReadWrite.All';
const methodKeepers = [
  'Global Administrator',
  'Privileged Authentication Administrator',
  'Authentication Administrator',
] as const;
const policyWrite = 'Policy.ReadWrite.AuthenticationMethod';
const directoryReaders = [
  'Global Administrator',
  'Global Reader',
  'User Administrator',
  'Privileged Authentication Administrator',
  'Authentication Administrator',
  'Authentication Policy Administrator',
  'Application Administrator',
] as const;

// Who looks after ways in has to know which ways there are.
const federationReaders = [...methodKeepers, 'Authentication Policy Administrator', 'Global Reader'] as const;

const powers = {
  'passes.write': { permissions: passWrite, roles: passGivers, strongWithinMinutes: justNow },
  'passes.read': {
    permissions: [...passWrite, 'UserAuthenticationMethod.Read.All', 'UserAuthMethod-TAP.Read.All'],
    roles: [...passGivers, 'Global Reader'],
    strongWithinMinutes: today,
  },
  'passkeys.write': { permissions: [methodWrite, passkeyWrite], roles: methodKeepers, strongWithinMinutes: justNow },
  'passkeys.read': {
    permissions: [...methodRead, passkeyWrite, 'UserAuthMethod-Passkey.Read.All'],
    roles: [...methodKeepers, 'Global Reader'],
    strongWithinMinutes: today,
  },
  // What a person has of every kind, and what is no passkey and no pass.
  'methods.write': { permissions: [methodWrite], roles: methodKeepers, strongWithinMinutes: justNow },
  'methods.read': {
    permissions: methodRead,
    roles: [...methodKeepers, 'Global Reader'],
    strongWithinMinutes: today,
  },
  'users.write': {
    permissions: ['User.ReadWrite.All'],
    roles: ['Global Administrator', 'User Administrator'],
    strongWithinMinutes: today,
  },
  'users.read': {
    permissions: ['User.ReadWrite.All', 'User.Read.All', 'Directory.Read.All'],
    roles: directoryReaders,
    strongWithinMinutes: today,
  },
  'sessions.revoke': {
    permissions: ['User.RevokeSessions.All', 'User.ReadWrite.All'],
    roles: [
      'Global Administrator',
      'Privileged Authentication Administrator',
      'Authentication Administrator',
      'User Administrator',
    ],
    strongWithinMinutes: today,
  },
  'groups.write': {
    permissions: ['Group.ReadWrite.All'],
    roles: ['Global Administrator', 'User Administrator'],
    strongWithinMinutes: today,
  },
  'groups.read': {
    permissions: ['Group.ReadWrite.All', 'Group.Read.All', 'Directory.Read.All'],
    roles: directoryReaders,
    strongWithinMinutes: today,
  },
  'roles.write': {
    permissions: [],
    delegatedOnly: ['RoleManagement.ReadWrite.Directory'],
    roles: ['Global Administrator'],
    strongWithinMinutes: justNow,
  },
  'roles.read': {
    permissions: [],
    delegatedOnly: ['RoleManagement.ReadWrite.Directory', 'RoleManagement.Read.Directory', 'Directory.Read.All'],
    roles: ['Global Administrator', 'Global Reader'],
    strongWithinMinutes: today,
  },
  // Applications too, but what has powers here is kept from them: see `demandPower` of the clients.
  'clients.write': {
    permissions: ['Application.ReadWrite.All'],
    roles: ['Global Administrator', 'Application Administrator'],
    strongWithinMinutes: justNow,
  },
  'clients.read': {
    permissions: ['Application.ReadWrite.All', 'Application.Read.All'],
    roles: ['Global Administrator', 'Application Administrator', 'Global Reader'],
    strongWithinMinutes: today,
  },
  // Whom people may come from: whoever decides it decides who gets in.
  'upstreams.write': {
    permissions: [],
    delegatedOnly: ['IdentityProvider.ReadWrite.All'],
    roles: ['Global Administrator'],
    strongWithinMinutes: justNow,
  },
  'upstreams.read': {
    permissions: [],
    delegatedOnly: ['IdentityProvider.ReadWrite.All', 'IdentityProvider.Read.All'],
    roles: federationReaders,
    strongWithinMinutes: today,
  },
  'domains.write': {
    permissions: [],
    delegatedOnly: ['Domain.ReadWrite.All'],
    roles: ['Global Administrator'],
    strongWithinMinutes: justNow,
  },
  'domains.read': {
    permissions: [],
    delegatedOnly: ['Domain.ReadWrite.All', 'Domain.Read.All'],
    roles: federationReaders,
    strongWithinMinutes: today,
  },
  'policies.write': {
    permissions: [policyWrite],
    roles: ['Global Administrator', 'Authentication Policy Administrator'],
    strongWithinMinutes: justNow,
  },
  'policies.read': {
    permissions: [policyWrite, 'Policy.Read.All'],
    roles: ['Global Administrator', 'Authentication Policy Administrator', 'Global Reader'],
    strongWithinMinutes: today,
  },
  'audit.read': {
    permissions: ['AuditLog.Read.All'],
    roles: ['Global Administrator', 'Global Reader'],
    strongWithinMinutes: today,
  },
  'reports.read': {
    permissions: ['AuditLog.Read.All', 'Reports.Read.All'],
    roles: ['Global Administrator', 'Global Reader'],
    strongWithinMinutes: today,
  },
} as const satisfies Record<string, Power>;

export type Action = keyof typeof powers;

export const actions = Object.keys(powers) as readonly Action[];

export function powerOf(action: Action): Power {
  return powers[action];
}

/** What a person may do with their own, through an app. */
const ownPowers = {
  'passes.read': ['UserAuthenticationMethod.Read', 'UserAuthMethod-TAP.Read'],
  'passes.write': ['UserAuthenticationMethod.ReadWrite', 'UserAuthMethod-TAP.ReadWrite'],
  'methods.read': ['UserAuthenticationMethod.Read', 'UserAuthenticationMethod.ReadWrite'],
  'users.read': ['User.Read'],
  'sessions.revoke': ['User.ReadWrite'],
} as const;

export type OwnAction = keyof typeof ownPowers;

/** Scopes that open an action on one's own; those for everybody's open it as well. */
export function ownScopes(action: OwnAction): readonly string[] {
  const alsoWrite = action === 'passes.read' ? ownPowers['passes.write'] : [];
  return [...ownPowers[action], ...alsoWrite, ...scopesFor(action)];
}

/** How long ago a person may have used a passkey, at most, to change what is theirs through an app; null: it does not matter. */
export function ownStrongWithinMinutes(action: OwnAction): number | null {
  return action === 'passes.write' ? justNow : null;
}

/** Application permissions that exist; a client cannot be given another. */
export const applicationPermissions: readonly string[] = distinct(actions.flatMap(permissionsFor));

/** Scopes a person's token for the management API can have. */
export const delegatedScopes: readonly string[] = distinct([
  ...actions.flatMap(scopesFor),
  ...Object.values(ownPowers).flat(),
]);

/** The application permissions that open an action; an action without any is closed to applications. */
export function permissionsFor(action: Action): readonly string[] {
  return powerOf(action).permissions;
}

export function scopesFor(action: Action): readonly string[] {
  const { permissions, delegatedOnly = [] } = powerOf(action);
  return [...permissions, ...delegatedOnly];
}

/** Those of somebody's roles that open an action. */
export function openingRoles(action: Action, held: readonly HeldRole[]): HeldRole[] {
  const { roles } = powerOf(action);
  return held.filter(({ templateId }) => roles.some((name) => findRole(name)!.templateId === templateId));
}

/** The other person, as the ladder sees them. */
export interface Target {
  readonly rank: number;
  readonly groupIds: readonly string[];
}

/**
 * The ladder: one acts on lower ranks, a Global Administrator on equals as well; a role given for a group reaches the people
 * in it and no others. What counts is the rank of the role that opens the action, not the highest one held.
 * Undefined when none of `opening` reaches; else the limits that come with it, null for none.
 */
export function reach(
  opening: readonly HeldRole[],
  target: Target,
): { readonly limits: PassLimits | null } | undefined {
  const reaching = opening.filter(({ templateId, scopeGroupId }) => {
    if (scopeGroupId !== null && !target.groupIds.includes(scopeGroupId)) return false;
    // Given for no group, the role is for nobody.
    if (templateId === passIssuer.templateId && scopeGroupId === null) return false;
    return templateId === globalAdministrator.templateId || rankOf([templateId]) > target.rank;
  });
  if (reaching.length === 0) return undefined;
  const limited = reaching.filter(({ templateId }) => templateId === passIssuer.templateId);
  if (limited.length < reaching.length) return { limits: null };
  const lifetimes = limited.map(({ limits }) => limits.maximumLifetimeMinutes);
  return {
    limits: {
      maximumLifetimeMinutes: lifetimes.includes(null) ? null : Math.max(...(lifetimes as number[])),
      oneTimeOnly: limited.every(({ limits }) => limits.oneTimeOnly),
    },
  };
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
