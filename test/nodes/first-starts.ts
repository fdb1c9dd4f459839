import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { listUsers } from '../../src/users/manage-users.ts';
import { openBase } from '../../src/wire.ts';
import { asOperator } from '../support/house.ts';
import { freePort, type RunningProcess, startProcess, tempDirectory } from '../support/process.ts';
import { administer } from '../support/template.ts';
import { errorsIn, latchkey } from '../support/two-nodes.ts';
import { figures, long, times } from './visitor.ts';

/** Nodes that start together on an empty database: schema, keys, seed and administrator are made once. */
export function firstStarts(): void {
  const rounds = long ? 20 : 4;
  test('two nodes that start at the same moment on an empty database make everything once', async () => {
    const begun = performance.now();
    // Without a seed nothing is in the way of the two when they look for an administrator.
    for (let round = 0; round < rounds; round += 1) await startTogether(round % 2 === 0 ? {} : seed);
    figures(`${rounds} first starts of two nodes`, begun, {});
  }, 300_000);
}

interface Seed {
  readonly users?: readonly { readonly userPrincipalName: string }[];
}

const seed = {
  groups: [{ displayName: 'Staff' }],
  users: times(20, (index) => ({ userPrincipalName: `seeded-${index}@example.com`, groups: ['Staff'] })),
  clients: [{ client_id: 'seeded', client_secret: 'secret', redirect_uris: ['http://localhost:1/cb'] }],
};

async function startTogether(seed: Seed): Promise<void> {
  const seeded = (seed.users ?? []).map(({ userPrincipalName }) => userPrincipalName);
  const server = inject('database');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name}`);
  const seedFile = join(tempDirectory(), 'seed.json');
  writeFileSync(seedFile, JSON.stringify(seed));
  const ports = [await freePort(), await freePort()];
  const env = {
    DATABASE_URL: `postgres://${server.user}@localhost/${name}?host=${encodeURIComponent(server.host)}&port=${server.port}`,
    LATCHKEY_MASTER_KEY: randomBytes(32).toString('base64'),
    LATCHKEY_ISSUER: `http://localhost:${ports[0]}`,
  };

  const nodes = await Promise.all(
    ports.map((port) =>
      startProcess(process.execPath, [latchkey, 'serve'], {
        env: { ...env, LATCHKEY_SEED: seedFile, PORT: String(port) },
        readyWhen: /Latchkey is ready/,
        timeoutMs: 60_000,
      }),
    ),
  );
  const base = await openBase(readConfig(env), 'command', () => {});
  try {
    const { users, happened } = await base.run(asOperator, async (work) => ({
      users: await listUsers(work),
      happened: await work.tx('audit_events').pluck('type'),
    }));
    expect(users.map(({ userPrincipalName }) => userPrincipalName).sort()).toEqual(
      ['admin@localhost', ...seeded].sort(),
    );
    const often = (type: string): number => happened.filter((one) => one === type).length;
    expect([often('seed.applied'), often('user.created'), often('signing-key.created')]).toEqual([
      1,
      1 + seeded.length,
      2,
    ]);
    expect(nodes.filter((node) => node.stdout().includes('There was no administrator'))).toHaveLength(1);
    expect(nodes.filter((node) => node.stdout().includes('Code:'))).toEqual([]);
    const [one, other] = await Promise.all(ports.map(publicKeys));
    expect(one).toEqual(other);
    expect(nodes.flatMap(errorsIn)).toEqual([]);
  } finally {
    await Promise.all(nodes.map((node: RunningProcess) => node.kill()));
    await base.close();
    await administer(server, `drop database ${name} with (force)`);
  }
}

async function publicKeys(port: number): Promise<unknown> {
  return (await fetch(`http://localhost:${port}/jwks`)).json();
}
