/*
 * A process of its own for the tests of the embedded database: they kill it. Run by Node directly.
 *   latchkey-child.ts serve DIR | attach DIR | write DIR ACKNOWLEDGED-FILE
 * One JSON object a line on stdout; exit code 78 with the sentence for a ConfigurationError. A line on stdin ends it.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { ConfigurationError } from '../../src/core/errors.ts';
import {
  attachEmbedded,
  type DatabaseAddress,
  type RunningDatabase,
  serveEmbedded,
} from '../../src/database/embedded.ts';

const [mode = '', dataDirectory = '', acknowledgedFile = ''] = process.argv.slice(2);
const begin = performance.now();
const tell = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
const options = {
  dataDirectory,
  say: (line: string) => tell({ say: line }),
  fallbackDirectory: `${dataDirectory}-fallback`, // never the machine's own
};

let database: RunningDatabase;
try {
  database = await (mode === 'attach' ? attachEmbedded(options) : serveEmbedded(options));
} catch (error) {
  tell({ refused: (error as Error).message, expected: error instanceof ConfigurationError });
  process.exit(78);
}
database.onExit((message) => {
  tell({ ended: message });
  process.exit(1);
});
if (mode === 'write') await write(database.address);
else tell({ opened: performance.now() - begin, address: database.address });
createInterface({ input: process.stdin }).once('line', async () => {
  await database.stop();
  tell({ stopped: true });
  process.exit(0);
});

/** Says what is missing of all that was ever acknowledged, then inserts and acknowledges until it is killed. */
async function write(address: DatabaseAddress): Promise<void> {
  const pool = new pg.Pool({ ...address, max: 4 });
  pool.on('error', () => {});
  await pool.query('create table if not exists kept (key text primary key, filler text not null)');
  const opened = performance.now() - begin;
  const { rows } = await pool.query<{ key: string }>('select key from kept');
  const kept = new Set(rows.map(({ key }) => key));
  const acknowledged = existsSync(acknowledgedFile)
    ? readFileSync(acknowledgedFile, 'utf8').split('\n').filter(Boolean)
    : [];
  tell({ opened, acknowledged: acknowledged.length, lost: acknowledged.filter((key) => !kept.has(key)).length });
  for (let writer = 0; writer < 4; writer += 1) void insertForEver(pool, `${process.pid}-${Date.now()}-${writer}`);
}

async function insertForEver(pool: pg.Pool, prefix: string): Promise<void> {
  for (let i = 0; ; i += 1) {
    await pool.query('insert into kept values ($1, $2)', [`${prefix}-${i}`, 'x'.repeat(300)]);
    appendFileSync(acknowledgedFile, `${prefix}-${i}\n`);
  }
}
