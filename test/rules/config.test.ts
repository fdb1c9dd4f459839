import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readConfig, unheardSettings } from '../../src/config.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { defaultLimits } from '../../src/throttle/throttle.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const directory = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function aFile(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}
const missing = join(directory, 'missing');

function problems(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('an empty environment', () => {
  test('is a good configuration: the provider on localhost with a database of its own', () => {
    expect(readConfig({})).toMatchObject({
      issuer: 'http://localhost:3000',
      port: 3000,
      host: 'localhost',
      databaseUrl: undefined,
      masterKey: undefined,
      tls: undefined,
      seedFile: undefined,
      mail: undefined,
      adminName: 'admin@localhost',
      limits: defaultLimits,
      logLevel: 'info',
    });
    expect(readConfig({}).dataDirectory).toMatch(/^\/.*\/data$/);
  });

  test('is the same as one of empty values', () => {
    const empty = {
      LATCHKEY_ISSUER: '',
      PORT: ' ',
      DATABASE_URL: '',
      LATCHKEY_SEED: '',
      LATCHKEY_THROTTLES: '',
      LATCHKEY_TRUSTED_PROXIES: '',
    };
    expect(JSON.stringify(readConfig(empty))).toBe(JSON.stringify(readConfig({})));
  });

  test('cannot be changed once it is read', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });
});

