import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { child, cleanUp, kill, processesOf, temporaryDirectory, untilGone } from './processes.ts';

const crashes = Number(process.env.LATCHKEY_CRASHES ?? 20);

afterAll(cleanUp, 60_000);

test(`${crashes} times kill -9 while rows are acknowledged: it always opens again, and nothing is lost`, async () => {
  const directory = temporaryDirectory();
  const data = join(directory, 'data');
  const file = join(directory, 'acknowledged');
  const opened: number[] = [];
  const gone: number[] = [];
  let acknowledged = 0;

  for (let crash = 0; crash <= crashes; crash += 1) {
    const writer = child('write', data, file);
    const report = await writer.tells('lost');
    opened.push(report.opened!);
    acknowledged = report.acknowledged!;
    expect(report.lost, `lost after crash ${crash}`).toBe(0);
    if (crash === crashes) {
      await writer.kill();
      break;
    }

    await sleep(100 + Math.random() * 500);
    expect(processesOf(data).filter(({ command }) => command.includes('postgres -D'))).not.toEqual([]);
    // Every other time the server and its watchdog die in the same moment: that is a crash for PostgreSQL as well.
    if (crash % 2 === 1) for (const { pid } of processesOf(data)) kill(pid);
    await writer.kill();
    gone.push(await untilGone(data));
    expect(gone.at(-1), `server gone after crash ${crash}`).toBeLessThan(2_000);
  }

  await untilGone(data);
  const most = (values: number[]): number => Math.round(Math.max(...values));
  console.log(
    `kills ${crashes}, acknowledged ${acknowledged}, lost 0, slowest open ${most(opened.slice(1))} ms ` +
      `(first start ${Math.round(opened[0]!)} ms), slowest end of the server ${most(gone)} ms`,
  );
  expect(acknowledged).toBeGreaterThan(crashes * 10);
}, 600_000);
