import type { Context } from 'koa';
import { z } from 'zod';
import type { Secrets } from '../core/secrets.ts';
import type { MethodId } from '../methods/method.ts';
import { userNameKey } from '../users/user.ts';

/**
 * What this device was last signed in with, by whom: a cookie that only we can read, and that orders the ways to sign in for the
 * very people it names. Nothing else may depend on it, and whatever is wrong with it is the same as not having it.
 */
export interface Device {
  /** Undefined for everybody whom the device does not know. */
  usedLast(ctx: Context, userName: string): MethodId | undefined;
  /** The person signed in here with that. */
  remember(ctx: Context, signedIn: { readonly userName: string; readonly methodId: MethodId }): void;
}

const cookieSeconds = 180 * 24 * 60 * 60;

// A family's computer; on a counter's in a shop the one who has not been there longest is forgotten.
const mostPeople = 5;

const context = 'cookie/device/1';

// Five people take some 400 characters.
const well = /^[A-Za-z0-9_-]{1,1024}$/;

/** A digest of the name, 128 bits, and the method; the last one first. */
const people = z.array(z.tuple([z.string(), z.string()])).max(mostPeople);

type People = z.output<typeof people>;

export function deviceOf(issuer: string, secrets: Secrets): Device {
  const secure = issuer.startsWith('https:');
  const cookieName = `${secure ? '__Host-' : ''}latchkey_device`;
  const pattern = new RegExp(`(?:^|;\\s*)${cookieName}=([^;]*)`);
  const nameOf = (userName: string) =>
    secrets.keyedHash('device-user', userNameKey(userName)).subarray(0, 16).toString('base64url');

  const known = (ctx: Context): People => {
    const value = pattern.exec(ctx.get('cookie'))?.[1];
    if (!value || !well.test(value)) return [];
    try {
      return people.parse(JSON.parse(secrets.open(context, Buffer.from(value, 'base64url')).toString('utf8')));
    } catch {
      return [];
    }
  };

  return {
    usedLast(ctx, userName) {
      const name = nameOf(userName);
      // Whether it is a way that is offered is for the flow to say.
      return known(ctx).find(([one]) => one === name)?.[1] as MethodId | undefined;
    },
    remember(ctx, { userName, methodId }) {
      const name = nameOf(userName);
      const others = known(ctx).filter(([one]) => one !== name);
      const now: People = [[name, methodId], ...others].slice(0, mostPeople) as People;
      const value = secrets.seal(context, Buffer.from(JSON.stringify(now))).toString('base64url');
      const attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${cookieSeconds}${secure ? '; Secure' : ''}`;
      ctx.append('set-cookie', `${cookieName}=${value}; ${attributes}`);
    },
  };
}
