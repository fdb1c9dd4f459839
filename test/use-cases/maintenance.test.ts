import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectNamedStatements, type NamedStatements } from '../../src/database/named-statements.ts';
import { makeLog } from '../../src/log.ts';
import { type Maintenance, startMaintenance } from '../../src/maintenance.ts';
import { openTestBase, type TestBase } from '../support/house.ts';

let latchkey: TestBase;
let db: NamedStatements;
let maintenance: Maintenance;

beforeAll(async () => {
  latchkey = await openTestBase();
  db = connectNamedStatements(latchkey.base.connection, { max: 2 });
  maintenance = startMaintenance({ knex: latchkey.base.knex, db, run: latchkey.base.run, log: makeLog('silent') });
});
afterAll(async () => {
  await maintenance?.stop();
  await db?.close();
  await latchkey?.close();
});

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const bytes = (text: string) => Buffer.from(text.padEnd(32, '.'));

test('a round deletes what has expired, of every kind, and nothing else', async () => {
  const { knex } = latchkey.base;
  const { id: user_id } = await latchkey.user('keeper@example.com');
  await knex('identity_providers').insert({
    ...{ id: 'contoso', settings: '{}', created_at: minutesAgo(70), changed_at: minutesAgo(70) },
  });
  for (const [name, endsAt] of [
    ['old', minutesAgo(10)],
    ['live', minutesAgo(-10)],
  ] as const) {
    await knex('oidc_artifacts').insert({
      model: 'AccessToken',
      id_hash: bytes(name),
      payload: '{}',
      expires_at: endsAt,
    });
    await knex('oidc_grants').insert({ id: name, client_id: 'app', payload: '{}', expires_at: endsAt });
    await knex('oidc_sessions').insert({ uid: name, jti_hash: bytes(name), payload: '{}', expires_at: endsAt });
    await knex('sign_ins').insert({
      uid: name,
      browser: bytes(name),
      client_id: 'app',
      created_at: minutesAgo(70),
      expires_at: endsAt,
    });
    await knex('passkey_ceremonies').insert({
      challenge: name,
      kind: 'authentication',
      owner: bytes(name),
      expires_at: endsAt,
    });
    await knex('authenticator_app_ceremonies').insert({
      owner: bytes(name),
      user_id,
      sealed_secret: bytes(name),
      expires_at: endsAt,
    });
    await knex('upstream_ceremonies').insert({
      state: bytes(name),
      provider_id: 'contoso',
      owner: bytes(name),
      browser: bytes(name),
      purpose: 'link',
      user_id,
      sealed: bytes(name),
      created_at: minutesAgo(20),
      expires_at: endsAt,
    });
    await knex('recovery_openings').insert({ id: randomUUID(), user_id, browser: bytes(name), ends_at: endsAt });
    await knex('throttle_counters').insert({
      scope: 'source',
      key_hash: bytes(name),
      count: 1,
      window_ends_at: endsAt,
    });
  }
  expect(await maintenance.run()).toBe(true);
  const left = async (table: string, column: string) => (await knex(table).pluck(column)) as unknown[];
  expect(await left('oidc_artifacts', 'id_hash')).toEqual([bytes('live')]);
  expect(await left('oidc_grants', 'id')).toEqual(['live']);
  expect(await left('oidc_sessions', 'uid')).toEqual(['live']);
  expect(await left('sign_ins', 'uid')).toEqual(['live']);
  expect(await left('passkey_ceremonies', 'challenge')).toEqual(['live']);
  expect(await left('authenticator_app_ceremonies', 'owner')).toEqual([bytes('live')]);
  expect(await left('upstream_ceremonies', 'state')).toEqual([bytes('live')]);
  expect(await left('recovery_openings', 'browser')).toEqual([bytes('live')]);
  expect(await left('throttle_counters', 'key_hash')).toEqual([bytes('live')]);
});

