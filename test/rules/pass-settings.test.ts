import { describe, expect, test } from 'vitest';
import { passSettings } from '../../src/methods/temporary-access-pass/settings.ts';

const defaults = {
  state: 'enabled',
  minimumLifetimeInMinutes: 60,
  maximumLifetimeInMinutes: 480,
  defaultLifetimeInMinutes: 60,
  defaultLength: 16,
  isUsableOnce: true,
  registrationWindowInMinutes: 10,
};

function mistakes(document: unknown): string[] {
  const parsed = passSettings.safeParse(document);
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

test('an empty document is the defaults', () => {
  expect(passSettings.parse({})).toEqual(defaults);
});

test('a document that names one setting keeps the defaults of the rest', () => {
  expect(passSettings.parse({ defaultLength: 24 })).toEqual({ ...defaults, defaultLength: 24 });
});

describe('a range', () => {
  const ranges = [
    ['minimumLifetimeInMinutes', 10, 480, { defaultLifetimeInMinutes: 480 }],
    ['maximumLifetimeInMinutes', 60, 43_200, {}],
    ['defaultLength', 8, 48, {}],
    ['registrationWindowInMinutes', 10, 60, {}],
  ] as const;
  test.each(ranges)('of %s holds %i and %i', (name, least, most, rest) => {
    expect(mistakes({ ...rest, [name]: least })).toEqual([]);
    expect(mistakes({ ...rest, [name]: most })).toEqual([]);
  });

  test.each([
    ['minimumLifetimeInMinutes', 9],
    ['minimumLifetimeInMinutes', 43_201],
    ['maximumLifetimeInMinutes', 9],
    ['maximumLifetimeInMinutes', 43_201],
    ['defaultLifetimeInMinutes', 9],
    ['defaultLifetimeInMinutes', 43_201],
    ['defaultLength', 7],
    ['defaultLength', 49],
    ['defaultLength', 16.5],
    ['defaultLength', '16'],
    ['registrationWindowInMinutes', 9],
    ['registrationWindowInMinutes', 61],
    ['minimumLifetimeInMinutes', Number.NaN],
    ['maximumLifetimeInMinutes', Number.POSITIVE_INFINITY],
    ['maximumLifetimeInMinutes', null],
    ['isUsableOnce', 'true'],
    ['isUsableOnce', 1],
    ['state', 'on'],
    ['state', 'Enabled'],
  ])('keeps %s from being %s, and says so by name', (name, value) => {
    const found = mistakes({ [name]: value });
    expect(found.length).toBeGreaterThan(0);
    expect(found.some((mistake) => mistake.startsWith(`${name}: `))).toBe(true);
  });
});

describe('lifetimes agree with each other', () => {
  test('a week, from ten minutes up, is fine', () => {
    const document = { minimumLifetimeInMinutes: 10, maximumLifetimeInMinutes: 10_080, defaultLifetimeInMinutes: 1440 };
    expect(mistakes(document)).toEqual([]);
  });

  test('all three may be one', () => {
    expect(
      mistakes({ minimumLifetimeInMinutes: 90, maximumLifetimeInMinutes: 90, defaultLifetimeInMinutes: 90 }),
    ).toEqual([]);
  });

  test('a minimum above the maximum is refused with both names', () => {
    const found = mistakes({
      minimumLifetimeInMinutes: 120,
      maximumLifetimeInMinutes: 119,
      defaultLifetimeInMinutes: 120,
    });
    expect(found).toContain('minimumLifetimeInMinutes: must not be more than maximumLifetimeInMinutes (119)');
  });

  test.each([59, 481])('a default of %i outside 60 to 480 is refused with the range', (usual) => {
    expect(mistakes({ defaultLifetimeInMinutes: usual })).toEqual([
      'defaultLifetimeInMinutes: must lie between minimumLifetimeInMinutes (60) and maximumLifetimeInMinutes (480)',
    ]);
  });

  test('a new minimum that leaves the default behind is refused', () => {
    expect(mistakes({ minimumLifetimeInMinutes: 61 })).toHaveLength(1);
  });

  test('a new maximum that leaves minimum and default behind is refused for both', () => {
    expect(mistakes({ maximumLifetimeInMinutes: 30 })).toHaveLength(2);
  });
});

test('an unknown setting is refused by its name', () => {
  const found = mistakes({ maximumLifetimeInMinute: 480, maximumUses: 3 });
  expect(found.join()).toContain('maximumLifetimeInMinute');
  expect(found.join()).toContain('maximumUses');
});

test.each([
  ['a list', []],
  ['text', 'enabled'],
  ['null', null],
])('%s is no document', (_what, document) => {
  expect(mistakes(document)).not.toEqual([]);
});
