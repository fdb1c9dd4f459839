import type { Context } from 'koa';
import { messages } from '../../views/messages.ts';
import type { NotEnrolled, RefusalReason } from '../methods/method.ts';

/** Takes note that the passkey which was just used, or just made, opens nothing here. One that is there already is known. */
export function noteUnknownPasskey(ctx: Context, refusal: RefusalReason | NotEnrolled | undefined, made = false): void {
  ctx.state.unknownPasskey = made ? refusal !== undefined && refusal !== 'duplicate' : refusal === 'credential_unknown';
}

/**
 * For the page's script, which then tells the browser to offer that passkey no longer; the page that follows tells the person.
 * False, and nothing done, for an ordinary form or a passkey that is known.
 */
export function showUnknownPasskey(ctx: Context): boolean {
  if (ctx.state.unknownPasskey !== true || ctx.get('accept') !== 'application/json') return false;
  ctx.status = 404;
  ctx.body = { error: { code: 'unknown_passkey', message: messages.errors.passkeyUnknown } };
  return true;
}