test('a pass is kept for thirty days after its end, and its deletion is recorded', async () => {
  const { knex } = latchkey.base;
  const user = await latchkey.user('leaver@example.com');
  await latchkey.pass(user.id);
  await latchkey.pass(user.id); // the first is replaced
  await latchkey.work((work) =>
    work
      .tx('temporary_access_passes')
      .whereNotNull('ended_at')
      .update({ ended_at: minutesAgo(29 * 1440), expires_at: minutesAgo(29 * 1440), starts_at: minutesAgo(30 * 1440) }),
  );
  await maintenance.run();
  expect(await knex('temporary_access_passes').count('* as n').first()).toEqual({ n: '2' });
  await knex('temporary_access_passes')
    .whereNotNull('ended_at')
    .update({ ended_at: minutesAgo(31 * 1440) });
  await maintenance.run();
  expect(await knex('temporary_access_passes').pluck('ended_at')).toEqual([null]);
  expect(await knex('audit_events').where({ type: 'pass.purged' }).count('* as n').first()).toEqual({ n: '1' });
});

test('mails and links are kept for thirty days after they are done with, former addresses for their day', async () => {
  const { knex } = latchkey.base;
  const { id: user_id } = await latchkey.user('moved@example.com');
  const days = 1440;
  const mail = (id: string, more: object) =>
    knex('mail_outbox').insert({
      id: `00000000-0000-4000-8000-00000000000${id}`,
      user_id,
      recipient: id,
      subject: 'x',
      created_at: minutesAgo(40 * days),
      due_at: minutesAgo(40 * days),
      ...more,
    });
  await mail('1', { state: 'sent', finished_at: minutesAgo(31 * days) });
  await mail('2', { state: 'failed', finished_at: minutesAgo(29 * days) });
  await mail('3', { sealed_body: bytes('waits') });
  for (const [name, expires_at] of [
    ['old', minutesAgo(31 * days)],
    ['kept', minutesAgo(29 * days)],
  ] as const) {
    const link = { token_hash: bytes(name), user_id, since: minutesAgo(33 * days), expires_at };
    await knex('containment_links').insert(link);
  }
  await knex('former_addresses').insert([
    { user_id, mail: 'old@example.com', until: minutesAgo(1) },
    { user_id, mail: 'new@example.com', until: minutesAgo(-1) },
  ]);
  await maintenance.run();
  expect(await knex('mail_outbox').orderBy('recipient').pluck('recipient')).toEqual(['2', '3']);
  expect(await knex('containment_links').pluck('token_hash')).toEqual([bytes('kept')]);
  expect(await knex('former_addresses').pluck('mail')).toEqual(['new@example.com']);
});

test('one node at a time: a round is left out while another holds the lock', async () => {
  const { knex } = latchkey.base;
  await knex.transaction(async (tx) => {
    await tx.raw("select pg_advisory_xact_lock(hashtext('latchkey'), hashtext('maintenance'))");
    expect(await maintenance.run()).toBe(false);
  });
  expect(await maintenance.run()).toBe(true);
});

test('a round ends the sessions whose pass has ended, and tells who wants to be told; idle ones wait for that', async () => {
  const { knex } = latchkey.base;
  await latchkey.seed({
    clients: [
      { client_id: 'told', redirect_uris: ['http://localhost/cb'], backchannel_logout_uri: 'http://localhost/out' },
    ],
  });
  const { id } = await latchkey.user('guest@example.com');
  await latchkey.pass(id);
  const pass = await knex('temporary_access_passes').where('user_id', '=', id).first();
  const session = (uid: string, passId: string, expiresAt: Date) => ({
    uid,
    jti_hash: bytes(uid),
    account_id: id,
    payload: JSON.stringify({ authorizations: { told: { sid: `sid of ${uid}` } } }),
    pass_id: passId,
    not_after: minutesAgo(-60),
    expires_at: expiresAt,
  });
  await knex('oidc_sessions').insert([
    session('idle', pass.id, minutesAgo(10)),
    session('orphan', randomUUID(), minutesAgo(-10)),
  ]);
  expect(await maintenance.run()).toBe(true);
  expect(await knex('oidc_sessions').whereIn('uid', ['idle', 'orphan']).orderBy('uid')).toMatchObject([
    { uid: 'idle', ended_at: null },
    { uid: 'orphan', ended_at: expect.any(Date) },
  ]);
  expect(await knex('logout_outbox').select('client_id', 'account_id', 'sid', 'state')).toEqual([
    { client_id: 'told', account_id: id, sid: 'sid of orphan', state: 'queued' },
  ]);
  const month = 30 * 24 * 60 + 1;
  await knex('logout_outbox').update({ state: 'delivered', finished_at: minutesAgo(month) });
  await maintenance.run();
  expect(await knex('logout_outbox')).toEqual([]);
});
