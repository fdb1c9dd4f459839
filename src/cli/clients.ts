import { changeApp, deleteApp } from '../apps.ts';
import { type Client, clientChange } from '../clients/client.ts';
import { clientAndOwners, listClients, renewClientSecret, setOwners } from '../clients/manage-clients.ts';
import type { Work } from '../core/work.ts';
import { getUser } from '../users/manage-users.ts';
import { asOperator } from '../wire.ts';
import { type Command, one, print, printJson, settingsFrom, withBase } from './command.ts';

/** In RFC 7591's words and ours; a secret is shown once, when it is made. */
export const clientCommands: Readonly<Record<string, Command>> = {
  'client list': (_operands, { json }) =>
    withBase(async (base) => {
      const clients = await base.run(asOperator, listClients);
      if (json) return printJson({ value: clients.map(clientResource) });
      for (const { clientId, metadata } of clients) print(`${clientId}\t${(metadata.grant_types ?? []).join(' ')}\n`);
    }),

  'client show': (operands, { json }) => {
    const clientId = one(operands, 'client show ID');
    return withBase(async (base) => showClient(await base.run(asOperator, (work) => shown(work, clientId)), json));
  },

  'client set': ([clientId, ...settings], { json }) => {
    const id = one(clientId === undefined ? [] : [clientId], 'client set ID KEY=VALUE ...');
    const changes = settingsFrom(settings, clientChange, 'client set ID KEY=VALUE ...');
    return withBase(async (base) => {
      const after = await base.run(asOperator, async (work) => {
        await changeApp(work, id, changes);
        if (changes.owners !== undefined) await setOwners(work, id, await idsOf(work, changes.owners ?? []));
        return shown(work, id);
      });
      showClient(after, json);
    });
  },

  'client secret': (operands, { json }) => {
    const clientId = one(operands, 'client secret ID');
    return withBase(async (base) => {
      const { secret } = await base.run(asOperator, (work) => renewClientSecret(work, clientId));
      if (json) printJson({ client_id: clientId, client_secret: secret });
      else
        print(
          `A new secret for ${clientId}. It is shown this once; the one before works no longer.\nSecret: ${secret}\n`,
        );
    });
  },

  'client delete': (operands, { json }) => {
    const clientId = one(operands, 'client delete ID');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => deleteApp(work, clientId));
      if (json) printJson({ deleted: clientId });
      else print(`${clientId} is deleted, and its tokens have ended.\n`);
    });
  },
};

function clientResource({ clientId, metadata, appRoles }: Client) {
  return { client_id: clientId, ...metadata, app_roles: appRoles };
}

async function shown(work: Work, clientId: string) {
  const { client, ownerIds } = await clientAndOwners(work, clientId);
  const owners = [];
  for (const id of ownerIds) owners.push((await getUser(work, id)).userPrincipalName);
  return { ...clientResource(client), owners };
}

async function idsOf(work: Work, names: readonly string[]): Promise<string[]> {
  const ids = [];
  for (const name of names) ids.push((await getUser(work, name)).id);
  return ids;
}

function showClient(client: Awaited<ReturnType<typeof shown>>, json: boolean | undefined): void {
  if (json) printJson(client);
  else for (const [name, value] of Object.entries(client)) print(`${name}=${JSON.stringify(value)}\n`);
}
