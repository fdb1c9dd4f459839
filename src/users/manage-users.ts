import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import * as users from './store.ts';
import type { User } from './user.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Finds a user by object id or user principal name, as Graph addresses them. Fails with `not_found`. */
export async function getUser(work: Work, idOrName: string): Promise<User> {
  const user = uuid.test(idOrName) ? await users.byId(work.tx, idOrName) : await users.byName(work.tx, idOrName);
  if (!user) throw new AppError('not_found', 'There is no such user.');
  return user;
}

/** The user of that object id, if there is one. */
export function findUser(work: Work, id: string): Promise<User | undefined> {
  return users.byId(work.tx, id);
}

/** Holds the user still until the work ends, so that what depends on the user's state takes turns. */
export function lockUser(work: Work, id: string): Promise<void> {
  return users.lock(work.tx, id);
}

export interface NewUser {
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly mail?: string | null | undefined;
  readonly enabled?: boolean | undefined;
}

/** Fails with `conflict` when the name is taken, `invalid_input` when it cannot be a name. */
export async function createUser(work: Work, asked: NewUser): Promise<User> {
  permit(work.actor, 'users.write');
  const userPrincipalName = asked.userPrincipalName.normalize('NFKC').trim();
  if (!/^[^\s@<>]+@[^\s@<>]+$/.test(userPrincipalName) || userPrincipalName.length > 254) {
    throw new AppError('invalid_input', 'userPrincipalName must look like name@example.com, 254 characters at most.');
  }
  if (asked.displayName.trim() === '' || asked.displayName.length > 256) {
    throw new AppError('invalid_input', 'displayName must hold 1 to 256 characters.');
  }
  if (await users.byName(work.tx, userPrincipalName)) {
    throw new AppError('conflict', `There is already a user named ${userPrincipalName}.`);
  }
  const user = await users.insert(work.tx, work.now, {
    userPrincipalName,
    displayName: asked.displayName.trim(),
    mail: asked.mail ?? null,
    enabled: asked.enabled ?? true,
  });
  work.record({ type: 'user.created', userId: user.id, details: { userPrincipalName } });
  return user;
}

export interface UserChanges {
  readonly displayName?: string;
  readonly mail?: string | null;
  readonly managerId?: string | null;
  readonly enabled?: boolean;
}

/** Changes what is named and keeps the rest; says nothing and records nothing when all is as asked already. */
export async function changeUser(work: Work, user: User, changes: UserChanges): Promise<void> {
  permit(work.actor, 'users.write');
  const changed = Object.entries(changes).filter(([key, value]) => user[key as keyof User] !== value);
  if (changed.length === 0) return;
  await users.update(work.tx, work.now, user.id, Object.fromEntries(changed));
  work.record({ type: 'user.changed', userId: user.id, details: { changed: changed.map(([key]) => key) } });
}

export async function listUsers(work: Work): Promise<User[]> {
  permit(work.actor, 'users.read');
  return users.list(work.tx);
}
