import { realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../core/errors.ts';
import { findServer, isServerOf } from './postgres-lock-file.ts';

/**
 * Only for the owner of the data directory: a server that still runs there has lost its Latchkey. Usually its watchdog is
 * just stopping it; if that was killed as well, this does. Either way it is gone afterwards, or a `ConfigurationError` says why not.
 */
export async function stopLeftBehind(
  clusterDirectory: string,
  socketDirectory: string,
  say: (line: string) => void,
): Promise<void> {
  const found = findServer(clusterDirectory);
  if (!found) return;
  if (!found.alive) return elsewhereGone(clusterDirectory, socketDirectory);

  const { pid } = found;
  if (found.socketDirectory !== '' && !samePlace(found.socketDirectory, socketDirectory)) {
    throw new ConfigurationError([
      `A PostgreSQL server that Latchkey did not start (process ${pid}) runs on ${clusterDirectory}. Stop it, then start again.`,
    ]);
  }
  const gone = (): boolean => !isServerOf(pid, clusterDirectory);
  if (await within(500, gone)) return;
  say(`Stopping a database server (process ${pid}) that an earlier Latchkey left behind.`);
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    send(pid, signal);
    if (await within(8_000, gone)) return;
  }
  throw new ConfigurationError([
    `A database server left behind by an earlier Latchkey (process ${pid}) does not stop. End it, then start again.`,
  ]);
}

/** A container that shares this directory has process ids of its own, but its server's socket answers here as well. */
async function elsewhereGone(clusterDirectory: string, socketDirectory: string): Promise<void> {
  const path = join(socketDirectory, '.s.PGSQL.5432');
  if (await within(10_000, async () => !(await answers(path)))) return;
  throw new ConfigurationError([
    `Another container or machine runs a database server on ${clusterDirectory}. Stop it, then start again.`,
  ]);
}

async function within(milliseconds: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const until = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > until) return false;
    await sleep(50);
  }
  return true;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.on('connect', () => socket.destroy());
    socket.on('error', () => resolve(false));
  });
}

function samePlace(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone in this moment, or another user's: the wait that follows tells which.
  }
}
