import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseAddress } from '../../src/database/embedded.ts';

/** What `latchkey-child.ts` says, all of it optional. */
export interface Said {
  readonly say?: string;
  readonly opened?: number;
  readonly address?: DatabaseAddress;
  readonly refused?: string;
  readonly expected?: boolean;
  readonly stopped?: boolean;
  readonly ended?: string;
  readonly acknowledged?: number;
  readonly lost?: number;
}

export interface Child {
  readonly process: ChildProcess;
  readonly said: readonly Said[];
  /** The first line with that property; what it said instead when it ended without. */
  tells<K extends keyof Said>(property: K): Promise<Said & { readonly [P in K]-?: NonNullable<Said[P]> }>;
  /** Asks it to stop and waits for its end. */
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
}

/** The Node that the package brings runs `.ts` files; the one on the machine may be older. */
const node = [join(import.meta.dirname, '../../node_modules/.bin/node'), process.execPath].find((path) =>
  existsSync(path),
)!;

export function child(mode: string, ...rest: string[]): Child {
  const program = join(import.meta.dirname, 'latchkey-child.ts');
  const started = spawn(node, [program, mode, ...rest], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(started, 'exit');
  started.stdin.on('error', () => {}); // it has ended by itself
  const said: Said[] = [];
  const lines = createInterface({ input: started.stdout });
  lines.on('line', (line) => void said.push(JSON.parse(line) as Said));
  const allRead = once(lines, 'close').then(() => true);
  return {
    process: started,
    said,
    async tells(property) {
      for (let over = false; ; ) {
        const found = said.find((one) => one[property] !== undefined);
        if (found) return found as never;
        if (over) throw new Error(`The child ended without "${property}": ${JSON.stringify(said)}`);
        over = await Promise.race([once(lines, 'line').then(() => false), allRead]);
      }
    },
    async stop() {
      started.stdin.end('stop\n');
      await ended;
    },
    async kill() {
      started.kill('SIGKILL');
      await ended;
    },
  };
}

const made: string[] = [];

/** A directory of its own below the temporary one, which other users can enter. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'lk-test-')));
  chmodSync(directory, 0o755);
  made.push(directory);
  return directory;
}

/** Ends what a failed test may have left running in the temporary directories, and removes them and the short links to them. */
export function cleanUp(): void {
  for (const directory of made.splice(0)) {
    for (const { pid } of processesOf(directory)) kill(pid);
    for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith('latchkey-'))) {
      const link = join(tmpdir(), name);
      if (readlink(link).startsWith(directory)) rmSync(link);
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Everything that works in a directory or names it: servers, their children, watchdogs, initdb; not this process. */
export function processesOf(directory: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid), cwd: readlink(`/proc/${pid}/cwd`) }))
    .filter(({ command, cwd }) => command.includes(directory) || cwd.startsWith(directory));
}

/** Milliseconds until nothing of that directory runs any more. */
export async function untilGone(directory: string): Promise<number> {
  const begin = performance.now();
  while (processesOf(directory).length > 0) {
    if (performance.now() - begin > 10_000) throw new Error(`Still there: ${JSON.stringify(processesOf(directory))}`);
    await sleep(10);
  }
  return performance.now() - begin;
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
