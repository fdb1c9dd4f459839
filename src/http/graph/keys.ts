import type { Context, Next } from 'koa';

/**
 * OData's other way to write a key: `users('id')/x('key')` is `users/id/x/key`. An alternate key keeps its name:
 * `applications(appId='x')` is `applications/appId=x`. A segment of OData's own may come with its dollar encoded: `/%24ref`.
 */
export async function withKeysAsSegments(ctx: Context, next: Next): Promise<void> {
  if (ourApi.test(ctx.path)) {
    // The router takes routes in any case, but what it does before them only in the case they were written in.
    const [, version = '', rest = ''] = /^(\/[^/]+)(.*)$/s.exec(ctx.path) ?? [];
    ctx.path = version.toLowerCase() + keysAsSegments(rest);
  }
  await next();
}

export function keysAsSegments(path: string): string {
  return path
    .replaceAll(/\/%24(?=\w+(?:\/|$))/g, '/$')
    .replace(
      /(\w)(?:\(|%28)(?:((?<=applications(?:\(|%28))appId)(?:=|%3D))?(?:'|%27)((?:[^/'%]|''|%(?!27)[0-9a-f]{2})+)(?:'|%27)(?:\)|%29)(?=\/|$)/gi,
      (_whole, before: string, name: string | undefined, key: string) =>
        `${before}/${name ? 'appId=' : ''}${key.replaceAll("''", "'")}`,
    );
}

export const ourApi = /^\/(?:v1\.0|beta)(?:\/|$)/i;

/** Also of versions that there are none of: their callers expect the answers of an API. */
export function asksAnApi(path: string): boolean {
  return /^\/(?:v\d+(?:\.\d+)?|beta)(?:\/|$)/i.test(path);
}
