import { errors, type Provider } from 'oidc-provider';
import { randomToken } from '../core/secrets.ts';

export interface LogoutToken {
  /** Where the relying party wants it. */
  readonly uri: string;
  /** A JWT for two minutes, signed like the client's ID tokens. */
  readonly token: string;
}

/** Makes a logout token (Back-Channel Logout 1.0 section 2.4); undefined when the client is gone, or wants to be told no more. */
export type MakeLogoutToken = (asked: {
  readonly clientId: string;
  readonly accountId: string;
  readonly sid: string | null;
}) => Promise<LogoutToken | undefined>;

interface LibraryToken {
  mask: object;
  set(name: string, value: unknown): void;
  issue(options: { use: 'logout' }): Promise<string>;
}

/** Works outside a request, for users who are deleted as well. */
export function logoutTokensOf(provider: Provider): MakeLogoutToken {
  const IdToken = provider.IdToken as unknown as new (claims: object, around: object) => LibraryToken;
  return async ({ clientId, accountId, sid }) => {
    const client = await orUndefined(provider.Client.find(clientId));
    const uri = (client as { backchannelLogoutUri?: string } | undefined)?.backchannelLogoutUri;
    if (uri === undefined) return undefined;
    const token = new IdToken({ sub: accountId }, { client, ctx: undefined });
    token.mask = { sub: null };
    token.set('events', { 'http://schemas.openid.net/event/backchannel-logout': {} });
    token.set('jti', randomToken());
    if (sid !== null) token.set('sid', sid);
    return { uri, token: await token.issue({ use: 'logout' }) };
  };
}

/** A client whose metadata the library takes no more is as good as gone. */
async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof errors.InvalidClientMetadata) return undefined;
    throw error;
  }
}
