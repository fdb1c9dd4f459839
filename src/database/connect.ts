import knexFactory, { type Knex } from 'knex';
import type { PoolConfig } from 'pg';
import { migrations } from '../../migrations/index.ts';

/** How both pools reach PostgreSQL: an address of the embedded server, or a connection string. */
export type ConnectionSettings = PoolConfig;

/** The rooms' pool. Limits protect other requests from one that hangs; `lock_timeout` turns a jam into an error. */
export function connectRooms(connection: ConnectionSettings, maxConnections: number): Knex {
  return knexFactory({
    client: 'pg',
    connection: {
      ...connection,
      application_name: 'latchkey',
      connectionTimeoutMillis: 5_000,
      statement_timeout: 10_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 10_000,
    } as Knex.PgConnectionConfig,
    pool: { min: 0, max: maxConnections },
    acquireConnectionTimeout: 5_000,
    // What goes wrong is thrown as well, and logged where it is caught.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
    migrations: { tableName: 'latchkey_migrations', migrationSource },
  });
}

type Step = (typeof migrations)[keyof typeof migrations];

const migrationSource: Knex.MigrationSource<[string, Step]> = {
  getMigrations: () => Promise.resolve(Object.entries(migrations) as [string, Step][]),
  getMigrationName: ([name]) => name,
  getMigration: ([, step]) => Promise.resolve(step),
};

/** Brings the schema up to date; nodes that start together take turns. Returns the names of the steps it ran. */
export async function migrate(knex: Knex): Promise<string[]> {
  // knex's own migration lock stays behind when its holder is killed and then needs repair by hand.
  // An advisory lock goes with the connection, so under it a leftover knex lock is always stale.
  return underAdvisoryLock(knex, 'migrate', async () => {
    await knex.migrate.forceFreeMigrationsLock();
    const [, steps] = (await knex.migrate.latest()) as [number, string[]];
    return steps;
  });
}

/** Runs `body` while this process alone holds the named lock. */
export async function underAdvisoryLock<T>(knex: Knex, name: string, body: () => Promise<T>): Promise<T> {
  const connection = await knex.client.acquireConnection();
  try {
    // The wait for another node's migration may be longer than any request may wait.
    await knex.raw('set lock_timeout = 0; set statement_timeout = 0').connection(connection);
    await knex.raw("select pg_advisory_lock(hashtext('latchkey'), hashtext(?))", [name]).connection(connection);
    try {
      return await body();
    } finally {
      await knex.raw("select pg_advisory_unlock(hashtext('latchkey'), hashtext(?))", [name]).connection(connection);
      await knex.raw("set lock_timeout = '5s'; set statement_timeout = '10s'").connection(connection);
    }
  } finally {
    await knex.client.releaseConnection(connection);
  }
}

/** Resolves when the database answers and its schema is as this version wants it; otherwise rejects. */
export async function isMigrated(knex: Knex): Promise<void> {
  if ((await pendingSteps(knex)).length > 0) throw new Error('The schema is not up to date.');
}

/** Names of the steps of the schema that this version has and the database does not. */
export async function pendingSteps(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { done: string | null }[] }>(
    "select to_regclass('latchkey_migrations') as done",
  );
  const done = rows[0]?.done ? await knex('latchkey_migrations').pluck('name') : [];
  return Object.keys(migrations).filter((name) => !done.includes(name));
}
