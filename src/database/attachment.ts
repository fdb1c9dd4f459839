import pg from 'pg';
import type { DatabaseAddress, RunningDatabase } from './postgres-server.ts';

// Commands that use a running server share this lock; whoever wants to stop a server under them takes it alone first.
const commandLock = `hashtext('latchkey'), hashtext('command')`;

/** Long enough for `apply` with a large seed; after that a stuck command does not hold up the one that wants to end. */
const patienceMilliseconds = 60_000;

/** Uses a server of another process; undefined while it is starting or stopping. */
export async function attach(address: DatabaseAddress): Promise<RunningDatabase | undefined> {
  const client = newClient(address);
  let listener: (message: string) => void = () => {};
  let detached = false;
  client.on('end', () => {
    if (!detached) listener('The database server that another Latchkey runs has stopped.');
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ free: boolean }>(
      `select pg_try_advisory_lock_shared(${commandLock}) as free`,
    );
    if (!rows[0]!.free) {
      await client.end();
      return undefined;
    }
  } catch {
    await client.end().catch(() => {});
    return undefined;
  }
  return {
    address,
    stop: () => {
      detached = true;
      return client.end();
    },
    onExit: (added) => {
      listener = added;
    },
  };
}

/** Waits for other commands that use this server, keeps new ones off, and then stops it. */
export async function stopAfterOthers(server: RunningDatabase): Promise<void> {
  const client = newClient(server.address);
  try {
    await client.connect();
    await client.query(`set lock_timeout = ${patienceMilliseconds}`);
    await client.query(`select pg_advisory_lock(${commandLock})`);
  } catch {
    // The server is gone already, or somebody is stuck.
  }
  await server.stop(); // takes our connection with it: nobody can have got in between
  await client.end().catch(() => {});
}

function newClient(address: DatabaseAddress): pg.Client {
  const client = new pg.Client({
    ...address,
    ssl: false,
    application_name: `latchkey command ${process.pid}`,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {}); // 'end' follows
  return client;
}
