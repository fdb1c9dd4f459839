import { expect, test } from 'vitest';
import type { TwoNodes } from '../support/two-nodes.ts';
import { figures, inTurns, long, newVisitor, type Standing, tally, times, type Visitor } from './visitor.ts';
import { defaultPassSettings } from '../../src/methods/temporary-access-pass/settings.ts';

const browsersAtOnce = 20;

/** One pass, one browser: RULES 1.3, security.md 2.11. */
export function passes(theNodes: () => TwoNodes): void {
  const races = long ? 100 : 30;
  test(
    `${races} one-time passes, each entered in twenty browsers at once, let ${races} browsers in`,
    () => race(theNodes(), races, 'short'),
    300_000,
  );

  if (long) {
    test('1,000 long one-time passes, each entered in twenty browsers at once, let 1,000 browsers in', async () => {
      const nodes = theNodes();
      await nodes.seed({ policies: { temporaryAccessPass: { defaultLength: 24 } } });
      await race(nodes, 1_000, 'long');
      await nodes.seed({ policies: { temporaryAccessPass: defaultPassSettings } });
    }, 1_800_000);
  }

  test('the browser that was let in may come back, and no other', async () => {
    const nodes = theNodes();
    await nodes.user('back@example.com');
    const code = await nodes.pass('back@example.com');
    const [first, other] = await Promise.all([newVisitor(nodes), newVisitor(nodes)]);
    const enter = async (visitor: Visitor): Promise<Standing> => {
      await visitor.identify('back@example.com');
      await visitor.enter(code);
      return visitor.look();
    };

    expect(await enter(first)).toBe('enrol');
    expect(await enter(other)).toBe('refused');
    await first.restart();
    expect(await enter(first)).toBe('enrol');
    expect(await enter(other)).toBe('refused');
  });
}

async function race(nodes: TwoNodes, count: number, name: string): Promise<void> {
  const begun = performance.now();
  const holders = times(count, (index) => `${name}-${index}@example.com`);
  const codes = await inTurns(holders, 4, async (holder) => {
    await nodes.user(holder);
    return nodes.pass(holder);
  });
  const visitors = await Promise.all(times(browsersAtOnce, () => newVisitor(nodes)));
  const ends: Standing[] = [];
  const winners: number[] = [];
  const before = nodes.nodes.map(({ answered }) => answered);

  const entering = performance.now();
  for (const [index, holder] of holders.entries()) {
    await Promise.all(visitors.map((visitor) => visitor.identify(holder)));
    await Promise.all(visitors.map((visitor) => visitor.enter(codes[index]!)));
    const round = await Promise.all(visitors.map((visitor) => visitor.look()));
    ends.push(...round);
    winners.push(round.filter((end) => end === 'enrol').length);
    await Promise.all(visitors.filter((_, at) => round[at] === 'enrol').map((visitor) => visitor.restart()));
  }

  const attempts = count * browsersAtOnce;
  figures(`${count} passes (${codes[0]!.length} symbols) × ${browsersAtOnce} browsers`, begun, {
    ...tally(ends),
    'entries a second': Math.round((attempts / (performance.now() - entering)) * 1000),
    'told to wait': visitors.reduce((sum, { toldToWait }) => sum + toldToWait, 0),
    'requests by node': nodes.nodes.map(({ answered }, at) => answered - before[at]!),
  });
  expect(tally(winners.map((won) => `${won} let in`))).toEqual({ '1 let in': count });
  expect(tally(ends)).toEqual({ enrol: count, refused: attempts - count });
}
