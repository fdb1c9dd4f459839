import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { formFields } from '../../src/http/parse.ts';

function refusal(text: string): AppError {
  try {
    formFields(text);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error(`"${text}" was taken.`);
}

describe('a form', () => {
  test('is its fields, decoded', () => {
    expect({ ...formFields('username=joiner%40example.com&code=ABCD+2345&empty=') }).toEqual({
      username: 'joiner@example.com',
      code: 'ABCD 2345',
      empty: '',
    });
  });

  test('may be empty', () => {
    expect({ ...formFields('') }).toEqual({});
  });

  test.each(['code=one&code=two', 'code=same&code=same', 'code=&code=', 'code=one&c%6fde=two'])(
    'that says a field twice is refused: %s',
    (text) => {
      expect(refusal(text)).toMatchObject({ code: 'invalid_input', message: 'The field "code" was sent twice.' });
    },
  );

  test('keeps lists in brackets apart: they are names like others', () => {
    expect({ ...formFields('code[]=one&code=two') }).toEqual({ 'code[]': 'one', code: 'two' });
  });

  test.each(['code=AB%00CD', 'co%00de=ABCD', 'code=%00', 'response=%7B%00%7D'])('with a NUL is refused: %s', (text) => {
    expect(refusal(text)).toMatchObject({ code: 'invalid_input' });
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'may have a field named %s, which is a field and nothing else',
    (name) => {
      const fields = formFields(`${name}=x`);
      expect(Object.keys(fields)).toEqual([name]);
      expect(fields[name]).toBe('x');
      expect(Object.getPrototypeOf(fields)).toBeNull();
      expect(formFields('code=x')[name]).toBeUndefined();
      expect(refusal(`${name}=x&${name}=y`).code).toBe('invalid_input');
    },
  );

  test('of 64 fields is taken, of 65 is not', () => {
    const fields = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=1`).join('&');
    expect(Object.keys(formFields(fields(64)))).toHaveLength(64);
    expect(refusal(fields(65)).code).toBe('invalid_input');
  });

  test('that is refused does not echo what a terminal or a page would act on', () => {
    const { message } = refusal('%1B%5B31m%3Cb%3E=1&%1B%5B31m%3Cb%3E=2');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(message).not.toMatch(/[\x00-\x1f\x7f]/);
    const long = 'x'.repeat(5_000);
    expect(refusal(`${long}=1&${long}=2`).message.length).toBeLessThan(120);
  });
});
