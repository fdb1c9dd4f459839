import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/postgres-server.ts';
import { runProcess } from '../support/process.ts';
import { administer } from '../support/template.ts';
import { expectRefusal } from '../support/ran.ts';
import { firstPass, isServing, latchkey, newInstallation } from './installation.ts';

const masterKey = randomBytes(32).toString('base64');

test('a wrong configuration is told in one message, every mistake with its cure, and nothing is made', async () => {
  const { run, data } = await newInstallation();
  const mistakes = {
    PORT: '99999',
    DATABASE_URL: 'mysql://localhost/x',
    LATCHKEY_ISSUER: 'http://id.example.com/path',
    LATCHKEY_MASTER_KEY: 'short',
    LATCHKEY_TRUSTED_PROXIES: 'everybody',
    LATCHKEY_TLS_CERT: '/nowhere/cert.pem',
    LATCHKEY_SEED: '/nowhere/seed.json',
    LATCHKEY_ADMIN: 'me',
    LATCHKEY_THROTTLES: '{',
    LATCHKEY_LOG_LEVEL: 'loud',
    LATCHKEY_ISUER: 'https://id.example.com',
  };
  for (const command of ['serve', 'check']) {
    const refused = await run([command], mistakes);
    expectRefusal(refused, 78, /^latchkey cannot start:\n- /);
    const told = refused.stderr.split('\n').filter((line) => line.startsWith('- '));
    const untold = Object.keys(mistakes).filter((name) => !told.some((line) => line.includes(name)));
    expect({ untold, lines: told.length }).toEqual({ untold: [], lines: Object.keys(mistakes).length });
    expect(refused.stdout).toBe('');
  }
  expect(existsSync(data)).toBe(false);
});

describe('a database by DATABASE_URL', () => {
  let server: TestServer;
  const urlOf = (name: string, host = server.host): string =>
    `postgres://${server.user}@localhost/${name}?host=${encodeURIComponent(host)}&port=${server.port}`;

  beforeAll(async () => {
    server = await startTestServer();
    for (const name of ['fresh', 'seeded', 'locked']) await administer(server, `create database ${name}`);
  });
  afterAll(() => server?.stop());

  test('needs the key that all nodes share', async () => {
    const { run } = await newInstallation();
    const refused = await run(['serve'], { DATABASE_URL: urlOf('fresh') });
    expectRefusal(refused, 78, /LATCHKEY_MASTER_KEY is missing.*openssl rand -base64 32/);
  });

  test('that cannot be reached is said in a sentence, whatever the reason', async () => {
    const { run } = await newInstallation({ LATCHKEY_MASTER_KEY: masterKey });
    const reasons: Record<string, string> = {
      'nobody listens': 'postgres://localhost:1/x',
      'no such host': 'postgres://nowhere.invalid/x',
      'no such socket': urlOf('fresh', '/nowhere'),
      'no such database': urlOf('missing'),
      'no such user': urlOf('fresh').replace(`${server.user}@`, 'stranger@'),
      'no encryption': `${urlOf('fresh')}&sslmode=require`,
    };
    for (const [reason, DATABASE_URL] of Object.entries(reasons)) {
      const refused = await run([reason === 'nobody listens' ? 'serve' : 'check'], { DATABASE_URL });
      expectRefusal(refused, 78, /The database does not let us in \(.*\)\. Check DATABASE_URL/);
    }
  });

  test('is migrated, and its first start prints the command for a pass instead of a code', async () => {
    const installation = await newInstallation({ LATCHKEY_MASTER_KEY: masterKey, DATABASE_URL: urlOf('fresh') });
    const { run, serve, data } = installation;
    expect(await run(['migrate'])).toMatchObject({ code: 0, stdout: 'The database schema is up to date.\n' });
    const running = await serve();
    expect(running.stdout()).toContain('Give them a pass with: npx latchkey pass issue admin@localhost\n');
    expect(running.stdout()).not.toMatch(/Code:/);
    expect((await run(['pass', 'issue', 'admin@localhost'])).stdout).toMatch(/^Code: /m);
    expect((await run(['check'])).stdout).toContain('Database: PostgreSQL by DATABASE_URL\n');
    expect(existsSync(data)).toBe(false);
    await running.kill();
    expect((await serve()).stdout()).not.toContain('There was no administrator');
  });

  test('another master key than the one it was made with is said in a sentence', async () => {
    const { run } = await newInstallation({ DATABASE_URL: urlOf('locked') });
    const serving = await newInstallation({ DATABASE_URL: urlOf('locked'), LATCHKEY_MASTER_KEY: masterKey });
    await (await serving.serve()).kill();
    const other = { LATCHKEY_MASTER_KEY: randomBytes(32).toString('base64') };
    for (const command of [['serve'], ['pass', 'issue', 'admin@localhost']]) {
      expectRefusal(await run(command, other), 78, /master key/i);
    }
  });
});

