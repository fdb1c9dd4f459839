import { readFileSync } from 'node:fs';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from './core/errors.ts';
import { isLocalhost } from './core/localhost.ts';
import type { MailServer } from './mail/smtp.ts';
import { defaultLimits, type ThrottleLimits } from './throttle/throttle.ts';

/** What the environment says, checked once and frozen. */
export interface Config {
  /** Public URL without a trailing slash; scheme and host of everything we ever print. */
  readonly issuer: string;
  readonly port: number;
  readonly host: string;
  /** Undefined: the embedded database under `dataDirectory`. */
  readonly databaseUrl: string | undefined;
  readonly dataDirectory: string;
  /** 32 bytes; undefined: a file in the data directory. */
  readonly masterKey: Buffer | undefined;
  readonly trustedProxies: BlockList;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly seedFile: string | undefined;
  readonly adminName: string;
  /** Undefined: no mail is sent. */
  readonly mail: MailServer | undefined;
  /** Private networks that relying parties may be in. */
  readonly outboundAllow: BlockList;
  readonly limits: ThrottleLimits;
  readonly logLevel: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const knownVariables = new Set([
  ...[
    'ISSUER',
    'DATA_DIR',
    'MASTER_KEY',
    'MASTER_KEY_FILE',
    'TRUSTED_PROXIES',
    'TLS_CERT',
    'TLS_KEY',
    'SEED',
    'ADMIN',
    'THROTTLES',
  ],
  ...['LOG_LEVEL', 'SMTP_URL', 'SMTP_URL_FILE', 'MAIL_FROM', 'OUTBOUND_ALLOW'],
]);
// In the contract, for parts that are still to come: setting one is no mistake, but nothing listens yet.
const laterVariables = new Set(['METRICS_PORT']);

/** Reads the whole environment before it complains: every problem in one error, each with its cure. */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const problem = (text: string): undefined => void problems.push(text);
  const value = (name: string): string | undefined => env[name]?.trim() || undefined;
  const secret = (name: string): string | undefined => {
    const file = value(`${name}_FILE`);
    if (file === undefined) return value(name);
    if (value(name) !== undefined) return problem(`${name} and ${name}_FILE are both set. Keep one of them.`);
    return readText(file, (why) =>
      problem(`${name}_FILE: ${file} cannot be read (${why}). Name a file this process may read.`),
    )?.trim();
  };

  for (const name of Object.keys(env).filter((key) => key.startsWith('LATCHKEY_'))) {
    const short = name.slice('LATCHKEY_'.length);
    if (!knownVariables.has(short) && !laterVariables.has(short)) {
      problem(`${name} is not a setting. Check its spelling, or remove it.`);
    }
  }

  const port = parsePort(value('PORT') ?? '3000', problem);
  const host = value('HOST') ?? 'localhost';
  const issuer = parseIssuer(value('LATCHKEY_ISSUER') ?? new URL(`http://localhost:${port}`).origin, problem);
  const databaseUrl = parseDatabaseUrl(secret('DATABASE_URL'), problem);
  const masterKey = parseMasterKey(secret('LATCHKEY_MASTER_KEY'), problem);
  if (databaseUrl && !masterKey && !problems.some((text) => text.startsWith('LATCHKEY_MASTER_KEY'))) {
    problem(
      'LATCHKEY_MASTER_KEY is missing. With DATABASE_URL every node needs the same key: make one with "openssl rand -base64 32", ' +
        'keep it apart from the database, and set LATCHKEY_MASTER_KEY or LATCHKEY_MASTER_KEY_FILE.',
    );
  }
  const seedFile = value('LATCHKEY_SEED');
  if (seedFile)
    readText(seedFile, (why) =>
      problem(`LATCHKEY_SEED: ${seedFile} cannot be read (${why}). Check the path, and that this process may read it.`),
    );
  const adminName = value('LATCHKEY_ADMIN') ?? 'admin@localhost';
  if (!/^[^\s@]+@[^\s@]+$/.test(adminName)) {
    problem(`LATCHKEY_ADMIN: "${adminName}" must look like name@example.com.`);
  }
  const mailFrom = value('LATCHKEY_MAIL_FROM');
  const mail = parseMail(secret('LATCHKEY_SMTP_URL'), mailFrom, problem);
  if (mailFrom && !mail && !problems.some((text) => /^LATCHKEY_(SMTP_URL|MAIL_FROM)/.test(text))) {
    problem('LATCHKEY_SMTP_URL is missing. LATCHKEY_MAIL_FROM alone sends no mail: set both, or neither.');
  }
  const config: Config = {
    issuer,
    port,
    host,
    databaseUrl,
    dataDirectory: absolute(value('LATCHKEY_DATA_DIR') ?? './data'),
    masterKey,
    trustedProxies: parseNetworks('LATCHKEY_TRUSTED_PROXIES', value('LATCHKEY_TRUSTED_PROXIES'), problem),
    tls: parseTls(value('LATCHKEY_TLS_CERT'), value('LATCHKEY_TLS_KEY'), problem),
    seedFile,
    adminName,
    mail,
    outboundAllow: parseNetworks('LATCHKEY_OUTBOUND_ALLOW', value('LATCHKEY_OUTBOUND_ALLOW'), problem),
    limits: parseLimits(value('LATCHKEY_THROTTLES'), problem),
    logLevel: parseLevel(value('LATCHKEY_LOG_LEVEL') ?? 'info', problem),
  };
  if (problems.length > 0) throw new ConfigurationError(problems);
  return Object.freeze(config);
}

