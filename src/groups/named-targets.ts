import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { allUsers, type Target, type Targets } from '../policies/targets.ts';
import { getUser } from '../users/manage-users.ts';
import { groupIdOf } from './manage-groups.ts';

/**
 * The changes with the object ids of the groups and users their targets name. What stood there before is not looked up again.
 * Fails with `invalid_input` for a group or user that does not exist.
 */
export async function withTargetIds<
  Changes extends { includeTargets?: Target[] | undefined; excludeTargets?: Target[] | undefined },
>(work: Work, changes: Changes, before: Targets): Promise<Changes> {
  const known = new Set([...before.includeTargets, ...before.excludeTargets].map(keyOf));
  const named = { ...changes };
  for (const list of ['includeTargets', 'excludeTargets'] as const) {
    const targets = changes[list];
    if (!targets) continue;
    const found: Target[] = [];
    for (const [index, target] of targets.entries()) {
      const isKnown = target.id === allUsers || known.has(keyOf(target));
      found.push(isKnown ? target : { ...target, id: await idOf(work, target, `${list}.${index}.id`) });
    }
    named[list] = found;
  }
  return named;
}

async function idOf(work: Work, { targetType, id }: Target, path: string): Promise<string> {
  try {
    return targetType === 'group' ? await groupIdOf(work, id) : (await getUser(work, id)).id;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = targetType === 'group' ? error.message : `There is no user "${id}".`;
    throw new AppError('invalid_input', `${path}: ${message}`);
  }
}

function keyOf({ targetType, id }: Target): string {
  return `${targetType}:${id}`;
}
