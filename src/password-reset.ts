import { randomUUID } from 'node:crypto';
import { eventsAbout } from './audit/own-events.ts';
import { inGroups, newCode } from './core/code.ts';
import { AppError } from './core/errors.ts';
import { digest } from './core/secrets.ts';
import type { RunWork, Work } from './core/work.ts';
import type { EnrollableMethod, Enrolment, MethodRegistry } from './methods/method.ts';
import { readPasswordSettings, shortestPassword } from './methods/password/settings.ts';
import { needsApproval } from './methods/temporary-access-pass/approvals/manage-approvals.ts';
import { effectivePassSettings } from './methods/temporary-access-pass/effective-settings.ts';
import { endAccount } from './oidc/endings.ts';
import { permit, permitOn, permitToSee } from './roles/permit.ts';
import { endSignInsNamedSince, endSignInsOf } from './sign-in/endings.ts';
import { getUser, lockUser } from './users/manage-users.ts';
import type { User } from './users/user.ts';

export interface PasswordReset {
  readonly userId: string;
  readonly operationId: string;
  /** The password that was made here, the only time it is seen; null for one that the caller has chosen. */
  readonly made: string | null;
}

/**
 * Gives somebody else a password in place of the one there was, if there was one, and ends everything they are signed in to. A live
 * pass stays. The user is told. Fails with `conflict` where policy has no passwords, `forbidden` for whom a pass would take a second
 * administrator, `invalid_input` for a password that is too short, too long or too easy to guess.
 */
export async function resetPassword(
  run: RunWork,
  who: Parameters<RunWork>[0],
  asked: { readonly methods: MethodRegistry; readonly user: string; readonly newPassword: string | undefined },
): Promise<PasswordReset> {
  const method = asked.methods.get('password') as EnrollableMethod;
  const operationId = randomUUID();
  const read = await run(who, async (work) => {
    const { id: userId } = await recipient(work, asked.user);
    const settings = await readPasswordSettings(work);
    if (settings.state === 'disabled') throw new AppError('conflict', 'Passwords are switched off by policy.');
    const shortest = shortestPassword(settings);
    const made = asked.newPassword === undefined ? newPassword(shortest) : null;
    const password = made ?? asked.newPassword;
    const enrolment = enrolmentOf(userId, operationId);
    const candidate = await method.readEnrolment(work, enrolment, { password, repeat: password });
    return { userId, made, shortest, enrolment, candidate };
  });
  const { userId, made, shortest, enrolment, candidate } = read;
  const proof = await method.checkEnrolment(candidate);
  await run(who, async (work) => {
    await endSignInsOf(work, userId);
    await lockUser(work, userId);
    // Roles and the user may have changed while the password was hashed.
    await recipient(work, userId);
    const sessions = await endAccount(work, userId);
    const verdict = await method.keepEnrolment(work, enrolment, candidate, proof);
    if (!verdict.enrolled) throw tooWeak(shortest);
    await endSignInsNamedSince(work, userId);
    work.record({ type: 'session.all-ended', userId, details: { sessions: sessions.length, cancelled: [] } });
  });
  return { userId, operationId, made };
}

/** When a reset of the last 90 days was done; nothing of it is ever under way. Fails with `not_found`. */
export async function passwordResetOperation(
  work: Work,
  asked: { readonly user: string; readonly operationId: string },
): Promise<{ user: User; doneAt: Date }> {
  await permit(work, 'methods.read');
  const user = await getUser(work, asked.user);
  await permitToSee(work, 'methods.read', user.id);
  const resets = await eventsAbout(work, { userId: user.id, types: ['password.reset'], proofs: [], most: 1_000 });
  const reset = resets.find(({ details }) => details.operationId === asked.operationId);
  if (!reset) throw new AppError('not_found', 'There is no such operation.');
  return { user, doneAt: reset.at };
}

/** Whoever gives somebody a password knows a part of what signs them in: the way round a second administrator it must not be. */
async function recipient(work: Work, idOrName: string): Promise<User> {
  await permit(work, 'methods.write');
  const user = await getUser(work, idOrName);
  await permitOn(work, 'methods.write', user.id);
  if (await needsApproval(work, await effectivePassSettings(work, user.id), user.id)) {
    throw new AppError(
      'forbidden',
      'A pass for this user needs the word of a second administrator, so nobody can set a password for them alone. Ask for a pass.',
    );
  }
  return user;
}

// 20 symbols are 100 bits: no list has it and nobody guesses it.
const leastSymbols = 20;

/** Symbols as passes have them, in groups of four, as long as policy wants them at least. */
function newPassword(shortest: number): string {
  return inGroups(newCode(Math.max(leastSymbols, shortest)));
}

function enrolmentOf(userId: string, operationId: string): Enrolment {
  const owner = digest(`on-behalf/${operationId}`);
  return { owner, userId, passId: null, endsAt: null, device: null, onBehalf: { name: undefined, operationId } };
}

function tooWeak(shortest: number): AppError {
  return new AppError(
    'invalid_input',
    `newPassword needs ${shortest} to 128 characters, and must not be a common one or made of the user's name.`,
  );
}
