import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assuranceOf } from '../../src/methods/upstream/assurance.ts';
import { profileOf } from '../../src/methods/upstream/claims.ts';
import { ceilings, providerSettings } from '../../src/methods/upstream/provider.ts';
import { strictObject } from '../../src/methods/upstream/strict-json.ts';
import { amrOf } from '../../src/assurance/levels.ts';

const settings = (more: object = {}) =>
  providerSettings.parse({ displayName: 'C', issuer: 'https://c.example', clientId: 'x', ...more });

describe('what a sign-in there is worth', () => {
  const mfa = { acr: 'mfa', level: '2f', reports: ['otp', 'pwd'] };
  const key = { amr: 'hwk', level: 'phr', reports: ['hwk'] };
  const nothing = { level: '1f', amr: ['federated'] };

  test.each([
    ['no rule, whatever it says', { ceiling: 'phr' }, { acr: 'phrh', amr: ['hwk', 'mfa'] }, nothing],
    ['a rule, and it says nothing', { ceiling: 'phr', assurance: [mfa, key] }, { acr: null, amr: [] }, nothing],
    [
      'a rule for acr',
      { ceiling: 'phr', assurance: [mfa] },
      { acr: 'mfa', amr: [] },
      { level: '2f', amr: ['federated', 'otp', 'pwd'] },
    ],
    [
      'a rule for amr',
      { ceiling: 'phr', assurance: [key] },
      { acr: null, amr: ['pwd', 'hwk'] },
      { level: 'phr', amr: ['federated', 'hwk'] },
    ],
    ['acr said in amr', { ceiling: 'phr', assurance: [mfa] }, { acr: null, amr: ['mfa'] }, nothing],
    ['amr said in acr', { ceiling: 'phr', assurance: [key] }, { acr: 'hwk', amr: [] }, nothing],
    ['other letters', { ceiling: 'phr', assurance: [mfa] }, { acr: 'MFA', amr: [] }, nothing],
    [
      'two rules: the first',
      { ceiling: 'phr', assurance: [mfa, key] },
      { acr: 'mfa', amr: ['hwk'] },
      { level: '2f', amr: ['federated', 'otp', 'pwd'] },
    ],
    [
      'a ceiling below it',
      { ceiling: '1f', assurance: [key] },
      { acr: null, amr: ['hwk'] },
      { level: '1f', amr: ['federated', 'hwk'] },
    ],
    [
      'no ceiling chosen',
      { assurance: [key] },
      { acr: null, amr: ['hwk'] },
      { level: '1f', amr: ['federated', 'hwk'] },
    ],
  ])('%s', (_what, chosen, said, expected) => {
    expect(assuranceOf(said, settings(chosen))).toEqual(expected);
  });

  test('is never above the ceiling, and federated whatever is said', () => {
    const word = fc.constantFrom('mfa', 'hwk', 'phr', 'federated');
    const rule = fc.record({
      amr: word,
      level: fc.constantFrom(...ceilings),
      reports: fc.array(word, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        fc.constantFrom(...ceilings),
        fc.array(word),
        (assurance, ceiling, amr) => {
          const outcome = assuranceOf({ acr: null, amr }, settings({ assurance, ceiling }));
          expect(ceilings.indexOf(outcome.level)).toBeLessThanOrEqual(ceilings.indexOf(ceiling));
          expect(outcome.amr.filter((one) => one === 'federated')).toHaveLength(1);
        },
      ),
    );
  });

  test('is said to relying parties by an address of ours', () => {
    expect(amrOf('federated', 'https://id.example.com')).toBe('https://id.example.com/amr/federated');
  });
});

describe('what a user is called', () => {
  const right = { name: ' Ada ', email: 'ada@c.example', preferred_username: 'ada@c.example' };
  const rules = settings().claims;
  const profile = (claims: object, at: 'creation' | 'always' = 'creation') =>
    profileOf({ claims: { ...right, ...claims } }, rules, at);

  test('when they are made, and afterwards what is refreshed', () => {
    expect(profile({})).toEqual({ displayName: 'Ada', mail: right.email, userPrincipalName: right.email });
    expect(profile({}, 'always')).toEqual({ displayName: 'Ada', mail: right.email });
  });

  test.each([
    ['', 'displayName'],
    ['  ', 'displayName'],
    ['x'.repeat(257), 'displayName'],
    ['a\nb', 'displayName'],
    ['a\0b', 'displayName'],
    ['a\u202eb', 'displayName'],
    ['a\u2028b', 'displayName'],
    ['\ud800', 'displayName'],
    [['Ada'], 'displayName'],
    [{ toString: 'Ada' }, 'displayName'],
    [1, 'displayName'],
    [true, 'displayName'],
    [null, 'displayName'],
  ])('a name %j changes nothing', (name, property) => expect(profile({ name })).not.toHaveProperty(property));

  test.each([
    'ada',
    '@c.example',
    'ada@',
    'a b@c.example',
    'a@b@c.example',
    'Ada <ada@c.example>',
    `${'x'.repeat(250)}@c.example`,
    'ada@c.example\r\nBcc: x@y.example',
    ['ada@c.example'],
  ])('an address %j changes nothing', (text) =>
    expect(profile({ email: text, preferred_username: text })).toEqual({ displayName: 'Ada' }),
  );

  test.each([false, 'false', 'true', 1, null, [true]])(
    'an address whose email_verified is %j is none',
    (email_verified) => {
      expect(profile({ email_verified })).not.toHaveProperty('mail');
    },
  );
  test('an address that is verified, or of which nothing is said, is one', () => {
    expect(profile({ email_verified: true })).toHaveProperty('mail');
    expect(profile({})).toHaveProperty('mail');
  });

  test('what every object has is no claim', () => {
    const { claims } = settings({ claims: { displayName: { claim: 'constructor' }, mail: { claim: '__proto__' } } });
    expect(profileOf({ claims: right }, claims, 'creation')).toEqual({ userPrincipalName: right.email });
  });

  test('nothing else comes of claims, roles least of all', () => {
    const json = fc.dictionary(
      fc.constantFrom('roles', 'groups', 'role', 'enabled', 'id', 'name', 'email'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(json, (claims) => {
        for (const name of Object.keys(profile(claims))) {
          expect(['displayName', 'mail', 'userPrincipalName']).toContain(name);
        }
      }),
    );
  });
});

describe('JSON', () => {
  test.each(['{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"x":[{"b":1,"\\u0062":2}]}', '{"a" :1, "b":"\\"", "a":2}'])(
    '%s has a name twice',
    (text) => expect(strictObject(text)).toBeUndefined(),
  );
  test.each(['', '1', 'null', '[]', '"a"', '{', '{"a":1}x'])('%j is no object', (text) => {
    expect(strictObject(text)).toBeUndefined();
  });
  test('of any other shape is read', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(strictObject(text))).toBe(text);
      }),
    );
  });
});
