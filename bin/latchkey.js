#!/usr/bin/env node
// Old runtimes cannot even load the libraries: say so before trying.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  console.error(
    `latchkey: Node ${process.versions.node} is too old; 22.12 or later is needed, 24 is best. ` +
      'In a checkout, "npm ci" brings Node 24 along: use "npm start" and "npx latchkey".',
  );
  process.exit(78);
}
const { existsSync } = await import('node:fs');
const built = new URL('../dist/src/cli.js', import.meta.url);
if (!existsSync(built)) {
  console.error('latchkey: not built yet. Run "npm run build" first.');
  process.exit(78);
}
const { main } = await import(built.href);
await main(process.argv.slice(2));
