/**
 * Two processes of the built app on one database, behind one address: a proxy that gives every request to the next node.
 * The issuer is the proxy's address, so browsers and relying parties see one provider and never know which node answers.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { inject } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { RunWork, Work } from '../../src/core/work.ts';
import { issuePass, type IssuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { applySeed, parseSeed } from '../../src/seed.ts';
import { createUser } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { openBase } from '../../src/wire.ts';
import { type CookieBrowser, newBrowser } from './cookie-browser.ts';
import { asOperator } from './house.ts';
import { type RunningProcess, freePort, startProcess } from './process.ts';
import { copyTemplate } from './template.ts';

export const latchkey = join(import.meta.dirname, '../../bin/latchkey.js');

export interface TwoNodes {
  /** The address of the proxy. */
  readonly issuer: string;
  readonly nodes: readonly [Node, Node];
  /** What both nodes and every command beside them are started with. */
  readonly env: Readonly<Record<string, string>>;
  /** A browser with an address of its own, as the proxy tells the nodes. */
  browser(options?: { readonly stopAt?: string | readonly string[] }): CookieBrowser;
  /** A browser that comes through another proxy, with an address of its own there: `proxy` is the one the nodes see. */
  browserBehind(proxy: string, options?: { readonly stopAt?: string | readonly string[] }): CookieBrowser;
  /** While the body runs, the proxy gives everything to this node. */
  onlyAt<T>(node: 0 | 1, body: () => Promise<T>): Promise<T>;
  /** Works of anybody, by the use-cases, in this process. */
  readonly run: RunWork;
  /** Works of the operator. */
  work<T>(body: (work: Work) => Promise<T>): Promise<T>;
  seed(seed: object): Promise<void>;
  user(userPrincipalName: string): Promise<User>;
  pass(user: string, asked?: Partial<IssuePass>): Promise<string>;
  /** What the nodes logged as errors or answered as faults since they were started: no race may cause any. */
  faults(): readonly string[];
  /** How often PostgreSQL had to end a work, of any process, because two waited for each other. */
  deadlocks(): Promise<number>;
  close(): Promise<void>;
}

export interface Node {
  readonly port: number;
  readonly process: RunningProcess;
  /** Requests that the proxy gave to this node and that it answered. */
  answered: number;
  /** Answers of the five hundreds, but for "come back later": what was asked and the status. */
  readonly failed: string[];
}

/** `more`: what each of the two is started with beside what both are. */
export async function startTwoNodes(
  more: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>] = [{}, {}],
): Promise<TwoNodes> {
  const database = await copyTemplate(inject('database'));
  const proxy = await startProxy();
  const env = {
    DATABASE_URL: database.url,
    LATCHKEY_MASTER_KEY: randomBytes(32).toString('base64'),
    LATCHKEY_ISSUER: proxy.origin,
    LATCHKEY_TRUSTED_PROXIES: '127.0.0.1, ::1',
    LATCHKEY_THROTTLES: JSON.stringify({
      sourceAndAccount: { most: 1_000_000 },
      source: { most: 1_000_000 },
      organisation: { most: 1_000_000, mostWithShortPasses: 1_000_000 },
    }),
  };
  const nodes = await Promise.all([startNode({ ...env, ...more[0] }), startNode({ ...env, ...more[1] })]);
  proxy.nodes.push(...nodes);
  const base = await openBase(readConfig(env), 'command', () => {});

  return {
    issuer: proxy.origin,
    nodes,
    env,
    browser: (options = {}) => newBrowser({ ...options, userAgent: `Mozilla/5.0 ${addressMark}${nextAddress()}` }),
    browserBehind: (proxy, options = {}) =>
      newBrowser({ ...options, userAgent: `Mozilla/5.0 ${proxyMark}${proxy} ${addressMark}${nextAddress()}` }),
    run: base.run,
    async onlyAt(node, body) {
      proxy.only = node;
      try {
        return await body();
      } finally {
        proxy.only = undefined;
      }
    },
    work: (body) => base.run(asOperator, body),
    seed: (seed) => base.run(asOperator, (work) => applySeed(work, parseSeed(JSON.stringify(seed)), proxy.origin)),
    user: (userPrincipalName) =>
      base.run(asOperator, (work) => createUser(work, { userPrincipalName, displayName: userPrincipalName })),
    pass: async (user, asked = {}) => (await issuePass(base.run, asOperator, { ...asked, user })).code,
    faults: () => nodes.flatMap(({ process, failed }) => [...errorsIn(process), ...failed]),
    async deadlocks() {
      const sql = 'select deadlocks::int from pg_stat_database where datname = current_database()';
      const { rows } = await base.knex.raw<{ rows: { deadlocks: number }[] }>(sql);
      return rows[0]!.deadlocks;
    },
    async close() {
      await Promise.all(nodes.map(({ process }) => process.kill()));
      proxy.close();
      await base.close();
      await database.drop();
    },
  };
}

