import { AppError } from '../../core/errors.ts';
import type { Comparison, Filter } from '../../core/filter.ts';
import { isStorable } from '../../core/text.ts';

const longest = 2_048;
const deepest = 8;
const mostComparisons = 50;

/**
 * Reads `$filter` (OData 4.01 part 2, §5.1.1): comparisons with eq, ne, gt, ge, lt, le, in and startswith, any() over a
 * collection, and, or, not, brackets. Which properties can be compared, the list says. Fails with `invalid_input`.
 */
export function parseFilter(text: string): Filter {
  if (text.length > longest) throw refused(`is longer than ${longest} characters`);
  if (!isStorable(text)) throw refused('holds a character that no property has');
  const reader = new Reader(tokens(text));
  const filter = alternatives(reader, 0);
  if (reader.peek()) throw unexpected(reader.peek());
  return filter;
}

interface Token {
  readonly kind: 'word' | 'text' | 'date' | 'number' | 'mark';
  readonly text: string;
  readonly at: number;
}

const lexicon =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?(?![\w-]))|(?<number>-?\d{1,15}(?![\w.-]))|(?<word>[A-Za-z_@][\w.@]*(?:\/[A-Za-z_][\w.]*)*)|(?<mark>[(),:]))/gy;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    lexicon.lastIndex = at;
    const match = lexicon.exec(text);
    if (!match) throw refused(`cannot be read at character ${at + 1}`);
    const [kind, token] = Object.entries(match.groups!).find(([, value]) => value !== undefined)!;
    at = lexicon.lastIndex;
    found.push({ kind: kind as Token['kind'], text: token!, at: at - token!.length });
  }
  return found;
}

class Reader {
  readonly #tokens: readonly Token[];
  #next = 0;
  comparisons = 0;

  constructor(found: readonly Token[]) {
    this.#tokens = found;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }

  take(): Token | undefined {
    const token = this.peek();
    this.#next += 1;
    return token;
  }

  /** Takes the token when it is this word or mark. */
  takeIf(text: string): boolean {
    if (!this.is(text)) return false;
    this.#next += 1;
    return true;
  }

  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return (token?.kind === 'word' || token?.kind === 'mark') && token.text.toLowerCase() === text;
  }

  demand(text: string): void {
    if (!this.takeIf(text)) throw unexpected(this.peek(), `"${text}"`);
  }

  word(what: string): string {
    const token = this.take();
    if (token?.kind !== 'word') throw unexpected(token, what);
    return token.text;
  }
}

/** What stands before the properties inside `any(t:…)`. */
interface Inside {
  readonly variable: string;
  readonly path: string;
}

function alternatives(reader: Reader, depth: number, inside?: Inside): Filter {
  if (depth > deepest) throw refused(`is nested more than ${deepest} deep`);
  const parts = [conjunction(reader, depth, inside)];
  while (reader.takeIf('or')) parts.push(conjunction(reader, depth, inside));
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
}

function conjunction(reader: Reader, depth: number, inside?: Inside): Filter {
  const parts = [negation(reader, depth, inside)];
  while (reader.takeIf('and')) parts.push(negation(reader, depth, inside));
  return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
}

function negation(reader: Reader, depth: number, inside?: Inside): Filter {
  if (depth > deepest) throw refused(`is nested more than ${deepest} deep`);
  if (reader.is('not')) {
    reader.take();
    return { kind: 'not', part: negation(reader, depth + 1, inside) };
  }
  if (reader.takeIf('(')) {
    const filter = alternatives(reader, depth + 1, inside);
    reader.demand(')');
    return filter;
  }
  if (reader.is('startswith') && reader.is('(', 1)) return startsWith(reader, inside);
  if (reader.is('(', 1)) return any(reader, depth, inside);
  return comparison(reader, inside);
}

function startsWith(reader: Reader, inside?: Inside): Filter {
  reader.take();
  reader.demand('(');
  const property = propertyOf(reader, inside);
  reader.demand(',');
  const value = literal(reader);
  reader.demand(')');
  return counted(reader, { kind: 'comparison', property, operator: 'startswith', value });
}

/** `targetResources/any(t:t/id eq 'x')`: one comparison of what is in a collection. */
function any(reader: Reader, depth: number, inside?: Inside): Filter {
  const name = reader.word('a property');
  const path = /^(.+)\/any$/i.exec(name)?.[1];
  if (!path || inside) throw refused(`uses ${name.slice(0, 64)}(…), which is not supported`);
  reader.demand('(');
  const variable = reader.word('a variable');
  reader.demand(':');
  const part = negation(reader, depth + 1, { variable, path: `${path}/any` });
  // Two comparisons would have to hold for one and the same item: a list that only compares properties cannot say that.
  if (part.kind !== 'comparison') throw refused('has more than one comparison inside any(…), which is not supported');
  reader.demand(')');
  return part;
}

const operators = ['eq', 'ne', 'gt', 'ge', 'lt', 'le'] as const;

function comparison(reader: Reader, inside?: Inside): Filter {
  const property = propertyOf(reader, inside);
  if (reader.takeIf('in')) return oneOf(reader, property);
  const token = reader.take();
  const operator = operators.find((name) => token?.kind === 'word' && token.text.toLowerCase() === name);
  if (!operator) throw unexpected(token, `one of ${operators.join(', ')}, in`);
  return counted(reader, { kind: 'comparison', property, operator, value: literal(reader) });
}

function oneOf(reader: Reader, property: string): Filter {
  reader.demand('(');
  const parts: Comparison[] = [];
  do {
    parts.push(counted(reader, { kind: 'comparison', property, operator: 'eq', value: literal(reader) }));
  } while (reader.takeIf(','));
  reader.demand(')');
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
}

function propertyOf(reader: Reader, inside?: Inside): string {
  const name = reader.word('a property');
  if (!inside) return name;
  const [variable, ...rest] = name.split('/');
  // Of plain values the variable itself is compared.
  if (name === inside.variable) return inside.path;
  if (variable !== inside.variable) {
    throw refused(`compares "${name.slice(0, 64)}" inside any(…), where names begin with "${inside.variable}/"`);
  }
  return `${inside.path}/${rest.join('/')}`;
}

function literal(reader: Reader): Comparison['value'] {
  const token = reader.take();
  switch (token?.kind) {
    case 'text':
      return token.text.slice(1, -1).replaceAll("''", "'");
    case 'number':
      return Number(token.text);
    case 'date':
      return dateOf(token);
    case 'word':
      if (token.text === 'true' || token.text === 'false') return token.text === 'true';
      if (token.text === 'null') return null;
  }
  throw unexpected(token, "a value: 'text', a date, a number, true, false or null");
}

function dateOf(token: Token): Date {
  const date = new Date(token.text.replace(/(\.\d{3})\d+/, '$1'));
  if (Number.isNaN(date.getTime())) throw refused(`has ${token.text}, which is no date`);
  return date;
}

function counted(reader: Reader, one: Comparison): Comparison {
  reader.comparisons += 1;
  if (reader.comparisons > mostComparisons) throw refused(`has more than ${mostComparisons} comparisons`);
  return one;
}

function unexpected(token: Token | undefined, wanted?: string): AppError {
  const found = token ? `has ${token.text.slice(0, 64)} at character ${token.at + 1}` : 'ends';
  return refused(wanted ? `${found} where ${wanted} is needed` : `${found}, which cannot stand there`);
}

function refused(what: string): AppError {
  return new AppError('invalid_input', `$filter ${what}.`);
}
