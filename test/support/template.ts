import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { connectRooms, migrate } from '../../src/database/connect.ts';

export interface TestDatabase {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    database: TestDatabase;
  }
}

const template = 'latchkey_template';

/** A migrated database that each test copies: real migrations, once a run. */
export async function makeTemplate(server: TestDatabase): Promise<void> {
  await administer(server, `create database ${template}`);
  const knex = connectRooms({ ...server, database: template }, 2);
  await migrate(knex);
  await knex.destroy();
}

export interface OwnDatabase {
  /** What `DATABASE_URL` would be. */
  readonly url: string;
  drop(): Promise<void>;
}

/** A database of one's own, migrated and empty. */
export async function copyTemplate(server: TestDatabase): Promise<OwnDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name} template ${template}`);
  return {
    url: `postgres://${server.user}@localhost/${name}?host=${encodeURIComponent(server.host)}&port=${server.port}`,
    drop: () => administer(server, `drop database if exists ${name} with (force)`),
  };
}

export async function administer(server: TestDatabase, sql: string): Promise<void> {
  const client = new pg.Client({ ...server, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
