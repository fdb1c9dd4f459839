import type Router from '@koa/router';
import { z } from 'zod';
import {
  changeDomain,
  createDomain,
  deleteDomain,
  listDomains,
  readDomain,
} from '../../methods/upstream/manage-domains.ts';
import { mfaBehaviors } from '../../methods/upstream/provider.ts';
import type { DomainChange } from '../../methods/upstream/provider-change.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, properties } from './endpoint.ts';
import { domainResource, domainShape } from './federation-resources.ts';
import { entity, listOf } from './shape.ts';

const settings = {
  authenticationType: z.literal('Federated').nullish(),
  federatedIdpMfaBehavior: z.enum(mfaBehaviors).nullish(),
  straight: z.boolean().nullish(),
};
const newDomain = z.strictObject({ id: z.string(), identityProviderId: z.string(), ...settings });
const domainChanges = z.strictObject({ identityProviderId: z.string().optional(), ...settings });

/** `domains`: those whose people sign in at an identity provider. For Global Administrators, who say that a domain is theirs. */
export function domainRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Federation');
  const root = `${issuer}/${version}`;
  const context = `${root}/$metadata#domains`;

  route.get(
    '/domains',
    {
      summary: 'List domains whose people sign in elsewhere',
      opens: ['domains.read'],
      answer: ok(listOf(domainShape)),
    },
    async (ctx) => {
      const found = await run(whoOf(ctx), listDomains);
      return { '@odata.context': context, value: found.map(domainResource) };
    },
  );

  route.get(
    '/domains/:domain',
    { summary: 'Read a domain', opens: ['domains.read'], answer: ok(entity(domainShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), (work) => readDomain(work, ctx.params.domain!));
      return { '@odata.context': `${context}/$entity`, ...domainResource(found) };
    },
  );

  route.post(
    '/domains',
    {
      summary: 'Add a domain',
      opens: ['domains.write'],
      body: properties(newDomain, ['isVerified']),
      answer: created(entity(domainShape), { located: true }),
    },
    async (ctx, { body: asked }) => {
      const { id: name, identityProviderId: providerId } = asked;
      const made = await run(whoOf(ctx), (work) =>
        createDomain(work, { name, providerId, changes: changesFrom(asked) }),
      );
      ctx.set('location', `${root}/domains/${made.name}`);
      return { '@odata.context': `${context}/$entity`, ...domainResource(made) };
    },
  );

  route.patch(
    '/domains/:domain',
    {
      summary: 'Change a domain',
      opens: ['domains.write'],
      body: properties(domainChanges, ['id', 'isVerified']),
      answer: nothing,
    },
    async (ctx, { body: asked }) => {
      const { identityProviderId: providerId } = asked;
      await run(whoOf(ctx), (work) =>
        changeDomain(work, { name: ctx.params.domain!, providerId, changes: changesFrom(asked) }),
      );
    },
  );

  route.delete(
    '/domains/:domain',
    { summary: 'Take a domain away', opens: ['domains.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => deleteDomain(work, ctx.params.domain!));
    },
  );
}

function changesFrom({ federatedIdpMfaBehavior, straight }: z.output<typeof domainChanges>): DomainChange {
  return { mfaBehavior: federatedIdpMfaBehavior ?? undefined, straight: straight ?? undefined };
}
