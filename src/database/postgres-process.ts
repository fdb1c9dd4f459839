import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Who a child runs as; absent means the same user as this process. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface Program {
  /** Absolute paths only: the working directory is `/`, because the unprivileged user may not reach ours. */
  readonly command: readonly [string, ...string[]];
  readonly runAs?: RunAs | undefined;
  /** For LD_LIBRARY_PATH, where the binaries do not find their libraries by themselves. */
  readonly libraries?: string | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  /** What becomes of it when this process dies. A server is shut down; what leaves nothing of value behind is killed. */
  readonly orphaned: 'shut down' | 'kill';
}

export interface Exit {
  /** Exit code of the program, or of /bin/sh where it could not run: 126 not executable, 127 not found (or no loader for it). */
  readonly code: number | null;
  readonly lastLines: readonly string[];
}

export interface WatchedProcess {
  /** The program ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** Called for every line of its stderr, for ever: a full pipe would block the program. */
  onLine(listener: (line: string) => void): void;
  /** Sends a signal by way of the watchdog, which alone knows the pid for certain. */
  signal(name: 'INT' | 'QUIT' | 'KILL'): void;
}

/*
 * A shell owns the program. When Node dies, even by kill -9, the shell's stdin ends and the shell stops the program ($1).
 * The program and the reader are both in the background, so that the death of either is noticed; the program's own stdin
 * must not be the pipe. A signal for the shell (a system going down) is passed on. At the end the whole group goes, so
 * that the reader and its `sleep` never stay behind.
 */
const watchdog = `
orphaned=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- & program=$!
( while read -r name; do kill -s "$name" $program; done; eval "$orphaned" ) <&3 3<&- >/dev/null 2>&1 &
exec 3<&-
trap 'kill -s INT $program' INT TERM HUP
wait $program; code=$?
while kill -s 0 $program 2>/dev/null; do wait $program; code=$?; done
trap '' TERM; kill -s TERM 0; wait
exit $code
`;

const whenOrphaned = {
  // INT is PostgreSQL's fast shutdown, QUIT a second later its immediate one, which costs a recovery and loses nothing.
  'shut down': 'kill -s INT $program; sleep 1; kill -s QUIT $program; sleep 5; kill -s KILL 0',
  kill: 'kill -s KILL 0',
};

const keptLines = 20;

/** Starts a program that cannot outlive this process. A failure to start at all is an `Exit` as well, never an 'error' event. */
export function startWatched(program: Program): WatchedProcess {
  const child = spawn(
    '/bin/sh',
    ['-c', watchdog, 'latchkey-watchdog', whenOrphaned[program.orphaned], ...program.command],
    {
      ...(program.runAs && { uid: program.runAs.uid, gid: program.runAs.gid }),
      cwd: '/',
      env: environment(program),
      stdio: ['pipe', 'ignore', 'pipe'],
      // A group of its own: Ctrl-C in a terminal must reach Node only, which then stops things in order.
      detached: true,
    },
  );
  child.stdin.on('error', ignore); // EPIPE: it is gone already, `exited` says so

  const lastLines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    for (const listener of listeners) listener(line);
  });

  return {
    exited: exitOf(child, lastLines),
    onLine: (listener) => void listeners.push(listener),
    signal: (name) => void child.stdin.write(`${name}\n`),
  };
}

async function exitOf(child: ChildProcess, lastLines: string[]): Promise<Exit> {
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    await drained(child);
    return { code, lastLines };
  } catch (error) {
    // No /bin/sh, no right to become that user, no more processes.
    return { code: null, lastLines: [(error as Error).message] };
  }
}

/** The last lines may still be in the pipe. A stray child can hold it open for longer than they are worth. */
async function drained(child: ChildProcess): Promise<void> {
  if (child.stderr?.closed === false) {
    await once(child.stderr, 'close', { signal: AbortSignal.timeout(500) }).catch(ignore);
  }
}

/** Nothing of ours is inherited: PGDATA, PGOPTIONS or a locale with other words for "ready" would change what happens. */
function environment(program: Program): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    ...(program.libraries !== undefined && { LD_LIBRARY_PATH: program.libraries }),
    ...program.environment,
  };
}

function ignore(): void {}
