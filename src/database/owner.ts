import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../core/errors.ts';
import type { RunAs } from './postgres-process.ts';
import { asAccount } from './unprivileged-account.ts';

/*
 * Who owns a data directory: at most one process at a time, from before initdb until after the server has stopped.
 *
 * An owner listens on a socket of its own in the directory. The kernel closes it when the process dies, whatever
 * killed it, so a leftover file is known to be dead by a refused connection: nothing to repair by hand, and no process
 * ids to compare, which mean nothing across containers that share a volume.
 *
 * Everyone first listens, under a name nobody else ever uses, and only then looks for others. Of two that come at the
 * same moment at least one sees the other, so there are never two owners; who sees another that has not decided steps
 * back for a random moment and tries again.
 */

export type Role = 'serve' | 'command';

/** Released by `release`, or by the death of this process. */
export interface Ownership {
  readonly owned: true;
  release(): void;
}

export interface OwnedByAnother {
  readonly owned: false;
  readonly role: Role;
  readonly pid: number;
}

/** Longest name of a socket below: `command.4194304.` and 6 random characters. */
export const longestOwnerName = 22;

const ownerName = /^(serve|command)\.(\d+)\.[0-9a-f]{6}$/;

/** Becomes the owner, or says who is. Sockets belong to `account`, like their directory. */
export async function claim(
  directory: string,
  role: Role,
  account: RunAs | undefined,
): Promise<Ownership | OwnedByAnother> {
  for (;;) {
    const name = `${role}.${process.pid}.${randomBytes(3).toString('hex')}`;
    const contender = await contend(join(directory, name), account);
    const others = await livingOthers(directory, name);
    if (others.length === 0) {
      contender.decide();
      return { owned: true, release: contender.withdraw };
    }
    contender.withdraw();
    const owner = others.find((other) => other.decided);
    if (owner) return { owned: false, role: owner.role, pid: owner.pid };
    await sleep(10 + Math.random() * 90);
  }
}

interface Contender {
  decide(): void;
  withdraw(): void;
}

function contend(path: string, account: RunAs | undefined): Promise<Contender> {
  let answer = 'deciding';
  const server = createServer((socket) => socket.on('error', ignore).end(answer));
  server.unref(); // owning a directory is no reason for a process to go on
  return new Promise((resolve, reject) => {
    server.on('error', ({ message }) =>
      reject(
        new ConfigurationError([
          `Sockets cannot be made here: ${message}. Give Latchkey a directory on a local disk with LATCHKEY_DATA_DIR, or set DATABASE_URL.`,
        ]),
      ),
    );
    server.on('listening', () =>
      resolve({
        decide: () => {
          answer = 'owner';
        },
        withdraw: () => void server.close(),
      }),
    );
    asAccount(account, () => server.listen({ path, exclusive: true }));
  });
}

interface Other {
  readonly role: Role;
  readonly pid: number;
  readonly decided: boolean;
}

async function livingOthers(directory: string, ownName: string): Promise<Other[]> {
  const living: Other[] = [];
  for (const name of readdirSync(directory)) {
    const [, role, pid] = ownerName.exec(name) ?? [];
    if (name === ownName || role === undefined) continue;
    const answer = await ask(join(directory, name));
    if (answer !== 'dead') living.push({ role: role as Role, pid: Number(pid), decided: answer !== 'deciding' });
    else rmSync(join(directory, name), { force: true }); // names are never used twice, so it cannot come back to life
  }
  return living;
}

/** 'dead', or what it says. One that accepts and says nothing for 2 s is busy or stopped, but alive: taken for the owner. */
function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED' || code === 'ENOENT') answer = 'dead';
    });
    socket.on('close', () => resolve(answer));
  });
}

function ignore(): void {}
