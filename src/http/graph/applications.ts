import type Router from '@koa/router';
import { z } from 'zod';
import { changeApp, createApp, deleteApp } from '../../apps.ts';
import { type ClientChange, clientChangeByApi, newClient } from '../../clients/client.ts';
import {
  addClientSecret,
  addOwner,
  clientAndOwners,
  clientIdOf,
  countClients,
  type NewSecret,
  pageOfClients,
  removeClientSecret,
  removeOwner,
} from '../../clients/manage-clients.ts';
import type { Work } from '../../core/work.ts';
import { getUser, pageOfUsers } from '../../users/manage-users.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseBody, parseProperties, referredUser, type Version, whoOf } from './api.ts';
import { applicationProperties, applicationResource, madePasswordCredential } from './application-resources.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, nameFilter, queryOptions, selecting } from './query.ts';
import { userProperties, userResource } from './resources.ts';

const date = z.iso.datetime({ offset: true }).nullish();

/** Only what is asked for counts; the rest is what a credential looks like when it is read. */
const newSecret = z.looseObject({
  displayName: z.string().min(1).max(120).nullish(),
  startDateTime: date,
  endDateTime: date,
});

// The one audience there is.
const audience = { signInAudience: z.literal('AzureADMyOrg').nullish() };

const newApplication = z.strictObject({
  displayName: z.string().min(1).max(256),
  oidc: newClient.omit({ client_name: true }),
  passwordCredentials: z.array(newSecret).max(2).nullish(),
  ...audience,
});

const applicationChanges = z.strictObject({
  displayName: z.string().min(1).max(256).optional(),
  oidc: clientChangeByApi.omit({ client_name: true }).optional(),
  ...audience,
});

const readOnly = ['id', 'appId', 'createdDateTime', 'isFallbackPublicClient'];

const addition = z.strictObject({ passwordCredential: newSecret.nullish() });
const removal = z.strictObject({ keyId: z.string() });

