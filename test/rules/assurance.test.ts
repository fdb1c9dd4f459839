import { describe, expect, test } from 'vitest';
import { type Level, levels } from '../../src/assurance/levels.ts';
import { type Asked, judge, placeOfLevel, scaleFrom, scaleOf } from '../../src/assurance/scale.ts';
import { assuranceSettings } from '../../src/assurance/settings.ts';

const issuer = 'https://id.example';
const [one, two] = [`${issuer}/acr/1f`, `${issuer}/acr/2f`];
const mfa = 'https://refeds.org/profile/mfa';
const scale = scaleOf(issuer, { aliases: { [mfa]: '2f', 'urn:corp:gold': 'phr', 'urn:corp:also': '2f' } });
const nothing: Asked = { wished: [], claimed: [], essential: false, minimum: '1f' };

describe('what a level is judged to meet', () => {
  const met = { demand: true, wish: true };
  const cases: readonly [string, Level, Partial<Asked>, Partial<ReturnType<typeof judge>>][] = [
    ['nothing asked: met, and the level itself is reported', '1f', {}, { ...met, reported: undefined }],
    ['a wish for less', 'phr', { wished: [one] }, { ...met, reported: one }],
    ['a wish for the same', '2f', { wished: [two] }, { ...met, reported: two }],
    ['a wish for more', '1f', { wished: [two] }, { demand: true, wish: false, reported: undefined }],
    ['any of several will do', '1f', { wished: ['phr', one] }, { ...met, reported: one }],
    ['the highest of those met is reported', 'phr', { wished: [one, 'phr', two] }, { ...met, reported: 'phr' }],
    ['not the highest of those asked', '2f', { wished: [one, 'phrh', two] }, { ...met, reported: two }],
    ['an unknown one beside others counts for nothing', '1f', { wished: ['x', one] }, { ...met, reported: one }],
    ['an unknown one alone is no wish', '1f', { wished: ['x'] }, { ...met, reported: undefined }],
    ['an unknown one makes no weaker one do', '1f', { wished: ['x', two] }, { wish: false }],
    ['bootstrap is no name an app knows', '1f', { wished: [`${issuer}/acr/bootstrap`] }, met],
    ['a wish by an alias, reported as it was asked', 'phr', { wished: [mfa] }, { ...met, reported: mfa }],
    ['a wish by an alias that is not met', '1f', { wished: [mfa] }, { wish: false, reported: undefined }],
    ['an alias and its level: what comes first', '2f', { wished: [mfa, two] }, { reported: mfa }],
    ['its level and an alias: what comes first', '2f', { wished: [two, mfa] }, { reported: two }],
    ['two aliases of a level', '2f', { wished: ['urn:corp:also', mfa] }, { reported: 'urn:corp:also' }],
    ['a claim that is voluntary demands nothing', '1f', { claimed: ['phr'] }, { ...met, reported: undefined }],
    ['a claim is reported like a wish', 'phr', { claimed: [two] }, { reported: two }],
    ['an essential one that is met', 'phr', { claimed: [two], essential: true }, { ...met, reported: two }],
    ['an essential one that is not', '1f', { claimed: [two], essential: true }, { demand: false }],
    ['an essential one by an alias', '2f', { claimed: ['urn:corp:gold'], essential: true }, { demand: false }],
    ['any of several essential ones will do', '2f', { claimed: ['phrh', mfa], essential: true }, met],
    ['an essential one that nobody knows', 'phr', { claimed: ['x'], essential: true }, { demand: false }],
    [
      'an essential one that is bootstrap',
      'phr',
      { claimed: [`${issuer}/acr/bootstrap`], essential: true },
      { demand: false },
    ],
    ['an essential phrh, which nothing reaches', 'phr', { claimed: ['phrh'], essential: true }, { demand: false }],
    ['an essential claim without a value demands none', '1f', { essential: true }, met],
    ['an essential claim with what is no text', 'phr', { claimed: [1, null, {}], essential: true }, { demand: false }],
    ['a demand beside a wish for less', '1f', { wished: [one], claimed: [two], essential: true }, { demand: false }],
    ['a minimum that is met', '2f', { minimum: '2f' }, met],
    ['a minimum that is not', '1f', { minimum: '2f' }, { demand: false }],
    ['a minimum beside a wish for less', '1f', { minimum: 'phr', wished: [one] }, { demand: false, reported: one }],
    [
      'a minimum beside an essential one for less',
      '1f',
      { minimum: '2f', claimed: [one], essential: true },
      { demand: false },
    ],
    ['an essential one above a minimum', '2f', { minimum: '2f', claimed: ['phr'], essential: true }, { demand: false }],
    ['a session that was only bootstrapped', 'bootstrap', {}, { demand: false }],
  ];
  test.each(cases)('%s', (_what, reached, asked, expected) => {
    expect(judge(scale, placeOfLevel(reached), { ...nothing, ...asked })).toMatchObject(expected);
  });

  test('a session with an acr that nobody knows meets nothing', () => {
    expect(judge(scale, scale.placeOf('gone'), nothing).demand).toBe(false);
  });

  test('every level is a minimum for those below it and for no other', () => {
    for (const reached of levels.slice(1)) {
      for (const minimum of levels.slice(1)) {
        const { demand } = judge(scale, placeOfLevel(reached), { ...nothing, minimum });
        expect(demand, `${reached} for ${minimum}`).toBe(levels.indexOf(reached) >= levels.indexOf(minimum));
      }
    }
  });
});