describe('every problem is reported at once', () => {
  const wrong = {
    LATCHKEY_ISSUER: 'id.example.com',
    PORT: 'eighty',
    DATABASE_URL: 'mysql://db/latchkey',
    LATCHKEY_MASTER_KEY: 'short',
    LATCHKEY_TRUSTED_PROXIES: '10.0.0.0/33',
    LATCHKEY_TLS_CERT: missing,
    LATCHKEY_SEED: missing,
    LATCHKEY_ADMIN: 'admin',
    LATCHKEY_THROTTLES: '{',
    LATCHKEY_LOG_LEVEL: 'loud',
    LATCHKEY_MASTERKEY: key,
  };
  const found = problems(wrong);

  test.each([
    ['LATCHKEY_ISSUER', /must be a scheme and a host only, such as https:\/\/id\.example\.com/],
    ['PORT', /Use a number from 1 to 65535/],
    ['DATABASE_URL', /must begin with postgres:\/\//],
    ['LATCHKEY_MASTER_KEY', /Make one with "openssl rand -base64 32"/],
    ['LATCHKEY_TRUSTED_PROXIES', /such as 10\.0\.0\.0\/8/],
    ['LATCHKEY_TLS_CERT', /set both, or neither/],
    ['LATCHKEY_SEED', /cannot be read \(ENOENT\)/],
    ['LATCHKEY_ADMIN', /must look like name@example\.com/],
    ['LATCHKEY_THROTTLES', /Example: \{"source":/],
    ['LATCHKEY_LOG_LEVEL', /Use one of: fatal, error, warn, info/],
    ['LATCHKEY_MASTERKEY', /Check its spelling, or remove it/],
  ])('%s is named once, with its cure', (name, cure) => {
    const about = found.filter((text) => new RegExp(`^${name}\\b`).test(text));
    expect(about).toHaveLength(1);
    expect(about[0]).toMatch(cure);
  });

  test('and nothing else is said', () => {
    expect(found).toHaveLength(11);
    const { message } = new ConfigurationError(found);
    expect(message.split('\n')).toHaveLength(11);
    expect(message.split('\n').every((line) => line.startsWith('- '))).toBe(true);
  });

  test('a secret is never repeated in a problem', () => {
    const password = 'hunter2hunter2';
    const text = problems({ DATABASE_URL: `mysql://u:${password}@db/x`, LATCHKEY_MASTER_KEY: password }).join();
    expect(text).not.toContain(password);
  });
});

describe('the issuer', () => {
  test.each([
    ['https://id.example.com', 'https://id.example.com'],
    ['https://id.example.com/', 'https://id.example.com'],
    ['https://id.example.com:8443', 'https://id.example.com:8443'],
    ['http://localhost:4000', 'http://localhost:4000'],
    ['http://id.localhost:4000', 'http://id.localhost:4000'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
  ])('%s is taken', (asked, issuer) => {
    expect(readConfig({ LATCHKEY_ISSUER: asked }).issuer).toBe(issuer);
  });

  test('follows the port when it is not given', () => {
    expect(readConfig({ PORT: '4000' }).issuer).toBe('http://localhost:4000');
  });

  test.each([
    ['no scheme', 'id.example.com'],
    ['another scheme', 'ftp://id.example.com'],
    ['a script', 'javascript:alert(1)'],
    ['a path', 'https://example.com/id'],
    ['two slashes', 'https://id.example.com//'],
    ['a query', 'https://id.example.com?x=1'],
    ['a fragment', 'https://id.example.com#x'],
    ['a user', 'https://user:secret@id.example.com'],
    ['two hosts', 'https://a.example.com,https://b.example.com'],
    ['nothing but a scheme', 'https://'],
  ])('with %s is refused', (_what, issuer) => {
    expect(problems({ LATCHKEY_ISSUER: issuer })).toEqual([
      expect.stringMatching(/^LATCHKEY_ISSUER: .*must be a scheme and a host only/),
    ]);
  });

  test.each(['https://192.0.2.1', 'http://127.0.0.1:3000', 'https://[2001:db8::1]', 'http://[::1]:3000'])(
    'on the IP address of %s is refused, because passkeys are',
    (issuer) => {
      expect(problems({ LATCHKEY_ISSUER: issuer })).toEqual([
        expect.stringMatching(
          /^LATCHKEY_ISSUER: .* is an IP address, and browsers refuse passkeys there\. Use a host name/,
        ),
      ]);
    },
  );

  test.each(['http://id.example.com', 'http://localhost.example.com', 'http://mylocalhost'])(
    '%s needs https',
    (issuer) => {
      expect(problems({ LATCHKEY_ISSUER: issuer })).toEqual([
        expect.stringMatching(/^LATCHKEY_ISSUER: .* needs https/),
      ]);
    },
  );
});

test.each(['-1', '65536', '3000.5', 'http', '3000 4000'])('PORT %s is refused', (port) => {
  expect(problems({ PORT: port, LATCHKEY_ISSUER: 'https://id.example.com' })).toEqual([
    expect.stringMatching(/^PORT: /),
  ]);
});

test('PORT 80 alone is a good configuration', () => {
  expect(readConfig({ PORT: '80' }).issuer).toBe('http://localhost');
});

describe('the database and the master key', () => {
  test.each(['postgres://db/latchkey', 'postgresql://u:p@db:5432/latchkey?sslmode=require'])(
    '%s is taken with a key',
    (url) => {
      expect(readConfig({ DATABASE_URL: url, LATCHKEY_MASTER_KEY: key })).toMatchObject({
        databaseUrl: url,
        masterKey: Buffer.alloc(32, 7),
      });
    },
  );

  test('a database of one’s own needs a key of one’s own, and the message says how to make it', () => {
    expect(problems({ DATABASE_URL: 'postgres://db/latchkey' })).toEqual([
      expect.stringMatching(/^LATCHKEY_MASTER_KEY is missing\..*openssl rand -base64 32.*LATCHKEY_MASTER_KEY_FILE/),
    ]);
  });

  test.each([
    ['31 bytes', Buffer.alloc(31).toString('base64')],
    ['33 bytes', Buffer.alloc(33).toString('base64')],
    ['hex', Buffer.alloc(32).toString('hex')],
    ['a space inside', `${key.slice(0, 20)} ${key.slice(20)}`],
    ['letters that base64 does not have', `${key.slice(0, -2)}!=`],
    ['one letter', 'A'],
  ])('a key of %s is refused', (_what, masterKey) => {
    expect(problems({ LATCHKEY_MASTER_KEY: masterKey })).toEqual([
      expect.stringMatching(/^LATCHKEY_MASTER_KEY must be 32 bytes in base64/),
    ]);
  });

  test('a wrong key with a database is one problem, not two', () => {
    expect(problems({ DATABASE_URL: 'postgres://db/latchkey', LATCHKEY_MASTER_KEY: 'short' })).toHaveLength(1);
  });

  test('a key may be written in base64url', () => {
    const bytes = Buffer.alloc(32, 0xfb);
    expect(readConfig({ LATCHKEY_MASTER_KEY: bytes.toString('base64url') }).masterKey).toEqual(bytes);
  });
});

describe('a secret in a file', () => {
  const keyFile = aFile('key', `${key}\n`);
  const urlFile = aFile('url', 'postgres://db/latchkey\n');

  test('is read from it, without the line end', () => {
    expect(readConfig({ DATABASE_URL_FILE: urlFile, LATCHKEY_MASTER_KEY_FILE: keyFile })).toMatchObject({
      databaseUrl: 'postgres://db/latchkey',
      masterKey: Buffer.alloc(32, 7),
    });
  });

  test.each(['LATCHKEY_MASTER_KEY', 'DATABASE_URL'])('%s and its twin are not both taken', (name) => {
    const both = { LATCHKEY_MASTER_KEY: key, DATABASE_URL: 'postgres://db/latchkey' };
    const found = problems({ ...both, [`${name}_FILE`]: name === 'DATABASE_URL' ? urlFile : keyFile });
    expect(found).toEqual([`${name} and ${name}_FILE are both set. Keep one of them.`]);
  });

  test.each(['LATCHKEY_MASTER_KEY_FILE', 'DATABASE_URL_FILE'])(
    '%s that cannot be read is named with the reason',
    (name) => {
      expect(problems({ [name]: missing })).toEqual([
        `${name}: ${missing} cannot be read (ENOENT). Name a file this process may read.`,
      ]);
    },
  );

  test('that is empty is no secret', () => {
    const empty = aFile('empty', '\n');
    expect(problems({ LATCHKEY_MASTER_KEY_FILE: empty })).toHaveLength(1);
    expect(problems({ DATABASE_URL_FILE: empty, LATCHKEY_MASTER_KEY: key })).toHaveLength(1);
  });
});

describe('trusted proxies', () => {
  const trusts = (list: string, address: string) =>
    readConfig({ LATCHKEY_TRUSTED_PROXIES: list }).trustedProxies.check(
      address,
      address.includes(':') ? 'ipv6' : 'ipv4',
    );

  test('are nobody by default', () => {
    expect(trusts('', '127.0.0.1')).toBe(false);
    expect(trusts('', '::1')).toBe(false);
    expect(trusts(' , ', '127.0.0.1')).toBe(false);
  });

  test('are networks and single addresses, apart by commas', () => {
    const list = '10.0.0.0/8, 192.0.2.1 ,2001:db8::/32,::1';
    expect(['10.255.0.1', '192.0.2.1', '2001:db8:ffff::1', '::1'].map((address) => trusts(list, address))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['11.0.0.1', '192.0.2.2', '2001:db9::1', '::2'].map((address) => trusts(list, address))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8.5',
    '10.0.0.0/x',
    '10.0.0',
    'proxy.internal',
    '2001:db8::/129',
    '/8',
    '10.0.0.0 10.0.0.1',
    '*',
  ])('are not %s', (entry) => {
    const found = problems({ LATCHKEY_TRUSTED_PROXIES: `192.0.2.1,${entry}` });
    expect(found).toEqual([expect.stringMatching(/^LATCHKEY_TRUSTED_PROXIES: /)]);
    expect(found[0]).toContain(`"${entry}"`);
  });

  test.each(['10.0.0.0/', '2001:db8::/'])('are not everybody because of a slash too many in %s', (entry) => {
    expect(problems({ LATCHKEY_TRUSTED_PROXIES: entry })).toEqual([
      expect.stringMatching(/^LATCHKEY_TRUSTED_PROXIES: /),
    ]);
  });

  test('with several mistakes name each', () => {
    expect(problems({ LATCHKEY_TRUSTED_PROXIES: 'one,10.0.0.0/8,two' })).toHaveLength(2);
  });
});

describe('TLS', () => {
  const cert = aFile('cert.pem', 'CERT');
  const keyFile = aFile('key.pem', 'KEY');

  test('is read from both files', () => {
    expect(readConfig({ LATCHKEY_TLS_CERT: cert, LATCHKEY_TLS_KEY: keyFile }).tls).toEqual({
      cert: 'CERT',
      key: 'KEY',
    });
  });

  test.each(['LATCHKEY_TLS_CERT', 'LATCHKEY_TLS_KEY'])('with %s alone is refused', (name) => {
    expect(problems({ [name]: cert })).toEqual([
      'LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY go together: set both, or neither.',
    ]);
  });

  test('names each file that cannot be read', () => {
    expect(problems({ LATCHKEY_TLS_CERT: missing, LATCHKEY_TLS_KEY: missing })).toEqual([
      expect.stringMatching(/^LATCHKEY_TLS_CERT: .* cannot be read \(ENOENT\)/),
      expect.stringMatching(/^LATCHKEY_TLS_KEY: .* cannot be read \(ENOENT\)/),
    ]);
  });
});

describe('throttles', () => {
  const limitsOf = (json: object) => readConfig({ LATCHKEY_THROTTLES: JSON.stringify(json) }).limits;

  test('that are named are raised, the others stay', () => {
    expect(limitsOf({ source: { most: 300 } })).toEqual({ ...defaultLimits, source: { most: 300, windowMinutes: 15 } });
    expect(limitsOf({ sourceAndAccount: { windowMinutes: 1, most: 2 } })).toEqual({
      ...defaultLimits,
      sourceAndAccount: { most: 2, windowMinutes: 1 },
    });
    expect(limitsOf({})).toEqual(defaultLimits);
  });

  test('can all be set', () => {
    const limit = { most: 7, windowMinutes: 3 };
    const set = {
      sourceAndAccount: limit,
      source: limit,
      recoveryCode: limit,
      account: { ...limit, firstWaitSeconds: 1, longestWaitMinutes: 2 },
      organisation: { most: 6000, mostWithShortPasses: 250, alertAt: 500 },
      issuing: limit,
      mostInARow: 10,
    };
    const { organisationNetworks, ...limits } = limitsOf(set);
    expect(limits).toEqual(set);
    expect(Object.keys(set).toSorted()).toEqual(
      Object.keys(defaultLimits)
        .filter((name) => name !== 'organisationNetworks')
        .toSorted(),
    );
    expect(organisationNetworks.rules).toEqual([]);
  });

  test('know the networks of one’s own', () => {
    const { organisationNetworks } = limitsOf({
      organisationNetworks: ['192.0.2.0/24', ' 2001:db8::/32', '198.51.100.7'],
    });
    expect(organisationNetworks.check('192.0.2.9')).toBe(true);
    expect(organisationNetworks.check('2001:db8::9', 'ipv6')).toBe(true);
    expect(organisationNetworks.check('198.51.100.7')).toBe(true);
    expect(organisationNetworks.check('198.51.100.8')).toBe(false);
    for (const wrong of ['10.0.0.0/33', 'office', '', '192.0.2.0/24/8']) {
      expect(problems({ LATCHKEY_THROTTLES: JSON.stringify({ organisationNetworks: [wrong] }) })).toEqual([
        expect.stringMatching(/^LATCHKEY_THROTTLES: organisationNetworks: .* is not an address or network such as/),
      ]);
    }
  });

  test('that are wrong are answered with what there is', () => {
    const [problem] = problems({ LATCHKEY_THROTTLES: '{"sources":{"most":1}}' });
    for (const name of Object.keys(defaultLimits)) expect(problem).toContain(name);
  });

  test.each([
    ['text', 'many'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no attempts at all', '{"source":{"most":0}}'],
    ['a negative window', '{"source":{"windowMinutes":-1}}'],
    ['half an attempt', '{"source":{"most":1.5}}'],
    ['a number as text', '{"source":{"most":"30"}}'],
    ['a window of more than a day', '{"source":{"windowMinutes":1441}}'],
    ['a throttle that does not exist', '{"sources":{"most":1}}'],
    ['a setting that does not exist', '{"source":{"max":1}}'],
    ['a wait from the first guess on', '{"account":{"most":1}}'],
    ['a window of the organisation', '{"organisation":{"windowMinutes":5}}'],
    ['more in a row than NIST allows', '{"mostInARow":101}'],
    ['one network', '{"organisationNetworks":"192.0.2.0/24"}'],
  ])('are not %s', (_what, text) => {
    expect(problems({ LATCHKEY_THROTTLES: text })).toEqual([expect.stringMatching(/^LATCHKEY_THROTTLES/)]);
  });
});

describe('the mail server', () => {
  const from = 'id@example.com';
  const secret = 'hunter2hunter2';

  test.each([
    ['smtp://mail', from],
    ['smtp://mail.example.com:2525', 'Latchkey <id@example.com>'],
    [
      'smtps://name:pass%2Fword@mail.example.com?tls.rejectUnauthorized=false',
      'Sign-in at Contoso <id@contoso.example>',
    ],
    ['smtp://[::1]:2525', 'Überblick <id@bücher.example>'],
  ])('%s with %s is taken', (url, sender) => {
    expect(readConfig({ LATCHKEY_SMTP_URL: url, LATCHKEY_MAIL_FROM: sender }).mail).toEqual({ url, from: sender });
  });

  test('may come from a file', () => {
    const file = aFile('smtp-url', `smtps://name:${secret}@mail.example.com\n`);
    expect(readConfig({ LATCHKEY_SMTP_URL_FILE: file, LATCHKEY_MAIL_FROM: from }).mail?.url).toContain(
      `${secret}@mail`,
    );
    expect(problems({ LATCHKEY_SMTP_URL_FILE: missing, LATCHKEY_MAIL_FROM: from })).toEqual([
      expect.stringMatching(/^LATCHKEY_SMTP_URL_FILE: .*ENOENT/),
    ]);
  });

  test.each([`http://x:${secret}@mail`, `${secret}`, 'smtp://', 'smtp:mail', 'mail.example.com:25', 'direct://mail'])(
    '%s is refused, and not repeated',
    (url) => {
      const found = problems({ LATCHKEY_SMTP_URL: url, LATCHKEY_MAIL_FROM: from });
      expect(found).toEqual([expect.stringMatching(/^LATCHKEY_SMTP_URL must begin with smtp:\/\/ or smtps:\/\//)]);
      expect(found.join()).not.toContain(secret);
    },
  );

  test.each([
    'id',
    'id@',
    'id@example.com, other@example.com',
    'Latchkey <id@example.com',
    'id@example.com>',
    'id@example.com\r\nBcc: x@example.com',
    'A <b@c> <d@example.com>',
  ])('%j is no sender', (sender) => {
    expect(problems({ LATCHKEY_SMTP_URL: 'smtp://mail', LATCHKEY_MAIL_FROM: sender })).toEqual([
      expect.stringMatching(/^LATCHKEY_MAIL_FROM: .* must look like/s),
    ]);
  });

  test('and the sender go together', () => {
    expect(problems({ LATCHKEY_SMTP_URL: 'smtp://mail' })).toEqual([
      expect.stringMatching(/^LATCHKEY_MAIL_FROM is missing/),
    ]);
    expect(problems({ LATCHKEY_MAIL_FROM: from })).toEqual([expect.stringMatching(/^LATCHKEY_SMTP_URL is missing/)]);
  });
});

describe('a setting that does not exist', () => {
  test.each(['LATCHKEY_ISUER', 'LATCHKEY_', 'LATCHKEY_ISSUER_FILE', 'LATCHKEY_PORT', 'LATCHKEY_issuer'])(
    '%s is refused by its name',
    (name) => {
      expect(problems({ [name]: 'x' })).toEqual([`${name} is not a setting. Check its spelling, or remove it.`]);
    },
  );

  test('is nobody’s business without our prefix', () => {
    expect(problems({ LATCH_KEY: 'x', PATH: '/bin', latchkey_issuer: 'x' })).toEqual([]);
  });

  test('but will is taken, and said to be unheard', () => {
    const later = {
      LATCHKEY_METRICS_PORT: '9000',
    };
    expect(problems(later)).toEqual([]);
    expect(unheardSettings({ ...later, LATCHKEY_ISSUER: 'https://id.example.com' })).toEqual(Object.keys(later));
  });
});

test.each(['admin', '@', 'a@b@c', 'a b@example.com', 'admin@'])('LATCHKEY_ADMIN "%s" is refused', (name) => {
  expect(problems({ LATCHKEY_ADMIN: name })).toEqual([
    expect.stringMatching(/^LATCHKEY_ADMIN: .* must look like name@example\.com/),
  ]);
});

test('a seed file is looked for at once, not after the database is up', () => {
  const seed = aFile('seed.json', '{}');
  expect(readConfig({ LATCHKEY_SEED: seed }).seedFile).toBe(seed);
  expect(problems({ LATCHKEY_SEED: missing })).toEqual([expect.stringMatching(/^LATCHKEY_SEED: /)]);
  expect(problems({ LATCHKEY_SEED: directory })).toEqual([expect.stringMatching(/^LATCHKEY_SEED: .*EISDIR/)]);
});

test.each(['LATCHKEY_TRUSTED_PROXIES', 'LATCHKEY_OUTBOUND_ALLOW'])('%s takes addresses and networks', (name) => {
  expect(problems({ [name]: '10.0.0.0/8, fd00::/8, 192.0.2.1' })).toEqual([]);
  expect(problems({ [name]: '10.0.0.0/8, intranet' })).toEqual([
    `${name}: "intranet" is not an address or network such as 10.0.0.0/8. Separate several with commas.`,
  ]);
});
