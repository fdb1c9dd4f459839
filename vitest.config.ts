import { defineConfig } from 'vitest/config';

// One suite, two databases: what touches the database runs on the embedded server and on Debian's.
const onDatabase = (name: string, include: string[], database: 'embedded' | 'server', exclude: string[] = []) => ({
  test: {
    name,
    include,
    exclude,
    globalSetup: `test/support/database-${database}.ts`,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks' as const,
  },
});

// On the embedded server all that speaks SQL; what the doors make of it as well where there is time.
const onEmbedded = [
  'test/use-cases/**/*.test.ts',
  ...(process.env.LATCHKEY_LONG === '1' ? ['test/flows/**/*.test.ts'] : []),
];
// Large, and about what the doors take and say: no other database makes a difference to them.
const doorsAlone = [
  'test/flows/{advisories,api-fuzz,disclosure,federation-disclosure,forged-ceremonies,hostile-federation,matrix,odd-input}.test.ts',
];

const plain = (name: string, include: string[], testTimeout = 30_000) => ({
  test: { name, include, testTimeout, hookTimeout: 60_000, pool: 'forks' as const },
});

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: {
    maxWorkers: 2,
    projects: [
      plain('rules', [
        'test/rules/**/*.test.ts',
        'test/views/**/*.test.ts',
        'test/house/{architecture,activities,docs}.test.ts',
      ]),
      plain('kit', ['test/support/**/*.test.ts'], 60_000),
      plain('database', ['test/database/**/*.test.ts', 'test/oidc/**/*.test.ts'], 120_000),
      onDatabase(
        'server',
        ['test/use-cases/**/*.test.ts', 'test/flows/**/*.test.ts', 'test/house/{events,migrations}.test.ts'],
        'server',
      ),
      onDatabase('embedded', onEmbedded, 'embedded', doorsAlone),
      onDatabase('browser', ['test/browser/**/*.test.ts'], 'server'),
      onDatabase('nodes', ['test/nodes/**/*.test.ts'], 'server'),
      plain('processes', ['test/processes/**/*.test.ts'], 120_000),
    ].map((project) => ({ ...project, extends: true as const })),
  },
});
