import { expect, test } from 'vitest';
import { refusalBudget } from '../../src/throttle/refusal-budget.ts';

const granted = (budget: ReturnType<typeof refusalBudget>, source: string, times: number, at = 0) =>
  Array.from({ length: times }, () => budget(source, at)).filter((one) => one !== undefined).length;

test('ten refusals of one source are recorded in a minute; others have ten of their own', () => {
  const budget = refusalBudget();
  expect(granted(budget, 'a', 1000)).toBe(10);
  expect(granted(budget, 'b', 1000)).toBe(10);
});

test('sixty in all are recorded in a minute, from however many sources', () => {
  const budget = refusalBudget();
  const taken = Array.from({ length: 10_000 }, (_, source) => granted(budget, String(source), 1));
  expect(taken.reduce((sum, one) => sum + one, 0)).toBe(60);
});

test('a minute later it begins anew, and the first says how many were left out', () => {
  const budget = refusalBudget();
  granted(budget, 'a', 25);
  expect(budget('a', 59_999)).toBeUndefined();
  expect(budget('a', 60_000)).toEqual({ leftOut: 16 });
  expect(budget('a', 60_000)).toEqual({ leftOut: 0 });
});
