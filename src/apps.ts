import type { Client, ClientChange } from './clients/client.ts';
import { changeClient, deleteClient } from './clients/manage-clients.ts';
import { AppError } from './core/errors.ts';
import type { Work } from './core/work.ts';
import { clientMetadataProblem } from './oidc/client-metadata.ts';
import { endClient } from './oidc/endings.ts';
import { permit } from './roles/permit.ts';

/**
 * Clients as every door changes them: above their room, because the protocol judges what they may be, and keeps grants and tokens
 * that end with them, in the same transaction.
 */
export async function changeApp(work: Work, clientId: string, changes: ClientChange): Promise<Client> {
  await permit(work, 'clients.write');
  const client = await changeClient(work, clientId, changes);
  const problem = clientMetadataProblem({
    ...client.metadata,
    client_id: clientId,
    ...(client.secretDigest !== null && { client_secret: client.secretDigest }),
  });
  if (problem) throw new AppError('invalid_input', `The client could not be used like that: ${problem}.`);
  return client;
}

/** Its grants and tokens end at once, also if a client of that name is made again. */
export async function deleteApp(work: Work, clientId: string): Promise<Client> {
  await permit(work, 'clients.write');
  const client = await deleteClient(work, clientId);
  await endClient(work, clientId);
  return client;
}
