import type Router from '@koa/router';
import { z } from 'zod';
import { allowAdministrator, linkIdentity, listIdentitiesOf, unlinkIdentity } from '../../others-identities.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, properties } from './endpoint.ts';
import { identityResource, identityShape } from './federation-resources.ts';
import { entity, listOf } from './shape.ts';

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
  const route = endpoints(router, version, 'Federation');
  const path = '/users/:user/identities';
  const contextOf = (userId: string) => `${issuer}/${version}/$metadata#users('${userId}')/identities`;

  route.get(
    path,
    { summary: 'List who a user is at identity providers', opens: ['methods.read'], answer: ok(listOf(identityShape)) },
    async (ctx) => {
      const { user, identities } = await run(whoOf(ctx), (work) => listIdentitiesOf(work, ctx.params.user!));
      return { '@odata.context': contextOf(user.id), value: identities.map(identityResource) };
    },
  );

  route.post(
    path,
    {
      summary: 'Link a user with who they are at an identity provider',
      opens: ['methods.write'],
      body: properties(newIdentity, readOnly),
      answer: created(entity(identityShape)),
    },
    async (ctx, { body: asked }) => {
      const { user, identity } = await run(whoOf(ctx), (work) =>
        linkIdentity(work, {
          user: ctx.params.user!,
          providerId: asked.identityProviderId,
          issuer: asked.issuer ?? undefined,
          sub: asked.issuerAssignedId,
          allowedAdministrator: asked.allowedAdministrator,
        }),
      );
      return { '@odata.context': `${contextOf(user.id)}/$entity`, ...identityResource(identity) };
    },
  );

  route.patch(
    `${path}/:identity`,
    {
      summary: 'Let a link sign in its user while they hold a role, or no more',
      opens: ['methods.write'],
      onlyPeople: true,
      onlyRoles: ['Global Administrator'],
      body: properties(identityChanges, readOnly),
      answer: nothing,
    },
    async (ctx, { body: asked }) => {
      const { user, identity } = ctx.params as { user: string; identity: string };
      await run(whoOf(ctx), (work) =>
        allowAdministrator(work, { user, identityId: identity, allowed: asked.allowedAdministrator }),
      );
    },
  );

  route.delete(
    `${path}/:identity`,
    { summary: 'Take a link away', opens: ['methods.write'], answer: nothing },
    async (ctx) => {
      const { user, identity } = ctx.params as { user: string; identity: string };
      await run(whoOf(ctx), (work) => unlinkIdentity(work, { user, identityId: identity }));
    },
  );
}
