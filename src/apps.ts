import { type Client, type ClientChange, isConfidential, type NewClient } from './clients/client.ts';
import {
  addClientSecret,
  changeClient,
  createClient,
  deleteClient,
  type MadeSecret,
  type NewSecret,
} from './clients/manage-clients.ts';
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
  demandUsable(client);
  return client;
}

/** A new one under a name of ours, with the secrets that are asked for: they are seen this once. */
export async function createApp(
  work: Work,
  asked: NewClient,
  secrets: readonly NewSecret[],
): Promise<{ client: Client; secrets: readonly MadeSecret[] }> {
  await permit(work, 'clients.write');
  const client = await createClient(work, asked);
  demandUsable(client);
  const made = [];
  for (const one of secrets) made.push(await addClientSecret(work, client.clientId, one));
  return { client, secrets: made };
}

/** Its grants and tokens end at once, also if a client of that name is made again. */
export async function deleteApp(work: Work, clientId: string): Promise<Client> {
  await permit(work, 'clients.write');
  const client = await deleteClient(work, clientId);
  await endClient(work, clientId);
  return client;
}

function demandUsable(client: Client): void {
  const problem = clientMetadataProblem({
    ...client.metadata,
    client_id: client.clientId,
    ...(isConfidential(client) && { client_secret: 'some' }),
  });
  if (problem) throw new AppError('invalid_input', `The client could not be used like that: ${problem}.`);
}
