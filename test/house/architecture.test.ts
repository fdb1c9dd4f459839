import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The picture of the house: what each part may import of ours. Read it from the bottom up.
 * A part that is not here, or an import that is not in its row, fails.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  // words everyone shares
  'src/core': [],
  migrations: [],
  views: [],
  // what every room stands on
  'src/database': ['src/core', 'migrations'],
  'src/throttle': ['src/core'],
  'src/policies': ['src/core'],
  // who people are and what they may do
  'src/roles': ['src/core'],
  'src/users': ['src/core', 'src/roles'],
  'src/audit': ['src/core', 'src/roles', 'src/users'],
  'src/groups': ['src/core', 'src/policies', 'src/roles', 'src/users'],
  // what people are told of their accounts, and the mail it goes out by
  'src/notices': ['src/core', 'src/roles', 'src/users', 'views'],
  'src/mail': ['src/core', 'src/notices'],
  // who has registered what, for all rooms at once
  'src/reports': ['src/core', 'src/roles', 'src/users'],
  // what a request that came twice has made
  'src/idempotency': ['src/core'],
  'src/clients': ['src/assurance', 'src/core', 'src/database', 'src/roles'],
  // how sure a sign-in makes one, and what apps call it
  'src/assurance': ['src/core', 'src/methods', 'src/policies', 'src/roles'],
  // the ways to sign in: a room each, none knows another
  'src/methods': ['src/core'],
  'src/methods/authenticator-app': ['src/core', 'src/methods', 'src/users'],
  'src/methods/passkey': ['src/core', 'src/methods', 'src/users'],
  'src/methods/password': ['src/core', 'src/methods', 'src/policies', 'src/roles', 'src/users'],
  'src/methods/recovery-code': ['src/core', 'src/methods', 'src/users'],
  'src/methods/temporary-access-pass': [
    'src/core',
    'src/groups',
    'src/idempotency',
    'src/methods',
    'src/policies',
    'src/roles',
    'src/throttle',
    'src/users',
  ],
  'src/methods/upstream': ['src/core', 'src/methods', 'src/outbound', 'src/roles', 'src/users'],
  // who may use which method: a document each
  'src/method-policies': ['src/core', 'src/groups', 'src/policies', 'src/roles'],
  // what people are asked to register before they go on
  'src/registration': ['src/core', 'src/groups', 'src/methods', 'src/policies', 'src/roles', 'src/users'],
  // the flow; it gets the methods as an argument
  'src/sign-in': ['src/assurance', 'src/core', 'src/methods', 'src/registration', 'src/throttle', 'src/users'],
  // the protocol
  'src/oidc': [
    'src/assurance',
    'src/core',
    'src/clients',
    'src/database',
    'src/methods',
    'src/registration',
    'src/sign-in',
  ],
  // calls to addresses that others have named
  'src/outbound': ['src/core'],
  // where people are signed in, the end of it, and who is told
  'src/sessions': ['src/core', 'src/methods', 'src/oidc', 'src/outbound', 'src/roles', 'src/sign-in', 'src/users'],
  // what a person loses when they are disabled or deleted: above the rooms, below the doors
  'src/people.ts': ['src/core', 'src/oidc', 'src/roles', 'src/sign-in', 'src/users'],
  // what the protocol keeps for a client, and judges of it: above the rooms too
  'src/apps.ts': ['src/clients', 'src/core', 'src/oidc', 'src/roles'],
  // what somebody else may have got hold of, ended by its owner: above the rooms as well
  'src/containment.ts': [
    'src/core',
    'src/methods',
    'src/methods/upstream',
    'src/notices',
    'src/oidc',
    'src/roles',
    'src/sign-in',
    'src/upstream-sessions.ts',
    'src/users',
  ],
  // what a person manages of their own, and stops
  'src/security-info': [
    'src/audit',
    'src/containment.ts',
    'src/core',
    'src/methods',
    'src/oidc',
    'src/registration',
    'src/roles',
    'src/sessions',
    'src/users',
  ],
  // what its owner says is lost, in the window of a pass
  'src/recovery.ts': ['src/core', 'src/methods', 'src/oidc', 'src/sign-in'],
  // what administrators see and change of the ways in of others: above the rooms, for a pass is one of them
  'src/others-methods.ts': ['src/core', 'src/methods', 'src/methods/temporary-access-pass', 'src/roles', 'src/users'],
  // who others are at upstreams: the same, for whom a pass waits for a second administrator a link does as well
  'src/others-identities.ts': [
    'src/upstream-sessions.ts',
    'src/core',
    'src/methods/temporary-access-pass',
    'src/methods/upstream',
    'src/roles',
    'src/users',
  ],
  // what was opened at an upstream ends with it: above the rooms, for the session is the protocol's
  'src/upstream-sessions.ts': ['src/core', 'src/methods/upstream', 'src/oidc'],
  'src/identity-providers.ts': ['src/core', 'src/methods/upstream', 'src/roles', 'src/upstream-sessions.ts'],
  // who a person is at upstreams, as they change it themselves: the proof is that of the other ways in
  'src/own-identities.ts': [
    'src/core',
    'src/methods',
    'src/methods/upstream',
    'src/oidc',
    'src/roles',
    'src/security-info',
    'src/upstream-sessions.ts',
    'src/users',
  ],
  // a password that an administrator gives: what the user is signed in to ends with the one before
  'src/password-reset.ts': [
    'src/audit',
    'src/core',
    'src/methods',
    'src/methods/password',
    'src/methods/temporary-access-pass',
    'src/oidc',
    'src/roles',
    'src/sign-in',
    'src/users',
  ],
  // the doors
  'src/http': [
    'src/apps.ts',
    'src/assurance',
    'src/audit',
    'src/clients',
    'src/containment.ts',
    'src/core',
    'src/groups',
    'src/identity-providers.ts',
    'src/idempotency',
    'src/method-policies',
    'src/methods',
    'src/methods/password',
    'src/methods/temporary-access-pass',
    'src/methods/upstream',
    'src/notices',
    'src/oidc',
    'src/others-identities.ts',
    'src/others-methods.ts',
    'src/own-identities.ts',
    'src/password-reset.ts',
    'src/people.ts',
    'src/policies',
    'src/recovery.ts',
    'src/registration',
    'src/reports',
    'src/roles',
    'src/security-info',
    'src/sessions',
    'src/sign-in',
    'src/throttle',
    'src/upstream-sessions.ts',
    'src/users',
    'views',
  ],
};

