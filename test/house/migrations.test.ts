import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Knex } from 'knex';
import { connectRooms, migrate } from '../../src/database/connect.ts';
import { migrations } from '../../migrations/index.ts';
import { administer } from '../support/template.ts';

const name = 'migrations_test';
let knex: Knex;

beforeAll(async () => {
  await administer(inject('database'), `drop database if exists ${name}`);
  await administer(inject('database'), `create database ${name}`);
  knex = connectRooms({ ...inject('database'), database: name }, 4);
});
afterAll(async () => {
  await knex?.destroy();
  await administer(inject('database'), `drop database if exists ${name} with (force)`);
});

test('every step goes up, down and up again, and leaves the same schema', async () => {
  expect(await migrate(knex)).toEqual(Object.keys(migrations));
  const first = await schema();
  expect(first.length).toBeGreaterThan(50);
  await knex.migrate.rollback(undefined, true);
  expect(await schema()).toEqual([]);
  await migrate(knex);
  expect(await schema()).toEqual(first);
});

test('every single step can be taken back and done again', async () => {
  for (const _step of Object.keys(migrations)) {
    await knex.migrate.down();
  }
  expect(await schema()).toEqual([]);
  for (const _step of Object.keys(migrations)) await knex.migrate.up();
});

test('a client keeps its secret when secrets move to a table of their own, and takes the newest back', async () => {
  const names = Object.keys(migrations);
  const later = names.length - names.indexOf('20261122_1740_client_secrets');
  for (let step = 0; step < later; step += 1) await knex.migrate.down();
  const now = new Date();
  const metadata = JSON.stringify({ token_endpoint_auth_method: 'client_secret_basic' });
  const client = { client_id: 'old', metadata, secret_digest: 'digest', created_at: now, updated_at: now };
  await knex('clients').insert([client, { ...client, client_id: 'public', secret_digest: null }]);
  await migrate(knex);
  const kept = { client_id: 'old', digest: 'digest', expires_at: null };
  expect(await knex('client_secrets')).toMatchObject([kept]);
  const newest = { id: 'aaaaaaaa-0000-4000-8000-000000000000', made_at: new Date(now.getTime() + 1_000) };
  await knex('client_secrets').insert({ ...newest, client_id: 'old', digest: 'newest', starts_at: now });
  for (let step = 0; step < later; step += 1) await knex.migrate.down();
  expect(await knex('clients').orderBy('client_id').pluck('secret_digest')).toEqual(['newest', null]);
  await knex('clients').delete();
  await migrate(knex);
});

test('an owner who is no superuser needs no help, up or down', async () => {
  const server = inject('database');
  const own = 'migrations_owner_test';
  await administer(server, `drop database if exists ${own}`);
  await administer(server, `drop role if exists ${own}`);
  await administer(server, `create role ${own} login`);
  await administer(server, `create database ${own} owner ${own}`);
  const owner = connectRooms({ ...server, user: own, database: own }, 2);
  try {
    expect(await migrate(owner)).toEqual(Object.keys(migrations));
    const { rows } = await owner.raw("select current_setting('is_superuser') as superuser");
    expect(rows).toEqual([{ superuser: 'off' }]);
    await owner.raw(`insert into audit_events (id, at, type, result, actor_kind, request_id)
      values (gen_random_uuid(), now(), 'user.changed', 'success', 'operator', 'test')`);
    await expect(owner('audit_events').update({ type: 'x' })).rejects.toThrow(/permission denied/);
    await expect(owner.raw('truncate audit_events')).rejects.toThrow(/permission denied/);
    await expect(owner('audit_events').delete()).rejects.toThrow(/append-only/);
    await owner.migrate.rollback(undefined, true);
  } finally {
    await owner.destroy();
    await administer(server, `drop database if exists ${own} with (force)`);
    await administer(server, `drop role if exists ${own}`);
  }
});

test('four nodes that start together take turns', async () => {
  await knex.migrate.rollback(undefined, true);
  const nodes = Array.from({ length: 4 }, () => connectRooms({ ...inject('database'), database: name }, 2));
  const ran = await Promise.all(nodes.map((node) => migrate(node)));
  await Promise.all(nodes.map((node) => node.destroy()));
  expect(ran.filter((steps) => steps.length > 0)).toEqual([Object.keys(migrations)]);
});

test('a node killed in the middle of a migration leaves nothing to repair by hand', async () => {
  await knex('latchkey_migrations_lock').update({ is_locked: 1 });
  expect(await migrate(knex)).toEqual([]);
});

test('a step that was run is known by its name: none was renamed or reordered', () => {
  const names = Object.keys(migrations);
  expect(names).toEqual([...names].sort());
  for (const step of names) expect(step).toMatch(/^\d{8}_\d{4}_[a-z_]+$/);
});

async function schema(): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { line: string }[] }>(`
    select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as line
      from information_schema.columns where table_schema = 'public' and table_name not like 'latchkey_migrations%'
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public' and tablename not like 'latchkey_migrations%'
    union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid <> 0 and conrelid::regclass::text not like 'latchkey_migrations%'
    order by 1`);
  return rows.map(({ line }) => line);
}
