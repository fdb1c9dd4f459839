/**
 * Processes, ports and directories that a test has for itself, and that are gone when it ends: also when it fails or
 * times out, and the processes also when the runner itself is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { onTestFinished } from 'vitest';

export interface ProcessOptions {
  /** On top of PATH, HOME and the locale; nothing else of the runner's environment reaches the process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Looked for in stdout and in stderr; without it the process counts as ready once it is spawned. */
  readonly readyWhen?: RegExp;
  /** How long it may take to get ready (`startProcess`) or to end (`runProcess`); 30 seconds by default. */
  readonly timeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** What `readyWhen` matched, with its groups. */
  readonly ready: RegExpMatchArray | null;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Rejects, with all output, when the process ends or the time is over first. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /**
   * Sends a signal, SIGTERM by default, to this process alone and waits for its end; what becomes of its children is
   * its own affair until the test ends. Rejects when it lives on for longer than `timeoutMs`, 15 seconds by default.
   */
  kill(signal?: NodeJS.Signals, timeoutMs?: number): Promise<Exit>;
}

const patienceMs = 30_000;

/**
 * Starts a process and waits until it is ready. At the end of the test it is stopped, and what is left of its process
 * group is killed. Started outside of a test (in a beforeAll), it lives until `kill` or the end of the runner.
 */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own, so that its children can be reached at the end
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let exit: Exit | undefined;
  // Not `close`: a child that inherited the pipes would keep it from coming after a SIGKILL.
  const exited = once(child, 'exit').then(([code, signal]): Exit => {
    exit = { code, signal };
    return exit;
  });
  exited.catch(() => {}); // a failed spawn is reported by the next line
  await once(child, 'spawn');
  const pid = child.pid as number;
  const dismissWatch = whenTheRunnerIsGone('kill -9 -"$0"', String(pid));

  async function waitFor(pattern: RegExp, timeoutMs = patienceMs): Promise<RegExpMatchArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const ended = exit;
      if (ended) await drained(child);
      const match = stdout.match(pattern) ?? stderr.match(pattern);
      if (match) return match;
      if (ended || Date.now() > deadline) {
        const what = ended ? `ended (${ended.signal ?? `exit code ${ended.code}`})` : `had ${timeoutMs} ms`;
        throw new Error(`\`${[command, ...args].join(' ')}\` ${what} without saying ${pattern}.\n${stdout}\n${stderr}`);
      }
      await Promise.race([exited, wait(20)]);
    }
  }

  async function kill(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 15_000): Promise<Exit> {
    child.kill(signal);
    const ended = await Promise.race([exited, wait(timeoutMs)]);
    if (!ended)
      throw new Error(`Process ${pid} (${command}) did not end within ${timeoutMs} ms of ${signal}.\n${stderr}`);
    await drained(child);
    return ended;
  }

  async function sweep(): Promise<void> {
    if (!exit) await kill('SIGTERM', 5_000).catch(() => {});
    killGroup(pid);
    dismissWatch();
  }

  afterThisTest(sweep);
  try {
    const ready = options.readyWhen ? await waitFor(options.readyWhen, options.timeoutMs) : null;
    return { pid, ready, exited, stdout: () => stdout, stderr: () => stderr, waitFor, kill };
  } catch (error) {
    await sweep();
    throw error;
  }
}

/** Runs a command to its end. Rejects only when it takes longer than `timeoutMs`; an exit code is an answer. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: Omit<ProcessOptions, 'readyWhen'> = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const running = await startProcess(command, args, options);
  const { timeoutMs = patienceMs } = options;
  const ended = await Promise.race([running.exited, wait(timeoutMs)]);
  if (!ended) {
    await running.kill('SIGKILL');
    throw new Error(`\`${[command, ...args].join(' ')}\` ran for more than ${timeoutMs} ms.\n${running.stderr()}`);
  }
  const exit = await running.kill(); // it has ended: this waits for the last of its output
  return { ...exit, stdout: running.stdout(), stderr: running.stderr() };
}

const handedOut = new Set<number>();

/** A port nobody listens on now, and that this test file was not given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, 'localhost');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address === null || typeof address === 'string' || handedOut.has(address.port)) continue;
    handedOut.add(address.port);
    return address.port;
  }
}

/**
 * A directory that is removed when the test ends, after killing whoever still works in it: an embedded database keeps
 * its data directory as its working directory. Outside of a test it lives until the runner ends. Others may look inside,
 * since a server started as root gives up root.
 */
export function tempDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-test-')));
  chmodSync(directory, 0o755);
  // Two seconds, for the processes that are killed at the same moment.
  const dismissWatch = whenTheRunnerIsGone('sleep 2; rm -rf -- "$0"', directory);
  afterThisTest(() => {
    killProcessesIn(directory);
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    dismissWatch();
  });
  return directory;
}

/** The ids of the processes that work in the directory or below it; empty where there is no /proc. */
export function processesIn(directory: string): readonly number[] {
  return numbersIn('/proc').filter((pid) => {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      return cwd === directory || cwd.startsWith(directory + sep);
    } catch {
      return false; // it ended meanwhile
    }
  });
}

/** Kills them all; one that ends meanwhile, as a database's workers do after their parent, is nothing to speak of. */
export function killProcessesIn(directory: string): void {
  for (const pid of processesIn(directory)) signalQuietly(pid, 'SIGKILL');
}

function numbersIn(directory: string): readonly number[] {
  try {
    return readdirSync(directory).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function plainEnvironment(): Record<string, string> {
  const { PATH = '', HOME, LANG, TZ, TMPDIR } = process.env;
  // The node that runs the tests is the one that commands find, whatever the machine has.
  const path = [dirname(process.execPath), PATH].join(delimiter);
  const kept = Object.entries({ PATH: path, HOME, LANG, TZ, TMPDIR });
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Outside of a test, where vitest throws, the end of the runner has to do. */
function afterThisTest(cleanup: () => void | Promise<void>): void {
  try {
    onTestFinished(cleanup);
  } catch {
    // `whenTheRunnerIsGone` sees to it.
  }
}

/**
 * A shell that runs the command, with `$0` as its argument, when this runner is gone: it reads from a pipe that only
 * the runner holds, and the kernel closes that however the runner ends. Dismissed with a line, it does nothing.
 */
function whenTheRunnerIsGone(command: string, argument: string): () => void {
  const watch = spawn('sh', ['-c', `read line || { ${command}; }`, argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watch.unref();
  const { stdin } = watch;
  stdin.on('error', () => {});
  (stdin as unknown as { unref(): void }).unref();
  return () => stdin.end('dismissed\n');
}

function killGroup(pid: number): void {
  signalQuietly(-pid, 'SIGKILL');
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Nobody is left.
  }
}

/** Output is complete once the pipes are closed; half a second is enough unless a child keeps them open. */
async function drained(child: ChildProcess): Promise<void> {
  const open = [child.stdout, child.stderr].filter((stream) => stream && !stream.closed);
  await Promise.race([Promise.all(open.map((stream) => once(stream!, 'close'))), wait(500)]);
}
