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
import { type GraphParts, type Version, whoOf } from './api.ts';
import {
  applicationProperties,
  applicationResource,
  applicationShape,
  type MadeApplication,
  madeApplicationShape,
  madeCredentialShape,
  madePasswordCredential,
} from './application-resources.ts';
import { created, endpoints, nothing, ok, optionalProperties, properties, reference } from './endpoint.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, nameFilter, selecting } from './query.ts';
import { userProperties, userResource, userShape } from './resources.ts';
import { entity, pageOf, selected, typed } from './shape.ts';

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
  const route = endpoints(router, version, 'Applications');
  const root = `${issuer}/${version}`;
  const one = '/applications/:application';
  const selectingOf = ($select: string | undefined) =>
    selecting<ReturnType<typeof applicationResource>>($select, applicationProperties);

  route.get(
    '/applications',
    {
      summary: 'List applications',
      opens: ['clients.read'],
      query: ['$select', '$top', '$skiptoken', '$count', '$filter'],
      answer: ok(pageOf(selected(applicationShape))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const filter = nameFilter(options.$filter, filterForms);
      const select = selectingOf(options.$select);
      return await run(whoOf(ctx), async (work) => {
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
    },
  );

  route.post(
    '/applications',
    {
      summary: 'Make an application',
      opens: ['clients.write'],
      body: properties(newApplication, readOnly),
      repeatable: true,
      answer: created(entity(madeApplicationShape), { located: true }),
    },
    async (ctx, { body: { displayName, oidc, passwordCredentials }, sent: body }) => {
      const application = await run(whoOf(ctx), (work) =>
        madeOnce<MadeApplication>(
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
      ctx.set('location', `${root}/applications/${application.id}`);
      return { '@odata.context': `${root}/$metadata#applications/$entity`, ...application };
    },
  );

  route.get(
    one,
    {
      summary: 'Read an application',
      opens: ['clients.read'],
      query: ['$select'],
      answer: ok(entity(selected(applicationShape))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selectingOf($select);
      const application = await run(whoOf(ctx), (work) => applicationOf(work, ctx.params.application!));
      return {
        '@odata.context': `${root}/$metadata#applications${select.context}/$entity`,
        ...select.cut(application),
      };
    },
  );

  route.patch(
    one,
    {
      summary: 'Change an application',
      opens: ['clients.write'],
      body: properties(applicationChanges, [...readOnly, 'passwordCredentials']),
      answer: nothing,
    },
    async (ctx, { body: { displayName, oidc } }) => {
      const changes = { ...oidc, ...(displayName !== undefined && { client_name: displayName }) } as ClientChange;
      await run(whoOf(ctx), async (work) => changeApp(work, await toChange(work, ctx.params.application!), changes));
    },
  );

  route.delete(one, { summary: 'Delete an application', opens: ['clients.write'], answer: nothing }, async (ctx) => {
    await run(whoOf(ctx), async (work) => deleteApp(work, await toChange(work, ctx.params.application!)));
  });

  route.post(
    `${one}/addPassword`,
    {
      summary: 'Add a secret to an application; this answer alone holds it',
      opens: ['clients.write'],
      body: optionalProperties(addition, []),
      answer: ok(entity(madeCredentialShape)),
    },
    async (ctx, { body: { passwordCredential } }) => {
      const made = await run(whoOf(ctx), async (work) =>
        addClientSecret(work, await toChange(work, ctx.params.application!), secretAsked(passwordCredential ?? {})),
      );
      return {
        '@odata.context': `${root}/$metadata#microsoft.graph.passwordCredential`,
        ...madePasswordCredential(made),
      };
    },
  );

  route.post(
    `${one}/removePassword`,
    {
      summary: 'Take a secret of an application away',
      opens: ['clients.write'],
      body: properties(removal, []),
      answer: nothing,
    },
    async (ctx, { body: { keyId } }) => {
      await run(whoOf(ctx), async (work) =>
        removeClientSecret(work, await toChange(work, ctx.params.application!), keyId),
      );
    },
  );

  route.get(
    `${one}/owners`,
    {
      summary: 'List the owners of an application',
      opens: ['users.read', 'clients.read'],
      query: ['$select', '$top', '$skiptoken'],
      answer: ok(pageOf(typed(selected(userShape), '#microsoft.graph.user'))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
      const page = await run(whoOf(ctx), async (work) => {
        const clientId = await namedClient(work, ctx.params.application!, 'clients.read');
        await clientAndOwners(work, clientId);
        return pageOfUsers(work, { ...asked, filter: { kind: 'ownerOf', value: clientId } });
      });
      const address = `${root}/applications/${encodeURIComponent(ctx.params.application!)}/owners`;
      return collection(address, `${root}/$metadata#directoryObjects`, options, page, (user) => ({
        '@odata.type': '#microsoft.graph.user' as const,
        ...select.cut(userResource(user)),
      }));
    },
  );

  route.post(
    `${one}/owners/$ref`,
    {
      summary: 'Add an owner to an application',
      opens: ['clients.write'],
      onlyPeople: true,
      onlyRoles: ['Global Administrator'],
      body: reference,
      answer: nothing,
    },
    async (ctx, { body: owner }) => {
      await run(whoOf(ctx), async (work) => {
        const clientId = await toChange(work, ctx.params.application!);
        await addOwner(work, clientId, (await getUser(work, owner)).id);
      });
    },
  );

  route.delete(
    `${one}/owners/:owner/$ref`,
    {
      summary: 'Take an owner of an application away',
      opens: ['clients.write'],
      onlyPeople: true,
      onlyRoles: ['Global Administrator'],
      answer: nothing,
    },
    async (ctx) => {
      await run(whoOf(ctx), async (work) => {
        const clientId = await toChange(work, ctx.params.application!);
        await removeOwner(work, clientId, (await getUser(work, ctx.params.owner!)).id);
      });
    },
  );
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
