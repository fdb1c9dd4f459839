import type { Order, Search } from '../../core/conditions.ts';
import { AppError } from '../../core/errors.ts';
import { isStorable, nameAmong } from '../../core/text.ts';

const mostClauses = 10;

/** One clause, with or without the colon that it needs; backslashes let a quotation mark stand in it. */
const clause = /^\s*"((?:[^"\\]|\\["\\])*)"\s*(?:(AND|OR)(?=\s*")|$)/;

/** Reads `$search`: `"displayName:ada"`, several of them joined with AND, OR; AND binds more. Fails with `invalid_input`. */
export function parseSearch(text: string | undefined): Search | undefined {
  if (text === undefined) return undefined;
  if (text.length > 2_048 || !isStorable(text)) throw refused();
  const sums: Search[][] = [[]];
  let rest = text;
  let clauses = 0;
  for (;;) {
    const [whole, inside, joint] = clause.exec(rest) ?? [];
    clauses += 1;
    if (whole === undefined || clauses > mostClauses) throw refused();
    sums.at(-1)!.push(clauseOf(inside!.replaceAll(/\\(.)/g, '$1')));
    if (joint === undefined) break;
    if (joint === 'OR') sums.push([]);
    rest = rest.slice(whole.length);
  }
  const parts = sums.map((one): Search => (one.length === 1 ? one[0]! : { kind: 'and', parts: one }));
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
}

function clauseOf(text: string): Search {
  const colon = text.indexOf(':');
  const [property, value] = [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  if (colon < 1 || value === '') throw refused();
  return { kind: 'clause', property, value };
}

function refused(): AppError {
  return new AppError(
    'invalid_input',
    `$search takes clauses such as "displayName:ada", in quotation marks, up to ${mostClauses} of them joined with AND or OR.`,
  );
}

/** Reads `$orderby`: one property of those that a list can be ordered by, and asc or desc. Fails with `invalid_input`. */
export function parseOrder<By extends string>(text: string | undefined, names: readonly By[]): Order<By> | undefined {
  if (text === undefined) return undefined;
  const [name, direction = 'asc', ...rest] = text.trim().split(/\s+/);
  const by = nameAmong(names, name ?? '');
  if (by && rest.length === 0 && (direction === 'asc' || direction === 'desc')) {
    return { by, descending: direction === 'desc' };
  }
  throw new AppError('invalid_input', `$orderby can be one of ${names.join(', ')}, with asc or desc.`);
}
