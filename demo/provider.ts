/** The provider as an operator would start it: a process of its own, and commands beside it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface DemoProvider {
  readonly issuer: string;
  /** Rejects when the provider ends without having been told to. */
  readonly fallen: Promise<never>;
  /** Resolves when it answers. */
  ready(): Promise<void>;
  /** Runs a command of the CLI against it and returns what that printed. */
  command(...args: readonly string[]): Promise<string>;
  /** Resolves when the process has ended, and its database with it. */
  stop(): Promise<void>;
}

interface Settings {
  readonly port: number;
  readonly directory: string;
  readonly seedFile: string;
  readonly signal: AbortSignal;
}

const program = fileURLToPath(new URL('../../bin/latchkey.js', import.meta.url));
const patienceMs = 20_000;

export function startProvider({ port, directory, seedFile, signal }: Settings): DemoProvider {
  const issuer = `http://localhost:${port}`;
  const env = {
    ...plainEnvironment(),
    PORT: String(port),
    LATCHKEY_ISSUER: issuer,
    LATCHKEY_DATA_DIR: directory,
    LATCHKEY_LOG_LEVEL: 'warn',
  };
  // Its complaints go to the terminal. It stays in our process group: Ctrl-C and a closed terminal reach it as well.
  const child = spawn(process.execPath, [program, 'serve'], {
    env: { ...env, LATCHKEY_SEED: seedFile },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  const fallen = ended.then(([code, by]) => {
    throw new Error(`the provider ended (${by ?? `exit status ${code}`}).`);
  });
  fallen.catch(() => {}); // whoever waits for it is told; nobody has to

  return {
    issuer,
    fallen,
    async ready() {
      while (!(await answers(`${issuer}/readyz`, signal))) {
        await Promise.race([sleep(100, undefined, { signal }), fallen]);
      }
    },
    async command(...args) {
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env, signal });
      return stdout;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      if (await Promise.race([ended, sleep(patienceMs, undefined, { ref: false })])) return;
      child.kill('SIGKILL'); // its database goes with it
      await ended;
    },
  };
}

/** Without the settings of another Latchkey that this terminal may have. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const ofLatchkey = /^(LATCHKEY_.*|DATABASE_URL|DATABASE_URL_FILE|PORT|HOST)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofLatchkey.test(name)));
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await fetch(url, { signal })).ok;
  } catch {
    return false; // not yet; whether it ever will is seen from `fallen`
  }
}
