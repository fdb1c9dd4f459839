import type { TestProject } from 'vitest/node';
import { startTestServer } from './postgres-server.ts';
import { makeTemplate } from './template.ts';

/** Debian's PostgreSQL, started for this run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer();
  await makeTemplate(server);
  project.provide('database', { host: server.host, port: server.port, user: server.user });
  return () => server.stop();
}