/** These put the house together and may know all of it. */
const composition = [
  ...['main', 'cli', 'wire', 'seed', 'sign-in-policy', 'maintenance', 'first-start', 'config', 'master-key', 'log'].map(
    (name) => `src/${name}.ts`,
  ),
  ...filesUnder('src/cli'),
];
const registry = 'src/methods/registry.ts';

/** Each library has one door. A type may be named elsewhere only where it says so. */
const doors: Readonly<Record<string, RegExp>> = {
  '@koa/router': /^src\/http\//,
  '@node-rs/argon2': /^src\/core\/slow-hash\.ts$/,
  '@simplewebauthn/server': /^src\/methods\/passkey\//,
  jose: /^src\/methods\/upstream\//,
  knex: /^(src\/database\/|src\/core\/work\.ts$|src\/wire\.ts$|src\/maintenance\.ts$|migrations\/)/,
  koa: /^src\/http\//,
  nodemailer: /^src\/mail\//,
  'openid-client': /^src\/methods\/upstream\//,
  otplib: /^src\/methods\/authenticator-app\//,
  'oidc-provider': /^src\/oidc\//,
  pg: /^src\/database\//,
  pino: /^(src\/(log|wire|main|maintenance)\.ts|src\/http\/|src\/mail\/|src\/sessions\/)/,
  preact: /^views\//,
  'preact-render-to-string': /^views\/render\.ts$/,
  qr: /^views\/parts\/qr-code\.tsx$/,
  zod: /^src\//,
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = [...filesUnder('src'), ...filesUnder('views'), ...filesUnder('migrations')].filter(
  (file) => !file.includes('/assets/'),
);
const imports: Import[] = files.flatMap((file) =>
  [
    ...readFileSync(file, 'utf8').matchAll(/(?:^|\s)(?:import|export)\b[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)/g),
  ].map((match) => ({
    from: file,
    to: match[1] ?? match[2]!,
  })),
);

test('imports go the way the table says', () => {
  const strays = imports
    .filter(({ from, to }) => to.startsWith('.') && !composition.includes(from) && from !== registry)
    .map(({ from, to }) => ({ from, to: normalize(join(dirname(from), to)) }))
    .filter(({ from, to }) => partOf(from) !== partOf(to) && !(mayImport[partOf(from)] ?? []).includes(partOf(to)))
    .map(({ from, to }) => `${from} must not import ${to}`);
  expect(strays).toEqual([]);
});

test('every part of the house is in the table', () => {
  const parts = new Set(files.filter((file) => !composition.includes(file)).map(partOf));
  expect([...parts].filter((part) => !(part in mayImport))).toEqual([]);
});

test('no room of methods imports another, and the flow imports no method', () => {
  const strays = imports
    .filter(({ to }) => to.startsWith('.'))
    .map(({ from, to }) => ({ from: partOf(from), to: partOf(normalize(join(dirname(from), to))) }))
    .filter(
      ({ from, to }) =>
        to.startsWith('src/methods/') && from !== to && (from.startsWith('src/methods/') || from === 'src/sign-in'),
    );
  expect(strays).toEqual([]);
});

test('a library is imported at its door alone', () => {
  const strays = imports
    .filter(({ to }) => !to.startsWith('.') && !to.startsWith('node:'))
    .filter(({ from, to }) => !doorOf(to)?.test(from))
    .map(({ from, to }) => `${from} must not import ${to}`);
  expect(strays).toEqual([]);
});

test('a store is called by its own folder only', () => {
  const strays = imports
    .filter(({ from, to }) => /(^|\/)store\.ts$/.test(to) && !composition.includes(from))
    .map(({ from, to }) => ({ from, to: normalize(join(dirname(from), to)) }))
    .filter(({ from, to }) => dirname(from) !== dirname(to))
    .map(({ from, to }) => `${from} must not import ${to}`);
  expect(strays).toEqual([]);
});

test('doors hold no SQL and open no transaction', () => {
  const strays = files
    .filter((file) => file.startsWith('src/http/'))
    .filter((file) => /\.raw\(|\bknex\b|\.tx\b|\.transaction\(/.test(readFileSync(file, 'utf8')));
  expect(strays).toEqual([]);
});

test('a transaction is opened in the unit of work, and by maintenance for its lock, nowhere else', () => {
  const opening = files.filter((file) => /\.transaction\(/.test(readFileSync(file, 'utf8')));
  expect(opening.sort()).toEqual(['src/database/unit-of-work.ts', 'src/maintenance.ts']);
});

test('addresses are never taken from a request', () => {
  const strays = files
    .filter((file) => file.startsWith('src/'))
    .filter((file) =>
      /ctx\.(host|hostname|origin|href|protocol|secure|back)\b|ctx\.request\.(host|origin|href|URL)\b/.test(
        readFileSync(file, 'utf8'),
      ),
    );
  expect(strays).toEqual([]);
});

function partOf(file: string): string {
  const [top, second, third, ...rest] = file.split('/');
  if (top !== 'src') return top!;
  if (second === 'methods' && rest.length > 0) return `src/methods/${third}`;
  return third === undefined ? file : `src/${second}`;
}

function doorOf(library: string): RegExp | undefined {
  const name = library.startsWith('@') ? library.split('/').slice(0, 2).join('/') : library.split('/')[0]!;
  return doors[name];
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => /\.tsx?$/.test(name));
}
