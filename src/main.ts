import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { AppError, ConfigurationError } from './core/errors.ts';
import { firstStart } from './first-start.ts';
import { answerUnreadable } from './http/unreadable.ts';
import { startDelivery } from './mail/delivery.ts';
import { smtpTo } from './mail/smtp.ts';
import { startMaintenance } from './maintenance.ts';
import { withMasterKey } from './master-key.ts';
import { applyOnce, readSeedFile, type SeedFile } from './seed.ts';
import { makeLog } from './log.ts';
import { startLogoutDelivery } from './sessions/delivery.ts';
import { asSystem, type Base, openBase, wire } from './wire.ts';

const shutdownMs = 8_000;

/** Serves until SIGTERM or SIGINT, then lets requests finish and stops the database. Resolves when all of it is down. */
export async function serve(config: Config): Promise<void> {
  const log = makeLog(config.logLevel);
  const say = (line: string) => log.info(line);
  const signal = askedToStop();
  const seed = configuredSeed(config);
  const base = await openBase(withMasterKey(config, say), 'serve', say);
  const house = await wire(base, log).catch(async (error: unknown) => {
    await base.close();
    throw error;
  });
  const maintenance = startMaintenance({ knex: base.knex, db: house.db, run: base.run, log });
  const delivery = startDelivery({ run: base.run, send: config.mail && smtpTo(config.mail), log });
  const logouts = startLogoutDelivery({ run: base.run, ...house.logouts, log });
  const server = makeServer(config);
  const connections = connectionsOf(server);
  // Who comes before everything is prepared waits for it.
  let open = () => {};
  const prepared = new Promise<void>((resolve) => {
    open = resolve;
  });
  server.on('request', (req, res) => void prepared.then(() => house.handler(req, res)));
  try {
    // The port first: where it is taken, no code has been printed, for the next start would not print it again.
    await listen(server, config);
    await prepare(base, config, seed);
    open();
    log.info({ issuer: config.issuer, port: config.port }, `Latchkey is ready at ${config.issuer}`);
    const fallen = new Promise<string>((resolve) => base.embedded?.onExit(resolve));
    const reason = await Promise.race([signal, fallen]);
    log.info(`stopping: ${reason}`);
    if (!reason.startsWith('SIG')) process.exitCode = 1;
  } catch (error) {
    server.closeAllConnections();
    throw error;
  } finally {
    await stopServing(server, connections, log);
    await maintenance.stop();
    await delivery.stop();
    await logouts.stop();
    await house.db.close();
    await base.close();
    log.info('stopped');
  }
}

/** Ctrl-C under npm arrives twice, from the terminal and from npm; a later second one ends the process at once. */
function askedToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      const listener = () => {
        resolve(name);
        setTimeout(() => process.off(name, listener), 1_000).unref();
      };
      process.on(name, listener);
    }
  });
}

/** What LATCHKEY_SEED names, read before anything is made. Fails with a `ConfigurationError` that lists every mistake. */
export function configuredSeed({ seedFile }: Config): SeedFile | undefined {
  if (seedFile === undefined) return undefined;
  try {
    return readSeedFile(seedFile);
  } catch (error) {
    throw seedMistake(seedFile, error);
  }
}

function seedMistake(seedFile: string | undefined, error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  return new ConfigurationError([`LATCHKEY_SEED: ${seedFile} cannot be applied. ${error.message}`]);
}

/** The seed first, then the first administrator, one node at a time. */
async function prepare(base: Base, config: Config, seed: SeedFile | undefined): Promise<void> {
  if (seed) {
    await base
      .run(asSystem, (work) => applyOnce(work, seed, config.issuer))
      .catch((error: unknown) => {
        throw seedMistake(config.seedFile, error);
      });
  }
  await firstStart(base, config);
}

function makeServer(config: Config): Server {
  const options = { maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 1_000 };
  const server = config.tls
    ? (createTlsServer({ ...options, ...config.tls }) as unknown as Server)
    : createServer(options);
  answerUnreadable(server);
  server.headersTimeout = 10_000;
  server.requestTimeout = 20_000;
  server.keepAliveTimeout = 5_000;
  server.maxRequestsPerSocket = 1_000;
  return server;
}

function listen(server: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(
          new ConfigurationError([
            `Port ${port} on ${host} is taken by another program. Stop it, or set PORT to another one.`,
          ]),
        );
      } else if (error.code === 'EACCES' || error.code === 'ENOTFOUND' || error.code === 'EADDRNOTAVAIL') {
        reject(new ConfigurationError([`Cannot listen on ${host}:${port} (${error.code}). Check HOST and PORT.`]));
      } else reject(error);
    });
    server.listen(port, host, resolve);
  });
}

function connectionsOf(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

/** Requests are let finish; connections that a browser keeps, or has opened to be quick later, are no reason to wait. */
async function stopServing(server: Server, connections: ReadonlySet<Socket>, log: Logger): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Node takes a connection on which nothing was said yet for a busy one.
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const impatient = setTimeout(() => {
    log.warn('requests still open after 8 s are cut off');
    server.closeAllConnections();
  }, shutdownMs);
  await closed;
  clearInterval(idle);
  clearTimeout(impatient);
}
