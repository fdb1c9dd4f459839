import type { z } from 'zod';
import type { Work } from '../core/work.ts';

/**
 * What an organisation decided, one document a subject. The row keeps only what differs from the defaults;
 * the schema of the room that owns the subject fills in the rest. Read at every use: a change works at once on every node.
 */
export async function readPolicy<Schema extends z.ZodType>(
  work: Work,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const row = await work.tx('policies').where('name', '=', name).first<{ document: unknown } | undefined>('document');
  return schema.parse(row?.document ?? {});
}

/** Whether any policy names this object id. */
export async function isNamedByPolicy(work: Work, id: string): Promise<boolean> {
  const row = await work.tx('policies').whereRaw('position(? in document::text) > 0', [id]).first('name');
  return row !== undefined;
}

/** Makes changes of one document take turns until the work ends: each then builds on what the one before decided. */
export async function lockPolicy(work: Work, name: string): Promise<void> {
  // Not a row lock: before the first change there is no row.
  await work.tx.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`policy:${name}`]);
}

/** Replaces the document; the caller has checked it and records the change. */
export async function writePolicy(work: Work, name: string, document: object): Promise<void> {
  await work
    .tx('policies')
    .insert({ name, document: JSON.stringify(document), updated_at: work.now })
    .onConflict('name')
    .merge();
}
