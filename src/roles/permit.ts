import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import * as assignments from './store.ts';
import { rankOf } from './role.ts';

const passWrite = ['UserAuthenticationMethod.ReadWrite.All', 'UserAuthMethod-TAP.ReadWrite.All'] as const;

const policyWrite = 'Policy.ReadWrite.AuthenticationMethod';

/** Which application permissions open which action; an action without any is closed to applications. */
const openedBy = {
  'passes.write': passWrite,
  'passes.read': [...passWrite, 'UserAuthenticationMethod.Read.All', 'UserAuthMethod-TAP.Read.All'],
  'users.write': ['User.ReadWrite.All'],
  'users.read': ['User.ReadWrite.All', 'User.Read.All', 'Directory.Read.All'],
  'groups.write': ['Group.ReadWrite.All'],
  'groups.read': ['Group.ReadWrite.All', 'Group.Read.All', 'Directory.Read.All'],
  'roles.write': [],
  'roles.read': [],
  'clients.write': [],
  'policies.write': [policyWrite],
  'policies.read': [policyWrite, 'Policy.Read.All'],
  'audit.read': ['AuditLog.Read.All'],
} as const satisfies Record<string, readonly string[]>;

export type Action = keyof typeof openedBy;

/** Application permissions that exist; a client cannot be given another. */
export const applicationPermissions: readonly string[] = [...new Set(Object.values(openedBy).flat())].sort();

/** The application permissions that open an action: what SQL that judges a client again has to look for. */
export function permissionsFor(action: Action): readonly string[] {
  return openedBy[action];
}

/** First line of every administrative use-case: refuses with `forbidden` unless the actor may do such a thing at all. */
export async function permit({ actor }: Pick<Work, 'actor'>, action: Action): Promise<void> {
  if (actor.kind === 'operator' || actor.kind === 'system') return;
  if (actor.kind === 'client') {
    const opening: readonly string[] = openedBy[action];
    if (actor.permissions.some((permission) => opening.includes(permission))) return;
    throw new AppError(
      'forbidden',
      opening.length === 0
        ? 'Applications cannot do this; it takes a person with the right role.'
        : `The application lacks the permission for this. One of these is needed: ${opening.join(', ')}.`,
    );
  }
  throw new AppError('forbidden', 'You may not do this.');
}

/**
 * `permit`, and then the ladder: application permissions alone never reach people with roles.
 * The operator stands above every rank.
 */
export async function permitOn(work: Work, action: Action, targetUserId: string): Promise<void> {
  await permit(work, action);
  if (work.actor.kind !== 'client') return;
  if (rankOf(await assignments.rolesOf(work.tx, targetUserId)) > 0) {
    throw new AppError(
      'forbidden',
      'This user holds an administrator role. Applications cannot act on administrators; an administrator of higher rank can.',
    );
  }
}
