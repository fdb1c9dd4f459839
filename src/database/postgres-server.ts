import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ClusterOptions, databaseUser } from './postgres-cluster.ts';
import { oneLine, startFailure } from './postgres-failure.ts';
import { findServer } from './postgres-lock-file.ts';
import { type Exit, startWatched, type WatchedProcess } from './postgres-process.ts';

export interface DatabaseAddress {
  /** Directory of the server's socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
}

export interface RunningDatabase {
  readonly address: DatabaseAddress;
  /** Stops the server if this process started it; otherwise only lets go of it. */
  stop(): Promise<void>;
  /** Calls back once, with a sentence for the log, when the server ends without having been asked to. */
  onExit(listener: (message: string) => void): void;
}

export interface ServerOptions extends ClusterOptions {
  /** Absolute, 0700: who can enter it is the superuser of this database. */
  readonly socketDirectory: string;
  /** Server settings in place of the ones below. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Only names the socket: there is no TCP listener. */
const port = 5432;

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  port: String(port),
  unix_socket_permissions: '0700',
  // An acknowledged redeem or revocation must survive anything: never switched off for speed.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_connections: '60',
  shared_buffers: '128MB',
  huge_pages: 'off',
  jit: 'off', // every query here is short
  max_logical_replication_workers: '0', // no launcher to start and stop
  timezone: 'UTC',
  // Stderr is for the words of a server that cannot go on: `log` leaves out the errors of statements, which quote values.
  log_min_messages: 'log',
  log_line_prefix: '',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_checkpoints: 'off',
  log_statement: 'none',
  log_min_error_statement: 'panic',
};

/** Starts a server on a cluster that exists and waits until it takes connections; a `ConfigurationError` says why it does not. */
export async function startPostgres(options: ServerOptions): Promise<RunningDatabase> {
  const server = launch(options);
  await ready(server);

  const address = addressIn(options.socketDirectory);
  try {
    await ensureDatabase(address);
  } catch (error) {
    await shutDown(server);
    throw error;
  }

  let stopping: Promise<void> | undefined;
  return {
    address,
    stop: () => {
      stopping ??= shutDown(server);
      return stopping;
    },
    onExit: (listener) => {
      void server.exited.then((exit) => {
        if (!stopping) listener(endedByItself(exit));
      });
    },
  };
}

export function addressIn(socketDirectory: string): DatabaseAddress {
  return { host: socketDirectory, port, user: databaseUser, database: 'latchkey' };
}

function launch(options: ServerOptions): WatchedProcess {
  const { binaries, libraries, runAs, socketDirectory } = options;
  const all = {
    ...settings,
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
    ...options.settings,
  };
  const clusterDirectory = realpathSync(options.clusterDirectory);
  const leftBehind = findServer(clusterDirectory);
  return startWatched({
    command: [
      join(binaries, 'postgres'),
      ...['-D', clusterDirectory],
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    libraries,
    runAs,
    orphaned: 'shut down',
    // PostgreSQL takes a lock for stale when its pid is dead or its own grandparent. One that is alive, but known not
    // to be a server of this directory, has come to belong to something else (in a container, often): told so, it replaces
    // the lock itself, with all its other checks, and nobody removes a lock by hand.
    ...(leftBehind && !leftBehind.alive && { environment: { PG_GRANDPARENT_PID: String(leftBehind.pid) } }),
  });
}

function ready(server: WatchedProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.onLine((line) => {
      if (line.includes('ready to accept connections')) resolve();
    });
    void server.exited.then(({ lastLines }) => reject(startFailure('start', lastLines)));
  });
}

async function ensureDatabase(address: DatabaseAddress): Promise<void> {
  try {
    await query(address, 'select 1');
  } catch (error) {
    const missing = '3D000'; // invalid_catalog_name
    if ((error as pg.DatabaseError).code !== missing) throw error;
    await query({ ...address, database: 'postgres' }, `create database ${address.database}`);
  }
}

async function query(address: DatabaseAddress, sql: string): Promise<void> {
  const client = new pg.Client({ ...address, ssl: false });
  client.on('error', () => {}); // the query rejects as well
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Fast shutdown; 8 s later the immediate one, which costs the next start a recovery and loses nothing that was acknowledged. */
async function shutDown(server: WatchedProcess): Promise<void> {
  for (const signal of ['INT', 'QUIT', 'KILL'] as const) {
    server.signal(signal);
    const gone = await Promise.race([server.exited, sleep(8_000, undefined, { ref: false })]);
    if (gone) return;
  }
}

function endedByItself({ code, lastLines }: Exit): string {
  return `The embedded database ended by itself (exit code ${code}): ${oneLine(lastLines.slice(-5))}`;
}
