import { randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import { securityInfoClientId } from '../oidc/built-in-clients.ts';
import type { ProviderSession } from '../oidc/own-sessions.ts';
import { freshSeconds, type Owner, type Strength } from '../security-info/own-methods.ts';
import type { Origin } from '../core/work.ts';

export interface OwnSessions {
  /** The session's owner; undefined when nobody is signed in here. */
  owner(ctx: Context): Promise<Owner | undefined>;
  /** Sends the browser to the provider to sign in, or to prove it again in a way that is at least so strong. */
  ask(ctx: Context, needed?: Strength): void;
}

/** Our own pages are relying parties of the provider: `response_type=none`, no second session, no second policy. */
export function ownSessions(
  issuer: string,
  readSession: (ctx: Context) => Promise<ProviderSession | undefined>,
  { strongAcrs, twoFactorAcr }: { readonly strongAcrs: readonly string[]; readonly twoFactorAcr: string },
): OwnSessions {
  return {
    async owner(ctx) {
      const session = await readSession(ctx);
      if (!session) return undefined;
      return {
        userId: session.accountId,
        sessionUid: session.uid,
        authTime: session.authTime,
        strong: strongAcrs.includes(session.acr),
        // A pass may reach the level, and never says `mfa`.
        twoFactors: session.acr === twoFactorAcr && session.amr.includes('mfa'),
        passId: session.passId,
        origin: ctx.state.origin as Origin,
      };
    },
    ask(ctx, needed) {
      ctx.status = 303;
      ctx.redirect(
        signInUrl(issuer, {
          ...(needed && {
            state: `fresh-${newState()}`,
            max_age: String(freshSeconds - 60),
            acr_values: needed === 'phr' ? 'phr' : twoFactorAcr,
            // A pass may have reached that level as well; it is no proof of what the person has.
            ...(needed === '2f' && { prompt: 'login' }),
          }),
        }),
      );
    },
  };
}

/** Where a sign-in to our own pages begins. */
export function signInUrl(issuer: string, more: Readonly<Record<string, string>> = {}): string {
  const asked = new URLSearchParams({
    client_id: securityInfoClientId,
    response_type: 'none',
    scope: 'openid',
    redirect_uri: `${issuer}/security-info`,
    // Comes back with us: a page that still falls short then says so instead of asking in a circle.
    state: newState(),
    ...more,
  });
  return `${issuer}/auth?${asked.toString()}`;
}

function newState(): string {
  return randomBytes(8).toString('base64url');
}
