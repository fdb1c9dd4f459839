import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import type { Page } from '../../core/page.ts';
import { nameAmong } from '../../core/text.ts';
import type { Version } from './api.ts';

const known = ['$select', '$top', '$skiptoken', '$count', '$filter', '$orderby', '$search'] as const;

export type QueryOption = (typeof known)[number];

/** What `skipToken()` of Graph's JavaScript client writes. */
const spellings: Readonly<Record<string, QueryOption>> = { $skipToken: '$skiptoken' };

/**
 * The OData query options of a request, and those of an address's own under their own names. Every resource names those it supports;
 * any other is refused, never ignored.
 */
export function queryOf(
  ctx: Context,
  version: Version,
  supported: readonly QueryOption[],
  others: readonly string[],
): { readonly options: Partial<Record<QueryOption, string>>; readonly others: Readonly<Record<string, string>> } {
  const found: Record<string, string> = {};
  for (const [written, value] of Object.entries(ctx.query)) {
    const isOdata = (name: string) => name === named || (version === 'beta' && name === `$${named}`);
    const named = spellings[written] ?? written;
    const option = supported.find(isOdata) ?? others.find((name) => name === written);
    if (!option) {
      throw new AppError('invalid_input', `The query option "${written.slice(0, 64)}" is not supported here.`);
    }
    if (typeof value !== 'string' || found[option] !== undefined) {
      throw new AppError('invalid_input', `The query option ${option} was sent twice.`);
    }
    found[option] = value;
  }
  const own = others.flatMap((name) => (found[name] === undefined ? [] : [[name, found[name]] as const]));
  return { options: found, others: Object.fromEntries(own) };
}

const mostAtOnce = 999;
const usualAtOnce = 100;

/** Which part of a list a request wants, and how its answer says where the rest is. */
export interface ListAsked {
  readonly top: number;
  readonly skipToken: string | undefined;
  readonly counted: boolean;
}

export function listAsked(options: Partial<Record<QueryOption, string>>): ListAsked {
  const { $top, $count } = options;
  const top = $top === undefined ? usualAtOnce : Number($top);
  if (($top !== undefined && !/^\d{1,3}$/.test($top)) || top < 1) {
    throw new AppError('invalid_input', `$top must be a whole number from 1 to ${mostAtOnce}.`);
  }
  if ($count !== undefined && $count !== 'true' && $count !== 'false') {
    throw new AppError('invalid_input', '$count must be true or false.');
  }
  return { top, skipToken: options.$skiptoken, counted: $count === 'true' };
}

/** True for the oldest first. `$orderby` of a log names its date, and nothing else. */
export function isOldestFirst($orderby: string | undefined, property: string): boolean {
  if ($orderby === undefined) return false;
  const [name, direction = 'asc', ...rest] = $orderby.trim().split(/\s+/);
  if (nameAmong([property], name ?? '') && rest.length === 0 && (direction === 'asc' || direction === 'desc'))
    return direction === 'asc';
  throw new AppError('invalid_input', `$orderby can be "${property} asc" or "${property} desc".`);
}

/** A collection as Graph answers it. `address` is absolute: clients follow the next link as it is. */
export function collection<Item, Resource extends object>(
  address: string,
  context: string,
  options: Partial<Record<QueryOption, string>>,
  page: Page<Item>,
  shown: (item: Item) => Resource,
  count?: number,
) {
  const again = Object.entries({ ...options, $skiptoken: page.skipToken })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value!)}`);
  return {
    '@odata.context': context,
    ...(count !== undefined && { '@odata.count': count }),
    ...(page.skipToken !== undefined && { '@odata.nextLink': `${address}?${again.join('&')}` }),
    value: page.items.map(shown),
  };
}

/** Cuts a resource to the properties of `$select`; fails with `invalid_input` for one that it does not have. */
export function selecting<Resource extends object>(
  $select: string | undefined,
  properties: readonly (keyof Resource & string)[],
): { readonly cut: (resource: Resource) => Partial<Resource>; readonly context: string } {
  if ($select === undefined) return { cut: (resource) => resource, context: '' };
  const asked = $select.split(',').map((written) => {
    const name = nameAmong(properties, written.trim());
    if (name !== undefined) return name;
    throw new AppError(
      'invalid_input',
      `$select names "${written.trim().slice(0, 64)}". These properties can be selected: ${properties.join(', ')}.`,
    );
  });
  const kept = properties.filter((name) => asked.includes(name));
  return {
    cut: (resource) => Object.fromEntries(kept.map((name) => [name, resource[name]])) as Partial<Resource>,
    context: `(${kept.join(',')})`,
  };
}

export interface NameFilter {
  readonly property: string;
  readonly operator: 'eq' | 'startswith';
  readonly value: string;
}

const equality = /^\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*$/;
const prefix = /^\s*startswith\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)\s*$/i;

/** One comparison with a text. Fails with `invalid_input` for what is not in `forms`, and says what is. */
export function nameFilter(
  $filter: string | undefined,
  forms: Readonly<Record<string, readonly NameFilter['operator'][]>>,
): NameFilter | undefined {
  if ($filter === undefined) return undefined;
  const equal = equality.exec($filter);
  const [, written = '', value = ''] = equal ?? prefix.exec($filter) ?? [];
  const operator = equal ? 'eq' : 'startswith';
  const property = nameAmong(Object.keys(forms), written);
  if (property !== undefined && forms[property]!.includes(operator)) {
    return { property, operator, value: value.replaceAll("''", "'") };
  }
  const examples = Object.entries(forms).flatMap(([name, operators]) =>
    operators.map((one) => (one === 'eq' ? `${name} eq '…'` : `startswith(${name},'…')`)),
  );
  throw new AppError('invalid_input', `This $filter is not supported. One of these is: ${examples.join('; ')}.`);
}
