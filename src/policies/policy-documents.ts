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

/** Replaces the document; the caller has checked it and records the change. */
export async function writePolicy(work: Work, name: string, document: object): Promise<void> {
  await work
    .tx('policies')
    .insert({ name, document: JSON.stringify(document), updated_at: work.now })
    .onConflict('name')
    .merge();
}