/** Names of settings that are set but belong to parts that do not exist yet. */
export function unheardSettings(env: Environment): string[] {
  return Object.keys(env).filter(
    (name) => name.startsWith('LATCHKEY_') && laterVariables.has(name.slice('LATCHKEY_'.length)),
  );
}

type Complain = (text: string) => undefined;

function parsePort(text: string, problem: Complain): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  problem(`PORT: "${text}" is not a port. Use a number from 1 to 65535.`);
  return 3000;
}

function parseIssuer(text: string, problem: Complain): string {
  const issuer = text.replace(/\/$/, '');
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || issuer !== url.origin) {
    problem(
      `LATCHKEY_ISSUER: "${text}" must be a scheme and a host only, such as https://id.example.com. The provider lives at the root of its host.`,
    );
    return issuer;
  }
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) {
    problem(
      `LATCHKEY_ISSUER: ${url.hostname} is an IP address, and browsers refuse passkeys there. Use a host name, or localhost.`,
    );
  } else if (url.protocol === 'http:' && !isLocalhost(url.hostname)) {
    problem(`LATCHKEY_ISSUER: ${issuer} needs https. Browsers allow passkeys over http on localhost alone.`);
  }
  return issuer;
}

function parseDatabaseUrl(text: string | undefined, problem: Complain): string | undefined {
  if (text === undefined) return undefined;
  if (/^postgres(ql)?:\/\//.test(text)) return text;
  return problem('DATABASE_URL must begin with postgres:// or postgresql://.');
}

function parseMasterKey(text: string | undefined, problem: Complain): Buffer | undefined {
  if (text === undefined) return undefined;
  const key = Buffer.from(text, 'base64');
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text) && key.length === 32) return key;
  return problem('LATCHKEY_MASTER_KEY must be 32 bytes in base64. Make one with "openssl rand -base64 32".');
}

