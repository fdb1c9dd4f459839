/** Directory roles: the ids are Microsoft Entra's role template ids, so that scripts written for it find them here. */
export const roles = [
  { name: 'Global Administrator', templateId: '62e90394-69f5-4237-9190-012177145e10', rank: 3 },
  { name: 'Privileged Authentication Administrator', templateId: '7be44c8a-adaf-4e2a-84d6-ab2649e08a13', rank: 2 },
  { name: 'Authentication Administrator', templateId: 'c4e39bd9-1100-46d3-8c65-fb160da0071f', rank: 1 },
  // Ours: issues and revokes passes for the groups it is given for, and sees nothing else.
  { name: 'Pass Issuer', templateId: '8c4bf1fc-3297-4272-9796-899e98a9b383', rank: 1 },
  { name: 'Authentication Policy Administrator', templateId: '0526716b-113d-4c15-b2c8-68e3c22b9f80', rank: 1 },
  { name: 'User Administrator', templateId: 'fe930be7-5e62-47db-91af-98c3a49a38b1', rank: 1 },
  { name: 'Application Administrator', templateId: '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3', rank: 1 },
  { name: 'Global Reader', templateId: 'f2ef992c-3afb-46b9-b7cf-a126ee74c451', rank: 1 },
] as const;

export type Role = (typeof roles)[number];
export type RoleName = Role['name'];

export const globalAdministrator = roles[0];
export const passIssuer = roles[3];

/** What a Pass Issuer may give out at most; null where policy alone decides. */
export interface PassLimits {
  readonly maximumLifetimeMinutes: number | null;
  readonly oneTimeOnly: boolean;
}

/** A role somebody holds: everywhere, or for the people in one group. */
export interface HeldRole {
  readonly templateId: string;
  readonly scopeGroupId: string | null;
  readonly limits: PassLimits;
}

/** Finds a role by its name (case does not matter) or template id. */
export function findRole(nameOrId: string): Role | undefined {
  const asked = nameOrId.trim().toLowerCase();
  return roles.find((role) => role.name.toLowerCase() === asked || role.templateId === asked);
}

/** 3 for Global Administrators, 2 for Privileged Authentication Administrators, 1 for any other role, 0 for members. */
export function rankOf(templateIds: readonly string[]): number {
  // A role id this version does not know still is a role: never treated as a plain member.
  return Math.max(0, ...templateIds.map((id) => roles.find((role) => role.templateId === id)?.rank ?? 1));
}
