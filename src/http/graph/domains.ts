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
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseProperties, type Version, whoOf } from './api.ts';
import { domainResource } from './federation-resources.ts';
import { queryOptions } from './query.ts';

const properties = {
  authenticationType: z.literal('Federated').nullish(),
  federatedIdpMfaBehavior: z.enum(mfaBehaviors).nullish(),
  straight: z.boolean().nullish(),
};
const newDomain = z.strictObject({ id: z.string(), identityProviderId: z.string(), ...properties });
const domainChanges = z.strictObject({ identityProviderId: z.string().optional(), ...properties });

/** `domains`: those whose people sign in at an identity provider. For Global Administrators, who say that a domain is theirs. */
export function domainRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;
  const context = `${root}/$metadata#domains`;

  router.get('/domains', async (ctx) => {
    queryOptions(ctx, version, []);
    const found = await run(whoOf(ctx), listDomains);
    ctx.body = { '@odata.context': context, value: found.map(domainResource) };
  });

  router.get('/domains/:domain', async (ctx) => {
    queryOptions(ctx, version, []);
    const found = await run(whoOf(ctx), (work) => readDomain(work, ctx.params.domain!));
    ctx.body = { '@odata.context': `${context}/$entity`, ...domainResource(found) };
  });

  router.post('/domains', async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(newDomain, ['isVerified'], await readJson(ctx.req, limits.json));
    const { id: name, identityProviderId: providerId } = asked;
    const made = await run(whoOf(ctx), (work) => createDomain(work, { name, providerId, changes: changesFrom(asked) }));
    ctx.status = 201;
    ctx.set('location', `${root}/domains/${made.name}`);
    ctx.body = { '@odata.context': `${context}/$entity`, ...domainResource(made) };
  });

  router.patch('/domains/:domain', async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(domainChanges, ['id', 'isVerified'], await readJson(ctx.req, limits.json));
    const { identityProviderId: providerId } = asked;
    await run(whoOf(ctx), (work) =>
      changeDomain(work, { name: ctx.params.domain!, providerId, changes: changesFrom(asked) }),
    );
    ctx.status = 204;
  });

  router.delete('/domains/:domain', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => deleteDomain(work, ctx.params.domain!));
    ctx.status = 204;
  });
}

function changesFrom({ federatedIdpMfaBehavior, straight }: z.output<typeof domainChanges>): DomainChange {
  return { mfaBehavior: federatedIdpMfaBehavior ?? undefined, straight: straight ?? undefined };
}
