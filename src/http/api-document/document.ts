/** The OpenAPI 3.1 document of the management API, made of the descriptions beside its handlers. */
import { z } from 'zod';
import {
  applicationPermissions,
  delegatedScopes,
  type OwnAction,
  ownScopes,
  ownStrongWithinMinutes,
  permissionsFor,
  powerOf,
  scopesFor,
  type Action,
} from '../../roles/powers.ts';
import { errorCodes, versions } from '../graph/api.ts';
import type { Body, Described, Opening } from '../graph/endpoint.ts';
import type { QueryOption } from '../graph/query.ts';
import { errorShape } from '../graph/resources.ts';

/** A JSON Schema of the dialect of 2020-12, which OpenAPI 3.1 is made with. */
export type JsonSchema = { readonly [keyword: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** Who may: one permission of each list; of people also one of the roles, and a passkey used so many minutes ago at most. */
export interface Permissions {
  /** Empty: no application does it for itself. One of each list. */
  readonly application: readonly (readonly string[])[];
  readonly delegated: readonly (readonly string[])[];
  /** Empty: it is about one's own, and takes no role. */
  readonly roles: readonly string[];
  /** Null: no matter when. */
  readonly passkeyWithinMinutes: number | null;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

/** A header of an answer, where it stands by its name among the components. */
export interface Header {
  readonly description: string;
  /** It is always there. */
  readonly required: boolean;
  readonly schema: JsonSchema;
}

type Headers = Readonly<Record<string, { readonly $ref: string }>>;

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly [string];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content & { readonly required: boolean; readonly description: string };
  readonly responses: Readonly<
    Record<string, (Content & { readonly description: string; readonly headers: Headers }) | { readonly $ref: string }>
  >;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly 'x-permissions': Permissions;
}

export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly headers: Readonly<Record<string, Header>>;
    readonly responses: Readonly<Record<string, Content & { readonly description: string; readonly headers: Headers }>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

const introduction = [
  'Shaped like Microsoft Graph: clients, scripts and tools made for that work here, below another address. /v1.0 and /beta are the same API, but that beta takes query options without the dollar sign as well.',
  "A user is named by object id or user principal name. Keys can be written users('key') as well as users/key.",
  'Properties whose names begin with @odata. and read-only ones are accepted in requests and passed over; any other that is not known is refused. A query option that is not supported is refused, never ignored.',
  'Dates are ISO 8601 in UTC. With $select, an answer has the properties that are named and no others.',
].join('\n\n');

export function openApiDocument(issuer: string, descriptions: readonly Described[]): OpenApiDocument {
  const schemas: Record<string, JsonSchema> = {};
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => withComponents(schemas, schema, io);
  const error = schemaOf(errorShape(errorCodes), 'output');
  const paths: Record<string, Record<string, Operation>> = {};
  for (const one of descriptions) {
    const path = one.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][one.method.toLowerCase()] = operationOf(one, schemaOf);
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Latchkey management API', version: '1.0', description: introduction },
    servers: versions.map((version) => ({ url: `${issuer}/${version}`, description: describedVersions[version] })),
    tags: [...new Set(descriptions.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      responses: Object.fromEntries(
        Object.entries(refusals).map(([status, description]) => [
          `refused${status}`,
          {
            description,
            headers: headersNamed([...ofEveryAnswer, ...(ofRefusals[status] ?? [])]),
            content: { 'application/json': { schema: error } },
          },
        ]),
      ),
      headers: answerHeaders,
      securitySchemes: { [scheme]: securityScheme(issuer) },
    },
  };
}

const describedVersions = { 'v1.0': 'The API', beta: 'The same API, for clients that call beta' } as const;

const refusals = {
  '400': 'Something in the request is not as it has to be; the message names it.',
  '401':
    'No access token, or a bad one; with the code `insufficient_user_authentication`: the person signs in again with a passkey.',
  '403': 'The caller may not do this.',
  '404': 'There is no such thing.',
  '405': 'The address does not take this method.',
  '409': 'It does not go with what is there already.',
  '413': 'The body is too large.',
  '415': 'The body is not application/json.',
  '429': 'Too many; `Retry-After` says how many seconds to wait.',
  '500': 'A fault of the server.',
  '503': 'Too much to do at the moment; try again.',
} as const;

const text = { type: 'string' } as const;

const answerHeaders = {
  'request-id': {
    description: 'Of this request; it stands in the audit log and in the log of the server as well.',
    required: true,
    schema: text,
  },
  'client-request-id': {
    description: 'What the request named itself, up to 64 characters, or else its request-id.',
    required: true,
    schema: text,
  },
  Location: {
    description: 'The address of what was made, or of what says how it went.',
    required: true,
    schema: { type: 'string', format: 'uri' },
  },
  'Idempotent-Replayed': {
    description: 'There when the Idempotency-Key was known: this is what the first request made.',
    required: false,
    schema: { type: 'string', const: 'true' },
  },
  'WWW-Authenticate': {
    description:
      'Bearer, with error="invalid_token" for a token that is not good. With error="insufficient_user_authentication": acr_values and max_age for the request by which the person signs in again (RFC 9470).',
    required: true,
    schema: text,
  },
  'Retry-After': { description: 'Seconds to wait.', required: true, schema: { type: 'integer', minimum: 1 } },
  Allow: { description: 'The methods that the address takes.', required: true, schema: text },
} as const satisfies Readonly<Record<string, Header>>;

type HeaderName = keyof typeof answerHeaders;

const ofEveryAnswer: readonly HeaderName[] = ['request-id', 'client-request-id'];

const ofRefusals: Readonly<Record<string, readonly HeaderName[]>> = {
  '401': ['WWW-Authenticate'],
  '405': ['Allow'],
  '429': ['Retry-After'],
  '503': ['Retry-After'],
};

function headersNamed(names: readonly HeaderName[]): Headers {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

const scheme = 'managementApi';

function securityScheme(issuer: string): object {
  const scopes = Object.fromEntries(delegatedScopes.map((name) => [name, '']));
  const all = { [`${issuer}/management/.default`]: 'What the application was given' };
  return {
    type: 'oauth2',
    description: `Access tokens for the resource ${issuer}/management.`,
    flows: {
      clientCredentials: { tokenUrl: `${issuer}/token`, scopes: all },
      authorizationCode: { authorizationUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token`, scopes },
    },
  };
}

type SchemaOf = (schema: z.ZodType, io: 'input' | 'output') => JsonSchema;

function operationOf(one: Described, schemaOf: SchemaOf): Operation {
  const { method, path, summary, tag, body, answer } = one;
  const parameters = parametersOf(one, schemaOf);
  const permissions = permissionsOf(one);
  const [type, schema] = answer.text ? ['text/plain', answer.schema] : ['application/json', answer.schema];
  const applicable = Object.keys(refusals).filter((status) => {
    if (status === '413' || status === '415') return body !== undefined;
    return status !== '405' && (status !== '409' || method !== 'GET');
  });
  return {
    operationId: operationIdOf(method, path),
    summary,
    tags: [tag],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: requestBodyOf(body, schemaOf) }),
    responses: {
      [answer.status]: {
        description: answer.schema ? 'Done.' : 'Done. There is no body.',
        headers: headersNamed([
          ...ofEveryAnswer,
          ...(answer.located ? ['Location' as const] : []),
          ...(one.repeatable ? ['Idempotent-Replayed' as const] : []),
        ]),
        ...(schema && { content: { [type]: { schema: schemaOf(schema, 'output') } } }),
      },
      ...Object.fromEntries(applicable.map((status) => [status, { $ref: `#/components/responses/refused${status}` }])),
    },
    security: alternatives(one.opens.length > 0 ? permissions.delegated : []).map((scopes) => ({ [scheme]: scopes })),
    'x-permissions': permissions,
  };
}

/** `GET /users/:user/manager/$ref`: getUsersUserManagerRef. */
function operationIdOf(method: string, path: string): string {
  const words = path
    .replaceAll(/[^\w]+/g, ' ')
    .trim()
    .split(' ');
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

function permissionsOf({ opens, onlyPeople, onlyRoles }: Described): Permissions {
  const actions = opens.filter((opening): opening is Action => !isOwn(opening));
  // What takes nothing is open to every token.
  if (opens.length === 0) {
    return {
      application: distinct([applicationPermissions]),
      delegated: distinct([delegatedScopes]),
      roles: [],
      passkeyWithinMinutes: null,
    };
  }
  const application = opens.length > actions.length || onlyPeople ? [] : actions.map(permissionsFor);
  const roles = actions.map((action) => powerOf(action).roles as readonly string[]);
  const minutes = opens
    .map((opening) => (isOwn(opening) ? ownStrongWithinMinutes(ownOf(opening)) : powerOf(opening).strongWithinMinutes))
    .filter((one) => one !== null);
  return {
    application: application.some((list) => list.length === 0) ? [] : distinct(application),
    delegated: distinct(opens.map((opening) => (isOwn(opening) ? ownScopes(ownOf(opening)) : scopesFor(opening)))),
    roles: onlyRoles ?? roles.reduce((all, some) => all.filter((role) => some.includes(role)), roles[0] ?? []),
    passkeyWithinMinutes: minutes.length > 0 ? Math.min(...minutes) : null,
  };
}

const isOwn = (opening: Opening): opening is `own ${OwnAction}` => opening.startsWith('own ');
const ownOf = (opening: `own ${OwnAction}`) => opening.slice('own '.length) as OwnAction;

const distinct = (lists: readonly (readonly string[])[]) => lists.map((list) => [...new Set(list)].sort());

/** One of each list, in every way there is. */
function alternatives(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (made, list) => made.flatMap((some) => list.map((one) => [...new Set([...some, one])])),
    [[]],
  );
}

function parametersOf(one: Described, schemaOf: SchemaOf): Parameter[] {
  const { path, query = [], parameters = {}, answer, repeatable } = one;
  const counts = answer.text || query.some((name) => name === '$count' || name === '$search');
  const headers = [
    'client-request-id' as const,
    ...(counts ? ['ConsistencyLevel' as const] : []),
    ...(repeatable ? ['Idempotency-Key' as const] : []),
  ];
  return [
    ...[...path.matchAll(/:(\w+)/g)].map(
      ([, name]): Parameter => ({ name: name!, in: 'path', required: true, schema: { type: 'string', minLength: 1 } }),
    ),
    ...query.map((name): Parameter => ({ name, in: 'query', required: false, ...options[name] })),
    ...Object.entries(parameters).map(
      ([name, schema]): Parameter => ({ name, in: 'query', required: false, schema: schemaOf(schema, 'input') }),
    ),
    ...headers.map((name): Parameter => ({ name, in: 'header', required: false, ...requestHeaders[name] })),
  ];
}

const requestHeaders = {
  'client-request-id': {
    description: 'A name that the answer, a refusal included, carries back',
    schema: { type: 'string' },
  },
  ConsistencyLevel: {
    description: 'Nothing hangs on it: counts and searches are of this moment, with it or without',
    schema: { type: 'string', examples: ['eventual'] },
  },
  'Idempotency-Key': {
    description:
      'The same key with the same body, sent again within 24 hours, makes nothing more and is answered with what was made, without what is shown but once; with another body it is a 409',
    schema: { type: 'string', pattern: '^[\\x20-\\x7e]{1,255}$' },
  },
} as const satisfies Readonly<Record<string, Pick<Parameter, 'description' | 'schema'>>>;

const options: Readonly<Record<QueryOption, { description: string; schema: JsonSchema }>> = {
  $select: { description: 'Properties, with commas between them', schema: { type: 'string' } },
  $top: {
    description: 'How many at once, at most',
    schema: { type: 'integer', minimum: 1, maximum: 999, default: 100 },
  },
  $skiptoken: { description: 'From `@odata.nextLink`, as it is', schema: { type: 'string' } },
  $count: { description: 'Whether to say how many there are in all', schema: { type: 'boolean', default: false } },
  $filter: {
    description: 'A condition; which ones there are is said where one is refused',
    schema: { type: 'string' },
  },
  $search: { description: 'Words to look for, as `"property:words"`', schema: { type: 'string' } },
  $orderby: { description: 'A property of the list, asc or desc; a log has its date', schema: { type: 'string' } },
};

function requestBodyOf(body: Body<unknown>, schemaOf: SchemaOf) {
  const schema = schemaOf(body.schema, 'input') as JsonSchema & { properties?: Record<string, JsonSchema> };
  const passedOver = Object.fromEntries(
    body.readOnly
      .filter((name) => !(name in (schema.properties ?? {})))
      .map((name) => [name, { readOnly: true, description: 'Accepted and passed over' }]),
  );
  return {
    required: body.required,
    description: `At most ${body.mostBytes / 1024} KiB.`,
    content: {
      'application/json': {
        schema: {
          ...schema,
          properties: { ...schema.properties, ...passedOver },
          ...(schema.additionalProperties === false && { patternProperties: { '^@odata\\.': {} } }),
        },
      },
    },
  };
}

/** The schema, with what has a name of its own put among the components. Answers may come to hold more one day: they stay open. */
function withComponents(schemas: Record<string, JsonSchema>, schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const made = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const { $schema: _dialect, $defs = {}, ...rest } = made as JsonSchema & { $defs?: Record<string, JsonSchema> };
  for (const [name, definition] of Object.entries($defs)) {
    const { id: _id, ...said } = referring(definition) as JsonSchema;
    if (schemas[name] && JSON.stringify(schemas[name]) !== JSON.stringify(said)) {
      throw new Error(`Two schemas of the API are both named ${name}.`);
    }
    schemas[name] = said;
  }
  const own = typeof rest.id === 'string' ? rest.id : undefined;
  const { id: _id, ...said } = referring(rest) as JsonSchema;
  if (own === undefined) return said;
  schemas[own] = said;
  return { $ref: `#/components/schemas/${own}` };
}

function referring(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(referring);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      name === '$ref' && typeof item === 'string' ? item.replace('#/$defs/', '#/components/schemas/') : referring(item),
    ]),
  );
}
