import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { ConfigurationError } from './core/errors.ts';
import { usableDataDirectory } from './database/embedded.ts';

/**
 * The configuration with its master key, from the file where none was given. Call it before the database is made: a database
 * without the key file is then one whose key was lost, and a new key would only spoil it further.
 */
export function withMasterKey(config: Config, say: (line: string) => void): Config {
  if (config.masterKey || config.databaseUrl) return config;
  const directory = usableDataDirectory({ dataDirectory: config.dataDirectory, say });
  const [file, database] = [join(directory, 'master.key'), join(directory, 'postgres')];
  if (!existsSync(file) && existsSync(database)) {
    throw new ConfigurationError([
      `${file} is missing, and the database in ${database} cannot be read without it. Restore it from your backup, ` +
        'or set LATCHKEY_MASTER_KEY to what it held. If it is lost for good, docs/operators.md says how to go on without it.',
    ]);
  }
  return { ...config, masterKey: masterKeyFile(directory) };
}

/**
 * The master key of an installation that was given none: a file of mode 0600 in the data directory, made at the first start.
 * It is the one thing the database does not hold; back it up apart from it.
 */
export function masterKeyFile(dataDirectory: string): Buffer {
  const file = join(dataDirectory, 'master.key');
  const text = read(file) ?? make(file);
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) {
    throw new ConfigurationError([
      `${file} does not hold a master key (32 bytes in base64). Restore it from your backup.`,
    ]);
  }
  return key;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigurationError([
      `${file} cannot be read (${(error as Error).message}). It must belong to the user that runs Latchkey.`,
    ]);
  }
}

/** Written whole or not at all: a crash leaves no half key, and of two first starts one makes it. */
function make(file: string): string {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  writeSync(descriptor, `${randomBytes(32).toString('base64')}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return readFileSync(file, 'utf8');
}
