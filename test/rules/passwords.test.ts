import { describe, expect, test } from 'vitest';
import { passwordSettings, shortestPassword } from '../../src/methods/password/settings.ts';
import { lengthOf, normalizePassword } from '../../src/methods/password/typed.ts';
import { longestPassword, namesOf, weakness, type Weakness } from '../../src/methods/password/weakness.ts';
import { parseSeed } from '../../src/seed.ts';

const eve = { userPrincipalName: 'eve.miller@contoso.example', displayName: 'Evelyn Müller' };
const names = namesOf(eve, { appName: 'Latchkey', hostName: 'login.fabrikam.example' });
const judged = (password: string, shortest = 8) => weakness(password.normalize('NFC'), { shortest, names });

describe('the policy for passwords', () => {
  test('is on, for the first of two parts, from eight characters, where nothing was decided', () => {
    expect(passwordSettings.parse({})).toEqual({ state: 'enabled', alone: false, minimumLength: 8 });
  });

  test.each([
    [{ minimumLength: 7 }],
    [{ minimumLength: 65 }],
    [{ minimumLength: 8.5 }],
    [{ minimumLength: '8' }],
    [{ alone: 'yes' }],
    [{ state: 'on' }],
    [{ minimumLenght: 9 }],
    [{ alone: null }],
  ])('does not take %j', (document) => {
    expect(passwordSettings.safeParse(document).success).toBe(false);
  });

  test.each([
    [{}, 8],
    [{ minimumLength: 64 }, 64],
    [{ alone: true }, 15],
    [{ alone: true, minimumLength: 14 }, 15],
    [{ alone: true, minimumLength: 16 }, 16],
  ])('of %j asks for %i characters', (document, shortest) => {
    expect(shortestPassword(passwordSettings.parse(document))).toBe(shortest);
  });

  test('may stand in a seed file, and its mistakes are told with their path', () => {
    expect(parseSeed('{"policies":{"password":{"alone":true}}}').policies.password).toEqual({ alone: true });
    expect(() => parseSeed('{"policies":{"password":{"minimumLength":5}}}')).toThrow(
      /- policies\.password\.minimumLength: /,
    );
  });
});

describe('what was typed', () => {
  test('is one password in every Unicode form, and nothing of it is trimmed or folded', () => {
    expect(normalizePassword('u\u0308ber-tür')).toBe(normalizePassword('über-tu\u0308r'));
    expect(normalizePassword(' Pass ')).toBe(' Pass ');
    expect(normalizePassword('ﬁ')).not.toBe('fi');
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty text', ''],
    ['null', null],
    ['a number', 12345678],
    ['a list', ['x']],
    ['an object', { $ne: '' }],
    ['half a character', 'abc\ud800defgh'],
    ['1,025 characters', 'x'.repeat(1025)],
    ['1,025 characters outside the basic plane', '😀'.repeat(1025)],
    ['a megabyte', 'x'.repeat(1 << 20)],
  ])('is nobody’s password when it is %s', (_what, typed) => {
    expect(normalizePassword(typed)).toBeUndefined();
  });

  test('is counted in code points, up to 1,024', () => {
    expect(lengthOf(normalizePassword('😀'.repeat(1024))!)).toBe(1024);
    expect(lengthOf(normalizePassword('e\u0301'.repeat(1024))!)).toBe(1024);
  });
});

