import { describe, expect, test } from 'vitest';
import { type JsonSchema, openApiDocument } from '../../src/http/api-document/document.ts';
import { versions } from '../../src/http/graph/api.ts';
import { descriptionsOf } from '../../src/http/graph/endpoint.ts';
import { graphRoutes } from '../../src/http/graph/routes.ts';
import { roles } from '../../src/roles/role.ts';
import { documentFor } from '../support/api-answers.ts';
import { mistakesIn } from '../support/json-schema.ts';
import {
  type Actor,
  applicationPermissions,
  delegatedScopes,
  expected,
  roleNames,
  type RoleSign,
  table,
} from '../support/matrix.ts';

const issuer = 'https://id.example.com';
const document = documentFor(issuer);
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    route: `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    path,
    operation,
  })),
);

const routerOf = (version: (typeof versions)[number]) => graphRoutes({ issuer } as never, version, undefined as never);

test.each(versions)('every route of %s is described beside its handler', (version) => {
  const router = routerOf(version);
  const described = descriptionsOf(router).map(({ method, path }) => `${method} /${version}${path}`);
  const mounted = router.stack.flatMap(({ methods, path }) =>
    methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
  );
  expect(mounted.filter((route) => !described.includes(route) && !route.endsWith('/(.*)'))).toEqual([]);
  expect(described.filter((route) => !mounted.includes(route))).toEqual([]);
  expect(described).toHaveLength(new Set(described).size);
});

test('both versions are the same API', () => {
  const [one, other] = versions.map((version) => openApiDocument(issuer, descriptionsOf(routerOf(version))));
  expect(one).toEqual(other);
});

test('there is a row of the matrix for everything in the document', () => {
  expect(operations.map(({ route }) => route).sort()).toEqual(table.map(({ route }) => route).sort());
});

/** Those who do it alone, by the matrix. */
function whoMay(route: string) {
  const row = table.find((one) => one.route === route)!;
  const opens = (actor: Actor) => expected(row, actor, 'nobody') !== 'refused';
  const person = (role: RoleSign, scopes: readonly string[], age = 0): Actor => ({ kind: 'person', role, scopes, age });
  const all = Object.keys(roleNames) as RoleSign[];
  return {
    application: applicationPermissions.filter((name) => opens({ kind: 'application', permissions: [name] })),
    delegated: delegatedScopes.filter((name) => opens({ ...person('GA', [name]) })),
    // Of an address for one's own, everybody without a role as well.
    roles: row.roles['--']
      ? []
      : all.filter((sign) => row.roles[sign]).map((sign) => roleNames[sign as keyof typeof roleNames]),
    passkeyWithinMinutes: row.proofMinutes === Number.POSITIVE_INFINITY ? null : row.proofMinutes,
  };
}

const onEvery = (lists: readonly (readonly string[])[]) =>
  lists.reduce<readonly string[]>((all, list) => all.filter((name) => list.includes(name)), lists[0] ?? []);

test.each(operations)('$route says who may as the matrix does', ({ route, operation }) => {
  const said = operation['x-permissions'];
  expect({
    application: [...onEvery(said.application)].sort(),
    delegated: [...onEvery(said.delegated)].sort(),
    roles: roles
      .filter(({ name }) => said.roles.includes(name))
      .map(({ name }) => name)
      .sort(),
    passkeyWithinMinutes: said.passkeyWithinMinutes,
  }).toEqual({ ...whoMay(route), roles: [...whoMay(route).roles].sort() });
});

describe('the document is OpenAPI 3.1', () => {
  /** The rules of the specification for what stands here, closed: anything else is a mistake. */
  const object = (properties: Record<string, JsonSchema>, required = Object.keys(properties)): JsonSchema => ({
    type: 'object',
    properties,
    required: required.filter((name) => name in properties),
    additionalProperties: false,
  });
  const map = (of: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: of });
  const text = { type: 'string', minLength: 1 };
  const anySchema = { type: ['object', 'boolean'] };
  const content = map(object({ schema: anySchema }));
  const headers = map(object({ $ref: text }));
  const response = object({ description: text, content, headers }, ['description', 'headers']);
  const header = object({ description: text, required: { type: 'boolean' }, schema: anySchema });
  const operation = object(
    {
      operationId: { type: 'string', pattern: '^[a-z][A-Za-z0-9_]+$' },
      summary: text,
      tags: { type: 'array', items: text, minItems: 1, maxItems: 1 },
      parameters: {
        type: 'array',
        items: object(
          {
            name: text,
            in: { enum: ['path', 'query', 'header'] },
            required: { type: 'boolean' },
            description: text,
            schema: anySchema,
          },
          ['name', 'in', 'required', 'schema'],
        ),
      },
      requestBody: object({ required: { type: 'boolean' }, description: text, content }),
      responses: {
        type: 'object',
        patternProperties: { '^[1-5]\\d\\d$': {} },
        properties: {},
        additionalProperties: false,
      },
      security: { type: 'array', minItems: 1, items: map({ type: 'array', items: text }) },
      'x-permissions': { type: 'object' },
    },
    ['operationId', 'summary', 'tags', 'responses', 'security'],
  );
  const methods = ['get', 'put', 'post', 'delete', 'patch'];
  const flow = (names: readonly string[]) =>
    object({
      ...Object.fromEntries(names.map((name) => [name, { type: 'string', format: 'uri' }])),
      scopes: map({ type: 'string' }),
    });
  const whole = object({
    openapi: { type: 'string', pattern: '^3\\.1\\.\\d$' },
    info: object({ title: text, version: text, description: text }),
    servers: {
      type: 'array',
      minItems: 2,
      items: object({ url: { type: 'string', format: 'uri' }, description: text }),
    },
    tags: { type: 'array', items: object({ name: text }) },
    paths: map(object(Object.fromEntries(methods.map((name) => [name, operation])), [])),
    components: object({
      schemas: map(anySchema),
      headers: map(header),
      responses: map(response),
      securitySchemes: map(
        object({
          type: { const: 'oauth2' },
          description: text,
          flows: object({
            clientCredentials: flow(['tokenUrl']),
            authorizationCode: flow(['authorizationUrl', 'tokenUrl']),
          }),
        }),
      ),
    }),
  });
  const checking = { schemas: {}, strict: true, whole: true };

  test('in its structure', () => {
    expect(mistakesIn(document, whole, checking)).toEqual([]);
    const answers = operations.flatMap(({ operation: { responses } }) => Object.values(responses));
    expect(answers.filter((one) => !('$ref' in one)).flatMap((one) => mistakesIn(one, response, checking))).toEqual([]);
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test('every reference leads to something, and everything with a name is referred to', () => {
    const used = new Set([...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, address]) => address!));
    const known = ['schemas', 'headers', 'responses'].flatMap((kind) =>
      Object.keys(document.components[kind as 'schemas']).map((name) => `#/components/${kind}/${name}`),
    );
    expect([...used].filter((address) => !known.includes(address))).toEqual([]);
    // The rest is for what has no route.
    expect(known.filter((address) => !used.has(address))).toEqual(['#/components/responses/refused405']);
  });

  test('operations have ids of their own, and name the places in their paths', () => {
    const ids = operations.map(({ operation: { operationId } }) => operationId);
    expect(ids).toEqual([...new Set(ids)]);
    for (const {
      path,
      operation: { parameters = [] },
    } of operations) {
      const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(places);
    }
  });

  test('names, in its security, scopes that exist', () => {
    const asked = new Set(
      operations.flatMap(({ operation: { security } }) => security.flatMap((one) => Object.values(one).flat())),
    );
    expect([...asked].filter((name) => !delegatedScopes.includes(name))).toEqual([]);
  });

  test('every schema is one that answers can be checked with, and its examples fit', () => {
    const { schemas } = document.components;
    let examples = 0;
    const checking = { schemas, strict: true, whole: true };
    const look = (schema: JsonSchema): void => {
      // Undefined fits nothing; what matters is that every keyword is known.
      mistakesIn(undefined, schema, checking);
      for (const example of (schema.examples as unknown[] | undefined) ?? []) {
        examples += 1;
        expect(mistakesIn(example, schema, checking), JSON.stringify(example)).toEqual([]);
      }
      const inside = [schema.properties ?? {}, schema.patternProperties ?? {}].flatMap((map) => Object.values(map));
      const parts = [schema.items, schema.additionalProperties, schema.anyOf, schema.oneOf].flat();
      for (const part of [...inside, ...parts]) if (part && typeof part === 'object') look(part as JsonSchema);
    };
    for (const schema of Object.values(schemas)) look(schema);
    for (const { operation } of operations) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      const contents = bodies.flatMap((one) => (one && 'content' in one ? Object.values(one.content ?? {}) : []));
      for (const { schema } of contents) look(schema);
      for (const { schema } of operation.parameters ?? []) look(schema);
    }
    expect(examples).toBeGreaterThan(10);
  });
});
