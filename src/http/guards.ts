import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context } from 'koa';
import { AppError } from '../core/errors.ts';
import { digest, type Secrets } from '../core/secrets.ts';

const browserCookieSeconds = 24 * 60 * 60; // past the longest registration window

export interface Guards {
  /** The browser cookie's value, given to every visitor. A pass is bound to its digest. */
  browser(ctx: Context): { readonly digest: Buffer; readonly csrf: string };
  /** Whether the browser brought its cookie along. */
  isKnown(ctx: Context): boolean;
  /** Gives the cookie its full life again: a pass has just been bound to it. */
  renewBrowser(ctx: Context): void;
  /** Refuses what another site's page sent: Fetch metadata (or else Origin), and the token of this browser. */
  demandOwnPage(ctx: Context, csrf: string | undefined): void;
}

export function guardsOf(issuer: string, secrets: Secrets): Guards {
  const secure = issuer.startsWith('https:');
  const cookieName = `${secure ? '__Host-' : ''}latchkey_browser`;
  const well = /^[A-Za-z0-9_-]{43}$/; // 32 bytes, base64url

  const present = (ctx: Context): string | undefined => {
    const pattern = new RegExp(`(?:^|;\\s*)${cookieName}=([^;]*)`);
    const value = pattern.exec(ctx.get('cookie'))?.[1];
    return value && well.test(value) ? value : undefined;
  };
  const give = (ctx: Context, value: string): void => {
    const attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${browserCookieSeconds}${secure ? '; Secure' : ''}`;
    ctx.append('set-cookie', `${cookieName}=${value}; ${attributes}`);
  };
  const cookieOf = (ctx: Context): string => {
    const known = (ctx.state.browserCookie as string | undefined) ?? present(ctx);
    const value = known ?? randomBytes(32).toString('base64url');
    if (!known) give(ctx, value);
    ctx.state.browserCookie = value;
    return value;
  };
  const csrfOf = (value: string): string => secrets.keyedHash('csrf', value).toString('base64url');

  return {
    browser(ctx) {
      const value = cookieOf(ctx);
      return { digest: digest(`browser/${value}`), csrf: csrfOf(value) };
    },
    isKnown: (ctx) => present(ctx) !== undefined,
    renewBrowser(ctx) {
      give(ctx, cookieOf(ctx));
    },
    demandOwnPage(ctx, csrf) {
      const site = ctx.get('sec-fetch-site');
      const sameOrigin = site === '' ? ctx.get('origin') === issuer : site === 'same-origin';
      const value = present(ctx);
      const token = Buffer.from(csrf ?? '');
      const expected = Buffer.from(value ? csrfOf(value) : '');
      const ours = value !== undefined && token.length === expected.length && timingSafeEqual(token, expected);
      if (!sameOrigin || !ours) {
        throw new AppError(
          'forbidden',
          'This request did not come from our own page. Go back, load the page again and retry.',
          {
            auditReason: 'cross-site request refused',
          },
        );
      }
    },
  };
}
