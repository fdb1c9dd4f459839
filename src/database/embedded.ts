/*
 * The embedded database: a real PostgreSQL server under `<data directory>/postgres`, reached by a socket in
 * `<data directory>/run`. Whoever starts it first becomes the owner of the directory (owner.ts), so everything below that
 * point happens in one process at a time; the server never outlives its owner (postgres-process.ts).
 */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../core/errors.ts';
import { attach, stopAfterOthers } from './attachment.ts';
import { type DirectoryOptions, socketDirectory, usableDataDirectory } from './data-directory.ts';
import { claim, type Ownership } from './owner.ts';
import { type BinaryPackage, findBinaryPackage, usableBinaries } from './postgres-binaries.ts';
import { initCluster, removeUnfinishedClusters } from './postgres-cluster.ts';
import { stopLeftBehind } from './postgres-left-behind.ts';
import type { RunAs } from './postgres-process.ts';
import { addressIn, type RunningDatabase, type ServerOptions, startPostgres } from './postgres-server.ts';
import { unprivilegedAccount } from './unprivileged-account.ts';

export { usableDataDirectory } from './data-directory.ts';
export { initCluster } from './postgres-cluster.ts';
export { type DatabaseAddress, type RunningDatabase, startPostgres } from './postgres-server.ts';

export type EmbeddedOptions = DirectoryOptions;

/** For `serve`: the one owner of the directory. A second one is refused with a `ConfigurationError`. */
export async function serveEmbedded(options: EmbeddedOptions): Promise<RunningDatabase> {
  const place = prepare(options);
  const ownership = await claimForServe(place);
  return startOwned(place, ownership, (server) => server.stop());
}

/** For every other command: uses the running server, or starts one for as long as the command runs. */
export async function attachEmbedded(options: EmbeddedOptions): Promise<RunningDatabase> {
  const place = prepare(options);
  const patience = Date.now() + 30_000; // a first start on a slow machine, or another command on its way out
  for (;;) {
    const ownership = await claim(place.sockets, 'command', place.runAs);
    if (ownership.owned) return startOwned(place, ownership, stopAfterOthers);
    const attached = await attach(addressIn(place.sockets));
    if (attached) return attached;
    if (Date.now() > patience) {
      throw new ConfigurationError([
        `The database in ${place.dataDirectory} belongs to another Latchkey (process ${ownership.pid}), but does not answer. See what that one says, or stop it.`,
      ]);
    }
    await sleep(100);
  }
}

/** Whether a first start has been here. */
export function hasEmbeddedDatabase(dataDirectory: string): boolean {
  return existsSync(join(dataDirectory, 'postgres'));
}

interface Place {
  readonly dataDirectory: string;
  readonly cluster: string;
  readonly sockets: string;
  readonly runAs: RunAs | undefined;
  readonly binaries: BinaryPackage;
  readonly say: (line: string) => void;
}

function prepare(options: EmbeddedOptions): Place {
  const binaries = findBinaryPackage();
  // The real path: PostgreSQL's processes and our short links are recognised by it.
  const dataDirectory = realpathSync(usableDataDirectory(options));
  return {
    dataDirectory,
    cluster: join(dataDirectory, 'postgres'),
    sockets: socketDirectory(dataDirectory),
    runAs: unprivilegedAccount(dataDirectory),
    binaries,
    say: options.say,
  };
}

/** A command with a server of its own is let finish, for 10 s; another `serve` gets 1 s, in case it is just dying. */
async function claimForServe(place: Place): Promise<Ownership> {
  const begin = Date.now();
  for (;;) {
    const ownership = await claim(place.sockets, 'serve', place.runAs);
    if (ownership.owned) return ownership;
    const { role, pid } = ownership;
    const waited = Date.now() - begin;
    if (role === 'serve' && waited > 1_000) {
      throw new ConfigurationError([
        `Another Latchkey is already serving ${place.dataDirectory} (process ${pid}). Stop it first, or give this one its own directory with LATCHKEY_DATA_DIR.`,
      ]);
    }
    if (role === 'command' && waited > 10_000) {
      throw new ConfigurationError([
        `A Latchkey command (process ${pid}) is using the database in ${place.dataDirectory}. Start again when it has ended.`,
      ]);
    }
    await sleep(100);
  }
}

async function startOwned(
  place: Place,
  ownership: Ownership,
  stop: (server: RunningDatabase) => Promise<void>,
): Promise<RunningDatabase> {
  try {
    const server = await start(place);
    return {
      address: server.address,
      onExit: server.onExit,
      stop: async () => {
        await stop(server);
        ownership.release();
      },
    };
  } catch (error) {
    ownership.release();
    throw error;
  }
}

async function start(place: Place): Promise<RunningDatabase> {
  await stopLeftBehind(place.cluster, place.sockets, place.say);
  const { runAs } = place;
  const binaries = usableBinaries(place.binaries, join(place.dataDirectory, 'binaries'), runAs);
  const options = {
    binaries,
    clusterDirectory: place.cluster,
    socketDirectory: place.sockets,
    ...(runAs && { runAs }),
  };
  if (!existsSync(place.cluster)) place.say(`Creating the database in ${place.cluster}.`);
  await initCluster(options);
  const server = await startWhenFree(options);
  removeUnfinishedClusters(place.cluster, runAs); // last, because a killed initdb may write a moment longer
  return server;
}

/** The processes of a killed server need a moment to notice, and until then hold its shared memory. */
async function startWhenFree(options: ServerOptions): Promise<RunningDatabase> {
  const patience = Date.now() + 10_000;
  for (;;) {
    try {
      return await startPostgres(options);
    } catch (error) {
      const busy = error instanceof ConfigurationError && /shared memory block .* still in use/.test(error.message);
      if (!busy || Date.now() > patience) throw error;
    }
    await sleep(200);
  }
}