describe('a new password', () => {
  test.each([
    ['kX9#mQ2v', 'eight signs without a pattern'],
    ['correct horse battery staple', 'a phrase, though its words are common'],
    ['the tide comes in at nine', 'a phrase'],
    ['nordlicht am wattenmeer', 'a phrase in another language'],
    ['68203519', 'digits that follow no rule'],
    ['пароль от сада', 'letters of another script'],
    ['密码在花园里面呢', 'signs of another script'],
    ['🦊🚲🌙🥨🎷🧊🪁🐙', 'eight signs outside the basic plane'],
    ['Eve likes long walks', 'a phrase with a short name in it'],
    [`kX9#mQ2v${'wq7'.repeat(40)}`, '128 characters'],
  ])('%s is taken: %s', (password) => {
    expect(judged(password)).toBeNull();
  });

  test.each<[string, Weakness | null, string]>([
    ['kX9#mQ2', 'short', 'seven'],
    ['🦊🚲🌙🥨', 'short', 'four, though eight units'],
    [`kX9#mQ2vw${'wq7'.repeat(40)}`, 'long', '129 characters'],
    ['password', 'common', 'the first of all lists'],
    ['P@ssw0rd', 'common', 'signs for letters'],
    ['Password123!', 'common', 'what composition rules lead to'],
    ['drowssap99', 'common', 'backwards'],
    ['Pässwörd1', 'common', 'with accents'],
    ['ＰＡＳＳＷＯＲＤ', 'common', 'in wide letters'],
    ['Welcome2024', 'common', 'a greeting and a year'],
    ['W3lc0me!!!', 'common', 'a greeting, dressed up'],
    ['Summer2026!', 'common', 'season and year'],
    ['5omm3r2026', 'common', 'the same in disguise'],
    ['Winter-2025', 'common', 'season and year with a dash'],
    ['iloveyou12', 'common', 'an old one'],
    ['monkeydragon', 'common', 'two words'],
    ['passwordpassword', 'common', 'one word twice'],
    ['letmeinletmein', 'common', 'one phrase twice'],
    ['12345678', 'common', 'a run of digits'],
    ['9876543210', 'common', 'a run down'],
    ['abcdefgh', 'common', 'the alphabet'],
    ['abcd1234', 'common', 'two runs'],
    ['qwertyuiop', 'common', 'a row of keys'],
    ['QWERTZ123456', 'common', 'a row on another keyboard, and a run'],
    ['1qaz2wsx', 'common', 'columns of keys'],
    ['!@#$%^&*', 'common', 'a row with shift'],
    ['aaaaaaaaaaaa', 'common', 'one letter'],
    ['        ', 'common', 'spaces'],
    ['aabbccdd', 'common', 'pairs'],
    ['xyxyxyxyxyxy', 'common', 'two letters, again and again'],
    ['x9$kx9$kx9$k', 'common', 'four signs, again and again'],
    ['12.08.1985', 'common', 'a date'],
    ['1985-08-12', 'common', 'a date as programs write it'],
    ['12081985', 'common', 'a date without dots'],
    ['evelyn1990!', 'common', 'her first name and a year'],
    ['Mueller1', null, 'a spelling of her name that nobody has told us'],
    ['Muller2020', 'common', 'her last name without the dots'],
    ['eve.miller-x7Q', 'name', 'her user name'],
    ['x7QeveM1LLERk', 'name', 'her user name, run together and in disguise'],
    ['contoso#71kQ', 'name', 'her organisation'],
    ['my!fabrikam!93', 'name', 'the host'],
    ['l4tchk3y-x7Qm', 'name', 'this application'],
  ])('%s is %s: %s', (password, why) => {
    expect(judged(password)).toBe(why);
  });

  test('needs what policy asks for, to the character', () => {
    expect(judged('the tide comes', 15)).toBe('short');
    expect(judged('the tide comes!', 15)).toBeNull();
  });

  test('of the longest kind is judged without getting stuck', () => {
    for (const password of ['passwor'.repeat(18), 'a1'.repeat(64), '(((('.repeat(32), '1.1.1.1.'.repeat(16)]) {
      expect([null, 'common']).toContain(judged(password.slice(0, longestPassword)));
    }
  });

  test('may have a user name of three letters in it: such names are everywhere', () => {
    const short = namesOf(
      { userPrincipalName: 'eve@x.example', displayName: 'Eve' },
      { appName: 'App', hostName: 'localhost' },
    );
    expect(short.within).toEqual(['localhost']);
    expect(weakness('never believe 71', { shortest: 8, names: short })).toBeNull();
  });
});
