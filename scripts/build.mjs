// Compiles the TypeScript and puts the files a browser gets beside it. Incremental: a second run takes a moment.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
if (!existsSync(tsc)) {
  // A production install has no compiler; it runs what was built before.
  if (existsSync(`${root}/dist/src/cli.js`)) process.exit(0);
  console.error('latchkey: the TypeScript compiler is missing. Run "npm ci" without --omit=dev, then "npm run build".');
  process.exit(1);
}
const compiled = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit', cwd: root });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
cpSync(`${root}/src/http/assets`, `${root}/dist/src/http/assets`, { recursive: true });
