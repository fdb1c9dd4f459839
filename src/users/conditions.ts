/** What can be asked of people, under the names that Graph gives the properties. Columns are as the indexes have them. */
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
  truth,
  words,
} from '../core/conditions.ts';
import type { UserFilter, UserOrder } from './user.ts';
import { userNameKey } from './user.ts';

const displayName = 'lower(display_name) collate "C"';
const mail = 'lower(mail) collate "C"';

const userName = caseless('user_name_key', '?');

const properties: Properties = {
  id: objectId('id'),
  userPrincipalName: {
    ...userName,
    condition: (operator, value: string) => userName.condition(operator, userNameKey(value) as never),
  },
  displayName: caseless(displayName, 'lower(?)'),
  mail: caseless(mail, 'lower(?)', 'mail is null'),
  accountEnabled: truth('account_enabled'),
  createdDateTime: moment('created_at'),
};

const searched: Searched = {
  displayName: words('display_name'),
  mail: (value) => ({ sql: `starts_with(${mail}, lower(?))`, values: [value] }),
  userPrincipalName: (value) => ({ sql: 'starts_with(user_name_key, ?)', values: [userNameKey(value)] }),
};

/** Fails with `invalid_input` for what people cannot be asked for. */
export function conditionOf({ filter, search }: Extract<UserFilter, { kind: 'asked' }>): Condition {
  const narrowed = conditionFor(properties, filter);
  return search ? joined('and', [narrowed, searchFor(searched, search)]) : narrowed;
}

export const orderedBy: Readonly<Record<UserOrder['by'], Ordered>> = {
  userPrincipalName: { column: 'user_name_key', key: '?' },
  displayName: { column: displayName, key: 'lower(?)' },
  createdDateTime: { column: 'created_at', key: '?::timestamptz' },
};