function parseNetworks(name: string, text: string | undefined, problem: Complain): BlockList {
  const networks = new BlockList();
  for (const entry of (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [address = '', prefix, ...rest] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    const most = family === 'ipv6' ? 128 : 32;
    const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (rest.length > 0 || isIP(address) === 0 || !Number.isInteger(bits) || bits < 0 || bits > most) {
      problem(`${name}: "${entry}" is not an address or network such as 10.0.0.0/8. Separate several with commas.`);
    } else {
      networks.addSubnet(address, bits, family);
    }
  }
  return networks;
}

function parseTls(certFile: string | undefined, keyFile: string | undefined, problem: Complain): Config['tls'] {
  if (!certFile && !keyFile) return undefined;
  if (!certFile || !keyFile)
    return problem('LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY go together: set both, or neither.');
  const cert = readText(certFile, (why) =>
    problem(
      `LATCHKEY_TLS_CERT: ${certFile} cannot be read (${why}). Check the path, and that this process may read it.`,
    ),
  );
  const key = readText(keyFile, (why) =>
    problem(`LATCHKEY_TLS_KEY: ${keyFile} cannot be read (${why}). Check the path, and that this process may read it.`),
  );
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

function parseMail(url: string | undefined, from: string | undefined, problem: Complain): Config['mail'] {
  // It may hold a password, so it is never repeated.
  const server = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  if (url !== undefined && (!['smtp:', 'smtps:'].includes(server?.protocol ?? '') || !server?.hostname)) {
    problem(
      'LATCHKEY_SMTP_URL must begin with smtp:// or smtps:// and name a host, such as smtps://name:password@mail.example.com.',
    );
  }
  const parts = /^(?:[^<>@"(),:;[\]\\]*<)?[^\s@<>(),:;"[\]\\]+@[^\s@<>(),:;"\\]+(>?)$/.exec(from ?? '');
  if (from !== undefined && (!parts || (parts[1] === '>') !== from.includes('<'))) {
    problem(`LATCHKEY_MAIL_FROM: "${from}" must look like id@example.com or Latchkey <id@example.com>.`);
  }
  if (url === undefined && from === undefined) return undefined;
  if (from === undefined) {
    return problem(
      'LATCHKEY_MAIL_FROM is missing. With LATCHKEY_SMTP_URL mails need a sender, such as id@example.com.',
    );
  }
  return url === undefined ? undefined : { url, from };
}

const most = z.int().min(1).max(1_000_000_000);
const limit = z.strictObject({ most, windowMinutes: z.number().positive().max(1440) }).partial();
const limitsShape = z
  .strictObject({
    sourceAndAccount: limit,
    source: limit,
    recoveryCode: limit,
    account: limit.extend({
      most: most.min(2).optional(), // a wait grows from a guess before
      firstWaitSeconds: z.number().positive().max(3_600).optional(),
      longestWaitMinutes: z.number().positive().max(1440).optional(),
    }),
    organisation: z.strictObject({ most, mostWithShortPasses: most, alertAt: most }).partial(),
    issuing: limit,
    mostInARow: z.int().min(1).max(100), // NIST's ceiling: it can be lowered
    organisationNetworks: z.array(z.string()),
  })
  .partial();

function parseLimits(text: string | undefined, problem: Complain): ThrottleLimits {
  if (text === undefined) return defaultLimits;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    problem('LATCHKEY_THROTTLES is not JSON. Example: {"source":{"most":300,"windowMinutes":15}}');
    return defaultLimits;
  }
  const parsed = limitsShape.safeParse(json);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      problem(`LATCHKEY_THROTTLES: ${path.join('.') || 'the value'}: ${message}. ${knownLimits}`);
    }
    return defaultLimits;
  }
  const { mostInARow, organisationNetworks, ...decided } = parsed.data;
  const networks = organisationNetworks?.map((network) => network.trim() || '(nothing)').join(',');
  return {
    sourceAndAccount: { ...defaultLimits.sourceAndAccount, ...defined(decided.sourceAndAccount) },
    source: { ...defaultLimits.source, ...defined(decided.source) },
    recoveryCode: { ...defaultLimits.recoveryCode, ...defined(decided.recoveryCode) },
    account: { ...defaultLimits.account, ...defined(decided.account) },
    organisation: { ...defaultLimits.organisation, ...defined(decided.organisation) },
    issuing: { ...defaultLimits.issuing, ...defined(decided.issuing) },
    mostInARow: mostInARow ?? defaultLimits.mostInARow,
    organisationNetworks: parseNetworks('LATCHKEY_THROTTLES: organisationNetworks', networks, problem),
  };
}

const knownLimits =
  'Correct it or leave it out. Known: sourceAndAccount, source, recoveryCode, account and issuing, each with most and windowMinutes, ' +
  'account with firstWaitSeconds and longestWaitMinutes too; organisation with most, mostWithShortPasses and alertAt; mostInARow, ' +
  '100 at most; organisationNetworks, a list such as ["192.0.2.0/24"].';

function defined(named: Readonly<Record<string, unknown>> | undefined): object {
  return Object.fromEntries(Object.entries(named ?? {}).filter(([, value]) => value !== undefined));
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

function parseLevel(text: string, problem: Complain): string {
  if (logLevels.includes(text)) return text;
  problem(`LATCHKEY_LOG_LEVEL: "${text}" is not a level. Use one of: ${logLevels.join(', ')}.`);
  return 'info';
}

function readText(file: string, failed: (why: string) => undefined): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return failed((error as NodeJS.ErrnoException).code ?? 'unknown reason');
  }
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(process.cwd(), path);
}
