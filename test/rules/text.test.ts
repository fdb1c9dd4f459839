import { expect, test } from 'vitest';
import { isStorable, isStorableJson } from '../../src/core/text.ts';

test.each(['', 'plain', 'Ünïcödé 密钥 🔑', 'line\nline', '\u0001\u007f', '\ufeff', '\u200b', '\uffff'])(
  '%j can be kept',
  (text) => {
    expect(isStorable(text)).toBe(true);
    expect(isStorableJson({ [text]: [text, { deep: text }] })).toBe(true);
  },
);

test.each(['\0', 'a\0b', '\ud83d', '\udd11', '\udd11\ud83d', 'lost \ud83d phone'])(
  '%j cannot be kept, wherever in a value it stands',
  (text) => {
    expect(isStorable(text)).toBe(false);
    for (const value of [text, [text], { name: text }, { [text]: 'name' }, [[{ deep: [text] }]], ['good', text]]) {
      expect(isStorableJson(value)).toBe(false);
    }
  },
);

test.each([null, true, 7, undefined])('%s holds no text', (value) => {
  expect(isStorableJson(value)).toBe(true);
});

test('a value as deep as a body of 64 KiB can make it is judged, not a fault', () => {
  const depth = 32 * 1024;
  expect(() => isStorableJson(JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`))).not.toThrow();
});
