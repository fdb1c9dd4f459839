import type { JsonSchema } from '../../src/http/api-document/document.ts';

/** What a value is checked with: where `$ref` leads, and whether an object may hold what no `properties` names. */
export interface Checking {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /** A property that is not named is a mistake, unless `additionalProperties` says otherwise. */
  readonly strict: boolean;
  /** The whole is there: what `x-required-without-select` names has to be. */
  readonly whole: boolean;
}

const silent = new Set(['description', 'examples', 'default', 'readOnly', 'propertyNames', 'id']);
const typeOf = (value: unknown) => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
};
const formats: Readonly<Record<string, (text: string) => boolean>> = {
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  'date-time': (text) => !Number.isNaN(Date.parse(text)),
  uri: (text) => URL.canParse(text),
};

/** What is wrong with a value, by where; empty when nothing is. A keyword of JSON Schema that this does not know is an error. */
export function mistakesIn(value: unknown, schema: JsonSchema, checking: Checking, at = ''): string[] {
  if (typeof schema.$ref === 'string') {
    const named = checking.schemas[schema.$ref.replace('#/components/schemas/', '')];
    return named ? mistakesIn(value, named, checking, at) : [`${at}: ${schema.$ref} leads nowhere`];
  }
  const found: string[] = [];
  const say = (words: string) => found.push(`${at || 'the body'}: ${words}`);
  for (const [keyword, said] of Object.entries(schema)) {
    const checked = keywords[keyword];
    if (checked) checked(value, said, say, { schema, checking, at, found });
    else if (!silent.has(keyword) && !keyword.startsWith('x-')) throw new Error(`Nothing here checks ${keyword}.`);
  }
  return found;
}

interface Around {
  readonly schema: JsonSchema;
  readonly checking: Checking;
  readonly at: string;
  readonly found: string[];
}

type Check = (value: unknown, said: unknown, say: (words: string) => void, around: Around) => void;

/** `Said` is what the keyword is followed by in a schema that is well formed. */
const check = <Said>(body: (value: unknown, said: Said, say: (words: string) => void, around: Around) => void): Check =>
  body as Check;

const isObject = (value: unknown): value is Record<string, unknown> => typeOf(value) === 'object';

const keywords: Readonly<Record<string, Check>> = {
  type: check((value, said: string | string[], say) => {
    const types = [said].flat();
    const type = typeOf(value);
    if (!types.includes(type) && !(type === 'integer' && types.includes('number'))) say(`is ${type}, not ${types}`);
  }),
  const: check((value, said: unknown, say) => {
    if (value !== said) say(`is not ${JSON.stringify(said)}`);
  }),
  enum: check((value, said: unknown[], say) => {
    if (!said.includes(value)) say(`${JSON.stringify(value)} is not one of ${JSON.stringify(said)}`);
  }),
  pattern: check((value, said: string, say) => {
    if (typeof value === 'string' && !new RegExp(said, 'u').test(value)) say(`${value} does not match ${said}`);
  }),
  format: check((value, said: string, say) => {
    if (!formats[said]) throw new Error(`Nothing here checks the format ${said}.`);
    if (typeof value === 'string' && !formats[said](value)) say(`${value} is no ${said}`);
  }),
  minimum: check((value, said: number, say) => {
    if (typeof value === 'number' && value < said) say(`${value} is less than ${said}`);
  }),
  maximum: check((value, said: number, say) => {
    if (typeof value === 'number' && value > said) say(`${value} is more than ${said}`);
  }),
  minLength: check((value, said: number, say) => {
    if (typeof value === 'string' && value.length < said) say(`is shorter than ${said}`);
  }),
  maxLength: check((value, said: number, say) => {
    if (typeof value === 'string' && value.length > said) say(`is longer than ${said}`);
  }),
  minItems: check((value, said: number, say) => {
    if (Array.isArray(value) && value.length < said) say(`has fewer than ${said}`);
  }),
  maxItems: check((value, said: number, say) => {
    if (Array.isArray(value) && value.length > said) say(`has more than ${said}`);
  }),
  required: check((value, said: string[], say) => {
    if (isObject(value)) for (const name of said) if (!Object.hasOwn(value, name)) say(`has no ${name}`);
  }),
  'x-required-without-select': check((value, said: string[], say, { checking }) => {
    if (!checking.whole || !isObject(value)) return;
    for (const name of said) if (!Object.hasOwn(value, name)) say(`has no ${name}`);
  }),
  properties: check((value, said: Record<string, JsonSchema>, say, { schema, checking, at, found }) => {
    if (!isObject(value)) return;
    const patterns = Object.keys((schema.patternProperties as object | undefined) ?? {});
    for (const [name, item] of Object.entries(value)) {
      const known = Object.hasOwn(said, name) ? said[name] : undefined;
      if (known) found.push(...mistakesIn(item, known, checking, `${at}.${name}`));
      else if (patterns.some((pattern) => new RegExp(pattern).test(name))) continue;
      else if (schema.additionalProperties === undefined && checking.strict) say(`nothing is said of ${name}`);
    }
  }),
  patternProperties: check(() => {}),
  additionalProperties: check((value, said: JsonSchema | boolean, say, { schema, checking, at, found }) => {
    if (!isObject(value)) return;
    const named = Object.keys((schema.properties as object | undefined) ?? {});
    const patterns = Object.keys((schema.patternProperties as object | undefined) ?? {});
    for (const [name, item] of Object.entries(value)) {
      if (named.includes(name) || patterns.some((pattern) => new RegExp(pattern).test(name))) continue;
      if (said === false) say(`nothing is said of ${name}`);
      else if (said !== true) found.push(...mistakesIn(item, said, checking, `${at}.${name}`));
    }
  }),
  items: check((value, said: JsonSchema, _say, { checking, at, found }) => {
    if (!Array.isArray(value)) return;
    for (const [index, item] of value.entries()) found.push(...mistakesIn(item, said, checking, `${at}[${index}]`));
  }),
  anyOf: check((value, said: JsonSchema[], say, { checking, at }) => {
    const tried = said.map((one) => mistakesIn(value, one, checking, at));
    if (!tried.some((mistakes) => mistakes.length === 0)) say(`fits none: ${fewest(tried).join('; ')}`);
  }),
  oneOf: check((value, said: JsonSchema[], say, { checking, at }) => {
    const tried = said.map((one) => mistakesIn(value, one, checking, at));
    const fitting = tried.filter((mistakes) => mistakes.length === 0).length;
    if (fitting !== 1) say(fitting === 0 ? `fits none: ${fewest(tried).join('; ')}` : `fits ${fitting} at once`);
  }),
};

const fewest = (tried: readonly string[][]): string[] =>
  tried.reduce((least, one) => (one.length < least.length ? one : least));
