import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { main } from '../../src/cli.ts';
import type { Ran } from './ran.ts';
import { startHouse, testMasterKey, type TestHouse } from './house.ts';

type Environment = Readonly<Record<string, string>>;

/** What a command finds in its environment beside this house. */
export function environmentOf(house: TestHouse): Environment {
  return {
    DATABASE_URL: house.base.config.databaseUrl!,
    LATCHKEY_ISSUER: house.issuer,
    LATCHKEY_MASTER_KEY: testMasterKey,
  };
}

/** A command as it is typed, run to its end in this process; its words are what a shell would make of them. One at a time. */
export async function runCommand(args: readonly string[], env: Environment): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    }),
  );
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    await main(args);
    return { code: Number(process.exitCode ?? 0), ...written };
  } finally {
    process.exitCode = undefined;
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
  }
}

export interface Commands {
  readonly house: TestHouse;
  /** For files that commands read. */
  readonly directory: string;
  run(args: readonly string[], env?: Environment): Promise<Ran>;
  /** Has to succeed without a word on stderr. Returns what it printed. */
  done(...args: string[]): Promise<string>;
}

/** A house of this test's own that serves, and commands beside it. */
export async function newCommands(): Promise<Commands> {
  const house = await startHouse();
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-commands-'));
  onTestFinished(async () => {
    rmSync(directory, { recursive: true });
    await house.close();
  });
  const run = (args: readonly string[], env: Environment = {}) => runCommand(args, { ...environmentOf(house), ...env });
  return {
    house,
    directory,
    run,
    async done(...args) {
      const { code, stdout, stderr } = await run(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return stdout;
    },
  };
}
