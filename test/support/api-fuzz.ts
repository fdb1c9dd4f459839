/** Requests made up from the OpenAPI document: right ones, nearly right ones, and what no program would send on purpose. */
import type { JsonSchema, OpenApiDocument, Operation } from '../../src/http/api-document/document.ts';

export interface Chance {
  /** From 0 up to, and without, 1. */
  next(): number;
  below(limit: number): number;
  is(probability: number): boolean;
  oneOf<Item>(items: readonly Item[]): Item;
}

/** The same numbers for the same seed (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, is: (probability) => next() < probability, oneOf: (items) => items[below(items.length)]! };
}

export interface MadeUp {
  /** `GET /users/{user}`: what it was made from. */
  readonly route: string;
  readonly method: string;
  /** As it is sent, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** What there is to name. */
export interface Known {
  /** Values of places in paths, and of properties that name something, by their names. */
  readonly of: Readonly<Record<string, readonly string[]>>;
  /** Values that belong together: somebody, and their pass. */
  readonly together: readonly Readonly<Record<string, string>>[];
}

const oddTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\udc00x',
  '\u202e\u200b',
  '😀'.repeat(20),
  "'",
  "''",
  "' or 1=1 --",
  '"; drop table users; --',
  '%',
  '%00',
  '..',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e999',
  '<script>alert(1)</script>',
  'x'.repeat(300),
  'x'.repeat(5_000),
  '\n\r\t',
  '../',
  '/',
  '#',
  '?',
  '\\',
  '2026-02-30T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
  'a@b',
  'ÄÖÜ@exämple.test',
];

const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  [null],
  [[]],
  {},
  { a: {} },
  { '@odata.type': 1 },
  ...oddTexts,
];

/** What a path can hold that is no text at all. */
const rawPlaces = [
  '%',
  '%zz',
  '%ff',
  '%ed%a0%80',
  '%c0%af',
  '%2f',
  '%2e%2e',
  "('x')",
  '%27%29',
  '%u0000',
  '%0a',
  ';a=b',
  '~',
  '*',
];

