/** Filters of a list as conditions in SQL: each list says which of its properties can be compared, how, and with what. */
import { AppError } from './errors.ts';
import type { Comparison, Filter } from './filter.ts';
import { nameAmong } from './text.ts';

/** A piece of SQL with `?` where the values go. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly unknown[];
}

export type Operator = Comparison['operator'];

export interface Property {
  readonly operators: readonly Operator[];
  readonly takes: keyof typeof examples;
  /** What is asked about its having no value at all (`eq null`, `ne null`), in SQL; absent where it always has one. */
  readonly missing?: string;
  condition(operator: Operator, value: never): Condition;
}

export type Properties = Readonly<Record<string, Property>>;

const examples = {
  text: "a text in quotes: 'text'",
  date: 'a date without quotes: 2026-11-21T12:00:00Z',
  number: 'a number',
  truth: 'true or false',
} as const;

/** Fails with `invalid_input` for a property, an operator or a kind of value that the list does not take, and says which it takes. */
export function conditionFor(properties: Properties, filter: Filter | undefined): Condition {
  switch (filter?.kind) {
    case undefined:
      return { sql: 'true', values: [] };
    case 'not': {
      const { sql, values } = conditionFor(properties, filter.part);
      // What is null neither holds nor holds not; here it holds not.
      return { sql: `(${sql}) is not true`, values };
    }
    case 'and':
    case 'or':
      return joined(
        filter.kind,
        filter.parts.map((part) => conditionFor(properties, part)),
      );
    case 'comparison':
      return compared(properties, filter);
  }
}

export function joined(how: 'and' | 'or', parts: readonly Condition[]): Condition {
  return {
    sql: parts.map(({ sql }) => `(${sql})`).join(` ${how} `),
    values: parts.flatMap(({ values }) => values),
  };
}

function compared(properties: Properties, { property: written, operator, value }: Comparison): Condition {
  const name = nameAmong(Object.keys(properties), written);
  if (name === undefined) {
    const those = Object.keys(properties).join(', ');
    throw new AppError('invalid_input', `$filter cannot compare "${written.slice(0, 64)}". It can compare: ${those}.`);
  }
  const property = properties[name]!;
  if (!property.operators.includes(operator)) {
    const those = property.operators.join(', ');
    throw new AppError('invalid_input', `$filter cannot use ${operator} on ${name}. It can use: ${those}.`);
  }
  if (value === null && property.missing && (operator === 'eq' || operator === 'ne')) {
    return { sql: operator === 'eq' ? property.missing : `not (${property.missing})`, values: [] };
  }
  if (kindOf(value) !== property.takes) {
    throw new AppError('invalid_input', `$filter compares ${name} with ${examples[property.takes]}.`);
  }
  return property.condition(operator, value as never);
}

function kindOf(value: Comparison['value']): keyof typeof examples | undefined {
  if (value instanceof Date) return 'date';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'truth';
    default:
      return undefined;
  }
}

const signs = { eq: '=', ne: '<>', ge: '>=', gt: '>', le: '<=', lt: '<' } as const;

/** A moment, compared with `column`. */
export function moment(column: string): Property {
  return {
    operators: ['ge', 'gt', 'le', 'lt'],
    takes: 'date',
    condition: (operator, value: Date) => ({
      sql: `${column} ${signs[operator as keyof typeof signs]} ?`,
      values: [value],
    }),
  };
}

/** A text without regard to case: `column` is as an index has it, `key` what makes a value comparable with it. */
export function caseless(column: string, key: string, missing?: string): Property {
  return {
    operators: ['eq', 'ne', 'startswith'],
    takes: 'text',
    ...(missing !== undefined && { missing }),
    condition(operator, value: string) {
      if (operator === 'startswith') return { sql: `starts_with(${column}, ${key})`, values: [value] };
      return { sql: operator === 'eq' ? `${column} = ${key}` : `${column} is distinct from ${key}`, values: [value] };
    },
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An object id. A text that is none is nobody's, and no fault. */
export function objectId(column: string): Property {
  return {
    operators: ['eq', 'ne'],
    takes: 'text',
    condition(operator, value: string) {
      if (!uuid.test(value)) return { sql: operator === 'eq' ? 'false' : 'true', values: [] };
      return { sql: `${column} ${operator === 'eq' ? '=' : '<>'} ?::uuid`, values: [value] };
    },
  };
}

export function truth(column: string): Property {
  return {
    operators: ['eq', 'ne'],
    takes: 'truth',
    condition: (operator, value: boolean) => ({
      sql: `${column} ${operator === 'eq' ? '=' : '<>'} ?`,
      values: [value],
    }),
  };
}

/** Words of which each begins a word of `column`, in any order. */
export function words(column: string): (value: string) => Condition {
  return (value) => {
    const all = value.split(/[\s\p{P}]+/u).filter((word) => word !== '');
    if (all.length === 0) return { sql: 'false', values: [] };
    const separated = `' ' || regexp_replace(lower(${column}), '[[:space:][:punct:]]+', ' ', 'g')`;
    return joined(
      'and',
      all.map((word) => ({ sql: `strpos(${separated}, ' ' || lower(?)) > 0`, values: [word] })),
    );
  };
}

/** What `$search` looks in, by property. */
export type Searched = Readonly<Record<string, (value: string) => Condition>>;

/** `"displayName:ada"`, several of them joined with AND, OR. */
export type Search =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Search[] }
  | { readonly kind: 'clause'; readonly property: string; readonly value: string };

/** Fails with `invalid_input` for a property that is not looked in. */
export function searchFor(searched: Searched, search: Search): Condition {
  if (search.kind !== 'clause') {
    return joined(
      search.kind,
      search.parts.map((part) => searchFor(searched, part)),
    );
  }
  const { property, value } = search;
  const name = nameAmong(Object.keys(searched), property);
  if (name !== undefined) return searched[name]!(value);
  const those = Object.keys(searched).join(', ');
  throw new AppError('invalid_input', `$search cannot look in "${property.slice(0, 64)}". It can look in: ${those}.`);
}

/** What a list is ordered by; the object id settles what is equal. */
export interface Order<By extends string> {
  readonly by: By;
  readonly descending: boolean;
}

/** A property to order by: its column, and how a value of a page's last item is put beside it. */
export interface Ordered {
  readonly column: string;
  readonly key: string;
}

/** After the item with these keys, and in which order. */
export function placed({ column, key }: Ordered, descending: boolean) {
  const [direction, sign] = descending ? ['desc', '<'] : ['asc', '>'];
  return {
    orderBy: `${column} ${direction}, id ${direction}`,
    after: (keys: readonly string[]): Condition => ({
      sql: `(${column}, id) ${sign} (${key}, ?::uuid)`,
      values: keys,
    }),
  };
}
