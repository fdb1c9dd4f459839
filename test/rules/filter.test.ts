import { describe, expect, test } from 'vitest';
import { conditionOf } from '../../src/audit/conditions.ts';
import { AppError } from '../../src/core/errors.ts';
import type { Comparison, Filter } from '../../src/core/filter.ts';
import { parseFilter } from '../../src/http/graph/filter.ts';

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_input') return error.message;
    throw error;
  }
  throw new Error('It was taken.');
}

const is = (property: string, value: Comparison['value'], operator: Comparison['operator'] = 'eq'): Comparison => ({
  kind: 'comparison',
  property,
  operator,
  value,
});
const all = (...parts: Filter[]): Filter => ({ kind: 'and', parts });
const either = (...parts: Filter[]): Filter => ({ kind: 'or', parts });
const not = (part: Filter): Filter => ({ kind: 'not', part });

describe('a filter', () => {
  test.each<[string, Filter]>([
    ["name eq 'Adele'", is('name', 'Adele')],
    ["  name   EQ 'Adele'  ", is('name', 'Adele')],
    ["name eq 'O''Neill'", is('name', "O'Neill")],
    ["name eq ''''", is('name', "'")],
    ["name eq ''", is('name', '')],
    ["name eq 'a and b or (c)'", is('name', 'a and b or (c)')],
    ['status/errorCode ne 0', is('status/errorCode', 0, 'ne')],
    ['n eq -12', is('n', -12)],
    ['enabled eq true', is('enabled', true)],
    ['mail eq null', is('mail', null)],
    ['at ge 2026-11-21T12:00:00Z', is('at', new Date('2026-11-21T12:00:00Z'), 'ge')],
    ['at lt 2026-11-21T12:00:00.1234567Z', is('at', new Date('2026-11-21T12:00:00.123Z'), 'lt')],
    ['at gt 2026-11-21T12:00:00+02:00', is('at', new Date('2026-11-21T10:00:00Z'), 'gt')],
    ['at le 2026-11-21', is('at', new Date('2026-11-21T00:00:00Z'), 'le')],
    ["startswith(name,'Ad')", is('name', 'Ad', 'startswith')],
    ["startsWith( a/b , 'Ad' )", is('a/b', 'Ad', 'startswith')],
    ["a eq 'x' and b eq 'y' and c eq 'z'", all(is('a', 'x'), is('b', 'y'), is('c', 'z'))],
    ["a eq 'x' or b eq 'y' and c eq 'z'", either(is('a', 'x'), all(is('b', 'y'), is('c', 'z')))],
    ["(a eq 'x' or b eq 'y') and c eq 'z'", all(either(is('a', 'x'), is('b', 'y')), is('c', 'z'))],
    ["not (a eq 'x') and b eq 'y'", all(not(is('a', 'x')), is('b', 'y'))],
    ["not startswith(a,'x')", not(is('a', 'x', 'startswith'))],
    ["a in ('x', 'y')", either(is('a', 'x'), is('a', 'y'))],
    ["a in ('x')", is('a', 'x')],
    ["t/any(r:r/id eq 'x')", is('t/any/id', 'x')],
    ["t/any(r: startswith(r/name, 'x')) and a eq 'y'", all(is('t/any/name', 'x', 'startswith'), is('a', 'y'))],
    ["__proto__ eq 'x'", is('__proto__', 'x')],
  ])('%s', (text, filter) => {
    expect(parseFilter(text)).toEqual(filter);
  });

  test.each([
    ['', /\$filter ends/],
    ['   ', /\$filter ends/],
    ['name', /ends where one of eq/],
    ['name eq', /ends where a value/],
    ["name eq 'Adele", /cannot be read at character/],
    ["name eq 'a' 'b'", /'b' at character 13/],
    ['name eq Adele', /Adele at character 9 where a value/],
    ["name like 'x'", /has like at character 6/],
    ["eq eq eq 'x'", /has eq at character 7/],
    ["'a' eq 'b'", /where a property is needed/],
    ["name eq 'x' and", /\$filter ends/],
    ["and name eq 'x'", /\$filter has name/],
    ["(name eq 'x'", /ends where "\)"/],
    ["name eq 'x')", /has \) at character 12/],
    ['startswith(name)', /where "," is needed/],
    ["contains(name,'x')", /uses contains\(…\), which is not supported/],
    ["t/all(r:r/id eq 'x')", /uses t\/all\(…\), which is not supported/],
    ["t/any(r:r/id eq 'x' and r/b eq 'y')", /has and at character/],
    ["t/any(r:(r/id eq 'x' and r/b eq 'y'))", /more than one comparison inside any/],
    ["t/any(r:not (r/id eq 'x'))", /more than one comparison/],
    ["t/any(r:id eq 'x')", /names begin with "r\/"/],
    ["t/any(r:r/u/any(s:s/id eq 'x'))", /not supported/],
    ['t/any()', /a variable/],
    ['a in ()', /where a value/],
    ["a in ('x'", /"\)"/],
    ['at ge 2026-13-45T12:00:00Z', /which is no date/],
    ['at ge 2026-11-21T12:00:00', /cannot be read at character/],
    ['id eq 1b555e50-7f65-41d5-b514-5894a026d10d', /cannot be read at character/],
    ['n eq 1.5', /cannot be read/],
    ['n eq 9999999999999999', /cannot be read/],
    ["a eq 'x'; drop table users", /cannot be read at character 9/],
    ["a eq 'x' -- b", /cannot be read/],
    ["a eq '\ud800'", /a character that no property has/],
    ["a eq '\0'", /a character that no property has/],
    [`a eq '${'x'.repeat(2048)}'`, /longer than 2048/],
    [`${'('.repeat(9)}a eq 'x'${')'.repeat(9)}`, /nested more than 8 deep/],
    [`${'('.repeat(2000)}`, /nested more than 8 deep/],
    [`${'not '.repeat(400)}a eq 'x'`, /nested more than 8 deep/],
    [`a in (${Array(51).fill("'x'").join(',')})`, /more than 50 comparisons/],
    [Array(51).fill('a eq 1').join(' or '), /more than 50 comparisons/],
  ])('%s is refused with a sentence', (text, message) => {
    expect(refusal(() => parseFilter(text))).toMatch(message);
  });

  test('of the deepest and longest kind that is allowed is read', () => {
    expect(parseFilter(`${'('.repeat(8)}a eq 'x'${')'.repeat(8)}`)).toEqual(is('a', 'x'));
    expect(parseFilter(Array(50).fill('a eq 1').join(' or '))).toMatchObject({ kind: 'or' });
  });

  test('made of any pieces whatever is read or refused, and never a fault', () => {
    const pieces = [
      'a',
      'eq',
      "'x'",
      '(',
      ')',
      'and',
      'or',
      'not',
      'in',
      ',',
      'any',
      't/any',
      ':',
      '2026-01-01',
      '1',
      '/',
    ];
    let seed = 1;
    const next = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return pieces[seed % pieces.length]!;
    };
    let taken = 0;
    for (let times = 0; times < 20_000; times += 1) {
      const text = Array.from({ length: (times % 7) + 1 }, next).join(' ');
      try {
        parseFilter(text);
        taken += 1;
      } catch (error) {
        if (!(error instanceof AppError)) throw new Error(`${text} is a fault`, { cause: error });
      }
    }
    expect(taken).toBeGreaterThan(0);
  });
});

