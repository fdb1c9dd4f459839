import type { SignedInUser } from '../core/actor.ts';
import { AppError } from '../core/errors.ts';
import { minute } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import {
  type Action,
  openingRoles,
  type OwnAction,
  ownScopes,
  ownStrongWithinMinutes,
  permissionsFor,
  powerOf,
  reach,
  scopesFor,
  type Target,
} from './powers.ts';
import { globalAdministrator, type HeldRole, type PassLimits, rankOf } from './role.ts';
import * as assignments from './store.ts';

/**
 * First line of every administrative use-case: refuses with `forbidden` unless the actor may do such a thing at all. Returns the
 * roles of a person that open it; none for the others, whom no role limits.
 */
export async function permit(work: Work, action: Action): Promise<readonly HeldRole[]> {
  const { actor } = work;
  switch (actor.kind) {
    case 'operator':
    case 'system':
      return [];
    case 'client':
      permitApplication(actor.permissions, action);
      return [];
    case 'user':
      return permitPerson(work, actor, action);
    default:
      throw new AppError('forbidden', 'You may not do this.');
  }
}

function permitApplication(permissions: readonly string[], action: Action): void {
  const opening = permissionsFor(action);
  if (permissions.some((permission) => opening.includes(permission))) return;
  throw new AppError(
    'forbidden',
    opening.length === 0
      ? 'Applications cannot do this; it takes a person with the right role.'
      : `The application lacks the permission for this. One of these is needed: ${opening.join(', ')}.`,
  );
}

/** The person's token, role and last proof must all allow it. Returns the roles that do. */
async function permitPerson(work: Work, actor: SignedInUser, action: Action): Promise<HeldRole[]> {
  demandScope(actor, scopesFor(action));
  const opening = openingRoles(action, await assignments.rolesHeld(work.tx, actor.userId));
  const { roles, strongWithinMinutes } = powerOf(action);
  if (opening.length === 0) {
    throw new AppError('forbidden', `You may not do this. It takes one of these roles: ${roles.join(', ')}.`);
  }
  demandStrong(work, actor, strongWithinMinutes);
  return opening;
}

function demandScope({ through }: SignedInUser, scopes: readonly string[]): void {
  if (!through || through.scopes.some((scope) => scopes.includes(scope))) return;
  throw new AppError(
    'forbidden',
    `The access token lacks the scope for this. One of these is needed: ${scopes.join(', ')}.`,
  );
}

function demandStrong({ now }: Work, { strongAt }: SignedInUser, withinMinutes: number): void {
  if (strongAt && now.getTime() - strongAt.getTime() <= withinMinutes * minute) return;
  throw new AppError('insufficient_authentication', 'Sign in again with a passkey to do this.', {
    strongWithinSeconds: withinMinutes * 60,
  });
}

/**
 * `permit`, and then the ladder: one acts on lower ranks and never on oneself, application permissions alone never reach people
 * with roles. The operator stands above every rank. Returns the limits that come with the role that opened the action.
 */
export async function permitOn(
  work: Work,
  action: Action,
  targetUserId: string,
): Promise<{ limits: PassLimits | null }> {
  const opening = await permit(work, action);
  const { actor } = work;
  if (actor.kind === 'client') {
    await demandMember(work, targetUserId);
    if (opensAccount(action)) await demandNoOwner(work, actor.clientId, targetUserId);
  }
  if (actor.kind !== 'user') return { limits: null };

  if (actor.userId === targetUserId) throw new AppError('forbidden', ownWords[action] ?? notOneself);
  if (opensAccount(action) && actor.through) await demandNoOwner(work, actor.through.clientId, targetUserId);
  const target = await targetOf(work, targetUserId);
  const reached = reach(opening, target);
  if (reached) return reached;
  throw new AppError(
    'forbidden',
    target.rank > 0
      ? 'This user holds an administrator role that ranks as high as yours or higher. Ask an administrator of higher rank.'
      : 'This user is in none of the groups that your role is for.',
  );
}

const notOneself = 'Nobody may do this to their own account. Ask another administrator.';
const ownWords: Partial<Record<Action, string>> = {
  'passkeys.write': 'Your own passkeys are looked after on the page of your security info, not here.',
  'methods.write': 'Your own sign-in methods are looked after on the page of your security info, not here.',
  'passes.write':
    'Nobody can issue a Temporary Access Pass for themselves, or change the one they have. Ask another administrator.',
};

