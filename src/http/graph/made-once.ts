import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { madeIsGone, once } from '../../idempotency/idempotency.ts';

/** Of the request; undefined when it has none. Fails with `invalid_input`. */
export function idempotencyKey(ctx: Context): string | undefined {
  const key = ctx.get('idempotency-key');
  if (key === '' && ctx.req.headers['idempotency-key'] === undefined) return undefined;
  if (/^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new AppError('invalid_input', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
}

/** The answer says that it made nothing. */
export function markReplayed(ctx: Context): void {
  ctx.set('idempotent-replayed', 'true');
}

/**
 * Answers a POST that may be sent again under its `Idempotency-Key`: what it made, as it is now, and nothing that is shown but once.
 * Fails with `conflict` when that is gone, or for another body.
 */
export async function madeOnce<Made extends { readonly id: string }>(
  ctx: Context,
  work: Work,
  { route, body }: { readonly route: string; readonly body: unknown },
  make: () => Promise<Made>,
  read: (id: string) => Promise<Made>,
): Promise<Made> {
  let fresh: Made | undefined;
  const { id } = await once(work, { route, key: idempotencyKey(ctx), body }, async () => {
    fresh = await make();
    return fresh.id;
  });
  if (fresh) return fresh;
  markReplayed(ctx);
  try {
    return await read(id);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
    throw madeIsGone();
  }
}
