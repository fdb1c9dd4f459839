import { parseArgs } from 'node:util';
import { listClients } from './clients/manage-clients.ts';
import { type Config, readConfig, unheardSettings } from './config.ts';
import { AppError, ConfigurationError } from './core/errors.ts';
import { pendingSteps } from './database/connect.ts';
import { hasEmbeddedDatabase } from './database/embedded.ts';
import { endedPassResource, issuedPassResource, passPolicyResource, passResource } from './http/graph/resources.ts';
import { handoverUrl } from './http/pass/link.ts';
import { configuredSeed, serve } from './main.ts';
import { withMasterKey } from './master-key.ts';
import { inGroups } from './methods/temporary-access-pass/code.ts';
import {
  extendPass,
  issuePass,
  listPasses,
  passHistory,
  revokePass,
} from './methods/temporary-access-pass/manage-passes.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from './methods/temporary-access-pass/manage-policy.ts';
import { passState } from './methods/temporary-access-pass/pass.ts';
import { type PassSettingsChange, passSettingsChange } from './methods/temporary-access-pass/settings.ts';
import { endAccount } from './oidc/endings.ts';
import { demandSameMasterKey } from './oidc/signing-keys.ts';
import { applySeed, readSeedFile } from './seed.ts';
import { changeUser, createUser, getUser, listUsers } from './users/manage-users.ts';
import { asOperator, type Base, openBase } from './wire.ts';

const usage = `Latchkey: from nothing to a passkey, and back to one after a loss.

  latchkey serve                          start the provider
  latchkey check                          read the configuration and say what is wrong
  latchkey migrate                        bring the database schema up to date
  latchkey apply FILE                     merge a seed file into what exists
  latchkey user list
  latchkey user add NAME [--display-name TEXT] [--mail ADDRESS]
  latchkey user enable NAME | disable NAME
  latchkey client list
  latchkey pass issue USER [--start RFC3339] [--lifetime MINUTES] [--reusable]
                           [--purpose registration|signIn] [--reason TEXT]
  latchkey pass list
  latchkey pass extend USER --lifetime MINUTES
  latchkey pass history USER
  latchkey pass revoke USER
  latchkey policy show                    the policy for passes
  latchkey policy set KEY=VALUE ...       change what is named, keep the rest; values are JSON, or plain words
  latchkey policy reset                   back to the defaults

  --json prints what the API would answer. Exit status: 0 done, 1 refused, 2 usage, 78 configuration.
`;

const options = {
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  start: { type: 'string' },
  lifetime: { type: 'string' },
  reusable: { type: 'boolean' },
  purpose: { type: 'string' },
  reason: { type: 'string' },
  'display-name': { type: 'string' },
  mail: { type: 'string' },
} as const;

type Options = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];

class UsageError extends Error {}

