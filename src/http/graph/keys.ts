import type { Context, Next } from 'koa';

/**
 * OData's other way to write a key: `users('id')/x('key')` is `users/id/x/key`. An alternate key keeps its name:
 * `applications(appId='x')` is `applications/appId=x`.
 */
export async function withKeysAsSegments(ctx: Context, next: Next): Promise<void> {
  if (ourApi.test(ctx.path)) {
    ctx.path = ctx.path.replace(
      /(\w)(?:\(|%28)(?:((?<=applications(?:\(|%28))appId)(?:=|%3D))?(?:'|%27)((?:[^/'%]|''|%(?!27)[0-9a-f]{2})+)(?:'|%27)(?:\)|%29)(?=\/|$)/gi,
      (_whole, before: string, name: string | undefined, key: string) =>
        `${before}/${name ? 'appId=' : ''}${key.replaceAll("''", "'")}`,
    );
  }
  await next();
}

export const ourApi = /^\/(?:v1\.0|beta)(?:\/|$)/i;
