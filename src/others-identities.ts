import { AppError } from './core/errors.ts';
import type { Work } from './core/work.ts';
import { allow, identitiesOf, link, type NotLinked, unlink } from './methods/upstream/identities.ts';
import type { FederatedIdentity } from './methods/upstream/identity.ts';
import { needsApproval } from './methods/temporary-access-pass/approvals/manage-approvals.ts';
import { effectivePassSettings } from './methods/temporary-access-pass/effective-settings.ts';
import { grantRole, type RoleScope, templateIdsOf } from './roles/manage-roles.ts';
import { demandGlobalAdministrator, permit, permitOn, permitToSee } from './roles/permit.ts';
import { getUser, lockUser } from './users/manage-users.ts';
import type { User } from './users/user.ts';
import { endSessionsThrough } from './upstream-sessions.ts';

/**
 * Who other people are at upstreams, as administrators see and decide it. Whoever links an identity can sign in as its user from
 * then on: it takes what registering a passkey for somebody takes. People with roles sign in here, unless a Global Administrator
 * allows one identity of theirs.
 */
export async function listIdentitiesOf(
  work: Work,
  idOrName: string,
): Promise<{ user: User; identities: readonly FederatedIdentity[] }> {
  await permit(work, 'methods.read');
  const user = await getUser(work, idOrName);
  await permitToSee(work, 'methods.read', user.id);
  return { user, identities: await identitiesOf(work, user.id) };
}

export interface LinkIdentity {
  /** Object id or name. */
  readonly user: string;
  readonly providerId: string;
  readonly issuer?: string | undefined;
  readonly sub: string;
  readonly allowedAdministrator?: boolean | undefined;
}

/**
 * Links an identity to a user, who is told. What is linked already is returned as it is.
 * Fails with `forbidden` for whom a pass would take a second administrator, and for people with roles without
 * `allowedAdministrator`; `conflict` for an identity that is somebody else's, or a user who has another one at that provider.
 */
export async function linkIdentity(
  work: Work,
  asked: LinkIdentity,
): Promise<{ user: User; identity: FederatedIdentity }> {
  const user = await locked(work, asked.user);
  if (asked.allowedAdministrator) await demandGlobalAdministrator(work, oneByOne);
  await demandAlone(work, user);
  if (!asked.allowedAdministrator && (await templateIdsOf(work, user.id)).length > 0) {
    throw new AppError('forbidden', `This user holds a role. ${oneByOne}`);
  }
  const found = await link(work, { ...asked, userId: user.id, linkedBy: linkedBy(work) });
  if ('kind' in found) throw await refusalOf(work, found);
  if (asked.allowedAdministrator === undefined || asked.allowedAdministrator === found.allowedAdministrator) {
    return { user, identity: found };
  }
  await demandGlobalAdministrator(work, oneByOne);
  await allow(work, found, asked.allowedAdministrator);
  return { user, identity: { ...found, allowedAdministrator: asked.allowedAdministrator } };
}

/**
 * Says of one identity whether it signs its user in also while they hold a role: if not, what it has opened for one who does ends.
 * For Global Administrators. Fails with `not_found`.
 */
export async function allowAdministrator(
  work: Work,
  asked: { readonly user: string; readonly identityId: string; readonly allowed: boolean },
): Promise<void> {
  await permit(work, 'methods.write');
  await demandGlobalAdministrator(work, oneByOne);
  const user = await locked(work, asked.user);
  const identity = await theirs(work, user, asked.identityId);
  // What the person linked from a session of their own is theirs beyond doubt; any other may be the administrator's.
  if (asked.allowed && identity.linkedBy !== 'self') await demandAlone(work, user);
  await allow(work, identity, asked.allowed);
  if ((await templateIdsOf(work, user.id)).length === 0) return;
  await endUnlessAllowed(work, { ...identity, allowedAdministrator: asked.allowed });
}

/** The user is told, and sessions that began there end. Fails with `not_found`. */
export async function unlinkIdentity(
  work: Work,
  asked: { readonly user: string; readonly identityId: string },
): Promise<void> {
  const user = await locked(work, asked.user);
  const identity = await theirs(work, user, asked.identityId);
  await unlink(work, identity);
  await endSessionsThrough(work, { providerId: identity.providerId, userId: user.id, why: 'unlinked' });
}

/**
 * Gives a role, as every door does to people who may be signed in: what links have opened that are not allowed it ends.
 * Fails as `grantRole` does.
 */
export async function giveRole(
  work: Work,
  userId: string,
  nameOrId: string,
  scope: RoleScope = {},
): ReturnType<typeof grantRole> {
  await permit(work, 'roles.write');
  const granted = await grantRole(work, userId, nameOrId, scope);
  if (granted.assignment) {
    for (const identity of await identitiesOf(work, userId)) await endUnlessAllowed(work, identity);
  }
  return granted;
}

/** The caller holds the user's lock, and they hold a role. */
async function endUnlessAllowed(work: Work, identity: FederatedIdentity): Promise<void> {
  const { providerId, userId, allowedAdministrator } = identity;
  if (!allowedAdministrator) await endSessionsThrough(work, { providerId, userId, why: 'role' });
}

const oneByOne =
  'Administrators sign in here. A Global Administrator may allow them an identity elsewhere, one by one: allowedAdministrator.';

async function locked(work: Work, idOrName: string): Promise<User> {
  await permit(work, 'methods.write');
  const { id } = await getUser(work, idOrName);
  await lockUser(work, id);
  // Under the lock: a role that was granted meanwhile counts.
  await permitOn(work, 'methods.write', id);
  return getUser(work, id);
}

/** A link must not be the way round a second administrator. */
async function demandAlone(work: Work, { id }: User): Promise<void> {
  if (!(await needsApproval(work, await effectivePassSettings(work, id), id))) return;
  throw new AppError(
    'forbidden',
    'A pass for this user needs the word of a second administrator, so nobody can link an identity for them alone. They can link it themselves.',
  );
}

async function refusalOf(work: Work, found: NotLinked): Promise<AppError> {
  if (found.kind === 'hasOther') {
    return new AppError('conflict', 'This user is linked with another identity of this provider. Unlink that first.');
  }
  const holder = await nameIfSeen(work, found.by);
  return new AppError('conflict', `This identity is linked to ${holder ?? 'another user'}. Unlink it there first.`, {
    auditReason: `The identity is linked to the user ${found.by}.`,
  });
}

/** Whose it is, for those who may see what that person has. */
async function nameIfSeen(work: Work, userId: string): Promise<string | undefined> {
  try {
    await permitToSee(work, 'methods.read', userId);
    return (await getUser(work, userId)).userPrincipalName;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

function linkedBy({ actor }: Work): FederatedIdentity['linkedBy'] {
  return actor.kind === 'anonymous' ? 'system' : actor.kind;
}

async function theirs(work: Work, user: User, identityId: string): Promise<FederatedIdentity> {
  const identity = (await identitiesOf(work, user.id)).find(({ id }) => id === identityId);
  if (!identity) throw new AppError('not_found', 'This user has no such identity.');
  return identity;
}
