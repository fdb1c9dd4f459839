import type { ApiHeader, ApiOperation, ApiPart, ApiProperty } from '../../../views/api-document/api-document.tsx';
import type { JsonSchema, OpenApiDocument, Operation, Permissions } from './document.ts';

/** What the page shows of the document, a part for each tag. */
export function partsOf(document: OpenApiDocument): ApiPart[] {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ tag: operation.tags[0], path, method, operation })),
  );
  return document.tags.map(({ name }) => ({
    name,
    operations: all.filter(({ tag }) => tag === name).map((one) => operationOf(document, one)),
  }));
}

/** Every header that a request can have, and then every one of an answer. */
export function headersOf(document: OpenApiDocument): { sent: ApiHeader[]; given: ApiHeader[] } {
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  const sent = operations.flatMap(({ parameters = [] }) => parameters.filter((one) => one.in === 'header'));
  const shown = ({ name, description = '' }: { name: string; description?: string }) => ({ name, words: description });
  return {
    sent: [...new Map(sent.map((one) => [one.name, shown(one)])).values()],
    given: Object.entries(document.components.headers).map(([name, { description }]) => shown({ name, description })),
  };
}

function operationOf(
  document: OpenApiDocument,
  { path, method, operation }: { path: string; method: string; operation: Operation },
): ApiOperation {
  const [status = '', done] = Object.entries(operation.responses)[0] ?? [];
  const { content = {}, headers = {} } = done && 'description' in done ? done : {};
  const [type, answer] = Object.entries(content)[0] ?? [];
  const sent = operation.requestBody?.content?.['application/json']?.schema;
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    // What stands between braces is put in by the caller.
    path: path.split(/\{(\w+)\}/),
    summary: operation.summary,
    ...whoOf(operation['x-permissions']),
    options: namesIn(operation, 'query'),
    headers: namesIn(operation, 'header'),
    answerHeaders: Object.keys(headers),
    sent: sent ? propertiesOf(document, sent).filter(({ passedOver }) => !passedOver) : [],
    status,
    text: type === 'text/plain',
    given: answer && type !== 'text/plain' ? propertiesOf(document, itemOf(document, answer.schema)) : [],
    list: answer !== undefined && itemOf(document, answer.schema) !== resolved(document, answer.schema),
  };
}

function namesIn({ parameters = [] }: Operation, place: 'query' | 'header'): string[] {
  return parameters.filter((one) => one.in === place).map(({ name }) => name);
}

function whoOf({ application, delegated, roles, passkeyWithinMinutes }: Permissions) {
  return {
    application: application.map((names) => names.join(', ')),
    delegated: delegated.map((names) => names.join(', ')),
    roles: [...roles],
    minutes: passkeyWithinMinutes,
  };
}

/** Of a list, one of its items. */
function itemOf(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  const whole = resolved(document, schema);
  const value = (whole.properties as Record<string, JsonSchema> | undefined)?.value;
  return value?.type === 'array' ? resolved(document, value.items as JsonSchema) : whole;
}

function propertiesOf(document: OpenApiDocument, schema: JsonSchema): (ApiProperty & { passedOver: boolean })[] {
  const {
    properties = {},
    required = [],
    oneOf,
    anyOf,
  } = resolved(document, schema) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
    oneOf?: JsonSchema[];
    anyOf?: JsonSchema[];
  };
  const kinds = oneOf ?? anyOf;
  if (kinds) {
    const found = kinds.flatMap((one) => propertiesOf(document, one));
    return [...new Map(found.map((one) => [one.name, one])).values()];
  }
  return Object.entries(properties).map(([name, one]) => ({
    name,
    type: typeOf(document, one),
    required: required.includes(name),
    passedOver: one.readOnly === true,
  }));
}

/** In words: `text`, `a list of text`, `one of: a, b`. */
function typeOf(document: OpenApiDocument, schema: JsonSchema): string {
  const one = resolved(document, schema) as {
    type?: string | string[];
    enum?: unknown[];
    const?: unknown;
    anyOf?: JsonSchema[];
    oneOf?: JsonSchema[];
    items?: JsonSchema;
    format?: string;
    minimum?: number;
    maximum?: number;
  };
  if (one.const !== undefined) return JSON.stringify(one.const);
  if (one.enum) return one.enum.map((value) => JSON.stringify(value)).join(' | ');
  const kinds = one.anyOf ?? one.oneOf;
  if (kinds) return [...new Set(kinds.map((kind) => typeOf(document, kind)))].join(' | ');
  if (Array.isArray(one.type)) return one.type.join(' | ');
  if (one.type === 'array') return one.items ? `array of ${typeOf(document, one.items)}` : 'array';
  if (one.type === 'integer' && one.minimum !== undefined && one.maximum !== undefined && one.maximum < 2 ** 52) {
    return `integer ${one.minimum}–${one.maximum}`;
  }
  return one.format ?? one.type ?? 'anything';
}

function resolved(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  const name = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1)! : undefined;
  return name === undefined ? schema : document.components.schemas[name]!;
}
