import { ConfigurationError } from '../core/errors.ts';

/** The cure that always helps. */
export const ownServer = 'Set DATABASE_URL to a PostgreSQL server (14 or later) of your own instead.';

/** What PostgreSQL says, and what a person can do about it. The first that matches is told. */
const cures: readonly (readonly [RegExp, string])[] = [
  [
    /could not look up effective user ID/,
    'PostgreSQL needs an entry in /etc/passwd for the user it runs as; add one, or start the container as root or as a known user.',
  ],
  [/No space left on device/, 'Its disk, or /dev/shm in a container, is full: make room (docker run --shm-size=256m).'],
  [
    /could not (create|resize|open) (anonymous )?shared memory|Cannot allocate memory/,
    'There is too little memory for it: give the container more, also for /dev/shm (docker run --shm-size=256m).',
  ],
  [
    /database files are incompatible with server/,
    'Another major version of PostgreSQL made this database: bring back the Latchkey it belongs to, or move the data by an export.',
  ],
  [
    /has wrong ownership|Permission denied/,
    'Its files belong to another user: start Latchkey as that user or as root, or give it another directory with LATCHKEY_DATA_DIR.',
  ],
  [/spawn\w* \/bin\/sh ENOENT/, 'It needs /bin/sh, which is not there.'],
  [
    /spawn\w* .* E(PERM|INVAL)/,
    'PostgreSQL does not run as root, and this process may not become another user: start Latchkey as a user other than root.',
  ],
  [
    /cannot open shared object file|symbol lookup error|version .* not found|spawn\w* .* ENOENT/,
    'It needs Linux with glibc and libstdc++ (not musl, as on Alpine).',
  ],
];

/** The server or initdb gave up; told from its first complaint on, for what follows is mostly a consequence. */
export function startFailure(doing: string, lastLines: readonly string[]): ConfigurationError {
  const first = lastLines.findIndex((line) => /(FATAL|PANIC|error): /.test(line));
  const told = first === -1 ? lastLines.slice(-5) : lastLines.slice(first, first + 3);
  return explained(`The embedded database could not ${doing}`, oneLine(told));
}

/** What it said last, in one line. */
export function oneLine(lines: readonly string[]): string {
  return lines.join(' ').replace(/\s+/g, ' ');
}

/** The binaries do not even print their version here. */
export function cannotRun(problem: string): ConfigurationError {
  return explained('The embedded database cannot run on this machine', problem);
}

function explained(what: string, problem: string): ConfigurationError {
  const [, cure] = cures.find(([pattern]) => pattern.test(problem)) ?? [];
  const said = problem === '' ? `${what}.` : `${what}: ${problem}${/[.!?]$/.test(problem) ? '' : '.'}`;
  return new ConfigurationError([[said, cure, ownServer].filter((part) => part !== undefined).join(' ')]);
}
