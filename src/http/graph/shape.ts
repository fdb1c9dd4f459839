/** Parts that the shapes of answers are made of. */
import { z } from 'zod';

/** ISO 8601 UTC with seven fraction digits, as `graphDate` writes it. */
export const dateShape = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/)
  .meta({ format: 'date-time', examples: ['2026-11-21T12:00:00.0000000Z'] });

export const contextShape = z
  .string()
  .meta({ description: 'Says what the answer holds; an address that nobody has to open.' });

/** One thing, as it is answered by itself. */
export function entity<Shape extends z.ZodRawShape>(shape: z.ZodObject<Shape>) {
  const context = { '@odata.context': 'https://id.example.com/v1.0/$metadata#…/$entity' };
  return shape.extend({ '@odata.context': contextShape }).meta(metaWith(shape, context));
}

/** A list, whole. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ '@odata.context': contextShape, value: z.array(item) });
}

/** A part of a list, and where the rest is. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return listOf(item).extend({
    '@odata.count': z.int().optional().meta({ description: 'How many there are in all, with `$count=true`.' }),
    '@odata.nextLink': z.url().optional().meta({ description: 'The rest, absolute; absent on the last page.' }),
  });
}

/**
 * What is left of a thing after `$select`: all of it without, which `x-required-without-select` names. As a part of something else it
 * has a name of its own.
 */
export function selected<Shape extends z.ZodRawShape>(shape: z.ZodObject<Shape>) {
  const known = selections.get(shape) as ReturnType<typeof partOf<Shape>> | undefined;
  if (known) return known;
  const made = partOf(shape);
  selections.set(shape, made);
  return made;
}

const selections = new WeakMap<object, object>();

function partOf<Shape extends z.ZodRawShape>(shape: z.ZodObject<Shape>) {
  const { id, ...meta } = shape.meta() ?? {};
  return shape.partial().meta({
    ...meta,
    ...(id !== undefined && { id: `${id}Selected` }),
    'x-required-without-select': Object.entries(shape.shape)
      .filter(([, part]) => !(part as z.ZodType).safeParse(undefined).success)
      .map(([name]) => name),
  });
}

/** A member of a list of different things: its `@odata.type` says what it is. */
export function typed<Shape extends z.ZodRawShape, Type extends string>(shape: z.ZodObject<Shape>, type: Type) {
  return shape.extend({ '@odata.type': z.literal(type) }).meta(metaWith(shape, { '@odata.type': type }));
}

/** Without the name: it is another thing now. Its examples have what is new. */
function metaWith(shape: z.ZodType, added: object): z.GlobalMeta {
  const { id: _name, examples, ...meta } = shape.meta() ?? {};
  return { ...meta, ...(Array.isArray(examples) && { examples: examples.map((one) => ({ ...added, ...one })) }) };
}

/** Who did it, by kind: the command line has no id. */
export const doerShape = z.strictObject({
  kind: z.enum(['operator', 'system', 'user', 'client']),
  id: z.string().nullable(),
});
