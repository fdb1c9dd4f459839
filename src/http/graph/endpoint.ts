import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import type { Action, OwnAction } from '../../roles/powers.ts';
import type { RoleName } from '../../roles/role.ts';
import { limits, readJson } from '../parse.ts';
import { parseBody, parseProperties, referredUser, type Version } from './api.ts';
import { type QueryOption, queryOf } from './query.ts';

/** What opens an address: an action, or the same on one's own. */
export type Opening = Action | `own ${OwnAction}`;

/** A body as it is sent and read: what is read of it comes of the schema, or is narrower. */
export interface Body<Sent> {
  /** Of what counts. */
  readonly schema: z.ZodType;
  /** Accepted and passed over, like all `@odata.*`: clients send back what they read. */
  readonly readOnly: readonly string[];
  readonly required: boolean;
  readonly mostBytes: number;
  /** In place of `readJson`. Fails as it does. */
  readonly receive?: (ctx: RouterContext) => Promise<unknown>;
  /** `sent` is undefined for an empty body. Fails with `invalid_input`. */
  readonly read: (sent: unknown) => Sent;
}

/** What comes back when it is done. Without a schema there is no body; `text` is plain, and no JSON. */
export interface Answer<Given> {
  readonly status: 200 | 201 | 202 | 204;
  readonly schema?: z.ZodType;
  readonly text?: true;
  /** A `Location` comes along. */
  readonly located?: true;
  /** Never called; it holds the type. */
  readonly of?: (given: Given) => void;
}

/** An address of the API said once: requests are read by it, answers have its type, and the OpenAPI document is made of it. */
export interface Description<Sent, Given> {
  /** What it does, as a program's author reads it in a list. */
  readonly summary: string;
  /** All of them are needed; none: every token opens it. */
  readonly opens: readonly Opening[];
  /** No application does it for itself. */
  readonly onlyPeople?: true;
  /** Not every role that opens the action does it here. */
  readonly onlyRoles?: readonly RoleName[];
  readonly query?: readonly QueryOption[];
  /** Query options of its own. */
  readonly parameters?: Readonly<Record<string, z.ZodType<string | undefined>>>;
  readonly body?: Body<Sent>;
  /** Sent again with its `Idempotency-Key`, it makes nothing more: the handler sees to it with `madeOnce`. */
  readonly repeatable?: true;
  readonly answer: Answer<Given>;
}

export interface Described extends Description<unknown, never> {
  readonly method: string;
  /** As the router has it, without the version. */
  readonly path: string;
  readonly tag: string;
}

interface Asked<Sent> {
  readonly options: Partial<Record<QueryOption, string>>;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly body: Sent;
  /** The body as it came, before it was read. */
  readonly sent: unknown;
}

type Handler<Sent, Given> = (ctx: RouterContext, asked: Asked<Sent>) => Promise<Given>;

const described = new WeakMap<Router, Described[]>();

/** The descriptions of a router's addresses, in the order they were made. */
export function descriptionsOf(router: Router): readonly Described[] {
  return described.get(router) ?? [];
}

/** Makes addresses of one kind, each described beside its handler. What the handler returns is the answer. */
export function endpoints(router: Router, version: Version, tag: string) {
  const list = described.get(router) ?? [];
  described.set(router, list);

  const making =
    (method: 'get' | 'post' | 'patch' | 'put' | 'delete') =>
    <Given, Sent = undefined>(
      path: string,
      description: Description<Sent, Given>,
      handler: Handler<NoInfer<Sent>, NoInfer<Given>>,
    ): void => {
      list.push({ ...(description as Description<unknown, never>), method: method.toUpperCase(), path, tag });
      const { query = [], parameters = {}, body, answer } = description;
      router[method](path, async (ctx) => {
        const { options, others } = queryOf(ctx, version, query, Object.keys(parameters));
        const parsed = parseBody(z.object(parameters), others);
        const sent = body && (await (body.receive?.(ctx) ?? readJson(ctx.req, body.mostBytes)));
        const read = body ? body.read(sent) : (undefined as Sent);
        const given = await handler(ctx, { options, parameters: parsed, body: read, sent });
        ctx.status = answer.status;
        if (answer.text) ctx.type = 'text/plain';
        if (answer.schema) ctx.body = given;
      });
    };
  return {
    get: making('get'),
    post: making('post'),
    patch: making('patch'),
    put: making('put'),
    delete: making('delete'),
  };
}

/** An object every property of which is known. */
export function properties<Schema extends z.ZodType>(
  schema: Schema,
  readOnly: readonly string[],
): Body<z.output<Schema>> {
  const read = (sent: unknown) => parseProperties(schema, readOnly, sent);
  return { schema, readOnly, required: true, mostBytes: limits.json, read };
}

/** The same; nothing at all stands for an object without properties. */
export function optionalProperties<Schema extends z.ZodType>(
  schema: Schema,
  readOnly: readonly string[],
  mostBytes: number = limits.json,
): Body<z.output<Schema>> {
  const read = (sent: unknown) => parseProperties(schema, readOnly, sent ?? {});
  const required = !schema.safeParse({}).success;
  return { schema, readOnly, required, mostBytes, read };
}

/** `$ref`: whom it is about. */
export const reference: Body<string> = {
  schema: z.looseObject({
    '@odata.id': z.string().meta({
      description: 'The address of a user: …/users/{id} or …/directoryObjects/{id}, with any host before it.',
    }),
  }),
  readOnly: [],
  required: true,
  mostBytes: limits.json,
  read: referredUser,
};

/** Answers are built from values that nobody changes. */
export type Shown<Value> = Value extends readonly (infer Item)[]
  ? readonly Shown<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Shown<Value[Key]> }
    : Value;

export function ok<Schema extends z.ZodType>(schema: Schema): Answer<Shown<z.output<Schema>>> {
  return { status: 200, schema };
}

/** 201, with the address of what was made where it has one. */
export function created<Schema extends z.ZodType>(
  schema: Schema,
  { located }: { readonly located?: true } = {},
): Answer<Shown<z.output<Schema>>> {
  return { status: 201, schema, ...(located && { located }) };
}

/** 202, with the address that says what came of it. */
export function accepted<Schema extends z.ZodType>(schema: Schema): Answer<Shown<z.output<Schema>>> {
  return { status: 202, schema, located: true };
}

/** 204. */
export const nothing: Answer<void> = { status: 204 };

export const text: Answer<string> = { status: 200, schema: z.string(), text: true };
