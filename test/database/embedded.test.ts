import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { ConfigurationError } from '../../src/core/errors.ts';
import {
  attachEmbedded,
  type DatabaseAddress,
  type EmbeddedOptions,
  initCluster,
  serveEmbedded,
  startPostgres,
  usableDataDirectory,
} from '../../src/database/embedded.ts';
import { type BinaryPackage, findBinaryPackage, usableBinaries } from '../../src/database/postgres-binaries.ts';
import { unprivilegedAccount } from '../../src/database/unprivileged-account.ts';
import { child, cleanUp, kill, processesOf, temporaryDirectory, untilGone } from './processes.ts';

vi.setConfig({ testTimeout: 60_000 });
afterAll(cleanUp, 60_000);

const asRoot = process.getuid?.() === 0;
console.warn(
  asRoot
    ? 'As root: node_modules that cannot be written are not tested in this run.'
    : 'Not root: what the embedded database does when started as root is not tested in this run.',
);

const account = unprivilegedAccount('/nonexistent');
const runAs = account && { runAs: { uid: account.uid, gid: account.gid } };

function options(dataDirectory: string, said: string[] = []): EmbeddedOptions {
  return { dataDirectory, fallbackDirectory: `${dataDirectory}-fallback`, say: (line) => void said.push(line) };
}

function newData(): string {
  return join(temporaryDirectory(), 'data');
}

