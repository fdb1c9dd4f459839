import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { cannotRun, ownServer } from './postgres-failure.ts';
import type { RunAs } from './postgres-process.ts';

/** An existing user of this machine. PostgreSQL refuses to run as root, and Latchkey creates no users. */
export interface Account extends RunAs {
  readonly name: string;
}

/**
 * Who runs the server when Latchkey runs as root; undefined when it does not, and the server runs as whoever started it.
 * The owner of the directory where there is one, so that `sudo latchkey …` leaves a person's own database to that
 * person; else `postgres`, else `nobody`.
 */
export function unprivilegedAccount(dataDirectory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = ownerOf(join(dataDirectory, 'postgres')) ?? ownerOf(dataDirectory);
  const account =
    accounts.find(({ uid }) => uid === owner && uid !== 0) ??
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody');
  if (account && account.uid !== 0) return account;
  throw new ConfigurationError([
    `PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody" in /etc/passwd. Start Latchkey as another user. ${ownServer}`,
  ]);
}

/** Asks the kernel: parents, ACLs and mount options all count. */
export function canEnter(account: Account, directory: string): boolean {
  const { uid, gid } = account;
  const { status, error } = spawnSync('/bin/sh', ['-c', 'test -x "$0"', directory], {
    uid,
    gid,
    cwd: '/',
    stdio: 'ignore',
  });
  if (error) throw cannotRun(error.message);
  return status === 0;
}

/**
 * Does something with files as that user, for root in places that belong to it: what that user could put in the way
 * then leads to nothing it could not reach by itself. Synchronous, because the whole process changes its user meanwhile.
 */
export function asAccount<T>(account: RunAs | undefined, act: () => T): T {
  if (!account || process.geteuid?.() !== 0) return act();
  const gid = process.getegid!();
  process.setegid!(account.gid);
  process.seteuid!(account.uid);
  try {
    return act();
  } finally {
    process.seteuid!(0);
    process.setegid!(gid);
  }
}

function readAccounts(): Account[] {
  // name:password:uid:gid:…
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid), gid: Number(gid) }));
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid;
}
