import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { activities, activityOf, signInTypes } from '../../src/audit/activities.ts';

/** Types of event as they stand in the code that records them: `type: 'room.what'`, or a choice of several. */
const recorded = new Set(
  globSync('src/**/*.ts')
    .filter((file) => !file.startsWith('src/audit/'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\btype(?::| =)([^;{}]*?)[,;\n]/g)])
    .flatMap(([, value]) => [...value!.matchAll(/'([a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*)'/g)])
    .map(([, type]) => type!)
    .filter((type) => !/\.(?:js|css|svg)$/.test(type)),
);

test('every type of event that is recorded has a name for those who read logs', () => {
  expect(recorded.size).toBeGreaterThan(30);
  expect([...recorded].filter((type) => !Object.hasOwn(activities, type))).toEqual([]);
});

test('every name belongs to a type of event that is recorded', () => {
  expect(Object.keys(activities).filter((type) => !recorded.has(type))).toEqual([]);
  expect(signInTypes.filter((type) => !recorded.has(type))).toEqual([]);
});

test('no row of the table is without a word that a rule could look for', () => {
  for (const [type, { activityDisplayName, category, loggedByService, resultReason = 'none' }] of Object.entries(
    activities,
  )) {
    for (const word of [activityDisplayName, category, loggedByService, resultReason]) {
      expect(word.trim(), type).toMatch(/^\S.{2,}/);
    }
  }
});

test('a type that this version does not know is shown under its own name', () => {
  expect(activityOf('moon.landed')).toMatchObject({ activityDisplayName: 'moon.landed', loggedByService: 'Latchkey' });
});
