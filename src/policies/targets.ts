import { z } from 'zod';

/** Graph's magic id of a group that holds everybody. */
export const allUsers = 'all_users';

/** An object id; a group's display name or a user's principal name is understood where a policy is written, and not kept. */
export const objectId = z.string().min(1).max(256);

/** A group or a user that a policy is for, or is not for. */
export const target = z
  .strictObject({ targetType: z.enum(['group', 'user']), id: objectId })
  .refine(({ targetType, id }) => targetType === 'group' || id !== allUsers, {
    path: ['id'],
    message: `${allUsers} is a group`,
  });

export type Target = z.output<typeof target>;

export interface Targets {
  readonly includeTargets: readonly Target[];
  readonly excludeTargets: readonly Target[];
}

export interface PolicySubject {
  readonly userId: string;
  /** Ids of the groups that hold the user. */
  readonly groups: readonly string[];
}

/** Exclusion wins, however a user is included. */
export function scopeOf(targets: Targets, subject: PolicySubject): 'included' | 'notIncluded' | 'excluded' {
  const names = ({ targetType, id }: Target) =>
    targetType === 'user' ? id === subject.userId : id === allUsers || subject.groups.includes(id);
  if (targets.excludeTargets.some(names)) return 'excluded';
  return targets.includeTargets.some(names) ? 'included' : 'notIncluded';
}
