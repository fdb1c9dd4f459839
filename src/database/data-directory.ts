import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { longestOwnerName } from './owner.ts';
import type { RunAs } from './postgres-process.ts';
import { canEnter, unprivilegedAccount } from './unprivileged-account.ts';

export interface DirectoryOptions {
  readonly dataDirectory: string;
  /** Used by root when the unprivileged user cannot reach the other. */
  readonly fallbackDirectory?: string;
  /** One line for people. */
  say(line: string): void;
}

/**
 * The directory really used, made if need be (0700): the database and the master key file live there. Started as root,
 * the server's unprivileged user must be able to enter it, else /var/lib/latchkey is used and said.
 * Throws a `ConfigurationError` where neither works.
 */
export function usableDataDirectory(options: DirectoryOptions): string {
  const asked = resolve(options.dataDirectory);
  if (process.getuid?.() !== 0) return prepareAsOurselves(asked);
  if (prepareAsRoot(asked)) return asked;

  const fallback = resolve(options.fallbackDirectory ?? '/var/lib/latchkey');
  const reason = `the user "${unprivilegedAccount(asked)?.name}", who runs the database, cannot enter ${asked}`;
  if (fallback === asked || !prepareAsRoot(fallback)) {
    throw new ConfigurationError([
      `There is no directory for the database: ${reason}. Name another with LATCHKEY_DATA_DIR.`,
    ]);
  }
  if (!told.has(asked)) options.say(`Using ${fallback}, because ${reason}.`);
  told.add(asked);
  return fallback;
}

/** Whoever asks again in this process (the database, then the master key) is not told again. */
const told = new Set<string>();

/** The directory for sockets, 0700, under a path that is short enough for them. `dataDirectory` is a usable one. */
export function socketDirectory(dataDirectory: string): string {
  const directory = join(dataDirectory, 'run');
  makePrivate(directory, unprivilegedAccount(dataDirectory));
  return fits(directory) ? directory : shortPathTo(realpathSync(directory));
}

/**
 * Makes a directory that only the server's user can enter, or checks that it is one. What root does here, in a place
 * that belongs to that user, goes through a descriptor: a link put in its way must not lead root to anything else.
 */
export function makePrivate(directory: string, account: RunAs | undefined): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const descriptor = openDirectory(directory);
  try {
    const { uid, mode } = fstatSync(descriptor);
    const wanted = account?.uid ?? process.getuid?.();
    // Root hands over what it has just made, never somebody's full directory that happens to have this name.
    const fresh = account !== undefined && uid === 0 && isEmpty(directory);
    if (uid !== wanted && !fresh) throw notOurs(directory);
    if (fresh) fchownSync(descriptor, account.uid, account.gid);
    if ((mode & 0o777) !== 0o700) fchmodSync(descriptor, 0o700);
  } finally {
    closeSync(descriptor);
  }
}

function openDirectory(directory: string): number {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw Object.assign(notOurs(directory), { cause });
  }
}

function prepareAsOurselves(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    // A volume may be writable for us and belong to root (Kubernetes): what we make inside is private anyway.
    if (isEmpty(directory) && statSync(directory).uid === process.getuid?.()) chmodSync(directory, 0o700);
  } catch (cause) {
    throw Object.assign(notOurs(directory), { cause });
  }
  return directory;
}

/** False where the unprivileged user cannot get to. */
function prepareAsRoot(directory: string): boolean {
  const account = unprivilegedAccount(directory)!;
  if (!canEnter(account, nearestExisting(dirname(directory)))) return false;
  try {
    mkdirSync(dirname(directory), { recursive: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Only what is empty is taken over: somebody's full directory keeps its owner and mode, and is used if it can be entered.
    if (isEmpty(directory)) {
      chownSync(directory, account.uid, account.gid);
      chmodSync(directory, 0o700);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'EACCES') return false; // a network file system that distrusts root
    throw new ConfigurationError([
      `The data directory ${directory} cannot be used: ${message}. Name another with LATCHKEY_DATA_DIR.`,
    ]);
  }
  return canEnter(account, directory);
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).every((name) => name === 'lost+found'); // a fresh volume has that
}

function nearestExisting(directory: string): string {
  return existsSync(directory) ? directory : nearestExisting(dirname(directory));
}

/** sun_path holds 108 bytes with the final zero, 104 on macOS. */
function fits(directory: string): boolean {
  const longest = process.platform === 'darwin' ? 103 : 107;
  return Buffer.byteLength(directory) + 1 + longestOwnerName <= longest;
}

/**
 * A symbolic link instead of a second directory: the sockets stay in the data directory, so a process with another
 * TMPDIR, a private /tmp or another container finds the same ones. The user id is in the name because in a sticky directory
 * Linux follows a link only for its owner, or when it is root's like the directory (fs.protected_symlinks).
 */
function shortPathTo(directory: string): string {
  const uid = process.getuid?.();
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const link = [tmpdir(), '/tmp'].map((parent) => join(parent, `latchkey-${uid}-${hash}`)).find(fits);
  if (link === undefined) throw new ConfigurationError([`No path to ${directory} is short enough for a socket.`]);
  try {
    symlinkSync(directory, link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // The temporary directory is everybody's: a link of somebody else would lead our sockets, and our connections, to theirs.
  const found = lstatSync(link);
  if (found.uid !== uid || !found.isSymbolicLink() || readlinkSync(link) !== directory) {
    throw new ConfigurationError([
      `${link} should be a link of ours to ${directory}, but is not. Remove it, then start again.`,
    ]);
  }
  return link;
}

function notOurs(directory: string): ConfigurationError {
  return new ConfigurationError([
    `Latchkey cannot use ${directory}: it belongs to another user or cannot be written. Start Latchkey as its owner, or name another directory with LATCHKEY_DATA_DIR.`,
  ]);
}
