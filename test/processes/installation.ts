import { join } from 'node:path';
import { freePort, type RunningProcess, runProcess, startProcess, tempDirectory } from '../support/process.ts';
import type { Ran } from '../support/ran.ts';

export const latchkey = join(import.meta.dirname, '../../bin/latchkey.js');

type Environment = Readonly<Record<string, string>>;

/** A directory in which somebody runs Latchkey, as a stranger would: nothing is set but what the test says. */
export interface Installation {
  readonly directory: string;
  /** Where the embedded database and the master key are by default. */
  readonly data: string;
  readonly issuer: string;
  readonly port: number;
  /** Starts the provider and waits until it is ready. */
  serve(env?: Environment): Promise<RunningProcess>;
  /** Runs a command to its end; `env` on top of the installation's. */
  run(args: readonly string[], env?: Environment): Promise<Ran>;
}

export async function newInstallation(env: Environment = {}): Promise<Installation> {
  const directory = tempDirectory();
  const port = await freePort();
  const all = { PORT: String(port), ...env };
  return {
    directory,
    data: join(directory, 'data'),
    port,
    issuer: `http://localhost:${port}`,
    serve: (more = {}) =>
      startProcess(process.execPath, [latchkey, 'serve'], {
        cwd: directory,
        env: { ...all, ...more },
        readyWhen: /Latchkey is ready/,
        timeoutMs: 60_000,
      }),
    run: (args, more = {}) =>
      runProcess(process.execPath, [latchkey, ...args], {
        cwd: directory,
        env: { ...all, ...more },
        timeoutMs: 60_000,
      }),
  };
}

/** What stdout says of the first administrator's pass. */
export function firstPass(stdout: string): { address: string; code: string } {
  const [, address = ''] = /^Address: (\S+)$/m.exec(stdout) ?? [];
  const [, code = ''] = /^Code: ([2-9A-HJ-NP-Z]{4}(?:-[2-9A-HJ-NP-Z]{4})+)$/m.exec(stdout) ?? [];
  if (!address || !code) throw new Error(`There is no address or no code in:\n${stdout}`);
  return { address, code };
}

export async function isServing(issuer: string): Promise<boolean> {
  const answer = await fetch(`${issuer}/readyz`).catch(() => undefined);
  return answer?.status === 200;
}
