import { changeApp, createApp, deleteApp } from '../apps.ts';
import { type Client, clientChange, type ClientSecret, newClient } from '../clients/client.ts';
import {
  addClientSecret,
  clientAndOwners,
  listClients,
  removeClientSecret,
  renewClientSecret,
  setOwners,
} from '../clients/manage-clients.ts';
import { addDays } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { getUser } from '../users/manage-users.ts';
import { asOperator } from '../wire.ts';
import { type Command, one, print, printJson, settingsFrom, two, UsageError, withBase } from './command.ts';

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

  'client add': ([displayName, ...settings], { json }) => {
    const form = 'client add NAME KEY=VALUE ...';
    const name = one(displayName === undefined ? [] : [displayName], form);
    const asked = { ...settingsFrom(settings, newClient.omit({ client_name: true }), form), client_name: name };
    return withBase(async (base) => {
      const { made, secret } = await base.run(asOperator, async (work) => {
        const wants = asked.token_endpoint_auth_method !== 'none';
        const { client, secrets } = await createApp(work, asked, wants ? [{}] : []);
        return { made: await shown(work, client.clientId), secret: secrets[0]?.secret };
      });
      if (json) return printJson({ ...made, ...(secret !== undefined && { client_secret: secret }) });
      print(`Made ${name}. Its client_id: ${made.client_id}\n`);
      if (secret !== undefined) print(`The secret is shown this once.\nSecret: ${secret}\n`);
    });
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

  'client secret': (operands, values) => {
    const [verb, ...rest] = operands;
    // One operand alone is the name of a client, whatever it is.
    const act = operands.length > 1 && Object.hasOwn(secretVerbs, verb!) ? secretVerbs[verb!] : undefined;
    return act ? act(rest, values) : renewSecret(operands, values);
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

const renewSecret: Command = (operands, { json }) => {
  const clientId = one(operands, 'client secret ID');
  return withBase(async (base) => {
    const { secret } = await base.run(asOperator, (work) => renewClientSecret(work, clientId));
    if (json) printJson({ client_id: clientId, client_secret: secret });
    else
      print(`A new secret for ${clientId}. It is shown this once; those before work no longer.\nSecret: ${secret}\n`);
  });
};

const secretVerbs: Readonly<Record<string, Command>> = {
  add: (operands, { json, days }) => {
    const clientId = one(operands, 'client secret add ID [--days DAYS]');
    if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days))
      throw new UsageError('--days is a whole number from 1 to 9999.');
    return withBase(async (base) => {
      const made = await base.run(asOperator, (work) =>
        addClientSecret(work, clientId, days === undefined ? {} : { expiresAt: addDays(work.now, Number(days)) }),
      );
      if (json) return printJson({ client_id: clientId, client_secret: made.secret, ...secretResource(made) });
      print(
        `One more secret for ${clientId}, good until ${made.expiresAt!.toISOString()}. It is shown this once; the one before works as well.\nKey: ${made.keyId}\nSecret: ${made.secret}\n`,
      );
    });
  },

  remove: (operands, { json }) => {
    const [clientId, keyId] = two(operands, 'client secret remove ID KEY');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => removeClientSecret(work, clientId, keyId));
      if (json) printJson({ removed: keyId });
      else print(`The secret ${keyId} of ${clientId} works no longer.\n`);
    });
  },

  list: (operands, { json }) => {
    const clientId = one(operands, 'client secret list ID');
    return withBase(async (base) => {
      const { secrets } = await base.run(asOperator, (work) => clientAndOwners(work, clientId));
      if (json) return printJson({ value: secrets.map(secretResource) });
      for (const { keyId, hint, startsAt, expiresAt } of secrets) {
        const end = expiresAt ? expiresAt.toISOString() : 'removed';
        print(`${keyId}\t${hint ? `${hint}…` : '-'}\t${startsAt.toISOString()}\tuntil ${end}\n`);
      }
    });
  },
};

function secretResource({ keyId, hint, startsAt, expiresAt }: ClientSecret) {
  return { keyId, hint, startDateTime: startsAt, endDateTime: expiresAt };
}

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
