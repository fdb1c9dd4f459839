import { parseArgs } from 'node:util';
import { clientCommands } from './cli/clients.ts';
import { type Command, note, one, options, print, printJson, UsageError, withBase } from './cli/command.ts';
import { federationCommands } from './cli/federation.ts';
import { groupCommands } from './cli/groups.ts';
import { logCommands } from './cli/logs.ts';
import { logoutCommands } from './cli/logouts.ts';
import { mailCommands } from './cli/mail.ts';
import { methodCommands } from './cli/methods.ts';
import { passCommands } from './cli/passes.ts';
import { policyCommands } from './cli/policy.ts';
import { roleCommands } from './cli/roles.ts';
import { userCommands } from './cli/users.ts';
import { type Config, readConfig, unheardSettings } from './config.ts';
import { AppError, ConfigurationError } from './core/errors.ts';
import { pendingSteps } from './database/connect.ts';
import { hasEmbeddedDatabase } from './database/embedded.ts';
import { configuredSeed, serve } from './main.ts';
import { withMasterKey } from './master-key.ts';
import { demandSameMasterKey } from './oidc/signing-keys.ts';
import { applySeed, readSeedFile } from './seed.ts';
import { asOperator, openBase } from './wire.ts';

export const usage = `Latchkey: from nothing to a passkey, and back to one after a loss.

  latchkey serve                          start the provider
  latchkey check                          read the configuration and say what is wrong
  latchkey migrate                        bring the database schema up to date
  latchkey apply FILE                     merge a seed file into what exists
  latchkey user list
  latchkey user add NAME [--display-name TEXT] [--mail ADDRESS]
  latchkey user show NAME
  latchkey user set NAME [--display-name TEXT] [--mail ADDRESS] [--manager NAME]
  latchkey user enable NAME | disable NAME | delete NAME
  latchkey user manager NAME | groups NAME
  latchkey user sign-out NAME             everywhere, at once; a pass ends with it
  latchkey user contain NAME [--since TIME] [--reason TEXT]
                                          end passes and sessions, suspend what was added since: 72 hours if not said
  latchkey method list USER
  latchkey method show USER ID | delete USER ID
  latchkey method set USER ID KEY=VALUE ...
                                          displayName; state=suspended puts it out of use, state=active back
  latchkey method reset-password USER [--secret-file FILE]
                                          a new one is made and printed, once, when none is read from FILE
  latchkey group list
  latchkey group add NAME | show NAME | delete NAME | members NAME
  latchkey group set NAME --display-name TEXT
  latchkey group add-member GROUP USER | remove-member GROUP USER
  latchkey role list
  latchkey role show ROLE                 who holds it, and for which group
  latchkey role grant USER ROLE [--group NAME] [--lifetime MINUTES] [--one-time]
                                          group and limits are for the role Pass Issuer
  latchkey role revoke USER ROLE
  latchkey client list
  latchkey client add NAME KEY=VALUE ...  its client_id is made here; the secret is printed, once
  latchkey client show ID | secret ID | delete ID
                                          secret makes a new one and prints it, once; those before stop
  latchkey client secret add ID [--days DAYS]
                                          a second one beside it, two years if not said
  latchkey client secret list ID | remove ID KEY
  latchkey client set ID KEY=VALUE ...    change what is named, keep the rest; null takes away
  latchkey idp list
  latchkey idp show ID
  latchkey idp put ID [KEY=VALUE ...] [--secret-file FILE]
                                          make it, or change what is named; the secret is read from FILE, - is standard input
  latchkey idp test ID [KEY]              ask it what a sign-in there needs; exit status 1 when that would not work
  latchkey idp key add ID | use ID KEY | remove ID KEY
                                          change our key at one that knows us by private_key_jwt, without a break
  latchkey idp delete ID [--unlink]       with its domains, and with the links of people when asked to
  latchkey idp links USER                 who somebody is at identity providers
  latchkey idp link USER ID SUB [--administrator]
                                          --administrator: it signs the user in also while they hold a role
  latchkey idp allow USER ID | forbid USER ID
                                          whether a link signs the user in also while they hold a role
  latchkey idp unlink USER ID
  latchkey domain list
  latchkey domain show NAME
  latchkey domain put NAME ID [KEY=VALUE ...]
                                          its people sign in at identity provider ID; mfaBehavior, straight
  latchkey domain delete NAME
  latchkey pass issue USER [--start RFC3339] [--lifetime MINUTES] [--reusable]
                           [--purpose registration|signIn] [--reason TEXT] [--ticket TEXT]
                           [--verified-by callBack|inPerson|video|manager]
  latchkey pass list
  latchkey pass show USER
  latchkey pass extend USER --lifetime MINUTES
  latchkey pass history USER
  latchkey pass revoke USER
  latchkey pass approvals | approve ID | reject ID
  latchkey policy show [NAME]             a policy: temporaryAccessPass when none is named, fido2, softwareOath, password,
                                          recoveryCode, registration, assurance
  latchkey policy set [NAME] KEY=VALUE ...
                                          change what is named, keep the rest; values are JSON, or plain words
  latchkey policy reset [NAME]            back to the defaults
  latchkey audit list [--filter FILTER] [--top COUNT]
                                          what was changed or refused, newest first; FILTER as in the API
  latchkey audit sign-ins [--filter FILTER] [--top COUNT]
  latchkey audit show ID
  latchkey report registrations [USER] [--filter FILTER]
                                          who has registered what
  latchkey report methods | features      how many people have what
  latchkey mail list                      what was sent to whom, and what was not
  latchkey logout list                    logout tokens of the last 30 days, and whether they arrived

  --json prints what the API would answer. Exit status: 0 done, 1 refused, 2 usage, 78 configuration.
`;

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
  const name = [`${noun} ${verb ?? ''}`, noun].find((one) => Object.hasOwn(commands, one));
  if (name === undefined) throw new UsageError(`There is no command "${positionals.slice(0, 2).join(' ')}".`);
  await commands[name]!(positionals.slice(name === noun ? 1 : 2), values);
}

export const commands: Readonly<Record<string, Command>> = {
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
      // The server's address alone: name and password stand in the same setting.
      mail: config.mail === undefined ? null : new URL(config.mail.url).host,
    };
    if (json) return printJson({ ok: true, ...facts, ...pending });
    print(
      `The configuration is good.\nIssuer: ${facts.issuer}\nDatabase: ${facts.database}\nPasskeys are bound to: ${facts.passkeyHost}\n` +
        `Mail: ${facts.mail === null ? 'none is sent: LATCHKEY_SMTP_URL is not set' : `sent through ${facts.mail}`}\n`,
    );
  },

  migrate: (_operands, { json }) =>
    withBase(async () => {
      if (json) printJson({ migrated: true });
      else print('The database schema is up to date.\n');
    }),

  apply: (operands, { json }) => {
    const file = one(operands, 'apply FILE');
    return withBase(async (base) => {
      const { seed, hash } = readSeed(file);
      await base.run(asOperator, async (work) => {
        await applySeed(work, seed, base.config.issuer);
        work.record({ type: 'seed.applied', details: { sha256: hash.toString('hex') } });
      });
      if (json) printJson({ applied: file });
      else print(`Applied ${file}.\n`);
    });
  },

  ...userCommands,
  ...methodCommands,
  ...clientCommands,
  ...federationCommands,
  ...groupCommands,
  ...roleCommands,
  ...passCommands,
  ...policyCommands,
  ...logCommands,
  ...mailCommands,
  ...logoutCommands,
};

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
