import type Router from '@koa/router';
import { z } from 'zod';
import { allowAdministrator, linkIdentity, listIdentitiesOf, unlinkIdentity } from '../../others-identities.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseProperties, type Version, whoOf } from './api.ts';
import { identityResource } from './federation-resources.ts';
import { queryOptions } from './query.ts';

const readOnly = ['id', 'linkedDateTime', 'linkedBy', 'lastUsedDateTime'];

const newIdentity = z.strictObject({
  signInType: z.literal('federated').nullish(),
  identityProviderId: z.string(),
  issuer: z.string().nullish(),
  issuerAssignedId: z.string(),
  allowedAdministrator: z.boolean().optional(),
});

const identityChanges = z.strictObject({ allowedAdministrator: z.boolean() });

/** `users/{id}/identities`, ours as a resource: who a person is at identity providers. */
export function identityRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const path = '/users/:user/identities';
  const contextOf = (userId: string) => `${issuer}/${version}/$metadata#users('${userId}')/identities`;

  router.get(path, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, identities } = await run(whoOf(ctx), (work) => listIdentitiesOf(work, ctx.params.user!));
    ctx.body = { '@odata.context': contextOf(user.id), value: identities.map(identityResource) };
  });

  router.post(path, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(newIdentity, readOnly, await readJson(ctx.req, limits.json));
    const { user, identity } = await run(whoOf(ctx), (work) =>
      linkIdentity(work, {
        user: ctx.params.user!,
        providerId: asked.identityProviderId,
        issuer: asked.issuer ?? undefined,
        sub: asked.issuerAssignedId,
        allowedAdministrator: asked.allowedAdministrator,
      }),
    );
    ctx.status = 201;
    ctx.body = { '@odata.context': `${contextOf(user.id)}/$entity`, ...identityResource(identity) };
  });

  router.patch(`${path}/:identity`, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(identityChanges, readOnly, await readJson(ctx.req, limits.json));
    const { user, identity } = ctx.params as { user: string; identity: string };
    await run(whoOf(ctx), (work) =>
      allowAdministrator(work, { user, identityId: identity, allowed: asked.allowedAdministrator }),
    );
    ctx.status = 204;
  });

  router.delete(`${path}/:identity`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, identity } = ctx.params as { user: string; identity: string };
    await run(whoOf(ctx), (work) => unlinkIdentity(work, { user, identityId: identity }));
    ctx.status = 204;
  });
}
