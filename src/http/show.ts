import type { Context } from 'koa';
import type { Layout } from '../../views/layout.tsx';

/** How the doors answer with a page. */
export interface Show {
  readonly layout: Layout;
  page(ctx: Context, html: string): void;
}

export function showing(layout: Layout): Show {
  return {
    layout,
    page(ctx, html) {
      ctx.set('cache-control', 'no-store');
      ctx.type = 'text/html; charset=utf-8';
      ctx.body = html;
    },
  };
}

/** Nothing from elsewhere, no script or style in a page, no frame around it. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // No form-action: Chromium holds it against the redirects after a post, and would block the way back to the app.
].join('; ');

export function securityHeaders(secure: boolean): Readonly<Record<string, string>> {
  return {
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    // Not `no-referrer`: under that, forms post with `Origin: null`, and browsers without Fetch metadata would be refused.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy':
      'publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), geolocation=(), microphone=()',
    ...(secure && { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }),
  };
}
