/** A PostgreSQL server of the test's own: on a unix socket, without fsync, gone with the process that started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TestServer {
  /** The directory of the socket; trust, no password. */
  readonly host: string;
  readonly port: number;
  /** A superuser; there is a database `postgres`. */
  readonly user: string;
  stop(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const binaries = newestBinaries();
  const account = unprivilegedAccount();
  const home = mkdtempSync('/tmp/latchkey-postgres-'); // short, since a socket's path has 107 bytes at most
  if (account) chownSync(home, account.uid, account.gid);

  // The shell owns the server and the directory. When this process dies, even by kill -9, the shell's stdin ends.
  const shell = spawn('/bin/sh', ['-c', script, binaries, home], {
    ...account,
    cwd: home,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true, // Ctrl-C is for the test runner, which stops the server in its own time
  });
  const ended = new Promise<void>((resolve) => shell.once('close', () => resolve()));
  await ready(shell);

  return {
    host: home,
    port: 5432,
    user: 'postgres',
    async stop() {
      shell.stdin?.end();
      await ended;
    },
  };
}

const script = `
  trap 'rm -rf "$1"' EXIT
  "$0/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log" >&2; exit 1; }
  "$0/postgres" -D "$1/data" -p 5432 -c listen_addresses= -c unix_socket_directories="$1" \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200 &
  server=$!
  trap 'kill -INT $server' INT TERM
  read -r _
  kill -INT $server
  wait $server`;

/** Debian keeps them out of the path, one folder a version. */
function newestBinaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = readdirSync(root).map(Number);
  return join(root, String(Math.max(...versions)), 'bin');
}

/** PostgreSQL refuses to run as root; anybody else runs it as themselves. */
function unprivilegedAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync('/etc/passwd', 'utf8').match(/^postgres:[^:]*:(\d+):(\d+):/m);
  return { uid: Number(entry?.[1] ?? 65534), gid: Number(entry?.[2] ?? 65534) };
}

async function ready(shell: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let output = '';
    shell.once('error', reject);
    shell.once('close', (code) => reject(new Error(`PostgreSQL did not start (exit code ${code}).\n${output}`)));
    // Read for ever: a full pipe would block the server.
    shell.stderr?.on('data', (chunk: Buffer) => {
      if (output.length < 100_000) output += chunk.toString();
      if (output.includes('ready to accept connections')) resolve();
    });
  });
}
