/**
 * `npm run demo`: the provider, a sample app that trusts it, and a new joiner with a pass. PORT and DEMO_APP_PORT say
 * where to look for free ports first, DEMO_DIR where everything is kept.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { freePort } from './ports.ts';
import { startProvider } from './provider.ts';
import { sampleAppClient, startSampleApp } from './sample-app.ts';

const directory = resolve(process.env.DEMO_DIR ?? './data/demo');
const seedFile = join(directory, 'seed.json');
const joinerName = /^joiner-(\d+)@example\.com$/;

const stop = new AbortController();
// Not `once`: npm may pass on a Ctrl-C that the terminal has sent already, and stopping goes on all the same.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

try {
  await run(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`The demo ends: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

/** Until it is told to stop, or the provider ends by itself. */
async function run(signal: AbortSignal): Promise<void> {
  const told = once(signal, 'abort');
  const port = await free('Latchkey', 'PORT', 3000);
  const appPort = await free('The sample app', 'DEMO_APP_PORT', 4000, port);
  const clientSecret = randomBytes(24).toString('base64url');
  const joiner = nextJoiner();
  const origin = `http://localhost:${appPort}`;
  const client = sampleAppClient(origin, clientSecret);
  writeSeed(joiner, client);

  console.log(lastNumber() > 1 ? 'Starting Latchkey.' : 'Starting Latchkey, with a database of its own.');
  const provider = startProvider({ port, directory: join(directory, 'provider'), seedFile, signal });
  const app = await startSampleApp({ port: appPort, origin, issuer: provider.issuer, client });
  const welcome = async () => {
    await provider.ready();
    const issued = await provider.command('pass', 'issue', joiner.userPrincipalName, '--json');
    print(app.origin, provider.issuer, joiner.userPrincipalName, JSON.parse(issued) as IssuedPass);
  };
  try {
    await Promise.race([welcome(), told, provider.fallen]);
    await Promise.race([told, provider.fallen]);
  } finally {
    await app.close();
    await provider.stop();
  }
  console.log('\nStopped.');
}

async function free(who: string, variable: string, usual: number, taken?: number): Promise<number> {
  const wanted = Number(process.env[variable] ?? usual);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 65_535) {
    throw new Error(`${variable} is "${process.env[variable]}", which is not a port.`);
  }
  const port = await freePort(wanted, taken);
  if (port !== wanted) console.log(`Port ${wanted} is taken. ${who} uses ${port}.`);
  return port;
}

interface Joiner {
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly mail: string;
}

/** Somebody new at every run: a person who has a passkey on this device already could not make another one here. */
function nextJoiner(): Joiner {
  const number = lastNumber() + 1;
  const userPrincipalName = `joiner-${number}@example.com`;
  return { userPrincipalName, displayName: `New Joiner ${number}`, mail: userPrincipalName };
}

function lastNumber(): number {
  try {
    const { users } = JSON.parse(readFileSync(seedFile, 'utf8')) as { users: readonly Joiner[] };
    return Math.max(0, ...users.map(({ userPrincipalName }) => Number(joinerName.exec(userPrincipalName)?.[1] ?? 0)));
  } catch {
    return 0; // the first run
  }
}

function writeSeed(joiner: Joiner, client: object): void {
  const seed = {
    users: [
      // An administrator, so that the first start makes none and prints no code for one.
      { userPrincipalName: 'admin@example.com', displayName: 'Demo Administrator', roles: ['Global Administrator'] },
      joiner,
    ],
    clients: [client],
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(seedFile, `${JSON.stringify(seed, null, 2)}\n`, { mode: 0o600 });
}

interface IssuedPass {
  readonly temporaryAccessPass: string;
  readonly startDateTime: string;
  readonly lifetimeInMinutes: number;
}

function print(appUrl: string, issuer: string, userName: string, pass: IssuedPass): void {
  const code = pass.temporaryAccessPass.match(/.{1,4}/g)?.join('-');
  console.log(`
A new joiner has a temporary pass, and nothing else yet.

  1. Open ${appUrl} and choose "Sign in".
  2. Enter the name ${userName} and choose "I have a temporary pass".
  3. Enter the code ${code} and create a passkey.

The code works once, within ${pass.lifetimeInMinutes} minutes. Afterwards the passkey alone signs the joiner in,
also to ${issuer}/security-info.
Ctrl-C stops everything. What was made stays in ${directory}.
`);
}
