import type { Work } from './core/work.ts';
import { endAccount } from './oidc/endings.ts';
import { permit } from './roles/permit.ts';
import { endSignInsNamedSince, endSignInsOf } from './sign-in/endings.ts';
import { changeUser, deleteUser, getUser, type UserChanges } from './users/manage-users.ts';
import type { User } from './users/user.ts';

/**
 * People as every door changes them: above the rooms, because who is disabled or deleted loses what the protocol keeps for them
 * (sessions, grants, tokens, sign-ins under way) in the same transaction.
 */
export async function changePerson(work: Work, idOrName: string, changes: UserChanges): Promise<User> {
  await permit(work, 'users.write');
  const user = await changeUser(work, await getUser(work, idOrName), changes);
  if (changes.enabled === false) await endAccount(work, user.id);
  return user;
}

export async function deletePerson(work: Work, idOrName: string): Promise<User> {
  await permit(work, 'users.write');
  const { id } = await getUser(work, idOrName);
  await endSignInsOf(work, id);
  const user = await deleteUser(work, id);
  await endAccount(work, user.id);
  await endSignInsNamedSince(work, user.id);
  return user;
}
