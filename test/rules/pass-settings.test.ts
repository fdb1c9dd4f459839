import { describe, expect, test } from 'vitest';
import { settingsFor } from '../../src/methods/temporary-access-pass/effective-settings.ts';
import { passSettings } from '../../src/methods/temporary-access-pass/settings.ts';
import type { PolicySubject } from '../../src/policies/targets.ts';

const defaults = {
  state: 'enabled',
  minimumLifetimeInMinutes: 60,
  maximumLifetimeInMinutes: 480,
  defaultLifetimeInMinutes: 60,
  defaultLength: 16,
  isUsableOnce: true,
  registrationWindowInMinutes: 10,
  maximumUses: null,
  requireReason: false,
  managersMayIssue: false,
  requireApprovalFor: [{ targetType: 'role', id: 'any_role' }],
  purpose: 'registration',
  satisfiesMultifactor: true,
  includeTargets: [{ targetType: 'group', id: 'all_users' }],
  excludeTargets: [],
  profiles: [],
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
    ['maximumUses', 2, 100, {}],
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
    ['maximumUses', 1],
    ['maximumUses', 101],
    ['maximumUses', 2.5],
    ['requireReason', 'yes'],
    ['purpose', 'signin'],
    ['purpose', null],
    ['satisfiesMultifactor', 'yes'],
    ['includeTargets', null],
    ['excludeTargets', {}],
    ['profiles', {}],
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
  const found = mistakes({ maximumLifetimeInMinute: 480, maximumUse: 3 });
  expect(found.join()).toContain('maximumLifetimeInMinute');
  expect(found.join()).toContain('maximumUse"');
});

test.each([
  ['a list', []],
  ['text', 'enabled'],
  ['null', null],
])('%s is no document', (_what, document) => {
  expect(mistakes(document)).not.toEqual([]);
});

test('passes without limit are said with null', () => {
  expect(mistakes({ maximumUses: null })).toEqual([]);
});

describe('a target', () => {
  test.each([
    ['of a kind nobody knows', { targetType: 'role', id: 'x' }, 'includeTargets.0.targetType: '],
    ['without an id', { targetType: 'group' }, 'includeTargets.0.id: '],
    ['with an empty id', { targetType: 'user', id: '' }, 'includeTargets.0.id: '],
    ['of all users as a user', { targetType: 'user', id: 'all_users' }, 'includeTargets.0.id: all_users is a group'],
    [
      'with a key nobody knows',
      { targetType: 'group', id: 'x', also: 1 },
      'includeTargets.0: Unrecognized key: "also"',
    ],
  ])('%s is refused with its path', (_what, target, mistake) => {
    expect(mistakes({ includeTargets: [target] }).join('; ')).toContain(mistake);
  });
});

describe('a profile', () => {
  const aProfile = (settings: object) => ({ profiles: [{ displayName: 'Field', groups: ['field'], settings }] });

  test.each([
    ['names no group', { profiles: [{ displayName: 'x', groups: [], settings: {} }] }, 'profiles.0.groups: '],
    ['has no name', { profiles: [{ displayName: ' ', groups: ['x'], settings: {} }] }, 'profiles.0.displayName: '],
    ['sets what is no value', aProfile({ state: 'disabled' }), 'profiles.0.settings: Unrecognized key: "state"'],
    ['sets a value out of range', aProfile({ defaultLength: 7 }), 'profiles.0.settings.defaultLength: '],
    [
      'does not go with the rest of the policy',
      aProfile({ defaultLifetimeInMinutes: 481 }),
      'profiles.0.settings.defaultLifetimeInMinutes: must lie between minimumLifetimeInMinutes (60) and maximumLifetimeInMinutes (480)',
    ],
  ])('that %s is refused with its path', (_what, document, mistake) => {
    expect(mistakes(document).join('; ')).toContain(mistake);
  });

  test('may go beyond the policy it replaces', () => {
    expect(mistakes(aProfile({ maximumLifetimeInMinutes: 1440, defaultLifetimeInMinutes: 1440 }))).toEqual([]);
  });
});

describe('the policy for one user', () => {
  const everybody = { targetType: 'group', id: 'all_users' };
  const staff = { targetType: 'group', id: 'staff' };
  const eve = { targetType: 'user', id: 'eve' };
  const asEve = (...groups: string[]): PolicySubject => ({ userId: 'eve', groups });

  test.each([
    ['includes everybody by default', {}, asEve(), 'included'],
    ['includes nobody when it names nobody', { includeTargets: [] }, asEve('staff'), 'notIncluded'],
    ['includes a user by name', { includeTargets: [eve] }, asEve(), 'included'],
    ['includes a user by group', { includeTargets: [staff] }, asEve('other', 'staff'), 'included'],
    ['does not include somebody else', { includeTargets: [eve] }, { userId: 'adam', groups: [] }, 'notIncluded'],
    ['does not take a group for a user', { includeTargets: [{ ...staff, id: 'eve' }] }, asEve(), 'notIncluded'],
    ['does not take a user for a group', { includeTargets: [{ ...eve, id: 'staff' }] }, asEve('staff'), 'notIncluded'],
    ['excludes a user by name', { excludeTargets: [eve] }, asEve(), 'excluded'],
    ['excludes a user by group', { excludeTargets: [staff] }, asEve('staff'), 'excluded'],
    [
      'excludes even whom it includes by name',
      { includeTargets: [eve], excludeTargets: [staff] },
      asEve('staff'),
      'excluded',
    ],
    ['excludes everybody', { includeTargets: [eve], excludeTargets: [everybody] }, asEve(), 'excluded'],
  ])('%s', (_what, document, subject, scope) => {
    expect(settingsFor(passSettings.parse(document), subject).scope).toBe(scope);
  });

  const profiles = [
    { displayName: 'Field', groups: ['field', 'travel'], settings: { maximumUses: 5, isUsableOnce: false } },
    { displayName: 'Staff', groups: ['staff'], settings: { defaultLength: 24, maximumUses: null } },
  ];

  test.each([
    ['of no profile', asEve('other'), { isUsableOnce: true, maximumUses: 9, defaultLength: 16 }],
    [
      'of the first that holds them',
      asEve('staff', 'travel'),
      { isUsableOnce: false, maximumUses: 5, defaultLength: 16 },
    ],
    ['of the second', asEve('staff'), { isUsableOnce: true, maximumUses: null, defaultLength: 24 }],
  ])('has the values %s, and keeps what it does not name', (_what, subject, values) => {
    expect(settingsFor(passSettings.parse({ maximumUses: 9, profiles }), subject)).toMatchObject(values);
  });
});
