/** What can be asked of groups, under the names that Graph gives the properties. Columns are as the indexes have them. */
import {
  caseless,
  type Condition,
  conditionFor,
  joined,
  moment,
  objectId,
  type Ordered,
  type Properties,
  type Searched,
  searchFor,
  words,
} from '../core/conditions.ts';
import type { GroupFilter, GroupOrder } from './group.ts';

const displayName = 'lower(display_name) collate "C"';

const properties: Properties = {
  id: objectId('id'),
  displayName: caseless(displayName, 'lower(?)'),
  createdDateTime: moment('created_at'),
};

const searched: Searched = { displayName: words('display_name') };

/** Fails with `invalid_input` for what groups cannot be asked for. */
export function conditionOf({ filter, search }: Extract<GroupFilter, { kind: 'asked' }>): Condition {
  const narrowed = conditionFor(properties, filter);
  return search ? joined('and', [narrowed, searchFor(searched, search)]) : narrowed;
}

export const orderedBy: Readonly<Record<GroupOrder['by'], Ordered>> = {
  displayName: { column: displayName, key: 'lower(?)' },
  createdDateTime: { column: 'created_at', key: '?::timestamptz' },
};