async function ask<Row extends pg.QueryResultRow>(address: DatabaseAddress, sql: string): Promise<Row[]> {
  const client = new pg.Client({ ...address });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function postgresOf(data: string): number {
  const { pid } = processesOf(data).find(({ command }) => /^\S*\/postgres -D/.test(command))!;
  return pid;
}

function watchdogsOf(data: string): number[] {
  return processesOf(data)
    .filter(({ command }) => command.startsWith('/bin/sh'))
    .map(({ pid }) => pid);
}

async function refusal(running: Promise<unknown>): Promise<string> {
  const error = await running.then(
    () => new Error('It was not refused.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  return (error as Error).message;
}

describe('starting and stopping', () => {
  test('an empty directory gets a durable database that only its own user can reach', async () => {
    const data = newData();
    const said: string[] = [];
    const begin = performance.now();
    const first = await serveEmbedded(options(data, said));
    const cold = performance.now() - begin;
    const [shown] = await ask<Record<string, string>>(
      first.address,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('data_checksums') as checksums,
              current_setting('listen_addresses') as tcp, current_setting('server_encoding') as encoding, current_database() as name`,
    );
    expect(shown).toEqual({ fsync: 'on', commit: 'on', checksums: 'on', tcp: '', encoding: 'UTF8', name: 'latchkey' });
    for (const name of ['.', 'postgres', 'run'])
      expect((statSync(join(data, name)).mode & 0o777).toString(8)).toBe('700');
    expect(said).toEqual([`Creating the database in ${data}/postgres.`]);
    await ask(first.address, 'create table kept as select 1 as one');
    await first.stop();
    expect(processesOf(data)).toEqual([]);

    const beginAgain = performance.now();
    const second = await serveEmbedded(options(data));
    const warm = performance.now() - beginAgain;
    expect(await ask(second.address, 'select one from kept')).toEqual([{ one: 1 }]);
    const beginStop = performance.now();
    await second.stop();
    await second.stop(); // twice is once
    const figures = [cold, warm, performance.now() - beginStop].map(Math.round);
    console.log(`first start ${figures[0]} ms, warm start ${figures[1]} ms, stop ${figures[2]} ms`);
    expect(readdirSync(join(data, 'run'))).toEqual([]);
    expect(readdirSync(data).sort()).toEqual(['postgres', 'run']);
  });

  test('a path too long for a socket gets a short one that leads to the same place', async () => {
    const data = join(temporaryDirectory(), 'a-rather-long-name-of-a-directory'.repeat(4), 'data');
    const server = child('serve', data);
    const { address } = await server.tells('address');
    expect(address.host.length).toBeLessThan(60);
    expect(readdirSync(join(data, 'run'))).toContain('.s.PGSQL.5432');
    const attached = await attachEmbedded(options(data));
    expect(await ask(attached.address, 'select 1 as one')).toEqual([{ one: 1 }]);
    await attached.stop();
    expect(await refusal(serveEmbedded(options(data)))).toContain('already serving');
    await server.stop();
    expect(processesOf(data)).toEqual([]);
  });

  test('a path may hold spaces, quotes, commas and letters of any language', async () => {
    const data = join(temporaryDirectory(), `Jörg's "own", 数据`, 'data');
    await (await serveEmbedded(options(data))).stop();
    const server = child('serve', data);
    await server.tells('opened');
    await (await attachEmbedded(options(data))).stop();
    await server.kill();
    await (await serveEmbedded(options(data))).stop();
    expect(processesOf(data)).toEqual([]);
  });

  test('a server that ends by itself says so', async () => {
    const data = newData();
    const server = await serveEmbedded(options(data));
    const message = new Promise<string>((resolve) => server.onExit(resolve));
    process.kill(postgresOf(data), 'SIGINT');
    expect(await message).toContain('ended by itself');
    await server.stop();
    await untilGone(data);
    await (await serveEmbedded(options(data))).stop();
  });
});

describe('one owner', () => {
  test('a second serve is refused with the process id of the first; other commands work alongside', async () => {
    const data = newData();
    const first = child('serve', data);
    await first.tells('opened');
    expect(await refusal(serveEmbedded(options(data)))).toBe(
      `Another Latchkey is already serving ${data} (process ${first.process.pid}). Stop it first, or give this one its own directory with LATCHKEY_DATA_DIR.`,
    );
    const second = child('serve', data);
    expect(await second.tells('refused')).toMatchObject({ expected: true });

    const commands = await Promise.all([1, 2, 3].map(() => attachEmbedded(options(data))));
    for (const command of commands) {
      expect(await ask(command.address, 'select 1 as one')).toEqual([{ one: 1 }]);
      await command.stop();
    }
    expect(processesOf(data).some(({ pid }) => pid === first.process.pid)).toBe(true);
    await first.stop();
    expect(processesOf(data)).toEqual([]);
  });

  test('of several that start on an empty directory at the same moment exactly one wins', async () => {
    const data = newData();
    const starters = [1, 2, 3].map(() => child('serve', data));
    const told = await Promise.all(starters.map((one) => Promise.any([one.tells('opened'), one.tells('refused')])));
    expect(told.filter(({ opened }) => opened !== undefined)).toHaveLength(1);
    for (const { refused } of told.filter((one) => one.refused))
      expect(refused).toContain('Another Latchkey is already serving');
    await Promise.all(starters.map((one) => one.stop()));
  });

  test('a serve waits for a command that runs a server of its own, and that one for another command', async () => {
    const data = newData();
    const owner = child('attach', data);
    await owner.tells('opened');
    const guest = child('attach', data);
    const { address } = await guest.tells('address');
    const serve = child('serve', data);

    const ownerStops = owner.stop();
    await sleep(500);
    // The owner wants to end, and the guest is still at work.
    await ask(address, 'create table work as select 1 as one');
    expect(serve.said.some(({ opened, refused }) => opened ?? refused)).toBe(false);
    await guest.stop();
    await ownerStops;
    expect(owner.said).toContainEqual({ stopped: true });

    await serve.tells('opened');
    const attached = await attachEmbedded(options(data));
    expect(await ask(attached.address, 'select one from work')).toEqual([{ one: 1 }]);
    await attached.stop();
    await serve.stop();
  });

  test('commands that start together on an empty directory share one server', async () => {
    const data = newData();
    const commands = [1, 2, 3].map(() => child('attach', data));
    await Promise.all(commands.map((one) => one.tells('opened')));
    await Promise.all(commands.map((one) => one.stop()));
    expect(commands.map(({ said }) => said.at(-1))).toEqual([{ stopped: true }, { stopped: true }, { stopped: true }]);
    expect(processesOf(data)).toEqual([]);
  });
});

describe('kill -9', () => {
  test('the server goes with its parent within 2 s, and a start in that very moment opens', async () => {
    const data = newData();
    const first = child('serve', data);
    await first.tells('opened');
    await first.kill();
    console.log(`server gone ${Math.round(await untilGone(data))} ms after its parent`);

    const second = child('serve', data);
    await second.tells('opened');
    second.process.kill('SIGKILL');
    const third = await serveEmbedded(options(data));
    await third.stop();
    await second.kill();
    expect(processesOf(data)).toEqual([]);
  });

  test('a server whose watchdog was killed as well is stopped by the next start', async () => {
    const data = newData();
    const first = child('serve', data);
    await first.tells('opened');
    first.process.kill('SIGSTOP'); // before it notices and lets the rest of the watchdog do its work
    for (const pid of watchdogsOf(data)) kill(pid);
    await first.kill();
    await sleep(300);
    expect(postgresOf(data)).toBeGreaterThan(0);

    const said: string[] = [];
    const second = await serveEmbedded(options(data, said));
    expect(said.join()).toContain('that an earlier Latchkey left behind');
    await second.stop();
    expect(processesOf(data)).toEqual([]);
  });

  test('killed at any moment of the first start, it opens afterwards and leaves nothing half done', async () => {
    for (const milliseconds of [0, 60, 150, 250, 350, 500]) {
      const data = newData();
      const first = child('serve', data);
      await first.tells('say'); // initdb begins
      await sleep(milliseconds);
      await first.kill();
      const second = await serveEmbedded(options(data));
      expect(await ask(second.address, 'select 1 as one')).toEqual([{ one: 1 }]);
      await second.stop();
      expect(readdirSync(data).sort()).toEqual(['postgres', 'run']);
      expect(processesOf(data)).toEqual([]);
    }
  });

  test('a lock file whose process id has come to belong to somebody else needs no repair', async () => {
    const data = newData();
    await (await serveEmbedded(options(data))).stop();
    // The same user as the server's: PostgreSQL by itself would take that for a live server.
    const stranger = spawn('/bin/sleep', ['60'], { uid: account?.uid, gid: account?.gid, cwd: '/' });
    const file = join(data, 'postgres/postmaster.pid');
    writeFileSync(file, `${stranger.pid}\n${data}/postgres\n1700000000\n5432\n${data}/run\n\n  1 1\nready   \n`, {
      mode: 0o600,
    });
    if (account) chownSync(file, account.uid, account.gid);
    const server = await serveEmbedded(options(data));
    await server.stop();
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  });
});

describe('binaries', () => {
  const real = findBinaryPackage();

  /** Files as hard links: 60 MB in no time. Where the kernel keeps those to the owner, as copies. */
  function linkedPackage(directory: string): BinaryPackage {
    mkdirSync(directory, { recursive: true });
    if (spawnSync('cp', ['-al', real.native, directory]).status !== 0) spawnSync('cp', ['-a', real.native, directory]);
    return { native: join(directory, 'native'), version: real.version };
  }

  function removeLinks({ native }: BinaryPackage): string[] {
    const links = readdirSync(native, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isSymbolicLink(),
    );
    for (const { parentPath, name } of links) rmSync(join(parentPath, name));
    return links.map(({ name }) => name);
  }

  test('missing links to libraries, as npm ci --ignore-scripts leaves it, are made', () => {
    const directory = temporaryDirectory();
    const copied = linkedPackage(directory);
    usableBinaries(copied, join(directory, 'copies'), runAs?.runAs);
    expect(removeLinks(copied)).toContain('libicuuc.so.60');
    expect(spawnSync(join(copied.native, 'bin/postgres'), ['--version']).status).not.toBe(0);

    expect(usableBinaries(copied, join(directory, 'copies'), runAs?.runAs)).toBe(join(copied.native, 'bin'));
    expect(spawnSync(join(copied.native, 'bin/postgres'), ['--version']).status).toBe(0);
    expect(existsSync(join(directory, 'copies'))).toBe(false);
  });

  test.runIf(asRoot)('out of reach for the unprivileged user, they are copied and work from there', async () => {
    const directory = temporaryDirectory();
    const home = join(directory, 'home');
    mkdirSync(home, { mode: 0o700 });
    const data = join(directory, 'data');
    mkdirSync(data);
    const binaries = usableBinaries(linkedPackage(home), join(data, 'binaries'), runAs?.runAs);
    expect(binaries).toBe(join(data, 'binaries', real.version, 'bin'));
    expect(usableBinaries(linkedPackage(join(home, 'again')), join(data, 'binaries'), runAs?.runAs)).toBe(binaries);
    expect(readdirSync(join(data, 'binaries'))).toEqual([real.version]);

    const place = { binaries, clusterDirectory: join(data, 'postgres'), ...runAs };
    await initCluster(place);
    const server = await startPostgres({ ...place, socketDirectory: privateDirectory(join(data, 'run')) });
    expect(await ask(server.address, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  test.skipIf(asRoot)('where their links are missing and cannot be made, they are copied', () => {
    const directory = temporaryDirectory();
    const copied = linkedPackage(directory);
    removeLinks(copied);
    chmodSync(join(copied.native, 'lib'), 0o555);
    const binaries = usableBinaries(copied, join(directory, 'copies'), undefined);
    chmodSync(join(copied.native, 'lib'), 0o755);
    expect(binaries).toBe(join(directory, 'copies', real.version, 'bin'));
  });

  test('the server of the distribution runs as well', async () => {
    const binaries = ['18', '17', '16', '15', '14']
      .map((major) => `/usr/lib/postgresql/${major}/bin`)
      .find((path) => existsSync(path));
    if (!binaries) return console.warn('No PostgreSQL of the distribution here: not tried.');
    const directory = temporaryDirectory();
    const place = { binaries, clusterDirectory: join(directory, 'postgres'), ...runAs };
    if (account) chownSync(directory, account.uid, account.gid);
    await initCluster(place);
    const server = await startPostgres({
      ...place,
      socketDirectory: privateDirectory(join(directory, 'run')),
      settings: { max_connections: '7' },
    });
    expect(await ask(server.address, 'show max_connections')).toEqual([{ max_connections: '7' }]);
    await server.stop();
  });
});

describe('the directory', () => {
  test.runIf(asRoot)('under a home that only root enters, another one is used and said', async () => {
    const directory = temporaryDirectory();
    const home = join(directory, 'home');
    mkdirSync(home, { mode: 0o700 });
    const said: string[] = [];
    const asked = { ...options(join(home, 'app/data'), said), fallbackDirectory: join(directory, 'fallback') };
    const used = usableDataDirectory(asked);
    expect(used).toBe(join(directory, 'fallback'));
    expect(said).toEqual([
      `Using ${used}, because the user "${account?.name}", who runs the database, cannot enter ${home}/app/data.`,
    ]);
    expect(readdirSync(home)).toEqual([]);
    expect(usableDataDirectory({ ...asked, dataDirectory: used })).toBe(used);
    expect(said).toHaveLength(1);

    const server = await serveEmbedded(asked);
    expect(server.address.host).toBe(join(used, 'run'));
    await server.stop();
  });

  test.runIf(asRoot)('of another person is served as that person, and stays theirs', async () => {
    const data = newData();
    mkdirSync(data);
    chownSync(data, 65534, 65534);
    await (await attachEmbedded(options(data))).stop();
    expect(['.', 'postgres', 'run'].map((name) => statSync(join(data, name)).uid)).toEqual([65534, 65534, 65534]);
  });

  test.runIf(asRoot)('that is full of other things keeps its owner and mode', () => {
    const data = newData();
    mkdirSync(join(data, 'other'), { recursive: true });
    chmodSync(data, 0o755);
    expect(usableDataDirectory(options(data))).toBe(data);
    expect(statSync(data)).toMatchObject({ uid: 0, mode: 0o40755 });
  });

  test.runIf(asRoot)('with a "run" that is not ours is refused, and left alone', async () => {
    const data = newData();
    mkdirSync(join(data, 'run/somebody'), { recursive: true });
    chmodSync(join(data, 'run'), 0o755);
    expect(await refusal(serveEmbedded(options(data)))).toContain(`Latchkey cannot use ${data}/run`);
    expect(statSync(join(data, 'run'))).toMatchObject({ uid: 0, mode: 0o40755 });
  });

  test('with something else in place of the database is refused, and left alone', async () => {
    const data = newData();
    mkdirSync(join(data, 'postgres'), { recursive: true });
    writeFileSync(join(data, 'postgres/precious'), '');
    expect(await refusal(serveEmbedded(options(data)))).toContain('holds something that is not a database');
    expect(existsSync(join(data, 'postgres/precious'))).toBe(true);
  });
});

describe('a start that cannot succeed says what to do', () => {
  test('another major version', async () => {
    const data = newData();
    await (await serveEmbedded(options(data))).stop();
    writeFileSync(join(data, 'postgres/PG_VERSION'), '12\n');
    const message = await refusal(serveEmbedded(options(data)));
    expect(message).toContain('initialized by PostgreSQL version 12');
    expect(message).toContain('Another major version of PostgreSQL made this database');
    expect(message).toContain('DATABASE_URL');
  });

  test.runIf(asRoot)('a user without an entry in /etc/passwd', async () => {
    const directory = temporaryDirectory();
    const binaries = usableBinaries(findBinaryPackage(), join(directory, 'copies'), undefined);
    const stranger = { uid: 54_321, gid: 54_321 };
    const message = await refusal(
      initCluster({ binaries, clusterDirectory: join(directory, 'postgres'), runAs: stranger }),
    );
    expect(message).toContain('could not look up effective user ID 54321');
    expect(message).toContain('DATABASE_URL');
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a server on the directory that Latchkey did not start', async () => {
    const data = newData();
    await (await serveEmbedded(options(data))).stop();
    const binaries = usableBinaries(findBinaryPackage(), join(data, 'binaries'), runAs?.runAs);
    const foreign = await startPostgres({
      binaries,
      clusterDirectory: join(data, 'postgres'),
      socketDirectory: privateDirectory(join(data, 'elsewhere')),
      ...runAs,
    });
    expect(await refusal(serveEmbedded(options(data)))).toContain('that Latchkey did not start');
    expect(await ask(foreign.address, 'select 1 as one')).toEqual([{ one: 1 }]);
    await foreign.stop();
  });

  test('binaries that do not run on this machine', async () => {
    const directory = temporaryDirectory();
    const native = join(directory, 'native');
    mkdirSync(join(native, 'bin'), { recursive: true });
    writeFileSync(join(native, 'pg-symlinks.json'), '[]');
    // A missing interpreter fails like a missing loader: that is what a glibc program does on musl.
    writeFileSync(join(native, 'bin/postgres'), '#!/lib/ld-none.so\n', { mode: 0o755 });
    const message = await refusal(
      (async () => usableBinaries({ native, version: '0' }, join(directory, 'copies'), undefined))(),
    );
    expect(message).toContain('not musl, as on Alpine');
    expect(message).toContain('DATABASE_URL');
  });
});

function privateDirectory(path: string): string {
  mkdirSync(path, { mode: 0o700 });
  if (account) chownSync(path, account.uid, account.gid);
  return path;
}
