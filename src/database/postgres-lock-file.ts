import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface FoundServer {
  readonly pid: number;
  /** Whether that pid is a server of this very directory. */
  readonly alive: boolean;
  /** Empty while the server has only just begun. */
  readonly socketDirectory: string;
}

/** What postmaster.pid says. After a kill -9 its pid may be anyone's: in a container the same few come up at every start. */
export function findServer(clusterDirectory: string): FoundServer | undefined {
  let file: string;
  try {
    file = readFileSync(join(clusterDirectory, 'postmaster.pid'), 'utf8');
  } catch {
    return undefined;
  }
  // Lines: pid (negative for the single-user server), data directory, start time, port, first socket directory, …
  const lines = file.split('\n');
  const pid = Math.abs(Number.parseInt(lines[0]!, 10));
  return Number.isNaN(pid)
    ? undefined
    : { pid, alive: isServerOf(pid, clusterDirectory), socketDirectory: lines[4] ?? '' };
}

/** Whether that process is a PostgreSQL server of this directory, and not a stranger with the same pid. */
export function isServerOf(pid: number, clusterDirectory: string): boolean {
  const directory = realpathSync(clusterDirectory);
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(
      ` -D ${directory} `,
    );
  }
  try {
    // Every PostgreSQL process works in its data directory; nobody else has reason to.
    return readlinkSync(`/proc/${pid}/cwd`) === directory;
  } catch (error) {
    // Root in a container may not look (no CAP_SYS_PTRACE), but everybody can see the arguments.
    return (
      (error as NodeJS.ErrnoException).code === 'EACCES' &&
      argumentsOf(pid).join(' ').includes(`postgres -D ${directory} `)
    );
  }
}

function argumentsOf(pid: number): string[] {
  try {
    const [program = '', ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return [basename(program), ...rest];
  } catch {
    return [];
  }
}