/** What it gives or takes decides who gets into the account: nobody does that for themselves through a client they own. */
function opensAccount(action: Action): boolean {
  return action === 'passes.write' || action === 'passkeys.write' || action === 'methods.write';
}

/** For the manager of a user, where policy lets managers give passes: to people without roles, and to nobody above them. */
export async function permitManager(work: Work, targetUserId: string): Promise<void> {
  const { actor } = work;
  if (actor.kind !== 'user' || actor.userId === targetUserId) throw new AppError('forbidden', notOneself);
  demandScope(actor, scopesFor('passes.write'));
  if (rankOf(await rolesOf(work, targetUserId)) > 0) {
    throw new AppError('forbidden', 'This user holds an administrator role. Ask an administrator of higher rank.');
  }
  if (actor.through) await demandNoOwner(work, actor.through.clientId, targetUserId);
  demandStrong(work, actor, powerOf('passes.write').strongWithinMinutes);
}

/**
 * `permit` for seeing what one person has. A role that is for everybody shows everybody; one for some groups the people in them
 * whom it reaches; an application sees nothing of people with roles.
 */
export async function permitToSee(work: Work, action: Action, targetUserId: string): Promise<void> {
  const opening = await permit(work, action);
  const { actor } = work;
  if (actor.kind === 'client') return demandMember(work, targetUserId);
  if (actor.kind !== 'user') return;
  if (opening.some(({ scopeGroupId }) => scopeGroupId === null)) return;
  if (reach(opening, await targetOf(work, targetUserId))) return;
  throw new AppError('forbidden', 'This user is in none of the groups that your role is for.');
}

/** Application permissions alone never reach people with roles. */
async function demandMember(work: Work, targetUserId: string): Promise<void> {
  if (rankOf(await rolesOf(work, targetUserId)) === 0) return;
  throw new AppError(
    'forbidden',
    'This user holds an administrator role. Applications cannot act on administrators; an administrator of higher rank can.',
  );
}

async function targetOf(work: Work, userId: string): Promise<Target> {
  return { rank: rankOf(await rolesOf(work, userId)), groupIds: await assignments.scopesHolding(work.tx, userId) };
}

/** `permit` for what shows everybody: a role that is for some groups is not enough. */
export async function permitEverywhere(work: Work, action: Action): Promise<void> {
  const opening = await permit(work, action);
  if (work.actor.kind !== 'user') return;
  if (opening.some(({ scopeGroupId }) => scopeGroupId === null)) return;
  throw new AppError('forbidden', 'Your role is for the people in some groups. Ask for one of them by name.');
}

/** What a person may do with their own; returns whose it is. Writing wants a proof of the last ten minutes. */
export async function permitOwn(work: Work, action: OwnAction): Promise<string> {
  const { actor } = work;
  if (actor.kind !== 'user') {
    throw new AppError('forbidden', '/me is the person behind an access token. This token speaks for an application.');
  }
  demandScope(actor, ownScopes(action));
  const withinMinutes = ownStrongWithinMinutes(action);
  if (withinMinutes !== null) demandStrong(work, actor, withinMinutes);
  return actor.userId;
}

/** For what only a Global Administrator changes, and the command line; `message` says what that is. */
export async function demandGlobalAdministrator(work: Work, message: string): Promise<void> {
  const { actor } = work;
  if (actor.kind === 'operator' || actor.kind === 'system') return;
  if (actor.kind === 'user') {
    const held = await assignments.rolesHeld(work.tx, actor.userId);
    if (held.some(({ templateId }) => templateId === globalAdministrator.templateId)) return;
  }
  throw new AppError('forbidden', message);
}

/** Whoever owns a client could make it issue a pass, or register a passkey, for them. */
async function demandNoOwner(work: Work, clientId: string, targetUserId: string): Promise<void> {
  if (!(await assignments.ownsClient(work.tx, clientId, targetUserId))) return;
  throw new AppError(
    'forbidden',
    'This user owns the application that asks, and nobody can issue a Temporary Access Pass, or change sign-in methods, for themselves here.',
  );
}

async function rolesOf(work: Work, userId: string): Promise<string[]> {
  return (await assignments.rolesHeld(work.tx, userId)).map(({ templateId }) => templateId);
}
