import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { makePrivate } from './data-directory.ts';
import { startFailure } from './postgres-failure.ts';
import { type RunAs, startWatched } from './postgres-process.ts';
import { asAccount } from './unprivileged-account.ts';

export interface ClusterOptions {
  /** Any directory that holds `initdb` and `postgres`. */
  readonly binaries: string;
  readonly libraries?: string;
  readonly clusterDirectory: string;
  readonly runAs?: RunAs;
}

/** The one role of the cluster, its superuser. */
export const databaseUser = 'latchkey';

/**
 * Makes the cluster unless it is there. `initdb` works under a name of its own, and the rename is what makes it
 * the cluster: killed at any moment, there is either none or a whole one. Of two at once, one rename succeeds.
 */
export async function initCluster(options: ClusterOptions): Promise<void> {
  const { clusterDirectory } = options;
  if (existsSync(join(clusterDirectory, 'PG_VERSION'))) return;
  if (existsSync(clusterDirectory) && readdirSync(clusterDirectory).length > 0) {
    throw new ConfigurationError([
      `${clusterDirectory} holds something that is not a database. Move it away, then start again.`,
    ]);
  }

  const temporary = `${clusterDirectory}${unfinished}${randomBytes(6).toString('hex')}`;
  try {
    makePrivate(temporary, options.runAs);
    await runInitdb(options, temporary);
    renameSync(temporary, clusterDirectory);
    syncDirectory(dirname(clusterDirectory)); // initdb has flushed its files; the new name must survive a power cut as well
  } catch (error) {
    if (!existsSync(join(clusterDirectory, 'PG_VERSION'))) throw error; // else another was first, and that is as good
  } finally {
    remove(temporary, options.runAs);
  }
}

const unfinished = '.new-';

/** Removes what killed first starts left behind. Only for the owner of the data directory. */
export function removeUnfinishedClusters(clusterDirectory: string, runAs: RunAs | undefined): void {
  const parent = dirname(clusterDirectory);
  for (const name of readdirSync(parent)) {
    if (name.startsWith(basename(clusterDirectory) + unfinished)) remove(join(parent, name), runAs);
  }
}

/** With the rights of its owner, not root's. What cannot be removed now is for the next start. */
function remove(directory: string, runAs: RunAs | undefined): void {
  if (!existsSync(directory)) return;
  try {
    asAccount(runAs, () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  } catch {
    rmdirIfEmpty(directory); // its owner may empty it, and only root take it out of a directory of root's
  }
}

function rmdirIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Something still writes into it.
  }
}

async function runInitdb(options: ClusterOptions, directory: string): Promise<void> {
  const { binaries, libraries, runAs } = options;
  const initdb = startWatched({
    command: [
      join(binaries, 'initdb'),
      ...['-D', directory, '-U', databaseUser, '--no-instructions'],
      ...['--encoding=UTF8', '--locale=C', '--data-checksums'],
      // Local trust: the socket's directory is 0700, so who can connect could read the files just as well. No TCP at all.
      ...['--auth-local=trust', '--auth-host=reject'],
    ],
    libraries,
    runAs,
    orphaned: 'kill',
  });
  const { code, lastLines } = await initdb.exited;
  if (code !== 0) throw startFailure('be created', lastLines);
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
