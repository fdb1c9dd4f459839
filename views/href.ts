/** Never seen by anybody: tells whether a path stays on the site it is on. */
const here = 'http://own.invalid';

/**
 * A link target or form action that can only lead to a web page: a path of ours, a fragment, or an http(s) URL.
 * Throws for anything else: `javascript:`, `data:`, and paths that browsers read as another host (`//x`, `/\x`).
 */
export function href(target: string): string {
  if (target.startsWith('#')) return target;
  if (target.startsWith('/')) {
    // The URL parser drops tabs and newlines and turns backslashes round, as browsers do.
    if (URL.canParse(target, here) && new URL(target, here).origin === here) return target;
    throw new TypeError('A link leads to another host.');
  }
  if (URL.canParse(target)) {
    const url = new URL(target);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url.href;
  }
  throw new TypeError('A link is neither a path nor an http(s) URL.');
}