async function startNode(env: Readonly<Record<string, string>>): Promise<Node> {
  const port = await freePort();
  const running = await startProcess(process.execPath, [latchkey, 'serve'], {
    env: { ...env, PORT: String(port) },
    readyWhen: /Latchkey is ready/,
    timeoutMs: 60_000,
  });
  return { port, process: running, answered: 0, failed: [] };
}

/** Pino's levels: 50 is an error. */
export function errorsIn(node: RunningProcess): readonly string[] {
  const lines = node
    .stdout()
    .split('\n')
    .filter((line) => /^\{"level":[56]0,/.test(line));
  return lines.map((line) => {
    const { msg, path, err } = JSON.parse(line) as { msg: string; path?: string; err?: { message: string } };
    return `${msg} ${path ?? ''}: ${err?.message.replace(/\s+/g, ' ').slice(-120)}`;
  });
}

// A browser cannot write X-Forwarded-For; it says its address here, and the proxy, whom the nodes trust, passes it on.
const addressMark = 'at/';
const proxyMark = 'behind/';
let addresses = 0;

function nextAddress(): string {
  addresses += 1;
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`;
}

interface Proxy {
  readonly origin: string;
  readonly nodes: Node[];
  only: 0 | 1 | undefined;
  close(): void;
}

async function startProxy(): Promise<Proxy> {
  const nodes: Node[] = [];
  let turn = 0;
  const server: Server = createServer((incoming, outgoing) => {
    turn += 1;
    void pass(incoming, outgoing, (proxy.only ?? turn % 2) === 0 ? nodes : [...nodes].reverse());
  });
  const port = await freePort();
  server.listen(port, 'localhost');
  await once(server, 'listening');
  const proxy: Proxy = {
    origin: `http://localhost:${port}`,
    nodes,
    only: undefined,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

/** To the first node; to the other only what the first did not take at all, as load balancers do. */
async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  [node, ...others]: readonly Node[],
): Promise<void> {
  const body = Buffer.concat(await incoming.toArray());
  forward(node, others);

  function forward(to: Node | undefined, rest: readonly Node[]): void {
    if (!to) return void outgoing.writeHead(502).end('No node is there.');
    const address = incoming.headers['user-agent']?.split(addressMark)[1] ?? '10.255.255.255';
    const proxy = incoming.headers['user-agent']?.split(proxyMark)[1]?.split(' ')[0];
    const from = proxy ? { host: '127.0.0.1', localAddress: proxy } : { host: 'localhost' };
    const { url = '/', method } = incoming;
    const headers = { ...incoming.headers, 'x-forwarded-for': address };
    const sent = request({ ...from, port: to.port, path: url, method, headers, agent: false });
    sent.on('response', (answer) => {
      to.answered += 1;
      if (answer.statusCode! >= 500 && answer.statusCode !== 503) {
        to.failed.push(`${method} ${url} was answered with ${answer.statusCode}`);
      }
      outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    sent.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') return forward(rest[0], rest.slice(1));
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end('The node did not answer.');
    });
    sent.end(body);
  }
}
