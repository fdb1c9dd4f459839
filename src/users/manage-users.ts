import { AppError } from '../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import { demandAnotherGlobalAdministrator } from '../roles/manage-roles.ts';
import { demandGlobalAdministrator, permit, permitOn, permitOwn } from '../roles/permit.ts';
import * as users from './store.ts';
import { type User, type UserFilter, type UserOrder, userNameKey } from './user.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Finds a user by object id or user principal name, as Graph addresses them. Fails with `not_found`. */
export async function getUser(work: Work, idOrName: string): Promise<User> {
  const user = uuid.test(idOrName) ? await users.byId(work.tx, idOrName) : await users.byName(work.tx, idOrName);
  if (!user) throw noSuchUser();
  return user;
}

/** The user of that object id, if there is one. */
export function findUser(work: Work, id: string): Promise<User | undefined> {
  return users.byId(work.tx, id);
}

/** Holds the user still until the work ends, so that what depends on the user's state takes turns. Fails with `not_found`. */
export async function lockUser(work: Work, id: string): Promise<void> {
  if (!(await users.lock(work.tx, id))) throw noSuchUser();
}

export interface NewUser {
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly mail?: string | null | undefined;
  readonly enabled?: boolean | undefined;
}

/** Fails with `conflict` when the name is taken, `invalid_input` when it cannot be a name. */
export async function createUser(work: Work, asked: NewUser): Promise<User> {
  await permit(work, 'users.write');
  const user = await addUser(work, asked);
  if (!user) throw new AppError('conflict', `There is already a user named ${nameOf(asked)}.`);
  return user;
}

/** The same for a caller that has asked whether it may be; undefined when the name is taken. */
export async function addUser(work: Work, asked: NewUser, by: object = {}): Promise<User | undefined> {
  const userPrincipalName = nameOf(asked);
  if (!isAddress(userPrincipalName)) {
    throw new AppError('invalid_input', 'userPrincipalName must look like name@example.com, 254 characters at most.');
  }
  const user = await users.insert(work.tx, work.now, {
    userPrincipalName,
    displayName: displayNameOf(asked.displayName),
    mail: mailOf(asked.mail ?? null),
    enabled: asked.enabled ?? true,
  });
  if (!user) return undefined;
  work.record({ type: 'user.created', userId: user.id, details: { userPrincipalName, ...by } });
  return user;
}

export async function isNameTaken(work: Work, userPrincipalName: string): Promise<boolean> {
  return (await users.byName(work.tx, userPrincipalName)) !== undefined;
}

function nameOf({ userPrincipalName }: NewUser): string {
  return userPrincipalName.normalize('NFKC').trim();
}

export interface UserChanges {
  readonly displayName?: string;
  readonly mail?: string | null;
  readonly managerId?: string | null;
  readonly enabled?: boolean;
}

/**
 * Changes what is named and keeps the rest; says nothing and records nothing when all is as asked already. What a disabled user
 * still has open is ended by `changePerson`, which the doors call. Fails with `conflict` for the last Global Administrator.
 */
export async function changeUser(work: Work, user: Pick<User, 'id'>, changes: UserChanges): Promise<User> {
  await permit(work, 'users.write');
  await permitOn(work, 'users.write', user.id);
  await demandNotOwnReport(work, changes.managerId);
  if (changes.enabled === false) await demandAnotherGlobalAdministrator(work, user.id);
  const current = await lockedWith(work, user.id, changes.managerId ?? undefined);
  await permitOn(work, 'users.write', current.id);
  const checked: UserChanges = {
    ...changes,
    ...(changes.displayName !== undefined && { displayName: displayNameOf(changes.displayName) }),
    ...(changes.mail !== undefined && { mail: mailOf(changes.mail) }),
  };
  const changed = Object.entries(checked).filter(([key, value]) => current[key as keyof User] !== value);
  if (changed.length === 0) return current;
  const values: UserChanges = Object.fromEntries(changed);
  await users.update(work.tx, work.now, current.id, values);
  const type = values.enabled === undefined ? 'user.changed' : values.enabled ? 'user.enabled' : 'user.disabled';
  work.record({ type, userId: current.id, details: { changed: changed.map(([key]) => key) } });
  return {
    ...current,
    ...values,
    ...(values.mail !== undefined && { mailChangedAt: work.now }),
    ...(values.managerId !== undefined && { managerChangedAt: work.now }),
  };
}

/** What a sign-in elsewhere says of the user, who is locked: kept where it is new. The caller has asked whether it may be. */
export async function takeProfile(
  work: Work,
  user: User,
  said: { readonly displayName?: string; readonly mail?: string },
): Promise<void> {
  const values = Object.fromEntries(Object.entries(said).filter(([key, value]) => user[key as keyof User] !== value));
  const changed = Object.keys(values);
  if (changed.length === 0) return;
  await users.update(work.tx, work.now, user.id, values);
  work.record({ type: 'user.changed', userId: user.id, details: { changed, by: 'sign-in' } });
}

