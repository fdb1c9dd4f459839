import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { inject } from 'vitest';
import { type Config, readConfig } from '../../src/config.ts';
import { operator } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import { answerUnreadable } from '../../src/http/unreadable.ts';
import { issuePass, type IssuePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { applySeed, parseSeed } from '../../src/seed.ts';
import { createUser } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { makeLog } from '../../src/log.ts';
import { type Base, type House, openBase, wire } from '../../src/wire.ts';
import { checkingAnswers } from './api-answers.ts';
import { freePort } from './process.ts';
import { copyTemplate } from './template.ts';

export const testMasterKey = Buffer.alloc(32, 7).toString('base64');
export const asOperator = { actor: operator, origin: { requestId: 'test', ip: null, userAgent: null } } as const;

/** A clock the test holds: works see the database's time moved by this much. */
export interface TestClock {
  advance(minutes: number): void;
}

export interface TestBase {
  readonly base: Base;
  readonly clock: TestClock;
  /** Statements of the rooms' pool, as sent. */
  readonly statements: string[];
  work<T>(body: (work: Work) => Promise<T>): Promise<T>;
  seed(seed: object): Promise<void>;
  user(userPrincipalName: string): Promise<User>;
  /** Issues a pass as the operator would and returns its code. */
  pass(user: string, asked?: Partial<IssuePass>): Promise<string>;
  close(): Promise<void>;
}

/** A migrated database with everything but a listener: what use-case tests work on. */
export async function openTestBase(env: Readonly<Record<string, string>> = {}): Promise<TestBase> {
  const database = await copyTemplate(inject('database'));
  const config: Config = readConfig({
    LATCHKEY_MASTER_KEY: testMasterKey,
    DATABASE_URL: database.url,
    LATCHKEY_LOG_LEVEL: 'silent',
    ...env,
  });
  let shiftMs = 0;
  const base = await openBase(config, 'command', () => {}, { clock: (now) => new Date(now.getTime() + shiftMs) });
  const statements: string[] = [];
  base.knex.on('query', ({ sql }: { sql: string }) => statements.push(sql));
  return {
    base,
    statements,
    clock: {
      advance(minutes) {
        shiftMs += minutes * 60_000;
      },
    },
    work: (body) => base.run(asOperator, body),
    seed: (seed) => base.run(asOperator, (work) => applySeed(work, parseSeed(JSON.stringify(seed)), config.issuer)),
    user: (userPrincipalName) =>
      base.run(asOperator, (work) => createUser(work, { userPrincipalName, displayName: userPrincipalName })),
    pass: async (user, asked = {}) => (await issuePass(base.run, asOperator, { ...asked, user })).code,
    async close() {
      await base.close();
      await database.drop();
    },
  };
}

export interface TestHouse extends TestBase {
  readonly issuer: string;
  /** Names of the protocol's statements, as sent. */
  readonly protocolStatements: string[];
  /** What the delivery of logout tokens takes. */
  readonly logouts: House['logouts'];
}

/**
 * The real app on a free port, over https when it is given a certificate. What its API answers is checked against the OpenAPI
 * document; `close` says what was wrong. Two in one browser need a `hostName` each, under localhost: cookies know no ports.
 */
export async function startHouse(
  env: Readonly<Record<string, string>> = {},
  {
    hostName = 'localhost',
    tls,
  }: { readonly hostName?: string; readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<TestHouse> {
  const port = await freePort();
  const issuer = `${tls ? 'https' : 'http'}://${hostName}:${port}`;
  const opened = await openTestBase({ PORT: String(port), LATCHKEY_ISSUER: issuer, ...env });
  const protocolStatements: string[] = [];
  const house = await wire(opened.base, makeLog(process.env.TEST_LOG ?? 'silent'), (name) =>
    protocolStatements.push(name),
  );
  const answers = checkingAnswers(issuer);
  const listener: RequestListener = (req, res) => {
    answers.watch(req, res);
    return house.handler(req, res);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  answerUnreadable(server);
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
  if ((server.address() as AddressInfo).port !== port) throw new Error('The port changed hands.');
  return {
    ...opened,
    issuer,
    protocolStatements,
    logouts: house.logouts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await house.db.close();
      await opened.close();
      if (answers.complaints.length > 0) {
        throw new Error(`The API answered otherwise than its document says:\n${answers.complaints.join('\n')}`);
      }
    },
  };
}
