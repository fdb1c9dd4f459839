/** What can be asked of the logs, under the names that Graph gives the properties: each becomes a condition in SQL. */
import { type Condition, conditionFor, moment, type Property } from '../core/conditions.ts';
import type { Filter } from '../core/filter.ts';
import { userNameKey } from '../users/user.ts';
import { type Activity, typesWhere } from './activities.ts';
import { signInErrorSql } from './sign-in-errors.ts';
import type { Log } from './store.ts';

/** Fails with `invalid_input` for what the log cannot be asked. */
export function conditionOf(log: Log, filter: Filter | undefined): Condition {
  return conditionFor(propertiesOf[log], filter);
}

const time = moment('e.at');

function column(sql: string): Property {
  return {
    operators: ['eq', 'ne', 'startswith'],
    takes: 'text',
    condition(operator, value: string) {
      if (operator === 'startswith') return { sql: `starts_with(${sql}, ?)`, values: [value] };
      return { sql: operator === 'eq' ? `${sql} = ?` : `${sql} is distinct from ?`, values: [value] };
    },
  };
}

/** A word of the table of activities, in any case: the types of event that have it. */
function activity(wordsOf: (activity: Activity) => readonly string[]): Property {
  return {
    operators: ['eq', 'ne', 'startswith'],
    takes: 'text',
    condition(operator, value: string) {
      const wanted = value.toLowerCase();
      const types = typesWhere((one) =>
        wordsOf(one).some((word) =>
          operator === 'startswith' ? word.toLowerCase().startsWith(wanted) : word.toLowerCase() === wanted,
        ),
      );
      return { sql: operator === 'ne' ? 'e.type <> all(?)' : 'e.type = any(?)', values: [types] };
    },
  };
}

/** Ids of people are compared as texts, because no text must be a fault. */
function personId(condition: (id: string) => Condition): Property {
  return { operators: ['eq'], takes: 'text', condition: (_operator, value: string) => condition(value.toLowerCase()) };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function userIs(id: string): Condition {
  return uuid.test(id) ? { sql: 'e.user_id = ?::uuid', values: [id] } : { sql: 'false', values: [] };
}

const ownTypes = typesWhere(({ byTheirOwn }) => byTheirOwn === true);

function initiatorIs(id: string): Condition {
  const own = userIs(id);
  return {
    sql: `(e.actor_kind = 'user' and e.actor_id = ?) or (e.actor_kind = 'anonymous' and e.type = any(?) and ${own.sql})`,
    values: [id, ownTypes, ...own.values],
  };
}

/** By the name that the user has now; whoever is gone has none. `meeting` gets the ids as an array, which an index can be asked for. */
function named(meeting: (ids: Condition) => Condition): Property {
  return {
    operators: ['eq', 'startswith'],
    takes: 'text',
    condition(operator, value: string) {
      const meets = operator === 'eq' ? 'user_name_key = ?' : 'starts_with(user_name_key, ?)';
      return meeting({ sql: `array(select id from users where ${meets})`, values: [userNameKey(value)] });
    },
  };
}

const userNamed = named((ids) => ({ sql: `e.user_id = any(${ids.sql})`, values: ids.values }));

const initiatorNamed = named((ids) => ({
  sql: `(e.actor_kind = 'user' and e.actor_id = any(${ids.sql}::text[]))
    or (e.actor_kind = 'anonymous' and e.type = any(?) and e.user_id = any(${ids.sql}))`,
  values: [...ids.values, ownTypes, ...ids.values],
}));

const propertiesOf: Readonly<Record<Log, Readonly<Record<string, Property>>>> = {
  directoryAudits: {
    activityDateTime: time,
    activityDisplayName: activity((one) => [one.activityDisplayName, ...(one.alsoNamed ?? [])]),
    loggedByService: activity((one) => [one.loggedByService]),
    category: activity((one) => [one.category]),
    operationType: activity((one) => [one.operationType]),
    result: column('e.result'),
    correlationId: column('e.request_id'),
    'initiatedBy/user/id': personId(initiatorIs),
    'initiatedBy/user/userPrincipalName': initiatorNamed,
    'initiatedBy/app/appId': column('e.actor_client_id'),
    'targetResources/any/id': personId((id) => {
      const user = userIs(id);
      return {
        sql: `${user.sql} or e.details->>'groupId' = ? or (e.client_id = ? and e.type like 'client.%')`,
        values: [...user.values, id, id],
      };
    }),
    'targetResources/any/userPrincipalName': userNamed,
  },
  signIns: {
    createdDateTime: time,
    userId: personId(userIs),
    userPrincipalName: userNamed,
    appId: column('e.client_id'),
    ipAddress: column('e.ip'),
    correlationId: column('e.request_id'),
    'status/errorCode': {
      operators: ['eq', 'ne'],
      takes: 'number',
      condition: (operator, value: number) => ({
        sql: `(${signInErrorSql}) ${operator === 'eq' ? '=' : '<>'} ?::bigint`,
        values: [value],
      }),
    },
  },
};