/** Runs one command and sets the exit status; never throws. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await runCommand(args);
  } catch (error) {
    process.exitCode = report(error);
  }
}

async function runCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(args);
  const [noun, verb] = positionals;
  if (values.help || noun === undefined || noun === 'help') return print(usage);
  const command = commands[`${noun} ${verb ?? ''}`] ?? commands[noun];
  if (!command) throw new UsageError(`There is no command "${positionals.slice(0, 2).join(' ')}".`);
  const operands = positionals.slice(commands[`${noun} ${verb ?? ''}`] ? 2 : 1);
  await command(operands, values);
}

type Command = (operands: readonly string[], values: Options) => Promise<void>;

const commands: Readonly<Record<string, Command>> = {
  serve: async () => serve(readConfig(process.env)),

  check: async (_operands, { json }) => {
    const config = readConfig(process.env);
    for (const name of unheardSettings(process.env))
      note(`${name} is set, but the part that reads it is still to come.`);
    configuredSeed(config);
    const pending = await checkDatabase(config);
    const facts = {
      issuer: config.issuer,
      database: config.databaseUrl ? 'PostgreSQL by DATABASE_URL' : `embedded in ${config.dataDirectory}`,
      passkeyHost: new URL(config.issuer).hostname,
    };
    if (json) return printJson({ ok: true, ...facts, ...pending });
    print(
      `The configuration is good.\nIssuer: ${facts.issuer}\nDatabase: ${facts.database}\nPasskeys are bound to: ${facts.passkeyHost}\n`,
    );
  },

  migrate: (_operands, { json }) =>
    withBase(readConfig(process.env), async () => {
      if (json) printJson({ migrated: true });
      else print('The database schema is up to date.\n');
    }),

  apply: (operands, { json }) => {
    const file = one(operands, 'apply FILE');
    return withBase(readConfig(process.env), async (base) => {
      const { seed, hash } = readSeed(file);
      await base.run(asOperator, async (work) => {
        await applySeed(work, seed);
        work.record({ type: 'seed.applied', details: { sha256: hash.toString('hex') } });
      });
      if (json) printJson({ applied: file });
      else print(`Applied ${file}.\n`);
    });
  },

  'user list': (_operands, { json }) =>
    withBase(readConfig(process.env), async (base) => {
      const users = await base.run(asOperator, listUsers);
      if (json) return printJson({ value: users.map(userResource) });
      for (const user of users)
        print(`${user.userPrincipalName}\t${user.displayName}${user.enabled ? '' : '\tdisabled'}\n`);
    }),

  'user add': (operands, values) => {
    const userPrincipalName = one(operands, 'user add NAME');
    return withBase(readConfig(process.env), async (base) => {
      const displayName = values['display-name'] ?? userPrincipalName;
      const user = await base.run(asOperator, (work) =>
        createUser(work, { userPrincipalName, displayName, mail: values.mail }),
      );
      if (values.json) printJson(userResource(user));
      else
        print(
          `Made ${user.userPrincipalName}. Give them a pass with: npx latchkey pass issue ${user.userPrincipalName}\n`,
        );
    });
  },

  'user enable': (operands, values) => setEnabled(one(operands, 'user enable NAME'), true, values),
  'user disable': (operands, values) => setEnabled(one(operands, 'user disable NAME'), false, values),

  'client list': (_operands, { json }) =>
    withBase(readConfig(process.env), async (base) => {
      const clients = await base.run(asOperator, listClients);
      if (json) {
        return printJson({
          value: clients.map(({ clientId, metadata, appRoles }) => ({
            client_id: clientId,
            ...metadata,
            app_roles: appRoles,
          })),
        });
      }
      for (const { clientId, metadata } of clients) print(`${clientId}\t${(metadata.grant_types ?? []).join(' ')}\n`);
    }),

  'pass issue': (operands, values) => {
    const user = one(operands, 'pass issue USER');
    const { purpose } = values;
    if (purpose !== undefined && purpose !== 'registration' && purpose !== 'signIn') {
      throw new UsageError('--purpose is registration or signIn.');
    }
    const asked = {
      user,
      startsAt: values.start === undefined ? undefined : moment(values.start),
      lifetimeMinutes: values.lifetime === undefined ? undefined : minutes(values.lifetime),
      oneTime: values.reusable ? false : undefined,
      purpose,
      reason: values.reason,
    } as const;
    return withBase(readConfig(process.env), async (base) => {
      const issued = await issuePass(base.run, asOperator, asked);
      const { pass, code, user: issuedTo } = issued;
      const { issuer } = base.config;
      if (values.json) return printJson(issuedPassResource(issued, issuer));
      print(
        `A pass for ${issuedTo.userPrincipalName}. It is shown this once.\n` +
          `Address: ${issuer}/security-info\nCode: ${inGroups(code)}\n` +
          `Link: ${handoverUrl(issuer, issuedTo.userPrincipalName, code)}\n` +
          `Works from ${pass.startsAt.toISOString()} until ${pass.expiresAt.toISOString()}${pass.oneTime ? ', once' : ''}.\n`,
      );
    });
  },

  'pass list': (_operands, { json }) =>
    withBase(readConfig(process.env), async (base) => {
      const found = await base.run(asOperator, async (work) => ({ ...(await listPasses(work)), now: work.now }));
      if (json) {
        const value = found.passes.map((pass) => ({
          ...passResource(pass, pass.settings, found.now, null),
          userPrincipalName: pass.userPrincipalName,
        }));
        return printJson({ value });
      }
      for (const pass of found.passes) {
        print(`${pass.userPrincipalName}\t${passState(pass, found.now)}\tuntil ${pass.expiresAt.toISOString()}\n`);
      }
    }),

  'pass extend': (operands, { json, lifetime }) => {
    const user = one(operands, 'pass extend USER --lifetime MINUTES');
    if (lifetime === undefined) throw new UsageError('--lifetime says how many minutes the pass lasts from its start.');
    const lifetimeMinutes = minutes(lifetime);
    return withBase(readConfig(process.env), async (base) => {
      const found = await base.run(asOperator, async (work) => ({
        ...(await extendPass(work, { user, lifetimeMinutes })),
        now: work.now,
      }));
      if (json) return printJson(passResource(found.pass, found.settings, found.now, null));
      print(`The pass works until ${found.pass.expiresAt.toISOString()}, with the code it has.\n`);
    });
  },

  'pass history': (operands, { json }) => {
    const user = one(operands, 'pass history USER');
    return withBase(readConfig(process.env), async (base) => {
      const { passes } = await base.run(asOperator, (work) => passHistory(work, user));
      if (json) return printJson({ value: passes.map(({ pass, end }) => endedPassResource(pass, end)) });
      for (const { pass, end } of passes) {
        const by = pass.issuedById ? `${pass.issuedByKind} ${pass.issuedById}` : pass.issuedByKind;
        print(`${end.at.toISOString()}\t${end.reason}\tissued ${pass.issuedAt.toISOString()} by ${by}\n`);
      }
    });
  },

  'pass revoke': (operands, { json }) => {
    const user = one(operands, 'pass revoke USER');
    return withBase(readConfig(process.env), async (base) => {
      const pass = await base.run(asOperator, (work) => revokePass(work, { user }));
      if (json) printJson({ revoked: pass.id });
      else print('The pass no longer works, and what it opened has ended.\n');
    });
  },

  'policy show': (operands, values) => {
    none(operands, 'policy show');
    return withBase(readConfig(process.env), (base) => showPolicy(base, values));
  },

  'policy set': (operands, values) => {
    const changes = settingsFrom(operands);
    return withBase(readConfig(process.env), async (base) => {
      await base.run(asOperator, (work) => changePassPolicy(work, changes));
      await showPolicy(base, values);
    });
  },

  'policy reset': (operands, values) => {
    none(operands, 'policy reset');
    return withBase(readConfig(process.env), async (base) => {
      await base.run(asOperator, resetPassPolicy);
      await showPolicy(base, values);
    });
  },
};

async function showPolicy(base: Base, { json }: Options): Promise<void> {
  const settings = await base.run(asOperator, passPolicy);
  if (json) return printJson(passPolicyResource(settings));
  for (const [name, value] of Object.entries(settings)) print(`${name}=${JSON.stringify(value)}\n`);
}

/** KEY=VALUE, as `policy show` prints it; fails as the API would for what cannot be. */
function settingsFrom(operands: readonly string[]): PassSettingsChange {
  if (operands.length === 0) throw new UsageError('Use: latchkey policy set KEY=VALUE ...');
  const named = operands.map((operand) => {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(operand) ?? [];
    if (name === undefined || text === undefined) throw new UsageError(`"${operand}" is not KEY=VALUE.`);
    return [name, jsonOrWord(text)] as const;
  });
  const checked = passSettingsChange.safeParse(Object.fromEntries(named));
  if (checked.success) return checked.data;
  const mistakes = checked.error.issues.map((issue) =>
    [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
  );
  throw new AppError('invalid_input', `${mistakes.join('\n')}`);
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function setEnabled(name: string, enabled: boolean, { json }: Options): Promise<void> {
  return withBase(readConfig(process.env), async (base) => {
    const user = await base.run(asOperator, async (work) => {
      const found = await getUser(work, name);
      await changeUser(work, found, { enabled });
      if (!enabled) await endAccount(work, found.id);
      return { ...found, enabled };
    });
    if (json) printJson(userResource(user));
    else print(`${user.userPrincipalName} is ${enabled ? 'enabled' : 'disabled'}.\n`);
  });
}

function userResource(user: Awaited<ReturnType<typeof createUser>>) {
  return {
    id: user.id,
    userPrincipalName: user.userPrincipalName,
    displayName: user.displayName,
    mail: user.mail,
    accountEnabled: user.enabled,
  };
}

/** Looks and changes nothing: a database that does not exist yet is not made, steps of the schema are not run. */
async function checkDatabase(config: Config): Promise<{ pendingMigrations?: readonly string[] }> {
  if (!config.databaseUrl && !hasEmbeddedDatabase(config.dataDirectory)) {
    note('There is no database yet. The first start makes it.');
    return {};
  }
  const base = await openBase(withMasterKey(config, note), 'command', note, { migrates: false });
  try {
    const pendingMigrations = await pendingSteps(base.knex);
    if (pendingMigrations.length > 0)
      note(`The next start brings the schema up to date (${pendingMigrations.length} steps).`);
    else await base.run(asOperator, demandSameMasterKey);
    return { pendingMigrations };
  } finally {
    await base.close();
  }
}

async function withBase(config: Config, body: (base: Base) => Promise<void>): Promise<void> {
  const base = await openBase(withMasterKey(config, note), 'command', note);
  try {
    await body(base);
  } finally {
    await base.close();
  }
}

function readSeed(file: string) {
  try {
    return readSeedFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR')
      throw new AppError('invalid_input', `${file} cannot be read (${code}).`);
    throw error;
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function one(operands: readonly string[], form: string): string {
  const [operand, ...more] = operands;
  if (operand === undefined || more.length > 0) throw new UsageError(`Use: latchkey ${form}`);
  return operand;
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}

function minutes(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError('--lifetime is a number of minutes.');
  return Number(text);
}

function moment(text: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i.test(text) || Number.isNaN(at.getTime())) {
    throw new UsageError('--start is a date and time with its zone, such as 2026-11-21T09:00:00Z.');
  }
  return at;
}

/** Says what went wrong, for the person at the terminal, and returns the exit status. */
function report(error: unknown): number {
  if (error instanceof UsageError) {
    note(`${error.message}\n"latchkey help" lists the commands.`);
    return 2;
  }
  if (error instanceof ConfigurationError) {
    note(`latchkey cannot start:\n${error.message}`);
    return 78; // EX_CONFIG
  }
  if (error instanceof AppError) {
    note(error.message);
    return 1;
  }
  if (isUnreachable(error)) {
    const { code, message } = error as NodeJS.ErrnoException;
    note(
      `latchkey cannot start:\nThe database does not let us in (${code ? `${code}: ` : ''}${message}). Check DATABASE_URL, and that the server is up.`,
    );
    return 78;
  }
  console.error(error);
  return 1;
}

// SQLSTATE: connection exceptions, no such user or password, no such database, no connection left, starting or stopping.
const noWayIn = /^(08...|28...|3D000|53300|57P0[1-3])$/;
// What pg and knex say without a code: encryption or a password that one side lacks, and a server that never answers.
const noWayInWords = /SSL|SASL|timeout acquiring a connection|connection terminated/i;

function isUnreachable(error: unknown): boolean {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return noWayInWords.test(message);
  return syscall === 'connect' || syscall === 'getaddrinfo' || noWayIn.test(code);
}

function print(text: string): void {
  process.stdout.write(text);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
