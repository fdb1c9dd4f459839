import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { ConfigurationError } from './core/errors.ts';
import { firstStart } from './first-start.ts';
import { startMaintenance } from './maintenance.ts';
import { applyOnce, readSeedFile } from './seed.ts';
import { asSystem, type Base, makeLog, openBase, wire } from './wire.ts';

const shutdownMs = 8_000;

/** Serves until SIGTERM or SIGINT, then lets requests finish and stops the database. Resolves when all of it is down. */
export async function serve(config: Config): Promise<void> {
  const log = makeLog(config.logLevel);
  const say = (line: string) => log.info(line);
  const signal = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  const base = await openBase(config, 'serve', say);
  const house = await wire(base, log).catch(async (error: unknown) => {
    await base.close();
    throw error;
  });
  const maintenance = startMaintenance({ knex: base.knex, db: house.db, run: base.run, log });
  const server = makeServer(config);
  server.on('request', house.handler);
  try {
    await prepare(base, config);
    await listen(server, config);
    log.info({ issuer: config.issuer, port: config.port }, `Latchkey is ready at ${config.issuer}`);
    const fallen = new Promise<string>((resolve) => base.embedded?.onExit(resolve));
    const reason = await Promise.race([signal, fallen]);
    log.info(`stopping: ${reason}`);
    if (!reason.startsWith('SIG')) process.exitCode = 1;
  } finally {
    await stopServing(server, log);
    await maintenance.stop();
    await house.db.close();
    await base.close();
    log.info('stopped');
  }
}

/** The seed first, then the first administrator, one node at a time. */
async function prepare(base: Base, config: Config): Promise<void> {
  if (config.seedFile) {
    const file = readSeedFile(config.seedFile);
    await base.run(asSystem, (work) => applyOnce(work, file));
  }
  await firstStart(base, config);
}

function makeServer(config: Config): Server {
  const options = { maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 1_000 };
  const server = config.tls ? (createTlsServer({ ...options, ...config.tls }) as unknown as Server) : createServer(options);
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
        reject(new ConfigurationError([`Port ${port} on ${host} is taken by another program. Stop it, or set PORT to another one.`]));
      } else if (error.code === 'EACCES' || error.code === 'ENOTFOUND' || error.code === 'EADDRNOTAVAIL') {
        reject(new ConfigurationError([`Cannot listen on ${host}:${port} (${error.code}). Check HOST and PORT.`]));
      } else reject(error);
    });
    server.listen(port, host, resolve);
  });
}

async function stopServing(server: Server, log: Logger): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const impatient = setTimeout(() => {
    log.warn('requests still open after 8 s are cut off');
    server.closeAllConnections();
  }, shutdownMs);
  await closed;
  clearTimeout(impatient);
}
