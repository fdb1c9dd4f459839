import { AppError } from '../../core/errors.ts';
import { addDays } from '../../core/time.ts';
import type { Work } from '../../core/work.ts';
import { permit, permitManager, permitOn, permitToSee } from '../../roles/permit.ts';
import type { PassLimits } from '../../roles/role.ts';
import { countAgainst, type Limit } from '../../throttle/throttle.ts';
import { findUser, getUser } from '../../users/manage-users.ts';
import type { User } from '../../users/user.ts';
import { readPassSettings } from './settings.ts';

/** The user, and what the issuer's role allows at most. */
export async function recipient(
  work: Work,
  asked: { readonly user: string },
): Promise<{ user: User; limits: PassLimits | null }> {
  const { user, limits } = await within(work, asked.user);
  if (!user.enabled)
    throw new AppError('invalid_input', 'This user is disabled. Enable the user, then issue the pass.');
  return { user, limits };
}

/** Somebody whose passes the actor gives and takes away: by role or permission, or as their manager where policy lets managers. */
export function within(work: Work, idOrName: string): Promise<{ user: User; limits: PassLimits | null }> {
  return orAsManager(
    work,
    idOrName,
    async () => {
      await permit(work, 'passes.write');
      const user = await getUser(work, idOrName);
      return { user, ...(await permitOn(work, 'passes.write', user.id)) };
    },
    (report) => ({ user: report, limits: null }),
  );
}

/** Somebody whose passes the actor may see. */
export function visible(work: Work, idOrName: string): Promise<User> {
  return orAsManager(
    work,
    idOrName,
    async () => {
      await permit(work, 'passes.read');
      const user = await getUser(work, idOrName);
      await permitToSee(work, 'passes.read', user.id);
      return user;
    },
    (report) => report,
  );
}

/** What the actor's role opens; where it opens nothing, what being the manager does. */
async function orAsManager<T>(
  work: Work,
  idOrName: string,
  byRole: () => Promise<T>,
  asManager: (report: User) => T,
): Promise<T> {
  try {
    return await byRole();
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'forbidden')) throw error;
    const report = await reportOf(work, idOrName);
    if (!report) throw error;
    return asManager(report);
  }
}

async function reportOf(work: Work, idOrName: string): Promise<User | undefined> {
  const { actor } = work;
  if (actor.kind !== 'user') return undefined;
  if (!(await readPassSettings(work)).managersMayIssue) return undefined;
  const user = await findUser(work, idOrName);
  if (user?.managerId !== actor.userId) return undefined;
  if (user.managerChangedAt && addDays(user.managerChangedAt, 1) > work.now) {
    // Otherwise whoever may name managers could name themselves.
    throw new AppError(
      'forbidden',
      'You have been the manager of this user for less than a day. Ask an administrator.',
    );
  }
  await permitManager(work, user.id);
  return user;
}

/** One person's credentials in the wrong hands must not open every account at once. */
export async function withinQuota(work: Work, limit: Limit): Promise<void> {
  if (work.actor.kind !== 'user') return;
  const retryAt = await countAgainst(work, limit, work.actor.userId);
  if (!retryAt) return;
  throw new AppError('throttled', `One person can issue ${quota(limit)}. Wait, or ask a colleague.`, {
    retryAfterSeconds: Math.max(1, Math.ceil((retryAt.getTime() - work.now.getTime()) / 1000)),
  });
}

function quota({ most, windowMinutes }: Limit): string {
  return `${most} ${most === 1 ? 'pass' : 'passes'} ${windowMinutes === 60 ? 'an hour' : `in ${windowMinutes} minutes`}`;
}
