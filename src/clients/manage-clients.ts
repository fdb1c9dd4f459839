import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../core/errors.ts';
import type { Secrets } from '../core/secrets.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import { type Client, type ClientInput, toMetadata } from './client.ts';
import * as clients from './store.ts';

/** How a secret is known here: keyed, because seed files hold secrets that people made up. */
export function secretDigest(secrets: Secrets, clientId: string, secret: string): string {
  return secrets.keyedHash('client-secret', clientId, secret).toString('base64url');
}

/** Creates the client or replaces what it was; records nothing when it is as asked already. */
export async function putClient(work: Work, input: ClientInput): Promise<Client> {
  await permit(work, 'clients.write');
  if (input.client_id.startsWith('latchkey-')) {
    throw new AppError('invalid_input', 'client_id must not start with "latchkey-": those names are our own.');
  }
  const client: Client = {
    clientId: input.client_id,
    metadata: toMetadata(input),
    secretDigest:
      input.client_secret === undefined ? null : secretDigest(work.secrets, input.client_id, input.client_secret),
    appRoles: input.app_roles ?? [],
  };
  const existing = await clients.byId(work.tx, client.clientId);
  if (existing && isDeepStrictEqual(existing, JSON.parse(JSON.stringify(client)))) return existing;
  await clients.put(work.tx, work.now, client);
  work.record({
    type: existing ? 'client.changed' : 'client.created',
    clientId: client.clientId,
    details: { appRoles: client.appRoles, grantTypes: client.metadata.grant_types },
  });
  return client;
}

export async function listClients(work: Work): Promise<Client[]> {
  await permit(work, 'clients.write');
  return clients.list(work.tx);
}
