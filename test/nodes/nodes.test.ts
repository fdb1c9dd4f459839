import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTwoNodes, type TwoNodes } from '../support/two-nodes.ts';
import { administrators } from './administrators.ts';
import { apps } from './apps.ts';
import { deaths } from './deaths.ts';
import { endings } from './endings.ts';
import { guessing } from './guessing.ts';
import { firstStarts } from './first-starts.ts';
import { interleavings } from './interleavings.ts';
import { passSessions } from './pass-sessions.ts';
import { passes } from './passes.ts';
import { signOuts } from './sign-outs.ts';
import { tokens } from './tokens.ts';
import { visitorsApp } from './visitor.ts';
import { wrongClocks } from './wrong-clocks.ts';

/*
 * One file, one pair of nodes: two files at once would want more connections than the server has, and the figures would
 * be those of two suites fighting for two cores. LATCHKEY_LONG=1 runs the same with the big volumes.
 */
let nodes: TwoNodes;
const theNodes = (): TwoNodes => nodes;

beforeAll(async () => {
  nodes = await startTwoNodes();
  await nodes.seed({ clients: [visitorsApp] });
}, 120_000);
afterAll(() => nodes?.close(), 60_000);

describe('passes', () => passes(theNodes));
describe('codes of authenticator apps', () => apps(theNodes));
describe('tokens', () => tokens(theNodes));
describe('endings', () => endings(theNodes));
describe('sessions born of a pass', () => passSessions(theNodes));
describe('administrators', () => administrators(theNodes));
describe('sign-outs', () => signOuts());
describe('first starts', () => firstStarts());
describe('guessing', () => guessing());
describe('a clock that is wrong', () => wrongClocks());

test('no race so far was a fault to either node', () => {
  expect(nodes.faults()).toEqual([]);
  const [one, other] = nodes.nodes.map(({ answered }) => answered) as [number, number];
  expect(Math.min(one, other)).toBeGreaterThan(Math.max(one, other) * 0.4);
});

describe('interleavings', () => interleavings(theNodes));

test('of all those works no two ever waited for each other', async () => {
  expect(await nodes.deadlocks()).toBe(0);
});

describe('deaths', () => deaths(theNodes));
