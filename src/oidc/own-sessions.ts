import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';

/** The provider's session in this browser, as our own pages judge it on every request. */
export interface ProviderSession {
  readonly uid: string;
  readonly accountId: string;
  readonly acr: string;
  readonly authTime: Date;
}

export async function readProviderSession(
  provider: Provider,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<ProviderSession | undefined> {
  const ctx = (
    provider as unknown as { createContext(req: IncomingMessage, res: ServerResponse): object }
  ).createContext(req, res);
  const session = await provider.Session.get(ctx as never);
  if (!session.accountId) return undefined;
  const { uid, accountId, acr, loginTs } = session as unknown as {
    uid: string;
    accountId: string;
    acr?: string;
    loginTs?: number;
  };
  return { uid, accountId, acr: acr ?? '', authTime: new Date((loginTs ?? 0) * 1000) };
}