const oddBodies = [
  '',
  ' ',
  '{',
  '}',
  '{"a":',
  '{"a":1,}',
  "{'a':1}",
  'null',
  'true',
  '0',
  '1e999',
  '"text"',
  '[]',
  '[{}]',
  '{}{}',
  '\ufeff{}',
  '{"__proto__":{"displayName":"x"}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"displayName":"a","displayName":{"b":1}}',
  '{"displayName":"\\u0000"}',
  '{"displayName":"\\ud800"}',
  '{"displayName":"\0"}',
  '{"\\u0000":1}',
  'NaN',
  'undefined',
  '<xml/>',
  'a=b&c=d',
  '['.repeat(20_000),
  `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
  `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`,
  `{"displayName":"${'x'.repeat(60_000)}"}`,
  `{"displayName":"${'x'.repeat(70_000)}"}`,
  `{"a":"${'x'.repeat(200_000)}"}`,
  `{${Array.from({ length: 3_000 }, (_, index) => `"k${index}":${index}`).join(',')}}`,
  `{"lifetimeInMinutes":${'9'.repeat(400)}}`,
];

const oddTypes = [
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'APPLICATION/JSON',
  'application/json;',
  'application/jsonp',
  'application/merge-patch+json',
  ', application/json',
  'x'.repeat(2_000),
];

const otherMethods = ['PUT', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE', 'POST', 'PATCH', 'PROPFIND', 'QUERY'];

const filters = [
  "displayName eq 'x'",
  "startswith(displayName,'a')",
  "userPrincipalName eq 'a@b'",
  'createdDateTime ge 2026-01-01T00:00:00Z',
  "activityDateTime le 2030-01-01T00:00:00Z and result eq 'failure'",
  "status/errorCode ne 0 or not (userId eq 'x')",
  "targetResources/any(t:t/id eq 'x')",
  'displayName eq ',
  '((((',
  "displayName eq 'it''s'",
  '1 eq 1',
  'a'.repeat(2_000),
  `${'('.repeat(500)}a eq 1${')'.repeat(500)}`,
  `${'not '.repeat(300)}a eq 1`,
];

/** Makes requests up without end. */
export function madeUp(document: OpenApiDocument, chance: Chance, known: () => Known) {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const resolved = (schema: JsonSchema): JsonSchema =>
    typeof schema.$ref === 'string'
      ? document.components.schemas[schema.$ref.replace('#/components/schemas/', '')]!
      : schema;

  function request(): MadeUp {
    const { path, method, operation } = chance.oneOf(operations);
    const sent = chance.is(0.04) ? chance.oneOf(otherMethods) : method;
    const version = chance.is(0.97) ? chance.oneOf(['v1.0', 'beta']) : chance.oneOf(['V1.0', 'BETA', 'v2.0', 'v1.0/']);
    const { body, type } = bodyFor(operation, sent);
    return {
      route: `${method} ${path}`,
      method: sent,
      path: `/${version}${placesFilled(path)}${query(operation)}`,
      headers: {
        ...(type !== undefined && { 'content-type': type }),
        ...(body && chance.is(0.05) && { 'transfer-encoding': 'chunked' }),
        ...(chance.is(0.05) && { 'client-request-id': chance.oneOf(['x', 'y'.repeat(3_000), '<b>', '"']) }),
        ...(chance.is(0.05) && { accept: chance.oneOf(['text/html', 'application/xml', '*/*', '']) }),
        ...(chance.is(0.02) && { 'x-http-method-override': 'DELETE', 'if-match': '*', prefer: 'return=minimal' }),
      },
      body,
    };
  }

  function placesFilled(path: string): string {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const fitting = names.length > 1 ? known().together.filter((one) => names.every((name) => name in one)) : [];
    const ofOne = fitting.length > 0 && chance.is(0.8) ? chance.oneOf(fitting) : undefined;
    return path.replaceAll(/(\/?)\{(\w+)\}/g, (_whole, slash: string, name: string) => {
      if (name === 'parameters') return parameters();
      const value = ofOne ? encodeURIComponent(ofOne[name]!) : place(name);
      return slash && chance.is(0.05) ? `('${value}')` : `${slash}${value}`;
    });
  }

  function place(name: string): string {
    if (chance.is(0.03)) return chance.oneOf(rawPlaces);
    if (chance.is(0.1)) return encoded(chance.oneOf(oddTexts)) || '%20';
    return encoded(chance.oneOf(named(name)));
  }

  /** Something that there is, or may be. */
  function named(name: string): readonly string[] {
    const those = known().of[name];
    return those && those.length > 0 && chance.is(0.95)
      ? those
      : ['6f1d3c0a-0d8e-4b5e-9a52-000000000000', 'nobody@example.com'];
  }

  function parameters(): string {
    return chance.oneOf([
      '(challengeTimeoutInMinutes=5)',
      '(challengeTimeoutInMinutes=0)',
      '()',
      '(x=1)',
      'x',
      '%28%29',
    ]);
  }

  function query({ parameters: said = [] }: Operation): string {
    const options = said.filter((one) => one.in === 'query');
    const parts = options
      .filter(() => chance.is(0.25))
      .map(({ name }) => `${chance.is(0.9) ? name : name.slice(1)}=${optionValue(name)}`);
    if (chance.is(0.03))
      parts.push(chance.oneOf(['$expand=x', '$search="a"', 'x', '=', '&&', '$top=1&$top=2', '%ff=%ff', '$format=xml']));
    return parts.length > 0 ? `?${parts.join('&')}` : '';
  }

  function optionValue(name: string): string {
    if (chance.is(0.1)) return encoded(chance.oneOf(oddTexts));
    switch (name) {
      case '$top':
        return chance.oneOf(['1', '2', '5', '999', '1000', '0', '-1', '1.5', 'x']);
      case '$count':
        return chance.oneOf(['true', 'false', 'TRUE', '1']);
      case '$filter':
        return encoded(chance.oneOf(filters));
      case '$orderby':
        return encoded(chance.oneOf(['activityDateTime desc', 'createdDateTime asc', 'id', 'createdDateTime asc, id']));
      case '$select':
        return encoded(chance.oneOf(['id', 'id,displayName', 'displayName, id', 'id,id', 'nothing', ',', 'id,']));
      case '$skiptoken':
        return chance.oneOf(['x', 'W10.x', 'a.b.c', '%00', 'eyJ9.']);
      default:
        return chance.oneOf(['true', 'false', 'x', '']);
    }
  }

  function bodyFor({ requestBody }: Operation, method: string): { body?: Buffer; type?: string } {
    const schema = requestBody?.content?.['application/json']?.schema;
    const carries = ['POST', 'PUT', 'PATCH'].includes(method);
    if (!carries || (!schema && chance.is(0.9))) return chance.is(0.02) ? { body: Buffer.from('{}') } : {};
    const type = chance.is(0.04) ? chance.oneOf(oddTypes) : 'application/json';
    if (!schema || chance.is(0.12)) return { type, body: Buffer.from(chance.oneOf(oddBodies)) };
    if (chance.is(0.02)) return { type, body: Buffer.from([0xff, 0xfe, 0x7b, 0x7d, chance.below(256)]) };
    const value = valueFor(schema, 0, '');
    return { type, body: Buffer.from(JSON.stringify(chance.is(0.35) ? bent(value) : value) ?? '') };
  }

  function valueFor(schema: JsonSchema, depth: number, name: string): unknown {
    const one = resolved(schema) as JsonSchema & {
      enum?: unknown[];
      anyOf?: JsonSchema[];
      oneOf?: JsonSchema[];
      type?: string | string[];
      properties?: Record<string, JsonSchema>;
      required?: string[];
      items?: JsonSchema;
      minItems?: number;
      minimum?: number;
      maximum?: number;
      maxLength?: number;
      additionalProperties?: JsonSchema | boolean;
    };
    if (one.const !== undefined) return one.const;
    if (one.enum) return chance.oneOf(one.enum);
    const kinds = one.anyOf ?? one.oneOf;
    if (kinds) return valueFor(chance.oneOf(kinds), depth, name);
    switch (Array.isArray(one.type) ? chance.oneOf(one.type) : one.type) {
      case 'string':
        return textFor(name, one);
      case 'boolean':
        return chance.is(0.5);
      case 'integer':
      case 'number':
        return numberIn(one.minimum ?? 0, Math.min(one.maximum ?? 500, 50_000));
      case 'null':
        return null;
      case 'array':
        return Array.from({ length: (one.minItems ?? 0) + chance.below(2) }, () =>
          valueFor(one.items ?? {}, depth + 1, name),
        );
      case 'object': {
        const entries = Object.entries(one.properties ?? {})
          .filter(
            ([key, said]) => one.required?.includes(key) || chance.is(said.readOnly ? 0.05 : depth > 2 ? 0.2 : 0.4),
          )
          .map(([key, said]) => [key, valueFor(said, depth + 1, key)]);
        return Object.fromEntries(entries);
      }
      default:
        return chance.oneOf(oddValues);
    }
  }

  function numberIn(least: number, most: number): number {
    return chance.oneOf([least, most, least + chance.below(most - least + 1), chance.is(0.5) ? least - 1 : most + 1]);
  }

  function textFor(name: string, { format, maxLength }: JsonSchema & { maxLength?: number }): string {
    const key = name.toLowerCase();
    const unique = chance.below(2 ** 31).toString(36);
    if (format === 'date-time') return new Date(Date.now() + (chance.below(200) - 100) * 3_600_000).toISOString();
    if (key === '@odata.id') return `https://graph.example/v1.0/users/${chance.oneOf(named('user'))}`;
    if (key === 'userprincipalname') return `made-${unique}@example.com`;
    if (key === 'mail') return `made-${unique}@mail.example`;
    if (key === 'principalid') return chance.oneOf(named('user'));
    if (key === 'roledefinitionid') return chance.oneOf(named('role'));
    if (key === 'directoryscopeid') return chance.is(0.5) ? '/' : `/groups/${chance.oneOf(named('group'))}`;
    if (key === 'identityproviderid') return chance.oneOf(named('provider'));
    if (key === 'id')
      return chance.is(0.5) ? `made-${unique}` : chance.oneOf(named(chance.oneOf(['user', 'group', 'domain'])));
    if (key === 'issuer' || format === 'uri') return `https://made-${unique}.example`;
    if (key === 'newpassword')
      return chance.oneOf(['plum lantern over quiet tuba', 'short', `made ${unique} made ${unique}`]);
    if (maxLength !== undefined && chance.is(0.1)) return 'x'.repeat(maxLength + chance.below(2));
    return `made ${unique}`;
  }

  /** One thing of it is not as it was. */
  function bent(value: unknown): unknown {
    if (Array.isArray(value) && value.length > 0 && chance.is(0.7)) {
      const at = chance.below(value.length);
      return chance.is(0.2) ? [...value, ...value] : value.with(at, bent(value[at]));
    }
    if (typeof value === 'object' && value !== null && chance.is(0.85)) {
      const keys = Object.keys(value);
      if (keys.length === 0 || chance.is(0.2))
        return { ...value, [chance.oneOf(['extra', ...oddTexts])]: chance.oneOf(oddValues) };
      const key = chance.oneOf(keys);
      const { [key]: old, ...rest } = value as Record<string, unknown>;
      return chance.is(0.2) ? rest : { ...rest, [key]: bent(old) };
    }
    return chance.oneOf(oddValues);
  }

  return { request, routes: operations.map(({ method, path }) => `${method} ${path}`) };
}

/** A lone surrogate cannot be percent-encoded. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());