describe('aliases', () => {
  test('stand behind our own names, and none takes the place of one', () => {
    expect(scale.names).toEqual([one, two, 'phr', 'phrh', mfa, 'urn:corp:gold', 'urn:corp:also']);
    // Not written through any door; should it stand there all the same, it changes nothing.
    const shadowed = scaleOf(issuer, { aliases: { phr: '1f', [two]: 'phr', 'urn:x': '1f' } });
    expect(['phr', two, 'urn:x'].map(shadowed.placeOf)).toEqual([scale.placeOf('phr'), scale.placeOf(two), 1]);
    expect(shadowed.names).toEqual([one, two, 'phr', 'phrh', 'urn:x']);
  });

  test('are none where nobody decided anything', () => {
    expect(scaleFrom(issuer, undefined).names).toEqual([one, two, 'phr', 'phrh']);
    expect(scaleFrom(issuer, {}).names).toHaveLength(4);
  });

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('%s is no name that anybody knows', (name) => {
    expect(scale.placeOf(name)).toBe(-1);
  });

  const refusals = (aliases: unknown) => assuranceSettings.safeParse({ aliases }).error?.issues ?? [];

  test.each([
    [mfa, '2f'],
    ['urn:mace:incommon:iap:silver', '1f'],
    ['http://schemas.microsoft.com/claims/multipleauthn', '2f'],
    ['gold', 'phr'],
    ['3', 'phrh'],
    ['https://old.example/acr/strong', 'phr'],
  ])('%s for %s is taken', (name, level) => {
    expect(refusals({ [name]: level })).toEqual([]);
  });

  test.each([
    ['phr', 'is a name of our own'],
    ['PHRH', 'is a name of our own'],
    ['2f', 'is a name of our own'],
    ['bootstrap', 'is a name of our own'],
    [two, 'is a name of our own'],
    [`${issuer}/acr/bootstrap`, 'is a name of our own'],
    ['acr/2f', 'is a name of our own'],
    ['https://old.example/acr/2f', 'is a name of our own'],
    ['', '1 to 256'],
    ['two words', '1 to 256'],
    ['a"b', '1 to 256'],
    ['a\\b', '1 to 256'],
    ['a\nb', '1 to 256'],
    ['é', '1 to 256'],
    ['x'.repeat(257), '1 to 256'],
  ])('%j is refused by its name', (name, sentence) => {
    const [issue] = refusals({ [name]: '2f' });
    expect(issue?.path).toEqual(['aliases', name]);
    expect(issue?.message).toContain(sentence);
  });

  test.each([
    ['a level that does not exist', { 'urn:x': '3f' }],
    ['bootstrap', { 'urn:x': 'bootstrap' }],
    ['no level', { 'urn:x': null }],
    ['a list', ['urn:x']],
    ['text', 'urn:x'],
    ['more than a hundred', Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`urn:${n}`, '1f']))],
  ])('%s is refused', (_what, aliases) => {
    expect(refusals(aliases)).not.toEqual([]);
  });

  test('a key nobody knows is refused', () => {
    expect(assuranceSettings.safeParse({ alias: {} }).success).toBe(false);
  });
});