/** A manager may be given what their reports need to sign in: nobody makes themself one. */
async function demandNotOwnReport(work: Work, managerId: string | null | undefined): Promise<void> {
  if (work.actor.kind !== 'user' || managerId !== work.actor.userId) return;
  await demandGlobalAdministrator(work, 'Nobody makes themself the manager of somebody. Ask another administrator.');
}

/** The user, held still until the work ends, and the manager with them: by id, so that two works cannot hold each other. */
async function lockedWith(work: Work, userId: string, managerId: string | undefined): Promise<User> {
  if (managerId === userId) throw new AppError('invalid_input', 'Nobody is their own manager.');
  const locked = new Map<string, User | undefined>();
  for (const id of managerId === undefined ? [userId] : [userId, managerId].sort()) {
    locked.set(id, await users.lock(work.tx, id));
  }
  if (managerId !== undefined && !locked.get(managerId)) {
    throw new AppError('not_found', 'There is no user who could be that manager.');
  }
  const user = locked.get(userId);
  if (!user) throw noSuchUser();
  return user;
}

/** Takes a report from the manager they had. Fails with `not_found` when there was none. */
export async function removeManager(work: Work, idOrName: string): Promise<void> {
  await permit(work, 'users.write');
  const user = await getUser(work, idOrName);
  if (user.managerId === null) throw new AppError('not_found', 'This user has no manager.');
  await changeUser(work, user, { managerId: null });
}

export async function setManager(work: Work, idOrName: string, managerIdOrName: string): Promise<void> {
  await permit(work, 'users.write');
  const user = await getUser(work, idOrName);
  await changeUser(work, user, { managerId: (await getUser(work, managerIdOrName)).id });
}

/** Deletes the user with all that is theirs, but for what the protocol keeps: `deletePerson` ends that as well. */
export async function deleteUser(work: Work, idOrName: string): Promise<User> {
  await permit(work, 'users.write');
  const { id } = await getUser(work, idOrName);
  await permitOn(work, 'users.write', id);
  await demandAnotherGlobalAdministrator(work, id);
  const user = await users.lockWithReports(work.tx, id);
  if (!user) throw noSuchUser();
  await permitOn(work, 'users.write', user.id);
  await users.remove(work.tx, user.id);
  work.record({ type: 'user.deleted', userId: user.id, details: { userPrincipalName: user.userPrincipalName } });
  return user;
}

/** `getUser` for who has to be allowed to look. */
export async function readUser(work: Work, idOrName: string): Promise<User> {
  await permit(work, 'users.read');
  return getUser(work, idOrName);
}

/** The person behind the access token. */
export async function readOwnUser(work: Work): Promise<User> {
  return getUser(work, await permitOwn(work, 'users.read'));
}

/** Fails with `not_found` when the user has no manager. */
export async function readManager(work: Work, idOrName: string): Promise<User> {
  const { managerId } = await readUser(work, idOrName);
  if (managerId === null) throw new AppError('not_found', 'This user has no manager.');
  return getUser(work, managerId);
}

export async function listUsers(work: Work): Promise<User[]> {
  await permit(work, 'users.read');
  return users.list(work.tx);
}

export interface UsersAsked extends PageAsked {
  readonly filter?: UserFilter | undefined;
  /** By user name when it does not say. */
  readonly order?: UserOrder | undefined;
}

/** People, a page at a time. */
export async function pageOfUsers(work: Work, asked: UsersAsked): Promise<Page<User>> {
  await permit(work, 'users.read');
  const { filter, order = { by: 'userPrincipalName', descending: false } } = asked;
  const list = ['users', JSON.stringify(filter) ?? '', order.by, String(order.descending)];
  const after = keysAfter(work.secrets, list, asked);
  const found = await users.some(work.tx, filter, order, after, asked.top + 1);
  return pageOf(work.secrets, list, asked, found, (user) => [keysOf[order.by](user), user.id]);
}

const keysOf: Readonly<Record<UserOrder['by'], (user: User) => string>> = {
  userPrincipalName: (user) => userNameKey(user.userPrincipalName),
  displayName: (user) => user.displayName,
  createdDateTime: (user) => user.createdAt.toISOString(),
};

export async function countUsers(work: Work, filter?: UserFilter): Promise<number> {
  await permit(work, 'users.read');
  return users.count(work.tx, filter);
}

function displayNameOf(text: string): string {
  if (text.trim() !== '' && text.length <= 256) return text.trim();
  throw new AppError('invalid_input', 'displayName must hold 1 to 256 characters.');
}

function mailOf(text: string | null): string | null {
  if (text === null || isAddress(text)) return text;
  throw new AppError('invalid_input', 'mail must look like name@example.com, 254 characters at most.');
}

function isAddress(text: string): boolean {
  return /^[^\s@<>]+@[^\s@<>]+$/.test(text) && text.length <= 254;
}

function noSuchUser(): AppError {
  return new AppError('not_found', 'There is no such user.');
}