describe('of a log', () => {
  test.each([
    ["resultReason eq 'x'", /cannot compare "resultReason". It can compare: activityDateTime, /],
    ["constructor eq 'x'", /cannot compare "constructor"/],
    ["__proto__ eq 'x'", /cannot compare "__proto__"/],
    ['createdDateTime ge 2026-01-01', /cannot compare "createdDateTime"/],
    ['activityDateTime eq 2026-01-01', /cannot use eq on activityDateTime. It can use: ge, gt, le, lt/],
    ["activityDateTime ge '2026-01-01'", /compares activityDateTime with a date without quotes/],
    ['result eq 1', /compares result with a text in quotes/],
    ['result eq null', /compares result with a text in quotes/],
    ["not (initiatedBy/user/id ne 'x')", /cannot use ne on initiatedBy\/user\/id/],
  ])('%s is refused with a sentence that says what can be asked', (text, message) => {
    expect(refusal(() => conditionOf('directoryAudits', parseFilter(text)))).toMatch(message);
  });

  test.each([
    ["status/errorCode eq '0'", /compares status\/errorCode with a number/],
    ['activityDateTime ge 2026-01-01', /cannot compare "activityDateTime"/],
  ])('of sign-ins, %s is refused', (text, message) => {
    expect(refusal(() => conditionOf('signIns', parseFilter(text)))).toMatch(message);
  });

  test('what is asked for stands beside the SQL and never in it', () => {
    const { sql, values } = conditionOf('directoryAudits', parseFilter(`correlationId eq 'x'' or 1=1 --'`));
    expect(sql).toBe('e.request_id = ?');
    expect(values).toEqual(["x' or 1=1 --"]);
  });
});
