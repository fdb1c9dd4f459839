import type { TestProject } from 'vitest/node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveEmbedded } from '../../src/database/embedded.ts';
import { makeTemplate } from './template.ts';

/** The embedded server as the product starts it, on a directory of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'latchkey-embedded-'));
  const server = await serveEmbedded({ dataDirectory, say: () => {} });
  const { host, port, user } = server.address;
  await makeTemplate({ host, port, user });
  project.provide('database', { host, port, user });
  return async () => {
    await server.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  };
}