describe('a seed file', () => {
  test('is applied once: it does not undo what was changed since, unless it is another one', async () => {
    const { serve, run, directory } = await newInstallation({ LATCHKEY_SEED: 'seed.json' });
    const write = (displayName: string) => {
      const users = [{ userPrincipalName: 'seeded@example.com', displayName, accountEnabled: true }];
      writeFileSync(join(directory, 'seed.json'), JSON.stringify({ users }));
    };
    const listed = async () => (await run(['user', 'list'])).stdout;

    write('First');
    const first = await serve();
    firstPass(first.stdout());
    expect(await listed()).toContain('seeded@example.com\tFirst\n');
    await run(['user', 'disable', 'seeded@example.com']);
    await first.kill();

    const second = await serve();
    expect(await listed()).toContain('seeded@example.com\tFirst\tdisabled\n');
    await second.kill();

    write('Second');
    await serve();
    expect(await listed()).toContain('seeded@example.com\tSecond\n');
  });

  test('that is broken is refused with its name and the place in it, and nothing is made', async () => {
    const { run, directory, data } = await newInstallation({ LATCHKEY_SEED: 'seed.json' });
    const broken: readonly (readonly [string, RegExp])[] = [
      ['{', /LATCHKEY_SEED: seed\.json cannot be applied\. The seed file is not JSON/],
      ['{"users":[{"userPrincipalName":"a@b.c"},{"userPrincipalName":"d@e.f","rolez":[]}]}', /users\.1: .*"rolez"/],
      ['{"clients":[{"client_id":"app","redirect_uris":["nowhere"]}]}', /clients\.0\.redirect_uris\.0: /],
    ];
    for (const [text, words] of broken) {
      writeFileSync(join(directory, 'seed.json'), text);
      for (const command of ['serve', 'check']) {
        const refused = await run([command]);
        expectRefusal(refused, 78, words);
        expect(refused.stderr).toContain('seed.json');
      }
    }
    expect(existsSync(data)).toBe(false);
  });

  test('that names somebody who is not there is refused whole, and repaired it is applied', async () => {
    const { run, serve, directory } = await newInstallation({ LATCHKEY_SEED: 'seed.json' });
    const users = [{ userPrincipalName: 'a@example.com', manager: 'ghost@example.com' }];
    writeFileSync(join(directory, 'seed.json'), JSON.stringify({ users }));
    const refused = await run(['serve']);
    expectRefusal(refused, 78, /LATCHKEY_SEED: seed\.json .*ghost@example\.com as manager of a@example\.com/);
    expect(refused.stdout).not.toContain('Code:');
    expect((await run(['user', 'list'])).stdout).toBe('');

    writeFileSync(
      join(directory, 'seed.json'),
      JSON.stringify({ users: [...users, { userPrincipalName: 'ghost@example.com' }] }),
    );
    firstPass((await serve()).stdout());
  });

  test('that forbids passes does not keep the first start from serving', async () => {
    const { serve, issuer, directory } = await newInstallation({ LATCHKEY_SEED: 'seed.json' });
    writeFileSync(join(directory, 'seed.json'), '{"policies":{"temporaryAccessPass":{"state":"disabled"}}}');
    const running = await serve();
    expect(running.stdout()).toContain('They have no pass yet: Temporary Access Passes are disabled by policy.');
    expect(await isServing(issuer)).toBe(true);
  });
});

test('a Node that is too old is refused with a sentence', async ({ skip }) => {
  const old = oldNode();
  if (!old) {
    console.log('No Node before 22.12 is on this machine outside of node_modules: not tried.');
    return skip('there is no old Node here');
  }
  const refused = await runProcess(old.path, [latchkey, 'serve']);
  expectRefusal(refused, 78, new RegExp(`Node ${old.version} is too old; 22\\.12 or later is needed`));
});

function oldNode(): { path: string; version: string } | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  for (const directory of directories.filter((name) => !name.includes('node_modules'))) {
    const path = join(directory, 'node');
    const version = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1) : '';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (version && (major < 22 || (major === 22 && minor < 12))) return { path, version };
  }
  return undefined;
}