/** `applications`: the clients of the protocol, their secrets and their owners. */
export function applicationRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;
  const one = '/applications/:application';
  const selectingOf = ($select: string | undefined) =>
    selecting<ReturnType<typeof applicationResource>>($select, applicationProperties);

  router.get('/applications', async (ctx) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken', '$count', '$filter']);
    const asked = listAsked(options);
    const filter = nameFilter(options.$filter, filterForms);
    const select = selectingOf(options.$select);
    ctx.body = await run(whoOf(ctx), async (work) => {
      const page = await pageOfClients(work, { ...asked, filter: filter as never });
      const count = asked.counted ? await countClients(work, filter as never) : undefined;
      const context = `${root}/$metadata#applications${select.context}`;
      return collection(
        `${root}/applications`,
        context,
        options,
        page,
        ({ client, secrets }) => select.cut(applicationResource(client, secrets)),
        count,
      );
    });
  });

  router.post('/applications', async (ctx) => {
    queryOptions(ctx, version, []);
    const body = await readJson(ctx.req, limits.json);
    const { displayName, oidc, passwordCredentials } = parseProperties(newApplication, readOnly, body);
    const application = await run(whoOf(ctx), (work) =>
      madeOnce(
        ctx,
        work,
        { route: 'POST /applications', body },
        async () => {
          const asked = { ...oidc, client_name: displayName };
          const { client, secrets } = await createApp(work, asked, (passwordCredentials ?? []).map(secretAsked));
          return { ...applicationResource(client, []), passwordCredentials: secrets.map(madePasswordCredential) };
        },
        (id) => applicationOf(work, id),
      ),
    );
    ctx.status = 201;
    ctx.set('location', `${root}/applications/${application.id}`);
    ctx.body = { '@odata.context': `${root}/$metadata#applications/$entity`, ...application };
  });

  router.get(one, async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selectingOf($select);
    const application = await run(whoOf(ctx), (work) => applicationOf(work, ctx.params.application!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#applications${select.context}/$entity`,
      ...select.cut(application),
    };
  });

  router.patch(one, async (ctx) => {
    queryOptions(ctx, version, []);
    const body = await readJson(ctx.req, limits.json);
    const asked = parseProperties(applicationChanges, [...readOnly, 'passwordCredentials'], body);
    const { displayName, oidc } = asked;
    const changes = { ...oidc, ...(displayName !== undefined && { client_name: displayName }) } as ClientChange;
    await run(whoOf(ctx), async (work) => changeApp(work, await toChange(work, ctx.params.application!), changes));
    ctx.status = 204;
  });

  router.delete(one, async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), async (work) => deleteApp(work, await toChange(work, ctx.params.application!)));
    ctx.status = 204;
  });

  router.post(`${one}/addPassword`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { passwordCredential } = parseProperties(addition, [], (await readJson(ctx.req, limits.json)) ?? {});
    const made = await run(whoOf(ctx), async (work) =>
      addClientSecret(work, await toChange(work, ctx.params.application!), secretAsked(passwordCredential ?? {})),
    );
    ctx.body = {
      '@odata.context': `${root}/$metadata#microsoft.graph.passwordCredential`,
      ...madePasswordCredential(made),
    };
  });

  router.post(`${one}/removePassword`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { keyId } = parseBody(removal, await readJson(ctx.req, limits.json));
    await run(whoOf(ctx), async (work) =>
      removeClientSecret(work, await toChange(work, ctx.params.application!), keyId),
    );
    ctx.status = 204;
  });

  router.get(`${one}/owners`, async (ctx) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken']);
    const asked = listAsked(options);
    const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
    const page = await run(whoOf(ctx), async (work) => {
      const clientId = await namedClient(work, ctx.params.application!, 'clients.read');
      await clientAndOwners(work, clientId);
      return pageOfUsers(work, { ...asked, filter: { kind: 'ownerOf', value: clientId } });
    });
    const address = `${root}/applications/${encodeURIComponent(ctx.params.application!)}/owners`;
    ctx.body = collection(address, `${root}/$metadata#directoryObjects`, options, page, (user) => ({
      '@odata.type': '#microsoft.graph.user',
      ...select.cut(userResource(user)),
    }));
  });

  router.post(`${one}/owners/$ref`, async (ctx) => {
    queryOptions(ctx, version, []);
    const owner = referredUser(await readJson(ctx.req, limits.json));
    await run(whoOf(ctx), async (work) => {
      const clientId = await toChange(work, ctx.params.application!);
      await addOwner(work, clientId, (await getUser(work, owner)).id);
    });
    ctx.status = 204;
  });

  router.delete(`${one}/owners/:owner/$ref`, async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), async (work) => {
      const clientId = await toChange(work, ctx.params.application!);
      await removeOwner(work, clientId, (await getUser(work, ctx.params.owner!)).id);
    });
    ctx.status = 204;
  });
}

const filterForms = { appId: ['eq'], displayName: ['eq', 'startswith'] } as const;

function secretAsked({ displayName, startDateTime, endDateTime }: z.output<typeof newSecret>): NewSecret {
  return {
    displayName,
    startsAt: startDateTime ? new Date(startDateTime) : undefined,
    expiresAt: endDateTime ? new Date(endDateTime) : undefined,
  };
}

async function applicationOf(work: Work, application: string) {
  const clientId = await namedClient(work, application, 'clients.read');
  const { client, secrets } = await clientAndOwners(work, clientId);
  return applicationResource(client, secrets);
}

const toChange = (work: Work, application: string) => namedClient(work, application, 'clients.write');

/** By object id, or as `applications(appId='…')`, which stands as `appId=…` by now. */
function namedClient(work: Work, application: string, action: 'clients.read' | 'clients.write'): Promise<string> {
  const [, appId] = /^appId=(.+)$/s.exec(application) ?? [];
  return appId === undefined ? clientIdOf(work, application, action) : Promise.resolve(appId);
}
